"""The space of a search: which parameters it tries, under which conditions, and the points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.registries import MODELS, get_dataset_class
from gensweep.sweep.parameters import (
    map_owners,
    resolve_params,
    unwrap_scalar,
)
from gensweep.sweep.ranges import (
    Choice,
    Dimension,
    Uniform,
    parse_dimension,
)
from gensweep.sweep.search_conditions import Conditions

Draw = Callable[[str, Dimension], Any]
"""Takes the name of a parameter and its dimension; returns a value for it."""
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

    def __init__(
        self, model: str, values: dict[str, Any], prefix: str
    ) -> None:
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
        self._conditions = Conditions(model, searched, self.fixed)
        self._owners = self._conditions.owners
        self._check_names(values)
        self._conditions.sort()
        self.dimensions = self._conditions.dimensions
        self._check_values()
        for key in values:
            self._conditions.check_can_act(key, prefix)
        # For each combination of the values of these there is one template.
        self._in_template = [
            key
            for key, dimension in self.dimensions.items()
            if isinstance(dimension, Choice)
            or key in self._conditions.deciding
        ]
        self._templates: dict[tuple[Any, ...], dict[str, Any]] = {}

    def list_parameters(self) -> frozenset[str]:
        """Return the names of all parameters that a trial may have."""
        return frozenset(self._owners) | {"dataset"}

    def count_combinations(self) -> float:
        """Return how many different trials there are at most; infinity for real numbers."""
        return self._conditions.count_combinations()

    def draw(self, draw: Draw) -> dict[str, Any]:
        """Return a value for each dimension that acts, as the function chooses them."""
        drawn: dict[str, Any] = {}
        for key, dimension in self.dimensions.items():
            if self._conditions.is_active(key, drawn):
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
        # Checking 100,000 points one by one would take a minute; the extremes were checked.
        params = self._get_template(drawn, until).copy()
        for key, value in drawn.items():
            if key not in self._in_template:
                params[key] = type(params[key])(value)
        return params

    def _get_template(
        self, drawn: dict[str, Any], until: int | None
    ) -> dict[str, Any]:
        """Return the parameters of a point with the same choices, and some other numbers."""
        # In Python True == 1, so the type is part of the key.
        template_key = (
            until,
            *(
                (key, type(drawn[key]), drawn[key])
                for key in self._in_template
                if key in drawn
            ),
        )
        if template_key not in self._templates:
            values = self._conditions.select_known(drawn)
            if until is not None:
                values["until"] = until
            self._templates[template_key] = resolve_params(self.model, values)
        return self._templates[template_key]

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
            for dataset in self._conditions.list_possible("dataset"):
                owners = map_owners(
                    MODELS[self.model], get_dataset_class(dataset)
                )
                if key in owners:
                    values["dataset"] = dataset
                    break
        resolve_params(self.model, values)
