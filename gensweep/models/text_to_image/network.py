"""The torch code of text to image."""

from __future__ import annotations

import torch
from torch import Tensor

from gensweep import kernels
from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH, decode
from gensweep.models.text_to_image import TextToImage
from gensweep.nn.base_network import (
    Batch,
    LossAndLogs,
    Network,
    Noise,
    Outputs,
    Samples,
)
from gensweep.nn.dropout import draw_dropout, make_masks
from gensweep.nn.glyph_codec import GlyphDecoder, join_glyphs
from gensweep.nn.lstm import EncoderDecoder


class TextToImageNetwork(Network[TextToImage]):
    """Codes [B, 5] to pictures [B, 3, 28, 28]."""

    adamw_only = ("sequence.encoder.0.weight_ih",)

    def __init__(self, config: TextToImage) -> None:
        super().__init__(config)
        self.sequence = EncoderDecoder(
            len(ALPHABET),
            config.hidden,
            config.encoder_layers,
            config.decoder_layers,
            ANSWER_LENGTH,
        )
        self.glyphs = GlyphDecoder(config.hidden, config.glyph_filters)

    def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
        """Draw the numbers that decide what dropout drops."""
        config = self.config
        return draw_dropout(
            config.dropout, config.get_dropout_shape(batch_size), rng
        )

    def generate(self, batch: Batch, masks: Tensor | None = None) -> Tensor:
        """Return pictures [B, 3, 28, 28] in 0..1 for the queries of a batch.

        Args:
            batch: the queries.
            masks: factors of dropout, for training.
        """
        # Many queries of a batch begin alike; a trie computes each beginning once.
        trie = kernels.find_trie(batch, "query")
        states = self.sequence(batch["query"], trie, masks)
        return self.glyphs(states).sigmoid()

    def forward(
        self,
        player: str,
        batch: Batch,
        noise: Noise,
    ) -> LossAndLogs:
        """Return the mean squared error a pixel."""
        generated = self.generate(
            batch, make_masks(self.config.dropout, noise)
        )
        error = generated - batch["answer_pictures"]
        loss = error.square().mean()
        return loss, {"loss": loss}

    def evaluate(
        self,
        batch: Batch,
        noise: Noise,
    ) -> Outputs:
        """Return the loss [B], codes of query and answer, generated and target pictures.

        Codes are [B, 5] and [B, 3], pictures [B, 3, 28, 28].
        """
        generated = self.generate(batch)
        target = batch["answer_pictures"]
        error = generated - target
        return {
            "query": batch["query"],
            "answer": batch["answer"],
            "loss": error.square().mean((1, 2, 3)),
            "generated": generated,
            "target": target,
        }

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Return the generated answer of each query above a true one."""
        generated = join_glyphs(self.generate(batch))
        target = join_glyphs(batch["answer_pictures"])
        captions = [decode(query.cpu().numpy()) for query in batch["query"]]
        return Samples(
            torch.cat([generated, target], dim=2),
            captions,
            columns=8,
        )


build = TextToImageNetwork
