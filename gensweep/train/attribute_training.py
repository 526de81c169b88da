"""Training of the reader of attributes, on one thread of the CPU."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.nn.init import init_weights
from gensweep.system.signals import raise_if_stopped
from gensweep.train.attribute_reader import (
    SIDE,
    AttributeReader,
    create_empty,
    freeze,
)
from gensweep.train.labelled_pictures import LabelledPictures
from gensweep.train.optimizers import PlayerOptimizer
from gensweep.train.palette import collect_palette
from gensweep.train.reader_training import RECIPE, use_one_thread

log = logging.getLogger(__name__)
EPOCHS = 12
BATCH_SIZE = 96
NON_FACES = 32
"""Pictures in each batch, beside the faces, that show no face."""
NOISE = 0.03
"""The largest standard deviation of the noise on faces."""
VALID_SHARE = 0.95
"""Share of the validation pictures that are read confidently enough: it sets the limit."""
CHUNK_SIZE = 256


def train_reader(labelled: LabelledPictures) -> AttributeReader:
    """Train a reader from scratch.

    The result is always the same: random numbers come from a generator for this alone. Half of the
    faces are blurred a little, and all get some noise, since models draw such faces.
    """
    log.info(
        "training the reader of attributes on %s pictures",
        f"{len(labelled.learnt):,}",
    )
    rng = torch.Generator().manual_seed(0)
    with use_one_thread():
        reader = create_empty(labelled.sizes)
        init_weights(reader, "torch", rng)
        rows = torch.from_numpy(labelled.learnt.copy())
        steps = EPOCHS * -(-len(rows) // BATCH_SIZE)
        weights = dict(reader.named_parameters())
        optimizer = PlayerOptimizer.create_single(weights, RECIPE, steps)
        step = 0
        for _ in range(EPOCHS):
            order = torch.randperm(len(rows), generator=rng)
            for batch in rows[order].split(BATCH_SIZE):
                raise_if_stopped()
                loss = _compute_loss(reader, labelled, batch.numpy(), rng)
                optimizer.step(loss, weights, [step])
                step += 1
        _measure(freeze(reader), labelled)
    return reader


def _compute_loss(
    reader: AttributeReader,
    labelled: LabelledPictures,
    rows: np.ndarray,
    rng: torch.Generator,
) -> Tensor:
    """Return the mean cross-entropy of the attributes, plus that of being a face."""
    # At the reader's own size, since blur and noise of large pictures take longer than to learn.
    faces = F.adaptive_avg_pool2d(_to_unit(labelled.pictures[rows]), SIDE)
    codes = torch.from_numpy(labelled.codes[rows]).long()
    pictures = torch.cat([soften(faces, rng), draw_non_faces(faces, rng)])
    logits, face_logits = reader(pictures)
    is_face = (torch.arange(len(pictures)) < len(faces)).float()
    attribute_loss = F.cross_entropy(
        logits[: len(faces)].flatten(0, 1), codes.flatten()
    )
    face_loss = F.binary_cross_entropy_with_logits(face_logits, is_face)
    return attribute_loss + face_loss


def soften(faces: Tensor, rng: torch.Generator) -> Tensor:
    """Return faces [n, 3, h, w] as a model may draw them: half of them blurred, all with noise."""
    blurred = F.avg_pool2d(faces, 3, 1, 1, count_include_pad=False)
    # Half of the amounts are below 0, so half of the faces stay sharp.
    amount = 2 * torch.rand(len(faces), 1, 1, 1, generator=rng) - 1
    noise_amount = NOISE * torch.rand(len(faces), 1, 1, 1, generator=rng)
    noise = torch.randn(faces.shape, generator=rng)
    return faces.lerp(blurred, amount.clamp(min=0)) + noise_amount * noise


def draw_non_faces(faces: Tensor, rng: torch.Generator) -> Tensor:
    """Return pictures that are no faces, made of faces [n, 3, h, w].

    The first half are two faces seen through each other, as decoders draw them between two faces.
    Of a quarter the lower part is shifted, and the last quarter has strong noise.
    """
    count = min(NON_FACES, len(faces))
    chosen = torch.randperm(len(faces), generator=rng)[:count]
    others = torch.randperm(len(faces), generator=rng)[:count]
    share = 0.35 + 0.3 * torch.rand(count, 1, 1, 1, generator=rng)
    pictures = faces[chosen].lerp(faces[others], share)
    height, width = faces.shape[2:]
    half, quarter = count // 2, count // 4
    for row in range(half, count - quarter):
        pictures[row] = faces[chosen[row]]
        top = int(
            torch.randint(height // 4, height * 3 // 4, (), generator=rng)
        )
        shift = int(
            torch.randint(width // 4, width * 3 // 4, (), generator=rng)
        )
        pictures[row, :, top:] = pictures[row, :, top:].roll(shift, -1)
    noisy = faces[chosen[count - quarter :]]
    noise = torch.randn(noisy.shape, generator=rng)
    pictures[count - quarter :] = noisy + 0.3 * noise
    return pictures


def _measure(reader: AttributeReader, labelled: LabelledPictures) -> None:
    """Set the reader's accuracies, its limit, and what it knows of the dataset."""
    codes, _ = _read_rows(reader, labelled, labelled.held_out)
    expected = torch.from_numpy(labelled.codes[labelled.held_out]).long()
    reader.accuracies.copy_((codes == expected).float().mean(dim=0))
    _, confidences = _read_rows(reader, labelled, labelled.validated)
    smallest = reader.measure_confidence(confidences)
    limit = torch.quantile(smallest, 1 - VALID_SHARE)
    reader.min_confidence.copy_(limit)
    reader.palette.copy_(collect_palette(labelled.pictures[labelled.learnt]))
    values = np.arange(reader.shares.shape[1])
    for attribute, column in enumerate(labelled.codes.T):
        shares = (column[:, None] == values).mean(axis=0)
        reader.shares[attribute] = torch.from_numpy(shares)


def _read_rows(
    reader: AttributeReader, labelled: LabelledPictures, rows: np.ndarray
) -> tuple[Tensor, Tensor]:
    """Return codes and confidences [n, attributes] of some pictures."""
    confidences, codes = [], []
    for start in range(0, len(rows), CHUNK_SIZE):
        chunk = rows[start : start + CHUNK_SIZE]
        logits, _ = reader(_to_unit(labelled.pictures[chunk]))
        best = logits.softmax(-1).max(-1)
        confidences.append(best.values)
        codes.append(best.indices)
    return torch.cat(codes), torch.cat(confidences)


def _to_unit(pictures: np.ndarray) -> Tensor:
    """Return pictures in 0..1."""
    return torch.from_numpy(pictures).float().div_(255)
