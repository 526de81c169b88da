"""The base of the networks that answer in characters."""

from __future__ import annotations

import abc
from typing import TypeVar

import torch
from torch import Tensor, nn

from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH
from gensweep.models._sequence import TextAnswerModel
from gensweep.nn.base_network import (
    Batch,
    LossAndLogs,
    Network,
    Noise,
    Outputs,
)
from gensweep.nn.dropout import draw_dropout, make_masks
from gensweep.nn.lstm import EncoderDecoder
from gensweep.nn.text_head import compute_answer_loss, reverse_answer

A = TypeVar("A", bound=TextAnswerModel)


class AnswerNetwork(Network[A]):
    """An encoder-decoder that writes three characters.

    A subclass reads the query in `encode`.

    Args:
        config: the model.
        readers: modules that read the steps of a query, by name. They come before the others, as
            the weights are drawn in the order of the modules.
    """

    def __init__(self, config: A, **readers: nn.Module) -> None:
        super().__init__(config)
        for name, reader in readers.items():
            self.add_module(name, reader)
        self.sequence = EncoderDecoder(
            config.get_step_width(),
            config.hidden,
            config.encoder_layers,
            config.decoder_layers,
            ANSWER_LENGTH,
            len(ALPHABET) if config.feed_back else 0,
        )
        self.output = nn.Linear(config.hidden, len(ALPHABET))

    @property
    def is_reversed(self) -> bool:
        """Return whether the network reads and writes the last character first."""
        return self.config.order == "reversed"

    @abc.abstractmethod
    def encode(self, batch: Batch, noise: Noise) -> Tensor:
        """Return the encoder's last states [B, H].

        Args:
            batch: the queries.
            noise: changes the queries in training; empty in tests.
        """

    def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
        """Draw the numbers that decide what dropout drops."""
        config = self.config
        return draw_dropout(
            config.dropout, config.get_dropout_shape(batch_size), rng
        )

    def forward(
        self,
        player: str,
        batch: Batch,
        noise: Noise,
    ) -> LossAndLogs:
        """Return the mean cross-entropy a character."""
        answer = self._order(batch["answer"])
        logits = self._score(
            self.encode(batch, noise),
            answer,
            make_masks(self.config.dropout, noise),
        )
        loss = compute_answer_loss(logits, answer).mean()
        return loss, {"loss": loss}

    def evaluate(
        self,
        batch: Batch,
        noise: Noise,
    ) -> Outputs:
        """Return the loss [B], the query's codes [B, 5], predicted and true codes [B, 3].

        With `feed_back`, the loss is that of the right answer after its own beginnings.
        """
        answer = self._order(batch["answer"])
        last = self.encode(batch, {})
        logits = self._score(last, answer)
        return {
            "query": batch["query"],
            "loss": compute_answer_loss(logits, answer),
            "predicted": self._write(last, logits),
            "answer": batch["answer"],
        }

    def predict(self, batch: Batch) -> Tensor:
        """Return the codes [B, 3] of the answers to the queries of a batch."""
        last = self.encode(batch, {})
        logits = self._score(last, self._order(batch["answer"]))
        return self._write(last, logits)

    def _score(
        self, last: Tensor, answer: Tensor, masks: Tensor | None = None
    ) -> Tensor:
        """Return logits [B, 3, 13], float32.

        Args:
            last: the encoder's last states [B, H].
            answer: codes [B, 3] in the network's order, for `feed_back`.
            masks: factors of dropout.
        """
        fed_back = answer if self.config.feed_back else None
        states = self.sequence.decode(last, fed_back, masks)
        return self.output(states).float()

    def _write(self, last: Tensor, logits: Tensor) -> Tensor:
        """Return the most likely codes [B, 3], one after the other with `feed_back`.

        Args:
            last: the encoder's last states [B, H].
            logits: of the right answer [B, 3, 13].
        """
        # The first step sees no character before it, so its logits are those of any answer.
        codes = logits.argmax(-1)
        if self.config.feed_back:
            for step in range(1, ANSWER_LENGTH):
                chosen = self._score(last, codes).argmax(-1)
                # A step depends on the codes before it alone, which are decided by now.
                codes = torch.cat([codes[:, :step], chosen[:, step:]], 1)
        return self._order(codes)

    def _order(self, answer: Tensor) -> Tensor:
        """Return codes [B, 3] in the network's order, or back in the plain one."""
        return reverse_answer(answer) if self.is_reversed else answer
