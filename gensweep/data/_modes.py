"""Pictures of any mode that Pillow knows, turned upright and into RGB or RGBA."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from gensweep.data._profiles import to_srgb

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

log = logging.getLogger(__name__)
_WHITES = {"L": (0x7F,), "I": (0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF), "F": (1, 0xFF, 0xFFFF)}
"""What white may be where the file does not say: the smallest of these that no value exceeds."""
_BITS, _PHOTOMETRIC, _ORIENTATION, _PLANES, _SIGN = 258, 262, 274, 284, 339
"""Tags of TIFF and EXIF."""


class PictureError(ValueError):
    """Bytes that cannot be used as a picture; the message is the reason alone, without the file's name."""


def to_upright_rgb(image: ImageFile) -> Image:
    """A decoded picture in mode RGB, or RGBA where some of it may be transparent, turned as its EXIF says.

    A colour profile is converted to sRGB, see `gensweep.data._profiles`. Grey values of 16 and 32 bits are scaled
    to 8. Where 32 bits do not say what white is, it is 1 (floats only), 255, 65535, ..., whichever is the first that
    no value exceeds; with negative values, as signed bytes may have, the darkest is black and the lightest white.

    Raises:
        PictureError: grey values that are no numbers, or an arrangement of pixels that Pillow reads wrongly.
    """
    _refuse_misread(image)
    return _turned(_coloured(image), _orientation(image))


def _refuse_misread(image: ImageFile) -> None:
    """Refuse what Pillow decodes without an error, and wrongly.

    Raises:
        PictureError: a TIFF with planes that lie apart, of more than 8 bits or of CIELAB colours.
    """
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(_BITS, (1,))
    if image.format != "TIFF" or tags.get(_PLANES) != 2:
        return
    many, big = len(bits) > 1, getattr(tags, "prefix", b"") == b"MM"
    if (max(bits) > 8 and (many or big)) or (many and image.mode == "LAB"):
        raise PictureError(
            f"planes of {max(bits)} bits that lie apart are not understood; save it with planes together"
        )


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
    colours: Image = image
    if _is_deep(image):
        colours = _grey(image)
    elif "transparency" in image.info or image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        colours = image.convert(mode)
    profile = None if image.mode == "LAB" else image.info.get("icc_profile")  # CIELAB needs none
    colours = to_srgb(colours, profile)
    return colours if colours.mode == mode else colours.convert(mode)


def _is_deep(image: ImageFile) -> bool:
    """Whether the grey values are others than 0..255: more bits, floats, or signed bytes, which Pillow calls L."""
    signed = image.mode == "L" and getattr(image, "tag_v2", {}).get(_SIGN) == (2,)
    return image.mode.startswith("I") or image.mode == "F" or signed


def _grey(image: ImageFile) -> Image:
    """A picture of deep grey values in mode L or LA."""
    from PIL import Image

    values, tags = np.asarray(image), getattr(image, "tag_v2", {})
    if tags.get(_BITS) == (32,) and tags.get(_SIGN, (1,)) == (1,):
        values = values.view(np.uint32)  # read as if signed
    if image.mode == "L":
        values = values.view(np.int8)  # read as if unsigned
    clear = image.info.get("transparency")
    mask = (
        None
        if clear is None
        else Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
    )
    if not np.isfinite(values).all():
        raise PictureError("some grey values are no numbers")
    least, most = float(values.min()), float(values.max())
    black, white = min(least, 0.0), most
    if image.mode.startswith("I;"):
        white = 2 ** tags.get(_BITS, (16,))[0] - 1
    elif image.format == "PPM" and image.mode == "I":
        white = 0xFFFF
    elif least >= 0:
        white = next((white for white in _WHITES[image.mode] if most <= white), most)
    shades = (
        (values.astype(np.float64) - black) * 255 / max(white - black, np.finfo(np.float32).tiny)
    )
    if tags.get(_PHOTOMETRIC) == 0:  # white is zero
        shades = 255 - shades
    grey = Image.fromarray(np.rint(shades).astype(np.uint8))
    return grey if mask is None else Image.merge("LA", (grey, mask))
