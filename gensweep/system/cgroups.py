"""The limits of control groups: those of this process's group, and of every group above it.

Slurm, systemd and containers limit processes with control groups. The root of the tree shows the
limits of a container only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class _Mount:
    """A mounted tree of control groups.

    Attributes:
        folder: where it is mounted.
        top: the group that the folder shows.
        is_unified: whether it is version 2, which has all controllers in one tree.
        controllers: the controllers of version 1.
    """

    folder: Path
    top: PurePosixPath
    is_unified: bool
    controllers: set[str]


def get_memory_limit(root: Path = Path("/")) -> int | None:
    """Return the smallest limit of memory in bytes; None if no group has one.

    Args:
        root: the folder that contains `proc` and `sys`.
    """
    limits = []
    for group in _iter_groups(root, "memory"):
        # The file of version 2, and that of version 1; "max" means no limit.
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(group / name)
            if text.isdigit():
                limits.append(int(text))
    return min(limits, default=None)


def get_core_limit(root: Path = Path("/")) -> float | None:
    """Return the smallest quota in cores, such as 1.5; None if no group has one.

    Args:
        root: the folder that contains `proc` and `sys`.
    """
    limits = []
    for group in _iter_groups(root, "cpu"):
        quota, _, period = _read(group / "cpu.max").partition(" ")
        if not quota:
            # Version 1. The quota is -1 if there is no limit.
            quota = _read(group / "cpu.cfs_quota_us")
            period = _read(group / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            limits.append(int(quota) / int(period))
    return min(limits, default=None)


def _iter_groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of this process's groups, from its own to the root, in both versions."""
    for mount in _iter_mounts(root):
        if not mount.is_unified and controller not in mount.controllers:
            continue
        path = _find_process_group(
            root, None if mount.is_unified else controller
        )
        if path is None:
            continue
        # In a namespace, the group may be outside what the mount shows: only its top is visible.
        inner = PurePosixPath()
        if path.is_relative_to(mount.top):
            inner = path.relative_to(mount.top)
        for part in (inner, *inner.parents):
            yield mount.folder / part


def _iter_mounts(root: Path) -> Iterator[_Mount]:
    """Yield the mounted trees of control groups, from /proc/self/mountinfo."""
    for line in _read(root / "proc/self/mountinfo").splitlines():
        # Fields, then optional fields, then " - ", type, source and options.
        before, _, after = line.partition(" - ")
        fields = before.split()
        kind = after.split()
        if (
            len(fields) < 5
            or not kind
            or kind[0] not in ("cgroup", "cgroup2")
        ):
            continue
        yield _Mount(
            folder=root / fields[4].lstrip("/"),
            top=PurePosixPath(fields[3]),
            is_unified=kind[0] == "cgroup2",
            controllers=set(kind[-1].split(",")),
        )


def _find_process_group(
    root: Path, controller: str | None
) -> PurePosixPath | None:
    """Return the group of this process; None if there is none.

    Args:
        root: the folder that contains `proc`.
        controller: a controller of version 1; None: the group of version 2.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller is None:
            is_match = number == "0" and not controllers
        else:
            is_match = controller in controllers.split(",")
        if is_match:
            return PurePosixPath(path)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
