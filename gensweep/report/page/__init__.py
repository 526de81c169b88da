"""The page: a sweep, or several, as one HTML file that needs nothing else; the same records give the same bytes."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from jinja2 import Template

    from gensweep.report.results import Results
    from gensweep.report.tables import Table

PAGE = "report.html"
_MARK = b'<meta name="generator" content="gensweep">'
_HERE = Path(__file__).parent
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What HTML does not allow, or what turns the direction of a line, and an error's text or a path may hold."""


@dataclass(frozen=True, eq=False)
class RenderedFigure:
    """A figure in its files' bytes, with its words; `model` is the one it is of, if it is of one."""

    name: str
    title: str
    caption: str
    svg: bytes
    png: bytes
    model: str = ""


@dataclass(frozen=True, eq=False)
class Collected:
    """What was made of a sweep's results; `digest` is of what they were."""

    results: Results
    tables: list[Table]
    figures: list[RenderedFigure]
    digest: str


def render(made: Sequence[Collected], folder: Path, reload: int = 0) -> str:
    """The page as HTML.

    Args:
        made: the sweeps, in the order of the page.
        folder: where the page will lie: its links to tables and figures are relative to it.
        reload: seconds after which a browser loads it again; 0: never.
    """
    from gensweep.report.page.sweep import view

    sweeps = [
        view(one, f"s{number}", _prefix(one.results.folder, folder), len(made) > 1)
        for number, one in enumerate(made, 1)
    ]
    style, script = (_text(name) for name in ("style.css", "script.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}"
    )
    names = list(dict.fromkeys(one.results.sweep.name for one in made))
    values: dict[str, Any] = {
        "title": ", ".join(names) if len(names) <= 3 else f"{len(names)} sweeps",
        "sweeps": sweeps,
        "policy": f"{policy}; base-uri 'none'; form-action 'none'",
        "reload": reload,
        "style": style,
        "script": script,
    }
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", _template().render(values))


def is_page(content: bytes) -> bool:
    """Whether a file is a page of gensweep's."""
    return _MARK in content[:1000]


def _prefix(folder: Path, page: Path) -> str:
    """The way from the page's folder to a sweep's, as the beginning of a link."""
    way = os.path.relpath(folder, page.resolve()).replace(os.sep, "/")
    return "" if way == "." else f"{quote(os.fsencode(way))}/"


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
