"""A model's network, with undefined or with initial weights."""

from __future__ import annotations

import torch

from gensweep.core.model import Model
from gensweep.nn.base_network import Network
from gensweep.nn.init import init_weights
from gensweep.train import random_streams


def create_network(model: Model) -> Network:
    """Return the model's network with undefined weights."""
    return model.build_network()


def build_network(model: Model, seed: int, device: torch.device) -> Network:
    """Return the model's network with initial weights; no global random state changes."""
    # PyTorch's layers draw weights when they are created, although they are replaced below.
    with torch.random.fork_rng(devices=[]):
        network = create_network(model)
    init_weights(
        network, model.init, random_streams.make_generator(seed, "init")
    )
    return network.to(device).to(memory_format=torch.channels_last)
