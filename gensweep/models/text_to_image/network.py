"""The torch code of text to image."""

from __future__ import annotations

import torch
from torch import Tensor

from gensweep import kernels
from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH, decode
from gensweep.models.text_to_image import TextToImage
from gensweep.nn.base_network import Batch, Network, Noise, Samples
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

    def generate(self, batch: Batch) -> Tensor:
        """Pictures [B, 3, 28, 28] in 0..1 of the batch's queries."""
        return self.glyphs(
            self.sequence(batch["query"], kernels.find_trie(batch, "query"))
        ).sigmoid()

    def forward(self, player: str, batch: Batch, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean squared error a pixel."""
        loss = (self.generate(batch) - batch["answer_pictures"]).square().mean()
        return loss, {"loss": loss}

    def evaluate(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Loss [B], codes of query [B, 5] and answer [B, 3], generated and target pictures [B, 3, 28, 28]."""
        generated, target = self.generate(batch), batch["answer_pictures"]
        loss = (generated - target).square().mean((1, 2, 3))
        return {key: batch[key] for key in ("query", "answer")} | {
            "loss": loss,
            "generated": generated,
            "target": target,
        }

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Each query's generated answer above a true one."""
        pairs = torch.cat(
            [join_glyphs(self.generate(batch)), join_glyphs(batch["answer_pictures"])], dim=2
        )
        return Samples(pairs, [decode(query.cpu().numpy()) for query in batch["query"]], columns=8)


build = TextToImageNetwork
