"""Outputs, metrics, answers and samples of a network on its dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from gensweep import kernels
from gensweep.core.dataset import DatasetArrays
from gensweep.core.model import Model
from gensweep.core.registries import DERIVED, list_metrics
from gensweep.core.soundness import READER_DIGITS
from gensweep.metrics.attributes import ACCURACIES, PICTURES, SAMPLES, SHARES
from gensweep.nn.base_network import Noise, Samples
from gensweep.system.precision import resolve_precision
from gensweep.system.signals import raise_if_stopped
from gensweep.train import precision, random_streams
from gensweep.train.batches import Batches
from gensweep.train.divergence import check_finite
from gensweep.train.health import find_warnings
from gensweep.train.networks import build_network
from gensweep.train.tools import Tools, derive_outputs

SAMPLE_COUNT = 16
"""Samples that are drawn, if nobody says how many."""
ANSWERS = ("predicted", "read")
"""Outputs that hold a model's answers in characters: as the model says them, or as a reader reads
them in the pictures that it draws."""
_ANSWER_TABLE = ("query", "answer", *ANSWERS)
_ATTRIBUTE_TABLE = (SAMPLES, PICTURES, SHARES, ACCURACIES)


class Evaluator:
    """One point's network on its dataset.

    Args:
        model: the model's config.
        seed: drives initial weights and noise.
        prepared: the dataset's arrays.
        device: where to compute.
        reader_data: the arrays that a reader learns from; default: the dataset's.
        share_with: an evaluator of the same arrays; both use one copy of them on the device.

    Attributes:
        precision: what the network computes in, `float32` or `bfloat16`: what the model asks for,
            on this device.
        epoch: epochs completed.
        history: one dict an epoch: `epoch`, `train/...` and `validation/...`.
        warnings: what the test found odd, a sentence each.
        batches: the dataset's arrays on the device.
        attributes: what the dataset lists of its pictures, and the names of the values.
    """

    def __init__(
        self,
        model: Model,
        seed: int,
        prepared: DatasetArrays,
        device: torch.device,
        reader_data: DatasetArrays | None = None,
        share_with: Evaluator | None = None,
    ) -> None:
        self.model = model
        self.seed = seed
        self.device = device
        self.precision = resolve_precision(
            model.precision, precision.has_native_bfloat16(device)
        )
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.warnings: list[str] = []
        self.attributes = prepared.attributes
        self.network = build_network(model, seed, device)
        self._last_outputs: tuple[int, dict[str, Tensor]] | None = None
        self._split: dict[str, Tensor] = {}
        for name, rows in prepared.split.items():
            self._split[name] = torch.as_tensor(rows.copy())
        if share_with:
            self._tools = share_with._tools
            self.batches = share_with.batches
        else:
            data = prepared if reader_data is None else reader_data
            self._tools = Tools(data, device)
            self.batches = Batches(
                prepared,
                model.inputs,
                device,
                model.dedup_fields,
                self.product_dtype,
            )

    # --- precision

    @property
    def compute_info(self) -> dict[str, str]:
        """Return how the network is computed, for the record.

        Returns:
            `precision`, and `kernels`, which is `C` or `PyTorch`.
        """
        example = torch.empty(0, dtype=self.product_dtype, device=self.device)
        name = "C" if kernels.is_available(example) else "PyTorch"
        return {"precision": self.precision, "kernels": name}

    @property
    def product_dtype(self) -> torch.dtype:
        """Return the precision of the network's products."""
        with self.autocast():
            return kernels.get_product_dtype(
                torch.empty(0, device=self.device)
            )

    def autocast(self) -> torch.autocast:
        """Return the context for every call of the network; it sets the precision."""
        return precision.autocast(self.precision, self.device)

    # --- metrics

    def evaluate(self, split: str) -> dict[str, float]:
        """Compute the model's metrics on `validation` or `test`, as ``<split>/<metric>``.

        Costly metrics are computed on the test set alone. Metrics that these examples leave
        undefined are left out.
        """
        example_count = len(self._split[split])
        metrics = [
            metric
            for metric in list_metrics(self.model.outputs, split)
            if example_count >= metric.min_examples
        ]
        names = {name for metric in metrics for name in metric.needs}
        # A reader of attributes is trained for metrics, never for a table alone.
        tabulated = {*_ANSWER_TABLE, *names.intersection(_ATTRIBUTE_TABLE)}
        if split == "test":
            names.update(tabulated)
        outputs = self.compute_outputs(split, names)
        if split == "test":
            # They are a few numbers an example, so those of the whole test set may stay in memory.
            self._last_outputs = (
                self.epoch,
                {name: outputs[name] for name in tabulated & outputs.keys()},
            )
            self.warnings = find_warnings(self.model, self.history, outputs)
        values: dict[str, float] = {}
        for metric in metrics:
            if set(metric.needs) <= outputs.keys():
                value = metric.compute(outputs)
                if value is not None:
                    values[f"{split}/{metric.name}"] = value
        return values

    def test(self) -> dict[str, float]:
        """Compute every metric on the test set; call it once, at the end.

        Raises:
            DivergedError: one of them is not finite.
        """
        return check_finite(self.evaluate("test"), "at the test")

    @property
    def counts(self) -> dict[str, int]:
        """Return how many examples each split has, and how many digits judge the reader."""
        counts = {
            split: len(self._split[split])
            for split in ("train", "validation", "test")
        }
        if self.is_read:
            counts[READER_DIGITS] = self.get_tool("reader").digits
        return counts

    # --- outputs

    @torch.no_grad()
    def compute_outputs(
        self, split: str, names: Collection[str]
    ) -> dict[str, Tensor]:
        """Return outputs of the model for every example of a split.

        Args:
            split: `train`, `validation` or `test`.
            names: outputs to return, the model's own or derived ones; no other stays in memory.

        Returns:
            Each of them [n, ...], on the CPU.
        """
        self.network.eval()
        noise_rng = random_streams.make_generator(self.seed, split)
        rows = self._split[split]
        parts: dict[str, list[Tensor]] = defaultdict(list)
        for batch_rows in rows.split(self.model.evaluation_batch):
            raise_if_stopped()
            batch = self.batches.take(batch_rows.to(self.device))
            noise = self._draw_noise(len(batch_rows), noise_rng)
            with self.autocast():
                outputs = self.network.evaluate(batch, noise)
            outputs |= derive_outputs(outputs, names, self.get_tool)
            for name in outputs.keys() & names:
                # Not every device can hold them all, or compute in float64.
                parts[name].append(outputs[name].cpu())
        return {name: torch.cat(values) for name, values in parts.items()}

    @torch.no_grad()
    def predict(
        self, batch: dict[str, Tensor], names: Collection[str], seed: int = 0
    ) -> dict[str, Tensor]:
        """Return outputs of the model for a batch of any origin [B, ...].

        Args:
            batch: the model's inputs.
            names: derived outputs to add to the model's own.
            seed: of the noise.
        """
        self.network.eval()
        size = len(next(iter(batch.values())))
        noise = self._draw_noise(
            size, random_streams.make_generator(seed, "samples")
        )
        with self.autocast():
            outputs = self.network.evaluate(batch, noise)
        return outputs | derive_outputs(outputs, names, self.get_tool)

    def get_answers(self) -> dict[str, Tensor]:
        """Return codes of each `query`, `answer` and the model's answer on the test set.

        They are those of the last test, unless the network was trained since.
        """
        if self._last_outputs and self._last_outputs[0] == self.epoch:
            last = self._last_outputs[1]
            return {
                name: last[name] for name in _ANSWER_TABLE if name in last
            }
        return self.compute_outputs("test", _ANSWER_TABLE)

    def get_attributes(self) -> dict[str, Tensor]:
        """Return what a reader of attributes read in the last test; empty if it read nothing.

        See `gensweep.metrics.attributes` for the outputs.
        """
        last = self._last_outputs[1] if self._last_outputs else {}
        return {name: last[name] for name in _ATTRIBUTE_TABLE if name in last}

    @torch.no_grad()
    def make_samples(
        self, n: int = SAMPLE_COUNT, seed: int | None = None
    ) -> Samples:
        """Return the network's samples on examples of the test set.

        Args:
            n: how many.
            seed: which examples; default: the first ``n``, with noise of the point's own seed.
        """
        self.network.eval()
        rows = self._split["test"]
        noise_seed = self.seed
        if seed is not None:
            order_rng = random_streams.make_generator(seed, "sample")
            rows = rows[torch.randperm(len(rows), generator=order_rng)]
            noise_seed = seed
        rows = rows[:n]
        noise = self._draw_noise(
            len(rows), random_streams.make_generator(noise_seed, "samples")
        )
        with self.autocast():
            return self.network.samples(
                self.batches.take(rows.to(self.device)), noise
            )

    @property
    def is_read(self) -> bool:
        """Return whether the model's answers are pictures that a reader reads."""
        return DERIVED["read"].find_source(self.model.outputs) is not None

    def get_tool(self, name: str) -> Any:
        """Return a tool of derived outputs, such as `reader`; it is made on first use."""
        return self._tools.get(name, self._split["train"].numpy())

    # --- noise

    def move_noise(self, noise: Noise) -> Noise:
        """Return the noise on the device."""
        return {
            name: value.to(self.device, non_blocking=True)
            for name, value in noise.items()
        }

    def _draw_noise(self, size: int, rng: torch.Generator) -> Noise:
        return self.move_noise(self.network.draw(size, rng))
