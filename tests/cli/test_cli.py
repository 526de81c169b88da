"""The command line: what it accepts, what it refuses and with which status, and what it shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
from runs import TINY, TINY_PICTURES, call, files, grid, options_of, write_sweep

from gensweep import __version__
from gensweep.cli import app
from gensweep.core.registries import DATASETS, FIGURES, METRICS, MODELS, TABLES
from gensweep.core.training_config import TrainingConfig
from gensweep.core.values import parse_value
from gensweep.execute import driver, plan
from gensweep.execute.memory_budget import estimate_memory_bytes
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.sweep import shapes
from gensweep.sweep.parameters import map_owners
from gensweep.sweep.point import Point
from gensweep.system.environment import get_hardware
from gensweep.system.text import format_duration

PROJECT = Path(__file__).parents[2]
README = PROJECT / "README.md"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wide screen, and a folder of its own to be in."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)


def recorded(root: Path, point: Point, **values: Any) -> Record:
    """A record of this machine, written without training."""
    fields: dict[str, Any] = {"status": Status.OK, "seconds": 6.0, "epochs": point.params["epochs"]}
    fields |= {"hardware": get_hardware() | {"device": "cpu"}, "metrics": {"test/loss": 0.5}}
    fields |= values
    record = Record(point.id, point.model, point.params, point.seed, **fields)
    folder = Ledger(root).folder(point.id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(record.to_json())
    return record


def tiny(seed: int = 0, **params: Any) -> Point:
    return Point.make("text_to_text", TINY | params, seed)


# --- refused


FILES = {
    "broken.py": "SWEEP = Sweep(\n",
    "null.py": "SWEEP = 1\0",
    "bare.py": "from gensweep import Sweep\nsweep = 1\n",
    "odd.py": "SWEEP = {'name': 'odd'}\n",
    "raises.py": "import math\n\n\ndef f(x):\n    return math.log(x)\n\n\nf(0)\n",
    "exits.py": "import sys\nsys.exit(3)\n",
    "keyword.py": "from gensweep import Grid, Sweep\n\nSWEEP = Sweep(name='k', grid=[Grid('cae')])\n",
    "grids.py": "from gensweep import Grid, Sweep\n\nSWEEP = Sweep(name='k', gridz=[], grids=[Grid('cae')])\n",
    "model.py": "from gensweep import Grid, Sweep\nSWEEP = Sweep('k', [\n    Grid('cea'),\n])\n",
    "parameter.py": "from gensweep import Grid, Sweep\nSWEEP = Sweep('k', [Grid('cae', filter=8)])\n",
    "value.py": "from gensweep import Grid, Sweep\nSWEEP = Sweep('k', [Grid('cae', encoder_layers=6)])\n",
    "name.py": "from gensweep import Grid, Sweep\nSWEEP = Sweep('../evil', [Grid('cae')])\n",
    "table.py": "from gensweep import Grid, Sweep\nSWEEP = Sweep('k', [Grid('cae')], tables=['dept'])\n",
    "inner.py": "from helper import LAYERS\n",
    "unhelped.py": "import no_such_module\n",
    "helper.py": "LAYERS = 1 / 0\n",
}
WRONG_FILES = [
    (
        "none.py",
        "'none.py' is not a sweep file: there is no such file",
    ),
    (".", "'.' is a folder, not a sweep file."),
    ("broken.py", "broken.py:1: syntax error: '(' was never closed"),
    ("null.py", "null.py"),
    (
        "bare.py",
        "bare.py does not define SWEEP; it should say SWEEP = Sweep(name=..., grids=[...])",
    ),
    ("odd.py", "odd.py has a SWEEP that is a dict; it should say"),
    ("raises.py", "raises.py:5: ValueError: "),
    ("exits.py", "exits.py:2: SystemExit: 3"),
    ("keyword.py", "keyword.py:3: "),
    ("grids.py", "grids.py:3: unknown argument 'gridz' in sweep 'k'; did you mean 'grids'?"),
    ("model.py", "model.py:3: unknown model 'cea'; did you mean 'cae'?"),
    ("parameter.py", "parameter.py:2: unknown parameter 'filter' in cae; did you mean 'filters'?"),
    ("value.py", "value.py:2: cae: encoder_layers=6: input should be less than or equal to 5"),
    ("name.py", "name.py:2: sweep name '../evil' is not a plain folder name"),
    ("table.py", "table.py:2: unknown table 'dept'; did you mean 'depth'?"),
    ("inner.py", "inner.py:1: ZeroDivisionError: division by zero"),
    ("unhelped.py", "unhelped.py:1: ModuleNotFoundError: No module named 'no_such_module'"),
]
WRONG_OPTIONS = [
    (["--filter", "seed"], "--filter 'seed' is not KEY=VALUE"),
    (["--filter", "=1"], "--filter '=1' is not KEY=VALUE"),
    (["--filter", "seed="], "--filter 'seed=' is not KEY=VALUE"),
    (["--filter", "seed=0,,1"], "--filter 'seed=0,,1' is not KEY=VALUE"),
    (["--filter", "seed=0", "--filter", "seed=1"], "--filter seed=1 matches nothing; available: 0"),
    (["--set", "lr=1", "--set", "lr=2"], "--set names lr twice; write --set lr=V1,V2"),
    (["--filter", "sed=0"], "unknown parameter 'sed' in --filter of sweep 'tiny'; did you mean 'seed'? Valid: batch"),
    (["--filter", "seed=7"], "--filter seed=7 matches nothing; available: 0, 1"),
    (["--filter", "hidden=4"], "--filter hidden=4 matches nothing; available: 8"),
    (["--filter", "model=cae"], "--filter model=cae matches nothing; available: text_to_text"),
    (["--set", "epochs"], "--set 'epochs' is not KEY=VALUE"),
    (["--set", "epoch=3"], "unknown parameter 'epoch' in sweep 'tiny'; did you mean 'epochs'?"),
    (["--set", "epochs=0"], "epochs=0: input should be greater than or equal to 1"),
    (["--set", "epochs=three"], "epochs='three': input should be a valid integer"),
    (["--set", "epochs=3,3"], "epochs has 3 twice"),
    (["--set", "muon_momentum=0.9"], "muon_momentum does nothing here; it acts only with optimizer=muon"),
    (["--set", "dataset=mnist"], "unknown dataset 'mnist'"),
    (["--seeds", "0"], "seeds=0: at least one seed is needed"),
    (["--seeds", "many"], "Invalid value for '--seeds'"),
    (["--results", "afile"], "--results afile: "),
    (["--results", "afile/below"], "is a file, not a folder"),
    (["--results", "s3:/bucket/x"], "--results s3:/bucket/x: did you mean s3://bucket/x? ./s3:/bucket/x is the folder"),
    (["--results", "ftp://host/x"], "--results ftp://host/x: results cannot be stored at ftp://"),
    (["--address", "auto"], "--local trains without Ray, but --address names a Ray cluster: use only one of them"),
    (["--device", "tpu"], "'tpu' is not one of 'auto', 'cpu', 'cuda', 'mps'"),
    (["--cpus-per-trial", "0"], "Invalid value for '--cpus-per-trial'"),
    (["--gpus-per-trial", "-1"], "Invalid value for '--gpus-per-trial'"),
    (["--max-concurrent", "0"], "Invalid value for '--max-concurrent'"),
    (["--calibrate"], "--calibrate needs --dry-run"),
    (["--json"], "--json needs --dry-run"),
    (["--sed", "3"], "No such option: --sed"),
    (["another.py"], "another.py"),
]  # fmt: skip


def refused(*arguments: str) -> str:
    """Make a call that must be refused without a trace; returns what it said."""
    before = files(Path.cwd())
    ended = call(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert "Traceback" not in ended.error
    assert files(Path.cwd()) == before, "something was written"
    return ended.error


@pytest.mark.parametrize(("file", "message"), WRONG_FILES)
@pytest.mark.parametrize("options", [[], ["--dry-run"]], ids=["run", "dry"])
def test_a_wrong_sweep_file_is_refused(
    file: str, message: str, options: list[str], tmp_path: Path
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "other.py").touch()
    sys.modules.pop("helper", None)
    sys.dont_write_bytecode, stored = True, sys.dont_write_bytecode
    try:
        error = refused(file, "--local", *options)
    finally:
        sys.dont_write_bytecode = stored
    assert error.startswith("error: ")
    assert message in error


@pytest.mark.parametrize(("options", "message"), WRONG_OPTIONS)
def test_wrong_options_are_refused(tmp_path: Path, options: list[str], message: str) -> None:
    write_sweep(tmp_path, seeds=2)
    (tmp_path / "afile").touch()
    assert message in refused("tiny.py", "--local", *options)


def test_the_environment_names_results_and_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_sweep(tmp_path)
    requested: list[Any] = []
    monkeypatch.setattr(
        driver, "run", lambda sweep, options, console: requested.append(options) or 0
    )
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setenv("GENSWEEP_RESULTS", "/somewhere")
    for value in ([], ["--results", "here"], ["--address", "auto"], ["--local"]):
        assert call(file, *value).code == 0
    assert [options.results for options in requested] == [
        "/somewhere",
        "here",
        "/somewhere",
        "/somewhere",
    ]
    assert [options.resources.address for options in requested] == [
        "10.0.0.1:6379",
        "10.0.0.1:6379",
        "auto",
        None,
    ]
    assert [options.local for options in requested] == [False, False, False, True]
    assert "--local trains without Ray, but " in refused(file, "--local", "--address", "auto")


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    file = write_sweep(tmp_path)
    ended = call(file, "--local", "--device", "mps" if sys.platform == "linux" else "cuda")
    assert ended.code == 2
    assert re.fullmatch(
        r"error: --device (mps|cuda): not on this machine; there is .*cpu\n", ended.error
    )
    assert not list((tmp_path / "results").rglob("record.json"))


def test_a_read_only_results_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    assert "cannot be written to; name another folder" in refused("tiny.py", "--local")


def test_a_folder_of_a_newer_gensweep_is_refused(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    (tmp_path / "results" / "tiny").mkdir(parents=True)
    (tmp_path / "results" / "tiny" / "sweep.json").write_text('{"schema": 2}')
    assert "results/tiny/sweep.json: schema 2, " in refused("tiny.py", "--local")
    assert "schema 2" in refused("collect", "results/tiny")


def test_a_sweep_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "tiny").touch()
    assert "results/tiny should be a folder, but is not one" in refused("tiny.py", "--local")


@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "optimizers"], ["collect"], ["run"], ["collect", "none"], []]
)
def test_wrong_commands_are_refused(arguments: list[str]) -> None:
    ended = call(*arguments)
    assert ended.code == 2
    assert len(ended.out + ended.error) > 40
    assert "Traceback" not in ended.error


def test_verbose_adds_the_traceback(tmp_path: Path) -> None:
    (tmp_path / "raises.py").write_text(FILES["raises.py"])
    ended = call("raises.py", "--local", "--verbose")
    assert ended.code == 2
    assert "Traceback (most recent call last)" in ended.error
    assert "math.log(x)" in ended.error
    assert ended.error.splitlines()[-1].startswith("error: raises.py:5: ValueError")


# --- shown


def test_help_and_version() -> None:
    assert call("--version").out == f"gensweep {__version__}\n"
    help_ = call("--help")
    assert help_.code == 0
    for command in app.COMMANDS:
        assert f"│ {command} " in help_.out
    for option in options_of("run"):
        assert option in call("run", "--help").out


def test_the_promised_options_are_there() -> None:
    assert options_of("run") == {
        "--results", "--filter", "--set", "--seeds", "--device", "--cpus-per-trial", "--gpus-per-trial",
        "--max-concurrent", "--pack", "--keep", "--address", "--local", "--ray", "--order", "--time-budget", "--notify",
            "--stop-after-failures", "--dry-run", "--json", "--calibrate", "--retry-failed",
        "--retrain-changed", "--verbose",
        "--wandb", "--wandb-project", "--wandb-entity",
    }  # fmt: skip


def test_commands_are_those_of_the_app() -> None:
    assert set(typer.main.get_command(app.app).commands) == set(app.COMMANDS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_list_shows_every_parameter(kind: str) -> None:
    shown = call("list", kind).out
    for name, config in (MODELS if kind == "models" else DATASETS).items():
        _, result, rest = shown.partition(f"{name}  {(config.__doc__ or '').splitlines()[0]}")
        assert result, name
        for key, field in config.model_fields.items():
            assert re.search(
                rf"^ *{key} +{re.escape('' if field.is_required() else str(field.default).lower())} .*"
                rf"{re.escape(config.describe_type(key))} .*{re.escape(field.description or '?')}",
                rest,
                re.M,
            )
    if kind == "models":
        assert re.search(r"muon_lr .*; only with optimizer=muon *$", shown, re.M)


@pytest.mark.parametrize(
    ("kind", "registry"), [("metrics", METRICS), ("tables", TABLES), ("figures", FIGURES)]
)
def test_list_shows_every_entry_with_a_line(kind: str, registry: Any) -> None:
    shown = {line.split()[0]: line for line in call("list", kind).out.splitlines()[1:]}
    assert set(shown) == set(registry)
    assert all(len(line.split()) > 3 for line in shown.values())


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("models", "vae", "## Method"),
        ("models", "vae", "latent_dim"),
        ("datasets", "arithmetic", "split_seed"),
        ("metrics", "exact_match", "[fraction]  0 to 1, higher is better"),
        ("tables", "leaderboard", "leaderboard"),
        ("figures", "learning_curves", "learning_curves"),
    ],
)
def test_list_shows_one_entry_in_full(kind: str, name: str, text: str) -> None:
    ended = call("list", kind, name)
    assert ended.code == 0 and text in ended.out


def test_list_of_an_unknown_entry_names_the_nearest() -> None:
    assert "unknown metric 'exact_mach'; did you mean 'exact_match'?" in refused(
        "list", "metrics", "exact_mach"
    )


def test_list_sweeps_counts(tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    write_sweep(tmp_path / "sweeps", grid(hidden=[4, 8]), grid("cae"), seeds=3)
    (tmp_path / "sweeps" / "wrong.py").write_text("SWEEP = 1")
    good, wrong = call("list", "sweeps").out.splitlines()[1:]
    assert good.split() == ["sweeps/tiny.py", "9", "3", "3", "text_to_text,", "cae"]
    assert wrong.startswith("sweeps/wrong.py")
    assert "has a SWEEP that is a int" in wrong


def test_list_sweeps_without_any_is_refused() -> None:
    assert "there is no sweeps/*.py in this folder" in refused("list", "sweeps")


DONE = """
import sys
from gensweep.cli.app import main

