"""What a point can be asked: typed parameters, each with a default, a range and a line of documentation.

A point's parameters come from three configs: the model's own, the training's (the model's config
inherits it) and the dataset's. All are flat, and no two share a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isfunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import numpy as np

    from gensweep.core.dataset import DatasetArrays

_UNSET = object()


def param(
    default: Any,
    description: str,
    *,
    when: dict[str, tuple[Any, ...]] | None = None,
    neutral: Any = _UNSET,
    **constraints: Any,
) -> Any:
    """Declare one parameter.

    Args:
        default: the value of a point that does not name it.
        description: one line for `list` and the error messages.
        when: the parameter acts only where every named parameter has one of the given values;
            elsewhere it is no part of the point (and of its id), and setting it is an error.
        neutral: for a parameter added after results exist: the value under which those results
            stay valid. At that value it is left out of the id.
        constraints: `ge`, `gt`, `le`, `lt` as in `pydantic.Field`.
    """
    extra: dict[str, Any] = {}
    if when is not None:
        extra["when"] = when
    if neutral is not _UNSET:
        extra["neutral"] = neutral
    return Field(default, description=description, json_schema_extra=extra or None, **constraints)


class Config(BaseModel):
    """Base of every config: strict types, no unknown keys, no NaN, immutable."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )
    name: ClassVar[str]
    numerics: ClassVar[int] = 1
    """Part of every id: raised when this code's numbers change on purpose."""

    @classmethod
    def get_numerics(cls, params: Mapping[str, Any]) -> int:
        """Return `numerics` for a point with these parameters; a config may raise it for some of them alone."""
        return cls.numerics

    @classmethod
    def get_extras(cls, field: str) -> dict[str, Any]:
        """What `param` kept beside the field: `when`, `neutral`."""
        extra = cls.model_fields[field].json_schema_extra
        return extra if isinstance(extra, dict) else {}

    @classmethod
    def is_neutral(cls, field: str, value: Any) -> bool:
        """Whether the value is that under which results from before the field existed stay valid."""
        return value == cls.get_extras(field).get("neutral", _UNSET)

    @classmethod
    def describe_type(cls, field: str) -> str:
        """A field's type as a person would write it; where a validator stands for the type, as that shows itself."""
        info = cls.model_fields[field]
        shown = [
            str(m.func)
            for m in info.metadata
            if isinstance(m, AfterValidator) and not isfunction(m.func)
        ]
        return shown[0] if shown else format_type(info.annotation)

    @classmethod
    def is_active(cls, field: str, values: dict[str, Any]) -> bool:
        """Whether the field acts in a point with these values."""
        when = cls.get_extras(field).get("when", {})
        return all(values.get(key) in allowed for key, allowed in when.items())


class TrainingConfig(Config):
    """How a point is trained; every model's config inherits it and may move a default."""

    epochs: int = param(10, "passes over the training examples", ge=1)
    batch_size: int = param(128, "examples a step", ge=1)
    optimizer: Literal["adam", "adamw", "muon"] = param(
        "adam", "muon: matrices by Muon, the rest by AdamW"
    )
    lr: float = param(1e-3, "learning rate of Adam or AdamW", gt=0)
    beta1: float = param(0.9, "Adam's decay of the gradient's mean", ge=0, lt=1)
    beta2: float = param(0.999, "Adam's decay of the squared gradient's mean", ge=0, lt=1)
    weight_decay: float = param(
        0.01, "decoupled weight decay", ge=0, when={"optimizer": ("adamw", "muon")}
    )
    muon_lr: float = param(
        0.02, "learning rate of the matrices", gt=0, when={"optimizer": ("muon",)}
    )
    muon_momentum: float = param(
        0.95, "Nesterov momentum of the matrices", ge=0, lt=1, when={"optimizer": ("muon",)}
    )
    schedule: Literal["constant", "one_cycle", "warmup_linear"] = param(
        "constant", "learning rate over the steps"
    )
    warmup: float = param(
        0.05, "share of the steps that warm up", ge=0, le=1, when={"schedule": ("warmup_linear",)}
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


class Data(Config):
    """How a dataset is split; every dataset's config inherits it."""

    kind: ClassVar[str]
    """What a model asks for: `arithmetic`, `arithmetic_pictures`, `pictures`."""
    source: ClassVar[str] = "drawn by gensweep"
    """Where it comes from, in a few words."""
    fixed: ClassVar[tuple[int, tuple[int, ...], str] | None] = None
    """Count, shape and SHA-256 of the original pictures (uint8, C order; "" where there are none, or it depends), by
    default parameters."""

    train_fraction: float = param(
        0.9, "share of the pool (all but the test set) that is trained on", gt=0, le=0.9
    )
    split_seed: int = param(
        0, "seed of the permutation behind test, validation and training sets", ge=0
    )

    def get_title(self) -> str:
        """The dataset's name, as it is shown."""
        return self.name

    def get_source_path(self) -> Path | None:
        """Where the files that the arrays come from lie, if there are any."""
        return None

    def check(self) -> None:
        """Make sure, quickly, that what the arrays come from is on this machine.

        Raises:
            DataError: it is not; the message says how to get it.
        """

    def prepare(self) -> DatasetArrays:
        """Build the arrays; the same for every `train_fraction`.

        Touches no network. Called through `gensweep.prepare.array_cache.prepared`, which keeps the arrays.

        Raises:
            DataError: what they come from is not here, or damaged.
        """
        raise NotImplementedError

    def list_remarks(self) -> tuple[str, ...]:
        """Return what a person should know of the files as they lie now, such as copies and unreadable files.

        Unlike the notes of `DatasetArrays`, which are kept with the arrays, this is not part of the data's identity.
        """
        return ()

    def select_examples(
        self, data: DatasetArrays, rows: np.ndarray
    ) -> tuple[np.ndarray | None, list[str]]:
        """Some examples to look at: pictures, uint8 [n, channels, h, w], or None; and a caption each, or none."""
        return data.rows["picture"][rows], []


def format_type(annotation: Any) -> str:
    """A type as a person would write it: `int`, `adam | adamw | muon`, `float or none`."""
    if get_origin(annotation) is Literal:
        return " | ".join(str(value) for value in get_args(annotation))
    arguments = get_args(annotation)
    if get_origin(annotation) is Union or (arguments and type(None) in arguments):
        return " or ".join("none" if a is type(None) else format_type(a) for a in arguments)
    return getattr(annotation, "__name__", str(annotation))
