"""Downloads that are complete and checked, or end with an error that says what to do."""

from __future__ import annotations

import contextlib
import errno
import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import FetchError
from gensweep.system.redaction import redact_secrets
from gensweep.system.regular_files import read_file
from gensweep.system.storage import write_atomic

if TYPE_CHECKING:
    from requests import Response, Session

TIMEOUT_SECONDS = (10.0, 30.0)
"""The limit to connect, and the limit between two packets."""
MAX_BODY_ATTEMPTS = 3
"""Requests for a body that stops before its end."""
CHUNK_BYTES = 1 << 16


def fetch_bytes(
    session: Session,
    url: str,
    *,
    limit: int,
    sha256: str | None = None,
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    """Return the complete body of a URL, or of a file on this machine.

    Args:
        session: from `open_session`.
        url: `http://…`, `https://…`, or a path.
        limit: the maximum number of bytes.
        sha256: the expected hash of the body.
        params, headers: of the request.

    Raises:
        FetchError: no connection, an error status, a body that is cut off or too long, a web page
            instead of the file (most often from a proxy), or another hash.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        body = _read_local_file(Path(url), limit)
    elif scheme in ("http", "https"):
        body = _fetch_complete(session, url, limit, params, headers)
    else:
        raise FetchError(
            f"{redact_url(url)}: {scheme}:// is not supported; "
            "use an http:// or https:// address, or a path"
        )
    if sha256 is not None:
        check_sha256(body, sha256, redact_url(url))
    return body


def _fetch_complete(
    session: Session,
    url: str,
    limit: int,
    params: dict[str, str] | None,
    headers: dict[str, str] | None,
) -> bytes:
    """Return a body; request it again if it stops before its end."""
    for _ in range(MAX_BODY_ATTEMPTS - 1):
        with contextlib.suppress(_CutOffError):
            return _fetch_once(session, url, limit, params, headers)
    return _fetch_once(session, url, limit, params, headers)


class _CutOffError(FetchError):
    """A body stopped before its end."""


def _read_local_file(path: Path, limit: int) -> bytes:
    try:
        return read_file(path, limit)
    except OSError as error:
        raise FetchError(
            f"{path} cannot be read: {error.strerror}"
        ) from error


def _fetch_once(
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
            url,
            params=params,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            stream=True,
        ) as response:
            shown_url = redact_url(response.url or url)
            if response.status_code != 200:
                status = f"HTTP {response.status_code} {response.reason}"
                raise FetchError(f"{shown_url}: {status}; {_hint(response)}")
            body = _read_body(response, limit)
            beginning = body[:1024].lower()
            # A login page of a proxy comes with status 200.
            if b"<html" in beginning or b"<!doctype html" in beginning:
                raise FetchError(
                    f"{shown_url} returned a web page instead of the file: "
                    "a proxy or a login page is in between"
                )
            return body
    except (requests.RequestException, HTTPError) as error:
        raise FetchError(
            f"{redact_url(url)}: {_explain(error)}; check the network connection, "
            "and set HTTPS_PROXY if there is a proxy"
        ) from error


def _read_body(response: Response, limit: int) -> bytes:
    import requests
    from urllib3.exceptions import HTTPError

    shown_url = redact_url(response.url or "")
    parts = []
    size = 0
    try:
        for part in response.iter_content(CHUNK_BYTES):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise FetchError(
                    f"{shown_url} is longer than {limit:,} bytes: not the expected file"
                )
    except (requests.RequestException, HTTPError, OSError) as error:
        raise _CutOffError(
            f"{shown_url} was cut off after {size:,} bytes ({_explain(error)}); try again"
        ) from error
    # The length in the header is that of a compressed body, so it says nothing then.
    length = response.headers.get("Content-Length", "")
    if (
        length.isdigit()
        and "Content-Encoding" not in response.headers
        and size != int(length)
    ):
        raise _CutOffError(
            f"{shown_url} was cut off after {size:,} of {int(length):,} bytes; try again"
        )
    return b"".join(parts)


def redact_url(url: str) -> str:
    """Return an address without user name, password and secrets in its query."""
    return redact_secrets(url)


def check_sha256(content: bytes, expected: str, name: str) -> None:
    """Raise FetchError if content has another hash than expected.

    Args:
        content: the bytes.
        expected: the hash, as hexadecimal digits.
        name: the file or address, for the message.
    """
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise FetchError(
            f"{name} has SHA-256 {actual}, not {expected}: it was cut off, changed or replaced; "
            "nothing of it was opened or stored"
        )


def write_cache_file(path: Path, content: bytes) -> None:
    """Write a file of the cache, completely or not at all.

    Raises:
        FetchError: no space, no permission.
    """
    with explain_write_errors(path):
        write_atomic(path, content)


@contextlib.contextmanager
def explain_write_errors(path: Path) -> Generator[None]:
    """Turn an `OSError` into a `FetchError` that names the file and says what to do."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "free some space" if is_full else "check the folder"
        raise FetchError(
            f"{path} cannot be written: {error.strerror}; {hint}, or set GENSWEEP_CACHE"
        ) from error


def _hint(response: Response) -> str:
    """Return what the user can do about an error status."""
    if response.status_code == 407:
        return "the proxy requires a login: set HTTPS_PROXY=http://user:password@host:port"
    if response.status_code in (401, 403, 451):
        return "the server refuses access; try another --source"
    if response.status_code in (404, 410):
        return "the file has moved; --source names another address"
    return "try again later"


def _explain(error: BaseException) -> str:
    """Return the innermost reason of a chain of wrapped errors, in one line."""
    inner = error
    while True:
        wrapped = getattr(inner, "reason", None)
        if not wrapped:
            causes = (
                item for item in inner.args if isinstance(item, BaseException)
            )
            wrapped = next(causes, None)
        if not isinstance(wrapped, BaseException):
            break
        inner = wrapped
    text = redact_secrets(" ".join(str(inner).split()))
    return text or type(inner).__name__
