"""The declaration of a model, without torch: its parameters, inputs, outputs and costs."""

from __future__ import annotations

from typing import ClassVar

from gensweep.core.config import TrainingConfig

_BYTES_PER_NUMBER = 4
_COPIES_OF_PARAMETERS = 4
"""Weights, gradients, and Adam's two moments."""


class Model(TrainingConfig):
    """Base of the six models' configs.

    Attributes:
        abbreviation: the first part of every point's id.
        reads: the kind of dataset it takes, as `Data.kind`.
        default_dataset: the dataset of a point that names none.
        inputs: fields of a batch that its network uses.
        dedup_fields: the inputs whose duplicates in a batch it reads once: pictures, and prefixes
            of codes.
        outputs: the outputs of its evaluation, one entry an example; metrics apply by these.
        players: sub-networks with an optimizer each, in the order of a step.
        evaluation_batch: examples evaluated at once; no larger in memory than a training step.
        has_exact_prefixes: with a constant schedule, the first epochs of a longer training equal
            a shorter one. False for a network that itself reads `epochs`.
    """

    abbreviation: ClassVar[str]
    reads: ClassVar[str]
    default_dataset: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    dedup_fields: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[tuple[str, ...]]
    players: ClassVar[tuple[str, ...]] = ("model",)
    evaluation_batch: ClassVar[int] = 512
    has_exact_prefixes: ClassVar[bool] = True

    encoder_layers: int
    decoder_layers: int

    def list_redrawn_fields(self) -> tuple[str, ...]:
        """Return the inputs that show other pictures of the same characters in each epoch."""
        return ()

    def count_parameters(self) -> int:
        """Return the number of trainable numbers in the network, without building it."""
        raise NotImplementedError

    def count_activations(self) -> int:
        """Return roughly how many numbers one example needs for the backward pass."""
        raise NotImplementedError

    def estimate_untrained_loss(self) -> float:
        """Return the order of magnitude of the loss before training."""
        raise NotImplementedError

    def estimate_training_bytes(self, lanes: int = 1) -> int:
        """Return the estimated memory of a training with some lanes, without its process.

        Each lane needs its weights, gradients and Adam's two moments. In addition there are the
        activations of a training step with their gradients, or the activations of an evaluation,
        which is done for one lane at a time.
        """
        # Twice: every activation has a gradient of the same size.
        examples = max(2 * self.batch_size * lanes, self.evaluation_batch)
        parameters = _COPIES_OF_PARAMETERS * self.count_parameters() * lanes
        return _BYTES_PER_NUMBER * (parameters + examples * self.count_activations())
