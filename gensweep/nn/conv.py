"""Convolutions of pictures: one that halves the sides, its transpose, and one to colours.

They can be differentiated once. `jvp` and the gradient of a gradient are not supported.
"""

from __future__ import annotations

from torch import Tensor, nn

from gensweep import kernels

KERNEL_SIZE = 3


class ConvDown(nn.Conv2d):
    """A 3x3 convolution of stride 2 and a leaky ReLU.

    Input [B, in_channels, H, W], H and W even; output [B, out_channels, H/2, W/2].

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        slope: of the leaky ReLU; 0 is the plain ReLU, 1 is none.

    Raises:
        ValueError: the slope is negative; or, in a call, the pictures have another shape.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        slope: float = 0.0,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            KERNEL_SIZE,
            stride=2,
            padding=1,
        )
        self.slope = _check_slope(slope)

    def forward(self, input: Tensor) -> Tensor:
        """Return activations [B, out_channels, H/2, W/2] of [B, in_channels, H, W]."""
        _check_shape(input, self.in_channels, must_be_even=True)
        bias = _require_bias(self.bias)
        return kernels.conv(
            input,
            self.weight,
            bias,
            self.slope,
        )

    def extra_repr(self) -> str:
        """Return the arguments of the layer, for a printed network."""
        return f"{super().extra_repr()}, slope={self.slope:g}"


class ConvUp(nn.ConvTranspose2d):
    """A transposed 3x3 convolution of stride 2 and a leaky ReLU.

    Input [B, in_channels, H, W]; output [B, out_channels, 2 H, 2 W].

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        slope: of the leaky ReLU; 0 is the plain ReLU, 1 is none.

    Raises:
        ValueError: the slope is negative; or, in a call, the pictures have another shape.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        slope: float = 0.0,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            KERNEL_SIZE,
            stride=2,
            padding=1,
            output_padding=1,
        )
        self.slope = _check_slope(slope)

    def forward(self, x: Tensor) -> Tensor:  # ty: ignore[incompatible-method-override]
        """Return activations [B, out_channels, 2 H, 2 W] of [B, in_channels, H, W]."""
        _check_shape(x, self.in_channels)
        bias = _require_bias(self.bias)
        return kernels.conv_transpose(
            x,
            self.weight,
            bias,
            self.slope,
        )

    def extra_repr(self) -> str:
        """Return the arguments of the layer, for a printed network."""
        return f"{super().extra_repr()}, slope={self.slope:g}"


class ConvToRGB(nn.Conv2d):
    """A 3x3 convolution: [B, in_channels, H, W] to [B, out_channels, H, W].

    Raises:
        ValueError: in a call, the pictures have another shape.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            in_channels,
            out_channels,
            KERNEL_SIZE,
            padding=1,
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return sums [B, out_channels, H, W] of [B, in_channels, H, W]."""
        _check_shape(input, self.in_channels)
        bias = _require_bias(self.bias)
        return kernels.conv_same(
            input,
            self.weight,
            bias,
        )


class Flatten(nn.Module):
    """[B, channels, H, W] to [B, H W channels].

    Channels come last, as pictures lie in memory, so that nothing is copied.
    """

    def forward(self, pictures: Tensor) -> Tensor:
        """Return a view [B, H W channels]."""
        return pictures.movedim(1, -1).flatten(1)


class Unflatten(nn.Module):
    """[B, H W channels] to [B, channels, H, W]: the inverse of `Flatten`.

    Args:
        channels: of the pictures.
        height: of the pictures.
        width: of the pictures.
    """

    def __init__(
        self,
        channels: int,
        height: int,
        width: int,
    ) -> None:
        super().__init__()
        self._shape = (height, width, channels)

    def forward(self, flat: Tensor) -> Tensor:
        """Return a view [B, channels, H, W]."""
        return flat.unflatten(1, self._shape).movedim(-1, 1)


def _check_slope(slope: float) -> float:
    # The backward pass reads the sign of a sum from the sign of its activation, which a negative
    # slope would lose. `not >=` refuses NaN, too.
    if not slope >= 0:
        raise ValueError(f"slope {slope:g} is not a number from 0 on")
    return slope


def _check_shape(
    pictures: Tensor,
    channels: int,
    must_be_even: bool = False,
) -> None:
    shape = pictures.shape
    if len(shape) != 4 or shape[1] != channels or 0 in shape[2:]:
        raise ValueError(
            f"pictures {list(shape)} do not fit: [B, {channels}, H, W] is expected"
        )
    if must_be_even and (shape[2] % 2 or shape[3] % 2):
        raise ValueError(
            f"pictures {list(shape)} do not fit: an odd side cannot be halved"
        )


def _require_bias(bias: Tensor | None) -> Tensor:
    assert bias is not None, "these layers all have a bias"
    return bias
