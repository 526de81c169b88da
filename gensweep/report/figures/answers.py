"""Answers as numbers: their distribution, and their distance from the right ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.core.registries import register_figure
from gensweep.ledger.ledger import POINTS
from gensweep.report.answer_checks import (
    explain_contradiction,
    list_right_shares,
)
from gensweep.report.figures.answer_histograms import (
    INTEGERS_PER_BAR,
    MAX_ANSWER,
    MIN_ANSWER,
    is_on_bar,
    make_histogram,
)
from gensweep.report.figures.captions import describe_seeds, format_seed_count
from gensweep.report.figures.data import (
    Axis,
    FigureData,
    Mark,
    Panel,
    Plot,
    Series,
)
from gensweep.report.figures.files import Answers, MissingFiles, read_answers
from gensweep.report.figures.grids import make_message
from gensweep.report.figures.selection import (
    ShownCell,
    describe_choice,
    describe_nothing,
    select_best_and_others,
)
from gensweep.report.figures.settings import list_answering, split_by_dataset
from gensweep.report.figures.style import MAX_SEEDS_SHOWN
from gensweep.report.settings import Setting, name_settings
from gensweep.report.summary import summarize

if TYPE_CHECKING:
    from gensweep.report.results import Results

    MakeFunction = Callable[[Results, str, Setting], FigureData]
    AnswersByCell = dict[str, list[Answers]]

ANSWERS_FILE = "answers.csv"
NO_MODEL = "No model of this sweep answers queries."
NO_ANSWERS = "No answers to show; the caption says why."
REMEDY = "; run gensweep evaluate to create it"
MAX_BANDS = 2
"""Most cells with a band: more of them lie on one another."""
_VALUE_LABEL = "answer [integer]"
_SHARE_LABEL = (
    f"share of the answers\n[fraction per bar of {INTEGERS_PER_BAR} integers]"
)
_DISTANCE_LABEL = "distance of the answer from the right one [integer]"
_WITHIN_LABEL = "share of the answers\nwithin this distance [fraction]"
_DISTRIBUTION_LABELS = (_VALUE_LABEL, _SHARE_LABEL)
_DISTANCE_LABELS = (_DISTANCE_LABEL, _WITHIN_LABEL)
_DISTANCE_TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200)
MAX_BAR_RATIO = 4
"""Height of the frame at most, in highest bars of right answers."""
BAR_MARGIN = 0.05
"""Space above the highest bar, as a share of its height."""


@register_figure("predicted_and_true")
def make_predicted_and_true(results: Results) -> list[FigureData]:
    """Show histograms of predicted and right answers: best, worst cell (the paper's Figure 11)."""
    return _make_each(
        results,
        "predicted_and_true",
        _show_distributions,
        _DISTRIBUTION_LABELS,
    )


@register_figure("answer_distances")
def make_answer_distances(results: Results) -> list[FigureData]:
    """Show how far off answers are: best, median and worst cell (the paper's Figure 12)."""
    return _make_each(
        results, "answer_distances", _show_distances, _DISTANCE_LABELS
    )


def _make_each(
    results: Results,
    name: str,
    make: MakeFunction,
    axis_labels: tuple[str, str],
) -> list[FigureData]:
    """Make a figure for each model and dataset with answers, or one that says that none does."""
    settings = split_by_dataset(results, list_answering(results))
    if settings:
        named = name_settings(name, settings)
        return [make(results, stem, setting) for stem, setting in named]
    title = name.replace("_", " ")
    content = make_message(NO_MODEL, axis_labels)
    return [FigureData(name, title, describe_nothing(results), content)]


def _read_by_cell(
    results: Results, cells: Sequence[ShownCell], missing: MissingFiles
) -> AnswersByCell:
    """Return cell -> the answers of its points."""
    answers_of: AnswersByCell = {}
    shares = list_right_shares(results)
    for one in cells:
        answers_of[one.cell] = []
        for point in one.points.values():
            file = f"{point}/{ANSWERS_FILE}"
            try:
                answers = read_answers(results.store, f"{POINTS}/{file}")
                problem = explain_contradiction(
                    answers.right, shares.get(point)
                )
                if problem:
                    raise RecordError(f"{POINTS}/{file}: {problem}")
            except FileNotFoundError:
                missing.add_missing(file)
            except RecordError as error:
                missing.add_damaged(file, error)
            else:
                answers_of[one.cell].append(answers)
    return answers_of


def _show_distributions(
    results: Results, stem: str, setting: Setting
) -> FigureData:
    model = setting.model
    cells = select_best_and_others(results, setting, count=2)
    missing = MissingFiles(REMEDY)
    answers_of = _read_by_cell(results, cells, missing)
    title = f"{setting.title}: right and predicted answers"
    drawn = [one for one in cells if answers_of[one.cell]]
    if not drawn:
        caption = (
            f"{describe_nothing(results, [model])}{missing.format_caption()}"
        )
        content = make_message(NO_ANSWERS, _DISTRIBUTION_LABELS)
        return FigureData(stem, title, caption, content, model)
    caption = describe_choice(results, model, setting.cells)
    for one in drawn:
        caption += f" {one.name}: {_describe_counts(answers_of[one.cell])}."
    caption += _describe_unread(cells, answers_of) + missing.format_caption()
    histograms = [make_histogram(answers_of[one.cell]) for one in drawn]
    # The panels share one scale, so that their bars can be compared.
    top = max(
        float(np.max(series.y)) for pair in histograms for series in pair
    )
    true_top = max(float(np.max(pair[0].y)) for pair in histograms)
    if top > MAX_BAR_RATIO * true_top:
        # A model that gives one answer to all would flatten everything else.
        caption += f" Bars end at the frame; the highest is {top:.1%}."
        top = MAX_BAR_RATIO * true_top
    x, limits = Axis(_VALUE_LABEL), (0.0, (1 + BAR_MARGIN) * top or 1.0)
    panels = []
    for one, pair in zip(drawn, histograms, strict=True):
        label = "" if panels else _SHARE_LABEL
        panels.append(Panel(pair, x, Axis(label, limits=limits), one.title))
    plot = Plot(panels, (3.4 * len(drawn) + 1.2, 2.9))
    return FigureData(stem, title, caption, plot, model)


def _describe_counts(answers: Sequence[Answers]) -> str:
    """Return the number of seeds and answers, and the number of answers on no bar."""
    predicted = np.concatenate([one.predicted for one in answers])
    unparsable = np.isnan(predicted)
    beyond = ~unparsable & ~is_on_bar(predicted)
    sizes = sorted({len(one.true) for one in answers})
    size_text = " to ".join(map(str, dict.fromkeys([sizes[0], sizes[-1]])))
    seeds = format_seed_count([len(answers)])
    return (
        f"{seeds} of {size_text} answers each, taken together; "
        f"not drawn: {unparsable.sum()} ({unparsable.mean():.1%}) that are not integers, "
        f"{beyond.sum()} ({beyond.mean():.1%}) that are below {MIN_ANSWER} or above {MAX_ANSWER}"
    )


def _describe_unread(
    cells: Sequence[ShownCell], answers_of: AnswersByCell
) -> str:
    """Return the sentences on cells without answers, and on seeds that were not read."""
    sentences = [
        f" {one.name}: nothing to show."
        for one in cells
        if not answers_of[one.cell]
    ]
    for one in cells:
        if one.n > len(one.points):
            sentences.append(
                f" {one.name}: only the first {len(one.points)} seeds."
            )
    return "".join(sentences)


def _show_distances(
    results: Results, stem: str, setting: Setting
) -> FigureData:
    model = setting.model
    cells = select_best_and_others(results, setting)
    missing = MissingFiles(REMEDY)
    answers_of = _read_by_cell(results, cells, missing)
    title = f"{setting.title}: distance of predicted from right answers"
    drawn = [one for one in cells if answers_of[one.cell]]
    if not drawn:
        caption = (
            f"{describe_nothing(results, [model])}{missing.format_caption()}"
        )
        content = make_message(NO_ANSWERS, _DISTANCE_LABELS)
        return FigureData(stem, title, caption, content, model)
    seeds = describe_seeds(len(answers_of[one.cell]) for one in drawn)
    exact = "; ".join(
        f"{one.role} cell {_format_exact(answers_of[one.cell])}"
        for one in drawn
    )
    caption = (
        f"{seeds} {describe_choice(results, model, setting.cells)} "
        f"Exactly right answers, and answers that are not integers: {exact}. "
        "An answer that is not an integer has no distance, "
        "so a line with such answers ends below 1."
    )
    caption += _describe_unread(cells, answers_of) + missing.format_caption()
    has_bands = len(drawn) <= MAX_BANDS
    series = []
    for style, one in enumerate(drawn):
        series += _make_shares_within(
            answers_of[one.cell], one.title, style, has_bands
        )
    if any(one.mark == Mark.SEED_LINE for one in series):
        caption += " Thin lines are single seeds."
    if not has_bands:
        caption += f" Intervals are drawn for {MAX_BANDS} cells at most."
    # Linear up to 1 and logarithmic from there, since most distances are small and 0 is common.
    x = Axis(
        _DISTANCE_LABEL, "symlog", ticks=_DISTANCE_TICKS, limits=(-0.08, 300)
    )
    plot = Plot(
        [Panel(series, x, Axis(_WITHIN_LABEL, limits=(-0.02, 1.02)))],
        (6.8, 3.2),
    )
    return FigureData(stem, title, caption, plot, model)


def _make_shares_within(
    answers: Sequence[Answers], label: str, style: int, has_band: bool
) -> list[Series]:
    """Return the share of answers at each distance or nearer: the mean over seeds, and seeds."""
    limits = np.unique([*range(21), *np.round(np.geomspace(20, 300, 30))])
    shares = []
    for one in answers:
        distances = np.sort(np.abs(one.predicted - one.true))
        # NaN is sorted last, so an answer that is not an integer is within no distance.
        within = np.searchsorted(distances, limits, side="right")
        shares.append(within / len(one.true))
    groups = np.tile(np.arange(len(limits)), len(shares))
    one = summarize(
        np.concatenate(shares), groups, len(limits), bounds=(0, 1)
    )
    mean = Series(
        label, limits, one.mean, n=one.n, mark=Mark.BAND, style=style
    )
    if has_band:
        mean = replace(mean, low=one.low, high=one.high)
    if not 1 < len(shares) <= MAX_SEEDS_SHOWN:
        return [mean]
    lines = [
        Series(label, limits, share, mark=Mark.SEED_LINE, style=style)
        for share in shares
    ]
    return [*lines, mean]


def _format_exact(answers: Sequence[Answers]) -> str:
    """Return the share of exactly right answers, and that of answers that are not integers."""
    exact = np.mean([np.mean(one.predicted == one.true) for one in answers])
    unparsable = np.mean([one.unparsable.mean() for one in answers])
    return f"{exact:.1%} and {unparsable:.1%}"
