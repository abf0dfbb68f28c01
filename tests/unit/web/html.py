"""Reads pages as a browser does, as far as the tests need it."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = frozenset(("meta", "link", "input", "br", "wbr", "img", "hr"))
_BLOCKS = frozenset(("td", "th", "dt", "dd", "small", "p", "li", "label", "legend", "caption", "option", "a", "h1"))


class Page(HTMLParser):
    """A page's elements and its visible text. Raises `AssertionError` if elements are not properly nested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in _BLOCKS:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join("".join(self.words).split())

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """Return the attributes of the elements that have these attributes (`class_` for `class`)."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


def assert_harmless(page: Page) -> None:
    """Assert that only templates made the page's elements: nothing in it can run, load or look otherwise."""
    for tag, attributes in page.elements:
        assert tag not in ("img", "iframe", "object", "embed", "svg", "style", "base", "video", "audio")
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")], attributes
        for name in ("href", "src", "action", "data-fragment", "data-airflow-path"):
            assert attributes.get(name, "/").startswith(("/", "#")), attributes
    scripts = page.all("script")
    assert all(script["src"].startswith("/deliveries/static/") for script in scripts)
