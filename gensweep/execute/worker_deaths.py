"""The records that killed workers could not write."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from gensweep.core.errors import ClaimedError, LostClaimError
from gensweep.execute.plan import Plan
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.code_fingerprint import compute_fingerprint
from gensweep.sweep.point import Point
from gensweep.system.environment import get_hardware
from gensweep.trial.reports import ReportFunction, build_outcome_report

log = logging.getLogger(__name__)


def record_deaths(
    points: list[Point],
    died: Mapping[str, str],
    plan: Plan,
    ledger: Ledger,
    report: ReportFunction,
) -> None:
    """Write the records of those points whose worker died.

    Args:
        points: to be recorded if they died.
        died: id -> how the worker of a point died.
        plan: with the records from before this run.
        ledger: where records are kept.
        report: takes the outcomes.
    """
    for point in points:
        if point.id in died:
            earlier = plan.state.records.get(point.id)
            _record_death(ledger, point, died[point.id], earlier, report)


def _record_death(
    ledger: Ledger,
    point: Point,
    reason: str,
    earlier: Record | None,
    report: ReportFunction,
) -> None:
    """Write the record that a killed worker could not write.

    Args:
        ledger: where records are kept.
        point: the point that the worker trained.
        reason: how the worker died.
        earlier: the point's record from before this run, if any.
        report: takes the outcome.
    """
    record = Record(
        point.id,
        point.model,
        point.params,
        point.seed,
        Status.FAILED,
        error=f"the worker died: {reason}",
        hardware=get_hardware(),
        code=compute_fingerprint(point.model, point.params["dataset"]),
    )
    try:
        with ledger.claim(point.id, Process.get_current()) as claim:
            # The worker may have written its record just before it died: then that one counts.
            current = ledger.read(
                {point.id: point.expected_record}
            ).records.get(point.id)
            if current is not None and current != earlier:
                record = current
            else:
                ledger.finish(claim, record)
    except (ClaimedError, LostClaimError, OSError) as error:
        log.warning("no record of the failed %s: %s", point.id, error)
    report(build_outcome_report(record, {}))
