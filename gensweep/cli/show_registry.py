"""Print the registries, or the sweep files in ``sweeps/``, for `list`."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gensweep.core.config import Config
from gensweep.core.errors import UnknownNameError, UserError
from gensweep.core.registries import (
    DATASETS,
    FIGURES,
    METRICS,
    MODELS,
    TABLES,
    Metric,
)
from gensweep.core.registry import Registry, load_installed
from gensweep.core.roles import format_range
from gensweep.sweep.load import read_sweep
from gensweep.system.terminal import Console, escape_controls

BETTER = {"max": "higher", "min": "lower", "none": "neither"}
"""Words for the direction of a metric."""


REGISTRIES: dict[str, Registry[Any]] = {
    "models": MODELS,
    "datasets": DATASETS,
    "metrics": METRICS,
    "tables": TABLES,
    "figures": FIGURES,
}
"""What `list` can show, by the word on the command line."""


def show_kind(kind: str, console: Console) -> None:
    """Print all entries of one kind, such as `models` or `sweeps`, those of plugins included."""
    load_installed()
    if kind == "sweeps":
        console.print(_make_sweep_table())
    elif kind == "metrics":
        console.print(_make_metric_table())
    elif kind in ("models", "datasets"):
        for name, config in REGISTRIES[kind].items():
            description = _first_line(config.__doc__)
            console.print(Text.assemble((name, "bold"), f"  {description}"))
            console.print(_make_parameter_table(config))
    else:
        table = Table(kind[:-1], "shows", box=None, pad_edge=False)
        for name, item in REGISTRIES[kind].items():
            table.add_row(name, item.doc)
        console.print(table)


def show_entry(kind: str, name: str, console: Console) -> None:
    """Print everything that is known of one entry, such as the metric `fid`.

    Raises:
        UserError: there is no such entry, and the message names the nearest one; or entries of this
            kind have no page of their own.
    """
    if kind == "sweeps":
        raise UserError(
            f"list sweeps takes no name; try: gensweep {name} --dry-run"
        )
    try:
        item = REGISTRIES[kind][name]
    except UnknownNameError as error:
        command = f"GENSWEEP_PLUGINS=FILE.py gensweep list {kind} {name}"
        raise UserError(
            f"{error} For one of a file of yours: {command}"
        ) from None
    if kind == "metrics":
        console.print(_describe_metric(name, item))
        return
    if kind in ("tables", "figures"):
        console.print(Text.assemble((name, "bold"), f"  {item.doc}"))
        return
    console.print(Text(name, "bold"))
    console.print(Text(_join_lines(_get_documentation(item))))
    console.print(_make_parameter_table(item))


def _get_documentation(config: type[Config]) -> str:
    """Return the documentation of a model or a dataset: that of its module, if it has any."""
    module = sys.modules[config.__module__]
    return inspect.cleandoc(module.__doc__ or config.__doc__ or "") + "\n"


def _join_lines(text: str) -> str:
    """Return a text with one line per paragraph and per list item.

    Source files wrap at 100 columns; the terminal wraps these lines at its own width.
    """
    lines: list[str] = []
    for line in text.splitlines():
        previous = lines[-1] if lines else ""
        starts_anew = not line or line.startswith(("#", "- "))
        if starts_anew or not previous or previous.startswith("#"):
            lines.append(line)
        else:
            lines[-1] = f"{previous} {line.strip()}"
    return "\n".join(lines) + "\n"


def _make_metric_table() -> Table:
    table = Table(
        "metric",
        "unit",
        "range",
        "better",
        "meaning",
        box=None,
        pad_edge=False,
    )
    for name, metric in METRICS.items():
        better = BETTER[metric.direction]
        table.add_row(
            name,
            metric.unit,
            format_range(metric.range),
            better,
            metric.meaning,
        )
    return table


def _describe_metric(name: str, metric: Metric) -> Group:
    """Return a metric's name, unit, range and better end, then its meaning and its caveats."""
    facts = f"[{metric.unit}]  {format_range(metric.range)}, {BETTER[metric.direction]} is better"
    meaning = metric.meaning
    if metric.min_examples > 1:
        meaning += f" Needs {metric.min_examples:,} test pictures or more."
    lines = [Text(meaning)]
    if metric.caveat:
        lines.append(Text(metric.caveat, "dim"))
    lines.append(Text(_describe_use(name, metric), "dim"))
    heading = Text.assemble((name, "bold"), f"  {facts}")
    return Group(heading, Padding(Group(*lines), (0, 0, 0, 4)))


def _describe_use(name: str, metric: Metric) -> str:
    """Return the outputs that a metric needs, and the models that have them all."""
    models = []
    for model, config in MODELS.items():
        if name in [one.name for one in config.list_metrics()]:
            models.append(model)
    needs = ", ".join(metric.needs)
    return (
        f"Needs the outputs {needs}. Models: {', '.join(models) or 'none'}."
    )


def _make_parameter_table(config: type[Config]) -> Table:
    table = Table(
        box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2)
    )
    for name, field in config.model_fields.items():
        conditions = ""
        for key, values in config.get_extras(name).get("when", {}).items():
            conditions += f"; only with {key}={' or '.join(map(str, values))}"
        default = "" if field.is_required() else str(field.default).lower()
        table.add_row(
            name,
            default,
            config.describe_type(name),
            f"{field.description}{conditions}",
        )
    return table


def _make_sweep_table() -> Table:
    table = Table(
        "file", "points", "cells", "seeds", "models", box=None, pad_edge=False
    )
    for path in sorted(Path("sweeps").glob("*.py")):
        try:
            sweep = read_sweep(path)
        except UserError as error:
            # One broken file must not hide the others.
            table.add_row(
                str(path),
                "",
                "",
                "",
                Text(escape_controls(str(error)), "red"),
            )
            continue
        cells = list(sweep.cells())
        seeds = len(sweep.seeds)
        names = [model for model, _ in cells] + [
            search.model for search in sweep.searches
        ]
        models = ", ".join(dict.fromkeys(names))
        points = str(len(cells) * seeds)
        if sweep.searches:
            limit = len(cells) * seeds + sum(
                search.count_points() for search in sweep.searches
            )
            points = f"at most {limit}"
        table.add_row(
            str(path), points, str(len(cells) or ""), str(seeds), models
        )
    if not table.row_count:
        raise UserError(
            "there is no sweeps/*.py in this folder; run from the project's folder, or name a file"
        )
    return table


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0]
