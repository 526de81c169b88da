"""Definitions of the metrics, in paragraphs; a paragraph that several share stands once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gensweep.report.results import Results

    Piece = tuple[str, bool]

DIRECTIONS = {
    "max": "larger is better",
    "min": "smaller is better",
    "none": "neither end is better",
}


@dataclass(frozen=True)
class Term:
    """A metric and what it means.

    Attributes:
        name: of the metric.
        unit: of its numbers, in words.
        better: which end is better.
        paragraphs: pieces of text, each with whether it is code.
    """

    name: str
    unit: str
    better: str
    paragraphs: list[list[Piece]]


def list_terms(results: Results) -> list[Term]:
    """Return a term for each metric."""
    first_with: dict[str, str] = {}
    terms = []
    for name, info in results.metrics.items():
        paragraphs = []
        for text in _split_paragraphs(info.doc):
            owner = first_with.setdefault(text, name)
            if owner != name:
                text = f"See `{owner}`."
            paragraphs.append(_split_code(text))
        unit = info.unit or "no unit declared"
        terms.append(
            Term(
                name,
                unit,
                DIRECTIONS[info.direction],
                _drop_repeated(paragraphs),
            )
        )
    return terms


def _split_paragraphs(doc: str) -> list[str]:
    """Return the paragraphs of a docstring, each on one line."""
    paragraphs = []
    for block in doc.split("\n\n"):
        text = " ".join(block.split())
        if text:
            paragraphs.append(text)
    return paragraphs


def _split_code(text: str) -> list[Piece]:
    """Return the text in pieces; every other one stood between back-ticks."""
    pieces = []
    for number, part in enumerate(text.replace("``", "`").split("`")):
        if part:
            pieces.append((part, number % 2 == 1))
    return pieces


def _drop_repeated(paragraphs: list[list[Piece]]) -> list[list[Piece]]:
    """Return the paragraphs, each once."""
    distinct: list[list[Piece]] = []
    for paragraph in paragraphs:
        if paragraph not in distinct:
            distinct.append(paragraph)
    return distinct
