"""One run of a sweep, from the plan to the tables; the command line calls it."""

from __future__ import annotations

import contextlib
import importlib
import shlex
from dataclasses import asdict, dataclass, replace
from types import ModuleType, TracebackType

from gensweep.cluster.ray_address import check_address
from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import ResultsError, StoreError
from gensweep.execute.datasets import prepare_datasets, publish_datasets
from gensweep.execute.memory_budget import make_memory_budget
from gensweep.execute.notify import Notifier
from gensweep.execute.origins import add_origins
from gensweep.execute.plan import (
    Plan,
    count_parallel_trials,
    make_local_packs,
    make_plan,
    plan_run,
)
from gensweep.execute.plan_messages import (
    print_changed_plugins,
    print_code_changes,
    print_shared_epochs,
    print_unreadable,
)
from gensweep.execute.rates import collect_rates, read_all_records
from gensweep.execute.resources import RunOptions
from gensweep.execute.rounds import train_in_rounds
from gensweep.execute.warmup import compile_kernels_in_background, train_readers_in_background
from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.ledger.manifest import SWEEP
from gensweep.ledger.manifest_writer import (
    describe_data,
    describe_replaced_points,
    write_sweep_json,
)
from gensweep.ledger.open_store import open_store
from gensweep.ledger.plugin_sources import store_plugins
from gensweep.ledger.records import FAILED, MISSING, OK
from gensweep.ledger.store_check import check_store, require_writable
from gensweep.ledger.stores import Store, as_results_error
from gensweep.plugins.loader import load_plugins
from gensweep.prepare.contact_sheet import DATASETS_FOLDER
from gensweep.sweep.load import filter_points
from gensweep.sweep.point import Pack, Point
from gensweep.sweep.spec import Sweep
from gensweep.system.signals import Stopped
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line
from gensweep.tracking.pending import has_pending_uploads

SWEEP_FOLDERS = ("", "/tables", "/figures", f"/{DATASETS_FOLDER}")
"""Folders of a sweep that a run writes to; another user may own some of them."""
MAX_FAILURES_PRINTED = 20


def run(sweep: Sweep, options: RunOptions, console: Console) -> int:
    """Train what is missing, and write the sweep's tables, figures and page.

    Returns:
        The exit status: 0 if every wanted point is ok, else 1.

    Raises:
        UserError: bad options or an unusable results folder; nothing was started.
        StoreError: the results root stopped working during the run; finished work is kept.
        Stopped: a signal came; finished work is kept.
    """
    notifier = Notifier(options.notify, console)
    about = {"sweep": sweep.name, "command": options.command}
    try:
        ending = _run(sweep, options, notifier, console)
    except (Exception, Stopped) as error:
        notifier.tell_end(about | {"error": f"{type(error).__name__}: {error}"})
        raise
    notifier.tell_end(about | asdict(ending))
    return ending.exit_status


@dataclass(frozen=True)
class _Ending:
    """How a run ended.

    Attributes:
        exit_status: 0 if every wanted point is ok, else 1.
        points: number of wanted points by status.
        page: the page of the sweep.
        limit: why not every point was started; None if every point was.
    """

    exit_status: int
    points: dict[str, int]
    page: str
    limit: str | None


def _run(sweep: Sweep, options: RunOptions, notifier: Notifier, console: Console) -> _Ending:
    """Do what `run` documents."""
    store = open_store(options.results)
    ledger = Ledger(store)
    load_plugins(sweep.plugins)
    points = filter_points(sweep, options.filters)
    with as_results_error(store):
        plan = plan_run(points, ledger, options)
    print_unreadable(plan, console)
    note = describe_replaced_points(store, sweep, options.command)
    resume_hint = _ResumeHint(options.command if plan.todo else None)
    limit = None
    if plan.todo:
        limit = _train_missing(sweep, plan, note, ledger, options, resume_hint, notifier, console)
        with resume_hint:
            plan = make_plan(points, ledger)
        _print_upload_hint(sweep, points, store, console)
    else:
        write_sweep_json(store, sweep, options.command)
        publish_datasets(sweep, plan.points, {}, store, console)
        print_line(console, f"Nothing to do: {plan.summarize()}.")
        _print_notes(plan, note, options, console)
    with resume_hint:
        page = _collect(store.uri(sweep.name), console)
    print_changed_plugins(sweep, console)
    if limit is None:
        _print_failures(plan, console)
    else:
        _print_limit(plan, limit, options, console)
    print_line(console, f"The page is {page}.")
    counts = plan.count_statuses()
    exit_status = 0 if counts[OK] == len(plan.points) else 1
    return _Ending(exit_status, dict(counts), page, limit)


