"""Pictures of any kind, made into arrays: found, opened without harm, cropped and scaled."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import numpy as np
from pydantic import AfterValidator

from gensweep.core.errors import DataError
from gensweep.data._modes import PictureError, to_upright_rgb
from gensweep.system.naming import make_visible

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

log = logging.getLogger(__name__)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "QOI")
"""Pillow's names of what is opened: raster formats with a signature, none of which runs a program."""
SUFFIXES = frozenset(
    {
        *(
            ".jpg",
            ".jpeg",
            ".jpe",
            ".jfif",
            ".mpo",
            ".png",
            ".apng",
            ".webp",
            ".gif",
            ".tif",
            ".tiff",
            ".bmp",
        ),
        *(
            ".avif",
            ".jp2",
            ".j2k",
            ".j2c",
            ".jpc",
            ".jpf",
            ".jpx",
            ".ppm",
            ".pgm",
            ".pbm",
            ".pnm",
            ".pfm",
            ".qoi",
        ),
        *(".heic", ".heif", ".jxl", ".tga", ".psd"),
    }
)
"""Ends of file names that count as pictures. The last row cannot be opened: it is reported, not passed over."""
MAX_PIXELS = 80_000_000
"""Larger pictures are not decoded: 80 million pixels take 320 MB, and 1.7 GB while 16 bits become 8."""
LARGE = 8_000_000
"""Pixels from which pictures are decoded one at a time, so that threads do not add up to more memory than there is."""
_large = threading.Lock()


def find_pictures(place: Path) -> list[Path]:
    """Every picture under a folder, by the file's name, sorted.

    Hidden files and folders are left out; links are followed, and no folder is entered twice. Nothing is opened: a
    link may lead nowhere, and a name may be a pipe's.

    Raises:
        DataError: the place is not there, is no folder, cannot be read, or holds no picture.
    """
    found, others = [], Counter()
    try:
        if not place.is_dir():
            raise DataError(
                f"{place} is {'a file' if place.exists() else 'not there'}; name a folder of pictures"
            )
        for path in _walk(place):
            suffix = path.suffix.lower()
            if suffix not in SUFFIXES:
                others[suffix or "no suffix"] += 1
            else:
                found.append(path)
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error
    held = join_first((f"{count} with {suffix}" for suffix, count in others.most_common()), 5)
    if not found:
        raise DataError(f"{place} holds no picture; other files: {held or 'none'}")
    if held:
        _warn(f"{place}: passed over, no pictures by their names: {held}")
    return sorted(found)


def _walk(place: Path) -> Iterator[Path]:
    """Every path in a folder and its folders that is not hidden, and is no folder itself."""
    entered = set()
    for folder, folders, names in os.walk(place, followlinks=True, onerror=_refuse):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def _refuse(error: OSError) -> NoReturn:
    raise error


@lru_cache(maxsize=256)
def _warn(text: str) -> None:
    """Once a process, however often a folder is listed."""
    log.warning("%s", make_visible(text))


def join_first(items: Iterable[str], most: int = 10) -> str:
    """The first items in a row, safe to show, and how many more there are."""
    listed = [make_visible(item) for item in items]
    return ", ".join(listed[:most]) + (
        f", and {len(listed) - most} more" if len(listed) > most else ""
    )


def open_picture(content: bytes, *, min_side: int | None = None) -> Image:
    """The first frame of a picture file, decoded, turned as its EXIF says, and brought to 8 bits by `_modes.to_upright_rgb`.

    Args:
        content: the file's bytes.
        min_side: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, which is faster, but no side shorter than this.

    Returns:
        An image in mode RGB or RGBA.

    Raises:
        PictureError: no picture, cut off, damaged, or more than `MAX_PIXELS`.
    """
    try:
        return _decode(content, min_side)
    except PictureError:
        whole = _with_end_marker(content)
        if whole is None:
            raise
        return _decode(whole, min_side)


