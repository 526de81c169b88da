"""Questions about one swept parameter: does it matter, and does more of it help?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gensweep.report.stats.axes import is_numeric, make_axis
from gensweep.report.stats.best_questions import ask_best
from gensweep.report.stats.blocks import Block
from gensweep.report.stats.contrasts import (
    Contrast,
    compute_slope_weights,
    estimate_contrast,
)
from gensweep.report.stats.effects import (
    add_effect_test,
    add_share,
    describe_share,
)
from gensweep.report.stats.equivalence import (
    compute_joint_equality_p,
    iter_pairs,
)
from gensweep.report.stats.findings import (
    Finding,
    add_test,
    format_number,
    format_test,
    start_finding,
)
from gensweep.report.stats.repeated import (
    compute_effect_test,
    make_main_contrasts,
)
from gensweep.report.stats.subject import Subject

MAX_LEVELS_LISTED = 8
"""More levels than this are not listed with their means."""


@dataclass(frozen=True)
class AxisQuestions:
    """The questions about one parameter of a model."""

    subject: Subject
    axis: str

    def iter_findings(self, kinds: frozenset[str]) -> Iterator[Finding]:
        """Yield the findings of these kinds.

        Of two values, every test is the same paired comparison: it is asked once.
        """
        values = self.subject.list_values(self.axis)
        numeric, is_pair = is_numeric(values), len(values) == 2
        if is_pair and kinds & {"matters", "best", "slope"}:
            yield (
                self.ask_slope()
                if numeric
                else self.compare(*reversed(values))
            )
        if not is_pair and "matters" in kinds:
            yield self.ask_main_effect()
        if not is_pair and "best" in kinds:
            yield ask_best(self.subject, self.axis)
        if not is_pair and numeric and "slope" in kinds:
            yield self.ask_slope()

    def ask_slope(self) -> Finding:
        """Test whether the metric improves along the axis, by the slope of the best line."""
        subject, axes = self.subject, (self.axis,)
        axis = make_axis(self.axis, subject.list_values(self.axis))
        block = subject.select(axes)
        finding = start_finding(subject.format_question(axis.question), block)
        if len(block.levels) < 2:
            return subject.explain_not_enough(finding, self._describe_lack())
        x = np.array([value for (value,) in block.levels], float)
        if axis.is_doubling:
            x = np.log2(x)
        contrast = estimate_contrast(
            block.values, axis.unit * compute_slope_weights(x)
        )
        effect = f"{subject.metric} changes by {contrast.estimate:+.3g} {axis.step}"
        name = f"slope of {subject.metric} {axis.step}"
        finding = self._answer(finding, block, contrast, effect, name)
        if not subject.sign:
            return subject.explain_no_direction(finding)
        # The margin is of the metric: the line may not change by more from end to end.
        margin = subject.margin * abs(axis.unit) / float(np.ptp(x))
        return add_test(
            finding, contrast, subject.sign, "linear contrast", margin
        )

    def ask_main_effect(self) -> Finding:
        """Test whether the values of the axis differ at all, averaged over what else varies."""
        subject, axes = self.subject, (self.axis,)
        question = subject.format_question(f"Does {self.axis} matter to {{}}")
        block = subject.select(axes)
        finding = start_finding(question, block)
        if len(block.levels) < 2:
            return subject.explain_not_enough(finding, self._describe_lack())
        test = compute_effect_test(
            block.values, make_main_contrasts(len(block.levels))
        )
        words = f"{self._describe_means(block)} {subject.describe_basis(finding, axes)}"
        finding = add_share(finding, subject, axes, block)
        finding = replace(
            finding,
            answer=f"{describe_share(finding, self.axis)} {words}".lstrip(),
        )
        p_equal = compute_joint_equality_p(
            block.values, iter_pairs(len(block.levels)), subject.margin
        )
        return add_effect_test(finding, test, subject.margin, p_equal)

    def compare(self, first: Any, second: Any) -> Finding:
        """Test whether one value of the axis is better than another."""
        subject, axes = self.subject, (self.axis,)
        texts = [
            f"{self.axis}={subject.get_text(self.axis, value)}"
            for value in (first, second)
        ]
        question = subject.format_question(
            f"Is {texts[0]} better than {texts[1]} for {{}}"
        )
        block = subject.select(axes, only=[(first,), (second,)])
        finding = start_finding(question, block)
        if len(block.levels) < 2:
            values = " and of ".join(texts)
            reason = f"No seed has {subject.metric} of {values} with all else equal."
            return subject.explain_not_enough(finding, reason)
        weights = np.array(
            [1.0 if level == (first,) else -1.0 for level in block.levels]
        )
        contrast = estimate_contrast(block.values, weights)
        name = f"mean difference of {subject.metric}, {texts[0]} minus {texts[1]}"
        effect = (
            f"{subject.metric} of {texts[0]} minus that of {texts[1]} is "
            f"{contrast.estimate:+.3g} on average"
        )
        finding = self._answer(finding, block, contrast, effect, name)
        if not subject.sign:
            return subject.explain_no_direction(finding)
        return add_test(
            finding,
            contrast,
            subject.sign,
            "paired difference",
            subject.margin,
        )

    def _answer(
        self,
        finding: Finding,
        block: Block,
        contrast: Contrast,
        effect: str,
        name: str,
    ) -> Finding:
        """Return the finding with the sentences that follow from a contrast.

        Args:
            finding: the question.
            block: the values that were compared.
            contrast: what they were compared by.
            effect: the first sentence, without its end.
            name: of the effect, for tables.
        """
        basis = self.subject.describe_basis(finding, (self.axis,))
        answer = (
            f"{effect}{format_test(contrast)}. {self._describe_means(block)} "
            f"{self._describe_pair(block)}{basis}"
        )
        return replace(
            finding,
            answer=answer,
            effect=contrast.estimate,
            effect_name=name,
            estimate_name=name,
        )

    def _describe_pair(self, block: Block) -> str:
        """Return the share of variance of an axis of two values; empty for other axes."""
        if len(self.subject.list_values(self.axis)) != 2:
            return ""
        finding = start_finding("", block)
        share = add_share(finding, self.subject, (self.axis,), block)
        return f"{describe_share(share, self.axis, has_test=False)} ".lstrip()

    def _describe_lack(self) -> str:
        metric = self.subject.metric
        return f"No seed has {metric} at two values of {self.axis} with all else equal."

    def _describe_means(self, block: Block) -> str:
        """Return the sentence on the mean of each level."""
        means = block.values.mean(0)
        texts = [
            self.subject.get_text(self.axis, value)
            for (value,) in block.levels
        ]
        parts = [
            f"{format_number(mean)} at {text}"
            for mean, text in zip(means, texts, strict=True)
        ]
        if len(parts) > MAX_LEVELS_LISTED:
            order = np.argsort(means)
            low, high = parts[order[0]], parts[order[-1]]
            return f"Means on the test set, of {len(parts)} values: from {low} to {high}."
        return f"Means on the test set, by {self.axis}: {', '.join(parts)}."
