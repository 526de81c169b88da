"""Print the record of one point, for `show`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from gensweep.cli.show_registry import BETTER
from gensweep.core.registries import METRICS
from gensweep.inspect.find import StoredPoint, find_point
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.records import Record
from gensweep.system.terminal import Console


def show_point(name: str, results: str, console: Console) -> None:
    """Print a point's status, metrics, parameters, versions, hardware and files."""
    stored = find_point(name, results)
    record = stored.record

    def say(text: str) -> None:
        console.print(text, soft_wrap=True)

    status = f"{record.id}  {record.status}"
    if record.error:
        status += f": {record.error}"
    say(status)
    for warning in record.warnings:
        say(f"warning: {warning}")
    time = f"{record.epochs} epochs in {record.seconds:.1f} s"
    say(f"{record.model}, seed {record.seed}, {time}; {record.finished}")
    console.print(_make_metric_table(record))
    if record.examples:
        say(f"examples    {_join(record.examples)}")
    parameters = [
        f"{key}={value}" for key, value in sorted(record.params.items())
    ]
    say(f"parameters  {', '.join(parameters)}")
    say(f"versions    {_join(record.versions)}")
    say(f"hardware    {_join(_format_hardware(record))}")
    size = record.pack["size"]
    if size > 1:
        say(
            f"pack        lane {record.pack['lane']} of {size} trained together, counted from 0"
        )
    say(f"sweeps      {', '.join(stored.list_sweeps()) or 'none'}")
    folder = stored.store.uri(f"{POINTS}/{record.id}")
    say(f"files       {folder}: {', '.join(_list_files(stored))}")


def _join(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _format_hardware(record: Record) -> dict[str, Any]:
    hardware = dict(record.hardware)
    for key, value in hardware.items():
        if "memory" in key and value:
            hardware[key] = f"{value / 1e9:.1f} GB"
    return hardware


def _make_metric_table(record: Record) -> Table:
    table = Table(
        "metric", "value", "unit", "better", box=None, pad_edge=False
    )
    metrics = dict(METRICS.items())
    for name, value in record.metrics.items():
        metric = metrics.get(name.rpartition("/")[2])
        unit = better = ""
        # An old record may have metrics that this gensweep no longer has.
        if metric:
            unit = metric.unit
            better = BETTER[metric.direction]
        table.add_row(name, f"{value:.6g}", unit, better)
    return table


def _list_files(stored: StoredPoint) -> list[str]:
    folder = stored.folder
    paths = folder.rglob("[!.]*")
    return sorted(
        path.relative_to(folder).as_posix()
        for path in paths
        if path.is_file()
    )
