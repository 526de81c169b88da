"""Reading what points leave beside their records: pictures, and answers to the test queries."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.ledger.stores import Store

MOST_PIXELS = 20_000_000
"""Of a picture that is read; sheets of samples have a million at most."""
NOT_KEPT, DAMAGED = "not kept", "cannot be read"
COLUMNS = ("query", "answer", "predicted")
_END = b"IEND\xaeB`\x82"
"""A PNG's last block: its name and checksum."""
_NAMED = 4
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_log = logging.getLogger(__name__)


@dataclass
class MissingFiles:
    """Files that a figure should show and cannot, for its caption; the log has all of them, with the reason.

    Attributes:
        remedy: what brings back a file that was not kept.
    """

    remedy: str = ""
    _names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add_missing(self, name: str) -> None:
        """A file is not there."""
        self._names[NOT_KEPT].append(name)

    def add_damaged(self, name: str, error: RecordError) -> None:
        """A file is there, and is not what it should be."""
        _log.warning("%s", error)
        self._names[DAMAGED].append(name)

    def caption(self) -> str:
        """Sentences, each after a space; empty where nothing is lost."""
        endings = {
            NOT_KEPT: f"not kept by this point (trained by an earlier version){self.remedy}",
            DAMAGED: DAMAGED,
        }
        sentences = []
        for kind, names in self._names.items():
            unique = list(dict.fromkeys(names))
            more = f" and {len(unique) - _NAMED} more files" if len(unique) > _NAMED else ""
            ending = (
                endings[kind].replace("this point", "these points")
                if len(unique) > 1
                else endings[kind]
            )
            sentences.append(f" {', '.join(unique[:_NAMED])}{more}: {ending}.")
        return "".join(sentences)


def load_picture(store: Store, name: str, lost: MissingFiles) -> np.ndarray | str:
    """A picture of the results root, as `read_picture`; what is lost is written down, and said in words."""
    try:
        return read_picture(store, name)
    except FileNotFoundError:
        lost.add_missing(name)
        return NOT_KEPT
    except RecordError as error:
        lost.add_damaged(name, error)
        return DAMAGED


def read_picture(store: Store, name: str) -> np.ndarray:
    """A picture file's pixels, uint8 [h, w, 3].

    Raises:
        FileNotFoundError: there is none.
        RecordError: it is damaged, no picture, or far too large.
    """
    return read_picture_file(store, name)[1]


def read_picture_file(store: Store, name: str) -> tuple[bytes, np.ndarray]:
    """A picture file's bytes, and the pixels they hold, uint8 [h, w, 3].

    Raises:
        FileNotFoundError: there is none.
        RecordError: as `read_picture`.
    """
    from PIL import Image, UnidentifiedImageError

    path = store.uri(name)
    try:
        content = _bytes(store, name)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from None
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise RecordError(
                    f"{path}: {image.width} x {image.height} pixels are too many for a sheet"
                )
            pixels = np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:  # its text holds an address in memory
        raise RecordError(f"{path}: not a PNG file") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise RecordError(f"{path}: not a whole picture ({error})") from None
    if not content.endswith(_END):
        raise RecordError(f"{path}: not a whole picture (its end is missing)")
    return content, pixels


@dataclass(frozen=True)
class Answers:
    """A point's answers to the test queries.

    Attributes:
        true: the right ones [n].
        predicted: the point's [n]; NaN where what it wrote is no integer.
    """

    true: np.ndarray
    predicted: np.ndarray

    @property
    def unparsable(self) -> np.ndarray:
        """Which of the answers are no integers [n]."""
        return np.isnan(self.predicted)


def read_answers(store: Store, name: str) -> Answers:
    """A point's answers.csv.

    Raises:
        FileNotFoundError: there is none.
        RecordError: it is cut short or holds something else.
    """
    path = store.uri(name)
    try:
        text = _bytes(store, name).decode()
        if not text.endswith("\n"):
            raise RecordError(f"{path}: its last line has no end (cut short?)")
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        if missing := [name for name in COLUMNS if name not in header]:
            raise RecordError(f"{path}: no column {missing[0]!r}")
        if bad := [number for number, row in enumerate(rows, 2) if len(row) != len(header)]:
            raise RecordError(f"{path}: line {bad[0]} has not {len(header)} values")
        columns = {name: [row[header.index(name)] for row in rows] for name in COLUMNS}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        raise RecordError(f"{path}: not a whole table of answers ({error})") from None
    true, predicted = (_integers(columns[name]) for name in COLUMNS[1:])
    if not len(true) or np.isnan(true).any():
        raise RecordError(
            f"{path}: {'a right answer is no integer' if len(true) else 'no answers'}"
        )
    return Answers(true, predicted)


def _bytes(store: Store, name: str) -> bytes:
    try:
        return store.read(name)
    except NotADirectoryError as error:
        raise FileNotFoundError(str(error)) from None


def _integers(texts: list[str]) -> np.ndarray:
    """Digits, after a minus sign or not; NaN for all else, trailing spaces aside."""
    found = [text.rstrip(" ") for text in texts]
    return np.array([int(text) if _INTEGER.fullmatch(text) else np.nan for text in found], float)
