"""The base of the three sequence models, without torch: their parameters and sizes."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH, QUERY_LENGTH
from gensweep.core.config import param
from gensweep.core.model import LayeredModel

TEXT_OUTPUT = len(ALPHABET)
"""Size of the output for one character."""
GLYPH_SIZE = 28
"""Height and width of a glyph in pixels."""
KERNEL_AREA = 3 * 3
REDRAW_HELP = (
    "in each epoch, show other pictures of the training examples' characters"
)
TEXT_OUTPUTS = ("loss", "query", "predicted", "answer")
"""Outputs of models that answer in characters."""
NUMBERS_PER_UNIT = 13
"""Numbers that a unit of an LSTM keeps at each step.

They are four gates before and after their nonlinearity, two products, the cell before and after its
nonlinearity, and the state.
"""


class SequenceModel(LayeredModel):
    """An encoder-decoder of stacked LSTMs: 5 steps of a query in, 3 steps of an answer out."""

    encoder_layers: int = param(1, "LSTM layers that read the query", ge=1)
    decoder_layers: int = param(1, "LSTM layers that write the answer", ge=1)
    hidden: int = param(256, "size of every LSTM's state", ge=1)
    init: Literal["torch", "keras"] = param(
        "keras", "initial weights: PyTorch's or Keras' defaults"
    )

    dropout: float = param(
        0.0,
        "share of the encoder's last state and of the decoder's states that a training step drops",
        ge=0,
        lt=1,
        neutral=0.0,
    )

    query_width: ClassVar[int] = len(ALPHABET)

    def get_step_width(self) -> int:
        """Return the size of one step of the query, as the first LSTM sees it."""
        return self.query_width

    def get_dropout_shape(self, batch_size: int) -> tuple[int, int, int]:
        """Return the shape of the units that dropout may drop: B times 1 + 3 states."""
        return (batch_size, 1 + ANSWER_LENGTH, self.hidden)

    def estimate_untrained_loss(self) -> float:
        """Return the nats of a guessed character. Errors of pictures are below 1 anyway."""
        return math.log(TEXT_OUTPUT)

    def count_lstm_parameters(self) -> int:
        """Return the number of weights of all LSTM layers."""
        # All layers but the first read states of the size `hidden`.
        other = 4 * self.hidden * (2 * self.hidden + 1)
        first = 4 * self.hidden * (self.get_step_width() + self.hidden + 1)
        other_layers = self.encoder_layers - 1 + self.decoder_layers
        return first + other_layers * other

    def count_lstm_activations(self) -> int:
        """Return how many numbers all LSTM layers keep for one example."""
        encoder_steps = QUERY_LENGTH * self.encoder_layers
        decoder_steps = ANSWER_LENGTH * self.decoder_layers
        return (
            NUMBERS_PER_UNIT * self.hidden * (encoder_steps + decoder_steps)
        )


class TextAnswerModel(SequenceModel):
    """A sequence model that writes its answer in characters."""

    outputs: ClassVar[tuple[str, ...]] = TEXT_OUTPUTS

    order: Literal["plain", "reversed"] = param(
        "plain",
        "order of the characters of query and answer; reversed: the last one first, so an answer "
        "begins with its units",
        neutral="plain",
    )
    feed_back: bool = param(
        False,
        "each step of the answer sees the character before it: in training the right one, in tests "
        "the network's own",
        neutral=False,
    )

    def count_text_parameters(self) -> int:
        """Return the number of weights of all LSTM layers and the dense output layer."""
        output = (self.hidden + 1) * TEXT_OUTPUT
        feedback = 4 * self.hidden * TEXT_OUTPUT if self.feed_back else 0
        return self.count_lstm_parameters() + feedback + output
