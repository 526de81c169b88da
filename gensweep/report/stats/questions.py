"""The report's questions, put to a sweep: what its seeds say, how surely, and what is missing.

Only ok points count: a cell that lost seeds to divergence or failure answers with those that are left. The tests and
the reasons for them are in `gensweep.report.stats.inference`; p-values are corrected together over all questions of
a sweep (Holm 1979), intervals are not. Why a difference must be compared with the spread over seeds: Bouthillier et al.
(2021), "Accounting for variance in machine learning benchmarks", MLSys 3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gensweep.report.remarks import SAMPLE_METRICS, explain_missing
from gensweep.report.stats.findings import (
    YES,
    Finding,
    basis,
    corrected,
    interval,
    of_block,
    share,
    size,
    tested,
)
from gensweep.report.stats.inference import (
    compare_best,
    compare_cells,
    compute_rank_biserial,
    compute_slope_weights,
    estimate_contrast,
    select_block,
)
from gensweep.report.stats.runs import Run, Runs
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results

ERROR, READER = "mse", "read_exact_match"
"""Of generated pictures of text: the report's measure, and what a reader reads in them."""
RIVALS = ("gan", "vae")
"""Is the first better than the second?"""
GENERATED = SAMPLE_METRICS
"""Metrics of generated pictures, which both rivals can have."""


@dataclass(frozen=True)
class Axis:
    """A parameter whose values have an order.

    Attributes:
        question: with a place for the model.
        step: what a slope is the change over.
        unit: the step's size, on the values or on their logarithm to base 2.
        doubling: whether it is on the logarithm.
    """

    name: str
    question: str
    step: str
    unit: float = 1.0
    doubling: bool = False


SIDES = {
    (True, False): "only the encoder raised",
    (False, True): "only the decoder raised",
    (True, True): "both depths raised",
}
"""Whether encoder and decoder are deeper than the sweep's least."""
DEPTH = (
    Axis("encoder_layers", "Do more encoder layers help {}", "for each encoder layer"),
    Axis("decoder_layers", "Do more decoder layers help {}", "for each decoder layer"),
)
TRAINING = (
    Axis("train_fraction", "Does more training data help {}", "for each tenth of the pool", 0.1),
    Axis("epochs", "Do more epochs help {}", "for each doubling of the epochs", doubling=True),
    Axis(
        "batch_size",
        "Do smaller batches help {}",
        "for each halving of the batch",
        -1.0,
        doubling=True,
    ),
)


def answer_questions(results: Results) -> list[Finding]:
    """Every question that the sweep's models raise, answered as far as its records go.

    Depth is asked of every model that has it; training data, epochs and batches where the sweep varies them;
    each on every dataset apart, and averaged over what else varies. A question that needs what is not there, or
    has one seed, is "not enough data" and its answer says what is missing; one whose corrected p-value is
    0.05 or more is "undecided".
    """
    runs = Runs(results)
    return corrected([*_of_models(runs), *_apart(runs), *_rivals(runs)])


def _of_models(runs: Runs) -> Iterator[Finding]:
    """Depth, data and training of each model on each of its datasets."""
    for model in runs.results.models:
        main = runs.results.get_main_metric(model)
        measured = [name for name in (main, READER, ERROR) if name and runs.measured(model, name)]
        metrics = dict.fromkeys(measured or ([main] if main else []))
        for dataset in runs.datasets[model]:
            for metric in metrics:
                yield from _OfModel(runs, model, dataset, metric).findings()


