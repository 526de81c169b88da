"""Grids that are not the complete product: paired parameters and conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from runs import call

from gensweep.core.errors import SweepError
from gensweep.sweep.grid import Grid
from gensweep.sweep.spec import Sweep
from gensweep.sweep.zips import Zip

DEPTHS = ("encoder_layers", "decoder_layers")


def list_depths(grid: Grid) -> list[tuple[int, int]]:
    """Return encoder and decoder layers of every cell."""
    return [(params[DEPTHS[0]], params[DEPTHS[1]]) for params in grid.cells()]


def test_a_zip_pairs_its_values_and_is_multiplied_with_the_axes() -> None:
    grid = Grid("text_to_text", Zip(encoder_layers=[1, 2], decoder_layers=[3, 3]), lr=[0.1, 0.2])
    assert list_depths(grid) == [(1, 3), (1, 3), (2, 3), (2, 3)]
    assert grid.axes == {"encoder_layers": [1, 2], "decoder_layers": [3], "lr": [0.1, 0.2]}


def test_where_sees_every_parameter_also_defaults_and_inactive_ones() -> None:
    axes: dict[str, Any] = {"encoder_layers": [1, 2, 3], "decoder_layers": range(1, 4)}
    lower = Grid("text_to_text", where=lambda p: p.encoder_layers <= p.decoder_layers, **axes)
    assert list_depths(lower) == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]
    items = Grid("text_to_text", where=lambda p: p["encoder_layers"] <= p["decoder_layers"], **axes)
    assert items.map_cells() == lower.map_cells()
    same = Grid("text_to_text", where=lambda p: p.optimizer == "adam" and p.muon_lr is None, **axes)
    assert len(same.cells()) == 9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Zip(a=[1, 2], b=[1]),
            "Zip: parameters need equally many values; a has 2, b has 1",
        ),
        (lambda: Zip(a=[1, 1], b=[2, 2]), "Zip: a, b have (1, 2) twice"),
        (lambda: Zip(a=[]), "Zip: a has no values"),
        (lambda: Grid("cae", Zip(lr=[1e-3, 1e-4]), lr=0.1), "lr is in a Zip and comes once more"),
        (lambda: Grid("cae", {"lr": 1}), "{'lr': 1} is not a Zip"),  # type: ignore[arg-type]
        (lambda: Grid("cae", where=True), "where=True is not a function"),  # type: ignore[arg-type]
        (lambda: Grid("cae", where=lambda p: False), "where accepts none of the combinations"),
        (
            lambda: Grid("cae", where=lambda p: p["encoder_layer"] == 1),
            "unknown parameter 'encoder_layer' in where of cae; did you mean 'encoder_layers'?",
        ),
        (
            lambda: Grid("cae", where=lambda p: p.encoder_layer == 1),
            "unknown parameter 'encoder_layer' in where of cae; did you mean 'encoder_layers'?",
        ),
        (lambda: Grid("cae", Zip(epoch=[1, 2])), "did you mean 'epochs'?"),
    ],
)
def test_a_wrong_grid_says_what_is_wrong(make: Any, message: str) -> None:
    with pytest.raises(SweepError) as error:
        make()
    assert message in str(error.value)


def test_replaced_values_leave_a_zip_and_keep_where() -> None:
    grid = Grid(
        "text_to_text",
        Zip(encoder_layers=[1, 2, 3], decoder_layers=[3, 3, 4]),
        where=lambda p: p.encoder_layers < 3,
    )
    assert list_depths(grid) == [(1, 3), (2, 3)]
    assert list_depths(grid.replace_values({"encoder_layers": 1})) == [(1, 3), (1, 4)]
    paired = grid.replace_values({}, [Zip(encoder_layers=[1, 2], decoder_layers=[5, 6])])
    assert list_depths(paired) == [(1, 5), (2, 6)]
    assert repr(paired) != repr(grid)


def test_zips_keep_the_ids_of_their_points() -> None:
    product = Sweep("s", Grid("cae", encoder_layers=[1, 2], decoder_layers=[1, 2]))
    paired = Sweep("s", Grid("cae", Zip(encoder_layers=[1, 2], decoder_layers=[1, 2])))
    ids = [point.id for point in product.points()]
    assert [point.id for point in paired.points()] == [ids[0], ids[3]]


SWEEP = """
from gensweep import Grid, Sweep, Zip
SWEEP = Sweep("pairs", [Grid("text_to_text", Zip(encoder_layers=[1, 2], decoder_layers=[3, 4]))])
"""


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("encoder_layers:decoder_layers=1:2,2:1,3:3", "3 points wanted"),
        ("encoder_layers=1,2,3", "6 points wanted"),
        ("encoder_layers:decoder_layers=1:2,2", "[2] does not have one value for each of"),
        (
            "encoder_layers:decoder_layers=1:2,2:",
            "'2:' has an empty value; write values as in A:B=1:3",
        ),
        ("encoder_layers:=1:2", "each parameter needs its own name, as in A:B=1:3,2:4"),
        ("encoder_layers:decoder_layer=1:2", "did you mean 'decoder_layers'?"),
    ],
)
def test_pairs_on_the_command_line(tmp_path: Path, text: str, outcome: str) -> None:
    file = tmp_path / "pairs.py"
    file.write_text(SWEEP)
    ended = call(file, "--dry-run", "--results", tmp_path / "results", "--set", text)
    shown = " ".join((ended.out + ended.error).split())
    assert outcome in shown
    assert ended.code == (0 if "wanted" in outcome else 2)
