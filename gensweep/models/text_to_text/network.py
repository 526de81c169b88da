"""The torch code of text to text."""

from __future__ import annotations

from torch import Tensor

from gensweep import kernels
from gensweep.core.alphabet import decode
from gensweep.models._answer_network import AnswerNetwork
from gensweep.models.text_to_text import TextToText
from gensweep.nn.base_network import Batch, Noise, Samples
from gensweep.nn.text_head import format_answer


class TextToTextNetwork(AnswerNetwork[TextToText]):
    """Codes [B, 5] to logits [B, 3, 13]."""

    adamw_only = ("sequence.encoder.0.weight_ih", "output.")

    def encode(self, batch: Batch, noise: Noise) -> Tensor:
        """Return the encoder's last states [B, H]."""
        query = batch["query"]
        if self.is_reversed:
            return self.sequence.encode(query.flip(1))
        # Many queries of a batch begin alike; a trie computes each beginning once.
        return self.sequence.encode(query, kernels.find_trie(batch, "query"))

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Return a line for each query: the query, the predicted answer, the right answer."""
        lines = []
        for query, guess, answer in zip(
            batch["query"],
            self.predict(batch),
            batch["answer"],
            strict=True,
        ):
            text = decode(query.cpu().numpy()).rstrip()
            lines.append(f"{text} = {format_answer(guess, answer)}")
        return Samples(captions=lines)


build = TextToTextNetwork
