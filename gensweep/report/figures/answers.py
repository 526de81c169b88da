"""Answers as numbers: how they are distributed, and how far they are from the right ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.core.registries import FIGURES, register_item
from gensweep.ledger.ledger import POINTS
from gensweep.report.figures.files import Answers, MissingFiles, read_answers
from gensweep.report.figures.image_grid import draw_message
from gensweep.report.figures.selection import (
    ShownCell,
    describe_choice,
    describe_nothing,
    list_answering,
    name_models,
    select_best_and_others,
)
from gensweep.report.figures.style import (
    COLOURS,
    SERIES,
    band,
    canvas,
    legend,
    panels,
    seed_count,
    seeds_caption,
)
from gensweep.report.summary import summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]
    Drawing = Callable[[Results, str], Figure]

ANSWERS_FILE = "answers.csv"
SMALLEST, LARGEST, BIN = -99, 198, 10
"""The range of right answers, and how many integers a bar of the histogram holds."""
NOBODY, NONE_KEPT = (
    "No model of this sweep answers queries.",
    "No answers to show; the caption says why.",
)
_VALUE, _DISTANCE = (
    "answer [integer]",
    "distance of the predicted answer from the right one [integer]",
)


@register_item(FIGURES, "predicted_and_true")
def predicted_and_true(results: Results) -> Figures:
    """The distributions of predicted and of right answers, of the best and the worst cell (the report's Figure 11)."""
    return _each(results, "predicted_and_true", _distributions, (_VALUE, _SHARE))


@register_item(FIGURES, "answer_distances")
def answer_distances(results: Results) -> Figures:
    """How far predicted answers are from the right ones: best, median and worst cell (the report's Figure 12)."""
    return _each(results, "answer_distances", _distances, (_DISTANCE, _WITHIN))


_SHARE = f"share of the answers\n[fraction a bar of {BIN} integers]"
_WITHIN = "share of the answers\nat most so far off [fraction]"


def _each(results: Results, name: str, draw: Drawing, axis_labels: tuple[str, str]) -> Figures:
    figures = [
        (stem, draw(results, model)) for stem, model in name_models(name, list_answering(results))
    ]
    return figures or [
        (name, draw_message(name.replace("_", " "), NOBODY, describe_nothing(results), axis_labels))
    ]


def _read(results: Results, shown: list[ShownCell], lost: MissingFiles) -> dict[str, list[Answers]]:
    """Cell -> the answers of its points."""
    found: dict[str, list[Answers]] = {}
    for one in shown:
        found[one.cell] = []
        for point in one.points.values():
            try:
                found[one.cell].append(
                    read_answers(results.store, f"{POINTS}/{point}/{ANSWERS_FILE}")
                )
            except FileNotFoundError:
                lost.add_missing(f"{point}/{ANSWERS_FILE}")
            except RecordError as error:
                lost.add_damaged(f"{point}/{ANSWERS_FILE}", error)
    return found


def _distributions(results: Results, model: str) -> Figure:
    shown, lost = (
        select_best_and_others(results, model, count=2),
        MissingFiles("; evaluate fills it in"),
    )
    read = _read(results, shown, lost)
    title = f"{model}: right and predicted answers"
    drawn = [one for one in shown if read[one.cell]]
    if not drawn:
        caption = f"{describe_nothing(results, [model])}{lost.caption()}"
        return draw_message(title, NONE_KEPT, caption, (_VALUE, _SHARE))
    caption = describe_choice(results, model)
    for one in drawn:
        caption += f" {one.name}: {_counts(read[one.cell])}."
    caption += _unread(shown, read) + lost.caption()
    figure, found = panels(
        (3.4 * len(drawn) + 1.2, 3.2), [one.title for one in drawn], title, caption
    )
    for axes, one in zip(found, drawn, strict=True):
        _histogram(axes, read[one.cell])
    top = max(axes.get_ylim()[1] for axes in found)
    for axes in found:
        axes.set(xlabel=_VALUE, ylim=(0, top))
    found[0].set_ylabel(_SHARE)
    legend(figure, found[0])
    return figure


def _histogram(axes: Axes, answers: list[Answers]) -> None:
    edges = np.arange(SMALLEST, LARGEST + BIN, BIN) - 0.5
    true, predicted = (
        np.concatenate([getattr(one, name) for one in answers]) for name in ("true", "predicted")
    )
    shares = [
        np.histogram(values[_inside(values)], edges)[0] / len(values)
        for values in (true, predicted)
    ]
    axes.stairs(shares[0], edges, fill=True, color="#C9C9C9", label="right answers")
    axes.stairs(shares[1], edges, color=COLOURS[0], linewidth=1.5, label="predicted answers")


def _inside(values: np.ndarray) -> np.ndarray:
    return (values >= SMALLEST) & (values <= LARGEST)


def _counts(answers: list[Answers]) -> str:
    """How many answers of how many seeds, and how many of them are on no bar."""
    predicted = np.concatenate([one.predicted for one in answers])
    unparsable = np.isnan(predicted)
    beyond = ~unparsable & ~_inside(predicted)
    sizes = sorted({len(one.true) for one in answers})
    each = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return (
        f"{seed_count([len(answers)])} of {each} answers, together; not drawn: {unparsable.sum()} "
        f"({unparsable.mean():.1%}) that are not an integer, {beyond.sum()} ({beyond.mean():.1%}) that are below "
        f"{SMALLEST} or above {LARGEST}"
    )


def _unread(shown: list[ShownCell], read: dict[str, list[Answers]]) -> str:
    """Cells with nothing to show, and seeds beyond those that are read."""
    text = "".join(f" {one.name}: nothing to show." for one in shown if not read[one.cell])
    return text + "".join(
        f" {one.name}: the first {len(one.points)} seeds."
        for one in shown
        if one.n > len(one.points)
    )


def _distances(results: Results, model: str) -> Figure:
    shown, lost = select_best_and_others(results, model), MissingFiles("; evaluate fills it in")
    read = _read(results, shown, lost)
    title = f"{model}: distance of predicted from right answers"
    drawn = [one for one in shown if read[one.cell]]
    if not drawn:
        return draw_message(
            title,
            NONE_KEPT,
            f"{describe_nothing(results, [model])}{lost.caption()}",
            (_DISTANCE, _WITHIN),
        )
    caption = f"{seeds_caption(len(read[one.cell]) for one in drawn)} {describe_choice(results, model)} Exactly right,"
    caption += f" and not an integer: {'; '.join(f'{one.role} cell {_exact(read[one.cell])}' for one in drawn)}."
    caption += " An answer that is not an integer has no distance: with such, a line ends below 1."
    figure, axes = canvas((6.8, 3.6), title, caption + _unread(shown, read) + lost.caption())
    for style, one in enumerate(drawn):
        _within(axes, read[one.cell], one.title, style % SERIES)
    ticks = [0, 1, 2, 5, 10, 20, 50, 100, 200]
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set(xlabel=_DISTANCE, ylabel=_WITHIN, xlim=(-0.08, 300), ylim=(0, 1.02))
    legend(figure, axes)
    return figure


def _within(axes: Axes, answers: list[Answers], text: str, style: int) -> None:
    """The share of answers at each distance or nearer: mean over seeds, with its interval as a band."""
    limits = np.unique([*range(21), *np.round(np.geomspace(20, 300, 30))])
    shares = [
        np.searchsorted(np.sort(np.abs(a.predicted - a.true)), limits, side="right") / len(a.true)
        for a in answers
    ]
    values, place = np.concatenate(shares), np.tile(np.arange(len(limits)), len(shares))
    band(axes, limits, summarize(values, place, len(limits)), text, style)


def _exact(answers: list[Answers]) -> str:
    exact = np.mean([np.mean(one.predicted == one.true) for one in answers])
    return f"{exact:.1%} and {np.mean([one.unparsable.mean() for one in answers]):.1%}"
