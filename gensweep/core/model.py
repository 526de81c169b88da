"""The declaration of a model, without torch: its parameters, inputs, outputs and costs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from gensweep.core.registries import Metric, list_metrics
from gensweep.core.trainable import Trainable, get_full_name
from gensweep.core.training_config import TrainingConfig

if TYPE_CHECKING:
    from gensweep.nn.base_network import Network

_BYTES_PER_NUMBER = 4
_COPIES_OF_PARAMETERS = 4
"""Weights, gradients, and Adam's two moments."""


class Model(Trainable, TrainingConfig):
    """Base of the configs of models, which gensweep's own loop trains.

    Attributes:
        reads: the kind of dataset it takes, as `Data.kind`.
        inputs: fields of a batch that its network uses.
        dedup_fields: the inputs whose duplicates in a batch it reads once: pictures, and prefixes
            of codes.
        outputs: the outputs of its evaluation, one entry an example; metrics apply by these.
        players: sub-networks with an optimizer each, in the order of a step.
        evaluation_batch: examples evaluated at once; no larger in memory than a training step.
        has_exact_prefixes: with a constant schedule, the first epochs of a longer training equal
            a shorter one. False for a network that itself reads `epochs`.
    """

    inputs: ClassVar[tuple[str, ...]]
    dedup_fields: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[tuple[str, ...]]
    players: ClassVar[tuple[str, ...]] = ("model",)
    evaluation_batch: ClassVar[int] = 512
    has_exact_prefixes: ClassVar[bool] = True

    @classmethod
    def list_metrics(cls, split: str = "test") -> list[Metric]:
        """Return every metric that applies to the model's outputs, by name."""
        return list_metrics(cls.outputs, split)

    def build_network(self) -> Network[Any]:
        """Return the network, with any weights.

        By default it is what `build` returns in the module `network` of the model's own folder. A
        model in one file defines this method; it imports torch within.
        """
        return importlib.import_module(
            f"{type(self).__module__}.network"
        ).build(self)

    @classmethod
    def list_code_roots(cls) -> list[str]:
        """Return the full names of the class, and of `build` of a network in a file of its own."""
        roots = [get_full_name(cls)]
        if cls.build_network is Model.build_network:
            roots.append(f"{cls.__module__}.network.build")
        return roots

    def list_redrawn_fields(self) -> tuple[str, ...]:
        """Return the inputs that show other pictures of the same characters in each epoch."""
        return ()

    def count_parameters(self) -> int:
        """Return the number of trainable numbers in the network, without building it.

        0: not known, so that the first training alone shows how much memory the model needs.
        """
        return 0

    def count_activations(self) -> int:
        """Return roughly how many numbers one example needs for the backward pass; 0: not known."""
        return 0

    def estimate_untrained_loss(self) -> float | None:
        """Return the order of magnitude of the loss before training; None: not known."""
        return None

    def estimate_step_cost(self) -> float:
        """Return the relative cost of an example, from sizes alone."""
        return self.count_activations() + self.count_parameters() / 64

    def estimate_training_bytes(self, lanes: int = 1) -> int:
        """Return the estimated memory of a training with some lanes, without its process.

        Each lane needs its weights, gradients and Adam's two moments. In addition there are the
        activations of a training step with their gradients, or the activations of an evaluation,
        which is done for one lane at a time.
        """
        # Twice: every activation has a gradient of the same size.
        examples = max(2 * self.batch_size * lanes, self.evaluation_batch)
        parameters = _COPIES_OF_PARAMETERS * self.count_parameters() * lanes
        return _BYTES_PER_NUMBER * (
            parameters + examples * self.count_activations()
        )


class LayeredModel(Model):
    """Base of the built-in models: an encoder and a decoder, whose depths every id shows."""

    encoder_layers: int
    decoder_layers: int

    @classmethod
    def format_prefix(cls, params: Mapping[str, Any]) -> str:
        """Return the first part of an id: `vae-e2-d3`."""
        encoder_layers, decoder_layers = (
            params["encoder_layers"],
            params["decoder_layers"],
        )
        return f"{cls.abbreviation}-e{encoder_layers}-d{decoder_layers}"
