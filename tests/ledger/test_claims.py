"""Claims: one process trains a point, and a claim dies with its holder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from one_point import ME, POINT, RECORD, WANTED, is_free

from gensweep.core.errors import (
    ClaimedError,
    LostClaimError,
)
from gensweep.ledger import claims
from gensweep.ledger.claims import Claim, Holder, Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.stores import Store
from gensweep.system import processes
from gensweep.system.processes import DEAD_AFTER_SECONDS
from gensweep.system.storage import write_json

OTHER_HOST = replace(ME, host="elsewhere pid:[1]")


def read_holder(path: Path) -> Holder | None:
    """Who holds the claim in a file."""
    return claims.parse_claim(path.read_bytes())


def hold(
    folder: Path,
    worker: Process = ME,
    driver: Process = ME,
    age: float = 0.0,
    attempt: str = "other",
) -> None:
    """Write somebody's claim."""
    write_json(folder / "claim.json", asdict(Holder(attempt, driver, worker, time.time() - age)))


def dead() -> Process:
    """A process that ran on this host and ended."""
    script = (
        "import json; from dataclasses import asdict; from gensweep.ledger.claims import Process\n"
    )
    script += "print(json.dumps(asdict(Process.get_current())))"
    return Process(
        **json.loads(
            subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
        )
    )


def test_a_claim_keeps_others_out_until_it_ends(ledger: Ledger) -> None:
    with ledger.claim(POINT.id, ME):
        with pytest.raises(
            ClaimedError, match=f"{POINT.id} is being trained by process {os.getpid()} on "
        ):
            ledger.claim(POINT.id, ME).__enter__()
        assert ledger.read(WANTED).running[POINT.id].worker == ME
    assert not (ledger.folder(POINT.id) / "claim.json").exists()
    assert is_free(ledger)


