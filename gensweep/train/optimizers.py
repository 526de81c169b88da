"""Optimizers and learning-rate schedules of one player, in one lane or in several at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

from gensweep.core.config import TrainingConfig
from gensweep.train.muon import apply_muon

EPSILON = 1e-8
Tensors = dict[str, Tensor]


class PlayerOptimizer:
    """Steps one player's parameters, with clipping and a schedule, each lane by itself.

    `muon`: every matrix by Muon, but for those named in ``adamw_only``; all other parameters by AdamW.
    The optimizers are functions of tensors: torch's own classes step no lanes, and import its compiler.

    Args:
        parameters: the player's, by name, [lanes, ...] each; moved in place.
        configs: each lane's optimizer, rates, schedule, clipping; they differ in rates alone.
        totals: steps of each lane's whole training, for the schedule.
        adamw_only: name prefixes of matrices that AdamW keeps.

    Attributes:
        configs: each lane's.
        state: by parameter, [lanes, ...] each: `mean` and `square` of AdamW, `mean` of Muon.
    """

    def __init__(
        self,
        parameters: Tensors,
        configs: Sequence[TrainingConfig],
        totals: Sequence[int],
        adamw_only: Iterable[str] = (),
    ) -> None:
        self.parameters, self.configs, self._totals = parameters, list(configs), list(totals)
        self._adamw_only = tuple(adamw_only)
        self.state = {
            name: {key: torch.zeros_like(p) for key in self._keys(name)}
            for name, p in parameters.items()
        }

    @staticmethod
    def create_single(
        parameters: Mapping[str, Tensor],
        config: TrainingConfig,
        total: int,
        adamw_only: Iterable[str] = (),
    ) -> PlayerOptimizer:
        """Of one lane: a network's own parameters."""
        only = {name: parameter.detach().unsqueeze(0) for name, parameter in parameters.items()}
        return PlayerOptimizer(only, [config], [total], adamw_only)

    @staticmethod
    def stack(lanes: Sequence[PlayerOptimizer]) -> PlayerOptimizer:
        """One that steps all of them at once; their own parameters and state become views of its."""
        configs = [config for lane in lanes for config in lane.configs]
        totals = [total for lane in lanes for total in lane._totals]
        parameters = {
            name: _joined(lane.parameters[name] for lane in lanes) for name in lanes[0].parameters
        }
        joint = PlayerOptimizer(parameters, configs, totals, lanes[0]._adamw_only)
        joint.state = {
            name: {key: _joined(lane.state[name][key] for lane in lanes) for key in state}
            for name, state in lanes[0].state.items()
        }
        for lane, place in zip(
            lanes, itertools.accumulate(lane.lanes for lane in lanes), strict=True
        ):
            own = slice(place - lane.lanes, place)
            lane.parameters = {name: tensor[own] for name, tensor in joint.parameters.items()}
            lane.state = {
                n: {key: tensor[own] for key, tensor in s.items()} for n, s in joint.state.items()
            }
        return joint

    @property
    def lanes(self) -> int:
        """How many there are."""
        return len(self._totals)

    def step(
        self, loss: Tensor, leaves: Mapping[str, Tensor], steps: Sequence[int], first: int = 0
    ) -> None:
        """Move some lanes' parameters down the gradient of a loss.

        Args:
            loss: a scalar: the lane's, or the sum of the lanes', which share nothing.
            leaves: what it was computed from: every parameter, [n, ...], or one lane's own, without the lanes' axis.
            steps: how many steps came before in each of these ``n`` lanes, over all epochs.
            first: the first of them.
        """
        found = torch.autograd.grad(loss, list(leaves.values()))
        lanes = range(first, first + len(steps))
        gradients = {
            name: _laid_out_as(self.parameters[name][first : lanes.stop], gradient)
            for name, gradient in zip(leaves, found, strict=True)
        }
        if (limit := self.configs[first].clip_norm) is not None:
            _clip(gradients.values(), limit)
        factors = [(self._rates(lane, step), step) for lane, step in zip(lanes, steps, strict=True)]
        for (rates, step), run in itertools.groupby(
            range(len(steps)), lambda index: factors[index]
        ):
            alike = list(run)
            self._move(gradients, slice(alike[0], alike[-1] + 1), first, rates, step)

    def _rates(self, lane: int, step: int) -> tuple[float, float]:
        """Learning rates of AdamW and of Muon."""
        config = self.configs[lane]
        factor = compute_rate_factor(config, step, self._totals[lane])
        return config.lr * factor, config.muon_lr * factor

    @torch.no_grad()
    def _move(
        self, gradients: Tensors, own: slice, first: int, rates: tuple[float, float], step: int
    ) -> None:
        """Move lanes that share their rates and the number of their steps: no step tells them apart."""
        config, lanes = self.configs[first], slice(own.start + first, own.stop + first)
        adam_rate, muon_rate = rates
        rest = []
        for name, gradient in gradients.items():
            if self._by_muon(name):
                tensors = (
                    self.parameters[name][lanes],
                    gradient[own],
                    self.state[name]["mean"][lanes],
                )
                apply_muon(*tensors, muon_rate, config.muon_momentum, config.weight_decay)
            else:
                rest.append(name)
        if rest:
            adam(
                [_some(self.parameters[name], lanes) for name in rest],
                [_some(gradients[name], own) for name in rest],
                [_some(self.state[name]["mean"], lanes) for name in rest],
                [_some(self.state[name]["square"], lanes) for name in rest],
                [],
                list(
                    torch.full((len(rest),), float(step), device=gradients[rest[0]].device).unbind()
                ),
                fused=True,
                decoupled_weight_decay=config.optimizer != "adam",
                amsgrad=False,
                beta1=config.beta1,
                beta2=config.beta2,
                lr=adam_rate,
                weight_decay=0.0 if config.optimizer == "adam" else config.weight_decay,
                eps=EPSILON,
                maximize=False,
            )

    def _by_muon(self, name: str) -> bool:
        kept = any(name.startswith(prefix) for prefix in self._adamw_only)
        return self.configs[0].optimizer == "muon" and self.parameters[name].ndim == 3 and not kept

    def _keys(self, name: str) -> tuple[str, ...]:
        return ("mean",) if self._by_muon(name) else ("mean", "square")

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Tensors]) -> None:
        """Take up another's `state`.

        Raises:
            LookupError: it is not of these parameters.
            RuntimeError: a shape is wrong.
        """
        for name, own in self.state.items():
            for key, tensor in own.items():
                tensor.copy_(state[name][key])