try:
    main([{file!r}, "--results", {root!r}])
except SystemExit as exit:
    assert not exit.code
loaded = {{"torch", "ray"}} & set(sys.modules)
assert not loaded, loaded
"""


def test_a_run_with_nothing_to_do_starts_neither_torch_nor_ray(tmp_path: Path) -> None:
    root = tmp_path / "results"
    recorded(
        root,
        tiny(),
        metrics={"test/loss": 1.0, "test/char_accuracy": 0.5, "test/exact_match": 0.25},
    )
    script = DONE.format(file=write_sweep(tmp_path), root=str(root))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Nothing to do: 1 of 1 point done.\n")
    assert "0.50" in done.stdout, "its tables are shown all the same"


# --- the plan


def test_a_dry_run_writes_nothing_and_counts(tmp_path: Path) -> None:
    file = write_sweep(tmp_path, grid(hidden=[4, 8]), seeds=2)
    root = tmp_path / "results"
    recorded(root, tiny(hidden=4))
    recorded(root, tiny(1, hidden=4), status=Status.FAILED, error="why")
    before = files(tmp_path)
    output = call(file, "--dry-run").out
    assert "Sweep tiny: 4 points wanted, 1 done, 2 missing, 1 failed, 0 diverged." in output
    assert "To train: 2 points in 2 trials" in output
    assert (
        "To train: 3 points in 3 trials, 1 at once here."
        in call(file, "--dry-run", "--retry-failed", "--local").out
    )
    assert (
        "2 points wanted, 1 done, 0 missing, 1 failed"
        in call(file, "--dry-run", "--filter", "hidden=4").out
    )
    assert files(tmp_path) == before


def test_a_dry_run_shows_the_axes_and_the_same_as_json(tmp_path: Path) -> None:
    file = write_sweep(tmp_path, grid(hidden=[4, 8], lr=[0.1, 0.2, 0.3]), seeds=[0, 7])
    root = tmp_path / "results"
    recorded(root, tiny(hidden=4, lr=0.1))
    output = call(file, "--dry-run").out
    assert "text_to_text: hidden 4, 8; lr 0.1, 0.2, 0.3; 6 cells x 2 seeds" in output
    plan = json.loads(call(file, "--dry-run", "--json", "--local").out)
    assert plan["schema"] == 1 and plan["sweep"] == "tiny" and plan["refusals"] == []
    axes = {"hidden": [4, 8], "lr": [0.1, 0.2, 0.3]}
    model = {"model": "text_to_text", "axes": axes, "cells": 6, "seeds": [0, 7], "points": 12}
    assert plan["models"] == [model]
    assert plan["statuses"] == {
        "wanted": 12, "done": 1, "missing": 11, "failed": 0, "diverged": 0
    }  # fmt: skip
    assert (plan["points_to_train"], plan["trials"], plan["parallel_trials"]) == (11, 11, 1)
    assert plan["time"]["known_points"] + plan["time"]["unknown_points"] == 11
    some = call(file, "--dry-run", "--filter", "hidden=4").out
    assert "text_to_text: lr 0.1, 0.2, 0.3; 3 cells x 2 seeds" in some


def test_a_plan_as_json_names_what_a_run_would_refuse(tmp_path: Path) -> None:
    file = write_sweep(tmp_path)
    ended = call(file, "--dry-run", "--json", "--set", "batch_size=1000000000")
    (refusal,) = json.loads(ended.out)["refusals"]
    assert refusal.startswith("not enough memory: up to ")


def test_a_dry_run_without_anything_to_do(tmp_path: Path) -> None:
    file = write_sweep(tmp_path)
    recorded(tmp_path / "results", tiny())
    output = call(file, "--dry-run").out
    assert "1 point wanted, 1 done" in output
    assert "To train: 0 points in 0 trials" in output
    assert "Time" not in output


def test_the_estimate_comes_from_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record of 2 epochs at 0.02 took 6 s: 150 s an epoch and pool. 4 points, 5 epochs, 0.4: 4 x 150 x 5 x 0.4."""
    file = write_sweep(tmp_path, grid(epochs=5, train_fraction=0.4, lr=[0.1, 0.2]), seeds=2)
    root = tmp_path / "results"
    recorded(root, tiny())
    output = call(file, "--dry-run", "--local").out
    assert "Time: about 20 min for 4 points (from earlier records of this machine)." in output
    assert "unknown" not in output
    monkeypatch.setattr("gensweep.execute.plan.count_usable_cores", lambda: 2)
    assert "Time: about 10 min for 4 points" in call(file, "--dry-run").out
    assert "Time: about 20 min for 4 points" in call(file, "--dry-run", "--max-concurrent", "1").out
    assert "Time: about 20 min for 4 points" in call(file, "--dry-run", "--cpus-per-trial", "2").out


