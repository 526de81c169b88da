"""The convolutions of pictures: those that halve their sides, their transposes, and the last one, to colours.

They can be differentiated once: neither `jvp` nor the gradient of a gradient goes through them.
"""

from __future__ import annotations

from torch import Tensor, nn

from gensweep import kernels


class ConvDown(nn.Conv2d):
    """A 3x3 convolution of stride 2 and a leaky ReLU: [B, inside, H, W] to [B, outside, H/2, W/2], H and W even.

    Args:
        inside, outside: channels.
        slope: of the leaky ReLU; 0 is the plain one, 1 none.

    Raises:
        ValueError: the slope is negative, so that activations would not tell the sums' sign; or, when it is called,
            pictures do not fit.
    """

    def __init__(self, inside: int, outside: int, slope: float = 0.0) -> None:
        super().__init__(inside, outside, 3, stride=2, padding=1)
        self.slope = _not_negative(slope)

    def forward(self, input: Tensor) -> Tensor:
        """Activations [B, outside, H/2, W/2] of [B, inside, H, W]."""
        _check(input, self.in_channels, halved=True)
        return kernels.conv(input, self.weight, _present(self.bias), self.slope)

    def extra_repr(self) -> str:
        """What a printed network says of the layer."""
        return f"{super().extra_repr()}, slope={self.slope:g}"


class ConvUp(nn.ConvTranspose2d):
    """A transposed 3x3 convolution of stride 2 and a leaky ReLU: [B, inside, H, W] to [B, outside, 2 H, 2 W].

    Args:
        inside, outside: channels.
        slope: of the leaky ReLU; 0 is the plain one, 1 none.

    Raises:
        ValueError: the slope is negative, so that activations would not tell the sums' sign; or, when it is called,
            pictures do not fit.
    """

    def __init__(self, inside: int, outside: int, slope: float = 0.0) -> None:
        super().__init__(inside, outside, 3, stride=2, padding=1, output_padding=1)
        self.slope = _not_negative(slope)

    def forward(self, x: Tensor) -> Tensor:  # ty: ignore[incompatible-method-override]
        """Activations [B, outside, 2 H, 2 W] of [B, inside, H, W]."""
        _check(x, self.in_channels)
        return kernels.conv_transpose(x, self.weight, _present(self.bias), self.slope)

    def extra_repr(self) -> str:
        """What a printed network says of the layer."""
        return f"{super().extra_repr()}, slope={self.slope:g}"


class ConvToRGB(nn.Conv2d):
    """A 3x3 convolution: [B, inside, H, W] to [B, outside, H, W].

    Raises:
        ValueError: pictures do not fit, when it is called.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__(inside, outside, 3, padding=1)

    def forward(self, input: Tensor) -> Tensor:
        """Sums [B, outside, H, W] of [B, inside, H, W]."""
        _check(input, self.in_channels)
        return kernels.conv_same(input, self.weight, _present(self.bias))


class Flatten(nn.Module):
    """[B, channels, H, W] to [B, H W channels]: channels last, as pictures lie, so that nothing is copied."""

    def forward(self, pictures: Tensor) -> Tensor:
        """A view."""
        return pictures.movedim(1, -1).flatten(1)


class Unflatten(nn.Module):
    """[B, H W channels] to [B, channels, H, W], the other way round.

    Args:
        channels, height, width: of the pictures.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self._shape = height, width, channels

    def forward(self, flat: Tensor) -> Tensor:
        """A view."""
        return flat.unflatten(1, self._shape).movedim(-1, 1)


def _not_negative(slope: float) -> float:
    if not slope >= 0:
        raise ValueError(f"slope {slope:g} is not a number from 0 on")
    return slope


def _check(pictures: Tensor, channels: int, halved: bool = False) -> None:
    if pictures.ndim != 4 or pictures.shape[1] != channels or not all(pictures.shape[2:]):
        raise ValueError(
            f"pictures {list(pictures.shape)} do not fit: [B, {channels}, H, W] is wanted"
        )
    if halved and (pictures.shape[2] % 2 or pictures.shape[3] % 2):
        raise ValueError(
            f"pictures {list(pictures.shape)} do not fit: an odd side cannot be halved"
        )


def _present(bias: Tensor | None) -> Tensor:
    assert bias is not None, "these layers all have a bias"
    return bias
