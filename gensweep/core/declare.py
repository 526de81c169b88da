"""Declarations of a user's file: a parameter, a model and a dataset; wrong arguments are errors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from gensweep.core import config as configs
from gensweep.core.class_checks import (
    DATASET_ATTRIBUTES,
    MODEL_ATTRIBUTES,
    NAME,
    check_attributes,
)
from gensweep.core.data_source import Data
from gensweep.core.errors import UserError
from gensweep.core.model import Model
from gensweep.core.param_checks import check_defaults, check_param
from gensweep.core.registries import DATASETS, MODELS
from gensweep.core.values import show_value

C = TypeVar("C", bound=type)
_UNSET = object()
_MODEL_MUST_SAY = {
    "reads": "the kind of data it takes: arithmetic, arithmetic_pictures, pictures, or your own",
    "default_dataset": "the dataset of a point that names none",
    "inputs": "the fields of a batch that it uses",
    "outputs": "what `evaluate` of its network returns",
}


def param(
    default: Any,
    description: str = "",
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    when: dict[str, tuple[Any, ...]] | None = None,
    neutral: Any = _UNSET,
) -> Any:
    """Declare one parameter of a task, a model or a dataset.

    Args:
        default: the value of a point that does not name it.
        description: one line for `list` and the error messages.
        ge: the smallest value.
        gt: a limit that every value is above.
        le: the largest value.
        lt: a limit that every value is below.
        when: the parameter acts only if every named parameter has one of these values; otherwise
            it is not part of the point (or of its id), and setting it is an error.
        neutral: for a parameter added after results exist: the value under which those results
            stay valid. At that value it is left out of the id.

    Raises:
        UserError: an argument is not one of its valid values.
    """
    limits = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    used = {key: limit for key, limit in limits.items() if limit is not None}
    options: dict[str, Any] = (
        {} if neutral is _UNSET else {"neutral": neutral}
    )
    check_param(description, when, options.get("neutral"), used)
    return configs.param(default, description, when=when, **options, **used)


def model(name: str) -> Callable[[C], C]:
    """Return a decorator that registers a subclass of `gs.Model` under a name.

    Raises:
        UserError: this is not such a class, or it lacks an attribute that every model declares.
    """
    _check_name("model", name)
    owner = f"model {name!r}"

    def add(config: C) -> C:
        if not (isinstance(config, type) and issubclass(config, Model)):
            raise UserError(
                f"{owner}: {show_value(config)} is not a subclass of gs.Model"
            )
        for attribute, meaning in _MODEL_MUST_SAY.items():
            if not hasattr(config, attribute):
                raise UserError(
                    f"{owner} does not say {attribute!r}: {meaning}"
                )
        if not hasattr(config, "abbreviation"):
            config.abbreviation = name
        check_attributes(owner, config, MODEL_ATTRIBUTES)
        unknown = [
            key for key in config.shown if key not in config.model_fields
        ]
        if unknown:
            raise UserError(
                f"{owner}: shown names {unknown[0]!r}, which is no parameter"
            )
        check_defaults(owner, config)
        config.name = name
        if "build_network" in vars(config):
            config.build_network = _check_result(owner, config.build_network)
        MODELS.register(name, cast(Any, config))
        return config

    return add


def _check_result(owner: str, build: Any) -> Any:
    """Return `build_network` of a class, with a check that it returns a network."""

    @functools.wraps(build)
    def build_checked(config: Any) -> Any:
        network = build(config)
        # torch is not imported here.
        if not hasattr(network, "named_parameters"):
            line = inspect.unwrap(build).__code__.co_firstlineno
            raise TypeError(
                f"build_network of {owner}, in line {line} of its file, returned "
                f"{show_value(network)}, not a gs.Network"
            )
        return network

    return build_checked


def dataset(name: str) -> Callable[[C], C]:
    """Return a decorator that registers a subclass of `gs.Dataset` under a name.

    Raises:
        UserError: this is not such a class, or it does not say its kind.
    """
    _check_name("dataset", name)
    owner = f"dataset {name!r}"

    def add(config: C) -> C:
        if not (isinstance(config, type) and issubclass(config, Data)):
            raise UserError(
                f"{owner}: {show_value(config)} is not a subclass of gs.Dataset"
            )
        if not isinstance(getattr(config, "kind", None), str):
            raise UserError(
                f"{owner} does not say its kind, which models read"
            )
        check_attributes(owner, config, DATASET_ATTRIBUTES)
        check_defaults(owner, config)
        config.name = name
        DATASETS.register(name, cast(Any, config))
        return config

    return add


def _check_name(kind: str, name: Any) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UserError(
            f"{kind} {show_value(name)}: a name has letters, digits and '_', at most 40"
        )
