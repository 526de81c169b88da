"""The page: one sweep or many as one HTML file that needs nothing else.

The same records give the same bytes.
"""

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

    from gensweep.report.figures.rendering import RenderedFigure
    from gensweep.report.results import Results
    from gensweep.report.tables import Table

PAGE = "report.html"
MAX_NAMES_IN_TITLE = 3
_GENERATOR_TAG = b'<meta name="generator" content="gensweep">'
_TEMPLATE_FOLDER = Path(__file__).parent
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
"""Characters that HTML does not allow, or that change the direction of a line.

The text of an error or a path may hold them.
"""


@dataclass(frozen=True, eq=False)
class Collected:
    """The tables and figures of a sweep.

    Attributes:
        results: what they were made of.
        tables: in the order of the sweep.
        figures: in the order of the sweep.
        digest: of the results and the files behind them.
    """

    results: Results
    tables: list[Table]
    figures: list[RenderedFigure]
    digest: str


def render(
    collected: Sequence[Collected], folder: Path, reload: int = 0
) -> str:
    """Return the page as HTML.

    Args:
        collected: the sweeps, in the order of the page.
        folder: where the page will lie: its links to tables and figures are relative to it.
        reload: seconds after which a browser loads it again; 0: never.
    """
    from gensweep.report.page.sweep import build_context

    shows_folders = len(collected) > 1
    sweeps = []
    for number, one in enumerate(collected, 1):
        prefix = _make_link_prefix(one.results.folder, folder)
        sweeps.append(build_context(one, f"s{number}", prefix, shows_folders))
    style, script = _read_text("style.css"), _read_text("script.js")
    # The browser runs nothing and loads nothing but what is in this file.
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    names = list(dict.fromkeys(one.results.sweep.name for one in collected))
    title = f"{len(names)} sweeps"
    if len(names) <= MAX_NAMES_IN_TITLE:
        title = ", ".join(names)
    values: dict[str, Any] = {
        "title": title,
        "sweeps": sweeps,
        "policy": policy,
        "reload": reload,
        "style": style,
        "script": script,
    }
    return _FORBIDDEN.sub(
        "\N{REPLACEMENT CHARACTER}", _load_template().render(values)
    )


def is_page(content: bytes) -> bool:
    """Return whether a file's content is a page that gensweep wrote."""
    return _GENERATOR_TAG in content[:1000]


def _make_link_prefix(folder: Path, page_folder: Path) -> str:
    """Return the beginning of links from the page to the files of a sweep's folder."""
    path = os.path.relpath(folder, page_folder.resolve()).replace(os.sep, "/")
    if path == ".":
        return ""
    return f"{quote(os.fsencode(path))}/"


def _read_text(name: str) -> str:
    return (_TEMPLATE_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the hash by which the page's policy allows a script or a style."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@lru_cache(maxsize=1)
def _load_template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATE_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
