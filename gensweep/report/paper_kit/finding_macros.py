"""Macros of a paper's findings, so that its claims say what the tests say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from gensweep.report.measurement import measure
from gensweep.report.paper_kit.columns import SMALLEST_P
from gensweep.report.paper_kit.macros import UNKNOWN, Macro
from gensweep.report.paper_kit.numbers import Form, choose_form
from gensweep.report.paper_kit.options import KitOptions
from gensweep.report.stats.findings import (
    NO,
    SIGNIFICANCE_LEVEL,
    UNDECIDED,
    YES,
    Finding,
)
from gensweep.report.stats.holm import apply_holm
from gensweep.report.tables.latex_text import escape

if TYPE_CHECKING:
    from gensweep.report.results import Results

_WITHOUT_SIGN = "share"
"""The first word of the names of estimates that cannot be negative."""


def list_finding_macros(
    results: Results, options: KitOptions
) -> Iterator[Macro]:
    """Yield the macros of the sweep's questions, then of the comparisons that were chosen."""
    findings = list(results.findings)
    for finding in [*findings, *_compare(results, findings, options)]:
        yield from _list_parts(results.sweep.name, finding)


def _compare(
    results: Results, findings: Sequence[Finding], options: KitOptions
) -> list[Finding]:
    """Return the chosen comparisons, without those that the sweep itself asks.

    They are corrected together with the sweep's questions, since more questions give more errors.
    """
    questions = {finding.question for finding in findings}
    compared = []
    for axis, first, second in options.comparisons:
        if axis in results.varying:
            compared += results.compare(axis, first, second)
    new = [one for one in compared if one.question not in questions]
    corrected = apply_holm([one.p for one in (*findings, *new)])
    chosen = []
    for finding, p in zip(new, corrected[len(findings) :], strict=True):
        is_decided = finding.verdict in (YES, NO)
        verdict = finding.verdict
        if is_decided and p >= SIGNIFICANCE_LEVEL:
            verdict = UNDECIDED
        chosen.append(replace(finding, p_corrected=p, verdict=verdict))
    return chosen


def _list_parts(sweep: str, finding: Finding) -> Iterator[Macro]:
    identity = (sweep, finding.question)
    estimate = finding.estimate_name or "estimate"
    meanings = {
        "verdict": finding.question,
        "estimate": estimate,
        "interval": f"95% confidence interval of {estimate}",
        "full": f"both of {estimate}",
        "p": f"p-value: {finding.test or 'no test'}",
        "n": "seeds",
    }
    values = _write_values(finding)
    for part, meaning in meanings.items():
        yield Macro((*identity, part), values[part], meaning)


def _write_values(finding: Finding) -> dict[str, str]:
    """Return the LaTeX of each part of a finding."""
    values = dict.fromkeys(("estimate", "interval", "full", "p"), UNKNOWN)
    values["verdict"] = escape(finding.verdict)
    values["n"] = str(finding.n)
    if not math.isnan(finding.p_corrected):
        values["p"] = format_p(finding.p_corrected)
    if math.isnan(finding.estimate):
        return values
    half = (finding.high - finding.low) / 2
    form = choose_form([measure(finding.estimate, half, math.nan, finding.n)])
    estimate = _write_number(finding.estimate, form)
    has_sign = not finding.estimate_name.startswith(_WITHOUT_SIGN)
    if has_sign and not estimate.startswith("-"):
        estimate = f"+{estimate}"
    values["estimate"] = values["full"] = rf"\ensuremath{{{estimate}}}"
    if not math.isnan(half):
        low = _write_number(finding.low, form)
        high = _write_number(finding.high, form)
        values["interval"] = rf"\ensuremath{{[{low}, {high}]}}"
        values["full"] = rf"\ensuremath{{{estimate}\ [{low}, {high}]}}"
    return values


def _write_number(value: float, form: Form) -> str:
    text = form.write(value)
    if form.power:
        return rf"{text} \times 10^{{{form.power}}}"
    return text


def format_p(p: float) -> str:
    """Return a p-value with its sign, as a text has it: ``p = 0.007`` or ``p < 0.001``."""
    if p < SMALLEST_P:
        return rf"\ensuremath{{p < {SMALLEST_P}}}"
    return rf"\ensuremath{{p = {p:.3f}}}"