@pytest.mark.parametrize("options", [["--dry-run"], []])
def test_a_plan_reads_each_record_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """Of the points wanted, and of others, which teach too; one that cannot be read teaches nothing."""
    root, seen = tmp_path / "results", []
    for seed in range(3):
        recorded(root, tiny(seed))
    cut = Ledger(root).folder(tiny(2).id) / "record.json"
    cut.write_text(cut.read_text()[:99])
    read = Store.read
    monkeypatch.setattr(
        Store, "read", lambda store, name, *limit: [read(store, name, *limit), seen.append(name)][0]
    )
    monkeypatch.setattr("gensweep.execute.memory_budget.machine_memory", lambda: 1)
    file = write_sweep(tmp_path, grid(lr=[1e-3, 0.1]))
    assert "this machine has 0.0 GB" in str(call(file, "--local", "--results", root, *options))
    names = sorted(name for name in seen if name.endswith("/record.json"))
    assert names == sorted(f"points/{tiny(seed).id}/record.json" for seed in range(3))


def test_the_estimate_knows_what_it_does_not_know(tmp_path: Path) -> None:
    file = write_sweep(tmp_path, grid(hidden=[8, 16]), grid("cae"))
    root = tmp_path / "results"
    recorded(root, tiny(5, split_seed=9))
    recorded(
        root, tiny(0, hidden=16), hardware=get_hardware() | {"host": "another", "device": "cpu"}
    )
    recorded(root, tiny(1, hidden=16), status=Status.FAILED)
    output = call(file, "--dry-run", "--local", "--filter", "hidden=8,16").out
    assert "Time: about 6 s for 1 point" in output, "the same shape with another split"
    assert "1 done" in output, "the record of another machine is a result"
    output = call(file, "--dry-run", "--local", "--set", "hidden=16", "--set", "epochs=1").out
    assert (
        "Time: unknown for 2 points (no record of their shape on this machine; --calibrate tries a few steps"
        in output
    )


