"""What travels between a trial and the driver: what is built is what is read."""

from __future__ import annotations

import errno

import pytest
from tiny import point

from gensweep.core.errors import ClaimedError
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.point import Pack
from gensweep.trial.reports import (
    EpochReport,
    OutcomeReport,
    build_epoch_report,
    build_outcome_report,
    build_start_report,
    build_unrecorded_report,
    is_outcome,
    join_reports,
    list_point_reports,
    select_metrics,
)

POINT = point("text_to_text", epochs=3)
LINE = {"epoch": 2.0, "train/loss": 1.5, "validation/loss": 0.5}


def make_record(**values: object) -> Record:
    return Record(POINT.id, POINT.model, POINT.params, 0, Status.OK, {"test/loss": 0.25}, **values)


def test_a_start_has_no_epoch_yet() -> None:
    reports = list_point_reports(build_start_report(Pack((POINT,))))
    assert reports == [{"point": POINT.id, "epoch": 0, "epochs": 3}]
    assert not is_outcome(reports[0])


def test_an_epoch_has_its_metrics_and_a_whole_number() -> None:
    (report,) = list_point_reports(build_epoch_report(POINT, LINE))
    assert not is_outcome(report)
    assert report["epoch"] == 2 and type(report["epoch"]) is int
    assert select_metrics(report) == {"train/loss": 1.5, "validation/loss": 0.5}
    assert select_metrics(report, "validation/") == {"validation/loss": 0.5}


def test_an_outcome_has_the_last_epoch_beside_the_record() -> None:
    record = make_record(seconds=4.0, epochs=3, warnings=["odd"])
    (report,) = list_point_reports(build_outcome_report(record, LINE, "W&B: slow"))
    assert is_outcome(report)
    assert report["epoch"] == 3, "the record's number, not the line's"
    assert (report["status"], report["error"], report["seconds"]) == ("ok", None, 4.0)
    assert (report["warning"], report["warnings"]) == ("W&B: slow", ["odd"])
    assert select_metrics(report) == {
        "train/loss": 1.5,
        "validation/loss": 0.5,
        "test/loss": 0.25,
    }


def test_a_worker_that_died_has_no_seconds() -> None:
    assert "seconds" not in build_outcome_report(make_record(), {})


@pytest.mark.parametrize(("number", "is_full"), [(errno.ENOSPC, True), (errno.EIO, False)])
def test_a_record_that_was_not_written_names_the_reason(number: int, is_full: bool) -> None:
    report = build_unrecorded_report(POINT, OSError(number, "no"))
    assert report["status"] == Status.FAILED
    assert report["full"] is is_full
    assert report["unavailable"] in report["error"]


def test_a_point_of_somebody_else_is_claimed() -> None:
    report = build_unrecorded_report(POINT, ClaimedError("host-2 trains it"))
    assert report == {"point": POINT.id, "status": Status.CLAIMED, "error": "host-2 trains it"}


def test_lanes_are_joined_and_read_one_by_one() -> None:
    one = build_epoch_report(POINT, LINE)
    other = build_outcome_report(make_record(), {})
    assert join_reports([one]) == one
    assert list_point_reports(join_reports([one, other])) == [one, other]


def test_what_tune_reports_by_itself_is_about_no_point() -> None:
    assert list_point_reports({"done": True, "trial_id": "a"}) == []


def test_every_built_key_is_declared() -> None:
    declared = set(OutcomeReport.__annotations__) | set(EpochReport.__annotations__)
    record = make_record(seconds=4.0, warnings=["odd"])
    built = [
        build_epoch_report(POINT, LINE),
        build_outcome_report(record, LINE, "warning"),
        build_unrecorded_report(POINT, OSError("no")),
    ]
    for report in built:
        assert {key for key in report if "/" not in key} <= declared
