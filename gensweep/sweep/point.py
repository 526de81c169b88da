"""Points: one value for every parameter, one seed, and the ids that name their results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import Any

from gensweep.core.config import Config, get_last_epoch
from gensweep.core.data_source import DataSource
from gensweep.core.errors import SweepError
from gensweep.core.registries import MODELS, get_dataset_class
from gensweep.core.trainable import Trainable
from gensweep.core.values import show_value
from gensweep.sweep.courses import Course, Origin, group_courses
from gensweep.sweep.parameters import (
    check_seed,
    describe_condition,
    map_neutrals,
    resolve_params,
    unwrap_scalar,
)

HASH_VERSION = 1
AUTO = "auto"
"""As many lanes in a pack as are useful on the machine that trains it."""
MAX_LANES = 32
"""Lanes of a pack if the user gives no number."""
LANE_PARAMS = ("train_fraction", "lr", "muon_lr")
"""Parameters, besides the seed, that may differ between the lanes of a pack."""
_SEED_MARK = "\0seed"
"""A text that no parameter can contain, in place of the seed."""
_ID_DIGITS = 12
# One encoder for all points: to make one takes as long as to use it.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False
)


class _Cell:
    """Values that all points of a cell share, computed once for all its seeds."""

    def __init__(self, model: str, params: dict[str, Any]) -> None:
        self._model = model
        self._params = params

    @cached_property
    def id(self) -> str:
        return f"{self.prefix}-{_digest(self._format_identity(None))}"

    @cached_property
    def prefix(self) -> str:
        return MODELS[self._model].format_prefix(self._params)

    @cached_property
    def around_seed(self) -> list[str]:
        """The canonical JSON of a point, before and after its seed."""
        return self._format_identity(_SEED_MARK).split(json.dumps(_SEED_MARK))

    @cached_property
    def model_config(self) -> Trainable:
        model = MODELS[self._model]
        return model(**self._select_params(model))

    @cached_property
    def data_config(self) -> DataSource:
        dataset = get_dataset_class(self._params["dataset"])
        return dataset(**self._select_params(dataset))

    @cached_property
    def pack_key(self) -> str:
        shared = {
            key: value
            for key, value in self._params.items()
            if key not in LANE_PARAMS
        }
        return json.dumps([self._model, shared], sort_keys=True)

    @cached_property
    def course_key(self) -> str:
        free = {"until"}
        if not MODELS[self._model].is_trained_by_loop:
            # A task may have a parameter of any name, and two of its trainings share nothing.
            free = set()
        elif (
            MODELS[self._model].has_exact_prefixes
            and self._params.get("schedule") == "constant"
        ):
            free.add("epochs")
        shared = {
            key: value
            for key, value in self._params.items()
            if key not in free
        }
        return json.dumps([self._model, shared], sort_keys=True)

    @cached_property
    def data_key(self) -> str:
        dataset = self._params["dataset"]
        params = self._select_params(get_dataset_class(dataset))
        params.pop("train_fraction", None)
        return _format_data_key(dataset, tuple(params.items()))

    def _select_params(self, owner: type[Config]) -> dict[str, Any]:
        fields = owner.model_fields
        return {
            key: value for key, value in self._params.items() if key in fields
        }

    def _format_identity(self, seed: str | None) -> str:
        """Return every field that changes numbers as JSON, the same on every machine."""
        model = MODELS[self._model]
        dataset = get_dataset_class(self._params["dataset"])
        neutrals = map_neutrals(model, dataset)
        # A new parameter must not change the ids of results from before it existed.
        params = {
            key: value
            for key, value in self._params.items()
            if key not in neutrals or value != neutrals[key]
        }
        identity = {
            "version": HASH_VERSION,
            "model": self._model,
            "numerics": [
                model.get_numerics(self._params),
                dataset.get_numerics(self._params),
            ],
            "params": params,
        }
        if seed is not None:
            identity["seed"] = seed
        return _ENCODER.encode(identity)


@dataclass(frozen=True)
class Point:
    """One model, one value for every parameter, one seed.

    Attributes:
        params: every active parameter, and the name of the dataset.
        varied: parameters that have the seed as their value, and so vary within the cell.
    """

    model: str
    params: dict[str, Any]
    seed: int
    varied: tuple[str, ...] = field(default=(), compare=False)

    def __getstate__(self) -> dict[str, Any]:
        # A worker may lack a plugin's class when it reads the point, and can compute the rest.
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def _cell(self) -> _Cell:
        return _Cell(self.model, self.params)

    @cached_property
    def id(self) -> str:
        """A readable prefix and 12 hex digits of the hash of every field that changes numbers."""
        before, after = self._cell.around_seed
        return f"{self._cell.prefix}-s{self.seed}-{_digest(f'{before}{self.seed}{after}')}"

    @property
    def cell(self) -> str:
        """The id of the point without its seed, and without what varies with it."""
        if not self.varied:
            return self._cell.id
        return _Cell(self.model, self.cell_params).id

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
    def course_key(self) -> str:
        """Equal for points that are the same training, but for the epoch after which it ends."""
        return f"{self.seed} {self._cell.course_key}"

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
        """
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

    @cached_property
    def courses(self) -> list[Course]:
        """The lanes of the pack."""
        return group_courses(self.points)

    @property
    def model(self) -> str:
        """The model of all lanes."""
        return self.points[0].model


@lru_cache(maxsize=1024)
def _format_data_key(name: str, items: tuple[tuple[str, Any], ...]) -> str:
    """Return the key of a dataset with some parameters: few of the points differ in them."""
    data = get_dataset_class(name)(**dict(items))
    values = data.model_dump(exclude={"train_fraction"})
    return json.dumps({"dataset": name, **values}, sort_keys=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]
