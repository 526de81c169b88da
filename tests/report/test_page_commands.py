"""The commands that the page shows: they train again what they stand beside."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from parsed_page import parsed
from sweep_files import (
    cell,
    write_record,
    write_sweep,
)

from gensweep import load
from gensweep.ledger.manifest_writer import build_sweep_json
from gensweep.ledger.status import Status
from gensweep.report.collect import (
    collect,
)
from gensweep.report.page.commands import Commands
from gensweep.sweep.filters import filter_points
from gensweep.sweep.load import read_sweep

# --- the command behind every number

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["smoke", "splits", "generative"])
def test_every_cell_s_command_asks_for_that_cell_and_no_other(tmp_path, name):
    sweep = read_sweep(PROJECT / "sweeps" / f"{name}.py")
    values = build_sweep_json(
        sweep, f"python -m gensweep sweeps/{name}.py --filter seed=0 --seeds 3 --local"
    )
    (tmp_path / name).mkdir()
    (tmp_path / name / "sweep.json").write_text(json.dumps(values))
    results = load(tmp_path / name)
    commands = Commands(results)
    for one in results.sweep.cells:
        words = shlex.split(commands.build_cell_command(one.id, one.model))
        assert words[:6] == ["python", "-m", "gensweep", f"sweeps/{name}.py", "--seeds", "3"]
        assert words[-2:] == ["--results", "again"]
        filters = [
            word.partition("=")[::2]
            for word, option in zip(words[7:-2:2], words[6:-2:2], strict=True)
            if option
        ]
        result = filter_points(sweep, [(key, value.split(",")) for key, value in filters])
        assert {point.id for point in result} == set(one.points.values())


def test_options_that_change_the_sweep_are_kept_and_others_are_not(tmp_path):
    typed = "python -m gensweep run 'my sweeps/x.py' --set epochs=3 --set=lr=0.1 --results r --local --retry-failed"
    commands = Commands(load(write_sweep(tmp_path, [cell(0)], command=typed)))
    base = "python -m gensweep 'my sweeps/x.py' --set epochs=3 --set=lr=0.1"
    assert commands.full == f"{base} --results again"
    assert commands.repair == f"{base} --results {tmp_path}"


def test_the_repair_names_the_root_that_was_collected_as_it_was_typed_where_that_leads_there(
    tmp_path, monkeypatch
):
    typed = "python -m gensweep sweeps/x.py --results here/old --seeds 2"
    folder = write_sweep(tmp_path / "here" / "old", [cell(0)], command=typed)
    base = "python -m gensweep sweeps/x.py --seeds 2"
    assert Commands(load(folder)).repair == f"{base} --results {tmp_path}/here/old"
    monkeypatch.chdir(tmp_path)
    assert Commands(load(folder)).repair == f"{base} --results here/old"
    copied = shutil.copytree(tmp_path / "here" / "old", tmp_path / "a copy") / "sweep"
    assert Commands(load(copied)).repair == f"{base} --results '{tmp_path}/a copy'"
    standard = write_sweep(
        tmp_path / "results", [cell(0)], command="python -m gensweep sweeps/x.py"
    )
    assert Commands(load(standard)).repair == "python -m gensweep sweeps/x.py"


@pytest.mark.parametrize("typed", ["~nosuchuser/x", "a\0b"])
def test_a_root_that_leads_nowhere_is_no_trouble(tmp_path, typed):
    folder = write_sweep(
        tmp_path, [cell(0)], command=f"python -m gensweep sweeps/x.py --results {typed}"
    )
    assert Commands(load(folder)).repair == f"python -m gensweep sweeps/x.py --results {tmp_path}"


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ((Status.OK, Status.OK), None),
        ((Status.OK, Status.DIVERGED), None),
        (
            (Status.OK, None),
            "This command trains what is missing: python -m gensweep sweeps/sweep.py",
        ),
        (
            (Status.FAILED, Status.OK),
            "This command retrains what failed: python -m gensweep sweeps/sweep.py --retry-failed",
        ),
        (
            (Status.FAILED, None),
            "This command trains what is missing, and retrains what failed: python",
        ),
    ],
)
def test_the_repair_is_offered_where_there_is_something_to_do(tmp_path, statuses, words):
    one = cell(0, 1)
    for seed, status in enumerate(statuses):
        if status is not None:
            write_record(tmp_path, one, seed, status, char_accuracy=0.5)
    folder = write_sweep(tmp_path, [one])
    collect(folder)
    text = parsed(folder).text
    assert words in text if words else "This command" not in text
    assert ("--retry-failed" in text) == (Status.FAILED in statuses)


@pytest.mark.parametrize("typed", ["", "python -m gensweep 'unbalanced", None])
def test_a_command_that_is_not_known_is_guessed_from_the_name(tmp_path, typed):
    commands = Commands(load(write_sweep(tmp_path, [cell(0)], command=typed)))
    assert commands.repair == "python -m gensweep sweeps/sweep.py"
