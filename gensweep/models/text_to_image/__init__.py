"""Text to image: read ``12+34``, draw the answer in handwritten digits.

## Method
Sequence to sequence learning (Sutskever et al. 2014, arXiv:1409.3215). At every step, transposed
convolutions (Radford et al. 2016, arXiv:1511.06434) draw a picture.

## Logged numbers
- `loss`, `mse`: mean squared error a pixel, pixels in 0..1. It hardly changes while answers become
  readable: a blurred mean digit and a right one have nearly the same distance from a picture that
  the network has never seen.
- `read_char_accuracy`, `read_exact_match`: share of characters, and of complete answers, that a
  reader recognizes as the right ones. The reader is a small classifier of single characters,
  trained on the glyphs of training queries.
- `reader_digit_accuracy`: share of real digits, not used in training, that the reader recognizes.
  Below 0.9, the metrics of the reader are not reported.
- `read_unparsable`: share of answers that the reader does not read as an integer.
- `read_mean_absolute_error`: distance from the right answer, over the answers that are read as an
  integer.
- `ssim`: structural similarity to one true picture of the answer. A right answer in another
  handwriting has a low score.

## Differences from the method
There is no adversary and no noise. The result is the least-squares picture: the mean of the digits
that are possible.

## Differences from the paper
The MSE of the paper is not that of pixels in 0..1, so the two cannot be compared. Training,
validation and test queries show different pictures of digits, unless `digit_split="shared"`.
"""

from __future__ import annotations

from typing import ClassVar

from gensweep.core.alphabet import ANSWER_LENGTH
from gensweep.core.config import param
from gensweep.core.registries import MODELS
from gensweep.models._sequence import (
    GLYPH_SIZE,
    KERNEL_AREA,
    REDRAW_HELP,
    SequenceModel,
)


@MODELS("text_to_image")
class TextToImage(SequenceModel):
    """An encoder-decoder LSTM from query text to three pictures of the answer's characters."""

    name: ClassVar[str] = "text_to_image"
    numerics: ClassVar[int] = 2
    """2: another reader reads the drawn answers."""
    abbreviation: ClassVar[str] = "t2i"
    reads: ClassVar[str] = "arithmetic_pictures"
    default_dataset: ClassVar[str] = "arithmetic_pictures"
    inputs: ClassVar[tuple[str, ...]] = ("query", "answer", "answer_pictures")
    dedup_fields: ClassVar[tuple[str, ...]] = ("query",)
    outputs: ClassVar[tuple[str, ...]] = (
        "loss",
        "query",
        "answer",
        "generated",
        "target",
    )

    glyph_filters: int = param(
        32,
        "channels of the last transposed convolution's input; the first has twice as many",
        ge=1,
    )

    redraw: bool = param(False, REDRAW_HELP, neutral=False)

    def list_redrawn_fields(self) -> tuple[str, ...]:
        """Return the pictures of the answer, if they are redrawn."""
        return ("answer_pictures",) if self.redraw else ()

    def count_parameters(self) -> int:
        """Return the number of weights: LSTMs and the glyph decoder."""
        filters = self.glyph_filters
        flat = 2 * filters * (GLYPH_SIZE // 4) ** 2
        dense = (self.hidden + 1) * flat
        first = (2 * KERNEL_AREA * filters + 1) * filters
        second = KERNEL_AREA * filters + 1
        return self.count_lstm_parameters() + dense + first + second

    def count_activations(self) -> int:
        """Return how many numbers one example keeps: LSTMs, stages of the decoder, and pictures.

        Each of the two stages keeps its numbers before and after the nonlinearity.
        """
        first = 2 * self.glyph_filters * (GLYPH_SIZE // 4) ** 2
        second = self.glyph_filters * (GLYPH_SIZE // 2) ** 2
        picture = 2 * GLYPH_SIZE**2
        return self.count_lstm_activations() + ANSWER_LENGTH * (
            2 * (first + second) + picture
        )
