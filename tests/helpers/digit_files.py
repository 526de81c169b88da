"""Pictures of digits and the files that hold them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

from gensweep.data._digits import read_digits

TRAIN, TEST = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


def make(each: int, seed: int = 0, size: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """``each`` pictures of every digit: noise on black, the first pixel of each at 255."""
    pictures = np.random.default_rng(seed).integers(0, 200, (10 * each, size, size), np.uint8)
    pictures[:, 0, 0] = 255
    return pictures, np.tile(np.arange(10, dtype=np.uint8), each)


def idx(array: np.ndarray) -> bytes:
    return (
        struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        + array.astype(np.uint8).tobytes()
    )


def digits(source: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures and the labels of a source."""
    known = read_digits(source)
    return known.pictures, known.labels


def put(folder: Path, names: tuple[str, str], pictures: np.ndarray, labels: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in zip(names, (pictures, labels), strict=True):
        body = idx(array)
        (folder / name).write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    return folder
