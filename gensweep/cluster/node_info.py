"""What a machine says of itself, for others to judge: asked of every node, so neither torch nor Ray is imported."""

from __future__ import annotations

import contextlib
import hashlib
import netrc
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gensweep.core.errors import OtherCode, ResultsError
from gensweep.ledger.open_store import open_store
from gensweep.ledger.stores import MIRRORS_FOLDER
from gensweep.system.cache_dir import get_cache_root
from gensweep.system.environment import (
    count_gpus,
    count_usable_cores,
    find_compiler,
    get_memory_bytes,
    get_versions,
)
from gensweep.tracking.settings import is_wandb_disabled

SYNC_CODE_HINT = "ray up cluster.yaml again, without --no-restart"
"""What brings one code to every node."""
Probe = tuple[str, bytes]
"""A file in a results root, for others to read: its name, its content."""
NodeInfo = dict[str, Any]
"""What a machine says of itself: plain values, as `collect_node_info` makes them."""


def collect_node_info(node: str, place: str, probe: Probe | None, full: bool) -> NodeInfo:
    """What the calling process's machine is and sees.

    Args:
        node: the machine's id, by which the file that it writes is named.
        place: the results root; empty where there is none.
        probe: a file of the root to read, with one to be left beside it; None: leave the root alone.
        full: also tell of hardware, disk, cache and login, which a run does not ask for.
    """
    told: NodeInfo = {
        "time": time.time(),
        "code": read_code_versions(),
        "storage": _touch(node, place, *probe) if probe else None,
    }
    if full:
        folders = [Path(tempfile.gettempdir()), get_cache_root()]
        if place and "://" not in place:
            folders.append(Path(place))
        told["hardware"] = {
            "cores": count_usable_cores(),
            "gpus": count_gpus(),
            "memory": get_memory_bytes(),
        }
        told["hardware"]["compiler"] = find_compiler() is not None
        told["disk"] = {str(folder): _free(folder) for folder in folders}
        told["cache"] = _size(get_cache_root())
        told["login"] = _has_login()
    return told


@lru_cache(maxsize=1)
def read_code_versions() -> dict[str, str | None]:
    """`get_versions`, and under `source` a digest of gensweep's own files: commits hide what was changed since."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(
        path for suffix in (".py", ".c", ".h", ".toml") for path in package.rglob(f"*{suffix}")
    ):
        digest.update(
            f"{path.relative_to(package).as_posix()} {path.stat().st_size}\n".encode()
            + path.read_bytes()
        )
    return get_versions() | {"source": digest.hexdigest()[:16]}


def _touch(node: str, place: str, name: str, content: bytes) -> dict[str, Any]:
    """Read the probe, and leave a file of our own; where there is no probe nothing is written.

    Returns:
        `wrote`, the file's name; or `error`, and whether the root is `apart`: another one here.
    """
    own = f"{name}-{node}"
    try:
        store = open_store(place, persistent=False)
        found = store.read(name)
        if found != content:
            return {
                "error": f"{place} is not shared: what is read there is not what was written",
                "apart": True,
            }
        store.write(own, content[::-1])
        with store.lock(own):  # as trials do
            pass
        if not store.exists(name):  # we were too slow, and nobody will remove it
            store.remove(own)
    except (FileNotFoundError, NotADirectoryError):
        return {
            "error": f"{place} is not shared: what this machine wrote is not there",
            "apart": True,
        }
    except (OSError, ResultsError) as error:
        return {"error": " ".join(str(error).split()), "apart": False}
    return {"wrote": own}


def _free(folder: Path) -> float:
    """GB."""
    return (
        shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
        / 1e9
    )


def _size(folder: Path) -> tuple[int, int]:
    """Files below a folder, and their bytes."""
    files = size = 0
    for place, folders, names in os.walk(folder):
        if place == str(folder):
            folders[:] = [
                inner for inner in folders if inner != MIRRORS_FOLDER
            ]  # copies of results are no datasets
        for name in names:
            with contextlib.suppress(OSError):
                size += os.stat(os.path.join(place, name)).st_size
                files += 1
    return files, size


def _has_login() -> bool | None:
    """Whether W&B would find a key, without looking at it; None where it is switched off."""
    if os.environ.get("WANDB_MODE") == "disabled" or is_wandb_disabled():
        return None
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    try:
        return (
            netrc.netrc(os.environ.get("NETRC") or str(Path.home() / ".netrc")).authenticators(host)
            is not None
        )
    except (OSError, netrc.NetrcParseError, RuntimeError):
        return False


def compare_code(
    mine: Mapping[str, str | None], theirs: Mapping[str, str | None]
) -> tuple[list[str], list[str]]:
    """What of another machine's `code` gives other numbers, or may; and what does not, but is worth a note."""
    failed, notes = [], []
    for name in mine.keys() - {"commit", "source"}:
        here, there = mine[name], theirs.get(name)
        if here != there:
            alike = here and there and _release(name, here) == _release(name, there)
            (notes if alike else failed).append(
                f"{name} {there or 'missing'}, here {here or 'missing'}"
            )
    ours, other = mine.get("commit"), theirs.get("commit")
    same = mine["source"] == theirs.get("source")
    if ours and other and ours != other:
        failed.append(f"commit {shorten_commit(other)}, here {shorten_commit(ours)}")
    elif not same:
        failed.append(f"other source files than here, of commit {shorten_commit(other)}")
    elif not ours or not other:
        notes.append(
            f"commit {shorten_commit(other)}, here {shorten_commit(ours)}; the files are the same"
        )
    return sorted(failed), sorted(notes)


def check_code(drivers: Mapping[str, str | None]) -> None:
    """Make sure that this process runs its driver's code; the commit is not asked for, since a note may change it.

    Raises:
        OtherCode: it does not.
    """
    mine = {name: value for name, value in read_code_versions().items() if name != "commit"}
    failed, _ = compare_code({name: drivers[name] for name in mine}, mine)
    if failed:
        raise OtherCode(
            f"{socket.gethostname()} runs other code than the driver ({', '.join(failed)}): {SYNC_CODE_HINT}"
        )


def _release(name: str, version: str) -> str:
    """What of a version makes a difference: of Python the minor one, of others all but the build (`+cu129`)."""
    return ".".join(version.split(".")[:2]) if name == "python" else version.partition("+")[0]


def shorten_commit(commit: str | None) -> str:
    """A commit as people write it."""
    if commit is None:
        return "unknown"
    found, dash, dirty = commit.partition("-")
    return found[:7] + dash + dirty
