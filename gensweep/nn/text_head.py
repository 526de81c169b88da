"""Answers as text: their loss, the inputs of their metrics, and their captions."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from gensweep.core.alphabet import decode


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


def collect_answer_outputs(
    logits: Tensor,
    answer: Tensor,
) -> dict[str, Tensor]:
    """Return the inputs of text metrics: `loss` [B], `predicted` and `answer` [B, T]."""
    return {
        "loss": compute_answer_loss(logits, answer),
        "predicted": logits.argmax(-1),
        "answer": answer,
    }


def format_answer(predicted: Tensor, answer: Tensor) -> str:
    """Return a predicted answer [T] and the right one [T], as one line."""
    guess = decode(predicted.cpu().numpy()).rstrip()
    right = decode(answer.cpu().numpy()).rstrip()
    if guess == right:
        return f"{guess} (right)"
    return f"{guess or 'nothing'} (is {right})"
