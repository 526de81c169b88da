"""Every registry, in one place. Each fills itself from its package on first use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
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


def get_dataset_class(name: str) -> type[Data]:
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


def register_download(name: str) -> Callable[[Any], Any]:
    """Decorator that registers a function as a download; its docstring's first line documents it."""

    def add(function: Callable[..., str]) -> Callable[..., str]:
        DOWNLOADS.register(
            name, Download(name, (function.__doc__ or "").strip().partition("\n")[0], function)
        )
        return function

    return add


@dataclass(frozen=True)
class Derived:
    """Something computed from a batch of a model's outputs, once for all the metrics that read it.

    Evaluation keeps what metrics need and nothing else, so a metric of pictures that reads numbers derived from them
    holds no pictures in memory.

    Attributes:
        needs: tuples of output names; it is derived from the first of them that a model yields whole.
        tool: what else it takes, by the name under which the training supplies it; "": nothing.
        doc: what it is, with its shape.
        compute: those outputs [B, ...] in their order, then the tool -> [B, ...].
    """

    name: str
    needs: tuple[tuple[str, ...], ...]
    tool: str
    doc: str
    compute: Callable[..., torch.Tensor]

    def find_source(self, outputs: Collection[str]) -> tuple[str, ...] | None:
        """The outputs that it is derived from, in a model with these; None where it cannot be."""
        return next((names for names in self.needs if set(names) <= set(outputs)), None)


@dataclass(frozen=True)
class Metric:
    """A number computed from what a model's evaluation yields.

    Attributes:
        needs: names of the outputs, the model's own or derived ones, that it reads; it applies to every model that
            yields them all.
        unit: as printed: `fraction`, `nats`, `pixel^2`.
        direction: `max` where larger is better, `min` where smaller is, `none` where neither.
        when: `always`, on the validation set too, or `test`, on the test set alone.
        doc: what it means, range and caveats.
        compute: outputs [n, ...] each -> a number; None where these examples leave it undefined.
        least: examples below which it is not measured.
    """

    name: str
    needs: tuple[str, ...]
    unit: str
    direction: str
    when: str
    doc: str
    compute: Callable[[dict[str, torch.Tensor]], float | None]
    min_examples: int = 1

    def is_applicable(self, outputs: tuple[str, ...]) -> bool:
        """Whether a model with these outputs has this metric."""
        derivable = {name for name, entry in DERIVED.items() if entry.find_source(outputs)}
        return set(self.needs) <= derivable | set(outputs)


METRICS: Registry[Metric] = Registry("metric", "gensweep.metrics")
DERIVED: Registry[Derived] = Registry("derived output", "gensweep.metrics")


def register_metric(
    name: str,
    *,
    needs: tuple[str, ...],
    unit: str,
    direction: str,
    when: str = "always",
    min_examples: int = 1,
) -> Callable[[Any], Any]:
    """Decorator that registers a function of the outputs as a metric; its docstring is the documentation."""
    if direction not in ("max", "min", "none"):
        raise ValueError(f"metric {name!r}: direction {direction!r} is not max, min or none")
    if when not in ("always", "test"):
        raise ValueError(f"metric {name!r}: when {when!r} is not always or test")

    def add(function: Callable[[dict[str, torch.Tensor]], float | None]) -> Any:
        doc = inspect.getdoc(function) or ""
        METRICS.register(
            name, Metric(name, needs, unit, direction, when, doc, function, min_examples)
        )
        return function

    return add


def register_derived(name: str, *needs: tuple[str, ...], tool: str = "") -> Callable[[Any], Any]:
    """Decorator that registers a function of a batch's outputs as a derived output."""

    def add(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        DERIVED.register(name, Derived(name, needs, tool, inspect.getdoc(function) or "", function))
        return function

    return add


def list_metrics(outputs: tuple[str, ...], split: str = "test") -> list[Metric]:
    """Every metric of a model with these outputs that is measured on a split, by name."""
    return [
        m
        for _, m in METRICS.items()
        if m.is_applicable(outputs) and (split == "test" or m.when == "always")
    ]


@dataclass(frozen=True)
class ReportItem:
    """A table or a figure: a function of a sweep's results, with the line that `list` shows."""

    name: str
    doc: str
    make: Callable[..., Any]


TABLES: Registry[ReportItem] = Registry("table", "gensweep.report.tables")
FIGURES: Registry[ReportItem] = Registry("figure", "gensweep.report.figures")


def register_table(name: str) -> Callable[[Any], Any]:
    """Return a decorator that registers a function of results as a table."""
    return _register_item(TABLES, name)


def register_figure(name: str) -> Callable[[Any], Any]:
    """Return a decorator that registers a function of results as a figure."""
    return _register_item(FIGURES, name)


def _register_item(registry: Registry[ReportItem], name: str) -> Callable[[Any], Any]:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        # The first line of the docstring is what `list` shows.
        doc = (function.__doc__ or "").strip().partition("\n")[0]
        registry.register(name, ReportItem(name, doc, function))
        return function

    return add
