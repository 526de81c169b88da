"""The training loop: the only one, for every model."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gensweep.core.arrays import Prepared, training_rows
from gensweep.core.catalog import metrics_of
from gensweep.core.config import Data
from gensweep.core.errors import GensweepError
from gensweep.core.model import Model
from gensweep.layers.init import initialise
from gensweep.layers.network import Network, Samples
from gensweep.train.batches import Batches
from gensweep.train.optimizers import PlayerOptimizer

SAMPLES = 16


class Diverged(GensweepError):
    """A loss was not finite."""


def generator(seed: int, purpose: str, epoch: int = 0) -> torch.Generator:
    """A generator of one purpose in one epoch of one seed.

    Every stream starts from a hash of what it is for, so nothing has to be kept between epochs and a
    resumed training draws what an uninterrupted one would.
    """
    digest = hashlib.sha256(f"gensweep {seed} {purpose} {epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class Training:
    """One point's training: all that changes from epoch to epoch, and what the test says at the end.

    Args:
        model: the model's config.
        data: the dataset's config.
        seed: drives initial weights, the order of examples and noise.
        prepared: the dataset's arrays.
        device: where to train.

    Attributes:
        epoch: epochs completed.
        history: one dict an epoch: `epoch`, `train/...` and `validation/...`.
    """

    def __init__(self, model: Model, data: Data, seed: int, prepared: Prepared, device: torch.device) -> None:
        self.model, self.seed, self.device = model, seed, device
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.network = build_network(model, seed, device)
        self._batches = Batches(prepared, model.inputs, device)
        self._split = {name: torch.as_tensor(rows.copy()) for name, rows in prepared.split.items()}
        self._split["train"] = torch.as_tensor(training_rows(prepared.split, data.train_fraction).copy())
        self.steps_per_epoch = math.ceil(len(self._split["train"]) / model.batch_size)
        total, adamw_only = model.epochs * self.steps_per_epoch, self.network.adamw_only
        self._optimizers = {
            player: PlayerOptimizer(self.network.player_parameters(player), model, total, adamw_only)
            for player in model.players
        }

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch and validate; returns the new line of the history.

        Raises:
            Diverged: a loss was not finite; no epoch is counted.
        """
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self.device))
        for logged, size in self.steps():
            for name, value in logged.items():
                sums[name] += value.detach() * size
        examples = len(self._split["train"])
        line = {"epoch": float(self.epoch + 1)}
        line |= {f"train/{name}": (total / examples).item() for name, total in sums.items()}
        line |= self.evaluate("validation")
        self.history.append(_finite(line, f"in epoch {self.epoch + 1}"))
        self.epoch += 1
        return line

    def steps(self) -> Iterator[tuple[dict[str, Tensor], int]]:
        """The steps of the next epoch, one at a time: what was logged, and the number of examples."""
        self.network.train()
        rows = self._split["train"]
        order = torch.randperm(len(rows), generator=generator(self.seed, "order", self.epoch))
        noise_rng = generator(self.seed, "noise", self.epoch)
        for index, chosen in enumerate(rows[order].split(self.model.batch_size)):
            batch = self._batches.take(chosen.to(self.device))
            noise = self._draw(len(chosen), noise_rng)
            logged: dict[str, Tensor] = {}
            for player, optimizer in self._optimizers.items():
                loss, terms = self.network(player, batch, noise)
                optimizer.step(loss, self.epoch * self.steps_per_epoch + index)
                logged |= terms
            yield logged, len(chosen)

    @torch.no_grad()
    def evaluate(self, split: str) -> dict[str, float]:
        """Every metric of the model on `validation` or `test`, as ``<split>/<metric>``."""
        self.network.eval()
        noise_rng = generator(self.seed, split)
        parts: dict[str, list[Tensor]] = defaultdict(list)
        for rows in self._split[split].split(self.model.evaluation_batch):
            batch = self._batches.take(rows.to(self.device))
            for name, value in self.network.evaluate(batch, self._draw(len(rows), noise_rng)).items():
                parts[name].append(value.cpu())  # not every device can hold them all, or count in float64
        outputs = {name: torch.cat(values) for name, values in parts.items()}
        return {f"{split}/{metric.name}": metric.compute(outputs) for metric in metrics_of(self.model.outputs)}

    def test(self) -> dict[str, float]:
        """Every metric on the test set; to be called once, at the end.

        Raises:
            Diverged: one of them is not finite.
        """
        return _finite(self.evaluate("test"), "at the test")

    @torch.no_grad()
    def samples(self) -> Samples:
        """The network's samples on the first examples of the test set."""
        self.network.eval()
        rows = self._split["test"][:SAMPLES]
        return self.network.samples(
            self._batches.take(rows.to(self.device)), self._draw(len(rows), generator(self.seed, "samples"))
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, and the history so far."""
        return {
            "epoch": self.epoch,
            "history": self.history,
            "network": self.network.state_dict(),
            "optimizers": {player: optimizer.state_dict() for player, optimizer in self._optimizers.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.network.load_state_dict(state["network"])
        for player, optimizer in self._optimizers.items():
            optimizer.load_state_dict(state["optimizers"][player])
        self.epoch, self.history = state["epoch"], state["history"]

    def _draw(self, size: int, rng: torch.Generator) -> dict[str, Tensor]:
        return {name: value.to(self.device) for name, value in self.network.draw(size, rng).items()}


def _finite(values: dict[str, float], when: str) -> dict[str, float]:
    wrong = [name for name, value in values.items() if not math.isfinite(value)]
    if wrong:
        raise Diverged(f"{', '.join(wrong)} not finite {when}")
    return values


def build_network(model: Model, seed: int, device: torch.device) -> Network:
    """The model's network with initial weights; made without touching any global random state."""
    with torch.device("meta"):
        network = model.network()
    network.to_empty(device="cpu")
    initialise(network, model.init, generator(seed, "init"))
    return network.to(device)
