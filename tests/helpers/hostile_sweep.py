"""A sweep whose names and results are as hard to print as they can be."""

from __future__ import annotations

from pathlib import Path

from sweep_files import cell, write_record, write_sweep

from gensweep.core.registries import TABLES
from gensweep.ledger.status import Status

HOSTILE = "50% of a_b & c#d ~ {x} ^2 $5 \\end{table} <1> \"q\" 'it''s' `b` --set é Å ß ± – € 数"


def hostile(root: Path) -> Path:
    """Every status, every page, awkward texts, a long table and a wide one."""
    cells = [
        cell(0, 1, 2, encoder_layers=e, decoder_layers=d) for e in range(1, 8) for d in range(1, 8)
    ]
    cells += [
        cell(0, 1, model="text_to_image", dataset="folder:数_50%"),
        cell(0, 1, model="gan", hidden=8),
    ]
    for index, one in enumerate(cells):
        names = {"gan": ["sliced_wasserstein"], "text_to_image": ["mse"]}.get(
            one["model"], ["char_accuracy", "novel"]
        )
        for seed in range(2):
            write_record(root, one, seed, **dict.fromkeys(names, 0.5 + index / 100 + seed / 30))
    failed, diverged = cell(0, lr=1.0), cell(0, lr=2.0)
    write_record(root, failed, 0, Status.FAILED)
    write_record(root, diverged, 0, Status.DIVERGED)
    write_record(root, cell(0, hidden=9), 0).write_text("{")
    return write_sweep(
        root, [*cells, failed, diverged, cell(0, hidden=9)], "a-b_c", tables=list(TABLES)
    )
