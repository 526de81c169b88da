"""The metrics, on tensors small enough to check by hand, and the losses that they average."""

from __future__ import annotations

import inspect
import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance
from tiny import CPU, batch, point
from torch import Tensor
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.nn import functional as F

from gensweep.core.alphabet import ANSWER_LENGTH, QUERY_LENGTH, encode
from gensweep.core.errors import UnknownNameError, UserError
from gensweep.core.registries import DERIVED, METRICS, MODELS, register_metric
from gensweep.core.roles import format_range
from gensweep.core.soundness import FEATURES_VARIABLE
from gensweep.metrics import _features, _set_distances, generation
from gensweep.metrics._answers import count_carries, parse
from gensweep.metrics._features import extract_features
from gensweep.metrics._inception import INCEPTION_WEIGHTS
from gensweep.metrics._random_vgg import build_random_vgg
from gensweep.metrics.pictures import PROJECTIONS
from gensweep.models.gan.network import GANNetwork
from gensweep.models.vae.network import VAENetwork, negative_log_likelihood
from gensweep.nn.base_network import Network
from gensweep.report.record_metrics import UNDEFINED
from gensweep.train.networks import build_network

PINNED = 2.9630
"""Mean of the random network's features of three pictures of noise, seed 1."""


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def compute(name: str, tool: Any = None, **outputs: Tensor) -> Any:
    """A metric of these outputs, whatever it needs derived from them."""
    for need in set(METRICS[name].needs) - set(outputs):
        entry = DERIVED[need]
        tools = [tool] if entry.tool else []
        outputs[need] = entry.compute(
            *(outputs[name] for name in entry.find_source(outputs) or ()), *tools
        )
    return METRICS[name].compute(outputs)


def codes(*texts: str, length: int = ANSWER_LENGTH) -> Tensor:
    return torch.tensor(np.stack([encode(text, length) for text in texts])).long()


def network(name: str, **params: Any) -> Network:
    return build_network(point(name, **params).model_config(), 0, CPU)


@pytest.mark.parametrize("name", list(METRICS))
class TestEveryMetric:
    def test_is_documented(self, name: str) -> None:
        entry = METRICS[name]
        assert entry.name == name and entry.doc and entry.unit
        assert entry.direction in ("max", "min", "none") and entry.when in ("always", "test")

    def test_declares_its_range_and_says_it_nowhere_else(self, name: str) -> None:
        entry = METRICS[name]
        unlimited = {"loss", "kid_x1000_random_vgg", "kid_x1000_inception"}
        assert (entry.range == (None, None)) == (name in unlimited)
        if entry.unit == "fraction":
            assert entry.range == (0, 1)
        assert not re.search(r"\brange\b|(higher|lower) is better", entry.doc, re.IGNORECASE)

    def test_has_a_role_or_is_never_chosen(self, name: str) -> None:
        entry = METRICS[name]
        if entry.main_rank is not None:
            assert entry.direction != "none", "a main metric ranks cells"

    def test_says_when_it_has_no_value(self, name: str) -> None:
        may_be_undefined = "None" in inspect.signature(METRICS[name].compute).return_annotation
        assert bool(UNDEFINED.search(METRICS[name].doc)) == may_be_undefined

    def test_is_some_models(self, name: str) -> None:
        assert any(METRICS[name].is_applicable(model.outputs) for _, model in MODELS.items())


def test_no_two_metrics_have_the_same_rank() -> None:
    ranks = [entry.main_rank for _, entry in METRICS.items() if entry.main_rank is not None]
    assert len(ranks) == len(set(ranks)) == 7


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((0, 1), "0 to 1"),
        ((-1, 1), "-1 to 1"),
        ((0, None), "0 and up"),
        ((None, 0.5), "up to 0.5"),
        ((None, None), "any number"),
    ],
)
def test_a_range_in_words(bounds: tuple[float | None, float | None], text: str) -> None:
    assert format_range(bounds) == text


