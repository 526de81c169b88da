"""Schedules of the learning rate."""

from __future__ import annotations

import math

from gensweep.core.training_config import TrainingConfig

ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1 / 25 / 1e4
ONE_CYCLE_RISE = 0.3
"""The share of the steps in which `one_cycle` rises."""


def compute_rate_factor(
    config: TrainingConfig, step: int, total_steps: int
) -> float:
    """Return the learning rate's factor at a step of ``total_steps``.

    - `constant`: 1.
    - `warmup_linear`: up linearly over `warmup`, 1 until `hold`, down linearly to 0.
    - `one_cycle`: cosine from 1/25 up to 1 over the first 30%, then down to 1/250,000 (Smith and
      Topin 2018, with the defaults of `torch.optim.lr_scheduler.OneCycleLR`, except that momentum
      does not change).
    """
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "warmup_linear":
        return _warmup_linear(config, step, total_steps)
    peak = ONE_CYCLE_RISE * total_steps - 1
    if step <= peak:
        return _interpolate_cosine(ONE_CYCLE_START, 1.0, step / peak)
    return _interpolate_cosine(
        1.0, ONE_CYCLE_END, (step - peak) / (total_steps - 1 - peak)
    )


def _warmup_linear(
    config: TrainingConfig, step: int, total_steps: int
) -> float:
    rising = (step + 1) / max(1.0, config.warmup * total_steps)
    progress = step / total_steps
    falling = 1.0
    if progress > config.hold:
        # `hold` may be 1; then nothing falls, but the division must not fail.
        falling = (1 - progress) / max(1e-12, 1 - config.hold)
    return min(1.0, rising, falling)


def _interpolate_cosine(start: float, end: float, share: float) -> float:
    cosine = math.cos(math.pi * share)
    return end + (start - end) / 2 * (1 + cosine)
