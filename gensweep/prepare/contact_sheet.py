"""Contact sheets: many pictures, or lines of text, in one picture for people."""

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

SCALE = 2
"""Each pixel of a picture becomes a square of this size."""
LINE_HEIGHT = 18
MARGIN = 4
FONT_SIZE = 13
_SHEET_ID_DIGITS = 12
LINES_KEY = "lines"
"""The keyword of the text in a PNG file of text."""
DATASETS_FOLDER = "datasets"
"""The folder of a sweep that contains a sheet of each dataset."""
_OF_EVERY_DATASET = ("dataset", "split_seed")
"""Parameters that every dataset has, and on which its examples may depend."""


def select_dataset_params(
    params: Mapping[str, Any], of_dataset: Iterable[str]
) -> dict[str, Any]:
    """Return the parameters of a cell on which the examples of its dataset depend.

    Args:
        params: every parameter of the cell.
        of_dataset: the parameters that only some datasets have, as sweep.json names them.
    """
    names = (*_OF_EVERY_DATASET, *of_dataset)
    return {name: params[name] for name in names if name in params}


def compute_sheet_id(params: Mapping[str, Any]) -> str:
    """Return the id of a dataset's sheet: equal parameters, equal content, equal id."""
    text = json.dumps(params, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:_SHEET_ID_DIGITS]


def find_sheet(files: Iterable[str], sheet: str) -> str | None:
    """Return the name of the file with a sheet; None if there is none.

    Args:
        files: the names of all files in the folder.
        sheet: the id of the sheet.
    """
    for name in sorted(files):
        if name.endswith(f"-{sheet}.png"):
            return name
    return None


def choose_rows(total: int, n: int, seed: int = 0) -> np.ndarray:
    """Return at most ``n`` row numbers below ``total``, drawn with a seed, in order."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return np.sort(rng.choice(total, min(n, total), replace=False))


def draw_picture_sheet(
    pictures: np.ndarray,
    captions: Sequence[str] = (),
    columns: int | None = None,
    scale: int = SCALE,
) -> Image:
    """Return pictures side by side, in rows, with a caption under each if there are captions.

    Args:
        pictures: uint8 [n, channels, h, w], of one or three channels.
        captions: none, or one for each picture.
        columns: pictures in a row; default: as many as make the sheet about square.
        scale: each pixel becomes a square of this size.
    """
    from PIL import Image, ImageDraw

    count, channels, height, width = pictures.shape
    columns = min(
        columns or math.ceil(math.sqrt(count * height / width)), count
    )
    rows = math.ceil(count / columns)
    # The distance between two pictures, across and down.
    across = width * scale + MARGIN
    down = height * scale + MARGIN
    if captions:
        down += LINE_HEIGHT
    canvas = np.full(
        (rows * down + MARGIN, columns * across + MARGIN, 3), 255, np.uint8
    )
    large = pictures.repeat(scale, 2).repeat(scale, 3).transpose(0, 2, 3, 1)
    if channels == 1:
        large = np.broadcast_to(large, (*large.shape[:3], 3))
    for index, picture in enumerate(large):
        row, column = divmod(index, columns)
        top = MARGIN + row * down
        left = MARGIN + column * across
        canvas[top : top + height * scale, left : left + width * scale] = (
            picture
        )
    image = Image.fromarray(canvas)
    pen = ImageDraw.Draw(image)
    for index, caption in enumerate(captions):
        row, column = divmod(index, columns)
        position = (
            MARGIN + column * across,
            (row + 1) * down - LINE_HEIGHT + 1,
        )
        pen.text(position, caption, fill="black", font=_load_font())
    return image


def draw_sheet(pictures: np.ndarray | None, captions: Sequence[str]) -> Image:
    """Return a sheet of pictures [n, channels, h, w] with captions, or of captions only."""
    if pictures is None:
        return draw_text_sheet(captions)
    return draw_picture_sheet(pictures, captions)


def draw_strips(pictures: np.ndarray, columns: int) -> Image:
    """Return pictures, uint8 [n, 3, h, w], without gaps, ``columns`` in a row."""
    from PIL import Image

    count, _, height, width = pictures.shape
    rows = count // columns
    grid = pictures.reshape(rows, columns, 3, height, width).transpose(
        0, 3, 1, 4, 2
    )
    return Image.fromarray(
        np.ascontiguousarray(grid.reshape(rows * height, columns * width, 3))
    )


def draw_text_sheet(lines: Sequence[str]) -> Image:
    """Return a sheet with lines of text."""
    from PIL import Image, ImageDraw

    font = _load_font()
    width = max(int(font.getlength(line)) for line in lines)
    sheet = Image.new(
        "RGB",
        (width + 4 * MARGIN, LINE_HEIGHT * len(lines) + 4 * MARGIN),
        "white",
    )
    pen = ImageDraw.Draw(sheet)
    for index, line in enumerate(lines):
        position = 2 * MARGIN, 2 * MARGIN + index * LINE_HEIGHT
        pen.text(position, line, fill="black", font=font)
    return sheet


def encode_png(image: Image, lines: Sequence[str] = ()) -> bytes:
    """Return a picture as the bytes of a PNG file.

    Args:
        image: the picture.
        lines: of text that it shows, kept in the file so that they can be read again.
    """
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if lines:
        info.add_itxt(LINES_KEY, "\n".join(lines), zip=True)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=info)
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _load_font() -> ImageFont | FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.load_default(FONT_SIZE)
