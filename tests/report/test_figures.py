"""Figures of what points leave beside their records: pictures and answers, made by hand here."""

from __future__ import annotations

import base64
import io
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawings import caption, drawn, pictures
from PIL import Image
from sweep_files import METRICS, cell, write_history, write_record, write_sweep

from gensweep import load
from gensweep.core.registries import FIGURES
from gensweep.ledger.stores import Store
from gensweep.prepare.contact_sheet import compute_sheet_id, draw_picture_sheet, draw_text_sheet
from gensweep.report.figures import answers, files
from gensweep.report.figures.drawing import draw
from gensweep.report.figures.pictures import MAX_SHEET_SIZE
from gensweep.report.figures.rendering import render, use_style
from gensweep.report.figures.selection import MAX_SEEDS_READ

NEW = (
    "samples_by_epoch",
    "interpolation",
    "dataset_samples",
    "predicted_and_true",
    "answer_distances",
    "training_history",
    "generated_answers",
)
T_2 = 12.706204736432095
"""Student's t at 0.975 with one degree of freedom, from a printed table (12.706) to more digits."""


def png(pixels: np.ndarray) -> bytes:
    """Pixels [h, w, 3] as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def flat(colour: int) -> np.ndarray:
    """A sheet of 16 pictures of one grey [268, 1060, 3]."""
    return np.asarray(draw_picture_sheet(np.full((16, 1, 64, 64), colour, np.uint8), columns=8))


def write(root: Path, of: dict[str, Any], seed: int, name: str, content: bytes | str) -> Path:
    """Write one of a point's files."""
    path = root / "points" / of["points"][str(seed)] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_sheet(folder: Path, content: np.ndarray | bytes, **params: Any) -> str:
    """Write the sheet of a dataset whose other parameters are the report's; returns the file's name."""
    name = f"some-{compute_sheet_id({'split_seed': 0} | params)}.png"
    (folder / "datasets").mkdir(exist_ok=True)
    (folder / "datasets" / name).write_bytes(
        content if isinstance(content, bytes) else png(content)
    )
    return name


def texts(figure: Any) -> list[str]:
    return [text.get_text().replace("\n", " ") for text in figure.axes[0].texts]


def gans(root: Path, *values: float, **params: Any) -> list[dict[str, Any]]:
    """A GAN's cell for each distance, with two seeds that are ok."""
    cells = [cell(0, 1, model="gan", hidden=k, **params) for k in range(1, len(values) + 1)]
    for one, value in zip(cells, values, strict=True):
        for seed in (0, 1):
            write_record(root, one, seed, sliced_wasserstein=value)
    return cells


# Sheets by epoch


def test_samples_stand_by_cell_and_epoch(tmp_path):
    """Best (0.1), median (0.2) and worst (0.4) of four cells, at the epochs kept; each sheet has a grey of its own."""
    cells = gans(tmp_path, 0.3, 0.1, 0.4, 0.2)
    for index, one in enumerate(cells):
        for k, epoch in enumerate((1, 2, 10)):
            write(tmp_path, one, 0, f"samples/epoch-{epoch:04}.png", png(flat(60 * index + k)))
    (figure,) = drawn(write_sweep(tmp_path, cells), "samples_by_epoch").values()
    assert [picture[10, 10, 0] for picture in pictures(figure)] == [
        60,
        61,
        62,
        0,
        1,
        2,
        120,
        121,
        122,
    ]
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2", "10"]
    assert [tick.get_text().replace("\n", " ") for tick in axes.get_yticklabels()] == [
        "best: hidden=2", "median: hidden=1", "worst: hidden=3",
    ]  # fmt: skip
    message = caption(figure)
    assert "Chosen among 4 cells, by validation/sliced_wasserstein after the last epoch." in message
    assert f"n = 2 seeds: {cells[1]['points']['0']} (seed 0)" in message
    assert "a part" in message


def test_a_point_that_kept_the_last_sheet_alone_shows_it_and_one_that_kept_none_says_so(tmp_path):
    cells = gans(tmp_path, 0.1, 0.2)
    write(tmp_path, cells[0], 0, "samples.png", png(flat(7)))
    (figure,) = drawn(write_sweep(tmp_path, cells), "samples_by_epoch").values()
    assert [picture[10, 10, 0] for picture in pictures(figure)] == [7]
    assert texts(figure) == ["not saved"]
    assert "saved only the sheet of the last epoch" in caption(figure)
    assert f"points/{cells[1]['points']['0']}/samples.png: not saved by this point" in caption(
        figure
    )
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["10"], (
        "the epochs it was trained for"
    )


