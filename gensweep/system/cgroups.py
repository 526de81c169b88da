"""The limits that control groups set for this process: those of its own group, and of every group above it.

Slurm, systemd and containers limit a process so. Only a container shows its own limits at the top of the tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def get_memory_limit(root: Path = Path("/")) -> int | None:
    """Return the least limit of memory in bytes; None where no group has one.

    Args:
        root: the folder that holds `proc` and `sys`.
    """
    limits = []
    for group in _groups(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(group / name)
            if text.isdigit():
                limits.append(int(text))
    return min(limits, default=None)


def get_core_limit(root: Path = Path("/")) -> float | None:
    """Return the least quota in cores, such as 1.5; None where no group has one.

    Args:
        root: the folder that holds `proc` and `sys`.
    """
    limits = []
    for group in _groups(root, "cpu"):
        quota, _, period = _read(group / "cpu.max").partition(" ")
        if not quota:
            quota = _read(group / "cpu.cfs_quota_us")  # -1 where there is none
            period = _read(group / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            limits.append(int(quota) / int(period))
    return min(limits, default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the process's groups, from its own to the top, in both versions of control groups."""
    for mount, top, is_unified, controllers in _mounts(root):
        if not is_unified and controller not in controllers:
            continue
        path = _path_of_process(root, None if is_unified else controller)
        if path is None:
            continue
        # Of a namespace that is not ours, the top is all that can be seen.
        inner = path.relative_to(top) if path.is_relative_to(top) else PurePosixPath()
        for part in (inner, *inner.parents):
            yield mount / part


def _mounts(root: Path) -> Iterator[tuple[Path, PurePosixPath, bool, set[str]]]:
    """Yield where control groups are mounted: the folder, the group that it shows, the version, the controllers."""
    for line in _read(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or not kind or kind[0] not in ("cgroup", "cgroup2"):
            continue
        folder = root / fields[4].lstrip("/")
        controllers = set(kind[-1].split(","))
        yield folder, PurePosixPath(fields[3]), kind[0] == "cgroup2", controllers


def _path_of_process(root: Path, controller: str | None) -> PurePosixPath | None:
    """Return the group of this process; of version 2 where no controller is named."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        is_unified = number == "0" and not controllers
        if is_unified if controller is None else controller in controllers.split(","):
            return PurePosixPath(path)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
