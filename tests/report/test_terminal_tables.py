"""The tables of a sweep on the terminal."""

from __future__ import annotations

import io

import pytest
from sweep_files import (
    cell,
    write_record,
    write_sweep,
)

from gensweep import load
from gensweep.ledger.status import Status
from gensweep.report.collect import print_tables
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.terminal import print_table
from gensweep.system.terminal import Console


@pytest.mark.parametrize("width", [100, 140])
def test_the_terminal_shows_what_matters_and_fits(tmp_path, width):
    a, b = cell(0, 1, 2), cell(0, 1, encoder_layers=2)
    for seed in (0, 1, 2):
        write_record(tmp_path, a, seed, char_accuracy=0.5 + seed / 10, exact_match=0.1)
    write_record(tmp_path, b, 0, Status.FAILED)
    console = Console(file=io.StringIO(), width=width)
    print_tables(load(write_sweep(tmp_path, [a, b])), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    assert "sweep: 5 points: 3 ok, 1 failed, 1 missing" in text
    (first,) = [line.split() for line in text.splitlines() if "3/3" in line]
    assert first[:5] == ["1", "3/3", "0.60", "±", "0.25"], "t * 0.1 / sqrt(3) = 0.248"
    assert first[5:7] == ["0.5661", "+0.0339"]
    assert "0/2, 1 failed, 1 missing" in text
    assert f"failed: {b['points']['0']}: it broke | at once" in "".join(text.split("\n")).replace(
        "broke|", "broke |"
    )


def test_the_terminal_shows_the_cells_of_wanted_points_alone(tmp_path):
    a, b = cell(0, 1), cell(0, encoder_layers=2)
    for seed in (0, 1):
        write_record(tmp_path, a, seed, char_accuracy=0.5 + seed / 10, exact_match=0.1)
    write_record(tmp_path, b, 0, Status.FAILED)
    results = load(write_sweep(tmp_path, [a, b]))

    def show(wanted):
        console = Console(file=io.StringIO(), width=140)
        print_tables(results, console, wanted)
        return console.file.getvalue()  # type: ignore[attr-defined]

    text = show([a["points"]["0"]])
    assert "Shown: 1 of 2 cells" in text
    assert "2/2" in text and "failed: " not in text
    text = show([b["points"]["0"]])
    assert "2/2" not in text and f"failed: {b['points']['0']}" in text
    assert show(["unknown"]) == show(None) and "Shown:" not in show(None)


def test_many_cells_are_cut_in_the_terminal_and_no_number_of_the_report_is_needed(tmp_path):
    cells = [cell(0, hidden=hidden) for hidden in range(1, 51)]
    console = Console(file=io.StringIO(), width=120)
    print_tables(load(write_sweep(tmp_path, cells)), console)
    assert "10 more cells: see tables/cells.md" in console.file.getvalue()  # type: ignore[attr-defined]


def test_on_a_narrow_screen_trials_keep_their_numbers_whole() -> None:
    """Their parameters become one column of text; 50 columns are too few for eight columns."""
    params = {"lr": 0.00238, "muon_lr": 0.0384, "weight_decay": 0.184, "batch_size": 16}
    columns = [Column("trial", [17], Kind.COUNT)]
    columns += [Column(name, [value], Kind.PARAMETER) for name, value in params.items()]
    columns += [Column(f"epoch {epoch}", [0.38412], Kind.NUMBER) for epoch in (3, 9)]
    table = Table("search", "tpe: trials", TableData(tuple(columns)))
    for width in (50, 200):
        screen = io.StringIO()
        print_table(table, Console(file=screen, width=width))
        lines = screen.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        text = screen.getvalue()
        assert text.count("0.3841") == 2
        has_setting = "lr=0.00238" in text and "weight_decay=0.184" in text
        assert has_setting == (width == 50)
        assert all(str(value) in text for value in params.values())
