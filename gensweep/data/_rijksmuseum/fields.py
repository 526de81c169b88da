"""Read the fields of a JSON-LD document.

A field can be a string, a list, a value with its language, a map of languages, or a concept with
labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

PREFERRED_LANGUAGES = ("en", "nl")
"""The languages in which a title or a name is preferred, in this order."""
MAX_FIELD_DEPTH = 6
"""How many levels of a nested field are searched for text."""
MAX_TEXT_CHARACTERS = 1000
"""A longer text is cut here."""
_LANGUAGE_KEY = re.compile(r"(?!id$)[a-z]{2,3}(-\w+)?|@none|none")

Node = dict[str, Any]
"""An object of a JSON-LD document."""
Text = tuple[str, str]
"""The language of a text, and the text."""


def to_list(value: Any) -> list[Any]:
    """Return a list as it is, None as an empty list, and another value as the only entry."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    return [value]


def get_list(node: Any, *names: str) -> list[Any]:
    """Return the value of a field as a list; an empty one if the field is missing."""
    return to_list(get_field(node, *names))


def get_field(node: Any, *names: str) -> Any:
    """Return the first of some fields that has a value, or None.

    Args:
        node: a node of a JSON-LD document.
        names: bare names, such as `rights`. In the document, the name may have a prefix
            (`edm:rights`) or be a full address.
    """
    if not isinstance(node, dict):
        return None
    values = {}
    for key, value in node.items():
        bare_name = re.split(r"[/#:]", key)[-1]
        values[bare_name] = value
    for name in names:
        if values.get(name) is not None:
            return values[name]
    return None


def get_address(value: Any) -> str:
    """Return the address that a field names, or an empty string."""
    address = value
    if isinstance(value, dict):
        address = value.get("id") or value.get("@id") or value.get("@value")
    if not isinstance(address, str):
        return ""
    address = _clean(address)
    try:
        urlsplit(address)
    except ValueError:
        # Of a text such as "https://[", which a server may send, nothing can be read.
        return ""
    return address


def _clean(text: str) -> str:
    """Return a text on one line, of limited length, that can be encoded as UTF-8."""
    # A lone surrogate (half of a character) is valid in JSON and cannot be written to a file.
    encodable = text.encode("utf-8", "replace").decode()
    return " ".join(encodable.split())[:MAX_TEXT_CHARACTERS]


def get_last_path_part(address: str) -> str:
    """Return the part after the last slash: `eBrWZ` of `https://iiif.micr.io/eBrWZ/`."""
    path = urlsplit(address).path.rstrip("/")
    return path.rpartition("/")[2]


def get_text(value: Any) -> str:
    """Return a field's text in the preferred language, or an empty string."""
    texts = list(iterate_texts(value))
    for preferred in PREFERRED_LANGUAGES:
        for language, text in texts:
            if language == preferred:
                return text
    if texts:
        return texts[0][1]
    return ""


def iterate_texts(
    value: Any,
    language: str = "",
    depth: int = 0,
) -> Iterator[Text]:
    """Yield the texts of a field.

    Args:
        value: the field.
        language: the language of the field; empty if it is unknown.
        depth: how deep the field is nested.
    """
    if isinstance(value, str):
        if value.strip():
            yield language, _clean(value)
        return
    if depth >= MAX_FIELD_DEPTH:
        return
    if isinstance(value, list):
        for inner in value:
            yield from iterate_texts(inner, language, depth + 1)
    elif isinstance(value, dict):
        yield from _iterate_texts_of_node(value, language, depth)


def _iterate_texts_of_node(
    node: Node,
    language: str,
    depth: int,
) -> Iterator[Text]:
    """Yield the texts of a value with its language, of a concept, or of a map of languages."""
    if "@value" in node:
        language = str(node.get("@language", language))
        yield from iterate_texts(node["@value"], language, depth + 1)
        return
    label = get_field(node, "prefLabel")
    if label is not None:
        yield from iterate_texts(label, language, depth + 1)
        return
    for key, inner in node.items():
        # The keys of a map of languages are short. The other fields of a concept are not text.
        if _LANGUAGE_KEY.fullmatch(key):
            yield from iterate_texts(inner, key, depth + 1)
