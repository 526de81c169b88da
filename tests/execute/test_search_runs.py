"""Runs of a search: from its first trial to its tables, killed at any moment, and two at once."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs import Called, call, command_killed_at, ended, other, records
from s3_server import BUCKET, KEYS, running

from gensweep.execute import searching, train_missing
from gensweep.execute.limits import Limits
from gensweep.execute.order import Order
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.open_store import open_store
from gensweep.ledger.records import Record
from gensweep.ledger.search_log import SearchInfo, read_search_log
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.report.page import collect_many
from gensweep.system.terminal import Console

SOURCE = """
from gensweep import Confirm, Log, Search, Sweep

SWEEP = Sweep("tiny", search=Search(
    "text_to_text", metric="loss", method={method!r}, trials={trials}, rungs=[1], epochs=2,
    confirm=Confirm(best=1, seeds=2), hidden=8, train_fraction=0.02,
    optimizer=["adamw", "muon"], lr=Log(1e-4, 1e-1), muon_lr=Log(5e-3, 1e-1), {more}
))
"""
KILLS = (1, 2, 3, 4, 5, 6, 7) * 3 + (3, 5, 4, 6, 2)
"""After how many files each run of a series is killed; together less than a search writes."""


def write(folder: Path, method: str = "tpe", trials: int = 9) -> str:
    """Write a sweep file with a tiny search, and return its path."""
    more = "window=2" if method == "tpe" else ""
    path = folder / "tiny.py"
    path.write_text(SOURCE.format(method=method, trials=trials, more=more))
    return str(path)


def run(file: str, root: Any, *options: str) -> Called:
    """Run the search in this process."""
    return call(file, "--results", root, "--local", *options)


def summarize(root: Any) -> dict[str, Any]:
    """Everything that must be the same whatever happened: the log, and the numbers of records."""
    store = open_store(str(root))
    log = read_search_log(store, "tiny")["tpe"]
    points = [name for trial in log.trials for level in trial.levels for name in level.points]
    points += [name for one in log.confirmed for name in one.points]
    numbers = {name: describe(Ledger(store).read_record(name)) for name in points}
    return {"log": log.model_dump(), "records": numbers}


def describe(record: Record) -> tuple[Any, ...]:
    """What a record says but for the clock and the machine."""
    return record.status, record.metrics, record.epochs, record.params


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The search that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(write(folder), folder / "results").code == 0
    return summarize(folder / "results")


def test_a_search_ends_with_confirmed_trials_and_is_derived_again(
    tmp_path: Path, root: Path, trained: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "random")
    first = run(file, root)
    assert first.code == 0, first.error
    log = read_search_log(Store(root), "tiny")["random"]
    assert [len(trial.levels) for trial in log.trials].count(2) == 3
    assert len(log.confirmed) == 1
    assert set(records(root)) == set(list_points(log))
    # A trial goes on from its rung: nine first epochs, three second ones, two fresh seeds.
    assert trained == {0: 9 + 3, 1: 2, 2: 2}
    assert not list(root.rglob("checkpoint.pt")), "they were needed for the search alone"
    with monkeypatch.context() as patch:
        # A log that says everything already is not written, so the root may be read-only.
        patch.delattr(searching, "Claim")
        again = run(file, root)
    assert again.code == 0
    assert "Nothing to do" in again.out
    assert call("search", "verify", file, "--results", root).code == 0
    (root / "tiny" / "search.json").unlink()
    assert run(file, root).code == 0
    assert read_search_log(Store(root), "tiny")["random"] == log, "it follows from the records"
    (root / "points" / log.trials[0].levels[0].points[0] / "record.json").unlink()
    checked = call("search", "verify", file, "--results", root)
    assert checked.code == 1
    assert "it has no record now" in checked.out + checked.error


def test_a_search_that_a_limit_ends_goes_on_from_its_rungs(
    tmp_path: Path, root: Path, trained: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def explain(limits: Limits) -> str | None:
        return "the night is over" if trained[0] > 9 else None

    file = write(tmp_path, "random")
    with monkeypatch.context() as patch:
        patch.setattr(Limits, "explain", explain)
        first = run(file, root)
    assert "Stopped early: the night is over" in first.out
    assert 9 < trained[0] <= 12, "all trials have reached their rung, and one went on"
    assert len(list(root.rglob("checkpoint.pt"))) == 9
    assert run(file, root).code == 0
    assert trained == {0: 9 + 3, 1: 2, 2: 2}, "no epoch is trained twice"
    assert not list(root.rglob("checkpoint.pt"))


def test_a_search_that_stops_in_its_first_wave_has_a_log_and_tries_again_what_failed(
    tmp_path: Path, root: Path, trained: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def explain(limits: Limits) -> str | None:
        return "the night is over" if trained[0] > 3 else None

    file = write(tmp_path, "random")
    with monkeypatch.context() as patch:
        patch.setattr(Limits, "explain", explain)
        run(file, root)
    log = read_search_log(Store(root), "tiny")["random"]
    assert len(log.trials) == 9 and not log.has_ended
    assert call("search", "show", root / "tiny").code == 0
    name, record = next(iter(records(root).items()))
    (root / "points" / name / "record.json").unlink()
    with Ledger(root).claim(name, Process.get_current()) as claim:
        Ledger(root).finish(claim, replace(record, status=Status.FAILED, error="broken"))
    (root / "tiny" / "search.json").unlink()
    assert run(file, root, "--retry-failed").code == 0
    assert records(root)[name].status == Status.OK


@pytest.mark.slow
def test_points_that_have_records_already_are_in_the_list_of_the_sweep(
    tmp_path: Path, root: Path
) -> None:
    """A rung is trained again; the confirmation that follows from it has its records."""
    file = write(tmp_path, "random")
    assert run(file, root).code == 0
    log = read_search_log(Store(root), "tiny")["random"]
    shutil.rmtree(root / "points" / log.trials[0].levels[0].points[0])
    (root / "tiny" / "search.json").unlink()
    again = run(file, root)
    assert again.code == 0
    assert "Another run" not in again.out + again.error
    listed = (root / "tiny" / "sweep.json").read_text()
    assert all(name in listed for name in list_points(log))
    assert read_search_log(Store(root), "tiny")["random"] == log


@pytest.mark.slow
def test_a_watch_waits_for_the_trials_that_a_search_will_ask_for(
    tmp_path: Path, root: Path, trained: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def explain(limits: Limits) -> str | None:
        return "the night is over" if trained[0] > 8 else None

    file = write(tmp_path, "random")
    with monkeypatch.context() as patch:
        patch.setattr(Limits, "explain", explain)
        run(file, root)
    assert len(records(root)) == 9, "every point of the list has a record"
    slept = []

    def train_the_rest(seconds: float) -> None:
        slept.append(seconds)
        assert run(file, root).code == 0

    monkeypatch.setattr(collect_many.time, "sleep", train_the_rest)
    collect_many.watch([str(root / "tiny")], None, 1.0, Console())
    assert len(slept) == 1


def test_every_wave_of_a_search_has_the_order_of_the_run(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []
    prepare = train_missing.prepare_wave

    def note_order(sweep: Any, plan: Any, *others: Any) -> Any:
        orders.append(plan.order)
        return prepare(sweep, plan, *others)

    monkeypatch.setattr(train_missing, "prepare_wave", note_order)
    assert run(write(tmp_path, "random", trials=3), root, "--order", "seeds").code == 0
    assert len(orders) >= 2 and set(orders) == {Order.seeds}


def test_a_grid_beside_a_search_leaves_the_files_that_the_sweep_wants(
    tmp_path: Path, root: Path
) -> None:
    file = Path(write(tmp_path, "random", 3))
    grid = 'Grid("text_to_text", hidden=8, train_fraction=0.02, epochs=1, lr=[0.01, 0.02])'
    source = file.read_text().replace('"tiny", ', f'"tiny", [{grid}], keep="nothing", ')
    file.write_text(source.replace("import ", "import Grid, "))
    assert run(str(file), root).code == 0
    assert len(records(root)) == 2 + 3 + 1 + 2
    assert not list(root.rglob("*.pt")), "they were needed for the search alone"


def list_points(log: SearchInfo) -> Iterator[str]:
    for trial in log.trials:
        for level in trial.levels:
            yield from level.points
    for confirmed in log.confirmed:
        yield from confirmed.points


@pytest.mark.slow
def test_killed_again_and_again_a_search_ends_as_if_nothing_had_happened(
    tmp_path: Path, root: Path, uninterrupted: dict[str, Any]
) -> None:
    arguments = [write(tmp_path), "--results", str(root), "--local"]
    kills = 0
    for number in KILLS:
        with other(command_killed_at, arguments, tmp_path, root, number) as process:
            kills += ended(process) == -signal.SIGKILL
    assert kills >= 20
    assert run(arguments[0], root).code == 0
    assert summarize(root) == uninterrupted


@pytest.mark.slow
def test_a_search_grows_in_the_same_results(tmp_path: Path, root: Path) -> None:
    assert run(write(tmp_path, "random", 9), root).code == 0
    before = read_search_log(Store(root), "tiny")["random"]
    assert run(write(tmp_path, "random", 18), root).code == 0
    after = read_search_log(Store(root), "tiny")["random"]
    assert after.trials[:9] == before.trials
    assert len(after.trials) == 18
    assert call("search", "verify", tmp_path / "tiny.py", "--results", root).code == 0


@pytest.mark.s3
@pytest.mark.filterwarnings("default")
def test_a_search_keeps_its_results_in_a_bucket(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: dict[str, Any]
) -> None:
    with running() as server:
        environment = {
            **KEYS,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        bucket = f"s3://{BUCKET}/results"
        ended = run(write(tmp_path), bucket)
        assert ended.code == 0, ended.out + ended.error
        assert summarize(bucket) == uninterrupted
        assert call("search", "verify", tmp_path / "tiny.py", "--results", bucket).code == 0
