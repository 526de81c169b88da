"""The check of a search: derive its trials anew from the records, and compare them with the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.search_log import (
    PENDING,
    LevelInfo,
    SearchInfo,
    read_search_log,
)
from gensweep.ledger.stores import as_results_error
from gensweep.search.outcomes import Outcomes
from gensweep.search.replay import Replay
from gensweep.search.sampling import get_sampler
from gensweep.sweep.code_fingerprint import SAME, compare
from gensweep.sweep.point import Point
from gensweep.sweep.search import Search
from gensweep.sweep.spec import Sweep
from gensweep.system.text import pluralize


@dataclass(frozen=True)
class SearchReport:
    """The outcome of a check: whether the log is what the records give, and a sentence."""

    is_same: bool
    text: str


def find_differences(sweep: Sweep, ledger: Ledger) -> list[SearchReport]:
    """Return the outcome for each search of a sweep that has a log.

    Raises:
        ResultsError: the log is damaged, or the results root does not answer.
        UserError: Optuna is needed and not installed.
    """
    with as_results_error(ledger.store):
        log = read_search_log(ledger.store, sweep.name)
        reports = []
        for search in sweep.searches:
            if search.name in log:
                reports.append(
                    _check_search(search, log[search.name], ledger)
                )
        return reports


def _check_search(
    search: Search, info: SearchInfo, ledger: Ledger
) -> SearchReport:
    name = f"Search {search.name}"
    if info.identity != search.describe_identity():
        return SearchReport(
            False,
            f"{name}: the sweep file has changed since; its log is of another search.",
        )
    records: dict[str, Record] = {}

    def read(points: list[Point]) -> Outcomes:
        wanted = {
            point.id: point.expected_record
            for point in points
            if point.id not in records
        }
        records.update(ledger.read(wanted, newer="report").records)
        return Outcomes(ledger.store, records)

    derived = Replay(search)
    derived.advance(read)
    difference = _find_first_difference(derived.describe(), info)
    code = _describe_code(records)
    sampler = get_sampler(search)
    others = sorted({trial.sampler for trial in info.trials} - {sampler})
    if others:
        code += f" {', '.join(others)} chose some of the trials, but {sampler} is installed."
    if difference is not None:
        return SearchReport(False, f"{name}: {difference}.{code}")
    trials = pluralize(len(info.trials), "trial")
    return SearchReport(
        True, f"{name}: {trials} derived anew, and all are the same.{code}"
    )


def _find_first_difference(
    derived: SearchInfo, log: SearchInfo
) -> str | None:
    """Return in words the first difference; None if the log is what the records give."""
    cause = _find_changed_outcome(derived, log)
    for number, logged in enumerate(log.trials[: derived.wanted]):
        if number >= len(derived.trials):
            pending = _list_pending(derived)
            return (
                f"trial {number} cannot be derived: the records of trials "
                f"{', '.join(map(str, pending))} are missing"
            )
        same = derived.trials[number]
        if same.params != logged.params:
            text = f"trial {number} is {logged.params} in the log, the records give {same.params}"
            return f"{text}; {cause}" if cause else text
    if cause:
        return cause
    if log.wanted != derived.wanted:
        # The sweep file asks for another number of trials; the next run decides the rest.
        return None
    for logged, same in zip(log.trials, derived.trials, strict=False):
        levels = [one.epochs for one in logged.levels]
        expected = [one.epochs for one in same.levels]
        # A run that was killed may not have written the last step.
        if levels != expected[: len(levels)]:
            return (
                f"trial {logged.number} went to epoch {levels[-1]} in the log, by the records it "
                f"goes to epoch {expected[-1]}"
            )
    logged_numbers = [one.number for one in log.confirmed]
    numbers = [one.number for one in derived.confirmed]
    if logged_numbers and logged_numbers != numbers:
        return f"trials {logged_numbers} are confirmed in the log, by the records {numbers} are"
    return None


def _find_changed_outcome(derived: SearchInfo, log: SearchInfo) -> str | None:
    """Return the first outcome in the log that a record contradicts."""
    for logged, same in zip(log.trials, derived.trials, strict=False):
        if logged.params != same.params:
            return None
        for old, new in zip(logged.levels, same.levels, strict=False):
            if old.status == PENDING:
                continue
            if (old.status, old.value) != (new.status, new.value):
                evidence = f"its record says {_describe(new)}"
                if new.status == PENDING:
                    evidence = "it has no record now"
                return (
                    f"trial {logged.number} at epoch {old.epochs} was told {_describe(old)}, "
                    f"{evidence}"
                )
    return None


def _describe(level: LevelInfo) -> str:
    return level.status if level.value is None else f"{level.value:.6g}"


def _list_pending(search: SearchInfo) -> list[int]:
    return [trial.number for trial in search.trials if trial.is_pending]


def _describe_code(records: Mapping[str, Record]) -> str:
    """Return a sentence on records of other code than today's; empty if there are none."""
    others = [
        record.id
        for record in records.values()
        if compare(record.code, record.model, record.params["dataset"])
        != SAME
    ]
    if not others:
        return ""
    count = pluralize(len(others), "point")
    return (
        f" {count} of {len(records)} were trained by other code than today's."
    )
