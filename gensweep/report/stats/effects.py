"""Effects without a direction: shares of variance, and their tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gensweep.report.stats.blocks import Block
from gensweep.report.stats.contrasts import NO_SPREAD
from gensweep.report.stats.findings import (
    YES,
    Finding,
    format_p_placeholder,
    remove_p_values,
)
from gensweep.report.stats.power import estimate_effect_size
from gensweep.report.stats.repeated import RepeatedTest, describe_test
from gensweep.report.stats.subject import Subject
from gensweep.report.summary import find_exponent


def add_share(
    finding: Finding, subject: Subject, axes: tuple[str, ...], block: Block
) -> Finding:
    """Return the finding with the share of variance of an axis or a pair as its effect.

    Args:
        finding: without an effect.
        subject: what it is about.
        axes: one axis, or two.
        block: its runs; they give the share where the sweep has no full grid.
    """
    share = None
    if subject.decomposition is not None:
        share = subject.decomposition.find(axes)
    if share is not None:
        name = f"share of the variance of {subject.metric} between the cells of a seed"
        return replace(
            finding,
            effect=share.mean,
            effect_name=name,
            estimate=share.mean,
            estimate_name=name,
            low=share.low,
            high=share.high,
        )
    if len(block.values) < 2:
        # The levels have all of the variance in one seed, which says nothing.
        return finding
    values = np.ldexp(block.values, -find_exponent(block.values))
    levels = float(values.mean(0).var())
    total = float(values.var())
    scale = float(np.abs(values).max(initial=0.0))
    # The variance of equal numbers is not exactly zero.
    if total <= (NO_SPREAD * scale) ** 2:
        return finding
    name = f"eta squared of {subject.metric}, between levels against between seeds"
    return replace(finding, effect=levels / total, effect_name=name)


def describe_share(finding: Finding, name: str, has_test: bool = True) -> str:
    """Return the sentence on an effect that is a share of variance.

    Args:
        finding: with the share as its effect.
        name: what has the share.
        has_test: whether its p-values stand in the sentence.
    """
    if np.isnan(finding.effect):
        return "All values are the same." if finding.n > 1 else ""
    parts = []
    if not np.isnan(finding.low):
        parts.append(f"95% CI {finding.low:.0%} to {finding.high:.0%}")
    if has_test:
        parts.append(format_p_placeholder())
    source = "between the cells of a seed"
    if not finding.estimate_name:
        source = "between levels and seeds"
    remark = f" ({'; '.join(parts)})" if parts else ""
    return (
        f"{name} has {finding.effect:.0%} of the variance {source}{remark}."
    )


def add_effect_test(
    finding: Finding, test: RepeatedTest, margin: float, p_equal: float
) -> Finding:
    """Return the finding with a test that has no direction.

    Args:
        finding: with an answer.
        test: the test.
        margin: the difference that does not matter; NaN if none is declared.
        p_equal: of "no difference is larger than the margin"; NaN without a margin.
    """
    if np.isnan(test.p):
        reason = (
            "The seeds agree exactly: there is no spread to test against."
        )
        if finding.n < 2:
            reason = "One seed: no test."
        return replace(
            finding, answer=f"{reason} {remove_p_values(finding.answer)}"
        )
    return replace(
        finding,
        test=describe_test(test),
        p=test.p,
        verdict=YES,
        margin=margin,
        p_equal=p_equal,
        size=estimate_effect_size(
            test.f, test.between, test.within, finding.n
        ),
    )
