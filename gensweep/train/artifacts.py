"""Files that a point writes for people to look at: samples, answers, latent interpolations."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from gensweep.core.alphabet import decode
from gensweep.nn.base_network import LatentNetwork, Network, Samples
from gensweep.nn.latent import interpolate_linear, interpolate_spherical
from gensweep.prepare.contact_sheet import (
    draw_picture_sheet,
    draw_strips,
    draw_text_sheet,
    encode_png,
)
from gensweep.system.storage import Content
from gensweep.train.attribute_table import format_attributes_csv
from gensweep.train.evaluation import ANSWERS
from gensweep.train.loop import Training
from gensweep.train.random_streams import make_generator

INTERPOLATION_ROWS = 4
INTERPOLATION_STEPS = 10
"""Pictures in each row, both ends included."""
MAX_TEXTS_CACHED = 1 << 15


def is_sample_epoch(epoch: int, epochs: int) -> bool:
    """Return whether an epoch's samples are written: 1, 2, 5, 10, 20, 50, ... and the last."""
    return epoch == epochs or str(epoch).rstrip("0") in ("1", "2", "5")


def render_samples(samples: Samples) -> bytes:
    """Return a PNG of the samples.

    It shows a grid of pictures with a caption under each; without pictures, lines of text.
    """
    if samples.pictures is None:
        sheet = draw_text_sheet(samples.captions)
        return encode_png(sheet, samples.captions)
    pictures = to_bytes(samples.pictures)
    return encode_png(
        draw_picture_sheet(pictures, samples.captions, samples.columns)
    )


def to_bytes(pictures: Tensor):
    """Return pictures in 0..1 as uint8, of the same shape."""
    return pictures.float().clamp(0, 1).mul(255).round().byte().cpu().numpy()


def list_answers(training: Training) -> list[tuple[str, str, str]]:
    """Return query, right answer and the model's answer of every test example.

    The list is empty if the model answers no queries.
    """
    codes = training.get_answers()
    predicted = next((codes[name] for name in ANSWERS if name in codes), None)
    if predicted is None or "query" not in codes:
        return []
    columns = [
        _decode_rows(column)
        for column in (codes["query"], codes["answer"], predicted)
    ]
    return list(zip(*columns, strict=True))


def _decode_rows(codes: Tensor) -> list[str]:
    return [_decode(tuple(row)) for row in codes.tolist()]


@lru_cache(MAX_TEXTS_CACHED)
def _decode(codes: tuple[int, ...]) -> str:
    """Return a query or an answer as text; cached, since other points have the same ones."""
    return decode(codes).rstrip()


def with_answers(
    samples: Samples, rows: list[tuple[str, str, str]]
) -> Samples:
    """Return samples of the first test examples with the drawn answers, as read, in captions."""
    captions = []
    for query, _, predicted in rows[: len(samples.captions)]:
        captions.append(f"{query} = {predicted or 'blank'}")
    return Samples(samples.pictures, captions, samples.columns)


def format_answers_csv(rows: list[tuple[str, str, str]]) -> str:
    """Return a table with the columns `query,answer,predicted`, one line per example."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("query", "answer", "predicted"))
    writer.writerows(rows)
    return table.getvalue()


@torch.no_grad()
def render_interpolations(
    network: Network,
    seed: int,
    rows: int = INTERPOLATION_ROWS,
    steps: int = INTERPOLATION_STEPS,
) -> dict[str, bytes]:
    """Return pictures between latent vectors that are drawn from the prior.

    Args:
        network: in evaluation mode.
        seed: of the vectors; both kinds of interpolation start and end at the same ones.
        rows: interpolations, one under the other.
        steps: pictures in each, both ends included.

    Returns:
        A PNG for each kind, `linear` and `spherical`; nothing if the network has no prior.
    """
    if not isinstance(network, LatentNetwork):
        return {}
    device = next(network.parameters()).device
    shape = (2, rows, network.config.latent_dim)
    starts, ends = torch.randn(
        shape, generator=make_generator(seed, "interpolation")
    ).to(device)
    kinds = {"linear": interpolate_linear, "spherical": interpolate_spherical}
    rendered = {}
    for kind, interpolate in kinds.items():
        latents = interpolate(starts, ends, steps).flatten(0, 1)
        pictures = to_bytes(network.sample(latents))
        rendered[kind] = encode_png(draw_strips(pictures, steps))
    return rendered


def write_artifacts(
    training: Training, write: Callable[[str, Content], None]
) -> None:
    """Write the files that people look at.

    `samples.png`; `answers.csv` if the model answers queries; `attributes.csv` if a reader read
    the attributes of its samples; `interpolation-*.png` if it has a prior.
    """
    rows = list_answers(training)
    samples = training.make_samples()
    if training.is_read:
        samples = with_answers(samples, rows)
    write("samples.png", render_samples(samples))
    if rows:
        write("answers.csv", format_answers_csv(rows))
    attributes = format_attributes_csv(
        training.attributes, training.get_attributes()
    )
    if attributes:
        write("attributes.csv", attributes)
    with training.autocast():
        interpolations = render_interpolations(
            training.network, training.seed
        )
    for kind, picture in interpolations.items():
        write(f"interpolation-{kind}.png", picture)
