"""The progress of searches: the best value so far by the epochs that a search has trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.report.figures.data import (
    Axis,
    FigureData,
    Mark,
    Panel,
    Plot,
    Series,
)
from gensweep.report.measurement import UNBOUNDED
from gensweep.report.stats.search_cost import (
    count_block,
    count_empty_blocks,
    list_steps,
    list_unit_values,
)
from gensweep.report.stats.tuning_curve import (
    CONFIDENCE,
    MAX_TRIALS,
    compute_tuning_curve,
)
from gensweep.report.tables.search import list_levels
from gensweep.system.file_stems import make_file_stems
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.ledger.search_log import SearchInfo
    from gensweep.report.measurement import Range
    from gensweep.report.results import Results

FRAME_MARGIN = 0.25
"""Space above and below the curves, as a share of their range."""
_RANDOM = "random"
SELECTED = "These values chose the trials, so they are no results."


@register_figure("tuning_curve")
def make_tuning_curve(results: Results) -> list[FigureData]:
    """Show the best validation value of each search by the epochs that it has trained."""
    groups: dict[tuple[str, ...], dict[str, SearchInfo]] = {}
    for name, search in results.searches.items():
        groups.setdefault(search.comparable_by, {})[name] = search
    names = make_file_stems(("tuning_curve", *parts) for parts in groups)
    return [
        _show_curves(results, name, searches)
        for name, searches in zip(names, groups.values(), strict=True)
    ]


def _show_curves(
    results: Results, name: str, searches: dict[str, SearchInfo]
) -> FigureData:
    first = next(iter(searches.values()))
    info = results.metrics.get(first.metric.removeprefix("validation/"))
    bounds = UNBOUNDED if info is None else info.range
    series: list[Series] = []
    for number, (label, search) in enumerate(searches.items()):
        series += _make_curves(label, search, 2 * number, bounds)
    levels = sorted(
        {epochs for one in searches.values() for epochs in list_levels(one)}
    )
    reached = f" at epoch {levels[-1]}" if levels else ""
    caption = (
        f"The best {first.metric}{reached} among the trials so far, by the epochs that the search "
        "has trained in the order of its trials; epochs that levels share count once. "
        f"{SELECTED} {_describe_bands(searches)}"
    )
    panel = Panel(
        series,
        Axis(
            "cost [epochs trained, over all trials and seeds]",
            bounds=(0, None),
        ),
        Axis(f"{first.metric}\n(selection)", limits=_frame(series, bounds)),
    )
    title = f"{first.model}: best of the trials so far"
    plot = Plot([panel], (7.0, 3.4), legend_title="search")
    return FigureData(name, title, caption, plot, first.model)


def _describe_bands(searches: dict[str, SearchInfo]) -> str:
    """Return the sentences on the band of random searches; empty without such searches."""
    random = [
        one
        for one in searches.values()
        if one.identity.get("method") == _RANDOM
    ]
    if not random:
        return ""
    size = max(count_block(one) for one in random)
    unit = "trials" if size == 1 else f"blocks of {size} trials"
    sentence = (
        f"Band: of random values, the median of the best of n {unit} over all orders of drawing, "
        f"with exact {CONFIDENCE:.0%} confidence for the complete curve"
    )
    sentence += "; where it leaves the frame, so few set no limit"
    empty = sum(count_empty_blocks(one) for one in random)
    if empty:
        # The worst value in their place would need an end of the metric's range.
        left_out = pluralize(empty, "trial" if size == 1 else "block")
        sentence += (
            f"; left out: {left_out} without a value, as if no such one had "
            "been drawn"
        )
    if len(random) < len(searches):
        sentence += (
            "; other methods draw no independent trials, so they have no band"
        )
    return f"{sentence}."


def _make_curves(
    label: str, search: SearchInfo, style: int, bounds: Range
) -> list[Series]:
    """Return the best value so far, and the tuning curve of a search by random values."""
    steps = list_steps(search)
    reached = [step.level for step in steps if np.isfinite(step.value)]
    if not reached:
        return []
    top = [step for step in steps if step.level == max(reached)]
    values = np.array([step.value for step in top])
    is_max = search.direction == "max"
    best = (
        np.fmax.accumulate(values) if is_max else np.fmin.accumulate(values)
    )
    costs = [step.cost for step in top]
    series = [Series(label, costs, best, mark=Mark.PROGRESS, style=style)]
    units, cost = list_unit_values(search)
    is_random = search.identity.get("method") == _RANDOM
    if not is_random or not 1 < len(units) <= MAX_TRIALS:
        return series
    smallest, largest = bounds
    limits = (
        -np.inf if smallest is None else smallest,
        np.inf if largest is None else largest,
    )
    curve = compute_tuning_curve(np.array(units), is_max, limits)
    n = np.arange(1, len(units) + 1)
    name = f"{label}: median of n"
    return [
        *series,
        Series(
            name,
            cost * n,
            curve.median,
            curve.low,
            curve.high,
            n,
            Mark.BAND,
            style + 1,
        ),
    ]


def _frame(
    series: Sequence[Series], bounds: Range
) -> tuple[float, float] | None:
    """Return the ends of the vertical axis: the values with a margin, within their range.

    A band may be far wider: where the trials set no limit, it leaves the axis.
    """
    values = [float(y) for one in series for y in one.y if np.isfinite(y)]
    if not values:
        return None
    low, high = min(values), max(values)
    margin = FRAME_MARGIN * (high - low) or 0.05 * abs(high) or 1.0
    smallest, largest = bounds
    if smallest is not None:
        low = max(low, smallest + margin)
    if largest is not None:
        high = min(high, largest - margin)
    return low - margin, high + margin
