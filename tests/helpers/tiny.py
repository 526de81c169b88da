"""Every model at a size that trains in a blink, on a handful of examples; shared by the tests of the torch half."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.registries import MODELS, get_dataset_class
from gensweep.sweep.parameters import resolve_params
from gensweep.sweep.point import Point
from gensweep.train.batches import Batches
from gensweep.train.loop import Training

CPU = torch.device("cpu")
EXAMPLES = 24
"""Of them 2 test, 2 validate and 20 train: two batches of 8 and one of 4."""
TRAINED, STEPS = 20, 3

_SMALL = {
    "count": EXAMPLES,
    "filters": 2,
    "latent_dim": 4,
    "hidden": 6,
    "glyph_filters": 2,
    "epochs": 1,
    "batch_size": 8,
}
"""Small values of parameters that models and datasets share; a new model is small by them too."""
_DEPTHS = {"encoder_layers": 2, "decoder_layers": 2}
"""Stages of models of pictures: with fewer, the dense layers are large."""


def _tiny_params(name: str) -> dict[str, Any]:
    """Return the small values of those parameters that a model, or its default dataset, has."""
    model = MODELS[name]
    known = model.model_fields.keys() | get_dataset_class(model.default_dataset).model_fields.keys()
    params = {key: value for key, value in _SMALL.items() if key in known}
    return params | _DEPTHS if model.reads == "pictures" else params


TINY: dict[str, dict[str, Any]] = {name: _tiny_params(name) for name in MODELS}


def point(model: str, seed: int = 0, **params: Any) -> Point:
    """A tiny point of the model, some parameters changed; those that do not act then are left out."""
    return Point(model, resolve_params(model, TINY[model] | params), seed)


def few(wanted: Point, examples: int = EXAMPLES) -> DatasetArrays:
    """Some of the point's examples, with a split of their own; drawn once for all points that share them."""
    key = (wanted.data_key, examples)
    if key not in _PREPARED:
        data = wanted.data_config()
        complete: DatasetArrays = data.prepare()
        count = len(next(iter(complete.rows.values())))
        chosen = np.random.default_rng(0).choice(count, examples, replace=False)
        rows = {name: array[chosen] for name, array in complete.rows.items()}
        split = split_rows(examples, data.split_seed)
        _PREPARED[key] = DatasetArrays(rows, split, complete.banks, complete.lookups)
    return _PREPARED[key]


_PREPARED: dict[tuple[str, int], DatasetArrays] = {}


def training(model: str, seed: int = 0, **params: Any) -> Training:
    """A tiny training of the model, before its first epoch."""
    wanted = point(model, seed, **params)
    return Training(wanted.model_config(), wanted.data_config(), seed, few(wanted), CPU)


def trained(
    model: str, seed: int = 0, **params: Any
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """History and test metrics of a tiny training."""
    run = training(model, seed, **params)
    while run.epoch < (run.model.until or run.model.epochs):
        run.run_epoch()
    return run.history, run.test()


def batch(model: str, size: int, start: int = 0, **params: Any) -> dict[str, torch.Tensor]:
    """A batch of the model's inputs alone: the ``size`` examples from ``start`` on."""
    wanted = point(model, **params)
    fields = wanted.model_config().inputs
    built = Batches(few(wanted), fields, CPU).take(torch.arange(start, start + size))
    return {field: built[field] for field in fields}
