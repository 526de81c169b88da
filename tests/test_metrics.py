"""The metrics, on tensors small enough to check by hand, and the losses that they average."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from tiny import CPU, batch, point
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.nn import functional as F

from gensweep.core.catalog import METRICS, MODELS, metric
from gensweep.layers.network import Network
from gensweep.metrics.pictures import PROJECTIONS
from gensweep.models.gan.network import GANNetwork
from gensweep.models.vae.network import VAENetwork, negative_log_likelihood
from gensweep.train.loop import build_network


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def compute(name: str, **outputs: Tensor) -> float:
    return METRICS[name].compute(outputs)


def network(name: str, **params: Any) -> Network:
    return build_network(point(name, **params).model_config(), 0, CPU)


@pytest.mark.parametrize("name", list(METRICS))
class TestEveryMetric:
    def test_is_documented(self, name: str) -> None:
        entry = METRICS[name]
        assert entry.name == name and entry.doc and entry.unit
        assert entry.direction in ("max", "min", "none")

    def test_is_some_models(self, name: str) -> None:
        assert any(METRICS[name].applies(model.outputs) for _, model in MODELS.items())


def test_a_direction_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="metric 'sharpness': direction 'up' is not max, min or none"):
        metric("sharpness", needs=("sample",), unit="pixel", direction="up")


class TestMeans:
    @pytest.mark.parametrize(
        ("name", "output"),
        [
            ("loss", "loss"),
            ("nll", "nll"),
            ("kl", "kl"),
            ("discriminator_loss", "discriminator_loss"),
            ("generator_loss", "generator_loss"),
            ("discriminator_accuracy", "judged_right"),
        ],
    )
    def test_of_what_an_example_yields(self, name: str, output: str) -> None:
        """(0.5 + 1 + 3) / 3 = 1.5"""
        assert compute(name, **{output: torch.tensor([0.5, 1.0, 3.0])}) == 1.5

    def test_of_many_are_summed_in_double_precision(self) -> None:
        """In float32 a million tenths add up to another mean."""
        tenths = torch.full((1_000_000,), 0.1)
        assert compute("loss", loss=tenths) == pytest.approx(float(np.float32(0.1)), rel=1e-12)


class TestText:
    ANSWER = torch.tensor([[4, 6, 12], [1, 0, 5], [11, 1, 4], [7, 12, 12]])
    PREDICTED = torch.tensor([[4, 6, 12], [1, 0, 6], [10, 2, 4], [7, 12, 12]])

    def test_char_accuracy_counts_characters(self) -> None:
        """3 + 2 + 1 + 3 of 12"""
        assert compute("char_accuracy", predicted=self.PREDICTED, answer=self.ANSWER) == 9 / 12

    def test_exact_match_counts_whole_answers(self) -> None:
        """The first and the last of 4"""
        assert compute("exact_match", predicted=self.PREDICTED, answer=self.ANSWER) == 2 / 4


class TestPictures:
    @pytest.mark.parametrize(
        ("name", "made", "true"), [("mse", "generated", "target"), ("reconstruction_mse", "reconstruction", "picture")]
    )
    def test_squared_errors_are_averaged_over_pixels(self, name: str, made: str, true: str) -> None:
        """Of 2 x 4 pixels, one is off by 1 and one by 0.5: (1 + 0.25) / 8"""
        target = torch.zeros(2, 1, 2, 2)
        guess = target.clone()
        guess[0, 0, 0, 0], guess[1, 0, 1, 1] = 1.0, -0.5
        assert compute(name, **{made: guess, true: target}) == 1.25 / 8


class TestSlicedWasserstein:
    def distance(self, sample: Tensor, picture: Tensor) -> float:
        return compute("sliced_wasserstein", sample=sample, picture=picture)

    def directions(self, numbers: int) -> Tensor:
        """The documented directions: 256 columns of normal numbers of seed 0, each scaled to length 1."""
        columns = torch.randn(numbers, PROJECTIONS, generator=rng(0)).double()
        return columns / columns.square().sum(0).sqrt()

    def test_of_equal_sets_in_any_order_is_zero(self) -> None:
        pictures = torch.rand(6, 3, 4, 4, generator=rng(1))
        assert self.distance(pictures, pictures) == 0
        assert self.distance(pictures.flip(0), pictures) == pytest.approx(0, abs=1e-7)

    def test_of_a_constant_shift_is_what_the_directions_sum_to(self) -> None:
        """Every projection moves by c * sum(direction)."""
        pictures, c = torch.rand(6, 3, 8, 8, generator=rng(1)), 0.3
        expected = (c * self.directions(192).sum(0)).abs().mean().item()
        assert self.distance(pictures + c, pictures) == pytest.approx(expected, rel=1e-4)

    def test_of_a_constant_shift_is_that_of_random_directions(self) -> None:
        """A random direction's coordinates sum to nearly a standard normal number, of mean size sqrt(2 / pi).

        Over 256 directions its standard error is sqrt(1 - 2 / pi) / 16 = 0.038.
        """
        pictures = torch.rand(4, 3, 16, 16, generator=rng(1))
        assert self.distance(pictures + 1, pictures) == pytest.approx(math.sqrt(2 / math.pi), abs=3 * 0.038)

    def test_is_the_mean_of_one_dimensional_distances(self) -> None:
        """By SciPy, a direction at a time."""
        samples = torch.rand(9, 3, 4, 4, generator=rng(1)) ** 2
        pictures = torch.rand(9, 3, 4, 4, generator=rng(2))
        directions = self.directions(48)
        one, other = (x.flatten(1).double() @ directions for x in (samples, pictures))
        each = [wasserstein_distance(a, b) for a, b in zip(one.T.numpy(), other.T.numpy(), strict=True)]
        assert self.distance(samples, pictures) == pytest.approx(float(np.mean(each)), rel=1e-5)


@pytest.fixture
def pictures() -> Tensor:
    return batch("vae", 3)["picture"]


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(3, 3, 64, 64, generator=rng(1))


class TestVAE:
    def test_bernoulli_nll_of_black_and_white_is_pytorchs(self, pictures: Tensor, logits: Tensor) -> None:
        binary = pictures.round()
        expected = -Bernoulli(logits=logits).log_prob(binary).sum((1, 2, 3))
        torch.testing.assert_close(negative_log_likelihood(logits, binary, "bernoulli"), expected)

    def test_bernoulli_nll_of_grey_is_the_cross_entropy(self, pictures: Tensor, logits: Tensor) -> None:
        """-x log p - (1 - x) log(1 - p), in double precision"""
        x, p = pictures.double(), torch.sigmoid(logits.double())
        expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3))
        result = negative_log_likelihood(logits, pictures, "bernoulli").double()
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=0)

    def test_gaussian_nll_is_pytorchs_at_unit_variance(self, pictures: Tensor, logits: Tensor) -> None:
        normal = Normal(logits.sigmoid().double(), torch.ones((), dtype=torch.float64))
        expected = -normal.log_prob(pictures.double()).sum((1, 2, 3))
        result = negative_log_likelihood(logits, pictures, "gaussian").double()
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=0)

    @pytest.mark.parametrize("beta", [1.0, 4.0])
    def test_terms_are_those_of_the_encoders_distribution(self, pictures: Tensor, beta: float) -> None:
        """KL by PyTorch's distributions; the picture from mean + standard deviation * noise; loss = nll + beta kl."""
        vae = network("vae", beta=beta)
        assert isinstance(vae, VAENetwork)
        noise = vae.draw(3, rng(1))
        outputs = vae.evaluate({"picture": pictures}, noise)
        mean, log_variance = vae.encoder(pictures).tensor_split(2, dim=1)
        posterior = Independent(Normal(mean, log_variance.exp().sqrt()), 1)
        prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
        torch.testing.assert_close(outputs["kl"], kl_divergence(posterior, prior), rtol=1e-4, atol=1e-6)
        latent = posterior.mean + posterior.stddev * noise["posterior"]
        logits = vae.decoder(latent)
        torch.testing.assert_close(outputs["reconstruction"], logits.sigmoid())
        torch.testing.assert_close(outputs["nll"], negative_log_likelihood(logits, pictures, "bernoulli"))
        torch.testing.assert_close(outputs["loss"], outputs["nll"] + beta * outputs["kl"])
        torch.testing.assert_close(outputs["sample"], vae.decoder(noise["prior"]).sigmoid())


