"""The training loop: the only one, for every model."""

from __future__ import annotations

import hashlib
import importlib
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from gensweep import kernels
from gensweep.core.config import Data
from gensweep.core.dataset import Prepared, training_rows
from gensweep.core.errors import GensweepError
from gensweep.core.model import Model
from gensweep.core.registries import DERIVED, Derived, metrics_of
from gensweep.core.soundness import READER_DIGITS
from gensweep.nn.base_network import Network, Noise, Samples
from gensweep.nn.init import init_weights
from gensweep.system.precision import resolve
from gensweep.system.signals import raise_if_stopped
from gensweep.train import precision
from gensweep.train.batches import Batches
from gensweep.train.health import find_warnings
from gensweep.train.optimizers import PlayerOptimizer
from gensweep.train.reader import load_reader

SAMPLES = 16
ANSWERS = ("predicted", "read")
"""Outputs that hold a model's answers in characters: given, or read in what it drew."""
_ANSWERED = ("query", "answer", *ANSWERS)
TOOLS: dict[str, Callable[[Prepared], torch.nn.Module]] = {"reader": load_reader}
"""What derived outputs may ask for, made of the dataset."""


class Diverged(GensweepError):
    """A loss was not finite."""


def make_generator(seed: int, purpose: str, epoch: int = 0) -> torch.Generator:
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
        reader_data: the arrays that a reader learns from; default: the dataset's.
        share_with: a training on the same arrays, with which their copies on the device are shared.

    Attributes:
        precision: what the network computes in, `float32` or `bfloat16`: what the model asks for, on this device.
        epoch: epochs completed.
        history: one dict an epoch: `epoch`, `train/...` and `validation/...`.
        warnings: what the test found odd, a sentence each.
        batches: the dataset's arrays on the device.
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
        prepared: Prepared,
        device: torch.device,
        reader_data: Prepared | None = None,
        share_with: Training | None = None,
    ) -> None:
        self.model, self.seed, self.device = model, seed, device
        self.precision = resolve(model.precision, precision.has_native_bfloat16(device))
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.warnings: list[str] = []
        self.network = build_network(model, seed, device)
        self._reader_data = prepared if reader_data is None else reader_data
        self._tools: dict[str, Any] = share_with._tools if share_with else {}
        if share_with:
            self.batches = share_with.batches
        else:
            self.batches = Batches(
                prepared, model.inputs, device, model.read_once, self.product_dtype
            )
        self._answered: tuple[int, dict[str, Tensor]] | None = None
        self._split = {name: torch.as_tensor(rows.copy()) for name, rows in prepared.split.items()}
        self._split["train"] = torch.as_tensor(
            training_rows(prepared.split, data.train_fraction).copy()
        )
        self.examples = len(self._split["train"])
        self.steps_per_epoch = math.ceil(self.examples / model.batch_size)
        self.parameters = {
            player: self.network.player_parameters(player) for player in model.players
        }
        total, adamw_only = model.epochs * self.steps_per_epoch, self.network.adamw_only
        self.optimizers = {
            player: PlayerOptimizer.create_single(parameters, model, total, adamw_only)
            for player, parameters in self.parameters.items()
        }

    def run_epoch(self) -> dict[str, float]:
        """Train one epoch and validate; returns the new line of the history.

        Raises:
            Diverged: a loss was not finite; no epoch is counted.
        """
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=self.device))
        for logged, size in self.run_steps():
            for name, value in logged.items():
                sums[name] += value.detach() * size
        return self.end_epoch(sums)

    def run_steps(self) -> Iterator[tuple[dict[str, Tensor], int]]:
        """The steps of the next epoch, one at a time: what was logged, and the number of examples."""
        self.network.train()
        for index, (rows, noise) in enumerate(self.iter_epoch_inputs()):
            batch, noise = self.batches.take(rows), self.move_noise(noise)
            logged: dict[str, Tensor] = {}
            for player, optimizer in self.optimizers.items():
                with self.autocast():
                    loss, terms = self.network(player, batch, noise)
                optimizer.step(
                    loss, self.parameters[player], [self.epoch * self.steps_per_epoch + index]
                )
                logged |= terms
            yield logged, len(rows)

    def iter_epoch_inputs(self) -> Iterator[tuple[Tensor, Noise]]:
        """Rows and noise of each step of the next epoch, by this point's own generators; noise is on the CPU."""
        rows = self._split["train"]
        order = torch.randperm(len(rows), generator=make_generator(self.seed, "order", self.epoch))
        noise_rng = make_generator(self.seed, "noise", self.epoch)
        for chosen in rows[order].to(self.device).split(self.model.batch_size):
            raise_if_stopped()
            yield chosen, self.network.draw(len(chosen), noise_rng)

    def end_epoch(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        """Validate after the epoch's steps, and count it.

        Args:
            sums: over the epoch's examples, of everything that was logged.

        Raises:
            Diverged: a loss was not finite; no epoch is counted.
        """
        line = {"epoch": float(self.epoch + 1)}
        line |= {f"train/{name}": (total / self.examples).item() for name, total in sums.items()}
        line |= self.evaluate("validation")
        self.history.append(_finite(line, f"in epoch {self.epoch + 1}"))
        self.epoch += 1
        return line

    @property
    def compute_info(self) -> dict[str, str]:
        """How the network is computed, for the record: `precision`, and `kernels`, `C` or `PyTorch`."""
        is_compiled = kernels.is_available(
            torch.empty(0, dtype=self.product_dtype, device=self.device)
        )
        return {"precision": self.precision, "kernels": "C" if is_compiled else "PyTorch"}

    @property
    def product_dtype(self) -> torch.dtype:
        """Precision of the network's products."""
        with self.autocast():
            return kernels.product_dtype(torch.empty(0, device=self.device))

    def autocast(self) -> torch.autocast:
        """A context for every call of the network: its precision."""
        return precision.autocast(self.precision, self.device)

    def evaluate(self, split: str) -> dict[str, float]:
        """The model's metrics on `validation` or `test`, as ``<split>/<metric>``.

        Those that cost much are measured on the test set alone; those that these examples leave undefined are left out.
        """
        count = len(self._split[split])
        wanted = [
            metric for metric in metrics_of(self.model.outputs, split) if count >= metric.least
        ]
        kept = _ANSWERED if split == "test" else ()
        outputs = self.compute_outputs(
            split, {name for metric in wanted for name in metric.needs}.union(kept)
        )
        if kept:  # a few characters each
            self._answered = (
                self.epoch,
                {name: outputs[name] for name in _ANSWERED if name in outputs},
            )
            self.warnings = find_warnings(self.model, self.history, outputs)
        values = {m.name: m.compute(outputs) for m in wanted if set(m.needs) <= outputs.keys()}
        return {f"{split}/{name}": value for name, value in values.items() if value is not None}

    @torch.no_grad()
    def compute_outputs(self, split: str, names: Collection[str]) -> dict[str, Tensor]:
        """What the model yields for every example of a split, and what is derived from it.

        Args:
            split: `train`, `validation` or `test`.
            names: the outputs that are wanted, the model's own or derived ones; no other is kept in memory.

        Returns:
            Each of them [n, ...], on the CPU.
        """
        self.network.eval()
        noise_rng = make_generator(self.seed, split)
        rows = self._split[split]
        entries = [entry for name, entry in DERIVED.items() if name in names]
        parts: dict[str, list[Tensor]] = defaultdict(list)
        for chosen in rows.split(self.model.evaluation_batch):
            raise_if_stopped()
            batch = self.batches.take(chosen.to(self.device))
            with self.autocast():
                made = self.network.evaluate(batch, self._draw(len(chosen), noise_rng))
            made |= {
                entry.name: self._derive(entry, made) for entry in entries if entry.source(made)
            }
            for name in made.keys() & names:
                parts[name].append(
                    made[name].cpu()
                )  # not every device can hold them all, or count in float64
        return {name: torch.cat(values) for name, values in parts.items()}

    def get_answers(self) -> dict[str, Tensor]:
        """Codes of each `query`, `answer` and what the model answers, on the test set; as the last test found them."""
        if self._answered and self._answered[0] == self.epoch:
            return self._answered[1]
        return self.compute_outputs("test", _ANSWERED)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many examples train, validate and test the point, and of how many digits its reader is judged."""
        counts = {split: len(self._split[split]) for split in ("train", "validation", "test")}
        return counts | ({READER_DIGITS: self.get_tool("reader").digits} if self.is_read else {})

    @property
    def is_read(self) -> bool:
        """Whether the model's answers are pictures that a reader reads."""
        return DERIVED["read"].source(self.model.outputs) is not None

    def get_tool(self, name: str) -> Any:
        """What derived outputs take beside a model's own, made on first use: `reader`."""
        if name not in self._tools:
            self._tools[name] = TOOLS[name](self._reader_data).to(self.device)
        return self._tools[name]

    def _derive(self, entry: Derived, made: dict[str, Tensor]) -> Tensor:
        tools = [self.get_tool(entry.tool)] if entry.tool else []
        return entry.compute(*(made[name] for name in entry.source(made) or ()), *tools)

    def test(self) -> dict[str, float]:
        """Every metric on the test set; to be called once, at the end.

        Raises:
            Diverged: one of them is not finite.
        """
        return _finite(self.evaluate("test"), "at the test")

    @torch.no_grad()
    def make_samples(self, n: int = SAMPLES, seed: int | None = None) -> Samples:
        """The network's samples on examples of the test set: the first ``n``, or as many drawn by a seed."""
        self.network.eval()
        rows = self._split["test"]
        if seed is not None:
            rows = rows[torch.randperm(len(rows), generator=make_generator(seed, "sample"))]
        rows = rows[:n]
        noise = self._draw(
            len(rows), make_generator(self.seed if seed is None else seed, "samples")
        )
        with self.autocast():
            return self.network.samples(self.batches.take(rows.to(self.device)), noise)

    @torch.no_grad()
    def predict(
        self, batch: dict[str, Tensor], names: Collection[str], seed: int = 0
    ) -> dict[str, Tensor]:
        """What the model yields for a batch of any origin [B, ...], with the derived outputs of these names."""
        self.network.eval()
        size = len(next(iter(batch.values())))
        with self.autocast():
            made = self.network.evaluate(batch, self._draw(size, make_generator(seed, "samples")))
        entries = [entry for name, entry in DERIVED.items() if name in names and entry.source(made)]
        return made | {entry.name: self._derive(entry, made) for entry in entries}

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, and the history so far."""
        return {
            "epoch": self.epoch,
            "history": self.history,
            "network": self.get_weights(),
            "optimizers": {
                player: {name: _own(state) for name, state in optimizer.state.items()}
                for player, optimizer in self.optimizers.items()
            },
        }

    def get_weights(self) -> dict[str, Tensor]:
        """The network's parameters by name."""
        return _own(self.network.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.network.load_state_dict(state["network"])
        for player, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][player])
        self.epoch, self.history = state["epoch"], state["history"]

    def move_noise(self, noise: Noise) -> Noise:
        """Noise on the device."""
        return {name: value.to(self.device, non_blocking=True) for name, value in noise.items()}

    def _draw(self, size: int, rng: torch.Generator) -> Noise:
        return self.move_noise(self.network.draw(size, rng))


def _own(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same, each in memory of its own: a lane's lie among others', and would be saved with them."""
    return {
        name: tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()
        for name, tensor in tensors.items()
    }


def _finite(values: dict[str, float], when: str) -> dict[str, float]:
    wrong = [name for name, value in values.items() if not math.isfinite(value)]
    if wrong:
        raise Diverged(f"{', '.join(wrong)} not finite {when}")
    return values


def new_network(model: Model) -> Network:
    """Return the model's network, as its module `network` builds it, with undefined weights."""
    module = importlib.import_module(f"{type(model).__module__}.network")
    return module.build(model)


def build_network(model: Model, seed: int, device: torch.device) -> Network:
    """Return the model's network with initial weights; no global random state changes."""
    with torch.random.fork_rng(devices=[]):  # PyTorch fills what it makes
        network = new_network(model)
    init_weights(network, model.init, make_generator(seed, "init"))
    return network.to(device).to(memory_format=torch.channels_last)
