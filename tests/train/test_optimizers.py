"""Muon, the other optimizers behind a player, clipping and the learning rate's schedules."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from tiny import CPU, batch, point
from torch import Tensor, nn

from gensweep.core.training_config import TrainingConfig
from gensweep.nn.base_network import Network
from gensweep.train.muon import apply_muon, orthogonalise
from gensweep.train.networks import build_network
from gensweep.train.optimizers import PlayerOptimizer
from gensweep.train.schedules import compute_rate_factor

SHAPES = [(6, 6), (4, 7), (4, 9), (12, 5), (131, 300), (300, 130)]
SHAPE_IDS = ["square", "wide", "long and wide", "long and tall", "split", "split and tall"]
RATE, MOMENTUM, DECAY = 0.05, 0.9, 0.1


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def matrices(shape: tuple[int, ...], count: int, seed: int = 0) -> list[Tensor]:
    generator = rng(seed)
    return [torch.randn(shape, generator=generator) for _ in range(count)]


def steps(optimizer: torch.optim.Optimizer, parameter: Tensor, gradients: list[Tensor]) -> Tensor:
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


def by_muon(start: Tensor, gradients: list[Tensor]) -> Tensor:
    parameter, mean = start.clone(), torch.zeros_like(start)
    for gradient in gradients:
        apply_muon(parameter, gradient.clone(), mean, RATE, MOMENTUM, DECAY)
    return parameter


def by_formula(start: np.ndarray, gradients: list[np.ndarray]) -> np.ndarray:
    """Jordan et al. 2024 in double precision, with five Newton-Schulz iterations by powers of the Gram matrix."""
    weight, mean = start.copy(), np.zeros_like(start)
    for gradient in gradients:
        mean = MOMENTUM * mean + (1 - MOMENTUM) * gradient
        x = MOMENTUM * mean + (1 - MOMENTUM) * gradient
        x = x / np.sqrt((x**2).sum())
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
        m, n = weight.shape
        weight = weight * (1 - RATE * DECAY) - RATE * max(1, m / n) ** 0.5 * x
    return weight


@pytest.mark.parametrize("shape", SHAPES, ids=SHAPE_IDS)
class TestMuon:
    def test_equals_pytorchs_but_for_its_bfloat16(self, shape: tuple[int, int]) -> None:
        """PyTorch iterates in bfloat16, whose 8 significant bits round each number by up to 2^-9 = 0.2% of itself."""
        start, *gradients = matrices(shape, 6)
        parameter = nn.Parameter(start.clone())
        torchs = torch.optim.Muon([parameter], lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
        expected = steps(torchs, parameter, gradients)
        moved = by_muon(start, gradients)
        assert (expected - start).norm() > 0.3
        assert (moved - expected).norm() < 0.03 * (expected - start).norm()

    def test_equals_the_formula_in_double_precision(self, shape: tuple[int, int]) -> None:
        start, *gradients = matrices(shape, 6)
        expected = by_formula(
            start.double().numpy(), [gradient.double().numpy() for gradient in gradients]
        )
        np.testing.assert_allclose(by_muon(start, gradients).numpy(), expected, rtol=0, atol=3e-6)

    def test_stacked_lanes_equal_each_lane_alone(self, shape: tuple[int, int]) -> None:
        start, *gradients = matrices((3, *shape), 6)
        together = by_muon(start, gradients)
        for lane in range(3):
            alone = by_muon(start[lane], [gradient[lane] for gradient in gradients])
            assert torch.equal(together[lane], alone)

    def test_orthogonalises(self, shape: tuple[int, int]) -> None:
        """Five iterations bring singular values into 0.7..1.2 or near, in the directions that were there."""
        (matrix,) = matrices(shape, 1, seed=2)
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        values = u.T @ orthogonalise(matrix) @ v.T
        torch.testing.assert_close(values, values.diagonal().diag(), rtol=0, atol=1e-5)
        assert values.diagonal().min() > 0.6 and values.diagonal().max() < 1.3

    def test_without_a_gradient_only_decays(self, shape: tuple[int, int]) -> None:
        (start,) = matrices(shape, 1)
        expected = start * (1 - RATE * DECAY) ** 3
        torch.testing.assert_close(by_muon(start, [torch.zeros(shape)] * 3), expected)


@pytest.mark.parametrize("shape", [(512, 256), (256, 1024)])
@pytest.mark.parametrize("spectrum", ["flat", "falling", "steep", "low rank", "one large"])
def test_orthogonalises_matrices_of_any_spectrum(shape: tuple[int, int], spectrum: str) -> None:
    """Within 1e-4 of the formula in double precision, of its norm; PyTorch's bfloat16 is not."""
    values = {
        "flat": torch.ones(256),
        "falling": torch.logspace(0, -3, 256),
        "steep": torch.logspace(0, -6, 256),
        "low rank": torch.cat([torch.ones(8), torch.zeros(248)]),
        "one large": torch.cat([torch.ones(1), torch.full((255,), 1e-3)]),
    }[spectrum]
    (matrix,) = matrices(shape, 1)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    matrix = (u * values) @ v
    x = matrix.double() / matrix.double().norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x - 4.7750 * gram @ x + 2.0315 * gram @ gram @ x
    assert (orthogonalise(matrix) - x).norm() < 1e-4 * x.norm()
    parameter = nn.Parameter(torch.zeros(shape))
    torchs = torch.optim.Muon([parameter], lr=1.0, momentum=0, weight_decay=0)
    moved = steps(torchs, parameter, [matrix]).double()
    scale = -(max(1.0, shape[0] / shape[1]) ** 0.5)
    assert (moved / scale - x).norm() > 1e-3 * x.norm()


