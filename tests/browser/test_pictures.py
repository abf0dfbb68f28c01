"""The pictures of the documentation, taken from the demo. With GV_WRITE_IMAGES=1, they are written to docs/images."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from . import demo_story
from .conftest import REPOSITORY
from .person import Person
from .png import small_png

_FOLDER = REPOSITORY / "docs" / "images"
_MAX_BYTES = 200_000
#: Name → height in pixels, and path under the root of our pages.
PICTURES = {
    "grid": (1280, ()),
    "delivery": (1240, ("sources", "aiq_household", "2026Q3")),
    "approval": (810, ("sources", *demo_story.ASKS)),
    "source": (1010, ("sources", "popsycle_campaign_ad_log")),
    "tables": (740, ("tables",)),
    "vendors": (770, ("vendors",)),
}

pytestmark = pytest.mark.skipif(not os.environ.get("GV_WRITE_IMAGES"), reason="GV_WRITE_IMAGES is not set")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of_a_page(person: Person, name: str) -> None:
    height, path = PICTURES[name]
    person.open(*path)
    write(person, name, height)


def test_a_picture_of_airflows_home(person: Person) -> None:
    person.open_home()
    expect(person.page.get_by_role("region", name="Deliveries")).to_be_visible()
    write(person, "home", 620)


def write(person: Person, name: str, height: int) -> None:
    """Write a picture of the window, 1280 pixels wide."""
    person.page.set_viewport_size({"width": 1280, "height": height})
    person.page.wait_for_timeout(1000)
    picture = small_png(person.page)
    assert len(picture) < _MAX_BYTES
    _FOLDER.mkdir(exist_ok=True)
    (_FOLDER / f"{name}.png").write_bytes(picture)
