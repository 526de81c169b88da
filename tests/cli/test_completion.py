"""Shell completion, asked for as the shells do it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gensweep.cli.app import COMMANDS
from gensweep.cli.completion import insert_run

HEAVY = """
import atexit, sys
atexit.register(lambda: print("heavy", sorted({"torch", "ray", "pandas"} & set(sys.modules)), file=sys.stderr))
from gensweep.__main__ import main
main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with sweeps, results of one of them, and a file that is no sweep."""
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "results" / "layers").mkdir(parents=True)
    (tmp_path / "results" / "layers" / "sweep.json").write_text("{}")
    for point in ("vae-e1-s0-aaaa", "vae-e1-s1-bbbb", "cae-e1-s0-cccc"):
        (tmp_path / "results" / "points" / point).mkdir(parents=True)
    for file in ("sweeps/layers.py", "sweeps/best.py", "mine.py", "notes.txt"):
        (tmp_path / file).write_text("")
    return tmp_path


def complete(folder: Path, line: str, shell: str = "bash") -> list[str]:
    """The completions of a line whose cursor is at its end."""
    environment = os.environ | {"_GENSWEEP_COMPLETE": f"complete_{shell}"}
    environment.pop("GENSWEEP_RESULTS", None)
    if shell == "bash":
        words = line.split(" ")
        environment |= {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    else:
        environment |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    ended = subprocess.run(
        [sys.executable, "-c", HEAVY], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert ended.stderr == "heavy []\n"
    return ended.stdout.split("\n") if ended.stdout.strip() else []


def test_the_words_of_a_command_line_are_completed(folder: Path) -> None:
    assert [word for word in complete(folder, "gensweep wa") if word] == ["wandb-report"]
    assert complete(folder, "gensweep list metrics exact")[0].startswith("exact_match")
    assert set(complete(folder, "gensweep run --stop")) - {""} == {"--stop-after-failures"}
    sweeps = {"mine.py", "results/", "sweeps/", "sweeps/best.py", "sweeps/layers.py"}
    assert set(complete(folder, "gensweep run ")) - {""} == sweeps
    points = {"vae-e1-s0-aaaa", "vae-e1-s1-bbbb"}
    assert set(complete(folder, "gensweep show vae")) - {""} == points
    assert set(complete(folder, "gensweep open la")) - {""} == {"layers"}


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_the_word_run_is_optional(folder: Path, shell: str) -> None:
    def words(line: str) -> set[str]:
        return {word.split("\t")[0] for word in complete(folder, line, shell)} - {""}

    assert words("gensweep sweeps/l") == {"sweeps/layers.py"}
    assert words("gensweep sweeps/layers.py --dry") == {"--dry-run"}


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("gensweep ", "gensweep "),
        ("gensweep s", "gensweep s"),
        ("gensweep mi", "gensweep run mi"),
        ("gensweep 'my sw", "gensweep run 'my sw"),
        ("gensweep mine.py --se", "gensweep run mine.py --se"),
        ("gensweep show --re", "gensweep show --re"),
        ("gensweep --he", "gensweep --he"),
    ],
)
def test_run_is_inserted_before_a_sweep_file_alone(line: str, completed: str) -> None:
    environment = {"_TYPER_COMPLETE_ARGS": line}
    insert_run(environment, COMMANDS)
    assert environment == {"_TYPER_COMPLETE_ARGS": completed}


def test_a_strange_call_of_the_shell_is_left_alone() -> None:
    for environment in ({}, {"COMP_WORDS": "gensweep", "COMP_CWORD": "x"}):
        before = dict(environment)
        insert_run(environment, COMMANDS)
        assert environment == before
