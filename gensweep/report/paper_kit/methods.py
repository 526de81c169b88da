"""The methods paragraph of a paper, from the records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gensweep.report.paper_kit import facts
from gensweep.report.paper_kit.labels import Labels

if TYPE_CHECKING:
    from gensweep.report.results import Results


def write_methods(all_results: Sequence[tuple[Results, Labels]]) -> list[str]:
    """Return paragraphs of plain text: one for each sweep, then numbers and software."""
    paragraphs = []
    for results, labels in all_results:
        sentences = [
            f"Experiment {results.sweep.name}.",
            facts.describe_models(results, labels),
            facts.describe_splits(results, labels),
            facts.describe_runs(results),
            facts.describe_choice(results, labels),
            *facts.describe_fixed_settings(results, labels),
        ]
        paragraphs.append(" ".join(sentences))
    origins = facts.list_origins(results for results, _ in all_results)
    closing = [facts.describe_numbers(), facts.describe_software(origins)]
    paragraphs.append(" ".join(closing))
    return paragraphs
