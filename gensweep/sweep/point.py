"""Points: one value for every parameter, one seed, and the ids that name their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import chain
from typing import Any

from gensweep.core.config import get_last_epoch
from gensweep.core.errors import SweepError
from gensweep.core.registries import MODELS
from gensweep.core.values import show_value
from gensweep.sweep.courses import Course, CourseKey, Origin, group_courses
from gensweep.sweep.parameters import (
    check_seed,
    describe_condition,
    resolve_params,
    unwrap_scalar,
)
from gensweep.sweep.point_checks import (
    check_complete,
    check_names,
    check_types,
)
from gensweep.sweep.point_identity import CellIdentity, compute_digest

AUTO = "auto"
"""As many lanes in a pack as are useful on the machine that trains it."""
MAX_LANES = 32
"""Lanes of a pack if the user gives no number."""


@dataclass(frozen=True)
class Point:
    """One model, one value for every parameter, one seed.

    `Point.make` adds the default values and checks every value.

    Attributes:
        params: every active parameter, and the name of the dataset.
        varied: parameters that have the seed as their value, and so vary within the cell.
    """

    model: str
    params: dict[str, Any]
    seed: int
    varied: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        check_types(self.model, self.params, self.seed, self.varied)

    def __getstate__(self) -> dict[str, Any]:
        # A worker may lack a plugin's class when it reads the point, and can compute the rest.
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def _cell(self) -> CellIdentity:
        check_complete(self.model, self.params)
        return CellIdentity(self.model, self.params)

    @cached_property
    def id(self) -> str:
        """A readable prefix and 12 hex digits of the hash of every field that changes numbers."""
        before, after = self._cell.around_seed
        return f"{self._cell.prefix}-s{self.seed}-{compute_digest(f'{before}{self.seed}{after}')}"

    @property
    def cell(self) -> str:
        """The id of the point without its seed, and without what varies with it."""
        return self._varied_cell if self.varied else self._cell.id

    @cached_property
    def _varied_cell(self) -> str:
        return CellIdentity(self.model, self.cell_params).id

    @property
    def cell_params(self) -> dict[str, Any]:
        """The parameters that are the same for every seed of the cell."""
        return {
            key: value
            for key, value in self.params.items()
            if key not in self.varied
        }

    @property
    def expected_record(self) -> dict[str, Any]:
        """The values that a record of the point must repeat."""
        return self.params | {"model": self.model, "seed": self.seed}

    @property
    def data_key(self) -> str:
        """Equal for points that share arrays: dataset and its parameters but `train_fraction`."""
        return self._cell.data_key

    @property
    def pack_key(self) -> str:
        """Equal for points that may be lanes of one pack."""
        if not MODELS[self.model].packs:
            return self.id
        return self._cell.pack_key

    @property
    def course_key(self) -> CourseKey:
        """Equal for points that are the same training, but for the epoch after which it ends."""
        return self.seed, self._cell.course_key

    @property
    def shape_key(self) -> str:
        """Equal for points that take the same time an epoch and example, and the same memory."""
        return self._cell.shape_key

    @property
    def last_epoch(self) -> int:
        """The epoch after which the point is done."""
        return get_last_epoch(self.params)

    def model_config(self) -> Any:
        """Return the config of the model and its training, or of the task."""
        return self._cell.model_config

    def data_config(self) -> Any:
        """Return the config of the dataset."""
        return self._cell.data_config

    def with_seed(self, seed: int, vary: Sequence[str] = ()) -> Point:
        """Return the point of the same cell with another seed.

        Args:
            seed: the seed.
            vary: parameters that get the seed as their value.

        Raises:
            SweepError: an argument is not one of its valid values.
        """
        check_names("vary", vary)
        is_same = type(seed) is int and seed == self.seed
        if is_same and vary == self.varied:
            return self
        if vary:
            params = self.params | dict.fromkeys(vary, seed)
            return Point(self.model, params, seed, tuple(vary))
        point = Point(self.model, self.params, seed)
        # Attributes are frozen; this is the place where cached_property would store the value.
        point.__dict__["_cell"] = self._cell
        return point

    @staticmethod
    def make(model: str, params: dict[str, Any], seed: int) -> Point:
        """Return a point; parameters that are not named have their default values.

        Raises:
            SweepError: an unknown parameter, or a value out of its range.
            UnknownNameError: an unknown model or dataset.
        """
        seed = unwrap_scalar(seed)
        if not isinstance(params, Mapping):
            raise SweepError(
                f"{model}: params={show_value(params)} is not a dict of parameters"
            )
        params = {key: unwrap_scalar(value) for key, value in params.items()}
        check_seed("", seed)
        resolved = resolve_params(model, params)
        for key in params.keys() - resolved.keys():
            condition = describe_condition(model, key, resolved)
            raise SweepError(f"{model}: {key} does nothing here; {condition}")
        return Point(model, resolved, seed)


@dataclass(frozen=True)
class Pack:
    """Points that one trial trains.

    Each course is a lane. Courses differ only in seed, train fraction, learning rates, and in the
    epochs at which they finish a point.

    Attributes:
        origins: id of a point -> other points' checkpoints that its course may go on from.
    """

    points: tuple[Point, ...]
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)

    @staticmethod
    def of_courses(courses: Sequence[Course]) -> Pack:
        """Return a pack with these lanes."""
        points = courses[0]
        if len(courses) > 1:
            points = tuple(chain.from_iterable(courses))
        pack = Pack(points)
        # Attributes are frozen; this is the place where cached_property would store the value.
        pack.__dict__["courses"] = list(courses)
        return pack

    @cached_property
    def courses(self) -> list[Course]:
        """The lanes of the pack."""
        return group_courses(self.points)

    @property
    def model(self) -> str:
        """The model of all lanes."""
        return self.points[0].model