class TestGAN:
    def test_losses_are_cross_entropies_of_real_as_one_and_generated_as_zero(self) -> None:
        gan = network("gan")
        assert isinstance(gan, GANNetwork)
        pictures = batch("gan", 5)["picture"]
        noise = gan.draw(5, rng(1))
        entropy, ones, zeros = F.binary_cross_entropy_with_logits, torch.ones(5, 1), torch.zeros(5, 1)
        real = gan.discriminator(pictures)
        for player, label in (("discriminator", zeros), ("generator", ones)):
            judged = gan.discriminator(gan.generator(noise[player]).sigmoid())
            expected = entropy(judged, label) + (entropy(real, ones) if player == "discriminator" else 0)
            loss, terms = gan(player, {"picture": pictures}, noise)
            torch.testing.assert_close(loss, expected)
            assert list(terms) == [f"{player}_loss"] and torch.equal(terms[f"{player}_loss"], loss)

    def test_the_discriminators_loss_does_not_reach_the_generator(self) -> None:
        gan = network("gan")
        loss, _ = gan("discriminator", batch("gan", 5), gan.draw(5, rng(1)))
        parameters = list(gan.player_parameters("generator").values())
        assert set(torch.autograd.grad(loss, parameters, allow_unused=True)) == {None}

    def test_accuracy_is_the_share_told_apart(self) -> None:
        """With a discriminator that only knows its bias, all pictures are real: half are told apart."""
        gan = network("gan")
        assert isinstance(gan, GANNetwork)
        with torch.no_grad():
            for parameter in gan.discriminator.parameters():
                parameter.zero_()
            gan.discriminator.output.bias.fill_(2.0)
        outputs = gan.evaluate(batch("gan", 5), gan.draw(5, rng(1)))
        assert outputs["judged_right"].tolist() == [0.5] * 5
        right, wrong = math.log1p(math.exp(-2)), math.log1p(math.exp(2))
        assert outputs["generator_loss"].tolist() == pytest.approx([right] * 5, rel=1e-5)
        assert outputs["discriminator_loss"].tolist() == pytest.approx([right + wrong] * 5, rel=1e-5)
        assert compute("discriminator_accuracy", **outputs) == 0.5
