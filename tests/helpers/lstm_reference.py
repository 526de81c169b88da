"""PyTorch's LSTM as the reference of ours."""

from __future__ import annotations

import torch
from torch import nn

from gensweep.nn.lstm import LSTM


def theirs(layers: list[LSTM]) -> nn.LSTM:
    """PyTorch's LSTM with the same weights; its second bias is zero."""
    reference = nn.LSTM(layers[0].weight_ih.shape[1], layers[0].hidden, num_layers=len(layers))
    with torch.no_grad():
        for index, layer in enumerate(layers):
            for name in ("weight_ih", "weight_hh"):
                getattr(reference, f"{name}_l{index}").copy_(getattr(layer, name))
            getattr(reference, f"bias_ih_l{index}").copy_(layer.bias)
            getattr(reference, f"bias_hh_l{index}").zero_()
    return reference
