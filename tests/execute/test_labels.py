"""Lines about points: they show what is swept, and where a training continued."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import call, grid, t2t, write_sweep

from gensweep.execute.labels import label_points
from gensweep.execute.progress import Screen
from gensweep.sweep.point import Point
from gensweep.system.terminal import Console


def test_lines_about_a_point_show_what_is_swept(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    file = write_sweep(tmp_path, grid(lr=[0.01, 0.02], epochs=1), seeds=[0, 4])
    ended = call(file, "--results", root, "--local")
    for label in ("(lr=0.01 seed=0) ok", "(lr=0.02 seed=4) ok"):
        assert label in ended.out


def test_labels_name_what_only_some_points_have() -> None:
    points = [t2t(1), t2t(1, optimizer="muon"), Point.make("cae", {}, 2)]
    labels = [label_points(points)[point.id] for point in points]
    assert labels[0] == "optimizer=adam seed=1"
    assert labels[1].startswith("optimizer=muon muon_lr=") and labels[2] == "seed=2"


def test_a_continued_point_says_at_which_epoch(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        screen = Screen(Console(file=file, width=200), 2, 0, {"a": "lr=1 seed=0"})
        for epoch in (0, 3, 4):
            screen.report({"point": "a", "epoch": epoch, "epochs": 5})
        for epoch in (0, 1, 2):
            screen.report({"point": "b", "epoch": epoch, "epochs": 5})
    assert log.read_text() == "a (lr=1 seed=0) continued at epoch 3/5\n"
