"""Figures of searches: how good the best of n trials is, and where good values lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from gensweep.report.stats.tuning_curve import (
    CONFIDENCE,
    MAX_TRIALS,
    compute_tuning_curve,
)
from gensweep.report.tables.search import list_levels
from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    from gensweep.ledger.search_log import SearchInfo
    from gensweep.report.results import Results

MAX_SLICES = 6
"""Parameters in a figure of slices."""
_LIMITS = {"fraction": (0.0, 1.0)}
"""Unit -> the range of the metric's values."""
_RANDOM = "random"


@register_figure("tuning_curve")
def make_tuning_curve(results: Results) -> list[FigureData]:
    """Show the best validation value of each search by its number of trials."""
    groups: dict[tuple[str, str], dict[str, SearchInfo]] = {}
    for name, search in results.searches.items():
        groups.setdefault((search.model, search.metric), {})[name] = search
    names = make_file_stems(
        ("tuning_curve", model, metric) for model, metric in groups
    )
    return [
        _show_curves(results, name, searches)
        for name, searches in zip(names, groups.values(), strict=True)
    ]


def _show_curves(
    results: Results, name: str, searches: dict[str, SearchInfo]
) -> FigureData:
    first = next(iter(searches.values()))
    series: list[Series] = []
    for number, (label, search) in enumerate(searches.items()):
        series += _make_curves(results, label, search, 2 * number)
    caption = (
        f"The best {first.metric} at the first level among the first trials. These values chose "
        "the trials, so they are no results."
    )
    if any(
        search.identity.get("method") == _RANDOM for search in searches.values()
    ):
        caption += (
            " Band: of random trials, the median of the best of n trials, with exact "
            f"{CONFIDENCE:.0%} confidence for the complete curve; other methods do not draw "
            "independent trials, so they have none."
        )
    panel = Panel(
        series,
        Axis("trials", is_whole=True),
        Axis(f"{first.metric} (selection)"),
    )
    title = f"{first.model}: best of the trials so far"
    return FigureData(
        name, title, caption, Plot([panel], legend_title="search"), first.model
    )


def _make_curves(
    results: Results, label: str, search: SearchInfo, style: int
) -> list[Series]:
    """Return the best value so far, and the tuning curve of a search by random values."""
    values = [trial.levels[0].value for trial in search.trials]
    known = np.array(
        [np.nan if value is None else value for value in values], float
    )
    finite = known[np.isfinite(known)]
    if not len(finite):
        return []
    is_max = search.direction == "max"
    best = np.fmax.accumulate(known) if is_max else np.fmin.accumulate(known)
    trials = np.arange(1, len(known) + 1)
    series = [Series(label, trials, best, mark=Mark.BAND, style=style)]
    if search.identity.get("method") != _RANDOM or len(finite) > MAX_TRIALS:
        return series
    info = results.metrics.get(search.metric.removeprefix("validation/"))
    limits = _LIMITS.get(info.unit if info else "", (-np.inf, np.inf))
    curve = compute_tuning_curve(finite, is_max, limits)
    # Where the trials set no limit, the band ends at what was seen.
    low = np.where(np.isfinite(curve.low), curve.low, finite.min())
    high = np.where(np.isfinite(curve.high), curve.high, finite.max())
    counts = np.arange(1, len(finite) + 1)
    name = f"{label}: median of n"
    return [
        *series,
        Series(name, counts, curve.median, low, high, (), Mark.BAND, style + 1),
    ]


@register_figure("search_slices")
def make_search_slices(results: Results) -> list[FigureData]:
    """Show the validation value of each trial by the values of its parameters."""
    searches = results.searches
    names = make_file_stems(
        ("search_slices", search.model, name)
        for name, search in searches.items()
    )
    return [
        _show_slices(stem, name, search)
        for stem, (name, search) in zip(names, searches.items(), strict=True)
    ]


def _show_slices(stem: str, name: str, search: SearchInfo) -> FigureData:
    keys = list(search.dimensions)[:MAX_SLICES]
    caption = (
        f"Each point is a trial, at the last level that it reached. The vertical axis is "
        f"{search.metric}, by which trials were selected."
    )
    hidden = len(search.dimensions) - len(keys)
    if hidden:
        caption += (
            f" {hidden} further parameters are not drawn; the table has them."
        )
    panels = [_make_slice(search, key) for key in keys]
    plot = Plot(panels, (2.0 + 2.0 * len(keys), 3.2), "trained to")
    return FigureData(
        stem, f"{search.model}, search {name}", caption, plot, search.model
    )


def _make_slice(search: SearchInfo, key: str) -> Panel:
    """Return the values of one parameter, a series for each level."""
    dimension = search.dimensions[key]
    label, scale = key, "linear"
    choices: list[Any] = []
    if dimension.startswith("["):
        used = [
            trial.params[key] for trial in search.trials if key in trial.params
        ]
        # Numbers by their size, other choices by their text.
        numbers = sorted(one for one in used if isinstance(one, (int, float)))
        texts = sorted(
            str(one) for one in used if not isinstance(one, (int, float))
        )
        choices = list(dict.fromkeys([*map(str, numbers), *texts]))
        label += f" ({', '.join(f'{index}: {text}' for index, text in enumerate(choices))})"
    elif dimension.startswith("Log") or dimension.endswith("log=True)"):
        scale = "log"
    series = []
    for level, epochs in enumerate(list_levels(search)):
        x, y = [], []
        for trial in search.trials:
            is_here = len(trial.levels) == level + 1 and key in trial.params
            value = trial.levels[-1].value
            if not is_here or value is None:
                continue
            shown = trial.params[key]
            x.append(
                float(choices.index(str(shown))) if choices else float(shown)
            )
            y.append(value)
        series.append(
            Series(f"epoch {epochs}", x, y, mark=Mark.DOTS, style=level)
        )
    ticks = tuple(float(index) for index in range(len(choices)))
    if scale == "log":
        positions = [x for one in series for x in one.x]
        ticks = (min(positions), max(positions)) if positions else ()
    return Panel(series, Axis(label, scale, ticks), Axis(search.metric), key)
