"""The answers of a point by epoch: a table of queries, right answers and the point's."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.ledger.stores import Store
from gensweep.prepare.contact_sheet import LINES_KEY
from gensweep.report.figures.data import CustomPlot
from gensweep.report.figures.style import COLOURS, TEXT_GREY

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_QUERIES = 10
"""Queries of a cell that are shown."""
LINE = re.compile(
    r"(?P<query>.*) = (?P<answer>.*) \((?:right|is (?P<right>.*))\)"
)
"""A line of a sheet, as `gensweep.nn.text_head.format_answer` writes it."""
_ROW_HEIGHT, _COLUMN_WIDTH = 0.19, 0.85
_MONO: dict[str, Any] = {"family": "monospace", "size": 8.0, "va": "center"}


@dataclass(frozen=True)
class Answer:
    """A line of a sheet: a query, the right answer and the point's."""

    query: str
    right: str
    answer: str

    @property
    def is_right(self) -> bool:
        """True if the point answered rightly."""
        return self.answer == self.right


def parse_lines(lines: Sequence[str]) -> list[Answer]:
    """Return the answers in a sheet's lines; none if a line is something else."""
    answers = []
    for line in lines:
        match = LINE.fullmatch(line)
        if match is None:
            return []
        right = match["right"]
        if right is None:
            right = match["answer"]
        answers.append(Answer(match["query"], right, match["answer"]))
    return answers


def read_sheet_answers(store: Store, name: str) -> list[Answer]:
    """Return the answers that a sheet of text keeps; none if it keeps none, or is damaged."""
    from PIL import Image

    try:
        content = store.read(name)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            text = getattr(image, "text", {}).get(LINES_KEY, "")
    except (OSError, SyntaxError, ValueError):
        # The sheet as a picture says what is wrong with it.
        return []
    return parse_lines(text.splitlines())


def make_answer_table(
    answers_of: Mapping[str, Mapping[int, Sequence[Answer]]],
    epochs: Sequence[int],
) -> CustomPlot | None:
    """Return a table with a row per query and a column per epoch, below each other for each cell.

    Args:
        answers_of: title of a cell -> epoch -> its answers.
        epochs: the epochs to show.

    Returns:
        None without cells, or if a sheet of any cell keeps no answers.
    """
    import pandas as pd

    if not answers_of:
        return None
    rows: list[dict[str, Any]] = []
    for title, by_epoch in answers_of.items():
        if not by_epoch or not all(by_epoch.values()):
            return None
        first = next(iter(by_epoch.values()))
        for index, one in enumerate(first[:MAX_QUERIES]):
            row = {"cell": title, "query": one.query, "right": one.right}
            for epoch in epochs:
                answers = by_epoch.get(epoch, [])
                has_answer = len(answers) > index
                row[f"epoch {epoch}"] = (
                    answers[index].answer if has_answer else ""
                )
            rows.append(row)
        total = {
            "cell": title,
            "query": f"right of {len(first)}",
            "right": "",
        }
        for epoch in epochs:
            answers = by_epoch.get(epoch, [])
            count = sum(answer.is_right for answer in answers)
            total[f"epoch {epoch}"] = str(count) if answers else ""
        rows.append(total)
    frame = pd.DataFrame(rows)
    height = 0.75 + _ROW_HEIGHT * (len(frame) + 2 * len(answers_of))
    size = (1.0 + _COLUMN_WIDTH * (len(epochs) + 2), height)
    return CustomPlot(
        frame, lambda figure: _draw_table(figure, frame), size, True
    )


def _draw_table(figure: Figure, frame: pd.DataFrame) -> None:
    """Write the table; wrong answers are in colour and struck with a cross."""
    axes = figure.add_subplot()
    names = [name for name in frame.columns if name != "cell"]
    line = 0.0
    for title, rows in frame.groupby("cell", sort=False):
        axes.text(0, line, str(title), size=8.5, va="center", weight="bold")
        line += 1
        for _, row in rows.iterrows():
            _write_row(axes, row, names, line)
            line += 1
        line += 1
    labels = [name.removeprefix("epoch ") for name in names]
    axes.set_xticks(range(len(names)), labels)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set(xlim=(-0.1, len(names)), ylim=(line - 0.5, -1))
    axes.set(
        xlabel="query, right answer, and the answer at each epoch",
        ylabel="cell",
    )
    axes.set_yticks([])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("left")


def _write_row(
    axes: Axes, row: pd.Series, names: Sequence[str], line: float
) -> None:
    is_total = row["right"] == "" and row["query"].startswith("right of ")
    for column, name in enumerate(names):
        is_answer = name.startswith("epoch ")
        is_wrong = is_answer and not is_total and row[name] != row["right"]
        colour = "black"
        if is_total:
            colour = TEXT_GREY
        elif is_wrong:
            colour = COLOURS[1]
        # Not by colour alone.
        text = f"{row[name]} ×" if is_wrong and row[name] else row[name]
        axes.text(column, line, text, color=colour, **_MONO)
