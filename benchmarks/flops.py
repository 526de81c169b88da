"""Floating-point operations of a training step, counted from the layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.cases import SEQUENCES
from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH, QUERY_LENGTH
from gensweep.core.model import Model

CHARACTERS, GLYPH, SIZE, CHANNELS = len(ALPHABET), 28, 64, 3


@dataclass(frozen=True)
class Product:
    """One product of a layer in a training step.

    Attributes:
        flops: of the forward pass: two a multiply-add; biases and elementwise functions are not counted.
        input_gradient: whether the backward pass needs the gradient of what comes in.
    """

    flops: int
    input_gradient: bool = True

    @property
    def backward(self) -> int:
        """A product as large for the weights' gradient, another for the input's."""
        return self.flops * (1 + self.input_gradient)


def step_flops(model: Model) -> int:
    """Floating-point operations of one training step that the model cannot do without.

    Left out is what need not be computed: a product with a one-hot vector or with the zero state, an input of the
    decoder projected twice though it is the same at every step.
    """
    kinds: dict[str, Callable[[Any], int]] = dict.fromkeys(
        SEQUENCES, _sequence
    )
    kinds |= {"cae": _autoencoder, "vae": _autoencoder, "gan": _gan}
    return model.batch_size * kinds[model.name](model)


def _both(products: Sequence[Product]) -> int:
    return sum(product.flops + product.backward for product in products)


def _forward(products: Sequence[Product]) -> int:
    return sum(product.flops for product in products)


def _sequence(model: Any) -> int:
    """Of one example."""
    hidden, steps, answers = model.hidden, QUERY_LENGTH, ANSWER_LENGTH
    matrix = 2 * hidden * 4 * hidden
    found: list[Product] = []
    if model.name == "image_to_text":
        flat = model.glyph_encoder == "flat"
        found += [] if flat else _glyph_stages(model, steps, reading=True)
        found += [
            Product(
                2 * steps * model.get_step_width() * 4 * hidden,
                input_gradient=not flat,
            )
        ]
    found += [Product((steps - 1) * matrix)]
    found += [Product((2 * steps - 1) * matrix)] * (model.encoder_layers - 1)
    found += [Product(matrix), Product((answers - 1) * matrix)]
    found += [Product((2 * answers - 1) * matrix)] * (
        model.decoder_layers - 1
    )
    if model.name == "text_to_image":
        found += _glyph_stages(model, answers, reading=False)
    else:
        found += [Product(2 * answers * hidden * CHARACTERS)]
    return _both(found)


def _glyph_stages(model: Any, glyphs: int, reading: bool) -> list[Product]:
    """Two 3x3 convolutions and a dense layer for each glyph, or the way back."""
    filters, side = model.glyph_filters, GLYPH // 4
    outer = 2 * glyphs * 9 * filters * (2 * side) ** 2
    inner = 2 * glyphs * 9 * filters * 2 * filters * side**2
    dense = 2 * glyphs * 2 * filters * side**2 * model.hidden
    return [
        Product(outer, input_gradient=not reading),
        Product(inner),
        Product(dense),
    ]


def _encoder(model: Any) -> list[Product]:
    """Stride-2 convolutions from the picture on, which needs no gradient, then the dense layer."""
    kernel = 2 * 9 * model.filters
    found = [
        Product(kernel * CHANNELS * (SIZE // 2) ** 2, input_gradient=False)
    ]
    found += [
        Product(kernel * model.filters * (SIZE >> stage) ** 2)
        for stage in range(2, model.encoder_layers + 1)
    ]
    return [
        *found,
        Product(
            2
            * model.filters
            * (SIZE >> model.encoder_layers) ** 2
            * model.get_encoder_width()
        ),
    ]


def _decoder(model: Any, input_gradient: bool = True) -> list[Product]:
    """The dense layer, transposed convolutions that each double the picture, the convolution to colours."""
    side = SIZE >> model.decoder_layers
    kernel = 2 * 9 * model.filters
    found = [
        Product(
            2 * model.latent_dim * model.filters * side**2, input_gradient
        )
    ]
    found += [
        Product(kernel * model.filters * (side << stage) ** 2)
        for stage in range(model.decoder_layers)
    ]
    return [*found, Product(kernel * CHANNELS * SIZE**2)]


def _autoencoder(model: Any) -> int:
    return _both(_encoder(model) + _decoder(model))


def _gan(model: Any) -> int:
    """The discriminator judges real and generated pictures; the generator's gradient goes through it, not into it."""
    judge, generator = _encoder(model), _decoder(model, input_gradient=False)
    discriminator_step = _forward(generator) + 2 * _both(judge)
    generator_step = _both(generator) + 2 * _forward(judge)
    return discriminator_step + generator_step
