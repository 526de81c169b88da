"""The reader: a small classifier of single characters, by which pictures of answers are judged.

It learns the glyphs that training queries show, whatever part of them a point trains on, so that points of one dataset
are read by one reader; it is trained once and kept in the cache.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep.core.alphabet import ALPHABET
from gensweep.core.config import TrainingConfig
from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import DataError
from gensweep.nn.glyph_codec import GLYPH_SIZE
from gensweep.nn.init import init_weights
from gensweep.system.cache_dir import cache_folder
from gensweep.system.signals import raise_if_stopped
from gensweep.system.storage import locked, write_atomic
from gensweep.train import checkpoint
from gensweep.train.glyphs import Glyphs, compute_digest, split_glyphs
from gensweep.train.optimizers import PlayerOptimizer

log = logging.getLogger(__name__)
EPOCHS, MOST_STEPS, BATCH = 20, 500, 128
RECIPE = TrainingConfig(
    optimizer="adamw", lr=5e-3, weight_decay=0.05, schedule="warmup_linear", warmup=0.2, hold=0.2
)
FILTERS, FEATURES = 16, 128
DIGITS = 10
"""Codes of the alphabet below this are digits."""


class Reader(nn.Module):
    """Two stride-2 convolutions and two dense layers, from a glyph to a character of the alphabet.

    Attributes:
        accuracy: share of the digits held out from its training that it reads rightly; NaN where there are none.
            Operators are left out: they are drawn, and easy. Every picture of a digit counts once.
        digits: how many pictures of digits that is of.
    """

    def __init__(self) -> None:
        super().__init__()
        self.accuracy, self.digits = float("nan"), 0
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
        """Logits [n, 13] of glyphs [n, 28, 28] in 0..1."""
        return self.stages(pictures.unsqueeze(1))

    @torch.no_grad()
    def read(self, pictures: Tensor) -> Tensor:
        """Codes [B, T] of the characters in pictures [B, T, 28, 28], pixels in 0..1."""
        return self(pictures.flatten(0, 1)).argmax(-1).unflatten(0, pictures.shape[:2])


def load_reader(prepared: DatasetArrays) -> Reader:
    """The reader of a dataset's glyphs, from the cache, or trained and kept there.

    When several processes ask at once, one trains and the others wait. A damaged file is replaced; a cache that cannot
    be written to costs time, and nothing else.
    """
    learnt, held_out = split_glyphs(prepared)
    digest = compute_digest(learnt, held_out)
    with contextlib.ExitStack() as stack:
        try:
            folder = cache_folder("readers")
            path = folder / f"{digest}.pt"
            if kept := _load(path, digest):
                return kept
            stack.enter_context(locked(folder / f"{digest}.lock"))
        except (DataError, OSError) as error:
            log.warning("the reader is not kept: %s", error)
            return train(learnt, held_out)
        if kept := _load(path, digest):  # somebody was faster
            return kept
        reader = train(learnt, held_out)
        state = {
            "weights": reader.state_dict(),
            "accuracy": reader.accuracy,
            "digits": reader.digits,
        }
        try:
            write_atomic(path, partial(checkpoint.save, point_id=digest, state=state))
        except OSError as error:
            log.warning("the reader is not kept: %s; free some space, or set GENSWEEP_CACHE", error)
        return reader


def train(learnt: Glyphs, held_out: Glyphs) -> Reader:
    """Train a reader from scratch, on one thread of the CPU, with random numbers of its own: always the same.

    Glyphs are turned, sheared, scaled, shifted and bent (Simard et al. 2003) a little; half of them are blurred, and
    all get some noise, for the pictures to be read are not as sharp as handwriting.
    """
    log.info("training the reader on %s glyphs", f"{len(learnt.codes):,}")
    rng = torch.Generator().manual_seed(0)
    with _one_thread():
        reader = _unfilled()
        init_weights(reader, "torch", rng)
        pictures, codes = _tensors(learnt)
        steps = min(EPOCHS * -(-len(codes) // BATCH), MOST_STEPS)
        weights = dict(reader.named_parameters())
        optimizer = PlayerOptimizer.create_single(weights, RECIPE, steps)
        for step, chosen in zip(range(steps), _batches(len(codes), rng), strict=False):
            raise_if_stopped()
            loss = F.cross_entropy(reader(_varied(pictures[chosen], rng)), codes[chosen])
            optimizer.step(loss, weights, [step])
        pictures, codes = _tensors(held_out)
        reader.eval()
        is_digit = codes < DIGITS
        reader.digits = int(is_digit.sum())
        if reader.digits:
            right = reader.read(pictures[is_digit].unsqueeze(1))[:, 0] == codes[is_digit]
            reader.accuracy = right.double().mean().item()
    return _ready(reader)


def _batches(count: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Rows of one batch after another, in another order in each epoch, without end."""
    while True:
        yield from torch.randperm(count, generator=rng).split(BATCH)