_END_MARKER = b"\xff\xd9"
_PROBES = (b"", b"\xa5\x5a\x3c" * 32)
"""Bytes between a JPEG's data and its end marker: a decoder passes over them where all pixels came before."""


def _with_end_marker(content: bytes) -> bytes | None:
    """Return a JPEG with the end marker that it lacks; None for other files, and where more than that is missing.

    Every viewer opens such a file. Decoders fill what is missing without an error once there is a marker, so the
    pixels tell: they depend on what follows the data only where the data stops early.
    """
    if not content.startswith(b"\xff\xd8"):
        return None
    data = content.removesuffix(b"\xff")  # half a marker
    try:
        pixels = {_decode(data + probe + _END_MARKER, None).tobytes() for probe in _PROBES}
    except PictureError:
        return None
    return data + _END_MARKER if len(pixels) == 1 else None


def _decode(content: bytes, min_side: int | None) -> Image:
    """As `open_picture`, of a file that lacks nothing."""
    image = _opened(content)
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS:,}")
    try:
        if min_side is not None:
            image.draft(None, (min_side, min_side))
        with _large if image.width * image.height > LARGE else contextlib.nullcontext():
            image.load()
            return to_upright_rgb(image)
    except PictureError:
        raise
    except (
        Exception
    ) as error:  # decoders raise what they like; all of it says that this file is damaged
        raise PictureError(f"cut off or damaged ({_reason(error)})") from error


def _opened(content: bytes) -> ImageFile:
    """The image, its header read; `PIL.Image.open` would warn of pixels by a limit of the whole process."""
    from PIL import Image

    Image.init()
    reason = ""
    for name in FORMATS:
        if name not in Image.OPEN:  # an older Pillow
            continue
        factory, accept = Image.OPEN[name]
        fits = accept(content[:16]) if accept else False
        if fits is not True:
            reason = fits or reason  # a text, where this Pillow was built without the format
            continue
        try:
            return factory(BytesIO(content), "")
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise PictureError(f"more than {MAX_PIXELS:,} pixels") from error
        except Exception as error:  # as above: the signature fits, the header does not
            reason = f"cut off or damaged {name} ({_reason(error)})"
    start = content[:1024].lower()
    if b"<html" in start or b"<!doctype html" in start:
        raise PictureError("a web page, not a picture")
    raise PictureError(
        reason or ("no picture of a kind that can be opened" if content else "an empty file")
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def to_square(image: Image, size: int = 64, background: str = "#ffffff") -> np.ndarray:
    """The middle of a picture, as large a square as fits, scaled.

    Smaller by Lanczos' filter of three lobes, which antialiases; larger by a cubic one.

    Args:
        image: in mode RGB or RGBA.
        size: height and width of what is returned, in pixels.
        background: what is seen where the picture is transparent.

    Returns:
        uint8 [3, size, size].
    """
    from PIL.Image import Resampling, new

    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    if image.size != (side, side):
        image = image.crop((left, top, left + side, top + side))
    if image.mode == "RGBA":
        opaque = new("RGB", image.size, background)
        opaque.paste(image, mask=image)
        image = opaque
    if side != size:
        image = image.resize(
            (size, size), Resampling.LANCZOS if side > size else Resampling.BICUBIC
        )
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def parse_colour(text: str) -> str:
    """A colour as `#rrggbb`, from its name, `#rgb` or `#rrggbb`.

    Raises:
        ValueError: no such colour, or one that is partly transparent.
    """
    from PIL.ImageColor import getrgb

    try:
        levels = getrgb(text)
    except ValueError:
        levels = ()
    if len(levels) != 3 or not all(0 <= level <= 255 for level in levels):
        raise ValueError(f"{text!r} is no colour; write a name such as white, or #rrggbb")
    return "#{:02x}{:02x}{:02x}".format(*levels)


Colour = Annotated[str, AfterValidator(parse_colour)]
"""The type of a parameter that takes a colour; `white` and `#FFF` are both `#ffffff`."""
