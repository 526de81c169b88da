"""MNIST, as LeCun, Cortes and Burges published it: four files, fetched once and kept as they are."""

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
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
"""Where torchvision gets it; named here, since to import torchvision takes seconds and loads torch."""
COUNT = 70_000
PIXELS_SHA256 = "5b92582eb909c82a9bfefcd44acbe9233be3eb5b419a44cf211022ad2bf4bf96"
"""SHA-256 of all pictures, uint8 [70000, 28, 28], training set first."""
_SLACK = 1 << 16
"""Bytes read beyond a file's own, so that a web page in its place is known for one."""
_FETCH = "python -m gensweep data fetch mnist"


@register_download("mnist")
def fetch_mnist(progress: Progress, *, source: str | None = None) -> str:
    """The 70,000 handwritten digits of MNIST (LeCun et al., 1998), from torchvision's mirrors.

    Files that are there and whole are not asked for again. Nothing is decompressed here.

    Args:
        progress: told of every file.
        source: another base URL, or a folder that holds the four files.

    Returns:
        What was done, in a line.

    Raises:
        FetchError: no mirror gave a file whole and unchanged, or it cannot be kept.
        DataError: the cache folder cannot be made.
    """
    folder = mnist_folder()
    wanted = [name for name in FILES if not _is_whole(folder / name, *FILES[name])]
    bases = [source] if source else list(MIRRORS)
    with open_session() as session:
        for done, name in enumerate(wanted):
            progress(f"mnist: {name}", done, len(wanted))
            content = _fetch(session, bases, name)
            write_cache_file(make_cache_folder("mnist") / name, content)
    progress("mnist", len(FILES), len(FILES))
    return f"mnist: {COUNT:,} digits in {folder} ({len(wanted)} of {len(FILES)} files fetched)"


def check_mnist() -> None:
    """Make sure, by their sizes alone, that the files are there.

    Raises:
        DataError: they are not.
    """
    for name, (_, size) in FILES.items():
        path = mnist_folder() / name
        try:
            found = path.stat().st_size
        except OSError as error:
            raise _unread(path, error) from error
        if found != size:
            raise DataError(
                f"{path} has {found:,} bytes, not {size:,}: cut short or changed; {_FETCH}"
            )


def read_mnist() -> dict[str, bytes]:
    """The files as they are, by name, each checked by its hash.

    Raises:
        DataError: they were not fetched, or are not whole.
    """
    contents = {}
    for name, (sha256, _) in FILES.items():
        path = mnist_folder() / name
        try:
            contents[name] = path.read_bytes()
        except OSError as error:
            raise _unread(path, error) from error
        if hashlib.sha256(contents[name]).hexdigest() != sha256:
            raise DataError(f"{path} is cut short or changed; {_FETCH}")
    return contents


def _fetch(session: Session, bases: list[str], name: str) -> bytes:
    """A file from the first place that has it whole and unchanged; that place goes to the front of ``bases``."""
    sha256, size = FILES[name]
    failed = []
    for base in bases:
        place = (
            f"{base.rstrip('/')}/{name}" if "://" in base else str(Path(base).expanduser() / name)
        )
        try:
            content = fetch_bytes(session, place, limit=size + _SLACK, sha256=sha256)
        except FetchError as error:
            failed.append(str(error))
        else:
            bases.sort(key=lambda other: other != base)
            return content
    raise FetchError(
        f"mnist: {'; '.join(failed)}; --source takes a base URL, or a folder that holds the four files"
    )


def _is_whole(path: Path, sha256: str, size: int) -> bool:
    try:
        return (
            path.stat().st_size == size and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        )
    except OSError:  # absent, or to be replaced; where it cannot be, `keep` says so
        return False


def mnist_folder() -> Path:
    """Where the files are kept, once fetched."""
    return get_cache_root() / "mnist"


def _unread(path: Path, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"mnist is not fetched yet; {_FETCH}")
    return DataError(f"{path} cannot be read: {error.strerror}; {_FETCH}")
