"""The precision of a training: what becomes bfloat16, what stays float32, and that results do not depend on it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import records, train
from tiny import CPU, batch, point, training
from torch.func import grad_and_value, stack_module_state, vmap

from gensweep import kernels
from gensweep.core.registries import MODELS
from gensweep.inspect.find import find_point
from gensweep.sweep.point import Point
from gensweep.system.precision import (
    BFLOAT16,
    FLOAT32,
    has_bfloat16_instructions,
    resolve_precision,
)
from gensweep.train import precision
from gensweep.train.loop import Training
from gensweep.train.precision import autocast, has_native_bfloat16

NOISY: dict[str, dict[str, Any]] = {
    "text_to_text": {"dropout": 0.2, "feed_back": True},
    "image_to_text": {"augment": 1.0},
}
every_model = pytest.mark.parametrize("name", list(MODELS))


def kinds(tensors: dict[str, torch.Tensor]) -> set[torch.dtype]:
    return {value.dtype for value in tensors.values() if value.is_floating_point()}


def noted_products(network: torch.nn.Module) -> list[torch.dtype]:
    """What dense layers and convolutions give, each time one is called from now on."""
    seen: list[torch.dtype] = []
    for module in network.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.register_forward_hook(lambda module, inputs, built: seen.append(built.dtype))
    return seen


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    return {name for name in one if not torch.equal(one[name], other[name])}


@every_model
class TestBfloat16:
    def test_trains_with_other_numbers_than_float32(self, name: str) -> None:
        runs = [
            training(name, precision=requested, **NOISY.get(name, {}))
            for requested in (FLOAT32, BFLOAT16)
        ]
        before = {key: value.clone() for key, value in runs[1].network.state_dict().items()}
        plain, mixed = (run.run_epoch() for run in runs)
        weights = [run.network.state_dict() for run in runs]
        assert differing(before, weights[1]) == differing(weights[0], weights[1]) == set(before)
        losses = {key for key in plain if key.startswith("train/")}
        assert {key: mixed[key] for key in losses} == pytest.approx(
            {key: plain[key] for key in losses}, rel=0.05
        )

    def test_is_what_products_are_computed_in(self, name: str) -> None:
        run = training(name, precision=BFLOAT16)
        seen = noted_products(run.network)
        run.run_epoch()
        assert set(seen) == {torch.bfloat16}

    def test_keeps_parameters_optimizer_and_losses_in_float32(self, name: str) -> None:
        run = training(name, precision=BFLOAT16, **NOISY.get(name, {}))
        for logged, _ in run.run_steps():
            assert kinds(logged) == {torch.float32}
        assert kinds(dict(run.network.named_parameters())) == {torch.float32}
        moments = [
            stored for optimizer in run.optimizers.values() for stored in optimizer.state.values()
        ]
        assert moments and {kind for stored in moments for kind in kinds(stored)} == {torch.float32}

    def test_gives_float32_losses_to_what_reduces_them(self, name: str) -> None:
        """The network's own: a mean taken in bfloat16 and converted afterwards would have three digits."""
        run = training(name, precision=BFLOAT16)
        noise = run.network.draw(5, torch.Generator().manual_seed(1))
        with run.autocast():
            outputs = run.network.evaluate(batch(name, 5), noise)
            assert kinds(outputs) == {torch.float32}
            for player in run.model.players:
                loss, terms = run.network(player, batch(name, 5), noise)
                assert kinds({"loss": loss} | terms) == {torch.float32}
            pictures = run.network.samples(batch(name, 5), noise).pictures
        assert pictures is None or pictures.dtype == torch.float32
        assert kinds(run.compute_outputs("test", run.model.outputs)) == {torch.float32}

    def test_acts_wherever_the_trained_network_is_looked_at(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Validation, test, samples, one batch."""
        run, requested = training(name, precision=BFLOAT16), []

        def noted(inner: Callable[..., Any], *value: Any) -> Any:
            requested.append(torch.is_autocast_enabled("cpu"))
            return inner(*value)

        for method in ("evaluate", "samples"):
            monkeypatch.setattr(run.network, method, partial(noted, getattr(run.network, method)))
        run.evaluate("validation")
        run.test()
        run.make_samples()
        run.predict(batch(name, 2), ())
        assert requested == [True] * 4

    def test_goes_around_vmap(self, name: str) -> None:
        """Lanes batched in bfloat16: losses as of each lane alone, gradients with bfloat16's three digits."""
        lanes = [training(name, seed, precision=BFLOAT16).network for seed in (0, 1)]
        noise = lanes[0].draw(5, torch.Generator().manual_seed(1))
        params, _ = stack_module_state(lanes)  # type: ignore[arg-type]
        for player in lanes[0].config.players:
            step = vmap(
                grad_and_value(partial(lanes[0].loss, player), has_aux=True),
                in_dims=(0, None, None),
            )
            plain, _ = step(params, batch(name, 5), noise)
            with autocast(BFLOAT16, CPU):
                mixed, (losses, terms) = step(params, batch(name, 5), noise)
                alone = [net(player, batch(name, 5), noise)[0].item() for net in lanes]
            assert kinds(mixed | terms | {"loss": losses}) == {torch.float32}
            assert losses.tolist() == pytest.approx(alone, rel=1e-3)
            assert differing(plain, mixed)


class TestResolve:
    @pytest.mark.parametrize(
        ("requested", "native", "result"),
        [
            ("auto", True, BFLOAT16),
            ("auto", False, FLOAT32),
            (FLOAT32, True, FLOAT32),
            (FLOAT32, False, FLOAT32),
            (BFLOAT16, True, BFLOAT16),
            (BFLOAT16, False, BFLOAT16),
        ],
    )
    def test_only_auto_depends_on_the_device(
        self, requested: str, native: bool, result: str
    ) -> None:
        assert resolve_precision(requested, native) == result

    @pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16", "bf16"])
    def test_a_processor_has_it_that_has_one_of_its_instructions(self, flag: str) -> None:
        others = {"avx2": True, "avx512_f": True, "neon": True, "architecture": "any"}
        assert has_native_bfloat16(CPU, others | {flag: True})
        assert not has_native_bfloat16(CPU, others | {flag: False})
        assert not has_native_bfloat16(CPU, others)

    def test_this_processor_is_as_the_system_says(self) -> None:
        source = Path("/proc/cpuinfo")
        if not source.exists():
            pytest.skip("no /proc/cpuinfo")
        flags = set(source.read_text().split())
        assert (
            has_native_bfloat16(CPU)
            == bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})
            == has_bfloat16_instructions()
        )

    def test_other_devices_train_in_float32(self) -> None:
        assert not has_native_bfloat16(torch.device("mps"), {"bf16": True})

    @pytest.mark.parametrize("native", [True, False])
    def test_a_training_asks_its_device(
        self, native: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            precision, "has_native_bfloat16", lambda device: native and device == CPU
        )
        auto, same = (
            training("cae", precision="auto"),
            training("cae", precision=resolve_precision("auto", native)),
        )
        assert auto.precision == resolve_precision("auto", native)
        assert auto.run_epoch() == same.run_epoch()

    def test_float32_stays_float32_within_a_callers_own_autocast(self) -> None:
        alone = training("text_to_text").evaluate("test")
        with torch.autocast("cpu", torch.bfloat16):
            assert training("text_to_text").evaluate("test") == alone


