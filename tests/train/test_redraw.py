"""Fresh pictures: which ones an epoch shows, and that nothing but the training sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from lane_trainings import MIXED, close, equal, make_trainings, run, state
from tiny import few, point, training

from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.nn.glyph_codec import get_glyphs
from gensweep.train.batches import Batches
from gensweep.train.loop import Training
from gensweep.train.redraw import Redraw

FIELDS = {"image_to_text": "query_pictures", "text_to_image": "answer_pictures"}
every_model = pytest.mark.parametrize("model", list(FIELDS))
DATA = DatasetArrays(
    rows={
        "query": np.array([[1, 1], [1, 2], [2, 1], [1, 2]], np.uint8),
        "indices": np.array([[0, 1], [1, 4], [5, 2], [3, 6]], np.int32),
    },
    split={},
    banks={"glyphs": np.arange(7, dtype=np.uint8).reshape(7, 1, 1)},
    lookups={"query_pictures": ("indices", "glyphs")},
)
"""Pictures 0 to 3 show the character 1, and 4 to 6 the character 2; the last example shows 3 and 6."""


def draw(rows: list[int], requested: list[int], seed: int = 0) -> np.ndarray:
    redraw = Redraw(DATA, "query_pictures", np.array(rows))
    return redraw.draw(torch.tensor(requested), torch.Generator().manual_seed(seed)).numpy()


def list_inputs(run_: Training) -> list[torch.Tensor]:
    """The indices that the steps of the next epoch show."""
    field = FIELDS[run_.model.name]
    return [step.glyphs[field] for step in run_.iter_epoch_inputs()]


class TestDraw:
    def test_shows_the_same_character_by_pictures_of_training_examples(self) -> None:
        drawn = np.concatenate([draw([0, 1, 2], [0, 1, 2], seed) for seed in range(100)])
        codes = np.tile(DATA.rows["query"][:3], (100, 1))
        assert set(drawn[codes == 1]) == {0, 1, 2}
        assert set(drawn[codes == 2]) == {4, 5}

    def test_each_picture_has_the_same_probability(self) -> None:
        """Though two of four examples show picture 1; 4 standard errors of 3,000 draws."""
        drawn = draw([0, 1, 2], [0] * 1500).ravel()
        shares = np.bincount(drawn, minlength=3) / drawn.size
        assert shares == pytest.approx([1 / 3] * 3, abs=4 * (2 / 9 / 3000) ** 0.5)

    def test_a_character_with_one_picture_keeps_it(self) -> None:
        assert draw([0, 1], [1] * 20)[:, 1].tolist() == [4] * 20


@every_model
class TestTraining:
    def test_every_epoch_and_seed_shows_other_pictures(self, model: str) -> None:
        runs = [training(model, seed, redraw=True, epochs=2) for seed in (0, 0, 1)]
        epochs = []
        for run_ in runs:
            epochs.append(list_inputs(run_))
            run_.run_epoch()
            epochs.append(list_inputs(run_))
        first, second, again, again_second, other, _ = [torch.cat(epoch) for epoch in epochs]
        assert torch.equal(first, again) and torch.equal(second, again_second)
        assert not torch.equal(first, second) and not torch.equal(first, other)

    def test_the_network_sees_the_drawn_pictures(self, model: str) -> None:
        """And targets and queries still name the characters that they show."""
        run_, field = training(model, redraw=True), FIELDS[model]
        data = few(point(model))
        indices, bank = data.lookups[field]
        codes = data.rows[field.partition("_")[0]]
        code_of = dict(
            zip(data.rows[indices].ravel().tolist(), codes.ravel().tolist(), strict=True)
        )
        for step in run_.iter_epoch_inputs():
            batch = run_.batches.take(step.rows, step.glyphs)
            drawn = step.glyphs[field].numpy()
            expected = torch.from_numpy(data.banks[bank][drawn]).float() / 255
            assert torch.equal(get_glyphs(batch, field), expected)
            shown = [[code_of[glyph] for glyph in row] for row in drawn.tolist()]
            assert shown == codes[step.rows.numpy()].tolist()

    def test_shows_no_picture_of_validation_or_test_alone(self, model: str) -> None:
        run_, data = training(model, redraw=True, train_fraction=0.3), few(point(model))
        indices, _ = data.lookups[FIELDS[model]]
        rows = select_training_rows(data.split, 0.3)
        mine = set(data.rows[indices][rows].ravel().tolist())
        assert set(torch.cat(list_inputs(run_)).ravel().tolist()) <= mine

    def test_validation_test_and_samples_stay(
        self, model: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No picture of theirs is replaced, and an untrained network scores alike with and without."""
        plain, fresh = training(model), training(model, redraw=True)
        for split in ("validation", "test"):
            assert plain.evaluate(split) == fresh.evaluate(split)
        replaced: list[Any] = []
        take = Batches.take

        def note(batches: Batches, rows: torch.Tensor, glyphs: Any = None) -> Any:
            replaced.append(glyphs)
            return take(batches, rows, glyphs)

        monkeypatch.setattr(Batches, "take", note)
        fresh.test()
        fresh.make_samples()
        assert replaced and not any(replaced)

    def test_resumed_equals_never_stopped_bit_for_bit(self, model: str) -> None:
        complete, resumed = (training(model, redraw=True, epochs=2) for _ in range(2))
        complete.run_epoch()
        resumed.load_state_dict(state(complete))
        complete.run_epoch()
        resumed.run_epoch()
        assert equal(state(complete), state(resumed)) and complete.test() == resumed.test()

    def test_each_lane_equals_its_point_alone(self, model: str) -> None:
        """Though lanes of other training sets draw from other pictures."""
        lanes, alone = (make_trainings(model, MIXED, redraw=True) for _ in range(2))
        run(lanes)
        for lane, other in zip(lanes, alone, strict=True):
            run([other])
            close(lane, other)

    def test_off_is_the_id_of_points_before_the_parameter(self, model: str) -> None:
        assert point(model, redraw=False).id == point(model).id != point(model, redraw=True).id


def test_repeated_glyphs_are_read_once_with_the_same_loss() -> None:
    """Whether a picture was drawn or is the example's own, equal ones are one entry of the batch."""
    run_ = training("image_to_text", redraw=True)
    step = next(run_.iter_epoch_inputs())
    batch = run_.batches.take(step.rows, step.glyphs)
    distinct, which = batch["query_pictures/distinct"], batch["query_pictures/which"]
    drawn = step.glyphs["query_pictures"]
    assert len(distinct) == len(drawn.unique()) < drawn.numel()
    assert torch.equal(which, drawn.unique(return_inverse=True)[1])
    plain = {name: get_glyphs(batch, name) for name in run_.model.inputs}
    losses = [run_.network("model", inputs, {})[0] for inputs in (batch, plain)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-6)
