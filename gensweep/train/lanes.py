"""Lanes: trainings that step together, as one batched model.

They differ only in seed, training fraction or learning rate.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.func import vmap

from gensweep.nn.base_network import Batch, Noise
from gensweep.train.loop import StepInputs, Training
from gensweep.train.optimizers import PlayerOptimizer, Tensors

Result = dict[str, float] | Exception
"""The new line of a lane's history, or what went wrong with this lane alone."""


class Lanes:
    """Trains some lanes side by side, an epoch at a time.

    Each training's weights and optimizer state become its lane of stacked tensors. Everything
    else (validation, samples, checkpoints) uses that training as if it were alone.

    Lanes are sorted by their number of examples, largest first. So the lanes that still have a
    step to do in an epoch are always the first ones, and lanes with equally large batches are
    neighbours: no lane computes what it does not need.
    """

    def __init__(self) -> None:
        self._lanes: list[Training] = []
        self._optimizers: dict[str, PlayerOptimizer] = {}

    def run_epoch(self, trainings: Sequence[Training]) -> list[Result]:
        """Train and validate one epoch of each.

        Args:
            trainings: that completed equally many epochs.

        Returns:
            For each, the new line of its history, or the error of this one alone: it diverged, or
            it could not be validated.

        Raises:
            Exception: a step went wrong, and with it all of them.
        """
        if len(trainings) == 1:
            # Without `vmap`: on a CPU that is faster.
            return [_catch_error(trainings[0].run_epoch)]
        requested = {id(training) for training in trainings}
        if requested != {id(lane) for lane in self._lanes}:
            self.stack(trainings)
        sums = self._train_epoch()
        results = {}
        for index, lane in enumerate(self._lanes):
            lane_sums = {name: total[index] for name, total in sums.items()}
            results[id(lane)] = _catch_error(lane.end_epoch, lane_sums)
        return [results[id(training)] for training in trainings]

    def stack(self, trainings: Sequence[Training]) -> None:
        """Use these trainings as lanes, instead of the ones before."""
        self._lanes = sorted(
            trainings,
            key=lambda lane: (
                -lane.examples,
                lane.model.lr,
                lane.model.muon_lr,
            ),
        )
        for player in self._lanes[0].optimizers:
            optimizers = [lane.optimizers[player] for lane in self._lanes]
            self._optimizers[player] = PlayerOptimizer.stack(optimizers)
            # The networks must use the stacked memory too, which the optimizers now step.
            for lane, optimizer in zip(self._lanes, optimizers, strict=True):
                for name, parameter in lane.parameters[player].items():
                    parameter.data = optimizer.parameters[name].squeeze(0)

    def _train_epoch(self) -> dict[str, Tensor]:
        """Run all steps of an epoch, and return sums over each lane's examples, [lanes] each."""
        device = self._lanes[0].device
        lane_count = len(self._lanes)
        sums: dict[str, Tensor] = defaultdict(
            lambda: torch.zeros(lane_count, device=device)
        )
        for lanes, logged, size in self.run_steps():
            for name, values in logged.items():
                sums[name][lanes] += values.detach() * size
        return sums

    def run_steps(self) -> Iterator[tuple[slice, dict[str, Tensor], int]]:
        """Run the steps of the next epoch, one at a time.

        Yields:
            Which lanes took the step, what they logged [n], and each one's number of examples.
        """
        for lane in self._lanes:
            lane.network.train()
        lane_inputs = (lane.iter_epoch_inputs() for lane in self._lanes)
        for index, inputs in enumerate(itertools.zip_longest(*lane_inputs)):
            sizes = [
                len(step_inputs.rows) if step_inputs else 0
                for step_inputs in inputs
            ]
            for lanes in _group_lanes(sizes):
                logged = self._step(lanes, inputs[lanes], index)
                yield lanes, logged, sizes[lanes.start]

    def _step(
        self, lanes: slice, inputs: Sequence[StepInputs], index: int
    ) -> dict[str, Tensor]:
        """Run one step of some lanes, by every player in turn.

        Args:
            lanes: the lanes.
            inputs: those of each.
            index: of the step in the epoch.

        Returns:
            What was logged, [n] each.
        """
        first = self._lanes[lanes.start]
        rows = torch.stack([lane_inputs.rows for lane_inputs in inputs])
        cpu_glyphs = _stack_tensors(
            [lane_inputs.glyphs for lane_inputs in inputs]
        )
        batch = first.batches.take(rows, first.move_noise(cpu_glyphs))
        cpu_noise = _stack_tensors(
            [lane_inputs.noise for lane_inputs in inputs]
        )
        noise = first.move_noise(cpu_noise)
        steps = []
        for lane in self._lanes[lanes]:
            steps.append(lane.epoch * lane.steps_per_epoch + index)
        logged: dict[str, Tensor] = {}
        for player, optimizer in self._optimizers.items():
            params: Tensors = {}
            for name, tensor in optimizer.parameters.items():
                params[name] = tensor[lanes].requires_grad_()
            frozen: Tensors = {}
            for other, other_optimizer in self._optimizers.items():
                if other != player:
                    for name, tensor in other_optimizer.parameters.items():
                        frozen[name] = tensor[lanes]

            def compute_loss(
                params: Tensors,
                frozen: Tensors,
                batch: Batch,
                noise: Noise,
                player: str = player,
            ):
                return first.network.loss(
                    player, params | frozen, batch, noise
                )

            with first.autocast():
                losses, terms = vmap(compute_loss)(
                    params, frozen, batch, noise
                )
            optimizer.step(losses.sum(), params, steps, lanes.start)
            logged |= terms
        return logged


def _group_lanes(sizes: Sequence[int]) -> Iterator[slice]:
    """Yield runs of lanes with equally many examples in their batch, but none with 0 examples."""
    start = 0
    for size, run in itertools.groupby(sizes):
        stop = start + len(list(run))
        if size:
            yield slice(start, stop)
        start = stop


def _stack_tensors(lanes: Sequence[Noise]) -> Noise:
    return {
        name: torch.stack([lane[name] for lane in lanes]) for name in lanes[0]
    }


def _catch_error(
    function: Callable[..., dict[str, float]], *args: object
) -> Result:
    """Return what the function returns, or the error that it raises."""
    try:
        return function(*args)
    except Exception as error:
        return error
