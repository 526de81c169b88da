"""The points that failed, diverged, cannot be read or are missing, each with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gensweep.ledger.status import Status
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results

MAX_REASONS, MAX_POINTS_PER_REASON = 40, 100
MAX_OPEN_POINTS = 10
"""A kind of more points is shown after a click."""
_UNREADABLE = "unreadable"
_WARNING = "warning"
_HEADINGS = {
    Status.FAILED: "failed",
    Status.DIVERGED: "diverged: a loss or a metric was not a finite number",
    _UNREADABLE: "a record that cannot be trusted, and counts as missing",
    _WARNING: "ok, with a warning",
}


@dataclass(frozen=True)
class Reason:
    """Points of one kind with one reason.

    Attributes:
        text: the reason.
        count: number of points.
        ids: the first of them.
    """

    text: str
    count: int
    ids: list[str]


@dataclass(frozen=True)
class Kind:
    """Points that went wrong in one way.

    Attributes:
        name: a status, `unreadable` or `warning`.
        heading: the kind in words, with its number of points.
        count: number of points.
        reasons: the most frequent ones, most frequent first.
        hidden: number of reasons that are not listed, in words; empty if all are.
        open: whether it is shown without a click.
    """

    name: str
    heading: str
    count: int
    reasons: list[Reason]
    hidden: str
    open: bool


def group_failures(results: Results) -> list[Kind]:
    """Return the points that went wrong, by kind and reason."""
    ids_of: dict[str, dict[str, list[str]]] = {
        Status.FAILED: {},
        Status.DIVERGED: {},
        _UNREADABLE: {},
    }
    columns = [
        results.points[name].tolist() for name in ("id", "status", "error")
    ]
    for point, status, error in zip(*columns, strict=True):
        kind, reason = status, ""
        if isinstance(error, str):
            reason = error
        if point in results.unreadable:
            kind, reason = _UNREADABLE, results.unreadable[point] or reason
        if kind not in ids_of:
            continue
        ids_of[kind].setdefault(
            reason or "no reason was recorded", []
        ).append(point)
    return [
        _make_kind(name, reasons)
        for name, reasons in ids_of.items()
        if reasons
    ]


def _make_kind(name: str, ids_of: Mapping[str, list[str]]) -> Kind:
    """Return a kind of failures.

    Args:
        name: the kind's.
        ids_of: reason -> ids of its points.
    """
    ranked = sorted(ids_of.items(), key=lambda pair: -len(pair[1]))
    count = sum(len(ids) for ids in ids_of.values())
    reasons = []
    for text, ids in ranked[:MAX_REASONS]:
        reasons.append(Reason(text, len(ids), ids[:MAX_POINTS_PER_REASON]))
    rest = ranked[MAX_REASONS:]
    hidden = ""
    if rest:
        hidden_points = sum(len(ids) for _, ids in rest)
        hidden = f"{pluralize(len(rest), 'more reason')}, of {pluralize(hidden_points, 'point')}"
    heading = f"{pluralize(count, 'point')} {_HEADINGS[name]}"
    if name == _UNREADABLE:
        verb = "has" if count == 1 else "have"
        heading = f"{pluralize(count, 'point')} {verb} {_HEADINGS[name]}"
    return Kind(
        name, heading, count, reasons, hidden, count <= MAX_OPEN_POINTS
    )


def group_warnings(results: Results) -> Kind | None:
    """Return the points that are ok with a warning, by warning; None if there are none."""
    ids_of: dict[str, list[str]] = {}
    for point, texts in results.warnings.items():
        for text in texts:
            ids_of.setdefault(text, []).append(point)
    if not ids_of:
        return None
    kind = _make_kind(_WARNING, ids_of)
    # A point with two warnings is one point.
    count = len(results.warnings)
    return replace(
        kind,
        count=count,
        heading=f"{pluralize(count, 'point')} {_HEADINGS[_WARNING]}",
    )


def describe_gaps(results: Results) -> Iterator[str]:
    """Yield sentences on what is missing, and on cells with fewer seeds than others."""
    if results.counts[Status.MISSING]:
        yield _describe_missing(results)
    requested = [len(cell.points) for cell in results.sweep.cells]
    smallest, largest = min(requested), max(requested)
    if smallest < largest:
        yield (
            "The numbers of seeds differ: "
            f"the cells were requested with {smallest} to {largest} seeds."
        )
    ok = results.cells["n_ok"].tolist()
    complete = sum(
        have == want for have, want in zip(ok, requested, strict=True)
    )
    if complete == len(requested):
        return
    without = sum(
        not have and want > 0
        for have, want in zip(ok, requested, strict=True)
    )
    counts = {
        "every seed": complete,
        "only some": len(requested) - complete - without,
        "none": without,
    }
    parts = []
    for text, count in counts.items():
        if count:
            verb = "has" if count == 1 else "have"
            parts.append(f"{count} {verb} {text}")
    cells = pluralize(len(requested), "cell")
    yield f"Of {cells}, {', '.join(parts)}; means are over the seeds that are ok."


def _describe_missing(results: Results) -> str:
    """Return the sentence on the missing points, by model."""
    missing = results.counts[Status.MISSING]
    models, statuses = (
        results.points[name].tolist() for name in ("model", "status")
    )
    pairs = zip(models, statuses, strict=True)
    by_model = Counter(
        model for model, status in pairs if status == Status.MISSING
    )
    models_text = ", ".join(
        f"{model} {count}" for model, count in by_model.items()
    )
    verb = "is" if missing == 1 else "are"
    total = pluralize(len(results.points), "point")
    text = f"{missing} of {total} {verb} missing ({models_text})"
    if results.unreadable:
        text += f", {len(results.unreadable)} of them with a record that cannot be trusted"
    return f"{text}."
