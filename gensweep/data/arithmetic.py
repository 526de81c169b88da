"""Every addition and subtraction of two numbers below a hundred, as text."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import model_validator

from gensweep.core.alphabet import ANSWER_LENGTH, QUERY_LENGTH, decode, encode
from gensweep.core.config import Data
from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.registries import DATASETS
from gensweep.data._split import check_split

COUNT = 2 * 100 * 100


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
    fixed: ClassVar = (COUNT, (QUERY_LENGTH,), "")

    @model_validator(mode="after")
    def _leaves_examples(self) -> Self:
        check_split(COUNT, self.train_fraction)
        return self

    def prepare(self) -> DatasetArrays:
        """Build the arrays."""
        sums = [(f"{a}+{b}", str(a + b)) for a in range(100) for b in range(100)]
        differences = [(f"{a}-{b}", str(a - b)) for a in range(100) for b in range(100)]
        queries, answers = zip(*sums, *differences, strict=True)
        return DatasetArrays(
            rows={"query": _codes(queries, QUERY_LENGTH), "answer": _codes(answers, ANSWER_LENGTH)},
            split=split_rows(COUNT, self.split_seed),
        )

    def select_examples(
        self, data: DatasetArrays, rows: np.ndarray
    ) -> tuple[np.ndarray | None, list[str]]:
        """Lines such as `81+24 = 105`."""
        queries, answers = data.rows["query"][rows], data.rows["answer"][rows]
        return None, [
            f"{decode(q).strip()} = {decode(a).strip()}"
            for q, a in zip(queries, answers, strict=True)
        ]


def _codes(texts: tuple[str, ...], length: int):
    """Codes of many texts at once, uint8 [len(texts), length]."""
    return encode("".join(text.ljust(length) for text in texts), len(texts) * length).reshape(
        -1, length
    )
