"""Reading what points leave beside their records: pictures, and answers to the test queries."""

from __future__ import annotations

import io
import logging
import re
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.ledger.stores import Store
from gensweep.system.csv_text import parse_csv

MAX_PIXELS = 20_000_000
"""Most pixels of a picture that is read; sheets of samples have a million at most."""
NOT_KEPT, DAMAGED = "not saved", "cannot be read"
COLUMNS = ("query", "answer", "predicted")
_PNG_END = b"IEND\xaeB`\x82"
"""The last block of a PNG: its name and checksum."""
_MAX_FILES_NAMED = 4
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_log = logging.getLogger(__name__)


@dataclass
class MissingFiles:
    """Files that a figure should show and cannot, for its caption.

    The log names each damaged file with the reason.

    Attributes:
        remedy: text on how to create a file that was not kept.
    """

    remedy: str = ""
    _names: dict[str, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add_missing(self, name: str) -> None:
        """Note a file that does not exist."""
        self._names[NOT_KEPT].append(name)

    def add_damaged(self, name: str, error: RecordError) -> None:
        """Note a file that exists but cannot be used."""
        _log.warning("%s", error)
        self._names[DAMAGED].append(name)

    def format_caption(self) -> str:
        """Return the sentences for the caption, each after a space; empty if no file is missing."""
        sentences = []
        for kind, names in self._names.items():
            unique = list(dict.fromkeys(names))
            listed = ", ".join(unique[:_MAX_FILES_NAMED])
            hidden = len(unique) - _MAX_FILES_NAMED
            if hidden > 0:
                listed += f" and {hidden} more files"
            sentences.append(
                f" {listed}: {self._describe(kind, len(unique))}."
            )
        return "".join(sentences)

    def _describe(self, kind: str, count: int) -> str:
        if kind == DAMAGED:
            return DAMAGED
        owner = "this point" if count == 1 else "these points"
        return f"not saved by {owner} (trained by an earlier version){self.remedy}"


def load_picture(
    store: Store, name: str, missing: MissingFiles
) -> np.ndarray | str:
    """Return a picture of the results root, as `read_picture`, or a text on why there is none.

    Args:
        store: the results root.
        name: the file's, in the root.
        missing: where a file that cannot be shown is noted.
    """
    try:
        return read_picture(store, name)
    except FileNotFoundError:
        missing.add_missing(name)
        return NOT_KEPT
    except RecordError as error:
        missing.add_damaged(name, error)
        return DAMAGED


def read_picture(store: Store, name: str) -> np.ndarray:
    """Return a picture file's pixels, uint8 [h, w, 3].

    Raises:
        FileNotFoundError: the file does not exist.
        RecordError: it is damaged, not a picture, or far too large.
    """
    return read_picture_file(store, name)[1]


def read_picture_file(store: Store, name: str) -> tuple[bytes, np.ndarray]:
    """Return a picture file's bytes, and its pixels, uint8 [h, w, 3].

    Raises:
        FileNotFoundError: the file does not exist.
        RecordError: as `read_picture`.
    """
    from PIL import Image, UnidentifiedImageError

    uri = store.uri(name)
    try:
        content = _read_bytes(store, name)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RecordError(f"{uri}: {error.strerror or error}") from None
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            # The header says the size: a huge picture is refused before it fills the memory.
            if image.width * image.height > MAX_PIXELS:
                size = f"{image.width} x {image.height} pixels"
                raise RecordError(f"{uri}: {size} are too many for a sheet")
            pixels = np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:
        # Pillow's own text holds an address in memory, which differs in each run.
        raise RecordError(f"{uri}: not a PNG file") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        Image.DecompressionBombError,
    ) as error:
        raise RecordError(
            f"{uri}: not a complete picture ({error})"
        ) from None
    # Pillow accepts a PNG that ends after its pixels, without the last block.
    if not content.endswith(_PNG_END):
        raise RecordError(
            f"{uri}: not a complete picture (its end is missing)"
        )
    return content, pixels


@dataclass(frozen=True)
class Answers:
    """A point's answers to the test queries.

    Attributes:
        true: the right answers [n].
        predicted: the point's answers [n]; NaN if its text is not an integer.
        right: whether the two texts are equal, bool [n].
    """

    true: np.ndarray
    predicted: np.ndarray
    right: np.ndarray

    @property
    def unparsable(self) -> np.ndarray:
        """A mask of the answers that are not integers [n]."""
        return np.isnan(self.predicted)


def read_answers(store: Store, name: str) -> Answers:
    """Read a point's answers.csv.

    Raises:
        FileNotFoundError: the file does not exist.
        RecordError: it is cut short or holds something else.
    """
    uri = store.uri(name)
    try:
        columns = _parse_columns(_read_bytes(store, name), uri)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise RecordError(
            f"{uri}: not a complete table of answers ({error})"
        ) from None
    true, predicted = (_parse_integers(columns[name]) for name in COLUMNS[1:])
    if not len(true):
        raise RecordError(f"{uri}: no answers")
    if np.isnan(true).any():
        raise RecordError(f"{uri}: a right answer is not an integer")
    texts = [
        [text.rstrip() for text in columns[name]] for name in COLUMNS[1:]
    ]
    right = np.array(
        [one == other for one, other in zip(*texts, strict=True)]
    )
    return Answers(true, predicted, right)


def parse_answer_columns(content: bytes, uri: str) -> dict[str, list[str]]:
    """Return column -> texts [n] of an answers.csv.

    Raises:
        RecordError: it is cut short or holds something else.
    """
    try:
        return _parse_columns(content, uri)
    except ValueError as error:
        raise RecordError(
            f"{uri}: not a complete table of answers ({error})"
        ) from None


def _parse_columns(content: bytes, uri: str) -> dict[str, list[str]]:
    """Return column -> texts [n] of a table of answers."""
    if not content.endswith(b"\n"):
        raise RecordError(f"{uri}: the last line is incomplete (cut short?)")
    header, rows = parse_csv(content)
    for name in COLUMNS:
        if name not in header:
            raise RecordError(f"{uri}: no column {name!r}")
    columns = {}
    for name in COLUMNS:
        index = header.index(name)
        columns[name] = [row[index] for row in rows]
    return columns


def _read_bytes(store: Store, name: str) -> bytes:
    try:
        return store.read(name)
    except NotADirectoryError as error:
        # A file where a folder should be: the file below it is missing all the same.
        raise FileNotFoundError(str(error)) from None


def _parse_integers(texts: list[str]) -> np.ndarray:
    """Return the integers that the texts are [n]; NaN for other texts.

    Trailing spaces are allowed: a model pads its answer with them.
    """
    numbers = []
    for text in texts:
        digits = text.rstrip(" ")
        if _INTEGER.fullmatch(digits):
            numbers.append(int(digits))
        else:
            numbers.append(np.nan)
    return np.array(numbers, float)
