"""The page as a browser reads it, and a console that keeps what is printed."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path

from gensweep.report.page import PAGE
from gensweep.system.terminal import Console

VOID = {"meta", "link", "img", "br", "wbr", "input", "hr"}


class Parsed(HTMLParser):
    """A page's elements, text and scripts; makes sure that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"{tag} closes {self.open[-3:]}"
        self.texts.append(
            " " if tag in ("td", "th", "dt", "dd", "li", "p", "caption", "small") else ""
        )

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]].append(data)
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is to be read, with single spaces."""
        return " ".join("".join(self.texts).split())

    def attributes(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [values[name] for _, values in self.elements if name in values]


def parsed(folder: Path) -> Parsed:
    """A folder's page."""
    return Parsed((folder / PAGE).read_text())


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def list_printed(console: Console) -> list[str]:
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]