class TestPoint:
    @every_model
    def test_float32_is_no_part_of_the_id_and_what_is_asked_for_else_is(self, name: str) -> None:
        base = Point.make(name, {}, 0)
        ids = {
            requested: Point.make(name, {"precision": requested}, 0).id
            for requested in ("auto", FLOAT32, BFLOAT16)
        }
        assert ids[FLOAT32] == base.id and base.params["precision"] == FLOAT32
        assert len(set(ids.values())) == 3

    @pytest.mark.parametrize("requested", ["auto", FLOAT32, BFLOAT16])
    def test_the_record_says_what_it_was(self, requested: str, root: Path) -> None:
        point_ = Point(
            "text_to_text",
            point("text_to_text", precision=requested, train_fraction=0.02).params,
            0,
        )
        train([point_], root)
        (record,) = records(root).values()
        assert record.params["precision"] == requested
        assert record.hardware["precision"] == resolve_precision(
            requested, has_native_bfloat16(CPU)
        )
        serves = kernels.is_available(torch.zeros(1))
        assert record.hardware["kernels"] == ("C" if serves else "PyTorch")
        assert find_point(record.id, root).point == point_


REAL: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "text_to_text": (
        {"hidden": 32, "train_fraction": 0.05, "epochs": 5, "batch_size": 64, "lr": 1e-2},
        ("loss", "char_accuracy"),
    ),
    "cae": (
        {"filters": 4, "latent_dim": 16, "encoder_layers": 4, "decoder_layers": 4}
        | {"count": 40, "epochs": 6, "batch_size": 4, "lr": 1e-2},
        ("loss", "ssim"),
    ),
}
"""Sizes at which a training learns something, in a second or two, and what it is judged by."""
SEEDS = range(5)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(REAL))
def test_results_in_bfloat16_are_those_in_float32(name: str) -> None:
    """The parity that bfloat16 is used on: over the same five seeds the mean of a test metric moves by less than the
    metric's own standard deviation over seeds in float32, so that no table of a few seeds could tell the two apart.
    And it has learnt something: the loss is lower than before the first epoch."""
    params, metrics = REAL[name]
    prepared = Point.make(name, params, 0).data_config().prepare()

    def tested(seed: int, requested: str, epochs: int) -> dict[str, float]:
        wanted = Point.make(name, params | {"precision": requested}, seed)
        run = Training(wanted.model_config(), wanted.data_config(), seed, prepared, CPU)
        while run.epoch < epochs:
            run.run_epoch()
        return run.test()

    before = tested(0, FLOAT32, 0)
    ends = {
        requested: [tested(seed, requested, params["epochs"]) for seed in SEEDS]
        for requested in (FLOAT32, BFLOAT16)
    }
    for metric in (f"test/{judged}" for judged in metrics):
        plain, mixed = (
            [end[metric] for end in ends[requested]] for requested in (FLOAT32, BFLOAT16)
        )
        assert abs(statistics.mean(mixed) - statistics.mean(plain)) <= statistics.stdev(plain), (
            metric
        )
        assert plain != mixed
    assert all(
        end["test/loss"] < 0.97 * before["test/loss"]
        for requested in ends
        for end in ends[requested]
    )
