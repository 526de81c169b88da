"""Pictures of any mode that Pillow knows, turned upright and into RGB or RGBA."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

log = logging.getLogger(__name__)
_WHITES = {"I": (0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF), "F": (1, 0xFF, 0xFFFF)}
"""What white may be where the file does not say: the smallest of these that no value exceeds."""
_BITS, _PHOTOMETRIC, _ORIENTATION, _SIGN = 258, 262, 274, 339
"""Tags of TIFF and EXIF."""


def upright(image: ImageFile) -> Image:
    """A decoded picture in mode RGB, or RGBA where some of it may be transparent, turned as its EXIF says.

    Grey values of 16 and 32 bits are scaled to 8. Where 32 bits do not say what white is, it is 1 (floats only), 255,
    65535, ..., whichever is the first that no value exceeds; with negative values, the darkest is black and the
    lightest white.

    Raises:
        ValueError: grey values that are no numbers.
    """
    return _turned(_coloured(image), _orientation(image))


def _orientation(image: Image) -> int:
    """How EXIF says that the picture lies, 1..8; 1, upright, where EXIF is missing or damaged."""
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # the pixels are good whatever is wrong with the notes beside them
        log.debug("EXIF cannot be read: %s", error)
        return 1
    return found if found in range(1, 9) else 1


def _turned(image: Image, orientation: int) -> Image:
    """The picture, upright."""
    from PIL.Image import Transpose

    methods = (
        *(None, Transpose.FLIP_LEFT_RIGHT, Transpose.ROTATE_180, Transpose.FLIP_TOP_BOTTOM),
        *(Transpose.TRANSPOSE, Transpose.ROTATE_270, Transpose.TRANSVERSE, Transpose.ROTATE_90),
    )
    method = methods[orientation - 1]
    return image if method is None else image.transpose(method)


def _coloured(image: ImageFile) -> Image:
    """The picture in mode RGB, or RGBA where some of it may be transparent."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode.startswith("I") or image.mode == "F":
        return _grey(image).convert(mode)
    return image if image.mode == mode else image.convert(mode)


def _grey(image: ImageFile) -> Image:
    """A picture of deep grey values in mode L or LA."""
    from PIL import Image

    values, tags = np.asarray(image), getattr(image, "tag_v2", {})
    if tags.get(_BITS) == (32,) and tags.get(_SIGN, (1,)) == (1,):
        values = values.view(np.uint32)  # read as if signed
    clear = image.info.get("transparency")
    mask = None if clear is None else Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    if not np.isfinite(values).all():
        raise ValueError("some grey values are no numbers")
    least, most = float(values.min()), float(values.max())
    black, white = min(least, 0.0), most
    if image.mode.startswith("I;"):
        white = 2 ** tags.get(_BITS, (16,))[0] - 1
    elif image.format == "PPM" and image.mode == "I":
        white = 0xFFFF
    elif least >= 0:
        white = next((white for white in _WHITES[image.mode] if most <= white), most)
    shades = (values.astype(np.float64) - black) * 255 / max(white - black, np.finfo(np.float32).tiny)
    if tags.get(_PHOTOMETRIC) == 0:  # white is zero
        shades = 255 - shades
    grey = Image.fromarray(np.rint(shades).astype(np.uint8))
    return grey if mask is None else Image.merge("LA", (grey, mask))
