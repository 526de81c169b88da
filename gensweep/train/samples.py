"""A model's samples as one PNG."""

from __future__ import annotations

import io

import torch
from PIL import Image, ImageDraw, ImageFont
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

from gensweep.layers.network import Samples

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont
SCALE, LINE, MARGIN = 2, 18, 4


def png(samples: Samples) -> bytes:
    """Draw pictures in a grid with a caption under each, or the captions alone as lines of text."""
    font = ImageFont.load_default(13)
    pictures = samples.pictures
    sheet = _lines(samples.captions, font) if pictures is None else _grid(pictures, samples, font)
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def _grid(pictures: torch.Tensor, samples: Samples, font: Font) -> Image.Image:
    pictures = pictures.float().clamp(0, 1).cpu()
    pictures = pictures.repeat_interleave(SCALE, 2).repeat_interleave(SCALE, 3)
    if not samples.captions:
        return to_pil_image(make_grid(pictures, nrow=samples.columns, padding=MARGIN, pad_value=1.0))
    framed = torch.nn.functional.pad(pictures, (0, 0, 0, LINE), value=1.0)
    sheet = to_pil_image(make_grid(framed, nrow=samples.columns, padding=MARGIN, pad_value=1.0))
    draw = ImageDraw.Draw(sheet)
    height, width = framed.shape[2] + MARGIN, framed.shape[3] + MARGIN
    for index, caption in enumerate(samples.captions):
        row, column = divmod(index, samples.columns)
        draw.text((column * width + MARGIN, (row + 1) * height - LINE + 1), caption, fill="black", font=font)
    return sheet


def _lines(lines: list[str], font: Font) -> Image.Image:
    width = max(int(font.getlength(line)) for line in lines)
    sheet = Image.new("RGB", (width + 4 * MARGIN, LINE * len(lines) + 4 * MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for index, line in enumerate(lines):
        draw.text((2 * MARGIN, 2 * MARGIN + index * LINE), line, fill="black", font=font)
    return sheet
