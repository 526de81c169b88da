"""Buckets: their URIs, the connection to them, and readable messages for their errors."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from gensweep.core.errors import ResultsError, describe_unknown

if TYPE_CHECKING:
    from pyarrow import fs

SCHEMES = ("s3", "gs")
"""The schemes of a bucket's URI, before `://`."""
THREADS = 32
"""Number of files that are read at the same time."""
CONNECT_SECONDS = 5.0
"""Time limit for a connection."""
REQUEST_SECONDS = 20.0
"""Time limit for the answer to a request."""
ATTEMPTS = 6
"""Attempts of a request that is refused temporarily, with pauses that double.

Together they take a quarter of a minute, much less than a claim is valid."""
_OPTIONS = {
    "s3": (
        "anonymous",
        "endpoint_override",
        "region",
        "scheme",
        "tls_ca_file_path",
    ),
    "gs": ("anonymous", "endpoint_override", "scheme"),
}
_CODE = re.compile(
    r"AWS Error UNKNOWN \(HTTP status (\d+)"
    r"|AWS Error (\w+)"
    r"|google::cloud::Status\((\w+)"
    r"|^(NOT_FOUND)$"
)
_LOGIN = "are there credentials on this host, for an account that may read and write there?"
_EXPIRED = "the login has expired: log in again on this host"
_NO_BUCKET = "the bucket does not exist; create it, or name another one"
_OVERLOADED = "the server is overloaded; repeated attempts failed"
_ADVICE = {
    "NO_SUCH_BUCKET": _NO_BUCKET,
    "NOT_FOUND": _NO_BUCKET,
    "ACCESS_DENIED": f"access denied: {_LOGIN}",
    "PERMISSION_DENIED": f"access denied: {_LOGIN}",
    "UNAUTHENTICATED": f"not logged in: {_LOGIN}",
    "INVALID_ACCESS_KEY_ID": f"the server does not know the access key: {_LOGIN}",
    "SIGNATURE_DOES_NOT_MATCH": f"the secret key is wrong: {_LOGIN}",
    "INVALID_SIGNATURE": f"the secret key is wrong: {_LOGIN}",
    "EXPIRED_TOKEN": _EXPIRED,
    # S3 sends status 400 without a reason where a response has no body.
    "400": f"{_EXPIRED}; if it has not, check region and endpoint",
    "UNAVAILABLE": f"no answer: is the network up, and {_LOGIN}",
    "INTERNAL_FAILURE": f"refused, or overloaded: {_LOGIN}",
    "NETWORK_CONNECTION": "no connection: is the network up, and is the endpoint right?",
    "403": f"access denied: {_LOGIN}",
    "503": _OVERLOADED,
    "SLOW_DOWN": _OVERLOADED,
    "SERVICE_UNAVAILABLE": "the service is not available; repeated attempts failed",
    "REQUEST_TIMEOUT": "no answer in time",
}