def test_a_cell_that_trained_for_fewer_epochs_says_where_it_ended(tmp_path):
    cells = gans(tmp_path, 0.1, 0.2)
    for one, epochs in zip(cells, ((1, 2), (1, 2, 5)), strict=True):
        for epoch in epochs:
            write(tmp_path, one, 0, f"samples/epoch-{epoch:04}.png", png(flat(1)))
    (figure,) = drawn(write_sweep(tmp_path, cells), "samples_by_epoch").values()
    assert (len(pictures(figure)), texts(figure)) == (5, ["ended at epoch 2"])


def test_a_cell_whose_last_epoch_is_not_among_the_shown_ones_names_it(tmp_path):
    """Of twelve epochs some are shown, and not the ninth: with nine a cell has no sheet to show."""
    cells = gans(tmp_path, 0.1, 0.2, epochs=9)
    for epoch in range(1, 13):
        write(tmp_path, cells[0], 0, f"samples/epoch-{epoch:04}.png", png(flat(1)))
    write(tmp_path, cells[1], 0, "samples.png", png(flat(2)))
    (figure,) = drawn(write_sweep(tmp_path, cells), "samples_by_epoch").values()
    shown = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert "9" not in shown and len(pictures(figure)) == len(shown)
    assert set(texts(figure)) == {"not saved", "ended at epoch 9"}


def test_of_many_epochs_the_first_and_the_last_are_among_those_shown(tmp_path):
    cells = gans(tmp_path, 0.1)
    for epoch in range(1, 13):
        write(tmp_path, cells[0], 0, f"samples/epoch-{epoch:04}.png", png(flat(epoch)))
    (figure,) = drawn(write_sweep(tmp_path, cells), "samples_by_epoch").values()
    shown = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert (shown[0], shown[-1]) == ("1", "12")
    assert [picture[10, 10, 0] for picture in pictures(figure)] == [int(text) for text in shown]
    assert f"{len(shown)} of 12 saved epochs are shown." in caption(figure)


def test_of_a_tall_sheet_both_its_first_and_its_last_rows_are_shown(tmp_path):
    """Six rows of eight pictures, as of a model that reconstructs and samples: rows 1, 2, 5 and 6 are shown."""
    rows = np.repeat(np.arange(10, 70, 10, np.uint8), 8)
    sheet = np.asarray(
        draw_picture_sheet(np.broadcast_to(rows[:, None, None, None], (48, 3, 64, 64)), columns=8)
    )
    cells = gans(tmp_path, 0.1)
    write(tmp_path, cells[0], 0, "samples/epoch-0001.png", png(sheet))
    (figure,) = drawn(write_sweep(tmp_path, cells), "samples_by_epoch").values()
    (picture,) = pictures(figure)
    assert picture[70::132, 60, 0].tolist() == [10, 20, 50, 60]
    assert picture.shape == (4 * 132 + 4, 2 * 132 + 4, 3)


def test_cells_on_different_datasets_are_not_compared(tmp_path):
    cells = gans(tmp_path, 0.1, dataset="avatars") + gans(tmp_path, 0.2, 0.3, dataset="faces")
    stems = drawn(write_sweep(tmp_path, cells), "samples_by_epoch")
    assert list(stems) == ["samples_by_epoch-gan-avatars", "samples_by_epoch-gan-faces"]
    assert "Chosen among 2 cells" in caption(stems["samples_by_epoch-gan-faces"])


# Pixels