def test_calibrate_times_what_no_record_knows(tmp_path: Path) -> None:
    file = write_sweep(tmp_path, grid(hidden=[8, 16], epochs=3), grid("cae"))
    recorded(tmp_path / "results", tiny(5))
    before = files(tmp_path)
    output = call(file, "--dry-run", "--calibrate", "--local", "--device", "cpu").out
    assert re.search(
        r"Time: about [\d.]+ s for 3 points \(.*, and a few training steps of 2 shapes\)", output
    )
    assert "unknown" not in output
    assert files(tmp_path) == before


def test_the_memory_of_the_largest_trial(tmp_path: Path) -> None:
    """VAE, one stage of 128 filters: two dense layers between 32x32x128 and 512 or 256 numbers are
    (131072 x 512 + 256 x 131072) x 4 bytes = 0.4 GB, and training keeps four of it: at least 1.6 GB."""
    point = Point.make("vae", {"encoder_layers": 1, "decoder_layers": 1}, 0)
    assert estimate_memory_bytes(point) >= 4 * 4 * (131072 * 512 + 256 * 131072) >= 1.6e9
    assert estimate_memory_bytes(tiny()) < 1.7e9
    output = call(
        write_sweep(tmp_path, "Grid('vae', encoder_layers=1, decoder_layers=1)", grid()),
        "--dry-run",
    ).out
    assert (
        f"Memory: up to {estimate_memory_bytes(point) / 1e9:.1f} GB per trial ({point.id}, estimated)."
        in output
    )


