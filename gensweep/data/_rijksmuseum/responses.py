"""Read the responses of the museum's services: pages of search results, and records of objects.

Records follow the Europeana Data Model (EDM).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gensweep.core.errors import FetchError
from gensweep.data._rijksmuseum.fields import (
    Node,
    get_address,
    get_field,
    get_last_path_part,
    get_list,
    get_text,
    iterate_texts,
    to_list,
)

PUBLIC_DOMAIN = re.compile(
    r"https?://creativecommons\.org/publicdomain/(mark|zero)/"
)
MAX_OBJECT_NUMBER_CHARACTERS = 100
MAX_RESULT_CHARACTERS = 100
"""A longer search result is cut here when an error names it."""
_NUMBER = re.compile(r"[0-9]{1,20}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
_IIIF_OPTIONS = re.compile(r"/(full|square)/[^/]+/[^/]+/[^/]+$")
"""The end of a picture's address in a IIIF service: region, size, rotation and format."""


@dataclass(frozen=True)
class Page:
    """A page of search results.

    Attributes:
        objects: the numbers of objects, in order; `200100988` for
            `https://id.rijksmuseum.nl/200100988`.
        unrecognized: results that are not objects, shortened.
        token: the token of the next page; None on the last page, empty if the response names a
            next page without a token.
    """

    objects: list[str]
    unrecognized: list[str]
    token: str | None


@dataclass(frozen=True)
class Work:
    """The record of a painting. A text is empty if the record does not have it.

    Attributes:
        number: the number of the object in the museum's data.
        object_number: the museum's inventory number, such as `SK-A-1848`.
        licence: one or more addresses, separated by spaces.
        image: the picture's name in the image service, or None.
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
        """Return True if the record names a licence, and all its licences are public domain."""
        rights = self.licence.split()
        return bool(rights) and all(
            PUBLIC_DOMAIN.match(right) for right in rights
        )


def parse(body: bytes, url: str) -> Any:
    """Parse a response as JSON.

    Args:
        body: the bytes of the response.
        url: the address that an error names.

    Raises:
        FetchError: the response is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FetchError(f"{url}: broken JSON ({error})") from error


def read_page(response: Any, url: str) -> Page:
    """Read a page of search results (Linked Art Search).

    Args:
        response: the parsed JSON.
        url: the address that an error names.

    Raises:
        FetchError: the response is not a page of results.
    """
    items = None
    if isinstance(response, dict):
        items = response.get("orderedItems")
    if not isinstance(items, list):
        raise FetchError(f"{url}: no list of results (orderedItems)")
    numbers: dict[str, str] = {}
    for item in items:
        shortened = json.dumps(item)[:MAX_RESULT_CHARACTERS]
        numbers[shortened] = get_last_path_part(get_address(item))
    objects = []
    unrecognized = []
    for shortened, number in numbers.items():
        if _NUMBER.fullmatch(number):
            objects.append(number)
        else:
            unrecognized.append(shortened)
    token = _get_page_token(response.get("next"))
    return Page(objects, unrecognized, token)


def _get_page_token(following: Any) -> str | None:
    """Return the token in the address of the next page, or None if there is no next page."""
    if not following:
        return None
    query = urlsplit(get_address(following)).query
    tokens = parse_qs(query).get("pageToken", [])
    if not tokens:
        return ""
    return tokens[0]


def read_work(
    response: Any,
    number: str,
    url: str,
) -> Work:
    """Read the record of an object (EDM, framed: the aggregation on top).

    Args:
        response: the parsed JSON.
        number: the number of the object.
        url: the address that an error names.

    Raises:
        FetchError: the response is not a record of an object.
    """
    aggregation = _find_aggregation(response)
    paintings = [
        node
        for node in get_list(aggregation, "aggregatedCHO")
        if isinstance(node, dict)
    ]
    if not paintings:
        raise FetchError(f"{url}: no record of an object (aggregatedCHO)")
    painting = paintings[0]
    object_number = _get_object_number(painting)
    rights = [
        get_address(right)
        for right in get_list(
            aggregation,
            "edmRights",
            "rights",
        )
    ]
    makers = [get_text(maker) for maker in get_list(painting, "creator")]
    # A record can name the same maker more than once.
    unique_makers = dict.fromkeys(filter(None, makers))
    return Work(
        number=number,
        object_number=object_number or number,
        title=get_text(get_field(painting, "title")),
        maker=", ".join(unique_makers),
        date=get_text(get_field(painting, "created", "date")),
        licence=" ".join(filter(None, rights)),
        image=_get_image(aggregation),
    )


def _find_aggregation(response: Any) -> Node | None:
    """Return the first node of a record that has an object, or None."""
    for node in _iterate_nodes(response):
        if get_field(node, "aggregatedCHO") is not None:
            return node
    return None


def _iterate_nodes(response: Any) -> Iterator[Node]:
    """Yield the nodes of a JSON-LD document, and those of its `@graph`."""
    for node in to_list(response):
        if not isinstance(node, dict):
            continue
        yield node
        for inner in to_list(node.get("@graph")):
            if isinstance(inner, dict):
                yield inner


def _get_object_number(painting: Node) -> str:
    """Return the first identifier that is not an address, or an empty string."""
    identifier = get_field(painting, "identifier")
    for _, text in iterate_texts(identifier):
        if "://" not in text:
            return text[:MAX_OBJECT_NUMBER_CHARACTERS]
    return ""


def _get_image(aggregation: Node | None) -> str | None:
    """Return the name of a record's picture in the image service, or None.

    The name is `eBrWZ` if the service is `https://iiif.micr.io/eBrWZ`, or if the picture is
    `https://iiif.micr.io/eBrWZ/full/max/0/default.jpg`.
    """
    for view in get_list(aggregation, "isShownBy"):
        picture = get_address(view)
        if not picture:
            continue
        services = [
            get_address(service) for service in get_list(view, "has_service")
        ]
        candidates = [address for address in services if address]
        candidates.append(_IIIF_OPTIONS.sub("", picture))
        # Only the first view that has an address counts.
        return _find_image_name(candidates)
    return None


def _find_image_name(addresses: list[str]) -> str | None:
    """Return the first last part of an address that can name a picture, or None."""
    for address in addresses:
        name = get_last_path_part(address)
        if _IMAGE.fullmatch(name):
            return name
    return None
