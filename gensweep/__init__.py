"""gensweep: sweeps of models and of any training function on Ray Tune, and their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gensweep.core.data_source import Data as Dataset
    from gensweep.core.dataset import DatasetArrays
    from gensweep.core.declare import dataset, model, param
    from gensweep.core.model import Model
    from gensweep.core.registries import register_figure as figure
    from gensweep.core.registries import register_metric as metric
    from gensweep.core.registries import register_table as table
    from gensweep.core.run import Range, Run
    from gensweep.core.split_checks import split_rows
    from gensweep.core.task import task
    from gensweep.execute.run_sweep import dry_run, run
    from gensweep.inspect.check import check
    from gensweep.nn.base_network import Network, Samples
    from gensweep.plugins.use import use
    from gensweep.report.figures.data import (
        Axis,
        CustomPlot,
        FigureData,
        Mark,
        Panel,
        Plot,
        Series,
    )
    from gensweep.report.load import load
    from gensweep.report.page.collect_sweeps import collect
    from gensweep.report.results import Results
    from gensweep.report.tables import Table
    from gensweep.sweep.grid import Grid
    from gensweep.sweep.point import Point
    from gensweep.sweep.questions import Compare
    from gensweep.sweep.ranges import Integer, Log, Uniform
    from gensweep.sweep.search import Search
    from gensweep.sweep.search_arguments import Confirm
    from gensweep.sweep.spec import Sweep
    from gensweep.sweep.zips import Zip

__version__ = "0.2.0"
__all__ = [
    "Axis",
    "Compare",
    "Confirm",
    "CustomPlot",
    "Dataset",
    "DatasetArrays",
    "FigureData",
    "Grid",
    "Integer",
    "Log",
    "Mark",
    "Model",
    "Network",
    "Panel",
    "Plot",
    "Point",
    "Range",
    "Results",
    "Run",
    "Samples",
    "Search",
    "Series",
    "Sweep",
    "Table",
    "Uniform",
    "Zip",
    "check",
    "collect",
    "dataset",
    "dry_run",
    "figure",
    "load",
    "metric",
    "model",
    "param",
    "run",
    "split_rows",
    "table",
    "task",
    "use",
]

# The modules are imported on first use: quick commands must not load pandas.
_MODULES = {
    "Axis": "gensweep.report.figures.data",
    "Compare": "gensweep.sweep.questions",
    "CustomPlot": "gensweep.report.figures.data",
    "Confirm": "gensweep.sweep.search_arguments",
    "Dataset": "gensweep.core.data_source:Data",
    "DatasetArrays": "gensweep.core.dataset",
    "FigureData": "gensweep.report.figures.data",
    "Grid": "gensweep.sweep.grid",
    "Mark": "gensweep.report.figures.data",
    "Integer": "gensweep.sweep.ranges",
    "Log": "gensweep.sweep.ranges",
    "Model": "gensweep.core.model",
    "Network": "gensweep.nn.base_network",
    "Panel": "gensweep.report.figures.data",
    "Plot": "gensweep.report.figures.data",
    "Point": "gensweep.sweep.point",
    "Range": "gensweep.core.run",
    "Results": "gensweep.report.results",
    "Run": "gensweep.core.run",
    "Samples": "gensweep.nn.base_network",
    "Series": "gensweep.report.figures.data",
    "Search": "gensweep.sweep.search",
    "Sweep": "gensweep.sweep.spec",
    "Table": "gensweep.report.tables",
    "Zip": "gensweep.sweep.zips",
    "Uniform": "gensweep.sweep.ranges",
    "check": "gensweep.inspect.check",
    "collect": "gensweep.report.page.collect_sweeps",
    "dataset": "gensweep.core.declare",
    "dry_run": "gensweep.execute.run_sweep",
    "figure": "gensweep.core.registries:register_figure",
    "load": "gensweep.report.load",
    "metric": "gensweep.core.registries:register_metric",
    "model": "gensweep.core.declare",
    "param": "gensweep.core.declare",
    "run": "gensweep.execute.run_sweep",
    "split_rows": "gensweep.core.split_checks",
    "table": "gensweep.core.registries:register_table",
    "task": "gensweep.core.task",
    "use": "gensweep.plugins.use",
}
"""Public name -> its module, and its name there if it is another one."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'gensweep' has no attribute {name!r}")
    from gensweep.core.registry import import_built_in

    module, _, original_name = _MODULES[name].partition(":")
    return getattr(import_built_in(module), original_name or name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
