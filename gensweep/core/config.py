"""The parameters of a point, each with a type, a default, a range and a line of documentation.

A point's parameters come from three configs: the model's, the training's (the model's config
inherits it) and the dataset's. All are flat, and no two share a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isfunction
from typing import (
    Any,
    ClassVar,
    Literal,
    Union,
    get_args,
    get_origin,
)

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
)

_UNSET = object()
MAX_INTEGER = (1 << 63) - 1
"""The largest seed, count or whole parameter: records hold integers of 64 bits."""
_COUNTS = ("n_ok", "n_diverged", "n_failed", "n_missing")
RESERVED_NAMES = frozenset(
    (
        "id",
        "cell",
        "model",
        "seed",
        "status",
        "error",
        "seconds",
        "code",
        *_COUNTS,
    )
)
"""Columns of every table of points or cells: no parameter and no metric has such a name."""


def is_count(value: Any, minimum: int = 0) -> bool:
    """Return True for an integer of at least the minimum that a record can hold."""
    return type(value) is int and minimum <= value <= MAX_INTEGER


def param(
    default: Any,
    description: str = "",
    *,
    when: dict[str, tuple[Any, ...]] | None = None,
    neutral: Any = _UNSET,
    **constraints: Any,
) -> Any:
    """Declare one parameter of a built-in model or dataset.

    `gensweep.core.declare.param`, which users' files call as `gs.param`, documents the arguments.
    It also checks them, since users write them.
    """
    extra: dict[str, Any] = {}
    if when is not None:
        extra["when"] = when
    if neutral is not _UNSET:
        extra["neutral"] = neutral
    return Field(
        default,
        description=description,
        json_schema_extra=extra or None,
        **constraints,
    )


class Config(BaseModel):
    """Base of every config: strict types, no unknown keys, no NaN, immutable."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )
    name: ClassVar[str]
    numerics: ClassVar[int] = 1
    """Part of every id: raised when this code's numbers change on purpose."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for field in cls.model_fields.keys() & RESERVED_NAMES:
            raise ValueError(
                f"{cls.__name__}.{field}: tables have a column {field!r} already"
            )

    @classmethod
    def get_numerics(cls, params: Mapping[str, Any]) -> int:
        """Return `numerics` for a point; a config may raise it for some values only."""
        return cls.numerics

    @classmethod
    def get_extras(cls, field: str) -> dict[str, Any]:
        """Return the arguments of `param` that pydantic does not know: `when`, `neutral`."""
        extra = cls.model_fields[field].json_schema_extra
        return extra if isinstance(extra, dict) else {}

    @classmethod
    def is_neutral(cls, field: str, value: Any) -> bool:
        """Return whether results from before the field existed are results of this value."""
        return value == cls.get_extras(field).get("neutral", _UNSET)

    @classmethod
    def describe_type(cls, field: str) -> str:
        """Return the type of a field as a person would write it."""
        info = cls.model_fields[field]
        for item in info.metadata:
            # A `Source` is a validator, and its text says more than the type `str`.
            if isinstance(item, AfterValidator) and not isfunction(item.func):
                return str(item.func)
        return format_type(info.annotation)

    @classmethod
    def is_active(cls, field: str, values: dict[str, Any]) -> bool:
        """Return whether the field acts in a point with these values."""
        when = cls.get_extras(field).get("when", {})
        return all(
            values.get(key) in allowed for key, allowed in when.items()
        )


def get_last_epoch(params: Mapping[str, Any]) -> int:
    """Return the epoch after which a point with these parameters is done; 0 if none says so."""
    # Records from before the parameter existed have no `until`.
    return params.get("until") or params.get("epochs", 0)


def format_type(annotation: Any) -> str:
    """Return a type as a person would write it: `int`, `adam | adamw | muon`, `float or none`."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return " | ".join(str(value) for value in arguments)
    # `float | None` and `Optional[float]` have different origins but the same arguments.
    if get_origin(annotation) is Union or type(None) in arguments:
        names = []
        for argument in arguments:
            names.append(
                "none" if argument is type(None) else format_type(argument)
            )
        return " or ".join(names)
    return getattr(annotation, "__name__", str(annotation))
