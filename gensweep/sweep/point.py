"""Points: one value for every parameter, one seed, and the ids by which results are found again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from pydantic import ValidationError

from gensweep.core.config import Config, Data
from gensweep.core.errors import DataError, SweepError, describe_unknown
from gensweep.core.model import Model
from gensweep.core.registries import DATASETS, MODELS, get_dataset_class

HASH_VERSION = 1
AUTO = "auto"
"""As many lanes in a pack as are worth it where it trains."""
MAX_LANES = 32
"""Lanes of a pack at most, if nobody says how many."""
LANE_PARAMS = ("train_fraction", "lr", "muon_lr")
"""What lanes of a pack may differ in, beside the seed."""
C = TypeVar("C", bound=Config)


class _Cell:
    """What the points of a cell share, worked out once for all its seeds."""

    def __init__(self, model: str, params: dict[str, Any]) -> None:
        self._model, self._params = model, params

    @cached_property
    def id(self) -> str:
        return f"{self.prefix}-{_digest(self._canonical(None))}"

    @cached_property
    def prefix(self) -> str:
        config = MODELS[self._model]
        return f"{config.abbreviation}-e{self._params['encoder_layers']}-d{self._params['decoder_layers']}"

    @cached_property
    def around_seed(self) -> list[str]:
        """What the canonical JSON of a point has before and after its seed."""
        return self._canonical(_MARK).split(json.dumps(_MARK))

    @cached_property
    def model_config(self) -> Model:
        model = MODELS[self._model]
        return model(
            **{key: value for key, value in self._params.items() if key in model.model_fields}
        )

    @cached_property
    def data_config(self) -> Data:
        dataset = get_dataset_class(self._params["dataset"])
        return dataset(
            **{key: value for key, value in self._params.items() if key in dataset.model_fields}
        )

    @cached_property
    def pack_key(self) -> str:
        shared = {key: value for key, value in self._params.items() if key not in LANE_PARAMS}
        return json.dumps([self._model, shared], sort_keys=True)

    @cached_property
    def data_key(self) -> str:
        data = self.data_config.model_dump(exclude={"train_fraction"})
        return json.dumps({"dataset": self._params["dataset"], **data}, sort_keys=True)

    def _canonical(self, seed: str | None) -> str:
        """Every field that changes numbers, as JSON that is the same wherever and whenever it is made."""
        model, dataset = MODELS[self._model], get_dataset_class(self._params["dataset"])
        hashed = {
            key: value
            for key, value in self._params.items()
            if key == "dataset" or not get_owner(key, model, dataset).is_neutral(key, value)
        }
        identity = {
            "version": HASH_VERSION,
            "model": self._model,
            "numerics": [model.get_numerics(self._params), dataset.get_numerics(self._params)],
            "params": hashed,
        } | ({} if seed is None else {"seed": seed})
        return json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Point:
    """One model, one value for every parameter, one seed.

    Attributes:
        params: every parameter that acts, the dataset's name included.
    """

    model: str
    params: dict[str, Any]
    seed: int

    @cached_property
    def _cell(self) -> _Cell:
        return _Cell(self.model, self.params)

    @cached_property
    def id(self) -> str:
        """Readable prefix and 12 hex digits of the hash of every field that changes numbers."""
        before, after = self._cell.around_seed
        return f"{self._cell.prefix}-s{self.seed}-{_digest(f'{before}{self.seed}{after}')}"

    @property
    def cell(self) -> str:
        """The id of the point without its seed."""
        return self._cell.id

    @property
    def expected_record(self) -> dict[str, Any]:
        """What a record of the point has to repeat."""
        return self.params | {"model": self.model, "seed": self.seed}

    @property
    def data_key(self) -> str:
        """Equal for points that share prepared arrays: the dataset and its parameters but `train_fraction`."""
        return self._cell.data_key

    @property
    def pack_key(self) -> str:
        """Equal for points that may be lanes of one pack."""
        return self._cell.pack_key

    def model_config(self) -> Model:
        """The model's config, training included."""
        return self._cell.model_config

    def data_config(self) -> Data:
        """The dataset's config."""
        return self._cell.data_config

    def with_seed(self, seed: int) -> Point:
        """The point of the same cell with another seed."""
        point = Point(self.model, self.params, seed)
        point.__dict__["_cell"] = self._cell  # as cached_property does, past the frozen attributes
        return point

    @staticmethod
    def make(model: str, params: dict[str, Any], seed: int) -> Point:
        """A point from the parameters that were named; the rest take their defaults.

        Raises:
            SweepError: an unknown parameter, or a value out of its range.
            UnknownName: an unknown model or dataset.
        """
        seed = unwrap_scalar(seed)
        params = {key: unwrap_scalar(value) for key, value in params.items()}
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise SweepError(f"seed {seed!r} is not a whole number of 0 or more")
        resolved = resolve_params(model, params)
        for key in params.keys() - resolved.keys():
            raise SweepError(
                f"{model}: {key} does nothing here; {describe_condition(model, key, resolved)}"
            )
        return Point(model, resolved, seed)


