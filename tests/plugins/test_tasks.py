"""Tasks: any function with typed parameters, from its declaration to its record."""

from __future__ import annotations

import enum
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gensweep as gs
from gensweep.core.errors import SweepError, UserError
from gensweep.core.registry import activate_layers
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.plugins.loader import load_plugins
from gensweep.plugins.source import read_plugin
from gensweep.sweep.load import read_sweep
from gensweep.sweep.point import Pack, Point
from gensweep.trial.config import TrialConfig
from gensweep.trial.task_state import (
    TaskError,
    decode_state,
    encode_state,
    get_generator_states,
    set_generator_states,
)
from gensweep.trial.trial import run_pack

HEADER = """
import gensweep as gs

@gs.task("walk", metrics={"height": gs.Range(0, 100, "max")})
def train(run: gs.Run, *, step: float = gs.param(1.0, "of each epoch", gt=0), epochs: int = 3):
"""
WALK = """
    import random
    state = run.restore() or {"height": 0.0}
    for epoch in run.epochs():
        state["height"] += step * random.random()
        run.epoch({"validation/height": state["height"]}, state=state)
    return {"height": state["height"]}
"""


@pytest.fixture(autouse=True)
def _only_this_tests_plugins():
    yield
    activate_layers([])


@pytest.fixture
def walk(tmp_path: Path) -> Callable[..., Point]:
    """A function that loads the task with a body, and returns a point of it."""

    def load(body: str = WALK, **params: Any) -> Point:
        path = tmp_path / "walk.py"
        path.write_text(HEADER + textwrap.indent(textwrap.dedent(body), "    "))
        load_plugins([read_plugin("walk.py", tmp_path)])
        return Point.make("walk", params, 0)

    return load


class _Killed(BaseException):
    """Stands for the end of the process."""


def train(point: Point, root: Path, stop_after: int | None = None) -> tuple[Record, list[Any]]:
    """Train a point, and return its record and its reports; or stop in between."""
    reports: list[dict[str, Any]] = []

    def report(result: dict[str, Any]) -> None:
        reports.append(result)
        if "status" not in result and result["epoch"] == stop_after:
            raise _Killed

    run_pack(Pack((point,)), None, TrialConfig(results=str(root), device="cpu"), report)
    text = json.loads((root / "points" / point.id / "record.json").read_text())
    del text["checksum"]
    return Record(**text), reports


# --- training


def test_a_task_leaves_a_record_with_its_metrics(walk: Any, tmp_path: Path) -> None:
    point = walk()
    record, reports = train(point, tmp_path)
    assert (
        record.status == Status.OK and record.epochs == 3 and record.params["dataset"] == "own_data"
    )
    assert record.metrics["test/height"] == record.metrics["validation/height"] > 0
    assert [line["epoch"] for line in reports] == [1, 2, 3, 3]
    assert record.code is not None and record.code["plugins"][0]["file"] == "walk.py"


def test_a_killed_task_goes_on_from_its_state_and_ends_the_same(walk: Any, tmp_path: Path) -> None:
    point = walk()
    alone, _ = train(point, tmp_path / "alone")
    with pytest.raises(_Killed):
        train(point, tmp_path / "killed", stop_after=2)
    resumed, reports = train(point, tmp_path / "killed")
    assert reports[0]["epoch"] == 3, "epochs 1 and 2 are not trained again"
    assert resumed.metrics == alone.metrics
    histories = [
        (tmp_path / name / "points" / point.id / "history.csv").read_bytes()
        for name in ("alone", "killed")
    ]
    assert histories[0] == histories[1]


def test_a_task_that_does_not_restore_begins_again(walk: Any, tmp_path: Path) -> None:
    point = walk(
        """
        total = 0
        for epoch in run.epochs():
            total += step
            run.epoch({"validation/height": total}, state={"total": total})
        return {"height": total}
        """
    )
    with pytest.raises(_Killed):
        train(point, tmp_path, stop_after=2)
    record, reports = train(point, tmp_path)
    assert reports[0]["epoch"] == 1 and record.metrics["test/height"] == 3.0


def test_a_task_without_epochs_is_done_when_it_returns(walk: Any, tmp_path: Path) -> None:
    record, _ = train(walk('run.write("note.txt", "x")\nreturn {"height": 7}\n'), tmp_path)
    assert (
        record.status == Status.OK and record.epochs == 3 and record.metrics == {"test/height": 7.0}
    )
    assert (tmp_path / "points" / record.id / "files" / "note.txt").read_text() == "x"


