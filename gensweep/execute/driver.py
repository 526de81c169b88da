"""One run of a sweep, from the plan to the tables; the command line calls it."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass

from gensweep.execute.datasets import publish_datasets
from gensweep.execute.notify import Notifier
from gensweep.execute.plan import Plan, plan_run
from gensweep.execute.plan_messages import (
    print_changed_plugins,
    print_notes,
    print_unreadable,
    print_unused_metrics,
)
from gensweep.execute.resources import RunOptions
from gensweep.execute.resume_hint import ResumeHint
from gensweep.execute.run_end import (
    list_bad,
    print_failures,
    print_foreign_sweep,
    print_limit,
)
from gensweep.execute.searching import Searcher, check_filters
from gensweep.execute.train_missing import RunContext, train_missing
from gensweep.ledger.dropped_points import describe_dropped_points
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.manifest_writer import write_sweep_json
from gensweep.ledger.open_store import open_store
from gensweep.ledger.stores import Store, as_results_error
from gensweep.plugins.loader import load_plugins
from gensweep.sweep.filters import filter_points
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Sweep
from gensweep.system.signals import Stopped
from gensweep.system.terminal import Console
from gensweep.system.text import print_line
from gensweep.tracking.pending import has_pending_uploads


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
        notifier.tell_end(
            about | {"error": f"{type(error).__name__}: {error}"}
        )
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
    with as_results_error(store):
        current, plan = _plan(options, ledger, searcher)
    print_unreadable(plan, console)
    print_unused_metrics(current, console)
    note = describe_dropped_points(store, current, options.command)
    resume_hint = ResumeHint(options.command if plan.todo else None)
    limit = None
    if plan.todo:
        context = RunContext(
            ledger, options, searcher, resume_hint, notifier, console
        )
        trained = train_missing(context, current, plan, note)
        current, plan, limit = trained.sweep, trained.plan, trained.limit
        _print_upload_hint(sweep, plan.points, store, console)
    else:
        searcher.write_log()
        write_sweep_json(store, current, options.command)
        publish_datasets(current, plan.points, {}, store, console)
        print_line(console, f"Nothing to do: {plan.summarize()}.")
        print_notes(plan, note, options, console)
    with resume_hint:
        if limit is None and not searcher.has_pending_trials:
            searcher.drop_checkpoints(options.resources.keep)
        wanted = None
        if options.filters:
            wanted = [point.id for point in plan.points]
        folder = store.uri(sweep.name)
        page = _collect(folder, wanted, console, options.shows_tables)
        print_foreign_sweep(store, current, plan, console)
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


def _plan(
    options: RunOptions, ledger: Ledger, searcher: Searcher
) -> tuple[Sweep, Plan]:
    """Return the sweep with the points that its searches ask for now, and its plan."""
    resources = options.resources
    # What is tried again may change what a search asks for next.
    tries_again = resources.retry_failed or resources.retrain_changed
    current = searcher.peek(may_ask=not tries_again)
    selected = filter_points(current, options.filters)
    plan = plan_run(selected, ledger, options)
    # Another run may record a trial after the search has read the records; then the search
    # asks again.
    asks_again = searcher.has_searches and tries_again
    while not plan.todo and (asks_again or searcher.has_pending_trials):
        asks_again = False
        current = searcher.peek()
        plan = plan_run(current.points(), ledger, options)
    return current, plan


def _print_upload_hint(
    sweep: Sweep, points: list[Point], store: Store, console: Console
) -> None:
    if has_pending_uploads(store, points):
        folder = shlex.quote(store.uri(sweep.name))
        command = f"python -m gensweep sync {folder}"
        print_line(
            console, f"To upload what was logged for W&B: {command}", "dim"
        )


def _collect(
    folder: str,
    wanted: list[str] | None,
    console: Console,
    shows_tables: bool,
) -> str:
    """Write the sweep's files if they are not current, and return its page.

    Print its tables if wanted: with the cells of the wanted points, or with all cells.
    """
    from gensweep.report.collect import is_current, print_tables, write
    from gensweep.report.load import load
    from gensweep.report.page import PAGE

    results = load(folder)
    if not is_current(results):
        write(results)
    if shows_tables:
        print_tables(results, console, wanted)
    return f"{folder}/{PAGE}"
