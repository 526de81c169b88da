"""Any folder of pictures."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import AfterValidator, model_validator

from gensweep.core.config import Data, param
from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.errors import DataError
from gensweep.core.registries import DATASETS
from gensweep.data._copies import drop_copies
from gensweep.data._pictures import (
    Colour,
    PictureError,
    find_pictures,
    join_first,
    open_picture,
    to_square,
)
from gensweep.data._split import check_split
from gensweep.prepare.fingerprint import (
    Scheme,
    Source,
    get_survey,
    label_pinned,
    locate,
    read_digests,
)
from gensweep.system.text import pluralize

SIZE = 64
_DECODED = 8 * SIZE
"""A JPEG is decoded no smaller than this; scaled from there, no pixel differs by more than a level or two."""
_THREADS = 4
MAX_BYTES = 256_000_000
"""Larger files are not read."""
FOLDER = Scheme("folder", "DIR", find_pictures, partial=True)


class PictureFiles(Data):
    """What datasets of picture files share. Each declares its own `dataset`, pinned to content by its `scheme`."""

    kind: ClassVar[str] = "pictures"
    scheme: ClassVar[Scheme]
    dataset: str = param(..., "the files, known by what they hold")

    @model_validator(mode="after")
    def _leaves_examples(self) -> Self:
        if (there := get_survey(self.dataset)) is not None:
            check_split(there.different, self.train_fraction)
        return self

    def get_title(self) -> str:
        """The folder's name."""
        return label_pinned(self.dataset)

    def check(self) -> None:
        """Make sure that the pictures are here, and unchanged.

        Raises:
            DataError: they are not.
        """
        _files(self.scheme, self.dataset)

    def prepare(self) -> DatasetArrays:
        """Open the pictures; those with equal pixels count once, whatever their files.

        Raises:
            DataError: they are not here, changed since they were named, or too few of them can be opened.
        """
        place, files = _files(self.scheme, self.dataset)
        pictures, count, unread = np.empty((len(files), 3, SIZE, SIZE), np.uint8), 0, []
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            for path, picture in zip(
                files.values(), pool.map(self._picture, files, files.values()), strict=True
            ):
                if isinstance(picture, str):
                    unread.append(f"{os.path.relpath(path, place)} ({picture})")
                else:
                    pictures[count] = picture
                    count += 1
        unread.sort()
        pictures, counts, notes = drop_copies(pictures[:count])
        counts["left_out"] = len(unread)
        try:
            check_split(len(pictures), self.train_fraction)
        except ValueError as error:
            without = f"; {notes[0]}" if notes else ""
            if unread:
                without += (
                    f"; {len(unread)} of {len(files)} could not be opened: {join_first(unread, 3)}"
                )
            raise DataError(f"{place}: {error}{without}") from error
        if unread:
            notes = (
                *notes,
                f"{len(unread)} of {len(files)} pictures left out: {join_first(unread)}",
            )
        split = split_rows(len(pictures), self.split_seed)
        return DatasetArrays({"picture": pictures}, split, notes=notes, counts=counts)

    def list_remarks(self) -> tuple[str, ...]:
        """Return how many files are copies of others, and which cannot be read."""
        there = get_survey(self.dataset)
        if there is None:
            return ()
        copies, unread = (
            there.readable - there.different,
            [f"{name} ({why})" for name, why in there.unread.items()],
        )
        remarks = [f"copies of other pictures left out: {copies}"] if copies else []
        if unread:
            remarks.append(
                f"{pluralize(len(unread), 'file')} left out, unreadable: {join_first(unread)}"
            )
        return tuple(remarks)

    def behind(self) -> str:
        """The colour, `#rrggbb`, behind what is transparent."""
        return "#ffffff"

    def _picture(self, sha256: str, path: Path) -> np.ndarray | str:
        """One picture, uint8 [3, 64, 64], or why there is none."""
        try:
            if (size := path.stat().st_size) > MAX_BYTES:
                return f"{size:,} bytes, more than {MAX_BYTES:,}"
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DataError(
                f"{path} has changed since it was part of {self.dataset}; name its folder anew"
            )
        try:
            return to_square(open_picture(content, min_side=_DECODED), SIZE, self.behind())
        except PictureError as error:
            return str(error)  # the error itself would hold on to the picture


@DATASETS("folder")
class Folder(PictureFiles):
    """The pictures of a folder, and of the folders in it, cropped to their middle and scaled.

    Source: the user's. Any kind and size of picture; of an animation the first frame. Pictures come in the order
    of their files' content, so that names and places do not matter; pictures with the same pixels count once, whatever
    their files. Colours are those that a viewer shows: a colour profile in the file is converted to sRGB. What cannot
    be opened is left out, and named in a warning.

    - `picture`: uint8 [n, 3, 64, 64].
    """

    name: ClassVar[str] = "folder"
    numerics: ClassVar[int] = 2
    """2: equal pixels count once, colour profiles are converted, deep and damaged pictures are read otherwise."""
    source: ClassVar[str] = "any folder of pictures"
    scheme: ClassVar[Scheme] = FOLDER

    dataset: Annotated[str, AfterValidator(Source(FOLDER))] = param(
        ..., "the folder, known by what it holds"
    )
    background: Colour = param("#ffffff", "colour behind what is transparent")

    def behind(self) -> str:
        """The colour that was asked for."""
        return self.background


def _files(scheme: Scheme, pinned: str) -> tuple[Path, dict[str, Path]]:
    """Where the pictures lie, and a file for each SHA-256 in order of these.

    Raises:
        DataError: they are not here, or changed.
    """
    place = locate(pinned)
    found, _ = read_digests(scheme, place)
    if scheme.pin_digests(found) != pinned:
        raise DataError(
            f"{place} has changed since it was {pinned}; name it anew to use what it holds now"
        )
    files = {sha256: path for path, sha256 in reversed(found.items())}
    return place, dict(sorted(files.items()))
