"""What a model declares without torch: its parameters, what it reads and yields, and what it costs."""

from __future__ import annotations

from typing import ClassVar

from gensweep.core.config import TrainingConfig


class Model(TrainingConfig):
    """Base of the six models' configs.

    Attributes:
        abbreviation: the first part of every point's id.
        reads: the kind of dataset it takes, as `Data.kind`.
        default_dataset: the dataset of a point that names none.
        inputs: fields of a batch that its network uses.
        read_once: those of them of which it reads once what a batch has twice: pictures, and beginnings of codes.
        outputs: what its evaluation yields an example; metrics apply by these.
        players: sub-networks with an optimizer each, in the order of a step.
        evaluation_batch: examples evaluated at once; no larger in memory than a training step.
    """

    abbreviation: ClassVar[str]
    reads: ClassVar[str]
    default_dataset: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    dedup_fields: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[tuple[str, ...]]
    players: ClassVar[tuple[str, ...]] = ("model",)
    evaluation_batch: ClassVar[int] = 512

    encoder_layers: int
    decoder_layers: int

    def count_parameters(self) -> int:
        """Trainable numbers of the network, by arithmetic."""
        raise NotImplementedError

    def count_activations(self) -> int:
        """Numbers that one example keeps for the backward pass, roughly."""
        raise NotImplementedError

    def estimate_untrained_loss(self) -> float:
        """Return the loss of a network that has learnt nothing, to its order of magnitude."""
        raise NotImplementedError

    def estimate_training_bytes(self, lanes: int = 1) -> int:
        """Estimated memory of a training of some lanes in bytes, its process aside.

        Each lane's weights, gradients and Adam's two moments, and activations of a step with their gradients; or
        activations of an evaluation, which is one lane's at a time.
        """
        examples = max(2 * self.batch_size * lanes, self.evaluation_batch)
        return 4 * (4 * self.count_parameters() * lanes + examples * self.count_activations())
