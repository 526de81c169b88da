"""Every addition and subtraction of two numbers below 100, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from pydantic import model_validator

from gensweep.core.alphabet import ANSWER_LENGTH, QUERY_LENGTH, decode, encode
from gensweep.core.data_source import Data
from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.registries import DATASETS
from gensweep.data._split import check_split

NUMBERS = range(100)
QUERY_COUNT = 2 * len(NUMBERS) * len(NUMBERS)

Examples = tuple[np.ndarray | None, list[str]]
"""Pictures, if there are any, and a caption for each example."""


@DATASETS("arithmetic")
class Arithmetic(Data):
    """The 20,000 queries `a+b` and `a-b` for a, b in 0..99, and their answers.

    Source: computed. Numbers are written without leading zeros; additions come first, each half in
    the order of a, then b. Rows are codes of `gensweep.core.alphabet`, left-aligned:

    - `query`: uint8 [20000, 5], such as `81+24` or `3-17 `;
    - `answer`: uint8 [20000, 3], such as `105` or `-14`.
    """

    name: ClassVar[str] = "arithmetic"
    kind: ClassVar[str] = "arithmetic"
    source: ClassVar[str] = "every query of two numbers below 100"
    fixed: ClassVar = (QUERY_COUNT, (QUERY_LENGTH,), "")

    @model_validator(mode="after")
    def _check_split(self) -> Self:
        check_split(QUERY_COUNT, self.train_fraction)
        return self

    def prepare(self) -> DatasetArrays:
        """Build the arrays."""
        queries = []
        answers = []
        for a in NUMBERS:
            for b in NUMBERS:
                queries.append(f"{a}+{b}")
                answers.append(str(a + b))
        for a in NUMBERS:
            for b in NUMBERS:
                queries.append(f"{a}-{b}")
                answers.append(str(a - b))
        rows = {
            "query": _encode_texts(queries, QUERY_LENGTH),
            "answer": _encode_texts(answers, ANSWER_LENGTH),
        }
        return DatasetArrays(
            rows=rows,
            split=split_rows(QUERY_COUNT, self.split_seed),
        )

    def select_examples(
        self,
        data: DatasetArrays,
        rows: np.ndarray,
    ) -> Examples:
        """Return no pictures, and lines such as `81+24 = 105`."""
        queries = data.rows["query"][rows]
        answers = data.rows["answer"][rows]
        lines = []
        for query, answer in zip(queries, answers, strict=True):
            left = decode(query).strip()
            right = decode(answer).strip()
            lines.append(f"{left} = {right}")
        return None, lines


def _encode_texts(texts: Sequence[str], length: int) -> np.ndarray:
    """Return the codes of texts, padded on the right, uint8 [len(texts), length]."""
    padded = [text.ljust(length) for text in texts]
    joined = "".join(padded)
    codes = encode(joined, len(texts) * length)
    return codes.reshape(-1, length)
