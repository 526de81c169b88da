"""EfficientNet-Lite0, which turns pictures into features.

After Tan and Le 2019 (arXiv:1905.11946) and the Lite variants of its authors (2020): they have
ReLU6 in place of swish, and no squeeze and excitation. Names of submodules are those of the
file of weights, and paddings are those of TensorFlow, in which it was trained.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 1280
CLASSES = 1000
STEM = 32
STAGES = (
    # expansion, channels, blocks, stride, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
"""The inverted residual blocks: Table 1 of the paper, without the widths' scaling."""
EPSILON = 1e-3
"""Of the batch normalisation, as in TensorFlow."""


class SameConvolution(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's `SAME`: the odd pixel comes last."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__(
            inputs, outputs, kernel, stride, groups=groups, bias=False
        )

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution [B, outputs, h / stride, w / stride], rounded up."""
        paddings = []
        # `F.pad` begins with the last axis.
        for axis in (1, 0):
            stride = self.stride[axis]
            size = input.shape[2 + axis]
            outputs = -(-size // stride)
            total = max(
                (outputs - 1) * stride + self.kernel_size[axis] - size, 0
            )
            paddings += [total // 2, total - total // 2]
        return super().forward(F.pad(input, paddings))


class InvertedResidual(nn.Module):
    """Expand, convolve each channel by itself, project; added to the input if shapes agree."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        expansion: int,
        stride: int,
        kernel: int,
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv = SameConvolution(inputs, inner, 1)
            self._bn0 = nn.BatchNorm2d(inner, EPSILON)
        self._depthwise_conv = SameConvolution(
            inner, inner, kernel, stride, groups=inner
        )
        self._bn1 = nn.BatchNorm2d(inner, EPSILON)
        self._project_conv = SameConvolution(inner, outputs, 1)
        self._bn2 = nn.BatchNorm2d(outputs, EPSILON)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, pictures: Tensor) -> Tensor:
        """Return [B, outputs, h / stride, w / stride] of [B, inputs, h, w]."""
        inner = pictures
        if self.expands:
            inner = F.relu6(self._bn0(self._expand_conv(inner)))
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        projected = self._bn2(self._project_conv(inner))
        return projected + pictures if self.is_residual else projected


class EfficientNetLite0(nn.Module):
    """Pictures [B, 3, h, w], (255 x - 127) / 128 of pixels x in 0..1, to features or logits."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConvolution(3, STEM, 3, 2)
        self._bn0 = nn.BatchNorm2d(STEM, EPSILON)
        self._blocks = nn.ModuleList()
        channels = STEM
        for expansion, outputs, count, stride, kernel in STAGES:
            for index in range(count):
                step = stride if index == 0 else 1
                self._blocks.append(
                    InvertedResidual(
                        channels, outputs, expansion, step, kernel
                    )
                )
                channels = outputs
        self._conv_head = SameConvolution(channels, FEATURES, 1)
        self._bn1 = nn.BatchNorm2d(FEATURES, EPSILON)
        self._fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return features [B, 1280]: the mean of the last convolution over positions."""
        values = F.relu6(self._bn0(self._conv_stem(pictures)))
        for block in self._blocks:
            values = block(values)
        values = F.relu6(self._bn1(self._conv_head(values)))
        return values.mean((2, 3))

    def classify(self, pictures: Tensor) -> Tensor:
        """Return the logits of ImageNet's classes [B, 1000]."""
        return self._fc(self(pictures))