def test_long_matrices_take_fewer_products() -> None:
    """Counted in multiply-adds: a Gram matrix of 256 x 1024 costs as much as four of 256 x 256."""
    from torch.utils.flop_counter import FlopCounterMode

    (matrix,) = matrices((1024, 256), 1)
    with FlopCounterMode(display=False) as counter:
        orthogonalise(matrix)
    on_the_matrix = 5 * 2 * (2 * 256 * 256 * 1024 + 256**3)
    assert counter.get_total_flops() < 0.6 * on_the_matrix


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5)])
def test_muon_refuses_what_is_no_matrix(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"Muon moves matrices, not a parameter of shape \("):
        by_muon(torch.ones(shape), [torch.ones(shape)])


def network(name: str, **params: Any) -> Network:
    return build_network(point(name, **params).model_config(), 0, CPU)


def lstm(name: str) -> set[str]:
    return {f"sequence.{name}.{weight}" for weight in ("weight_ih", "weight_hh")}


BY_MUON = {
    "cae": {"encoder.output.weight", "decoder.input.weight"},
    "vae": {"encoder.output.weight", "decoder.input.weight"},
    "gan": {"generator.input.weight"},
    "text_to_text": lstm("encoder.0") - {"sequence.encoder.0.weight_ih"} | lstm("decoder.0") | lstm("decoder.1"),
    "image_to_text": lstm("encoder.0") | lstm("decoder.0") | lstm("decoder.1") | {"glyphs.stages.3.weight"},
    "text_to_image": lstm("encoder.0") - {"sequence.encoder.0.weight_ih"} | lstm("decoder.0") | lstm("decoder.1")
    | {"glyphs.stages.0.weight"},
}  # fmt: skip
"""At one encoder and two decoder layers: recurrent and dense matrices, but for embeddings and output layers."""


@pytest.mark.parametrize("name", list(BY_MUON))
class TestWhatMuonGets:
    def test_is_every_inner_matrix(self, name: str) -> None:
        """What moves where AdamW's rate is next to nothing."""
        net = network(
            name, optimizer="muon", lr=1e-30, weight_decay=0.0, encoder_layers=1, decoder_layers=2
        )
        before = {key: value.detach().clone() for key, value in net.named_parameters()}
        noise = net.draw(8, rng())
        for player in net.config.players:
            mine = net.player_parameters(player)
            optimizer = PlayerOptimizer.create_single(mine, net.config, 1, net.adamw_only)
            optimizer.step(net(player, batch(name, 8), noise)[0], mine, [0])
        moved = {
            key
            for key, value in net.named_parameters()
            if (value - before[key]).abs().max() > 1e-20
        }
        assert moved == BY_MUON[name]

    def test_leaves_out_matrices_that_are_there(self, name: str) -> None:
        """A prefix that names nothing, or nothing that Muon would get, is a slip of the pen."""
        for params in ({}, {"encoder_layers": 3, "decoder_layers": 3}):
            net = network(name, **params)
            for prefix in net.adamw_only:
                assert any(
                    key.startswith(prefix) and p.ndim == 2 for key, p in net.named_parameters()
                ), prefix


