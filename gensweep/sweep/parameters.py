"""The parameters of a point: which config declares them, checks, and default values."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from gensweep.core.config import MAX_INTEGER, Config
from gensweep.core.data_source import DataSource
from gensweep.core.errors import DataError, SweepError, describe_unknown
from gensweep.core.own_data import OWN_DATA
from gensweep.core.registries import DATASETS, MODELS, get_dataset_class
from gensweep.core.trainable import Trainable
from gensweep.core.values import show_value

C = TypeVar("C", bound=Config)


def get_owner(
    key: str, model: type[Trainable], dataset: type[DataSource]
) -> type[Config]:
    """Return the config that declares a parameter."""
    return model if key in model.model_fields else dataset


def map_owners(
    model: type[Trainable], dataset: type[DataSource]
) -> dict[str, type[Config]]:
    """Return every parameter of a point (but the dataset's name) -> the config that declares it."""
    owners: dict[str, type[Config]] = dict.fromkeys(model.model_fields, model)
    owners.update(dict.fromkeys(dataset.model_fields, dataset))
    return owners


@lru_cache(maxsize=256)
def map_neutrals(
    model: type[Trainable], dataset: type[DataSource]
) -> Mapping[str, Any]:
    """Return the parameters that an id leaves out at one value, and that value."""
    neutrals = {}
    for key in map_owners(model, dataset):
        extras = get_owner(key, model, dataset).get_extras(key)
        if "neutral" in extras:
            neutrals[key] = extras["neutral"]
    return neutrals


def list_parameters(model: str, dataset: str) -> frozenset[str]:
    """Return the names of all parameters of a model with one dataset."""
    return _join_parameters(MODELS[model], get_dataset_class(dataset))


@lru_cache(maxsize=256)
def _join_parameters(
    model: type[Trainable], dataset: type[DataSource]
) -> frozenset[str]:
    # By the classes: a name may mean another class after a user's file has changed.
    return frozenset(map_owners(model, dataset)) | {"dataset"}


class _Layout(NamedTuple):
    """The parameters of all points of a model and a dataset.

    Attributes:
        owners: parameter -> the config that declares it.
        of_model, of_data: the parameters that each of the two declares.
        order: all parameters and `dataset`, sorted.
        conditions: those that act only with some values of others -> these others, and the values.
    """

    owners: dict[str, type[Config]]
    of_model: frozenset[str]
    of_data: frozenset[str]
    order: list[str]
    conditions: dict[str, list[tuple[str, Any]]]


@lru_cache(maxsize=256)
def _make_layout(
    model: type[Trainable], dataset: type[DataSource]
) -> _Layout:
    # To ask pydantic for each of 100,000 points takes longer than to check its values.
    owners = map_owners(model, dataset)
    conditions = {}
    for key, owner in owners.items():
        when = owner.get_extras(key).get("when")
        if when:
            conditions[key] = list(when.items())
    return _Layout(
        owners,
        frozenset(model.model_fields),
        frozenset(dataset.model_fields),
        sorted({*owners, "dataset"}),
        conditions,
    )


def describe_condition(model: str, key: str, params: dict[str, Any]) -> str:
    """Return in words when a parameter acts that does nothing in a point with these values."""
    owner = get_owner(
        key, MODELS[model], get_dataset_class(params["dataset"])
    )
    conditions = []
    for name, values in owner.get_extras(key)["when"].items():
        conditions.append(f"{name}={' or '.join(map(str, values))}")
    return f"it acts only with {' and '.join(conditions)}"


def resolve_params(model_name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return all active parameters of a point, checked, sorted and with default values.

    Args:
        model_name: the name of the model.
        values: the parameters that have no default value here.

    Raises:
        SweepError: an unknown parameter, a wrong value, or a dataset that the model cannot use.
        UnknownNameError: an unknown model or dataset.
    """
    model = MODELS[model_name]
    dataset_name = values.get("dataset", model.default_dataset)
    dataset = get_dataset_class(dataset_name)
    if model.reads == OWN_DATA and dataset_name != OWN_DATA:
        raise SweepError(
            f"{model_name} is a task: it reads its own data and takes no dataset"
        )
    if dataset.kind != model.reads:
        suitable = [
            name
            for name, other in DATASETS.items()
            if other.kind == model.reads
        ]
        takes = f"it takes {', '.join(suitable)}"
        if not suitable:
            takes = (
                f"it reads {model.reads!r}, and no dataset is of this kind"
            )
        raise SweepError(
            f"{model_name} cannot train on {dataset_name!r}; {takes}"
        )
    layout = _make_layout(model, dataset)
    for key in values:
        if key != "dataset" and key not in layout.owners:
            known = [*layout.owners, "dataset"]
            raise SweepError(
                describe_unknown("parameter", key, known, model_name)
            )
    complete: dict[str, Any] = {"dataset": dataset_name}
    for owner, fields in (
        (model, layout.of_model),
        (dataset, layout.of_data),
    ):
        owner_values = {
            key: value for key, value in values.items() if key in fields
        }
        config = configure(owner, owner_values, model_name)
        for key, value in config.model_dump().items():
            if isinstance(value, float):
                # 0.0 for -0.0: the two are equal, but their texts in an id are not.
                value += 0.0
            elif isinstance(value, int) and abs(value) > MAX_INTEGER:
                raise SweepError(
                    f"{model_name}: {key} is too large; the largest integer is {MAX_INTEGER}"
                )
            complete[key] = value
    # Sorted, so that the order in which a user writes parameters does not matter.
    params = {key: complete[key] for key in layout.order}
    for key, conditions in layout.conditions.items():
        for other, allowed in conditions:
            if complete.get(other) not in allowed:
                params.pop(key, None)
    return params


def check_seed(prefix: str, seed: Any) -> None:
    """Raise an error for a seed that no record can hold.

    Raises:
        SweepError: it is not a whole number of 0 or more, or too large.
    """
    if type(seed) is not int or seed < 0:
        raise SweepError(
            f"{prefix}seed {show_value(seed)} is not a whole number of 0 or more"
        )
    if seed > MAX_INTEGER:
        raise SweepError(
            f"{prefix}a seed is too large; the largest one is {MAX_INTEGER}"
        )


def configure(owner: type[C], values: dict[str, Any], prefix: str = "") -> C:
    """Return a config with some values set.

    Args:
        owner: the class of the config.
        values: the values; other fields have their defaults.
        prefix: the start of error messages; default: the name of the config.

    Raises:
        SweepError: a value or a key is wrong; the message says what would be right.
        DataError: a value names data that is not on this machine.
    """
    try:
        return owner(
            **{
                key: _convert_whole(owner, key, value)
                for key, value in values.items()
            }
        )
    except ValidationError as error:
        for item in error.errors():
            # A validator can only raise ValueError; the error of the data is its cause.
            cause = getattr(
                item.get("ctx", {}).get("error"), "__cause__", None
            )
            if isinstance(cause, DataError):
                raise cause from None
        raise SweepError(
            _explain(error, owner, prefix or owner.name)
        ) from None


def unwrap_scalar(value: Any) -> Any:
    """Return a NumPy scalar, or an array without dimensions, as a Python value.

    Other values are returned unchanged.
    """
    # By name, so that this module does not import NumPy.
    is_numpy = type(value).__module__ == "numpy"
    if is_numpy and getattr(value, "ndim", 1) == 0:
        return value.item()
    return value


def _convert_whole(owner: type[Config], key: str, value: Any) -> Any:
    """Return a whole number such as 3.0 or 1e1 as an int, if the parameter is an int."""
    if not isinstance(value, float) or not value.is_integer():
        return value
    field = owner.model_fields.get(key)
    is_int_field = field is not None and field.annotation in (int, int | None)
    return int(value) if is_int_field else value


def _explain(error: ValidationError, owner: type[Config], prefix: str) -> str:
    """Return a message for the errors of pydantic, with what each parameter accepts."""
    lines = []
    for item in error.errors():
        # The exception that a validator of ours raised; pydantic's own errors have none.
        raised = item.get("ctx", {}).get("error")
        if not item[
            "loc"
        ]:  # an error of the complete config, not of one field
            lines.append(f"{prefix}: {raised or item['msg']}")
            continue
        key = str(item["loc"][0])
        if item["type"] == "extra_forbidden":
            lines.append(
                describe_unknown("parameter", key, owner.model_fields, prefix)
            )
            continue
        reason = item["msg"].lower()
        if isinstance(raised, ValueError):
            reason = str(raised)
        line = f"{prefix}: {key}={show_value(item['input'])}: {reason}"
        field = owner.model_fields.get(key)
        if field:
            line += f" ({owner.describe_type(key)}: {field.description})"
        lines.append(line)
    return "; ".join(dict.fromkeys(lines))
