"""Collect facts about a machine; the driver asks every node for them.

Torch and Ray are not imported here, so that a node answers at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from gensweep.cluster.remedies import get_sync_hint
from gensweep.core.errors import CodeMismatchError, ResultsError
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
from gensweep.tracking.login import has_login
from gensweep.tracking.settings import is_wandb_disabled

Probe = tuple[str, bytes]
"""A file in a results root that others read: its name and its content."""
NodeInfo = dict[str, Any]
"""Facts about a machine in plain values, as `collect_node_info` returns them."""
_SOURCE_SUFFIXES = (".py", ".c", ".h", ".toml")


def collect_node_info(
    node: str, root: str, probe: Probe | None, full: bool
) -> NodeInfo:
    """Return facts about the machine of the calling process.

    Args:
        node: the machine's id, which becomes part of the name of the file that it writes.
        root: the results root; empty if there is none.
        probe: a file of the root to read; another one is written next to it. None: leave the root
            alone.
        full: include hardware, disk, cache and login, which a run does not need.
    """
    info: NodeInfo = {
        "time": time.time(),
        "code": read_code_versions(),
        "storage": None,
    }
    if probe:
        info["storage"] = _try_root(node, root, *probe)
    if full:
        folders = [Path(tempfile.gettempdir()), get_cache_root()]
        if root and "://" not in root:
            folders.append(Path(root))
        info["hardware"] = {
            "cores": count_usable_cores(),
            "gpus": count_gpus(),
            "memory": get_memory_bytes(),
            "compiler": find_compiler() is not None,
        }
        info["disk"] = {
            str(folder): _get_free_gigabytes(folder) for folder in folders
        }
        info["cache"] = _measure_folder(get_cache_root())
        info["login"] = _has_wandb_login()
    return info


@lru_cache(maxsize=1)
def read_code_versions() -> dict[str, str | None]:
    """Return `get_versions`, and under `source` a digest of gensweep's own files.

    The commit alone does not show changes that were made after it.
    """
    package = Path(__file__).parents[1]
    paths: list[Path] = []
    for suffix in _SOURCE_SUFFIXES:
        paths += package.rglob(f"*{suffix}")
    digest = hashlib.sha256()
    for path in sorted(paths):
        name = path.relative_to(package).as_posix()
        size = path.stat().st_size
        digest.update(f"{name} {size}\n".encode())
        digest.update(path.read_bytes())
    source = digest.hexdigest()[:16]
    return get_versions() | {"source": source}


def _try_root(
    node: str, root: str, name: str, content: bytes
) -> dict[str, Any]:
    """Read the probe, and write a file of this node; write nothing if there is no probe.

    Returns:
        `wrote`, the name of the file; or `error`, and `apart`: whether this node has another folder
        of the same name as its root.
    """
    file_name = f"{name}-{node}"
    try:
        store = open_store(root, persistent=False)
        if store.read(name) != content:
            message = (
                f"{root} is not shared: the same file has other content there"
            )
            return {"error": message, "apart": True}
        store.write(file_name, content[::-1])
        # A trial locks files, too, so a root without locks must be noticed here.
        with store.lock(file_name):
            pass
        if not store.exists(name):
            # The driver has stopped waiting, so nobody else will remove the file.
            store.remove(file_name)
    except (FileNotFoundError, NotADirectoryError):
        message = f"{root} is not shared: a file of this machine does not exist there"
        return {"error": message, "apart": True}
    except (OSError, ResultsError) as error:
        return {"error": " ".join(str(error).split()), "apart": False}
    return {"wrote": file_name}


def _get_free_gigabytes(folder: Path) -> float:
    candidates = (folder, *folder.parents)
    existing = next(path for path in candidates if path.exists())
    return shutil.disk_usage(existing).free / 1e9


def _measure_folder(folder: Path) -> tuple[int, int]:
    """Return the number of files below a folder, and their bytes."""
    files = 0
    size = 0
    for current, folders, names in os.walk(folder):
        if current == str(folder):
            # Copies of results are no part of the cache. os.walk reads the changed list.
            folders[:] = [name for name in folders if name != MIRRORS_FOLDER]
        for name in names:
            with contextlib.suppress(OSError):
                size += os.stat(os.path.join(current, name)).st_size
                files += 1
    return files, size


def _has_wandb_login() -> bool | None:
    """Return True if W&B would find a key, without reading it; None if W&B is disabled."""
    if os.environ.get("WANDB_MODE") == "disabled" or is_wandb_disabled():
        return None
    return has_login()


def compare_code(
    mine: Mapping[str, str | None], theirs: Mapping[str, str | None]
) -> tuple[list[str], list[str]]:
    """Compare the `code` of two machines.

    Returns:
        The differences that change numbers or may change them, and those that change none but
        deserve a note.
    """
    failed = []
    notes = []
    for name in mine.keys() - {"commit", "source"}:
        my_version = mine[name]
        their_version = theirs.get(name)
        if my_version == their_version:
            continue
        message = f"{name} {their_version or 'missing'}, here {my_version or 'missing'}"
        if _is_same_release(name, my_version, their_version):
            notes.append(message)
        else:
            failed.append(message)
    my_commit = mine.get("commit")
    their_commit = theirs.get("commit")
    their_short = shorten_commit(their_commit)
    my_short = shorten_commit(my_commit)
    is_known = my_commit and their_commit
    if is_known and my_commit != their_commit:
        failed.append(f"commit {their_short}, here {my_short}")
    elif mine["source"] != theirs.get("source"):
        failed.append(
            f"other source files than here, of commit {their_short}"
        )
    elif not is_known:
        notes.append(
            f"commit {their_short}, here {my_short}; the files are the same"
        )
    return sorted(failed), sorted(notes)


def check_code(driver_code: Mapping[str, str | None]) -> None:
    """Check that this process runs its driver's code.

    The commit is not compared: it may change while the source files stay the same.

    Raises:
        CodeMismatchError: it runs other code.
    """
    mine = {
        name: value
        for name, value in read_code_versions().items()
        if name != "commit"
    }
    failed, _ = compare_code({name: driver_code[name] for name in mine}, mine)
    if failed:
        differences = ", ".join(failed)
        raise CodeMismatchError(
            f"{socket.gethostname()} runs other code than the driver ({differences}): "
            f"{get_sync_hint()}"
        )


def _is_same_release(name: str, one: str | None, other: str | None) -> bool:
    """Return True if two versions compute the same numbers."""
    if not one or not other:
        return False
    if name == "python":
        # The minor version counts.
        one_release = one.split(".")[:2]
        other_release = other.split(".")[:2]
    else:
        # The build, such as `+cu129`, does not count.
        one_release = one.split("+")[:1]
        other_release = other.split("+")[:1]
    return one_release == other_release


def shorten_commit(commit: str | None) -> str:
    """Return the usual short form of a commit."""
    if commit is None:
        return "unknown"
    digest, dash, suffix = commit.partition("-")
    return digest[:7] + dash + suffix
