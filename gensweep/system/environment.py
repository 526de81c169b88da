"""What produced a number: versions, commit, hardware."""

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

_PACKAGES = ("gensweep", "torch", "torchvision", "ray", "numpy", "pillow", "mlxtend")


@lru_cache(maxsize=1)
def get_commit() -> str | None:
    """Return the git commit of gensweep's own source; None outside a checkout.

    `-dirty` follows it where a tracked file was changed, or the package has files that git does not know.
    """
    source = Path(__file__).resolve().parents[1]
    if not (source.parent / ".git").exists():
        return None
    described = _ask_git(source, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    unknown = _ask_git(source, "ls-files", "--others", "--exclude-standard", "--", ".")
    if not described:
        return None
    is_marked = described.endswith("-dirty")
    return f"{described}-dirty" if unknown and not is_marked else described


def _ask_git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints about a folder; None where it fails, or is not there."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@lru_cache(maxsize=1)
def get_versions() -> dict[str, str | None]:
    """Python's, gensweep's and its main libraries' versions, and the commit; imports none of them."""
    found: dict[str, str | None] = {"python": platform.python_version(), "commit": get_commit()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


@lru_cache(maxsize=1)
def get_hardware() -> dict[str, Any]:
    """Host, processor, cores that may be used, memory in bytes."""
    return {
        "host": socket.gethostname(),
        "processor": _processor(),
        "cores": count_usable_cores(),
        "memory": get_memory_bytes(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def count_usable_cores() -> int:
    """Cores that this process may run on: its affinity, or the quota of a control group where that is less."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = get_core_limit()
    return cores if quota is None else min(cores, max(1, int(quota)))


def count_gpus() -> int:
    """NVIDIA GPUs that the system shows, asked without any library."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def predict_device(asked: str) -> str:
    """What `auto` will find here, as far as can be told without torch."""
    if asked != "auto":
        return asked
    if count_gpus():
        return "cuda"
    return "mps" if get_hardware()["system"] == "Darwin arm64" else "cpu"


def get_memory_bytes() -> int:
    """The machine's memory, or the limit of a control group where that is less."""
    total = (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    )
    limit = get_memory_limit()
    if limit is None:
        return total
    return min(total, limit) or limit


def _processor() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def find_compiler() -> list[str] | None:
    """The C compiler: what `CC` names, else the first of the usual names; None where there is none."""
    try:
        named = shlex.split(os.environ.get("CC", ""))
    except ValueError:  # a quotation that does not end
        return None
    for command in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        if found := shutil.which(command[0]):
            return [found, *command[1:]]
    return None


def describe_processor() -> str:
    """What the processor can: machines that differ may share a cache folder, and each compiles for itself."""
    with contextlib.suppress(OSError):
        if features := re.search(
            r"^(?:flags|Features)\s*:.*", Path("/proc/cpuinfo").read_text(), re.M
        ):
            return f"{platform.system()} {platform.machine()} {features[0]}"
    return f"{platform.system()} {platform.machine()} {platform.node()}"
