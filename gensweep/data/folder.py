"""Any folder of pictures."""

from __future__ import annotations

import hashlib
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import AfterValidator, model_validator

from gensweep.core.arrays import Prepared, split_rows
from gensweep.core.catalog import DATASETS
from gensweep.core.config import Data, param
from gensweep.core.content import Scheme, Source, count, digests, label, locate
from gensweep.core.errors import DataError
from gensweep.data._pictures import Colour, PictureError, open_picture, picture_files, some, to_square
from gensweep.data._split import check_split

log = logging.getLogger(__name__)
SIZE = 64
_DECODED = 8 * SIZE
"""A JPEG is decoded no smaller than this; scaled from there, no pixel differs by more than a level or two."""
_THREADS = 4
MAX_BYTES = 256_000_000
"""Larger files are not read."""
FOLDER = Scheme("folder", "DIR", picture_files)


class PictureFiles(Data):
    """What datasets of picture files share. Each declares its own `dataset`, pinned to content by its `scheme`."""

    kind: ClassVar[str] = "pictures"
    scheme: ClassVar[Scheme]
    dataset: str = param(..., "the files, known by what they hold")

    @model_validator(mode="after")
    def _leaves_examples(self) -> Self:
        if (files := count(self.dataset)) is not None:
            check_split(files, self.train_fraction)
        return self

    def title(self) -> str:
        """The folder's name."""
        return label(self.dataset)

    def check(self) -> None:
        """Make sure that the pictures are here, and unchanged.

        Raises:
            DataError: they are not.
        """
        _files(self.scheme, self.dataset)

    def prepare(self) -> Prepared:
        """Open the pictures.

        Raises:
            DataError: they are not here, changed since they were named, or too few of them can be opened.
        """
        place, files, copies = _files(self.scheme, self.dataset)
        pictures, count, unread = np.empty((len(files), 3, SIZE, SIZE), np.uint8), 0, []
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            for path, picture in zip(files.values(), pool.map(self._picture, files, files.values()), strict=True):
                if isinstance(picture, str):
                    unread.append(f"{os.path.relpath(path, place)} ({picture})")
                else:
                    pictures[count] = picture
                    count += 1
        unread.sort()
        notes = [f"copies of other pictures left out: {copies}"] if copies else []
        if unread:
            notes.append(f"{len(unread)} of {len(files)} pictures left out: {some(unread)}")
        try:
            check_split(count, self.train_fraction)
        except ValueError as error:
            without = f"; {len(unread)} of {len(files)} could not be opened: {some(unread, 3)}" if unread else ""
            raise DataError(f"{place}: {error}{without}") from error
        rows, split = {"picture": pictures[:count]}, split_rows(count, self.split_seed)
        return Prepared(rows, split, notes=tuple(notes))

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
            raise DataError(f"{path} has changed since it was part of {self.dataset}; name its folder anew")
        try:
            return to_square(open_picture(content, at_least=_DECODED), SIZE, self.behind())
        except PictureError as error:
            return str(error)  # the error itself would hold on to the picture


@DATASETS("folder")
class Folder(PictureFiles):
    """The pictures of a folder, and of the folders in it, cropped to their middle and scaled.

    Source: the user's. Any kind and size of picture; of an animation the first frame. Pictures come in the order
    of their content, so that names and places do not matter; the same file twice counts once. What cannot be
    opened is left out, and named in a warning.

    - `picture`: uint8 [n, 3, 64, 64].
    """

    name: ClassVar[str] = "folder"
    source: ClassVar[str] = "any folder of pictures"
    scheme: ClassVar[Scheme] = FOLDER

    dataset: Annotated[str, AfterValidator(Source(FOLDER))] = param(..., "the folder, known by what it holds")
    background: Colour = param("#ffffff", "colour behind what is transparent")

    def behind(self) -> str:
        """The colour that was asked for."""
        return self.background


def _files(scheme: Scheme, pinned: str) -> tuple[Path, dict[str, Path], int]:
    """Where the pictures lie, a file for each SHA-256 in order of these, and how many more are copies.

    Raises:
        DataError: they are not here, or changed.
    """
    place = locate(pinned)
    found = digests(place, scheme.files(place))
    if scheme.pinned(found.values()) != pinned:
        raise DataError(f"{place} has changed since it was {pinned}; name it anew to use what it holds now")
    files = {sha256: path for path, sha256 in reversed(found.items())}
    return place, dict(sorted(files.items())), len(found) - len(files)
