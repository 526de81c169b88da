"""Is each machine ready? What it says of itself, and what that means beside this one."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from gensweep.cluster.node_info import (
    SYNC_CODE_HINT,
    NodeInfo,
    Probe,
    collect_node_info,
    compare_code,
    read_code_versions,
    shorten_commit,
)
from gensweep.core.errors import GensweepError, ResultsError, UserError
from gensweep.ledger.open_store import open_store
from gensweep.ledger.store_check import check_store
from gensweep.ledger.stores import Store, as_results_error
from gensweep.system.text import pluralize

log = logging.getLogger(__name__)
LEVELS = (OK, NOTE, FAILED) = ("ok", "note", "FAILED")
CLOCK = 15.0
"""Seconds that two clocks may differ before it is said: records and logs tell the time by them."""
LEAST = 1.0
"""GB of free disk below which a machine is not ready."""
_STEPS = [digit * 10**power for power in range(5) for digit in (1, 2, 5)]
_SHARE = "name a folder that every node mounts, or s3://bucket/prefix"
_LOGIN = {
    True: "logged in",
    False: "no login; runs are logged offline (wandb login, or WANDB_API_KEY)",
    None: "WANDB_MODE=disabled, or WANDB_DISABLED: nothing is logged",
}
_SHOWN = ("python", "gensweep", "torch", "ray")
Ask = Callable[..., "dict[str, NodeInfo | GensweepError]"]
"""Calls a function on every node, with the node's id and then the arguments: name -> result, or what went wrong."""


@dataclass(frozen=True)
class Finding:
    """What one check says of one machine, or of several: a line.

    Attributes:
        node: whose.
        check: `code`, `hardware`, `disk`, `clock`, `storage`, `cache`, `W&B`, or `answer` where a node gave none.
        level: `ok`, `note` (nothing has to be done) or `FAILED`.
        what: what was found.
        remedy: of a failure.
    """

    node: str
    check: str
    level: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f": {self.remedy}" if self.remedy else ""
        return f"{self.level:<6}  {self.node}  {self.check}: {self.what}{remedy}"


def examine_here(place: str) -> tuple[list[Finding], Store | None]:
    """What there is to say of this machine, and the results root if it can be used from here."""
    store, trouble = None, ""
    try:
        store = open_store(place)
        with _vanishing(store):
            check_store(store)
    except ResultsError as error:
        store, trouble = None, str(error)
    told = collect_node_info("", store.root_uri if store else "", None, full=True)
    findings = _judge("here", told, told["code"])
    if store:
        findings.append(Finding("here", "storage", OK, f"{store.root_uri} is written and read"))
    else:
        remedy = (
            "" if "://" in place else "name another place, or mend that one"
        )  # a bucket's refusal says what to do
        findings.append(Finding("here", "storage", FAILED, trouble, remedy))
    return findings, store


def examine_nodes(store: Store | None, ask: Ask, full: bool = True) -> list[Finding]:
    """What there is to say of every node: one question to all of them at once.

    Args:
        store: the results root; None: it is not asked for.
        ask: puts the question.
        full: as `collect_node_info`.

    Raises:
        ResultsError: the root cannot be used here.
    """
    mine = read_code_versions()
    with write_probe(store) if store else contextlib.nullcontext() as probe:
        began = time.time()
        told = ask(collect_node_info, store.root_uri if store else "", probe, full)
        ended = time.time()
        if store and probe:
            _read_back(store, probe, told)
    findings = []
    for node, answer in told.items():
        if isinstance(answer, GensweepError):
            findings.append(
                Finding(node, "answer", FAILED, str(answer), f"`ray status`, or {SYNC_CODE_HINT}")
            )
            continue
        off = max(began - answer["time"], answer["time"] - ended, 0.0)
        findings += [
            *_judge(node, answer, mine),
            _clock(node, off),
            *_storage(node, answer["storage"]),
        ]
    return findings


@contextlib.contextmanager
def write_probe(store: Store) -> Generator[Probe]:
    """Leave a file in the root for others to read, and nothing in the end.

    Raises:
        ResultsError: it cannot be written and read here.
    """
    name, content = f".{os.urandom(6).hex()}.probe", os.urandom(16)
    with _vanishing(store):
        try:
            with as_results_error(store):
                store.write(name, content)
                store.read(name)
            yield name, content
        finally:
            try:
                for left in store.list_files(""):
                    if left.startswith(name):
                        store.remove(left)
            except OSError as error:
                log.warning("%s* is left in %s: %s", name, store.root_uri, error)


@contextlib.contextmanager
def _vanishing(store: Store) -> Generator[None]:
    """Take away the folders that are made within, unless somebody has put something there."""
    new = [folder for folder in (store.root, *store.root.parents) if not folder.exists()]
    try:
        yield
    finally:
        for folder in new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if new:
            store.allow_new_root()