def _joined(tensors: Iterable[Tensor]) -> Tensor:
    """Lanes one after another, each laid out in memory as it was: a lane computes the same alone or among others."""
    parts = list(tensors)
    like, lanes = parts[0], sum(len(part) for part in parts)
    shape, strides = like.shape[1:], like.stride()[1:]
    joined = torch.empty_strided(
        (lanes, *shape), (math.prod(shape), *strides), dtype=like.dtype, device=like.device
    )
    for lanes, part in zip(joined.split([len(part) for part in parts]), parts, strict=True):
        lanes.copy_(part)
    return joined


def _laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The gradient with the lanes' axis, in the parameter's order in memory: a fused step takes both as they lie."""
    if gradient.ndim < parameter.ndim:
        gradient = gradient.unsqueeze(0)
    return (
        gradient
        if gradient.stride() == parameter.stride()
        else torch.empty_like(parameter).copy_(gradient)
    )


def _some(tensor: Tensor, lanes: slice) -> Tensor:
    """Some lanes of a tensor; itself, if they are all: a view of it takes as long as a small product."""
    return tensor if lanes.stop - lanes.start == len(tensor) else tensor[lanes]


def _clip(gradients: Iterable[Tensor], limit: float) -> None:
    """Scale each lane's gradients down to a norm of ``limit`` over all parameters (Pascanu et al. 2013), in place."""
    gradients = list(gradients)
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    scale = (limit / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))


def compute_rate_factor(config: TrainingConfig, step: int, total: int) -> float:
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
