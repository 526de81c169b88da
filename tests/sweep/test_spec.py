"""Sweeps, grids and points: what is accepted, what is refused and how, and ids that never change."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin

import numpy as np
import pytest

from gensweep import Grid, Point, Sweep
from gensweep.core.config import param
from gensweep.core.errors import SweepError, UnknownNameError, UserError
from gensweep.core.registries import DATASETS, MODELS, register_metric
from gensweep.core.training_config import TrainingConfig
from gensweep.data.arithmetic import Arithmetic
from gensweep.models.text_to_text import TextToText
from gensweep.sweep.load import read_sweep
from gensweep.sweep.parameters import map_owners, resolve_params

T2T = "text_to_text"
SWEEPS = sorted((Path(__file__).parents[2] / "sweeps").glob("*.py"))
GOLDEN = {
    "cae-e3-d3-s0-c96295b18b31": ("cae", {}, 0),
    "gan-e3-d3-s0-af3f71d92fd5": ("gan", {}, 0),
    "i2t-e1-d1-s0-6524399e31c9": ("image_to_text", {}, 0),
    "t2i-e1-d1-s0-b5f8b0991a8f": ("text_to_image", {}, 0),
    "t2t-e1-d1-s0-0a9a568e45f2": ("text_to_text", {}, 0),
    "vae-e3-d3-s0-c6ecb49f1f15": ("vae", {}, 0),
    "t2t-e3-d2-s7-57173d4b169c": (
        "text_to_text",
        {"encoder_layers": 3, "decoder_layers": 2, "lr": 3e-3, "optimizer": "muon", "schedule": "warmup_linear",
         "clip_norm": 1.0},
        7,
    ),
    "i2t-e1-d1-s1-2e144f1b112f": (
        "image_to_text", {"glyph_encoder": "flat", "augment": 1.0, "digit_split": "shared"}, 1,
    ),
    "t2i-e1-d1-s2-852bdd6d9059": (
        "text_to_image", {"glyph_filters": 4, "train_fraction": 0.5, "schedule": "one_cycle"}, 2,
    ),
    "cae-e3-d3-s0-34c6875f6c1b": ("cae", {"filters": 8, "count": 400, "data_seed": 3}, 0),
    "vae-e3-d3-s0-9872b64cebee": ("vae", {"beta": 4.0, "likelihood": "gaussian", "optimizer": "adamw"}, 0),
    "gan-e5-d1-s0-5a67356b512b": ("gan", {"encoder_layers": 5, "decoder_layers": 1, "split_seed": 1}, 0),
}  # fmt: skip
"""Results on disk are found by these: if one changes, everything that was ever trained is lost."""


def sweep(*grids: Grid, **arguments: Any) -> Sweep:
    return Sweep(**({"name": "s", "grids": grids or [Grid(T2T)]} | arguments))


def ids(swept: Sweep) -> list[str]:
    return [point.id for point in swept.points()]


# --- grids


def test_lists_are_swept_and_scalars_fixed() -> None:
    grid = Grid(T2T, hidden=[8, 16], epochs=3, lr=[0.1, 0.01, 0.001])
    cells = [(cell["hidden"], cell["lr"], cell["epochs"]) for cell in grid.cells()]
    assert cells == [(h, lr, 3) for h in (8, 16) for lr in (0.1, 0.01, 0.001)]


@pytest.mark.parametrize(
    "values",
    [
        (1, 2, 3),
        range(1, 4),
        np.arange(1, 4),
        (n for n in (1, 2, 3)),
        {3, 1, 2},
        frozenset({2, 3, 1}),
    ],
    ids=["tuple", "range", "array", "generator", "set", "frozenset"],
)
def test_any_iterable_is_an_axis(values: Any) -> None:
    grid = Grid(T2T, encoder_layers=values)
    assert grid.axes == {"encoder_layers": [1, 2, 3]}
    assert all(type(value) is int for value in grid.axes["encoder_layers"])
    assert len(grid.cells()) == len(grid.cells()) == 3, (
        "a generator is read once, its cells as often as wanted"
    )


def test_numpy_scalars_make_the_points_of_plain_values() -> None:
    params = {
        "epochs": np.int64(2),
        "lr": np.array(0.5),
        "clip_norm": np.float64(1.0),
        "init": np.str_("keras"),
    }
    point = Point.make("text_to_text", params, np.uint8(3))  # ty: ignore[invalid-argument-type]
    plain = Point.make(
        "text_to_text", {"epochs": 2, "lr": 0.5, "clip_norm": 1.0, "init": "keras"}, 3
    )
    assert (point, point.id) == (plain, plain.id)
    assert {type(value) for value in point.params.values()} <= {int, float, bool, str, type(None)}
    [cell] = Grid("text_to_text", **params).cells()
    assert cell == plain.params
    assert Sweep("x", Grid("text_to_text"), pack=np.int64(2)).pack == 2  # ty: ignore[invalid-argument-type]


def test_numpy_values_of_another_kind_are_refused() -> None:
    for value in (np.bool_(True), np.int64(0), np.array([2])):
        with pytest.raises(SweepError, match="epochs="):
            Point.make("text_to_text", {"epochs": value}, 0)


def test_numpy_scalars_are_plain_numbers() -> None:
    plain = sweep(Grid(T2T, lr=0.01, hidden=8))
    assert ids(sweep(Grid(T2T, lr=np.float64(0.01), hidden=np.int64(8)))) == ids(plain)
    assert ids(sweep(Grid(T2T, lr=np.array([0.01]), hidden=8))) == ids(plain)


def test_an_axis_that_acts_only_beside_another_collapses() -> None:
    grid = Grid(T2T, optimizer=["adam", "muon"], muon_momentum=[0.9, 0.95])
    assert [(cell["optimizer"], cell.get("muon_momentum")) for cell in grid.cells()] == [
        ("adam", None), ("muon", 0.9), ("muon", 0.95),
    ]  # fmt: skip


def test_cells_of_two_grids_are_counted_once() -> None:
    both = sweep(Grid(T2T, encoder_layers=[1, 2]), Grid(T2T, encoder_layers=[2, 3]))
    assert [params["encoder_layers"] for _, params in both.cells()] == [1, 2, 3]
    assert len(set(ids(both))) == len(ids(both)) == 3


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"hidden": []}, "hidden has no values"),
        ({"hidden": range(0)}, "hidden has no values"),
        ({"hidden": [8, 16, 8]}, "hidden has 8 twice"),
        ({"optimizer": ["adam", "adam"]}, "optimizer has 'adam' twice"),
        ({"seed": [0, 1]}, "seeds belong to the sweep"),
        (
            {"muon_momentum": 0.9},
            "muon_momentum does nothing here; it acts only with optimizer=muon",
        ),
        (
            {"optimizer": "adam", "weight_decay": [0.1]},
            "weight_decay does nothing here; it acts only with optimizer=adamw or muon",
        ),
        (
            {"warmup": 0.1, "schedule": ["constant", "one_cycle"]},
            "warmup does nothing here; it acts only with schedule=warmup_linear",
        ),
    ],
)
def test_a_wrong_axis_is_named(axes: dict[str, Any], message: str) -> None:
    with pytest.raises(SweepError, match=f"Grid\\('{T2T}'\\): .*{re.escape(message)}"):
        Grid(T2T, **axes)


# --- names


@pytest.mark.parametrize(
    ("make", "what", "near", "valid"),
    [
        (
            lambda: Grid("txt_to_text"),
            "unknown model 'txt_to_text'",
            T2T,
            ", ".join(sorted(MODELS)),
        ),
        (lambda: Grid("resnet"), "unknown model 'resnet'", None, ", ".join(sorted(MODELS))),
        (
            lambda: Grid(T2T, encodr_layers=1),
            f"unknown parameter 'encodr_layers' in {T2T}",
            "encoder_layers",
            "batch_",
        ),
        (
            lambda: Grid("cae", dataset="avatar"),
            "unknown dataset 'avatar'",
            "avatars",
            "arithmetic, ",
        ),
        (lambda: sweep(tables=["dept"]), "unknown table 'dept'", "depth", "aggregate, "),
        (
            lambda: sweep(figures=["depth_heat"]),
            "unknown figure 'depth_heat'",
            "depth_heatmap",
            "answer_distances, ",
        ),
        (
            lambda: sweep(seed=3),
            "unknown argument 'seed' in sweep 's'",
            "seeds",
            "figures, grids, keep, margin, name, objective, pack, questions, reference, search, seeds, "
            "tables, uses, vary.",
        ),
    ],
)
def test_unknown_names_are_named_with_the_nearest_and_every_valid_one(
    make: Any, what: str, near: str | None, valid: str
) -> None:
    with pytest.raises(UserError) as caught:
        make()
    guess = f"; did you mean {near!r}?" if near else "."
    assert str(caught.value).startswith(f"{what}{guess} Valid: {valid}")


def test_a_dataset_of_another_kind_is_refused() -> None:
    with pytest.raises(SweepError, match="cae cannot train on 'arithmetic'; it takes avatars"):
        Grid("cae", dataset="arithmetic")


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "points",
        "Points",
        "report.html",
        "",
        "a/b",
        "a\\b",
        ".",
        "..",
        ".hidden",
        "-x",
        "a b",
        "é",
        "a" * 101,
        7,
        None,
    ],
)
def test_a_name_that_is_no_plain_folder_name_is_refused(name: Any) -> None:
    with pytest.raises(
        SweepError, match=f"sweep name {re.escape(repr(name))} is not a plain folder name"
    ):
        sweep(name=name)


def test_plain_names_are_accepted() -> None:
    assert [sweep(name=name).name for name in ("a", "depth_2", "v1.2-b", "9")] == [
        "a",
        "depth_2",
        "v1.2-b",
        "9",
    ]


# --- values


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        ("cae", {"encoder_layers": 0}, "cae: encoder_layers=0: input should be greater than or equal to 1"),
        ("cae", {"decoder_layers": 6}, "cae: decoder_layers=6: input should be less than or equal to 5"),
        (T2T, {"decoder_layers": [1, 0]}, "decoder_layers=0"),
        (T2T, {"train_fraction": 1.2}, "train_fraction=1.2: input should be less than or equal to 0.9"),
        (T2T, {"train_fraction": 0}, "train_fraction=0: input should be greater than 0"),
        (T2T, {"epochs": -1}, "epochs=-1: input should be greater than or equal to 1"),
        (T2T, {"epochs": True}, "epochs=True: input should be a valid integer"),
        (T2T, {"epochs": "3"}, "epochs='3': input should be a valid integer"),
        (T2T, {"epochs": 3.5}, "epochs=3.5: input should be a valid integer"),
        (T2T, {"epochs": None}, "epochs=None: input should be a valid integer"),
        (T2T, {"lr": "fast"}, "lr='fast': input should be a valid number"),
        (T2T, {"lr": float("nan")}, "lr=nan: input should be a finite number"),
        (T2T, {"lr": float("inf")}, "lr=inf: input should be a finite number"),
        (T2T, {"lr": False}, "lr=False: input should be a valid number"),
        (T2T, {"optimizer": "sgd"}, "optimizer='sgd': input should be 'adam', 'adamw' or 'muon'"),
        (T2T, {"optimizer": {"name": "adam"}}, "optimizer={'name': 'adam'}: input should be 'adam'"),
        ("cae", {"count": 20, "train_fraction": 0.01}, "leaves none to train on"),
    ],
)  # fmt: skip
def test_values_out_of_range_are_named(model: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(SweepError, match=re.escape(message)):
        Grid(model, **values)


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (0, "seeds=0: at least one seed is needed"),
        (-2, "seeds=-2: at least one seed is needed"),
        ([], "seeds has no values"),
        ([1, 1], "seeds has 1 twice"),
        ([0, -1], "seed -1 is not a whole number of 0 or more"),
        ([2**63 - 1, 2**63], "a seed is too large; the largest one is 9223372036854775807"),
        ([True], "seed True is not a whole number"),
        ([0.5], "seed 0.5 is not a whole number"),
        (["0"], "seed '0' is not a whole number"),
        (True, "seeds=True is neither"),
        (2.0, "seeds=2.0 is neither"),
        ("3", "seeds='3' is neither"),
        (None, "seeds=None is neither"),
    ],
)
def test_wrong_seeds_are_named(seeds: Any, message: str) -> None:
    with pytest.raises(SweepError, match=f"sweep 's': {re.escape(message)}"):
        sweep(seeds=seeds)


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [(1, [0]), (3, [0, 1, 2]), ([7, 0], [7, 0]), (range(2, 4), [2, 3]), (np.array([5]), [5])],
)
def test_seeds_are_a_number_or_a_list(seeds: Any, expected: list[int]) -> None:
    swept = sweep(Grid(T2T, hidden=[8, 16]), seeds=seeds)
    assert swept.seeds == expected
    assert [point.seed for point in swept.points()] == expected * 2


@pytest.mark.parametrize("seed", [-1, True, 1.0, "0", None])
def test_a_point_has_one_whole_seed(seed: Any) -> None:
    with pytest.raises(SweepError, match=f"seed {re.escape(repr(seed))}"):
        Point.make(T2T, {}, seed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grids": []}, "sweep 's' has no grids"),
        ({"grids": [Grid(T2T), Grid(T2T)]}, "sweep 's' has the same grid twice"),
        ({"grids": [{"model": T2T}]}, "which is not a Grid"),
        ({"tables": "depth"}, "tables='depth' is not a list of names"),
        ({"figures": None}, "figures=None is not a list of names"),
    ],
)
def test_other_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SweepError, match=re.escape(message)):
        sweep(**arguments)


def test_one_grid_needs_no_list_and_names_are_kept_once() -> None:
    swept = Sweep("s", Grid(T2T), tables=("depth", "depth"))
    assert (len(swept.grids), swept.tables) == (1, ["depth"])


# --- changed


def test_changed_replaces_an_axis_in_every_grid_that_knows_it() -> None:
    before = sweep(Grid(T2T, hidden=[8, 16], epochs=2), Grid("cae", epochs=2), seeds=2)
    after = before.replace_values({"hidden": 4, "epochs": [1, 3]}, seeds=1)
    assert Counter((model, p.get("hidden"), p["epochs"]) for model, p in after.cells()) == Counter(
        [(T2T, 4, 1), (T2T, 4, 3), ("cae", None, 1), ("cae", None, 3)]
    )
    assert after.seeds == [0]
    assert before.seeds == [0, 1], "the sweep itself stays as it was"
    assert len(list(before.cells())) == 3


def test_changed_keeps_what_it_does_not_name() -> None:
    before = Sweep("s", [Grid(T2T)], seeds=[4], tables=["depth"], figures=["learning_curves"])
    after = before.replace_values({"epochs": 2})
    assert (after.name, after.seeds, after.tables, after.figures) == (
        "s",
        [4],
        ["depth"],
        ["learning_curves"],
    )


def test_varied_parameters_have_the_seed_as_their_value() -> None:
    grid = Grid(T2T, hidden=[8, 16])
    varied = Sweep("s", [grid], seeds=[0, 3], vary=["split_seed"]).points()
    assert [point.params["split_seed"] for point in varied] == [0, 3, 0, 3]
    swept = Sweep("s", [Grid(T2T, hidden=[8, 16], split_seed=[0, 3])], seeds=[0, 3]).points()
    assert {point.id for point in varied} < {point.id for point in swept}, "ids of a plain grid"
    assert len({point.cell for point in varied}) == 2, "the seeds of a cell stay together"
    fixed = Sweep("s", [grid], seeds=[0, 3]).points()
    assert not {point.cell for point in varied} & {point.cell for point in fixed}
    again = Sweep("s", [grid], seeds=[0, 3], vary=["split_seed"]).replace_values(seeds=1)
    assert [point.params["split_seed"] for point in again.points()] == [0, 0]


@pytest.mark.parametrize(
    ("vary", "grid", "message"),
    [
        (
            ["split_sed"],
            {},
            "unknown seed 'split_sed' in vary of sweep 's'; did you mean 'split_seed'?",
        ),
        (["hidden"], {}, "unknown seed 'hidden'"),
        (["data_seed"], {}, "unknown seed 'data_seed'"),
        (["split_seed"], {"split_seed": 1}, "but a grid has split_seed=[1]"),
        ("split_seed", {}, "vary='split_seed' is not a list of names"),
        ([3], {}, "vary has 3, which is not a name"),
        (None, {}, "vary=None is not a list of names"),
    ],
)
def test_what_cannot_vary_is_refused(vary: Any, grid: dict[str, Any], message: str) -> None:
    with pytest.raises(SweepError, match=re.escape(message)):
        Sweep("s", [Grid(T2T, **grid)], vary=vary)


def test_changed_into_equal_grids_leaves_one() -> None:
    after = sweep(Grid(T2T, hidden=8), Grid(T2T, hidden=16)).replace_values({"hidden": 4})
    assert len(after.grids) == 1


def test_changed_knows_the_parameters_of_any_dataset_of_the_grid() -> None:
    assert [
        p["count"]
        for _, p in sweep(Grid("cae", dataset=["avatars"])).replace_values({"count": 50}).cells()
    ] == [50]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "unknown parameter 'epoch' in sweep 's'; did you mean 'epochs'?"),
        ({"filters": 3}, "unknown parameter 'filters' in sweep 's'"),
        ({"seed": 3}, "'seed' is not a parameter of sweep 's': --seeds N"),
        ({"epochs": 0}, "epochs=0"),
        ({"muon_lr": 0.1}, "muon_lr does nothing here"),
    ],
)
def test_changed_refuses_what_no_grid_takes(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SweepError, match=re.escape(message)):
        sweep(Grid(T2T, hidden=8)).replace_values(values)


# --- ids


@pytest.mark.parametrize(("expected", "point"), GOLDEN.items())
def test_golden_ids(expected: str, point: tuple[str, dict[str, Any], int]) -> None:
    assert Point.make(*point).id == expected


BUILT_IN = {"cae", "gan", "image_to_text", "text_to_image", "text_to_text", "vae"}
"""The models whose ids are pinned and that the smoke sweep trains; a new one may join them."""


def test_golden_ids_cover_every_model_at_its_defaults_and_beyond() -> None:
    counts = Counter(model for model, _, _ in GOLDEN.values())
    assert counts == dict.fromkeys(BUILT_IN, 2)
    assert counts.keys() <= set(MODELS)


def test_an_id_is_the_hash_of_a_canonical_json() -> None:
    point = Point.make(T2T, {"hidden": 8}, 3)
    added_later = ("precision", "until", "dropout", "order", "feed_back")
    params = {key: value for key, value in point.params.items() if key not in added_later}
    identity = {"version": 1, "model": T2T, "numerics": [1, 1], "params": params, "seed": 3}
    digest = hashlib.sha256(
        json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()
    assert point.id == f"t2t-e1-d1-s3-{digest[:12]}"


def test_a_cell_is_a_point_without_its_seed() -> None:
    one, other = (Point.make(T2T, {"hidden": 8}, seed) for seed in (0, 1))
    assert one.cell == other.cell
    assert re.fullmatch(r"t2t-e1-d1-[0-9a-f]{12}", one.cell)
    assert one.cell != Point.make(T2T, {"hidden": 9}, 0).cell


def test_ids_do_not_depend_on_spelling() -> None:
    values = {"lr": 1.0, "hidden": 8, "clip_norm": 2.0}
    expected = Point.make(T2T, values, 0).id
    assert Point.make(T2T, dict(reversed(values.items())), 0).id == expected
    assert Point.make(T2T, values | {"lr": 1, "clip_norm": 2}, 0).id == expected
    assert Point.make(T2T, values | {"epochs": 10, "dataset": "arithmetic"}, 0).id == expected, (
        "a default said aloud"
    )


def test_what_does_not_act_is_no_part_of_a_point() -> None:
    params = resolve_params(T2T, {"optimizer": "adam"})
    assert not params.keys() & {"muon_lr", "muon_momentum", "weight_decay", "warmup", "hold"}
    assert resolve_params(T2T, {"optimizer": "muon", "schedule": "warmup_linear"}).keys() - params.keys() == {
        "muon_lr", "muon_momentum", "weight_decay", "warmup", "hold",
    }  # fmt: skip


def others(point: Point) -> list[tuple[str, Any]]:
    """For every parameter of a point each choice, or one number, that it does not have."""
    changes: list[tuple[str, Any]] = []
    for key, owner in map_owners(MODELS[point.model], DATASETS[point.params["dataset"]]).items():
        annotation, value = owner.model_fields[key].annotation, point.params[key]
        if key == "digits":
            changes.append((key, "mnist"))
        elif key == "until":
            changes.append((key, 1))
        elif get_origin(annotation) is Literal:
            changes += [(key, choice) for choice in get_args(annotation) if choice != value]
        elif isinstance(value, bool):
            changes.append((key, not value))
        else:
            changes.append((key, value + 1 if isinstance(value, int) else (value or 1.0) / 2))
    return changes


@pytest.mark.parametrize("model", list(MODELS))
def test_every_parameter_is_part_of_the_id(model: str) -> None:
    acting = {"optimizer": "muon", "schedule": "warmup_linear"}
    base = Point.make(model, acting, 0)
    changed = [Point.make(model, acting | {key: value}, 0) for key, value in others(base)]
    assert {key for key, _ in others(base)} >= base.params.keys() - {"dataset"}
    assert (
        len({point.id for point in [base, Point.make(model, acting, 1), *changed]})
        == len(changed) + 2
    )


def test_ids_hold_nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for expected, point in GOLDEN.items():
        built = Point.make(*point)
        assert built.id == expected
        text = json.dumps(built.params)
        assert not re.search(r"[/\\]|cpu|cuda|mps|thread|device|results", text)


class Later(TextToText):
    """A model that gained parameters after results were written."""

    tie: bool = param(False, "a parameter added later", neutral=False)
    gain: float | None = param(None, "another, whose neutral value is none", neutral=None)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS._entries, T2T, Later)


def test_a_neutral_value_keeps_the_old_id(later: None) -> None:
    assert Point.make(T2T, {}, 0).id == "t2t-e1-d1-s0-0a9a568e45f2"
    assert Point.make(T2T, {"tie": False, "gain": None}, 0).id == "t2t-e1-d1-s0-0a9a568e45f2"
    changed = {Point.make(T2T, {"tie": True}, 0).id, Point.make(T2T, {"gain": 1.0}, 0).id}
    assert len(changed | {"t2t-e1-d1-s0-0a9a568e45f2"}) == 3


def test_an_axis_that_never_ends_is_an_error() -> None:
    with pytest.raises(SweepError, match="epochs has more than 100000 values; is it endless"):
        Grid(T2T, epochs=itertools.count(1))


def test_a_recipe_can_be_left_and_the_order_of_changes_does_not_matter() -> None:
    """Axes of the sweep's own that do nothing any more go; what the call names must act."""
    best = named("best")
    adam = best.replace_values({"optimizer": "adam"})
    assert len(list(adam.cells())) == len(list(best.cells()))
    assert all("muon_lr" not in params for _, params in adam.cells())
    layers = named("layers")
    available, back = (
        {"optimizer": "muon", "muon_lr": 0.01},
        {"muon_lr": 0.01, "optimizer": "muon"},
    )
    assert [p.id for p in layers.replace_values(available).points()] == [
        p.id for p in layers.replace_values(back).points()
    ]
    with pytest.raises(
        SweepError, match="muon_lr does nothing here; it acts only with optimizer=muon"
    ):
        layers.replace_values({"muon_lr": 0.01})
    with pytest.raises(SweepError, match="muon_lr does nothing here"):
        Point.make(T2T, {"muon_lr": 0.01}, 0)


