"""The trials of searches: their values, how far they came, and which of them are confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gensweep.core.registries import register_table
from gensweep.ledger.status import Status
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.system.file_stems import make_file_stems
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.ledger.search_log import SearchInfo, TrialInfo
    from gensweep.report.results import Results

_ROUNDED = ".4g"


@register_table("search")
def make_search(results: Results) -> list[Table]:
    """List the trials of each search, the best first, with the validation values that chose."""
    names = make_file_stems(("search", name) for name in results.searches)
    return [
        _make_table(name, title, search)
        for name, (title, search) in zip(
            names, results.searches.items(), strict=True
        )
    ]


def rank_trials(search: SearchInfo) -> list[TrialInfo]:
    """Return the trials of a search, those that came furthest first, and the best of them first."""
    sign = -1.0 if search.direction == "max" else 1.0

    def make_key(trial: TrialInfo) -> tuple[Any, ...]:
        values = [
            level.value for level in trial.levels if level.value is not None
        ]
        return (
            -len(values),
            sign * values[-1] if values else 0.0,
            trial.number,
        )

    return sorted(search.trials, key=make_key)


def list_levels(search: SearchInfo) -> list[int]:
    """Return the epochs of the levels of a search, as far as it declares them."""
    return [int(epochs) for epochs in search.identity.get("levels", [])]


def describe_search(search: SearchInfo) -> list[str]:
    """Return sentences on how a search chose, and on what is missing."""
    better = (
        "larger is better"
        if search.direction == "max"
        else "smaller is better"
    )
    samplers = search.list_samplers()
    method = search.identity.get("method", "unknown")
    sentences = [
        f"Selected by {search.metric} ({better}), on the validation set; the test set decides "
        "nothing. These values chose the trials, so they are no results.",
        f"Values by method {method} ({', then '.join(samplers)}), seed "
        f"{search.identity.get('seed')}.",
    ]
    if len(samplers) > 1:
        sentences.append(
            "Trials were chosen by different versions, so the search is a mixture."
        )
    codes = search.list_codes()
    if len(codes) > 1:
        sentences.append(
            f"{len(codes)} versions of the code trained the trials, so the search is a mixture."
        )
    count = len(search.trials)
    if count < search.wanted:
        sentences.append(
            f"{count} of {pluralize(search.wanted, 'trial')} were started so far."
        )
    counts: dict[str, int] = {}
    for trial in search.trials:
        status = trial.levels[-1].status
        if status != Status.OK:
            counts[status] = counts.get(status, 0) + 1
    if counts:
        texts = [f"{count} {status}" for status, count in counts.items()]
        sentences.append(
            f"Trials that are not ok at their last level: {', '.join(texts)}."
        )
    return sentences


def _make_table(name: str, title: str, search: SearchInfo) -> Table:
    trials = rank_trials(search)
    confirmed = {
        one.number: rank for rank, one in enumerate(search.confirmed, 1)
    }
    columns = [
        Column("trial", [trial.number for trial in trials], Kind.COUNT),
        *(
            Column(
                key,
                [trial.params.get(key) for trial in trials],
                Kind.PARAMETER,
            )
            for key in search.dimensions
        ),
    ]
    for level, epochs in enumerate(list_levels(search)):
        values = [
            trial.levels[level].value if len(trial.levels) > level else None
            for trial in trials
        ]
        header = f"epoch {epochs}"
        columns.append(
            Column(
                f"epoch_{epochs}", values, Kind.NUMBER, header, form=_ROUNDED
            )
        )
    columns.append(
        Column(
            "status", [trial.levels[-1].status for trial in trials], Kind.TEXT
        )
    )
    ranks = [confirmed.get(trial.number) for trial in trials]
    if confirmed:
        columns.append(Column("confirmed", ranks, Kind.COUNT, "confirmed as"))
    text = f"{title}: {search.metric} of the trials, selected on validation"
    return Table(
        name, text, TableData(tuple(columns)), tuple(describe_search(search))
    )
