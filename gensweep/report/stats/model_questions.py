"""Questions about one model: do depth, training data, epochs and batch size help it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gensweep.report.stats.axes import DEPTH, SIDES, TRAINING, Axis
from gensweep.report.stats.blocks import Block, select_block
from gensweep.report.stats.contrasts import (
    BestVsBest,
    compare_best,
    compute_slope_weights,
    estimate_contrast,
)
from gensweep.report.stats.findings import (
    Finding,
    add_test,
    describe_basis,
    format_number,
    format_test,
    start_finding,
)
from gensweep.report.stats.runs import Runs


@dataclass(frozen=True)
class ModelQuestions:
    """The questions about one model on one dataset, by one metric."""

    runs: Runs
    model: str
    dataset: Any
    metric: str

    def iter_findings(self) -> Iterator[Finding]:
        """Yield a finding for each question that the model's cells raise."""
        depths = {axis.name: self._list_values(axis) for axis in DEPTH}
        depths = {name: values for name, values in depths.items() if values}
        if any(len(values) > 1 for values in depths.values()):
            for axis in DEPTH:
                if axis.name in depths:
                    yield self._ask_along(axis)
            if len(depths) == len(DEPTH):
                yield self._ask_both_depths()
        elif depths:
            fixed = " and ".join(f"{name} is {values[0]}" for name, values in depths.items())
            question = self._format_question("Do more layers help {}")
            yield Finding(question, f"In every cell {fixed}.")
        for axis in TRAINING:
            if len(self._list_values(axis)) > 1:
                yield self._ask_along(axis)

    def _list_values(self, axis: Axis) -> list[Any]:
        return self.runs.list_values(self.model, self.dataset, axis.name)

    def _format_question(self, text: str) -> str:
        subject = self.model
        if len(self.runs.datasets[self.model]) > 1:
            subject = f"{self.model} on {self.dataset}"
        return f"{text.format(subject)}, by {self.metric}?"

    def _explain_not_enough(self, finding: Finding, reason: str) -> Finding:
        """Return the finding with the reason why its data is not enough.

        Args:
            finding: without a test.
            reason: if there are measured points; without any, their absence is the reason.
        """
        if not finding.points + finding.left_out:
            reason = self.runs.explain_absence([self.model], self.metric)
        return replace(finding, answer=reason)

    def _describe_basis(self, finding: Finding, axes: tuple[str, ...]) -> str:
        return describe_basis(finding, self.runs.list_other_varying(self.model, axes))

    def _ask_along(self, axis: Axis) -> Finding:
        """Test whether the metric improves along the axis, by the slope of the best line."""
        question = self._format_question(axis.question)
        values = self._list_values(axis)
        if len(values) < 2:
            return Finding(question, f"In every cell {axis.name} is {values[0]}.")
        axes = (axis.name,)
        block = select_block(self.runs.list_runs_along(self.model, self.dataset, self.metric, axes))
        finding = start_finding(question, block)
        if len(block.levels) < 2:
            reason = f"No seed has {self.metric} at two values of {axis.name} with all else equal."
            return self._explain_not_enough(finding, reason)
        x = np.array([value for (value,) in block.levels], float)
        if axis.is_doubling:
            x = np.log2(x)
        contrast = estimate_contrast(block.values, axis.unit * compute_slope_weights(x))
        sign = self.runs.get_sign(self.metric)
        answer = (
            f"{self.metric} changes by {contrast.estimate:+.3g} {axis.step}"
            f"{format_test(contrast)}. {self._describe_best(axis, block, sign)} "
            f"{self._describe_basis(finding, axes)}"
        )
        name = f"slope of {self.metric} {axis.step}"
        finding = replace(
            finding,
            answer=answer,
            effect=contrast.estimate,
            effect_name=name,
            estimate_name=name,
        )
        if not sign:
            return self._explain_no_direction(finding)
        return add_test(finding, contrast, sign, "linear contrast")

    def _describe_best(self, axis: Axis, block: Block, sign: int) -> str:
        """Return the sentence on the level with the best mean."""
        means = block.values.mean(0)
        best = int(np.argmax(means * sign))
        names = self.runs.results.names
        texts = [names.get_text(axis.name, value) for (value,) in block.levels]
        mean = format_number(means[best])
        level = f"{axis.name} {texts[best]}, of {', '.join(texts)}"
        return f"Best mean on the test set: {mean} at {level}."

    def _ask_both_depths(self) -> Finding:
        """Test whether the best cell with both depths raised beats every other cell.

        Raised means above the sweep's smallest value. Only seeds count that have cells with only
        the encoder raised, with only the decoder raised, and with both. The cell with neither
        raised has no raised depth alone, but must be beaten as well.
        """
        question = self._format_question(
            "Do more encoder and decoder layers together help {} beyond either alone"
        )
        axes = tuple(axis.name for axis in DEPTH)
        minimum = [min(self._list_values(axis)) for axis in DEPTH]

        def get_side(level: tuple[Any, ...]) -> tuple[bool, ...]:
            return tuple(value > low for value, low in zip(level, minimum, strict=True))

        def has_all_sides(levels: Any) -> bool:
            return set(SIDES) <= {get_side(level) for level in levels}

        runs = self.runs.list_runs_along(self.model, self.dataset, self.metric, axes)
        block = select_block(runs, has_all_sides)
        finding = start_finding(question, block)
        if not has_all_sides(block.levels):
            measured = {get_side(level) for _, _, level, _ in runs}
            return self._explain_not_enough(finding, self._describe_missing_sides(measured))
        is_combined = np.array([all(get_side(level)) for level in block.levels])
        sign = self.runs.get_sign(self.metric)
        best = compare_best(block.values, is_combined, sign or 1)
        name = f"difference of {self.metric}, best combined minus best other"
        finding = replace(
            finding,
            answer=self._describe_combined(finding, block, best, axes),
            effect=best.contrast.estimate,
            effect_name=name,
            estimate_name=name,
        )
        if not sign:
            return self._explain_no_direction(finding)
        test = "best against best and every other"
        if best.candidates > 1:
            test += f", Bonferroni over {best.candidates}"
        return add_test(finding, best.contrast, sign, test)

    def _describe_combined(
        self, finding: Finding, block: Block, best: BestVsBest, axes: tuple[str, ...]
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
            f"{self.metric} of the best combined depth, {cells[0]}, "
            f"minus that of the best other, {cells[1]}, "
            f"is {best.contrast.estimate:+.3g}{format_test(best.contrast, remark)}. "
            f"{self._describe_basis(finding, axes)}"
        )

    def _describe_missing_sides(self, measured: set[tuple[bool, ...]]) -> str:
        """Return the sentence on the kinds of cells that the question needs and does not have."""
        missing = [text for side, text in SIDES.items() if side not in measured]
        if missing:
            return f"No ok point has {self.metric} with {', nor with '.join(missing)}."
        return f"No seed has {self.metric} with each of: {', '.join(SIDES.values())}."

    def _explain_no_direction(self, finding: Finding) -> Finding:
        answer = f"{self.metric} declares no direction: neither larger nor smaller is better."
        return replace(finding, answer=answer)
