"""One run of a sweep, from plan to tables: what the command line calls."""

from __future__ import annotations

import contextlib
import importlib
import logging
import shlex
import time
from collections.abc import Set
from dataclasses import replace
from types import ModuleType, TracebackType
from typing import Any

from gensweep.cluster.ray_address import check_address
from gensweep.core.dataset import Prepared
from gensweep.core.errors import Claimed, LostClaim, ResultsError, Unavailable, UserError
from gensweep.execute.dry_run import (
    Options,
    at_once,
    needs,
    packs_here,
    plan_run,
    room_of,
    show_code,
    show_unreadable,
    summary,
)
from gensweep.execute.local import Execute, prepared
from gensweep.execute.plan import Plan, make_plan, rates_of
from gensweep.execute.progress import Screen
from gensweep.execute.warmup import compile_beside, trained_beside
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.ledger.manifest import SWEEP
from gensweep.ledger.manifest_writer import (
    describe_data,
    describe_replaced_points,
    list_dataset_parameters,
    write_sweep_json,
)
from gensweep.ledger.open_store import open_store
from gensweep.ledger.records import FAILED, OK, Record
from gensweep.ledger.store_check import check_store, require_writable, try_store
from gensweep.ledger.stores import Store, as_results_error
from gensweep.prepare.contact_sheet import (
    DATASETS,
    choose,
    dataset_params,
    find_sheet,
    png,
    sheet_id,
    sheet_of,
)
from gensweep.prepare.fingerprint import places
from gensweep.sweep.code_fingerprint import fingerprint
from gensweep.sweep.load import points_of
from gensweep.sweep.point import Pack, Point
from gensweep.sweep.spec import Sweep
from gensweep.system import processes
from gensweep.system.environment import hardware
from gensweep.system.naming import Names, file_name
from gensweep.system.signals import raise_if_stopped
from gensweep.system.terminal import Console
from gensweep.system.text import counted, say
from gensweep.tracking.tracker import has_pending_uploads
from gensweep.trainables import Report

log = logging.getLogger(__name__)
SHOWN = 16
"""Examples of a dataset on its sheet."""
SHEETS_FIGURE = "dataset_samples"
"""The figure of a dataset's sheets."""
_WRITTEN = ("", "/tables", "/figures", f"/{DATASETS}")
"""Folders of a sweep that a run writes to; another user's may be among them."""
IDLE_ROUNDS = 3
"""Rounds without any outcome after which a run gives up; what is left stays missing."""


def run(sweep: Sweep, options: Options, console: Console) -> int:
    """Train what is missing, and collect.

    Returns:
        The exit status: 0 when every wanted point is ok, 1 otherwise.

    Raises:
        UserError: bad options or an unusable results folder; nothing was started.
        Unavailable: the results root stopped working in mid-run; what was done is kept.
        Stopped: a signal came; what was done is kept.
    """
    store = open_store(options.results)
    ledger = Ledger(store)
    points = points_of(sweep, options.filters)
    with as_results_error(store):
        plan = plan_run(points, ledger, options)
    show_unreadable(plan, console)
    note = describe_replaced_points(store, sweep, options.command)
    lasting = _Lasting(options.command if plan.todo else None)
    if plan.todo:
        require_writable(store)
        if store.is_remote:  # a folder is not made before all else is well
            check_store(store)
        if options.resources.address is not None:
            check_address(options.resources.address)
        options, packs = _with_room(plan, ledger, options, console)
        ready = _make_ready(plan.todo, console)
        with contextlib.ExitStack() as stack:
            if not options.local and options.resources.address is None:
                if options.resources.kind == "cpu" and options.resources.cpus_per_trial == 1:
                    compile_beside(plan.todo)
                stack.enter_context(trained_beside(plan.todo, ready))
            with console.status(
                "starting"
            ):  # finds what is wrong with the resources before anything is written
                executor = _executor(options.local)
                stack.enter_context(executor.opened(options.resources))
            if options.resources.address is not None:
                executor.check_nodes(store)
            if not store.is_remote:
                check_store(store, POINTS, *(f"{sweep.name}{folder}" for folder in _WRITTEN))
            _say_before(plan, note, options, console)
            write_sweep_json(store, sweep, options.command, describe_data(plan.todo, ready))
            ledger.clean(plan.state.records.keys() - {point.id for point in plan.todo})
            _show_data(sweep, plan.points, ready, store, console)
            if options.resources.address is not None:
                packs = plan.packs(executor.lanes(options.resources, len(plan.todo)))
            with lasting:
                _train(
                    plan, packs, ledger, f"{sweep.name}/{SWEEP}", options, executor.execute, console
                )
        with lasting:
            plan = make_plan(points, ledger)
        if has_pending_uploads(store, points):
            folder = shlex.quote(store.uri(sweep.name))
            say(
                console,
                f"To upload what was logged for W&B: python -m gensweep sync {folder}",
                "dim",
            )
    else:
        write_sweep_json(store, sweep, options.command)
        _show_data(sweep, plan.points, {}, store, console)
        say(console, f"Nothing to do: {summary(plan)}.")
        _say_before(plan, note, options, console)
    with lasting:
        _collect(store.uri(sweep.name), console)
    return _exit_status(plan, console)


