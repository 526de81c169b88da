"""Check the digits of users, and convert them to uint8 arrays of one size."""

from __future__ import annotations

import numpy as np

from gensweep.core.errors import DataError
from gensweep.data._npz_files import Part

SIZE = 28
"""Height and width of a digit in pixels."""
FLAT_SIZE = SIZE**2
"""Pixels of a flat picture."""
SIDES = range(4, 1025)
"""The heights and widths that are accepted, and scaled to `SIZE`."""
CLASSES = 10


def convert_part(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Return the pictures, uint8 [n, 28, 28], and labels, uint8 [n], of one part.

    Raises:
        DataError: they cannot be converted, or their numbers differ.
    """
    pictures = _convert_pictures(part.pictures, part.pictures_name)
    labels = _convert_labels(part.labels, part.labels_name)
    if len(pictures) != len(labels):
        raise DataError(
            f"{part.pictures_name} has {len(pictures):,} pictures "
            f"and {len(labels):,} labels in {part.labels_name}"
        )
    return pictures, labels


def _convert_pictures(pictures: np.ndarray, name: str) -> np.ndarray:
    """Return pictures as uint8 [n, 28, 28], white strokes on black."""
    pictures = _drop_channel(pictures, name)
    if not len(pictures):
        return np.empty((0, SIZE, SIZE), np.uint8)
    low = float(pictures.min())
    high = float(pictures.max())
    is_unit_range = 0.5 < high <= 1
    is_byte_range = 127 < high <= 255
    # Every comparison with NaN is false, so NaN is an error too.
    if not (low >= 0 and (is_unit_range or is_byte_range)):
        raise DataError(
            f"{name} has pixels in {low:g}..{high:g}; scale them to 0..255, or to 0..1",
        )
    if pictures.dtype != np.uint8 or is_unit_range:
        factor = 255 if is_unit_range else 1
        scaled = pictures.astype(np.float64) * factor
        pictures = np.rint(scaled).astype(np.uint8)
    if pictures.shape[1:] != (SIZE, SIZE):
        pictures = _resize(pictures)
    if pictures.mean() > 127.5:
        raise DataError(
            f"{name} is mostly white, but white strokes on black are expected: "
            "subtract every pixel from 255"
        )
    return pictures


def _drop_channel(pictures: np.ndarray, name: str) -> np.ndarray:
    """Return pictures of any accepted shape as [n, h, w]."""
    shape = list(pictures.shape)
    if len(shape) == 4 and shape[1] == 1:
        pictures = pictures[:, 0]
    elif len(shape) == 4 and shape[3] == 1:
        pictures = pictures[..., 0]
    elif shape[1:] == [FLAT_SIZE]:
        pictures = pictures.reshape(-1, SIZE, SIZE)
    sides = pictures.shape[1:]
    has_valid_sides = all(side in SIDES for side in sides)
    if len(sides) != 2 or not has_valid_sides:
        raise DataError(
            f"{name} has pictures {shape}; "
            f"expected [n, h, w], [n, h, w, 1] or [n, {FLAT_SIZE}], "
            f"with sides of {SIDES[0]} to {SIDES[-1]} pixels"
        )
    return pictures


def _resize(pictures: np.ndarray) -> np.ndarray:
    """Scale pictures [n, h, w] to [n, 28, 28]. Their proportions may change."""
    from PIL import Image

    resized = []
    for picture in pictures:
        # Pillow's bilinear filter is a triangle filter when it shrinks: no jagged edges.
        image = Image.fromarray(picture)
        image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        resized.append(np.asarray(image))
    return np.stack(resized)


def _convert_labels(labels: np.ndarray, name: str) -> np.ndarray:
    """Return labels [n], [n, 1] or one-hot [n, 10] as uint8 [n]."""
    shape = list(labels.shape)
    if shape[1:] == [CLASSES]:
        is_binary = np.isin(labels, (0, 1)).all()
        has_one_class = (labels.sum(axis=1) == 1).all()
        if not (is_binary and has_one_class):
            raise DataError(
                f"{name} has labels {shape} that are not one-hot: a single 1 in each row"
            )
        return labels.argmax(axis=1).astype(np.uint8)
    if shape[1:] == [1]:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(
            f"{name} has labels {shape}; expected [n], or one-hot [n, 10]",
        )
    is_digit = np.isin(labels, np.arange(CLASSES))
    wrong = labels[~is_digit]
    if len(wrong):
        example = wrong[0].item()
        raise DataError(
            f"{name} has labels other than 0..9, such as {example}, {len(wrong):,} in all"
        )
    return labels.astype(np.uint8)
