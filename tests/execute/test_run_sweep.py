"""Runs and collections from Python: the same as on the command line, in a script and in a notebook."""

from __future__ import annotations

import json
import os
import signal
import sys
import types
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
import torch
from PIL import Image
from runs import TINY, call, options_of, records, same, t2t, write_sweep

import gensweep as gs
from gensweep.core.errors import UserError
from gensweep.core.registries import FIGURES, METRICS, MODELS, TABLES
from gensweep.core.registry import activate_layers, list_active_layers
from gensweep.execute.run_sweep import format_call
from gensweep.report.page.calls import parse_call
from gensweep.report.page.commands import Commands
from gensweep.report.results import Results
from gensweep.sweep.run_arguments import RunArguments
from gensweep.system.signals import raise_on_signal
from gensweep.train.loop import Training

OTHERWISE = {"dry_run", "json", "calibrate", "help"}
"""Options of the command line that are functions and arguments of their own."""


def make_sweep(**arguments: Any) -> gs.Sweep:
    return gs.Sweep("tiny", [gs.Grid("text_to_text", **TINY)], **arguments)


def train(sweep: gs.Sweep, root: Path, **options: Any) -> Results:
    return sweep.run(results=root, local=True, **options)


def test_python_has_the_options_of_the_command_line() -> None:
    names = {option.removeprefix("--").replace("-", "_") for option in options_of("run")}
    assert names - OTHERWISE == RunArguments.__annotations__.keys()
    for name in RunArguments.__annotations__:
        assert f"{name}:" in (RunArguments.__doc__ or ""), name


def test_a_run_equals_that_of_the_command_line(tmp_path: Path) -> None:
    results = train(make_sweep(seeds=2), tmp_path / "python")
    file = write_sweep(tmp_path, seeds=2)
    assert call(file, "--results", tmp_path / "shell", "--local").code == 0
    for seed in (0, 1):
        same(tmp_path / "python", tmp_path / "shell", t2t(seed))
    loaded = gs.load(tmp_path / "shell" / "tiny")
    assert list(results.points["id"]) == [t2t(0).id, t2t(1).id] == list(loaded.points["id"])
    metrics = [name for name in loaded.metrics if name in results.points]
    assert results.points[metrics].equals(loaded.points[metrics])
    manifests = []
    for name in ("python", "shell"):
        values = json.loads((tmp_path / name / "tiny" / "sweep.json").read_text())
        for key in ("command", "created"):
            del values[key]
        manifests.append(values)
    assert manifests[0] == manifests[1]
    assert (tmp_path / "python" / "tiny" / "report.html").is_file()


def test_a_second_run_trains_only_what_is_new(tmp_path: Path, trained: Any) -> None:
    assert train(make_sweep(), tmp_path).counts["ok"] == 1
    wider = train(make_sweep(), tmp_path, set={"hidden": [8, 16]}, filter={"hidden": 16})
    assert wider.counts["ok"] == 2, "points outside the filter are in the results, too"
    assert sum(trained.values()) == 4
    paired = {"hidden:decoder_layers": [(8, 1), (16, 2)]}
    assert set(train(make_sweep(), tmp_path, set=paired).cells["decoder_layers"]) == {1, 2}


def test_the_results_root_is_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENSWEEP_RESULTS", str(tmp_path))
    assert make_sweep().run(local=True).counts["ok"] == 1
    assert gs.collect("tiny").counts["ok"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"locall": True}, "unknown option 'locall' in run; did you mean 'local'"),
        ({"ray": True}, "--local trains without Ray"),
        ({"address": "auto"}, "--address names a Ray cluster"),
        ({"pack": "many"}, "--pack 'many' is neither 'auto' nor"),
        ({"pack": True}, "--pack True is neither"),
        ({"keep": "all"}, "--keep 'all' is none of checkpoint, weights, nothing"),
        ({"device": "tpu"}, "--device 'tpu' is none of auto"),
        ({"order": "first"}, "--order 'first' is none of longest"),
        ({"time_budget": 2}, "--time-budget: 2 is not a text"),
        ({"time_budget": "soon"}, "'soon' is not a duration"),
        ({"max_concurrent": 0}, "--max-concurrent: 0 is not a whole number"),
        ({"cpus_per_trial": 1.5}, "--cpus-per-trial: 1.5 is not a whole"),
        ({"gpus_per_trial": -1}, "--gpus-per-trial: -1 is not a number of 0"),
        ({"retry_failed": "yes"}, "--retry-failed: 'yes' is not True or False"),
        ({"wandb": "on"}, "--wandb 'on' is none of online"),
        ({"results": 3}, "--results 3 is neither"),
        ({"filter": {"hidden": 5}}, "--filter hidden=5 matches nothing; available: 8"),
        ({"filter": {"hidden": []}}, "--filter hidden: there is no value"),
        ({"filter": 3}, "--filter: 3 is not a dict"),
        ({"set": {"hiden": 5}}, "did you mean 'hidden'"),
        ({"set": [5]}, "is not a dict"),
        ({"set": {"hidden:lr": [(1, 2), (3,)]}}, "one value for each of hidden, lr"),
        ({"set": {"hidden:lr": [(1, 2)], "lr": 3}}, "names lr twice"),
        ({"seeds": 0}, "at least one seed"),
    ],
)
def test_a_wrong_option_is_an_error_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    arguments = {"results": tmp_path / "r", "local": True} | options
    with pytest.raises(UserError) as raised:
        make_sweep().run(**arguments)
    assert message in str(raised.value)
    assert not (tmp_path / "r").exists()


