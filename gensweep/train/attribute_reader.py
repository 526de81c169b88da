"""The reader of attributes: a small network that says what a picture of a face shows.

It learns the attributes that a dataset lists of its pictures, such as the hat and the hair of an
avatar. Metrics read generated pictures with it. It never sees a model's pictures while it learns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gensweep.core.dataset import DatasetArrays
from gensweep.core.soundness import MIN_READER_ACCURACY
from gensweep.train.labelled_pictures import (
    LabelledPictures,
    compute_digest,
    select_labelled,
)
from gensweep.train.palette import COLOUR_BITS, measure_palette_shares
from gensweep.train.reader_cache import load_or_train

SIDE = 32
"""Pixels a side in which pictures are read."""
FILTERS = 32
FEATURES = 256
MIN_PALETTE_SHARE = 0.9
"""Share of the pixels of a valid face that have a colour of the dataset's pictures."""
UNREAD = -1
"""The code of an attribute that the reader cannot read reliably."""


class AttributeReader(nn.Module):
    """Two stride-2 convolutions and two dense layers, from a picture to each of its attributes.

    Args:
        sizes: how many values each attribute has; none if the dataset lists no attributes.

    Attributes:
        is_value: which values each attribute has [attributes, values].
        shares: how frequent each value is in the dataset [attributes, values].
        accuracies: share of the held-out pictures whose attribute is read correctly [attributes].
        min_confidence: the least probability that every attribute of a valid face is read with [].
        palette: the colours of the dataset's pictures, see `collect_palette`.
    """

    is_value: Tensor
    shares: Tensor
    accuracies: Tensor
    min_confidence: Tensor
    palette: Tensor

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        count, values = len(sizes), max(sizes, default=0)
        self.stages = nn.Sequential(
            nn.Conv2d(3, FILTERS, 5, stride=2, padding=2),
            nn.BatchNorm2d(FILTERS, affine=False),
            nn.ReLU(),
            nn.Conv2d(FILTERS, 2 * FILTERS, 3, stride=2, padding=1),
            nn.BatchNorm2d(2 * FILTERS, affine=False),
            nn.ReLU(),
            nn.Flatten(1),
            nn.Linear(2 * FILTERS * (SIDE // 4) ** 2, FEATURES),
            nn.BatchNorm1d(FEATURES, affine=False),
            nn.ReLU(),
        )
        # One more number says whether it is a face at all.
        self.output = nn.Linear(FEATURES, count * values + 1)
        numbers = torch.arange(values)
        is_value = numbers < torch.tensor(sizes, dtype=torch.long)[:, None]
        colours = torch.zeros((1 << COLOUR_BITS,) * 3, dtype=torch.bool)
        self.register_buffer("is_value", is_value.reshape(count, values))
        self.register_buffer("shares", torch.zeros(count, values))
        self.register_buffer("accuracies", torch.zeros(count))
        self.register_buffer("min_confidence", torch.zeros(()))
        self.register_buffer("palette", colours)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of pictures [n, 3, h, w] in 0..1.

        Returns:
            Of each attribute's values [n, attributes, values], and of being a face [n].
        """
        small = F.adaptive_avg_pool2d(pictures, SIDE)
        numbers = self.output(self.stages(small))
        logits = numbers[:, 1:].unflatten(1, self.is_value.shape)
        return logits.masked_fill(~self.is_value, -torch.inf), numbers[:, 0]

    @property
    def is_reliable(self) -> Tensor:
        """Return which attributes it reads well enough to judge pictures by them [attributes]."""
        return self.accuracies >= MIN_READER_ACCURACY

    @torch.no_grad()
    def read(self, pictures: Tensor) -> Tensor:
        """Return what pictures [n, 3, h, w] show.

        Returns:
            [n, 1 + attributes]: 1 for a valid face, else 0; then the code of each attribute, or
            -1 if the reader cannot read it reliably.
        """
        if not len(self.accuracies):
            return pictures.new_zeros((len(pictures), 1), dtype=torch.int16)
        logits, face_logits = self(pictures.float())
        confidences, codes = logits.softmax(-1).max(-1)
        smallest = self.measure_confidence(confidences)
        palette_shares = measure_palette_shares(self.palette, pictures)
        is_valid = smallest >= self.min_confidence
        is_valid &= face_logits > 0
        is_valid &= palette_shares >= MIN_PALETTE_SHARE
        codes = codes.masked_fill(~self.is_reliable, UNREAD)
        return torch.cat([is_valid[:, None], codes], dim=1).short()

    def measure_confidence(self, confidences: Tensor) -> Tensor:
        """Return the least confidence of the attributes that are read reliably.

        Args:
            confidences: of each attribute [n, attributes].

        Returns:
            [n]; 1 if none is read reliably.
        """
        return confidences.masked_fill(~self.is_reliable, 1).amin(dim=1)


def load_attribute_reader(prepared: DatasetArrays) -> AttributeReader:
    """Return the reader of a dataset's attributes, from the cache; train it if it is not there.

    It reads nothing if the dataset lists no attributes.
    """
    from gensweep.train.attribute_training import train_reader

    labelled = select_labelled(prepared)
    if labelled is None:
        return freeze(create_empty(()))
    return load_or_train(
        compute_digest(labelled),
        lambda: train_reader(labelled),
        _describe,
        lambda state: _restore(labelled, state),
    )


def create_empty(sizes: Sequence[int]) -> AttributeReader:
    """Return a reader whose weights are still to be set; no global random state changes."""
    with torch.random.fork_rng(devices=[]):
        reader = AttributeReader(sizes)
    return reader.to(memory_format=torch.channels_last)


def freeze(reader: AttributeReader) -> AttributeReader:
    """Return the reader, ready to read."""
    return reader.eval().requires_grad_(False)


def _describe(reader: AttributeReader) -> dict[str, Any]:
    return {"weights": reader.state_dict()}


def _restore(
    labelled: LabelledPictures, state: dict[str, Any]
) -> AttributeReader:
    reader = create_empty(labelled.sizes)
    reader.load_state_dict(state["weights"])
    return freeze(reader)
