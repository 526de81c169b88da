"""The searches of a run: which points they ask for next, and the log that other runs read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gensweep.core.errors import ClaimedError, LostClaimError, SweepError
from gensweep.core.keep import CHECKPOINT_TOO, NOTHING
from gensweep.execute.plan import Plan
from gensweep.execute.resources import RunOptions
from gensweep.execute.search_messages import (
    describe_change,
    describe_mixture,
    describe_progress,
)
from gensweep.ledger.claims import Claim, Process
from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.ledger.point_files import CHECKPOINT, WEIGHTS
from gensweep.ledger.records import Record
from gensweep.ledger.search_log import (
    REPLACED_LOG,
    SearchInfo,
    read_search_log,
    write_search_log,
)
from gensweep.ledger.status import Status
from gensweep.search.outcomes import Outcomes
from gensweep.search.replay import Replay
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Sweep
from gensweep.system.signals import raise_if_stopped
from gensweep.system.terminal import Console
from gensweep.system.text import print_line


class Searcher:
    """The searches of one run of a sweep; without a search it does nothing.

    Any number of runs may share the searches: what is asked for follows from the log and the
    records, and one run at a time writes the log.

    Args:
        sweep: the sweep as its file declares it.
        ledger: where its records are.
        console: where to print.
    """

    def __init__(
        self, sweep: Sweep, ledger: Ledger, console: Console
    ) -> None:
        self._sweep = sweep
        self._ledger = ledger
        self._console = console
        self._may_ask = True
        self._given_up: set[str] = set()
        self._known: dict[str, Record] = {}
        self._printed: set[str] = set()
        self.replays: list[Replay] = []

    @property
    def has_searches(self) -> bool:
        """Return whether the sweep has a search."""
        return bool(self._sweep.searches)

    def peek(self, *, may_ask: bool = True) -> Sweep:
        """Return the sweep with the points that its searches ask for now; write nothing.

        Args:
            may_ask: ask for new points; otherwise those of the log are all that there are.

        Raises:
            UserError: Optuna is needed and not installed, or the log is damaged.
        """
        self._may_ask = may_ask
        if not self.has_searches:
            return self._sweep
        self._replay(read_search_log(self._ledger.store, self._sweep.name))
        return self._add_points()

    def advance(self) -> Sweep:
        """Return the sweep as `peek`, and write the log.

        While another run writes it, wait.
        """
        self._may_ask = True
        if self.has_searches:
            self._replay_and_write_in_turn()
        return self._add_points()

    def write_log(self) -> None:
        """Write the log with what the last `peek` was allowed to ask for.

        If it says so already, nothing is written. While another run writes it, wait.
        """
        if not self.has_searches:
            return
        log = read_search_log(self._ledger.store, self._sweep.name)
        if _dump(log) != _dump(self._describe_replays()):
            self._replay_and_write_in_turn()

    def give_up(self, plan: Plan) -> None:
        """Note the points of a plan that were not trained, although it was tried.

        The searches go on as if they had failed. The next run tries them again.
        """
        expected = {point.id: point.expected_record for point in plan.todo}
        state = self._ledger.read(expected)
        self._given_up |= (
            expected.keys() - state.records.keys() - state.running.keys()
        )

    def keep_only_needed(self, plan: Plan) -> Plan:
        """Return a plan without the points that this run has given up."""
        todo = [
            point for point in plan.todo if point.id not in self._given_up
        ]
        return replace(plan, todo=todo)

    def print_progress(self) -> None:
        """Print how far each search is, unless the last line says the same."""
        for replay in self.replays:
            for line in describe_progress(replay):
                if line not in self._printed:
                    self._printed.add(line)
                    print_line(self._console, line)

    def add_trials(self, options: RunOptions) -> RunOptions:
        """Return options that name the points of trials.

        W&B shows the trials of each search as a group, and the checkpoints of rungs stay.
        """
        if not self.has_searches:
            return options
        groups: dict[str, str] = {}
        for replay in self.replays:
            group = f"{self._sweep.name}/{replay.search.name}"
            # A point of two searches is trained once, so it is in the group of the first.
            for point_id in replay.list_selection_points():
                groups.setdefault(point_id, group)
        resources = options.resources
        tracking = replace(resources.tracking, groups=groups)
        # A trial that goes on starts from the state at its last rung.
        rungs = frozenset[str]().union(
            *(replay.list_rungs() for replay in self.replays)
        )
        resources = replace(resources, tracking=tracking, rungs=rungs)
        return replace(options, resources=resources)

    def drop_checkpoints(self, keep: str) -> None:
        """Remove the states of trainings that only longer trials of a search needed.

        Args:
            keep: which files the user wants to keep, as `gensweep.core.keep`.
        """
        if keep == CHECKPOINT_TOO or not self.needs_checkpoints:
            return
        store = self._ledger.store.snapshot(POINTS)
        names = [CHECKPOINT, WEIGHTS] if keep == NOTHING else [CHECKPOINT]
        points = [
            point for replay in self.replays for point in replay.list_points()
        ]
        for point_id, record in self._read(points).items():
            for name in names:
                path = f"{POINTS}/{point_id}/{name}"
                # A failed point goes on from its checkpoint when it is tried again.
                if record.status == Status.OK and store.exists(path):
                    self._ledger.store.remove(path)

    @property
    def has_pending_trials(self) -> bool:
        """Return whether a trial had no outcome when the searches read the records."""
        return any(
            trial.levels[-1].is_pending
            for replay in self.replays
            for trial in replay.trials
        )

    @property
    def needs_checkpoints(self) -> bool:
        """Return whether a search trains some trials further."""
        return any(len(search.levels) > 1 for search in self._sweep.searches)

    # --- inside

    def _describe_replays(self) -> dict[str, SearchInfo]:
        """Return the entry of the log of each search, by name."""
        return {
            replay.search.name: replay.describe() for replay in self.replays
        }

    def _replay_and_write_in_turn(self) -> None:
        """Replay the searches and write the log, as soon as no other run does."""
        store = self._ledger.store
        while True:
            raise_if_stopped()
            try:
                with Claim(
                    store, self._sweep.name, Process.get_current()
                ) as claim:
                    self._replay_and_write(claim)
                return
            except (ClaimedError, LostClaimError):
                # Another run asks now, which takes a moment.
                time.sleep(store.poll_seconds)

    def _replay_and_write(self, claim: Claim) -> None:
        """Replay the searches, and write the log; nobody else does so while the claim holds."""
        store, name = self._ledger.store, self._sweep.name
        log = read_search_log(store, name)
        self._replay(log)
        entries = self._describe_replays()
        has_replaced = any(
            self._is_replaced(key, info) for key, info in log.items()
        )
        with claim.lock_for_writing():
            if has_replaced:
                store.write_json(f"{name}/{REPLACED_LOG}", _dump(log))
            write_search_log(store, name, entries)

    def _replay(self, log: Mapping[str, SearchInfo]) -> None:
        self.replays = []
        for search in self._sweep.searches:
            info = log.get(search.name)
            if info is not None and self._is_replaced(search.name, info):
                self._print_once(describe_change(search, info))
                info = None
            replay = Replay(search, info)
            if self._may_ask:
                replay.advance(self._read_outcomes)
            else:
                replay.refresh(self._read_outcomes)
            for line in describe_mixture(replay):
                self._print_once(line)
            self.replays.append(replay)

    def _is_replaced(self, name: str, info: SearchInfo) -> bool:
        """Return whether an entry of the log is of a search that the sweep no longer has."""
        search = next(
            (one for one in self._sweep.searches if one.name == name), None
        )
        return search is None or search.describe_identity() != info.identity

    def _add_points(self) -> Sweep:
        points: list[Point] = []
        selection: set[str] = set()
        for replay in self.replays:
            points += replay.list_points()
            selection |= replay.list_selection_points()
        confirmed = {
            point.id
            for replay in self.replays
            for one in replay.confirmed
            for point in one.points
        }
        unique = list({point.id: point for point in points}.values())
        return self._sweep.add_search_points(unique, selection - confirmed)

    def _read_outcomes(self, points: list[Point]) -> Outcomes:
        return Outcomes(
            self._ledger.store, self._read(points), self._given_up
        )

    def _read(self, points: Iterable[Point]) -> dict[str, Record]:
        """Return the records of points; those that are ok are read once."""
        wanted = {
            point.id: point.expected_record
            for point in points
            if point.id not in self._known
        }
        records = self._ledger.read(wanted).records if wanted else {}
        for point_id, record in records.items():
            if record.status == Status.OK:
                self._known[point_id] = record
        return self._known | records

    def _print_once(self, line: str) -> None:
        if line not in self._printed:
            self._printed.add(line)
            print_line(self._console, f"{line}.", "yellow")


def check_filters(sweep: Sweep, filters: Iterable[object]) -> None:
    """Raise SweepError for a filter on a sweep with a search: its points depend on each other."""
    if sweep.searches and list(filters):
        raise SweepError(
            f"--filter: sweep {sweep.name!r} has a search, whose next trials depend on all earlier "
            "ones; --set KEY=VALUE fixes a parameter of it"
        )


def _dump(log: Mapping[str, SearchInfo]) -> dict[str, object]:
    return {name: info.model_dump(mode="json") for name, info in log.items()}
