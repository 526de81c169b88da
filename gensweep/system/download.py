"""Downloads that end whole, checked, or with an error that says what to do."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import threading
import time
from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import FetchError
from gensweep.system.redaction import redact_secrets
from gensweep.system.storage import write_atomic

if TYPE_CHECKING:
    from requests import Response, Session

TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and between two packets."""
RETRIES, CONNECTS, BACKOFF, LONGEST_WAIT = 4, 2, 0.5, 120
CUT_OFF_TRIES = 3
"""How often a body is asked for that stops before its end."""
CHUNK = 1 << 16
USER_AGENT = f"gensweep/{version('gensweep')} (research; python-requests)"


class RateLimiter:
    """Holds requests back: all of them while a server asks for it, and for good once they are stopped."""

    def __init__(self) -> None:
        self._opens = 0.0
        self._stopped = threading.Event()

    def pause(self, seconds: float) -> None:
        """Let nobody through for so long."""
        self._opens = max(self._opens, time.monotonic() + seconds)

    def stop(self) -> None:
        """Let nobody through any more; who waits, in whatever thread, is turned away at once."""
        self._stopped.set()

    def wait(self, seconds: float = 0.0) -> None:
        """Return when the gate is open, and not before so many seconds have passed.

        Raises:
            FetchError: it was stopped.
        """
        own = time.monotonic() + seconds
        while not self._stopped.wait(max(0.0, max(own, self._opens) - time.monotonic())):
            if time.monotonic() >= max(own, self._opens):
                return
        raise FetchError("stopped")