def test_what_costs_nothing_is_a_parameter() -> None:
    known = set().union(
        *(map_owners(model, DATASETS[model.default_dataset]) for _, model in MODELS.items())
    )
    assert known >= shapes.COSTLESS
    assert {"epochs", "train_fraction", "lr", "split_seed"} < shapes.COSTLESS
    assert not shapes.COSTLESS & {
        "hidden",
        "filters",
        "batch_size",
        "optimizer",
        *("encoder_layers", "decoder_layers"),
    }


def test_long_trials_come_first() -> None:
    points = [tiny(), tiny(epochs=9), tiny(hidden=64), Point.make("cae", TINY_PICTURES, 0)]
    costs = [
        plan.estimate_cost(pack.points[0])
        for pack in plan.Plan(points, plan.State(), points).make_packs()
    ]
    assert costs == sorted(costs, reverse=True)
    assert plan.estimate_cost(tiny(epochs=4)) == 2 * plan.estimate_cost(tiny(epochs=2))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.42, "0.42 s"),
        (4.26, "4.3 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (3600, "60 min"),
        (5400, "1 h 30 min"),
        (90000, "25 h 0 min"),
        (4e6, "1111 h"),
    ],
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-3", -3),
        ("1e-3", 1e-3),
        ("1.0", 1.0),
        ("none", None),
        ("None", None),
        ("null", None),
        ("true", True),
        ("adam", "adam"),
    ],
)
def test_values_of_the_command_line(text: str, value: Any) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_whole_numbers_have_many_spellings(tmp_path: Path) -> None:
    """10, 10.0 and 1e1 are one point's number of epochs, and one rate is found by each of its spellings."""
    file = write_sweep(tmp_path, grid(epochs=10, lr=[1e16, 1.0]))
    recorded(tmp_path / "results", tiny(epochs=10, lr=1e16))
    for spelling in ("10", "1e1", "10.0"):
        output = call(
            file, "--dry-run", "--set", f"epochs={spelling}", "--filter", "lr=10000000000000000"
        )
        assert "1 point wanted, 1 done" in output.out, output.error
    both = call(file, "--dry-run", "--filter", "lr=1e16,1.0,1")
    assert "Sweep tiny: 2 points wanted" in both.out
    assert "1 point wanted" in call(file, "--dry-run", "--filter", "lr=1e0").out
    assert (
        "epochs=10.5: input should be a valid integer"
        in call(file, "--dry-run", "--set", "epochs=10.5").error
    )
    assert call(file, "--dry-run", "--set", "clip_norm=null").code == 0


def test_every_training_parameter_can_be_set_from_the_command_line(tmp_path: Path) -> None:
    """Every number, choice and none has a spelling, so that `--set` reaches what a sweep file can say."""
    file = write_sweep(tmp_path, grid(optimizer="muon", schedule="warmup_linear"))
    for key, field in TrainingConfig.model_fields.items():
        assert call(file, "--dry-run", "--set", f"{key}={field.default}").code == 0
        output = call(file, "--dry-run", "--set", f"{key}=nonsense")
        assert (output.code, f"{key}='nonsense'" in output.error) == (2, True)
