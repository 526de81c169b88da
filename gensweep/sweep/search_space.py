"""The space of a search: which parameters it tries, under which conditions, and the points."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from gensweep.core.config import Config
from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.registries import MODELS, get_dataset_class
from gensweep.sweep.parameters import map_owners, resolve_params, unwrap_scalar
from gensweep.sweep.space import (
    Choice,
    Dimension,
    Integer,
    Uniform,
    count_values,
    parse_dimension,
)

Draw = Callable[[str, Dimension], Any]
"""Takes the name of a parameter and its dimension; returns a value for it."""
_MAX_BRANCHES = 10_000
"""More combinations of deciding values than this are not counted one by one."""
SET_BY_SEARCH = {
    "seed": "seeds= are the seeds of every trial",
    "until": "rungs= say after how many epochs trials are compared",
    "pack": "the sweep says how many points are trained together: Sweep(pack=...)",
}
"""Names that are no parameters of a search -> what sets them."""


class SearchSpace:
    """Fixed parameters of one model, and the dimensions of the others.

    A parameter that acts only with some values of another one is tried only with these.

    Args:
        model: the name of the model.
        values: parameter -> a value, a list of choices, or a range.
        prefix: the start of error messages.

    Attributes:
        dimensions: parameter -> what is tried for it. A parameter that decides whether another
            one acts comes before it.
        fixed: parameter -> its value.

    Raises:
        SweepError: a parameter is unknown, does nothing, or has a wrong value.
        UnknownNameError: the model is not known.
    """

    def __init__(self, model: str, values: dict[str, Any], prefix: str) -> None:
        MODELS[model]
        self.model, self._prefix = model, prefix
        parsed = {
            key: parse_dimension(prefix, key, value)
            for key, value in values.items()
        }
        searched = {
            key: dimension
            for key, dimension in parsed.items()
            if dimension is not None
        }
        self.fixed = {
            key: unwrap_scalar(values[key])
            for key in values
            if key not in searched
        }
        self._owners = self._map_owners(searched)
        self._check_names(values)
        self.dimensions = self._sort_by_conditions(searched)
        self._check_values()
        for key in values:
            self._check_can_act(key)
        conditions = {"dataset"}
        for key in self._owners:
            conditions.update(self._get_conditions(key))
        # Parameters that decide which others act.
        self._conditions = [key for key in self.dimensions if key in conditions]
        # For each combination of the values of these there is one template.
        self._deciding = [
            key
            for key, dimension in self.dimensions.items()
            if isinstance(dimension, Choice) or key in conditions
        ]
        self._templates: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._active: dict[tuple[Any, ...], bool] = {}

    def list_parameters(self) -> frozenset[str]:
        """Return the names of all parameters that a trial may have."""
        return frozenset(self._owners) | {"dataset"}

    def count_combinations(self) -> float:
        """Return how many different trials there are at most; infinity for real numbers."""
        branches = math.prod(
            count_values(self.dimensions[key]) for key in self._conditions
        )
        if branches > _MAX_BRANCHES:
            return math.prod(map(count_values, self.dimensions.values()))
        return self._count_from(list(self.dimensions), {})

    def _count_from(self, keys: list[str], drawn: dict[str, Any]) -> float:
        """Return how many combinations the last dimensions have, given the values before them."""
        if not keys:
            return 1
        key, rest = keys[0], keys[1:]
        if not self._is_active(key, drawn):
            return self._count_from(rest, drawn)
        dimension = self.dimensions[key]
        if key not in self._conditions:
            return count_values(dimension) * self._count_from(rest, drawn)
        total = 0.0
        for value in self._list_possible(key):
            total += self._count_from(rest, drawn | {key: value})
        return total

    def draw(self, draw: Draw) -> dict[str, Any]:
        """Return a value for each dimension that acts, as the function chooses them."""
        drawn: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if self._is_active(key, drawn):
                drawn[key] = draw(key, dimension)
        return drawn

    def make_params(
        self, drawn: dict[str, Any], until: int | None = None
    ) -> dict[str, Any]:
        """Return every parameter of a point.

        Args:
            drawn: values of the dimensions that act.
            until: the epoch to stop after; None: train all of them.
        """
        template_key = (until, *self._get_branch(drawn))
        if template_key not in self._templates:
            values = self._select_known(self.fixed | drawn)
            if until is not None:
                values["until"] = until
            self._templates[template_key] = resolve_params(self.model, values)
        # Checking 100,000 points one by one would take a minute; the extremes were checked.
        template = self._templates[template_key]
        return template | {
            key: type(template[key])(drawn[key]) for key in self._free(drawn)
        }

    def _free(self, drawn: dict[str, Any]) -> Iterable[str]:
        return drawn.keys() - set(self._deciding)

    def _get_branch(self, drawn: dict[str, Any]) -> tuple[Any, ...]:
        """Return the values that decide which parameters act, as a hashable key."""
        # In Python True == 1, so the type is part of the key.
        return tuple(
            (key, type(drawn[key]), drawn[key])
            for key in self._deciding
            if key in drawn
        )

    def _is_active(self, key: str, drawn: dict[str, Any]) -> bool:
        """Return whether a parameter acts, given the values of those before it."""
        active_key = (key, *self._get_branch(drawn))
        if active_key not in self._active:
            values = self._select_known(self.fixed | drawn)
            params = resolve_params(self.model, values)
            dataset = get_dataset_class(params["dataset"])
            owners = map_owners(MODELS[self.model], dataset)
            # With its default value a parameter is in `params` exactly if it acts.
            self._active[active_key] = key == "dataset" or (
                key in owners and key in params
            )
        return self._active[active_key]

    def _select_known(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values of parameters that the dataset of these values has."""
        dataset = values.get("dataset", MODELS[self.model].default_dataset)
        owners = map_owners(MODELS[self.model], get_dataset_class(dataset))
        return {
            key: value
            for key, value in values.items()
            if key == "dataset" or key in owners
        }

    def _map_owners(
        self, searched: dict[str, Dimension]
    ) -> dict[str, type[Config]]:
        """Return every parameter that the model has with any of the datasets, with its config."""
        datasets = [
            self.fixed.get("dataset", MODELS[self.model].default_dataset)
        ]
        if "dataset" in searched:
            datasets = searched["dataset"].list_extremes()
        owners: dict[str, type[Config]] = {}
        for dataset in datasets:
            owners |= map_owners(MODELS[self.model], get_dataset_class(dataset))
        return owners

    def _check_names(self, values: dict[str, Any]) -> None:
        for key in values:
            if key in SET_BY_SEARCH:
                raise SweepError(
                    f"{self._prefix}: {key} cannot be set here; {SET_BY_SEARCH[key]}"
                )
            if key != "dataset" and key not in self._owners:
                known = [*self._owners, "dataset"]
                raise SweepError(
                    describe_unknown("parameter", key, known, self._prefix)
                )

    def _get_conditions(self, key: str) -> dict[str, tuple[Any, ...]]:
        """Return on which values of other parameters it depends whether one acts."""
        if key == "dataset":
            return {}
        return self._owners[key].get_extras(key).get("when") or {}

    def _sort_by_conditions(
        self, searched: dict[str, Dimension]
    ) -> dict[str, Dimension]:
        """Return the dimensions so that each comes after those that it depends on."""
        ordered: dict[str, Dimension] = {}

        def add(key: str) -> None:
            before = (
                ["dataset", *self._get_conditions(key)]
                if key != "dataset"
                else []
            )
            for name in before:
                if name in searched and name not in ordered:
                    add(name)
            ordered[key] = searched[key]

        for key in searched:
            if key not in ordered:
                add(key)
        return ordered

    def _check_values(self) -> None:
        """Raise SweepError if a value that may be tried is not one of the parameter's."""
        for key, dimension in self.dimensions.items():
            if key != "dataset" and isinstance(dimension, Uniform):
                annotation = self._owners[key].model_fields[key].annotation
                if annotation in (int, int | None):
                    raise SweepError(
                        f"{self._prefix}: {key} is a whole number; write "
                        f"Integer({dimension.low:g}, {dimension.high:g})"
                    )
            for value in dimension.list_extremes():
                self._check_value(key, value)
        for key, value in self.fixed.items():
            self._check_value(key, value)

    def _check_value(self, key: str, value: Any) -> None:
        values = {key: value}
        if key != "dataset":
            # A parameter of one of several datasets is checked together with that dataset.
            for dataset in self._list_possible("dataset"):
                owners = map_owners(
                    MODELS[self.model], get_dataset_class(dataset)
                )
                if key in owners:
                    values["dataset"] = dataset
                    break
        resolve_params(self.model, values)

    def _check_can_act(self, key: str) -> None:
        """Raise SweepError if a parameter acts with none of the values of the others."""
        conditions = self._get_conditions(key)
        for name, allowed in conditions.items():
            possible = self._list_possible(name)
            if not any(value in allowed for value in possible):
                texts = [
                    f"{one}={' or '.join(map(str, of))}"
                    for one, of in conditions.items()
                ]
                raise SweepError(
                    f"{self._prefix}: {key} does nothing here; it acts only with "
                    f"{' and '.join(texts)}"
                )

    def _list_possible(self, key: str) -> Iterable[Any]:
        """Return the values that a parameter may have in the trials."""
        dimension = self.dimensions.get(key)
        if isinstance(dimension, Integer):
            return range(dimension.low, dimension.high + 1)
        if dimension is not None:
            return dimension.list_extremes()
        if key in self.fixed:
            return [self.fixed[key]]
        if key == "dataset":
            return [MODELS[self.model].default_dataset]
        return [self._owners[key].model_fields[key].default]
