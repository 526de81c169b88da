"""`doctor`: what it says of machines that are ready and of those that are not, and what a run refuses to begin on."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from runs import call, grid, write_sweep

from gensweep.cluster import doctor, node_info, ray_address
from gensweep.cluster import findings as findings_module
from gensweep.cluster.findings import FAILED, NOTE, OK, Finding
from gensweep.cluster.remedies import NodeError
from gensweep.core.errors import CodeMismatchError, GensweepError, UserError
from gensweep.ledger.stores import Store

PROJECT = Path(__file__).parents[2]
AGAIN = (
    "update that node and restart its Ray; if cluster.yaml started it: "
    "ray up cluster.yaml again, without --no-restart"
)
SHARE = "name a folder that every node mounts, or s3://bucket/prefix"
GRANT = "give the user that runs Ray there permission to read and write it"
Node = Callable[..., Any]


def asking(**nodes: Node) -> doctor.AskNodes:
    """Nodes that are functions of this process: each takes what it is asked, and its arguments."""
    return lambda function, *arguments: {
        name: node(function, name, *arguments) for name, node in nodes.items()
    }


def ready(function: Node, *arguments: Any) -> Any:
    """A node that sees what we see."""
    return function(*arguments)


def make_other_node(path: Path) -> Node:
    """A node on which the root is another folder."""
    return lambda function, name, _, *rest: function(name, str(path), *rest)


def answering(**changed: Any) -> Node:
    """A node that says something else."""
    return lambda function, *arguments: function(*arguments) | changed


def select_findings(findings: list[Finding], check: str, level: str) -> dict[str, tuple[str, str]]:
    """What and remedy, by node."""
    return {
        one.node: (one.what, one.remedy)
        for one in findings
        if (one.check, one.level) == (check, level)
    }


# --- one machine


def test_this_machine_is_ready_and_nothing_is_left_behind(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_info, "count_gpus", lambda: 0)
    monkeypatch.delenv("WANDB_MODE")
    cache.mkdir()
    (cache / "one").write_bytes(bytes(2_000_000))
    ended = call("doctor", "--results", tmp_path / "new" / "results")
    assert (ended.code, ended.error) == (0, "")
    lines = ended.out.splitlines()
    assert [line[:6].strip() for line in lines[:-1]] == [OK, NOTE, OK, OK, NOTE, OK]
    assert lines[1].startswith("note    here  hardware: ") and "no GPU" in lines[1]
    assert lines[3] == "ok      here  cache: 1 file, 2 MB"
    assert (
        lines[4]
        == "note    here  W&B: no login; runs are logged offline (wandb login, or WANDB_API_KEY)"
    )
    assert lines[5] == f"ok      here  storage: {tmp_path}/new/results can be written and read"
    assert lines[6] == "this machine: 4 ok, 2 notes, 0 failed."
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_root_that_cannot_be_used_is_a_failure_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = call("doctor", "--results", tmp_path / "file")
    assert ended.code == 1
    path = f"{tmp_path}/file"
    expected = (
        f"--results {path}: {path} is a file, not a folder: name another folder, or fix this one"
    )
    assert f"FAILED  here  storage: {expected}" in ended.out.splitlines()


@pytest.mark.parametrize(
    ("reported", "noted"), [({}, False), ({"compiler": True}, False), ({"compiler": False}, True)]
)
def test_a_node_without_a_compiler_is_noted_and_a_node_without_an_answer_is_not(
    reported: dict[str, bool], noted: bool, tmp_path: Path
) -> None:
    """As one with earlier code, whose other answers are still to be read."""
    other = answering(hardware={"cores": 2, "gpus": 0, "memory": 1e9, **reported})
    findings = doctor.examine_nodes(Store(tmp_path / "root"), asking(n1=other), full=True)
    assert ("no C compiler" in select_findings(findings, "hardware", NOTE)["n1"][0]) == noted


def test_a_full_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {tmp_path: 0.9e9}
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        node_info.shutil, "disk_usage", lambda path: usage._replace(free=free.get(path, 70e9))
    )
    findings, _ = doctor.examine_here(str(tmp_path))
    assert select_findings(findings, "disk", FAILED) == {
        "here": (f"{tmp_path} has 0.9 GB free", "free some space there")
    }
    free.clear()
    findings, _ = doctor.examine_here(str(tmp_path))
    assert select_findings(findings, "disk", OK)["here"][0].startswith("more than 50 GB free in ")


def test_a_login_is_detected_and_its_key_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, file = "0123456789abcdef" * 2, tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(file))
    monkeypatch.delenv("WANDB_MODE")
    file.write_text(f"machine other.example login somebody password {secret}\n")
    file.chmod(0o600)
    assert "W&B: no login" in call("doctor", "--results", tmp_path).out
    file.write_text(f"machine api.wandb.ai login somebody password {secret}\n")
    for _ in ("netrc", "variable"):
        out = call("doctor", "--results", tmp_path).out
        assert "ok      here  W&B: logged in" in out
        assert secret not in out and "somebody" not in out
        file.write_text("no netrc at all")
        monkeypatch.setenv("WANDB_API_KEY", secret)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert (
        "W&B: WANDB_MODE=disabled, or WANDB_DISABLED: nothing is logged"
        in call("doctor", "--results", tmp_path).out
    )


# --- nodes


def test_nodes_that_share_the_root_are_ready(tmp_path: Path) -> None:
    findings = doctor.examine_nodes(Store(tmp_path / "new"), asking(a=ready, b=ready))
    expected = ("reads files of this machine, and this machine reads its files", "")
    assert select_findings(findings, "storage", OK) == {"a": expected, "b": expected}
    assert select_findings(findings, "clock", OK).keys() == {"a", "b"}
    assert not [one for one in findings if one.level == FAILED]
    assert not list(tmp_path.iterdir())


def test_a_root_that_is_not_shared_is_found_and_left_clean(tmp_path: Path) -> None:
    apart, other = tmp_path / "apart", tmp_path / "other"
    other.mkdir()

    def deaf(function: Node, *arguments: Any) -> Any:
        message = function(*arguments)
        (tmp_path / "root" / message["storage"]["wrote"]).write_bytes(b"something else")
        return message

    def same_name(function: Node, name: str, location: str, probe: Any, full: bool) -> Any:
        (other / probe[0]).write_bytes(b"of somebody else")
        return function(name, str(other), probe, full)

    ask = asking(a=ready, b=make_other_node(apart), c=deaf, d=same_name)
    findings = doctor.examine_nodes(Store(tmp_path / "root"), ask, full=False)
    assert select_findings(findings, "storage", FAILED) == {
        "b": (f"{apart} is not shared: a file of this machine does not exist there", SHARE),
        "c": (f"what it writes to {tmp_path}/root cannot be read here", SHARE),
        "d": (f"{other} is not shared: the same file has other content there", SHARE),
    }
    assert select_findings(findings, "storage", OK).keys() == {"a"}
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert len(list(other.iterdir())) == 1, "nothing was written where the probe was not found"


def test_a_root_that_a_node_may_not_use_is_a_fault_of_the_node(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    def full(function: Node, *arguments: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                Store,
                "write",
                lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")),
            )
            return function(*arguments)

    findings = doctor.examine_nodes(
        Store(tmp_path / "root"), asking(a=make_other_node(tmp_path / "file"), b=full)
    )
    path = f"{tmp_path}/file"
    assert select_findings(findings, "storage", FAILED) == {
        "a": (f"--results {path}: {path} is a file, not a folder", GRANT),
        "b": ("[Errno 28] No space left on device", GRANT),
    }


def test_a_node_where_nothing_starts_needs_no_update(tmp_path: Path) -> None:
    reason = "the token must be the same on both sides"

    def refuse(function: Node, *arguments: Any) -> Any:
        return NodeError(reason)

    findings = doctor.examine_nodes(Store(tmp_path), asking(a=refuse))
    remedy = "`ray status` shows the nodes of the cluster"
    assert findings == [Finding("a", "answer", FAILED, reason, remedy)]


def test_a_node_that_is_too_slow_removes_what_it_wrote(tmp_path: Path) -> None:
    calls: list[Any] = []

    def slow(function: Node, *arguments: Any) -> Any:
        calls.append(lambda: function(*arguments))
        return GensweepError("no answer in 30 s")

    store, remove = Store(tmp_path), Store.remove
    findings = doctor.examine_nodes(store, asking(a=slow))
    assert findings == [
        Finding("a", "answer", FAILED, "no answer in 30 s", f"`ray status`, or {AGAIN}")
    ]
    assert calls[0]()["storage"]["error"].endswith("a file of this machine does not exist there")
    with doctor.write_probe(store) as probe, pytest.MonkeyPatch.context() as patch:
        write = Store.write
        patch.setattr(
            Store, "write", lambda self, *rest: (remove(store, probe[0]), write(self, *rest))
        )
        node_info.collect_node_info("late", str(tmp_path), probe, full=False)
        assert not list(tmp_path.iterdir()), "before the driver, which is long gone, could"


@pytest.mark.parametrize(("ahead", "off"), [(-16, 16), (16, 16), (14, 0), (-14, 0)])
def test_clocks(ahead: float, off: int) -> None:
    """A call that took a while is no difference of clocks."""

    def node(function: Node, *arguments: Any) -> Any:
        now = time.time()
        patch.setattr(doctor.time, "time", lambda: now + 100)  # when the answer arrives
        message = function(*arguments)
        return message | {"time": now + ahead + (100 if ahead > 0 else 0)}

    with pytest.MonkeyPatch.context() as patch:
        findings = doctor.examine_nodes(None, asking(a=node), full=False)
    (clock,) = [finding for finding in findings if finding.check == "clock"]
    expected = f"its clock differs by {off} s from this one" if off else "within 15 s of this one"
    assert clock.what.startswith(expected)
    assert clock.level == (NOTE if off else OK), "nothing but records and logs go by clocks"


CLEAN, LATER = "a" * 40, "b" * 40
HERE = {"python": "3.11.7", "torch": "2.11.0", "numpy": "2.1.0", "commit": CLEAN, "source": "1"}


@pytest.mark.parametrize(
    ("change", "failed", "notes"),
    [
        ({}, [], []),
        ({"python": "3.11.9"}, [], ["python 3.11.9, here 3.11.7"]),
        ({"torch": "2.11.0+cu129"}, [], ["torch 2.11.0+cu129, here 2.11.0"]),
        ({"python": "3.12.7", "numpy": None}, ["numpy missing, here 2.1.0", "python 3.12.7, here 3.11.7"], []),
        ({"torch": "2.11.1"}, ["torch 2.11.1, here 2.11.0"], []),
        ({"commit": LATER, "source": "2"}, ["commit bbbbbbb, here aaaaaaa"], []),
        ({"commit": f"{CLEAN}-dirty"}, ["commit aaaaaaa-dirty, here aaaaaaa"], []),
        ({"source": "2"}, ["other source files than here, of commit aaaaaaa"], []),
        ({"commit": None}, [], ["commit unknown, here aaaaaaa; the files are the same"]),
        ({"commit": None, "source": "2"}, ["other source files than here, of commit unknown"], []),
    ],
)  # fmt: skip
def test_what_of_the_code_must_be_equal(
    change: dict[str, Any], failed: list[str], notes: list[str]
) -> None:
    assert node_info.compare_code(HERE, HERE | change) == (failed, notes)
    bare = {name: value for name, value in HERE.items() if name not in ("commit", "source")}
    assert node_info.compare_code(HERE, bare)[0] == [
        "other source files than here, of commit unknown"
    ]


def test_another_commit_is_a_failure_and_an_unknown_one_a_note(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = dict(node_info.read_code_versions()) | {"commit": LATER}
    findings = doctor.examine_nodes(None, asking(a=ready, b=answering(code=other)), full=False)
    [(what, remedy)] = select_findings(findings, "code", FAILED).values()
    assert what.startswith("commit bbbbbbb, here ") or what == "commit bbbbbbb, here unknown"
    assert remedy == AGAIN
    with monkeypatch.context() as patch:
        patch.setenv("SLURM_JOB_ID", "7")
        findings = doctor.examine_nodes(None, asking(b=answering(code=other)), full=False)
    [(_, remedy)] = select_findings(findings, "code", FAILED).values()
    assert "submit the job again" in remedy and "ray up" not in remedy
    nowhere = HERE | {"commit": None}
    assert node_info.compare_code(nowhere, nowhere) == (
        [],
        ["commit unknown, here unknown; the files are the same"],
    )


@pytest.mark.parametrize("file", ["sweep/point.py", "data/_avatars/parts/hat.toml"])
def test_the_code_is_known_by_its_files(file: str, tmp_path: Path) -> None:
    """A copy is the same code; with a letter changed it is another, whatever git says."""
    copy = tmp_path / "copy"
    shutil.copytree(
        PROJECT / "gensweep", copy / "gensweep", ignore=shutil.ignore_patterns("__pycache__")
    )
    ask = "import json; from gensweep.cluster.node_info import read_code_versions; print(json.dumps(read_code_versions()))"

    def reported() -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-c", ask], cwd=copy, capture_output=True, check=True, env=alone(copy)
        )
        return json.loads(done.stdout)

    assert reported() == node_info.read_code_versions() | {"commit": None}
    changed = copy / "gensweep" / file
    changed.write_text(changed.read_text().replace("e", "E", 1))
    assert reported()["source"] != node_info.read_code_versions()["source"]


def test_a_trial_refuses_other_code_than_its_drivers() -> None:
    node_info.check_code(node_info.read_code_versions() | {"commit": "whatever"})
    with pytest.raises(CodeMismatchError) as raised:
        node_info.check_code(node_info.read_code_versions() | {"numpy": "0.1"})
    start = f"{socket.gethostname()} runs other code than the driver (numpy "
    assert str(raised.value).startswith(start) and str(raised.value).endswith(
        f", here 0.1): {AGAIN}"
    )


# --- what is said of many


@pytest.mark.parametrize("missing", ["code", "storage", "hardware", "time"])
def test_a_node_that_answers_as_an_older_version_does_is_reported(
    missing: str, tmp_path: Path
) -> None:
    def old(function: Node, *arguments: Any) -> Any:
        info = function(*arguments)
        if missing == "hardware":
            return info | {"hardware": {}}
        return {key: value for key, value in info.items() if key != missing}

    findings = doctor.examine_nodes(Store(tmp_path), asking(new=ready, old=old))
    what, remedy = select_findings(findings, "code", FAILED)["old"]
    assert what.startswith("it answers as another version of gensweep does")
    assert remedy == AGAIN
    assert not [one for one in findings if one.node == "new" and one.level == FAILED]
    assert not list(tmp_path.iterdir())


def test_many_nodes_stay_readable(tmp_path: Path) -> None:
    apart = {name: make_other_node(tmp_path / "apart") for name in ("n7", "n8")}
    nodes = {f"n{number}": ready for number in range(100)} | apart
    findings = doctor.examine_nodes(Store(tmp_path / "root"), asking(**nodes), full=False)
    assert len(findings) == 100 * 3
    lines = [str(one) for one in findings_module.merge_findings(findings)]
    assert lines[0].startswith(
        ("ok      100 nodes  code: python ", "note    100 nodes  code: commit unknown")
    )
    assert lines[1:] == [
        "ok      100 nodes  clock: within 15 s of this one",
        "ok      98 nodes  storage: reads files of this machine, and this machine reads its files",
        f"FAILED  n7, n8  storage: {tmp_path}/apart is not shared: a file of this machine does not exist there: {SHARE}",
    ]
    assert findings_module.merge_findings(findings[:24]) == findings[:24], "8 nodes stay apart"


def test_a_run_goes_on_if_nothing_failed_and_else_says_what_did() -> None:
    findings_module.require_ready([Finding("a", "code", OK, "x"), Finding("a", "W&B", NOTE, "x")])
    bad = [Finding(f"n{number}", "code", FAILED, "old", "renew") for number in range(5)]
    bad += [
        Finding("a", check, FAILED, "gone", "find it") for check in ("clock", "storage", "disk")
    ]
    with pytest.raises(UserError) as raised:
        findings_module.require_ready(bad)
    start = "nothing was started. 5 nodes: code: old: renew; a: clock: gone: find it; a: storage: gone: find it"
    assert str(raised.value) == f"{start}; and 1 more: `gensweep doctor` shows all"


# --- addresses


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """An address where the first bytes are answered so; None: never."""

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            stored.append(connection)
            if answer is not None:
                with suppress(OSError):  # the client has left
                    connection.recv(64)
                    connection.sendall(answer)

    stored: list[socket.socket] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in stored:
        connection.close()


@contextmanager
def web() -> Iterator[str]:
    """An address of a web server."""
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), http.server.BaseHTTPRequestHandler
    ) as server:
        server.RequestHandlerClass.log_message = lambda *_: None  # type: ignore[method-assign, assignment]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def dead() -> Iterator[str]:
    """An address where nobody is: the port is taken, and not listened to."""
    with closing(socket.socket()) as ballast:
        ballast.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{ballast.getsockname()[1]}"


NO_RAY = (
    "the server there is not a Ray cluster; name HOST:PORT of the head; the port is 6379 unless it "
    "was changed (the dashboard's port is for `ray job`)"
)
NOBODY = "could not connect ([Errno 111] Connection refused); is the cluster up?"


def test_an_address_is_looked_at_before_ray_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_address, "PROBE_SECONDS", 0.2)
    for server, expected in (
        (dead(), NOBODY),
        (listening(None), NO_RAY),
        (listening(b""), NO_RAY),
        (web(), NO_RAY),
    ):
        with server as available, pytest.raises(UserError) as raised:
            ray_address.check_address(available)
        assert str(raised.value) == f"--address {available}: {expected}"
    with listening(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])) as available:
        ray_address.check_address(available)
    ray_address.check_address("auto")
    with listening(None) as available, monkeypatch.context() as patch:
        patch.setenv("RAY_USE_TLS", "1")
        ray_address.check_address(available)
    with pytest.raises(
        UserError, match="Tune does not run through Ray Client; name HOST:PORT, or auto"
    ):
        ray_address.check_address("ray://127.0.0.1:10001")
    with pytest.raises(UserError, match="the largest port is 65535; name HOST:PORT of the head"):
        ray_address.check_address("127.0.0.1:99999")


def alone(*paths: Path, **more: str) -> dict[str, str]:
    """Our environment, with gensweep imported from these places."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths or (PROJECT,)))} | more


