"""Ask the museum's three services: search, records, pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import DataError, FetchError
from gensweep.data._pictures import PictureError, open_picture
from gensweep.data._rijksmuseum.responses import (
    Page,
    Work,
    parse,
    read_page,
    read_work,
)
from gensweep.system.download import fetch_bytes

if TYPE_CHECKING:
    from requests import Session

MUSEUM_URL = "https://data.rijksmuseum.nl"
IMAGES_URL = "https://iiif.micr.io"
PICTURE_SIDE = 256
"""The longer side of a picture in pixels, as it is requested."""
MIN_SIDE = 64
"""The minimum of the shorter side: a picture is cropped to this size and must not be enlarged."""
MAX_RESPONSE_BYTES = 8_000_000
MAX_PICTURE_BYTES = 4_000_000
MAX_PICTURE_TRIES = 2
"""How often a picture is requested if the response is not a picture."""
SEARCH_WORDS = (
    ("title", "portrait"),
    ("title", "portret"),
    ("description", "portret"),
)
"""Field and word of each search. The museum's descriptions are in Dutch."""


def build_date_patterns(years: str) -> list[str]:
    """Return the dates to search for: `1600-1700` becomes `16??` and `1700`.

    A `?` stands for one digit. The search service does not support ranges.

    Args:
        years: a year, or the first and the last year.

    Raises:
        DataError: the text is not a year or a range of years.
    """
    match = re.fullmatch(r"([0-9]{4})(?:-([0-9]{4}))?", years.strip())
    message = f"--years {years}: expected a year or a range of years, such as 1642 or 1600-1700"
    if match is None:
        raise DataError(message)
    year = int(match[1])
    last = int(match[2] or year)
    if last < year:
        raise DataError(message)
    patterns = []
    while year <= last:
        digits = _count_open_digits(year, last)
        closed = f"{year:04d}"[: 4 - digits]
        pattern = closed + "?" * digits
        patterns.append(pattern)
        year += 10**digits
    return patterns


def _count_open_digits(year: int, last: int) -> int:
    """Return how many trailing digits of a year can be open without a date after the last year."""
    for digits in (3, 2, 1):
        span = 10**digits
        is_first_of_span = year % span == 0
        if is_first_of_span and year + span - 1 <= last:
            return digits
    return 0


class Services:
    """The services of the museum, or of another server with the same interface.

    Responses contain addresses of objects, next pages and pictures. Only the last part of such an
    address is used, never its host. Redirects are followed.

    Args:
        session: from `gensweep.system.download.open_session`.
        source: a base URL that replaces the museum's. The requests are then
            `<source>/search/collection?…`, `<source>/<number>?…` and
            `<source>/iiif/<image>/full/!256,256/0/default.jpg`.

    Raises:
        DataError: the source is not a URL.
    """

    def __init__(self, session: Session, source: str | None = None) -> None:
        self._session = session
        if source is None:
            self.base = MUSEUM_URL
            self._images = IMAGES_URL
            return
        if not re.match(r"https?://[^/]", source):
            raise DataError(
                f"--source {source}: expected a URL, such as https://host/path"
            )
        self.base = source.rstrip("/")
        self._images = f"{self.base}/iiif"

    def search(self, query: dict[str, str]) -> Page:
        """Return a page of search results, at most 100 objects.

        Raises:
            FetchError: there is no response, or it is not a page of results.
        """
        url = f"{self.base}/search/collection"
        response = self._get_json(url, query)
        return read_page(response, url)

    def fetch_record(self, number: str) -> Work:
        """Return the record of an object.

        Raises:
            FetchError: there is no response, or it is not a record.
        """
        url = f"{self.base}/{number}"
        # The service ignores the Accept header if the query names a profile.
        profile = {
            "_profile": "edm-framed",
            "_mediatype": "application/ld+json",
        }
        response = self._get_json(url, profile)
        return read_work(response, number, url)

    def _get_json(
        self,
        url: str,
        params: dict[str, str],
    ) -> Any:
        """Return the parsed JSON of a URL."""
        body = fetch_bytes(
            self._session,
            url,
            params=params,
            limit=MAX_RESPONSE_BYTES,
        )
        return parse(body, url)

    def get_picture_url(self, image: str) -> str:
        """Return the address of a picture in the size that is stored."""
        size = f"!{PICTURE_SIDE},{PICTURE_SIDE}"
        return f"{self._images}/{image}/full/{size}/0/default.jpg"

    def fetch_picture(self, image: str) -> bytes:
        """Return the file of a picture, as the service sends it.

        Raises:
            FetchError: there is no response, or it is not a usable picture after all tries.
        """
        url = self.get_picture_url(image)
        for remaining in reversed(range(MAX_PICTURE_TRIES)):
            body = fetch_bytes(
                self._session,
                url,
                limit=MAX_PICTURE_BYTES,
            )
            try:
                check_picture(body, url)
                break
            except FetchError:
                if not remaining:
                    raise
        return body


def build_queries(years: str) -> Iterator[dict[str, str]]:
    """Yield the queries that find the painted portraits of some years."""
    for field, word in SEARCH_WORDS:
        for date in build_date_patterns(years):
            yield {
                "type": "painting",
                "imageAvailable": "true",
                field: word,
                "creationDate": date,
            }


def check_picture(body: bytes, url: str) -> None:
    """Check that a file is a complete picture and large enough.

    Args:
        body: the bytes of the file.
        url: the address that an error names.

    Raises:
        FetchError: the file is not a picture, is damaged, or is too small.
    """
    try:
        picture = open_picture(body)
    except PictureError as error:
        raise FetchError(f"{url}: {error}") from error
    if min(picture.size) < MIN_SIDE:
        size = f"{picture.width}x{picture.height}"
        raise FetchError(
            f"{url} has {size} pixels; at least {MIN_SIDE} a side are needed",
        )
