"""Initial weights, drawn from a generator that is passed in."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import init

from gensweep.nn.lstm import LSTM

_DENSE = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def init_weights(network: nn.Module, scheme: str, rng: torch.Generator) -> None:
    """Fill every parameter in place.

    `torch`: PyTorch's defaults (uniform in ±1/sqrt(fan in); for an LSTM ±1/sqrt(hidden), its one bias drawn once).
    `keras`: Glorot uniform (Glorot and Bengio 2010), orthogonal recurrent weights (Saxe et al. 2014),
    zero biases, forget bias 1 (Jozefowicz et al. 2015).

    Raises:
        TypeError: a module holds parameters and no rule says how to fill them.
    """
    for module in network.modules():
        if isinstance(module, LSTM):
            _lstm(module, scheme, rng)
        elif isinstance(module, _DENSE):
            _dense(module, scheme, rng)
        elif next(module.parameters(recurse=False), None) is not None:
            raise TypeError(f"no initialisation rule for {type(module).__name__}")


def _dense(
    module: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, scheme: str, rng: torch.Generator
) -> None:
    if scheme == "keras":
        init.xavier_uniform_(module.weight, generator=rng)
        if module.bias is not None:
            init.zeros_(module.bias)
        return
    init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=rng)
    if module.bias is not None:
        bound = 1 / math.sqrt(module.weight[0].numel())
        init.uniform_(module.bias, -bound, bound, generator=rng)


def _lstm(module: LSTM, scheme: str, rng: torch.Generator) -> None:
    if scheme == "keras":
        init.xavier_uniform_(module.weight_ih, generator=rng)
        init.orthogonal_(module.weight_hh, generator=rng)
        init.zeros_(module.bias)
        with torch.no_grad():
            module.bias[module.hidden : 2 * module.hidden] = 1.0
        return
    bound = 1 / math.sqrt(module.hidden)
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound, generator=rng)
