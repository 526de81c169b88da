"""Odd values of every option of `run`: taken, or refused with status 2 by an error that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import call, write_sweep

VALUES = (
    "", " ", "a", "0", "-1", "1.5", "nan", "inf", "1e400", "9" * 400, "9" * 5000, "none", "\ud800",
    "x" * 5000, "--", "=", ",", "a=", "=1", "hidden=", "hidden=,", "hidden=nan", "lr:hidden=1",
    "hidden=" + "9" * 5000, "[1]", "../..", "/dev/null", "~nobody/x", "s3://", "http://x", "0h",
    "-2h", "9" * 400 + "h", "2h1d", "\x1b[31m", "a\nb",
)  # fmt: skip
NAMES = {
    "--set": "--set parameter hidden",
    "--seeds": "seeds",
    "--filter": "--filter",
    "--pack": "pack",
    "--wandb-project": "project",
    "--wandb-entity": "entity",
}
OPTIONS = (
    "--set", "--filter", "--pack", "--seeds", "--cpus-per-trial", "--gpus-per-trial",
    "--max-concurrent", "--keep", "--device", "--order", "--time-budget", "--stop-after-failures",
    "--wandb", "--wandb-project", "--wandb-entity", "--notify", "--results",
)  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
def test_odd_values_of_an_option(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = write_sweep(tmp_path)
    names = NAMES.get(option, option).split()
    for value in VALUES:
        root = [] if option == "--results" else ["--results", "results"]
        result = call(file, "--dry-run", "--local", *root, option, value)
        assert result.code in (0, 2), (value[:50], result)
        if result.code == 2:
            assert any(name in result.error for name in names), (value[:50], result.error[:500])


def test_values_that_no_number_holds_are_refused(tmp_path: Path, root: Path) -> None:
    file = write_sweep(tmp_path)
    for option, value, message in (
        ("--gpus-per-trial", "inf", "--gpus-per-trial: inf is not a number of 0 or more"),
        ("--time-budget", "9" * 400 + "h", "is not a duration such as 2h"),
        ("--results", "x" * 300, "File name too long"),
        ("--results", "", "--results is empty"),
        ("--set", "x" * 5000, "xxx... is not KEY=VALUE"),
    ):
        result = call(file, "--dry-run", "--local", "--results", root, option, value)
        assert result.code == 2 and message in result.error and len(result.error) < 600
    assert call(file, "--dry-run", "--local", "--results", root, "--pack", "9" * 400).code == 0