def test_wrong_ranges_and_roles_are_refused() -> None:
    about: dict[str, Any] = {"needs": ("sample",), "unit": "pixel", "direction": "max"}
    with pytest.raises(UserError, match=r"metric 'sharpness': range \(1, 0\) does not rise"):
        register_metric("sharpness", range=(1, 0), **about)
    with pytest.raises(UserError, match="role 'picture' is not one of answers, drawn_answers"):
        register_metric("sharpness", roles=("picture",), **about)


def test_a_direction_is_not_guessed() -> None:
    with pytest.raises(
        UserError, match="metric 'sharpness': direction 'up' is not one of max, min, none"
    ):
        register_metric("sharpness", needs=("sample",), unit="pixel", direction="up")
    with pytest.raises(
        UserError, match="metric 'sharpness': when 'never' is not one of always, test"
    ):
        register_metric("sharpness", needs=("sample",), unit="pixel", direction="max", when="never")


@pytest.mark.parametrize("name", list(DERIVED))
def test_every_derived_output_is_documented_and_some_metrics(name: str) -> None:
    entry = DERIVED[name]
    assert entry.name == name and entry.doc and entry.needs
    assert any(name in other.needs for _, other in METRICS.items())
    assert any(entry.find_source(model.outputs) for _, model in MODELS.items())


def test_derived_outputs_come_from_the_first_outputs_that_a_model_yields() -> None:
    entry = DERIVED["similarity"]
    assert entry.find_source(("loss", "generated", "target")) == ("generated", "target")
    assert entry.find_source(("reconstruction", "picture", "generated")) == (
        "reconstruction",
        "picture",
    )
    assert entry.find_source(("generated", "picture")) is None


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


def long_carries(first: int, second: int) -> int:
    """Column by column, from the right."""
    carry = count = 0
    while first or second or carry:
        carry = int(first % 10 + second % 10 + carry > 9)
        count, first, second = count + carry, first // 10, second // 10
    return count


def long_borrows(first: int, second: int) -> int:
    """Column by column, the smaller number from the larger one."""
    larger, smaller = max(first, second), min(first, second)
    borrow = count = 0
    while larger or smaller:
        borrow = int(larger % 10 - borrow < smaller % 10)
        count, larger, smaller = count + borrow, larger // 10, smaller // 10
    return count


class FakeReader:
    """Reads the code that the first pixel says, times 100."""

    accuracy, digits = 0.97, 100

    def read(self, pictures: Tensor) -> Tensor:
        return (pictures[..., 0, 0] * 100).round().long()


class TestReading:
    """Answers 46, 5 and -3; what is drawn reads as 46, 6 and 3-."""

    ANSWER = codes("46", "5", "-3")

    def read(self, name: str) -> Any:
        generated = torch.zeros(3, 3, 28, 28)
        generated[..., 0, 0] = codes("46", "6", "3-") / 100
        return compute(name, FakeReader(), generated=generated, answer=self.ANSWER)

    def test_counts_characters_and_answers_as_read(self) -> None:
        """3 + 2 + 1 of 9 characters, 1 of 3 answers"""
        assert self.read("read_char_accuracy") == 6 / 9
        assert self.read("read_exact_match") == 1 / 3

    def test_what_is_no_integer_is_counted_and_left_out(self) -> None:
        assert self.read("read_unparsable") == 1 / 3
        assert self.read("read_mean_absolute_error") == 1 / 2

    def test_the_readers_own_accuracy_stands_beside(self) -> None:
        assert self.read("reader_digit_accuracy") == 0.97

    def test_of_a_reader_that_could_not_be_measured_there_is_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FakeReader, "accuracy", math.nan)
        assert self.read("reader_digit_accuracy") is None


