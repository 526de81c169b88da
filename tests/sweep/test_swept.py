"""Swept parameters of cells."""

from __future__ import annotations

from gensweep.sweep.swept import list_swept_values


def test_what_differs_is_swept_and_so_is_what_only_some_cells_have() -> None:
    cells = [
        {"lr": 0.1, "optimizer": "adam", "epochs": 2},
        {"lr": 0.1, "optimizer": "muon", "epochs": 2, "muon_lr": 0.3},
    ]
    assert list_swept_values(cells) == {"optimizer": ["adam", "muon"], "muon_lr": [0.3]}
    assert list_swept_values(cells[:1]) == {}
    assert list_swept_values([]) == {}


def test_equal_texts_of_different_types_are_different_values() -> None:
    assert list_swept_values([{"x": 1}, {"x": True}, {"x": 1.0}]) == {"x": [1, True, 1.0]}