def player(
    config: TrainingConfig, shape: tuple[int, ...] = (4, 3)
) -> tuple[nn.Parameter, PlayerOptimizer]:
    """One parameter of that shape, and what moves it."""
    parameter = nn.Parameter(torch.randn(shape, generator=rng(5)))
    return parameter, PlayerOptimizer.create_single({"weight": parameter}, config, 10)


class TestPlayerOptimizer:
    @pytest.mark.parametrize(
        ("config", "shape", "factor"),
        [
            (TrainingConfig(optimizer="adam", lr=0.01), (4, 3), 1),
            (
                TrainingConfig(optimizer="adamw", lr=0.01, weight_decay=0.5),
                (4, 3),
                (1 - 0.01 * 0.5) ** 3,
            ),
            (
                TrainingConfig(optimizer="muon", lr=0.01, muon_lr=0.2, weight_decay=0.5),
                (4, 3),
                (1 - 0.2 * 0.5) ** 3,
            ),
            (
                TrainingConfig(optimizer="muon", lr=0.01, muon_lr=0.2, weight_decay=0.5),
                (4,),
                (1 - 0.01 * 0.5) ** 3,
            ),
        ],
        ids=["adam", "adamw", "muon_matrix", "muon_vector"],
    )
    def test_weight_decay_is_decoupled(
        self, config: TrainingConfig, shape: tuple[int, ...], factor: float
    ) -> None:
        """Without a gradient each step scales by 1 - rate * decay; Adam has none."""
        parameter, optimizer = player(config, shape)
        start = parameter.detach().clone()
        for step in range(3):
            optimizer.step((parameter * 0).sum(), {"weight": parameter}, [step])
        torch.testing.assert_close(parameter.detach(), start * factor)

    @pytest.mark.parametrize("name", ["adam", "adamw"])
    def test_equals_pytorchs(self, name: str) -> None:
        config = TrainingConfig(optimizer=name, lr=0.03, beta1=0.7, beta2=0.8, weight_decay=0.2)  # type: ignore[arg-type]
        parameter, optimizer = player(config)
        other = nn.Parameter(parameter.detach().clone())
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
        torchs = kind(
            [other], lr=0.03, betas=(0.7, 0.8), weight_decay=0.2 if name == "adamw" else 0.0
        )
        for step in range(4):
            optimizer.step(parameter.sin().square().sum(), {"weight": parameter}, [step])
            torchs.zero_grad()
            other.sin().square().sum().backward()
            torchs.step()
        torch.testing.assert_close(parameter, other)

    @pytest.mark.parametrize("name", ["adam", "adamw", "muon"])
    def test_follows_the_schedule(self, name: str) -> None:
        """The first steps of Adam and Muon do not depend on the gradient's size, only on the rate: half of it."""
        usual = {"optimizer": name, "schedule": "warmup_linear", "weight_decay": 0.0}
        moves = []
        for warmup in (0.0, 0.2):  # of 10 steps: 0 or 2, of which the first has half the rate
            parameter, optimizer = player(TrainingConfig(**usual, warmup=warmup))
            start = parameter.detach().clone()
            optimizer.step(parameter.sum(), {"weight": parameter}, [0])
            moves.append(parameter.detach() - start)
        torch.testing.assert_close(moves[0] / 2, moves[1], rtol=1e-3, atol=1e-6)

    def test_leaves_no_gradient_behind(self) -> None:
        parameter, optimizer = player(TrainingConfig())
        other = nn.Parameter(torch.ones(4, 3))
        optimizer.step((parameter * other).sum(), {"weight": parameter}, [0])
        assert parameter.grad is None and other.grad is None

    @pytest.mark.parametrize(("clip", "norm"), [(None, 20.0), (0.5, 0.5), (50.0, 20.0)])
    def test_clipping_bounds_the_norm_of_all_of_a_players_gradients(
        self, clip: float | None, norm: float
    ) -> None:
        """12 gradients of 3 and 4 of the root of 73: sqrt(12 * 9 + 4 * 73) = 20."""
        mine = {"weight": nn.Parameter(torch.ones(4, 3)), "bias": nn.Parameter(torch.ones(4))}
        optimizer = PlayerOptimizer.create_single(
            mine, TrainingConfig(clip_norm=clip, optimizer="muon"), 10
        )
        optimizer.step(3 * mine["weight"].sum() + math.sqrt(73) * mine["bias"].sum(), mine, [0])
        assert gradient_norm(optimizer) == pytest.approx(norm, rel=1e-5)

    def test_each_player_is_clipped_by_itself(self) -> None:
        net = network("gan", clip_norm=1e-3)
        noise = net.draw(8, rng())
        for name in net.config.players:
            mine = net.player_parameters(name)
            optimizer = PlayerOptimizer.create_single(mine, net.config, 10)
            optimizer.step(net(name, batch("gan", 8), noise)[0], mine, [0])
            assert gradient_norm(optimizer) == pytest.approx(1e-3, rel=1e-3)

    def test_state_resumes(self) -> None:
        config = TrainingConfig(optimizer="muon")
        (one, optimizer), (other, fresh) = player(config), player(config)
        optimizer.step(one.square().sum(), {"weight": one}, [0])
        with torch.no_grad():
            other.copy_(one)
        fresh.load_state_dict(copy.deepcopy(optimizer.state))
        for stepper, parameter in ((optimizer, one), (fresh, other)):
            stepper.step(parameter.sin().sum(), {"weight": parameter}, [1])
        assert torch.equal(one, other)


