"""Text to text: read ``12+34``, write ``46 ``.

## Method
Sequence to sequence learning (Sutskever et al. 2014, arXiv:1409.3215). The arithmetic task is that
of Zaremba and Sutskever 2014 (arXiv:1410.4615) with two digits.

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
alone. The query is reversed with `order="reversed"` alone, and then the answer is, too (Lee et al.
2024, arXiv:2307.03381).

## Differences from the paper
None are known at the defaults: LSTM 256, repeat, LSTM 256, dense 13, Adam at 1e-3, batches of 128,
ten epochs, Keras initialisation. Settings that the paper does not state come from its Keras code.
"""

from __future__ import annotations

from typing import ClassVar

from gensweep.core.registries import MODELS
from gensweep.models._sequence import TextAnswerModel


@MODELS("text_to_text")
class TextToText(TextAnswerModel):
    """An encoder-decoder LSTM from query text to answer text."""

    name: ClassVar[str] = "text_to_text"
    abbreviation: ClassVar[str] = "t2t"
    reads: ClassVar[str] = "arithmetic"
    default_dataset: ClassVar[str] = "arithmetic"
    inputs: ClassVar[tuple[str, ...]] = ("query", "answer")
    dedup_fields: ClassVar[tuple[str, ...]] = ("query",)

    def count_parameters(self) -> int:
        """Return the number of weights: LSTMs and the dense output layer."""
        return self.count_text_parameters()

    def count_activations(self) -> int:
        """Return how many numbers one example keeps: those of the LSTMs, as the output is small."""
        return self.count_lstm_activations()
