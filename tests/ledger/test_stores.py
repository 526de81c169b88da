"""Results elsewhere: the same sweep in a bucket and in a folder, and what goes wrong between them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs import call, files, grid, records, t2t, train, write_sweep
from s3_server import BUCKET, KEYS, Fault, Server, running

from gensweep import load
from gensweep.core.errors import LostClaimError, StoreError
from gensweep.ledger import buckets, mirror, remote_stores, state
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.open_store import open_folder, open_store
from gensweep.ledger.records import Record
from gensweep.ledger.remote_stores import RemoteStore
from gensweep.ledger.status import Status
from gensweep.ledger.store_check import check_store
from gensweep.ledger.stores import Entry, Store

pytestmark = [pytest.mark.s3, pytest.mark.filterwarnings("default")]
ME = Process.get_current()


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    """The server for all tests of this file."""
    with running() as server:
        yield server


@pytest.fixture
def server(started: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """An empty bucket, and an environment in which it is found; copies are kept in a cache of the test's own."""
    for name, value in {
        **KEYS,
        "AWS_ENDPOINT_URL": started.url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(buckets, "ATTEMPTS", 3)
    monkeypatch.setattr(buckets, "REQUEST_SECONDS", 2.0)
    monkeypatch.setattr(remote_stores, "RETRY_SECONDS", (0.01, 0.01))
    started.requests_made.clear()
    return started


@pytest.fixture
def bucket(server: Server, tmp_path: Path) -> str:
    """A root of the test's own."""
    return f"s3://{BUCKET}/{tmp_path.name}/results"


def here(tmp_path: Path, path: str) -> Path:
    """A bucket's root as a folder."""
    store, name = open_folder(path)
    target = tmp_path / "as a folder"
    shutil.copytree(store.download(name), target)
    return target


# --- what a store does, wherever it lies


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return open_store(tmp_path / "results")
    return open_store(request.getfixturevalue("bucket"))


def test_files_come_back_as_they_were_written(store: Store) -> None:
    store.write("points/a/record.json", "text ä")
    store.write("points/a/weights.pt", lambda file: file.write(b"12") and None)
    store.write("points/a/samples/1.png", b"")
    assert store.read("points/a/record.json").decode() == "text ä"
    assert store.read("points/a/weights.pt") == b"12"
    assert list(store.read_all(["points/a/samples/1.png"])) == [b""]
    store.write("points/a/weights.pt", b"34")
    assert store.read("points/a/weights.pt") == b"34"
    for seen in (store, store.snapshot("points")):
        assert {name: entry.size for name, entry in seen.list_files("points/a").items()} == {
            "record.json": 7,
            "weights.pt": 2,
        }
        assert seen.list_folders("points") == {"a"}
        assert "samples" in seen.list_folders("points/a")
        assert (seen.exists("points/a/weights.pt"), seen.exists("points/a/no")) == (True, False)
        assert seen.read("points/a/weights.pt") == b"34"
        assert (seen.list_files("nothing"), seen.list_folders("nothing")) == ({}, set())
    store.remove("points/a/weights.pt")
    store.remove("points/a/weights.pt")
    assert not store.exists("points/a/weights.pt")


def test_what_is_not_there_is_no_other_trouble(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("points/none/record.json")
    (result,) = store.read_all(["points/none/record.json"])
    assert isinstance(result, FileNotFoundError)
    store.write("a", b"")
    with pytest.raises(FileNotFoundError):
        store.snapshot("points").read("points/none")


def test_a_store_that_works_passes_the_check_and_is_left_clean(store: Store) -> None:
    check_store(store)
    assert store.list_files("") == {}


def test_a_claim_keeps_others_out_and_an_attempt_that_lost_it_from_writing(store: Store) -> None:
    ledger = Ledger(store)
    with ledger.claim("a", ME) as claim:
        ledger.write_file(claim, "a", "weights.pt", b"right")
        assert ledger.read({"a": {}}).running["a"].worker == ME
        store.write(
            "points/a/claim.json",
            store.read("points/a/claim.json").replace(claim._me.attempt.encode(), b"x"),
        )
        with pytest.raises(LostClaimError):
            ledger.write_file(claim, "a", "weights.pt", b"late")
    assert store.read("points/a/weights.pt") == b"right"


# --- a sweep in a bucket


def test_a_sweep_in_a_bucket_is_the_sweep_in_a_folder(
    server: Server, bucket: str, tmp_path: Path
) -> None:
    file = write_sweep(tmp_path, seeds=2, figures=["learning_curves", "samples_by_epoch"])
    ended = call(file, "--results", bucket, "--local")
    assert (ended.code, ended.error) == (0, "")
    plain = tmp_path / "plain"
    assert call(file, "--results", plain, "--local").code == 0
    copied = here(tmp_path, bucket)
    theirs, mine = files(plain), files(copied)
    assert set(theirs) - set(mine) == {f"points/{point}/.lock" for point in records(plain)}
    assert set(mine) <= set(theirs)
    same = [
        name for name in mine if name.startswith("points/") and not name.endswith("record.json")
    ]
    assert [name for name in same if mine[name] != theirs[name]] == []
    for point, record in records(copied).items():
        assert (record.status, record.metrics) == (Status.OK, records(plain)[point].metrics)
    assert (
        mine["tiny/tables/cells.csv"].splitlines()[0]
        == theirs["tiny/tables/cells.csv"].splitlines()[0]
    )
    assert "report.html" in " ".join(mine)
    again = call(file, "--results", bucket, "--local")
    assert "Nothing to do: 2 of 2 points done." in again.out


def test_one_put_writes_a_record(server: Server, bucket: str, tmp_path: Path) -> None:
    assert call(write_sweep(tmp_path), "--results", bucket, "--local").code == 0
    puts = [
        request
        for request in server.requests_made
        if request.startswith(("PUT", "POST")) and "record.json" in request
    ]
    assert puts == [f"PUT /{BUCKET}/{tmp_path.name}/results/points/{t2t().id}/record.json"]


def test_a_point_goes_on_from_the_bucket_and_not_from_what_lies_here(
    server: Server, bucket: str, tmp_path: Path, trained: Any
) -> None:
    point, store = t2t(epochs=4), open_store(bucket)

    def full(request: str) -> bool:
        return request.startswith("PUT") and "epoch-0004" in request

    with server.failing(Fault(full, "AccessDenied")):
        (*_, last) = train([point], bucket)  # type: ignore[arg-type]
    assert "access denied: are there credentials" in last["error"]
    assert last["error"].endswith("; no record written"), "the point is not to blame"
    assert trained == {0: 4}
    assert store.exists(f"points/{point.id}/checkpoint.pt")
    (*_, last) = train([point], bucket)  # type: ignore[arg-type]
    assert last["status"] == Status.OK
    assert trained == {0: 5}, "one epoch more, after the three that were kept"
    train([point], tmp_path / "straight")
    straight = records(tmp_path / "straight")[point.id]
    assert Ledger(store).read_record(point.id).metrics == straight.metrics


def test_collect_show_and_evaluate_read_a_bucket(
    server: Server, bucket: str, tmp_path: Path
) -> None:
    file = write_sweep(tmp_path, seeds=2, figures=["samples_by_epoch"])
    assert call(file, "--results", bucket, "--local").code == 0
    ended = call("collect", f"{bucket}/tiny")
    assert ended.code == 0, ended.error
    assert f"the page is {bucket}/tiny/report.html" in ended.out.replace("\n", "")
    page = open_store(bucket).read("tiny/report.html").decode()
    assert "roots" not in page, "no place of the copies"
    shown = call("show", "t2t", "--results", bucket)
    assert shown.code == 2 and "begins the ids of 2 points" in shown.error
    shown = call("show", t2t().id, "--results", bucket)
    assert (shown.code, shown.error) == (0, "")
    assert f"files       {bucket}/points/{t2t().id}: " in shown.out
    assert call("evaluate", t2t().id, "--results", bucket).code == 0
    assert load(f"{bucket}/tiny").counts["ok"] == 2


def test_a_second_look_fetches_only_what_changed(
    server: Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "SETTLED_NS", -(10**12))  # as if all had been written long ago
    assert call(write_sweep(tmp_path, seeds=2), "--results", bucket, "--local").code == 0
    load(f"{bucket}/tiny")
    server.requests_made.clear()
    before = load(f"{bucket}/tiny")
    assert [request for request in server.requests_made if "record.json" in request] == []
    store = open_store(bucket)
    name = f"points/{t2t().id}/record.json"
    store.write(name, store.read(name) + b" ")
    assert load(f"{bucket}/tiny").counts == {**before.counts, "ok": 1, "missing": 1}, (
        "an edited record"
    )


# --- what goes wrong


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "s3://no-such-bucket/results",
            "the bucket does not exist; create it, or name another one",
        ),
        ("s3:///results", "names no bucket; write s3://bucket/prefix"),
        ("s3://id:secret@bucket/results", "a URI must not contain secrets"),
        ("s3://id:se/secret@bucket/results", "a URI must not contain secrets"),
        (
            "s3://bucket/results?endpoint_override=http://id:secret@host",
            "a URI must not contain secrets",
        ),
        (
            "s3://bucket/results?secret_key=secret",
            "unknown option 'secret_key' in --results s3://bucket/results",
        ),
        ("s3://bucket/results#one", "a URI must not contain #"),
        ("s3://bucket/a/../results", "a prefix must not contain . or .. as a part"),
        (
            "s3://bucket/results?regoin=x",
            "unknown option 'regoin' in --results .*; did you mean 'region'?",
        ),
        ("hdfs://name/results", "results cannot be stored at hdfs://"),
    ],
)
def test_a_place_that_cannot_be_used_is_refused(
    server: Server, bucket: str, tmp_path: Path, path: str, message: str
) -> None:
    for options in ((), ("--dry-run",)):
        ended = call(write_sweep(tmp_path), "--results", path, "--local", *options)
        assert ended.code == 2, ended
        assert re.search(message, ended.error), ended.error
        assert "secret" not in ended.error.replace("contain secrets", "").replace(
            "'secret_key'", ""
        )
    assert call("collect", f"{path}/tiny" if "?" not in path else path).code == 2