def test_pictures_are_drawn_pixel_by_pixel(tmp_path):
    """The SVG holds the file's pixels; the PNG has four for each, and nothing between them."""
    cells = gans(tmp_path, 0.1)
    for seed, kind in enumerate(("linear", "spherical")):
        write(
            tmp_path, cells[0], 0, f"interpolation-{kind}.png", png(noise(256, 640, 3, seed=seed))
        )
    results = load(write_sweep(tmp_path, cells))
    (rendered,) = render(FIGURES["interpolation"], results)
    svg, drawing = rendered.svg, rendered.png
    embedded = [
        base64.b64decode(text) for text in re.findall(rb'"data:image/png;base64,([^"]+)"', svg)
    ]
    result = [np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) for content in embedded]
    page = np.ascontiguousarray(np.asarray(Image.open(io.BytesIO(drawing)).convert("RGB")))
    for seed in (0, 1):
        original = noise(256, 640, 3, seed=seed)
        # The ends stand apart, so the strip is in three parts.
        for part in (original[:, :64], original[:, 64:-64], original[:, -64:]):
            assert any(np.array_equal(picture, part) for picture in result)
        large = original[:, 64:-64].repeat(2, 0).repeat(2, 1)
        top = next(k for k, line in enumerate(page) if large[0].tobytes() in line.tobytes())
        left = page[top].tobytes().index(large[0].tobytes()) // 3
        assert np.array_equal(page[top : top + 512, left : left + 1024], large)


# Captions and titles


@pytest.mark.parametrize("name", NEW)
def test_captions_have_single_blanks(tmp_path, name):
    cells = gans(tmp_path, 0.1) + answering(tmp_path, 0.5)
    with_answers(tmp_path, cells[1], [(1, "1")], [(2, "3")])
    write(tmp_path, cells[0], 0, "samples.png", png(flat(1)))
    write_history(tmp_path, cells[0], 0, "epoch,train/loss\n1,0.5\n")
    for figure in drawn(write_sweep(tmp_path, cells), name).values():
        text = figure.data.caption
        assert text == " ".join(text.split())


@pytest.mark.slow
def test_dollars_in_names_are_no_formulas(tmp_path):
    """matplotlib would end with an error at the first name, and show the second without its dollars."""
    names = {
        f"folder:sha256-{digit * 16}": f"/x/{name}"
        for digit, name in (("a", r"$\frac{}$"), ("b", "$x$"))
    }
    cells = [
        cell(0, model="cae", dataset=pinned, decoder_layers=k, epochs=1)
        for pinned in names
        for k in (1, 2)
    ]
    for one in cells:
        write_record(tmp_path, one, 0, reconstruction_mse=0.5)
        write_history(tmp_path, one, 0, "epoch,validation/reconstruction_mse\n1,0.5\n")
    results = load(write_sweep(tmp_path, cells, places=names))
    drawn = {}
    for name in set(FIGURES) - {"search_slices", "search_importance", "tuning_curve"}:
        drawn[name] = b"".join(one.svg for one in render(FIGURES[name], results))
        assert drawn[name], name
    # Of several datasets, only this figure draws the names; the others have a file for each.
    assert rb"\frac{}" in drawn["train_fraction_curve"] and b"$x$" in drawn["train_fraction_curve"]
    assert re.findall(rb"<!-- ([0-9.]+) -->", drawn["learning_curves"])[0] == b"1", (
        "the only epoch, and no parts of it"
    )


def test_a_heatmap_s_scale_stands_apart_from_its_title(tmp_path):
    """Means that differ little: without a number to be added above the scale, which would lie over the title."""
    pinned = f"folder:sha256-{'a' * 16}"
    cells = [cell(0, model="cae", dataset=pinned, decoder_layers=k) for k in (1, 2)]
    for one, value in zip(cells, (0.10673, 0.10679), strict=True):
        write_record(tmp_path, one, 0, reconstruction_mse=value)
    results = load(write_sweep(tmp_path, cells, places={pinned: "/x/a-folder-with-a-name"}))

    (data,) = FIGURES["depth_heatmap"].make(results)
    with use_style(results):
        figure = draw(data)
        figure.draw_without_rendering()
    scale = figure.axes[1].yaxis
    assert scale.get_offset_text().get_text() == ""
    box = scale.label.get_window_extent()
    assert box.y0 >= 0 and box.y1 <= figure.bbox.height


@pytest.mark.parametrize(
    ("model", "metric", "words"),
    [
        (
            "cae",
            ["reconstruction_mse"],
            "Rows alternate: pictures of the test set, then their reconstructions.",
        ),
        (
            "vae",
            ["reconstruction_mse", "fid_random_vgg"],
            "their reconstructions, and in the last rows samples from the prior.",
        ),
        ("gan", ["fid_random_vgg"], "Every picture is a sample of the generator."),
    ],
)
def test_captions_say_what_the_rows_of_a_sheet_are(tmp_path, monkeypatch, model, metric, words):
    for name in metric:
        monkeypatch.setitem(
            METRICS, name, {"unit": "", "direction": "min", "doc": "", "models": [model]}
        )
    one = cell(0, model=model)
    write_record(tmp_path, one, 0, **dict.fromkeys(metric, 0.5))
    write(tmp_path, one, 0, "samples.png", png(flat(1)))
    (figure,) = drawn(write_sweep(tmp_path, [one]), "samples_by_epoch").values()
    assert words in caption(figure)


