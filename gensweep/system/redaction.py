"""Secrets in addresses: hides them before a URI is shown or written."""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "..."
"""The text in place of a secret."""
_URI = re.compile(
    r"(?<![A-Za-z0-9+.-])"
    r"(?:((?:s3|gs|https?|s?ftp):)(/{0,2})|([A-Za-z][A-Za-z0-9+.-]+:)(//?))"
    r"([^\s'\"<>]*)",
    re.IGNORECASE,
)
_BUCKET_SCHEMES = ("s3:", "gs:")
_HARMLESS = {
    "anonymous", "endpoint_override", "region", "scheme", "tls_ca_file_path", "page", "format",
    "limit", "offset", "download", "raw", "ref", "version", "versionId",
}  # fmt: skip
"""Names in a query whose values are not secrets; any other value is hidden."""


def redact_secrets(text: str) -> str:
    """Return text with possible secrets hidden in every URI: user, password, values of a query.

    Schemes of buckets and downloads are recognized without slashes too, because people mistype
    `s3://KEY:SECRET@bucket`.
    """
    return _URI.sub(_redact, text)


def _redact(match: re.Match[str]) -> str:
    """Return one URI with its secrets hidden."""
    scheme = match[1] or match[3]
    slashes = match[2] or match[4] or ""
    rest = match[5]
    if (
        slashes == "/"
        and scheme.lower() not in _BUCKET_SCHEMES
        and not _is_login(rest)
    ):
        # A path, as in `folder:/pictures`. There may be a URI inside.
        return f"{scheme}/{redact_secrets(rest)}"
    user = _get_user(scheme, rest)
    before_fragment = rest[len(user) :]
    address, question_mark, query = before_fragment.partition("?")
    if question_mark:
        query, sharp, fragment = query.partition("#")
    else:
        address, sharp, fragment = address.partition("#")
    values = "".join(
        _redact_value(value) for value in re.split("([&;])", query)
    )
    if "=" in fragment:
        fragment = HIDDEN
    login = f"{HIDDEN}@" if user else ""
    return f"{scheme}{slashes}{login}{address}{question_mark}{values}{sharp}{fragment}"


def _is_login(rest: str) -> bool:
    """Return whether `user:password@host` follows: `pathlib` makes one slash of two."""
    return re.match(r"[^/@:]+:[^/@]+@", rest) is not None


def _get_user(scheme: str, rest: str) -> str:
    """Return `user:password@` if an address begins with it.

    The password may contain slashes, as keys of S3 do.
    """
    host = re.split("[/?#]", rest)[0]
    # Text after a colon that is not a port: the first slash belongs to a password.
    is_cut = re.search(r":(?!\d*$)", host) and not host.startswith("[")
    searched = host
    if is_cut or scheme.lower() in _BUCKET_SCHEMES:
        searched = rest
    return searched[: searched.rfind("@") + 1]


def _redact_value(pair: str) -> str:
    """Return `name=value` of a query with the value hidden, unless it is harmless."""
    name, equals, value = pair.partition("=")
    if not equals:
        return pair
    if name in _HARMLESS and "@" not in unquote(value):
        return f"{name}={redact_secrets(value)}"
    return f"{name}={HIDDEN}"
