"""What failed, diverged, cannot be read or is missing, each with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gensweep.ledger.records import DIVERGED, FAILED, MISSING
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results

MAX_REASONS, MAX_POINTS_PER_REASON = 40, 100
OPEN = 10
"""As many points of a kind are shown without a click."""
_UNREADABLE = "unreadable"
_ODD = "warning"
_HEADINGS = {
    FAILED: "failed",
    DIVERGED: "diverged: a loss or a metric was not a finite number",
    _UNREADABLE: "a record that cannot be trusted, and counts as missing",
    _ODD: "ok, with a warning",
}


@dataclass(frozen=True)
class Reason:
    """Points of one kind with one reason; ``ids`` are the first of them."""

    text: str
    count: int
    ids: list[str]


@dataclass(frozen=True)
class Kind:
    """Points that went wrong in one way; ``hidden`` says what is not listed."""

    name: str
    heading: str
    count: int
    reasons: list[Reason]
    hidden: str
    open: bool


def group_failures(results: Results) -> list[Kind]:
    """What went wrong, the most frequent reasons first."""
    found: dict[str, dict[str, list[str]]] = {name: {} for name in _HEADINGS if name != _ODD}
    columns = (results.points[name].tolist() for name in ("id", "status", "error"))
    for point, status, error in zip(*columns, strict=True):
        kind = _UNREADABLE if point in results.unreadable else status
        if kind in found:
            reason = results.unreadable.get(point) or (error if isinstance(error, str) else "")
            found[kind].setdefault(reason or "no reason was recorded", []).append(point)
    return [_kind(name, reasons) for name, reasons in found.items() if reasons]


def _kind(name: str, reasons: dict[str, list[str]]) -> Kind:
    ranked = sorted(reasons.items(), key=lambda pair: -len(pair[1]))
    count = sum(map(len, reasons.values()))
    rest = ranked[MAX_REASONS:]
    hidden = f"{pluralize(len(rest), 'more reason')}, of {pluralize(sum(len(ids) for _, ids in rest), 'point')}"
    shown = [
        Reason(text, len(ids), ids[:MAX_POINTS_PER_REASON]) for text, ids in ranked[:MAX_REASONS]
    ]
    verb = "has" if count == 1 else "have"
    heading = (
        f"{pluralize(count, 'point')} {verb} {_HEADINGS[name]}"
        if name == _UNREADABLE
        else _HEADINGS[name]
    )
    if name != _UNREADABLE:
        heading = f"{pluralize(count, 'point')} {heading}"
    return Kind(name, heading, count, shown, hidden if rest else "", count <= OPEN)


def group_warnings(results: Results) -> Kind | None:
    """Return what is odd about points that are ok; None where nothing is."""
    found: dict[str, list[str]] = {}
    for point, texts in results.warnings.items():
        for text in texts:
            found.setdefault(text, []).append(point)
    if not found:
        return None
    kind = _kind(_ODD, found)
    count = len(results.warnings)
    return replace(kind, count=count, heading=f"{pluralize(count, 'point')} {_HEADINGS[_ODD]}")


def describe_gaps(results: Results) -> Iterator[str]:
    """Sentences on what is missing, and on cells with fewer seeds than others."""
    total, missing = len(results.points), results.counts[MISSING]
    if missing:
        status = results.points["status"].tolist()
        by_model = Counter(
            m for m, s in zip(results.points["model"].tolist(), status, strict=True) if s == MISSING
        )
        where = ", ".join(f"{model} {count}" for model, count in by_model.items())
        unread = len(results.unreadable)
        of_them = f", {unread} of them with a record that cannot be trusted" if unread else ""
        yield f"{missing} of {pluralize(total, 'point')} {'is' if missing == 1 else 'are'} missing ({where}){of_them}."
    asked = [len(cell.points) for cell in results.sweep.cells]
    if min(asked) < max(asked):
        yield f"The seeds are unequal: cells were asked for with {min(asked)} to {max(asked)} of them."
    ok = results.cells["n_ok"].tolist()
    whole = sum(have == want for have, want in zip(ok, asked, strict=True))
    if whole < len(asked):
        nothing = sum(not have and want > 0 for have, want in zip(ok, asked, strict=True))
        parts = {"every seed": whole, "only some": len(asked) - whole - nothing, "none": nothing}
        words = ", ".join(
            f"{count} {'has' if count == 1 else 'have'} {what}"
            for what, count in parts.items()
            if count
        )
        yield f"Of {pluralize(len(asked), 'cell')}, {words}; means are of the seeds that are ok."