@dataclass(frozen=True)
class _OfModel:
    """The questions about one model on one dataset, by one metric."""

    runs: Runs
    model: str
    dataset: Any
    metric: str

    def findings(self) -> Iterator[Finding]:
        depths = {axis.name: self._wanted(axis) for axis in DEPTH if self._wanted(axis)}
        if any(len(values) > 1 for values in depths.values()):
            yield from (self._along(axis) for axis in DEPTH if axis.name in depths)
            if len(depths) == len(DEPTH):
                yield self._together()
        elif depths:
            fixed = " and ".join(f"{name} is {values[0]}" for name, values in depths.items())
            yield Finding(self._question("Do more layers help {}"), f"In every cell {fixed}.")
        yield from (self._along(axis) for axis in TRAINING if len(self._wanted(axis)) > 1)

    def _wanted(self, axis: Axis) -> list[Any]:
        return self.runs.values_of(self.model, self.dataset, axis.name)

    def _question(self, text: str) -> str:
        several = len(self.runs.datasets[self.model]) > 1
        who = f"{self.model} on {self.dataset}" if several else self.model
        return f"{text.format(who)}, by {self.metric}?"

    def _nothing(self, finding: Finding, otherwise: str) -> Finding:
        """Not enough data, and why."""
        measured = finding.points + finding.left_out
        return replace(
            finding, answer=otherwise if measured else _absent(self.runs, [self.model], self.metric)
        )

    def _along(self, axis: Axis) -> Finding:
        """Whether the metric improves along the axis: the slope of the best line."""
        question = self._question(axis.question)
        if len(wanted := self._wanted(axis)) < 2:
            return Finding(question, f"In every cell {axis.name} is {wanted[0]}.")
        block = select_block(self.runs.along(self.model, self.dataset, self.metric, (axis.name,)))
        finding = of_block(question, block)
        if len(block.levels) < 2:
            what = f"No seed has {self.metric} at two values of {axis.name} with the rest alike."
            return self._nothing(finding, what)
        x = np.array([value for (value,) in block.levels], float)
        found = estimate_contrast(
            block.values, axis.unit * compute_slope_weights(np.log2(x) if axis.doubling else x)
        )
        means, sign = block.values.mean(0), self.runs.sign(self.metric)
        best = int(np.argmax(means * sign))
        texts = [self.runs.results.names.get_text(axis.name, value) for (value,) in block.levels]
        answer = (
            f"{self.metric} changes by {found.estimate:+.3g} {axis.step}{interval(found)}. "
            f"Best mean: {size(means[best])} at {axis.name} {texts[best]}, of {', '.join(texts)}. "
            f"{basis(finding, self.runs.others(self.model, (axis.name,)))}"
        )
        name = f"slope of {self.metric} {axis.step}"
        finding = replace(
            finding, answer=answer, effect=found.estimate, effect_name=name, estimate_name=name
        )
        return self._directed(finding) or tested(finding, found, sign, "linear contrast")

    def _together(self) -> Finding:
        """Whether the best cell with both depths above their least beats every other cell.

        Asked only of seeds that have cells with only the encoder raised, with only the decoder raised, and with
        both. The cell with neither raised is no single-sided depth, but one more that must be beaten.
        """
        question = self._question(
            "Do more encoder and decoder layers together help {} beyond either alone"
        )
        names = tuple(axis.name for axis in DEPTH)
        least = [min(self._wanted(axis)) for axis in DEPTH]

        def raised(level: tuple[Any, ...]) -> tuple[bool, ...]:
            return tuple(value > low for value, low in zip(level, least, strict=True))

        rows = self.runs.along(self.model, self.dataset, self.metric, names)
        block = select_block(rows, lambda levels: set(SIDES) <= {raised(level) for level in levels})
        finding, sign = of_block(question, block), self.runs.sign(self.metric)
        if not set(SIDES) <= {raised(level) for level in block.levels}:
            return self._nothing(
                finding, self._missing_sides({raised(level) for _, _, level, _ in rows})
            )
        both = np.array([all(raised(level)) for level in block.levels])
        best = compare_best(block.values, both, sign or 1)
        found, candidates = best.contrast, best.candidates
        cells = [
            f"{'+'.join(map(str, block.levels[k]))} ({size(block.values[:, k].mean())})"
            for k in (best.first, best.second)
        ]
        how = f"widened for a choice among {candidates}" if candidates > 1 else ""
        answer = (
            f"{self.metric} of the best combined depth, {cells[0]}, less that of the best other, {cells[1]}, is "
            f"{found.estimate:+.3g}{interval(found, how)}. {basis(finding, self.runs.others(self.model, names))}"
        )
        name = f"difference of {self.metric}, best combined less best other"
        finding = replace(
            finding, answer=answer, effect=found.estimate, effect_name=name, estimate_name=name
        )
        test = "best against best and every other"
        test = f"{test}, Bonferroni over {candidates}" if candidates > 1 else test
        return self._directed(finding) or tested(finding, found, sign, test)

    def _missing_sides(self, measured: set[tuple[bool, ...]]) -> str:
        """Which kinds of cells the question needs and does not have, or not in one seed."""
        absent = [what for side, what in SIDES.items() if side not in measured]
        if absent:
            return f"No ok point has {self.metric} with {', nor with '.join(absent)}."
        return f"No seed has {self.metric} with each of: {', '.join(SIDES.values())}."

    def _directed(self, finding: Finding) -> Finding | None:
        """None where the metric has a better end; else the finding that says it has none."""
        if self.runs.sign(self.metric):
            return None
        return replace(
            finding, answer=f"{self.metric} declares no direction: neither end is better."
        )


def _apart(runs: Runs) -> Iterator[Finding]:
    """Whether the report's error tells models of generated text apart, and whether the reader does."""
    info = runs.results.metrics.get(ERROR)
    for model in info.models if info else ():
        for metric, what in ((ERROR, "the MSE"), (READER, "the reader")):
            yield _spread(
                runs, model, metric, f"Does {what} tell the cells of {model} apart, by {metric}?"
            )


def _absent(runs: Runs, models: Sequence[str], metric: str) -> str:
    """A sentence on a metric that no ok point of these models has, and the reasons."""
    cells = [cell for model in models for cell in runs.results.list_cells(model)]
    why = [
        text.partition(" is not measured: ")[2]
        for text in explain_missing(runs.results, cells, [metric])
    ]
    return f"No ok point has {metric}{''.join(f': {text}' for text in why).rstrip('.')}."