class _Lasting:
    """Say of a results root that stops working in mid-run how to go on; a context manager, any number of times.

    Args:
        command: what goes on; None: nothing was trained, and an error is the user's to mend.
    """

    def __init__(self, command: str | None) -> None:
        self._command = command

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._command is not None and isinstance(error, (OSError, ResultsError)):
            command = self._command or "the same command"
            raise Unavailable(f"{error}; what is done is kept. To go on: {command}") from error


def _say_before(plan: Plan, note: str, options: Options, console: Console) -> None:
    """Say what leaves the sweep's tables with this run, and which points are of other code."""
    if note:
        say(console, note, "yellow")
    show_code(plan, options, console)


def _with_room(
    plan: Plan, ledger: Ledger, options: Options, console: Console
) -> tuple[Options, list[Pack]]:
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
        if (
            fit := room.check(packs, most, None if options.local else resources.max_concurrent)
        ) < most:
            say(
                console,
                f"{needs(room, packs)}: {fit} of the largest fit at once, there are cores for {most}.",
            )
    return replace(options, resources=replace(resources, room=room)), packs


def _executor(local: bool) -> ModuleType:
    """The module with `opened` and `execute`: imported late, since one of them imports Ray."""
    return importlib.import_module(
        "gensweep.execute.local" if local else "gensweep.execute.ray_tune"
    )


def _train(
    plan: Plan,
    packs: list[Pack],
    ledger: Ledger,
    sweep_json: str,
    options: Options,
    execute: Execute,
    console: Console,
) -> None:
    """Train until every point of the plan has an outcome, whoever gives it."""
    done = len(plan.points) - len(plan.todo)
    attempted: set[str] = set()
    say(console, f"{summary(plan)}; training {len(plan.todo)} in {counted(len(packs), 'trial')}.")
    with Screen(console, len(plan.todo), done) as screen:
        idle = 0
        while idle < IDLE_ROUNDS and (todo := _next(plan, ledger, attempted, console)):
            left, place, before = (
                _left(packs, {point.id for point in todo}),
                ledger.store.root_uri,
                dict(screen.epochs),
            )
            died = execute(left, place, options.resources, _heard(screen, ledger.store, sweep_json))
            for (
                point
            ) in todo:  # one that got further goes on in the next round: machines may come and go
                if point.id in died and screen.epochs[point.id] <= before.get(point.id, 0):
                    _record_death(
                        ledger, point, died[point.id], plan.state.records.get(point.id), screen
                    )
            idle = 0 if screen.outcomes.keys() - attempted or screen.epochs != before else idle + 1
            attempted |= screen.outcomes.keys()


def _heard(screen: Screen, store: Store, sweep_json: str) -> Report:
    """The screen's report; where a trial could not keep what it made, it looks whether the results root still works.

    A root that was moved or deleted may have been made anew by a trial: then it holds no sweep.json any more.

    Raises:
        Unavailable: it does not: whatever was trained now could not be kept.
    """

    def report(result: dict[str, Any]) -> None:
        screen.report(result)
        if not store.is_remote and not store.exists(sweep_json):
            raise Unavailable(
                f"{store.uri(sweep_json)}: gone (was {store.root_uri} moved, or deleted?)"
            )
        for lane in result.get("lanes", [result]):
            if lane.get("full"):
                raise Unavailable(lane["unavailable"])
            if lane.get("unavailable"):
                try:
                    try_store(store)
                except Unavailable:
                    raise
                except OSError as error:
                    raise Unavailable.of(error, store.root_uri) from error

    return report


def _left(packs: list[Pack], todo: Set[str]) -> list[Pack]:
    """The packs with those of their points that are to be trained now."""
    left = (Pack(tuple(point for point in pack.points if point.id in todo)) for pack in packs)
    return [pack for pack in left if pack.points]


