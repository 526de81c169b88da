"""A trained point's answer to one query."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gensweep.core.alphabet import ANSWER_LENGTH, QUERY_LENGTH, decode, encode
from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import UserError
from gensweep.inspect.trained import TrainedPoint
from gensweep.prepare.contact_sheet import draw_picture_sheet
from gensweep.prepare.contact_sheet import encode_png as png_bytes
from gensweep.train.artifacts import to_bytes
from gensweep.train.evaluation import ANSWERS

ENLARGEMENT = 4
_QUERY = re.compile(r"([0-9]{1,2})([+-])([0-9]{1,2})")
_CODES_OF = {"query_glyphs": "query", "answer_glyphs": "answer"}
"""By the field of glyphs, the field with the codes of the same characters."""


@dataclass(frozen=True)
class Answer:
    """An answer of a model.

    Attributes:
        text: the answer in characters; of a picture, as the reader reads it.
        right: the right one; None unless the query is a sum or difference of two numbers below 100.
        picture: a PNG of the drawn answer, if the model draws.
        query_picture: a PNG of the query, if the model reads pictures.
    """

    text: str
    right: str | None
    picture: bytes | None = None
    query_picture: bytes | None = None


def answer(trained: TrainedPoint, query: str, seed: int = 0) -> Answer:
    """Return a sequence model's answer to one query.

    Args:
        trained: the point.
        query: such as `12+34`.
        seed: chooses pictures of the characters, among those that test queries show.

    Raises:
        UserError: the model answers no queries, or the query has other characters or too many.
    """
    training = trained.training
    if not {"query", "answer"} <= trained.data.rows.keys():
        raise _no_queries_error(trained)
    text = query.replace(" ", "")
    try:
        codes = encode(text, QUERY_LENGTH)
    except ValueError as error:
        raise UserError(f"{query!r} is not a query: {error}") from None
    right = _solve(text)
    batch = _build_batch(
        trained, codes, encode(right or "", ANSWER_LENGTH), seed
    )
    outputs = training.predict(batch, ANSWERS, seed)
    predicted = next(
        (outputs[name] for name in ANSWERS if name in outputs), None
    )
    if predicted is None:
        raise _no_queries_error(trained)
    picture = query_picture = None
    if "generated" in outputs:
        picture = _render_glyphs(outputs["generated"])
    if "query_pictures" in training.model.inputs:
        query_picture = _render_glyphs(batch["query_pictures"])
    return Answer(
        decode(predicted[0].tolist()).rstrip(), right, picture, query_picture
    )


def _no_queries_error(trained: TrainedPoint) -> UserError:
    return UserError(
        f"{trained.point.model} answers no queries: answer takes a text or image model"
    )


def _solve(query: str) -> str | None:
    """Return the right answer; None unless the query is a sum or difference of small numbers."""
    match = _QUERY.fullmatch(query)
    if match is None:
        return None
    first, operator, second = int(match[1]), match[2], int(match[3])
    return str(first + second if operator == "+" else first - second)


def _build_batch(
    trained: TrainedPoint, query: np.ndarray, right: np.ndarray, seed: int
) -> dict[str, Tensor]:
    """Return a batch of one example, on the device, of codes of a query and its right answer."""
    data = trained.data
    codes = {"query": query, "answer": right}
    batch = {}
    for name, values in codes.items():
        batch[name] = torch.as_tensor(values.astype(np.int64))[None]
    for name, (row, bank) in data.lookups.items():
        glyphs = _draw_glyphs(
            data, codes[name.removesuffix("_pictures")], row, seed
        )
        pictures = torch.as_tensor(data.banks[bank][glyphs])
        batch[name] = pictures.float().div(255)[None]
    return {
        name: value.to(trained.training.device)
        for name, value in batch.items()
    }


def _draw_glyphs(
    data: DatasetArrays, codes: np.ndarray, row: str, seed: int
) -> list[int]:
    """Return the index of a picture for each character, among those that test queries show.

    Raises:
        UserError: no test query shows one of the characters.
    """
    test_rows = data.split["test"]
    glyphs = data.rows[row][test_rows].ravel()
    characters = data.rows[_CODES_OF[row]][test_rows].ravel()
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = []
    for code in codes.tolist():
        choices = np.unique(glyphs[characters == code])
        if not len(choices):
            raise UserError(
                f"no test query of this dataset shows {decode([code])!r}; try another query"
            )
        drawn.append(rng.choice(choices))
    return drawn


def _render_glyphs(pictures: Tensor) -> bytes:
    """Return a PNG of glyphs [1, T, 28, 28] in 0..1, side by side and enlarged."""
    glyphs = to_bytes(pictures[0])
    strip = np.concatenate(list(glyphs), axis=1)
    return png_bytes(draw_picture_sheet(strip[None, None], scale=ENLARGEMENT))
