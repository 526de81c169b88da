"""Files of a sweep and its points, written by hand: what the report half reads."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

from gensweep.core.registries import FIGURES, TABLES
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.report.paper import PAPER_TABLES

T_2, T_1 = 4.302652729911275, 12.706204736432095
"""Student's t at 0.975 with 2 and 1 degrees of freedom, from a printed table (4.303, 12.706) to more digits."""


REPORT = PAPER_TABLES[1].setting | {"encoder_layers": 1, "decoder_layers": 1, "split_seed": 0}


METRICS: dict[str, dict[str, Any]] = {
    "char_accuracy": {
        "unit": "fraction",
        "direction": "max",
        "doc": "Right characters.",
        "models": ["text_to_text"],
    },
    "exact_match": {
        "unit": "fraction",
        "direction": "max",
        "doc": "Right answers.",
        "models": ["text_to_text"],
    },
    "mse": {"unit": "pixel^2", "direction": "min", "doc": "Error.", "models": ["text_to_image"]},
    "reconstruction_mse": {
        "unit": "pixel^2",
        "direction": "min",
        "doc": "Error.",
        "models": ["cae"],
    },
    "sliced_wasserstein": {
        "unit": "pixel",
        "direction": "min",
        "doc": "Distance.",
        "models": ["gan"],
    },
}


def cell(*seeds: int, model: str = "text_to_text", **params: Any) -> dict[str, Any]:
    """A cell of sweep.json at the paper's setting but for some parameters."""
    params = REPORT | params
    name = "-".join(
        [
            model,
            *(f"{key}_{params[key]}" for key in sorted(params) if params[key] != REPORT.get(key)),
        ]
    )
    return {
        "id": name,
        "model": model,
        "params": params,
        "points": {str(s): f"{name}-s{s}" for s in seeds},
    }


def write_sweep(
    root: Path, cells: list[dict[str, Any]], name: str = "sweep", **changes: Any
) -> Path:
    """Write ROOT/<name>/sweep.json; the grid names its axes in an order of its own."""
    axes = {"optimizer": ["adam"], "encoder_layers": [1], "decoder_layers": [1]}
    grids = [{"model": cells[0]["model"], "axes": axes}]
    models = {c["model"] for c in cells}
    metrics = {key: info for key, info in METRICS.items() if models & set(info["models"])}
    values = {
        "schema": 1,
        "name": name,
        "seeds": [0],
        "tables": [],
        "figures": [],
        "grids": grids,
        "cells": cells,
    }
    values |= {
        "metrics": metrics,
        "command": "",
        "commit": None,
        "versions": {},
        "hardware": {},
        "created": "",
    }
    (root / name).mkdir(parents=True)
    (root / name / "sweep.json").write_text(json.dumps(values | changes))
    return root / name


def write_record(
    root: Path, of: dict[str, Any], seed: int, status: str = Status.OK, **metrics: float
) -> Path:
    """Write one point's record, without its history; what is tested is validated with the same value."""
    folder = root / "points" / of["points"][str(seed)]
    folder.mkdir(parents=True)
    error = "it broke | at once" if status == Status.FAILED else None
    tested = {key: value for key, value in metrics.items() if "/" not in key}
    named = {
        f"{split}/{key}": value for split in ("test", "validation") for key, value in tested.items()
    }
    named |= {key: value for key, value in metrics.items() if "/" in key}
    record = Record(
        folder.name,
        of["model"],
        of["params"],
        seed,
        status,
        named,
        seconds=2.0,
        epochs=of["params"].get("epochs", 10),
        error=error,
    )
    (folder / "record.json").write_text(record.to_json())
    return folder / "record.json"


def write_history(root: Path, of: dict[str, Any], seed: int, text: str) -> None:
    (root / "points" / of["points"][str(seed)] / "history.csv").write_text(text)


def write_answers(root: Path, of: dict[str, Any], seed: int, lines: list[str]) -> None:
    text = "\n".join(["query,answer,predicted", *lines, ""])
    (root / "points" / of["points"][str(seed)] / "answers.csv").write_text(text)


def generous(root: Path) -> Path:
    """A sweep that suits every table and figure."""
    text = [{}, {"encoder_layers": 2}, {"train_fraction": 0.5}, {"epochs": 100}, {"batch_size": 64}]
    cells = [cell(0, 1, **params) for params in text]
    for depths in itertools.product((1, 2), (1, 2)):
        layers = dict(zip(("encoder_layers", "decoder_layers"), depths, strict=True))
        cells.append(cell(0, 1, model="cae", **layers))
    for index, one in enumerate(cells):
        for seed in (0, 1):
            names = [name for name, info in METRICS.items() if one["model"] in info["models"]]
            values = dict.fromkeys(names, 0.5 + 0.01 * index + 0.02 * seed)
            write_record(root, one, seed, **values)
            main = next(iter(values))
            if one["model"] == "text_to_text":
                right = round(100 * values["exact_match"])
                answers = [f"{k}+2,{k + 2},{k + 2 + (k >= right)}" for k in range(100)]
                write_answers(root, one, seed, answers)
            epochs = one["params"].get("epochs", 10)
            lines = [
                f"{epoch},{1 / epoch},{values[main] * epoch / epochs}"
                for epoch in range(1, epochs + 1)
            ]
            write_history(
                root, one, seed, "\n".join([f"epoch,train/loss,validation/{main}", *lines, ""])
            )
    return write_sweep(root, cells, tables=list(TABLES), figures=list(FIGURES))


def foreign(path: Path) -> None:
    path.write_text('{"a": 1}')


def truncated(path: Path) -> None:
    path.write_text(path.read_text()[:-40])


def edited(path: Path) -> None:
    path.write_text(path.read_text().replace("0.5", "0.6"))


def newer(path: Path) -> None:
    path.write_text('{"schema": 99}')


def of_another_point(path: Path) -> None:
    values = {
        key: value
        for key, value in json.loads(path.read_text()).items()
        if key not in ("checksum", "id")
    }
    path.write_text(Record(id="another", **values).to_json())