def test_a_task_may_stop_early(walk: Any, tmp_path: Path) -> None:
    point = walk('run.epoch({"validation/height": 1})\nreturn {"height": 1}\n')
    record, _ = train(point, tmp_path)
    assert record.status == Status.OK and record.epochs == 1


def test_other_global_generators_go_on_as_before(walk: Any, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(walk("import torch\ntorch.rand(100)\nreturn {'height': 1}\n"), tmp_path)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (
            "return None",
            Status.FAILED,
            "walk returned nothing; it must return a dict such as {'height':",
        ),
        ("return 3", Status.FAILED, "walk returned a int"),
        ("return {'heigth': 1}", Status.FAILED, "unknown metric 'heigth'; did you mean 'height'?"),
        ("return {}", Status.FAILED, "did not return 'height', which it declares"),
        (
            "return {'height': 'far'}",
            Status.FAILED,
            "height is 'far' (a str) at the test, not a number",
        ),
        ("return {'height': float('nan')}", Status.DIVERGED, "height not finite at the test"),
        (
            "return {'height': None}",
            Status.FAILED,
            "walk returned no metric that has a value: height is None",
        ),
        (
            "return {'height': 10**400}",
            Status.FAILED,
            "height is an integer of about 401 digits at the test; the largest metric is",
        ),
        (
            "run.epoch({'train/loss': -(10**400)})",
            Status.FAILED,
            "train/loss is an integer of about 401 digits in epoch 1; the largest",
        ),
        (
            "class Odd(BaseException): pass\nraise Odd('cancelled')",
            Status.FAILED,
            "TaskError: Odd: cancelled (walk.py:7)",
        ),
        (
            "class Mute(Exception):\n    def __str__(self): return 1 / 0\nraise Mute",
            Status.FAILED,
            "Mute: its message raises ZeroDivisionError (walk.py:8)",
        ),
        (
            "run.epoch({'validation/height': 1})\n{}['layer']",
            Status.FAILED,
            "KeyError: 'layer' (walk.py:7)",
        ),
        ("return 3", Status.FAILED, "must return a dict such as {'height': ...} (walk.py:4)"),
        ("return {'height': 1e300}", Status.FAILED, "height is 1e+300 at the test; the largest"),
        ("1 / 0", Status.FAILED, "ZeroDivisionError: division by zero (walk.py:6)"),
        ("exit(3)", Status.FAILED, "the task ended its process: exit(3)"),
        ("run.epoch({'height': 1})", Status.FAILED, "did you mean 'validation/height'?"),
        (
            "run.epoch({'validation/height': 'x'})",
            Status.FAILED,
            "validation/height is 'x' (a str)",
        ),
        (
            "run.epoch({'train/loss': float('inf')})",
            Status.DIVERGED,
            "train/loss not finite in epoch 1",
        ),
        ("run.epoch({}, state={'model': object()})", Status.FAILED, "state['model'] is a object"),
        ("for _ in run.epochs(): pass", Status.FAILED, "epoch 1 ended without run.epoch(...)"),
        ("for _ in range(4): run.epoch({})", Status.FAILED, "epoch 4, but epochs=3"),
        ("run.write('../x', 'y')", Status.FAILED, "'../x' is not a plain file name"),
    ],
)
def test_a_broken_rule_is_a_failed_record_with_its_line(
    walk: Any, tmp_path: Path, body: str, status: str, message: str
) -> None:
    record, _ = train(walk(body), tmp_path)
    assert record.status == status
    assert message in str(record.error)
    if status == Status.FAILED:
        trace = (tmp_path / "points" / record.id / "error.txt").read_text()
        is_of_the_body = "(walk.py:" in str(record.error) or "walk.py:" in trace
        assert is_of_the_body or body.startswith("return")


def test_an_error_cannot_be_hidden_from_the_record(walk: Any, tmp_path: Path) -> None:
    body = """
    try:
        run.epoch({"validation/height": "x"})
    except Exception:
        pass
    return {"height": 1}
    """
    record, _ = train(walk(body), tmp_path)
    assert record.status == Status.FAILED and "not a number" in str(record.error)