class TestText:
    ANSWER = torch.tensor([[4, 6, 12], [1, 0, 5], [11, 1, 4], [7, 12, 12]])
    PREDICTED = torch.tensor([[4, 6, 12], [1, 0, 6], [10, 2, 4], [7, 12, 12]])

    def test_char_accuracy_counts_characters(self) -> None:
        """3 + 2 + 1 + 3 of 12"""
        assert compute("char_accuracy", predicted=self.PREDICTED, answer=self.ANSWER) == 9 / 12

    def test_exact_match_counts_whole_answers(self) -> None:
        """The first and the last of 4"""
        assert compute("exact_match", predicted=self.PREDICTED, answer=self.ANSWER) == 2 / 4

    @pytest.mark.parametrize(
        ("text", "number"),
        [("46", 46), ("-5", -5), ("0", 0), ("-0", 0), ("007", 7), ("198", 198), ("-99", -99)]
        + [
            (text, None)
            for text in ("", "-", "--1", "1-2", "12-", "4 6", " 46", "+46", "4+6", "- 5", "+")
        ],
    )
    def test_an_integer_is_digits_after_a_minus_sign_or_not(
        self, text: str, number: int | None
    ) -> None:
        assert parse(text) == parse(text.ljust(3)) == number

    def test_unparsable_answers_are_counted_and_left_out_of_the_error(self) -> None:
        """Of 5, two say nothing; the others are off by 0, 4 and 51."""
        pass_inputs = {
            "predicted": codes("46", "", "1-2", "50", "-5"),
            "answer": codes("46", "1", "-12", "46", "46"),
        }
        assert compute("unparsable", **pass_inputs) == 2 / 5
        assert compute("mean_absolute_error", **pass_inputs) == 55 / 3

    def test_the_error_is_not_defined_where_nothing_can_be_parsed(self) -> None:
        pass_inputs = {"predicted": codes("", "-"), "answer": codes("1", "2")}
        assert compute("mean_absolute_error", **pass_inputs) is None
        assert compute("unparsable", **pass_inputs) == 1

    def test_exact_match_by_operator(self) -> None:
        """1 of 2 additions and 2 of 3 subtractions"""
        query = codes("12+34", "99+99", "5-7", "30-4", "0-0", length=QUERY_LENGTH)
        pass_inputs = {"query": query, "answer": codes("46", "198", "-2", "26", "0")}
        pass_inputs["predicted"] = codes("46", "199", "-2", "36", "0")
        assert compute("exact_match_plus", **pass_inputs) == 1 / 2
        assert compute("exact_match_minus", **pass_inputs) == 2 / 3
        only = {name: value[:2] for name, value in pass_inputs.items()}
        assert compute("exact_match_minus", **only) is None

    def test_exact_match_by_carries(self) -> None:
        """None in 12+34 and 57-23; one in 15+5, 50+60, 30-4 and 4-30; two in 99+1 and 55+45."""
        texts = ("12+34", "57-23", "15+5", "50+60", "30-4", "4-30", "99+1", "55+45")
        answers = ("46", "34", "20", "110", "26", "-26", "100", "100")
        wrong = ("46", "35", "20", "111", "26", "-27", "100", "0")
        pass_inputs = {
            "query": codes(*texts, length=5),
            "answer": codes(*answers),
            "predicted": codes(*wrong),
        }
        assert [compute(f"exact_match_carries_{count}", **pass_inputs) for count in range(3)] == [
            1 / 2,
            2 / 4,
            1 / 2,
        ]
        none = {name: value[:6] for name, value in pass_inputs.items()}
        assert compute("exact_match_carries_2", **none) is None

    def test_carries_are_those_of_long_addition_and_subtraction(self) -> None:
        for first, second in itertools.product(range(0, 100, 3), range(100)):
            assert count_carries(first, "+", second) == long_carries(first, second), (first, second)
            assert count_carries(first, "-", second) == long_borrows(first, second), (first, second)


