"""Optimizers of one player's parameters, in one lane or in many at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

from gensweep.core.training_config import TrainingConfig
from gensweep.train.lane_tensors import (
    clip_gradients,
    concat_lanes,
    match_layout,
    select_lanes,
)
from gensweep.train.muon import apply_muon
from gensweep.train.schedules import compute_rate_factor

EPSILON = 1e-8
"""Added to the denominator of AdamW."""
Tensors = dict[str, Tensor]


class PlayerOptimizer:
    """Steps one player's parameters, with clipping and a schedule, each lane by itself.

    With the optimizer `muon`, every matrix is stepped by Muon, except those named in
    ``adamw_only``; all other parameters are stepped by AdamW. The optimizers are functions of
    tensors: PyTorch's own classes step no lanes, and import its compiler.

    Args:
        parameters: the player's, by name, [lanes, ...] each; changed in place.
        configs: each lane's optimizer, rates, schedule, clipping; they differ in rates alone.
        total_steps: steps of each lane's complete training, for the schedule.
        adamw_only: name prefixes of matrices that AdamW steps.

    Attributes:
        configs: each lane's.
        state: by parameter, [lanes, ...] each: `mean` and `square` of AdamW, `mean` of Muon.
    """

    def __init__(
        self,
        parameters: Tensors,
        configs: Sequence[TrainingConfig],
        total_steps: Sequence[int],
        adamw_only: Iterable[str] = (),
    ) -> None:
        self.parameters = parameters
        self.configs = list(configs)
        self._total_steps = list(total_steps)
        self._adamw_only = tuple(adamw_only)
        self.state: dict[str, Tensors] = {}
        for name, parameter in parameters.items():
            keys = self._state_keys(name)
            self.state[name] = {
                key: torch.zeros_like(parameter) for key in keys
            }

    @staticmethod
    def create_single(
        parameters: Mapping[str, Tensor],
        config: TrainingConfig,
        total_steps: int,
        adamw_only: Iterable[str] = (),
    ) -> PlayerOptimizer:
        """Return the optimizer of one lane, for a network's own parameters."""
        one_lane = {
            name: parameter.detach().unsqueeze(0)
            for name, parameter in parameters.items()
        }
        return PlayerOptimizer(one_lane, [config], [total_steps], adamw_only)

    @staticmethod
    def stack(optimizers: Sequence[PlayerOptimizer]) -> PlayerOptimizer:
        """Return an optimizer of all these lanes together.

        The parameters and the state of each become views of those of the stacked one.
        """
        first = optimizers[0]
        configs = [
            config for optimizer in optimizers for config in optimizer.configs
        ]
        total_steps = [
            total
            for optimizer in optimizers
            for total in optimizer._total_steps
        ]
        parameters = {
            name: concat_lanes(
                optimizer.parameters[name] for optimizer in optimizers
            )
            for name in first.parameters
        }
        stacked = PlayerOptimizer(
            parameters, configs, total_steps, first._adamw_only
        )
        for name, state in first.state.items():
            stacked.state[name] = {
                key: concat_lanes(
                    optimizer.state[name][key] for optimizer in optimizers
                )
                for key in state
            }
        start = 0
        for optimizer in optimizers:
            lanes = slice(start, start + optimizer.lanes)
            optimizer._use_views(stacked, lanes)
            start = lanes.stop
        return stacked

    def _use_views(self, stacked: PlayerOptimizer, lanes: slice) -> None:
        """Replace parameters and state by views of some lanes of a stacked optimizer."""
        self.parameters = {
            name: tensor[lanes] for name, tensor in stacked.parameters.items()
        }
        self.state = {}
        for name, state in stacked.state.items():
            self.state[name] = {
                key: tensor[lanes] for key, tensor in state.items()
            }

    @property
    def lanes(self) -> int:
        """Return the number of lanes."""
        return len(self._total_steps)

    def step(
        self,
        loss: Tensor,
        leaves: Mapping[str, Tensor],
        steps: Sequence[int],
        first: int = 0,
    ) -> None:
        """Move the parameters of some lanes down the gradient of a loss.

        Args:
            loss: a scalar: the lane's, or the sum of the lanes', which share nothing.
            leaves: every parameter that the loss was computed from, [n, ...]; without the lanes'
                axis if there is one lane by itself.
            steps: how many steps came before in each of these ``n`` lanes, over all epochs.
            first: the first of these lanes.
        """
        computed = torch.autograd.grad(loss, list(leaves.values()))
        last = first + len(steps)
        gradients = {
            name: match_layout(self.parameters[name][first:last], gradient)
            for name, gradient in zip(leaves, computed, strict=True)
        }
        limit = self.configs[first].clip_norm
        if limit is not None:
            clip_gradients(gradients.values(), limit)
        settings = [
            (self._compute_rates(lane, step), step)
            for lane, step in zip(range(first, last), steps, strict=True)
        ]
        # Neighbouring lanes with equal rates and step counts take one step together.
        for (rates, step), run in itertools.groupby(
            range(len(steps)), settings.__getitem__
        ):
            indices = list(run)
            self._move(
                gradients,
                slice(indices[0], indices[-1] + 1),
                first,
                rates,
                step,
            )

    def _compute_rates(self, lane: int, step: int) -> tuple[float, float]:
        """Return the learning rates of AdamW and of Muon."""
        config = self.configs[lane]
        factor = compute_rate_factor(config, step, self._total_steps[lane])
        return config.lr * factor, config.muon_lr * factor

    @torch.no_grad()
    def _move(
        self,
        gradients: Tensors,
        group: slice,
        first: int,
        rates: tuple[float, float],
        step: int,
    ) -> None:
        """Move lanes that have the same rates and the same number of steps behind them.

        Args:
            gradients: by parameter, [n, ...] each.
            group: those of the ``n`` lanes that are moved.
            first: the first of the ``n`` lanes.
            rates: learning rates of AdamW and of Muon.
            step: how many steps came before.
        """
        config = self.configs[first]
        lanes = slice(group.start + first, group.stop + first)
        adam_rate, muon_rate = rates
        adam_names = []
        for name, gradient in gradients.items():
            if self._uses_muon(name):
                apply_muon(
                    self.parameters[name][lanes],
                    gradient[group],
                    self.state[name]["mean"][lanes],
                    muon_rate,
                    config.muon_momentum,
                    config.weight_decay,
                )
            else:
                adam_names.append(name)
        if not adam_names:
            return
        device = gradients[adam_names[0]].device
        # Adam's kernel wants the step as a tensor for each parameter.
        step_tensors = torch.full(
            (len(adam_names),), float(step), device=device
        ).unbind()
        is_adam = config.optimizer == "adam"
        # One function of PyTorch is both Adam and AdamW, which differ in their decay alone. Its
        # empty list is for AMSGrad, which is off.
        adam(
            [
                select_lanes(self.parameters[name], lanes)
                for name in adam_names
            ],
            [select_lanes(gradients[name], group) for name in adam_names],
            [
                select_lanes(self.state[name]["mean"], lanes)
                for name in adam_names
            ],
            [
                select_lanes(self.state[name]["square"], lanes)
                for name in adam_names
            ],
            [],
            list(step_tensors),
            fused=True,
            decoupled_weight_decay=not is_adam,
            amsgrad=False,
            beta1=config.beta1,
            beta2=config.beta2,
            lr=adam_rate,
            weight_decay=0.0 if is_adam else config.weight_decay,
            eps=EPSILON,
            maximize=False,
        )

    def _uses_muon(self, name: str) -> bool:
        if self.configs[0].optimizer != "muon":
            return False
        # A matrix has three axes here: the first one is that of the lanes.
        is_matrix = self.parameters[name].ndim == 3
        return is_matrix and not name.startswith(self._adamw_only)

    def _state_keys(self, name: str) -> tuple[str, ...]:
        return ("mean",) if self._uses_muon(name) else ("mean", "square")

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Tensors]) -> None:
        """Copy another optimizer's `state`.

        Raises:
            LookupError: it is not of these parameters.
            RuntimeError: a shape is wrong.
        """
        for name, tensors in self.state.items():
            for key, tensor in tensors.items():
                tensor.copy_(state[name][key])
