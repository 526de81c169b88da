"""What an answer is: a finding, its verdict, and its numbers in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gensweep.report.stats.inference import Block, Contrast, apply_holm
from gensweep.system.text import pluralize

LEVEL = 0.05
"""A corrected p-value below this decides."""
YES, NO, UNDECIDED, NOT_ENOUGH = "yes", "no", "undecided", "not enough data"
FEW = "Two seeds leave one degree of freedom: only a difference that is many times its spread can be decided."
_P = "{p}"
"""Stands in an answer for its p-values until all of the sweep's are known."""


@dataclass(frozen=True)
class Finding:
    """A question and what the sweep says to it.

    Attributes:
        question: one line.
        answer: a sentence or more, in words with the numbers.
        test: name of the test and its degrees of freedom; empty where none was made.
        n: seeds.
        effect: size, in the unit that `effect_name` says; NaN where there is none. It may be the estimate itself.
        effect_name: what the size is of.
        p: of the test alone, two-sided; NaN where none was made.
        p_corrected: by Holm, over all findings of the sweep.
        verdict: `yes` (corrected p below 0.05, and the effect is in the asked direction), `no` (below 0.05, and
            it goes the other way), `undecided` (0.05 or more) or `not enough data` (no test).
        estimate: what `low` and `high` enclose and the test is of; NaN where there is none.
        estimate_name: what it is; the same as `effect_name` where it is the effect.
        low: lower end of the estimate's 95% confidence interval; not corrected.
        high: upper end.
        points: points that went in.
        left_out: measured points that did not, for want of a partner.
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


def of_block(question: str, block: Block) -> Finding:
    """A finding without an answer, with what it is made of."""
    return Finding(question, "", n=len(block.seeds), points=block.points, left_out=block.left_out)


def tested(finding: Finding, found: Contrast, sign: int, test: str) -> Finding:
    """The finding with its contrast and, where there is one, its test.

    Args:
        finding: with an answer.
        found: positive in the direction of "yes" times ``sign``.
        sign: +1 where larger is better, -1 where smaller is.
        test: its name.
    """
    finding = replace(finding, estimate=found.estimate, low=found.low, high=found.high)
    if math.isnan(found.p):
        why = (
            "One seed: no test."
            if finding.n < 2
            else "The seeds agree exactly: there is no spread to test against."
        )
        return replace(finding, answer=f"{why} {finding.answer}")
    verdict = YES if sign * found.estimate > 0 else NO
    answer = f"{finding.answer} {FEW}" if found.df == 1 else finding.answer
    return replace(
        finding, answer=answer, test=f"{test}, by seed, t({found.df})", p=found.p, verdict=verdict
    )


def corrected(findings: Sequence[Finding]) -> list[Finding]:
    """The findings with their p-values corrected together, in verdict and words."""
    return [
        _decided(finding, p)
        for finding, p in zip(findings, apply_holm([f.p for f in findings]), strict=True)
    ]


def _decided(finding: Finding, p: float) -> Finding:
    if math.isnan(p):
        return finding
    verdict, lead = (
        (finding.verdict, "") if p < LEVEL else (UNDECIDED, "The seeds do not decide this. ")
    )
    told = f"{p_value(finding.p)}; {p_value(p, 'corrected p')}"
    return replace(
        finding, p_corrected=p, verdict=verdict, answer=lead + finding.answer.replace(_P, told)
    )


def p_value(p: float, name: str = "p") -> str:
    """``p = 0.012``; ``p < 0.001``."""
    return f"{name} < 0.001" if p < 0.001 else f"{name} = {p:.2g}"


def size(value: float) -> str:
    """A number with three digits."""
    return f"{value:.3g}"


def interval(found: Contrast, how: str = "") -> str:
    """A contrast's interval and p-values, in brackets; empty where there are none."""
    if math.isnan(found.p):
        return ""
    return f" (95% CI {size(found.low)} to {size(found.high)}{f', {how}' if how else ''}; {_P})"


def share(part: float, icc: float) -> str:
    """A share of variance, the intraclass correlation and p-values."""
    lies = f"{part:.0%} of the variance lies between cells, the rest between seeds"
    return f"{lies} (intraclass correlation {icc:.2f}; {_P})"


def basis(finding: Finding, over: Sequence[str] = ()) -> str:
    """What a finding's numbers are of.

    Args:
        finding: with its counts.
        over: what they are averaged over.
    """
    mean = f", averaged over {', '.join(over)}" if over else ""
    out = (
        f"; {pluralize(finding.left_out, 'more point')} left out, without a partner"
        if finding.left_out
        else ""
    )
    return f"{pluralize(finding.points, 'point')} of {pluralize(finding.n, 'seed')}{mean}{out}."
