"""MNIST, as LeCun, Cortes and Burges published it: four files, fetched once and not changed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import DataError, FetchError
from gensweep.core.registries import Progress, register_download
from gensweep.system.cache_dir import get_cache_root, make_cache_folder
from gensweep.system.download import fetch_bytes, write_cache_file
from gensweep.system.http_session import open_session

if TYPE_CHECKING:
    from requests import Session

FILES = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        9_912_422,
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        28_881,
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        1_648_877,
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        4_542,
    ),
}
"""SHA-256 and bytes of each file: 60,000 digits to train on, 10,000 to test on."""
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)
"""The mirrors of torchvision.

They are repeated here, since to import torchvision takes seconds and loads torch.
"""
DIGIT_COUNT = 70_000
PIXELS_SHA256 = (
    "5b92582eb909c82a9bfefcd44acbe9233be3eb5b419a44cf211022ad2bf4bf96"
)
"""SHA-256 of all pictures, uint8 [70000, 28, 28], training set first."""
SLACK_BYTES = 1 << 16
"""Bytes that are read beyond the size of a file, so that a web page in its place is recognized."""
_FETCH_COMMAND = "python -m gensweep data fetch mnist"


@register_download("mnist")
def fetch_mnist(progress: Progress, *, source: str | None = None) -> str:
    """Fetch the 70,000 digits of MNIST (LeCun et al., 1998), from torchvision's mirrors.

    Files that are complete already are not fetched again. Nothing is decompressed here.

    Args:
        progress: called for every file.
        source: another base URL, or a folder that holds the four files.

    Returns:
        A one-line summary.

    Raises:
        FetchError: no mirror has a complete and unchanged file, or it cannot be written.
        DataError: the cache folder cannot be made.
    """
    folder = get_mnist_folder()
    missing = [name for name in FILES if not _is_complete(folder / name)]
    bases = [source] if source else list(MIRRORS)
    with open_session() as session:
        for done, name in enumerate(missing):
            progress(
                f"mnist: {name}",
                done,
                len(missing),
            )
            content = _fetch_file(session, bases, name)
            write_cache_file(make_cache_folder("mnist") / name, content)
    progress("mnist", len(FILES), len(FILES))
    fetched = f"{len(missing)} of {len(FILES)} files fetched"
    return f"mnist: {DIGIT_COUNT:,} digits in {folder} ({fetched})"


def check_mnist() -> None:
    """Check, by their sizes alone, that the files are there.

    Raises:
        DataError: they are not.
    """
    for name, (_, expected) in FILES.items():
        path = get_mnist_folder() / name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise _build_read_error(path, error) from error
        if size != expected:
            raise DataError(
                f"{path} has {size:,} bytes, not {expected:,}: "
                f"cut short or changed; {_FETCH_COMMAND}"
            )


def read_mnist() -> dict[str, bytes]:
    """Return the content of the files by name, after a check of their hashes.

    Raises:
        DataError: they were not fetched, or are damaged.
    """
    contents = {}
    for name, (expected, _) in FILES.items():
        path = get_mnist_folder() / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _build_read_error(path, error) from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise DataError(
                f"{path} is cut short or changed; {_FETCH_COMMAND}",
            )
        contents[name] = content
    return contents


def _fetch_file(
    session: Session,
    bases: list[str],
    name: str,
) -> bytes:
    """Fetch a file from the first base that has it complete and unchanged.

    Args:
        session: from `gensweep.system.download.open_session`.
        bases: URLs or folders. The one that has the file moves to the front, so that the next file
            is requested there first.
        name: the name of the file.

    Raises:
        FetchError: no base has it.
    """
    sha256, size = FILES[name]
    failures = []
    for base in bases:
        url = _join_base(base, name)
        try:
            content = fetch_bytes(
                session,
                url,
                limit=size + SLACK_BYTES,
                sha256=sha256,
            )
        except FetchError as error:
            failures.append(str(error))
            continue
        # The sort is stable: the others keep their order.
        bases.sort(key=lambda other: other != base)
        return content
    raise FetchError(
        f"mnist: {'; '.join(failures)}; "
        "--source takes a base URL, or a folder that holds the four files"
    )


def _join_base(base: str, name: str) -> str:
    """Return the address of a file, below a URL or a folder."""
    if "://" in base:
        return f"{base.rstrip('/')}/{name}"
    return str(Path(base).expanduser() / name)


def _is_complete(path: Path) -> bool:
    sha256, size = FILES[path.name]
    try:
        if path.stat().st_size != size:
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        # The file is absent, or will be replaced. If that fails, `write_cache_file` raises.
        return False


def get_mnist_folder() -> Path:
    """Return the folder of the fetched files."""
    return get_cache_root() / "mnist"


def _build_read_error(path: Path, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"mnist is not fetched yet; {_FETCH_COMMAND}")
    return DataError(
        f"{path} cannot be read: {error.strerror}; {_FETCH_COMMAND}"
    )
