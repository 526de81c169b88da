"""What the services answer: pages of identifiers, and records in the Europeana Data Model (EDM).

A field of a record comes as a string, a list, a value with its language, a map of languages, or a concept with labels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gensweep.core.errors import FetchError

LANGUAGES = ("en", "nl")
"""The languages of a title or a name that are preferred, in order."""
PUBLIC_DOMAIN = re.compile(r"https?://creativecommons\.org/publicdomain/(mark|zero)/")
_NUMBER = re.compile(r"[0-9]{1,20}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
_SIZED = re.compile(r"/(full|square)/[^/]+/[^/]+/[^/]+$")
_DEEPEST = 6
"""Levels of a field that are looked into."""
_LONGEST = 1000
"""Characters of a text that are kept."""


@dataclass(frozen=True)
class Page:
    """A page of a search.

    Attributes:
        objects: numbers of objects, in order: `200100988` of `https://id.rijksmuseum.nl/200100988`.
        strange: results that are no objects, shortened.
        token: of the next page; None on the last, empty where the next page cannot be told.
    """

    objects: list[str]
    strange: list[str]
    token: str | None


@dataclass(frozen=True)
class Work:
    """What a record says of a painting; empty where it is silent.

    Attributes:
        number: of the object in the museum's data.
        object_number: the museum's inventory number, as `SK-A-1848`.
        licence: one or more addresses, separated by spaces.
        image: the picture's name in the image service; None where there is none.
    """

    number: str
    object_number: str
    title: str
    maker: str
    date: str
    licence: str
    image: str | None

    @property
    def is_public_domain(self) -> bool:
        """Whether everything said of its rights is that it is in the public domain."""
        rights = self.licence.split()
        return bool(rights) and all(PUBLIC_DOMAIN.match(right) for right in rights)


def parse(body: bytes, place: str) -> Any:
    """JSON.

    Raises:
        FetchError: it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{place}: broken JSON ({error})") from error


def read_page(answer: Any, place: str) -> Page:
    """A page of a search (Linked Art Search).

    Raises:
        FetchError: the answer has another shape.
    """
    items = answer.get("orderedItems") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise FetchError(f"{place}: no list of results (orderedItems)")
    numbers = {json.dumps(item)[:100]: _last_part(item) for item in items}
    token, following = None, answer.get("next")
    if following:
        token = next(iter(parse_qs(urlsplit(_address(following)).query).get("pageToken", [])), "")
    return Page(
        [number for number in numbers.values() if _NUMBER.fullmatch(number)],
        [shown for shown, number in numbers.items() if not _NUMBER.fullmatch(number)],
        token,
    )


def read_work(answer: Any, number: str, place: str) -> Work:
    """A record of an object (EDM, framed: the aggregation on top).

    Raises:
        FetchError: the answer has another shape.
    """
    top = next((node for node in _nodes(answer) if _field(node, "aggregatedCHO") is not None), None)
    painting = next(
        (node for node in _listed(_field(top or {}, "aggregatedCHO")) if isinstance(node, dict)),
        None,
    )
    if top is None or painting is None:
        raise FetchError(f"{place}: no record of an object (aggregatedCHO)")
    rights = [_address(right) for right in _listed(_field(top, "edmRights", "rights"))]
    shown = next((view for view in _listed(_field(top, "isShownBy")) if _address(view)), None)
    return Work(
        number=number,
        object_number=_object_number(_field(painting, "identifier")) or number,
        title=_text(_field(painting, "title")),
        maker=", ".join(
            dict.fromkeys(filter(None, map(_text, _listed(_field(painting, "creator")))))
        ),
        date=_text(_field(painting, "created", "date")),
        licence=" ".join(filter(None, rights)),
        image=None if shown is None else _image(shown),
    )


def _object_number(value: Any) -> str:
    """The first identifier that is no address."""
    return next((text for _, text in _texts(value, "", 0) if "://" not in text), "")[:100]


def _image(view: Any) -> str | None:
    """`eBrWZ` of a service `https://iiif.micr.io/eBrWZ`, or of a picture of it, `…/eBrWZ/full/max/0/default.jpg`."""
    services = [_address(service) for service in _listed(_field(view, "has_service"))]
    for address in (*filter(None, services), _SIZED.sub("", _address(view))):
        name = urlsplit(address).path.rstrip("/").rpartition("/")[2]
        if _IMAGE.fullmatch(name):
            return name
    return None


def _nodes(answer: Any) -> Iterator[dict[str, Any]]:
    for node in _listed(answer):
        if isinstance(node, dict):
            yield node
            yield from (inner for inner in _listed(node.get("@graph")) if isinstance(inner, dict))


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _field(node: Any, *names: str) -> Any:
    """A field by its bare name, whether it is written so, with a prefix (`edm:rights`) or as a whole address."""
    if isinstance(node, dict):
        bare = {re.split(r"[/#:]", key)[-1]: value for key, value in node.items()}
        return next((bare[name] for name in names if bare.get(name) is not None), None)
    return None


def _address(value: Any) -> str:
    """The address that a field names, or nothing."""
    found = (
        (value.get("id") or value.get("@id") or value.get("@value"))
        if isinstance(value, dict)
        else value
    )
    return _plain(found) if isinstance(found, str) else ""


def _plain(text: str) -> str:
    """On one line, not endless, and without halves of characters, which no file takes."""
    return " ".join(text.encode("utf-8", "replace").decode().split())[:_LONGEST]


def _last_part(value: Any) -> str:
    """`200100988` of `https://id.rijksmuseum.nl/200100988`."""
    return urlsplit(_address(value)).path.rstrip("/").rpartition("/")[2]


def _text(value: Any) -> str:
    """A field's text in the language that is preferred; nothing where it has none."""
    found = list(_texts(value, "", 0))
    ranked = (text for wanted in LANGUAGES for language, text in found if language == wanted)
    return next(ranked, found[0][1] if found else "")


def _texts(value: Any, language: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value.strip():
        yield language, _plain(value)
    elif isinstance(value, list) and depth < _DEEPEST:
        for inner in value:
            yield from _texts(inner, language, depth + 1)
    elif isinstance(value, dict) and depth < _DEEPEST:
        if "@value" in value:
            yield from _texts(value["@value"], str(value.get("@language", language)), depth + 1)
        elif (label := _field(value, "prefLabel")) is not None:
            yield from _texts(label, language, depth + 1)
        else:  # a map of languages, whose keys are short; other fields of a concept are no text
            for key, inner in value.items():
                if re.fullmatch(r"(?!id$)[a-z]{2,3}(-\w+)?|@none|none", key):
                    yield from _texts(inner, key, depth + 1)
