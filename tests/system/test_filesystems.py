"""File systems that do not have every call, that are read-only, full or another user's."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import (
    TINY,
    call,
    ended,
    files,
    grid,
    other,
    records,
    same,
    t2t,
    train,
    wait_for,
    write_sweep,
)

from gensweep.ledger.claims import Holder
from gensweep.system import locks, processes, regular_files, storage
from gensweep.system.environment import find_compiler
from gensweep.system.processes import Process
from gensweep.system.storage import lock_file, write_json
from gensweep.train import checkpoint
from gensweep.trainables import train_text_to_text

TESTS = Path(__file__).parents[1] / "helpers"
ON_ANOTHER_HOST = replace(Process.get_current(), host="elsewhere pid:[1]")
MISSING = {
    "flock": errno.ENOSYS, "chmod": errno.EPERM, "fsync_folder": errno.EINVAL, "fsync_file": errno.EINVAL,
    "link": errno.EPERM,
}  # fmt: skip
"""What some network, FUSE and removable file systems lack, all together."""
SHIM = """
import sys
from pathlib import Path
from runs import command_line
command_line(sys.argv[2:], Path(sys.argv[1]))
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What refuses calls, compiled."""
    command = find_compiler()
    if command is None or sys.platform != "linux":
        pytest.skip("no C compiler")
    target = tmp_path_factory.mktemp("refusals") / "refusals.so"
    source = str(TESTS / "refusals.c")
    subprocess.run(
        [*command, "-shared", "-fPIC", "-O1", "-o", str(target), source, "-ldl"], check=True
    )
    return target


def start(
    library: Path, root: Path, calls: dict[str, int], folder: Path, *arguments: Any
) -> subprocess.Popen[bytes]:
    """Start the command line where some calls are refused below a root; it writes into ``folder``."""
    folder.mkdir(exist_ok=True)
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "REFUSED_ROOT": str(root),
        "REFUSED_CALLS": " ".join(f"{name}={number}" for name, number in calls.items()),
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
    }
    command = [sys.executable, "-c", SHIM, str(folder), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def run(*arguments: Any) -> tuple[int, str]:
    """Run it; exit code and output."""
    process = start(*arguments)
    code = process.wait(200)
    return code, (arguments[3] / "output").read_text()


@pytest.mark.slow
def test_two_drivers_share_a_root_that_lacks_what_it_can(
    library: Path, tmp_path: Path, root: Path
) -> None:
    """Nothing is trained twice, and all is as it would be elsewhere."""
    file = write_sweep(tmp_path, seeds=4)
    drivers = [
        start(library, root, MISSING, tmp_path / name, file, "--results", root, "--local")
        for name in ("one", "other")
    ]
    assert [driver.wait(200) for driver in drivers] == [0, 0]
    paths = [tmp_path / name / "epochs" for name in ("one", "other")]
    lines = [
        path.read_text().splitlines() for path in paths if path.exists()
    ]  # one may find nothing left to train
    epochs = Counter(line for part in lines for line in part)
    assert set(epochs.values()) == {1} and len(epochs) == 8
    assert call(file, "--results", tmp_path / "plain", "--local").code == 0
    for seed in range(4):
        same(root, tmp_path / "plain", t2t(seed))
    left = [
        name
        for name in files(root)
        if re.search(r"\.(tmp|held|breaking|probe)$|claim\.json$", name)
    ]
    assert not left


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ({"replace": errno.EBUSY}, "cannot replace a file that is open: Device or resource busy"),
        ({"write": errno.EROFS}, "cannot be written to; name another folder"),
    ],
)
def test_a_root_that_lacks_what_is_needed_is_refused_before_the_start(
    library: Path, tmp_path: Path, root: Path, calls: dict[str, int], message: str
) -> None:
    root.mkdir()
    code, out = run(
        library, root, calls, tmp_path / "one", write_sweep(tmp_path), "--results", root, "--local"
    )
    assert (code, message in out) == (2, True), out
    assert not (tmp_path / "one" / "epochs").exists()
    assert not files(root)


@pytest.mark.slow
def test_reading_needs_no_write_permission(library: Path, tmp_path: Path, root: Path) -> None:
    """`show`, `answer`, `sample`, `evaluate`, `--dry-run`, `collect --page`, and a run with nothing to do."""
    file, point, page = write_sweep(tmp_path), t2t().id, tmp_path / "page.html"
    assert call(file, "--results", root, "--local").code == 0
    more = write_sweep(tmp_path, seeds=2, name="more")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    calls = [
        ("show", point, "--results", root),
        ("answer", point, "1+2", "--results", root),
        ("sample", point, "--results", root, "--out", tmp_path / "sample.png"),
        ("evaluate", point, "--results", root),
        (more, "--results", root, "--dry-run"),
        ("collect", root / "tiny", "--page", page),
        (file, "--results", root, "--local"),
    ]
    script = tmp_path / "all.py"
    script.write_text(
        "import sys; from runs import call\n"
        f"for arguments in {[[str(word) for word in words] for words in calls]!r}:\n"
        "    print(arguments, call(*arguments))\n"
        f"print(call({more!r}, '--results', {str(root)!r}, '--local'))\n"
    )
    environment = os.environ | {
        "LD_PRELOAD": str(library), "REFUSED_ROOT": str(root), "REFUSED_CALLS": f"write={errno.EROFS}",
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=200
    )
    lines = done.stdout.splitlines()
    assert [re.findall(r"Called\(code=(\d)", line) for line in lines] == [["0"]] * len(calls) + [
        ["2"]
    ], done
    assert "cannot be written to; name another folder" in lines[-1]
    assert (tmp_path / "sample.png").exists() and page.exists()
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def link_checkpoint(root: Path, target: str) -> None:
    """Put a link at the name of a point's checkpoint."""
    folder = root / "points" / t2t().id
    folder.mkdir(parents=True)
    (folder / "checkpoint.pt").symlink_to(target)


