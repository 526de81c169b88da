"""The parameters of training, which every model has."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator

from gensweep.core.config import Config, param


class TrainingConfig(Config):
    """The parameters of training; every model's config inherits them and may change a default."""

    epochs: int = param(10, "passes over the training examples", ge=1)
    batch_size: int = param(128, "examples per step", ge=1)
    optimizer: Literal["adam", "adamw", "muon"] = param(
        "adam", "muon: matrices by Muon, the rest by AdamW"
    )
    lr: float = param(1e-3, "learning rate of Adam or AdamW", gt=0)
    beta1: float = param(
        0.9, "Adam's decay of the gradient's mean", ge=0, lt=1
    )
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
        None,
        "largest gradient norm per player and step; none: no clipping",
        gt=0,
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
