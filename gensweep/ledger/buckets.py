"""Buckets: what a URI of one says, the connection to it, and its refusals in words."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from gensweep.core.errors import ResultsError, unknown
from gensweep.ledger.stores import SCHEMES

if TYPE_CHECKING:
    from pyarrow import fs

THREADS = 32
"""Requests at once, where there are many files to read."""
CONNECT, REQUEST = 5.0, 20.0
"""Seconds for a connection, and for an answer."""
ATTEMPTS = 6
"""Of a request that is refused for now, with pauses that double: a quarter of a minute, well within a claim's life."""
_OPTIONS = {
    "s3": ("anonymous", "endpoint_override", "region", "scheme", "tls_ca_file_path"),
    "gs": ("anonymous", "endpoint_override", "scheme"),
}
_CODE = re.compile(
    r"AWS Error UNKNOWN \(HTTP status (\d+)|AWS Error (\w+)|google::cloud::Status\((\w+)|^(NOT_FOUND)$"
)
_LOGIN = "are there credentials on this host, of somebody who may read and write there?"
_EXPIRED = "the login has expired: log in again on this host"
_ADVICE = {
    "NO_SUCH_BUCKET": "there is no such bucket; make it, or name another",
    "NOT_FOUND": "there is no such bucket; make it, or name another",
    "ACCESS_DENIED": f"access denied: {_LOGIN}",
    "PERMISSION_DENIED": f"access denied: {_LOGIN}",
    "UNAUTHENTICATED": f"not logged in: {_LOGIN}",
    "INVALID_ACCESS_KEY_ID": f"the access key is not known there: {_LOGIN}",
    "SIGNATURE_DOES_NOT_MATCH": f"the secret key is wrong: {_LOGIN}",
    "INVALID_SIGNATURE": f"the secret key is wrong: {_LOGIN}",
    "EXPIRED_TOKEN": _EXPIRED,
    "400": f"{_EXPIRED}; if it has not, look at region and endpoint",  # S3 gives no reason where it sends no body
    "UNAVAILABLE": f"no answer: is the network up, and {_LOGIN}",
    "INTERNAL_FAILURE": f"refused, or overloaded: {_LOGIN}",
    "NETWORK_CONNECTION": "nobody answers: is the network up, and the endpoint right?",
    "403": f"access denied: {_LOGIN}",
    "503": "overloaded; tried again until now",
    "SLOW_DOWN": "overloaded; tried again until now",
    "SERVICE_UNAVAILABLE": "not available; tried again until now",
    "REQUEST_TIMEOUT": "no answer in time",
}


@dataclass(frozen=True)
class Bucket:
    """A root's URI, taken apart.

    Attributes:
        scheme: `s3` or `gs`.
        name: the bucket's.
        base: bucket and prefix, as pyarrow's file system names them.
        options: how it is reached.
    """

    scheme: str
    name: str
    base: str
    options: tuple[tuple[str, str], ...]

    @property
    def uri(self) -> str:
        """The URI, written in the one way that all spellings of it share."""
        query = "&".join(f"{name}={value}" for name, value in self.options)
        return f"{self.scheme}://{self.base}" + (f"?{query}" if query else "")

    def connect(self) -> fs.FileSystem:
        """The file system that has it, patient with a store that is overloaded; nothing is asked yet.

        Raises:
            ResultsError: an option is wrong, or the bucket's region cannot be found out.
        """
        return self._refusing(lambda: self._files(ATTEMPTS, REQUEST))

    def check(self) -> None:
        """Ask for the bucket, without much patience: a user waits for the answer.

        Raises:
            ResultsError: it is not there, or the store does not answer, or refuses.
        """

        def ask() -> None:
            if not self._files(2, CONNECT).get_file_info(self.name).type:  # NotFound is 0
                raise OSError("NOT_FOUND")

        self._refusing(ask)

    def _files(self, attempts: int, seconds: float) -> fs.FileSystem:
        options = {
            name: value == "true" if name == "anonymous" else value for name, value in self.options
        }
        return _CONNECT[self.scheme](self.name, options, attempts, seconds)

    def _refusing(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except (OSError, ValueError, TypeError) as error:
            raise ResultsError(
                f"--results {self.uri} cannot be used: {explain_error(error)}"
            ) from error


def parse_bucket_uri(place: str) -> Bucket:
    """What a URI says.

    Raises:
        ResultsError: it is no URI of a bucket; the message repeats nothing of it that may be a secret.
    """
    parts = urlsplit(place)
    if parts.scheme not in SCHEMES:
        valid = ", ".join(f"{scheme}://bucket/prefix" for scheme in SCHEMES)
        said = f"--results {parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise ResultsError(
            f"{said}: no results can be kept at {parts.scheme}://; there is {valid}, or a folder"
        )
    options = dict(parse_qsl(parts.query))
    if "@" in parts.netloc + parts.path or "@" in options.get("endpoint_override", ""):
        raise ResultsError(
            f"--results {parts.scheme}://...@...: no secrets in a place, which results repeat; "
            "credentials come from the environment, a login's files or the machine's role"
        )
    if not parts.netloc:
        raise ResultsError(
            f"--results {parts.scheme}://: names no bucket; write {parts.scheme}://bucket/prefix"
        )
    base = "/".join(filter(None, [parts.netloc, *parts.path.split("/")]))
    said = f"--results {parts.scheme}://{base}"
    if parts.fragment or "#" in place:
        raise ResultsError(f"{said}#...: a place has no part after #; write another prefix")
    if {".", ".."} & set(base.split("/")):
        raise ResultsError(f"{said}: a prefix has no parts . and ..")
    if strange := options.keys() - set(_OPTIONS[parts.scheme]):
        raise ResultsError(unknown("option", min(strange), _OPTIONS[parts.scheme], said))
    return Bucket(parts.scheme, parts.netloc, base, tuple(sorted(options.items())))


def _s3(bucket: str, options: dict[str, Any], attempts: int, seconds: float) -> fs.FileSystem:
    import pyarrow
    from pyarrow import fs

    pyarrow.set_io_thread_count(THREADS)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        options = {"endpoint_override": endpoint} | options
    if "endpoint_override" not in options and "region" not in options:
        options["region"] = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        connect_timeout=CONNECT,
        request_timeout=seconds,
        allow_delayed_open=True,  # one put, where the other way would take three requests
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=attempts),
        **options,
    )


def _gs(bucket: str, options: dict[str, Any], attempts: int, seconds: float) -> fs.FileSystem:
    from datetime import timedelta

    from pyarrow import fs

    return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=seconds * attempts), **options)


_CONNECT = {"s3": _s3, "gs": _gs}


def explain_error(error: Exception) -> str:
    """What an error of a store means, in words; its own words where nobody knows."""
    said = " ".join(str(error).split())
    found = _CODE.search(said)
    code = next(filter(None, found.groups()), "") if found else ""
    said = said.partition(" (Request ID")[0].partition(" error_info=")[0]
    if code not in _ADVICE:
        return said
    return _ADVICE[code] if said == code else f"{_ADVICE[code]} ({said})"
