"""Reports that travel from a trial to the driver, or to a user's own Tuner.

A report is a flat dictionary, because the schedulers of Tune look for their metric in it: metrics
stand beside the keys that are declared here. A trial builds reports with the functions `build_...`
and the driver reads them with the functions below, so no other file has to know these keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, cast

from gensweep.core.errors import StoreError
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.point import Pack, Point

if TYPE_CHECKING:
    from typing_extensions import TypeIs

ReportFunction = Callable[[dict[str, Any]], None]
"""Takes what a trial reports: the report of one point, or those of several lanes."""
LANES = "lanes"
"""The only key of what a trial reports if it holds the reports of several lanes."""


class EpochReport(TypedDict):
    """An epoch of a point that goes on, with the metrics of the epoch.

    Attributes:
        point: the id.
        epoch: how many epochs are completed; 0: the training is only starting.
        epochs: how many epochs the point has.
    """

    point: str
    epoch: int
    epochs: int


class OutcomeReport(TypedDict):
    """The end of a point in this trial, with the metrics of its last epoch and of its record.

    Attributes:
        point: the id.
        status: of the record; or `claimed`, if another process trains the point.
        error: None if the point is ok.
        epoch, epochs: as in `EpochReport`.
        seconds: how long the training took.
        warning: a warning of the trial, which may concern all of its points.
        warnings: those of the record.
        unavailable: why the results root did not take the record.
        full: whether the reason is a full disk.
    """

    point: str
    status: str
    error: str | None
    epoch: NotRequired[int]
    epochs: NotRequired[int]
    seconds: NotRequired[float]
    warning: NotRequired[str]
    warnings: NotRequired[list[str]]
    unavailable: NotRequired[str]
    full: NotRequired[bool]


PointReport = EpochReport | OutcomeReport


# --- what a trial builds


def build_start_report(pack: Pack) -> dict[str, Any]:
    """Return what an executor reports of a pack before its trial reports anything."""
    reports: list[EpochReport] = [
        {"point": point.id, "epoch": 0, "epochs": point.last_epoch}
        for point in pack.points
    ]
    return {LANES: reports}


def build_epoch_report(
    point: Point, line: Mapping[str, float]
) -> dict[str, Any]:
    """Return the report of an epoch.

    Args:
        point: the point.
        line: the epoch's line of the history, with its number and its metrics.
    """
    report: EpochReport = {
        "point": point.id,
        "epoch": int(line["epoch"]),
        "epochs": point.last_epoch,
    }
    return {**line, **report}


def join_reports(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the reports of one or more lanes as one, for Tune to handle it once."""
    if len(reports) == 1:
        return reports[0]
    return {LANES: list(reports)}


def build_outcome_report(
    record: Record, last_report: Mapping[str, Any], warning: str = ""
) -> dict[str, Any]:
    """Return the report of a point that has a record.

    A user's scheduler expects its metric in every report, so this one has the last epoch's too.

    Args:
        record: the record.
        last_report: the last epoch's line of the history, or its report; may be empty.
        warning: a warning of the trial.
    """
    report: OutcomeReport = {
        "point": record.id,
        "status": record.status,
        "error": record.error,
        "epoch": record.epochs,
    }
    # A worker that died could not say how long it took.
    if record.seconds:
        report["seconds"] = record.seconds
    if warning:
        report["warning"] = warning
    if record.warnings:
        report["warnings"] = record.warnings
    return {**last_report, **record.metrics, **report}


def build_unrecorded_report(point: Point, error: Exception) -> dict[str, Any]:
    """Return the report of a point that has no record of this trial.

    Args:
        point: the point.
        error: an `OSError` if the record could not be written; any other if somebody else trains
            the point.
    """
    report: OutcomeReport = {
        "point": point.id,
        "status": Status.CLAIMED,
        "error": str(error),
    }
    if isinstance(error, OSError):
        if not isinstance(error, StoreError):
            error = StoreError.from_os_error(error, point.id)
        report["status"] = Status.FAILED
        report["error"] = f"{error}; no record written"
        report["unavailable"] = str(error)
        report["full"] = error.is_full
    return dict(report)


# --- what the driver reads


def list_point_reports(result: Mapping[str, Any]) -> list[PointReport]:
    """Return the reports of points in what a trial reports; none if it is only Tune's own."""
    reports = result.get(LANES, [result])
    return [report for report in reports if "point" in report]


def is_outcome(report: PointReport) -> TypeIs[OutcomeReport]:
    """Return whether a point has ended."""
    return "status" in report


def select_metrics(report: PointReport, prefix: str = "") -> dict[str, float]:
    """Return the metrics of a report whose names begin with a prefix such as `test/`."""
    items = cast(dict[str, Any], report).items()
    declared = OutcomeReport.__annotations__
    return {
        name: value
        for name, value in items
        if name.startswith(prefix) and name not in declared
    }
