"""The paper's questions, put to a sweep: what its seeds say, how surely, and what is missing.

Only ok points count: a cell that lost seeds to divergence or failure answers with those that are
left. The tests and the reasons for them are in `gensweep.report.stats.contrasts` and
`gensweep.report.stats.one_way`. p-values are corrected together over all questions of a sweep (Holm
1979), intervals are not. Why a difference must be compared with the spread over seeds: Bouthillier
et al. (2021), "Accounting for variance in machine learning benchmarks", MLSys 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from gensweep.core.roles import Role
from gensweep.report.stats.comparisons import compare_models, compare_text_metrics
from gensweep.report.stats.findings import Finding, correct_p_values
from gensweep.report.stats.model_questions import ModelQuestions
from gensweep.report.stats.runs import Runs

if TYPE_CHECKING:
    from gensweep.report.results import Results


@lru_cache(maxsize=1)
def answer_questions(results: Results) -> list[Finding]:
    """Answer every question that the sweep's models raise, as far as its records allow.

    Depth is asked of every model that has it; training data, epochs and batches if the sweep varies
    them. Each question is put to every dataset separately, and averaged over what else varies. A
    question that needs missing points, or has one seed, is "not enough data", and its answer says
    what is missing. A question with a corrected p-value of 0.05 or more is "undecided". The
    answers of the last results are cached: the table and the page both show them.
    """
    runs = Runs(results)
    findings = [*_ask_models(runs), *compare_text_metrics(runs), *compare_models(runs)]
    return correct_p_values(findings)


def _ask_models(runs: Runs) -> Iterator[Finding]:
    """Yield the findings on depth, data and training of each model on each of its datasets."""
    for model in runs.results.models:
        metrics = _choose_metrics(runs, model)
        for dataset in runs.datasets[model]:
            for metric in metrics:
                yield from ModelQuestions(runs, model, dataset, metric).iter_findings()


def _choose_metrics(runs: Runs, model: str) -> list[str]:
    """Return the metrics to judge a model by, each once: those that any of its points has."""
    main = runs.results.get_main_metric(model)
    compared = runs.results.list_metrics_with(Role.COMPARED, model=model)
    candidates = [name for name in (main, *compared) if name]
    measured = [name for name in candidates if runs.has_metric(model, name)]
    if measured:
        return list(dict.fromkeys(measured))
    # The findings then say that no point has the main metric.
    return [main] if main else []