class TestPictures:
    @pytest.mark.parametrize(
        ("name", "built", "true"),
        [("mse", "generated", "target"), ("reconstruction_mse", "reconstruction", "picture")],
    )
    def test_squared_errors_are_averaged_over_pixels(
        self, name: str, built: str, true: str
    ) -> None:
        """Of 2 x 4 pixels, one is off by 1 and one by 0.5: (1 + 0.25) / 8"""
        target = torch.zeros(2, 1, 2, 2)
        guess = target.clone()
        guess[0, 0, 0, 0], guess[1, 0, 1, 1] = 1.0, -0.5
        assert compute(name, **{built: guess, true: target}) == 1.25 / 8


def window(sigma: float = 1.5, reach: int = 5) -> np.ndarray:
    """The Gaussian window of Wang et al. 2004, 11 pixels wide; weights that add up to 1."""
    along = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return np.outer(along, along) / along.sum() ** 2


def structural_similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Pixel by pixel, by the formula; pictures [h, w] in 0..1, mirrored beyond their borders."""
    weights, values = window(), []
    one, other = (np.pad(picture.astype(float), 5, mode="reflect") for picture in (one, other))
    for row, column in itertools.product(range(one.shape[0] - 10), range(one.shape[1] - 10)):
        x, y = (picture[row : row + 11, column : column + 11] for picture in (one, other))
        mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
        var_x, var_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
        both = (weights * (x - mean_x) * (y - mean_y)).sum()
        likeness = (2 * mean_x * mean_y + 1e-4) * (2 * both + 9e-4)
        values.append(likeness / ((mean_x**2 + mean_y**2 + 1e-4) * (var_x + var_y + 9e-4)))
    return float(np.mean(values))


class TestSSIM:
    def test_is_the_formula_of_the_paper(self) -> None:
        one, other = (torch.rand(2, 3, 12, 14, generator=rng(seed)) for seed in (1, 2))
        other = 0.3 * one + 0.7 * other
        pairs = zip(one.flatten(0, 1).numpy(), other.flatten(0, 1).numpy(), strict=True)
        expected = np.mean([structural_similarity(*pair) for pair in pairs])
        assert 0.1 < expected < 0.9
        assert compute("ssim", reconstruction=one, picture=other) == pytest.approx(
            expected, abs=1e-5
        )
        assert compute("ssim", generated=one, target=other) == pytest.approx(expected, abs=1e-5)

    def test_belongs_to_its_own_example(self) -> None:
        one, other = (torch.rand(3, 3, 16, 16, generator=rng(seed)) for seed in (1, 2))
        other[1] = one[1]
        result = DERIVED["similarity"].compute(one, other)
        assert result.shape == (3,)
        assert result[1].item() == pytest.approx(1) and result[0] < 0.5 and result[2] < 0.5

    @pytest.mark.parametrize("shape", [(5, 1, 28, 28), (3, 3, 64, 64), (2, 3, 6, 40)])
    @pytest.mark.parametrize(("lowest", "tolerance"), [(0.0, 1e-6), (0.9, 1e-5), (0.999, 1e-4)])
    def test_is_that_of_torchmetrics(
        self, shape: tuple[int, ...], lowest: float, tolerance: float
    ) -> None:
        """In double precision; in single precision nearly white pictures, of hardly any variance, lose most."""
        from torchmetrics.functional.image import structural_similarity_index_measure

        one, other = (
            lowest + (1 - lowest) * torch.rand(shape, generator=rng(seed)).double()
            for seed in (1, 2)
        )
        expected = structural_similarity_index_measure(
            one, other, sigma=1.5, data_range=1.0, reduction="none", return_full_image=True
        )[1].mean((1, 2, 3))
        similarity = DERIVED["similarity"].compute
        torch.testing.assert_close(similarity(one, other), expected, rtol=1e-10, atol=0)
        single = similarity(one.float(), other.float())
        torch.testing.assert_close(single.double(), expected, rtol=0, atol=tolerance)


def pass_inputs(measure: Any, count: int, **options: Any) -> Any:
    """A metric of torchmetrics that takes features [n, count] as they are."""
    network = torch.nn.Identity()
    network.num_features = count
    return measure(feature=network, **options)


class TestGeneration:
    """In features given, so that formulas can be written down."""

    A = torch.randn(40, 6, generator=rng(1), dtype=torch.float64)
    B = torch.randn(40, 6, generator=rng(2), dtype=torch.float64) * 1.5 + 0.5

    def many(self, count: int, features: int, seed: int) -> Tensor:
        return torch.randn(count, features, generator=rng(seed), dtype=torch.float64)

    def between(self, name: str, sample: Tensor, picture: Tensor) -> float:
        outputs = {"sample_features_random_vgg": sample, "picture_features_random_vgg": picture}
        return METRICS[f"{name}_random_vgg"].compute(outputs)  # type: ignore[return-value]

    def test_fid_is_the_distance_of_the_fitted_normal_distributions(self) -> None:
        """|m - n|^2 + tr(S + T - 2 (S^1/2 T S^1/2)^1/2), by SciPy's roots of matrices."""
        m, n = self.A.mean(0).numpy(), self.B.mean(0).numpy()
        s, t = np.cov(self.A.numpy().T), np.cov(self.B.numpy().T)
        root = sqrtm(s)
        expected = ((m - n) ** 2).sum() + np.trace(s + t - 2 * np.real(sqrtm(root @ t @ root)))
        assert self.between("fid", self.A, self.B) == pytest.approx(expected, rel=1e-6)
        assert self.between("fid", self.A + 2, self.A) == pytest.approx(4 * 6, rel=1e-6)

    def test_fid_of_what_is_not_finite_is_not_finite(self) -> None:
        assert math.isnan(self.between("fid", self.A * math.nan, self.B))
        assert math.isnan(self.between("fid", self.A, self.B / 0))

    @pytest.mark.parametrize("features", [6, 100])
    def test_fid_is_that_of_torchmetrics(self, features: int) -> None:
        """Of more pictures than features, and of fewer."""
        from torchmetrics.image.fid import FrechetInceptionDistance

        sample, picture = self.many(60, features, 1), self.many(50, features, 2) * 1.5 + 0.5
        expected = pass_inputs(FrechetInceptionDistance, features)
        expected.update(picture, real=True)
        expected.update(sample, real=False)
        assert self.between("fid", sample, picture) == pytest.approx(
            expected.compute().item(), rel=1e-6
        )

    def test_kid_is_the_unbiased_sum_over_the_kernel(self) -> None:
        a, b = self.A.numpy(), self.B.numpy()
        kernel = lambda x, y: (x @ y / 6 + 1) ** 3  # noqa: E731
        mine = sum(
            kernel(x[i], x[j]) for x in (a, b) for i in range(40) for j in range(40) if i != j
        ) / (40 * 39)
        cross = sum(kernel(x, y) for x in a for y in b) / 40**2
        assert self.between("kid_x1000", self.A, self.B) == pytest.approx(
            1000 * (mine - 2 * cross), rel=1e-9
        )

    @pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save:UserWarning")
    @pytest.mark.parametrize(("largest", "subset", "subsets"), [(1000, 50, 1), (20, 20, 10)])
    def test_kid_is_that_of_torchmetrics(
        self, monkeypatch: pytest.MonkeyPatch, largest: int, subset: int, subsets: int
    ) -> None:
        """On the same subsets, which it draws by the global generator."""
        from torchmetrics.image.kid import KernelInceptionDistance

        monkeypatch.setattr(_set_distances, "KID_SUBSET", largest)
        sample, picture = self.many(60, 6, 1), self.many(50, 6, 2) * 1.5 + 0.5
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            expected = pass_inputs(KernelInceptionDistance, 6, subsets=subsets, subset_size=subset)
            expected.update(picture, real=True)
            expected.update(sample, real=False)
            value = expected.compute()[0].item()
        assert self.between("kid_x1000", sample, picture) == pytest.approx(1000 * value, rel=1e-9)

    def test_kid_of_many_is_the_same_again(self) -> None:
        """Ten subsets of a thousand, drawn by a seed of their own; the global generator is left alone."""
        many = torch.randn(1100, 4, generator=rng(3), dtype=torch.float64)
        before = torch.get_rng_state()
        once, again = (self.between("kid_x1000", many + 0.5, many) for _ in range(2))
        assert once == again > 0
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize("chunk", [7, 1000])
    def test_density_and_coverage_are_counted_by_hand(
        self, monkeypatch: pytest.MonkeyPatch, chunk: int
    ) -> None:
        monkeypatch.setattr(_set_distances, "CHUNK_SIZE", chunk)
        sample, picture = self.B[:30].tolist(), self.A.tolist()
        inside = 0
        covered = set()
        for index, centre in enumerate(picture):
            others = sorted(
                math.dist(centre, other)
                for position, other in enumerate(picture)
                if position != index
            )
            hits = sum(math.dist(centre, point) < others[4] for point in sample)
            inside += hits
            covered |= {index} if hits else set()
        assert 0 < len(covered) < 40
        assert self.between("density", self.B[:30], self.A) == pytest.approx(inside / (5 * 30))
        assert self.between("coverage", self.B[:30], self.A) == len(covered) / 40

    def test_copies_of_one_picture_are_dense_and_cover_little(self) -> None:
        copies = self.A[:1].repeat(40, 1)
        assert self.between("coverage", copies, self.A) < 0.5
        assert self.between("coverage", self.A, self.A) == 1
        assert (
            self.between("density", self.A + 100, self.A)
            == self.between("coverage", self.A + 100, self.A)
            == 0
        )


