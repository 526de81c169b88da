"""Colour profiles (ICC): the numbers of a picture as the colours that a viewer shows, in sRGB."""

from __future__ import annotations

import io
import logging
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageCms import ImageCmsTransform

log = logging.getLogger(__name__)
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""The mode of the pictures that a profile's colour space is for."""
_TOLERANCE = 2
"""Levels by which a profile may differ from sRGB and be taken for sRGB: each program writes sRGB a little otherwise."""
_LONGEST = 4_000_000
"""Bytes of a profile, at most: those of printing presses have half a million."""


def to_srgb(image: Image, profile: bytes | None) -> Image:
    """Convert a picture from the colours of its profile to sRGB.

    A picture without a profile is taken for sRGB, as viewers do, and so is one whose profile is damaged or of another
    kind of picture. Alpha stays as it is.

    Args:
        image: of 8 bits, in mode L, LA, RGB, RGBA or CMYK.
        profile: what the file holds; None or empty: nothing.

    Returns:
        The picture itself, or one in mode RGB or RGBA.
    """
    colours = {"LA": "L", "RGBA": "RGB"}.get(image.mode, image.mode)
    if not profile or len(profile) > _LONGEST or colours not in _MODES.values():
        return image
    transform = _transform(profile, colours)
    if transform is None:
        return image
    shown = transform.apply(image.convert(colours) if colours != image.mode else image)
    if colours != image.mode:
        shown.putalpha(image.getchannel("A"))
    return shown


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCmsTransform | None:
    """What converts pictures of a mode to sRGB; None where nothing is to be converted."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _MODES.get(source.profile.xcolor_space) != mode:
            log.debug("a profile of %s in a picture of %s", source.profile.xcolor_space, mode)
            return None
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        srgb = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, srgb, mode, "RGB", intent, flags)
        return None if _changes_nothing(transform, mode) else transform
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        log.debug("a colour profile cannot be used: %s", error)
        return None


def _changes_nothing(transform: ImageCmsTransform, mode: str) -> bool:
    """Whether a transform leaves every colour of a grid as it is, but for rounding."""
    from PIL import Image

    if mode == "CMYK":
        return False
    levels = np.linspace(0, 255, 18).round().astype(np.uint8)
    axes = 3 if mode == "RGB" else 1
    grid = np.stack(np.meshgrid(*[levels] * axes), axis=-1).reshape(1, -1, axes)
    shown = np.asarray(transform.apply(Image.fromarray(grid if axes == 3 else grid[..., 0])))
    return int(np.abs(shown.astype(int) - grid).max()) <= _TOLERANCE
