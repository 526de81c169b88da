"""The parameters of a point, each with a type, a default, a range and a line of documentation.

A point's parameters come from three configs: the model's, the training's (the model's config
inherits it) and the dataset's. All are flat, and no two share a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isfunction
from pathlib import Path
from typing import (
    TYPE_CHECKING,
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
    ValidationInfo,
    field_validator,
)

if TYPE_CHECKING:
    import numpy as np

    from gensweep.core.dataset import DatasetArrays

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
    """Declare one parameter.

    Args:
        default: the value of a point that does not name it.
        description: one line for `list` and the error messages.
        when: the parameter acts only if every named parameter has one of these values; otherwise
            it is not part of the point (or of its id), and setting it is an error.
        neutral: for a parameter added after results exist: the value under which those results
            stay valid. At that value it is left out of the id.
        constraints: `ge`, `gt`, `le`, `lt` as in `pydantic.Field`.
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
        return all(values.get(key) in allowed for key, allowed in when.items())


class TrainingConfig(Config):
    """The parameters of training; every model's config inherits them and may change a default."""

    epochs: int = param(10, "passes over the training examples", ge=1)
    batch_size: int = param(128, "examples a step", ge=1)
    optimizer: Literal["adam", "adamw", "muon"] = param(
        "adam", "muon: matrices by Muon, the rest by AdamW"
    )
    lr: float = param(1e-3, "learning rate of Adam or AdamW", gt=0)
    beta1: float = param(0.9, "Adam's decay of the gradient's mean", ge=0, lt=1)
    beta2: float = param(
        0.999, "Adam's decay of the squared gradient's mean", ge=0, lt=1
    )
    weight_decay: float = param(
        0.01,
        "decoupled weight decay",
        ge=0,
        when={"optimizer": ("adamw", "muon")},
    )
    muon_lr: float = param(
        0.02,
        "learning rate of the matrices",
        gt=0,
        when={"optimizer": ("muon",)},
    )
    muon_momentum: float = param(
        0.95,
        "Nesterov momentum of the matrices",
        ge=0,
        lt=1,
        when={"optimizer": ("muon",)},
    )
    schedule: Literal["constant", "one_cycle", "warmup_linear"] = param(
        "constant", "learning rate over the steps"
    )
    warmup: float = param(
        0.05,
        "share of the steps that warm up",
        ge=0,
        le=1,
        when={"schedule": ("warmup_linear",)},
    )
    hold: float = param(
        0.4,
        "share of the steps after which the rate falls to zero",
        ge=0,
        le=1,
        when={"schedule": ("warmup_linear",)},
    )
    clip_norm: float | None = param(
        None, "largest gradient norm a player and step; none: no clipping", gt=0
    )
    init: Literal["torch", "keras"] = param(
        "torch", "initial weights: PyTorch's or Keras' defaults"
    )
    precision: Literal["auto", "float32", "bfloat16"] = param(
        "float32",
        "what products are computed in; auto: bfloat16 where the device has it",
        neutral="float32",
    )
    until: int | None = param(
        None,
        "epochs after which to stop; schedules still reckon with all epochs; none: all of them",
        ge=1,
        neutral=None,
    )

    @field_validator("until")
    @classmethod
    def _check_until(
        cls, until: int | None, info: ValidationInfo
    ) -> int | None:
        """Refuse to stop after the last epoch; to stop at the last epoch is to train all."""
        epochs = info.data.get("epochs")
        # `epochs` is absent if its own value is refused.
        if until is None or epochs is None:
            return until
        if until > epochs:
            raise ValueError(
                f"larger than epochs={epochs}; at most {epochs} can be trained"
            )
        return None if until == epochs else until


class DataSource(Config):
    """Base of what a point can be trained on.

    Attributes:
        has_arrays: whether gensweep prepares its arrays.
    """

    has_arrays: ClassVar[bool] = True
    kind: ClassVar[str]
    """The kind of data that a model requires: `arithmetic`, `arithmetic_pictures`, `pictures`."""
    source: ClassVar[str] = "drawn by gensweep"
    """The origin of the data, in a few words."""
    fixed: ClassVar[tuple[int, tuple[int, ...], str] | None] = None
    """Count, shape and SHA-256 of the original pictures (uint8, C order), by default parameters.

    The hash is "" where it depends on something, or there are no pictures.
    """

    def get_title(self) -> str:
        """Return the name of the dataset for people."""
        return self.name

    def get_source_path(self) -> Path | None:
        """Return the path of the files from which the arrays are built; None if there are none."""
        return None

    def check(self) -> None:
        """Check quickly that the files for the arrays are on this machine.

        Raises:
            DataError: they are not; the message says how to get them.
        """

    def prepare(self) -> DatasetArrays:
        """Build the arrays, which are the same for every `train_fraction`.

        This does not use the network. Call it through `gensweep.prepare.array_cache.load_arrays`,
        which caches the arrays.

        Raises:
            DataError: the files for them are missing or damaged.
        """
        raise NotImplementedError

    def list_remarks(self) -> tuple[str, ...]:
        """Return remarks about the files as they are now, such as copies and unreadable files.

        The notes of `DatasetArrays` are cached with the arrays. These remarks are not, because
        they are not part of the data's identity.
        """
        return ()

    def select_examples(
        self, data: DatasetArrays, rows: np.ndarray
    ) -> tuple[np.ndarray | None, list[str]]:
        """Return some examples for people.

        Returns:
            Pictures, uint8 [n, channels, h, w], or None; and a caption for each, or no captions.
        """
        return data.rows["picture"][rows], []


class Data(DataSource):
    """The parameters of splitting a dataset; every dataset's config inherits them."""

    train_fraction: float = param(
        0.9,
        "share of the pool (all but the test set) that is trained on",
        gt=0,
        le=0.9,
    )
    split_seed: int = param(
        0,
        "seed of the permutation behind test, validation and training sets",
        ge=0,
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
