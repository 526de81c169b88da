"""Shapes: points of one shape take the same time an epoch and example, and the same memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gensweep.core.registries import MODELS, get_dataset_class
from gensweep.sweep.parameters import map_neutrals

COSTLESS = {
    "epochs", "train_fraction", "lr", "beta1", "beta2", "weight_decay", "muon_lr", "muon_momentum",
    "schedule", "warmup", "hold", "init", "split_seed", "data_seed", "digit_split", "beta", "until",
}  # fmt: skip
"""Parameters that change neither the time of a training step nor the memory."""


def make_shape_key(model: str, params: Mapping[str, Any]) -> str:
    """Return a key that is equal for points of the same cost.

    Such points take the same time an epoch and example, and the same memory.
    """
    dataset = get_dataset_class(params["dataset"])
    neutrals = map_neutrals(MODELS[model], dataset)
    # A neutral value is left out: records from before the parameter existed lack it.
    sizes = {
        key: value
        for key, value in params.items()
        if key not in COSTLESS
        and (key not in neutrals or value != neutrals[key])
    }
    return format_key(model, sizes)


def format_key(model: str, params: Mapping[str, Any]) -> str:
    """Return a text that is equal for equal parameters of one model, in any order.

    It tells 1, 1.0 and True apart, and takes a third of the time that JSON takes.
    """
    return f"{model} {sorted(params.items())!r}"
