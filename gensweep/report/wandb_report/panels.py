"""Panels of a model's W&B runs, and the run set that they show."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import RecordError
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.status import Status
from gensweep.report.stats.axes import DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gensweep.report.results import Results

MAX_FILTER_VALUES = 2000
"""Most points, or cells, that a run set's filter names."""
MAX_LINES = 100
"""Most lines in a panel."""
MAX_CURVE_PANELS = 3
RUN_ID_FILE = "wandb/id"
"""The file that a point with a W&B run has in its folder."""
_ROW_WIDTH, _ROW_HEIGHT = 24, 8
"""Size of a row of panels, in the units of W&B's grid."""


def build_run_set(wr: Any, results: Results, model: str) -> tuple[Any, str]:
    """Return the runs of a model's points as a run set, and in words.

    The filter names points rather than the sweep: a point that two sweeps share has one run, in the
    group of the sweep that trained it. The filter names no project either, and so means the one
    that the report is saved in. With a project named, W&B would have to be asked for its number.

    Args:
        wr: the module `wandb_workspaces.reports.v2`.
        results: the sweep's.
        model: whose runs.
    """
    points = results.points.loc[
        results.points["model"] == model, "id"
    ].tolist()
    filters, words = _build_filter(results, model, points)
    tracked = f"{count_tracked(results, points)} of its {len(points)} points"
    words = (
        f"The panels show the runs of this project whose {words} "
        f"{tracked} have a W&B run beside their record."
    )
    return wr.Runset(
        name=f"{results.sweep.name}: {model}", filters=filters
    ), words


def _build_filter(
    results: Results, model: str, points: list[str]
) -> tuple[Any, str]:
    """Return a filter on the points, or else on the cells, or else on the group; and its words."""
    from wandb_workspaces.expr import And, Config, Metric

    for name, values in (
        ("point", points),
        ("cell", results.list_cells(model)),
    ):
        if len(values) > MAX_FILTER_VALUES:
            continue
        # W&B wraps each value of a config, and a filter does not add the wrapper's name as
        # panels do.
        filters = And(Config(f"{name}.value").isin(values))
        words = (
            f"config `{name}` is one of this sweep's {len(values)} {name}s of {model}, "
            "whichever sweep trained it."
        )
        return filters, words
    filters = And(
        Metric("Group") == results.sweep.name, Metric("JobType") == model
    )
    words = (
        f"group is {results.sweep.name} and whose job type is {model}. "
        "Points that another sweep trained are in that sweep's group, and are not shown."
    )
    return filters, words


def count_tracked(results: Results, points: Iterable[str]) -> int:
    """Return how many of these points have a W&B run, uploaded or not."""
    return sum(
        results.store.exists(f"{POINTS}/{point}/{RUN_ID_FILE}")
        for point in points
    )


def build_panels(wr: Any, results: Results, model: str) -> list[Any]:
    """Return the panels of a model, laid out in rows.

    They show learning curves by cell, what is swept against the main metric, and samples.
    """
    metric = results.find_measured_metric(model) or results.get_main_metric(
        model
    )
    rows = [
        _build_curves(wr, results, model, metric),
        _build_swept(wr, results, model, metric),
        _build_media(wr, results, model),
    ]
    panels = []
    for y, row in enumerate(filter(None, rows)):
        width = _ROW_WIDTH // len(row)
        for x, panel in enumerate(row):
            panel.layout = wr.Layout(
                x=x * width, y=y * _ROW_HEIGHT, w=width, h=_ROW_HEIGHT
            )
            panels.append(panel)
    return panels


def _build_curves(
    wr: Any, results: Results, model: str, metric: str | None
) -> list[Any]:
    """Return panels by epoch: the main metric and the losses, if the histories have them."""
    preferred = ["validation/loss", "train/loss"]
    if metric:
        preferred.insert(0, f"validation/{metric}")
    preferred = list(dict.fromkeys(preferred))
    columns = _list_history_columns(results, model)
    names = [name for name in preferred if name in columns]
    if not names:
        names = columns[:MAX_CURVE_PANELS] or preferred
    return [
        wr.LinePlot(
            title=f"{name}: mean and range of each cell's seeds",
            x="epoch",
            y=[name],
            groupby=wr.Config("cell"),
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
            max_runs_to_show=min(MAX_LINES, len(results.list_cells(model))),
        )
        for name in names
    ]


def _list_history_columns(results: Results, model: str) -> list[str]:
    """Return the columns of the first history that can be read; empty if there is none."""
    is_shown = (results.points["model"] == model) & (
        results.points["status"] == Status.OK
    )
    for point in results.points.loc[is_shown, "id"]:
        try:
            history = results.load_history(point)
        except RecordError:
            # The page and the figures name the damaged history.
            continue
        if history:
            return [name for name in history if name != "epoch"]
    return []


def _build_swept(
    wr: Any, results: Results, model: str, metric: str | None
) -> list[Any]:
    """Return panels of what the sweep varies against the main metric: together, and each depth."""
    varying = results.varying_of[model]
    if metric is None or not varying:
        return []
    main = wr.SummaryMetric(f"test/{metric}")
    axes = [*(wr.Config(name) for name in varying), main]
    columns = [wr.ParallelCoordinatesPlotColumn(axis) for axis in axes]
    title = f"Swept parameters and test {metric}"
    panels = [wr.ParallelCoordinatesPlot(title=title, columns=columns)]
    for axis in DEPTH:
        if axis.name in varying:
            title = f"{axis.name} and test {metric}"
            panels.append(
                wr.ScatterPlot(title=title, x=wr.Config(axis.name), y=main)
            )
    return panels


def _build_media(wr: Any, results: Results, model: str) -> list[Any]:
    """Return panels of samples by epoch and, for a model with a latent space, interpolations."""
    panels = [
        wr.MediaBrowser(
            title="Samples", media_keys=["samples"], num_columns=3
        )
    ]
    names = _list_interpolations(results, model)
    if names:
        keys = [f"interpolation/{name}" for name in names]
        title = "Paths through the latent space"
        panels.append(
            wr.MediaBrowser(title=title, media_keys=keys, num_columns=2)
        )
    return panels


def _list_interpolations(results: Results, model: str) -> list[str]:
    """Return the names of the interpolations of the first point that has any."""
    for point in results.points.loc[results.points["model"] == model, "id"]:
        files = sorted(results.store.list_files(f"{POINTS}/{point}"))
        stems = [
            name.removesuffix(".png")
            for name in files
            if fnmatch(name, "interpolation-*.png")
        ]
        if stems:
            return [stem.partition("-")[2] for stem in stems]
    return []
