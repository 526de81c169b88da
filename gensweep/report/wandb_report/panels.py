"""Panels of a model's W&B runs, and the run set that they are of."""

from __future__ import annotations

import contextlib
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import RecordError
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.records import OK
from gensweep.report.stats.axes import DEPTH
from gensweep.report.tables.sweep import find_measured_metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gensweep.report.results import Results

MAX_FILTER_VALUES = 2000
"""Most points, or cells, that a run set's filter names."""
MAX_LINES = 100
RUN_ID = "wandb/id"
"""What a point's folder has if it has a W&B run."""
_WIDTH, _HEIGHT = 24, 8
"""Of a row of panels, in W&B's grid."""


def run_set(wr: Any, results: Results, model: str) -> tuple[Any, str]:
    """The runs of a model's points, and what they are in words.

    The filter names points rather than the sweep: a point that two sweeps share has one run, in the group of the sweep
    that trained it. It names no project either, and so means the one that the report is saved in; with a project
    named, W&B would have to be asked for its number.
    """
    from wandb_workspaces.expr import And, Config, Metric

    points = results.points.loc[results.points["model"] == model, "id"].tolist()
    names = {"point": points, "cell": results.list_cells(model)}
    for name, values in names.items():
        if len(values) <= MAX_FILTER_VALUES:
            # W&B wraps each value of a config, and a filter does not add the wrapper's name as panels do.
            filters = And(Config(f"{name}.value").isin(values))
            words = f"config `{name}` is one of this sweep's {len(values)} {name}s of {model}, whichever sweep trained it."
            break
    else:
        filters = And(Metric("Group") == results.sweep.name, Metric("JobType") == model)
        words = (
            f"group is {results.sweep.name} and whose job type is {model}. Points that another sweep trained are of "
            "its group, and not among them."
        )
    held = f"{count_tracked(results, points)} of its {len(points)} points have a W&B run beside their record."
    words = f"The panels show the runs of this project whose {words} {held}"
    return wr.Runset(name=f"{results.sweep.name}: {model}", filters=filters), words


def count_tracked(results: Results, points: Iterable[str]) -> int:
    """How many of these points have a W&B run, uploaded or not."""
    return sum(results.store.exists(f"{POINTS}/{point}/{RUN_ID}") for point in points)


def panels(wr: Any, results: Results, model: str) -> list[Any]:
    """Learning curves by cell, what is swept against the model's main metric, and samples; laid out in rows."""
    cells = results.cells[results.cells["model"] == model]
    metric = find_measured_metric(results, model, cells) or results.get_main_metric(model)
    rows = [
        _curves(wr, results, model, metric),
        _swept(wr, results, model, metric),
        _media(wr, results, model),
    ]
    for y, row in enumerate(filter(None, rows)):
        width = _WIDTH // len(row)
        for x, panel in enumerate(row):
            panel.layout = wr.Layout(x=x * width, y=y * _HEIGHT, w=width, h=_HEIGHT)
    return [panel for row in rows for panel in row]


def _curves(wr: Any, results: Results, model: str, metric: str | None) -> list[Any]:
    """By epoch the main metric and the losses, as far as the model's histories have them."""
    wanted = dict.fromkeys(
        (*([f"validation/{metric}"] if metric else []), "validation/loss", "train/loss")
    )
    columns = next(_histories(results, model), [])
    shown = [name for name in wanted if name in columns] or columns[:3] or list(wanted)
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
        for name in shown
    ]


def _histories(results: Results, model: str) -> Iterator[list[str]]:
    """The columns of each history that can be read."""
    points = results.points[(results.points["model"] == model) & (results.points["status"] == OK)]
    for point in points["id"]:
        with contextlib.suppress(RecordError):  # the page and the figures name it
            if history := results.load_history(point):
                yield [name for name in history if name != "epoch"]


def _swept(wr: Any, results: Results, model: str, metric: str | None) -> list[Any]:
    """What the sweep varies against the main metric, all together and each depth; nothing where it varies nothing."""
    varying = results.varying_of[model]
    if metric is None or not varying:
        return []
    main = wr.SummaryMetric(f"test/{metric}")
    column = wr.ParallelCoordinatesPlotColumn
    columns = [*(column(wr.Config(name)) for name in varying), column(main)]
    depths = [axis.name for axis in DEPTH if axis.name in varying]
    return [
        wr.ParallelCoordinatesPlot(title=f"What is swept, and test {metric}", columns=columns),
        *(
            wr.ScatterPlot(title=f"{name} and test {metric}", x=wr.Config(name), y=main)
            for name in depths
        ),
    ]


def _media(wr: Any, results: Results, model: str) -> list[Any]:
    """Samples by epoch and, of a model that has a latent space, the ways through it."""
    found = [wr.MediaBrowser(title="Samples", media_keys=["samples"], num_columns=3)]
    points = results.points.loc[results.points["model"] == model, "id"]
    listed = (sorted(results.store.list_files(f"{POINTS}/{point}")) for point in points)
    files = ([name for name in names if fnmatch(name, "interpolation-*.png")] for names in listed)
    if ways := next(filter(None, files), None):
        keys = [f"interpolation/{name.removesuffix('.png').partition('-')[2]}" for name in ways]
        found.append(
            wr.MediaBrowser(title="Ways through the latent space", media_keys=keys, num_columns=2)
        )
    return found