def test_only_a_sweep_can_run() -> None:
    with pytest.raises(UserError, match=r"takes a Sweep, not 'sweeps/layers\.py'"):
        gs.run("sweeps/layers.py")  # type: ignore


def test_a_file_that_was_not_loaded_is_named() -> None:
    with pytest.raises(UserError, match=r"call gensweep\.use\('mine\.py'\) before"):
        make_sweep(uses=["mine.py"]).run(local=True)


@pytest.fixture
def own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[None]:
    """A working folder for files that are loaded, and forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    layers = list_active_layers()
    yield
    activate_layers(layers)


@pytest.mark.usefixtures("own_files")
def test_files_that_were_loaded_stay_available(tmp_path: Path) -> None:
    sweep = make_sweep()
    source = (
        "import gensweep as gs\n@gs.task('mine_own', metrics={'score': gs.Range(0, 1, 'max')})\n"
        "def train(run: gs.Run, *, width: int = 3):\n    return {'score': width / 10}\n"
    )
    Path("mine.py").write_text(source)
    gs.use("mine.py")
    train(sweep, tmp_path)
    assert "mine_own" in MODELS, "the sweep does not use it, but the notebook does"
    mine = gs.Sweep("own", [gs.Grid("mine_own", width=[1, 5])])
    assert list(train(mine, tmp_path).points["score"]) == [0.1, 0.5]


@pytest.mark.usefixtures("own_files")
def test_a_file_that_was_edited_replaces_its_earlier_version(tmp_path: Path) -> None:
    source = (
        "import gensweep as gs\n@gs.task('mine_own', metrics={'score': gs.Range(0, 1, 'max')})\n"
        "def train(run: gs.Run, *, width: int = 3):\n    return {'score': width / 10}\n"
    )
    Path("mine.py").write_text(source)
    gs.use("mine.py")
    Path("mine.py").write_text(source.replace("/ 10", "/ 5"))
    gs.use("mine.py")
    mine = gs.Sweep("own", [gs.Grid("mine_own", width=[1, 5])])
    assert list(train(mine, tmp_path).points["score"]) == [0.2, 1.0]
    Path("other.py").write_text(source)
    with pytest.raises(UserError, match=r"registered by both mine\.py and other\.py"):
        gs.use("other.py")


@pytest.fixture
def own_task(monkeypatch: pytest.MonkeyPatch) -> str:
    """A task that this process defines as a notebook does, and forgets after the test."""
    name = "of_a_notebook"
    built_in = dict(MODELS.items())
    monkeypatch.setattr(MODELS, "_entries", built_in)

    def fit(run: gs.Run, *, width: int = 3) -> dict[str, float]:
        return {"score": width / 10}

    fit.__module__ = "__main__"
    fit.__qualname__ = "fit"
    gs.task(name, metrics={"score": gs.Range(0, 1, "max")})(fit)
    return name


def test_a_task_of_a_notebook_trains_without_ray(
    tmp_path: Path, own_task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = gs.Sweep("own", [gs.Grid(own_task, width=[1, 5])])
    assert list(sweep.run(results=tmp_path).points["score"]) == [0.1, 0.5]
    assert "without Ray: of_a_notebook is defined in this notebook" in capsys.readouterr().out
    for options in ({"ray": True}, {"address": "auto"}):
        with pytest.raises(UserError, match=r"move it to a file of its own, of_a_notebook\.py"):
            sweep.run(results=tmp_path, **options)


def test_points_that_fail_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(Training, "run_epoch", fail)
    results = train(make_sweep(), tmp_path)
    assert results.counts["failed"] == 1
    monkeypatch.undo()
    assert train(make_sweep(), tmp_path).counts["failed"] == 1, "as on the command line"
    assert train(make_sweep(), tmp_path, retry_failed=True).counts["ok"] == 1


def test_an_interrupted_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(make_sweep(), tmp_path / "whole")
    run_epoch = Training.run_epoch

    def interrupt(self: Training, *arguments: Any) -> Any:
        sums = run_epoch(self, *arguments)
        if self.epoch:
            # A second signal must not end the notebook.
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
        return sums

    threads = torch.get_num_threads()
    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Training, "run_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(make_sweep(), tmp_path / "parts")
    monkeypatch.undo()
    assert "finished work is saved. To continue: sweep.run(results=" in capsys.readouterr().out
    assert torch.get_num_threads() == threads
    assert signal.getsignal(signal.SIGINT) is handler
    assert not records(tmp_path / "parts")
    assert train(make_sweep(), tmp_path / "parts").counts["ok"] == 1
    same(tmp_path / "whole", tmp_path / "parts", t2t())


def test_other_signals_reach_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Training, "run_epoch", lambda *_: signal.raise_signal(signal.SIGTERM))
    received: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        with pytest.raises(KeyboardInterrupt):
            train(make_sweep(), tmp_path)
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert received == [signal.SIGTERM]


def test_the_command_line_still_ends_at_a_second_signal() -> None:
    pid = os.fork()
    if not pid:
        try:
            with raise_on_signal():
                try:
                    signal.raise_signal(signal.SIGINT)
                finally:
                    signal.raise_signal(signal.SIGINT)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGINT


def test_a_table_of_a_notebook_follows_its_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TABLES, "_entries", dict(TABLES.items()))

    def define(title: str) -> None:
        def count(results: Results) -> list[gs.Table]:
            return [gs.Table("of_a_cell", title, results.points[["id"]])]

        count.__module__ = "__main__"
        gs.table("of_a_cell")(count)

    page = tmp_path / "tiny" / "tables" / "of_a_cell.md"
    for title in ("First version", "Second version"):
        define(title)
        train(make_sweep(tables=["of_a_cell"], figures=[]), tmp_path)
        assert page.read_text().startswith(f"# {title}")


@pytest.mark.parametrize(
    "decorate",
    [gs.figure("of_a_cell"), gs.metric("of_a_cell", needs=("loss",), unit="nats", direction="min")],
    ids=["figure", "metric"],
)
def test_a_cell_of_a_notebook_may_run_again(
    decorate: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for registry in (FIGURES, METRICS):
        monkeypatch.setattr(registry, "_entries", dict(registry.items()))

    def of_a_cell(values: Any) -> None:
        """Return nothing."""

    for _ in range(2):
        of_a_cell.__module__ = "__main__"
        decorate(of_a_cell)
    of_a_cell.__module__ = "a_library"
    with pytest.raises(ValueError, match="'of_a_cell' is registered twice"):
        decorate(of_a_cell)


def test_a_dry_run_returns_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = make_sweep(seeds=3).dry_run(results=tmp_path / "r", local=True)
    assert (plan["points_to_train"], plan["executor"]) == (3, "local")
    assert "3 points wanted" in capsys.readouterr().out
    assert not (tmp_path / "r").exists()
    assert gs.dry_run(make_sweep(), results=tmp_path / "r")["points_to_train"] == 1


def test_a_long_call_is_recorded_completely() -> None:
    rates = {"lr": [round(0.001 * k, 4) for k in range(1, 61)]}
    call_of_page = parse_call(format_call({"set": rates, "seeds": 5}))
    assert call_of_page is not None
    assert (
        call_of_page.write(results="again") == f"sweep.run(set={rates}, seeds=5, results='again')"
    )


def test_pictures_added_between_two_runs_count(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()

    def add_pictures(numbers: range) -> None:
        for number in numbers:
            Image.new("RGB", (70, 70), (number, 0, 0)).save(folder / f"{number}.png")

    def make() -> gs.Sweep:
        grid = gs.Grid("cae", dataset=f"folder:{folder}", filters=4, latent_dim=4, epochs=1)
        return gs.Sweep("own", [grid])

    add_pictures(range(30))
    before = make()
    before.dry_run(results=tmp_path / "r", local=True)
    add_pictures(range(30, 40))
    assert [one.id for one in make().points()] != [one.id for one in before.points()]


def test_the_page_says_how_to_repeat_a_run_of_python(tmp_path: Path) -> None:
    sweep = make_sweep(seeds=1, tables=["cells"], figures=[])
    results = train(sweep, tmp_path, set={"hidden": [8, 16]}, filter={"hidden": 8})
    commands = Commands(results)
    assert commands.full == "sweep.run(set={'hidden': [8, 16]}, results='again')"
    assert commands.repair == f"sweep.run(set={{'hidden': [8, 16]}}, results='{tmp_path}')"
    (cell, _) = results.params
    assert commands.build_cell_command(cell, "text_to_text") == (
        "sweep.run(set={'hidden': [8, 16]}, results='again', filter={'hidden': 8})"
    )
    without_ray = commands.repair.replace("results=", "local=True, results=")
    again = eval(without_ray, {"sweep": sweep})
    assert again.counts["ok"] == 2


def test_the_call_hides_secrets() -> None:
    url = "https://user:secret@example.org/hook"
    text = format_call({"notify": f"curl {url}", "local": True, "seeds": None})
    assert "secret" not in text and text.endswith("local=True)")


# --- collect


def test_collect_returns_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        train(gs.Sweep(name, [gs.Grid("text_to_text", **TINY)]), tmp_path)
    (tmp_path / "one" / "report.html").unlink()
    capsys.readouterr()
    one = gs.collect("one", results=tmp_path)
    assert one.counts["ok"] == 1
    assert (tmp_path / "one" / "report.html").is_file()
    assert "Wrote" in capsys.readouterr().out
    both = gs.collect([tmp_path / "one", "two"], results=tmp_path, page=tmp_path / "all.html")
    assert [results.sweep.name for results in both] == ["one", "two"]
    assert (tmp_path / "all.html").is_file()
    assert gs.collect(tmp_path / "one", watch=True, every=1).counts["ok"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "name at least one sweep"),
        (([3],), "3 is not a folder"),
        (("none",), "none"),
    ],
)
def test_collect_refuses_what_is_no_sweep(
    tmp_path: Path, arguments: tuple[Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        gs.collect(*arguments, results=tmp_path)
    with pytest.raises(UserError, match="--every needs --watch"):
        gs.collect("one", results=tmp_path, every=3)
    with pytest.raises(UserError, match="--every 0 is not a number"):
        gs.collect("one", results=tmp_path, watch=True, every=0)


# --- notebooks


class Handle:
    """The part of IPython's `DisplayHandle` that a drawing uses."""

    shown: list[str] = []

    def display(self, data: dict[str, str], raw: bool) -> None:
        assert raw
        self.shown.append(data["text/plain"])

    update = display


