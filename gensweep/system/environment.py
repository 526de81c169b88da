"""The origin of a number: versions, commit, hardware."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shlex
import shutil
import socket
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from gensweep.system.cgroups import get_core_limit, get_memory_limit

GIT_TIMEOUT_SECONDS = 10
_PACKAGES = (
    "gensweep",
    "torch",
    "torchvision",
    "ray",
    "numpy",
    "pillow",
    "mlxtend",
)


@lru_cache(maxsize=1)
def get_commit() -> str | None:
    """Return the git commit of gensweep's source; None outside a checkout.

    It ends in `-dirty` if a tracked file was changed, or the package has files that git does not
    know.
    """
    source = Path(__file__).resolve().parents[1]
    if not (source.parent / ".git").exists():
        return None
    # Without `--exclude=*`, the text would name a tag in place of the commit.
    commit = _run_git(
        source,
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    )
    if not commit:
        return None
    untracked = _run_git(
        source, "ls-files", "--others", "--exclude-standard", "--", "."
    )
    if untracked and not commit.endswith("-dirty"):
        return f"{commit}-dirty"
    return commit


def _run_git(folder: Path, *arguments: str) -> str | None:
    """Return the output of git for a folder; None if it fails or is not installed."""
    command = ["git", "-C", str(folder), *arguments]
    # In a hook, or in `git rebase --exec`, variables such as GIT_DIR name another checkout.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG")
    }
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_SECONDS,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return done.stdout.strip()


@lru_cache(maxsize=1)
def get_versions() -> dict[str, str | None]:
    """Return the versions of Python, gensweep and its main libraries, and the commit.

    It imports none of them.
    """
    versions: dict[str, str | None] = {
        "python": platform.python_version(),
        "commit": get_commit(),
    }
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions


@lru_cache(maxsize=1)
def get_hardware() -> dict[str, Any]:
    """Return host, processor, usable cores, memory in bytes, and system."""
    return {
        "host": socket.gethostname(),
        "processor": _get_processor_name(),
        "cores": count_usable_cores(),
        "memory": get_memory_bytes(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def count_usable_cores() -> int:
    """Return the cores of this process: its affinity, or the quota of its group if smaller."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = get_core_limit()
    if quota is None:
        return cores
    return min(cores, max(1, int(quota)))


def count_gpus() -> int:
    """Return the number of NVIDIA GPUs that the system shows, without any library."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def predict_device(requested: str) -> str:
    """Return the device that `auto` will most likely choose here, without torch."""
    if requested != "auto":
        return requested
    if count_gpus():
        return "cuda"
    if get_hardware()["system"] == "Darwin arm64":
        return "mps"
    return "cpu"


def get_memory_bytes() -> int:
    """Return the memory of the machine, or a smaller limit of its control group."""
    total = 0
    if hasattr(os, "sysconf"):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = get_memory_limit()
    if limit is None:
        return total
    # The total is 0 if the system does not say it.
    return min(total, limit) or limit


def _get_processor_name() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read(path: str) -> str:
    try:
        return (
            Path(path).read_text(encoding="utf-8", errors="replace").strip()
        )
    except OSError:
        return ""


def find_compiler() -> list[str] | None:
    """Return the C compiler that `CC` names, or the first of the usual names; None if absent."""
    try:
        configured = shlex.split(os.environ.get("CC", ""))
    except ValueError:  # a quotation without an end
        return None
    commands = [["cc"], ["gcc"], ["clang"]]
    if configured:
        commands = [configured]
    for command in commands:
        path = shutil.which(command[0])
        if path:
            return [path, *command[1:]]
    return None


def describe_processor() -> str:
    """Return the features of the processor.

    Different machines may share a cache folder, and each needs code that was compiled for it.
    """
    machine = f"{platform.system()} {platform.machine()}"
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
        # x86 has "flags", ARM has "Features".
        features = re.search(r"^(?:flags|Features)\s*:.*", text, re.M)
        if features:
            return f"{machine} {features[0]}"
    return f"{machine} {platform.node()}"
