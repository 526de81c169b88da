"""Image to text: read five handwritten glyphs, write ``46 ``.

## Paper
Sequence to sequence learning (Sutskever et al. 2014, arXiv:1409.3215) behind a convolutional encoder of each
glyph (LeCun et al. 1998).

## What each logged number means
- `loss`: cross-entropy in nats a character, mean over the three characters and the queries.
- `char_accuracy`: share of characters that are right, padding included (the report's "accuracy").
- `exact_match`: share of answers with all three characters right.
- `exact_match_plus`, `exact_match_minus`: the same of additions alone, and of subtractions.
- `exact_match_carries_0`, `exact_match_carries_1`, `exact_match_carries_2`: the same of queries with so many carries
  or borrows; a subtraction takes the smaller number from the larger one, and borrows once at most.
- `unparsable`: share of answers that are no integer.
- `mean_absolute_error`: distance from the right answer, where the answer given is an integer.

## Differences from the paper
One state is repeated to every decoder step. The glyph encoder has two stride-2 convolutions and a dense layer.

## Differences from the report
The report's encoder sees flat pixels: ask for it with `glyph_encoder="flat"`. Digit pictures of training,
validation and test are apart unless `digit_split="shared"`, the report's way, is asked for.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from gensweep.core.alphabet import QUERY_LENGTH
from gensweep.core.config import param
from gensweep.core.registries import MODELS
from gensweep.models._sequence import GLYPH, TEXT_OUTPUT, SequenceModel


@MODELS("image_to_text")
class ImageToText(SequenceModel):
    """An encoder-decoder LSTM from a query in handwritten glyphs to answer text."""

    name: ClassVar[str] = "image_to_text"
    abbreviation: ClassVar[str] = "i2t"
    reads: ClassVar[str] = "arithmetic_pictures"
    default_dataset: ClassVar[str] = "arithmetic_pictures"
    inputs: ClassVar[tuple[str, ...]] = ("query", "query_pictures", "answer")
    dedup_fields: ClassVar[tuple[str, ...]] = ("query_pictures",)
    outputs: ClassVar[tuple[str, ...]] = ("loss", "query", "predicted", "answer")

    glyph_encoder: Literal["cnn", "flat"] = param(
        "cnn", "how a glyph is read: convolutions, or its 784 pixels as they are"
    )
    glyph_filters: int = param(32, "channels of the first convolution; the second has twice as many", ge=1,
                               when={"glyph_encoder": ("cnn",)})  # fmt: skip
    augment: float = param(
        0.0,
        "strength of random affine changes of training glyphs (1: to 10 degrees, 10% in size and shear, 2 pixels)",
        ge=0,
    )

    def step_width(self) -> int:
        """The CNN gives as many features as the LSTM has units."""
        return GLYPH**2 if self.glyph_encoder == "flat" else self.hidden

    def count_parameters(self) -> int:
        """Glyph encoder, LSTMs and the dense output layer."""
        count = self.lstm_count() + (self.hidden + 1) * TEXT_OUTPUT
        if self.glyph_encoder == "cnn":
            filters = self.glyph_filters
            count += 10 * filters + (9 * filters + 1) * 2 * filters
            count += (2 * filters * (GLYPH // 4) ** 2 + 1) * self.hidden
        return count

    def count_activations(self) -> int:
        """LSTMs, the query's pixels, and two stages kept before and after their nonlinearity."""
        stages = 2 * self.glyph_filters * ((GLYPH // 2) ** 2 + 2 * (GLYPH // 4) ** 2)
        glyph = GLYPH**2 + (stages if self.glyph_encoder == "cnn" else 0)
        return self.lstm_activations() + QUERY_LENGTH * glyph
