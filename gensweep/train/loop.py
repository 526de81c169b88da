"""The training loop: the only one, for every model."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gensweep.core.data_source import Data
from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.core.model import Model
from gensweep.nn.base_network import Noise
from gensweep.system.signals import raise_if_stopped
from gensweep.train import random_streams
from gensweep.train.divergence import check_finite
from gensweep.train.evaluation import Evaluator
from gensweep.train.optimizers import PlayerOptimizer
from gensweep.train.redraw import build_redraws


class StepInputs(NamedTuple):
    """The inputs of one step of one training.

    Attributes:
        rows: the examples, on the device [B].
        noise: random numbers, on the CPU, each [B, ...].
        glyphs: indices of fresh pictures by field, on the CPU, each [B, T]; other fields show the
            dataset's own pictures.
    """

    rows: Tensor
    noise: Noise
    glyphs: dict[str, Tensor]


class Training(Evaluator):
    """One point's training: all that changes from epoch to epoch, and the test at the end.

    Args:
        model: the model's config.
        data: the dataset's config.
        seed: drives initial weights, the order of examples and noise.
        prepared: the dataset's arrays.
        device: where to train.
        reader_data: the arrays that a reader learns from; default: the dataset's.
        share_with: a training on the same arrays; both use one copy of them on the device.

    Attributes:
        examples: how many are trained on.
        steps_per_epoch: batches of them.
        parameters: each player's, by name.
        optimizers: each player's.
    """

    def __init__(
        self,
        model: Model,
        data: Data,
        seed: int,
        prepared: DatasetArrays,
        device: torch.device,
        reader_data: DatasetArrays | None = None,
        share_with: Training | None = None,
    ) -> None:
        super().__init__(
            model, seed, prepared, device, reader_data, share_with
        )
        rows = select_training_rows(prepared.split, data.train_fraction)
        self._split["train"] = torch.as_tensor(rows.copy())
        self._redraws = build_redraws(model, prepared, rows)
        self.examples = len(self._split["train"])
        self.steps_per_epoch = math.ceil(self.examples / model.batch_size)
        total_steps = model.epochs * self.steps_per_epoch
        self.parameters = {
            player: self.network.player_parameters(player)
            for player in model.players
        }
        self.optimizers = {
            player: PlayerOptimizer.create_single(
                parameters, model, total_steps, self.network.adamw_only
            )
            for player, parameters in self.parameters.items()
        }

    def run_epoch(self) -> dict[str, float]:
        """Train and validate one epoch, and return its line of the history.

        Raises:
            DivergedError: a loss was not finite; no epoch is counted.
        """
        sums: dict[str, Tensor] = defaultdict(
            lambda: torch.zeros((), device=self.device)
        )
        for logged, size in self.run_steps():
            for name, value in logged.items():
                sums[name] += value.detach() * size
        return self.end_epoch(sums)

    def run_steps(self) -> Iterator[tuple[dict[str, Tensor], int]]:
        """Run the steps of the next epoch, one at a time.

        Yields:
            What the step logged, and its number of examples.
        """
        self.network.train()
        for index, inputs in enumerate(self.iter_epoch_inputs()):
            batch = self.batches.take(
                inputs.rows, self.move_noise(inputs.glyphs)
            )
            noise = self.move_noise(inputs.noise)
            step = self.epoch * self.steps_per_epoch + index
            logged: dict[str, Tensor] = {}
            # Players step in turn: the second one sees what the first one has learnt.
            for player, optimizer in self.optimizers.items():
                with self.autocast():
                    loss, terms = self.network(player, batch, noise)
                optimizer.step(loss, self.parameters[player], [step])
                logged |= terms
            yield logged, len(inputs.rows)

    def iter_epoch_inputs(self) -> Iterator[StepInputs]:
        """Draw the inputs of each step of the next epoch, by this point's own generators."""
        rows = self._split["train"]
        order_rng = random_streams.make_generator(
            self.seed, "order", self.epoch
        )
        order = torch.randperm(len(rows), generator=order_rng)
        noise_rng = random_streams.make_generator(
            self.seed, "noise", self.epoch
        )
        # A stream per field, so that a field's pictures do not depend on the other fields.
        glyph_rngs = {
            field: random_streams.make_generator(self.seed, field, self.epoch)
            for field in self._redraws
        }
        for batch_rows in rows[order].split(self.model.batch_size):
            raise_if_stopped()
            noise = self.network.draw(len(batch_rows), noise_rng)
            glyphs = {
                field: redraw.draw(batch_rows, glyph_rngs[field])
                for field, redraw in self._redraws.items()
            }
            yield StepInputs(batch_rows.to(self.device), noise, glyphs)

    def end_epoch(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        """Validate after the epoch's steps, count the epoch, and return its line of the history.

        Args:
            sums: over the epoch's examples, of everything that was logged.

        Raises:
            DivergedError: a loss was not finite; no epoch is counted.
        """
        line = {"epoch": float(self.epoch + 1)}
        for name, total in sums.items():
            line[f"train/{name}"] = (total / self.examples).item()
        line |= self.evaluate("validation")
        self.history.append(check_finite(line, f"in epoch {self.epoch + 1}"))
        self.epoch += 1
        return line

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on, and the history so far."""
        optimizers = {}
        for player, optimizer in self.optimizers.items():
            optimizers[player] = {
                name: _clone_views(state)
                for name, state in optimizer.state.items()
            }
        return {
            "epoch": self.epoch,
            "history": self.history,
            "network": self.get_weights(),
            "optimizers": optimizers,
        }

    def get_weights(self) -> dict[str, Tensor]:
        """Return the network's parameters by name."""
        return _clone_views(self.network.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        self.network.load_state_dict(state["network"])
        for player, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][player])
        self.epoch = state["epoch"]
        self.history = state["history"]


def _clone_views(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors, each with memory for itself alone.

    A lane's tensors are views of those of the whole pack. `torch.save` writes all the memory that
    a view belongs to, so it would save the other lanes too.
    """
    cloned = {}
    for name, tensor in tensors.items():
        is_view = tensor.untyped_storage().nbytes() != tensor.nbytes
        cloned[name] = tensor.clone() if is_view else tensor
    return cloned
