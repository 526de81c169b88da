"""Image to text: read five handwritten glyphs, write ``46 ``.

## Method
Sequence to sequence learning (Sutskever et al. 2014, arXiv:1409.3215), after a convolutional
encoder of each glyph (LeCun et al. 1998).

## Logged numbers
- `loss`: cross-entropy in nats per character, mean over the three characters and the queries.
- `char_accuracy`: share of characters that are right, padding included ("accuracy" in the paper).
- `exact_match`: share of answers with all three characters right.
- `exact_match_plus`, `exact_match_minus`: the same for additions alone, and for subtractions.
- `exact_match_carries_0`, `exact_match_carries_1`, `exact_match_carries_2`: the same for queries
  with so many carries or borrows. A subtraction takes the smaller number from the larger one, and
  borrows at most once.
- `unparsable`: share of answers that are not an integer.
- `mean_absolute_error`: distance from the right answer, over the answers that are an integer.

## Differences from the method
One state is repeated at every decoder step; the last output is fed back with `feed_back=True`
alone. `order="reversed"` reverses the query and the answer. The glyph encoder has two convolutions
of stride 2 and a dense layer.

## Differences from the paper
The encoder of the paper sees flat pixels, as `glyph_encoder="flat"` does here. In the paper,
training, validation and test queries show the same pictures of digits, as with
`digit_split="shared"`. The default here is different pictures.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.core.alphabet import QUERY_LENGTH
from gensweep.core.config import param
from gensweep.core.registries import MODELS
from gensweep.models._sequence import (
    GLYPH_SIZE,
    KERNEL_AREA,
    REDRAW_HELP,
    TextAnswerModel,
)


@MODELS("image_to_text")
class ImageToText(TextAnswerModel):
    """An encoder-decoder LSTM from a query in handwritten glyphs to answer text."""

    name: ClassVar[str] = "image_to_text"
    abbreviation: ClassVar[str] = "i2t"
    reads: ClassVar[str] = "arithmetic_pictures"
    default_dataset: ClassVar[str] = "arithmetic_pictures"
    inputs: ClassVar[tuple[str, ...]] = ("query", "query_pictures", "answer")
    dedup_fields: ClassVar[tuple[str, ...]] = ("query_pictures",)

    glyph_encoder: Literal["cnn", "flat"] = param(
        "cnn",
        "how a glyph is read: convolutions, or its 784 pixels as they are",
    )
    glyph_filters: int = param(
        32,
        "channels of the first convolution; the second has twice as many",
        ge=1,
        when={"glyph_encoder": ("cnn",)},
    )
    augment: float = param(
        0.0,
        "strength of random affine changes of training glyphs "
        "(1: up to 10 degrees, 10% in size and shear, 2 pixels)",
        ge=0,
    )

    dropout: float = param(
        0.0,
        "share of the glyphs' features, of the encoder's last state and of the decoder's states "
        "that a training step drops",
        ge=0,
        lt=1,
        neutral=0.0,
    )
    redraw: bool = param(False, REDRAW_HELP, neutral=False)

    def list_redrawn_fields(self) -> tuple[str, ...]:
        """Return the pictures of the query, if they are redrawn."""
        return ("query_pictures",) if self.redraw else ()

    def get_step_width(self) -> int:
        """Return the size of one step: the CNN gives as many features as the LSTM has units."""
        if self.glyph_encoder == "flat":
            return GLYPH_SIZE**2
        return self.hidden

    def count_parameters(self) -> int:
        """Return the number of weights: glyph encoder, LSTMs and the dense output layer."""
        count = self.count_text_parameters()
        if self.glyph_encoder == "cnn":
            filters = self.glyph_filters
            first = (KERNEL_AREA + 1) * filters
            second = (KERNEL_AREA * filters + 1) * 2 * filters
            flat = 2 * filters * (GLYPH_SIZE // 4) ** 2
            count += first + second + (flat + 1) * self.hidden
        return count

    def count_activations(self) -> int:
        """Return how many numbers one example keeps: LSTMs, pixels, and stages of the encoder.

        Each of the two stages keeps its numbers before and after the nonlinearity.
        """
        glyph = GLYPH_SIZE**2
        if self.glyph_encoder == "cnn":
            first = self.glyph_filters * (GLYPH_SIZE // 2) ** 2
            second = 2 * self.glyph_filters * (GLYPH_SIZE // 4) ** 2
            glyph += 2 * (first + second)
        return self.count_lstm_activations() + QUERY_LENGTH * glyph
