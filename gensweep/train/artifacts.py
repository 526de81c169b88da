"""What a point leaves for people to look at: sheets of samples, its answers, ways through its latent space."""

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
from gensweep.prepare.contact_sheet import picture_sheet, strips, text_sheet
from gensweep.prepare.contact_sheet import png as png_bytes
from gensweep.system.storage import Content
from gensweep.train.evaluation import ANSWERS
from gensweep.train.loop import Training
from gensweep.train.random_streams import make_generator

ROWS, STEPS = 4, 10
"""Ways that are shown, and pictures on each."""


def is_sample_epoch(epoch: int, epochs: int) -> bool:
    """Whether an epoch's samples are kept: 1, 2, 5, 10, 20, 50, ... and the last."""
    return epoch == epochs or str(epoch).rstrip("0") in ("1", "2", "5")


def render_samples(samples: Samples) -> bytes:
    """A PNG of pictures in a grid with a caption under each, or of the captions alone as lines of text."""
    if samples.pictures is None:
        return png_bytes(text_sheet(samples.captions))
    return png_bytes(picture_sheet(to_bytes(samples.pictures), samples.captions, samples.columns))


def to_bytes(pictures: Tensor):
    """Pictures in 0..1 as uint8, of the same shape."""
    return pictures.float().clamp(0, 1).mul(255).round().byte().cpu().numpy()


def list_answers(training: Training) -> list[tuple[str, str, str]]:
    """Query, right answer and the model's answer of every test example; none of a model that answers nothing."""
    found = training.get_answers()
    given = next((found[name] for name in ANSWERS if name in found), None)
    if given is None or "query" not in found:
        return []
    columns = (found["query"], found["answer"], given)
    return list(zip(*(map(_text, map(tuple, codes.tolist())) for codes in columns), strict=True))


@lru_cache(1 << 15)
def _text(codes: tuple[int, ...]) -> str:
    """A query or an answer as it is written, kept: other points have the same ones."""
    return decode(codes).rstrip()


def with_answers(samples: Samples, rows: list[tuple[str, str, str]]) -> Samples:
    """Samples of the first test examples, captioned with the query and what was read in the drawn answer."""
    captions = [
        f"{query} = {guess or 'blank'}" for query, _, guess in rows[: len(samples.captions)]
    ]
    return Samples(samples.pictures, captions, samples.columns)


def format_answers_csv(rows: list[tuple[str, str, str]]) -> str:
    """`query,answer,predicted`, a line an example."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("query", "answer", "predicted"))
    writer.writerows(rows)
    return table.getvalue()


@torch.no_grad()
def render_interpolations(
    network: Network, seed: int, rows: int = ROWS, steps: int = STEPS
) -> dict[str, bytes]:
    """Strips of pictures on the way between latent vectors drawn from the prior, as PNGs by the kind of way.

    Args:
        network: in evaluation mode; one without a prior has no such way.
        seed: of the vectors; both kinds begin and end at the same ones.
        rows: ways, one under the other.
        steps: pictures on each, both ends included.
    """
    if not isinstance(network, LatentNetwork):
        return {}
    device = next(network.parameters()).device
    shape = (2, rows, network.config.latent_dim)
    starts, ends = torch.randn(shape, generator=make_generator(seed, "interpolation")).to(device)
    found = {}
    for kind, way in (("linear", interpolate_linear), ("spherical", interpolate_spherical)):
        pictures = to_bytes(network.sample(way(starts, ends, steps).flatten(0, 1)))
        found[kind] = png_bytes(strips(pictures, steps))
    return found


def write_artifacts(training: Training, write: Callable[[str, Content], None]) -> None:
    """Write what people look at: samples.png, answers.csv of a model that answers, strips of one with a prior."""
    rows = list_answers(training)
    write(
        "samples.png",
        render_samples(
            with_answers(training.make_samples(), rows)
            if training.is_read
            else training.make_samples()
        ),
    )
    if rows:
        write("answers.csv", format_answers_csv(rows))
    with training.autocast():
        ways = render_interpolations(training.network, training.seed)
    for kind, picture in ways.items():
        write(f"interpolation-{kind}.png", picture)