def _next(plan: Plan, ledger: Ledger, attempted: set[str], console: Console) -> list[Point]:
    """Points that can be trained now; waits while the only ones left are being trained by another run."""
    told = False
    while True:
        raise_if_stopped()
        left = [point for point in plan.todo if point.id not in attempted]
        state = ledger.read({point.id: point.wanted for point in left})
        left = [
            p for p in left if (r := state.records.get(p.id)) is None or plan.status(p) == r.status
        ]
        me = Process.current()  # whose trials have all ended by now
        free = [p for p in left if p.id not in state.running or state.running[p.id].driver == me]
        if free or not left:
            for point_id, holder in state.expired.items():
                ledger.drop_claim(point_id, holder)
            return free
        if not told:
            holders = ", ".join(sorted({str(holder) for holder in state.running.values()}))
            points = counted(len(left), "point")
            limit = (
                f"one that gives no sign of life for {processes.EXPIRES:.0f} s is not waited for"
            )
            say(console, f"Waiting for {points} in training by {holders}; {limit}.")
            told = True
        time.sleep(ledger.store.poll_seconds)


def _record_death(
    ledger: Ledger, point: Point, reason: str, before: Record | None, screen: Screen
) -> None:
    """Write the record that a killed worker could not, unless it had just written its own."""
    record = Record(
        point.id,
        point.model,
        point.params,
        point.seed,
        FAILED,
        error=f"the worker died: {reason}",
        hardware=hardware(),
        code=fingerprint(point.model, point.params["dataset"]),
    )
    try:
        with ledger.claim(point.id, Process.current()) as claim:
            own = ledger.read({point.id: point.wanted}).records.get(point.id)
            if own is not None and own != before:
                record = own
            else:
                ledger.finish(claim, record)
    except (Claimed, LostClaim, OSError) as error:
        log.warning("no record of the failed %s: %s", point.id, error)
    screen.report(
        {"point": point.id, "status": record.status, "error": record.error, **record.metrics}
    )


def _collect(folder: str, console: Console) -> None:
    from gensweep.report.collect import is_current, print_tables, write
    from gensweep.report.results import load

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


def _show_data(
    sweep: Sweep, points: list[Point], ready: dict[str, Prepared], store: Store, console: Console
) -> None:
    """Say how each dataset that is ready is split, and leave a current sheet of it beside the sweep's tables.

    Where the sweep shows its datasets, one that has no sheet gets one, too: its points may have been trained for
    another sweep.
    """
    cells = [params for _, params in sweep.cells()]
    names = Names.of(cells, places(value for params in cells for value in params.values()))
    of_dataset = list_dataset_parameters(params["dataset"] for params in cells)
    folder, told = f"{sweep.name}/{DATASETS}", {}
    files = store.list_files(folder)
    for key, point in {point.data_key: point for point in points}.items():
        params = dataset_params(point.params, of_dataset)
        name, sheet = names.text("dataset", point.params["dataset"]), sheet_id(params)
        file, arrays = find_sheet(files, sheet), ready.get(key)
        if arrays is not None:
            parts = f"{len(arrays.split['test']):,} to test, {len(arrays.split['validation']):,} to validate"
            told[f"{name}: {len(arrays):,} examples, {parts}."] = None
        elif file is None and SHEETS_FIGURE in sweep.figures:
            arrays = _arrays_again(point, console)
        if arrays is not None:
            data = point.data_config()
            content = png(sheet_of(*data.examples(arrays, choose(len(arrays), SHOWN))))
            path = f"{folder}/{file or f'{file_name(name)}-{sheet}.png'}"
            if file is None or store.read(path) != content:
                store.write(path, content)
    for line in told:
        say(console, line)


def _arrays_again(point: Point, console: Console) -> Prepared | None:
    """Return the arrays of a point that is done, for the sheet of them alone; None where they are not to be had."""
    try:
        point.data_config().check()
        with console.status(f"preparing {point.params['dataset']}"):
            return prepared(point).get(point.data_key)
    except UserError as error:
        log.warning("no sheet of a dataset: %s", error)
        return None


def _exit_status(plan: Plan, console: Console) -> int:
    bad = [point for point in plan.points if plan.status(point) != OK]
    for point in bad[:20]:
        record = plan.state.records.get(point.id)
        reason = record.error if record else plan.state.unreadable.get(point.id, "no record")
        say(console, f"{plan.status(point)}: {point.id}: {reason}", "red")
    if len(bad) > 20:
        say(console, f"and {len(bad) - 20} more", "red")
    if any(plan.status(point) == FAILED for point in bad):
        say(console, "--retry-failed trains failed points again.")
    return 1 if bad else 0
