"""Samples against training pictures: copies and colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny import few, point, training

from gensweep.core.registries import METRICS
from gensweep.metrics import copies
from gensweep.train.training_pictures import TrainingPictures


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return point("vae", count=80).data_config().prepare().rows["picture"]


def to_unit(pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pictures).float() / 255


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3, 64, 64), dtype=np.uint8)


class TestTrainingPictures:
    def test_pixel_art_has_equal_neighbours(self, faces: np.ndarray) -> None:
        assert TrainingPictures(faces).is_pixel_art
        assert not TrainingPictures(noise(20)).is_pixel_art
        ramp = np.arange(64, dtype=np.uint8) * 3
        smooth = np.broadcast_to(ramp, (4, 3, 64, 64)).copy()
        assert not TrainingPictures(smooth).is_pixel_art

    def test_a_copy_has_no_distance_and_a_shift_has_its_own(self, faces: np.ndarray) -> None:
        training_pictures = TrainingPictures(faces[:40])
        assert training_pictures.measure_distances(to_unit(faces[:5])).max() < 1e-3
        grey = np.full((1, 3, 64, 64), 100, np.uint8)
        distance = TrainingPictures(grey).measure_distances(to_unit(grey) + 0.25)
        assert distance.tolist() == pytest.approx([0.25], abs=1e-4)

    def test_the_nearest_is_by_exhaustive_search(self, faces: np.ndarray) -> None:
        thumbnails = faces.reshape(len(faces), 3, 16, 4, 16, 4).mean((3, 5)) / 255
        expected = [
            min(np.sqrt(((one - other) ** 2).mean()) for other in thumbnails[:40])
            for one in thumbnails[40:50]
        ]
        result = TrainingPictures(faces[:40]).measure_distances(to_unit(faces[40:50]))
        assert result.tolist() == pytest.approx(expected, rel=1e-3)

    def test_colours_of_the_pictures_are_in_the_palette(self, faces: np.ndarray) -> None:
        training_pictures = TrainingPictures(faces)
        mine = training_pictures.measure_palette_shares(to_unit(faces[:5]))
        assert mine.tolist() == [1.0] * 5
        near = (to_unit(faces[:5]) + 3 / 255).clamp(0, 1)
        assert training_pictures.measure_palette_shares(near).min() == 1
        random = training_pictures.measure_palette_shares(to_unit(noise(5)))
        assert random.max() < 0.5

    def test_photographs_have_no_palette(self) -> None:
        shares = TrainingPictures(noise(20)).measure_palette_shares(to_unit(noise(2)))
        assert shares.isnan().all()


class TestMetrics:
    def test_the_ratio_of_copies_is_zero_and_that_of_fresh_faces_is_near_one(
        self, faces: np.ndarray
    ) -> None:
        training_pictures = TrainingPictures(faces[:40])

        def ratio(sample: np.ndarray) -> float:
            outputs = {
                "sample_distance": copies.measure_sample_distance(
                    to_unit(sample), training_pictures
                ),
                "picture_distance": copies.measure_picture_distance(
                    to_unit(faces[40:60]), training_pictures
                ),
            }
            return METRICS["memorization_ratio"].compute(outputs) or 0.0

        assert ratio(faces[:20]) < 0.02
        assert ratio(faces[60:]) == pytest.approx(1, abs=0.15)

    def test_are_not_defined_where_there_is_nothing_to_say(self) -> None:
        zeros, nans = torch.zeros(3), torch.full((3,), float("nan"))
        outputs = {"sample_distance": zeros, "picture_distance": zeros}
        assert METRICS["memorization_ratio"].compute(outputs) is None
        assert METRICS["palette_share"].compute({"palette_share": nans}) is None


@pytest.mark.parametrize("fraction", [0.9, 0.5])
def test_a_training_compares_with_its_own_examples_alone(fraction: float) -> None:
    run = training("vae", train_fraction=fraction)
    tool: Any = run.get_tool("training_pictures")
    rows = few(point("vae")).split["pool"][: run.examples]
    mine = to_unit(few(point("vae")).rows["picture"][rows])
    assert len(tool.thumbnails) == run.examples
    assert tool.measure_distances(mine).max() < 1e-3
