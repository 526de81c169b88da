"""Users' tasks in a Tuner of their own, and tasks that are defined in a script or a notebook."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from own_code import write_project

import gensweep as gs
from gensweep.core.errors import UnknownNameError, UserError
from gensweep.core.registry import activate_layers
from gensweep.trainables import get_trainable

IN_MAIN = '''
import sys
import gensweep as gs
from gensweep.trainables import get_trainable

@gs.task("lone", metrics={"score": gs.Range(0, 1, "max")}, epochs=1)
def train(run: gs.Run, *, a: float = gs.param(0.5, "a", ge=0, le=1)):
    """A task in a script."""
    return {"score": a}

if __name__ == "__main__":
'''


@pytest.fixture(autouse=True)
def _only_this_tests_plugins() -> Iterator[None]:
    yield
    activate_layers([])


def run_script(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a script that defines a task, with some last lines."""
    (folder / "script.py").write_text(f"{IN_MAIN}    {body}\n")
    command = [sys.executable, "script.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_trainable_takes_the_user_s_files_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = write_project(tmp_path / "project")
    monkeypatch.chdir(sweep.parent)
    with pytest.raises(UnknownNameError):
        get_trainable("walk")
    gs.use("walk.py")
    pickled = cloudpickle.dumps(get_trainable("walk"))
    for path in sweep.parent.iterdir():
        path.unlink()
    # A worker knows nothing of the files.
    activate_layers([])
    reports: list[dict[str, Any]] = []
    cloudpickle.loads(pickled)({"epochs": 2, "step": 2.0, "device": "cpu"}, report=reports.append)
    assert [report["epoch"] for report in reports] == [1, 2]
    assert reports[-1]["status"] == "ok" and reports[-1]["test/height"] > 0


def test_another_version_of_a_file_is_another_trainable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = write_project(tmp_path / "project")
    monkeypatch.chdir(sweep.parent)
    gs.use("walk.py")
    first = get_trainable("walk")
    assert get_trainable("walk") is first
    path = sweep.parent / "walk.py"
    path.write_text(path.read_text() + "\nNEW = 1\n")
    activate_layers([])
    gs.use("walk.py")
    assert get_trainable("walk") is not first


@pytest.mark.slow
def test_a_task_of_a_script_trains_in_its_process(tmp_path: Path) -> None:
    done = run_script(tmp_path, "get_trainable('lone')({'a': 0.25, 'device': 'cpu'}, report=print)")
    assert done.returncode == 0 and "'test/score': 0.25" in done.stdout, done.stderr


@pytest.mark.slow
def test_a_task_of_a_script_is_refused_on_a_worker(tmp_path: Path) -> None:
    body = "import cloudpickle; sys.stdout.buffer.write(cloudpickle.dumps(get_trainable('lone')))"
    (tmp_path / "worker.py").write_text(
        "import pickle, sys\npickle.load(sys.stdin.buffer)({'device': 'cpu'}, report=print)\n"
    )
    (tmp_path / "script.py").write_text(f"{IN_MAIN}    {body}\n")
    script = f"{sys.executable} script.py | {sys.executable} worker.py"
    done = subprocess.run(script, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert "'lone' is defined in a notebook or a script, which workers do not read" in done.stderr
    assert "move it to a file of its own, lone.py, and call gensweep.use('lone.py')" in done.stderr


@pytest.mark.ray
@pytest.mark.filterwarnings("default")
def test_a_tuner_of_the_user_s_trains_a_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray import tune

    sweep = write_project(tmp_path / "project")
    monkeypatch.chdir(sweep.parent)
    gs.use("walk.py")
    # Another test of this process may have started Ray, and ends it.
    is_started = ray.is_initialized()
    if not is_started:
        ray.init(address="local", num_cpus=1, include_dashboard=False, logging_level="ERROR")
    try:
        space = {"step": tune.grid_search([1.0, 2.0]), "epochs": 2}
        run_config = tune.RunConfig(storage_path=str(tmp_path / "tune"), verbose=0)
        tuner = tune.Tuner(get_trainable("walk"), param_space=space, run_config=run_config)
        results = tuner.fit()
        heights = [result.metrics["test/height"] for result in results]
    finally:
        if not is_started:
            ray.shutdown()
    assert heights[1] == pytest.approx(2 * heights[0])


ONE_NUMBER = '''
import gensweep as gs

@gs.task("number", metrics={"score": gs.Range(0, 1, "max")}, epochs=1)
def train(run: gs.Run):
    """Return a number."""
    return {"score": 0.25}
'''


def test_a_result_of_edited_code_is_repeated_with_a_warning_or_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    config = {"results": str(tmp_path / "results")}

    def train(number: str, **settings: Any) -> float:
        caplog.clear()
        Path("number.py").write_text(ONE_NUMBER.replace("0.25", number))
        gs.use("number.py")
        reports: list[dict[str, Any]] = []
        get_trainable("number")(config | settings, report=reports.append)
        return reports[-1]["test/score"]

    assert (train("0.25"), caplog.text) == (0.25, "")
    assert (train("0.25"), caplog.text) == (0.25, "")
    assert train("0.75") == 0.25
    assert "was trained by other code, and is reported as it was" in caplog.text
    assert (train("0.75", retrain_changed=True), caplog.text) == (0.75, "")
    assert (train("0.75"), caplog.text) == (0.75, "")
    with pytest.raises(UserError, match="retrain_changed='yes' is not True or False"):
        train("0.75", retrain_changed="yes")
