"""The layers that models are built of, against independent formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

from gensweep.core.alphabet import encode
from gensweep.nn.glyph_codec import GlyphDecoder, GlyphEncoder, apply_affine, join_glyphs
from gensweep.nn.init import init_weights
from gensweep.nn.lstm import LSTM, EncoderDecoder
from gensweep.nn.picture_codec import PictureDecoder, PictureEncoder, interleave
from gensweep.nn.text_head import compute_answer_loss, format_answer, reverse_answer


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def filled(module: Any, scheme: str, seed: int = 0) -> Any:
    init_weights(module, scheme, rng(seed))
    return module


DENSE = [
    # A layer, and the fan in and out of its weights: inputs or outputs times the kernel's area. A transposed
    # convolution's weight is [inputs, outputs, 3, 3]; PyTorch takes its second axis for the fan in.
    (lambda: nn.Linear(300, 200), 300, 200),
    (lambda: nn.Conv2d(16, 64, 3), 16 * 9, 64 * 9),
    (lambda: nn.ConvTranspose2d(16, 64, 3), 64 * 9, 16 * 9),
]


@pytest.mark.parametrize(
    ("make", "fan_in", "fan_out"), DENSE, ids=["Linear", "Conv2d", "ConvTranspose2d"]
)
class TestDenseInitialisation:
    def check_uniform(self, values: Tensor, limit: float) -> None:
        """Uniform in ±limit: the variance is limit^2 / 3, the mean 0, and the ends are nearly reached."""
        assert values.abs().max() <= limit
        assert values.abs().max() > 0.98 * limit
        deviation = limit / math.sqrt(3)
        assert values.std().item() == pytest.approx(deviation, rel=0.05)
        assert abs(values.mean().item()) < 4 * deviation / math.sqrt(values.numel())

    def test_keras_is_glorot_uniform_with_zero_biases(
        self, make, fan_in: int, fan_out: int
    ) -> None:
        layer = filled(make(), "keras")
        self.check_uniform(layer.weight, math.sqrt(6 / (fan_in + fan_out)))
        assert not layer.bias.any()

    def test_torch_is_uniform_in_one_over_root_fan_in(
        self, make, fan_in: int, fan_out: int
    ) -> None:
        """As `reset_parameters` fills weight and bias."""
        layer, reference = filled(make(), "torch"), make()
        bound = 1 / math.sqrt(fan_in)
        self.check_uniform(layer.weight, bound)
        assert 0.8 * bound < layer.bias.abs().max() <= bound
        assert reference.weight.abs().max() <= bound and reference.bias.abs().max() <= bound

    def test_layers_may_lack_a_bias(self, make, fan_in: int, fan_out: int) -> None:
        layer = type(make())(
            16, 64, **({} if isinstance(make(), nn.Linear) else {"kernel_size": 3}), bias=False
        )
        for scheme in ("torch", "keras"):
            assert filled(layer, scheme).weight.std() > 0


class TestInitialisation:
    def test_keras_lstm_is_orthogonal_with_forget_bias_one(self) -> None:
        layer = filled(LSTM(20, 30), "torch")
        init_weights(layer, "keras", rng())
        torch.testing.assert_close(
            layer.weight_hh.T @ layer.weight_hh, torch.eye(30), rtol=0, atol=1e-5
        )
        limit = math.sqrt(6 / (20 + 4 * 30))
        assert 0.98 * limit < layer.weight_ih.abs().max() <= limit
        assert layer.weight_ih.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)
        _, forget, _, _ = layer.bias.chunk(4)
        assert (forget == 1).all() and layer.bias.sum() == 30

    def test_torch_lstm_is_uniform_in_one_over_root_hidden(self) -> None:
        layer, bound = filled(LSTM(20, 25), "torch"), 1 / 5
        for parameter in layer.parameters():
            assert 0.95 * bound < parameter.abs().max() <= bound
            assert parameter.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)

    @pytest.mark.parametrize("scheme", ["torch", "keras"])
    def test_depends_on_the_generator_alone(self, scheme: str) -> None:
        def weights(seed: int) -> Tensor:
            layers = [EncoderDecoder(4, 5, 1, 2, 3), *(make() for make, _, _ in DENSE)]
            return nn.utils.parameters_to_vector(
                filled(nn.ModuleList(layers), scheme, seed).parameters()
            )

        assert torch.equal(weights(0), weights(0))
        assert not torch.equal(weights(0), weights(1))

    def test_a_module_without_a_rule_is_refused(self) -> None:
        class Scale(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.factor = nn.Parameter(torch.ones(2))

        with pytest.raises(TypeError, match="no initialisation rule for Scale"):
            init_weights(nn.Sequential(nn.Conv2d(1, 2, 3), Scale()), "keras", rng())


class TestPictures:
    @pytest.mark.parametrize("layers", [1, 2, 3, 4, 5])
    def test_encoder_and_decoder_halve_and_double_at_every_depth(self, layers: int) -> None:
        encoder, decoder = PictureEncoder(layers, 2, 6), PictureDecoder(6, layers, 2)
        for module in (encoder, decoder):
            init_weights(module, "keras", rng())
        pictures = torch.rand(2, 3, 64, 64, generator=rng())
        widths: list[int] = []
        for stage in [*encoder.stages, *decoder.stages]:
            if isinstance(stage, (nn.Conv2d, nn.ConvTranspose2d)):
                stage.register_forward_hook(
                    lambda module, inputs, output: widths.append(output.shape[-1])
                )
        vectors = encoder(pictures)
        assert vectors.shape == (2, 6)
        assert decoder(vectors).shape == pictures.shape
        assert widths == [64 // 2**k for k in range(1, layers + 1)] + [
            64 // 2**k for k in reversed(range(layers))
        ]

    def test_the_slope_is_that_of_negative_sums(self) -> None:
        """With kernels of zeros, the sums are the biases."""
        for slope, expected in ((0.2, [-0.2, 2.0]), (0.0, [0.0, 2.0])):
            stage = PictureEncoder(1, 2, 6, slope=slope).stages[0]
            stage.weight.data.zero_()
            stage.bias.data = torch.tensor([-1.0, 2.0])
            assert stage(torch.rand(1, 3, 64, 64))[0, :, 5, 7].tolist() == pytest.approx(expected)

    def test_interleave_alternates_rows(self) -> None:
        """Ten pictures in rows of four: 0-3, their copies, 4-7, theirs, 8-9, theirs."""
        numbers = torch.arange(10.0).reshape(10, 1, 1, 1)
        rows = interleave(numbers, numbers + 100, columns=4).flatten().tolist()
        assert rows == [
            0,
            1,
            2,
            3,
            100,
            101,
            102,
            103,
            4,
            5,
            6,
            7,
            104,
            105,
            106,
            107,
            8,
            9,
            108,
            109,
        ]


def amounts(**values: float) -> Tensor:
    names = ("angle", "size", "shear", "across", "down")
    return torch.tensor([[[values.get(name, 0.0) for name in names]]])


@pytest.fixture(scope="module")
def glyph() -> Tensor:
    """One glyph [1, 1, 28, 28], black but for its middle, so that nothing is lost at the border."""
    picture = torch.zeros(1, 1, 28, 28)
    picture[..., 8:20, 8:20] = torch.rand(12, 12, generator=rng())
    return picture


class TestGlyphs:
    def test_encoder_and_decoder_read_and_write_every_glyph_alike(self) -> None:
        encoder, decoder = GlyphEncoder(2, 6), GlyphDecoder(6, 2)
        for module in (encoder, decoder):
            init_weights(module, "keras", rng())
        pictures = torch.rand(2, 5, 28, 28, generator=rng())
        features = encoder(pictures)
        assert (features.shape, decoder(features).shape) == ((2, 5, 6), (2, 5, 28, 28))
        torch.testing.assert_close(encoder(pictures[:, 3:4]), features[:, 3:4])
        torch.testing.assert_close(decoder(features[:1, 2:]), decoder(features)[:1, 2:])

    def test_joined_stands_side_by_side(self) -> None:
        pictures = torch.rand(2, 3, 28, 28, generator=rng())
        strip = join_glyphs(pictures)
        assert strip.shape == (2, 1, 28, 84)
        for index in range(3):
            assert torch.equal(strip[:, 0, :, 28 * index : 28 * (index + 1)], pictures[:, index])

    def test_affine_by_nothing_is_the_identity(self) -> None:
        pictures = torch.rand(2, 5, 28, 28, generator=rng())
        torch.testing.assert_close(
            apply_affine(pictures, torch.zeros(2, 5, 5)), pictures, rtol=0, atol=1e-5
        )

    def test_affine_shifts_by_two_pixels(self, glyph: Tensor) -> None:
        """Each pixel shows what was two to its right, or two below."""
        for direction, axis in (("across", 3), ("down", 2)):
            shifted = apply_affine(glyph, amounts(**{direction: 1}))
            torch.testing.assert_close(shifted, glyph.roll(-2, dims=axis), rtol=0, atol=1e-5)

    def test_affine_fills_up_with_black(self) -> None:
        shifted = apply_affine(torch.ones(1, 1, 28, 28), amounts(across=1))
        torch.testing.assert_close(
            shifted[0, 0].sum(0), torch.tensor([28.0] * 26 + [0.0] * 2), rtol=0, atol=1e-3
        )

    def test_affine_turns_by_ten_degrees(self, glyph: Tensor) -> None:
        """Nine times ten degrees is a quarter turn."""
        turned = apply_affine(glyph, amounts(angle=9))
        torch.testing.assert_close(turned, glyph.rot90(1, dims=(2, 3)), rtol=0, atol=1e-4)

    @pytest.mark.parametrize("seed", range(4))
    def test_affine_equals_bilinear_sampling_at_the_formulas_places(
        self, glyph: Tensor, seed: int
    ) -> None:
        """In coordinates from the centre, (x, y) shows (1 + size) R(angle) [[1, shear], [0, 1]] (x, y) + shift."""
        drawn = torch.rand(1, 1, 5, generator=rng(seed)) * 2 - 1
        angle, size, shear, across, down = drawn.flatten().tolist()
        turn = math.radians(10 * angle)
        rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        matrix = (1 + 0.1 * size) * rotation @ np.array([[1, 0.1 * shear], [0, 1]])
        y, x = np.mgrid[:28, :28] - 13.5
        seen = matrix @ np.stack([x.ravel(), y.ravel()]) + 2 * np.array([[across], [down]]) + 13.5
        expected = ndimage.map_coordinates(glyph[0, 0].numpy(), seen[::-1], order=1).reshape(28, 28)
        result = apply_affine(glyph, drawn)[0, 0].numpy()
        assert np.abs(expected - glyph[0, 0].numpy()).max() > 0.1
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4)


def codes(*answers: str) -> Tensor:
    return torch.tensor(np.stack([encode(answer, 3) for answer in answers])).long()


class TestText:
    def test_loss_is_the_mean_over_characters_of_minus_log_softmax(self) -> None:
        """At equal logits every character costs log 13; where the right one leads by 2, log(12 + e^2) - 2."""
        answer = codes("46", "105")
        logits = torch.zeros(2, 3, 13)
        for index in range(2):
            logits[1, index, answer[1, index]] = 2.0
        leading = math.log(12 + math.e**2) - 2
        expected = [math.log(13), (2 * leading + math.log(13)) / 3]
        assert compute_answer_loss(logits, answer).tolist() == pytest.approx(expected, rel=1e-6)

    def test_reversed_answers_begin_with_their_units(self) -> None:
        answers = codes("46", "105", "-14", "7", " 64", "4 6", "")
        expected = codes("64", "501", "41-", "7", " 64", "4 6", "")
        assert torch.equal(reverse_answer(answers), expected)

    def test_reversed_twice_every_answer_is_itself(self) -> None:
        """So a wrong answer never becomes a right one."""
        every = torch.cartesian_prod(*[torch.arange(13)] * 3)
        assert torch.equal(reverse_answer(reverse_answer(every)), every)

    @pytest.mark.parametrize(
        ("guess", "right", "caption"),
        [("46", "46", "46 (right)"), ("47", "46", "47 (is 46)"), ("", "105", "nothing (is 105)")],
    )
    def test_captions_say_what_is_right(self, guess: str, right: str, caption: str) -> None:
        assert format_answer(codes(guess)[0], codes(right)[0]) == caption
