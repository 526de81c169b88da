"""Claims: which process is training a point, and whether it is still alive.

A claim names the driver and the worker by host, process, start of the process and boot. A death on
this host therefore frees the point at once. A claim of another host counts until this process has
seen it unchanged for 60 s of its own clock: the time in the claim is that of the other host's
clock, which may be wrong.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
import uuid
from collections.abc import Generator, Iterable
from dataclasses import asdict, dataclass
from types import TracebackType

from gensweep.core.errors import ClaimedError, LostClaimError
from gensweep.ledger.point_files import LOCK
from gensweep.ledger.stores import MAX_RECORD_BYTES, Store
from gensweep.system import processes
from gensweep.system.processes import Process, Watch
from gensweep.system.regular_files import NotRegularFileError
from gensweep.system.storage import parse_json

log = logging.getLogger(__name__)
CLAIM = "claim.json"
HEARTBEAT_SECONDS = 15.0
"""The time between two renewals of a claim."""
MAX_HOST_SHOWN = 80
"""Characters of a host's name in messages; a claim may hold anything."""
_watches: dict[tuple[str, str], Watch] = {}
"""Claims of other hosts that this process has seen, by root and folder."""


@dataclass(frozen=True)
class Holder:
    """The content of claim.json: who holds a claim."""

    attempt: str
    driver: Process
    worker: Process
    time: float

    def __str__(self) -> str:
        return f"process {self.worker.pid} on {self.worker.host.split()[0][:MAX_HOST_SHOWN]}"


def parse_claim(text: bytes) -> Holder | None:
    """Return the holder that a claim.json names; None if the file is cut short or invalid."""
    try:
        values = parse_json(text)
        claimed_at = values["time"]
        attempt = values["attempt"]
        if type(claimed_at) not in (int, float) or not math.isfinite(
            claimed_at
        ):
            return None
        if not isinstance(attempt, str):
            return None
        driver = Process.from_dict(values["driver"])
        worker = Process.from_dict(values["worker"])
        return Holder(attempt, driver, worker, float(claimed_at))
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def read_holder(store: Store, folder: str) -> Holder | None:
    """Return who holds the point in a folder of the root; None if nobody does."""
    try:
        return parse_claim(store.read(f"{folder}/{CLAIM}", MAX_RECORD_BYTES))
    except (
        FileNotFoundError,
        NotADirectoryError,
        IsADirectoryError,
        NotRegularFileError,
    ):
        return None


def is_live(store: Store, folder: str, holder: Holder) -> bool:
    """Return True unless the holder of a folder's claim is known to be dead.

    A process that does not renew its claim counts as dead, even if it exists: it may be stopped or
    hang, and it writes nothing once it finds that its claim is lost.
    """
    local = [
        process
        for process in (holder.worker, holder.driver)
        if process.is_local()
    ]
    if not all(process.is_alive() for process in local):
        return False
    watch = _watches.setdefault((store.root_uri, folder), Watch())
    return (
        watch.measure_unchanged((holder.attempt, holder.time))
        < processes.DEAD_AFTER_SECONDS
    )


def is_certainly_live(store: Store, folder: str, holder: Holder) -> bool:
    """Return True if a claim that `is_live` certainly belongs to a live process.

    A claim with a time of the last minute counts as well: if its clock is wrong, the claim is no
    longer live after one minute.
    """
    if holder.worker.is_local() and holder.driver.is_local():
        return True
    watch = _watches.get((store.root_uri, folder))
    if watch is not None and watch.has_changed:
        return True
    return 0 <= time.time() - holder.time < processes.DEAD_AFTER_SECONDS


def find_live(folders: Iterable[tuple[Store, str]]) -> set[str]:
    """Return the folders whose claim a live process holds; wait where only time can tell.

    Raises:
        OSError: a store does not answer.
    """
    live = set()
    undecided = list(folders)
    has_warned = False
    while True:
        remaining = []
        for store, folder in undecided:
            holder = read_holder(store, folder)
            if holder is None or not is_live(store, folder, holder):
                continue
            if is_certainly_live(store, folder, holder):
                live.add(folder)
            else:
                remaining.append((store, folder))
        if not remaining:
            return live
        if not has_warned:
            _warn_of_wait(
                f"{len(remaining)} claims of other hosts", remaining[0][1]
            )
            has_warned = True
        undecided = remaining
        _pause(undecided[0][0])


