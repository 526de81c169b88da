"""The declarations that models and tasks share: all entries of the registry of models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from gensweep.core.config import Config

if TYPE_CHECKING:
    from gensweep.core.registries import Metric

_NO_ID_CHARACTER = re.compile(r"[^A-Za-z0-9.]+")
_MAX_SHOWN_CHARACTERS = 24


class Trainable(Config):
    """Base of everything that can be trained.

    Attributes:
        abbreviation: the first part of every point's id.
        shown: parameters that the readable part of an id shows, each with its value.
        reads: the kind of dataset it takes, as `Data.kind`.
        default_dataset: the dataset of a point that names none.
        outputs: the outputs of its evaluation, by which metrics apply.
        packs: whether points that differ little can be trained as one batched model.
        has_exact_prefixes: whether the first epochs of a longer training equal a shorter one.
        is_trained_by_loop: whether gensweep's own loop trains it, or a function of the user's.
    """

    abbreviation: ClassVar[str]
    shown: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[str]
    default_dataset: ClassVar[str]
    outputs: ClassVar[tuple[str, ...]]
    packs: ClassVar[bool] = True
    is_trained_by_loop: ClassVar[bool] = True
    has_exact_prefixes: ClassVar[bool] = False

    @classmethod
    def format_prefix(cls, params: Mapping[str, Any]) -> str:
        """Return the readable first part of an id, such as `mlp-width64`."""
        parts = [cls.abbreviation]
        for name in cls.shown:
            if name in params:
                text = f"{name}{str(params[name]).lower()}"
                parts.append(
                    _NO_ID_CHARACTER.sub("_", text)[:_MAX_SHOWN_CHARACTERS]
                )
        return "-".join(parts)

    @classmethod
    def list_metrics(cls, split: str = "test") -> Sequence[Metric]:
        """Return what is measured on `validation` or `test`."""
        raise NotImplementedError

    @classmethod
    def list_code_roots(cls) -> list[str]:
        """Return the full names of the definitions that make its numbers, and all they refer to."""
        raise NotImplementedError

    def estimate_step_cost(self) -> float:
        """Return the relative cost of an example, from sizes alone."""
        raise NotImplementedError

    def estimate_training_bytes(self, lanes: int = 1) -> int:
        """Return the estimated memory of a training with some lanes, without its process."""
        raise NotImplementedError


def get_full_name(thing: Any) -> str:
    """Return the module and the top-level name of a class or function.

    For a function inside a function, it is the name of the outer function.
    """
    while isinstance(thing, partial):
        thing = thing.func
    return f"{thing.__module__}.{thing.__qualname__.partition('.')[0]}"


def is_defined_in_main(config: type[Trainable]) -> bool:
    """Return whether a model or task is defined in a notebook, or in the script that runs."""
    roots = config.list_code_roots()
    return any(root.startswith("__main__.") for root in roots)
