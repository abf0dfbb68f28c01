"""Somebody who works in Airflow's UI with a browser. What goes wrong on our pages meanwhile fails the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpx
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Error, Frame, FrameLocator, Locator, Page, Request

#: Where these pages are, and where Airflow's UI shows them in a frame.
PAGES = "/deliveries/"
FRAME = f"/plugin/deliveries{PAGES}"
#: The machine is slow when it does other work, and the catalog is asked for some parts of the pages.
PATIENCE_MS = 120_000
expect.set_options(timeout=PATIENCE_MS)


def cell(pages: FrameLocator, source: str, period: str) -> Locator:
    """Return the place of a delivery in the grid."""
    return pages.locator(f"a.cell[href$='/sources/{source}/{period}']")


@dataclass
class Person:
    """Somebody who is logged in.

    :param problems: dialogs, errors in the console, violations of our policy, and requests to other servers.
    :param clicks: what `click` has clicked.
    """

    page: Page
    url: str
    token: str
    problems: list[str] = field(default_factory=list)
    clicks: list[str] = field(default_factory=list)

    @classmethod
    def log_in(cls, browser: Browser, url: str, login: tuple[str, str], look: Mapping[str, Any]) -> Person:
        """Return a person with a new browser window, which shows nothing yet.

        :param look: options of Playwright's `new_context`.
        """
        user, password = login
        answer = httpx.post(f"{url}/auth/token", json={"username": user, "password": password}, timeout=60)
        answer.raise_for_status()
        token = answer.json()["access_token"]
        context = browser.new_context(locale="en-US", **look)
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": "_token", "value": token, "url": url}])
        person = cls(page=context.new_page(), url=url, token=token)
        person.page.on("console", person._read_console)
        person.page.on("pageerror", person._note_error)
        person.page.on("dialog", person._refuse_dialog)
        person.page.on("request", person._check_request)
        return person

    def leave(self) -> None:
        """Close the window. Raises `AssertionError` if anything went wrong."""
        self.page.context.close()
        assert self.problems == []

    def open_home(self) -> None:
        """Open Airflow's home."""
        self.page.goto(self.url)
        expect(self.navigation).to_be_visible()

    def open(self, *path: str, query: str = "") -> FrameLocator:
        """Open one of our pages in Airflow's UI, wait until it is complete, and return it.

        :param path: segments, which can contain any character.
        """
        self.page.goto(f"{self.url}{FRAME}{'/'.join(quote(each, safe='') for each in path)}{query}")
        return self.pages

    @property
    def navigation(self) -> Locator:
        """The entry of our pages in Airflow's navigation."""
        return self.page.locator("nav, div").get_by_text("Deliveries", exact=True).first

    @property
    def pages(self) -> FrameLocator:
        """Our page, when it is complete: what the catalog is asked has come too."""
        pages = self.page.frame_locator("iframe")
        expect(pages.locator("main")).to_be_visible()
        expect(pages.locator("[aria-busy=true]")).to_have_count(0)
        return pages

    @property
    def frame(self) -> Frame:
        """The frame of our page, for scripts."""
        return next(frame for frame in self.page.frames if urlsplit(frame.url).path.startswith(PAGES))

    def click(self, element: Locator) -> None:
        """Click, and remember it."""
        self.clicks.append(element.inner_text())
        element.click()

    def _read_console(self, message: ConsoleMessage) -> None:
        place = urlsplit(message.location.get("url", "")).path
        is_policy = "Content Security Policy" in message.text
        if is_policy or (message.type == "error" and place.startswith(PAGES)):
            self.problems.append(f"{message.type} at {place}: {message.text}")

    def _note_error(self, error: Error) -> None:
        if f"{self.url}{PAGES}" in (error.stack or ""):
            self.problems.append(f"script error: {error}")

    def _refuse_dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"a dialog says {dialog.message}")
        dialog.dismiss()

    def _check_request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:")) and urlsplit(request.frame.url).path.startswith(PAGES):
            self.problems.append(f"a request to another server: {request.url}")
