"""The run that a task's function gets, and the ranges of the metrics that it returns."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gensweep.core.errors import UserError
from gensweep.core.values import is_number, show_value

DIRECTIONS = ("max", "min", "none")


@dataclass(frozen=True)
class Range:
    """The values that a metric can have, and the direction in which it gets better.

    Attributes:
        low: the smallest possible value; None: there is none.
        high: the largest possible value; None: there is none.
        direction: `max` if larger is better, `min` if smaller is, `none` if neither.
        unit: for tables: `fraction`, `nats`, `s`.
        description: the meaning, in a line.
    """

    low: float | None = None
    high: float | None = None
    direction: Literal["max", "min", "none"] = "none"
    unit: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        is_text = isinstance(self.direction, str)
        if not is_text or self.direction not in DIRECTIONS:
            raise UserError(
                f"Range: direction {show_value(self.direction)} is not one of "
                f"{', '.join(DIRECTIONS)}"
            )
        for name in ("low", "high"):
            bound = getattr(self, name)
            if bound is not None and not is_number(bound):
                raise UserError(
                    f"Range: {name}={show_value(bound)} is neither a number nor None"
                )
        for name in ("unit", "description"):
            text = getattr(self, name)
            if not isinstance(text, str):
                raise UserError(
                    f"Range: {name}={show_value(text)} is not a text"
                )
        if (
            self.low is not None
            and self.high is not None
            and self.low >= self.high
        ):
            raise UserError(
                f"Range({self.low}, {self.high}): the first number is not smaller"
            )

    def contains(self, value: float) -> bool:
        """Return whether a metric can have this value."""
        is_above = self.low is None or value >= self.low
        return is_above and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        low = "no bound" if self.low is None else f"{self.low:g}"
        high = "no bound" if self.high is None else f"{self.high:g}"
        return f"{low} to {high}"


class Run(abc.ABC):
    """The first argument of a task's function.

    Attributes:
        seed: of the point. Python's, NumPy's and PyTorch's own generators start from it.
        params: every parameter of the point, and `epochs`.
        point: the point's id.
        device: `cpu`, `cuda` or `mps`.
        threads: how many threads the task may use.
    """

    seed: int
    params: Mapping[str, Any]
    point: str
    device: str
    threads: int

    @abc.abstractmethod
    def restore(self) -> Any:
        """Return the `state` of the last `epoch` of an earlier attempt; None if there is none."""

    @abc.abstractmethod
    def epochs(self, state: Any = None) -> Iterator[int]:
        """Yield the numbers of the epochs to train: from 1, or from the one after a state's.

        Args:
            state: what `restore` returned; None: begin with epoch 1. Without this argument, the
                training goes on after what `restore` returned.
        """

    @abc.abstractmethod
    def epoch(self, metrics: Mapping[str, float], state: Any = None) -> None:
        """Report an epoch: keep its metrics and its state, then go on.

        Args:
            metrics: `validation/NAME` of declared metrics, and `train/NAME` of any name.
            state: what `restore` is to return after an interruption: numbers, text, bytes, NumPy
                arrays and tensors, and lists, tuples and dicts of them.
        """

    @abc.abstractmethod
    def write(self, name: str, content: str | bytes) -> None:
        """Write a file into the folder `files` of the point; nothing without a results root."""
