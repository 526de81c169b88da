"""Secrets in addresses: what may be shown and written down of a URI."""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "..."
"""What stands in place of a secret."""
_URI = re.compile(
    r"(?<![A-Za-z0-9+.-])(?:((?:s3|gs|https?|s?ftp):)(/{0,2})|([A-Za-z][A-Za-z0-9+.-]+:)(//?))([^\s'\"<>]*)",
    re.IGNORECASE,
)
_BUCKETS = ("s3:", "gs:")
_HARMLESS = {
    "anonymous", "endpoint_override", "region", "scheme", "tls_ca_file_path", "page", "format", "limit", "offset",
    "download", "raw", "ref", "version", "versionId",
}  # fmt: skip
"""Names in a query whose values are no secrets; any other value is hidden."""


def redact_secrets(text: str) -> str:
    """Return the text with what may be a secret hidden in every URI: user and password, values of a query.

    The schemes of buckets and downloads need no slashes, since people mistype `s3://KEY:SECRET@bucket`.
    """
    return _URI.sub(_redact, text)


def _redact(match: re.Match[str]) -> str:
    scheme, slashes, rest = match[1] or match[3], match[2] or match[4] or "", match[5]
    if slashes == "/" and scheme.lower() not in _BUCKETS and not _is_login(rest):
        return f"{scheme}/{redact_secrets(rest)}"  # a path, as in `folder:/pictures`
    user = _user(scheme, rest)
    address, mark, query = rest[len(user) :].partition("?")
    query, sharp, fragment = query.partition("#") if mark else ("", *address.partition("#")[1:])
    values = [_redact_value(value) for value in re.split("([&;])", query)]
    fragment = HIDDEN if "=" in fragment else fragment
    address = address if mark else address.partition("#")[0]
    shown = f"{HIDDEN}@" if user else ""
    return f"{scheme}{slashes}{shown}{address}{mark}{''.join(values)}{sharp}{fragment}"


def _is_login(rest: str) -> bool:
    """Return whether `user:password@host` follows a scheme: a path with two slashes made one was an address."""
    return re.match(r"[^/@:]+:[^/@]+@", rest) is not None


def _user(scheme: str, rest: str) -> str:
    """Return `user:password@`, if an address begins with it; the password may hold slashes, as keys of S3 do."""
    host = re.split("[/?#]", rest)[0]
    is_cut = re.search(r":(?!\d*$)", host) and not host.startswith("[")
    begins = rest if scheme.lower() in _BUCKETS or is_cut else host
    return begins[: begins.rfind("@") + 1]


def _redact_value(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return pair
    if name in _HARMLESS and "@" not in unquote(value):
        return f"{name}={redact_secrets(value)}"
    return f"{name}={HIDDEN}"