def test_a_checkpoint_that_cannot_be_read_fails_no_point(root: Path) -> None:
    link_checkpoint(root, "x" * 300)
    last = train([t2t()], root)[-1]
    assert "checkpoint.pt: File name too long" in last["unavailable"]
    assert not records(root)


def test_a_point_is_trained_where_its_checkpoint_links_to_itself(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    link_checkpoint(root, "checkpoint.pt")
    train([t2t()], root)
    assert "does not start from its checkpoint" in caplog.text
    assert "Too many levels of symbolic links" in caplog.text
    assert list(records(root)) == [t2t().id]


# --- locks where there is no flock


@pytest.fixture(params=[errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK], ids=errno.errorcode.get)
def without_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that says so."""

    def refuse(*_: Any) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)


def add(path: Path, times: int) -> None:
    """Count on in a file, as one who shares it."""
    for _ in range(times):
        with lock_file(path.with_suffix(".lock")):
            count = int(path.read_text())
            time.sleep(0.0005)
            path.write_text(str(count + 1))


def add_without_flock(path: Path, times: int) -> None:
    """The same, as a process of its own."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSYS, "")

    storage.fcntl.flock = refuse  # type: ignore[union-attr]
    add(path, times)


def take_and_wait(path: Path) -> None:
    """Take a lock, say so, and never let go."""
    with locks.lock_by_file(path):
        path.with_suffix(".taken").touch()
        time.sleep(100)


def test_threads_take_turns(tmp_path: Path, without_flock: None) -> None:
    path = tmp_path / "count"
    path.write_text("0")
    threads = [threading.Thread(target=add, args=(path, 20)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() == "60"
    assert sorted(os.listdir(tmp_path)) == ["count", "count.lock"]


@pytest.mark.slow
def test_processes_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "count"
    path.write_text("0")
    with other(add_without_flock, path, 30) as one, other(add_without_flock, path, 30) as two:
        assert (ended(one), ended(two)) == (0, 0)
    assert path.read_text() == "60"


@pytest.mark.slow
def test_a_killed_process_lets_go_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with other(take_and_wait, path) as process:
        wait_for(path.with_suffix(".taken"), "")
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        began = time.monotonic()
        with locks.lock_by_file(path):
            assert time.monotonic() - began < 5
    assert sorted(os.listdir(tmp_path)) == ["lock.taken"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "00000007 token ",
        json.dumps(asdict(ON_ANOTHER_HOST)),
        "[" * 200_000,
        f"00000007 token {'[' * 200_000}",
    ],
)
def test_a_lock_of_another_host_expires_by_our_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(processes, "DEAD_AFTER_SECONDS", 0.3)
    path = tmp_path / "lock"
    (tmp_path / "lock.held").write_text(content)
    began = time.monotonic()
    with locks.lock_by_file(path):
        assert 0.3 <= time.monotonic() - began < 10
    assert os.listdir(tmp_path) == []


def test_a_lock_that_is_renewed_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "RENEWAL_SECONDS", 0.02)
    monkeypatch.setattr(processes, "DEAD_AFTER_SECONDS", 0.5)
    monkeypatch.setattr(Process, "is_local", lambda process: False)
    order = []

    def second() -> None:
        with locks.lock_by_file(tmp_path / "lock"):
            order.append("second")

    with locks.lock_by_file(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(1.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_who_was_taken_for_dead_takes_nothing_away(tmp_path: Path) -> None:
    with locks.lock_by_file(tmp_path / "lock"):
        (tmp_path / "lock.held").write_text("00000000 another's")
    assert (tmp_path / "lock.held").read_text() == "00000000 another's"


def test_a_refusal_that_is_no_lack_of_locks_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output error"), lock_file(tmp_path / "lock"):
        pass


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A network file system where another host replaces each of these files once, after it is opened here."""
    names: list[str] = []
    is_file = stat.S_ISREG

    def look(mode: int) -> bool:
        if names:
            raise OSError(errno.ESTALE, "Stale file handle", names.pop())
        return is_file(mode)

    monkeypatch.setattr(regular_files.stat, "S_ISREG", look)
    yield names


def test_a_file_that_another_host_replaces_is_opened_again(
    tmp_path: Path, replaced: list[str]
) -> None:
    path = tmp_path / "claim.json"
    path.write_text("new")
    replaced += ["claim.json"] * 3
    assert regular_files.read_file(path) == b"new"
    replaced += ["claim.json"] * 9
    with pytest.raises(OSError, match="Stale file handle"):
        regular_files.read_file(path)


def test_a_lock_is_waited_for_while_another_host_writes_it(
    tmp_path: Path, replaced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "DEAD_AFTER_SECONDS", 0.3)
    (tmp_path / "lock.held").write_text("00000000 another's")
    replaced.append("lock.held")
    with locks.lock_by_file(tmp_path / "lock"):
        assert not replaced
    assert os.listdir(tmp_path) == []


class Small(io.BytesIO):
    """A file on a disk that is soon full."""

    def write(self, content: Any) -> int:
        if self.tell() + len(content) > 50_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(content)


@pytest.mark.parametrize("numbers", [20_000, 2_000_000])
@pytest.mark.parametrize("save", [partial(checkpoint.save, point_id="a"), checkpoint.save_tensors])
@pytest.mark.slow
def test_a_disk_too_full_for_tensors_says_so(save: Any, numbers: int) -> None:
    """PyTorch says `enforce fail ... unexpected pos`."""
    state = {"x": torch.zeros(numbers), "y": torch.zeros(10)}
    with pytest.raises(OSError, match="No space left on device"):
        save(file=Small(), **{"state" if isinstance(save, partial) else "values": state})


def test_a_full_file_system_ends_the_run_with_its_reason(tmp_path: Path, root: Path) -> None:
    root.mkdir()
    file = write_sweep(tmp_path, grid(hidden=256), seeds=3)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", root], capture_output=True
    ).returncode:
        pytest.skip("may not mount")
    try:
        result = call(file, "--results", root, "--local")
        assert (result.code, records(root)) == (1, {})
    finally:
        subprocess.run(["umount", root], check=True)
    *_, line = result.error.splitlines()
    assert re.fullmatch(
        rf"error: {root}/points/.*: No space left on device; finished work is saved. To continue: .*",
        line,
    )


def test_a_disk_that_is_full_when_the_page_is_written_costs_no_point(
    tmp_path: Path, root: Path
) -> None:
    root.mkdir()
    file = write_sweep(tmp_path)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", root], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("may not mount")
    try:
        assert call(file, "--results", root, "--local").code == 0
        shutil.rmtree(root / "tiny" / "tables")
        with suppress(OSError), open(root / "fill", "wb") as fill:
            while True:
                fill.write(bytes(1000))
                fill.flush()
        full = call(file, "--results", root, "--local")
        (root / "fill").unlink()
        stored = records(root)
        later = call(file, "--results", root, "--local")
        tables = list((root / "tiny" / "tables").iterdir())
    finally:
        subprocess.run(["umount", root], check=True)
    *_, line = full.error.splitlines()
    assert full.code == 1
    assert "No space left on device" in line and "None" not in line, line
    assert list(stored) == [t2t().id]
    assert later.code == 0 and tables


def test_a_relative_root_of_a_users_own_trial_is_where_its_program_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tune changes to the trial's folder, and says where it came from."""
    (tmp_path / "trial").mkdir()
    monkeypatch.chdir(tmp_path / "trial")
    monkeypatch.setenv("TUNE_ORIG_WORKING_DIR", str(tmp_path))
    train_text_to_text(TINY | {"results": "runs"}, report=list[Any]().append)
    assert list(records(tmp_path / "runs")) == [t2t().id]
    assert not list((tmp_path / "trial").iterdir())


def test_the_next_run_clears_away_what_killed_ones_left(tmp_path: Path, root: Path) -> None:
    """Temporary files of a minute ago, and a claim beside a record; nothing of a process that lives."""
    assert call(write_sweep(tmp_path, seeds=2), "--results", root, "--local").code == 0
    dead, alive = (root / "points" / t2t(seed).id for seed in (0, 1))
    holder = Holder("a", Process.get_current(), Process.get_current(), time.time())
    for folder, process in ((dead, replace(holder.driver, started="1")), (alive, holder.driver)):
        write_json(folder / "claim.json", asdict(replace(holder, driver=process, worker=process)))
        (folder / "samples" / ".epoch-0001.png.0.tmp").touch()
    old, new = (root / "tiny" / "tables" / f".cells.csv.{name}.tmp" for name in ("old", "new"))
    for path in (old, new):
        path.touch()
    os.utime(old, (time.time() - 100, time.time() - 100))
    assert call(write_sweep(tmp_path, seeds=3), "--results", root, "--local").code == 0
    assert not (dead / "claim.json").exists() and not list(dead.rglob("*.tmp"))
    assert (alive / "claim.json").exists() and list(alive.rglob("*.tmp"))
    assert (old.exists(), new.exists()) == (False, True)


def test_a_sweeps_name_that_differs_in_capitals_from_a_folder_of_ours_is_refused(
    tmp_path: Path,
) -> None:
    result = call(write_sweep(tmp_path, name="Points"), "--dry-run")
    assert result.code == 2 and "sweep name 'Points' is not a plain folder name" in result.error


def test_two_sweeps_that_a_file_system_takes_for_one_are_refused(
    tmp_path: Path, root: Path, trained: Any
) -> None:
    """As on one that knows no capitals: the other's sweep.json is found under our name."""
    write_json(make(root / "tiny") / "sweep.json", {"schema": 1, "name": "Tiny"})
    result = call(write_sweep(tmp_path), "--results", root, "--local")
    assert result.code == 2 and "is the folder of the sweep 'Tiny'" in result.error
    assert not trained


def make(folder: Path) -> Path:
    """A new folder."""
    folder.mkdir(parents=True)
    return folder
