"""What the three sequence models share, without torch."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH, QUERY_LENGTH
from gensweep.core.config import param
from gensweep.core.model import Model

TEXT_OUTPUT = len(ALPHABET)
GLYPH = 28


class SequenceModel(Model):
    """An encoder-decoder of stacked LSTMs: 5 steps of a query in, 3 steps of an answer out."""

    encoder_layers: int = param(1, "LSTM layers that read the query", ge=1)
    decoder_layers: int = param(1, "LSTM layers that write the answer", ge=1)
    hidden: int = param(256, "size of every LSTM's state", ge=1)
    init: Literal["torch", "keras"] = param(
        "keras", "initial weights: PyTorch's or Keras' defaults"
    )

    query_width: ClassVar[int] = len(ALPHABET)

    def step_width(self) -> int:
        """Numbers that one step of the query gives to the first LSTM."""
        return self.query_width

    def estimate_untrained_loss(self) -> float:
        """Return the nats of a character that is guessed; of pictures, errors are below 1 anyway."""
        return math.log(TEXT_OUTPUT)

    def lstm_count(self) -> int:
        """Trainable numbers of all LSTM layers."""
        inner = 4 * self.hidden * (2 * self.hidden + 1)
        first = 4 * self.hidden * (self.step_width() + self.hidden + 1)
        return first + (self.encoder_layers - 1 + self.decoder_layers) * inner

    def lstm_activations(self) -> int:
        """Each step keeps four gates before and after their nonlinearity, two products, cell and state."""
        steps = QUERY_LENGTH * self.encoder_layers + ANSWER_LENGTH * self.decoder_layers
        return 13 * self.hidden * steps
