"""The torch code of text to text."""

from __future__ import annotations

from torch import Tensor, nn

from gensweep import kernels
from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH, decode
from gensweep.models.text_to_text import TextToText
from gensweep.nn.base_network import (
    Batch,
    LossAndLogs,
    Network,
    Noise,
    Outputs,
    Samples,
)
from gensweep.nn.lstm import EncoderDecoder
from gensweep.nn.text_head import (
    collect_answer_outputs,
    compute_answer_loss,
    format_answer,
)


class TextToTextNetwork(Network[TextToText]):
    """Codes [B, 5] to logits [B, 3, 13]."""

    adamw_only = ("sequence.encoder.0.weight_ih", "output.")

    def __init__(self, config: TextToText) -> None:
        super().__init__(config)
        self.sequence = EncoderDecoder(
            len(ALPHABET),
            config.hidden,
            config.encoder_layers,
            config.decoder_layers,
            ANSWER_LENGTH,
        )
        self.output = nn.Linear(config.hidden, len(ALPHABET))

    def predict(self, batch: Batch) -> Tensor:
        """Return logits [B, 3, 13], float32, of the queries of a batch."""
        # Many queries of a batch begin alike; a trie computes each beginning once.
        trie = kernels.find_trie(batch, "query")
        states = self.sequence(batch["query"], trie)
        return self.output(states).float()

    def forward(
        self,
        player: str,
        batch: Batch,
        noise: Noise,
    ) -> LossAndLogs:
        """Return the mean cross-entropy a character."""
        logits = self.predict(batch)
        loss = compute_answer_loss(logits, batch["answer"]).mean()
        return loss, {"loss": loss}

    def evaluate(
        self,
        batch: Batch,
        noise: Noise,
    ) -> Outputs:
        """Return the loss [B], the query's codes [B, 5], predicted and true codes [B, 3]."""
        outputs = collect_answer_outputs(self.predict(batch), batch["answer"])
        return {"query": batch["query"], **outputs}

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Return a line for each query: the query, the predicted answer, the right answer."""
        predicted = self.predict(batch).argmax(-1)
        lines = []
        for query, guess, answer in zip(
            batch["query"],
            predicted,
            batch["answer"],
            strict=True,
        ):
            text = decode(query.cpu().numpy()).rstrip()
            lines.append(f"{text} = {format_answer(guess, answer)}")
        return Samples(captions=lines)


build = TextToTextNetwork
