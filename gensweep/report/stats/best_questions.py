"""The question which value of a parameter is the best, and whether it is better than the rest."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gensweep.report.stats.blocks import Block
from gensweep.report.stats.contenders import compute_exclusion_p
from gensweep.report.stats.contrasts import Contrast, estimate_contrast
from gensweep.report.stats.equivalence import (
    compute_joint_equality_p,
    iter_pairs,
)
from gensweep.report.stats.findings import (
    NO,
    SIGNIFICANCE_LEVEL,
    YES,
    Finding,
    format_interval,
    format_number,
    format_test,
    start_finding,
)
from gensweep.report.stats.power import DifferenceSize
from gensweep.report.stats.subject import Subject

MAX_VALUES_LISTED = 8
"""More values than this are counted instead of listed."""


def ask_best(subject: Subject, axis: str) -> Finding:
    """Test whether the value that is best on the validation set is better than every other.

    The test is the comparison with the best of `gensweep.report.stats.contenders`, on the test
    set: the largest p of "this other value is the best one" counts.
    """
    question = subject.format_question(
        f"Is one value of {axis} the best for {{}}"
    )
    block = subject.select((axis,))
    finding = start_finding(question, block)
    if len(block.levels) < 2:
        reason = f"No seed has {subject.metric} at two values of {axis} with all else equal."
        return subject.explain_not_enough(finding, reason)
    if not subject.sign:
        return subject.explain_no_direction(finding)
    chosen, source = _choose(subject, axis, block)
    p_values = compute_exclusion_p(block.values, subject.sign)
    others = np.array(
        [index for index in range(len(block.levels)) if index != chosen]
    )
    means = block.values.mean(0) * subject.sign
    rival = int(others[np.argmax(means[others])])
    contrast = _compare_pair(block.values, chosen, rival)
    name = f"difference of {subject.metric}, the chosen value minus the best other one"
    finding = replace(
        finding,
        effect=contrast.estimate,
        effect_name=name,
        estimate=contrast.estimate,
        estimate_name=name,
        low=contrast.low,
        high=contrast.high,
    )
    hardest = _find_hardest(p_values, others)
    texts = [subject.get_text(axis, value) for (value,) in block.levels]
    mean = format_number(float(block.values[:, chosen].mean()))
    answer = (
        f"{source} is {axis}={texts[chosen]}, with a mean of {mean} on the test set; the best "
        f"other value, {texts[rival]}, differs from it by {0.0 - contrast.estimate:+.3g}"
        f"{_format_rival_test(contrast, is_hardest=hardest in (rival, None))}. "
        f"{_describe_hardest(block.values, texts, chosen, rival, hardest)}"
        f"{_describe_contenders(texts, p_values)} {subject.describe_basis(finding, (axis,))}"
    )
    finding = replace(finding, answer=answer)
    if hardest is not None:
        contrast = _compare_pair(block.values, chosen, hardest)
    return _add_verdict(finding, subject, block, p_values, chosen, contrast)


def _choose(subject: Subject, axis: str, block: Block) -> tuple[int, str]:
    """Return the index of the level that is best on the validation set, and how it was chosen."""
    results = subject.runs.results
    objective = results.objectives.get(subject.model)
    if objective is not None:
        validated = subject.select((axis,), objective)
        sign = subject.runs.get_sign(objective)
        rows = zip(validated.levels, validated.values.T * sign, strict=True)
        # Without any validation value there are levels of no seed at all.
        means = {level: float(row.mean()) for level, row in rows if row.size}
        if all(level in means for level in block.levels):
            return _choose_by_validation(
                [means[level] for level in block.levels], objective
            )
    means_of_test = block.values.mean(0) * subject.sign
    text = "The best on the test set itself, as the validation set has no value of some level,"
    return int(np.argmax(means_of_test)), text


def _choose_by_validation(
    means: list[float], objective: str
) -> tuple[int, str]:
    """Return the index of the largest mean, and a text that says whether others equal it."""
    best = max(means)
    equal = [math.isclose(mean, best, rel_tol=1e-12) for mean in means]
    if sum(equal) == 1:
        return equal.index(True), f"The best by {objective}"
    return equal.index(
        True
    ), f"The first of {sum(equal)} values that are equal by {objective}"


def _compare_pair(values: np.ndarray, first: int, second: int) -> Contrast:
    """Return the difference of two levels, the first minus the second."""
    weights = np.zeros(values.shape[1])
    weights[first], weights[second] = 1.0, -1.0
    return estimate_contrast(values, weights)


def _find_hardest(p_values: np.ndarray, others: np.ndarray) -> int | None:
    """Return the level that is hardest to tell from the best; None if one has no test."""
    if np.isnan(p_values[others]).any():
        return None
    return int(others[np.argmax(p_values[others])])


def _format_rival_test(contrast: Contrast, is_hardest: bool) -> str:
    """Return the interval of the best other value, with the p if it decides the question."""
    if math.isnan(contrast.p):
        return ""
    reversed_contrast = _negate(contrast)
    if is_hardest:
        return format_test(reversed_contrast)
    return f" ({format_interval(reversed_contrast)})"


def _describe_hardest(
    values: np.ndarray,
    texts: list[str],
    chosen: int,
    rival: int,
    hardest: int | None,
) -> str:
    """Return the sentence on the value whose p counts, unless it is the best other one."""
    if hardest is None or hardest == rival:
        return ""
    contrast = _compare_pair(values, chosen, hardest)
    return (
        f"The value that is hardest to tell from it is {texts[hardest]}, which differs by "
        f"{0.0 - contrast.estimate:+.3g}{format_test(_negate(contrast))}. "
    )


def _negate(contrast: Contrast) -> Contrast:
    return replace(
        contrast,
        estimate=-contrast.estimate,
        low=-contrast.high,
        high=-contrast.low,
        t=-contrast.t,
    )


def _describe_contenders(texts: list[str], p_values: np.ndarray) -> str:
    """Return the sentence on the values that cannot be told from the best."""
    if np.isnan(p_values).all():
        return "No test tells the values apart."
    contenders = [
        text
        for text, p in zip(texts, p_values, strict=True)
        if not p < SIGNIFICANCE_LEVEL
    ]
    if len(contenders) == 1:
        return f"With 95% confidence, the best of these {len(texts)} values is {contenders[0]}."
    names = ", ".join(contenders)
    if len(contenders) > MAX_VALUES_LISTED:
        names = f"{len(contenders)} of {len(texts)} values"
    return f"With 95% confidence, the best value is one of: {names}."


def _add_verdict(
    finding: Finding,
    subject: Subject,
    block: Block,
    p_values: np.ndarray,
    chosen: int,
    contrast: Contrast,
) -> Finding:
    """Return the finding with its test: is the chosen value the best one?

    Args:
        finding: without a test.
        subject: what is asked about.
        block: the values.
        p_values: of "this level is the best one" [levels].
        chosen: index of the chosen level.
        contrast: the chosen level minus the one that is hardest to tell from it.
    """
    others = np.delete(p_values, chosen)
    if math.isnan(contrast.p) or np.isnan(others).any():
        reason = (
            "The seeds agree exactly: there is no spread to test against."
        )
        if finding.n < 2:
            reason = "One seed: no test."
        return replace(finding, answer=f"{reason} {finding.answer}")
    p_best, p_worse = float(others.max()), float(p_values[chosen])
    levels = len(block.levels)
    is_worse = p_worse < p_best
    spread = contrast.error * math.sqrt(finding.n)
    p_equal = compute_joint_equality_p(
        block.values, iter_pairs(levels), subject.margin
    )
    return replace(
        finding,
        test=f"comparison with the best, by seed, t({contrast.df}), Bonferroni over {levels - 1}",
        p=min(p_best, p_worse),
        verdict=NO if is_worse else YES,
        margin=subject.margin,
        p_equal=p_equal,
        size=DifferenceSize(
            contrast.estimate / spread, sides=1, comparisons=levels - 1
        ),
    )
