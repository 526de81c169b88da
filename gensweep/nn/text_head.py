"""Answers as characters: the loss, what metrics read, and how one is shown. Shared by the text answers' models."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from gensweep.core.alphabet import decode


def compute_answer_loss(logits: Tensor, answer: Tensor) -> Tensor:
    """Cross-entropy in nats a character, mean over characters: [B], of logits [B, T, V] and codes [B, T]."""
    return F.cross_entropy(logits.transpose(1, 2), answer, reduction="none").mean(1)


def collect_answer_outputs(logits: Tensor, answer: Tensor) -> dict[str, Tensor]:
    """What text metrics are computed from: `loss` [B], `predicted` and `answer` [B, T]."""
    return {
        "loss": compute_answer_loss(logits, answer),
        "predicted": logits.argmax(-1),
        "answer": answer,
    }


def format_answer(predicted: Tensor, answer: Tensor) -> str:
    """One answer [T] beside the true one [T]."""
    guess, right = decode(predicted.cpu().numpy()).rstrip(), decode(answer.cpu().numpy()).rstrip()
    return f"{guess} (right)" if guess == right else f"{guess or 'nothing'} (is {right})"
