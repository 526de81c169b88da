"""Every registry, in one place. Each fills itself from its package on first use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.core.data_source import Data, DataSource
from gensweep.core.errors import UnknownNameError, UserError
from gensweep.core.metric_checks import check_metric
from gensweep.core.metric_values import CheckedFunction
from gensweep.core.own_data import OWN_DATA, OwnData
from gensweep.core.registry import OWN_PACKAGE, Registry
from gensweep.core.values import show_value

if TYPE_CHECKING:
    import torch

    from gensweep.core.trainable import Trainable

Range = tuple[float | None, float | None]
MODELS: Registry[type[Trainable]] = Registry("model", "gensweep.models")
DATASETS: Registry[type[Data]] = Registry("dataset", "gensweep.data")


def get_dataset_class(name: str) -> type[DataSource]:
    """Return the class of a dataset: of `avatars`, or of `folder:DIR`, which has a path.

    Tasks have `own_data`.

    Raises:
        UnknownNameError: there is no such dataset, or it does not take a path.
    """
    if not isinstance(name, str):
        return DATASETS[name]
    if name == OWN_DATA:
        return OwnData
    base_name, colon, _ = name.partition(":")
    dataset = DATASETS[base_name]
    if colon and "dataset" not in dataset.model_fields:
        raise UnknownNameError("dataset", name, DATASETS)
    return dataset


@dataclass(frozen=True)
class Download:
    """A download that `data fetch` offers.

    Attributes:
        doc: one line.
        fetch: called with a `Progress` and, by name, the command-line options that it accepts;
            returns the message at the end. Raises `FetchError`.
    """

    name: str
    doc: str
    fetch: Callable[..., str]


Progress = Callable[[str, int, int], None]
"""Receives the current task, the amount done, and the total (0: unknown)."""
DOWNLOADS: Registry[Download] = Registry("download", "gensweep.data")


def register_download(name: str) -> Callable[[Any], Any]:
    """Return a decorator that registers a function as a download."""

    def add(function: Callable[..., str]) -> Callable[..., str]:
        DOWNLOADS.register(
            name, Download(name, _get_first_doc_line(function), function)
        )
        return function

    return add


@dataclass(frozen=True)
class Derived:
    """An output that is computed from other outputs of a batch, once for all metrics that use it.

    Evaluation stores what metrics need and nothing else. So a metric that uses numbers derived
    from pictures stores no pictures.

    Attributes:
        needs: tuples of output names; the first of which a model has every name is the source.
        tool: another argument, by the name under which the training supplies it; "": none.
        doc: a description, with the shape.
        compute: takes these outputs [B, ...] in order, then the tool; returns [B, ...].
    """

    name: str
    needs: tuple[tuple[str, ...], ...]
    tool: str
    doc: str
    compute: Callable[..., torch.Tensor]

    def find_source(self, outputs: Collection[str]) -> tuple[str, ...] | None:
        """Return the outputs that it is derived from; None if a model with these has no source."""
        for names in self.needs:
            if set(names) <= set(outputs):
                return names
        return None


@dataclass(frozen=True)
class Metric:
    """A number that is computed from the outputs of a model's evaluation.

    Attributes:
        needs: names of the outputs that it uses, from the model or derived; it applies to every
            model that has them all.
        unit: the unit for people: `fraction`, `nats`, `pixel^2`.
        direction: `max` if larger is better, `min` if smaller is, `none` if neither.
        when: `always`, on the validation set too, or `test`, on the test set only.
        doc: the meaning, the range and caveats.
        compute: takes the outputs [n, ...]; returns a number, or None if it is undefined.
        min_examples: with fewer examples it is not measured.
        range: the smallest and the largest possible value; None: no limit.
        roles: what it is for; reports choose metrics by these.
        main_rank: of a model's metrics, the one with the smallest rank is its main metric;
            None: it is never one.
    """

    name: str
    needs: tuple[str, ...]
    unit: str
    direction: str
    when: str
    doc: str
    compute: Callable[[dict[str, torch.Tensor]], float | None]
    min_examples: int = 1
    range: Range = (None, None)
    roles: frozenset[str] = frozenset()
    main_rank: int | None = None

    @property
    def meaning(self) -> str:
        """The first line of the documentation."""
        return self.doc.partition("\n")[0]

    @property
    def caveat(self) -> str:
        """The documentation after its first line, on one line; mostly caveats."""
        return " ".join(self.doc.partition("\n")[2].split())

    def is_applicable(self, outputs: tuple[str, ...]) -> bool:
        """Return whether a model with these outputs has this metric."""
        derivable = {
            name
            for name, entry in DERIVED.items()
            if entry.find_source(outputs)
        }
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
    range: Range = (None, None),
    roles: Iterable[str] = (),
    main_rank: int | None = None,
) -> Callable[[Any], Any]:
    """Return a decorator that registers a function of the outputs as a metric.

    The docstring of the function is the documentation of the metric: its meaning in the first
    line, then its caveats. The arguments are those of `Metric`.

    Raises:
        UserError: an argument is not one of its valid values.
    """
    check_metric(
        name,
        needs=needs,
        unit=unit,
        direction=direction,
        when=when,
        min_examples=min_examples,
        range=range,
        roles=roles,
        main_rank=main_rank,
    )

    def add(
        function: Callable[[dict[str, torch.Tensor]], float | None],
    ) -> Any:
        _check_is_function(f"metric {name!r}", function)
        doc = inspect.getdoc(function) or ""
        compute = function
        if not function.__module__.startswith(OWN_PACKAGE):
            compute = CheckedFunction(name, function)
        metric = Metric(
            name=name,
            needs=needs,
            unit=unit,
            direction=direction,
            when=when,
            doc=doc,
            compute=compute,
            min_examples=min_examples,
            range=range,
            roles=frozenset(roles),
            main_rank=main_rank,
        )
        METRICS.register(name, metric, function)
        return function

    return add


def register_derived(
    name: str, *needs: tuple[str, ...], tool: str = ""
) -> Callable[[Any], Any]:
    """Return a decorator that registers a function of a batch's outputs as a derived output."""

    def add(
        function: Callable[..., torch.Tensor],
    ) -> Callable[..., torch.Tensor]:
        DERIVED.register(
            name,
            Derived(
                name, needs, tool, inspect.getdoc(function) or "", function
            ),
        )
        return function

    return add


def list_metrics(
    outputs: tuple[str, ...], split: str = "test"
) -> list[Metric]:
    """Return every metric of a model with these outputs that is measured on a split, by name."""
    metrics = []
    for _, metric in METRICS.items():
        is_measured = split == "test" or metric.when == "always"
        if is_measured and metric.is_applicable(outputs):
            metrics.append(metric)
    return metrics


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


def _register_item(
    registry: Registry[ReportItem], name: str
) -> Callable[[Any], Any]:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        _check_is_function(f"{registry.kind} {show_value(name)}", function)
        item = ReportItem(name, _get_first_doc_line(function), function)
        registry.register(name, item, function)
        return function

    return add


def _check_is_function(owner: str, function: Any) -> None:
    if not callable(function):
        raise UserError(f"{owner}: {show_value(function)} is not a function")


def _get_first_doc_line(function: Callable[..., Any]) -> str:
    """Return the line that `list` shows."""
    return (function.__doc__ or "").strip().partition("\n")[0]