def _spread(runs: Runs, model: str, metric: str, question: str) -> Finding:
    if not runs.measured(model, metric):
        return Finding(question, _absent(runs, [model], metric))
    found = [list(runs.of_cell(cell, metric)) for cell in runs.results.list_cells(model)]
    measured = [pairs for pairs in found if pairs]
    several = [pairs for pairs in measured if len(pairs) > 1]
    kept = several if len(several) > 1 else measured
    result = compare_cells([value for _, value in pairs] for pairs in kept)
    points, seeds = sum(map(len, kept)), len({seed for pairs in kept for seed, _ in pairs})
    finding = Finding(
        question, "", n=seeds, points=points, left_out=sum(map(len, measured)) - points
    )
    means = [float(np.mean([value for _, value in pairs])) for pairs in kept]
    span = f"{pluralize(len(kept), 'cell')}, means from {size(min(means))} to {size(max(means))}"
    if result is None:
        if len(several) > 1:
            why = "the seeds of every cell agree exactly"
        else:
            why = (
                "there is one cell"
                if len(measured) == 1
                else f"{('no', 'one')[len(several)]} cell has a second seed"
            )
        return replace(finding, answer=f"{span}: no test, for {why}. {basis(finding)}")
    answer = f"{span}: {share(result.eta_squared, result.icc)}. {basis(finding)}"
    effect, name = result.eta_squared, f"eta squared of {metric}"
    return replace(
        finding,
        answer=answer,
        test=result.test,
        p=result.p,
        verdict=YES,
        effect=effect,
        effect_name=name,
    )


def _rivals(runs: Runs) -> Iterator[Finding]:
    """Whether one generative model is better than the other on each dataset, at the same depth and seed."""
    question = f"Is {RIVALS[0]} better than {RIVALS[1]}"
    present, metrics = [model for model in RIVALS if model in runs.datasets], runs.results.metrics
    if len(present) == 1:
        (absent,) = set(RIVALS) - set(present)
        yield Finding(f"{question}?", f"The sweep has no {absent}.")
    if len(present) < len(RIVALS):
        return
    shared = [
        name for name in GENERATED if name in metrics and set(RIVALS) <= set(metrics[name].models)
    ]
    for dataset in dict.fromkeys(name for model in RIVALS for name in runs.datasets[model]):
        if not shared:
            yield Finding(
                f"{question} on {dataset}?", f"Both models have none of {', '.join(GENERATED)}."
            )
        yield from (
            _duel(runs, dataset, name, f"{question} on {dataset}, by {name}?") for name in shared
        )


def _duel(runs: Runs, dataset: Any, metric: str, question: str) -> Finding:
    first, second = RIVALS
    pairs: dict[Any, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    rows = list(_rows(runs, dataset, metric))
    for seed, setting, model, value in rows:
        pairs[seed, setting][model].append(value)
    block, sign = select_block(rows), runs.sign(metric)
    finding = of_block(question, block)
    if len(block.levels) < len(RIVALS):
        lonely = f"No seed has {metric} of both models at the same depth."
        return replace(finding, answer=lonely if rows else _absent(runs, RIVALS, metric))
    if not sign:
        return replace(finding, answer=f"{metric} declares no direction: neither end is better.")
    found = estimate_contrast(
        block.values, np.array([1.0 if level == first else -1.0 for level in block.levels])
    )
    both = [pair for pair in pairs.values() if len(pair) == len(RIVALS)]
    better = [sign * float(np.mean(pair[first]) - np.mean(pair[second])) for pair in both]
    answer = (
        f"{metric} of {first} less that of {second} is {found.estimate:+.3g} on average{interval(found)}; {first} is "
        f"better in {sum(value > 0 for value in better)} of {pluralize(len(both), 'pair')} of one depth and seed. "
        f"{basis(finding)}"
    )
    finding = replace(
        finding,
        answer=answer,
        estimate_name=f"mean difference of {metric}, {first} less {second}",
        effect=compute_rank_biserial(better),
        effect_name=f"rank-biserial correlation, positive where {first} is better",
    )
    return tested(finding, found, sign, "paired difference")


def _rows(runs: Runs, dataset: Any, metric: str) -> Iterator[Run]:
    """Runs of both models; those of one setting agree in what varies, as far as both models have it."""
    varying = dict.fromkeys(name for model in RIVALS for name in runs.results.varying_of[model])
    names = [axis.name for axis in DEPTH] + [name for name in varying if name != "dataset"]
    known = [runs.parameters(model, dataset) for model in RIVALS]
    same = [
        name for name in dict.fromkeys(names) if all(name in parameters for parameters in known)
    ]
    for model in RIVALS:
        yield from runs.rows(model, dataset, metric, same, lambda _, model=model: model)
