"""Random numbers: one stream for each purpose in each epoch of each seed."""

from __future__ import annotations

import hashlib

import torch


def make_generator(
    seed: int, purpose: str, epoch: int = 0
) -> torch.Generator:
    """Return a generator for one purpose in one epoch of one seed.

    Every stream starts from a hash of what it is for. So nothing has to be saved between epochs,
    and a resumed training draws the same numbers as an uninterrupted one.
    """
    digest = hashlib.sha256(
        f"gensweep {seed} {purpose} {epoch}".encode()
    ).digest()
    # PyTorch takes seeds of up to 63 bits without a sign.
    return torch.Generator().manual_seed(
        int.from_bytes(digest[:8], "big") >> 1
    )