_MARK = "\0seed"


@dataclass(frozen=True)
class Pack:
    """Points that differ only in seed, train fraction or learning rates: what one trial trains."""

    points: tuple[Point, ...]

    @property
    def model(self) -> str:
        """The one model of every lane."""
        return self.points[0].model


def describe_condition(model: str, key: str, params: dict[str, Any]) -> str:
    """In words, when a parameter acts that does not act in a point with these parameters."""
    when = get_owner(key, MODELS[model], get_dataset_class(params["dataset"])).get_extras(key)[
        "when"
    ]
    return "it acts only with " + " and ".join(
        f"{k}={' or '.join(map(str, v))}" for k, v in when.items()
    )


def _digest(canonical: str) -> str:
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def get_owner(key: str, model: type[Model], dataset: type[Data]) -> type[Config]:
    """The config that declares a parameter."""
    return model if key in model.model_fields else dataset


def map_owners(model: type[Model], dataset: type[Data]) -> dict[str, type[Config]]:
    """Every parameter of a point (but the dataset's name) and the config that declares it."""
    return {key: owner for owner in (model, dataset) for key in owner.model_fields}


def resolve_params(model_name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Complete, check and sort a point's parameters; those that do not act are left out."""
    model, dataset_name = (
        MODELS[model_name],
        values.get("dataset", MODELS[model_name].default_dataset),
    )
    dataset = get_dataset_class(dataset_name)
    if dataset.kind != model.reads:
        fitting = [name for name, other in DATASETS.items() if other.kind == model.reads]
        raise SweepError(
            f"{model_name} cannot train on {dataset_name!r}; it takes {', '.join(fitting)}"
        )
    owners = map_owners(model, dataset)
    for key in values:
        if key != "dataset" and key not in owners:
            raise SweepError(describe_unknown("parameter", key, [*owners, "dataset"], model_name))
    complete: dict[str, Any] = {"dataset": dataset_name}
    for owner in (model, dataset):
        own = {key: value for key, value in values.items() if key in owner.model_fields}
        config = configure(owner, own, model_name)
        complete |= {key: _unsigned(value) for key, value in config.model_dump().items()}
    return {
        key: complete[key]
        for key in sorted(complete)
        if key == "dataset" or owners[key].is_active(key, complete)
    }


def configure(owner: type[C], values: dict[str, Any], place: str = "") -> C:
    """A config with some values set.

    Raises:
        SweepError: a value or a key is wrong; the message says what would be right, and begins with the place.
        DataError: a value names data that is not here.
    """
    try:
        return owner(**{key: _as_declared(owner, key, value) for key, value in values.items()})
    except ValidationError as error:
        for item in error.errors():
            cause = getattr(item.get("ctx", {}).get("error"), "__cause__", None)
            if isinstance(cause, DataError):
                raise cause from None
        raise SweepError(_explain(error, owner, place or owner.name)) from None


def unwrap_scalar(value: Any) -> Any:
    """Return a NumPy scalar, or an array without dimensions, as the Python value that it is; others as they are."""
    is_scalar = type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0
    return value.item() if is_scalar else value


def _as_declared(owner: type[Config], key: str, value: Any) -> Any:
    """Return a whole number such as 3.0 or 1e1 as an int, where the parameter is one."""
    field = owner.model_fields.get(key)
    is_whole = isinstance(value, float) and value.is_integer()
    return int(value) if is_whole and field is not None and field.annotation is int else value


def _unsigned(value: Any) -> Any:
    """-0.0 as the 0.0 that it equals."""
    return value + 0.0 if isinstance(value, float) else value


def _explain(error: ValidationError, owner: type[Config], place: str) -> str:
    lines = []
    for item in error.errors():
        raised = item.get("ctx", {}).get("error")
        if not item["loc"]:  # of the whole, not of one field
            lines.append(f"{place}: {raised or item['msg']}")
            continue
        key = str(item["loc"][0])
        field = owner.model_fields.get(key)
        what = f" ({owner.describe_type(key)}: {field.description})" if field else ""
        reason = str(raised) if isinstance(raised, ValueError) else item["msg"].lower()
        if item["type"] == "extra_forbidden":
            lines.append(describe_unknown("parameter", key, owner.model_fields, place))
            continue
        lines.append(f"{place}: {key}={item['input']!r}: {reason}{what}")
    return "; ".join(dict.fromkeys(lines))
