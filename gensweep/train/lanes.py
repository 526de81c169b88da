"""Lanes: trainings that differ only in seed, training fraction or learning rate, stepped as one batched model."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.func import vmap

from gensweep.nn.base_network import Batch, Noise
from gensweep.train.loop import Training
from gensweep.train.optimizers import PlayerOptimizer, Tensors


class Lanes:
    """Trains some lanes side by side, an epoch at a time.

    Each training's weights and optimizer state become its lane of stacked tensors, so that everything else
    (validation, samples, checkpoints) goes on with that training as if it were alone. The lanes lie in order
    of their steps, longest first: those that have a step left in an epoch are then the first ones, and those with
    equally large batches lie side by side, and no lane computes what it does not need.
    """

    def __init__(self) -> None:
        self._lanes: list[Training] = []
        self._optimizers: dict[str, PlayerOptimizer] = {}

    def run_epoch(self, trainings: Sequence[Training]) -> list[dict[str, float] | Exception]:
        """Train and validate one epoch of each.

        Args:
            trainings: that completed equally many epochs; one alone runs plain, which on a CPU is faster.

        Returns:
            For each, the new line of its history, or what went wrong with it alone: that it diverged, or that it could
            not be validated.

        Raises:
            Exception: a step went wrong, and with it all of them.
        """
        if len(trainings) == 1:
            (only,) = trainings
            return [_outcome(only.run_epoch)]
        if {id(training) for training in trainings} != {id(lane) for lane in self._lanes}:
            self.stack(trainings)
        sums = self._train_epoch()
        ends = {
            id(lane): _outcome(
                partial(lane.end_epoch, {name: total[k] for name, total in sums.items()})
            )
            for k, lane in enumerate(self._lanes)
        }
        return [ends[id(training)] for training in trainings]

    def stack(self, trainings: Sequence[Training]) -> None:
        """Make the lanes of these trainings, in place of those of others."""
        self._lanes = sorted(
            trainings, key=lambda lane: (-lane.examples, lane.model.lr, lane.model.muon_lr)
        )
        first = self._lanes[0]
        for player in first.optimizers:
            self._optimizers[player] = PlayerOptimizer.stack(
                [lane.optimizers[player] for lane in self._lanes]
            )
            for lane in self._lanes:
                for name, parameter in lane.parameters[player].items():
                    parameter.data = lane.optimizers[player].parameters[name].squeeze(0)

    def _train_epoch(self) -> dict[str, Tensor]:
        """Sums over each lane's examples of what was logged, [lanes] each."""
        device = self._lanes[0].device
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros(len(self._lanes), device=device))
        for lanes, logged, size in self.run_steps():
            for name, values in logged.items():
                sums[name][lanes] += values.detach() * size
        return sums

    def run_steps(self) -> Iterator[tuple[slice, dict[str, Tensor], int]]:
        """The steps of the next epoch: which lanes took each, what was logged [n], and each one's examples."""
        for lane in self._lanes:
            lane.network.train()
        for index, inputs in enumerate(
            itertools.zip_longest(*(lane.iter_epoch_inputs() for lane in self._lanes))
        ):
            for lanes in _alike([given and len(given[0]) for given in inputs]):
                yield lanes, self._step(lanes, inputs[lanes], index), len(inputs[lanes.start][0])

    def _step(
        self, lanes: slice, inputs: Sequence[tuple[Tensor, Noise]], index: int
    ) -> dict[str, Tensor]:
        """One step of some lanes, by every player in turn; what was logged, [n] each."""
        first = self._lanes[lanes.start]
        batch = first.batches.take(torch.stack([rows for rows, _ in inputs]))
        noise = first.move_noise(_stacked([noise for _, noise in inputs]))
        steps = [lane.epoch * lane.steps_per_epoch + index for lane in self._lanes[lanes]]
        logged: dict[str, Tensor] = {}
        for player, optimizer in self._optimizers.items():
            own = {
                name: tensor[lanes].requires_grad_()
                for name, tensor in optimizer.parameters.items()
            }
            others = [o.parameters for other, o in self._optimizers.items() if other != player]
            rest = {
                name: tensor[lanes] for parameters in others for name, tensor in parameters.items()
            }

            def lane_loss(
                own: Tensors, rest: Tensors, batch: Batch, noise: Noise, player: str = player
            ):
                return first.network.loss(player, own | rest, batch, noise)

            with first.autocast():
                losses, terms = vmap(lane_loss)(own, rest, batch, noise)
            optimizer.step(losses.sum(), own, steps, lanes.start)
            logged |= terms
        return logged


def _alike(sizes: Sequence[int | None]) -> Iterator[slice]:
    """Runs of lanes with equally many examples in their batch; those without any are left out."""
    for size, run in itertools.groupby(range(len(sizes)), lambda lane: sizes[lane]):
        if size:
            places = list(run)
            yield slice(places[0], places[-1] + 1)


def _stacked(noises: Sequence[Noise]) -> Noise:
    return {name: torch.stack([noise[name] for noise in noises]) for name in noises[0]}


def _outcome(end: Callable[[], dict[str, float]]) -> dict[str, float] | Exception:
    try:
        return end()
    except Exception as error:
        return error
