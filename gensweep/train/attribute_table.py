"""The table of attributes in generated pictures, for people to look at."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from torch import Tensor

from gensweep.metrics.attributes import (
    ACCURACIES,
    PICTURES,
    SAMPLES,
    SHARES,
    compute_distances,
)

HEADER = (
    "attribute",
    "value",
    "dataset",
    "samples",
    "held_out",
    "distance",
    "reader_accuracy",
)


def format_attributes_csv(
    attributes: Mapping[str, Sequence[str]], outputs: Mapping[str, Tensor]
) -> str:
    """Return how frequent each value of each attribute is, one line per value.

    Columns are shares: in the dataset, in the samples and in the held-out pictures, as read; the
    distance of the samples' shares from the dataset's; and the reader's accuracy. A column is empty
    where values are not read reliably. The text is empty if there are no samples to read.

    Args:
        attributes: the names of all values of each attribute.
        outputs: derived outputs of the test set, see `gensweep.metrics.attributes`.
    """
    if not attributes or SAMPLES not in outputs:
        return ""
    shares = outputs[SHARES][0]
    distances = compute_distances(outputs[SAMPLES], shares).tolist()
    accuracies = outputs[ACCURACIES][0].tolist()
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(HEADER)
    for column, (attribute, values) in enumerate(attributes.items()):
        # The first column says whether it is a valid face.
        samples = outputs[SAMPLES][:, column + 1]
        pictures = outputs[PICTURES][:, column + 1]
        is_read = bool((samples >= 0).all())
        for code, value in enumerate(values):
            numbers: list[float | None] = [shares[column, code].item()]
            if is_read:
                for read in (samples, pictures):
                    numbers.append((read == code).double().mean().item())
                numbers.append(distances[column])
            else:
                numbers += [None, None, None]
            numbers.append(accuracies[column])
            texts = [_format(number) for number in numbers]
            writer.writerow((attribute, value, *texts))
    return table.getvalue()


def _format(number: float | None) -> str:
    return "" if number is None else f"{number:.4f}"
