"""The torch code of image to text."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH, QUERY_LENGTH
from gensweep.models.image_to_text import ImageToText
from gensweep.nn.base_network import Batch, Network, Noise, Samples
from gensweep.nn.glyph_codec import GlyphEncoder, apply_affine, get_glyphs, join_glyphs
from gensweep.nn.lstm import EncoderDecoder
from gensweep.nn.text_head import collect_answer_outputs, compute_answer_loss, format_answer


class ImageToTextNetwork(Network[ImageToText]):
    """Glyphs [B, 5, 28, 28] to logits [B, 3, 13]."""

    adamw_only = ("output.",)

    def __init__(self, config: ImageToText) -> None:
        super().__init__(config)
        self.glyphs = nn.Flatten(2)
        if config.glyph_encoder == "cnn":
            self.glyphs = GlyphEncoder(config.glyph_filters, config.hidden)
        self.sequence = EncoderDecoder(
            config.step_width(),
            config.hidden,
            config.encoder_layers,
            config.decoder_layers,
            ANSWER_LENGTH,
        )
        self.output = nn.Linear(config.hidden, len(ALPHABET))

    def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
        """Five numbers in -1..1 for each glyph: angle, size, shear, shift across and down."""
        if not self.config.augment:
            return {}
        return {"affine": torch.rand(batch_size, QUERY_LENGTH, 5, generator=rng) * 2 - 1}

    def predict(self, batch: Batch, bent: Tensor | None = None) -> Tensor:
        """Logits [B, 3, 13], float32, of the batch's glyphs, or of bent ones in their place [B, 5, 28, 28]."""
        if (
            bent is None
            and "query_pictures/which" in batch
            and isinstance(self.glyphs, GlyphEncoder)
        ):
            features = self.glyphs.forward_unique(
                batch["query_pictures/distinct"], batch["query_pictures/which"]
            )
        else:
            features = self.glyphs(get_glyphs(batch, "query_pictures") if bent is None else bent)
        return self.output(self.sequence(features)).float()

    def forward(self, player: str, batch: Batch, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean cross-entropy a character."""
        bent = None
        if "affine" in noise:
            bent = apply_affine(
                get_glyphs(batch, "query_pictures"), noise["affine"] * self.config.augment
            )
        loss = compute_answer_loss(self.predict(batch, bent), batch["answer"]).mean()
        return loss, {"loss": loss}

    def evaluate(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Loss [B], the query's codes [B, 5], predicted and true codes [B, 3]."""
        return {"query": batch["query"]} | collect_answer_outputs(
            self.predict(batch), batch["answer"]
        )

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Queries as they were seen, with the answer given and the right one."""
        predicted = self.predict(batch).argmax(-1)
        captions = [
            format_answer(guess, answer)
            for guess, answer in zip(predicted, batch["answer"], strict=True)
        ]
        return Samples(join_glyphs(get_glyphs(batch, "query_pictures")), captions, columns=4)


build = ImageToTextNetwork
