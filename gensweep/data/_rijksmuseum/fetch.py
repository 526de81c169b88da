"""The download: a few requests at once, everything that was got kept at once."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gensweep.core.errors import FetchError
from gensweep.core.registries import Progress
from gensweep.data._rijksmuseum.answers import Work
from gensweep.data._rijksmuseum.portrait_folder import IDENTIFIER, PortraitFolder
from gensweep.data._rijksmuseum.services import Services, build_queries
from gensweep.system.download import Gate, shown

WORKERS = 4
"""Requests at once."""
FAILURES_IN_A_ROW = 10
"""After so many, the service is down, and the rest is left for another day."""
MOST_PAGES = 10_000
"""Pages of one search: a million objects."""
NAMED = 3
"""Failures that the summary names."""

_Task = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]
Got = tuple[Work, bytes | None]
"""A record, and its picture where it is free."""


@dataclass
class Tally:
    """What became of the objects that were asked for."""

    new: int = 0
    not_free: int = 0
    failed: list[str] = field(default_factory=list)
    in_a_row: int = 0

    def fail(self, name: str, error: FetchError) -> None:
        """Note an object, or a search, that gave nothing."""
        self.failed.append(f"{name}: {error}")
        self.in_a_row += 1

    def failures(self) -> str:
        """How many failed, and the first of them."""
        more = f" | and {len(self.failed) - NAMED} more" if len(self.failed) > NAMED else ""
        return f"{len(self.failed)} failed: " + " | ".join(self.failed[:NAMED]) + more


class Workers:
    """Threads that nobody waits for: a server that hangs must not hold up a process that is told to stop."""

    def __init__(self, count: int) -> None:
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._count = count
        for number in range(count):
            threading.Thread(target=self._work, name=f"rijksmuseum-{number}", daemon=True).start()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a function called by the next thread that is free."""
        future: Future[Any] = Future()
        self._tasks.put((future, function, arguments))
        return future

    def close(self) -> None:
        """End each thread when it is done with what it does."""
        for _ in range(self._count):
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, function, arguments = task
            try:
                future.set_result(function(*arguments))
            except BaseException as error:
                future.set_exception(error)


class Portraits:
    """One call of the download.

    Args:
        services: what is asked.
        gate: of the services' session.
        kept: what there is, and where the rest goes.
        limit: pictures in all, those already kept included.
    """

    def __init__(
        self,
        services: Services,
        gate: Gate,
        kept: PortraitFolder,
        progress: Progress,
        limit: int | None,
    ) -> None:
        self.services, self.gate, self.kept, self.progress = services, gate, kept, progress
        self.limit = math.inf if limit is None else limit
        self.tally = Tally()
        self._total = limit or 0
        self._seen = 0

    def run(self, years: str) -> Tally:
        """Get every portrait of some years that is not kept yet.

        Raises:
            FetchError: nobody answers, many objects in a row fail, or nothing can be written; what was got is kept.
        """
        if len(self.kept.entries) >= self.limit:
            return self.tally
        with self._pool() as pool:
            found = self._search(pool, years)
            if self.limit == math.inf:
                found = list(found)
                self._total = len(found)
            self._get(pool, iter(found))
        return self.tally

    @contextmanager
    def _pool(self) -> Generator[Workers]:
        pool = Workers(WORKERS)
        try:
            yield pool
        except BaseException:
            self.gate.stop()
            raise
        finally:
            pool.close()

    def _search(self, pool: Workers, years: str) -> Iterator[str]:
        """Objects, each once; a search that fails after others gave something is noted, and its rest left out."""
        found: set[str] = set()
        for query in build_queries(years):
            tokens = {""}
            following: dict[str, str] | None = query
            try:
                while following is not None:
                    # Through the pool, so that pages and pictures together are no more requests than allowed.
                    page = pool.submit(self.services.search, following).result()
                    fresh = [
                        number for number in dict.fromkeys(page.objects) if number not in found
                    ]
                    found.update(fresh)
                    self.progress(
                        f"search: {len(found):,} portraits", len(self.kept.entries), self._total
                    )
                    yield from fresh
                    for item in page.strange:
                        self.tally.fail("search", FetchError(f"a result that is no object: {item}"))
                    if page.token in tokens or len(tokens) >= MOST_PAGES:
                        raise FetchError("its next page is none, or one that was there before")
                    following = query | {"pageToken": page.token} if page.token else None
                    tokens |= {page.token} if page.token else set()
            except FetchError as error:
                if not found:
                    raise
                self.tally.fail(
                    "search " + "&".join(f"{key}={value}" for key, value in query.items()), error
                )

    def _get(self, pool: Workers, found: Iterator[str]) -> None:
        """Ask for objects, never for more than are wanted, and keep each as soon as it is there."""
        asked: dict[Future[Got], str] = {}
        for number in found:
            if number in self.kept.entries:
                self.tally.in_a_row = 0
                self._seen += 1
                continue
            while asked and (
                len(asked) >= WORKERS or len(self.kept.entries) + len(asked) >= self.limit
            ):
                self._take(asked)
            if len(self.kept.entries) >= self.limit:
                break
            asked[pool.submit(self._ask, number)] = number
        while asked:
            self._take(asked)

    def _ask(self, number: str) -> Got:
        work = self.services.fetch_record(number)
        if not work.is_public_domain:
            return work, None
        if work.image is None:
            raise FetchError("its record names no picture")
        return work, self.services.fetch_picture(work.image)

    def _take(self, asked: dict[Future[Got], str]) -> None:
        """Wait for an answer, and keep what came."""
        for future in wait(asked, return_when=FIRST_COMPLETED).done:
            number = asked.pop(future)
            self._seen += 1
            try:
                work, body = future.result()
            except FetchError as error:
                self.tally.fail(IDENTIFIER + number, error)
                self._give_up(error)
            else:
                self.tally.in_a_row = 0
                if body is None:
                    self.tally.not_free += 1
                else:
                    self.kept.add(
                        work, shown(self.services.get_picture_url(work.image or "")), body
                    )
                    self.tally.new += 1
            done = len(self.kept.entries) if self.limit < math.inf else self._seen
            self.progress("pictures", done, self._total)

    def _give_up(self, error: FetchError) -> None:
        if self.tally.in_a_row >= FAILURES_IN_A_ROW:
            kept = f"{len(self.kept.entries):,} pictures are kept in {self.kept.pictures}"
            raise FetchError(
                f"rijksmuseum: {self.tally.in_a_row} objects in a row failed, the last with: {error}. {kept}; "
                "the next call goes on from there"
            )
