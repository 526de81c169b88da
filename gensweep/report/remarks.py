"""What must stand beside numbers: how the best is chosen, of how many examples they are, why some are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gensweep.core.soundness import MIN_PICTURES, READER_DIGITS, READER_METRIC, TEST_SPLIT
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results

SAMPLE_METRICS = (*MIN_PICTURES, "sliced_wasserstein")
"""Metrics that compare as many samples as there are test pictures; their values depend on how many that are."""
PARTS = {"train": "to train on", "validation": "for validation", TEST_SPLIT: "to test"}
NO_VALUE = "no validation value of it is known"
_BETTER = {"max": "larger is better", "min": "smaller is better"}
_MOST_REASONS = 3


def describe_selection(results: Results, models: Iterable[str] | None = None) -> str:
    """Return one sentence on the validation metrics by which cells are ranked: of some models, or of all."""
    texts = []
    for model in results.models if models is None else models:
        objective = results.objectives[model]
        if objective is None:
            texts.append(f"{model} by nothing (no metric has a better end)")
            continue
        told = [] if has_values(results, model) else [NO_VALUE]
        texts.append(
            f"{model} by {objective} ({'; '.join([_BETTER[results.validation[objective].direction], *told])})"
        )
    return f"Best cells are chosen on the validation set, after the last epoch: {', '.join(texts)}."


def has_values(results: Results, model: str) -> bool:
    """Return whether any of the model's cells has a value of its objective."""
    objective = results.objectives[model]
    if objective is None:
        return False
    return bool(
        results.cells.loc[results.cells["model"] == model, f"{objective}_mean"].notna().any()
    )


def explain_missing(
    results: Results, cells: Sequence[str], metrics: Iterable[str]
) -> Iterator[str]:
    """Yield a sentence for each metric that ok points of these cells do not have, with the reasons."""
    for metric in metrics:
        found: dict[str, int] = {}
        for cell in cells:
            for reason in results.unmeasured.get(cell, {}).get(metric, ()):
                found[reason] = found.get(reason, 0) + 1
        if found:
            shown = list(found.items())[:_MOST_REASONS]
            texts = [f"{reason} ({pluralize(count, 'cell')})" for reason, count in shown]
            more = [f"{len(found) - len(shown)} more reasons"] if len(found) > len(shown) else []
            yield f"{metric} is not measured: {'; '.join([*texts, *more])}."


def describe_sample_counts(
    results: Results, cells: Sequence[str], metrics: Iterable[str]
) -> Iterator[str]:
    """Yield of how many pictures the metrics are that compare sets of them, and of how many digits the reader's is."""
    names = list(metrics)
    if shown := [name for name in names if name in SAMPLE_METRICS]:
        yield f"{', '.join(shown)}: as many samples as test pictures, {_numbers(results, cells, TEST_SPLIT)}."
    if READER_METRIC in names:
        yield f"{READER_METRIC}: of {_numbers(results, cells, READER_DIGITS)} pictures of digits."


def describe_sizes(results: Results, cells: Sequence[str]) -> str:
    """Return how many examples these cells are trained, validated and tested on; empty where no record says so."""
    if not any(cell in results.examples for cell in cells):
        return ""
    texts = [f"{_numbers(results, cells, part)} {what}" for part, what in PARTS.items()]
    return f"Examples: {', '.join(texts)}."


def _numbers(results: Results, cells: Sequence[str], part: str) -> str:
    """The counts of these cells: one number, the smallest and the largest, or that they are not recorded."""
    counts = {results.examples.get(cell, {}).get(part) for cell in cells}
    known = sorted(count for count in counts if count is not None)
    if not known:
        return "a number that is not recorded"
    text = f"{known[0]:,}" if known[0] == known[-1] else f"{known[0]:,} to {known[-1]:,}"
    return f"{text} (where it is recorded)" if None in counts else text
