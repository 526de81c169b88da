"""The three services: search, records, pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gensweep.core.errors import DataError, FetchError
from gensweep.data._pictures import PictureError, open_picture
from gensweep.data._rijksmuseum.answers import Page, Work, parse, read_page, read_work
from gensweep.system.download import get

if TYPE_CHECKING:
    from requests import Session

MUSEUM, IMAGES = "https://data.rijksmuseum.nl", "https://iiif.micr.io"
SIDE = 256
"""Pixels of a picture's longer side, as it is asked for."""
SHORTEST = 64
"""Pixels of the shorter side, at least: what is cropped to this size must not be enlarged."""
LARGEST_ANSWER, LARGEST_PICTURE = 8_000_000, 4_000_000
"""Bytes, at most."""
PICTURE_TRIES = 2
"""How often a picture is asked for that is none."""
WORDS = (("title", "portrait"), ("title", "portret"), ("description", "portret"))
"""Where a portrait says that it is one. The museum's descriptions are in Dutch."""


def build_date_patterns(years: str) -> list[str]:
    """The search's dates that make up `1600-1700`: `16??` and `1700`. A `?` is one digit; the search knows no spans.

    Raises:
        DataError: no such span.
    """
    span = re.fullmatch(r"([0-9]{4})(?:-([0-9]{4}))?", years.strip())
    if span is None or int(span[1]) > int(span[2] or span[1]):
        raise DataError(
            f"--years {years}: a year or a span of years, as 1642 or 1600-1700, is wanted"
        )
    year, last, patterns = int(span[1]), int(span[2] or span[1]), []
    while year <= last:
        open_digits = next(
            n for n in (3, 2, 1, 0) if year % 10**n == 0 and year + 10**n - 1 <= last
        )
        patterns.append(f"{year:04d}"[: 4 - open_digits] + "?" * open_digits)
        year += 10**open_digits
    return patterns


class Services:
    """The services of the museum, or of another server that speaks like them.

    Of the addresses in the answers (objects, next pages, pictures) only the last part counts, never the host.
    Redirects are followed.

    Args:
        session: from `gensweep.system.download.open_session`.
        source: a base URL in place of the museum's: `<source>/search/collection?…`, `<source>/<number>?…`, and
            `<source>/iiif/<image>/full/!256,256/0/default.jpg`.

    Raises:
        DataError: the source is no URL.
    """

    def __init__(self, session: Session, source: str | None = None) -> None:
        if source is not None and not re.match(r"https?://[^/]", source):
            raise DataError(f"--source {source}: a URL, as https://host/path, is wanted")
        self._session = session
        self.base = MUSEUM if source is None else source.rstrip("/")
        self._images = IMAGES if source is None else f"{self.base}/iiif"

    def search(self, query: dict[str, str]) -> Page:
        """A page of results, 100 objects at most.

        Raises:
            FetchError: no page, or another thing than one.
        """
        place = f"{self.base}/search/collection"
        return read_page(
            parse(get(self._session, place, params=query, limit=LARGEST_ANSWER), place), place
        )

    def fetch_record(self, number: str) -> Work:
        """What the museum says of an object.

        Raises:
            FetchError: no record, or another thing than one.
        """
        place = f"{self.base}/{number}"
        # With a profile named, the service does not look at the Accept header.
        profile = {"_profile": "edm-framed", "_mediatype": "application/ld+json"}
        return read_work(
            parse(get(self._session, place, params=profile, limit=LARGEST_ANSWER), place),
            number,
            place,
        )

    def get_picture_url(self, image: str) -> str:
        """Where a picture is, in the size that is kept."""
        return f"{self._images}/{image}/full/!{SIDE},{SIDE}/0/default.jpg"

    def fetch_picture(self, image: str) -> bytes:
        """A picture, as it was served.

        Raises:
            FetchError: no picture, or another thing than one, twice.
        """
        place = self.get_picture_url(image)
        for left in reversed(range(PICTURE_TRIES)):
            body = get(self._session, place, limit=LARGEST_PICTURE)
            try:
                check_picture(body, place)
                break
            except FetchError:
                if not left:
                    raise
        return body


def build_queries(years: str) -> Iterator[dict[str, str]]:
    """Every search for painted portraits of some years."""
    for field, word in WORDS:
        for date in build_date_patterns(years):
            yield {"type": "painting", "imageAvailable": "true", field: word, "creationDate": date}


def check_picture(body: bytes, place: str) -> None:
    """Make sure that a file is a whole picture, large enough.

    Raises:
        FetchError: it is not.
    """
    try:
        picture = open_picture(body)
    except PictureError as error:
        raise FetchError(f"{place}: {error}") from error
    if min(picture.size) < SHORTEST:
        raise FetchError(
            f"{place} has {picture.width}x{picture.height} pixels; {SHORTEST} a side are needed"
        )
