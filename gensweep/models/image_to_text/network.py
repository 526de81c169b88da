"""The torch code of image to text."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH, QUERY_LENGTH
from gensweep.models.image_to_text import ImageToText
from gensweep.nn.base_network import (
    Batch,
    LossAndLogs,
    Network,
    Noise,
    Outputs,
    Samples,
)
from gensweep.nn.glyph_codec import (
    GlyphEncoder,
    apply_affine,
    get_glyphs,
    join_glyphs,
)
from gensweep.nn.lstm import EncoderDecoder
from gensweep.nn.text_head import (
    collect_answer_outputs,
    compute_answer_loss,
    format_answer,
)

AFFINE_CHANGES = 5


class ImageToTextNetwork(Network[ImageToText]):
    """Glyphs [B, 5, 28, 28] to logits [B, 3, 13]."""

    adamw_only = ("output.",)

    def __init__(self, config: ImageToText) -> None:
        super().__init__(config)
        self.glyphs = nn.Flatten(2)
        if config.glyph_encoder == "cnn":
            self.glyphs = GlyphEncoder(config.glyph_filters, config.hidden)
        self.sequence = EncoderDecoder(
            config.get_step_width(),
            config.hidden,
            config.encoder_layers,
            config.decoder_layers,
            ANSWER_LENGTH,
        )
        self.output = nn.Linear(config.hidden, len(ALPHABET))

    def draw(self, batch_size: int, rng: torch.Generator) -> Noise:
        """Draw five numbers in -1..1 for each glyph: angle, size, shear, shift across and down."""
        if not self.config.augment:
            return {}
        numbers = torch.rand(
            batch_size,
            QUERY_LENGTH,
            AFFINE_CHANGES,
            generator=rng,
        )
        return {"affine": numbers * 2 - 1}

    def predict(self, batch: Batch, changed: Tensor | None = None) -> Tensor:
        """Return logits [B, 3, 13], float32.

        Args:
            batch: the queries.
            changed: glyphs [B, 5, 28, 28] that replace those of the batch.
        """
        features = self._encode_glyphs(batch, changed)
        return self.output(self.sequence(features)).float()

    def _encode_glyphs(self, batch: Batch, changed: Tensor | None) -> Tensor:
        """Return the input of the LSTM, [B, 5, step width]."""
        if changed is not None:
            return self.glyphs(changed)
        has_distinct_glyphs = "query_pictures/which" in batch
        if has_distinct_glyphs and isinstance(self.glyphs, GlyphEncoder):
            # Many glyphs of a batch are equal, and the encoder reads each distinct one once.
            return self.glyphs.forward_unique(
                batch["query_pictures/distinct"],
                batch["query_pictures/which"],
            )
        return self.glyphs(get_glyphs(batch, "query_pictures"))

    def forward(
        self,
        player: str,
        batch: Batch,
        noise: Noise,
    ) -> LossAndLogs:
        """Return the mean cross-entropy a character."""
        changed = None
        if "affine" in noise:
            amounts = noise["affine"] * self.config.augment
            changed = apply_affine(
                get_glyphs(batch, "query_pictures"), amounts
            )
        logits = self.predict(batch, changed)
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
        """Return the glyphs of queries, captioned with the predicted and the right answer."""
        predicted = self.predict(batch).argmax(-1)
        captions = []
        for guess, answer in zip(
            predicted,
            batch["answer"],
            strict=True,
        ):
            captions.append(format_answer(guess, answer))
        strips = join_glyphs(get_glyphs(batch, "query_pictures"))
        return Samples(strips, captions, columns=4)


build = ImageToTextNetwork
