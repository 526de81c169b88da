"""Convert pictures of any mode of Pillow to RGB or RGBA, turned upright."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.data._profiles import to_srgb

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

log = logging.getLogger(__name__)
_OVERSHOOT = 0.1
"""Share of white by which floats may leave the range: filters that enlarge a picture do that."""
_WHITES = {
    "L": (0x7F,),
    "I": (0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF),
    "F": (1, 0xFF, 0xFFFF),
}
"""Possible values of white, by mode.

If the file does not say what white is, it is the smallest of these that no value exceeds.
"""
_BITS = 258
_PHOTOMETRIC = 262
_ORIENTATION = 274
_PLANES = 284
_SIGN = 339
"""Tags of TIFF and EXIF."""
_SEPARATE_PLANES = 2
_WHITE_IS_ZERO = 0
_UNSIGNED = (1,)
_SIGNED = (2,)
"""Values of these tags."""
_RGB_MODES = ("L", "LA", "RGB", "RGBA", "CMYK")
"""The modes that colour profiles are for."""


class PictureError(ValueError):
    """Bytes that cannot be used as a picture. The message is the reason, without the file."""


def to_upright_rgb(image: ImageFile) -> Image:
    """Convert a decoded picture to mode RGB, or RGBA if it can have transparent pixels.

    The picture is turned as its EXIF says. A colour profile is converted to sRGB, see
    `gensweep.data._profiles`. Grey values of 16 and 32 bits are scaled to 8 bits.

    Values of 32 bits may come without a definition of white. Then white is the first of 1 (floats
    only), 255, 65535, ... that no value exceeds; floats may exceed it by a tenth, as after
    resampling. If there are negative values, as signed bytes can have, the darkest is black and
    the lightest is white.

    Raises:
        PictureError: a grey value is not a number, or Pillow cannot read the arrangement of pixels.
    """
    _check_planes(image)
    return _turn_upright(_to_rgb(image), _get_orientation(image))


def _get_tags(image: Image) -> Mapping[int, Any]:
    """Return the tags of a TIFF; none for other formats."""
    return getattr(image, "tag_v2", {})


def _check_planes(image: ImageFile) -> None:
    """Raise an error for pictures that Pillow decodes wrongly, and without an error.

    Raises:
        PictureError: a TIFF with separate planes of more than 8 bits, or of CIELAB colours.
    """
    tags = _get_tags(image)
    if image.format != "TIFF" or tags.get(_PLANES) != _SEPARATE_PLANES:
        return
    bits = tags.get(_BITS, (1,))
    has_many_planes = len(bits) > 1
    is_big_endian = getattr(tags, "prefix", b"") == b"MM"
    is_deep = max(bits) > 8 and (has_many_planes or is_big_endian)
    is_lab = has_many_planes and image.mode == "LAB"
    if is_deep or is_lab:
        raise PictureError(
            f"separate planes of {max(bits)} bits are not supported; "
            "save it with interleaved channels"
        )


def _get_orientation(image: Image) -> int:
    """Return the orientation in EXIF, 1..8; 1, upright, if EXIF is missing or damaged."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception as error:
        # The pixels are good, whatever is wrong with the metadata.
        log.debug("EXIF cannot be read: %s", error)
        return 1
    if orientation not in range(1, 9):
        return 1
    return orientation


def _turn_upright(image: Image, orientation: int) -> Image:
    from PIL.Image import Transpose

    methods = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    if orientation not in methods:
        return image
    return image.transpose(methods[orientation])


def _to_rgb(image: ImageFile) -> Image:
    """Convert a picture to mode RGB, or RGBA if it can have transparent pixels."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    colours: Image = image
    if _has_deep_greys(image):
        colours = _scale_greys(image)
    elif "transparency" in image.info or image.mode not in _RGB_MODES:
        colours = image.convert(mode)
    # CIELAB colours are defined without a profile.
    profile = None if image.mode == "LAB" else image.info.get("icc_profile")
    colours = to_srgb(colours, profile)
    if colours.mode != mode:
        colours = colours.convert(mode)
    return colours


def _has_deep_greys(image: ImageFile) -> bool:
    """Return True if grey values are not 0..255, but have more bits, are floats, or are signed."""
    if image.mode.startswith("I") or image.mode == "F":
        return True
    # Pillow reads signed bytes as mode L, too.
    is_signed = _get_tags(image).get(_SIGN) == _SIGNED
    return image.mode == "L" and is_signed


def _scale_greys(image: ImageFile) -> Image:
    """Convert a picture with deep grey values to mode L, or LA if it has a transparent value."""
    from PIL import Image

    tags = _get_tags(image)
    values = np.asarray(image)
    is_unsigned = tags.get(_SIGN, _UNSIGNED) == _UNSIGNED
    if is_unsigned and tags.get(_BITS) == (32,):
        # Pillow reads unsigned values of 32 bits as signed.
        values = values.view(np.uint32)
    if image.mode == "L":
        # Pillow reads signed bytes as unsigned.
        values = values.view(np.int8)
    mask = None
    transparent_value = image.info.get("transparency")
    if transparent_value is not None:
        is_transparent = values == transparent_value
        alpha = np.where(is_transparent, 0, 255)
        mask = Image.fromarray(alpha.astype(np.uint8))
    if not np.isfinite(values).all():
        raise PictureError("some grey values are not numbers")
    black, white = _find_black_and_white(image, values)
    # Never 0, since the values of a picture of one shade are divided by it, too.
    smallest_span = np.finfo(np.float32).tiny
    span = max(white - black, smallest_span)
    offsets = values.astype(np.float64) - black
    shades = offsets * 255 / span
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        shades = 255 - shades
    levels = np.rint(shades).clip(0, 255).astype(np.uint8)
    grey = Image.fromarray(levels)
    if mask is None:
        return grey
    return Image.merge("LA", (grey, mask))


def _find_black_and_white(
    image: ImageFile,
    values: np.ndarray,
) -> tuple[float, float]:
    """Return the values of black and white in a picture with deep grey values."""
    minimum = float(values.min())
    maximum = float(values.max())
    black = min(minimum, 0.0)
    if image.mode.startswith("I;"):
        bits = _get_tags(image).get(_BITS, (16,))
        return black, 2 ** bits[0] - 1
    if image.format == "PPM" and image.mode == "I":
        return black, 0xFFFF
    slack = 0.0
    if image.mode == "F":
        slack = _OVERSHOOT
    for white in _WHITES[image.mode]:
        if maximum <= white * (1 + slack):
            if minimum < -white * slack:
                break
            _check_exposure(image.mode, white, maximum)
            return 0.0, white
    return black, maximum


def _check_exposure(mode: str, white: int, maximum: float) -> None:
    """Raise PictureError for floats that are too large for 0 to 1, and too small for 0 to 255."""
    if mode == "F" and white == 0xFF and maximum <= 2:
        raise PictureError(
            f"its largest grey value is {maximum:.4g}: it is neither of a picture from 0 to 1 nor "
            "of one from 0 to 255"
        )
