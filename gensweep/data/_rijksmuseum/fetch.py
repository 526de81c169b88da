"""Download portraits: a few requests at a time, every picture stored as soon as it arrives."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field

from gensweep.core.errors import FetchError
from gensweep.core.registries import Progress
from gensweep.data._rijksmuseum.portrait_folder import (
    IDENTIFIER_PREFIX,
    PortraitFolder,
)
from gensweep.data._rijksmuseum.responses import Page, Work
from gensweep.data._rijksmuseum.services import Services, build_queries
from gensweep.data._rijksmuseum.workers import Workers
from gensweep.system.download import redact_url
from gensweep.system.http_session import RateLimiter

WORKERS = 4
"""How many requests run at a time."""
MAX_FAILURES_IN_A_ROW = 10
"""After so many failures the service is considered down, and the download stops."""
MAX_PAGES = 10_000
"""Pages of one search: a million objects."""
MAX_FAILURES_PRINTED = 3

_Result = tuple[Work, bytes | None]
"""A record, and the bytes of its picture; None if the picture is not in the public domain."""


@dataclass
class Tally:
    """Counts of the objects that were requested.

    Attributes:
        new: pictures that were stored.
        not_free: objects that are not in the public domain.
        failed: a line for every object or search that failed.
        failures_in_a_row: how many objects failed since the last one that did not.
    """

    new: int = 0
    not_free: int = 0
    failed: list[str] = field(default_factory=list)
    failures_in_a_row: int = 0

    def record_failure(self, name: str, error: FetchError) -> None:
        """Add an object, or a search, that failed."""
        self.failed.append(f"{name}: {error}")
        self.failures_in_a_row += 1

    def describe_failures(self) -> str:
        """Return the number of failures and the first of them, as one line."""
        parts = self.failed[:MAX_FAILURES_PRINTED]
        more = len(self.failed) - len(parts)
        if more:
            parts.append(f"and {more} more")
        failures = " | ".join(parts)
        return f"{len(self.failed)} failed: {failures}"

    def list_lacks(self) -> list[str]:
        """Return how many objects were left out, and how many failed, if any; failures last."""
        texts = []
        if self.not_free:
            texts.append(
                f"{self.not_free:,} left out, not in the public domain"
            )
        if self.failed:
            texts.append(self.describe_failures())
        return texts


class PortraitDownload:
    """One call of the download.

    Args:
        services: the services that are asked.
        gate: the gate of the services' session.
        folder: the stored portraits; new ones are added.
        progress: called after each page of a search and after each object.
        limit: pictures in total, including those that are already stored. None: no limit.
    """

    def __init__(
        self,
        services: Services,
        gate: RateLimiter,
        folder: PortraitFolder,
        progress: Progress,
        limit: int | None,
    ) -> None:
        self.services = services
        self.gate = gate
        self.folder = folder
        self.progress = progress
        self.limit = math.inf if limit is None else limit
        self.tally = Tally()
        self._total = limit or 0
        self._completed = 0

    @property
    def _is_full(self) -> bool:
        return len(self.folder.entries) >= self.limit

    def run(self, years: str) -> Tally:
        """Download every portrait of some years that is not stored yet.

        Raises:
            FetchError: no service responds, many objects in a row fail, or a file cannot be
                written. The pictures that were stored before remain.
        """
        if self._is_full:
            return self.tally
        with self._open_workers() as workers:
            numbers = self._search(workers, years)
            if self.limit == math.inf:
                # Without a limit, only the complete search tells how many pictures there will be.
                all_numbers = list(numbers)
                self._total = len(all_numbers)
                numbers = iter(all_numbers)
            self._fetch_objects(workers, numbers)
        return self.tally

    @contextmanager
    def _open_workers(self) -> Generator[Workers]:
        workers = Workers(WORKERS)
        try:
            yield workers
        except BaseException:
            # Otherwise the threads would go on and send the requests that are waiting.
            self.gate.stop()
            raise
        finally:
            workers.close()

    def _search(self, workers: Workers, years: str) -> Iterator[str]:
        """Yield the numbers of the objects of some years, each number once.

        If a search fails after objects were found, the failure is recorded, and the next search
        follows.

        Raises:
            FetchError: a search fails before any object was found.
        """
        known: set[str] = set()
        for query in build_queries(years):
            try:
                for page in self._iterate_pages(workers, query):
                    yield from self._read_objects(page, known)
            except FetchError as error:
                if not known:
                    raise
                fields = [
                    f"{field}={value}" for field, value in query.items()
                ]
                text = "&".join(fields)
                self.tally.record_failure(f"search {text}", error)

    def _iterate_pages(
        self,
        workers: Workers,
        query: dict[str, str],
    ) -> Iterator[Page]:
        """Yield the pages of a search.

        Raises:
            FetchError: a page cannot be fetched, or names a next page that cannot be right.
        """
        tokens = {""}
        page_query = query
        while True:
            # The workers fetch pages too, so that WORKERS limits the requests of both kinds.
            future = workers.submit(self.services.search, page_query)
            page: Page = future.result()
            yield page
            if page.token in tokens or len(tokens) >= MAX_PAGES:
                raise FetchError(
                    "it names no next page, or one that was already read"
                )
            if page.token is None:
                return
            tokens.add(page.token)
            page_query = query | {"pageToken": page.token}

    def _read_objects(
        self,
        page: Page,
        known: set[str],
    ) -> Iterator[str]:
        """Yield the objects of a page that are not known yet, and add them to the known ones."""
        unique = dict.fromkeys(page.objects)
        new = [number for number in unique if number not in known]
        known.update(new)
        stored = len(self.folder.entries)
        self.progress(
            f"search: {len(known):,} portraits",
            stored,
            self._total,
        )
        yield from new
        for item in page.unrecognized:
            error = FetchError(f"a result that is not an object: {item}")
            self.tally.record_failure("search", error)

    def _fetch_objects(
        self, workers: Workers, numbers: Iterator[str]
    ) -> None:
        """Fetch objects, never more than the limit allows, and store each one when it arrives."""
        pending: dict[Future[_Result], str] = {}
        for number in numbers:
            if number in self.folder.entries:
                self.tally.failures_in_a_row = 0
                self._completed += 1
                continue
            while pending and self._has_enough_requests(len(pending)):
                self._store_finished(pending)
            if self._is_full:
                break
            future = workers.submit(self._fetch_object, number)
            pending[future] = number
        while pending:
            self._store_finished(pending)

    def _has_enough_requests(self, pending: int) -> bool:
        """Return True if one more request could exceed the number of workers, or the limit."""
        if pending >= WORKERS:
            return True
        return len(self.folder.entries) + pending >= self.limit

    def _fetch_object(self, number: str) -> _Result:
        work = self.services.fetch_record(number)
        if not work.is_public_domain:
            return work, None
        if work.image is None:
            raise FetchError("its record names no picture")
        return work, self.services.fetch_picture(work.image)

    def _store_finished(self, pending: dict[Future[_Result], str]) -> None:
        """Wait until a request is finished, and store the pictures of the finished requests."""
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            number = pending.pop(future)
            self._completed += 1
            try:
                work, body = future.result()
            except FetchError as error:
                self.tally.record_failure(IDENTIFIER_PREFIX + number, error)
                self._check_failures(error)
            else:
                self._store(work, body)
            done = self._completed
            if self.limit < math.inf:
                done = len(self.folder.entries)
            self.progress("pictures", done, self._total)

    def _store(self, work: Work, body: bytes | None) -> None:
        self.tally.failures_in_a_row = 0
        if body is None:
            self.tally.not_free += 1
            return
        url = self.services.get_picture_url(work.image or "")
        self.folder.add(work, redact_url(url), body)
        self.tally.new += 1

    def _check_failures(self, error: FetchError) -> None:
        """Stop the download after too many failures in a row.

        Raises:
            FetchError: there were too many.
        """
        failures = self.tally.failures_in_a_row
        if failures < MAX_FAILURES_IN_A_ROW:
            return
        count = len(self.folder.entries)
        raise FetchError(
            f"rijksmuseum: {failures} objects in a row failed, the last with: {error}. "
            f"{count:,} pictures are kept in {self.folder.pictures}; the next call continues there"
        )
