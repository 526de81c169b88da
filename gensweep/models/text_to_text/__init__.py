"""Text to text: read ``12+34``, write ``46 ``.

## Paper
Sequence to sequence learning (Sutskever et al. 2014, arXiv:1409.3215); the arithmetic task is that of
Zaremba and Sutskever 2014 (arXiv:1410.4615) at two digits.

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
One state is repeated to every decoder step instead of feeding back the last output; no reversal of the query.

## Differences from the report
None known at the defaults, which are those of its Keras code where it is silent: LSTM 256, repeat, LSTM 256,
dense 13, Adam at 1e-3, batches of 128, ten epochs, Keras initialisation.
"""

from __future__ import annotations

from typing import ClassVar

from gensweep.core.registries import MODELS
from gensweep.models._sequence import TEXT_OUTPUT, SequenceModel


@MODELS("text_to_text")
class TextToText(SequenceModel):
    """An encoder-decoder LSTM from query text to answer text."""

    name: ClassVar[str] = "text_to_text"
    abbreviation: ClassVar[str] = "t2t"
    reads: ClassVar[str] = "arithmetic"
    default_dataset: ClassVar[str] = "arithmetic"
    inputs: ClassVar[tuple[str, ...]] = ("query", "answer")
    dedup_fields: ClassVar[tuple[str, ...]] = ("query",)
    outputs: ClassVar[tuple[str, ...]] = ("loss", "query", "predicted", "answer")

    def count_parameters(self) -> int:
        """LSTMs and the dense output layer."""
        return self.lstm_count() + (self.hidden + 1) * TEXT_OUTPUT

    def count_activations(self) -> int:
        """LSTMs; the output is negligible."""
        return self.lstm_activations()