def open_session(workers: int = 1, gate: RateLimiter | None = None) -> Session:
    """A session that says who it is, and tries again after 429, 5xx and lost connections, as `Retry-After` asks.

    A server that says 429 or 503 is left alone by every thread of the session, not by the one that asked.

    Args:
        workers: requests at once.
        gate: what the session's requests wait at; for a caller that stops them, or shares it.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.exceptions import InvalidHeader
    from urllib3.util.retry import Retry

    waiting = gate or RateLimiter()

    class GatedRetry(Retry):
        def sleep(self, response: Any = None) -> None:
            try:
                asked = self.get_retry_after(response) if response is not None else None
            except InvalidHeader:
                asked = None
            seconds = asked or max(self.get_backoff_time(), BACKOFF)
            if response is not None and response.status in (429, 503):
                waiting.pause(seconds)
            waiting.wait(seconds)

    class GatedAdapter(HTTPAdapter):
        def send(self, *args: Any, **kwargs: Any) -> Response:
            waiting.wait()
            return super().send(*args, **kwargs)

    retry = GatedRetry(
        total=RETRIES,
        connect=CONNECTS,
        backoff_factor=BACKOFF,
        backoff_jitter=BACKOFF / 2,
        backoff_max=LONGEST_WAIT,
        retry_after_max=LONGEST_WAIT,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=("GET",),
        raise_on_status=False,
    )
    session = requests.Session()
    session.headers["User-Agent"] = USER_AGENT
    adapter = GatedAdapter(max_retries=retry, pool_maxsize=workers)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def fetch_bytes(
    session: Session,
    url: str,
    *,
    limit: int,
    sha256: str | None = None,
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    """The whole body of a URL, or of a file on this machine.

    Args:
        session: from `open_session`.
        url: `http://…`, `https://…`, or a path.
        limit: the most bytes that are read.
        sha256: what the body must hash to.
        params, headers: of the request.

    Raises:
        FetchError: nobody answers, an error status, a body cut off or too long, a web page in place of
            the file (a proxy's, most often), another hash.
    """
    scheme, given, _ = url.partition("://")
    if given and scheme not in ("http", "https"):
        raise FetchError(
            f"{redact_url(url)}: {scheme}:// is not understood; name an http:// or https:// address, or a path"
        )
    if not given:
        body = _file(Path(url), limit)
    else:
        for left in reversed(range(CUT_OFF_TRIES)):
            try:
                body = _response(session, url, limit, params, headers)
                break
            except _CutOff:
                if not left:
                    raise
    if sha256 is not None:
        check_sha256(body, sha256, redact_url(url))
    return body


class _CutOff(FetchError):
    """A body stopped before its end."""


def _file(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise FetchError(f"{path} is longer than {limit:,} bytes: not what was asked for")
        return path.read_bytes()
    except OSError as error:
        raise FetchError(f"{path} cannot be read: {error.strerror}") from error


def _response(
    session: Session,
    url: str,
    limit: int,
    params: dict[str, str] | None,
    headers: dict[str, str] | None,
) -> bytes:
    import requests
    from urllib3.exceptions import HTTPError

    try:
        with session.get(
            url, params=params, headers=headers, timeout=TIMEOUT, stream=True
        ) as response:
            place = redact_url(response.url or url)
            if response.status_code != 200:
                raise FetchError(
                    f"{place}: HTTP {response.status_code} {response.reason}; {_hint(response)}"
                )
            body = _body(response, limit)
            if b"<html" in body[:1024].lower() or b"<!doctype html" in body[:1024].lower():
                raise FetchError(
                    f"{place} gave a web page in place of the file: a proxy or a login stands between"
                )
            return body
    except (requests.RequestException, HTTPError) as error:
        raise FetchError(
            f"{redact_url(url)}: {_reason(error)}; is there a network, and a proxy to be set (HTTPS_PROXY)?"
        ) from error


def _body(response: Response, limit: int) -> bytes:
    import requests
    from urllib3.exceptions import HTTPError

    place = redact_url(response.url or "")
    parts, size = [], 0
    try:
        for part in response.iter_content(CHUNK):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise FetchError(f"{place} is longer than {limit:,} bytes: not what was asked for")
    except (requests.RequestException, HTTPError, OSError) as error:
        raise _CutOff(
            f"{place} was cut off after {size:,} bytes ({_reason(error)}); try again"
        ) from error
    told = response.headers.get("Content-Length", "")
    if told.isdigit() and "Content-Encoding" not in response.headers and size != int(told):
        raise _CutOff(f"{place} was cut off after {size:,} of {int(told):,} bytes; try again")
    return b"".join(parts)


def redact_url(url: str) -> str:
    """An address as it may be shown and written down: without name, password and what a query may hold."""
    return redact_secrets(url)


def check_sha256(content: bytes, wanted: str, place: str) -> None:
    """Make sure that content is what it should be.

    Raises:
        FetchError: it is not.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise FetchError(
            f"{place} has SHA-256 {found}, not {wanted}: cut off, changed or replaced; nothing of it was opened or kept"
        )


def write_cache_file(path: Path, content: bytes) -> None:
    """Write a file of the cache, whole or not at all.

    Raises:
        FetchError: no space, no permission.
    """
    with explain_write_errors(path):
        write_atomic(path, content)


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Generator[None]:
    """Make of an `OSError` a `FetchError` that names the file and says what to do."""
    try:
        yield
    except OSError as error:
        hint = (
            "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "check the folder"
        )
        raise FetchError(
            f"{path} cannot be written: {error.strerror}; {hint}, or set GENSWEEP_CACHE"
        ) from error


def _hint(response: Response) -> str:
    if response.status_code == 407:
        return "the proxy wants a login: set HTTPS_PROXY=http://user:password@host:port"
    if response.status_code in (401, 403, 451):
        return "the server refuses; is another --source at hand?"
    if response.status_code in (404, 410):
        return "it has moved; --source names another place"
    return "try again later"


def _reason(error: BaseException) -> str:
    """The innermost reason of a chain of wrapped errors, in one line."""
    inner = error
    while True:
        wrapped = getattr(inner, "reason", None) or next(
            (a for a in inner.args if isinstance(a, BaseException)), None
        )
        if not isinstance(wrapped, BaseException):
            break
        inner = wrapped
    return redact_secrets(" ".join(str(inner).split())) or type(inner).__name__
