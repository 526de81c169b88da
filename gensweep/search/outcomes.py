"""Outcomes of trials at one level, from the records: a status, and a value."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from gensweep.core.soundness import explain_unsound
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.records import Record
from gensweep.ledger.search_log import PENDING
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.sweep.search_arguments import VALIDATION
from gensweep.system.csv_text import parse_csv

HISTORY = "history.csv"
_CODE_DIGITS = 12


@dataclass(frozen=True)
class Outcome:
    """The end of a trial at one level: a status, and the value if it is `ok`.

    Attributes:
        codes: digests of the code behind the value, one unless seeds differ in it; none if records
            do not say it.
    """

    status: str
    value: float | None = None
    codes: tuple[str, ...] = ()

    @property
    def is_pending(self) -> bool:
        """Return whether the level is not finished."""
        return self.status == PENDING


class Outcomes:
    """The outcomes of points, from their records.

    Args:
        store: the results root.
        records: the records that there are, by point id.
        given_up: ids of points that this run could not train; nobody waits for them.
    """

    def __init__(
        self,
        store: Store,
        records: Mapping[str, Record],
        given_up: Set[str] = frozenset(),
    ) -> None:
        self._store = store
        self._records = records
        self._given_up = given_up

    def judge(self, point_ids: Sequence[str], metric: str) -> Outcome:
        """Return the outcome of a trial at a level.

        Args:
            point_ids: its points, one for each seed.
            metric: the validation metric; the value is its mean over the seeds.
        """
        outcomes = [
            self._judge_point(point_id, metric) for point_id in point_ids
        ]
        statuses = {outcome.status for outcome in outcomes}
        # Worst first: one seed that diverged makes a recipe that diverges.
        for status in (
            PENDING,
            Status.DIVERGED,
            Status.FAILED,
            Status.MISSING,
        ):
            if status in statuses:
                return Outcome(status)
        values = [
            outcome.value for outcome in outcomes if outcome.value is not None
        ]
        codes = {code for outcome in outcomes for code in outcome.codes}
        mean = math.fsum(values) / len(values)
        return Outcome(Status.OK, mean, tuple(sorted(codes)))

    def _judge_point(self, point_id: str, metric: str) -> Outcome:
        record = self._records.get(point_id)
        if record is None:
            return Outcome(
                Status.MISSING if point_id in self._given_up else PENDING
            )
        if record.status != Status.OK:
            return Outcome(record.status)
        value = record.metrics.get(metric)
        if value is None:
            value = self._read_last_value(record, metric)
        bare = metric.removeprefix(VALIDATION)
        if (
            value is None
            or explain_unsound(bare, record.examples, record.metrics)
            is not None
        ):
            # A training whose metric means nothing is of no use to the search.
            return Outcome(Status.FAILED)
        return Outcome(Status.OK, value, _list_codes(record, bare))

    def _read_last_value(self, record: Record, metric: str) -> float | None:
        """Return a metric of the last line of history.csv: old records do not repeat it."""
        try:
            header, rows = parse_csv(
                self._store.read(f"{POINTS}/{record.id}/{HISTORY}")
            )
            last = dict(zip(header, rows[-1], strict=True))
            value = float(last[metric])
            is_last = int(last["epoch"]) == record.epochs
        except (OSError, ValueError, LookupError):
            return None
        return value if is_last and math.isfinite(value) else None


def _list_codes(record: Record, metric: str) -> tuple[str, ...]:
    """Return a digest of the code that trained a point and computed a metric of it."""
    if record.code is None:
        return ()
    parts = [
        record.code.get("training"),
        record.code.get("data"),
        record.code.get("metrics", {}).get(metric),
    ]
    text = json.dumps(parts)
    return (hashlib.sha256(text.encode()).hexdigest()[:_CODE_DIGITS],)
