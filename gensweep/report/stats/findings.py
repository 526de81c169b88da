"""Findings: a question, its verdict, and its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gensweep.report.stats.blocks import Block
from gensweep.report.stats.contrasts import Contrast
from gensweep.report.stats.equivalence import compute_equality_p
from gensweep.report.stats.holm import apply_holm
from gensweep.report.stats.power import (
    MAX_SEEDS,
    POWER,
    DifferenceSize,
    EffectSize,
)
from gensweep.system.text import pluralize

SIGNIFICANCE_LEVEL = 0.05
"""A corrected p-value below this decides a question."""
YES, NO, EQUAL = "yes", "no", "equal"
UNDECIDED, NOT_ENOUGH = "undecided", "not enough data"
TWO_SEEDS_NOTE = (
    "Two seeds leave one degree of freedom: "
    "only a difference that is many times its spread can be decided."
)
MAX_DIGITS = 7
"""Digits of a share that is nearly all, at most."""
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
            (below 0.05, and it goes the other way), `equal` (the difference is smaller than the
            declared margin), `undecided` (0.05 or more) or `not enough data` (no test).
        estimate: what the test is of, and `low` and `high` enclose; NaN if there is none.
        estimate_name: what it is; the same as `effect_name` if it is the effect.
        low: lower end of the estimate's 95% confidence interval; not corrected.
        high: upper end.
        points: number of points that were used.
        left_out: number of measured points that have no partner.
        margin: the difference that does not matter; NaN if the sweep declares none.
        p_equal: of the two one-sided tests against the margin; NaN without them.
        p_equal_corrected: by Holm, over all tests against a margin.
        seeds_needed: how many seeds would decide an undecided question, with 80% power; NaN if
            that is not known, infinite if they are more than `MAX_SEEDS`.
        size: the size of the effect over its spread, from which `seeds_needed` is computed.
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
    margin: float = math.nan
    p_equal: float = math.nan
    p_equal_corrected: float = math.nan
    seeds_needed: float = math.nan
    size: DifferenceSize | EffectSize | None = None


def start_finding(question: str, block: Block) -> Finding:
    """Return a finding without an answer, with the numbers of seeds and points of its block."""
    return Finding(
        question,
        "",
        n=len(block.seeds),
        points=block.points,
        left_out=block.left_out,
    )


def add_test(
    finding: Finding,
    contrast: Contrast,
    sign: int,
    test: str,
    margin: float = math.nan,
) -> Finding:
    """Return the finding with its contrast and, if there is one, its test.

    Args:
        finding: with an answer.
        contrast: positive in the direction of "yes" times ``sign``.
        sign: +1 if larger is better, -1 if smaller is.
        test: its name.
        margin: the size of the contrast that does not matter; NaN if none is declared.
    """
    finding = replace(
        finding,
        estimate=contrast.estimate,
        low=contrast.low,
        high=contrast.high,
    )
    if math.isnan(contrast.p):
        reason = (
            "The seeds agree exactly: there is no spread to test against."
        )
        if finding.n < 2:
            reason = "One seed: no test."
        return replace(finding, answer=f"{reason} {finding.answer}")
    answer = finding.answer
    if contrast.df == 1:
        answer = f"{answer} {TWO_SEEDS_NOTE}"
    spread = contrast.error * math.sqrt(finding.n)
    return replace(
        finding,
        answer=answer,
        test=f"{test}, by seed, t({contrast.df})",
        p=contrast.p,
        verdict=YES if sign * contrast.estimate > 0 else NO,
        margin=margin,
        p_equal=compute_equality_p(contrast, margin),
        size=DifferenceSize(contrast.estimate / spread, margin / spread),
    )


def correct_p_values(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with their p-values corrected together, in verdict and words.

    The tests for a difference are corrected among themselves, and so are those for equality.
    """
    corrected = apply_holm([finding.p for finding in findings])
    equality = apply_holm([finding.p_equal for finding in findings])
    tests = sum(not math.isnan(p) for p in corrected)
    decided = []
    for finding, p, p_equal in zip(
        findings, corrected, equality, strict=True
    ):
        finding = replace(finding, p_corrected=p, p_equal_corrected=p_equal)
        decided.append(_decide(finding, tests))
    return decided


