"""Check whether each machine is ready for a run, compared with this one."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Generator

from gensweep.cluster.findings import (
    FAILED,
    OK,
    Finding,
    judge_clock,
    judge_node,
    judge_storage,
)
from gensweep.cluster.node_info import (
    NodeInfo,
    Probe,
    collect_node_info,
    read_code_versions,
)
from gensweep.cluster.remedies import NodeError, get_sync_hint
from gensweep.core.errors import GensweepError, ResultsError
from gensweep.ledger.open_store import open_store
from gensweep.ledger.store_check import check_store
from gensweep.ledger.stores import Store, as_results_error

log = logging.getLogger(__name__)
Answers = dict[str, NodeInfo | GensweepError]
"""The facts about each node, or why they could not be collected."""
AskNodes = Callable[..., Answers]
"""A function that calls another one on every node, with the node's id and further arguments."""


def examine_here(root: str) -> tuple[list[Finding], Store | None]:
    """Check this machine.

    Args:
        root: the results root.

    Returns:
        The findings, and the results root if it can be used from here.
    """
    store = None
    problem = ""
    try:
        opened = open_store(root)
        with _remove_new_folders(opened):
            check_store(opened)
        store = opened
    except ResultsError as error:
        problem = str(error)
    root_uri = store.root_uri if store else ""
    info = collect_node_info("", root_uri, None, full=True)
    findings = judge_node("here", info, info["code"])
    if store:
        message = f"{store.root_uri} can be written and read"
        findings.append(Finding("here", "storage", OK, message))
    else:
        remedy = "name another folder, or fix this one"
        if "://" in root:
            # The error of a bucket already says what to do.
            remedy = ""
        findings.append(Finding("here", "storage", FAILED, problem, remedy))
    return findings, store


def examine_nodes(
    store: Store | None, ask: AskNodes, full: bool = True
) -> list[Finding]:
    """Check all nodes at the same time.

    Args:
        store: the results root; None: do not check it.
        ask: calls a function on every node.
        full: as in `collect_node_info`.

    Raises:
        ResultsError: the root cannot be used here.
    """
    my_code = read_code_versions()
    root = store.root_uri if store else ""
    with write_probe(store) if store else contextlib.nullcontext() as probe:
        asked_at = time.time()
        answers = ask(collect_node_info, root, probe, full)
        answered_at = time.time()
        if store and probe:
            _check_written_files(store, probe, answers)
    findings = []
    for node, info in answers.items():
        if isinstance(info, GensweepError):
            remedy = f"`ray status`, or {get_sync_hint()}"
            if isinstance(info, NodeError):
                remedy = "`ray status` shows the nodes of the cluster"
            findings.append(
                Finding(node, "answer", FAILED, str(info), remedy)
            )
            continue
        try:
            # The node read its clock at some moment between the two times.
            clock_error = max(
                asked_at - info["time"], info["time"] - answered_at, 0.0
            )
            of_node = judge_node(node, info, my_code)
            of_node.append(judge_clock(node, clock_error))
            of_node += judge_storage(node, info["storage"])
        except (KeyError, TypeError, ValueError) as error:
            message = (
                f"it answers as another version of gensweep does ({error!r})"
            )
            of_node = [
                Finding(node, "code", FAILED, message, get_sync_hint())
            ]
        findings += of_node
    return findings


@contextlib.contextmanager
def write_probe(store: Store) -> Generator[Probe]:
    """Write a file to the root for other nodes to read, and remove it with all of their files.

    Raises:
        ResultsError: it cannot be written and read here.
    """
    name = f".{os.urandom(6).hex()}.probe"
    content = os.urandom(16)
    with _remove_new_folders(store):
        try:
            with as_results_error(store):
                store.write(name, content)
                store.read(name)
            yield name, content
        finally:
            try:
                for file in store.list_files(""):
                    if file.startswith(name):
                        store.remove(file)
            except OSError as error:
                log.warning(
                    "could not remove %s* from %s: %s",
                    name,
                    store.root_uri,
                    error,
                )


@contextlib.contextmanager
def _remove_new_folders(store: Store) -> Generator[None]:
    """Remove the root and its parents if the block has created them and they are empty."""
    new = [
        folder
        for folder in (store.root, *store.root.parents)
        if not folder.exists()
    ]
    try:
        yield
    finally:
        for folder in new:
            # Another process may have written into it meanwhile.
            with contextlib.suppress(OSError):
                folder.rmdir()
        if new:
            store.allow_new_root()


def _check_written_files(
    store: Store, probe: Probe, answers: Answers
) -> None:
    """Read what the nodes have written; a file that is not here becomes an `error` of its node."""
    infos: dict[str, NodeInfo] = {}
    for info in answers.values():
        if isinstance(info, GensweepError):
            continue
        storage = info.get("storage") or {}
        if "wrote" in storage:
            infos[storage["wrote"]] = info
    # Each node writes the content backwards.
    _, content = probe
    expected = content[::-1]
    contents = store.read_all(infos)
    for info, stored in zip(infos.values(), contents, strict=True):
        if stored != expected:
            message = (
                f"what it writes to {store.root_uri} cannot be read here"
            )
            info["storage"] = {"error": message, "apart": True}
