"""What `show`, `sample`, `interpolate`, `answer` and `evaluate` print and write of one point."""

from __future__ import annotations

from rich.table import Table

from gensweep.core.registries import METRICS
from gensweep.inspect.find import StoredPoint, find_point
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.records import Record
from gensweep.system.terminal import Console


def show(name: str, results: str, console: Console) -> None:
    """Print what is known of a point: status, metrics, parameters, where and by what it was trained, its files."""
    kept = find_point(name, results)
    record = kept.record

    def say(text: str) -> None:
        console.print(text, soft_wrap=True)

    say(f"{record.id}  {record.status}{f': {record.error}' if record.error else ''}")
    for text in record.warnings:
        say(f"warning: {text}")
    say(
        f"{record.model}, seed {record.seed}, {record.epochs} epochs in {record.seconds:.1f} s; {record.finished}"
    )
    console.print(_metrics(record))
    if record.examples:
        say(
            "examples    " + ", ".join(f"{name} {count}" for name, count in record.examples.items())
        )
    say(
        "parameters  " + ", ".join(f"{key}={value}" for key, value in sorted(record.params.items()))
    )
    say("versions    " + ", ".join(f"{key} {value}" for key, value in record.versions.items()))
    hardware = {
        key: f"{value / 1e9:.1f} GB" if "memory" in key and value else value
        for key, value in record.hardware.items()
    }
    say("hardware    " + ", ".join(f"{key} {value}" for key, value in hardware.items()))
    if record.pack["size"] > 1:
        say(
            f"pack        lane {record.pack['lane']} of {record.pack['size']} that were trained together, from 0"
        )
    say(f"sweeps      {', '.join(kept.list_sweeps()) or 'none'}")
    say(f"files       {kept.store.uri(f'{POINTS}/{record.id}')}: {', '.join(_files(kept))}")


def _metrics(record: Record) -> Table:
    table = Table("metric", "value", "unit", "better", box=None, pad_edge=False)
    known = dict(METRICS.items())
    words = {"max": "higher", "min": "lower", "none": "neither"}
    for name, value in record.metrics.items():
        bare = name.rpartition("/")[2]
        metric = known.get(bare)
        table.add_row(
            name,
            f"{value:.6g}",
            metric.unit if metric else "",
            words[metric.direction] if metric else "",
        )
    return table


def _files(kept: StoredPoint) -> list[str]:
    return sorted(
        path.relative_to(kept.folder).as_posix()
        for path in kept.folder.rglob("[!.]*")
        if path.is_file()
    )
