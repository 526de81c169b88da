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
from gensweep.core.keep import CHECKPOINT_TOO
from gensweep.execute.datasets import publish_datasets
from gensweep.execute.limits import Limits
from gensweep.execute.notify import Notifier
from gensweep.execute.plan import (
    Plan,
    make_plan,
    plan_run,
)
from gensweep.execute.plan_messages import (
    print_changed_plugins,
    print_code_changes,
    print_unreadable,
)
from gensweep.execute.resources import RunOptions
from gensweep.execute.run_end import list_bad, print_failures, print_limit
from gensweep.execute.searching import Searcher, check_filters
from gensweep.execute.warmup import (
    compile_kernels_in_background,
    train_readers_in_background,
)
from gensweep.execute.waves import prepare_wave, train_wave, write_wave
from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.ledger.manifest_writer import write_sweep_json
from gensweep.ledger.open_store import open_store
from gensweep.ledger.plugin_sources import store_plugins
from gensweep.ledger.replaced_points import describe_replaced_points
from gensweep.ledger.store_check import check_store, require_writable
from gensweep.ledger.stores import Store, as_results_error
from gensweep.plugins.loader import load_plugins
from gensweep.prepare.contact_sheet import DATASETS_FOLDER
from gensweep.sweep.load import filter_points
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Sweep
from gensweep.system.signals import Stopped
from gensweep.system.terminal import Console
from gensweep.system.text import print_line
from gensweep.tracking.pending import has_pending_uploads

SWEEP_FOLDERS = ("", "/tables", "/figures", f"/{DATASETS_FOLDER}")
"""Folders of a sweep that a run writes to; another user may own some of them."""


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
    """The end of a run.

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


def _run(
    sweep: Sweep, options: RunOptions, notifier: Notifier, console: Console
) -> _Ending:
    """Do what `run` documents."""
    check_filters(sweep, options.filters)
    store = open_store(options.results)
    ledger = Ledger(store)
    load_plugins(sweep.plugins)
    searcher = Searcher(sweep, ledger, console)
    resources = options.resources
    # What is tried again may change what a search asks for next.
    tries_again = resources.retry_failed or resources.retrain_changed
    with as_results_error(store):
        current = searcher.peek(may_ask=not tries_again)
        plan = plan_run(
            filter_points(current, options.filters), ledger, options
        )
        if searcher.has_searches and tries_again and not plan.todo:
            current = searcher.peek()
            plan = make_plan(current.points(), ledger)
    print_unreadable(plan, console)
    note = describe_replaced_points(store, current, options.command)
    resume_hint = _ResumeHint(options.command if plan.todo else None)
    limit = None
    if plan.todo:
        current, plan, limit = _train_missing(
            current,
            plan,
            note,
            ledger,
            options,
            searcher,
            resume_hint,
            notifier,
            console,
        )
        _print_upload_hint(sweep, plan.points, store, console)
    else:
        write_sweep_json(store, current, options.command)
        publish_datasets(current, plan.points, {}, store, console)
        print_line(console, f"Nothing to do: {plan.summarize()}.")
        _print_notes(plan, note, options, console)
    with resume_hint:
        searcher.drop_checkpoints(resources.keep)
        page = _collect(store.uri(sweep.name), console)
    print_changed_plugins(current, console)
    searcher.print_progress()
    bad = list_bad(plan, current.selection_ids, console)
    if limit is None:
        print_failures(plan, bad, console)
    else:
        print_limit(plan, limit, options, console)
    print_line(console, f"The page is {page}.")
    counts = plan.count_statuses()
    exit_status = 1 if bad else 0
    return _Ending(exit_status, dict(counts), page, limit)


def _train_missing(
    sweep: Sweep,
    plan: Plan,
    note: str,
    ledger: Ledger,
    options: RunOptions,
    searcher: Searcher,
    resume_hint: _ResumeHint,
    notifier: Notifier,
    console: Console,
) -> tuple[Sweep, Plan, str | None]:
    """Check everything that can be checked, then train every point of the plan.

    A search asks for further points when these are trained; then they are trained, too.

    Returns:
        The sweep with all points that its searches asked for, the plan of those, and why not every
        point was started; None if every point was.

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
    if searcher.needs_checkpoints:
        # A trial that goes on starts from the state at its last rung.
        options = replace(
            options, resources=replace(options.resources, keep=CHECKPOINT_TOO)
        )
    wave = prepare_wave(sweep, plan, ledger, options, console)
    with contextlib.ExitStack() as stack:
        _start_warmup(plan, wave.arrays, options, stack)
        # The executor checks the resources, so it starts before anything is written.
        with console.status("starting"):
            executor = _load_executor(options.local)
            stack.enter_context(executor.open_executor(options.resources))
        if address is not None:
            executor.check_nodes(store)
        if not store.is_remote:
            check_store(
                store,
                POINTS,
                *(f"{sweep.name}{folder}" for folder in SWEEP_FOLDERS),
            )
        _print_notes(plan, note, options, console)
        store_plugins(store, sweep.plugins)
        limits = Limits(options.time_budget, options.max_failures)
        # Until the first wave trains, there is nothing that a run could resume.
        hint_while_writing: contextlib.AbstractContextManager = (
            contextlib.nullcontext()
        )
        while True:
            with hint_while_writing:
                write_wave(wave, ledger, console)
            hint_while_writing = resume_hint
            with resume_hint:
                limit = train_wave(
                    wave, executor, ledger, limits, notifier, console
                )
                if searcher.has_searches and limit is None:
                    searcher.give_up(wave.plan)
                    sweep = searcher.advance()
                plan = make_plan(filter_points(sweep, options.filters), ledger)
                wanted = searcher.keep_only_needed(plan)
            if (
                not searcher.has_searches
                or limit is not None
                or not wanted.todo
            ):
                return sweep, plan, limit
            searcher.print_progress()
            wave = prepare_wave(sweep, wanted, ledger, options, console)


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
        if self._command is None or not isinstance(
            error, (OSError, ResultsError)
        ):
            return
        command = self._command or "the same command"
        raise StoreError(
            f"{error}; finished work is saved. To continue: {command}"
        ) from error


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


def _print_notes(
    plan: Plan, note: str, options: RunOptions, console: Console
) -> None:
    """Print what leaves the sweep's tables with this run, and which points are of other code."""
    for text in options.notes:
        print_line(console, text)
    if note:
        print_line(console, note, "yellow")
    print_code_changes(plan, options, console)


def _print_upload_hint(
    sweep: Sweep, points: list[Point], store: Store, console: Console
) -> None:
    if has_pending_uploads(store, points):
        folder = shlex.quote(store.uri(sweep.name))
        command = f"python -m gensweep sync {folder}"
        print_line(
            console, f"To upload what was logged for W&B: {command}", "dim"
        )


def _load_executor(local: bool) -> ModuleType:
    """Return the module with `open_executor` and `execute`."""
    # Imported by name and late: one of them imports Ray, which takes seconds.
    name = "gensweep.execute.local" if local else "gensweep.execute.ray_tune"
    return importlib.import_module(name)


def _collect(folder: str, console: Console) -> str:
    """Write the sweep's files if they are not current, print its tables, and return its page."""
    from gensweep.report.collect import is_current, print_tables, write
    from gensweep.report.load import load
    from gensweep.report.page import PAGE

    results = load(folder)
    if not is_current(results):
        write(results)
    print_tables(results, console)
    return f"{folder}/{PAGE}"
