"""Lines that a run prints at its end: the points that are not ok, and why it stopped early."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from gensweep.execute.labels import label_points
from gensweep.execute.plan import Plan
from gensweep.execute.resources import RunOptions
from gensweep.ledger.manifest import read_sweep_file
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Sweep
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line

MAX_FAILURES_PRINTED = 20


def print_limit(
    plan: Plan, limit: str, options: RunOptions, console: Console
) -> None:
    """Print why points were left out, how many, and how to train them."""
    missing = pluralize(plan.count_statuses()[Status.MISSING], "point")
    command = options.command or "the same command"
    print_line(
        console, f"Stopped early: {limit}; {missing} missing.", "yellow"
    )
    print_line(console, f"To continue: {command}")


def list_bad(
    plan: Plan, selection_ids: AbstractSet[str], console: Console
) -> list[Point]:
    """Return the points that are not ok; print how many trials of searches diverged.

    Args:
        plan: the plan.
        selection_ids: ids of points of trials: a trial that diverges says that its values are bad.
        console: where to print.
    """
    bad = [
        point for point in plan.points if plan.get_status(point) != Status.OK
    ]
    diverged = [
        point
        for point in bad
        if point.id in selection_ids
        and plan.get_status(point) == Status.DIVERGED
    ]
    if diverged:
        bad = [point for point in bad if point not in diverged]
        points = pluralize(len(diverged), "point")
        print_line(
            console,
            f"Trials that diverged: {points}; the search went on without them.",
        )
    return bad


def print_failures(plan: Plan, bad: list[Point], console: Console) -> None:
    """Print the points that are not ok."""
    labels = label_points(plan.points) if bad else {}
    for point in bad[:MAX_FAILURES_PRINTED]:
        record = plan.state.records.get(point.id)
        reason = plan.state.unreadable.get(point.id, "no record")
        if record:
            reason = record.error
        status = plan.get_status(point)
        print_line(
            console,
            f"{status}: {point.id} ({labels[point.id]}): {reason}",
            "red",
        )
    if len(bad) > MAX_FAILURES_PRINTED:
        print_line(
            console, f"and {len(bad) - MAX_FAILURES_PRINTED} more", "red"
        )
    if any(plan.get_status(point) == Status.FAILED for point in bad):
        print_line(console, "--retry-failed trains failed points again.")


def print_foreign_sweep(
    store: Store, sweep: Sweep, plan: Plan, console: Console
) -> None:
    """Print how many points of this run another run has removed from the sweep meanwhile."""
    ids = {point.id for point in plan.points} - sweep.selection_ids
    for cell in read_sweep_file(store, sweep.name).cells:
        ids -= set(cell.points.values())
    if ids:
        print_line(
            console,
            f"Another run of a sweep {sweep.name!r} has changed it meanwhile: its tables, figures "
            f"and page lack {len(ids)} of {pluralize(len(plan.points), 'point')} of this run. "
            "All records stay; the same command shows them again.",
            "yellow",
        )