# Interpolation, datasets and generated answers


def test_strips_are_of_each_dataset_s_best_cell(tmp_path):
    """The smaller distance is the better: the second cell of each dataset."""
    cells = [one for dataset in ("a", "b") for one in gans(tmp_path, 0.4, 0.2, dataset=dataset)]
    for index, one in enumerate(cells):
        for kind in ("linear", "spherical"):
            grey = 10 * index + (kind == "spherical")
            write(
                tmp_path,
                one,
                0,
                f"interpolation-{kind}.png",
                png(np.full((256, 640, 3), grey, np.uint8)),
            )
    result = drawn(write_sweep(tmp_path, cells), "interpolation")
    assert [[picture[0, 0, 0] for picture in pictures(figure)] for figure in result.values()] == [
        [10] * 3 + [11] * 3,
        [30] * 3 + [31] * 3,
    ]
    figure = result["interpolation-gan-a"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["linear", "spherical"]
    ends = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ends == ["end 0", "between", "end 1"]
    assert "Between them are 8 steps." in caption(figure)
    assert f"n = 2 seeds: {cells[1]['points']['0']} (seed 0)" in caption(figure)


def test_datasets_have_a_panel_each_and_those_without_a_sheet_are_named(tmp_path):
    cells = [cell(0, model="cae", dataset=name) for name in ("avatars", "folder:my faces", "lost")]
    folder = write_sweep(tmp_path, cells)
    for name, pixels in (
        ("avatars", flat(5)),
        ("folder:my faces", noise(90, 80, 3)),
        ("another", flat(6)),
    ):
        write_sheet(folder, pixels, dataset=name)
    (figure,) = drawn(folder, "dataset_samples").values()
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [
        "avatars",
        "folder:my faces",
    ]
    assert np.array_equal(pictures(figure)[1], noise(90, 80, 3))
    assert "No sheet of lost:" in caption(figure)


def test_a_large_sheet_of_a_dataset_is_shown_whole(tmp_path):
    """3000 x 1000 with a quarter of each grey: its right end is there, at a scale that is the same both ways."""
    folder = write_sweep(tmp_path, [cell(0, model="cae", dataset="wide")])
    sheet = (
        np.repeat(np.array([10, 20, 30, 40], np.uint8), 750)[None, :, None]
        .repeat(1000, 0)
        .repeat(3, 2)
    )
    write_sheet(folder, sheet, dataset="wide")
    (figure,) = drawn(folder, "dataset_samples").values()
    (picture,) = pictures(figure)
    height, width = picture.shape[:2]
    assert width == MAX_SHEET_SIZE[1] and height == round(width / 3)
    assert [int(picture[height // 2, round(width * part), 0]) for part in (0.1, 0.4, 0.6, 0.9)] == [
        10,
        20,
        30,
        40,
    ]
    assert "Large sheets are scaled down." in caption(figure)


def test_generated_answers_stand_with_what_the_reader_read(tmp_path, monkeypatch):
    """Of three cells the best and the worst; the reader's numbers where they were measured."""
    info = {"unit": "fraction", "direction": "none", "doc": "", "models": ["text_to_image"]}
    monkeypatch.setitem(METRICS, "reader_digit_accuracy", info)
    cells = [cell(0, 1, model="text_to_image", encoder_layers=k) for k in (1, 2, 3)]
    for one, mse in zip(cells, (0.3, 0.1, 0.2), strict=True):
        for seed in (0, 1):
            more = {"reader_digit_accuracy": 0.9 + 0.02 * seed} if one is cells[0] else {}
            write_record(tmp_path, one, seed, mse=mse, **more)
        write(
            tmp_path, one, 0, "samples.png", png(np.full((272, 1380, 3), int(mse * 100), np.uint8))
        )
    (figure,) = drawn(write_sweep(tmp_path, cells), "generated_answers").values()
    assert [picture[0, 0, 0] for picture in pictures(figure)] == [10, 30]
    assert "reader_digit_accuracy 0.91 [0.78, 1.00] (n = 2)" in caption(figure), (
        "t * 0.01414 / sqrt(2) = 0.127, and no accuracy is above 1"
    )
    why = "read_exact_match not measured (no record of the sweep has it), reader_digit_accuracy not measured (the record"
    assert f"Best cell (encoder_layers=2): {why} was written before the metric existed)" in caption(
        figure
    )


# Answers


def with_answers(root: Path, of: dict[str, Any], *seeds: list[tuple[int, str]]) -> None:
    """Each seed's right and predicted answers."""
    for seed, pairs in enumerate(seeds):
        lines = [
            "query,answer,predicted",
            *(f"1+1,{true},{predicted}" for true, predicted in pairs),
            "",
        ]
        write(root, of, seed, "answers.csv", "\n".join(lines))


def answering(root: Path, *values: float, seeds: int = 2) -> list[dict[str, Any]]:
    cells = [cell(*range(seeds), hidden=k) for k in range(1, len(values) + 1)]
    for one, value in zip(cells, values, strict=True):
        for seed in range(seeds):
            write_record(root, one, seed, char_accuracy=value)
    return cells


def test_right_and_predicted_answers_are_counted_in_bars_of_ten(tmp_path):
    """Bars -99..-90, ..., 191..200. Right: -99, -90, 0, 198 of each seed; two predictions are in no bar."""
    cells = answering(tmp_path, 0.5)
    with_answers(
        tmp_path,
        cells[0],
        [(-99, "-99"), (-90, "-89"), (0, "-"), (198, "0 ")],
        [(-99, "-9"), (-90, "999"), (0, "1-2"), (198, "198")],
    )
    (figure,) = drawn(write_sweep(tmp_path, cells), "predicted_and_true").values()
    true, predicted = (patch.get_data() for patch in figure.axes[0].patches)
    assert true.edges[:2].tolist() == [-99.5, -89.5]
    expected = np.zeros(30)
    expected[[0, 9, 29]] = 0.5, 0.25, 0.25
    assert true.values.tolist() == expected.tolist()
    expected = np.zeros(30)
    expected[[0, 1, 9, 29]] = 1 / 8, 1 / 8, 2 / 8, 1 / 8
    assert predicted.values.tolist() == expected.tolist()
    assert "n = 2 seeds of 4 answers" in caption(figure)
    message = (
        "not drawn: 2 (25.0%) that are not integers, 1 (12.5%) that are below -99 or above 198."
    )
    assert message in caption(figure)


def test_the_best_and_the_worst_cell_s_answers_are_side_by_side_on_one_scale(tmp_path):
    cells = answering(tmp_path, 0.2, 0.3, 0.9, 0.1)
    for one in cells:
        with_answers(tmp_path, one, [(1, "1")], [(2, "30")])
    (figure,) = drawn(write_sweep(tmp_path, cells), "predicted_and_true").values()
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "best: hidden=3",
        "worst: hidden=4",
    ]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_one_answer_to_everything_does_not_flatten_the_right_ones(tmp_path):
    """Ten right answers in ten bars, and 5 to each query: its bar, ten times as high, is cut."""
    cells = answering(tmp_path, 0.5)
    rows = [(10 * k + 1, "5") for k in range(10)]
    with_answers(tmp_path, cells[0], rows, rows)
    (figure,) = drawn(write_sweep(tmp_path, cells), "predicted_and_true").values()
    assert figure.axes[0].get_ylim() == pytest.approx((0, 1.05 * 4 * 0.1))
    assert "Bars end at the frame; the highest is 100.0%." in caption(figure)


def test_distances_are_shares_of_all_answers_with_their_interval(tmp_path):
    """Two seeds with 1/2 and 1/4 exact: mean 3/8, half-width t * sqrt(2) / 8 / sqrt(2) = t / 8."""
    cells = answering(tmp_path, 0.5)
    with_answers(
        tmp_path,
        cells[0],
        [(5, "5"), (7, "7"), (9, "12"), (1, "+")],
        [(5, "5"), (7, "9"), (9, "12"), (198, "-9")],
    )
    (figure,) = drawn(write_sweep(tmp_path, cells), "answer_distances").values()
    *of_seeds, line = figure.axes[0].lines
    assert [one.get_ydata()[0] for one in of_seeds] == [2 / 4, 1 / 4], "a thin line per seed"
    shares = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert [shares[k] for k in (0, 1, 2, 3, 300)] == pytest.approx(
        [3 / 8, 3 / 8, 4 / 8, 6 / 8, 7 / 8]
    )
    (area,) = figure.axes[0].collections
    heights = area.get_paths()[0].vertices[:, 1]
    assert 3 / 8 + T_2 / 8 > 1 == heights.max(), "no share is above 1"
    assert heights.min() == 0
    assert "best" not in caption(figure)
    assert "only cell 37.5% and 12.5%" in caption(figure)


SPOILT = {
    "empty": "",
    "header alone": "query,answer,predicted\n",
    "cut in a line": "query,answer,predicted\n1+1,2,2\n1+2,",
    "cut in a number": "query,answer,predicted\n1+1,2,2\n1+2,3",
    "short line": "query,answer,predicted\n1+1,2\n",
    "other columns": "a,b,c\n1,2,3\n",
    "right answer is none": "query,answer,predicted\n1+1,x,2\n",
    "not text": b"\xff\xfe\x00",
    "null byte": b'query,answer,predicted\n1+1,2,\x00\n"',
}


@pytest.mark.parametrize("content", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("name", ["predicted_and_true", "answer_distances"])
def test_answers_that_cannot_be_read_are_named(tmp_path, caplog, content, name):
    cells = answering(tmp_path, 0.5)
    with_answers(tmp_path, cells[0], [], [(1, "1")])
    spoilt = write(tmp_path, cells[0], 0, "answers.csv", content)
    (figure,) = drawn(write_sweep(tmp_path, cells), name).values()
    assert f"{cells[0]['points']['0']}/answers.csv: cannot be read." in caption(figure)
    assert "n = 1" in caption(figure), "the other seed is shown"
    assert str(spoilt) in caplog.text
    assert str(tmp_path) not in caption(figure)


def test_answers_of_an_earlier_version_are_reported_as_missing(tmp_path):
    cells = answering(tmp_path, 0.5)
    (figure,) = drawn(write_sweep(tmp_path, cells), "predicted_and_true").values()
    assert texts(figure) == ["No answers to show; the caption says why."]
    assert (
        "not saved by these points (trained by an earlier version); run gensweep evaluate to create it."
        in caption(figure)
    )


# Training


def test_training_history_is_of_the_best_cell_training_beside_validation(tmp_path):
    cells = answering(tmp_path, 0.2, 0.8)
    for one, start in zip(cells, (5.0, 1.0), strict=True):
        for seed in (0, 1):
            lines = [f"{k},{start + seed},{start + 2 + seed},{0.1 * k}" for k in range(1, 11)]
            head = "epoch,train/loss,validation/loss,validation/char_accuracy"
            write_history(tmp_path, one, seed, "\n".join([head, *lines, ""]))
    (figure,) = drawn(write_sweep(tmp_path, cells), "training_history").values()
    losses, accuracies = figure.axes
    named = [line for line in losses.lines if not line.get_label().startswith("_")]
    assert [line.get_label() for line in named] == ["train", "validation"]
    assert [line.get_ydata().tolist() for line in named] == [[1.5] * 10, [3.5] * 10]
    of_seeds = [line.get_ydata().tolist() for line in losses.lines if line not in named]
    assert of_seeds == [[seed] * 10 for seed in (1, 2, 3, 4)]
    assert [line.get_label() for line in accuracies.lines][:1] == ["validation"]
    assert accuracies.get_ylabel() == "char_accuracy [fraction]"
    assert "Best cell (hidden=2)" in caption(figure)
    assert "Not measured by epoch: train/char_accuracy." in caption(figure)


# Bad files, nothing at all, and too much

FULL_SHEET = png(noise(268, 1060, 3))
PICTURES = {
    "empty": b"",
    "text": b"not a picture",
    "cut in its header": FULL_SHEET[:20],
    "cut in its pixels": FULL_SHEET[: len(FULL_SHEET) // 2],
    "header overwritten": FULL_SHEET[:16] + b"\xff" * 20 + FULL_SHEET[36:],
    "huge": FULL_SHEET[:16] + (2**31 - 1).to_bytes(4, "big") * 2 + FULL_SHEET[24:],
    "checksum": FULL_SHEET[:60] + bytes([FULL_SHEET[60] ^ 1]) + FULL_SHEET[61:],
}


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES)
def test_pictures_that_cannot_be_read_are_named(tmp_path, caplog, content):
    cells = gans(tmp_path, 0.1, 0.2)
    for name in ("samples/epoch-0001.png", "interpolation-linear.png"):
        write(tmp_path, cells[0], 0, name, content)
    for name in ("samples/epoch-0001.png", "samples/epoch-0002.png"):
        write(tmp_path, cells[1], 0, name, png(flat(1)))
    write(tmp_path, cells[0], 0, "interpolation-spherical.png", png(flat(2)))
    folder = write_sweep(tmp_path, cells)
    sheet = write_sheet(folder, content, dataset="arithmetic")
    for name, lost in (
        ("samples_by_epoch", f"points/{cells[0]['points']['0']}/samples/epoch-0001.png"),
        ("interpolation", f"points/{cells[0]['points']['0']}/interpolation-linear.png"),
        ("dataset_samples", f"sweep/datasets/{sheet}"),
    ):
        caplog.clear()
        (figure,) = drawn(folder, name).values()
        assert f"{lost}: cannot be read." in caption(figure)
        assert str(tmp_path / lost) in caplog.text
        assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    cells = gans(tmp_path, 0.1)
    (tmp_path / "points" / cells[0]["points"]["0"] / "samples.png").mkdir()
    (figure,) = drawn(write_sweep(tmp_path, cells), "samples_by_epoch").values()
    assert "samples.png: cannot be read." in caption(figure)


@pytest.mark.parametrize("name", NEW)
def test_a_figure_with_nothing_to_draw_says_so(tmp_path, name):
    cells = [cell(0, model=model) for model in ("text_to_text", "text_to_image", "gan")]
    for figure in drawn(write_sweep(tmp_path, cells), name).values():
        assert texts(figure)
        assert "Nothing is measured yet" in caption(figure)
        assert figure.axes[0].get_xlabel()
        assert figure.axes[0].get_ylabel()


def test_curves_of_nothing_say_so_and_others_do_not(tmp_path):
    names = ("learning_curves", "train_fraction_curve", "budget_curve")
    nothing = write_sweep(tmp_path / "nothing", [cell(0, hidden=3, epochs=1)])
    cells = [cell(0, hidden=3, epochs=1)]
    write_record(tmp_path / "some", cells[0], 0, char_accuracy=0.5)
    write_history(tmp_path / "some", cells[0], 0, "epoch,validation/char_accuracy\n1,0.2\n")
    some = write_sweep(tmp_path / "some", cells)
    for name in names:
        assert [texts(figure) for figure in drawn(nothing, name).values()] == [
            ["Nothing is measured yet."]
        ]
        assert [texts(figure) for figure in drawn(some, name).values()] == [[]]


def test_a_heatmap_hatches_what_has_no_number(tmp_path):
    """One cell of two by two is measured; the other three differ from every shade of the scale in grey too."""
    cells = [cell(0, encoder_layers=k, decoder_layers=j) for k in (1, 2) for j in (1, 2)]
    write_record(tmp_path, cells[0], 0, char_accuracy=0.5)
    (figure,) = drawn(write_sweep(tmp_path, cells), "depth_heatmap").values()
    hatched = {patch.get_xy() for patch in figure.axes[0].patches if patch.get_hatch()}
    assert hatched == {(0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)}
    assert sum(text.startswith("1 missing") for text in texts(figure)) == 3
    assert "1 missing pub. 0.5872" in texts(figure), "the paper's number is there all the same"


def test_a_heatmap_s_colours_span_at_least_the_width_of_an_interval(tmp_path):
    """Means of 0.50 and 0.51, from seeds that differ by 0.02: their intervals are 0.25 wide."""
    cells = [cell(0, 1, decoder_layers=k, hidden=7) for k in (1, 2)]
    for one, mean in zip(cells, (0.50, 0.51), strict=True):
        for seed, sign in ((0, -1), (1, 1)):
            write_record(tmp_path, one, seed, char_accuracy=mean + sign * 0.01)
    (figure,) = drawn(write_sweep(tmp_path, cells), "depth_heatmap").values()
    low, high = figure.axes[0].images[0].get_clim()
    assert high - low == pytest.approx(2 * T_2 * 0.01, rel=1e-3)
    assert (low + high) / 2 == pytest.approx(0.505)
    assert "so the scale is as wide as an interval and the colours are alike" in caption(figure)


def test_many_learning_curves_have_no_bands(tmp_path):
    for count in (2, 3):
        root = tmp_path / str(count)
        cells = [cell(0, 1, hidden=k, epochs=2) for k in range(1, count + 1)]
        for one in cells:
            for seed in (0, 1):
                write_record(root, one, seed, char_accuracy=0.5)
                text = f"epoch,validation/char_accuracy\n1,0.{seed + 1}\n2,0.{seed + 3}\n"
                write_history(root, one, seed, text)
        (figure,) = drawn(write_sweep(root, cells), "learning_curves").values()
        assert len(figure.axes[0].collections) == (2 if count == 2 else 0)
        assert ("Lines are means" in caption(figure)) == (count == 3)


def test_the_pdf_of_a_figure_has_no_date_and_no_type_3_font(tmp_path):
    one = cell(0, decoder_layers=1)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    results = load(write_sweep(tmp_path, [one]))
    first, second = (
        [figure.pdf for figure in render(FIGURES["depth_heatmap"], results)] for _ in range(2)
    )
    assert first == second and first[0].startswith(b"%PDF")
    assert b"CreationDate" not in first[0] and b"/Type3" not in first[0]


@pytest.mark.parametrize("name", [*NEW, "learning_curves"])
def test_of_many_points_few_files_are_read(tmp_path, monkeypatch, name):
    """Forty cells, one of them with forty seeds: three cells at most are read, and the first seeds of each."""
    read: list[str] = []
    monkeypatch.setattr(
        files, "_read_bytes", lambda store, name: read.append(name) or store.read(name)
    )
    cells = answering(tmp_path, *(k / 50 for k in range(40)), seeds=1)
    cells.append(cell(*range(40), hidden=99))
    for seed in range(40):
        write_record(tmp_path, cells[-1], seed, char_accuracy=0.99)
    with_answers(tmp_path, cells[-1], *[[(1, "1")]] * 40)
    for one in cells[:-1]:
        with_answers(tmp_path, one, [(1, "1")])
        write(
            tmp_path,
            one,
            0,
            "samples/epoch-0001.png",
            png(np.asarray(draw_text_sheet(["1+1 = 2"]).convert("RGB"))),
        )
    result = drawn(write_sweep(tmp_path, cells), name)
    assert len(read) <= MAX_SEEDS_READ + 2
    if name in ("predicted_and_true", "answer_distances"):
        assert len(read) == MAX_SEEDS_READ + (1 if name == "predicted_and_true" else 2)
        (figure,) = result.values()
        assert f"the first {MAX_SEEDS_READ} seeds" in caption(figure)


@pytest.mark.parametrize("name", NEW)
@pytest.mark.slow
def test_the_same_files_give_the_same_bytes_elsewhere(tmp_path, name):
    cells = gans(tmp_path / "here", 0.1) + answering(tmp_path / "here", 0.5)
    for file in ("samples/epoch-0001.png", "interpolation-linear.png", "samples.png"):
        write(tmp_path / "here", cells[0], 0, file, FULL_SHEET)
    write(tmp_path / "here", cells[0], 0, "interpolation-spherical.png", b"broken")
    with_answers(tmp_path / "here", cells[1], [(1, "1"), (2, "x")])
    here = write_sweep(tmp_path / "here", cells)
    copied = shutil.copytree(here.parent, tmp_path / "there") / here.name
    first, second = (
        [(one.svg, one.png, one.pdf) for one in render(FIGURES[name], load(folder))]
        for folder in (here, copied)
    )
    assert first == second
    assert first


def test_answers_are_integers_as_a_person_reads_them(tmp_path):
    """Digits after a minus sign or not, trailing spaces aside; all else is no integer."""
    one = cell(0)
    written = ["46 ", "-5", "007", "", "-", "1-2", "4 6", " 46", "+46", "٣"]
    with_answers(tmp_path, one, [(1, text) for text in written])
    read = files.read_answers(
        Store(tmp_path), f"points/{one['points']['0']}/{answers.ANSWERS_FILE}"
    )
    assert read.predicted[:3].tolist() == [46, -5, 7]
    assert read.unparsable.tolist() == [False] * 3 + [True] * 7
