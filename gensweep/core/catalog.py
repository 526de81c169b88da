"""Every registry, in one place. Each fills itself from its package on first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.core.config import Data
from gensweep.core.errors import UnknownName
from gensweep.core.registry import Registry

if TYPE_CHECKING:
    import torch

    from gensweep.core.model import Model

MODELS: Registry[type[Model]] = Registry("model", "gensweep.models")
DATASETS: Registry[type[Data]] = Registry("dataset", "gensweep.data")


def dataset(name: str) -> type[Data]:
    """The class of what a point calls its dataset: `avatars`, or a class that takes a place, as `folder:DIR`.

    Raises:
        UnknownName: there is none, or it takes no place.
    """
    bare, colon, _ = name.partition(":") if isinstance(name, str) else (name, "", "")
    found = DATASETS[bare]
    if colon and "dataset" not in found.model_fields:
        raise UnknownName("dataset", name, DATASETS)
    return found


@dataclass(frozen=True)
class Download:
    """Something that `data fetch` gets.

    Attributes:
        doc: one line.
        fetch: called with a `Progress` and, by name, the options of the command line that it takes; returns what
            it says at the end. Raises `FetchError`.
    """

    name: str
    doc: str
    fetch: Callable[..., str]


Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, how much there is (0: not known)."""
DOWNLOADS: Registry[Download] = Registry("download", "gensweep.data")


def download(name: str) -> Callable[[Any], Any]:
    """Decorator that registers a function as a download; its docstring's first line documents it."""

    def add(function: Callable[..., str]) -> Callable[..., str]:
        DOWNLOADS.register(name, Download(name, (function.__doc__ or "").strip().partition("\n")[0], function))
        return function

    return add


@dataclass(frozen=True)
class Metric:
    """A number computed from what a model's evaluation yields.

    Attributes:
        needs: names of the outputs it reads; it applies to every model that yields them all.
        unit: as printed: `fraction`, `nats`, `pixel^2`.
        direction: `max` where larger is better, `min` where smaller is, `none` where neither.
        doc: what it means, range and caveats.
        compute: outputs [n, ...] each -> a number.
    """

    name: str
    needs: tuple[str, ...]
    unit: str
    direction: str
    doc: str
    compute: Callable[[dict[str, torch.Tensor]], float]

    def applies(self, outputs: tuple[str, ...]) -> bool:
        """Whether a model with these outputs has this metric."""
        return set(self.needs) <= set(outputs)


METRICS: Registry[Metric] = Registry("metric", "gensweep.metrics")


def metric(name: str, *, needs: tuple[str, ...], unit: str, direction: str) -> Callable[[Any], Any]:
    """Decorator that registers a function of the outputs as a metric; its docstring is the documentation."""
    if direction not in ("max", "min", "none"):
        raise ValueError(f"metric {name!r}: direction {direction!r} is not max, min or none")

    def add(function: Callable[[dict[str, torch.Tensor]], float]) -> Callable[[dict[str, torch.Tensor]], float]:
        METRICS.register(name, Metric(name, needs, unit, direction, (function.__doc__ or "").strip(), function))
        return function

    return add


def metrics_of(outputs: tuple[str, ...]) -> list[Metric]:
    """Every metric of a model with these outputs, by name."""
    return [entry for _, entry in METRICS.items() if entry.applies(outputs)]


@dataclass(frozen=True)
class Page:
    """A table or a figure: a function of a sweep's results, with the line that `list` shows."""

    name: str
    doc: str
    make: Callable[..., Any]


TABLES: Registry[Page] = Registry("table", "gensweep.read.tables")
FIGURES: Registry[Page] = Registry("figure", "gensweep.read.figures")


def page(registry: Registry[Page], name: str) -> Callable[[Any], Any]:
    """Decorator that registers a table or a figure under its name; its docstring's first line documents it."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        registry.register(name, Page(name, (function.__doc__ or "").strip().partition("\n")[0], function))
        return function

    return add
