"""Print the registries, or the sweep files in ``sweeps/``, for `list`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gensweep.core.config import Config
from gensweep.core.errors import UserError
from gensweep.core.registries import DATASETS, FIGURES, METRICS, MODELS, TABLES, Metric
from gensweep.core.roles import format_range
from gensweep.sweep.load import read_sweep
from gensweep.system.terminal import Console, escape_controls

BETTER = {"max": "higher", "min": "lower", "none": "neither"}
"""Words for the direction of a metric."""


def show_kind(kind: str, console: Console) -> None:
    """Print all entries of one kind, such as `models` or `sweeps`."""
    if kind in ("models", "datasets"):
        configs = MODELS if kind == "models" else DATASETS
        for name, config in configs.items():
            description = _first_line(config.__doc__)
            console.print(Text.assemble((name, "bold"), f"  {description}"))
            console.print(_make_parameter_table(config))
    elif kind == "metrics":
        for name, metric in METRICS.items():
            console.print(_describe_metric(name, metric))
    elif kind in ("tables", "figures"):
        table = Table(kind[:-1], "shows", box=None, pad_edge=False)
        items = TABLES if kind == "tables" else FIGURES
        for name, item in items.items():
            table.add_row(name, item.doc)
        console.print(table)
    else:
        console.print(_make_sweep_table())


def _describe_metric(name: str, metric: Metric) -> Group:
    """Return a metric's name, unit, range and better end, then its meaning and its caveats."""
    facts = f"[{metric.unit}]  {format_range(metric.range)}, {BETTER[metric.direction]} is better"
    meaning = metric.meaning
    if metric.min_examples > 1:
        meaning += f" Needs {metric.min_examples:,} test pictures or more."
    lines = [Text(meaning)]
    if metric.caveat:
        lines.append(Text(metric.caveat, "dim"))
    heading = Text.assemble((name, "bold"), f"  {facts}")
    return Group(heading, Padding(Group(*lines), (0, 0, 0, 4)))


def _make_parameter_table(config: type[Config]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    for name, field in config.model_fields.items():
        conditions = ""
        for key, values in config.get_extras(name).get("when", {}).items():
            conditions += f"; only with {key}={' or '.join(map(str, values))}"
        default = "" if field.is_required() else str(field.default).lower()
        table.add_row(name, default, config.describe_type(name), f"{field.description}{conditions}")
    return table


def _make_sweep_table() -> Table:
    table = Table("file", "points", "cells", "seeds", "models", box=None, pad_edge=False)
    for path in sorted(Path("sweeps").glob("*.py")):
        try:
            sweep = read_sweep(path)
        except UserError as error:
            # One broken file must not hide the others.
            table.add_row(str(path), "", "", "", Text(escape_controls(str(error)), "red"))
            continue
        cells = list(sweep.cells())
        seeds = len(sweep.seeds)
        names = [model for model, _ in cells] + [search.model for search in sweep.searches]
        models = ", ".join(dict.fromkeys(names))
        points = str(len(cells) * seeds)
        if sweep.searches:
            limit = len(cells) * seeds + sum(search.count_points() for search in sweep.searches)
            points = f"at most {limit}"
        table.add_row(str(path), points, str(len(cells) or ""), str(seeds), models)
    if not table.row_count:
        raise UserError(
            "there is no sweeps/*.py in this folder; run from the project's folder, or name a file"
        )
    return table


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0]
