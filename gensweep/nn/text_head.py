"""Answers as text: their loss, their order, and their captions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.core.alphabet import ALPHABET, decode

SPACE = ALPHABET.index(" ")


def compute_answer_loss(logits: Tensor, answer: Tensor) -> Tensor:
    """Return the cross-entropy in nats per character, mean over characters.

    Args:
        logits: [B, T, V].
        answer: codes [B, T].

    Returns:
        [B].
    """
    losses = F.cross_entropy(
        logits.transpose(1, 2),
        answer,
        reduction="none",
    )
    return losses.mean(1)


def reverse_answer(codes: Tensor) -> Tensor:
    """Return the characters before the first space in reverse, and the others as they are.

    So `46 ` becomes `64 `. Applied twice, it returns what it got: different answers stay different.

    Args:
        codes: [B, T].
    """
    length = (codes != SPACE).int().cumprod(1).sum(1, keepdim=True)
    steps = torch.arange(codes.shape[1], device=codes.device)
    order = torch.where(steps < length, length - 1 - steps, steps)
    return codes.gather(1, order)


def format_answer(predicted: Tensor, answer: Tensor) -> str:
    """Return a predicted answer [T] and the right one [T], as one line."""
    guess = decode(predicted.cpu().numpy()).rstrip()
    right = decode(answer.cpu().numpy()).rstrip()
    if guess == right:
        return f"{guess} (right)"
    return f"{guess or 'nothing'} (is {right})"
