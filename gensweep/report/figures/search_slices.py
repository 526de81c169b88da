"""Slices of the space of a search, and the share of each parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.registries import register_figure
from gensweep.report.figures.data import (
    Axis,
    CustomPlot,
    FigureData,
    Mark,
    Panel,
    Plot,
    Series,
)
from gensweep.report.figures.grids import make_message
from gensweep.report.figures.search import SELECTED
from gensweep.report.figures.style import COLOURS
from gensweep.report.stats.sampled_importance import (
    CHANCE_QUANTILE,
    MIN_TRIALS,
    compute_share,
)
from gensweep.report.tables.search import list_levels
from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from gensweep.ledger.search_log import SearchInfo
    from gensweep.report.results import Results

MAX_SLICES = 6
"""Parameters in a figure of slices."""
_IMPORTANCE_LABELS = ("share of the variance of ranks", "parameter")


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
        f"A marker is a trial, at the last level that it reached. The vertical axis is "
        f"{search.metric}, by which trials were selected. {SELECTED}"
    )
    hidden = len(search.dimensions) - len(keys)
    if hidden:
        caption += (
            f" {hidden} further parameters are not drawn; the table has them."
        )
    panels = []
    for index, key in enumerate(keys):
        label = "" if index else search.metric
        panels.append(_make_slice(search, key, label))
    plot = Plot(panels, (2.0 + 2.0 * len(keys), 3.2), "trained to")
    title = f"{search.model}, search {name}: slices"
    return FigureData(stem, title, caption, plot, search.model)


def _make_slice(search: SearchInfo, key: str, y_label: str) -> Panel:
    """Return the values of one parameter, a series for each level."""
    choices = _list_choices(search, key)
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
    return Panel(
        series, _make_axis(search, key, choices, series), Axis(y_label)
    )


def _list_choices(search: SearchInfo, key: str) -> list[str]:
    """Return the values of a parameter with choices, numbers by their size; none for a range."""
    if not search.dimensions[key].startswith("["):
        return []
    used = [
        trial.params[key] for trial in search.trials if key in trial.params
    ]
    numbers = sorted(one for one in used if isinstance(one, (int, float)))
    texts = sorted(
        str(one) for one in used if not isinstance(one, (int, float))
    )
    return list(dict.fromkeys([*map(str, numbers), *texts]))


def _make_axis(
    search: SearchInfo, key: str, choices: list[str], series: list[Series]
) -> Axis:
    """Return the axis of a parameter: a tick per choice, or the scale of its range."""
    if choices:
        ticks = tuple(float(index) for index in range(len(choices)))
        limits = (-0.5, len(choices) - 0.5)
        return Axis(
            key, ticks=ticks, limits=limits, tick_labels=tuple(choices)
        )
    dimension = search.dimensions[key]
    if not dimension.startswith("Log") and not dimension.endswith(
        "log=True)"
    ):
        return Axis(key)
    positions = [x for one in series for x in one.x]
    ticks = (min(positions), max(positions)) if positions else ()
    return Axis(key, "log", ticks)


@register_figure("search_importance")
def make_search_importance(results: Results) -> list[FigureData]:
    """Show how much of the differences between trials each parameter of a search explains."""
    searches = results.searches
    stems = make_file_stems(
        ("search_importance", search.model, name)
        for name, search in searches.items()
    )
    return [
        _show_importance(stem, name, search)
        for stem, (name, search) in zip(stems, searches.items(), strict=True)
    ]


def _show_importance(stem: str, name: str, search: SearchInfo) -> FigureData:
    title = f"{search.model}, search {name}: importance"
    frame = compute_importances(search)
    levels = list_levels(search)
    epochs = f" at epoch {levels[0]}" if levels else ""
    caption = (
        f"Share of the variance of the trials' ranks by {search.metric}{epochs} that each "
        "parameter explains alone, among the trials that have it. The black line is what a "
        f"parameter without any effect stays below in {CHANCE_QUANTILE:.0%} of cases."
    )
    if search.identity.get("method") == "tpe":
        caption += (
            " The search prefers good regions, so shares hold for these."
        )
    if frame.empty:
        text = f"Fewer than {MIN_TRIALS} trials have a value, or they do not differ."
        message = make_message(text, _IMPORTANCE_LABELS)
        return FigureData(stem, title, text, message, search.model)
    absent = [
        key for key in search.dimensions if key not in set(frame["parameter"])
    ]
    if absent:
        caption += (
            f" Not shown: {', '.join(absent)}, which fewer than {MIN_TRIALS} trials have, or "
            "which does not differ between them."
        )
    size = (5.5, 1.0 + 0.34 * len(frame))
    plot = CustomPlot(
        frame, lambda figure: _draw_shares(figure, frame), size, True
    )
    return FigureData(stem, title, caption, plot, search.model)


def compute_importances(search: SearchInfo) -> pd.DataFrame:
    """Return the share of each parameter at the first level, the largest first.

    Returns:
        Columns `parameter`, `share`, `chance`, `trials`; empty with too few trials.
    """
    import pandas as pd

    rows = []
    for key in search.dimensions:
        parameters: list[Any] = []
        values: list[float] = []
        for trial in search.trials:
            value = trial.levels[0].value
            if (
                key in trial.params
                and value is not None
                and np.isfinite(value)
            ):
                parameters.append(trial.params[key])
                values.append(value)
        one = compute_share(parameters, values) if values else None
        if one is not None:
            rows.append((key, one.share, one.chance, one.trials))
    frame = pd.DataFrame(
        rows, columns=["parameter", "share", "chance", "trials"]
    )
    return frame.sort_values("share", ascending=False, kind="stable")


def _draw_shares(figure: Figure, frame: pd.DataFrame) -> None:
    """Draw horizontal bars, the largest on top, with a line at what chance gives."""
    axes = figure.add_subplot()
    shares = frame[::-1]
    places = np.arange(len(shares))
    axes.barh(
        places, shares["share"].to_numpy(), color=COLOURS[0], height=0.6
    )
    chance = shares["chance"].to_numpy()
    axes.vlines(
        chance, places - 0.4, places + 0.4, color="black", linewidth=1.4
    )
    axes.set_yticks(places, shares["parameter"].tolist())
    axes.set(
        xlabel=_IMPORTANCE_LABELS[0],
        ylabel=_IMPORTANCE_LABELS[1],
        xlim=(0, 1),
    )