def gradient_norm(optimizer: PlayerOptimizer) -> float:
    """Of the gradients of its first step, which each running mean holds at a share of 1 less its decay."""
    config, means = (
        optimizer.configs[0],
        {name: state["mean"] for name, state in optimizer.state.items()},
    )
    decay = {
        name: config.beta1 if "square" in state else config.muon_momentum
        for name, state in optimizer.state.items()
    }
    return (
        torch.cat([(mean / (1 - decay[name])).flatten() for name, mean in means.items()])
        .norm()
        .item()
    )


class TestSchedule:
    def test_constant_is_one(self) -> None:
        assert {compute_rate_factor(TrainingConfig(), step, 10) for step in range(10)} == {1.0}

    @pytest.mark.parametrize("total", [1, 2, 3, 10, 77])
    def test_one_cycle_is_pytorchs(self, total: int) -> None:
        optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=total)
        expected = []
        for _ in range(total):
            expected.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if len(expected) < total:
                scheduler.step()
        factors = [
            compute_rate_factor(TrainingConfig(schedule="one_cycle"), step, total)
            for step in range(total)
        ]
        assert factors == pytest.approx(expected, rel=1e-9, abs=1e-12)

    def test_warmup_linear_rises_holds_and_falls(self) -> None:
        """Of 20 steps: 4 rise by quarters (warmup 0.2), 1 up to step 10 (hold 0.5), then falls by tenths to 0.1."""
        config = TrainingConfig(schedule="warmup_linear", warmup=0.2, hold=0.5)
        factors = [compute_rate_factor(config, step, 20) for step in range(20)]
        falling = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
        assert factors == pytest.approx([0.25, 0.5, 0.75, 1.0] + [1.0] * 6 + falling)

    @pytest.mark.parametrize(
        ("warmup", "hold", "expected"),
        [
            (0.0, 1.0, [1.0, 1.0, 1.0, 1.0]),
            (1.0, 1.0, [0.25, 0.5, 0.75, 1.0]),
            (0.0, 0.0, [1.0, 0.75, 0.5, 0.25]),
            (1.0, 0.0, [0.25, 0.5, 0.5, 0.25]),
        ],
    )
    def test_warmup_linear_at_its_ends(
        self, warmup: float, hold: float, expected: list[float]
    ) -> None:
        """Four steps; where rising and falling meet, the lower of the two."""
        config = TrainingConfig(schedule="warmup_linear", warmup=warmup, hold=hold)
        assert [compute_rate_factor(config, step, 4) for step in range(4)] == pytest.approx(
            expected
        )