def _train_missing(
    sweep: Sweep,
    plan: Plan,
    note: str,
    ledger: Ledger,
    options: RunOptions,
    resume_hint: _ResumeHint,
    notifier: Notifier,
    console: Console,
) -> str | None:
    """Check everything that can be checked, then train every point of the plan.

    Returns:
        Why not every point was started; None if every point was.

    Raises:
        UserError: bad options or an unusable results folder; nothing was started.
        StoreError: the results root stopped working during the run.
    """
    store = ledger.store
    address = options.resources.address
    require_writable(store)
    # A local root is checked later: checking creates it, and other checks may still fail.
    if store.is_remote:
        check_store(store)
    if address is not None:
        check_address(address)
    options, packs = _apply_memory_budget(plan, ledger, sweep.points(), options, console)
    arrays = prepare_datasets(plan.todo, console)
    with contextlib.ExitStack() as stack:
        _start_warmup(plan, arrays, options, stack)
        # The executor checks the resources, so it starts before anything is written.
        with console.status("starting"):
            executor = _load_executor(options.local)
            stack.enter_context(executor.open_executor(options.resources))
        if address is not None:
            executor.check_nodes(store)
        if not store.is_remote:
            check_store(store, POINTS, *(f"{sweep.name}{folder}" for folder in SWEEP_FOLDERS))
        _print_notes(plan, note, options, console)
        store_plugins(store, sweep.plugins)
        write_sweep_json(store, sweep, options.command, describe_data(plan.todo, arrays))
        ledger.clean(plan.state.records.keys() - {point.id for point in plan.todo})
        publish_datasets(sweep, plan.points, arrays, store, console)
        if address is not None:
            # Only now is it known what the cluster has.
            lanes = executor.compute_max_lanes(options.resources, len(plan.courses))
            packs = plan.make_packs(lanes)
        print_shared_epochs(plan, console)
        with resume_hint:
            sweep_json = f"{sweep.name}/{SWEEP}"
            execute = executor.execute
            return train_in_rounds(
                plan, packs, ledger, sweep_json, options, execute, notifier, console
            )


class _ResumeHint:
    """A context manager that adds to an error of the results root how to resume the run.

    It may be entered any number of times.

    Args:
        command: the command that resumes the run. None: nothing was trained, so that errors are
            raised as they are.
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
        if self._command is None or not isinstance(error, (OSError, ResultsError)):
            return
        command = self._command or "the same command"
        raise StoreError(f"{error}; finished work is saved. To continue: {command}") from error


def _start_warmup(
    plan: Plan, arrays: dict[str, DatasetArrays], options: RunOptions, stack: contextlib.ExitStack
) -> None:
    """Prepare in the background what trials would wait for while Ray starts on this machine."""
    # Without Ray there is no start to wait for; a cluster's nodes have caches of their own.
    if options.local or options.is_on_cluster:
        return
    if options.resources.device_kind == "cpu" and options.resources.cpus_per_trial == 1:
        compile_kernels_in_background(plan.todo)
    stack.enter_context(train_readers_in_background(plan.todo, arrays))


def _print_notes(plan: Plan, note: str, options: RunOptions, console: Console) -> None:
    """Print what leaves the sweep's tables with this run, and which points are of other code."""
    for text in options.notes:
        print_line(console, text)
    if note:
        print_line(console, note, "yellow")
    print_code_changes(plan, options, console)


def _print_upload_hint(sweep: Sweep, points: list[Point], store: Store, console: Console) -> None:
    if has_pending_uploads(store, points):
        folder = shlex.quote(store.uri(sweep.name))
        command = f"python -m gensweep sync {folder}"
        print_line(console, f"To upload what was logged for W&B: {command}", "dim")


def _apply_memory_budget(
    plan: Plan,
    ledger: Ledger,
    relatives: list[Point],
    options: RunOptions,
    console: Console,
) -> tuple[RunOptions, list[Pack]]:
    """Return the options with the memory budget, and the packs that this machine trains.

    If a cluster trains, there are no packs. Print a line if memory allows fewer trials at once
    than cores do.

    Raises:
        UserError: this machine has too little memory, or too few cores.
    """
    resources = options.resources
    records = read_all_records(ledger, plan.state)
    add_origins(plan, ledger, records, relatives)
    rates = collect_rates(records, resources.device_kind)
    budget = make_memory_budget(plan, rates, options)
    packs: list[Pack] = []
    if not options.is_on_cluster:
        packs = make_local_packs(plan, options, budget)
        limit = min(count_parallel_trials(plan, options), len(packs))
        requested = None if options.local else resources.max_concurrent
        fitting = budget.check(packs, limit, requested)
        if fitting < limit:
            need = budget.describe_largest(packs)
            print_line(
                console,
                f"{need}: {fitting} of the largest fit at once, there are cores for {limit}.",
            )
    return replace(options, resources=replace(resources, memory_budget=budget)), packs


def _load_executor(local: bool) -> ModuleType:
    """Return the module with `open_executor` and `execute`."""
    # Imported by name and late: one of them imports Ray, which takes seconds.
    name = "gensweep.execute.local" if local else "gensweep.execute.ray_tune"
    return importlib.import_module(name)


def _collect(folder: str, console: Console) -> str:
    """Write the sweep's files if they are not current, print its tables, and return its page."""
    from gensweep.report.collect import is_current, print_tables, write
    from gensweep.report.page import PAGE
    from gensweep.report.results import load

    results = load(folder)
    if not is_current(results):
        write(results)
    print_tables(results, console)
    return f"{folder}/{PAGE}"


def _print_limit(plan: Plan, limit: str, options: RunOptions, console: Console) -> None:
    """Print why points were left out, how many, and how to train them."""
    missing = pluralize(plan.count_statuses()[MISSING], "point")
    command = options.command or "the same command"
    print_line(console, f"Stopped early: {limit}; {missing} missing.", "yellow")
    print_line(console, f"To continue: {command}")


def _print_failures(plan: Plan, console: Console) -> None:
    """Print the points that are not ok."""
    bad = [point for point in plan.points if plan.get_status(point) != OK]
    for point in bad[:MAX_FAILURES_PRINTED]:
        record = plan.state.records.get(point.id)
        reason = plan.state.unreadable.get(point.id, "no record")
        if record:
            reason = record.error
        print_line(console, f"{plan.get_status(point)}: {point.id}: {reason}", "red")
    if len(bad) > MAX_FAILURES_PRINTED:
        print_line(console, f"and {len(bad) - MAX_FAILURES_PRINTED} more", "red")
    if any(plan.get_status(point) == FAILED for point in bad):
        print_line(console, "--retry-failed trains failed points again.")
