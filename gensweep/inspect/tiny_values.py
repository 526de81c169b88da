"""Small values of a task's or model's parameters, and other ones beside them, from their ranges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from gensweep.core.config import Config
from gensweep.core.data_source import Data
from gensweep.core.errors import UserError
from gensweep.core.registries import MODELS, get_dataset_class
from gensweep.core.trainable import Trainable
from gensweep.core.training_config import TrainingConfig
from gensweep.sweep.point import Point

EPOCHS = 3
_LARGEST = 8
"""A larger default of a whole number is replaced by this."""
_PICTURES = 100
_TRAIN_FRACTION = 0.02


def make_tiny_params(name: str) -> dict[str, Any]:
    """Return parameters with which a model or task trains in seconds.

    Raises:
        UserError: the parameters with a default value do not fit each other.
    """
    config = MODELS[name]
    params: dict[str, Any] = {"epochs": EPOCHS}
    for key in list_own_parameters(config):
        default = config.model_fields[key].get_default()
        if (
            key != "epochs"
            and type(default) is int
            and default > _LARGEST
            and "batch" not in key
        ):
            params[key] = _LARGEST
    dataset = get_dataset_class(config.default_dataset)
    if "count" in dataset.model_fields:
        params["count"] = _PICTURES
    elif issubclass(dataset, Data):
        params["train_fraction"] = _TRAIN_FRACTION
    # A value that is too small for its range, or for another parameter, keeps its default.
    for key in list(params):
        try:
            Point.make(name, {key: params[key]}, 0)
        except UserError:
            del params[key]
    Point.make(name, params, 0)
    return params


def list_own_parameters(config: type[Trainable]) -> list[str]:
    """Return the parameters that the user's class or function declares."""
    inherited = (
        TrainingConfig.model_fields.keys()
        if config.is_trained_by_loop
        else ()
    )
    return [key for key in config.model_fields if key not in inherited]


def make_variant(name: str, params: dict[str, Any], key: str) -> Point | None:
    """Return a point that differs in one parameter; None if no other value is known.

    Parameters on which it depends get values with which it acts.
    """
    config = MODELS[name]
    needed = {}
    for other, allowed in config.get_extras(key).get("when", {}).items():
        needed[other] = allowed[0]
    base = Point.make(name, params | needed, 0)
    for value in _iter_other_values(config, key, base.params.get(key)):
        if value == base.params.get(key):
            # Half of 0 is 0.
            continue
        try:
            return Point.make(name, params | needed | {key: value}, 0)
        except UserError:
            continue
    return None


def _iter_other_values(
    config: type[Config], key: str, value: Any
) -> Iterator[Any]:
    """Yield values beside one of a parameter; some of them may be out of its range."""
    annotation = config.model_fields[key].annotation
    parts = [annotation, *get_args(annotation)]
    for part in parts:
        if get_origin(part) is Literal:
            yield from (other for other in get_args(part) if other != value)
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield from (value / 2, value * 2, value + 0.1, 0.5)
    elif value is None:
        if bool in parts:
            yield True
        if int in parts:
            yield from (1, 2)
        if float in parts:
            yield from (0.1, 0.5, 1.0)
