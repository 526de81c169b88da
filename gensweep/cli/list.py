"""What `list` prints: the registries, and the sweep files at hand."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from gensweep.core.config import Config
from gensweep.core.errors import UserError
from gensweep.core.registries import DATASETS, FIGURES, METRICS, MODELS, TABLES
from gensweep.sweep.load import read_sweep
from gensweep.system.terminal import Console, printable


def show(kind: str, console: Console) -> None:
    """Print one registry, or the sweep files in ``sweeps/``."""
    if kind in ("models", "datasets"):
        for name, config in (MODELS if kind == "models" else DATASETS).items():
            console.print(Text.assemble((name, "bold"), f"  {_first_line(config.__doc__)}"))
            console.print(_parameters(config))
    elif kind == "metrics":
        table = Table("metric", "unit", "better", "meaning", box=None, pad_edge=False)
        for name, metric in METRICS.items():
            better = {"max": "higher", "min": "lower", "none": "neither"}[metric.direction]
            least = f" Of {metric.least:,} test pictures or more." if metric.least > 1 else ""
            table.add_row(name, metric.unit, better, f"{_first_line(metric.doc)}{least}")
        console.print(table)
    elif kind in ("tables", "figures"):
        table = Table(kind[:-1], "shows", box=None, pad_edge=False)
        for name, page in (TABLES if kind == "tables" else FIGURES).items():
            table.add_row(name, page.doc)
        console.print(table)
    else:
        console.print(_sweeps())


def _parameters(config: type[Config]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    for name, field in config.model_fields.items():
        when = config.extras(name).get("when", {})
        only = "".join(
            f"; only with {key}={' or '.join(map(str, values))}" for key, values in when.items()
        )
        default = "" if field.is_required() else str(field.default).lower()
        table.add_row(name, default, config.type_of(name), f"{field.description}{only}")
    return table


def _sweeps() -> Table:
    table = Table("file", "points", "cells", "seeds", "models", box=None, pad_edge=False)
    for path in sorted(Path("sweeps").glob("*.py")):
        try:
            sweep = read_sweep(path)
        except UserError as error:
            table.add_row(str(path), "", "", "", Text(printable(str(error)), "red"))
            continue
        cells = list(sweep.cells())
        models = ", ".join(dict.fromkeys(model for model, _ in cells))
        table.add_row(
            str(path),
            str(len(cells) * len(sweep.seeds)),
            str(len(cells)),
            str(len(sweep.seeds)),
            models,
        )
    if not table.row_count:
        raise UserError(
            "there is no sweeps/*.py in this folder; run from the project's folder, or name a file"
        )
    return table


def _first_line(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0]
