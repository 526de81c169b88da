"""With or without Ray: what a run chooses by itself, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from runs import TINY, call, grid, t2t, write_sweep

from gensweep.execute import executor_choice
from gensweep.execute.executor import Executor
from gensweep.execute.executor_choice import RAY_START_SECONDS, choose_executor
from gensweep.execute.memory_budget import MemoryBudget
from gensweep.execute.plan import Plan
from gensweep.execute.rates import Rates
from gensweep.execute.resources import Resources, RunOptions
from gensweep.sweep.point import Point
from gensweep.sweep.shapes import make_shape_key


@pytest.fixture(autouse=True)
def four_idle_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gensweep.execute.plan.count_usable_cores", lambda: 4)
    monkeypatch.setattr(executor_choice, "is_ray_running", lambda: False)


def make_rates(seconds: float | None) -> Rates:
    """Rates at which a tiny point takes this long."""
    point = t2t()
    if seconds is None:
        return Rates()
    per_epoch = seconds / TINY["epochs"] / TINY["train_fraction"]
    return Rates({make_shape_key(point.model, point.params): [per_epoch]})


def choose(
    points: int,
    seconds: float | None,
    *,
    may_grow: bool = False,
    memory: int = 0,
    executor: Executor = Executor.AUTO,
    **resources: object,
) -> tuple[Executor, str | None]:
    wanted: list[Point] = [t2t(seed) for seed in range(points)]
    plan = Plan(wanted, SimpleNamespace(records={}), wanted)  # type: ignore[arg-type]
    budget = MemoryBudget({t2t().cell: 10**9}, memory, 0)
    options = RunOptions(
        executor=executor,
        resources=Resources(device="cpu", **resources),  # type: ignore[arg-type]
    )
    choice = choose_executor(plan, make_rates(seconds), budget, options, may_grow=may_grow)
    return choice.executor, choice.reason


def test_one_point_or_one_worker_needs_no_ray() -> None:
    assert choose(1, None) == (Executor.LOCAL, "one point is missing")
    assert choose(9, None, max_concurrent=1)[0] == Executor.LOCAL
    assert choose(9, None, cpus_per_trial=3)[0] == Executor.LOCAL
    assert choose(9, None, pack=9) == (Executor.LOCAL, "the missing points are one trial")
    assert choose(9, None, memory=10**9)[1] == "memory allows one trial at a time"
    assert choose(9, None) == (Executor.RAY, None), "nothing is known of the time"


def test_a_plan_that_is_shorter_than_a_start_of_ray_needs_none() -> None:
    """Four points on four cores: alone 4 t seconds, with Ray t seconds and its start."""
    longest = RAY_START_SECONDS / 3
    executor, reason = choose(4, longest * 0.99)
    assert executor == Executor.LOCAL
    assert reason and reason.startswith(f"training takes about {round(4 * longest * 0.99)} s")
    assert choose(4, longest * 1.01) == (Executor.RAY, None)


def test_a_search_has_further_points() -> None:
    assert choose(1, 0.1, may_grow=True) == (Executor.RAY, None)
    assert choose(1, 0.1, may_grow=True, max_concurrent=1)[0] == Executor.LOCAL


def test_what_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose(1, 0.1, executor=Executor.RAY) == (Executor.RAY, None)
    assert choose(99, 99.0, executor=Executor.LOCAL) == (Executor.LOCAL, None)
    assert choose(1, 0.1, address="auto") == (Executor.RAY, None)
    assert choose(1, 0.1, gpus_per_trial=0.5) == (Executor.RAY, None)
    assert choose(9, 0.1, max_concurrent=3, memory=10**9)[0] == Executor.RAY, "it is an error there"
    monkeypatch.setattr(executor_choice, "is_ray_running", lambda: True)
    assert choose(1, 0.1) == (Executor.RAY, None)


def test_a_ray_that_somebody_started_here_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.delitem(executor_choice.sys.modules, "ray", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert not executor_choice.is_ray_running()
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:6379")
    assert executor_choice.is_ray_running()


def test_a_run_says_that_it_does_without_ray(tmp_path: Path) -> None:
    file, root = write_sweep(tmp_path, grid(epochs=1)), tmp_path / "results"
    options = (file, "--results", root, "--wandb", "disabled")
    planned = call(*options, "--dry-run")
    assert "without Ray: one point is missing. --ray uses Ray." in planned.out
    plan = json.loads(call(*options, "--dry-run", "--json").out)
    assert (plan["executor"], plan["without_ray"]) == ("local", "one point is missing")
    insisting = json.loads(call(*options, "--dry-run", "--json", "--ray").out)
    assert (insisting["executor"], insisting["without_ray"]) == ("ray", None)
    assert "A run would train with Ray." in call(*options, "--dry-run", "--ray").out
    ended = call(*options)
    assert ended.code == 0
    line = "Training in this process, without Ray: one point is missing. --ray uses Ray."
    assert line in ended.out.splitlines()
    assert "1 of 1 point done" in call(*options, "--local").out


def test_local_and_ray_contradict_each_other(tmp_path: Path) -> None:
    ended = call(write_sweep(tmp_path), "--local", "--ray")
    assert ended.code == 2
    assert "use only one of them" in ended.error