def test_a_notebook_shows_one_output_that_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ipython = types.ModuleType("IPython")
    shell = types.SimpleNamespace(kernel=object())
    ipython.get_ipython = lambda: shell  # type: ignore
    screen = types.ModuleType("IPython.display")
    screen.DisplayHandle = Handle  # type: ignore
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", screen)
    monkeypatch.setattr(Handle, "shown", [])
    monkeypatch.setenv("FORCE_COLOR", "1")  # as kernels do
    train(make_sweep(seeds=2), tmp_path)
    assert "2 to go" in Handle.shown[0]
    assert "2 done, 0 to go" in Handle.shown[-1] and "100%" in Handle.shown[-1]
    lines = capsys.readouterr().out
    assert "\x1b" not in "".join(Handle.shown) + lines
    assert "training 2 in 2 trials" in lines and "[1/2]" not in lines


NOTEBOOK = [
    "import gensweep as gs\n"
    "@gs.task('curve', metrics={'score': gs.Range(0, 1, 'max')})\n"
    "def fit(run: gs.Run, *, width: int = 3):\n"
    "    return {'score': width / 10}\n"
    "sweep = gs.Sweep('own', [gs.Grid('curve', width=[1, 5])], seeds=2)\n",
    "results = sweep.run(results='r')\nresults",
    "list(results.points['score'])",
    "sweep.run(results='r', pack='many')",
]


@pytest.mark.slow
def test_a_notebook_runs_a_sweep(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in NOTEBOOK]
    resources = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=300, resources=resources, allow_errors=True)
    client.execute()
    texts = [json.dumps(cell["outputs"]) for cell in notebook.cells]
    assert "4 done, 0 to go" in texts[1] and "4 ok" in texts[1]
    assert "[0.1, 0.1, 0.5, 0.5]" in texts[2]
    assert "--pack 'many' is neither" in texts[3] and '"ename": "SweepError"' in texts[3]
    assert (tmp_path / "r" / "own" / "report.html").is_file()
