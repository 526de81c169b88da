"""The examples, what `new` writes, and what `check` says of them, at tiny settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import call

import gensweep as gs
from gensweep.core.registry import activate_layers
from gensweep.report.load import load

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _only_this_tests_plugins():
    yield
    activate_layers([])


def test_the_digits_are_learnt(tmp_path: Path) -> None:
    arguments = ("--set", "width=32", "--set", "lr=0.1", "--set", "epochs=3", "--seeds", 2)
    ended = call(EXAMPLES / "digits_mlp.py", "--local", "--results", tmp_path, *arguments)
    assert ended.code == 0, ended.error
    results = load(tmp_path / "digits_mlp")
    assert len(results.points) == 2 and results.points["accuracy"].min() > 0.8
    assert results.points["id"].str.startswith("digits_mlp-width32-s").all()


@pytest.mark.slow
def test_the_diffusion_model_keeps_the_contract() -> None:
    gs.check(EXAMPLES / "diffusion" / "model.py")


def test_the_diffusion_model_trains_in_packs(tmp_path: Path) -> None:
    tiny = ("count=60", "filters=2", "steps=2", "epochs=1", "batch_size=16")
    arguments = [word for value in tiny for word in ("--set", value)]
    ended = call(
        EXAMPLES / "diffusion" / "sweep.py", "--local", "--results", tmp_path, "--seeds", 2,
        "--pack", 2, *arguments,
    )  # fmt: skip
    assert ended.code == 0, ended.error
    results = load(tmp_path / "diffusion")
    assert results.counts["ok"] == 2
    assert len(list(tmp_path.glob("points/*/samples.png"))) == 2


@pytest.mark.parametrize("kind", ["task", "model"])
def test_new_writes_files_that_work(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("new", kind, "mine").code == 0
    plan = call("mine_sweep.py", "--dry-run")
    assert plan.code == 0 and "6 points wanted" in plan.out, plan.error
    compile(Path("test_mine.py").read_text(), "test_mine.py", "exec")
    activate_layers([])
    again = call("new", kind, "mine")
    assert again.code == 2 and "mine.py exists already; nothing was written" in again.error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Mine", "not a name of small letters"),
        ("vae", "exists already"),
        ("random", "is a module of Python or of an installed package"),
        ("pandas", "pandas.py would be imported in its place"),
    ],
)
def test_new_refuses_names(name: str, message: str) -> None:
    ended = call("new", "task", name)
    assert ended.code == 2 and message in ended.error


def test_check_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "import gensweep as gs\n"
        "@gs.task('odd', metrics={'m': gs.Range(0, 1)}, epochs=2)\n"
        "def train(run, *, used: float = gs.param(0.5, ge=0), idle: int = 1):\n"
        "    total = (run.restore() or {'total': 0})['total']\n"
        "    for _ in run.epochs():\n"
        "        total += used\n"
        "        run.epoch({'validation/m': total}, state={'total': 0})\n"
        "    return {'m': total}\n"
    )
    ended = call("check", tmp_path / "odd.py")
    lines = ended.out.splitlines()
    assert ended.code == 1
    assert any(
        line.startswith("FAIL odd: this does not hold: a resumed training") for line in lines
    )
    assert any(line.startswith("FAIL odd: idle=2 changes no number") for line in lines)
    assert any(line.startswith("FAIL odd: validation/m is 1.5, above 1") for line in lines)
    assert any(line.startswith("note odd: the seed changes nothing") for line in lines)
    assert any(line.startswith("ok   odd: used=0.25 changes numbers") for line in lines)
    with pytest.raises(AssertionError, match="idle=2 changes no number"):
        gs.check(tmp_path / "odd.py")
