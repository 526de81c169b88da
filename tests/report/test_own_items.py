"""Tables and figures of a user's own functions that are wrong: left out, named, all else is made."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from odd_values import check
from runs import call

import gensweep as gs

OWN_FILE = '''
import gensweep as gs

@gs.task("toy", metrics={{"gap": gs.Range(0, None, "min")}}, epochs=1)
def train(run, *, width: int = gs.param(1, "width", ge=1)):
    """Return the inverse of the width."""
    run.epoch({{"validation/gap": 1 / width}})
    return {{"gap": 1 / width}}

@gs.{kind}("mine")
def mine(results):
    """Return something odd."""
    {code}
'''
SWEEP = """
from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="own", grids=[Grid("toy", width=[1, 2])], {kind}s=["mine"], uses=["own.py"]
)
"""
FRAME = 'results.points[["id", "seconds"]]'
BAD_PLOT = (
    'return [gs.FigureData("mine", "t", "c", gs.Plot([gs.Panel('
    '[gs.Series("s", [1, 2], [1])], gs.Axis("x"), gs.Axis("y"))]))]'
)
BAD_DRAWING = (
    'return [gs.FigureData("mine", "t", "c", gs.CustomPlot(results.points, lambda figure: 1 / 0))]'
)


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("table", "return 1 / 0", "own.py:13: ZeroDivisionError: division by zero"),
        ("table", "return None", "mine should return a list of gs.Table, not of NoneType"),
        (
            "table",
            "return results.points",
            "mine should return a list of gs.Table, not of DataFrame",
        ),
        (
            "table",
            'return [gs.Table("mine", "t", [1])]',
            "own.py:13: Table: data=[1] is not a data",
        ),
        (
            "table",
            f'return [gs.Table("../mine", "t", {FRAME})]',
            "name='../mine' cannot be the name of a file",
        ),
        ("figure", "return 1 / 0", "own.py:13: ZeroDivisionError: division by zero"),
        ("figure", "return", "mine should return a list of gs.FigureData, not of NoneType"),
        ("figure", BAD_PLOT, "own.py:13: Series: x has 2 values, not 1: one for each of the 1"),
        (
            "figure",
            'return [gs.Series("s", [1], [1], low=[0])]',
            "own.py:13: Series: high has 0 values, not 1: low and high are the two ends",
        ),
        (
            "figure",
            'return [gs.Panel([], "size", gs.Axis("y"))]',
            "own.py:13: Panel: x='size' is not a gs.Axis",
        ),
        (
            "figure",
            'return [gs.Plot(gs.Panel([], gs.Axis("x"), gs.Axis("y")))]',
            "is not a list of gs.Panel",
        ),
        (
            "table",
            "return [gs.Table('mine', results.points)]",
            "own.py:13: Table: title=a DataFrame is not a text",
        ),
        ("figure", BAD_DRAWING, "own.py:13: ZeroDivisionError: division by zero"),
    ],
)
def test_a_wrong_item_is_left_out_and_the_rest_is_made(
    kind: str, code: str, message: str, tmp_path: Path, root: Path
) -> None:
    (tmp_path / "own.py").write_text(OWN_FILE.format(kind=kind, code=code))
    file = tmp_path / "sweep.py"
    file.write_text(SWEEP.format(kind=kind))
    result = call(file, "--results", root, "--local")
    assert result.code == 0
    (line,) = {line for line in result.error.splitlines() if "left out" in line}
    assert f"the {kind} mine is left out: " in line and message in line
    files = {path.name for path in (root / "own").rglob("*")}
    assert {"report.html", "cells.csv", "leaderboard-toy.csv"} <= files
    assert not [name for name in files if name.startswith("mine")]


def test_a_single_table_needs_no_list(tmp_path: Path, root: Path) -> None:
    code = f'return gs.Table("mine", "t", {FRAME})'
    (tmp_path / "own.py").write_text(OWN_FILE.format(kind="table", code=code))
    file = tmp_path / "sweep.py"
    file.write_text(SWEEP.format(kind="table"))
    assert call(file, "--results", root, "--local").code == 0
    assert len(pd.read_csv(root / "own" / "tables" / "mine.csv")) == 2


TABLE: dict[str, Any] = {"name": "t", "title": "t", "data": pd.DataFrame({"a": [1]})}


@pytest.mark.parametrize("argument", ["name", "title", "data", "notes", "sections", "full_data"])
def test_odd_arguments_of_a_table(argument: str) -> None:
    assert argument in inspect.signature(gs.Table).parameters
    check(argument, lambda value: gs.Table(**(TABLE | {argument: value})))


FIGURE: dict[str, Any] = {"name": "f", "title": "t", "caption": "c", "content": gs.Plot([])}


@pytest.mark.parametrize("argument", list(inspect.signature(gs.FigureData).parameters))
def test_odd_arguments_of_a_figure(argument: str) -> None:
    check(argument, lambda value: gs.FigureData(**(FIGURE | {argument: value})).to_frame())
