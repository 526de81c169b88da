"""Metrics of generated faces, as a reader of attributes reads them: hat, hair, eyes, colours.

The reader learns the attributes that a dataset lists of its training pictures, and never sees a
model's pictures; see `gensweep.train.attribute_reader`. It makes errors too. Tables leave out what
it measures if `attribute_reader_accuracy` is too low: `gensweep.core.soundness`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gensweep.core.registries import register_derived, register_metric
from gensweep.core.roles import Role
from gensweep.core.soundness import MIN_PICTURES

if TYPE_CHECKING:
    from torch import Tensor

TOOL = "attribute_reader"
SAMPLES, PICTURES = "sample_attributes", "picture_attributes"
SHARES, ACCURACIES = "attribute_shares", "attribute_accuracies"


@register_derived(SAMPLES, ("sample",), tool=TOOL)
def read_samples(sample: Tensor, reader: Any) -> Tensor:
    """Samples as read: 1 for a valid face, then the code of each attribute [B, 1 + attributes].

    The code is -1 for an attribute that the reader cannot read reliably.
    """
    return reader.read(sample)


@register_derived(PICTURES, ("picture",), tool=TOOL)
def read_pictures(picture: Tensor, reader: Any) -> Tensor:
    """Held-out pictures as read [B, 1 + attributes]."""
    return reader.read(picture)


@register_derived("reconstruction_attributes", ("reconstruction",), tool=TOOL)
def read_reconstructions(reconstruction: Tensor, reader: Any) -> Tensor:
    """Reconstructions as read [B, 1 + attributes]."""
    return reader.read(reconstruction)


@register_derived(SHARES, ("picture",), tool=TOOL)
def repeat_shares(picture: Tensor, reader: Any) -> Tensor:
    """Frequency of each value of each attribute in the dataset [B, attributes, values]."""
    return reader.shares.expand(len(picture), *reader.shares.shape)


@register_derived(ACCURACIES, ("picture",), tool=TOOL)
def repeat_accuracies(picture: Tensor, reader: Any) -> Tensor:
    """Accuracy of the reader, of each attribute [B, attributes]."""
    return reader.accuracies.expand(len(picture), *reader.accuracies.shape)


def compute_distances(read: Tensor, shares: Tensor) -> Tensor:
    """Return the total variation distance of each attribute's frequencies from the dataset's.

    Args:
        read: a derived output of pictures or samples [n, 1 + attributes].
        shares: frequencies in the dataset [attributes, values].

    Returns:
        [attributes], each in 0..1; NaN of an attribute that is not read reliably.
    """
    import torch

    codes = read[:, 1:]
    values = torch.arange(shares.shape[1], device=codes.device)
    frequencies = (codes[:, :, None] == values).double().mean(dim=0)
    distances = (frequencies - shares.double()).abs().sum(dim=1) / 2
    return distances.masked_fill((codes < 0).any(dim=0), torch.nan)


@register_metric(
    "valid_faces",
    needs=(SAMPLES,),
    unit="fraction",
    direction="max",
    when="test",
    min_examples=MIN_PICTURES["valid_faces"],
    range=(0, 1),
    roles=(Role.GENERATED, Role.ATTRIBUTES),
)
def compute_valid_faces(outputs: dict[str, Tensor]) -> float | None:
    """Share of the samples that are valid faces.

    In a valid face, a reader sees a face, reads every attribute with
    confidence, and finds nine pixels in ten in colours of the dataset's pictures. The limit of
    confidence passes 95% of the validation pictures: `held_out_valid_faces` is what real faces
    score. Copies of one good face score 1: read it together with `attribute_distance`.
    Not defined if the dataset lists no attributes.
    """
    return _share_valid(outputs[SAMPLES])


@register_metric(
    "held_out_valid_faces",
    needs=(PICTURES,),
    unit="fraction",
    direction="none",
    when="test",
    min_examples=MIN_PICTURES["valid_faces"],
    range=(0, 1),
    roles=(Role.ATTRIBUTES,),
)
def compute_held_out_valid_faces(outputs: dict[str, Tensor]) -> float | None:
    """Share of the test pictures that `valid_faces` counts: what a perfect model scores.

    Not defined if the dataset lists no attributes.
    """
    return _share_valid(outputs[PICTURES])


@register_metric(
    "attribute_distance",
    needs=(SAMPLES, SHARES),
    unit="fraction",
    direction="min",
    when="test",
    min_examples=MIN_PICTURES["attribute_distance"],
    range=(0, 1),
    roles=(Role.GENERATED, Role.ATTRIBUTES),
)
def compute_attribute_distance(outputs: dict[str, Tensor]) -> float | None:
    """Distance of the attributes' frequencies in samples from those in the dataset.

    Total variation, half the sum of absolute differences, mean over the
    attributes that the reader reads reliably; a point's `attributes.csv` has each. It falls as
    samples are added: compare at equal numbers, and with `held_out_attribute_distance`.
    Not defined if the dataset lists no attributes.
    """
    return _average_distance(outputs[SAMPLES], outputs[SHARES])


@register_metric(
    "held_out_attribute_distance",
    needs=(PICTURES, SHARES),
    unit="fraction",
    direction="none",
    when="test",
    min_examples=MIN_PICTURES["attribute_distance"],
    range=(0, 1),
    roles=(Role.ATTRIBUTES,),
)
def compute_held_out_distance(outputs: dict[str, Tensor]) -> float | None:
    """The same distance of the test pictures: what a perfect model scores.

    It holds the chance of as many pictures, and the reader's errors. Not defined if the dataset
    lists no attributes.
    """
    return _average_distance(outputs[PICTURES], outputs[SHARES])


@register_metric(
    "reconstructed_attributes",
    needs=("reconstruction_attributes", PICTURES),
    unit="fraction",
    direction="max",
    when="test",
    min_examples=MIN_PICTURES["valid_faces"],
    range=(0, 1),
    roles=(Role.RECONSTRUCTIONS, Role.ATTRIBUTES),
)
def compute_reconstructed_attributes(
    outputs: dict[str, Tensor],
) -> float | None:
    """Share of the attributes that a reader reads equally in a picture and its reconstruction.

    Of those that it reads reliably. Guesses of common values, such as no hat, are right often.
    Not defined if the dataset lists no attributes.
    """
    pictures = outputs[PICTURES][:, 1:]
    is_read = (pictures >= 0).all(dim=0)
    if not is_read.any():
        return None
    is_equal = outputs["reconstruction_attributes"][:, 1:] == pictures
    return is_equal[:, is_read].double().mean().item()


@register_metric(
    "attribute_reader_accuracy",
    needs=(ACCURACIES,),
    unit="fraction",
    direction="none",
    when="test",
    min_examples=MIN_PICTURES["valid_faces"],
    range=(0, 1),
)
def get_attribute_reader_accuracy(outputs: dict[str, Tensor]) -> float | None:
    """Share of the test pictures' attributes that the reader of attributes reads correctly.

    Mean over all attributes; below 0.8, the metrics that it measures are left out. They use
    those that it reads in nine pictures of ten, see a point's `attributes.csv`. It says
    nothing about the model: what a model draws is blurred, and the reader may be worse at that.
    Not defined if the dataset lists no attributes.
    """
    accuracies = outputs[ACCURACIES][0]
    return accuracies.double().mean().item() if len(accuracies) else None


def _share_valid(read: Tensor) -> float | None:
    """Return the share of valid faces; None if no attribute is read reliably."""
    if not (read[:, 1:] >= 0).any():
        return None
    return read[:, 0].double().mean().item()


def _average_distance(read: Tensor, shares: Tensor) -> float | None:
    """Return the mean distance over attributes; None if none is read reliably."""
    distances = compute_distances(read, shares[0])
    known = distances[~distances.isnan()]
    return known.mean().item() if len(known) else None
