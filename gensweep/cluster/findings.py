"""Judge the facts about a machine: what is ok, what is worth a note, and what prevents a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gensweep.cluster.node_info import (
    NodeInfo,
    compare_code,
    shorten_commit,
)
from gensweep.cluster.remedies import get_sync_hint
from gensweep.core.errors import UserError
from gensweep.system.text import pluralize

LEVELS = (OK, NOTE, FAILED) = ("ok", "note", "FAILED")
MAX_CLOCK_SECONDS = 15.0
"""Larger differences of two clocks are reported: records and logs contain their times."""
MIN_FREE_GIGABYTES = 1.0
"""A machine with less free disk space is not ready."""
MAX_NODES_UNMERGED = 8
"""Findings of more nodes are merged."""
MAX_NODES_NAMED = 3
MAX_FAILURES_SHOWN = 3
_DISK_STEPS = [digit * 10**power for power in range(5) for digit in (1, 2, 5)]
"""Amounts of free disk space to print, in GB: findings of similar nodes are then equal."""
_SHARE_HINT = "name a folder that every node mounts, or s3://bucket/prefix"
_LOGIN_MESSAGES = {
    True: "logged in",
    False: "no login; runs are logged offline (wandb login, or WANDB_API_KEY)",
    None: "WANDB_MODE=disabled, or WANDB_DISABLED: nothing is logged",
}
_VERSIONS_SHOWN = ("python", "gensweep", "torch", "ray")


@dataclass(frozen=True)
class Finding:
    """The result of one check of one machine, or of several with the same result.

    Attributes:
        node: the machine.
        check: `code`, `hardware`, `disk`, `clock`, `storage`, `cache`, `W&B`, or `answer` if a
            node gave none.
        level: `ok`, `note` (nothing has to be done) or `FAILED`.
        what: the result.
        remedy: what to do about a failure.
    """

    node: str
    check: str
    level: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.level:<6}  {self.node}  {self.check}: {self.what}"
        if self.remedy:
            text += f": {self.remedy}"
        return text


def require_ready(findings: list[Finding]) -> None:
    """Refuse to start a run if a check failed.

    Raises:
        UserError: a check failed; the message says what, where, and what to do.
    """
    failures = [finding for finding in findings if finding.level == FAILED]
    failures = merge_findings(failures, max_nodes=1)
    if not failures:
        return
    messages = []
    for finding in failures[:MAX_FAILURES_SHOWN]:
        messages.append(
            f"{finding.node}: {finding.check}: {finding.what}: {finding.remedy}"
        )
    hidden = len(failures) - len(messages)
    if hidden:
        messages.append(f"and {hidden} more: `gensweep doctor` shows all")
    raise UserError(f"nothing was started. {'; '.join(messages)}")


def merge_findings(
    findings: list[Finding], max_nodes: int = MAX_NODES_UNMERGED
) -> list[Finding]:
    """Return the findings, with equal ones of many nodes merged.

    The findings of up to `max_nodes` nodes stay as they are, node by node. Those of more nodes
    are sorted by check, and equal ones become one.
    """
    all_nodes = {finding.node for finding in findings}
    if len(all_nodes) <= max_nodes:
        return findings
    nodes_by_result: dict[tuple[str, str, str, str], list[str]] = {}
    checks = []
    for finding in findings:
        result = (finding.check, finding.level, finding.what, finding.remedy)
        nodes_by_result.setdefault(result, []).append(finding.node)
        if finding.check not in checks:
            checks.append(finding.check)
    merged = []
    for result, nodes in nodes_by_result.items():
        merged.append(Finding(_join_names(nodes), *result))

    def rank(finding: Finding) -> tuple[int, int]:
        return checks.index(finding.check), LEVELS.index(finding.level)

    return sorted(merged, key=rank)


def _join_names(nodes: list[str]) -> str:
    if len(nodes) <= MAX_NODES_NAMED:
        return ", ".join(nodes)
    return f"{len(nodes)} nodes"


def judge_node(
    node: str, info: NodeInfo, my_code: dict[str, str | None]
) -> list[Finding]:
    """Judge all facts except the clock and the storage."""
    findings = [_judge_code(node, info["code"], my_code)]
    # Without `full`, only the code is known.
    if "hardware" in info:
        findings.append(_judge_hardware(node, info["hardware"]))
        findings.append(_judge_disk(node, info["disk"]))
        findings.append(_judge_cache(node, *info["cache"]))
        findings.append(_judge_login(node, info["login"]))
    return findings


def _judge_login(node: str, has_login: bool | None) -> Finding:
    level = OK if has_login else NOTE
    return Finding(node, "W&B", level, _LOGIN_MESSAGES[has_login])


def _judge_code(
    node: str, theirs: dict[str, str | None], mine: dict[str, str | None]
) -> Finding:
    failed, notes = compare_code(mine, theirs)
    if failed:
        return Finding(
            node, "code", FAILED, ", ".join(failed), get_sync_hint()
        )
    if notes:
        return Finding(node, "code", NOTE, ", ".join(notes))
    versions = []
    for name in _VERSIONS_SHOWN:
        version = theirs[name] or "missing"
        versions.append(f"{name} {version}")
    commit = shorten_commit(theirs["commit"])
    versions.append(f"commit {commit}")
    return Finding(node, "code", OK, ", ".join(versions))


def _judge_hardware(node: str, hardware: dict[str, Any]) -> Finding:
    cores = pluralize(hardware["cores"], "core")
    gigabytes = hardware["memory"] / 1e9
    gpus = hardware["gpus"]
    if gpus:
        message = (
            f"{cores}, {pluralize(gpus, 'GPU')}, {gigabytes:.0f} GB memory"
        )
        return Finding(node, "hardware", OK, message)
    message = f"{cores}, no GPU, {gigabytes:.0f} GB memory"
    # A node with earlier code does not report its compiler.
    if not hardware.get("compiler", True):
        hint = "apt-get install gcc libc6-dev"
        message += f"; no C compiler ({hint}), which makes training on the CPU faster"
    return Finding(node, "hardware", NOTE, message)


def _judge_cache(node: str, files: int, size: int) -> Finding:
    if not files:
        return Finding(
            node,
            "cache",
            NOTE,
            "empty: the driver prepares each dataset once",
        )
    count = pluralize(files, "file")
    megabytes = size / 1e6
    return Finding(node, "cache", OK, f"{count}, {megabytes:.0f} MB")


def _judge_disk(node: str, free: dict[str, float]) -> Finding:
    full = []
    for folder, gigabytes in free.items():
        if gigabytes < MIN_FREE_GIGABYTES:
            full.append(f"{folder} has {gigabytes:.1f} GB free")
    if full:
        return Finding(
            node, "disk", FAILED, ", ".join(full), "free some space there"
        )
    smallest = min(free.values())
    amount = max(step for step in _DISK_STEPS if step <= smallest)
    return Finding(
        node, "disk", OK, f"more than {amount} GB free in {', '.join(free)}"
    )


def judge_clock(node: str, error_seconds: float) -> Finding:
    """Judge how much the clock of a node differs from this machine's."""
    if error_seconds <= MAX_CLOCK_SECONDS:
        return Finding(
            node, "clock", OK, f"within {MAX_CLOCK_SECONDS:.0f} s of this one"
        )
    message = (
        f"its clock differs by {error_seconds:.0f} s from this one, and so will the times in "
        "records (chrony or systemd-timesyncd can set it)"
    )
    return Finding(node, "clock", NOTE, message)


def judge_storage(node: str, storage: dict[str, Any] | None) -> list[Finding]:
    """Judge the `storage` of a node; it is None if there is no root to check."""
    if storage is None:
        return []
    if "error" not in storage:
        message = (
            "reads files of this machine, and this machine reads its files"
        )
        return [Finding(node, "storage", OK, message)]
    remedy = (
        "give the user that runs Ray there permission to read and write it"
    )
    if storage["apart"]:
        remedy = _SHARE_HINT
    return [Finding(node, "storage", FAILED, storage["error"], remedy)]
