"""HTTP sessions that retry, and that pause while a server asks for it."""

from __future__ import annotations

import contextlib
import threading
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import FetchError

if TYPE_CHECKING:
    from requests import Response, Session

MAX_RETRIES = 4
MAX_CONNECT_RETRIES = 2
BACKOFF_SECONDS = 0.5
MAX_WAIT_SECONDS = 120
USER_AGENT = f"gensweep/{version('gensweep')} (research; python-requests)"


class RateLimiter:
    """Delays requests while a server asks for a pause, and refuses them once it is stopped."""

    def __init__(self) -> None:
        self._opens_at = 0.0
        self._stopped = threading.Event()

    def pause(self, seconds: float) -> None:
        """Delay all requests for some seconds from now."""
        self._opens_at = max(self._opens_at, time.monotonic() + seconds)

    def stop(self) -> None:
        """Refuse all requests from now on; threads that wait raise at once."""
        self._stopped.set()

    def wait(self, seconds: float = 0.0) -> None:
        """Return after some seconds, or later if there is a longer pause.

        Raises:
            FetchError: the limiter was stopped.
        """
        earliest = time.monotonic() + seconds
        while True:
            remaining = max(earliest, self._opens_at) - time.monotonic()
            if self._stopped.wait(max(0.0, remaining)):
                raise FetchError("stopped")
            # Another thread may have extended the pause meanwhile.
            if time.monotonic() >= max(earliest, self._opens_at):
                return


def open_session(
    workers: int = 1, limiter: RateLimiter | None = None
) -> Session:
    """Return a session that retries after 429, 5xx and lost connections, and honours Retry-After.

    After 429 or 503, all threads of the session pause, not only the one that made the request.

    Args:
        workers: the number of requests at once.
        limiter: delays the session's requests, for a caller that stops them or that has several
            sessions of one server. None: the session has its own.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.exceptions import InvalidHeader
    from urllib3.util.retry import Retry

    limiter = limiter or RateLimiter()

    class LimitedRetry(Retry):
        def sleep(self, response: Any = None) -> None:
            retry_after = None
            if response is not None:
                with contextlib.suppress(InvalidHeader):
                    retry_after = self.get_retry_after(response)
            seconds = retry_after or max(
                self.get_backoff_time(), BACKOFF_SECONDS
            )
            if response is not None and response.status in (429, 503):
                limiter.pause(seconds)
            limiter.wait(seconds)

    class LimitedAdapter(HTTPAdapter):
        def send(self, *args: Any, **kwargs: Any) -> Response:
            limiter.wait()
            return super().send(*args, **kwargs)

    retry = LimitedRetry(
        total=MAX_RETRIES,
        connect=MAX_CONNECT_RETRIES,
        backoff_factor=BACKOFF_SECONDS,
        backoff_jitter=BACKOFF_SECONDS / 2,
        backoff_max=MAX_WAIT_SECONDS,
        retry_after_max=MAX_WAIT_SECONDS,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=("GET",),
        raise_on_status=False,
    )
    session = requests.Session()
    session.headers["User-Agent"] = USER_AGENT
    adapter = LimitedAdapter(max_retries=retry, pool_maxsize=workers)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
