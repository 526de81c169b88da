"""Findings: a question, its verdict, and its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gensweep.report.stats.blocks import Block
from gensweep.report.stats.contrasts import Contrast
from gensweep.report.stats.holm import apply_holm
from gensweep.system.text import pluralize

SIGNIFICANCE_LEVEL = 0.05
"""A corrected p-value below this decides a question."""
YES, NO, UNDECIDED, NOT_ENOUGH = "yes", "no", "undecided", "not enough data"
TWO_SEEDS_NOTE = (
    "Two seeds leave one degree of freedom: "
    "only a difference that is many times its spread can be decided."
)
_P_PLACEHOLDER = "{p}"
"""Stands in an answer for its p-values until all p-values of the sweep are known."""


@dataclass(frozen=True)
class Finding:
    """A question and what the sweep says to it.

    Attributes:
        question: one line.
        answer: a sentence or more, in words with the numbers.
        test: name of the test and its degrees of freedom; empty without a test.
        n: number of seeds.
        effect: size, in the unit that `effect_name` says; NaN if there is none. It may be the
            estimate itself.
        effect_name: what the size is of.
        p: of the test alone, two-sided; NaN without a test.
        p_corrected: by Holm, over all findings of the sweep.
        verdict: `yes` (corrected p below 0.05, and the effect is in the asked direction), `no`
            (below 0.05, and it goes the other way), `undecided` (0.05 or more) or `not enough data`
            (no test).
        estimate: what the test is of, and `low` and `high` enclose; NaN if there is none.
        estimate_name: what it is; the same as `effect_name` if it is the effect.
        low: lower end of the estimate's 95% confidence interval; not corrected.
        high: upper end.
        points: number of points that were used.
        left_out: number of measured points that have no partner.
    """

    question: str
    answer: str
    test: str = ""
    n: int = 0
    effect: float = math.nan
    effect_name: str = ""
    p: float = math.nan
    p_corrected: float = math.nan
    verdict: str = NOT_ENOUGH
    estimate: float = math.nan
    estimate_name: str = ""
    low: float = math.nan
    high: float = math.nan
    points: int = 0
    left_out: int = 0


def start_finding(question: str, block: Block) -> Finding:
    """Return a finding without an answer, with the numbers of seeds and points of its block."""
    return Finding(question, "", n=len(block.seeds), points=block.points, left_out=block.left_out)


def add_test(finding: Finding, contrast: Contrast, sign: int, test: str) -> Finding:
    """Return the finding with its contrast and, if there is one, its test.

    Args:
        finding: with an answer.
        contrast: positive in the direction of "yes" times ``sign``.
        sign: +1 if larger is better, -1 if smaller is.
        test: its name.
    """
    finding = replace(finding, estimate=contrast.estimate, low=contrast.low, high=contrast.high)
    if math.isnan(contrast.p):
        reason = "The seeds agree exactly: there is no spread to test against."
        if finding.n < 2:
            reason = "One seed: no test."
        return replace(finding, answer=f"{reason} {finding.answer}")
    answer = finding.answer
    if contrast.df == 1:
        answer = f"{answer} {TWO_SEEDS_NOTE}"
    return replace(
        finding,
        answer=answer,
        test=f"{test}, by seed, t({contrast.df})",
        p=contrast.p,
        verdict=YES if sign * contrast.estimate > 0 else NO,
    )


def correct_p_values(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with their p-values corrected together, in verdict and words."""
    corrected = apply_holm([finding.p for finding in findings])
    return [_decide(finding, p) for finding, p in zip(findings, corrected, strict=True)]


def _decide(finding: Finding, p: float) -> Finding:
    """Return the finding with its corrected p-value, and with the verdict that it allows."""
    if math.isnan(p):
        return finding
    p_values = f"{format_p_value(finding.p)}; {format_p_value(p, 'corrected p')}"
    answer = finding.answer.replace(_P_PLACEHOLDER, p_values)
    verdict = finding.verdict
    if p >= SIGNIFICANCE_LEVEL:
        verdict = UNDECIDED
        answer = f"The seeds do not decide this. {answer}"
    return replace(finding, p_corrected=p, verdict=verdict, answer=answer)


def format_p_value(p: float, name: str = "p") -> str:
    """Return a p-value as text: ``p = 0.012``; ``p < 0.001``."""
    return f"{name} < 0.001" if p < 0.001 else f"{name} = {p:.2g}"


def format_number(value: float) -> str:
    """Return a number with three digits."""
    return f"{value:.3g}"


def format_test(contrast: Contrast, remark: str = "") -> str:
    """Return a contrast's interval and p-values, in brackets after a space; empty without a test.

    Args:
        contrast: the contrast.
        remark: on the interval.
    """
    if math.isnan(contrast.p):
        return ""
    interval = f"95% CI {format_number(contrast.low)} to {format_number(contrast.high)}"
    if remark:
        interval += f", {remark}"
    return f" ({interval}; {_P_PLACEHOLDER})"


def format_variance_share(eta_squared: float, icc: float) -> str:
    """Return a share of variance, the intraclass correlation and p-values as text."""
    share = f"{eta_squared:.0%} of the variance lies between cells, the rest between seeds"
    return f"{share} (intraclass correlation {icc:.2f}; {_P_PLACEHOLDER})"


def describe_basis(finding: Finding, averaged_over: Sequence[str] = ()) -> str:
    """Return the sentence on the points and seeds behind a finding.

    Args:
        finding: with its counts.
        averaged_over: parameters that its numbers are averaged over.
    """
    text = f"{pluralize(finding.points, 'point')} of {pluralize(finding.n, 'seed')}"
    if averaged_over:
        text += f", averaged over {', '.join(averaged_over)}"
    if finding.left_out:
        text += f"; {pluralize(finding.left_out, 'more point')} left out for want of a partner"
    return f"{text}."
