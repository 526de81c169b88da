"""What both sides train: one model's grid, as a sweep file for gensweep and as settings and arrays for the scripts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.prepare import array_cache
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Grid, Sweep
from gensweep.system.text import pluralize

SEQUENCES = ("text_to_text", "image_to_text", "text_to_image")
PICTURES = ("cae", "vae", "gan")
MODELS = SEQUENCES + PICTURES


@dataclass(frozen=True)
class Case:
    """One model's grid: learning rates x seeds.

    Attributes:
        params: what is fixed, by name; the rest has gensweep's defaults, but PyTorch's initial weights, which the
            scripts get without asking.
        rates: learning rates.
        seeds: how many, from 0.
        rounds: runs of each side.
    """

    model: str
    params: dict[str, Any]
    rates: tuple[float, ...]
    seeds: int = 4
    rounds: int = 2

    @property
    def script(self) -> str:
        """The module of the idiomatic script."""
        return f"benchmarks.idiomatic.{'sequences' if self.model in SEQUENCES else 'pictures'}"

    @property
    def fixed(self) -> dict[str, Any]:
        """Every parameter that is named and not swept."""
        return {"init": "torch"} | self.params

    def computing(self, precision: str) -> Case:
        """The same in a precision."""
        return replace(self, params=self.params | {"precision": precision})

    def smaller_than(self, other: Case) -> bool:
        """Whether this is a smaller measurement: fewer rounds, points or epochs."""
        sizes = [
            (case.rounds, case.seeds, case.params["epochs"])
            for case in (self, other)
        ]
        return any(mine < theirs for mine, theirs in zip(*sizes, strict=True))

    def sweep(self) -> Sweep:
        """The grid as gensweep takes it."""
        return Sweep(
            "benchmark",
            [Grid(self.model, lr=list(self.rates), **self.fixed)],
            self.seeds,
        )

    def sweep_file(self) -> str:
        """The text of a sweep file with the same grid, a table and figures such as those in `sweeps/`."""
        return (
            "from gensweep import Grid, Sweep\n\n"
            "SWEEP = Sweep(\n"
            '    name="benchmark",\n'
            f"    grids=[Grid({self.model!r}, lr={list(self.rates)!r}, **{self.fixed!r})],\n"
            f"    seeds={self.seeds},\n"
            '    tables=["leaderboard"],\n'
            '    figures=["learning_curves", "training_history"],\n'
            ")\n"
        )

    def points(self) -> list[Point]:
        """Every point of the grid."""
        return self.sweep().points()

    def settings(self) -> dict[str, Any]:
        """`params` and `grid` of the idiomatic script: all of a point's parameters, and its axes."""
        params = {
            key: value
            for key, value in self.points()[0].params.items()
            if key != "lr"
        }
        grid = {"lr": list(self.rates), "seed": list(range(self.seeds))}
        return {"params": {"model": self.model, **params}, "grid": grid}

    def title(self) -> str:
        """The settings in a line."""
        point = self.points()[0]
        rows = {
            name: len(array)
            for name, array in split_rows(
                point, array_cache.load_arrays(point.data_config())
            ).items()
        }
        named = ", ".join(
            f"{key}={value}" for key, value in self.params.items()
        )
        rates = ", ".join(f"{rate:g}" for rate in self.rates)
        return (
            f"{len(self.points())} points (lr {rates}; {pluralize(self.seeds, 'seed')}), {named}, batches of "
            f"{point.params['batch_size']}; {rows['train']:,} examples to train, {rows['validation']:,} to validate "
            f"every epoch, {rows['test']:,} to test."
        )


def split_rows(
    point: Point, prepared: DatasetArrays
) -> dict[str, np.ndarray]:
    """Rows of the point's training, validation and test examples."""
    fraction = point.data_config().train_fraction
    return {"train": select_training_rows(prepared.split, fraction)} | {
        name: prepared.split[name] for name in ("validation", "test")
    }


def arrays(point: Point) -> dict[str, np.ndarray]:
    """What the point's model reads, `split/field` -> array: codes and pictures as gensweep keeps them, uint8 [n, ...].

    Each script gets these from a file, so that it needs none of gensweep's code to train on the same examples.
    """
    prepared = array_cache.load_arrays(point.data_config())
    found = {}
    for split, rows in split_rows(point, prepared).items():
        for field in point.model_config().inputs:
            row, bank = prepared.lookups.get(field, (field, ""))
            values = prepared.rows[row][rows]
            found[f"{split}/{field}"] = (
                prepared.banks[bank][values] if bank else values
            )
    return found


def write_arrays(point: Point, path: Path) -> None:
    """Write `arrays` as an npz file."""
    np.savez(path, **arrays(point))


_SEQUENCE_RATES, _PICTURE_RATES, _GAN_RATES = (
    (1e-3, 2e-3),
    (1e-3, 2e-3),
    (2e-4, 4e-4),
)
_PICTURES = {"filters": 32, "count": 1000, "epochs": 6}
FULL = (
    Case("text_to_text", {"hidden": 256, "epochs": 10}, _SEQUENCE_RATES),
    Case("image_to_text", {"hidden": 256, "epochs": 2}, _SEQUENCE_RATES),
    Case("text_to_image", {"hidden": 256, "epochs": 2}, _SEQUENCE_RATES),
    Case("cae", _PICTURES, _PICTURE_RATES),
    Case("vae", _PICTURES, _PICTURE_RATES),
    Case("gan", _PICTURES, _GAN_RATES),
)
_FEW = {"filters": 16, "count": 200, "epochs": 2}
QUICK = (
    Case(
        "text_to_text",
        {"hidden": 256, "train_fraction": 0.1, "epochs": 2},
        _SEQUENCE_RATES,
        1,
        2,
    ),
    Case(
        "image_to_text",
        {"hidden": 256, "train_fraction": 0.05, "epochs": 2},
        _SEQUENCE_RATES,
        1,
        2,
    ),
    Case(
        "text_to_image",
        {"hidden": 256, "train_fraction": 0.05, "epochs": 2},
        _SEQUENCE_RATES,
        1,
        2,
    ),
    Case("cae", _FEW, _PICTURE_RATES, 1, 2),
    Case("vae", _FEW, _PICTURE_RATES, 1, 2),
    Case("gan", _FEW, _GAN_RATES, 1, 2),
)
QUICK_MODEL = "text_to_text"
"""The one whose processes a quick run starts: two of each side for all six would take longer than three minutes."""


def chosen(
    quick: bool,
    models: Iterable[str] = MODELS,
    rounds: int | None = None,
    points: int | None = None,
    epochs: int | None = None,
    precision: str = "auto",
) -> list[Case]:
    """The cases of a run, some of their settings changed.

    Args:
        quick: small settings.
        models: names.
        rounds: runs of each side.
        points: of each grid; an even number, for there are two learning rates.
        epochs: of each point.
        precision: what gensweep computes in, by the parameter's name.
    """
    wanted = set(models)
    cases = []
    for case in QUICK if quick else FULL:
        if case.model in wanted:
            params = (
                case.params
                | ({} if epochs is None else {"epochs": epochs})
                | {"precision": precision}
            )
            seeds = (
                case.seeds if points is None else points // len(case.rates)
            )
            cases.append(
                replace(
                    case,
                    params=params,
                    seeds=seeds,
                    rounds=rounds or case.rounds,
                )
            )
    return cases
