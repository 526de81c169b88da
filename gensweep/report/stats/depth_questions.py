"""The question whether more encoder and decoder layers together help beyond either alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from gensweep.report.stats.axes import DEPTH, SIDES
from gensweep.report.stats.blocks import Block, select_block
from gensweep.report.stats.contrasts import BestVsBest, compare_best
from gensweep.report.stats.equivalence import compute_equality_p
from gensweep.report.stats.findings import (
    Finding,
    add_test,
    format_number,
    format_test,
    start_finding,
)
from gensweep.report.stats.power import DifferenceSize
from gensweep.report.stats.subject import Subject

_AXES = tuple(axis.name for axis in DEPTH)


def has_depths(subject: Subject) -> bool:
    """Return whether both depths of a model vary."""
    return all(len(subject.list_values(name)) > 1 for name in _AXES)


def ask_both_depths(subject: Subject) -> Finding:
    """Test whether the best cell with both depths raised beats every other cell.

    Raised means above the sweep's smallest value. Only seeds count that have cells with only
    the encoder raised, with only the decoder raised, and with both. The cell with neither
    raised has no raised depth alone, but must be beaten as well.
    """
    question = subject.format_question(
        "Do more encoder and decoder layers together help {} beyond either alone"
    )
    minimum = [min(subject.list_values(name)) for name in _AXES]

    def get_side(level: tuple[Any, ...]) -> tuple[bool, ...]:
        return tuple(
            value > low for value, low in zip(level, minimum, strict=True)
        )

    def has_all_sides(levels: Any) -> bool:
        return set(SIDES) <= {get_side(level) for level in levels}

    runs = subject.runs.list_runs_along(
        subject.model, subject.dataset, subject.metric, _AXES
    )
    block = select_block(runs, has_all_sides)
    finding = start_finding(question, block)
    if not has_all_sides(block.levels):
        measured = {get_side(level) for _, _, level, _ in runs}
        return subject.explain_not_enough(
            finding, _describe_missing_sides(subject, measured)
        )
    is_combined = np.array([all(get_side(level)) for level in block.levels])
    sign = subject.sign
    best = compare_best(block.values, is_combined, sign or 1)
    name = f"difference of {subject.metric}, best combined minus best other"
    finding = replace(
        finding,
        answer=_describe_combined(subject, finding, block, best),
        effect=best.contrast.estimate,
        effect_name=name,
        estimate_name=name,
    )
    if not sign:
        return subject.explain_no_direction(finding)
    test = "best against best and every other"
    if best.candidates > 1:
        test += f", Bonferroni over {best.candidates}"
    finding = add_test(finding, best.contrast, sign, test)
    return _add_equality(finding, subject, best, len(block.levels))


def _add_equality(
    finding: Finding, subject: Subject, best: BestVsBest, others: int
) -> Finding:
    """Return the finding with the test of equality, corrected for the choice of both cells.

    Args:
        finding: with its test, if there is one.
        subject: what it is about.
        best: the cells that are compared.
        others: number of cells, any of which the winner may be compared with.
    """
    if not isinstance(finding.size, DifferenceSize):
        return finding
    pairs = best.candidates * others
    p_equal = min(
        1.0, pairs * compute_equality_p(best.contrast, subject.margin)
    )
    # The minimum of NaN and 1 is 1: without a margin there is no test.
    if math.isnan(subject.margin):
        p_equal = math.nan
    size = replace(finding.size, comparisons=best.candidates)
    return replace(finding, margin=subject.margin, p_equal=p_equal, size=size)


def _describe_combined(
    subject: Subject, finding: Finding, block: Block, best: BestVsBest
) -> str:
    """Return the answer on the best combined depth and the best other one."""
    cells = []
    for index in (best.first, best.second):
        depths = "+".join(map(str, block.levels[index]))
        mean = format_number(block.values[:, index].mean())
        cells.append(f"{depths} ({mean})")
    remark = ""
    if best.candidates > 1:
        remark = f"widened for a choice among {best.candidates}"
    return (
        f"{subject.metric} of the best combined depth, {cells[0]}, "
        f"minus that of the best other, {cells[1]}, "
        f"is {best.contrast.estimate:+.3g}{format_test(best.contrast, remark)}. "
        f"{subject.describe_basis(finding, _AXES)}"
    )


def _describe_missing_sides(
    subject: Subject, measured: set[tuple[bool, ...]]
) -> str:
    """Return the sentence on the kinds of cells that the question needs and does not have."""
    missing = [text for side, text in SIDES.items() if side not in measured]
    if missing:
        return f"No ok point has {subject.metric} with {', nor with '.join(missing)}."
    return f"No seed has {subject.metric} with each of: {', '.join(SIDES.values())}."