def test_raised_numerics_change_every_id(monkeypatch: pytest.MonkeyPatch) -> None:
    class Remade(Arithmetic):
        numerics: ClassVar[int] = 2

    monkeypatch.setitem(DATASETS._entries, "arithmetic", Remade)
    assert Point.make(T2T, {}, 0).id != "t2t-e1-d1-s0-0a9a568e45f2"


def test_points_that_differ_only_in_training_share_their_data() -> None:
    base = Point.make(T2T, {}, 0)
    same = [Point.make(T2T, {"train_fraction": 0.1}, 0), Point.make(T2T, {"hidden": 8}, 3)]
    assert {point.data_key for point in same} == {base.data_key}
    assert Point.make(T2T, {"split_seed": 1}, 0).data_key != base.data_key
    assert Point.make("image_to_text", {}, 0).data_key != base.data_key


def test_configs_are_rebuilt_from_a_point() -> None:
    point = Point.make("vae", {"beta": 2.0, "count": 100}, 0)
    assert (point.model_config().beta, point.data_config().count) == (2.0, 100)  # type: ignore[attr-defined]


# --- the sweeps that come with the project


def named(name: str) -> Sweep:
    return read_sweep(SWEEPS[0].with_name(f"{name}.py"))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_file_loads(path: Path) -> None:
    swept = read_sweep(path)
    assert swept.name == path.stem
    counted = Counter(ids(swept))
    assert counted or swept.searches, "no points"
    assert set(counted.values()) <= {1}, "an id twice"


