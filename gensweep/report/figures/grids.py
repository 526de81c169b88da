"""The data of figures in rows and columns: measurements over two parameters, and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.report.measurement import Measurement, NotMeasured, Seeds

if TYPE_CHECKING:
    import pandas as pd

    Image = np.ndarray | str
    """The pixels of a picture, uint8 [h, w, 3], or why there is none."""
    GridValue = Measurement | NotMeasured | Seeds | None


@dataclass(frozen=True)
class Heatmap:
    """Measurements over two parameters.

    Attributes:
        rows: values of the vertical parameter, from the bottom.
        columns: values of the horizontal parameter.
        values: one per row and column. Seeds: no point is ok, and why;
            None: the sweep has no such cell.
        row_label, column_label: names of the two parameters.
        value_label: name of the numbers, with the unit.
        direction: ``max`` if larger is better, ``min`` if smaller is.
        published: a published number or None per row and column; empty
            without any.
        min_span: the typical width of an interval, 0 without any. The colour
            scale spans at least so much, as smaller differences are no news.
    """

    rows: Sequence[Any]
    columns: Sequence[Any]
    values: Sequence[Sequence[GridValue]]
    row_label: str
    column_label: str
    value_label: str
    direction: str = "none"
    published: Sequence[Sequence[float | None]] = ()
    min_span: float = 0.0

    @property
    def means(self) -> list[float]:
        """The means of all cells that have one."""
        return [
            value.mean
            for row in self.values
            for value in row
            if isinstance(value, Measurement)
        ]

    @property
    def is_flat(self) -> bool:
        """True if all means are equal."""
        return len(set(self.means)) == 1

    def to_frame(self) -> pd.DataFrame:
        """Return one row per cell of the sweep, with mean, deviation, interval and n."""
        import pandas as pd

        lines = []
        for i, row in enumerate(self.rows):
            for j, column in enumerate(self.columns):
                value = self.values[i][j]
                if value is None:
                    continue
                line = {
                    self.row_label: row,
                    self.column_label: column,
                } | _flatten(value)
                if self.published:
                    line["published"] = self.published[i][j]
                lines.append(line)
        return pd.DataFrame(lines)


@dataclass(frozen=True)
class ImageGrid:
    """Pictures in rows and columns, or texts that say why there is none.

    Attributes:
        images: one per row and column.
        row_labels, column_labels: one each.
        axis_labels: names of what runs along the columns, and along the rows.
        scale: pixels of the PNG for a pixel of a picture, in each direction.
        files: the file of each image, under the results root; empty if they
            are not known.
    """

    images: Sequence[Sequence[Image]]
    row_labels: Sequence[str]
    column_labels: Sequence[str]
    axis_labels: tuple[str, str]
    scale: int = 1
    files: Sequence[Sequence[str]] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per image: its labels, its file, its size, or why there is none."""
        import pandas as pd

        lines = []
        for row, images in enumerate(self.images):
            for column, image in enumerate(images):
                line: dict[str, Any] = {"row": self.row_labels[row]}
                line["column"] = self.column_labels[column]
                line["file"] = self.files[row][column] if self.files else ""
                if isinstance(image, str):
                    line["text"] = image
                else:
                    line |= {
                        "height": image.shape[0],
                        "width": image.shape[1],
                    }
                lines.append(line)
        return pd.DataFrame(lines)


def make_message(text: str, axis_labels: tuple[str, str]) -> ImageGrid:
    """Return a grid without pictures, with a text that says why."""
    return ImageGrid([[text]], [""], [""], axis_labels)


def compute_typical_width(values: Iterable[GridValue]) -> float:
    """Return the median width of the intervals; 0 without any."""
    widths = [
        value.high - value.low
        for value in values
        if isinstance(value, Measurement) and value.has_interval
    ]
    return median(widths) if widths else 0.0


def _flatten(value: Measurement | NotMeasured | Seeds) -> dict[str, Any]:
    if isinstance(value, Measurement):
        numbers = {"mean": value.mean, "std": value.std, "ci95": value.ci95}
        return numbers | {
            "ci95_low": value.low,
            "ci95_high": value.high,
            "n": value.n,
        }
    if isinstance(value, NotMeasured):
        return {"n": 0, "text": "; ".join(value.reasons) or "not measured"}
    return {
        "n": 0,
        "text": ", ".join(
            f"{count} {status}" for status, count in value.others
        ),
    }
