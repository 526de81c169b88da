"""The glyphs that a reader learns and is measured on, and its cache entry; without torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from gensweep.core.alphabet import ALPHABET
from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.train.reader_digest import compute_reader_digest, is_cached

FIELDS = (("query", "query_pictures"), ("answer", "answer_pictures"))
"""Codes, and the pictures that show them."""
MAX_TRAIN_FRACTION = 0.9
"""The largest training fraction: one that takes in the complete pool."""
LEARNT_SHARE = 0.9
"""The share of each character's glyphs that a reader learns, if training and test queries show the
same glyphs."""
_SOURCES = (
    "train/reader.py",
    "train/distortion.py",
    "train/glyphs.py",
)
"""Files whose code decides what this reader learns."""
CodeByGlyph = dict[int, int]
"""Index of a glyph in the bank -> code of the character that it shows."""


@dataclass(frozen=True)
class Glyphs:
    """Pictures of single characters, uint8 [n, 28, 28], and their codes, uint8 [n]."""

    pictures: np.ndarray
    codes: np.ndarray


def split_glyphs(prepared: DatasetArrays) -> tuple[Glyphs, Glyphs]:
    """Return the glyphs that a reader learns, and those that its accuracy is measured on.

    If no glyph is shown by both training and test queries, it learns the former and is measured on
    the latter. If they share glyphs, it learns nine in ten of each character's glyphs and is
    measured on the rest. A character with only one picture, such as the space, is in both.
    """
    training = _list_glyphs(
        prepared, select_training_rows(prepared.split, MAX_TRAIN_FRACTION)
    )
    test = _list_glyphs(prepared, prepared.split["test"])
    all_rows = np.concatenate(
        [prepared.split["pool"], prepared.split["test"]]
    )
    glyphs = _list_glyphs(prepared, all_rows)
    single = set()
    for code in set(glyphs.values()):
        indices = _indices_of(glyphs, code)
        if len(indices) == 1:
            single.add(indices[0])
    if (training.keys() & test.keys()) - single:
        training, test = _split_randomly(glyphs)
    pictures = _get_bank(prepared)
    return _gather(pictures, training), _gather(pictures, test)


def _get_bank(prepared: DatasetArrays) -> np.ndarray:
    """Return the pictures of all characters."""
    (name,) = {prepared.lookups[pictures][1] for _, pictures in FIELDS}
    return prepared.banks[name]


def _gather(bank: np.ndarray, glyphs: CodeByGlyph) -> Glyphs:
    indices = sorted(glyphs)
    codes = [glyphs[index] for index in indices]
    return Glyphs(bank[indices], np.array(codes, np.uint8))


def _split_randomly(glyphs: CodeByGlyph) -> tuple[CodeByGlyph, CodeByGlyph]:
    """Return nine in ten of each character's glyphs, and the others, drawn by a fixed seed."""
    rng = np.random.Generator(np.random.PCG64(0))
    learnt: CodeByGlyph = {}
    held_out: CodeByGlyph = {}
    for code in sorted(set(glyphs.values())):
        indices = rng.permutation(_indices_of(glyphs, code))
        count = max(1, int(len(indices) * LEARNT_SHARE))
        rest = indices[count:] if len(indices) > 1 else indices
        learnt |= dict.fromkeys(indices[:count].tolist(), code)
        held_out |= dict.fromkeys(rest.tolist(), code)
    return learnt, held_out


def _indices_of(glyphs: CodeByGlyph, code: int) -> list[int]:
    return sorted(index for index, other in glyphs.items() if other == code)


def count_seen(
    tested: DatasetArrays,
    trained: DatasetArrays,
    rows: np.ndarray,
    fields: Collection[str],
) -> dict[str, dict[str, int]]:
    """Count the different pictures of characters in a test, and those that were trained on.

    Args:
        tested: the data of the test.
        trained: the data of the training; its bank may be another one, so pixels are compared.
        rows: the rows of `trained` that were trained on.
        fields: fields of pictures that the model reads.

    Returns:
        For `digits` and `operators`: `shown` and `trained_on`. The space, which is one blank for
        all, does not count.
    """
    used = tuple(pair for pair in FIELDS if pair[1] in fields)
    learnt = _list_pixels(trained, _list_glyphs(trained, rows, used))
    pixels = _list_pixels(
        tested, _list_glyphs(tested, tested.split["test"], used)
    )
    kinds = {
        "digits": range(10),
        "operators": [ALPHABET.index(sign) for sign in "+-"],
    }
    counts = {}
    for kind, codes in kinds.items():
        pictures = [
            picture for picture, code in pixels.items() if code in codes
        ]
        seen = [picture for picture in pictures if picture in learnt]
        counts[kind] = {"shown": len(pictures), "trained_on": len(seen)}
    return counts


def _list_pixels(
    prepared: DatasetArrays, glyphs: CodeByGlyph
) -> dict[bytes, int]:
    """Return the code of every glyph, by its pixels."""
    bank = _get_bank(prepared)
    return {bank[index].tobytes(): code for index, code in glyphs.items()}


def _list_glyphs(
    prepared: DatasetArrays,
    rows: np.ndarray,
    fields: Iterable[tuple[str, str]] = FIELDS,
) -> CodeByGlyph:
    """Return the glyphs that some rows show."""
    glyphs: CodeByGlyph = {}
    for codes_field, pictures_field in fields:
        indices_field = prepared.lookups[pictures_field][0]
        shown = prepared.rows[indices_field][rows].ravel()
        indices, first = np.unique(shown, return_index=True)
        codes = prepared.rows[codes_field][rows].ravel()[first]
        glyphs |= dict(zip(indices.tolist(), codes.tolist(), strict=True))
    return glyphs


def compute_digest(learnt: Glyphs, held_out: Glyphs) -> str:
    """Return a SHA-256 of all that a reader depends on: both sets of glyphs, and the code."""
    arrays = (
        learnt.pictures,
        learnt.codes,
        held_out.pictures,
        held_out.codes,
    )
    return compute_reader_digest(arrays, _SOURCES)


def is_reader_cached(prepared: DatasetArrays) -> bool:
    """Return whether the cache has a file of the dataset's reader."""
    return is_cached(compute_digest(*split_glyphs(prepared)))