class TestFeatures:
    PICTURES = torch.rand(3, 3, 64, 64, generator=rng(1))

    def test_of_the_random_network_are_always_the_same(self) -> None:
        """Pinned: other weights would make old distances others."""
        once = extract_features("random_vgg", self.PICTURES)
        _features._load_network.cache_clear()
        assert torch.equal(extract_features("random_vgg", self.PICTURES), once)
        assert once.shape == (3, 512)
        assert once.double().mean().item() == pytest.approx(PINNED, rel=1e-3)

    def test_of_the_random_network_are_those_of_torchvisions_vgg_11(self) -> None:
        """Layer for layer, with normal weights of variance 2 / inputs, drawn in its order."""
        from torchvision.models import vgg11

        network = build_random_vgg().requires_grad_(False)
        with torch.device("meta"):
            stages = vgg11(weights=None, init_weights=False).features.requires_grad_(False)
        stages.load_state_dict(network.state_dict(), assign=True)
        assert torch.equal(network(self.PICTURES), stages(self.PICTURES).mean((2, 3)))
        drawn = rng(0)
        for name, values in network.state_dict().items():
            normal = (
                torch.randn(values.shape, generator=drawn)
                if "weight" in name
                else torch.zeros(len(values))
            )
            torch.testing.assert_close(values, normal * math.sqrt(2 / values[0].numel()))

    def test_belong_to_their_own_picture(self) -> None:
        torch.testing.assert_close(
            extract_features("random_vgg", self.PICTURES[1:2]),
            extract_features("random_vgg", self.PICTURES)[1:2],
        )

    def test_of_real_pictures_are_computed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        requested: list[int] = []

        def counted(name: str, pictures: Tensor) -> Tensor:
            requested.append(len(pictures))
            return pictures.flatten(1)[:, :2]

        monkeypatch.setattr(_features, "extract_features", counted)
        monkeypatch.setattr(_features, "_CACHE", {})
        monkeypatch.setattr(_features, "MAX_BATCHES_CACHED", 2)
        batches = [self.PICTURES[:1], self.PICTURES[1:], self.PICTURES]
        for index in (0, 1, 0, 1, 2, 1, 0):
            result = _features.extract_cached_features("random_vgg", batches[index])
            assert torch.equal(result, batches[index].flatten(1)[:, :2])
        assert requested == [1, 2, 3, 1], "two are kept, the oldest makes room"

    def test_of_another_network_are_metrics_of_their_own(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "hub/checkpoints").mkdir(parents=True)
        (tmp_path / "hub/checkpoints" / INCEPTION_WEIGHTS).touch()
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setenv(FEATURES_VARIABLE, "random_vgg, inception")
        assert [network.name for network in _features.select_networks()] == [
            "random_vgg",
            "inception",
        ]
        result: dict[str, Any] = {}
        monkeypatch.setattr(
            generation,
            "register_metric",
            lambda name, **rest: lambda function: result.setdefault(name, rest),
        )
        monkeypatch.setattr(
            generation, "register_derived", lambda name, *rest, **more: lambda function: None
        )
        generation.register(_features.NETWORKS["inception"])
        assert list(result) == [
            "kid_x1000_inception",
            "kid_interval_inception",
            "fid_inception",
            "mind_inception",
            "density_inception",
            "coverage_inception",
        ]
        assert {rest["needs"] for rest in result.values()} == {
            ("sample_features_inception", "picture_features_inception")
        }
        assert [rest["min_examples"] for rest in result.values()] == [
            200,
            200,
            2049,
            200,
            200,
            200,
        ], "2,048 features and one more"

    def test_metrics_say_which_network(self) -> None:
        for name in ("fid", "kid_x1000", "mind", "density", "coverage"):
            assert "VGG-11" in METRICS[f"{name}_random_vgg"].doc
            assert name not in METRICS and f"{name}_inception" not in METRICS

    def test_need_more_pictures_than_a_covariance_has_features(self) -> None:
        """A covariance of n pictures has rank n - 1: 513 pictures span the 512 features of the default network."""
        assert METRICS["fid_random_vgg"].min_examples == 513
        assert "Computed from 513 test pictures or more" in METRICS["fid_random_vgg"].doc
        assert {
            METRICS[f"{name}_random_vgg"].min_examples
            for name in ("kid_x1000", "density", "coverage")
        } == {200}

    def test_a_network_that_is_not_here_is_an_error_before_anything_is_trained(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("TORCH_HOME", str(tmp_path))
        monkeypatch.setenv(FEATURES_VARIABLE, "inception")
        with pytest.raises(
            UserError, match=rf"{tmp_path}/hub/checkpoints/inception_v3.*nothing is downloaded"
        ):
            _features.select_networks()
        monkeypatch.setenv(FEATURES_VARIABLE, "inzeption")
        with pytest.raises(UnknownNameError, match=r"inzeption.*random_vgg"):
            _features.select_networks()


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
        assert self.distance(pictures + 1, pictures) == pytest.approx(
            math.sqrt(2 / math.pi), abs=3 * 0.038
        )

    def test_is_the_mean_of_one_dimensional_distances(self) -> None:
        """By SciPy, a direction at a time."""
        samples = torch.rand(9, 3, 4, 4, generator=rng(1)) ** 2
        pictures = torch.rand(9, 3, 4, 4, generator=rng(2))
        directions = self.directions(48)
        one, other = (x.flatten(1).double() @ directions for x in (samples, pictures))
        each = [
            wasserstein_distance(a, b) for a, b in zip(one.T.numpy(), other.T.numpy(), strict=True)
        ]
        assert self.distance(samples, pictures) == pytest.approx(float(np.mean(each)), rel=1e-5)


@pytest.fixture
def pictures() -> Tensor:
    return batch("vae", 3)["picture"]


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(3, 3, 64, 64, generator=rng(1))


class TestVAE:
    def test_bernoulli_nll_of_black_and_white_is_pytorchs(
        self, pictures: Tensor, logits: Tensor
    ) -> None:
        binary = pictures.round()
        expected = -Bernoulli(logits=logits).log_prob(binary).sum((1, 2, 3))
        torch.testing.assert_close(negative_log_likelihood(logits, binary, "bernoulli"), expected)

    def test_bernoulli_nll_of_grey_is_the_cross_entropy(
        self, pictures: Tensor, logits: Tensor
    ) -> None:
        """-x log p - (1 - x) log(1 - p), in double precision"""
        x, p = pictures.double(), torch.sigmoid(logits.double())
        expected = -(x * p.log() + (1 - x) * (1 - p).log()).sum((1, 2, 3))
        result = negative_log_likelihood(logits, pictures, "bernoulli").double()
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=0)

    def test_gaussian_nll_is_pytorchs_at_unit_variance(
        self, pictures: Tensor, logits: Tensor
    ) -> None:
        normal = Normal(logits.sigmoid().double(), torch.ones((), dtype=torch.float64))
        expected = -normal.log_prob(pictures.double()).sum((1, 2, 3))
        result = negative_log_likelihood(logits, pictures, "gaussian").double()
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=0)

    @pytest.mark.parametrize("beta", [1.0, 4.0])
    def test_terms_are_those_of_the_encoders_distribution(
        self, pictures: Tensor, beta: float
    ) -> None:
        """KL by PyTorch's distributions; the picture from mean + standard deviation * noise; loss = nll + beta kl."""
        vae = network("vae", beta=beta)
        assert isinstance(vae, VAENetwork)
        noise = vae.draw(3, rng(1))
        outputs = vae.evaluate({"picture": pictures}, noise)
        mean, log_variance = vae.encoder(pictures).tensor_split(2, dim=1)
        posterior = Independent(Normal(mean, log_variance.exp().sqrt()), 1)
        prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
        torch.testing.assert_close(
            outputs["kl"], kl_divergence(posterior, prior), rtol=1e-4, atol=1e-6
        )
        latent = posterior.mean + posterior.stddev * noise["posterior"]
        logits = vae.decoder(latent)
        torch.testing.assert_close(outputs["reconstruction"], logits.sigmoid())
        torch.testing.assert_close(
            outputs["nll"], negative_log_likelihood(logits, pictures, "bernoulli")
        )
        torch.testing.assert_close(outputs["loss"], outputs["nll"] + beta * outputs["kl"])
        torch.testing.assert_close(outputs["sample"], vae.decoder(noise["prior"]).sigmoid())


