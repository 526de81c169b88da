"""Open pictures of any kind safely, and convert them to arrays of one size."""

from __future__ import annotations

import contextlib
import threading
from io import BytesIO
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import AfterValidator

from gensweep.data._modes import PictureError, to_upright_rgb

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

FORMATS = (
    "JPEG",
    "PNG",
    "WEBP",
    "GIF",
    "TIFF",
    "BMP",
    "AVIF",
    "JPEG2000",
    "PPM",
    "QOI",
)
"""Pillow's names of the formats that are opened.

They are raster formats with a signature. No other program is called to decode them.
"""
MAX_PIXELS = 80_000_000
"""Larger pictures are not decoded: they take 320 MB, and 1.7 GB while 16 bits become 8."""
LARGE_PIXELS = 8_000_000
"""Pictures of more pixels are decoded one at a time, so that threads do not use up the memory."""
HTML_SEARCH_BYTES = 1024
"""How much of a file is searched for the beginning of a web page."""
_large_picture_lock = threading.Lock()


def open_picture(content: bytes, *, min_side: int | None = None) -> Image:
    """Decode the first frame of a picture file.

    The picture is turned as its EXIF says, and converted to 8 bits by `_modes.to_upright_rgb`.

    Args:
        content: the bytes of the file.
        min_side: if given, a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is faster,
            but no side becomes shorter than this.

    Returns:
        An image in mode RGB or RGBA.

    Raises:
        PictureError: the file is not a picture, is cut off or damaged, or has more pixels than
            `MAX_PIXELS`.
    """
    try:
        return _decode(content, min_side)
    except PictureError:
        repaired = _add_end_marker(content)
        if repaired is None:
            raise
        return _decode(repaired, min_side)


_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_PROBES = (b"", b"\xa5\x5a\x3c" * 32)
"""Bytes to put between the data of a JPEG and its end marker.

A decoder skips them if all pixels came before.
"""


def _add_end_marker(content: bytes) -> bytes | None:
    """Return a JPEG with the end marker that it lacks.

    Every viewer opens such a file. Decoders fill in missing pixels without an error as soon as
    there is a marker. But then the pixels depend on the bytes that follow the data. So the pixels
    tell whether only the marker is missing.

    Returns:
        The file, or None if it is not a JPEG, or if more than the marker is missing.
    """
    if not content.startswith(_JPEG_START):
        return None
    # The file can end after the first byte of the marker.
    data = content.removesuffix(_JPEG_END[:1])
    versions = set()
    try:
        for probe in _PROBES:
            image = _decode(data + probe + _JPEG_END, None)
            versions.add(image.tobytes())
    except PictureError:
        return None
    if len(versions) > 1:
        return None
    return data + _JPEG_END


def _decode(content: bytes, min_side: int | None) -> Image:
    """Decode a file as `open_picture` does, without a repair."""
    image = _read_header(content)
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        size = f"{image.width} x {image.height}"
        raise PictureError(f"{size} pixels, more than {MAX_PIXELS:,}")
    lock = (
        _large_picture_lock
        if pixels > LARGE_PIXELS
        else contextlib.nullcontext()
    )
    try:
        if min_side is not None:
            image.draft(None, (min_side, min_side))
        _scale_transparent_grey(image)
        with lock:
            image.load()
            return to_upright_rgb(image)
    except PictureError:
        raise
    except Exception as error:
        # Decoders raise errors of many types. All of them mean that this file is damaged.
        raise PictureError(
            f"cut off or damaged ({_get_reason(error)})"
        ) from error


def _read_header(content: bytes) -> ImageFile:
    """Return an image of which only the header was read.

    `PIL.Image.open` is not used: it warns about large pictures by a limit of the whole process.
    """
    from PIL import Image

    Image.init()
    reason = ""
    for name in FORMATS:
        if name not in Image.OPEN:
            # An older Pillow does not have the format.
            continue
        factory, accept = Image.OPEN[name]
        is_accepted = accept(content[:16]) if accept else False
        if is_accepted is not True:
            # It is a text if this Pillow was built without support for the format.
            reason = is_accepted or reason
            continue
        try:
            return factory(BytesIO(content), "")
        except (
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
        ) as error:
            raise PictureError(f"more than {MAX_PIXELS:,} pixels") from error
        except Exception as error:
            # As in `_decode`: the signature matches, but the header is damaged.
            reason = f"cut off or damaged {name} ({_get_reason(error)})"
    start = content[:HTML_SEARCH_BYTES].lower()
    if b"<html" in start or b"<!doctype html" in start:
        raise PictureError("a web page, not a picture")
    if not reason:
        reason = (
            "not a picture in a supported format"
            if content
            else "an empty file"
        )
    raise PictureError(reason)


def _scale_transparent_grey(image: ImageFile) -> None:
    """Scale the transparent value of a PNG as its grey values of 2 or 4 bits will be.

    Pillow scales these greys to 0..255 when it decodes, but not the value that is transparent.
    """
    value = image.info.get("transparency")
    if (
        image.format != "PNG"
        or image.mode != "L"
        or not image.tile
        or value is None
    ):
        return
    largest_values = {"L;2": 3, "L;4": 15}
    raw_mode = image.tile[0].args
    if raw_mode in largest_values:
        image.info["transparency"] = value * 255 // largest_values[raw_mode]


def _get_reason(error: Exception) -> str:
    """Return the message of an error on one line, or its type."""
    words = str(error).split()
    return " ".join(words) or type(error).__name__


def to_square(
    image: Image,
    size: int = 64,
    background: str = "#ffffff",
) -> np.ndarray:
    """Crop the largest square in the middle of a picture, and scale it.

    It is made smaller by Lanczos' filter of three lobes, which antialiases, and larger by a cubic
    filter.

    Args:
        image: in mode RGB or RGBA.
        size: height and width of the result, in pixels.
        background: the colour behind transparent pixels.

    Returns:
        uint8 [3, size, size].
    """
    from PIL.Image import Resampling, new

    side = min(image.size)
    left = (image.width - side) // 2
    top = (image.height - side) // 2
    if image.size != (side, side):
        box = (left, top, left + side, top + side)
        image = image.crop(box)
    if image.mode == "RGBA":
        opaque = new("RGB", image.size, background)
        opaque.paste(image, mask=image)
        image = opaque
    if side > size:
        image = image.resize((size, size), Resampling.LANCZOS)
    elif side < size:
        image = image.resize((size, size), Resampling.BICUBIC)
    channels_first = np.asarray(image).transpose(2, 0, 1)
    return np.ascontiguousarray(channels_first)


def parse_colour(text: str) -> str:
    """Return a colour as `#rrggbb`, from its name, `#rgb` or `#rrggbb`.

    Raises:
        ValueError: the text is not a colour, or the colour is partly transparent.
    """
    from PIL.ImageColor import getrgb

    try:
        levels = getrgb(text)
    except ValueError:
        levels = ()
    # A transparent colour has four levels.
    is_opaque = len(levels) == 3
    if not is_opaque or min(levels) < 0 or max(levels) > 255:
        raise ValueError(
            f"{text!r} is not a colour; use a name such as white, or #rrggbb"
        )
    return "#{:02x}{:02x}{:02x}".format(*levels)


Colour = Annotated[str, AfterValidator(parse_colour)]
"""The type of a parameter that takes a colour; `white` and `#FFF` are both `#ffffff`."""