def _varied(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Glyphs [n, 28, 28] as another hand, or a model, might have drawn them.

    Bends and blur are products with small matrices, which PyTorch's own interpolation and pooling are slower than.
    """
    n = len(pictures)
    bends = _SPREAD @ (0.05 * torch.randn(n, 2, 5, 5, generator=rng)) @ _SPREAD.mT
    moves = torch.eye(2, 3) + 0.17 * (2 * torch.rand(n, 2, 3, generator=rng) - 1)
    places = torch.baddbmm(
        moves[..., 2:], moves[..., :2], _CENTRES + bends.flatten(2)
    ).mT.contiguous()
    moved = F.grid_sample(
        pictures.unsqueeze(1), places.unflatten(1, (GLYPH_SIZE, GLYPH_SIZE)), align_corners=False
    ).squeeze(1)
    amount = (2 * torch.rand(n, 1, 1, generator=rng) - 1).clamp(min=0)
    noise = torch.randn(moved.shape, generator=rng) * torch.rand(n, 1, 1, generator=rng)
    return moved.lerp(_BLUR @ moved @ _BLUR, amount) + 0.1 * noise


_SPREAD = F.interpolate(torch.eye(5)[None, None], size=(GLYPH_SIZE, 5), mode="bicubic")[0, 0]
"""Five numbers on a line to 28 between them [28, 5]."""
_BLUR = (
    torch.stack([torch.diag(torch.ones(GLYPH_SIZE - abs(off)), off) for off in (-1, 0, 1)]).sum(0)
    / 3
)
"""Each pixel of a line to the mean of its neighbours and itself [28, 28]."""
_ACROSS = (2 * torch.arange(GLYPH_SIZE) + 1 - GLYPH_SIZE) / GLYPH_SIZE
_CENTRES = torch.cartesian_prod(_ACROSS, _ACROSS).flip(-1).T.contiguous()
"""Of each pixel, how far across and how far down, from -1 to 1 [2, 28 * 28]."""


def _tensors(glyphs: Glyphs) -> tuple[Tensor, Tensor]:
    return torch.tensor(glyphs.pictures).float().div_(255), torch.tensor(glyphs.codes).long()


@contextlib.contextmanager
def _one_thread() -> Generator[None]:
    """One thread of PyTorch's: sums in one order, whatever the machine; and gradients, whoever asks."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(before)


def _load(path: Path, digest: str) -> Reader | None:
    """A reader as it was kept; None where there is none, or its file is damaged."""
    reader = _unfilled()
    try:
        state = checkpoint.load(path, digest, torch.device("cpu"))
        reader.load_state_dict(state["weights"])
        reader.accuracy, reader.digits = float(state["accuracy"]), int(state["digits"])
    except FileNotFoundError:
        return None
    except (checkpoint.CheckpointError, RuntimeError, LookupError, TypeError, ValueError) as error:
        log.warning("%s; the reader is trained again", error)
        return None
    return _ready(reader)


def _unfilled() -> Reader:
    """A reader whose weights are still to be filled, made without touching any global random state."""
    with torch.random.fork_rng(devices=[]):
        return Reader().to(memory_format=torch.channels_last)


def _ready(reader: Reader) -> Reader:
    return reader.eval().requires_grad_(False)
