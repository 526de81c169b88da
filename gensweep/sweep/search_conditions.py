"""The conditions of a search: which parameters act, given the values of the others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from gensweep.core.config import Config
from gensweep.core.errors import SweepError
from gensweep.core.registries import MODELS, get_dataset_class
from gensweep.sweep.parameters import map_owners, resolve_params
from gensweep.sweep.ranges import Dimension, Integer, count_values

_MAX_BRANCHES = 10_000
"""More combinations of deciding values than this are not counted one by one."""
_NO_VALUE = object()


class Conditions:
    """The rules of a model by which parameters act, and the order in which they are drawn.

    Args:
        model: the name of the model.
        searched: parameter -> what is tried for it.
        fixed: parameter -> its value.

    Attributes:
        owners: every parameter that the model has with any of the datasets -> its config.
        dimensions: as `searched`. A parameter that decides whether another one acts comes before
            it.
        deciding: the searched parameters that decide whether another one acts.
    """

    def __init__(
        self,
        model: str,
        searched: Mapping[str, Dimension],
        fixed: Mapping[str, Any],
    ) -> None:
        self._model = model
        self._fixed = fixed
        self.dimensions = dict(searched)
        self.owners: dict[str, type[Config]] = {}
        for dataset in self.list_possible("dataset"):
            self.owners |= self._map_owners(dataset)
        self._active: dict[tuple[Any, ...], bool] = {}
        self._deciders: dict[str, list[str]] = {}
        self.deciding: list[str] = []

    def sort(self) -> None:
        """Bring the dimensions into the order in which they are drawn.

        Every one of them is a parameter of the model.
        """
        searched = self.dimensions
        names = ["dataset", *self.owners]
        deciding = {"dataset"}.union(*map(self.get, names))
        self.dimensions = {}
        for key in searched:
            self._add(key, searched)
        self.deciding = [key for key in self.dimensions if key in deciding]
        for key in self.dimensions:
            chain = self._collect_conditions(key)
            self._deciders[key] = [
                name for name in self.deciding if name in chain
            ]

    def _add(self, key: str, searched: Mapping[str, Dimension]) -> None:
        """Add a dimension after those that it depends on."""
        if key != "dataset":
            for name in ("dataset", *self.get(key)):
                if name in searched and name not in self.dimensions:
                    self._add(name, searched)
        self.dimensions.setdefault(key, searched[key])

    def get(self, key: str) -> Mapping[str, tuple[Any, ...]]:
        """Return on which values of other parameters it depends whether one acts."""
        if key == "dataset":
            return {}
        return self.owners[key].get_extras(key).get("when") or {}

    def _collect_conditions(self, key: str) -> set[str]:
        """Return the parameters on which it depends whether one acts, and those of these."""
        names = set() if key == "dataset" else {"dataset"}
        for name in self.get(key):
            names.add(name)
            if name in self.owners:
                names |= self._collect_conditions(name)
        return names

    def is_active(self, key: str, drawn: Mapping[str, Any]) -> bool:
        """Return whether a parameter acts, given the values of those before it."""
        values = [drawn.get(name, _NO_VALUE) for name in self._deciders[key]]
        active_key = (key, *values)
        if active_key not in self._active:
            params = resolve_params(self._model, self.select_known(drawn))
            owners = self._map_owners(params["dataset"])
            # With its default value a parameter is in `params` exactly if it acts.
            is_active = key in owners and key in params
            self._active[active_key] = key == "dataset" or is_active
        return self._active[active_key]

    def select_known(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Return the drawn and fixed values of parameters that their dataset has."""
        values = {**self._fixed, **drawn}
        dataset = values.get("dataset", MODELS[self._model].default_dataset)
        owners = self._map_owners(dataset)
        return {
            key: value
            for key, value in values.items()
            if key == "dataset" or key in owners
        }

    def check_can_act(self, key: str, prefix: str) -> None:
        """Raise SweepError if a parameter acts with none of the values of the others."""
        conditions = self.get(key)
        for name, allowed in conditions.items():
            possible = self.list_possible(name)
            if any(value in allowed for value in possible):
                continue
            texts = [
                f"{one}={' or '.join(map(str, of))}"
                for one, of in conditions.items()
            ]
            raise SweepError(
                f"{prefix}: {key} does nothing here; it acts only with {' and '.join(texts)}"
            )

    def list_possible(self, key: str) -> Iterable[Any]:
        """Return the values that a parameter may have in the trials."""
        dimension = self.dimensions.get(key)
        if isinstance(dimension, Integer):
            return range(dimension.low, dimension.high + 1)
        if dimension is not None:
            return dimension.list_extremes()
        if key in self._fixed:
            return [self._fixed[key]]
        if key == "dataset":
            return [MODELS[self._model].default_dataset]
        return [self.owners[key].model_fields[key].default]

    def count_combinations(self) -> float:
        """Return how many different trials there are at most; infinity for real numbers."""
        branches = math.prod(
            count_values(self.dimensions[key]) for key in self.deciding
        )
        if branches > _MAX_BRANCHES:
            return math.prod(map(count_values, self.dimensions.values()))
        return self._count_from(list(self.dimensions), {})

    def _count_from(self, keys: list[str], drawn: dict[str, Any]) -> float:
        """Return how many combinations the last dimensions have, given the values before them."""
        if not keys:
            return 1
        key, rest = keys[0], keys[1:]
        if not self.is_active(key, drawn):
            return self._count_from(rest, drawn)
        if key not in self.deciding:
            count = count_values(self.dimensions[key])
            return count * self._count_from(rest, drawn)
        total = 0.0
        for value in self.list_possible(key):
            total += self._count_from(rest, drawn | {key: value})
        return total

    def _map_owners(self, dataset: Any) -> dict[str, type[Config]]:
        return map_owners(MODELS[self._model], get_dataset_class(dataset))
