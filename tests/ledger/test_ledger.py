"""The ledger: records that can be trusted, and files that are whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from one_point import ME, POINT, RECORD, WANTED, is_free

from gensweep.core.errors import (
    NewerSchemaError,
    RecordError,
    ResultsError,
)
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.open_store import open_folder, open_store
from gensweep.ledger.records import SCHEMA, Record, decode_record
from gensweep.ledger.status import Status
from gensweep.ledger.store_check import require_writable
from gensweep.ledger.stores import Store
from gensweep.system.locks import lock_by_file
from gensweep.system.regular_files import NotRegularFileError
from gensweep.system.storage import lock_file, write_atomic


def read_record(path: Path, expected_id: str | None = None) -> Record:
    """The record in a file."""
    return decode_record(path.read_bytes(), str(path), expected_id)


@pytest.fixture
def path(folder: Path) -> Path:
    """A record's file, written."""
    write_atomic(folder / "record.json", RECORD.to_json())
    return folder / "record.json"


# --- records


def test_a_record_comes_back_as_it_was_written(path: Path) -> None:
    assert read_record(path, POINT.id) == RECORD
    values = json.loads(path.read_text())
    assert (values["schema"], values["metrics"]["test/loss"]) == (SCHEMA, 1.1249999999999998)


def test_a_record_of_text_beyond_ascii_comes_back(path: Path) -> None:
    failed = replace(RECORD, status=Status.FAILED, error='OSError: "größe" \\ \n 中')
    write_atomic(path, failed.to_json())
    assert read_record(path) == failed


def test_a_record_holds_no_nan(path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        path.write_text(replace(RECORD, metrics={"test/loss": float("nan")}).to_json())
    assert read_record(path) == RECORD, "the older one is whole"


def resealed(path: Path, **changes: Any) -> None:
    """Write a record's fields anew under a checksum that matches."""
    values = json.loads(path.read_text()) | changes
    del values["checksum"]
    body = json.dumps(values, indent=1)[1:]
    path.write_text(f'{{"checksum": "{hashlib.sha256(body.encode()).hexdigest()}",{body}\n')


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def digit_changed(path: Path) -> None:
    text = path.read_text()
    assert text.count("1.1249999999999998") == 1
    path.write_text(text.replace("1.1249999999999998", "1.1249999999999997"))


def dumped_again(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))


def checksum_dropped(path: Path) -> None:
    values = json.loads(path.read_text())
    del values["checksum"]
    path.write_text(json.dumps(values))


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


SPOILED = [
    (cut, "not valid JSON"),
    (emptied, "not valid JSON"),
    (binary, "not valid JSON"),
    (digit_changed, "changed since it was written"),
    (dumped_again, "changed since it was written"),
    (checksum_dropped, "changed since it was written"),
    (lambda path: path.write_text("[1, 2]"), "not a gensweep record"),
    (lambda path: path.write_text('{"name": "something else"}'), "not a gensweep record"),
    (lambda path: path.write_text('{"schema": "1"}'), "not a gensweep record"),
    (lambda path: resealed(path, status="done"), "not a gensweep record"),
    (lambda path: resealed(path, extra=1), "not a gensweep record"),
    *(
        (
            lambda path, wrong=wrong: resealed(path, **wrong),
            f"not a gensweep record ({next(iter(wrong))} of a wrong type)",
        )
        for wrong in (
            {"metrics": [1]},
            {"params": [1]},
            {"seconds": "1s"},
            {"error": 3},
            {"versions": None},
        )
    ),
    *(
        (
            lambda path, value=value: resealed(path, metrics={"test/loss": value}),
            "a metric is not a finite number",
        )
        for value in ("x", float("inf"), float("nan"), None)
    ),
    *(
        (lambda path, wrong=wrong: resealed(path, **wrong), message)
        for wrong, message in (
            ({"metrics": {"test/loss": True}}, "a metric is not a finite number"),
            ({"metrics": {"test/loss": 10**400}}, "a metric is not a finite number"),
            ({"params": {"lr": float("nan")}}, "a parameter is not text, a number, true or false"),
            ({"params": {"lr": 10**400}}, "a parameter is not text, a number, true or false"),
            ({"params": {"lr": {}}}, "a parameter is not text, a number, true or false"),
            *(
                ({"seconds": value}, "seconds is not a duration")
                for value in (float("nan"), float("inf"), -1.0, 10**400)
            ),
            ({"seconds": True}, "seconds is not a duration"),
            *(({"epochs": value}, "epochs is not an integer") for value in (-1, True, 10**400)),
            *(({"seed": value}, "seed is not an integer") for value in (-1, True)),
            *(
                ({"pack": value}, "pack is not a lane")
                for value in ({}, {"size": 2, "lane": 2}, {"size": "1", "lane": 0})
            ),
            (
                {"hardware": {"peak_memory": "much"}},
                "hardware has a memory that is not a number of bytes",
            ),
            ({"schema": True}, "not a gensweep record"),
            ({"schema": 0}, "not a gensweep record"),
            ({"status": ["ok"]}, "not a gensweep record"),
            *(
                ({"metrics": {"test/loss": value}}, "a metric is beyond 1e+100")
                for value in (1e101, -(10**200))
            ),
            *(
                ({"metrics": {name: 1.0}}, "a metric has a name that cannot be printed")
                for name in ("a\x1b[31m", "\ud800")
            ),
            *(
                ({"code": {"metrics": value}}, "code has metrics that are not digests")
                for value in ([1], "x", None)
            ),
            ({"params": {}}, "is of another point: params"),
            ({"seed": 99}, "is of another point: seed"),
            ({"model": "vae"}, "is of another point: model"),
        )
    ),
    (lambda path: path.write_text("[" * 200_000), "nested too deeply"),
    (lambda path: path.write_text("[" * 200_000 + "]" * 200_000), "nested too deeply"),
    (
        lambda path: path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes()),
        "starts with a byte order mark",
    ),
    (lambda path: path.write_bytes(path.read_bytes().replace(b"ok", b"\xff\xfe")), "not UTF-8"),
    (
        lambda path: path.write_text(path.read_text().replace('"seed"', '"epochs"')),
        "the key 'epochs' comes twice",
    ),
    (lambda path: path.write_bytes(b"1" * 10_000), "digits"),
    (
        lambda path: resealed(path, id="t2t-e1-d1-s0-000000000000"),
        "is the record of t2t-e1-d1-s0-000000000000, not of",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), SPOILED)
