"""Initial weights, drawn from a generator that is passed in."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import init

from gensweep.nn.lstm import LSTM

_DENSE_LAYERS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
_DenseLayer = nn.Linear | nn.Conv2d | nn.ConvTranspose2d


def init_weights(
    network: nn.Module,
    scheme: str,
    rng: torch.Generator,
) -> None:
    """Fill every parameter in place.

    `torch`: PyTorch's defaults (uniform in ±1/sqrt(fan in); for an LSTM ±1/sqrt(hidden), its single
    bias drawn once).
    `keras`: Glorot uniform (Glorot and Bengio 2010), orthogonal recurrent weights (Saxe et al.
    2014), zero biases, forget bias 1 (Jozefowicz et al. 2015).

    Args:
        network: the network.
        scheme: `torch` or `keras`.
        rng: the source of the random numbers. Their order is that of `network.modules()`.

    Raises:
        TypeError: a module has parameters, and there is no rule for its type.
    """
    for module in network.modules():
        if isinstance(module, LSTM):
            _init_lstm(module, scheme, rng)
        elif isinstance(module, _DENSE_LAYERS):
            _init_dense(module, scheme, rng)
        elif next(module.parameters(recurse=False), None) is not None:
            _reset(module, rng)


def _reset(module: nn.Module, rng: torch.Generator) -> None:
    """Fill the parameters of a module that has a rule of its own, such as a normalisation.

    Raises:
        TypeError: it has none.
    """
    reset = getattr(module, "reset_parameters", None)
    if reset is None:
        raise TypeError(
            f"no initialisation rule for {type(module).__name__}: give it reset_parameters()"
        )
    seed = int(torch.randint(1 << 62, (), generator=rng))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reset()


def _init_dense(
    module: _DenseLayer,
    scheme: str,
    rng: torch.Generator,
) -> None:
    if scheme == "keras":
        init.xavier_uniform_(module.weight, generator=rng)
        if module.bias is not None:
            init.zeros_(module.bias)
        return
    init.kaiming_uniform_(
        module.weight,
        a=math.sqrt(5),
        generator=rng,
    )
    if module.bias is not None:
        fan_in = module.weight[0].numel()
        bound = 1 / math.sqrt(fan_in)
        init.uniform_(
            module.bias,
            -bound,
            bound,
            generator=rng,
        )


def _init_lstm(
    module: LSTM,
    scheme: str,
    rng: torch.Generator,
) -> None:
    if scheme == "keras":
        init.xavier_uniform_(module.weight_ih, generator=rng)
        init.orthogonal_(module.weight_hh, generator=rng)
        init.zeros_(module.bias)
        # The gates come in the order input, forget, cell, output.
        with torch.no_grad():
            module.bias[module.hidden : 2 * module.hidden] = 1.0
        return
    bound = 1 / math.sqrt(module.hidden)
    for parameter in module.parameters():
        init.uniform_(
            parameter,
            -bound,
            bound,
            generator=rng,
        )
