"""Answers as numbers: their distribution, and their distance from the right ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.core.registries import register_figure
from gensweep.ledger.ledger import POINTS
from gensweep.report.figures.captions import describe_seeds, format_seed_count
from gensweep.report.figures.files import Answers, MissingFiles, read_answers
from gensweep.report.figures.image_grid import draw_message
from gensweep.report.figures.plots import add_legend, draw_band
from gensweep.report.figures.selection import (
    ShownCell,
    describe_choice,
    describe_nothing,
    select_best_and_others,
)
from gensweep.report.figures.settings import list_answering, name_models
from gensweep.report.figures.style import COLOURS, MAX_SERIES, create_figure, create_panels
from gensweep.report.summary import summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gensweep.report.results import Results

    Figures = list[tuple[str, Figure]]
    DrawFunction = Callable[[Results, str], Figure]
    AnswersByCell = dict[str, list[Answers]]

ANSWERS_FILE = "answers.csv"
MIN_ANSWER, MAX_ANSWER = -99, 198
"""The range of right answers."""
INTEGERS_PER_BAR = 10
"""Width of a bar of the histogram."""
NO_MODEL = "No model of this sweep answers queries."
NO_ANSWERS = "No answers to show; the caption says why."
REMEDY = "; run gensweep evaluate to create it"
_VALUE_LABEL = "answer [integer]"
_SHARE_LABEL = f"share of the answers\n[fraction a bar of {INTEGERS_PER_BAR} integers]"
_DISTANCE_LABEL = "distance of the predicted answer from the right one [integer]"
_WITHIN_LABEL = "share of the answers\nwithin this distance [fraction]"
_DISTRIBUTION_LABELS = (_VALUE_LABEL, _SHARE_LABEL)
_DISTANCE_LABELS = (_DISTANCE_LABEL, _WITHIN_LABEL)
_DISTANCE_TICKS = [0, 1, 2, 5, 10, 20, 50, 100, 200]


@register_figure("predicted_and_true")
def draw_predicted_and_true(results: Results) -> Figures:
    """Draw histograms of predicted and right answers: best, worst cell (the paper's Figure 11)."""
    return _draw_each(results, "predicted_and_true", _draw_distributions, _DISTRIBUTION_LABELS)


@register_figure("answer_distances")
def draw_answer_distances(results: Results) -> Figures:
    """Draw how far off answers are: best, median and worst cell (the paper's Figure 12)."""
    return _draw_each(results, "answer_distances", _draw_distances, _DISTANCE_LABELS)


def _draw_each(
    results: Results, name: str, draw: DrawFunction, axis_labels: tuple[str, str]
) -> Figures:
    """Draw a figure for each model that answers queries, or one that says that none does."""
    models = name_models(name, list_answering(results))
    if models:
        return [(stem, draw(results, model)) for stem, model in models]
    title = name.replace("_", " ")
    return [(name, draw_message(title, NO_MODEL, describe_nothing(results), axis_labels))]


def _read_by_cell(
    results: Results, cells: Sequence[ShownCell], missing: MissingFiles
) -> AnswersByCell:
    """Return cell -> the answers of its points."""
    answers_of: AnswersByCell = {}
    for one in cells:
        answers_of[one.cell] = []
        for point in one.points.values():
            file = f"{point}/{ANSWERS_FILE}"
            try:
                answers = read_answers(results.store, f"{POINTS}/{file}")
            except FileNotFoundError:
                missing.add_missing(file)
            except RecordError as error:
                missing.add_damaged(file, error)
            else:
                answers_of[one.cell].append(answers)
    return answers_of


def _draw_distributions(results: Results, model: str) -> Figure:
    cells = select_best_and_others(results, model, count=2)
    missing = MissingFiles(REMEDY)
    answers_of = _read_by_cell(results, cells, missing)
    title = f"{model}: right and predicted answers"
    drawn = [one for one in cells if answers_of[one.cell]]
    if not drawn:
        caption = f"{describe_nothing(results, [model])}{missing.format_caption()}"
        return draw_message(title, NO_ANSWERS, caption, _DISTRIBUTION_LABELS)
    caption = describe_choice(results, model)
    for one in drawn:
        caption += f" {one.name}: {_describe_counts(answers_of[one.cell])}."
    caption += _describe_unread(cells, answers_of) + missing.format_caption()
    size = (3.4 * len(drawn) + 1.2, 3.2)
    figure, panels = create_panels(size, [one.title for one in drawn], title, caption)
    for axes, one in zip(panels, drawn, strict=True):
        _draw_histogram(axes, answers_of[one.cell])
    # The panels share one scale, so that their bars can be compared.
    top = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set(xlabel=_VALUE_LABEL, ylim=(0, top))
    panels[0].set_ylabel(_SHARE_LABEL)
    add_legend(figure, panels[0])
    return figure


def _draw_histogram(axes: Axes, answers: Sequence[Answers]) -> None:
    # Edges lie between integers, so that no answer lies on an edge.
    edges = np.arange(MIN_ANSWER, MAX_ANSWER + INTEGERS_PER_BAR, INTEGERS_PER_BAR) - 0.5
    true = np.concatenate([one.true for one in answers])
    predicted = np.concatenate([one.predicted for one in answers])
    true_shares = _compute_shares(true, edges)
    predicted_shares = _compute_shares(predicted, edges)
    axes.stairs(true_shares, edges, fill=True, color="#C9C9C9", label="right answers")
    axes.stairs(predicted_shares, edges, color=COLOURS[0], linewidth=1.5, label="predicted answers")


def _compute_shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the share of all values that lies in each bar [bars]."""
    counts, _ = np.histogram(values[_is_on_bar(values)], edges)
    return counts / len(values)


def _is_on_bar(values: np.ndarray) -> np.ndarray:
    return (values >= MIN_ANSWER) & (values <= MAX_ANSWER)


def _describe_counts(answers: Sequence[Answers]) -> str:
    """Return the number of seeds and answers, and the number of answers on no bar."""
    predicted = np.concatenate([one.predicted for one in answers])
    unparsable = np.isnan(predicted)
    beyond = ~unparsable & ~_is_on_bar(predicted)
    sizes = sorted({len(one.true) for one in answers})
    size_text = f"{sizes[0]}"
    if len(sizes) > 1:
        size_text = f"{sizes[0]} to {sizes[-1]}"
    seeds = format_seed_count([len(answers)])
    return (
        f"{seeds} of {size_text} answers each, taken together; "
        f"not drawn: {unparsable.sum()} ({unparsable.mean():.1%}) that are not integers, "
        f"{beyond.sum()} ({beyond.mean():.1%}) that are below {MIN_ANSWER} or above {MAX_ANSWER}"
    )


def _describe_unread(cells: Sequence[ShownCell], answers_of: AnswersByCell) -> str:
    """Return the sentences on cells without answers, and on seeds that were not read."""
    sentences = [f" {one.name}: nothing to show." for one in cells if not answers_of[one.cell]]
    for one in cells:
        if one.n > len(one.points):
            sentences.append(f" {one.name}: only the first {len(one.points)} seeds.")
    return "".join(sentences)


def _draw_distances(results: Results, model: str) -> Figure:
    cells = select_best_and_others(results, model)
    missing = MissingFiles(REMEDY)
    answers_of = _read_by_cell(results, cells, missing)
    title = f"{model}: distance of predicted from right answers"
    drawn = [one for one in cells if answers_of[one.cell]]
    if not drawn:
        caption = f"{describe_nothing(results, [model])}{missing.format_caption()}"
        return draw_message(title, NO_ANSWERS, caption, _DISTANCE_LABELS)
    seeds = describe_seeds(len(answers_of[one.cell]) for one in drawn)
    exact = "; ".join(f"{one.role} cell {_format_exact(answers_of[one.cell])}" for one in drawn)
    caption = (
        f"{seeds} {describe_choice(results, model)} "
        f"Exactly right answers, and answers that are not integers: {exact}. "
        "An answer that is not an integer has no distance, "
        "so a line with such answers ends below 1."
    )
    caption += _describe_unread(cells, answers_of) + missing.format_caption()
    figure, axes = create_figure((6.8, 3.6), title, caption)
    for style, one in enumerate(drawn):
        _draw_share_within(axes, answers_of[one.cell], one.title, style % MAX_SERIES)
    # Linear up to 1 and logarithmic from there, since most distances are small and 0 is common.
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    axes.set_xticks(_DISTANCE_TICKS, [str(tick) for tick in _DISTANCE_TICKS])
    axes.minorticks_off()
    axes.set(xlabel=_DISTANCE_LABEL, ylabel=_WITHIN_LABEL, xlim=(-0.08, 300), ylim=(0, 1.02))
    add_legend(figure, axes)
    return figure


def _draw_share_within(axes: Axes, answers: Sequence[Answers], label: str, style: int) -> None:
    """Draw the share of answers at each distance or nearer: the mean over seeds, and a band."""
    limits = np.unique([*range(21), *np.round(np.geomspace(20, 300, 30))])
    shares = []
    for one in answers:
        distances = np.sort(np.abs(one.predicted - one.true))
        # NaN is sorted last, so an answer that is not an integer is within no distance.
        within = np.searchsorted(distances, limits, side="right")
        shares.append(within / len(one.true))
    groups = np.tile(np.arange(len(limits)), len(shares))
    summary = summarize(np.concatenate(shares), groups, len(limits))
    draw_band(axes, limits, summary, label, style)


def _format_exact(answers: Sequence[Answers]) -> str:
    """Return the share of exactly right answers, and that of answers that are not integers."""
    exact = np.mean([np.mean(one.predicted == one.true) for one in answers])
    unparsable = np.mean([one.unparsable.mean() for one in answers])
    return f"{exact:.1%} and {unparsable:.1%}"