@dataclass(frozen=True)
class Bucket:
    """The parts of a root's URI.

    Attributes:
        scheme: `s3` or `gs`.
        name: the bucket's name.
        base: the bucket and the prefix, as pyarrow's file system names them.
        options: options of the connection.
    """

    scheme: str
    name: str
    base: str
    options: tuple[tuple[str, str], ...]

    @property
    def uri(self) -> str:
        """The URI in one canonical spelling."""
        query = "&".join(f"{name}={value}" for name, value in self.options)
        suffix = f"?{query}" if query else ""
        return f"{self.scheme}://{self.base}{suffix}"

    def connect(self) -> fs.FileSystem:
        """Return pyarrow's file system, which retries when the server is overloaded.

        Raises:
            ResultsError: an option is wrong, or the bucket's region cannot be determined.
        """
        return self._call(lambda: self._open_files(ATTEMPTS, REQUEST_SECONDS))

    def check(self) -> None:
        """Check that the bucket exists; give up early, since a user waits for the answer.

        Raises:
            ResultsError: it does not exist, or the server refuses or does not answer.
        """

        def request_info() -> None:
            info = self._open_files(2, CONNECT_SECONDS).get_file_info(
                self.name
            )
            # The enum's value of NotFound is 0.
            if not info.type:
                raise OSError("NOT_FOUND")

        self._call(request_info)

    def _open_files(self, attempts: int, seconds: float) -> fs.FileSystem:
        options: dict[str, Any] = dict(self.options)
        if "anonymous" in options:
            options["anonymous"] = options["anonymous"] == "true"
        return _CONNECT[self.scheme](self.name, options, attempts, seconds)

    def _call(self, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except (OSError, ValueError, TypeError) as error:
            reason = explain_error(error)
            raise ResultsError(
                f"--results {self.uri} cannot be used: {reason}"
            ) from error


def parse_bucket_uri(uri: str) -> Bucket:
    """Parse the URI of a root in a bucket.

    Raises:
        ResultsError: it is not such a URI; the message repeats no part that may be a secret.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme
    if scheme not in SCHEMES:
        valid = ", ".join(f"{known}://bucket/prefix" for known in SCHEMES)
        prefix = f"--results {scheme}://{parts.hostname or ''}{parts.path}"
        raise ResultsError(
            f"{prefix}: results cannot be stored at {scheme}://; use {valid}, or a folder"
        )
    options = dict(parse_qsl(parts.query))
    if "@" in parts.netloc + parts.path or "@" in options.get(
        "endpoint_override", ""
    ):
        raise ResultsError(
            f"--results {scheme}://...@...: a URI must not contain secrets, because results "
            "repeat it; credentials come from the environment, a login's files or the "
            "machine's role"
        )
    if not parts.netloc:
        raise ResultsError(
            f"--results {scheme}://: names no bucket; write {scheme}://bucket/prefix"
        )
    base = "/".join(filter(None, [parts.netloc, *parts.path.split("/")]))
    prefix = f"--results {scheme}://{base}"
    if parts.fragment or "#" in uri:
        raise ResultsError(
            f"{prefix}#...: a URI must not contain #; write another prefix"
        )
    if {".", ".."} & set(base.split("/")):
        raise ResultsError(
            f"{prefix}: a prefix must not contain . or .. as a part"
        )
    unknown_options = options.keys() - set(_OPTIONS[scheme])
    if unknown_options:
        raise ResultsError(
            describe_unknown(
                "option", min(unknown_options), _OPTIONS[scheme], prefix
            )
        )
    return Bucket(scheme, parts.netloc, base, tuple(sorted(options.items())))


def _connect_s3(
    bucket: str, options: dict[str, Any], attempts: int, seconds: float
) -> fs.FileSystem:
    import pyarrow
    from pyarrow import fs

    pyarrow.set_io_thread_count(THREADS)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get(
        "AWS_ENDPOINT_URL"
    )
    if endpoint:
        options = {"endpoint_override": endpoint} | options
    if "endpoint_override" not in options and "region" not in options:
        options["region"] = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        connect_timeout=CONNECT_SECONDS,
        request_timeout=seconds,
        # A file is then one put; a multipart upload would take three requests.
        allow_delayed_open=True,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=attempts),
        **options,
    )


def _connect_gs(
    bucket: str, options: dict[str, Any], attempts: int, seconds: float
) -> fs.FileSystem:
    from datetime import timedelta

    from pyarrow import fs

    # pyarrow limits the total time of all attempts here, not their number.
    return fs.GcsFileSystem(
        retry_time_limit=timedelta(seconds=seconds * attempts), **options
    )


_CONNECT = {"s3": _connect_s3, "gs": _connect_gs}


def explain_error(error: Exception) -> str:
    """Return what an error of a store means and what to do; an unknown error's own message."""
    message = " ".join(str(error).split())
    match = _CODE.search(message)
    code = ""
    if match:
        code = next(filter(None, match.groups()), "")
    # What follows differs in every request and helps nobody.
    message = message.partition(" (Request ID")[0].partition(" error_info=")[
        0
    ]
    if code not in _ADVICE:
        return message
    if message == code:
        return _ADVICE[code]
    return f"{_ADVICE[code]} ({message})"
