"""Text to image: read ``12+34``, draw the answer in handwritten digits.

## Paper
Sequence to sequence learning (Sutskever et al. 2014, arXiv:1409.3215) with a decoder of transposed
convolutions (Radford et al. 2016, arXiv:1511.06434) at every step.

## What each logged number means
- `loss`, `mse`: mean squared error a pixel, pixels in 0..1. It barely moves while answers become readable:
  a blurred mean digit and a right one are nearly as far from a picture that was never seen.
- `read_char_accuracy`, `read_exact_match`: share of characters, and of whole answers, that a reader (a small
  classifier of single characters, trained on the glyphs of training queries) reads as the right ones.
- `reader_digit_accuracy`: share of real digits never seen in training that the reader itself reads rightly; below
  0.9, what it reads is withheld.
- `read_unparsable`: share of the answers that are, as read, no integer.
- `read_mean_absolute_error`: distance from the right answer, where what was read is an integer.
- `ssim`: structural similarity to one true picture of the answer; a right answer in another handwriting scores low.

## Differences from the paper
No adversary and no noise: the least-squares picture, which is the mean of the digits it might be.

## Differences from the report
Its MSE is on another scale than pixels in 0..1, and the two cannot be compared. Digit pictures of training,
validation and test are apart unless `digit_split="shared"` is asked for.
"""

from __future__ import annotations

from typing import ClassVar

from gensweep.core.alphabet import ANSWER_LENGTH
from gensweep.core.config import param
from gensweep.core.registries import MODELS
from gensweep.models._sequence import GLYPH, SequenceModel


@MODELS("text_to_image")
class TextToImage(SequenceModel):
    """An encoder-decoder LSTM from query text to three pictures of the answer's characters."""

    name: ClassVar[str] = "text_to_image"
    numerics: ClassVar[int] = 2
    """2: another reader reads what is drawn."""
    abbreviation: ClassVar[str] = "t2i"
    reads: ClassVar[str] = "arithmetic_pictures"
    default_dataset: ClassVar[str] = "arithmetic_pictures"
    inputs: ClassVar[tuple[str, ...]] = ("query", "answer", "answer_pictures")
    dedup_fields: ClassVar[tuple[str, ...]] = ("query",)
    outputs: ClassVar[tuple[str, ...]] = ("loss", "query", "answer", "generated", "target")

    glyph_filters: int = param(
        32, "channels of the last transposed convolution's input; the first has twice as many", ge=1
    )

    def count_parameters(self) -> int:
        """LSTMs and the glyph decoder."""
        filters = self.glyph_filters
        dense = (self.hidden + 1) * 2 * filters * (GLYPH // 4) ** 2
        return self.lstm_count() + dense + (18 * filters + 1) * filters + 9 * filters + 1

    def count_activations(self) -> int:
        """LSTMs, two stages kept before and after their nonlinearity, and the picture."""
        stages = 2 * self.glyph_filters * ((GLYPH // 2) ** 2 + 2 * (GLYPH // 4) ** 2)
        return self.lstm_activations() + ANSWER_LENGTH * (stages + 2 * GLYPH**2)
