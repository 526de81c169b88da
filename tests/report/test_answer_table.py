"""The table of answers by epoch, from the text that sheets keep."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from drawings import make_data
from sweep_files import cell, write_record, write_sweep

from gensweep.core.alphabet import encode
from gensweep.nn.base_network import Samples
from gensweep.nn.text_head import format_answer
from gensweep.report.figures.answer_table import Answer, parse_lines
from gensweep.report.figures.data import CustomPlot
from gensweep.report.figures.drawing import draw
from gensweep.report.figures.grids import ImageGrid
from gensweep.train.artifacts import render_samples

EPOCHS = {
    1: ["1+2 = nothing (is 3)", "9-9 = 7 (is 0)", "20+5 = 25 (right)"],
    2: ["1+2 = 3 (right)", "9-9 = 0 (right)", "20+5 = 24 (is 25)"],
}


def write_sheets(root: Path, epochs: dict[int, bytes]) -> Path:
    one = cell(0)
    write_record(root, one, 0, char_accuracy=0.5)
    folder = root / "points" / one["points"]["0"] / "samples"
    folder.mkdir()
    for epoch, content in epochs.items():
        (folder / f"epoch-{epoch:04d}.png").write_bytes(content)
    return write_sweep(root, [one])


def render(lines: list[str]) -> bytes:
    return render_samples(Samples(captions=lines))


@pytest.mark.parametrize("guess", ["12", "-9", ""])
def test_lines_are_read_as_models_write_them(guess: str) -> None:
    codes = torch.tensor(encode(guess, 3))
    line = f"3+9 = {format_answer(codes, torch.tensor(encode('12', 3)))}"
    (answer,) = parse_lines([line])
    assert answer == Answer("3+9", "12", guess or "nothing")
    assert answer.is_right == (guess == "12")
    assert parse_lines([line, "something else"]) == []


def test_answers_stand_by_query_and_epoch(tmp_path: Path) -> None:
    sheets = {epoch: render(lines) for epoch, lines in EPOCHS.items()}
    (data,) = make_data(write_sheets(tmp_path, sheets), "samples_by_epoch").values()
    frame = data.to_frame()
    assert isinstance(data.content, CustomPlot)
    assert frame.columns.tolist() == ["cell", "query", "right", "epoch 1", "epoch 2"]
    assert frame["query"].tolist() == ["1+2", "9-9", "20+5", "right of 3"]
    assert frame["right"].tolist() == ["3", "0", "25", ""]
    assert frame["epoch 1"].tolist() == ["nothing", "7", "25", "1"]
    assert frame["epoch 2"].tolist() == ["3", "0", "24", "2"]
    axes = draw(data).axes[0]
    wrong = [text.get_text() for text in axes.texts if text.get_text().endswith(" ×")]
    assert wrong == ["nothing ×", "7 ×", "24 ×"]
    assert "A cross marks a wrong answer." in data.caption


def test_sheets_that_keep_no_text_stay_pictures(tmp_path: Path) -> None:
    """Sheets of earlier versions, and one that is cut short, are shown, or named, as before."""
    complete = render(EPOCHS[1])
    for name, sheet in (("old", render(["hello"])), ("cut", complete[: len(complete) // 2])):
        folder = write_sheets(tmp_path / name, {1: complete, 2: sheet})
        (data,) = make_data(folder, "samples_by_epoch").values()
        assert isinstance(data.content, ImageGrid)
        assert ("cannot be read" in data.caption) == (name == "cut")
