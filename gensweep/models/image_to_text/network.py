"""The torch code of image to text."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gensweep.core.alphabet import QUERY_LENGTH
from gensweep.models._answer_network import AnswerNetwork
from gensweep.models.image_to_text import ImageToText
from gensweep.nn.base_network import Batch, Noise, Samples
from gensweep.nn.glyph_codec import (
    GlyphEncoder,
    apply_affine,
    get_glyphs,
    join_glyphs,
)
from gensweep.nn.text_head import format_answer

AFFINE_CHANGES = 5


class ImageToTextNetwork(AnswerNetwork[ImageToText]):
    """Glyphs [B, 5, 28, 28] to logits [B, 3, 13]."""

    adamw_only = ("output.",)
    glyphs: nn.Module

    def __init__(self, config: ImageToText) -> None:
        glyphs: nn.Module = nn.Flatten(2)
        if config.glyph_encoder == "cnn":
            glyphs = GlyphEncoder(config.glyph_filters, config.hidden)
        super().__init__(config, glyphs=glyphs)

    def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
        """Draw dropout's numbers, and five in -1..1 for each glyph.

        The five are for angle, size, shear, shift across and down.
        """
        noise = super().draw(batch_size, rng)
        if self.config.dropout:
            noise["features"] = torch.rand(
                batch_size,
                QUERY_LENGTH,
                self.config.get_step_width(),
                generator=rng,
            )
        if self.config.augment:
            numbers = torch.rand(
                batch_size,
                QUERY_LENGTH,
                AFFINE_CHANGES,
                generator=rng,
            )
            noise["affine"] = numbers * 2 - 1
        return noise

    def encode(self, batch: Batch, noise: Noise) -> Tensor:
        """Return the encoder's last states [B, H]; noise changes the glyphs."""
        features = self._encode_glyphs(batch, noise)
        if "features" in noise:
            share = self.config.dropout
            is_kept = noise["features"] >= share
            features = features * is_kept / (1 - share)
        if self.is_reversed:
            features = features.flip(1)
        return self.sequence.encode(features)

    def _encode_glyphs(self, batch: Batch, noise: Noise) -> Tensor:
        """Return the input of the LSTM, [B, 5, step width]."""
        if "affine" in noise:
            amounts = noise["affine"] * self.config.augment
            glyphs = get_glyphs(batch, "query_pictures")
            return self.glyphs(apply_affine(glyphs, amounts))
        has_distinct_glyphs = "query_pictures/which" in batch
        if has_distinct_glyphs and isinstance(self.glyphs, GlyphEncoder):
            # Many glyphs of a batch are equal, and the encoder reads each distinct one once.
            return self.glyphs.forward_unique(
                batch["query_pictures/distinct"],
                batch["query_pictures/which"],
            )
        return self.glyphs(get_glyphs(batch, "query_pictures"))

    def samples(self, batch: Batch, noise: Noise) -> Samples:
        """Return the glyphs of queries, captioned with the predicted and the right answer."""
        captions = []
        for guess, answer in zip(
            self.predict(batch),
            batch["answer"],
            strict=True,
        ):
            captions.append(format_answer(guess, answer))
        strips = join_glyphs(get_glyphs(batch, "query_pictures"))
        return Samples(strips, captions, columns=4)


build = ImageToTextNetwork
