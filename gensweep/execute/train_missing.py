"""The training of a run: check what can be checked, start the executor, train wave after wave."""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass, replace
from types import ModuleType

from gensweep.cluster.ray_address import check_address
from gensweep.core.dataset import DatasetArrays
from gensweep.execute.limits import Limits
from gensweep.execute.notify import Notifier
from gensweep.execute.plan import Plan, make_plan
from gensweep.execute.plan_messages import print_notes
from gensweep.execute.resources import RunOptions
from gensweep.execute.resume_hint import ResumeHint
from gensweep.execute.search_progress import SearchWatch
from gensweep.execute.searching import Searcher
from gensweep.execute.warmup import (
    compile_kernels_in_background,
    train_readers_in_background,
)
from gensweep.execute.waves import Wave, prepare_wave, train_wave, write_wave
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.manifest_writer import write_sweep_json
from gensweep.ledger.plugin_sources import store_plugins
from gensweep.ledger.store_check import (
    check_folders,
    check_store,
    list_folders,
    require_writable,
)
from gensweep.ledger.stores import Store
from gensweep.sweep.filters import filter_points
from gensweep.sweep.spec import Sweep
from gensweep.system.terminal import Console


@dataclass(frozen=True)
class RunContext:
    """The parts of a run that every step of it needs.

    Attributes:
        ledger: the records and claims of the results root.
        options: the options of the run.
        searcher: the searches of the sweep.
        resume_hint: adds to errors of the results root how to resume the run.
        notifier: tells the user's command about the first failure.
        console: where to print.
    """

    ledger: Ledger
    options: RunOptions
    searcher: Searcher
    resume_hint: ResumeHint
    notifier: Notifier
    console: Console


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        sweep: the sweep with all points that its searches asked for.
        plan: the plan of those points, with today's records.
        limit: why not every point was started; None if every point was.
    """

    sweep: Sweep
    plan: Plan
    limit: str | None


def train_missing(
    run: RunContext, sweep: Sweep, plan: Plan, note: str
) -> Trained:
    """Check everything that can be checked, then train every point of the plan.

    A search asks for further points when these are trained; then they are trained, too.

    Args:
        run: the run.
        sweep: the sweep with the points that its searches ask for now.
        plan: the points to train.
        note: what leaves the sweep's tables with this run.

    Raises:
        UserError: bad options or an unusable results folder; nothing was started.
        StoreError: the results root stopped working during the run.
    """
    _check_reachable(run.ledger.store, run.options.resources.address)
    check_folders(run.ledger.store, *list_folders(sweep.name))
    with_trials = run.searcher.add_trials(run.options)
    wave = prepare_wave(sweep, plan, run.ledger, with_trials, run.console)
    # Further waves of a search train with what this one starts.
    options = replace(run.options, executor=wave.options.executor)
    run = replace(run, options=options)
    with contextlib.ExitStack() as stack:
        _start_warmup(plan, wave.arrays, run.options, stack)
        executor = _start_executor(run, stack)
        _check_local_root(run.ledger.store, sweep)
        print_notes(plan, note, run.options, run.console)
        store_plugins(run.ledger.store, sweep.plugins)
        return _train_waves(run, wave, executor)


def _check_reachable(store: Store, address: str | None) -> None:
    """Raise UserError if the results root or the cluster cannot be used."""
    require_writable(store)
    # A local root is checked later: checking creates it, and other checks may still fail.
    if store.is_remote:
        check_store(store)
    if address is not None:
        check_address(address)


def _start_executor(
    run: RunContext, stack: contextlib.ExitStack
) -> ModuleType:
    """Start what runs the trials, until the stack is closed; return its module.

    The executor checks the resources, so it starts before anything is written.
    """
    resources = run.options.resources
    with run.console.status("starting"):
        executor = _load_executor(run.options.local)
        stack.enter_context(executor.open_executor(resources))
    if resources.address is not None:
        executor.check_nodes(run.ledger.store)
    return executor


def _load_executor(local: bool) -> ModuleType:
    """Return the module with `open_executor` and `execute`."""
    # Imported by name and late: one of them imports Ray, which takes seconds.
    name = "gensweep.execute.local" if local else "gensweep.execute.ray_tune"
    return importlib.import_module(name)


def _check_local_root(store: Store, sweep: Sweep) -> None:
    """Raise ResultsError if a folder of this machine cannot be written to."""
    if not store.is_remote:
        check_store(store, *list_folders(sweep.name))


def _train_waves(
    run: RunContext, wave: Wave, executor: ModuleType
) -> Trained:
    """Train a wave, and all further waves that searches ask for."""
    searcher = run.searcher
    options = run.options
    limits = Limits(options.time_budget, options.max_failures)
    # Until the first wave trains, there is nothing that a run could resume.
    hint_while_writing: contextlib.AbstractContextManager = (
        contextlib.nullcontext()
    )
    sweep = wave.sweep
    # From now on others can see which trials this run trains, and a stopped run goes on with them.
    searcher.write_log()
    while True:
        with hint_while_writing:
            write_wave(wave, run.ledger, run.console)
        hint_while_writing = run.resume_hint
        with run.resume_hint:
            limit = train_wave(
                wave,
                executor,
                run.ledger,
                limits,
                run.notifier,
                run.console,
                SearchWatch(searcher.replays),
            )
            if searcher.has_searches and limit is None:
                searcher.give_up(wave.plan)
                sweep, plan = _ask_searches(run)
            else:
                points = filter_points(sweep, options.filters)
                plan = make_plan(points, run.ledger, order=options.order)
            wanted = searcher.keep_only_needed(plan)
        is_last = not searcher.has_searches or not wanted.todo
        if is_last or limit is not None:
            if searcher.has_searches:
                # The last points that a search asks for may have records already.
                write_sweep_json(run.ledger.store, sweep, options.command)
            return Trained(sweep, plan, limit)
        searcher.print_progress()
        with_trials = searcher.add_trials(options)
        wave = prepare_wave(
            sweep, wanted, run.ledger, with_trials, run.console
        )


def _ask_searches(run: RunContext) -> tuple[Sweep, Plan]:
    """Return the sweep with all points that its searches ask for now, and a plan of them."""
    searcher = run.searcher
    while True:
        sweep = searcher.advance()
        plan = make_plan(sweep.points(), run.ledger, order=run.options.order)
        has_work = bool(searcher.keep_only_needed(plan).todo)
        if has_work or not searcher.has_pending_trials:
            return sweep, plan
        # Another run recorded the pending trials after the searches had read the records. The
        # searches may ask for more now.


def _start_warmup(
    plan: Plan,
    arrays: dict[str, DatasetArrays],
    options: RunOptions,
    stack: contextlib.ExitStack,
) -> None:
    """Prepare in the background what trials would wait for while Ray starts on this machine."""
    # Without Ray there is no start to wait for; a cluster's nodes have caches of their own.
    if options.local or options.is_on_cluster:
        return
    if (
        options.resources.device_kind == "cpu"
        and options.resources.cpus_per_trial == 1
    ):
        compile_kernels_in_background(plan.todo)
    stack.enter_context(train_readers_in_background(plan.todo, arrays))