def _warn_of_wait(holders: str, point: str) -> None:
    log.warning(
        "waiting up to %.0f s for a sign of life from %s (%s)",
        processes.DEAD_AFTER_SECONDS,
        holders,
        point,
    )


def _pause(store: Store) -> None:
    time.sleep(min(store.poll_seconds, processes.DEAD_AFTER_SECONDS / 4))


class Claim:
    """A hold on one point's folder during its training; a context manager.

    A thread renews the claim every 15 s. Call `check` before each write: a worker that was taken
    for dead, or whose driver died, must write nothing more. A claim of the same driver is taken
    over at once, because a driver tries a point again only when it knows that the earlier
    attempt's worker, or its machine, is gone.

    On entry, a claim of another host is watched until it changes or expires, unless its time
    shows that it is live.

    Args:
        store: the results root.
        folder: the point's folder in it.
        driver: the process that wants the point trained.

    Raises:
        ClaimedError: on entry, a live process holds the point.
    """

    def __init__(self, store: Store, folder: str, driver: Process) -> None:
        self._store = store
        self._folder = folder
        self._point = folder.rpartition("/")[2]
        self._name = f"{folder}/{CLAIM}"
        self._lock = f"{folder}/{LOCK}"
        self._me = Holder(
            uuid.uuid4().hex, driver, Process.get_current(), 0.0
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._renew_until_stopped,
            daemon=True,
            name="gensweep-claim",
        )

    def __enter__(self) -> Claim:
        has_warned = False
        while (holder := self._try_to_claim()) is not None:
            if not has_warned:
                _warn_of_wait(str(holder), self._point)
                has_warned = True
            _pause(self._store)
        self._thread.start()
        return self

    def _try_to_claim(self) -> Holder | None:
        """Claim the point, or return its holder if nobody knows whether that is alive."""
        with self._store.lock(self._lock):
            holder = read_holder(self._store, self._folder)
            if holder is not None and self._must_respect(holder):
                if is_certainly_live(self._store, self._folder, holder):
                    raise ClaimedError(
                        f"{self._point} is being trained by {holder}"
                    )
                return holder
            self._write()
            return None

    def _must_respect(self, holder: Holder) -> bool:
        # An earlier attempt of our own driver on a machine that cannot be asked any more.
        is_own = holder.driver == self._me.driver
        if is_own and not holder.worker.is_local():
            return False
        return is_live(self._store, self._folder, holder)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        # A claim that cannot be removed expires.
        with contextlib.suppress(OSError), self._store.lock(self._lock):
            if self._is_mine():
                self._store.remove(self._name)

    def check(self) -> None:
        """Check that the point is still ours.

        Raises:
            LostClaimError: another attempt took it over, or our driver is dead.
            OSError: the store does not answer.
        """
        holder = read_holder(self._store, self._folder)
        if holder is None or holder.attempt != self._me.attempt:
            raise LostClaimError(f"{self._point} was taken over by {holder}")
        if self._me.driver.is_local() and not self._me.driver.is_alive():
            raise LostClaimError(f"the driver of {self._point} died")

    @contextlib.contextmanager
    def lock_for_writing(self) -> Generator[None]:
        """Hold the lock around a write that must not come from an old attempt.

        Raises:
            LostClaimError: as `check`.
        """
        with self._store.lock(self._lock):
            self.check()
            yield

    def _is_mine(self) -> bool:
        holder = read_holder(self._store, self._folder)
        return holder is not None and holder.attempt == self._me.attempt

    def _write(self) -> None:
        content = asdict(self._me)
        content["time"] = time.time()
        self._store.write_json(self._name, content)

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            # A renewal that fails is tried again; the claim is valid for four of them.
            with contextlib.suppress(OSError), self._store.lock(self._lock):
                if not self._is_mine():
                    return
                self._write()
