"""Sheets: many pictures, or lines of text, as one picture to look at."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

SCALE, LINE_HEIGHT, MARGIN, TEXT = 2, 18, 4, 13
DATASETS_FOLDER = "datasets"
"""Folder of a sweep with a sheet of each dataset."""
_OF_EVERY_DATASET = ("dataset", "split_seed")
"""Parameters of a dataset, whichever it is, that its examples may depend on."""


def select_dataset_params(params: Mapping[str, Any], of_dataset: Iterable[str]) -> dict[str, Any]:
    """Return those of a cell's parameters that its dataset's examples depend on.

    Args:
        params: every parameter of the cell.
        of_dataset: the parameters that only some datasets have, as sweep.json names them.
    """
    return {name: params[name] for name in (*_OF_EVERY_DATASET, *of_dataset) if name in params}


def compute_sheet_id(params: Mapping[str, Any]) -> str:
    """Return what the sheet of a dataset's examples is known by: equal parameters, equal content, equal id."""
    return hashlib.sha256(json.dumps(params, sort_keys=True, default=repr).encode()).hexdigest()[
        :12
    ]


def find_sheet(files: Iterable[str], sheet: str) -> str | None:
    """Return the file with the sheet of an id among the names of a folder's files; None where there is none."""
    return next((name for name in sorted(files) if name.endswith(f"-{sheet}.png")), None)


def choose_rows(total: int, n: int, seed: int = 0) -> np.ndarray:
    """At most ``n`` of ``total`` places, drawn by a seed, in order."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return np.sort(rng.choice(total, min(n, total), replace=False))


def draw_picture_sheet(
    pictures: np.ndarray,
    captions: Sequence[str] = (),
    columns: int | None = None,
    scale: int = SCALE,
) -> Image:
    """Pictures side by side, row after row, each with a caption under it if there are any.

    Args:
        pictures: uint8 [n, channels, h, w], of one or three channels.
        captions: none, or one a picture.
        columns: pictures a row; default: as many as make the sheet about square.
        scale: each pixel becomes that many, both ways.
    """
    from PIL import Image, ImageDraw

    count, channels, height, width = pictures.shape
    columns = min(columns or math.ceil(math.sqrt(count * height / width)), count)
    rows = math.ceil(count / columns)
    across, down = (
        width * scale + MARGIN,
        height * scale + MARGIN + (LINE_HEIGHT if captions else 0),
    )
    canvas = np.full((rows * down + MARGIN, columns * across + MARGIN, 3), 255, np.uint8)
    large = pictures.repeat(scale, 2).repeat(scale, 3).transpose(0, 2, 3, 1)
    for index, picture in enumerate(
        np.broadcast_to(large, (*large.shape[:3], 3)) if channels == 1 else large
    ):
        top, left = MARGIN + index // columns * down, MARGIN + index % columns * across
        canvas[top : top + height * scale, left : left + width * scale] = picture
    image = Image.fromarray(canvas)
    pen = ImageDraw.Draw(image)
    for index, caption in enumerate(captions):
        place = MARGIN + index % columns * across, (index // columns + 1) * down - LINE_HEIGHT + 1
        pen.text(place, caption, fill="black", font=_font())
    return image


def draw_sheet(pictures: np.ndarray | None, captions: Sequence[str]) -> Image:
    """A sheet of pictures [n, channels, h, w] with their captions, or of captions alone."""
    return draw_text_sheet(captions) if pictures is None else draw_picture_sheet(pictures, captions)


def draw_strips(pictures: np.ndarray, columns: int) -> Image:
    """Pictures, uint8 [n, 3, h, w], edge to edge, ``columns`` a row."""
    from PIL import Image

    count, _, height, width = pictures.shape
    rows = pictures.reshape(count // columns, columns, 3, height, width).transpose(0, 3, 1, 4, 2)
    return Image.fromarray(
        np.ascontiguousarray(rows.reshape(count // columns * height, columns * width, 3))
    )


def draw_text_sheet(lines: Sequence[str]) -> Image:
    """Lines of text."""
    from PIL import Image, ImageDraw

    width = max(int(_font().getlength(line)) for line in lines)
    sheet = Image.new("RGB", (width + 4 * MARGIN, LINE_HEIGHT * len(lines) + 4 * MARGIN), "white")
    pen = ImageDraw.Draw(sheet)
    for index, line in enumerate(lines):
        pen.text((2 * MARGIN, 2 * MARGIN + index * LINE_HEIGHT), line, fill="black", font=_font())
    return sheet


def encode_png(image: Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _font() -> ImageFont | FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.load_default(TEXT)
