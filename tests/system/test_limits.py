"""The limits of control groups, on trees as Linux, Docker, systemd and Slurm show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gensweep.system import environment
from gensweep.system.cgroups import get_core_limit, get_memory_limit

GB = 10**9
V1 = "31 30 0:27 {top} /sys/fs/cgroup/{name} rw,nosuid shared:9 - cgroup cgroup rw,{name}"
V2 = "30 23 0:26 {top} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
UNLIMITED = 9223372036854771712
"""What version 1 says where there is no limit."""


def tree(root: Path, mounts: list[str], group: str, limits: dict[str, str]) -> Path:
    """Make `proc` and `sys` of a process in a group, and write some limits."""
    plain = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw"
    files = {"proc/self/mountinfo": "\n".join([plain, *mounts]), "proc/self/cgroup": group} | limits
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


@pytest.mark.parametrize(
    ("limits", "memory", "cores"),
    [
        ({}, None, None),
        ({"memory.max": "max", "cpu.max": "max 100000"}, None, None),
        ({"system.slice/job.scope/memory.max": str(2 * GB)}, 2 * GB, None),
        (
            {"system.slice/memory.max": str(3 * GB), "system.slice/job.scope/memory.max": "max"},
            3 * GB,
            None,
        ),
        ({"memory.max": str(GB), "system.slice/job.scope/memory.max": str(2 * GB)}, GB, None),
        ({"system.slice/other.scope/memory.max": str(GB)}, None, None),
        (
            {
                "system.slice/cpu.max": "150000 100000",
                "system.slice/job.scope/cpu.max": "max 100000",
            },
            None,
            1.5,
        ),
        (
            {
                "system.slice/cpu.max": "400000 100000",
                "system.slice/job.scope/cpu.max": "25000 50000",
            },
            None,
            0.5,
        ),
    ],
)
def test_the_least_limit_up_the_tree_counts(
    tmp_path: Path, limits: dict[str, str], memory: int | None, cores: float | None
) -> None:
    named = {f"sys/fs/cgroup/{name}": text for name, text in limits.items()}
    root = tree(tmp_path, [V2.format(top="/")], "0::/system.slice/job.scope", named)
    assert (get_memory_limit(root), get_core_limit(root)) == (memory, cores)


def test_version_1_as_slurm_has_it(tmp_path: Path) -> None:
    mounts = [V1.format(top="/", name=name) for name in ("memory", "cpu", "freezer")]
    job = "slurm/uid_1/job_2"
    limits = {
        "memory/memory.limit_in_bytes": str(UNLIMITED),
        f"memory/{job}/memory.limit_in_bytes": str(4 * GB),
        f"memory/{job}/step_0/memory.limit_in_bytes": str(8 * GB),
        "cpu/cpu.cfs_quota_us": "-1",
        "cpu/cpu.cfs_period_us": "100000",
        f"cpu/{job}/cpu.cfs_quota_us": "300000",
        f"cpu/{job}/cpu.cfs_period_us": "100000",
    }
    named = {f"sys/fs/cgroup/{name}": text for name, text in limits.items()}
    group = f"11:freezer:/\n7:memory:/{job}/step_0\n4:cpu:/{job}/step_0\n0::/"
    assert get_memory_limit(tree(tmp_path, mounts, group, named)) == 4 * GB
    assert get_core_limit(tmp_path) == 3


@pytest.mark.parametrize("mount", [V2.format(top="/docker/ab"), V2.format(top="/../..")])
def test_a_container_that_shows_its_own_group_at_the_top(tmp_path: Path, mount: str) -> None:
    limits = {"sys/fs/cgroup/memory.max": str(GB), "sys/fs/cgroup/cpu.max": "200000 100000"}
    root = tree(tmp_path, [mount], "0::/docker/ab", limits)
    assert (get_memory_limit(root), get_core_limit(root)) == (GB, 2)


def test_a_machine_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    assert (get_memory_limit(tmp_path), get_core_limit(tmp_path)) == (None, None)


def test_limits_are_what_a_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = environment.os.sysconf("SC_PAGE_SIZE") * environment.os.sysconf("SC_PHYS_PAGES")
    for limit, expected in ((None, everything), (UNLIMITED, everything), (12345, 12345)):
        monkeypatch.setattr(environment, "get_memory_limit", lambda limit=limit: limit)
        assert environment.get_memory_bytes() == expected
    monkeypatch.setattr(
        environment.os, "sched_getaffinity", lambda pid: set(range(4)), raising=False
    )
    for quota, cores in ((None, 4), (2.5, 2), (0.5, 1), (16.0, 4)):
        monkeypatch.setattr(environment, "get_core_limit", lambda quota=quota: quota)
        assert environment.count_usable_cores() == cores
