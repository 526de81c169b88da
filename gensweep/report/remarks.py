"""Sentences about numbers: how the best is chosen, of how many examples, why some are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gensweep.core.own_data import OWN_DATA
from gensweep.core.roles import Role
from gensweep.core.soundness import READER_DIGITS, READER_METRIC, TEST_SPLIT
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results

SPLIT_PURPOSES = {
    "train": "to train on",
    "validation": "for validation",
    TEST_SPLIT: "to test",
}
NO_VALUE = "no point has a value of {}"
MAX_REASONS = 3
"""Reasons that are named for each metric."""
_BETTER = {"max": "larger is better", "min": "smaller is better"}


def describe_selection(
    results: Results, models: Iterable[str] | None = None
) -> str:
    """Return one sentence on the validation metrics by which cells are ranked.

    Args:
        results: the sweep's results.
        models: the models to name; None: all.
    """
    choices = []
    reasons = []
    for model in results.models if models is None else models:
        objective = results.objectives[model]
        if objective is None or not has_values(results, model):
            reasons.append(f" {explain_no_choice(results, model)}")
            continue
        better = _BETTER[results.validation[objective].direction]
        choices.append(f"{model} by {objective} ({better})")
    text = "".join(reasons)
    if choices:
        start = "Best cells are chosen on the validation set, after the last epoch"
        text = f"{start}: {', '.join(choices)}.{text}"
    return text.strip()


def explain_no_choice(results: Results, model: str) -> str:
    """Return why no cell of a model is the best one, and what a user would change."""
    objective = results.objectives[model]
    start = f"No cell of {model} is chosen as the best:"
    is_task = any(
        results.params[cell].get("dataset") == OWN_DATA
        for cell in results.list_cells(model)
    )
    if objective is None:
        advice = ""
        if is_task:
            advice = (
                '; a task declares one by gs.Range(low, high, "min") or "max"'
            )
        return f"{start} no metric has a better end{advice}."
    advice = ""
    if is_task:
        advice = f'; a task reports it by run.epoch({{"{objective}": ...}})'
    return f"{start} {NO_VALUE.format(objective)}{advice}."


def has_values(
    results: Results, model: str, cells: Sequence[str] | None = None
) -> bool:
    """Return whether any of the model's cells has a value of its objective.

    Args:
        results: the sweep's.
        model: its name.
        cells: some of its cells; None: all of them.
    """
    objective = results.objectives[model]
    if objective is None:
        return False
    chosen = results.cells["model"] == model
    if cells is not None:
        chosen = results.cells["cell"].isin(list(cells))
    return bool(results.cells.loc[chosen, f"{objective}_mean"].notna().any())


def explain_missing(
    results: Results, cells: Sequence[str], metrics: Iterable[str]
) -> Iterator[str]:
    """Yield a sentence for each metric that ok points of these cells lack, with the reasons."""
    for metric in metrics:
        counts: Counter[str] = Counter()
        for cell in cells:
            counts.update(results.unmeasured.get(cell, {}).get(metric, ()))
        if counts:
            # In the order of the cells, not by frequency.
            named = list(counts.items())[:MAX_REASONS]
            texts = [
                f"{reason} ({pluralize(count, 'cell')})"
                for reason, count in named
            ]
            if len(counts) > len(named):
                texts.append(f"{len(counts) - len(named)} more reasons")
            yield f"{metric} is not measured: {'; '.join(texts)}."


def describe_sample_counts(
    results: Results, cells: Sequence[str], metrics: Iterable[str]
) -> Iterator[str]:
    """Yield of how many pictures metrics of sets of pictures are, and of how many digits."""
    names = list(metrics)
    generated = results.list_metrics_with(Role.GENERATED)
    sample_metrics = [name for name in generated if name in names]
    if sample_metrics:
        count = _format_counts(results, cells, TEST_SPLIT)
        yield f"{', '.join(sample_metrics)}: as many samples as test pictures, {count}."
    if READER_METRIC in names:
        count = _format_counts(results, cells, READER_DIGITS)
        yield f"{READER_METRIC}: of {count} pictures of digits."


def describe_sizes(results: Results, cells: Sequence[str]) -> str:
    """Return how many examples these cells are trained, validated and tested on.

    Empty if no record says so.
    """
    if not any(cell in results.examples for cell in cells):
        return ""
    texts = []
    for split, purpose in SPLIT_PURPOSES.items():
        texts.append(f"{_format_counts(results, cells, split)} {purpose}")
    sentence = f"Examples: {', '.join(texts)}."
    # A cell that nobody has trained yet lacks nothing.
    trained = _list_trained_cells(results, cells)
    if not all(cell in results.examples for cell in trained):
        sentence += " Not every record says how many."
    return sentence


def _list_trained_cells(results: Results, cells: Sequence[str]) -> list[str]:
    """Return those cells that have a point which is ok."""
    trained = set(results.cells.loc[results.cells["n_ok"] > 0, "cell"])
    return [cell for cell in cells if cell in trained]


def _format_counts(results: Results, cells: Sequence[str], split: str) -> str:
    """Return how many examples of a split these cells have.

    That is one number, the smallest and the largest, or that they are not recorded.
    """
    counts = {results.examples.get(cell, {}).get(split) for cell in cells}
    known = sorted(count for count in counts if count is not None)
    if not known:
        return "a number that is not recorded"
    text = f"{known[0]:,}"
    if known[0] != known[-1]:
        text += f" to {known[-1]:,}"
    return text