def test_a_spoiled_record_is_missing_with_its_reason(
    ledger: Ledger, path: Path, spoil: Any, message: str
) -> None:
    assert ledger.read(WANTED).records == {POINT.id: RECORD}
    spoil(path)
    if "is of another point" not in message:  # which its file alone does not show
        with pytest.raises(RecordError, match=f"{re.escape(str(path))}: .*{re.escape(message)}"):
            read_record(path, POINT.id)
    state = ledger.read(WANTED)
    assert (state.records, state.running, list(state.unreadable)) == ({}, {}, [POINT.id])
    assert message in state.unreadable[POINT.id]


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 42)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (pipe, "not a regular file"),
        (endless, "not a regular file"),
        (huge, "too large: 4,398,046,511,104 bytes"),
        (Path.mkdir, "should be a file, but is a folder"),
        (loop, "symbolic links"),
    ],
)
@pytest.mark.parametrize("name", ["record.json", "claim.json"])
def test_what_is_no_file_is_neither_waited_for_nor_read(
    ledger: Ledger, folder: Path, put: Any, message: str, name: str
) -> None:
    put(folder / name)
    state = ledger.read(WANTED)
    assert (state.records, state.running) == ({}, {})
    if name == "record.json":
        assert message in state.unreadable[POINT.id]
        assert str(folder / name) in state.unreadable[POINT.id]
    elif put is not Path.mkdir:
        assert is_free(ledger)


@pytest.mark.parametrize("put", [pipe, endless, loop])
def test_a_lock_that_is_no_file_is_not_waited_for(tmp_path: Path, put: Any) -> None:
    put(tmp_path / "lock")
    with pytest.raises(NotRegularFileError), lock_file(tmp_path / "lock"):
        pass
    put(tmp_path / "other.held")
    with (
        pytest.raises(OSError, match=r"not a regular file|symbolic links"),
        lock_by_file(tmp_path / "other"),
    ):
        pass


@pytest.mark.parametrize("put", [pipe, endless, lambda path: path.symlink_to("nowhere"), loop])
def test_points_that_are_no_folder_are_refused_at_once(tmp_path: Path, put: Any) -> None:
    put(tmp_path / "points")
    with pytest.raises(
        ResultsError, match=r"points is a .*, but it should be the folder of all points"
    ):
        Ledger(tmp_path)


def test_a_link_that_leads_to_itself_is_no_file_of_a_folder(tmp_path: Path) -> None:
    loop(tmp_path / "history.csv")
    (tmp_path / "record.json").touch()
    assert list(Store(tmp_path).list_files("")) == ["record.json"]
    loop(tmp_path / "sweep")
    assert open_folder(tmp_path / "sweep")[1] == "sweep"


def test_resealed_by_itself_changes_nothing(path: Path) -> None:
    resealed(path)
    assert read_record(path, POINT.id) == RECORD, "so the cases above fail for what they change"


def test_a_record_of_other_params_is_missing(ledger: Ledger, path: Path) -> None:
    state = ledger.read({POINT.id: POINT.params | {"hidden": 16}})
    assert not state.records
    assert "is of another point: params" in state.unreadable[POINT.id]


def test_a_point_without_files_is_only_missing(ledger: Ledger) -> None:
    state = ledger.read(WANTED)
    assert (state.records, state.running, state.unreadable) == ({}, {}, {})


def test_a_newer_schema_stops_a_run_and_is_shown_to_a_reader(ledger: Ledger, path: Path) -> None:
    path.write_text(json.dumps({"schema": SCHEMA + 1, "anything": "else"}))
    with pytest.raises(
        NewerSchemaError, match=f"schema {SCHEMA + 1}, this gensweep reads up to {SCHEMA}: upgrade"
    ):
        ledger.read(WANTED)
    assert "upgrade gensweep" in ledger.read(WANTED, newer="report").unreadable[POINT.id]