def _decide(finding: Finding, tests: int) -> Finding:
    """Return the finding with the verdict that its corrected p-values allow.

    Args:
        finding: with corrected p-values.
        tests: number of tests that they are corrected over.
    """
    p = finding.p_corrected
    if math.isnan(p):
        return finding
    p_values = (
        f"{format_p_value(finding.p)}; {format_p_value(p, 'corrected p')}"
    )
    answer = finding.answer.replace(_P_PLACEHOLDER, p_values)
    if finding.p_equal_corrected < SIGNIFICANCE_LEVEL:
        answer = f"{_describe_equality(finding)} {answer}"
        return replace(finding, verdict=EQUAL, answer=answer)
    if p < SIGNIFICANCE_LEVEL:
        return replace(finding, answer=answer)
    answer = f"The seeds do not decide this. {answer}"
    seeds = _count_seeds(finding, tests)
    if not math.isnan(seeds):
        answer += f" {_describe_seeds(finding, seeds)}"
    return replace(
        finding, verdict=UNDECIDED, answer=answer, seeds_needed=seeds
    )


def _describe_equality(finding: Finding) -> str:
    """Return the sentence on a difference that is smaller than the margin."""
    p = format_p_value(finding.p_equal_corrected, "corrected p")
    text = f"The difference is smaller than the declared margin of {finding.margin:g} ({p})"
    if finding.p_corrected < SIGNIFICANCE_LEVEL:
        text += ", although it is not zero"
    return f"{text}."


def _count_seeds(finding: Finding, tests: int) -> float:
    """Return the seeds that would decide a question; NaN if that is not known."""
    if finding.size is None or finding.size.is_zero:
        return math.nan
    # As strict as Holm's correction is for the question that is the hardest to decide.
    seeds = finding.size.count_seeds(SIGNIFICANCE_LEVEL / tests)
    return math.inf if seeds is None else float(seeds)


def _describe_seeds(finding: Finding, seeds: float) -> str:
    """Return the sentence on how many seeds would decide a question."""
    count = (
        f"More than {MAX_SEEDS}"
        if math.isinf(seeds)
        else f"About {seeds:.0f}"
    )
    return (
        f"{count} seeds would decide it in {POWER:.0%} of cases if effect and spread are as in "
        f"these {finding.n}, a rough estimate."
    )


def format_p_value(p: float, name: str = "p") -> str:
    """Return a p-value as text: ``p = 0.012``; ``p < 0.001``."""
    return f"{name} < 0.001" if p < 0.001 else f"{name} = {p:.2g}"


def format_p_placeholder() -> str:
    """Return what stands in an answer for its p-values until all of them are known."""
    return _P_PLACEHOLDER


def remove_p_values(answer: str) -> str:
    """Return an answer without the place of its p-values, for a question without a test."""
    answer = answer.replace(f"; {_P_PLACEHOLDER}", "")
    return answer.replace(f" ({_P_PLACEHOLDER})", "")


def format_number(value: float) -> str:
    """Return a number with three digits, or with more if three would make a share all: 0.9996."""
    digits = 3
    while digits < MAX_DIGITS and abs(value) < 1 <= abs(
        float(f"{value:.{digits}g}")
    ):
        digits += 1
    return f"{value:.{digits}g}"


def format_interval(contrast: Contrast) -> str:
    """Return a contrast's interval as text."""
    low = format_number(contrast.low)
    return f"95% CI {low} to {format_number(contrast.high)}"


def format_test(contrast: Contrast, remark: str = "") -> str:
    """Return a contrast's interval and p-values, in brackets after a space; empty without a test.

    Args:
        contrast: the contrast.
        remark: on the interval.
    """
    if math.isnan(contrast.p):
        return ""
    interval = format_interval(contrast)
    if remark:
        interval += f", {remark}"
    return f" ({interval}; {_P_PLACEHOLDER})"


def format_variance_share(eta_squared: float, icc: float) -> str:
    """Return a share of variance, the intraclass correlation and p-values as text."""
    share = f"{eta_squared:.0%} of the variance lies between cells, the rest between seeds"
    return f"{share} (intraclass correlation {icc:.2f}; {_P_PLACEHOLDER})"


def describe_basis(
    finding: Finding, averaged_over: Sequence[str] = ()
) -> str:
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
