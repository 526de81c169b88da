"""Checkpoints: what is read while another host writes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gensweep.train import checkpoint

CPU = torch.device("cpu")


def write(path: Path, size: int) -> None:
    """Put a checkpoint under a name as the ledger does: in one step."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        checkpoint.save(file, "p", {"weights": torch.arange(size), "size": size})
    new.replace(path)


def test_a_checkpoint_that_another_host_replaces_meanwhile_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    write(path, 10)
    look = os.fstat

    def look_and_replace(handle: int) -> os.stat_result:
        status = look(handle)
        write(path, 10_000)
        return status

    monkeypatch.setattr(checkpoint.os, "fstat", look_and_replace)
    state = checkpoint.load(path, "p", CPU)
    assert state["size"] == len(state["weights"]) == 10
    monkeypatch.undo()
    assert checkpoint.load(path, "p", CPU)["size"] == 10_000


@pytest.mark.parametrize("cut", [1, 4, 5, 100])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "checkpoint.pt"
    write(path, 10)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(checkpoint.CheckpointError, match="cut short or changed"):
        checkpoint.load(path, "p", CPU)


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_is_refused_and_nobody_waits_for_it(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    path = tmp_path / "checkpoint.pt"
    put(path)
    with pytest.raises(checkpoint.CheckpointError, match="cannot be read"):
        checkpoint.load(path, "p", CPU)