def test_a_value_out_of_its_range_is_a_warning(walk: Any, tmp_path: Path) -> None:
    record, _ = train(walk("return {'height': 200}"), tmp_path)
    assert record.status == Status.OK
    assert record.warnings == ["height 200 is outside its range, 0 to 100"]


# --- states


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"a": [1, 2.5, "x", (True, None)], 3: b"bytes", "empty": b""},
        {"big": 1 << 100, "float16": np.float16(0.5)},
    ],
)
def test_a_state_comes_back_as_it_was(value: Any) -> None:
    assert decode_state(encode_state(value)) == value


def test_arrays_and_tensors_come_back_with_their_types(tmp_path: Path) -> None:
    value = {"array": np.arange(6, dtype=np.int16).reshape(2, 3), "tensor": torch.ones(2)}
    torch.save(encode_state(value), tmp_path / "state.pt")
    loaded = decode_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert loaded["array"].dtype == np.int16 and (loaded["array"] == value["array"]).all()
    assert torch.equal(loaded["tensor"], value["tensor"])


class Phase(enum.Enum):
    LATE = "late"


class NamedPhase(str, enum.Enum):  # noqa: UP042 - its str() is not its value
    LATE = "late"


class TextPhase(enum.StrEnum):
    LATE = "late"


class NumberPhase(enum.IntEnum):
    LATE = 2


class ShownSeconds(float):
    def __float__(self) -> float:
        return -1.0


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (NamedPhase.LATE, "late"),
        (TextPhase.LATE, "late"),
        (NumberPhase.LATE, 2),
        (ShownSeconds(2.5), 2.5),
    ],
)
def test_an_enumeration_of_plain_values_is_stored_as_its_value(
    value: Any, plain: Any, tmp_path: Path
) -> None:
    torch.save(encode_state({"phase": value, value: [value]}), tmp_path / "state.pt")
    loaded = decode_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert loaded == {"phase": plain, plain: [plain]}
    assert type(loaded["phase"]) is type(plain)


def test_a_number_of_numpy_is_a_key_like_any_number(tmp_path: Path) -> None:
    keys = [np.int64(3), (np.int64(1), "x"), b"y"]
    torch.save(encode_state(dict.fromkeys(keys, 1)), tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt", weights_only=True)
    assert decode_state(loaded) == {3: 1, (1, "x"): 1, b"y": 1}


@pytest.mark.parametrize(
    ("value", "part"), [(Phase.LATE, "state"), ({Phase.LATE: 1}, "a key of state")]
)
def test_an_enumeration_without_plain_values_is_refused(value: Any, part: str) -> None:
    with pytest.raises(TaskError, match=f"^{part} is a Phase; a state holds numbers"):
        encode_state(value)


def test_generators_of_gpus_that_are_gone_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    restored = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda state, index: restored.append((index, state))
    )
    states = get_generator_states() | {"cuda": [torch.tensor([index]) for index in range(4)]}
    set_generator_states(states)
    assert restored == [(0, torch.tensor([0])), (1, torch.tensor([1]))]


def test_a_state_of_objects_is_refused() -> None:
    with pytest.raises(TaskError, match=r"state\['rows'\]\[1\] is a set"):
        encode_state({"rows": [1, {2}]})


