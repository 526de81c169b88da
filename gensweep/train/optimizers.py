"""Optimizers and learning-rate schedules of one player."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from gensweep.core.config import TrainingConfig
from gensweep.train.muon import Muon


class PlayerOptimizer:
    """Steps one player's parameters, with clipping and a schedule.

    `muon`: every matrix by Muon, but for those named in ``adamw_only``; all other parameters by AdamW.

    Args:
        parameters: the player's, by name.
        config: optimizer, rates, schedule, clipping.
        total_steps: steps of the whole training, for the schedule.
        adamw_only: name prefixes of matrices that AdamW keeps.
    """

    def __init__(
        self,
        parameters: dict[str, nn.Parameter],
        config: TrainingConfig,
        total_steps: int,
        adamw_only: Iterable[str] = (),
    ) -> None:
        self.parameters = list(parameters.values())
        self._config = config
        self._total_steps = total_steps
        self._optimizers = _optimizers(parameters, config, tuple(adamw_only))
        self._rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in self._optimizers]

    def step(self, loss: torch.Tensor, step: int) -> None:
        """Move the parameters down the loss's gradient.

        Args:
            loss: a scalar; only this player's parameters get gradients from it.
            step: how many steps came before, over all epochs.
        """
        factor = rate_factor(self._config, step, self._total_steps)
        for optimizer, rates in zip(self._optimizers, self._rates, strict=True):
            optimizer.zero_grad(set_to_none=True)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        loss.backward(inputs=self.parameters)
        if self._config.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self._config.clip_norm)
        for optimizer in self._optimizers:
            optimizer.step()

    def state_dict(self) -> list[dict]:
        """State of every optimizer behind this one."""
        return [optimizer.state_dict() for optimizer in self._optimizers]

    def load_state_dict(self, states: list[dict]) -> None:
        """Take up what `state_dict` gave."""
        for optimizer, state in zip(self._optimizers, states, strict=True):
            optimizer.load_state_dict(state)


def _optimizers(
    parameters: dict[str, nn.Parameter], config: TrainingConfig, adamw_only: tuple[str, ...]
) -> list[torch.optim.Optimizer]:
    betas, decay = (config.beta1, config.beta2), config.weight_decay
    if config.optimizer == "adam":
        return [torch.optim.Adam(parameters.values(), lr=config.lr, betas=betas, fused=True)]
    matrices = {}
    if config.optimizer == "muon":
        matrices = {n: p for n, p in parameters.items() if p.ndim == 2 and not n.startswith(adamw_only or ("\0",))}
    rest = [parameter for name, parameter in parameters.items() if name not in matrices]
    optimizers: list[torch.optim.Optimizer] = []
    if matrices:
        optimizers.append(Muon(matrices.values(), config.muon_lr, config.muon_momentum, decay))
    if rest:
        optimizers.append(torch.optim.AdamW(rest, lr=config.lr, betas=betas, weight_decay=decay, fused=True))
    return optimizers


def rate_factor(config: TrainingConfig, step: int, total: int) -> float:
    """The learning rate's factor at a step of ``total``.

    `constant`: 1. `warmup_linear`: up linearly over `warmup`, 1 until `hold`, down linearly to 0.
    `one_cycle`: cosine from 1/25 up to 1 over the first 30%, then down to 1/250,000 (Smith and Topin
    2018, with the defaults of `torch.optim.lr_scheduler.OneCycleLR`, but momentum is left alone).
    """
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "warmup_linear":
        done = step / total
        rising = (step + 1) / max(1.0, config.warmup * total)
        falling = (1 - done) / max(1e-12, 1 - config.hold) if done > config.hold else 1.0
        return min(1.0, rising, falling)
    peak = 0.3 * total - 1
    if step <= peak:
        return _cosine(1 / 25, 1.0, step / peak)
    return _cosine(1.0, 1 / 25 / 1e4, (step - peak) / (total - 1 - peak))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
