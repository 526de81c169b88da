"""The reader: a small classifier of single characters, which judges pictures of answers.

It learns the glyphs that training queries show, whatever part of them a point trains on. So points
of one dataset are read by one reader, which is trained once and then stays in the cache.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep.core.alphabet import ALPHABET
from gensweep.core.dataset import DatasetArrays
from gensweep.nn.glyph_codec import GLYPH_SIZE
from gensweep.nn.init import init_weights
from gensweep.system.signals import raise_if_stopped
from gensweep.train.distortion import distort
from gensweep.train.glyphs import Glyphs, compute_digest, split_glyphs
from gensweep.train.optimizers import PlayerOptimizer
from gensweep.train.reader_cache import load_or_train
from gensweep.train.reader_training import RECIPE, use_one_thread

log = logging.getLogger(__name__)
EPOCHS = 20
MAX_STEPS = 500
BATCH_SIZE = 128
FILTERS = 16
FEATURES = 128
DIGITS = 10
"""Codes of the alphabet below this are digits."""


class Reader(nn.Module):
    """Two stride-2 convolutions and two dense layers, from a glyph to a character of the alphabet.

    Attributes:
        accuracy: the share of the held-out digits that it reads correctly; NaN if there are none.
            Every picture of a digit counts once. Operators do not count: they are drawn, and easy.
        digits: the number of those pictures of digits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.accuracy = float("nan")
        self.digits = 0
        self.stages = nn.Sequential(
            nn.Conv2d(1, FILTERS, 5, stride=2, padding=2),
            nn.BatchNorm2d(FILTERS, affine=False),
            nn.ReLU(),
            nn.Conv2d(FILTERS, 2 * FILTERS, 3, stride=2, padding=1),
            nn.BatchNorm2d(2 * FILTERS, affine=False),
            nn.ReLU(),
            nn.Flatten(1),
            nn.Linear(2 * FILTERS * (GLYPH_SIZE // 4) ** 2, FEATURES),
            nn.ReLU(),
            nn.Linear(FEATURES, len(ALPHABET)),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits [n, 13] of glyphs [n, 28, 28] in 0..1."""
        return self.stages(pictures.unsqueeze(1))

    @torch.no_grad()
    def read(self, pictures: Tensor) -> Tensor:
        """Return codes [B, T] of the characters in pictures [B, T, 28, 28], pixels in 0..1."""
        logits = self(pictures.flatten(0, 1))
        return logits.argmax(-1).unflatten(0, pictures.shape[:2])


# --- the cache


def load_reader(prepared: DatasetArrays) -> Reader:
    """Return the reader of a dataset's glyphs, from the cache; train it if it is not there."""
    learnt, held_out = split_glyphs(prepared)
    return load_or_train(
        compute_digest(learnt, held_out),
        lambda: train(learnt, held_out),
        _describe,
        _restore,
    )


def _describe(reader: Reader) -> dict[str, Any]:
    return {
        "weights": reader.state_dict(),
        "accuracy": reader.accuracy,
        "digits": reader.digits,
    }


def _restore(state: dict[str, Any]) -> Reader:
    reader = _create_empty()
    reader.load_state_dict(state["weights"])
    reader.accuracy = float(state["accuracy"])
    reader.digits = int(state["digits"])
    return _freeze(reader)


# --- training


def train(learnt: Glyphs, held_out: Glyphs) -> Reader:
    """Train a reader from scratch, on one thread of the CPU.

    The result is always the same: random numbers come from a generator for this alone. Glyphs are
    distorted, since the pictures to be read are not as sharp as handwriting.
    """
    log.info("training the reader on %s glyphs", f"{len(learnt.codes):,}")
    rng = torch.Generator().manual_seed(0)
    with use_one_thread():
        reader = _create_empty()
        init_weights(reader, "torch", rng)
        pictures, codes = _to_tensors(learnt)
        batches_per_epoch = -(-len(codes) // BATCH_SIZE)
        steps = min(EPOCHS * batches_per_epoch, MAX_STEPS)
        weights = dict(reader.named_parameters())
        optimizer = PlayerOptimizer.create_single(weights, RECIPE, steps)
        # `range` comes first, so that no batch is drawn after the last step.
        for step, rows in zip(
            range(steps), _iter_batches(len(codes), rng), strict=False
        ):
            raise_if_stopped()
            logits = reader(distort(pictures[rows], rng))
            loss = F.cross_entropy(logits, codes[rows])
            optimizer.step(loss, weights, [step])
        _measure_accuracy(reader, held_out)
    return _freeze(reader)


def _measure_accuracy(reader: Reader, held_out: Glyphs) -> None:
    """Set the reader's accuracy on digits that it was not trained on."""
    pictures, codes = _to_tensors(held_out)
    reader.eval()
    is_digit = codes < DIGITS
    reader.digits = int(is_digit.sum())
    if reader.digits:
        predicted = reader.read(pictures[is_digit].unsqueeze(1))[:, 0]
        is_right = predicted == codes[is_digit]
        reader.accuracy = is_right.double().mean().item()


def _iter_batches(count: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Yield rows of one batch after another, in another order in each epoch, without end."""
    while True:
        yield from torch.randperm(count, generator=rng).split(BATCH_SIZE)


def _to_tensors(glyphs: Glyphs) -> tuple[Tensor, Tensor]:
    """Return pictures in 0..1 and codes."""
    pictures = torch.tensor(glyphs.pictures).float().div_(255)
    return pictures, torch.tensor(glyphs.codes).long()


def _create_empty() -> Reader:
    """Return a reader whose weights are still to be set; no global random state changes."""
    with torch.random.fork_rng(devices=[]):
        return Reader().to(memory_format=torch.channels_last)


def _freeze(reader: Reader) -> Reader:
    return reader.eval().requires_grad_(False)