def test_a_claim_ends_with_an_error_too(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.claim(POINT.id, ME):
        _ = 1 / 0
    assert is_free(ledger)


CLAIMANT = """
import sys, time
from pathlib import Path
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger

with Ledger(Path(sys.argv[1])).claim(sys.argv[2], Process.get_current()):
    print("claimed", flush=True)
    time.sleep(100)
"""


@contextmanager
def claimant(ledger: Ledger) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the point."""
    command = [sys.executable, "-c", CLAIMANT, ledger.store.root_uri, POINT.id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "claimed\n"
            yield process
        finally:
            process.kill()


def test_a_killed_process_frees_its_point_at_once(ledger: Ledger) -> None:
    with claimant(ledger) as process:
        assert not is_free(ledger)
        process.kill()
        process.wait()
        assert (ledger.folder(POINT.id) / "claim.json").exists(), "it could not clean up"
        assert is_free(ledger)


def test_a_killed_process_is_dead_before_its_parent_asks(ledger: Ledger) -> None:
    with claimant(ledger) as process:
        process.kill()
        deadline = time.monotonic() + 10  # not waited for: a zombie keeps its number
        while ledger.read(WANTED).running and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.returncode is None
        assert is_free(ledger)


ON_ANOTHER_HOST = [(OTHER_HOST, OTHER_HOST), (ME, OTHER_HOST), (OTHER_HOST, ME)]
"""Worker and driver of which one at least cannot be asked."""


@pytest.mark.parametrize(("worker", "driver"), ON_ANOTHER_HOST[:2])
@pytest.mark.parametrize("age", [0.0, DEAD_AFTER_SECONDS - 5])
def test_another_host_holds_a_point_for_a_minute(
    ledger: Ledger, folder: Path, worker: Process, driver: Process, age: float
) -> None:
    hold(folder, worker, driver, age)
    assert not is_free(ledger)


@pytest.mark.parametrize("age", [DEAD_AFTER_SECONDS * 2, 86400.0, -86400.0, -1e300, 1e300])
@pytest.mark.parametrize(("worker", "driver"), ON_ANOTHER_HOST[:2])
@pytest.mark.slow
def test_a_dead_claim_of_another_host_expires_by_our_clock_whatever_its_time_is(
    ledger: Ledger,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    worker: Process,
    driver: Process,
    age: float,
) -> None:
    monkeypatch.setattr(processes, "DEAD_AFTER_SECONDS", 0.3)
    hold(folder, worker, driver, age)
    began = time.monotonic()
    assert ledger.read(WANTED).running, "it may live"
    with ledger.claim(POINT.id, ME) as claim:
        assert 0.3 <= time.monotonic() - began < 10
        claim.check()


@pytest.mark.parametrize("age", [86400.0, -86400.0])
def test_a_live_claim_of_a_host_with_a_wrong_clock_stands(
    ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch, age: float
) -> None:
    monkeypatch.setattr(processes, "DEAD_AFTER_SECONDS", 2.0)
    hold(folder, OTHER_HOST, OTHER_HOST, age)
    renewal = threading.Timer(0.3, hold, (folder, OTHER_HOST, OTHER_HOST, age))
    renewal.start()
    began = time.monotonic()
    with pytest.raises(ClaimedError, match="is being trained by process"):
        ledger.claim(POINT.id, ME).__enter__()
    assert time.monotonic() - began < 1.9, "the renewal is proof enough"
    renewal.join()
    assert ledger.read(WANTED).running


def test_a_driver_drops_what_it_has_seen_expire_but_nothing_that_lives_again(
    ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers, which have seen nothing, need not wait once more."""
    monkeypatch.setattr(processes, "DEAD_AFTER_SECONDS", 0.1)
    hold(folder, OTHER_HOST, OTHER_HOST, -86400.0)
    assert ledger.read(WANTED).running
    time.sleep(0.15)
    state = ledger.read(WANTED)
    assert (list(state.running), list(state.expired)) == ([], [POINT.id])
    hold(folder, OTHER_HOST, OTHER_HOST, -86400.0)
    ledger.drop_claim(POINT.id, state.expired[POINT.id])
    assert (folder / "claim.json").exists()
    (holder,) = ledger.read(WANTED).running.values()
    ledger.drop_claim(POINT.id, holder)
    assert not (folder / "claim.json").exists()


def test_a_driver_that_died_frees_what_its_worker_holds(ledger: Ledger) -> None:
    driver = dead()
    with ledger.claim(POINT.id, driver) as old:
        with pytest.raises(LostClaimError, match=r"the driver of .* died"):
            old.check()
        with ledger.claim(POINT.id, ME) as new:
            with pytest.raises(LostClaimError, match="was taken over by process"):
                ledger.write_file(old, POINT.id, "weights.pt", b"late")
            with pytest.raises(LostClaimError):
                ledger.finish(old, RECORD)
            ledger.write_file(new, POINT.id, "weights.pt", b"right")
        assert not (ledger.folder(POINT.id) / "record.json").exists()
        assert (ledger.folder(POINT.id) / "weights.pt").read_bytes() == b"right"


def test_a_late_end_leaves_the_new_claim(ledger: Ledger, folder: Path) -> None:
    with ledger.claim(POINT.id, ME):
        hold(folder, attempt="taken over")
    holder = read_holder(folder / "claim.json")
    assert holder is not None
    assert holder.attempt == "taken over"


@pytest.mark.parametrize("change", [{"started": "1"}, {"boot": "before the last"}])
def test_a_number_used_again_is_another_process(
    ledger: Ledger, folder: Path, change: dict[str, str]
) -> None:
    assert ME.is_alive()
    reused = replace(ME, **change)
    assert reused.is_local()
    assert not reused.is_alive()
    hold(folder, worker=reused)
    assert is_free(ledger)


def test_a_heartbeat_renews_the_claim(
    ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "HEARTBEAT_SECONDS", 0.01)
    with ledger.claim(POINT.id, ME) as claim:
        first = read_holder(folder / "claim.json")
        deadline = time.monotonic() + 10
        while (now := read_holder(folder / "claim.json")) == first and time.monotonic() < deadline:
            time.sleep(0.005)
        assert first is not None
        assert now is not None
        assert now.time > first.time
        assert replace(now, time=first.time) == first
        claim.check()
        with ledger.store.lock(f"points/{POINT.id}/.lock"):  # as every writer of a claim does
            hold(folder, attempt="taken over")
        time.sleep(0.05)
        taken = read_holder(folder / "claim.json")
        assert taken is not None
        assert taken.attempt == "taken over", "a heartbeat takes nothing back"


def test_heartbeats_are_well_within_the_minute() -> None:
    assert claims.HEARTBEAT_SECONDS * 3 < DEAD_AFTER_SECONDS


def claim_text(**changes: Any) -> str:
    """A claim of another host, with some of its values changed."""
    values = asdict(Holder("a", OTHER_HOST, OTHER_HOST, 0.0)) | changes
    return json.dumps({key: value for key, value in values.items() if value != "absent"})


def claim_by(**changes: Any) -> str:
    return claim_text(driver=asdict(ME) | changes, worker=asdict(ME) | changes)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", "[" * 200_000, '{"attempt": "a", "driver": {}, "worker": {}, "time": 0}',
        *(claim_text(time=value) for value in ("absent", None, "0", True, [], float("nan"), float("inf"), 10**400)),
        *(claim_text(attempt=value) for value in ("absent", None, 1)),
        *(claim_by(pid=value) for value in (None, "1", 1.5, True, 0, -1, 10**30)), claim_by(host=" "), claim_by(boot=1),
    ],
    ids=lambda _: "claim",  # a text names this process, and workers must collect the same tests
)  # fmt: skip
def test_a_spoiled_claim_holds_nothing(ledger: Ledger, folder: Path, text: str) -> None:
    (folder / "claim.json").write_text(text)
    assert read_holder(folder / "claim.json") is None
    assert is_free(ledger)


def test_a_claim_belongs_to_one_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with Claim(store, "a", ME) as one, Claim(store, "b", ME) as other:
        one.check()
        other.check()


def test_a_process_of_this_host_that_stops_renewing_its_claim_loses_it(
    ledger: Ledger, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped process exists, but nobody should wait for it without end."""
    monkeypatch.setattr(processes, "DEAD_AFTER_SECONDS", 0.2)
    hold(folder, ME, ME)
    assert ledger.read(WANTED).running
    with pytest.raises(ClaimedError), ledger.claim(POINT.id, replace(ME, pid=1)):
        pass
    time.sleep(0.3)
    assert not ledger.read(WANTED).running
    with ledger.claim(POINT.id, ME) as claim:
        claim.check()
