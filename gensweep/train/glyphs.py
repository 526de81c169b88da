"""The glyphs that a reader learns and is measured on, and where it is kept; without torch."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gensweep.core.alphabet import ALPHABET
from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.system.cache_dir import cache_root

FIELDS = (("query", "query_pictures"), ("answer", "answer_pictures"))
"""Codes, and the pictures that show them."""
WHOLE_POOL = 0.9
"""The largest training fraction."""
LEARNT_SHARE = 0.9
"""Of each character's glyphs, where training and test queries show the same ones."""


@dataclass(frozen=True)
class Glyphs:
    """Pictures of single characters, uint8 [n, 28, 28], and their codes, uint8 [n]."""

    pictures: np.ndarray
    codes: np.ndarray


def split_glyphs(prepared: DatasetArrays) -> tuple[Glyphs, Glyphs]:
    """The glyphs that a reader learns, and those that its accuracy is measured on.

    Where no glyph is shown by training and by test queries, it learns the ones and is measured on the others. Where
    they share glyphs, it learns nine in ten of each character's and is measured on the rest. A character that has
    but one picture, as the space, is in both.
    """
    training = _shown(prepared, select_training_rows(prepared.split, WHOLE_POOL))
    test = _shown(prepared, prepared.split["test"])
    every = _shown(prepared, np.concatenate([prepared.split["pool"], prepared.split["test"]]))
    (bank,) = {prepared.lookups[pictures][1] for _, pictures in FIELDS}
    pictures = prepared.banks[bank]
    single = [indices[0] for code in set(every.values()) if len(indices := _of(every, code)) == 1]
    if (training.keys() & test.keys()) - set(single):
        training, test = _shared(every)
    return _glyphs(pictures, training), _glyphs(pictures, test)


def _glyphs(bank: np.ndarray, shown: dict[int, int]) -> Glyphs:
    indices = sorted(shown)
    return Glyphs(bank[indices], np.array([shown[index] for index in indices], np.uint8))


def _shared(every: dict[int, int]) -> tuple[dict[int, int], dict[int, int]]:
    """Nine in ten of each character's glyphs, and the others, drawn by a fixed seed."""
    rng = np.random.Generator(np.random.PCG64(0))
    learnt: dict[int, int] = {}
    held_out: dict[int, int] = {}
    for code in sorted(set(every.values())):
        indices = rng.permutation(_of(every, code))
        count = max(1, int(len(indices) * LEARNT_SHARE))
        learnt |= dict.fromkeys(indices[:count].tolist(), code)
        held_out |= dict.fromkeys((indices[count:] if len(indices) > 1 else indices).tolist(), code)
    return learnt, held_out


def _of(shown: dict[int, int], code: int) -> list[int]:
    return sorted(index for index, other in shown.items() if other == code)


def count_seen(
    tested: DatasetArrays, trained: DatasetArrays, rows: np.ndarray, fields: Collection[str]
) -> dict[str, dict[str, int]]:
    """Return how many different pictures of characters a test shows, and how many of those were trained on.

    Args:
        tested: the data of the test.
        trained: the data of the training, whose bank may be another one: pixels are compared.
        rows: the rows of `trained` that were trained on.
        fields: fields of pictures that the model is shown.

    Returns:
        For `digits` and `operators`: `shown` and `trained_on`. The space, one blank for all, does not count.
    """
    used = tuple(pair for pair in FIELDS if pair[1] in fields)
    learnt = set(_pixels(trained, _shown(trained, rows, used)))
    pixels = _pixels(tested, _shown(tested, tested.split["test"], used))
    kinds = {"digits": range(10), "operators": [ALPHABET.index(sign) for sign in "+-"]}
    return {
        kind: {
            "shown": sum(code in codes for code in pixels.values()),
            "trained_on": sum(
                code in codes and picture in learnt for picture, code in pixels.items()
            ),
        }
        for kind, codes in kinds.items()
    }


def _pixels(prepared: DatasetArrays, shown: dict[int, int]) -> dict[bytes, int]:
    """The code of every picture that is shown, by its pixels."""
    (bank,) = {prepared.lookups[pictures][1] for _, pictures in FIELDS}
    return {prepared.banks[bank][index].tobytes(): code for index, code in shown.items()}


def _shown(
    prepared: DatasetArrays, rows: np.ndarray, fields: Iterable[tuple[str, str]] = FIELDS
) -> dict[int, int]:
    """The code of every glyph that some rows show, by its index in the bank."""
    shown: dict[int, int] = {}
    for codes, pictures in fields:
        indices = prepared.rows[prepared.lookups[pictures][0]][rows].ravel()
        found, first = np.unique(indices, return_index=True)
        shown |= dict(
            zip(found.tolist(), prepared.rows[codes][rows].ravel()[first].tolist(), strict=True)
        )
    return shown


def compute_digest(learnt: Glyphs, held_out: Glyphs) -> str:
    """SHA-256 of all that a reader depends on: both sets of glyphs, and the code."""
    digest = hashlib.sha256()
    for array in (learnt.pictures, learnt.codes, held_out.pictures, held_out.codes):
        digest.update(f"{array.shape} {array.dtype.str}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    package = Path(__file__).parents[1]
    for source in ("train/reader.py", "train/glyphs.py", "train/optimizers.py", "nn/init.py"):
        digest.update((package / source).read_bytes())
    return digest.hexdigest()


def is_reader_cached(prepared: DatasetArrays) -> bool:
    """Whether the cache has a file of the dataset's reader."""
    return (cache_root() / "readers" / f"{compute_digest(*split_glyphs(prepared))}.pt").exists()
