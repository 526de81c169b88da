"""The subject of a question: a metric of one model on one dataset."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from gensweep.report.stats.blocks import Block, select_block
from gensweep.report.stats.findings import Finding, describe_basis
from gensweep.report.stats.importance import (
    Decomposition,
    decompose,
    select_grid,
)
from gensweep.report.stats.runs import Runs


@dataclass(frozen=True)
class Subject:
    """A metric of one model on one dataset.

    Attributes:
        runs: the points that are ok.
        model: the model.
        dataset: the dataset.
        metric: a metric of the test set.
    """

    runs: Runs
    model: str
    dataset: Any
    metric: str

    @property
    def sign(self) -> int:
        """+1 if larger is better, -1 if smaller is, 0 if neither."""
        return self.runs.get_sign(self.metric)

    @property
    def margin(self) -> float:
        """The largest difference of the metric that does not matter; NaN if none is declared."""
        return self.runs.results.sweep.margin.get(self.metric, math.nan)

    @property
    def name(self) -> str:
        """The model, with the dataset if it has several."""
        if len(self.runs.datasets[self.model]) > 1:
            return f"{self.model} on {self.dataset}"
        return self.model

    def format_question(self, text: str) -> str:
        """Return a question, with the subject in the place of its braces."""
        return f"{text.format(self.name)}, by {self.metric}?"

    def list_values(self, axis: str) -> list[Any]:
        """Return a parameter's values, each once, numbers in ascending order."""
        values = self.runs.list_values(self.model, self.dataset, axis)
        return sorted(values, key=_make_sort_key)

    def list_axes(self) -> list[str]:
        """Return the parameters with several values, in the order of the grids."""
        varying = self.runs.list_other_varying(self.model, ())
        return [name for name in varying if len(self.list_values(name)) > 1]

    def get_text(self, axis: str, value: Any) -> str:
        """Return a value as tables show it."""
        return self.runs.results.names.get_text(axis, value)

    def select(
        self,
        axes: tuple[str, ...],
        metric: str | None = None,
        only: Sequence[tuple[Any, ...]] | None = None,
    ) -> Block:
        """Return the complete part of the runs along these axes [seeds, levels].

        Args:
            axes: parameters whose values are the levels, as tuples.
            metric: another metric than the subject's.
            only: levels to use; None: all.
        """
        block = self.select_raw(axes, metric, only)
        levels = [tuple(one.value for one in level) for level in block.levels]
        return replace(block, levels=levels)

    def select_raw(
        self,
        axes: tuple[str, ...],
        metric: str | None = None,
        only: Sequence[tuple[Any, ...]] | None = None,
    ) -> Block:
        """Return the same as `select`, with levels that can be sorted."""
        wanted = metric or self.metric
        key = (axes, wanted)
        if only is None and key in self._blocks:
            return self._blocks[key]
        runs = self.runs.list_runs_along(
            self.model, self.dataset, wanted, axes
        )
        if only is not None:
            return select_block(
                _make_sortable([run for run in runs if run[2] in only])
            )
        # Several questions about an axis are answered by the same block.
        self._blocks[key] = select_block(_make_sortable(runs))
        return self._blocks[key]

    @cached_property
    def _blocks(self) -> dict[tuple[tuple[str, ...], str], Block]:
        return {}

    @cached_property
    def decomposition(self) -> Decomposition | None:
        """The shares of variance of the axes; None without a full grid of several values."""
        axes = tuple(
            name for name in self.list_axes() if self._has_everywhere(name)
        )
        if not axes:
            return None
        grid = select_grid(axes, self.select_raw(axes))
        return None if grid is None else decompose(grid)

    def _has_everywhere(self, axis: str) -> bool:
        """Return whether every cell has a parameter."""
        return all(
            axis in params
            for params in self.runs.iter_params(self.model, self.dataset)
        )

    def explain_not_enough(self, finding: Finding, reason: str) -> Finding:
        """Return the finding with the reason why its data is not enough.

        Args:
            finding: without a test.
            reason: if there are measured points; without any, their absence is the reason.
        """
        if not finding.points + finding.left_out:
            reason = self.runs.explain_absence([self.model], self.metric)
        return replace(finding, answer=reason)

    def explain_no_direction(self, finding: Finding) -> Finding:
        """Return the finding of a metric without a better end."""
        answer = f"{self.metric} declares no direction: neither larger nor smaller is better."
        return replace(finding, answer=answer)

    def describe_basis(self, finding: Finding, axes: Sequence[str]) -> str:
        """Return the sentence on the points and seeds, and on what they are averaged over."""
        return describe_basis(
            finding, self.runs.list_other_varying(self.model, axes)
        )


def _make_sort_key(value: Any) -> tuple[int, Any]:
    if isinstance(value, (int, float)):
        return 0, value
    return 1, str(value)


def _make_sortable(runs: Sequence[Any]) -> list[Any]:
    """Return runs whose levels can be sorted, although values of one axis differ in type."""
    # Each level once: equal objects are compared much faster if they are the same.
    levels: dict[str, tuple[_Value, ...]] = {}
    sortable = []
    for seed, setting, level, value in runs:
        key = repr(level)
        if key not in levels:
            levels[key] = tuple(map(_Value, level))
        sortable.append((seed, setting, levels[key], value))
    return sortable


class _Value:
    """A parameter's value that can be compared with any other; 1 and true differ."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._key = (*_make_sort_key(value), isinstance(value, bool))
        self._hash = hash(self._key)

    def __lt__(self, other: _Value) -> bool:
        return self._key < other._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Value) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash
