"""The data of figures: what is plotted, as numbers and labels, before anything is drawn.

A figure function returns `FigureData`. The page, the CSV file beside a figure
and users of Python read the same numbers; drawing is the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.core.errors import ReportItemError
from gensweep.core.values import show_value
from gensweep.report.figures.grids import Heatmap, ImageGrid
from gensweep.report.item_checks import (
    check_entries,
    check_instance,
    check_length,
    check_texts,
)
from gensweep.report.measurement import UNBOUNDED

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from gensweep.report.measurement import Range


class Mark(StrEnum):
    """The look of a series."""

    ERROR_BARS = "error bars"
    """Markers with intervals, joined by a line."""
    BAND = "band"
    """A line with its interval as a band."""
    PROGRESS = "progress"
    """A line that keeps its value until the next one."""
    DOTS = "dots"
    SEED_DOTS = "seeds"
    """Small dots of single seeds, without an entry in the legend."""
    SEED_LINE = "seed line"
    """The thin line of one seed, without an entry in the legend."""
    BACKGROUND = "background"
    """A thin grey line without an entry in the legend."""
    PAPER = "paper"
    """Numbers of the paper."""
    BARS = "bars"
    """Filled bars of a histogram; `Series.x` has their edges."""
    STEPS = "steps"
    """The outline of such bars."""


@dataclass(frozen=True, eq=False)
class Series:
    """Numbers that belong together.

    Attributes:
        label: the entry in the legend.
        x: positions [n]; edges [n + 1] of bars and steps.
        y: values [n], NaN where there is none.
        low: lower ends of the intervals [n]; empty without intervals.
        high: upper ends [n].
        n: seeds behind each value [n]; empty if that has no meaning.
        mark: how it is drawn.
        style: number of the series, which chooses colour, line and marker.
    """

    label: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    low: Sequence[float] | np.ndarray = ()
    high: Sequence[float] | np.ndarray = ()
    n: Sequence[float] | np.ndarray = ()
    mark: Mark = Mark.ERROR_BARS
    style: int = 0

    def __post_init__(self) -> None:
        check_instance("Series", self, "mark", Mark)
        count = len(self.y)
        if self.mark in (Mark.BARS, Mark.STEPS):
            reason = f"the edges of {count} bars"
            check_length("Series", self, "x", [count + 1], reason)
        else:
            reason = f"one for each of the {count} values of y"
            check_length("Series", self, "x", [count], reason)
        reason = f"none, or one for each of the {count} values of y"
        for name in ("low", "high", "n"):
            check_length("Series", self, name, [0, count], reason)
        reason = "low and high are the two ends of intervals"
        check_length("Series", self, "high", [len(self.low)], reason)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per value: `series`, `mark`, `x`, `y`, `low`, `high`, `n`.

        Bars and steps have `x` and `x_end`.
        """
        import pandas as pd

        count = len(self.y)
        columns: dict[str, Any] = {
            "series": self.label,
            "mark": self.mark.value,
        }
        columns["x"] = np.asarray(self.x)[:count]
        if len(self.x) > count:
            columns["x_end"] = np.asarray(self.x)[1:]
        columns["y"] = np.asarray(self.y)
        for name in ("low", "high", "n"):
            values = getattr(self, name)
            if len(values):
                columns[name] = np.asarray(values)
        return pd.DataFrame(columns, index=range(count))


@dataclass(frozen=True)
class Axis:
    """An axis of a panel.

    Attributes:
        label: its text, with the unit in brackets.
        scale: ``linear``, ``log`` or ``symlog`` (linear up to 1).
        ticks: positions of the ticks; empty: chosen by the drawing.
        limits: the ends of the axis; None: from the numbers.
        is_whole: whether ticks are integers only.
        tick_labels: texts of the ticks; empty: their positions.
        bounds: the smallest and the largest possible value, beyond which the
            axis does not go; None: no limit.
    """

    label: str
    scale: str = "linear"
    ticks: tuple[float, ...] = ()
    limits: tuple[float, float] | None = None
    is_whole: bool = False
    tick_labels: tuple[str, ...] = ()
    bounds: Range = UNBOUNDED


@dataclass(frozen=True)
class Panel:
    """A pair of axes with its series, and a title if the figure has several."""

    series: Sequence[Series]
    x: Axis
    y: Axis
    title: str = ""

    def __post_init__(self) -> None:
        check_entries("Panel", self, "series", Series)
        check_instance("Panel", self, "x", Axis)
        check_instance("Panel", self, "y", Axis)


@dataclass(frozen=True)
class Plot:
    """Panels side by side, with one legend.

    Attributes:
        panels: from left to right.
        size: width and height [inches].
        legend_title: heading of the legend.
    """

    panels: Sequence[Panel]
    size: tuple[float, float] = (6.4, 3.4)
    legend_title: str = ""

    def __post_init__(self) -> None:
        check_entries("Plot", self, "panels", Panel)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per value, with the panel's title if there are several panels."""
        import pandas as pd

        frames = []
        for panel in self.panels:
            for series in panel.series:
                frame = series.to_frame()
                if len(self.panels) > 1:
                    frame.insert(0, "panel", panel.title)
                frames.append(frame)
        if not frames:
            return pd.DataFrame(columns=["series", "mark", "x", "y"])
        return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True, eq=False)
class CustomPlot:
    """Numbers with a drawing of their own, for figures that no other class draws.

    Attributes:
        frame: the numbers that are drawn.
        draw: called with an empty matplotlib figure.
        size: width and height [inches].
        can_invert: whether a dark page may exchange light and dark; not where
            brightness has a meaning.
    """

    frame: pd.DataFrame
    draw: Callable[[Figure], None]
    size: tuple[float, float] = (6.4, 3.4)
    can_invert: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers."""
        return self.frame


@dataclass(frozen=True)
class FigureData:
    """A figure before it is drawn.

    Attributes:
        name: stem of its files; begins with the name that the figure function
            is registered by.
        title: one line, which stands above the figure on the page.
        caption: sentences, which stand below it on the page.
        content: what is drawn. The drawing has neither title nor caption, as a
            paper sets its own.
        model: the one that it shows; empty if it shows several.
    """

    name: str
    title: str
    caption: str
    content: Plot | Heatmap | ImageGrid | CustomPlot
    model: str = ""

    def __post_init__(self) -> None:
        check_texts("FigureData", self, ("name", "title", "caption", "model"))
        if not hasattr(self.content, "to_frame"):
            raise ReportItemError(
                f"FigureData: content={show_value(self.content)} is not a gs.Plot or gs.CustomPlot"
            )
        # Sentences are put together from parts, some of which are empty.
        for name in ("title", "caption"):
            object.__setattr__(
                self, name, " ".join(getattr(self, name).split())
            )

    def to_frame(self) -> pd.DataFrame:
        """Return what the figure shows as numbers and texts, as the CSV file beside it."""
        return self.content.to_frame()
