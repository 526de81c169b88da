"""The first minutes: an example sweep, its page, and sweeps that are named as people name them."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path

import pytest
from runs import TINY, call, grid, write_sweep

from gensweep.cli.init_sweep import EXAMPLE
from gensweep.execute import resources
from gensweep.ledger.sweep_folder import find_sweep_folder, find_sweep_folders

ROOT = Path(__file__).parents[2]


def test_init_writes_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = call("init")
    assert (ended.code, ended.out) == (0, "Wrote sweep.py. Run it with: gensweep sweep.py\n")
    assert Path("sweep.py").read_text() == EXAMPLE == (ROOT / "sweeps" / "demo.py").read_text()
    assert call("sweep.py", "--dry-run").code == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.py", "mine.py exists already; name another file"),
        ("mine.txt", "mine.txt is not the name of a Python file; name it *.py"),
        ("no/mine.py", "no/mine.py cannot be written: No such file or directory"),
    ],
)
def test_init_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("mine")
    ended = call("init", name)
    assert (ended.code, ended.error) == (2, f"error: {message}\n")
    assert Path("mine.py").read_text() == "mine"


def test_open_shows_the_page_of_a_sweep(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    file = write_sweep(tmp_path, grid(**TINY))
    missing = call("open", file, "--results", root)
    assert missing.code == 2 and not opened
    assert call(file, "--results", root, "--local").code == 0
    page = root / "tiny" / "report.html"
    for name in (root / "tiny", "tiny", file):
        ended = call("open", name, "--results", root)
        assert (ended.code, ended.out.replace("\n", "")) == (0, str(page))
    assert opened == [page.as_uri()] * 3


def test_a_sweep_is_found_by_folder_name_and_file(tmp_path: Path) -> None:
    root = tmp_path / "results"
    (root / "layers").mkdir(parents=True)
    folder = str(root / "layers")
    assert find_sweep_folder("layers", str(root)) == folder
    assert find_sweep_folder(str(ROOT / "sweeps" / "layers.py"), str(root)) == folder
    assert find_sweep_folder(folder, "elsewhere") == folder
    assert find_sweep_folder("s3://bucket/layers", str(root)) == "s3://bucket/layers"
    assert find_sweep_folder("layers", "s3://bucket/") == "s3://bucket/layers"
    assert find_sweep_folder("no/such", str(root)) == "no/such", "the reader says what is wrong"


def test_all_that_a_results_root_has_names_its_sweeps(tmp_path: Path) -> None:
    """As `results/*` does in a shell."""
    names = ["layers", "plugins", "points", "report.html", "splits"]
    everything = [f"{tmp_path}/{name}" for name in names]
    sweeps = [f"{tmp_path}/layers", f"{tmp_path}/splits"]
    assert find_sweep_folders(everything, "results") == sweeps
    alone = [f"{tmp_path}/points"]
    assert find_sweep_folders(alone, "results") == alone, "the reader says that it is no sweep"


def test_results_are_named_by_the_sweep_where_a_folder_is_asked_for(
    tmp_path: Path, root: Path
) -> None:
    assert call(write_sweep(tmp_path, grid(**TINY)), "--results", root, "--local").code == 0
    ended = call("collect", "tiny", "--results", root)
    assert ended.code == 0
    assert f"the page is {root}/tiny/report.html" in ended.out.replace("\n", "")
    assert call("sync", "tiny", "--dry-run", "--results", root).code == 0
    report = tmp_path / "report.json"
    assert call("wandb-report", "tiny", "--json", report, "--results", root).code == 0
    wrong = call("collect", "tine", "--results", root)
    assert wrong.code == 2 and "tine" in wrong.error


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--local", "--device", "cuda"], "--device cuda: not on this machine; there is"),
        (["--gpus-per-trial", "1"], "--gpus-per-trial 1: this machine has 0"),
        (["--local"], "cannot be written to; name another folder"),
    ],
)
def test_a_plan_says_what_a_run_would_refuse(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], problem: str
) -> None:
    monkeypatch.setattr(resources, "count_gpus", lambda: 0)
    monkeypatch.setattr("gensweep.system.environment.count_gpus", lambda: 0)
    if len(options) == 1:
        monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    file = write_sweep(tmp_path, grid(**TINY))
    ended = call(file, "--results", root, "--dry-run", *options)
    assert ended.code == 0
    assert "A run would be refused: " in ended.out
    assert problem in " ".join(ended.out.split())


def test_a_mistyped_command_is_named_with_the_nearest_one() -> None:
    ended = call("colect", "results/smoke")
    assert ended.code == 2
    assert ended.error == "error: unknown command 'colect'; did you mean 'collect'?\n"


def test_a_run_ends_with_the_path_of_its_page(tmp_path: Path, root: Path) -> None:
    file = write_sweep(tmp_path, grid(**TINY))
    for _ in range(2):
        ended = call(file, "--results", root, "--local")
        last_line = f"The page is {root}/tiny/report.html."
        assert ended.out.replace("\n", "").endswith(last_line)


def test_a_page_in_a_bucket_is_not_opened_and_a_file_address_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    folder = tmp_path / "results" / "tiny"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("a page")
    assert call("open", f"file://{folder}").code == 0
    assert opened == [f"file://{folder}/report.html"]
    ended = call("open", "s3://bucket/tiny")
    assert ended.code == 2 and "s3://bucket/tiny is in a bucket" in ended.error
