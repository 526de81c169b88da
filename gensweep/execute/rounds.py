"""Training rounds: train what is free, wait for other runs, and record workers that died."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Set
from typing import Any

from gensweep.core.errors import StoreError
from gensweep.execute.labels import label_points
from gensweep.execute.limits import Limits
from gensweep.execute.notify import Notifier
from gensweep.execute.plan import Plan
from gensweep.execute.progress import Screen
from gensweep.execute.resources import RunOptions
from gensweep.execute.search_progress import SearchWatch
from gensweep.execute.trial_setup import Execute
from gensweep.execute.worker_deaths import record_deaths
from gensweep.ledger.claims import Holder, Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.state import State
from gensweep.ledger.status import Status
from gensweep.ledger.store_check import try_store
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Pack, Point
from gensweep.system import processes
from gensweep.system.signals import raise_if_stopped
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line
from gensweep.trial.reports import (
    ReportFunction,
    is_outcome,
    list_point_reports,
)

log = logging.getLogger(__name__)
MAX_IDLE_ROUNDS = 3
"""Rounds without any progress after which a run gives up; its remaining points stay missing."""


def train_in_rounds(
    plan: Plan,
    packs: list[Pack],
    ledger: Ledger,
    sweep_json: str,
    options: RunOptions,
    execute: Execute,
    limits: Limits,
    notifier: Notifier,
    console: Console,
    searches: SearchWatch | None = None,
) -> str | None:
    """Train until every point of the plan has an outcome, from this run or from another one.

    Args:
        plan: the points to train.
        packs: all of them, in packs.
        ledger: where records are kept.
        sweep_json: name of the sweep's sweep.json in the results root.
        options: the options of the run.
        execute: trains packs.
        limits: of the run; a search trains several plans within them.
        notifier: tells the user's command about the first failure.
        console: where to print.
        searches: those whose trials are trained.

    Returns:
        Why not every point was started; None if every point was.
    """
    done = len(plan.points) - len(plan.todo)
    attempted: set[str] = set()
    trials = pluralize(len(packs), "trial")
    print_line(
        console, f"{plan.summarize()}; training {len(plan.todo)} in {trials}."
    )
    with Screen(
        console, len(plan.todo), done, label_points(plan.points), searches
    ) as screen:
        unrecorded: dict[str, str] = {}
        watch = _watch_failures(screen, limits, notifier, unrecorded)
        report = _report_or_abort(watch, ledger.store, sweep_json)
        idle_rounds = 0
        while idle_rounds < MAX_IDLE_ROUNDS:
            todo = _wait_for_free_points(
                plan, ledger, attempted, limits, console
            )
            if not todo:
                return None
            if limits.is_reached:
                return limits.explain()
            epochs_before = dict(screen.epochs)
            remaining = _keep_points(packs, {point.id for point in todo})
            root = ledger.store.root_uri
            errors = execute(
                remaining, root, options.resources, report, limits
            )
            stuck = _list_stuck_points(todo, epochs_before, screen)
            record_deaths(stuck, errors.died, plan, ledger, watch)
            if (
                screen.outcomes.keys() - attempted
                or screen.epochs != epochs_before
            ):
                idle_rounds = 0
            elif errors.start_error is not None:
                return f"Ray could not start a trial: {errors.start_error}"
            else:
                idle_rounds += 1
            attempted |= screen.outcomes.keys()
    return _explain_idle_rounds(unrecorded)


def _explain_idle_rounds(unrecorded: Mapping[str, str]) -> str:
    """Return why a run gives up, from the last errors of points that got no record."""
    reasons = sorted(set(unrecorded.values()))
    if not reasons:
        reasons = ["no trial said why; --verbose shows more"]
    return f"{MAX_IDLE_ROUNDS} rounds trained nothing: {reasons[0]}"


def _list_stuck_points(
    todo: list[Point], epochs_before: Mapping[str, int], screen: Screen
) -> list[Point]:
    """Return the points that trained no epoch in a round.

    The others continue in the next round: on a cluster, machines may come and go.
    """
    return [
        point
        for point in todo
        if screen.epochs[point.id] <= epochs_before.get(point.id, 0)
    ]


def _watch_failures(
    screen: Screen,
    limits: Limits,
    notifier: Notifier,
    unrecorded: dict[str, str],
) -> ReportFunction:
    """Return a function that passes reports to the screen, and counts points that failed.

    It adds to `unrecorded` the error of each point that got no record in its trial.
    """

    def report(result: dict[str, Any]) -> None:
        screen.report(result)
        for lane in list_point_reports(result):
            if not is_outcome(lane):
                continue
            if lane["status"] == Status.CLAIMED:
                unrecorded[lane["point"]] = lane["error"] or "claimed"
            if lane["status"] == Status.FAILED:
                limits.count_failure()
                notifier.tell_failure(
                    {"point": lane["point"], "error": lane["error"]}
                )

    return report


def _report_or_abort(
    show: ReportFunction, store: Store, sweep_json: str
) -> ReportFunction:
    """Return a function that passes reports on, and aborts if the results root fails.

    Raises:
        StoreError: by the function, if what is trained now could not be stored.
    """

    def report(result: dict[str, Any]) -> None:
        show(result)
        # If the root was moved or deleted, a trial may have created it again. The new root has
        # no sweep.json.
        if not store.is_remote and not store.exists(sweep_json):
            raise StoreError(
                f"{store.uri(sweep_json)}: gone (was {store.root_uri} moved, or deleted?)"
            )
        for lane in list_point_reports(result):
            if not is_outcome(lane) or "unavailable" not in lane:
                continue
            if lane.get("full"):
                raise StoreError(lane["unavailable"])
            _raise_if_store_fails(store)

    return report


def _raise_if_store_fails(store: Store) -> None:
    """Raise StoreError if the results root does not work."""
    try:
        try_store(store)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError.from_os_error(error, store.root_uri) from error


def _keep_points(packs: list[Pack], ids: Set[str]) -> list[Pack]:
    """Return the packs with those points alone that have one of the ids."""
    kept_packs = []
    for pack in packs:
        points = tuple(point for point in pack.points if point.id in ids)
        if points:
            kept_packs.append(Pack(points, pack.origins))
    return kept_packs


def _wait_for_free_points(
    plan: Plan,
    ledger: Ledger,
    attempted: set[str],
    limits: Limits,
    console: Console,
) -> list[Point]:
    """Return the points that can be trained now; none if all have an outcome.

    While other runs train all remaining points, wait. If a limit is reached, return all that
    remain.
    """
    has_printed = False
    while True:
        raise_if_stopped()
        remaining = [
            point for point in plan.todo if point.id not in attempted
        ]
        state = ledger.read(
            {point.id: point.expected_record for point in remaining},
            all_claims=True,
        )
        remaining = [
            point
            for point in remaining
            if not _has_new_record(plan, point, state)
        ]
        # This process's own claims are left over: all of its trials have ended by now.
        me = Process.get_current()
        free = [
            point
            for point in remaining
            if point.id not in state.running
            or state.running[point.id].driver == me
        ]
        if free or not remaining:
            for point_id, holder in state.expired.items():
                if holder.worker == holder.driver:
                    _print_death(point_id, holder, console)
                ledger.drop_claim(point_id, holder)
            return free
        if limits.is_reached:
            return remaining
        if not has_printed:
            _print_waiting(len(remaining), state.running, console)
            has_printed = True
        time.sleep(ledger.store.poll_seconds)


def _print_death(point_id: str, holder: Holder, console: Console) -> None:
    """Print which point a process trained that ended without a word."""
    print_line(
        console,
        f"{point_id} was in training when {holder} ended without a record; it is tried again.",
        "yellow",
    )


def _has_new_record(plan: Plan, point: Point, state: State) -> bool:
    """Return whether the point has another record than when the plan was made."""
    record = state.records.get(point.id)
    return record is not None and record != plan.state.records.get(point.id)


def _print_waiting(
    count: int, running: Mapping[str, Holder], console: Console
) -> None:
    """Print for which other runs this one waits."""
    holders = ", ".join(sorted({str(holder) for holder in running.values()}))
    print_line(
        console,
        f"Waiting for {pluralize(count, 'point')} in training by {holders}; "
        f"a run without a sign of life for {processes.DEAD_AFTER_SECONDS:.0f} s is not waited for.",
    )
