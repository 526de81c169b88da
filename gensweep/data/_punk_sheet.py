"""The sheet of the CryptoPunks: one PNG with 100 x 100 pictures, and checks of what it holds."""

from __future__ import annotations

import io
import warnings

import numpy as np

from gensweep.core.errors import FetchError
from gensweep.prepare.array_cache import hash_array

PUNK_COUNT = 10_000
SHEET_COLUMNS = 100
SIDE = 24
"""Height and width of a picture in pixels."""
PIXELS_SHA256 = (
    "db0e780ac7553b5dd6a3bb02ed2bf8106c16659e15a36797294e01e8817286bf"
)
"""SHA-256 of the pictures, uint8 [10000, 24, 24, 4]. It is the same for every source."""
PNG_END = b"IEND\xaeB`\x82"
"""The last bytes of every PNG."""


def split_sheet(sheet: bytes) -> np.ndarray:
    """Cut a sheet into its pictures, row by row.

    Args:
        sheet: the bytes of the PNG.

    Returns:
        uint8 [10000, 24, 24, 4].

    Raises:
        FetchError: the sheet is damaged, or has another size.
    """
    from PIL import Image, UnidentifiedImageError

    rows = PUNK_COUNT // SHEET_COLUMNS
    width = SHEET_COLUMNS * SIDE
    height = rows * SIDE
    try:
        with warnings.catch_warnings():
            # The size is compared below, so a limit on the number of pixels is not needed.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(
                io.BytesIO(sheet),
                formats=["PNG"],
            )
        with image:
            if image.size != (width, height):
                size = f"{image.width}x{image.height}"
                raise FetchError(
                    f"the sheet has {size} pixels, not {width}x{height}",
                )
            pixels = np.asarray(image.convert("RGBA"))
    except UnidentifiedImageError as error:
        raise FetchError("the sheet is damaged: it is not a PNG") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        raise FetchError(f"the sheet is damaged ({error})") from error
    tiles = pixels.reshape(rows, SIDE, SHEET_COLUMNS, SIDE, 4)
    tiles = tiles.swapaxes(1, 2)
    return tiles.reshape(PUNK_COUNT, SIDE, SIDE, 4)


def build_sheet(pictures: np.ndarray) -> bytes:
    """Return pictures [10000, 24, 24, 4] as one PNG: the inverse of `split_sheet`."""
    from PIL import Image

    rows = PUNK_COUNT // SHEET_COLUMNS
    tiles = pictures.reshape(rows, SHEET_COLUMNS, SIDE, SIDE, 4)
    tiles = tiles.swapaxes(1, 2)
    pixels = tiles.reshape(rows * SIDE, SHEET_COLUMNS * SIDE, 4)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def check_pixels(pictures: np.ndarray, source: str) -> np.ndarray:
    """Return the pictures, if their SHA-256 is right.

    Args:
        pictures: uint8 [10000, 24, 24, 4].
        source: the source that an error names.

    Raises:
        FetchError: they are not the 10,000 CryptoPunks.
    """
    actual = hash_array(pictures)
    if actual != PIXELS_SHA256:
        raise FetchError(
            f"the pictures of {source} have SHA-256 {actual}, not {PIXELS_SHA256}: "
            "damaged or replaced"
        )
    return pictures
