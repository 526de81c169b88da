"""The reader of attributes: what it learns, reads, withholds and keeps."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import training

from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.registries import METRICS
from gensweep.core.soundness import explain_unsound
from gensweep.metrics import attributes as metrics
from gensweep.train import attribute_reader, attribute_training, evaluation, tools
from gensweep.train.attribute_reader import AttributeReader, load_attribute_reader
from gensweep.train.attribute_table import HEADER, format_attributes_csv
from gensweep.train.labelled_pictures import compute_digest, select_labelled
from gensweep.train.reader_digest import is_cached

COLOURS = np.array([[220, 40, 40], [40, 200, 60], [50, 60, 230]], np.uint8)


def toy(count: int = 900) -> DatasetArrays:
    """Squares of three colours, at one of two heights, on a grey ground; `luck` is in no picture."""
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, count) for size in (3, 2, 4)], 1).astype(np.uint8)
    pictures = np.full((count, 3, 64, 64), 128, np.uint8)
    lefts = rng.integers(4, 40, count)
    for picture, (colour, index, _), left in zip(pictures, codes, lefts, strict=True):
        top = 8 + 28 * int(index)
        picture[:, top : top + 20, left : left + 20] = COLOURS[colour][:, None, None]
    attributes = {
        "colour": ("red", "green", "blue"),
        "height": ("high", "low"),
        "luck": ("a", "b", "c", "d"),
    }
    return DatasetArrays(
        {"picture": pictures, "attributes": codes}, split_rows(count, 0), attributes=attributes
    )


@pytest.fixture(scope="module")
def data() -> DatasetArrays:
    return toy()


@pytest.fixture(scope="module")
def reader(data: DatasetArrays) -> AttributeReader:
    labelled = select_labelled(data)
    assert labelled is not None
    return attribute_training.train_reader(labelled)


def pictures_of(data: DatasetArrays, rows: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(data.rows["picture"][rows]).float() / 255


class TestReader:
    def test_reads_what_pictures_show_and_nothing_else(
        self, data: DatasetArrays, reader: AttributeReader
    ) -> None:
        accuracies = reader.accuracies.tolist()
        assert min(accuracies[:2]) >= 0.98 and accuracies[2] < 0.5
        test = data.split["test"]
        read = reader.read(pictures_of(data, test))
        assert (read[:, 3] == attribute_reader.UNREAD).all(), "luck is not read reliably"
        expected = torch.from_numpy(data.rows["attributes"][test][:, :2])
        assert (read[:, 1:3] == expected).float().mean() >= 0.98
        assert read[:, 0].float().mean() >= 0.85

    def test_what_is_no_face_is_not_valid(
        self, data: DatasetArrays, reader: AttributeReader
    ) -> None:
        faces = pictures_of(data, data.split["test"][:32])
        rng = torch.Generator().manual_seed(3)
        assert reader.read(torch.rand(faces.shape, generator=rng))[:, 0].sum() == 0
        purple = faces.clone()
        purple[:, 1] = 0
        assert reader.read(purple)[:, 0].sum() == 0, "its colours are in no picture"
        spoilt = attribute_training.draw_non_faces(faces, rng)
        assert reader.read(spoilt)[:, 0].float().mean() < 0.3

    def test_knows_the_frequencies_of_the_dataset(
        self, data: DatasetArrays, reader: AttributeReader
    ) -> None:
        counts = np.bincount(data.rows["attributes"][:, 0], minlength=4) / 900
        assert reader.shares[0].tolist() == pytest.approx(counts)

    def test_is_the_same_again_and_leaves_global_generators_alone(
        self, data: DatasetArrays, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attribute_training, "EPOCHS", 1)
        labelled = select_labelled(data)
        assert labelled is not None
        state = torch.get_rng_state()
        first, second = (attribute_training.train_reader(labelled) for _ in range(2))
        assert torch.equal(state, torch.get_rng_state())
        for one, other in zip(
            first.state_dict().values(), second.state_dict().values(), strict=True
        ):
            assert torch.equal(one, other)

    def test_is_trained_once_and_then_loaded(
        self, data: DatasetArrays, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(attribute_training, "EPOCHS", 1)
        labelled = select_labelled(data)
        assert labelled is not None
        digest = compute_digest(labelled)
        assert not is_cached(digest)
        first = load_attribute_reader(data)
        assert is_cached(digest)
        monkeypatch.setattr(
            attribute_training, "train_reader", lambda labelled: pytest.fail("trained twice")
        )
        second = load_attribute_reader(data)
        pictures = pictures_of(data, data.split["test"])
        assert torch.equal(first.read(pictures), second.read(pictures))

    def test_of_a_dataset_without_attributes_reads_nothing(self, cache: Path) -> None:
        plain = DatasetArrays({"picture": toy(40).rows["picture"]}, split_rows(40, 0))
        reader = load_attribute_reader(plain)
        read = reader.read(pictures_of(plain, np.arange(3)))
        assert read.shape == (3, 1) and not (cache / "readers").exists()
        outputs = {
            metrics.SAMPLES: read,
            metrics.PICTURES: read,
            "reconstruction_attributes": read,
            metrics.SHARES: metrics.repeat_shares(read, reader),
            metrics.ACCURACIES: metrics.repeat_accuracies(read, reader),
        }
        for name in NAMES:
            assert METRICS[name].compute(outputs) is None, name


NAMES = (
    "valid_faces",
    "held_out_valid_faces",
    "attribute_distance",
    "held_out_attribute_distance",
    "reconstructed_attributes",
    "attribute_reader_accuracy",
)


def outputs_of(samples: list[list[int]], held_out: list[list[int]]) -> dict[str, torch.Tensor]:
    shares = torch.tensor([[0.5, 0.25, 0.25], [0.5, 0.5, 0], [0.2, 0.8, 0]])
    return {
        metrics.SAMPLES: torch.tensor(samples).short(),
        metrics.PICTURES: torch.tensor(held_out).short(),
        metrics.SHARES: shares.expand(len(samples), 3, 3),
        metrics.ACCURACIES: torch.tensor([[0.99, 0.95, 0.4]]).expand(len(samples), 3),
    }


class TestMetrics:
    SAMPLED = ([1, 0, 0, -1], [1, 0, 1, -1], [0, 0, 1, -1], [1, 1, 1, -1])
    REAL = ([1, 0, 0, -1], [1, 0, 1, -1], [1, 1, 0, -1], [1, 2, 1, -1])

    def test_are_means_over_what_is_read(self) -> None:
        outputs = outputs_of(list(self.SAMPLED), list(self.REAL))
        values = {name: METRICS[name].compute(outputs) for name in NAMES if name[0] != "r"}
        assert values == {
            "valid_faces": 0.75,
            "held_out_valid_faces": 1,
            # 3, 1 and 0 of 4 against 2, 1 and 1; 1 and 3 of 4 against 2 and 2.
            "attribute_distance": 0.25,
            "held_out_attribute_distance": 0,
            "attribute_reader_accuracy": pytest.approx(0.78),
        }
        outputs["reconstruction_attributes"] = outputs[metrics.SAMPLES]
        assert METRICS["reconstructed_attributes"].compute(outputs) == 5 / 8

    def test_are_withheld_where_the_reader_is_poor_and_say_why(self) -> None:
        poor = {"test/attribute_reader_accuracy": 0.7}
        for name in NAMES[:5]:
            reason = explain_unsound(name, {"test": 1000}, poor)
            assert reason and "reads 70%" in reason
        assert explain_unsound(NAMES[5], {"test": 1000}, poor) is None
        assert explain_unsound("valid_faces", {"test": 1000}, {}) is None
        assert "200" in (explain_unsound("valid_faces", {"test": 50}, {}) or "")

    def test_a_table_has_every_value(self) -> None:
        names = {"hat": ("none", "cap", "crown"), "eyes": ("round", "closed"), "luck": ("a", "b")}
        text = format_attributes_csv(names, outputs_of(list(self.SAMPLED), list(self.REAL)))
        header, *rows = list(csv.reader(io.StringIO(text)))
        assert tuple(header) == HEADER and len(rows) == 7
        assert rows[0] == ["hat", "none", "0.5000", "0.7500", "0.5000", "0.2500", "0.9900"]
        assert rows[-1] == ["luck", "b", "0.8000", "", "", "", "0.4000"]
        assert format_attributes_csv({}, {}) == ""


def test_few_test_pictures_train_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        tools.TOOLS, "attribute_reader", lambda prepared: pytest.fail("asked for a reader")
    )
    run = training("vae")
    run.test()
    assert run.get_attributes() == {}


def test_a_training_measures_attributes_with_one_reader(
    monkeypatch: pytest.MonkeyPatch, reader: AttributeReader, data: DatasetArrays
) -> None:
    requested: list[DatasetArrays] = []
    monkeypatch.setitem(
        tools.TOOLS, "attribute_reader", lambda prepared: (requested.append(prepared), reader)[1]
    )
    chosen = [replace(METRICS[name], min_examples=1) for name in NAMES]
    monkeypatch.setattr(evaluation, "list_metrics", lambda outputs, split: chosen)
    run = training("vae")
    values = run.test()
    assert {f"test/{name}" for name in NAMES if "distance" not in name} <= values.keys()
    assert len(requested) == 1
    assert run.get_attributes()[metrics.SAMPLES].shape[1] == 4
