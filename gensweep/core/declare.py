"""Decorators for a user's file: a model, and a dataset."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

from gensweep.core.data_source import Data
from gensweep.core.errors import UserError
from gensweep.core.model import Model
from gensweep.core.registries import DATASETS, MODELS

C = TypeVar("C", bound=type)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_MODEL_MUST_SAY = {
    "reads": "the kind of data it takes: arithmetic, arithmetic_pictures, pictures, or your own",
    "default_dataset": "the dataset of a point that names none",
    "inputs": "the fields of a batch that it uses",
    "outputs": "what `evaluate` of its network returns",
}


def model(name: str) -> Callable[[C], C]:
    """Return a decorator that registers a subclass of `gs.Model` under a name.

    Raises:
        UserError: the class is none, or does not say what every model must.
    """
    _check_name("model", name)

    def add(config: C) -> C:
        if not (isinstance(config, type) and issubclass(config, Model)):
            raise UserError(
                f"model {name!r}: {config!r} is not a subclass of gs.Model"
            )
        for attribute, meaning in _MODEL_MUST_SAY.items():
            if not hasattr(config, attribute):
                raise UserError(
                    f"model {name!r} does not say {attribute!r}: {meaning}"
                )
        for attribute in ("inputs", "outputs", "players", "shown"):
            _check_names(
                f"model {name!r}", attribute, getattr(config, attribute)
            )
        unknown = [
            key for key in config.shown if key not in config.model_fields
        ]
        if unknown:
            raise UserError(
                f"model {name!r}: shown names {unknown[0]!r}, which is no parameter"
            )
        config.name = name
        if not hasattr(config, "abbreviation"):
            config.abbreviation = name
        MODELS.register(name, cast(Any, config))
        return config

    return add


def dataset(name: str) -> Callable[[C], C]:
    """Return a decorator that registers a subclass of `gs.Dataset` under a name.

    Raises:
        UserError: the class is none, or does not say its kind.
    """
    _check_name("dataset", name)

    def add(config: C) -> C:
        if not (isinstance(config, type) and issubclass(config, Data)):
            raise UserError(
                f"dataset {name!r}: {config!r} is not a subclass of gs.Dataset"
            )
        if not isinstance(getattr(config, "kind", None), str):
            raise UserError(
                f"dataset {name!r} does not say its kind, which models read"
            )
        config.name = name
        DATASETS.register(name, cast(Any, config))
        return config

    return add


def _check_name(kind: str, name: Any) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(
            f"{kind} {name!r}: a name has letters, digits and '_', at most 40"
        )


def _check_names(prefix: str, attribute: str, names: Any) -> None:
    if not isinstance(names, tuple) or not all(
        isinstance(name, str) for name in names
    ):
        raise UserError(
            f"{prefix}: {attribute} is {names!r}, not a tuple of names"
        )