class TestGAN:
    def test_losses_are_cross_entropies_of_real_as_one_and_generated_as_zero(self) -> None:
        gan = network("gan")
        assert isinstance(gan, GANNetwork)
        pictures = batch("gan", 5)["picture"]
        noise = gan.draw(5, rng(1))
        entropy, ones, zeros = (
            F.binary_cross_entropy_with_logits,
            torch.ones(5, 1),
            torch.zeros(5, 1),
        )
        real = gan.discriminator(pictures)
        for player, label in (("discriminator", zeros), ("generator", ones)):
            judged = gan.discriminator(gan.generator(noise[player]).sigmoid())
            expected = entropy(judged, label) + (
                entropy(real, ones) if player == "discriminator" else 0
            )
            loss, terms = gan(player, {"picture": pictures}, noise)
            torch.testing.assert_close(loss, expected)
            assert list(terms) == [f"{player}_loss"] and torch.equal(terms[f"{player}_loss"], loss)

    def test_the_discriminators_loss_does_not_reach_the_generator(self) -> None:
        gan = network("gan")
        loss, _ = gan("discriminator", batch("gan", 5), gan.draw(5, rng(1)))
        parameters = list(gan.player_parameters("generator").values())
        assert set(torch.autograd.grad(loss, parameters, allow_unused=True)) == {None}

    def test_accuracy_is_the_share_that_is_told_apart(self) -> None:
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
        assert outputs["discriminator_loss"].tolist() == pytest.approx(
            [right + wrong] * 5, rel=1e-5
        )
        assert compute("discriminator_accuracy", **outputs) == 0.5