# --- declarations


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("()", "the first argument of train must be the run"),
        ("(run, width)", "parameter 'width' has no type"),
        ("(run, *, width: int)", "parameter 'width' has no default value"),
        ("(run, *, width: list = ())", "is of type list; it can be int, float"),
        ("(run, **rest)", "parameter 'rest': write out every parameter"),
        ("(run, *, seed: int = 0)", "the sweep sets it, and run.seed has it"),
        ("(run, *, dataset: str = 'x')", "a task reads its own data"),
        ("(run, *, metrics: int = 1)", "gensweep uses this name"),
        ("(run, *, width: int = 'x')", "the default 'x': input should be a valid integer"),
        ("(run, *, width: 'Wide' = 1)", "an annotation cannot be read"),
    ],
)
def test_a_wrong_signature_is_named_with_its_line(
    tmp_path: Path, signature: str, message: str
) -> None:
    text = "import gensweep as gs\n\n@gs.task('t', metrics={'m': gs.Range()})\n"
    (tmp_path / "wrong.py").write_text(f"{text}def train{signature}:\n    return {{}}\n")
    with pytest.raises(UserError) as caught:
        load_plugins([read_plugin("wrong.py", tmp_path)])
    assert message in str(caught.value)
    assert str(caught.value).startswith("wrong.py:3: task 't'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'a b', metrics={'m': gs.Range()}", "a name has letters, digits"),
        ("'t', metrics={}", "declare what it returns"),
        ("'t', metrics={'m': 1}", "1 is not a gs.Range"),
        ("'t', metrics={'test/m': gs.Range()}", "gensweep adds test/ and validation/"),
        ("'t', metrics={'m': gs.Range(2, 1)}", "the first number is not smaller"),
        ("'t', metrics={'m': gs.Range(0, 1, 'up')}", "direction 'up' is not one of"),
        ("'t', metrics={'m': gs.Range()}, numerics=0", "numerics=0"),
        ("'t', metrics={'m': gs.Range()}, shown=('w',)", "is not a tuple of its parameters"),
        ("'vae', metrics={'m': gs.Range()}", "model 'vae' is built in"),
    ],
)
def test_a_wrong_declaration_is_named(tmp_path: Path, arguments: str, message: str) -> None:
    text = f"import gensweep as gs\n\n@gs.task({arguments})\ndef train(run):\n    return {{}}\n"
    (tmp_path / "wrong.py").write_text(text)
    with pytest.raises(UserError) as caught:
        load_plugins([read_plugin("wrong.py", tmp_path)])
    assert message in str(caught.value) and "wrong.py:3" in str(caught.value)


def test_a_task_takes_no_dataset_and_only_its_parameters(walk: Any) -> None:
    walk()
    with pytest.raises(SweepError, match="it reads its own data and takes no dataset"):
        Point.make("walk", {"dataset": "avatars"}, 0)
    with pytest.raises(SweepError, match=r"unknown parameter 'stap'.*did you mean 'step'"):
        Point.make("walk", {"stap": 1.0}, 0)
    with pytest.raises(SweepError, match=r"step=0.0: input should be greater than 0"):
        Point.make("walk", {"step": 0.0}, 0)


def test_ids_of_tasks_do_not_move(walk: Any) -> None:
    assert walk().id == "walk-s0-771f99ab0d4f"
    assert walk(step=2.0).id.startswith("walk-s0-")


def test_every_task_can_be_searched_and_planned(walk: Any, tmp_path: Path) -> None:
    walk()
    (tmp_path / "sweep.py").write_text(
        "from gensweep import Grid, Sweep\n"
        "SWEEP = Sweep('s', [Grid('walk', step=[1.0, 2.0])], seeds=2,"
        " objective='validation/height', uses=['walk.py'])\n"
    )
    sweep = read_sweep(tmp_path / "sweep.py")
    assert len(sweep.points()) == 4 and sweep.objective == "validation/height"
    assert {point.pack_key for point in sweep.points()} == {point.id for point in sweep.points()}
    assert isinstance(sweep, gs.Sweep)


def test_output_that_a_task_closes_or_replaces_is_put_back(tmp_path: Path) -> None:
    """The progress, the tables and errors of the run still go where they went."""
    body = """
    import sys
    sys.stdout.close()
    sys.stdout = open("log.txt", "w")
    sys.stderr.close()
    for epoch in run.epochs():
        run.epoch({"validation/height": 1.0}, state={})
    sys.stdout.close()
    return {"height": 1.0}
    """
    source = HEADER + textwrap.indent(textwrap.dedent(body), "    ")
    source += "SWEEP = gs.Sweep('walks', gs.Grid('walk', epochs=1), seeds=2, uses=[__file__])\n"
    (tmp_path / "walk.py").write_text(source)
    command = [sys.executable, "-m", "gensweep", "walk.py", "--local", "--wandb", "disabled"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "The page is" in ended.stdout and "walk" in ended.stdout


def test_a_record_has_the_beginning_of_a_long_message(
    tmp_path: Path, walk: Callable[..., Point]
) -> None:
    """It is printed, and stands on the page; an error may show all values of a tensor."""
    point = walk('raise ValueError("begins " + "x" * 1_000_000)')
    record, _ = train(point, tmp_path)
    assert record.error is not None and record.error.startswith("ValueError: begins xxx")
    assert "x ... (of 1,000,007 characters; all are in error.txt) (walk.py:" in record.error
    assert len(record.error) < 1_200
    text = (tmp_path / "points" / point.id / "error.txt").read_text()
    assert "x" * 1_000_000 in text
