"""Claims: who is training a point now, and whether that is still true.

A claim names the driver and the worker by host, process, process start and boot, so a death on this host frees the
point at once. A claim of another host counts until this process has seen it unchanged for 60 s of its own clock: the
clock of the other host, which the claim's time is of, may be wrong.
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

from gensweep.core.errors import Claimed, LostClaim
from gensweep.ledger.stores import MAX_RECORD_BYTES, Store
from gensweep.system import processes
from gensweep.system.processes import Process, Watch
from gensweep.system.storage import NotRegular, parse_json

log = logging.getLogger(__name__)
CLAIM = "claim.json"
HEARTBEAT = 15.0
_watched: dict[tuple[str, str], Watch] = {}
"""Claims of other hosts that this process has seen, by root and folder."""


@dataclass(frozen=True)
class Holder:
    """What claim.json holds."""

    attempt: str
    driver: Process
    worker: Process
    time: float

    def __str__(self) -> str:
        return f"process {self.worker.pid} on {self.worker.host.split()[0]}"


def parse_claim(text: bytes) -> Holder | None:
    """Who holds a claim; None where it was cut short, or is none."""
    try:
        values = parse_json(text)
        at, attempt = values["time"], values["attempt"]
        if type(at) not in (int, float) or not math.isfinite(at) or not isinstance(attempt, str):
            return None
        return Holder(
            attempt, Process.of(values["driver"]), Process.of(values["worker"]), float(at)
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None


def read_holder(store: Store, folder: str) -> Holder | None:
    """Who holds the point in a folder of the root; None where nobody does."""
    try:
        return parse_claim(store.read(f"{folder}/{CLAIM}", MAX_RECORD_BYTES))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, NotRegular):
        return None


def is_live(store: Store, folder: str, holder: Holder) -> bool:
    """Whether the claim on a folder still stands, as far as is known now: nobody has seen that its holder is dead."""
    near = [process for process in (holder.worker, holder.driver) if process.is_local()]
    if not all(process.is_alive() for process in near):
        return False
    if len(near) == 2:
        return True
    watch = _watched.setdefault((store.root_uri, folder), Watch())
    return watch.unchanged((holder.attempt, holder.time)) < processes.EXPIRES


def is_certainly_live(store: Store, folder: str, holder: Holder) -> bool:
    """Whether a claim that `is_live` is certainly one of a live process, so that there is nothing to wait for.

    A time of the last minute counts too: if the clock that it is of is wrong, that is over within a minute.
    """
    if holder.worker.is_local() and holder.driver.is_local():
        return True
    watch = _watched.get((store.root_uri, folder))
    return (
        watch is not None and watch.has_changed
    ) or 0 <= time.time() - holder.time < processes.EXPIRES


def find_live(folders: Iterable[tuple[Store, str]]) -> set[str]:
    """Return those of these folders whose claim is a live process's; waits where only time can tell.

    Raises:
        OSError: a store does not say.
    """
    live, unsure, has_said = set(), list(folders), False
    while True:
        left = []
        for store, folder in unsure:
            holder = read_holder(store, folder)
            if holder is None or not is_live(store, folder, holder):
                continue
            if is_certainly_live(store, folder, holder):
                live.add(folder)
            else:
                left.append((store, folder))
        if not left:
            return live
        if not has_said:
            _say_wait(f"{len(left)} claims of other hosts", left[0][1])
            has_said = True
        unsure = left
        _pause(unsure[0][0])


def _say_wait(what: str, where: str) -> None:
    log.warning(
        "waiting up to %.0f s to see whether %s (%s) gives a sign of life",
        processes.EXPIRES,
        what,
        where,
    )


def _pause(store: Store) -> None:
    time.sleep(min(store.poll_seconds, processes.EXPIRES / 4))


class Claim:
    """A hold on one point's folder while it is trained; a context manager.

    A thread renews it every 15 s. `check` before each write: a worker that was taken for dead, or
    whose driver died, must write nothing more. A claim of the same driver is taken over at once: it tries a point
    again only where it knows that the earlier attempt's worker, or its machine, is gone.

    Args:
        store: the results root.
        folder: the point's, in it.
        driver: the process that wants the point trained.

    On entry, a claim of another host whose time says nothing is watched until it changes or expires.

    Raises:
        Claimed: on entry, a live process holds the point.
    """

    def __init__(self, store: Store, folder: str, driver: Process) -> None:
        self._store, self._point = store, folder.rpartition("/")[2]
        self._name, self._lock = f"{folder}/{CLAIM}", f"{folder}/.lock"
        self._folder = folder
        self._me = Holder(uuid.uuid4().hex, driver, Process.current(), 0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="gensweep-claim")

    def __enter__(self) -> Claim:
        has_said = False
        while (holder := self._take()) is not None:
            if not has_said:
                _say_wait(str(holder), self._point)
                has_said = True
            _pause(self._store)
        self._thread.start()
        return self

    def _take(self) -> Holder | None:
        """Claim the point; return the holder instead while nobody can say whether it lives."""
        with self._store.lock(self._lock):
            holder = read_holder(self._store, self._folder)
            if (
                holder is not None
                and not self._succeeds(holder)
                and is_live(self._store, self._folder, holder)
            ):
                if is_certainly_live(self._store, self._folder, holder):
                    raise Claimed(f"{self._point} is being trained by {holder}")
                return holder
            self._write()
            return None

    def _succeeds(self, holder: Holder) -> bool:
        """Whether the holder is an earlier attempt of our own driver's, on a machine that can no more be asked."""
        return holder.driver == self._me.driver and not holder.worker.is_local()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        with (
            contextlib.suppress(OSError),
            self._store.lock(self._lock),
        ):  # what cannot be removed expires
            if self._is_mine():
                self._store.remove(self._name)

    def check(self) -> None:
        """Make sure that the point is still ours.

        Raises:
            LostClaim: another attempt took it, or our driver is dead.
            OSError: the store does not say.
        """
        holder = read_holder(self._store, self._folder)
        if holder is None or holder.attempt != self._me.attempt:
            raise LostClaim(f"{self._point} was taken over by {holder}")
        if self._me.driver.is_local() and not self._me.driver.is_alive():
            raise LostClaim(f"the driver of {self._point} died")

    @contextlib.contextmanager
    def lock_for_writing(self) -> Generator[None]:
        """Hold the lock around a write that must not come from an old attempt.

        Raises:
            LostClaim: as `check`.
        """
        with self._store.lock(self._lock):
            self.check()
            yield

    def _is_mine(self) -> bool:
        holder = read_holder(self._store, self._folder)
        return holder is not None and holder.attempt == self._me.attempt

    def _write(self) -> None:
        self._store.write_json(self._name, asdict(self._me) | {"time": time.time()})

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            with contextlib.suppress(OSError), self._store.lock(self._lock):
                if not self._is_mine():
                    return
                self._write()
