"""Layers of random shapes through kernels that watch every address: run with AddressSanitizer preloaded.

`python -m tests.helpers.overruns FLAGS` ends with what was found if anything was.
"""

from __future__ import annotations

import random
import sys

import torch

from gensweep import kernels
from gensweep.kernels import Trie, build, conv_calls
from gensweep.nn.conv import ConvDown, ConvToRGB, ConvUp

SIZES = (1, 2, 3, 4, 5, 7, 16, 17, 20, 31, 32, 33, 48, 64)


def main(flags: list[str]) -> None:
    """Compute 150 passes and their gradients."""
    # The accesses are those of the sources, whatever the level: GCC watches them before it turns loops into vectors.
    build._FLAGS = (*build._FLAGS, "-O1", "-fsanitize=address")
    build._MACHINES = [flags]
    torch.set_num_threads(1)
    for dtype in (torch.float32, torch.bfloat16):
        assert kernels.is_available(torch.zeros(1, dtype=dtype)), "not compiled"
    rng = random.Random(0)
    for _ in range(150):
        conv_calls._CACHE_WORDS = rng.choice([1, 500, 5000, 1 << 17])
        inside, outside, kind = (
            rng.choice(SIZES),
            rng.choice(SIZES),
            rng.choice([ConvDown, ConvUp, ConvToRGB]),
        )
        layer = (
            ConvToRGB(inside, outside)
            if kind is ConvToRGB
            else kind(inside, outside, rng.choice([0.0, 0.2, 1.0]))
        )
        scale = 2 if kind is ConvDown else 1
        sides = scale * rng.randint(1, 9), scale * rng.randint(1, 20)
        x = torch.randn(rng.randint(0, 5), inside, *sides, requires_grad=rng.random() < 0.8)
        dtype = rng.choice([torch.float32, torch.bfloat16])
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            layer(x).float().square().sum().backward()
        steps, batch, hidden = rng.randint(1, 4), rng.randint(1, 70), rng.choice(SIZES)
        projected, weight = torch.randn(steps, batch, 4 * hidden), torch.randn(4 * hidden, hidden)
        inputs = [part.to(dtype).requires_grad_() for part in (projected, weight)]
        kernels.lstm(*inputs).square().sum().backward()
        trie = Trie.from_sequences(torch.randint(rng.choice([1, 2, 9]), (batch, steps)))
        inputs[0] = torch.randn(9, 4 * hidden, requires_grad=True)
        kernels.lstm_over_trie(*inputs, trie, trie.codes).square().sum().backward()


if __name__ == "__main__":
    main(sys.argv[1:])
