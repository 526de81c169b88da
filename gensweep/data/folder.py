"""Any folder of pictures."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import AfterValidator, model_validator

from gensweep.core.config import param
from gensweep.core.data_source import Data
from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.errors import DataError
from gensweep.core.registries import DATASETS
from gensweep.data._copies import drop_copies
from gensweep.data._picture_files import find_pictures, join_first
from gensweep.data._pictures import (
    Colour,
    PictureError,
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
"""Height and width of the prepared pictures in pixels."""
MIN_DECODED_SIDE = 8 * SIZE
"""A JPEG is decoded no smaller than this.

Scaled from there, no pixel differs by more than a level or two.
"""
MAX_THREADS = 4
MAX_FILE_BYTES = 256_000_000
"""Larger files are not read."""
FOLDER = Scheme("folder", "DIR", find_pictures, partial=True)


class PictureFiles(Data):
    """Base of datasets of picture files.

    Each one declares its `scheme`, and its own `dataset`, which the scheme pins to the content of
    the files.
    """

    kind: ClassVar[str] = "pictures"
    scheme: ClassVar[Scheme]
    dataset: str = param(..., "the files, identified by their content")

    @model_validator(mode="after")
    def _check_split(self) -> Self:
        files = get_survey(self.dataset)
        if files is not None:
            check_split(files.different, self.train_fraction)
        return self

    def get_title(self) -> str:
        """Return the name of the folder."""
        return label_pinned(self.dataset)

    def check(self) -> None:
        """Check that the pictures are on this machine, and unchanged.

        Raises:
            DataError: they are not.
        """
        _locate_files(self.scheme, self.dataset)

    def prepare(self) -> DatasetArrays:
        """Open the pictures. Pictures with equal pixels count once, whatever their files.

        Raises:
            DataError: they are not on this machine, have changed since they were pinned, or too few
                of them can be opened.
        """
        folder, files = _locate_files(self.scheme, self.dataset)
        opened, unread = self._open_pictures(folder, files)
        pictures, counts, notes = drop_copies(opened)
        counts["left_out"] = len(unread)
        try:
            check_split(len(pictures), self.train_fraction)
        except ValueError as error:
            reasons = [f"{folder}: {error}", *notes]
            if unread:
                names = join_first(unread, 3)
                reasons.append(
                    f"{len(unread)} of {len(files)} could not be opened: {names}"
                )
            raise DataError("; ".join(reasons)) from error
        if unread:
            names = join_first(unread)
            note = f"{len(unread)} of {len(files)} pictures left out: {names}"
            notes = (*notes, note)
        return DatasetArrays(
            rows={"picture": pictures},
            split=split_rows(len(pictures), self.split_seed),
            notes=notes,
            counts=counts,
        )

    def _open_pictures(
        self,
        folder: Path,
        files: dict[str, Path],
    ) -> tuple[np.ndarray, list[str]]:
        """Open pictures in a few threads.

        Args:
            folder: the folder that the names of the files are relative to.
            files: SHA-256 -> file.

        Returns:
            The pictures, uint8 [n, 3, 64, 64], in the order of the files, and a line for each file
            that cannot be opened, sorted.
        """
        pictures = np.empty((len(files), 3, SIZE, SIZE), np.uint8)
        count = 0
        unread = []
        with ThreadPoolExecutor(
            min(MAX_THREADS, os.cpu_count() or 1)
        ) as pool:
            results = pool.map(
                self._open_picture,
                files,
                files.values(),
            )
            pairs = zip(files.values(), results, strict=True)
            for path, result in pairs:
                if isinstance(result, str):
                    unread.append(
                        f"{os.path.relpath(path, folder)} ({result})"
                    )
                else:
                    pictures[count] = result
                    count += 1
        return pictures[:count], sorted(unread)

    def list_remarks(self) -> tuple[str, ...]:
        """Return how many files are copies of others, and which cannot be read."""
        files = get_survey(self.dataset)
        if files is None:
            return ()
        remarks = []
        copies = files.readable - files.different
        if copies:
            remarks.append(f"copies of other pictures left out: {copies}")
        unread = [
            f"{name} ({reason})" for name, reason in files.unread.items()
        ]
        if unread:
            number = pluralize(len(unread), "file")
            remarks.append(
                f"{number} left out, unreadable: {join_first(unread)}"
            )
        return tuple(remarks)

    def get_background(self) -> str:
        """Return the colour, `#rrggbb`, behind transparent pixels."""
        return "#ffffff"

    def _open_picture(self, sha256: str, path: Path) -> np.ndarray | str:
        """Return a picture, uint8 [3, 64, 64], or the reason why it cannot be opened."""
        try:
            size = path.stat().st_size
            if size > MAX_FILE_BYTES:
                return f"{size:,} bytes, more than {MAX_FILE_BYTES:,}"
            content = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path} cannot be read: {error.strerror}",
            ) from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DataError(
                f"{path} has changed since it was part of {self.dataset}; name its folder again"
            )
        try:
            image = open_picture(content, min_side=MIN_DECODED_SIDE)
            return to_square(image, SIZE, self.get_background())
        except PictureError as error:
            # A text, since the error would keep the picture in memory.
            return str(error)


@DATASETS("folder")
class Folder(PictureFiles):
    """The pictures of a folder and its subfolders, cropped to their middle and scaled.

    Source: the user's files, pictures of any kind and size. Of an animation, the first frame
    counts. The order of the pictures depends on the content of their files, not on names. Pictures
    with the same pixels count once, whatever their files. Colours are those that a viewer shows: a
    colour profile in the file is converted to sRGB. Files that cannot be opened are left out, and
    named in a warning.

    - `picture`: uint8 [n, 3, 64, 64].
    """

    name: ClassVar[str] = "folder"
    numerics: ClassVar[int] = 2
    """2: equal pixels count once, colour profiles are converted, and deep or damaged pictures are
    read differently."""
    source: ClassVar[str] = "any folder of pictures"
    scheme: ClassVar[Scheme] = FOLDER

    dataset: Annotated[str, AfterValidator(Source(FOLDER))] = param(
        ..., "the folder, identified by its content"
    )
    background: Colour = param("#ffffff", "colour behind transparent pixels")

    def get_background(self) -> str:
        """Return the parameter `background`."""
        return self.background


def _locate_files(
    scheme: Scheme,
    pinned: str,
) -> tuple[Path, dict[str, Path]]:
    """Return the folder of the pictures, and a file for each SHA-256, ordered by SHA-256.

    Raises:
        DataError: the files are not on this machine, or have changed.
    """
    folder = locate(pinned)
    digests, _ = read_digests(scheme, folder)
    if scheme.pin_digests(digests) != pinned:
        raise DataError(
            f"{folder} has changed since it was {pinned}; name it again to use its present content"
        )
    files: dict[str, Path] = {}
    for path, sha256 in digests.items():
        # Of equal files the first one counts.
        files.setdefault(sha256, path)
    return folder, dict(sorted(files.items()))
