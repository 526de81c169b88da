"""Lanes: points stepped as one batched model, each as if it were alone."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from lane_trainings import EPOCHS, MIXED, close, equal, make_trainings, run, state
from tiny import CPU, few, point, training

from gensweep.core.registries import MODELS
from gensweep.train import checkpoint
from gensweep.train.divergence import DivergedError
from gensweep.train.lanes import Lanes
from gensweep.train.loop import Training

COMPLETE: list[tuple[int, dict[str, Any]]] = [
    (0, {}), (6, {"muon_lr": 0.1}), (2, {"train_fraction": 0.46}), (3, {"lr": 0.01}), (4, {}),
]  # fmt: skip
"""20 and 10 examples; seeds of which none has a unit so near to its ReLU's edge that rounding turns it."""
MUON: dict[str, Any] = {
    "optimizer": "muon",
    "clip_norm": 0.1,
    "schedule": "warmup_linear",
    "batch_size": 10,
}
"""Whole batches, of more examples than the narrowest matrix has rows: of a gradient of lesser rank Muon makes
directions out of rounding errors, which no two ways to add up have in common."""


@pytest.mark.parametrize("model", list(MODELS))
class TestLanes:
    @pytest.mark.parametrize(
        ("spec", "params"), [(MIXED, {}), (COMPLETE, MUON)], ids=["adam", "muon_clipped_scheduled"]
    )
    def test_each_equals_its_point_alone(
        self, model: str, spec: list, params: dict[str, Any]
    ) -> None:
        lanes, alone = make_trainings(model, spec, **params), make_trainings(model, spec, **params)
        run(lanes)
        for lane, other in zip(lanes, alone, strict=True):
            run([other])
            close(lane, other)
        assert len({lane.examples for lane in lanes}) > 1

    def test_one_that_diverges_stops_alone(self, model: str) -> None:
        spec = [(0, {}), (1, {"lr": 1e38}), (2, {})]
        lanes, together = make_trainings(model, spec, lr=1e-3), Lanes()
        first = together.run_epoch(lanes)
        assert isinstance(first[1], DivergedError) and "not finite in epoch 1" in str(first[1])
        left = [lanes[0], lanes[2]]
        together.run_epoch(left)
        for lane, (seed, mine) in zip(left, [spec[0], spec[2]], strict=True):
            (alone,) = make_trainings(model, [(seed, mine)], lr=1e-3)
            run([alone])
            close(lane, alone)
        assert lanes[1].epoch == 0 and not lanes[1].history

    def test_an_unchanged_pack_resumes_bit_for_bit(self, model: str) -> None:
        straight, stopped, resumed = (make_trainings(model, MIXED, **MUON) for _ in range(3))
        run(straight)
        run(stopped, epochs=1)
        for fresh, old in zip(resumed, stopped, strict=True):
            fresh.load_state_dict(state(old))
        run(resumed, epochs=1)
        for one, other in zip(straight, resumed, strict=True):
            assert equal(state(one), state(other))
            assert one.test() == other.test()

    def test_may_be_packed_again_after_a_stop(self, model: str) -> None:
        """Lanes 0, 1, 2 together and then 0 alone and 1, 2 together."""
        complete, parts = make_trainings(model, MIXED[:3]), make_trainings(model, MIXED[:3])
        run(complete)
        stopped = make_trainings(model, MIXED[:3])
        run(stopped, epochs=1)
        for fresh, old in zip(parts, stopped, strict=True):
            fresh.load_state_dict(state(old))
        run(parts[:1], epochs=1)
        run(parts[1:], epochs=1)
        for one, other in zip(complete, parts, strict=True):
            close(one, other)

    def test_a_checkpoint_holds_one_lane(self, model: str) -> None:
        """As large as that of a point alone, though the lane's tensors lie among others'."""
        sizes = []
        for count in (1, 4):
            lanes = make_trainings(model, [(seed, {}) for seed in range(count)])
            run(lanes, epochs=1)
            file = io.BytesIO()
            checkpoint.save(file, "point", lanes[0].state_dict())
            sizes.append(len(file.getvalue()))
        assert sizes[1] == pytest.approx(sizes[0], rel=0.02)


def test_one_alone_runs_plain() -> None:
    (one,), (other,) = (
        make_trainings("text_to_text", MIXED[:1]),
        make_trainings("text_to_text", MIXED[:1]),
    )
    run([one])
    for _ in range(EPOCHS):
        other.run_epoch()
    assert equal(state(one), state(other))


def test_lanes_share_the_datas_copy_on_the_device() -> None:
    wanted, first = point("cae"), training("cae")
    alongside = Training(
        wanted.model_config(), wanted.data_config(), 1, few(wanted), CPU, share_with=first
    )
    assert alongside.batches is first.batches


def test_nothing_is_computed_for_a_lane_that_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """20, 11 and 4 examples in batches of 8, longest first: 8 8 and 4, 8 and 3, 4."""
    lanes = make_trainings(
        "text_to_text", [(0, {}), (1, {"train_fraction": 0.5}), (2, {"train_fraction": 0.2})]
    )
    seen: list[tuple[int, int]] = []
    take = type(lanes[0].batches).take

    def counted(self: Any, rows: torch.Tensor, *glyphs: Any) -> Any:
        if rows.ndim == 2:
            seen.append((rows.shape[0], rows.shape[1]))
        return take(self, rows, *glyphs)

    monkeypatch.setattr(type(lanes[0].batches), "take", counted)
    run(lanes, epochs=1)
    assert seen == [(2, 8), (1, 4), (1, 8), (1, 3), (1, 4)]
    assert sum(lanes * size for lanes, size in seen) == 20 + 11 + 4
