"""One run of a sweep, from plan to tables: what the command line calls."""

from __future__ import annotations

import contextlib
import importlib
import logging
import re
import shlex
import time
from collections.abc import Set
from dataclasses import replace
from types import ModuleType
from typing import Any

from gensweep.core.arrays import Prepared
from gensweep.core.claims import Process
from gensweep.core.environment import hardware
from gensweep.core.errors import Claimed, LostClaim, Unavailable
from gensweep.core.ledger import RECORD, Ledger
from gensweep.core.records import FAILED, OK, Record
from gensweep.core.stores import Store, answering, check, open_store
from gensweep.core.terminal import Console
from gensweep.core.words import counted, say
from gensweep.points import Pack, Point
from gensweep.run.address import probe
from gensweep.run.beside import compile_beside, trained_beside
from gensweep.run.local import Execute, prepared
from gensweep.run.plan import Plan, make_plan, rates_of
from gensweep.run.preview import Options, at_once, needs, packs_here, room_of, show_unreadable, summary
from gensweep.run.progress import Screen
from gensweep.run.sweepfile import points_of, write_sweep_json
from gensweep.run.tracking import waits_for_upload
from gensweep.spec import Sweep
from gensweep.trainables import Report

log = logging.getLogger(__name__)
SHOWN = 16
"""Examples of a dataset on its sheet."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
IDLE_ROUNDS = 3
"""Rounds without any outcome after which a run gives up; what is left stays missing."""


def run(sweep: Sweep, options: Options, console: Console) -> int:
    """Train what is missing, and collect.

    Returns:
        The exit status: 0 when every wanted point is ok, 1 otherwise.

    Raises:
        UserError: bad options or an unusable results folder; nothing was started.
        Unavailable: a results root elsewhere does not answer any more.
        Stopped: a signal came; what was done is kept.
    """
    store = open_store(options.results)
    ledger = Ledger(store)
    points = points_of(sweep, options.filters)
    with answering(store):
        plan = make_plan(points, ledger, options.resources.retry_failed)
    show_unreadable(plan, console)
    if plan.todo:
        if store.elsewhere:  # a folder is not made before all else is well
            check(store)
        if options.resources.address is not None:
            probe(options.resources.address)
        options, packs = _with_room(plan, ledger, options, console)
        ready = _make_ready(plan.todo, console)
        with contextlib.ExitStack() as stack:
            if not options.local and options.resources.address is None:
                if options.resources.kind == "cpu" and options.resources.cpus_per_trial == 1:
                    compile_beside(plan.todo)
                stack.enter_context(trained_beside(plan.todo, ready))
            with console.status("starting"):  # finds what is wrong with the resources before anything is written
                executor = _executor(options.local)
                stack.enter_context(executor.opened(options.resources))
            if options.resources.address is not None:
                executor.check_nodes(store)
            elif not store.elsewhere:
                check(store)
            write_sweep_json(store, sweep, options.command)
            _show_data(plan.todo, ready, store, f"{sweep.name}/datasets", console)
            if options.resources.address is not None:
                packs = plan.packs(executor.lanes(options.resources, len(plan.todo)))
            _train(plan, packs, ledger, options, executor.execute, console)
        plan = make_plan(points, ledger)
        if waits_for_upload(store, points):
            folder = shlex.quote(store.told(sweep.name))
            say(console, f"To upload what was logged for W&B: python -m gensweep sync {folder}", "dim")
    else:
        write_sweep_json(store, sweep, options.command)
        say(console, f"Nothing to do: {summary(plan)}.")
    _collect(store.told(sweep.name), console)
    return _exit_status(plan, console)


def _with_room(plan: Plan, ledger: Ledger, options: Options, console: Console) -> tuple[Options, list[Pack]]:
    """The options with what the trials need, and the trials of this machine: none if a cluster is to train.

    Says where memory allows fewer trials at once than cores do.

    Raises:
        UserError: this machine has too little memory, or too few cores.
    """
    resources = options.resources
    room = room_of(plan, rates_of(ledger, plan.state, resources.kind), options)
    packs: list[Pack] = []
    if resources.address is None:
        packs = packs_here(plan, options, room)
        most = min(at_once(plan, options), len(packs))
        if (fit := room.check(packs, most, None if options.local else resources.max_concurrent)) < most:
            say(console, f"{needs(room, packs)}: {fit} of the largest fit at once, there are cores for {most}.")
    return replace(options, resources=replace(resources, room=room)), packs


def _executor(local: bool) -> ModuleType:
    """The module with `opened` and `execute`: imported late, since one of them imports Ray."""
    return importlib.import_module("gensweep.run.local" if local else "gensweep.run.launch")


def _train(plan: Plan, packs: list[Pack], ledger: Ledger, options: Options, execute: Execute, console: Console) -> None:
    """Train until every point of the plan has an outcome, whoever gives it."""
    done = len(plan.points) - len(plan.todo)
    attempted: set[str] = set()
    say(console, f"{summary(plan)}; training {len(plan.todo)} in {counted(len(packs), 'trial')}.")
    with Screen(console, len(plan.todo), done) as screen:
        idle = 0
        while idle < IDLE_ROUNDS and (todo := _next(plan, ledger, attempted, console)):
            left, place, before = _left(packs, {point.id for point in todo}), ledger.store.place, dict(screen.epochs)
            died = execute(left, place, options.resources, _heard(screen, ledger.store))
            for point in todo:  # one that got further goes on in the next round: machines may come and go
                if point.id in died and screen.epochs[point.id] <= before.get(point.id, 0):
                    _record_death(ledger, point, died[point.id], plan.state.records.get(point.id), screen)
            idle = 0 if screen.outcomes.keys() - attempted or screen.epochs != before else idle + 1
            attempted |= screen.outcomes.keys()


def _heard(screen: Screen, store: Store) -> Report:
    """The screen's report; where a trial's results root did not answer, it asks whether ours does.

    Raises:
        Unavailable: it does not: whatever was trained now could not be kept.
    """

    def report(result: dict[str, Any]) -> None:
        screen.report(result)
        if any(lane.get("unavailable") for lane in result.get("lanes", [result])):
            try:
                store.exists(RECORD)
            except Unavailable as error:
                raise Unavailable(
                    f"{error}; what was kept is there: once it answers, the same command goes on"
                ) from error

    return report


def _left(packs: list[Pack], todo: Set[str]) -> list[Pack]:
    """The packs with those of their points that are to be trained now."""
    left = (Pack(tuple(point for point in pack.points if point.id in todo)) for pack in packs)
    return [pack for pack in left if pack.points]


def _next(plan: Plan, ledger: Ledger, attempted: set[str], console: Console) -> list[Point]:
    """Points that can be trained now; waits while the only ones left are being trained by another run."""
    told = False
    while True:
        left = [point for point in plan.todo if point.id not in attempted]
        state = ledger.read({point.id: point.params for point in left})
        left = [p for p in left if (r := state.records.get(p.id)) is None or plan.status(p) == r.status]
        me = Process.current()  # whose trials have all ended by now
        free = [p for p in left if p.id not in state.running or state.running[p.id].driver == me]
        if free or not left:
            return free
        if not told:
            holders = ", ".join(sorted({str(holder) for holder in state.running.values()}))
            say(console, f"Waiting for {counted(len(left), 'point')} in training by {holders}.")
            told = True
        time.sleep(ledger.store.pause)


def _record_death(ledger: Ledger, point: Point, reason: str, before: Record | None, screen: Screen) -> None:
    """Write the record that a killed worker could not, unless it had just written its own."""
    record = Record(
        point.id, point.model, point.params, point.seed, FAILED, error=f"the worker died: {reason}", hardware=hardware()
    )
    try:
        with ledger.claim(point.id, Process.current()) as claim:
            own = ledger.read({point.id: point.params}).records.get(point.id)
            if own is not None and own != before:
                record = own
            else:
                ledger.finish(claim, record)
    except (Claimed, LostClaim, OSError) as error:
        log.warning("no record of the failed %s: %s", point.id, error)
    screen.report({"point": point.id, "status": record.status, "error": record.error, **record.metrics})


def _collect(folder: str, console: Console) -> None:
    from gensweep.read.collect import is_current, print_tables, write
    from gensweep.read.results import load

    results = load(folder)
    if not is_current(results):
        write(results)
    print_tables(results, console)


def _make_ready(points: list[Point], console: Console) -> dict[str, Prepared]:
    """Prepare every dataset, in the cache: workers fetch nothing. One that cannot be built is left to its trials.

    Returns:
        Their arrays by `Point.data_key`.

    Raises:
        DataError: one is not here, or cannot be used; the message says what to do.
    """
    wanted = {point.data_key: point for point in points}
    for point in wanted.values():
        point.data_config().check()
    ready: dict[str, Prepared] = {}
    for point in wanted.values():
        with console.status(f"preparing {point.params['dataset']}"):
            ready |= prepared(point)
    return ready


def _show_data(points: list[Point], ready: dict[str, Prepared], store: Store, folder: str, console: Console) -> None:
    """Say how each dataset is split, and leave a sheet of it beside the sweep's tables, once."""
    from gensweep.core.sheets import choose, png, sheet_of

    told = {}
    wanted = {point.data_key: point for point in points}
    for key, arrays in ready.items():
        data = wanted[key].data_config()
        parts = f"{len(arrays.split['test']):,} to test, {len(arrays.split['validation']):,} to validate"
        told[f"{data.title()}: {len(arrays):,} examples, {parts}."] = None
        name = f"{folder}/{_UNSAFE.sub('_', data.title())}.png"
        if not store.exists(name):
            store.write(name, png(sheet_of(*data.examples(arrays, choose(len(arrays), SHOWN)))))
    for line in told:
        say(console, line)


def _exit_status(plan: Plan, console: Console) -> int:
    bad = [point for point in plan.points if plan.status(point) != OK]
    for point in bad[:20]:
        record = plan.state.records.get(point.id)
        reason = record.error if record else "no record"
        say(console, f"{plan.status(point)}: {point.id}: {reason}", "red")
    if len(bad) > 20:
        say(console, f"and {len(bad) - 20} more", "red")
    if any(plan.status(point) == FAILED for point in bad):
        say(console, "--retry-failed trains failed points again.")
    return 1 if bad else 0
