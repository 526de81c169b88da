"""The questions that a sweep can answer, with tests over its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gensweep.core.registries import register_table
from gensweep.report.stats.power import MAX_SEEDS
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData

if TYPE_CHECKING:
    from gensweep.report.results import Results
    from gensweep.report.stats.findings import Finding

NOTES = (
    "yes: corrected p below 0.05, and the effect is in the direction that the question asks for; "
    "no: corrected p below 0.05, and the effect goes the other way; equal: the difference is "
    "smaller than the margin that the sweep declares (two one-sided tests, corrected p below "
    "0.05); undecided: corrected p of 0.05 or more, which does not mean that there is no effect; "
    "not enough data: no test was possible.",
    "Differences and slopes: runs are averaged within a seed over what the question is not about. "
    "The difference or slope is computed for each seed, and its mean over seeds is tested by "
    "Student's one-sample t on seeds - 1 degrees of freedom. Each has its own error term: cells "
    "need not be equally noisy. Two seeds leave one degree of freedom, and then only very steady "
    "differences are decided.",
    "Does it matter, and does one effect depend on another: analysis of variance with the seed as "
    "block, with Greenhouse and Geisser's correction. The share of the variance is computed within "
    "each seed over the full grid of what varies. It holds noise, too.",
    "Best value: chosen on the validation set, then compared with the best on the test set: each "
    "value is tested against every other (one-sided paired t-tests, Bonferroni), and the chosen "
    "one is the best if every other value is beaten.",
    "Both depths together: the better side's best cell is tested against every cell of the other "
    "side, and the largest p counts, times the number of cells it was chosen from (Bonferroni).",
    "MSE and reader: two cells by Welch's t on the smaller one's degrees of freedom; more cells by "
    "Brown and Forsythe's F with Mehrotra's degrees of freedom and by Kruskal and Wallis' ranks, "
    "of which the larger p counts. Cells need not be equally noisy; those of one seed are left "
    "out. Eta squared: share of the variance that lies between cells.",
    "p: two-sided; corrected: by Holm, over all questions of this sweep. Intervals are of 95% and "
    "of the estimate, not of the effect size; they are not corrected by Holm.",
    "seeds needed: for a power of 80% at the corrected level (Bonferroni), if effect and spread "
    "are as observed. From few seeds this is a rough estimate.",
    "no.: of the question. n: seeds. left out: measured points that have no partner at the other "
    "levels. Only points that are ok count.",
)
_FIELDS = (
    "question", "verdict", "answer", "test", "n", "points", "left_out", "estimate_name",
    "estimate", "low", "high", "effect_name", "effect", "p", "p_corrected", "margin", "p_equal",
    "p_equal_corrected", "seeds_needed",
)  # fmt: skip


@register_table("statistics")
def make_statistics(results: Results) -> list[Table]:
    """Answer whether what was swept matters, which values are best, and what the sweep asks."""
    import pandas as pd

    from gensweep.report.stats.questions import answer_questions

    findings = answer_questions(results)
    fields = [
        {name: getattr(finding, name) for name in _FIELDS}
        for finding in findings
    ]
    data = TableData.from_frame(pd.DataFrame(fields, columns=list(_FIELDS)))
    words = TableData(
        (
            Column("no.", list(range(1, len(findings) + 1)), Kind.COUNT),
            *(data.get(name) for name in ("question", "verdict", "answer")),
        )
    )
    # A question that no test could answer stands in the part in words only.
    numbered = list(enumerate(findings, 1))
    estimated = [pair for pair in numbered if not math.isnan(pair[1].effect)]
    sections = {
        "In words": words,
        "Numbers": _build_estimates(estimated),
        "Tests": _build_tests(estimated),
    }
    title = f"{results.sweep.name}: questions and answers"
    return [Table("statistics", title, data, NOTES, sections)]


def _build_estimates(numbered: Sequence[tuple[int, Finding]]) -> TableData:
    """Return what was estimated of each question, its interval and the size of the effect."""
    findings = [finding for _, finding in numbered]
    # An effect that is the estimate itself is not repeated.
    separate = [
        one if one.effect_name != one.estimate_name else None
        for one in findings
    ]
    number = Column("no.", [number for number, _ in numbered], Kind.COUNT)
    return TableData(
        (
            number,
            _build_number(
                "estimate", [one.estimate for one in findings], "+.3g"
            ),
            Column("of", [one.estimate_name for one in findings]),
            _build_number("95% CI low", [one.low for one in findings], ".3g"),
            _build_number(
                "95% CI high", [one.high for one in findings], ".3g"
            ),
            _build_number(
                "effect size",
                [one.effect if one else None for one in separate],
                "+.3g",
            ),
            Column(
                "its kind",
                [
                    one.effect_name if one else "the estimate"
                    for one in separate
                ],
            ),
        )
    )


def _build_tests(numbered: Sequence[tuple[int, Finding]]) -> TableData:
    """Return the test of each question, its p-values and how many points it is of."""
    findings = [finding for _, finding in numbered]
    columns = [
        Column("no.", [number for number, _ in numbered], Kind.COUNT),
        Column("test", [one.test or "none" for one in findings]),
        _build_number("p", [one.p for one in findings], ".2g"),
        _build_number(
            "corrected", [one.p_corrected for one in findings], ".2g"
        ),
        _build_number(
            "equal", [one.p_equal_corrected for one in findings], ".2g"
        ),
        Column("n", [one.n for one in findings], Kind.COUNT),
        Column(
            "seeds needed",
            [_format_seeds(one.seeds_needed) for one in findings],
            Kind.NUMBER,
        ),
        Column("points", [one.points for one in findings], Kind.COUNT),
        Column("left out", [one.left_out for one in findings], Kind.COUNT),
    ]
    # Without a margin, nothing is tested for equality.
    if all(math.isnan(one.margin) for one in findings):
        columns = [column for column in columns if column.name != "equal"]
    return TableData(tuple(columns))


def _format_seeds(value: float) -> str | None:
    """Return a number of seeds that would decide a question; None if it is not known."""
    if math.isnan(value):
        return None
    return f"over {MAX_SEEDS}" if math.isinf(value) else f"{value:.0f}"


def _build_number(
    name: str, values: Sequence[float | None], form: str
) -> Column:
    return Column(name, values, Kind.NUMBER, form=form)