def test_smoke_covers_every_model() -> None:
    assert {model for model, _ in named("smoke").cells()} == BUILT_IN


def test_layers_and_splits_share_their_common_cell() -> None:
    common = set(ids(named("layers"))) & set(ids(named("splits")))
    assert common == {Point.make(T2T, {}, seed).id for seed in range(3)}, (
        "1+1 layers on nine tenths of the pool"
    )


def test_layers_holds_every_combined_depth() -> None:
    depths = Counter(
        (model, p["encoder_layers"], p["decoder_layers"]) for model, p in named("layers").cells()
    )
    expected = [
        (m, e, d)
        for m in (T2T, "image_to_text", "text_to_image")
        for e in range(1, 6)
        for d in range(1, 6)
    ]
    assert depths == Counter(expected)


def test_unknown_names_are_user_errors() -> None:
    assert issubclass(UnknownNameError, UserError)
    assert issubclass(SweepError, UserError)


def test_an_axis_may_be_a_numpy_number_or_a_set_of_mixed_types() -> None:
    import numpy as np

    assert Grid("cae", lr=np.array(0.001)).axes["lr"] == [0.001]
    assert Grid("cae", clip_norm={None, 1.0, np.float64(0.5)}).axes["clip_norm"] == [None, 0.5, 1.0]
    assert Grid("cae", epochs=3.0).cells() == Grid("cae", epochs=3).cells()
    with pytest.raises(SweepError, match=r"epochs=3\.5"):
        Grid("cae", epochs=3.5)


def test_no_parameter_and_no_metric_has_the_name_of_a_table_s_column() -> None:
    with pytest.raises(ValueError, match="tables have a column 'seconds' already"):

        class Slow(TrainingConfig):
            seconds: int = param(3, "how long")

    with pytest.raises(UserError, match="tables have a column of this name already"):
        register_metric("status", needs=("loss",), unit="1", direction="min")


def test_whole_parameters_that_no_record_holds_are_refused() -> None:
    with pytest.raises(SweepError, match="split_seed is too large; the largest integer is 92233"):
        Grid(T2T, split_seed=10**400)
    with pytest.raises(SweepError, match="a seed is too large"):
        Point.make(T2T, {}, 2**63)


def test_a_grid_of_too_many_combinations_is_refused_at_once() -> None:
    with pytest.raises(SweepError, match="3,996,001 combinations; at most 1,000,000 are planned"):
        Grid(T2T, hidden=range(1, 2000), epochs=range(1, 2000))
