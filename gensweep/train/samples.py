"""A model's samples as one PNG."""

from __future__ import annotations

from gensweep.core.sheets import picture_sheet, text_sheet
from gensweep.core.sheets import png as png_bytes
from gensweep.layers.network import Samples


def png(samples: Samples) -> bytes:
    """Draw pictures in a grid with a caption under each, or the captions alone as lines of text."""
    if samples.pictures is None:
        return png_bytes(text_sheet(samples.captions))
    pictures = samples.pictures.float().clamp(0, 1).mul(255).round().byte().cpu().numpy()
    return png_bytes(picture_sheet(pictures, samples.captions, samples.columns))
