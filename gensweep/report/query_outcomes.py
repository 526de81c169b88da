"""The outcome of every test query of a point: was the answer right? From its answers.csv."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.dataset import select_training_rows
from gensweep.core.errors import RecordError
from gensweep.core.registries import DATASETS
from gensweep.ledger.ledger import POINTS
from gensweep.report.answer_checks import (
    explain_contradiction,
    list_right_shares,
)
from gensweep.report.figures.answers import ANSWERS_FILE
from gensweep.report.figures.files import parse_answer_columns

if TYPE_CHECKING:
    from gensweep.report.results import Results

_HEADER = b"query,answer,predicted\n"


@dataclass(frozen=True)
class Outcomes:
    """The test queries of a point, and which of them it answered exactly.

    Attributes:
        queries: one text each; points with the same test set share the tuple.
        right: whether the answer was right, bool [queries].
    """

    queries: tuple[str, ...]
    right: np.ndarray


def load_outcomes(
    results: Results, points: Iterable[str]
) -> Iterator[tuple[str, Outcomes | None]]:
    """Yield each point with its outcomes; None if its answers.csv is missing or no file of it."""
    ids = list(points)
    shares = list_right_shares(results)
    names = [f"{POINTS}/{point}/{ANSWERS_FILE}" for point in ids]
    for point, name, content in zip(
        ids, names, results.store.read_all(names), strict=True
    ):
        outcomes = None
        if isinstance(content, bytes):
            outcomes = parse_outcomes(content, name)
        if outcomes is not None and explain_contradiction(
            outcomes.right, shares.get(point)
        ):
            outcomes = None
        yield point, outcomes


def parse_outcomes(content: bytes, name: str) -> Outcomes | None:
    """Return the outcomes in an answers.csv; None if it is damaged.

    Args:
        content: of the file.
        name: of the file.
    """
    if (
        content.startswith(_HEADER)
        and b'"' not in content
        and content.endswith(b"\n")
    ):
        outcomes = _parse_plain(content[len(_HEADER) :])
        if outcomes is not None:
            return outcomes
    try:
        columns = parse_answer_columns(content, name)
    except RecordError:
        return None
    pairs = zip(columns["answer"], columns["predicted"], strict=True)
    right = np.array(
        [answer.rstrip() == guess.rstrip() for answer, guess in pairs], bool
    )
    return Outcomes(tuple(columns["query"]), right) if len(right) else None


def _parse_plain(body: bytes) -> Outcomes | None:
    """Return the outcomes of lines without quotes, all at once: thousands of files are read.

    None if a line does not have three values.
    """
    codes = np.frombuffer(body, np.uint8)
    ends = np.flatnonzero(codes == ord("\n"))
    commas = np.flatnonzero(codes == ord(","))
    if not len(ends) or len(commas) != 2 * len(ends):
        return None
    first, second = commas[::2], commas[1::2]
    starts = np.concatenate([[0], ends[:-1] + 1])
    if not ((starts <= first) & (first < second) & (second < ends + 1)).all():
        return None
    answers = _extract(codes, first + 1, second)
    guesses = _extract(codes, second + 1, ends)
    width = max(answers.shape[1], guesses.shape[1])
    right = (_widen(answers, width) == _widen(guesses, width)).all(1)
    queries = _extract(codes, starts, first)
    return Outcomes(_decode(queries.tobytes(), queries.shape[1]), right)


def _extract(
    codes: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> np.ndarray:
    """Return the characters between two places of each line, padded with spaces [lines, width]."""
    lengths = ends - starts
    columns = np.arange(max(1, int(lengths.max(initial=0))))
    places = starts[:, None] + columns
    texts = codes[np.minimum(places, len(codes) - 1)]
    texts[columns >= lengths[:, None]] = ord(" ")
    return texts


def _widen(texts: np.ndarray, width: int) -> np.ndarray:
    """Return texts with more spaces [lines, width]."""
    if texts.shape[1] == width:
        return texts
    wide = np.full((len(texts), width), ord(" "), np.uint8)
    wide[:, : texts.shape[1]] = texts
    return wide


@lru_cache(maxsize=32)
def _decode(texts: bytes, width: int) -> tuple[str, ...]:
    """Return texts of one width; cached, since points share their test set."""
    pieces = (
        texts[start : start + width] for start in range(0, len(texts), width)
    )
    return tuple(piece.decode(errors="replace").rstrip() for piece in pieces)


def is_arithmetic(dataset: str) -> bool:
    """Return whether a dataset has the queries of `arithmetic`, split as it splits them."""
    from gensweep.data.arithmetic import Arithmetic

    return dataset in DATASETS and issubclass(DATASETS[dataset], Arithmetic)


@lru_cache(maxsize=64)
def find_twins(
    queries: tuple[str, ...], split_seed: int, train_fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return which test queries are additions with and without their twin in training.

    The twin of ``a+b`` is ``b+a``. An addition of a number to itself has none.

    Args:
        queries: of the test set.
        split_seed: of the dataset of arithmetic.
        train_fraction: of the training set.

    Returns:
        Two masks, bool [queries].
    """
    from gensweep.core.alphabet import decode
    from gensweep.data.arithmetic import Arithmetic

    data = Arithmetic(
        split_seed=split_seed, train_fraction=train_fraction
    ).prepare()
    rows = select_training_rows(data.split, train_fraction)
    trained = {decode(codes).rstrip() for codes in data.rows["query"][rows]}
    with_twin = np.zeros(len(queries), bool)
    without = np.zeros(len(queries), bool)
    for row, query in enumerate(queries):
        first, plus, second = query.partition("+")
        if plus:
            has_twin = f"{second}+{first}" in trained
            with_twin[row], without[row] = has_twin, not has_twin
    return with_twin, without