def _read_back(store: Store, probe: Probe, told: dict[str, NodeInfo | GensweepError]) -> None:
    """Read what the nodes wrote; one that is not found here is an `error` of its node."""
    wrote = {}
    for answer in told.values():
        if not isinstance(answer, GensweepError) and "wrote" in answer["storage"]:
            wrote[answer["storage"]["wrote"]] = answer
    for answer, found in zip(wrote.values(), store.read_all(wrote), strict=True):
        if found != probe[1][::-1]:
            answer["storage"] = {
                "error": f"what it writes to {store.root_uri} is not what is read here",
                "apart": True,
            }


# --- what it means


def require_ready(findings: list[Finding]) -> None:
    """Go on only if nothing failed.

    Raises:
        UserError: something did; says what, where, and what to do.
    """
    bad = merge_findings([finding for finding in findings if finding.level == FAILED], most=1)
    if bad:
        said = [f"{one.node}: {one.check}: {one.what}: {one.remedy}" for one in bad[:3]]
        more = (
            f"; and {len(bad) - 3} more: `python -m gensweep doctor` shows all"
            if len(bad) > 3
            else ""
        )
        raise UserError(f"nothing was started. {'; '.join(said)}{more}")


def merge_findings(findings: list[Finding], most: int = 8) -> list[Finding]:
    """The findings, node by node; of more than so many nodes, check by check, and what is equal once."""
    if len({finding.node for finding in findings}) <= most:
        return findings
    nodes: dict[tuple[str, str, str, str], list[str]] = {}
    for one in findings:
        nodes.setdefault((one.check, one.level, one.what, one.remedy), []).append(one.node)
    order = list(dict.fromkeys(one.check for one in findings))
    merged = [Finding(_named(names), *key) for key, names in nodes.items()]
    return sorted(merged, key=lambda one: (order.index(one.check), LEVELS.index(one.level)))


def _named(nodes: list[str]) -> str:
    return ", ".join(nodes) if len(nodes) <= 3 else f"{len(nodes)} nodes"


def _judge(node: str, told: NodeInfo, mine: dict[str, str | None]) -> list[Finding]:
    """All but clock and storage."""
    found = [_code(node, told["code"], mine)]
    if "hardware" not in told:
        return found
    about, (files, size) = told["hardware"], told["cache"]
    gpus = pluralize(about["gpus"], "GPU") if about["gpus"] else "no GPU"
    what = f"{pluralize(about['cores'], 'core')}, {gpus}, {about['memory'] / 1e9:.0f} GB memory"
    if not about["gpus"] and not about.get(
        "compiler", True
    ):  # a node with earlier code does not tell
        what += "; no C compiler (apt-get install gcc libc6-dev), which trains faster on the CPU"
    found.append(Finding(node, "hardware", OK if about["gpus"] else NOTE, what))
    found.append(_disk(node, told["disk"]))
    kept = (
        f"{pluralize(files, 'file')}, {size / 1e6:.0f} MB"
        if files
        else "empty: the driver prepares each dataset once"
    )
    found.append(Finding(node, "cache", OK if files else NOTE, kept))
    return [*found, Finding(node, "W&B", OK if told["login"] else NOTE, _LOGIN[told["login"]])]


def _code(node: str, theirs: dict[str, str | None], mine: dict[str, str | None]) -> Finding:
    failed, notes = compare_code(mine, theirs)
    if failed:
        return Finding(node, "code", FAILED, ", ".join(failed), SYNC_CODE_HINT)
    if notes:
        return Finding(node, "code", NOTE, ", ".join(notes))
    said = ", ".join(f"{name} {theirs[name] or 'missing'}" for name in _SHOWN)
    return Finding(node, "code", OK, f"{said}, commit {shorten_commit(theirs['commit'])}")


def _disk(node: str, free: dict[str, float]) -> Finding:
    if short := [f"{place} has {gb:.1f} GB free" for place, gb in free.items() if gb < LEAST]:
        return Finding(node, "disk", FAILED, ", ".join(short), "free some space there")
    least = max(step for step in _STEPS if step <= min(free.values()))
    return Finding(node, "disk", OK, f"more than {least} GB free in {', '.join(free)}")


def _clock(node: str, off: float) -> Finding:
    if off > CLOCK:
        said = f"its clock differs by {off:.0f} s from this one: times in records will, too"
        return Finding(node, "clock", NOTE, f"{said} (chrony, or systemd-timesyncd, sets it)")
    return Finding(node, "clock", OK, f"within {CLOCK:.0f} s of this one")


def _storage(node: str, seen: dict[str, Any] | None) -> list[Finding]:
    if seen is None:
        return []
    if "error" not in seen:
        return [
            Finding(node, "storage", OK, "reads what is written here, and its own is read here")
        ]
    remedy = _SHARE if seen["apart"] else "let whoever runs Ray there read and write it"
    return [Finding(node, "storage", FAILED, seen["error"], remedy)]