def test_a_server_that_does_not_answer_is_reported_at_once(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    ended = call(write_sweep(tmp_path), "--results", bucket, "--local")
    assert ended.code == 2
    assert "no connection: is the network up, and is the endpoint right?" in ended.error


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
def test_lost_permission_is_reported_before_anything_trains(
    server: Server, bucket: str, tmp_path: Path, trained: Any, method: str
) -> None:
    with server.failing(Fault(lambda request: request.startswith(method), "AccessDenied")):
        ended = call(write_sweep(tmp_path), "--results", bucket, "--local")
    assert ended.code == 2
    assert "are there credentials on this host" in ended.error
    assert method != "DELETE" or "cannot remove a file: s3://" in ended.error
    assert not trained


def test_records_that_are_listed_late_are_not_trained_again(
    server: Server, bucket: str, tmp_path: Path, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, list_all = write_sweep(tmp_path, seeds=2), RemoteStore._list

    def list_late(store: RemoteStore, folder: str, deep: bool) -> dict[str, Entry]:
        entries = list_all(store, folder, deep)
        return {name: entry for name, entry in entries.items() if "record.json" not in name}

    assert call(file, "--results", bucket, "--local").code == 0
    before = dict(trained)
    monkeypatch.setattr(state, "MAX_POINTS_UNLISTED", 1)
    with monkeypatch.context() as patch:
        patch.setattr(RemoteStore, "_list", list_late)
        assert call(file, "--results", bucket, "--local").code == 1, "they count as missing"
    assert call(file, "--results", bucket, "--local").code == 0
    assert dict(trained) == before


def test_an_overloaded_store_is_asked_again(server: Server, bucket: str, tmp_path: Path) -> None:
    turns = iter(range(10**9))
    with server.failing(Fault(lambda request: next(turns) % 5 == 0, "SlowDown")):
        ended = call(write_sweep(tmp_path), "--results", bucket, "--local")
    assert (ended.code, ended.error) == (0, "")


def test_a_login_that_has_expired_is_named(server: Server, bucket: str, tmp_path: Path) -> None:
    """Before the start, where S3 says only 400; and in a run, where it names the error in the answer to a PUT."""
    file, message = write_sweep(tmp_path), "the login has expired: log in again on this host"
    with server.failing(Fault(lambda request: True, "ExpiredToken")):
        refused = call(file, "--results", bucket, "--local")
    assert refused.code == 2
    assert message in refused.error
    with server.failing(
        Fault(lambda request: "checkpoint.pt" in request and "PUT" in request, "ExpiredToken")
    ):
        stopped = call(file, "--results", bucket, "--local")
    assert stopped.code == 1
    assert message in stopped.out
    assert call(file, "--results", bucket, "--local").code == 0


def test_a_slow_store_is_waited_for(server: Server, bucket: str, tmp_path: Path) -> None:
    with server.failing(Fault(lambda request: True, seconds=0.05)):
        assert call(write_sweep(tmp_path), "--results", bucket, "--local").code == 0


def test_a_store_that_stays_away_loses_no_epoch_that_was_kept(
    server: Server, bucket: str, tmp_path: Path
) -> None:
    file, store = write_sweep(tmp_path), open_store(bucket)
    with server.failing(
        Fault(lambda request: "record.json" in request and "PUT" in request, "SlowDown")
    ):
        ended = call(file, "--results", bucket, "--local")
    assert ended.code == 1
    assert "overloaded; repeated attempts failed" in ended.out
    assert store.exists(f"points/{t2t().id}/checkpoint.pt")
    assert not store.exists(f"points/{t2t().id}/record.json")
    assert call(file, "--results", bucket, "--local").code == 0


def test_a_store_that_is_gone_ends_the_run_at_once_and_says_how_to_go_on(
    server: Server, bucket: str, tmp_path: Path, trained: Any
) -> None:
    """One point finds out; the two others do not wait for it in turn."""
    words, requested = [write_sweep(tmp_path, seeds=3), "--results", bucket, "--local"], [""]

    def gone(request: str) -> bool:
        requested.append(request)
        return any(
            before.startswith("PUT") and "checkpoint.pt" in before for before in requested[:-1]
        )

    with server.failing(Fault(gone, "AccessDenied")):
        command = [sys.executable, "-m", "gensweep", *words]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1
    assert ended.stdout.count("; no record written") == 1 and "(outcomes.py" not in ended.stdout
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"error: cannot write a file: {bucket}/")
    assert ": access denied" in last
    assert last.endswith(
        f"; finished work is saved. To continue: python -m gensweep {' '.join(words)}"
    )
    assert call(*words).code == 0
    assert trained == {0: 1, 1: 2, 2: 2}, "the first of two epochs was kept"


def test_an_unreadable_answer_is_not_a_missing_point(
    server: Server, bucket: str, tmp_path: Path
) -> None:
    """A record that cannot be read now must not be trained again."""
    train([t2t()], bucket)  # type: ignore[arg-type]
    with (
        server.failing(Fault(lambda request: "record.json" in request, "SlowDown")),
        pytest.raises(StoreError),
    ):
        Ledger(open_store(bucket)).read({t2t().id: t2t().params})


def test_no_secret_is_written_or_printed(
    server: Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records, page, W&B's files and config, logs of a verbose run, errors of a refused one, and what doctor says."""
    file, planted = write_sweep(tmp_path, grid(), grid(lr=1e38)), {"WANDB_API_KEY": "planted0" * 5}
    planted |= {"RAY_AUTH_TOKEN": "planted-token", "AWS_SESSION_TOKEN": "planted-session"}
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    output = [call(file, "--results", bucket, "--local", "--wandb", "offline", "--verbose")]
    with server.failing(Fault(lambda request: request.startswith("PUT"), "AccessDenied")):
        output.append(call(file, "--results", f"{bucket}/other", "--local", "--verbose"))
    output += [call("doctor", "--results", bucket), call("show", t2t().id, "--results", bucket)]
    assert [ended.code for ended in output] == [1, 2, 0, 0], "one point diverges"
    copied = files(here(tmp_path, bucket))
    assert {name.rpartition("/")[2].rpartition(".")[2] for name in copied} >= {
        "wandb",
        "json",
        "html",
        "log",
    }
    copied |= {
        f"call {number}": f"{ended.out}{ended.error}".encode()
        for number, ended in enumerate(output)
    }
    for name, content in copied.items():
        for secret in (*KEYS.values(), *planted.values()):
            assert secret.encode() not in content, name


@pytest.mark.ray
def test_no_secret_is_in_what_ray_keeps(
    server: Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray's session folder, which stays and which everybody may read; the workers reach the bucket all the same."""
    names = ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN", "GOOGLE_API_KEY", "HF_TOKEN")
    planted = {name: f"planted-{name}" for name in names}
    planted |= {"RAY_AUTH_TOKEN": "planted-token" * 3, "WANDB_API_KEY": "planted0" * 5}
    home = tmp_path / "home"
    home.mkdir()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # paths of sockets must be short
        for name, value in {**planted, "HOME": str(home), "RAY_TMPDIR": folder}.items():
            monkeypatch.setenv(name, value)
        command = [sys.executable, "-m", "gensweep", write_sweep(tmp_path), "--results", bucket]
        command += ["--ray", "--wandb", "offline"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert (ended.returncode, ended.stderr) == (0, "")
        logs = files(Path(folder))
        logs |= files(home) | {"output": ended.stdout.encode()}
    assert [name for name in logs if name.endswith("runtime_env_agent.log")]
    for name, content in logs.items():
        for secret in (*KEYS.values(), *planted.values()):
            assert secret.encode() not in content, f"{secret} in {name}"


def test_copies_of_a_trial_are_gone_when_it_ends(
    server: Server, bucket: str, tmp_path: Path
) -> None:
    train([t2t()], bucket)  # type: ignore[arg-type]
    from gensweep.trial.claiming import open_root

    copies = open_root(bucket).root
    assert copies.is_dir()
    assert not list(copies.rglob("*.pt"))


# --- what others may have put there


def test_a_key_that_leads_elsewhere_is_no_file_of_results(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that may write to the bucket must not reach the files of whoever reads it."""
    store = open_store(bucket)
    store.write("points/a/record.json", b"")
    listed = remote_stores.RemoteStore._infos

    class Info:
        is_file, size, mtime_ns = True, 1, 1
        path = f"{bucket.removeprefix('s3://')}/points/a/../../../../victim"

    monkeypatch.setattr(
        remote_stores.RemoteStore, "_infos", lambda store, *rest: [*listed(store, *rest), Info()]
    )
    for look in (store.snapshot, store.download):
        with pytest.raises(StoreError, match="is not a valid name for a results file; "):
            look("points/a")


def test_a_file_that_is_removed_while_it_is_read_is_not_there(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(bucket)
    store.write("points/a/claim.json", b"1")
    files = store._fs

    class Files:
        """Another process removes what this one has just opened."""

        def open_input_file(self, key: str) -> Any:
            file = files.open_input_file(key)
            files.delete_file(key)
            return file

    monkeypatch.setattr(store, "_fs", Files())
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        store.read("points/a/claim.json")


def test_an_upload_removes_only_the_named_files(bucket: str) -> None:
    store = open_store(bucket)
    for name in ("wandb/id", "wandb/run-1/a.wandb", "wandb/run-2/b.wandb"):
        store.write(f"points/a/{name}", b"1")
    store.discard("points/a")
    store.upload("points/a/wandb")
    assert store.exists("points/a/wandb/id")
    store.upload("points/a/wandb", ["run-1"])
    assert not store.exists("points/a/wandb/run-1/a.wandb")
    assert store.exists("points/a/wandb/run-2/b.wandb")


def test_sync_keeps_its_marks_and_nothing_else(bucket: str, tmp_path: Path) -> None:
    """While it uploads, a later attempt may write its own run."""
    from gensweep.tracking.pending import find_pending

    assert (
        call(write_sweep(tmp_path), "--results", bucket, "--local", "--wandb", "offline").code == 0
    )
    store, folder = open_store(bucket), f"points/{t2t().id}/wandb"
    (waiting,) = find_pending([f"{bucket}/tiny"], None, None).runs
    (file,) = waiting.files
    name = file.relative_to(store.root).as_posix()
    store.write(f"{folder}/later-run-2/run-x.wandb", b"new")
    store.write(name, b"newer")
    file.with_name(f"{file.name}.synced").touch()
    waiting.store_marks()
    assert store.read(name) == b"newer"
    assert store.exists(f"{name}.synced")
    assert store.read(f"{folder}/later-run-2/run-x.wandb") == b"new"


def test_a_failure_never_follows_a_success(store: Store) -> None:
    """Where there are no locks, a late write of an old attempt may come when the point is done."""
    ledger, point = Ledger(store), t2t()
    outcome = {"metrics": {"test/loss": 0.5}, "epochs": point.params["epochs"]}
    done = Record(point.id, point.model, point.params, point.seed, Status.OK, **outcome)
    with ledger.claim(point.id, ME) as claim:
        ledger.finish(claim, done)
        with pytest.raises(LostClaimError, match="was finished by another process"):
            ledger.finish(claim, replace(done, status=Status.FAILED, error="late"))
    assert ledger.read_record(point.id).status == Status.OK


def test_a_record_counts_whatever_cannot_be_removed_after_it(
    server: Server, bucket: str, tmp_path: Path
) -> None:
    with server.failing(
        Fault(
            lambda request: request.startswith("DELETE") and "checkpoint" in request, "AccessDenied"
        )
    ):
        (*_, last) = train([t2t()], bucket)  # type: ignore[arg-type]
    assert last["status"] == Status.OK
    assert Ledger(open_store(bucket)).read_record(t2t().id).status == Status.OK


def test_one_root_has_one_name(server: Server, tmp_path: Path) -> None:
    one = open_store(f"s3://{BUCKET}/{tmp_path.name}/x")
    other = open_store(f"s3://{BUCKET}//{tmp_path.name}/x/")
    assert (one.root_uri, one.root) == (other.root_uri, other.root)
    assert call("collect", f"s3://{BUCKET}").code == 2
    assert (
        call(
            "collect", f"s3://{BUCKET}/{tmp_path.name}/x/none", "--page", tmp_path / "page.html"
        ).code
        == 2
    )


def test_a_point_is_found_by_its_uri(bucket: str, tmp_path: Path) -> None:
    train([t2t()], bucket)  # type: ignore[arg-type]
    assert call("show", f"{bucket}/points/{t2t().id}").code == 0


def test_a_connection_is_reused_until_the_credentials_change(monkeypatch) -> None:
    from gensweep.trial import claiming

    opened: list[str] = []
    monkeypatch.setattr(
        claiming, "open_store", lambda root, persistent: opened.append(root) or object()
    )
    claiming._connect.cache_clear()
    first = claiming.open_root("s3://bucket/results")
    assert claiming.open_root("s3://bucket/results") is first
    monkeypatch.setenv("AWS_SESSION_TOKEN", "renewed")
    assert claiming.open_root("s3://bucket/results") is not first
    assert len(opened) == 2
    claiming._connect.cache_clear()