def gensweep(*arguments: Any, folder: Path, script: str = "") -> tuple[int, list[str], list[str]]:
    """Call the command line in a process of its own, as on a head; returns status, lines, errors."""
    begin = ["-c", script] if script else ["-m", "gensweep"]
    done = subprocess.run(
        [sys.executable, *begin, *map(str, arguments)],
        cwd=folder, env=alone(), capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize(
    ("server", "expected"), [(dead, NOBODY), (lambda: listening(None), NO_RAY), (web, NO_RAY)]
)
def test_where_no_cluster_is_nothing_is_started(
    tmp_path: Path, server: Any, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither Ray, which would wait for minutes, nor anything that takes time."""
    monkeypatch.setattr(ray_address, "PROBE_SECONDS", 0.2)
    monkeypatch.setitem(sys.modules, "gensweep.execute.ray_tune", None)  # its import fails
    monkeypatch.setattr(
        "gensweep.execute.waves.prepare_datasets", lambda *_: pytest.fail("datasets were prepared")
    )
    for words in (["doctor"], ["run", write_sweep(tmp_path, grid())]):
        with server() as available:
            ended = call(*words, "--address", available, "--results", tmp_path / "results")
        assert (ended.code, ended.error) == (2, f"error: --address {available}: {expected}\n")
        assert not (tmp_path / "results").exists()


# --- a cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of this machine. `/proc/self/cwd` is another folder on each: the first's is `folder`."""
    import gensweep.execute.ray_tune  # noqa: F401, I001 - it sets what Ray reads when it is imported
    from ray.cluster_utils import Cluster

    folders = [tmp_path_factory.mktemp(name) for name in ("head", "worker")]
    with pytest.MonkeyPatch.context() as patch:
        for (
            name,
            value,
        ) in alone().items():  # not of the folder of this test run, but of the project
            patch.setenv(name, value)
        patch.chdir(folders[0])
        built = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        patch.chdir(folders[1])
        built.add_node(num_cpus=1)
    built.folder = folders[0]
    yield built
    built.shutdown()


@pytest.fixture(scope="module")
def outdated(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One more node, with code of another commit; gives its id."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(
        PROJECT / "gensweep", copy / "gensweep", ignore=shutil.ignore_patterns("__pycache__")
    )
    with (copy / "gensweep" / "sweep" / "point.py").open("a") as file:
        file.write("# changed\n")
    git = ["git", "-c", "user.name=nobody", "-c", "user.email=nobody@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "other"]):
        subprocess.run([*git, *words], cwd=copy, check=True)
    node = cluster.add_node(
        num_cpus=1, resources={"outdated": 1}, env_vars={"PYTHONPATH": str(copy)}
    )
    yield node.node_id
    cluster.remove_node(node)


@pytest.mark.ray
def test_a_cluster_that_is_ready(cluster: Any, tmp_path: Path) -> None:
    root = tmp_path / "new" / "results"
    code, lines, errors = gensweep(
        "doctor", "--address", cluster.address, "--results", root, folder=cluster.folder
    )
    assert (code, errors) == (0, [])
    assert lines[-1].startswith("2 nodes: ") and lines[-1].endswith(" 0 failed.")
    shares = [
        line
        for line in lines
        if "storage: reads files of this machine, and this machine reads its files" in line
    ]
    assert len(shares) == 2 and all(
        line.startswith(f"ok      {socket.gethostname()} (") for line in shares
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.ray
def test_a_folder_that_is_not_shared_is_refused_before_anything_is_written(
    cluster: Any, tmp_path: Path
) -> None:
    """The one thing wrong is the second node's folder."""
    apart = "/proc/self/cwd/results"
    where = ("--address", cluster.address, "--results", apart)
    why = f"storage: {apart} is not shared: a file of this machine does not exist there: {SHARE}"
    code, lines, errors = gensweep("doctor", *where, folder=cluster.folder)
    assert (code, errors) == (1, [])
    [bad] = [line for line in lines if line.startswith(FAILED)]
    assert bad.endswith(f")  {why}")
    code, _, [error] = gensweep("run", write_sweep(tmp_path, grid()), *where, folder=cluster.folder)
    assert code == 2
    assert error.startswith(
        f"error: nothing was started. {socket.gethostname()} ("
    ) and error.endswith(f"): {why}")
    assert not list(cluster.folder.iterdir()), "nothing is left behind"


@pytest.mark.ray
def test_another_rays_version_is_refused(cluster: Any, tmp_path: Path) -> None:
    """As far as one machine can have two: the cluster says that it was started with another."""
    from ray._raylet import GcsClient

    key, space = b"CLUSTER_METADATA", b"cluster"
    gcs = GcsClient(address=cluster.address)
    before = gcs.internal_kv_get(key, space)
    gcs.internal_kv_put(
        key, json.dumps(json.loads(before) | {"ray_version": "1.2.3"}).encode(), True, space
    )
    try:
        where = ("--address", cluster.address, "--results", tmp_path / "results")
        code, _, [error] = gensweep("doctor", *where, folder=cluster.folder)
    finally:
        gcs.internal_kv_put(key, before, True, space)
    assert code == 2
    assert error.startswith(
        f"error: --address {cluster.address}: could not connect to a Ray cluster (Version mismatch: "
    )
    assert "Ray: 1.2.3" in error
    assert error.endswith(
        "; install the same versions on this machine and on the cluster: "
        "pip install -c constraints.txt"
    )


@pytest.mark.ray
def test_other_code_on_a_node_is_refused(cluster: Any, outdated: str, tmp_path: Path) -> None:
    where = ("--address", cluster.address, "--results", tmp_path / "results")
    code, lines, errors = gensweep("doctor", *where, folder=cluster.folder)
    assert (code, errors) == (1, [])
    [bad] = [line for line in lines if line.startswith(FAILED)]
    node = f"{socket.gethostname()} ("
    assert (
        bad.startswith(f"FAILED  {node}")
        and f", {outdated[:6]})  code: " in bad
        and bad.endswith(f": {AGAIN}")
    )
    code, _, [error] = gensweep("run", write_sweep(tmp_path, grid()), *where, folder=cluster.folder)
    assert code == 2
    assert (
        error.startswith(f"error: nothing was started. {node}")
        and f", {outdated[:6]}): code: " in error
    )
    assert error.endswith(f": {AGAIN}")
    assert not (tmp_path / "results").exists()


@pytest.mark.ray
def test_a_node_that_joined_later_with_other_code_ends_the_run_and_records_nothing(
    cluster: Any, outdated: str, tmp_path: Path
) -> None:
    """It joined after the nodes were asked: here nobody asks. The other trial would train for an hour."""
    script = """
import sys
from gensweep.cli import app
from gensweep.execute import ray_tune
ray_tune.check_nodes = lambda store: None
ray_tune._make_requests = lambda *rest: lambda config: ray_tune.tune.PlacementGroupFactory(
    [{"CPU": 1, "outdated": config["pack"]}]
)
app.main(sys.argv[1:])
"""
    where = ("--address", cluster.address, "--results", tmp_path / "results")
    sweep = write_sweep(tmp_path, grid(epochs=100_000), seeds=2)
    code, lines, [*_, error] = gensweep(sweep, *where, folder=cluster.folder, script=script)
    assert code == 2, lines
    assert error.startswith(
        f"error: {socket.gethostname()} runs other code than the driver (other source files than "
    )
    assert error.endswith(f"): {AGAIN}")
    assert (tmp_path / "results" / "tiny" / "sweep.json").exists()
    assert not list((tmp_path / "results").glob("points/*/record.json"))


def test_a_root_that_is_not_there_yet_is_probed_again_and_again(tmp_path: Path) -> None:
    """Each probe makes the folder and takes it away; the next one does not take that for a loss."""
    store = Store(tmp_path / "new" / "results")
    for _ in range(2):
        with doctor.write_probe(store) as (name, content):
            assert store.read(name) == content
        assert not (tmp_path / "new").exists()