# --- files


def fail(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def half(file: BinaryIO) -> None:
    file.write(b"half")
    fail()


@pytest.mark.parametrize("how", ["open", "write", "sync", "rename"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    target = tmp_path / "file"
    write_atomic(target, "old")
    if how != "write":
        name = {"open": "open", "sync": "fsync", "rename": "replace"}[how]
        monkeypatch.setattr(os, name, lambda *args, **kwargs: fail())
    with pytest.raises(OSError, match="No space left") as raised:
        write_atomic(target, half if how == "write" else "new")
    assert raised.value.filename == str(target), "and not its temporary copy"
    assert {entry.name: entry.read_text() for entry in tmp_path.iterdir()} == {"file": "old"}


def test_a_file_is_written_from_text_bytes_or_a_function(tmp_path: Path) -> None:
    for index, content in enumerate(
        ("é", "é".encode(), lambda file: file.write("é".encode()) and None)
    ):
        write_atomic(tmp_path / str(index), content)
        assert (tmp_path / str(index)).read_bytes() == b"\xc3\xa9"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_umask_says_who_may_read_a_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_atomic(tmp_path / "file", "")
        Store(tmp_path).write("points/a/record.json", "")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask
    assert (tmp_path / "points" / "a").stat().st_mode & 0o777 == 0o777 & ~mask
    assert (tmp_path / "points" / "a" / "record.json").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_record_that_cannot_be_written_leaves_the_older_one(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.claim(POINT.id, Process.get_current()) as claim, monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            ledger.finish(claim, replace(RECORD, seconds=9.0))
    assert read_record(path) == RECORD


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ("ftp://host/results", "results cannot be stored at ftp://; use s3://bucket/prefix"),
        ("file", "is a file"),
        ("file/below", "is a file"),
    ],
)
def test_a_results_root_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match=f"--results {results}: .*{message}"):
        open_store(results)


def test_a_results_root_that_is_read_only_is_opened_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    store = open_store(tmp_path / "new" / "deep")
    with pytest.raises(ResultsError, match=r"cannot be written to; name another folder"):
        require_writable(store)


def test_a_results_root_is_absolute_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("a/b").root == tmp_path / "a/b"
    assert not (tmp_path / "a").exists()


def test_points_that_are_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "points").touch()
    with pytest.raises(ResultsError, match="points is a file"):
        Ledger(tmp_path)


# --- finish


def test_finish_writes_the_record_last_and_drops_what_was_for_resuming(
    ledger: Ledger, folder: Path
) -> None:
    for name in ("checkpoint.pt", "weights.pt", ".checkpoint.pt.k1ll3d.tmp"):
        (folder / name).touch()
    with ledger.claim(POINT.id, ME) as claim:
        ledger.finish(claim, RECORD)
    assert ledger.read_record(POINT.id) == RECORD
    assert ledger.read_record(POINT.id).status == Status.OK
    assert sorted(entry.name for entry in folder.iterdir()) == [
        ".lock",
        "record.json",
        "weights.pt",
    ]


@pytest.mark.parametrize(
    ("status", "stored"),
    [
        (Status.FAILED, {"checkpoint.pt", "error.txt"}),
        (Status.DIVERGED, {"error.txt"}),
        (Status.OK, set()),
    ],
)
def test_what_a_finished_point_keeps(
    ledger: Ledger, folder: Path, status: str, stored: set[str]
) -> None:
    """A retry goes on from a failed point's checkpoint; the traceback of an attempt before goes with success."""
    for name in ("checkpoint.pt", "error.txt"):
        (folder / name).touch()
    with ledger.claim(POINT.id, ME) as claim:
        ledger.finish(claim, replace(RECORD, status=status, error="why"))
    assert {"checkpoint.pt", "error.txt"} & {path.name for path in folder.iterdir()} == stored


@pytest.mark.parametrize(
    ("spoil", "stored"), [(cut, True), (dumped_again, True), (lambda path: None, False)]
)
def test_an_unreadable_record_is_kept_aside(
    ledger: Ledger, path: Path, spoil: Any, stored: bool
) -> None:
    spoil(path)
    before = path.read_bytes()
    with ledger.claim(POINT.id, ME) as claim:
        ledger.finish(claim, replace(RECORD, seconds=9.0))
    assert ledger.read_record(POINT.id).seconds == 9.0
    aside = path.with_name("record.json.unreadable")
    assert (aside.read_bytes() == before) if stored else (not aside.exists())


def test_text_that_no_file_can_hold_is_read_with_a_question_mark(tmp_path: Path) -> None:
    """A file name that is not UTF-8 comes as a lone surrogate."""
    record = Record("a", "cae", {}, 0, Status.FAILED, error="no /data/caf\udce9.png")
    write_atomic(tmp_path / "record.json", record.to_json())
    assert read_record(tmp_path / "record.json").error == "no /data/caf?.png"
