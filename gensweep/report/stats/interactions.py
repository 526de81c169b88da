"""The question whether the effect of one parameter depends on another."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from gensweep.report.stats.blocks import Block
from gensweep.report.stats.contrasts import NO_SPREAD
from gensweep.report.stats.effects import (
    add_effect_test,
    add_share,
    describe_share,
)
from gensweep.report.stats.equivalence import (
    compute_joint_equality_p,
    iter_tetrads,
)
from gensweep.report.stats.findings import Finding, start_finding
from gensweep.report.stats.importance import select_grid
from gensweep.report.stats.repeated import (
    compute_effect_test,
    make_interaction_contrasts,
)
from gensweep.report.stats.subject import Subject


def list_crossed_pairs(subject: Subject) -> list[tuple[str, str]]:
    """Return pairs of parameters: the sweep combines two values of one with two of the other."""
    pairs = []
    for first, second in itertools.combinations(subject.list_axes(), 2):
        levels = subject.runs.list_levels(
            subject.model, subject.dataset, (first, second)
        )
        partners: dict[str, set[str]] = {}
        for one, other in levels:
            partners.setdefault(repr(one), set()).add(repr(other))
        if any(
            len(one & other) > 1
            for one, other in itertools.combinations(partners.values(), 2)
        ):
            pairs.append((first, second))
    return pairs


def ask_interaction(subject: Subject, first: str, second: str) -> Finding:
    """Test whether differences between the values of one axis depend on the value of another."""
    axes = (first, second)
    question = subject.format_question(
        f"Does the effect of {first} depend on {second} in {{}}"
    )
    block = subject.select_raw(axes)
    finding = start_finding(question, block)
    grid = select_grid(axes, block) if block.levels else None
    if grid is None or len(grid.axes) < 2:
        reason = f"No seed has {subject.metric} at two values of {first} with two of {second} each."
        return subject.explain_not_enough(finding, reason)
    one, other = (len(levels) for levels in grid.levels)
    values = grid.values.reshape(len(grid.seeds), one * other)
    total = finding.points + finding.left_out
    finding = replace(
        finding, points=total - grid.left_out, left_out=grid.left_out
    )
    test = compute_effect_test(values, make_interaction_contrasts(one, other))
    finding = add_share(
        finding, subject, axes, _remove_main_effects(block, grid.values)
    )
    words = (
        f"Compared: {one} values of {first} with {other} of {second}. "
        f"{subject.describe_basis(finding, axes)}"
    )
    name = f"The interaction of {first} and {second}"
    answer = f"{describe_share(finding, name)} {words}".lstrip()
    finding = replace(finding, answer=answer)
    p_equal = compute_joint_equality_p(
        values, iter_tetrads(one, other), subject.margin
    )
    return add_effect_test(finding, test, subject.margin, p_equal)


def _remove_main_effects(block: Block, values: np.ndarray) -> Block:
    """Return a block of the interaction alone, for its share of the variance.

    Args:
        block: of the same seeds.
        values: [seeds, levels, levels].
    """
    both = (
        values - values.mean(1, keepdims=True) - values.mean(2, keepdims=True)
    )
    both = both + values.mean((1, 2), keepdims=True)
    # What rounding leaves of equal numbers is no interaction.
    scale = np.abs(values).max(initial=0.0)
    both = np.where(np.abs(both) <= NO_SPREAD * scale, 0.0, both)
    return replace(block, values=both.reshape(len(values), -1))
