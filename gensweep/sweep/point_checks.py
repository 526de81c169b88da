"""Checks of a point that was made by hand; the points of sweeps have passed stricter ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gensweep.core.data_source import DataSource
from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.registries import MODELS, get_dataset_class
from gensweep.core.trainable import Trainable
from gensweep.core.values import is_plain, show_value
from gensweep.sweep.parameters import (
    check_seed,
    list_parameters,
    map_owners,
)

_MAKE_INSTEAD = (
    "Point.make(MODEL, PARAMS, SEED) adds default values and checks all"
)


def check_types(model: Any, params: Any, seed: Any, varied: Any) -> None:
    """Raise SweepError for an argument of `Point` of a wrong type."""
    if not isinstance(model, str):
        raise SweepError(
            f"Point: model={show_value(model)} is not the name of a model"
        )
    if not isinstance(params, dict):
        raise SweepError(
            f"Point: params={show_value(params)} is not a dict of parameters"
        )
    check_seed("Point: ", seed)
    check_names("varied", varied)


def check_names(argument: str, names: Any) -> None:
    """Raise SweepError for an argument that is not a tuple or list of names."""
    is_list = isinstance(names, (tuple, list))
    # The usual case, of which a plan has one per point.
    if is_list and not names:
        return
    if not is_list or not all(isinstance(name, str) for name in names):
        raise SweepError(
            f"Point: {argument}={show_value(names)} is not a tuple of parameters"
        )


def check_complete(model_name: str, params: Mapping[str, Any]) -> None:
    """Check the names of a point's parameters: it has all that always act, and no unknown one.

    Raises:
        SweepError: one is absent or unknown.
        UnknownNameError: an unknown model or dataset.
    """
    if "dataset" not in params:
        raise SweepError(
            f"{model_name}: params has no 'dataset'; {_MAKE_INSTEAD}"
        )
    model = MODELS[model_name]
    dataset = get_dataset_class(params["dataset"])
    absent = _list_required(model, dataset) - params.keys()
    if absent:
        raise SweepError(
            f"{model_name}: params has no {min(absent)!r}; {_MAKE_INSTEAD}"
        )
    known = list_parameters(model_name, params["dataset"])
    for key in params.keys() - known:
        owner = f"params of {model_name}"
        raise SweepError(describe_unknown("parameter", key, known, owner))


@lru_cache(maxsize=256)
def _list_required(
    model: type[Trainable], dataset: type[DataSource]
) -> frozenset[str]:
    """Return the parameters that every point has; those with `when` depend on other values."""
    required = set()
    for key, owner in map_owners(model, dataset).items():
        if not owner.get_extras(key).get("when"):
            required.add(key)
    return frozenset(required)


def check_plain(model_name: str, params: Mapping[str, Any]) -> None:
    """Raise SweepError for a value that no parameter can have."""
    for key, value in params.items():
        if not is_plain(value):
            raise SweepError(
                f"{model_name}: {key}={show_value(value)} is no value of a parameter; "
                f"{_MAKE_INSTEAD}"
            )
