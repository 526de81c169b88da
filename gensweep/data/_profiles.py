"""Convert the colours of a picture from its colour profile (ICC) to sRGB, as a viewer does."""

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
"""The colour space of a profile -> the mode of the pictures that it is for."""
_MODES_WITHOUT_ALPHA = {"LA": "L", "RGBA": "RGB"}
SRGB_TOLERANCE_LEVELS = 2
"""A profile that differs from sRGB by no more levels counts as sRGB.

Each program writes the profile of sRGB a little differently.
"""
GRID_LEVELS = 18
"""Levels of each colour on the grid of colours that are compared."""
MAX_PROFILE_BYTES = 4_000_000
"""Larger profiles are ignored. The profiles of printing presses have half a million bytes."""


def to_srgb(image: Image, profile: bytes | None) -> Image:
    """Convert a picture from the colours of its profile to sRGB.

    A picture without a profile counts as sRGB, as in viewers. So does a picture whose profile is
    damaged, or for another kind of picture. Alpha does not change.

    Args:
        image: of 8 bits, in mode L, LA, RGB, RGBA or CMYK.
        profile: the profile in the file; None or empty if there is none.

    Returns:
        The same picture, or a new one in mode RGB or RGBA.
    """
    mode = _MODES_WITHOUT_ALPHA.get(image.mode, image.mode)
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        return image
    if mode not in _MODES.values():
        return image
    transform = _build_transform(profile, mode)
    if transform is None:
        return image
    if mode == image.mode:
        return transform.apply(image)
    # The transform handles colours only, so alpha is taken off and put back.
    converted = transform.apply(image.convert(mode))
    converted.putalpha(image.getchannel("A"))
    return converted


@lru_cache(maxsize=64)
def _build_transform(profile: bytes, mode: str) -> ImageCmsTransform | None:
    """Return the transform from a profile to sRGB; None if no colour has to change."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        colour_space = source.profile.xcolor_space
        if _MODES.get(colour_space) != mode:
            log.debug(
                "a profile of %s in a picture of %s", colour_space, mode
            )
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        if _is_identity(transform, mode):
            return None
        return transform
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        log.debug("a colour profile cannot be used: %s", error)
        return None


def _is_identity(transform: ImageCmsTransform, mode: str) -> bool:
    """Return True if a transform changes no colour of a grid, except for rounding."""
    from PIL import Image

    if mode == "CMYK":
        return False
    levels = np.linspace(0, 255, GRID_LEVELS).round()
    levels = levels.astype(np.uint8)
    axes = 3 if mode == "RGB" else 1
    coordinates = np.meshgrid(*[levels] * axes)
    grid = np.stack(coordinates, axis=-1)
    grid = grid.reshape(1, -1, axes)
    pixels = grid if axes == 3 else grid[..., 0]
    converted = np.asarray(transform.apply(Image.fromarray(pixels)))
    difference = np.abs(converted.astype(int) - grid)
    return int(difference.max()) <= SRGB_TOLERANCE_LEVELS
