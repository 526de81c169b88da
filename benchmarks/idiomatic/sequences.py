"""The three sequence models with `nn.LSTM`: `python -m benchmarks.idiomatic.sequences SETTINGS.json`."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray import tune
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

CHARACTERS, ANSWER_LENGTH = 13, 3


class EncoderDecoder(nn.Module):
    """Reads a query [B, 5, inputs], repeats the last state, and gives states [B, 3, hidden]."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        encoder_layers: int,
        decoder_layers: int,
    ) -> None:
        super().__init__()
        self.encoder = nn.LSTM(
            inputs, hidden, encoder_layers, batch_first=True
        )
        self.decoder = nn.LSTM(
            hidden, hidden, decoder_layers, batch_first=True
        )

    def forward(self, query: Tensor) -> Tensor:
        _, (state, _) = self.encoder(query)
        states, _ = self.decoder(
            state[-1].unsqueeze(1).repeat(1, ANSWER_LENGTH, 1)
        )
        return states


class TextToText(nn.Module):
    """One-hot queries [B, 5, 13] to logits [B, 3, 13]."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        hidden = config["hidden"]
        self.sequence = EncoderDecoder(
            CHARACTERS,
            hidden,
            config["encoder_layers"],
            config["decoder_layers"],
        )
        self.output = nn.Linear(hidden, CHARACTERS)

    def forward(self, query: Tensor) -> Tensor:
        return self.output(self.sequence(query))


class ImageToText(nn.Module):
    """Glyphs [B, 5, 28, 28] to logits [B, 3, 13]."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        hidden, filters = config["hidden"], config["glyph_filters"]
        self.glyphs = nn.Sequential(
            nn.Conv2d(1, filters, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(filters, 2 * filters, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * filters * 7 * 7, hidden),
            nn.ReLU(),
        )
        self.sequence = EncoderDecoder(
            hidden, hidden, config["encoder_layers"], config["decoder_layers"]
        )
        self.output = nn.Linear(hidden, CHARACTERS)

    def forward(self, pictures: Tensor) -> Tensor:
        batch, length = pictures.shape[:2]
        features = self.glyphs(pictures.view(batch * length, 1, 28, 28))
        return self.output(self.sequence(features.view(batch, length, -1)))


class TextToImage(nn.Module):
    """One-hot queries [B, 5, 13] to pictures [B, 3, 28, 28]."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        hidden, filters = config["hidden"], config["glyph_filters"]
        self.sequence = EncoderDecoder(
            CHARACTERS,
            hidden,
            config["encoder_layers"],
            config["decoder_layers"],
        )
        self.glyphs = nn.Sequential(
            nn.Linear(hidden, 2 * filters * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (2 * filters, 7, 7)),
            nn.ConvTranspose2d(
                2 * filters, filters, 3, stride=2, padding=1, output_padding=1
            ),
            nn.ReLU(),
            nn.ConvTranspose2d(
                filters, 1, 3, stride=2, padding=1, output_padding=1
            ),
            nn.Sigmoid(),
        )

    def forward(self, query: Tensor) -> Tensor:
        states = self.sequence(query)
        batch, length, _ = states.shape
        return self.glyphs(states.reshape(batch * length, -1)).view(
            batch, length, 28, 28
        )


MODELS = {
    "text_to_text": TextToText,
    "image_to_text": ImageToText,
    "text_to_image": TextToImage,
}


def build(config: dict[str, Any]) -> nn.Module:
    """The model that the config names, with PyTorch's initial weights."""
    return MODELS[config["model"]](config)


def make_optimizer(
    config: dict[str, Any], model: nn.Module
) -> torch.optim.Optimizer:
    """Adam with PyTorch's defaults."""
    return torch.optim.Adam(model.parameters(), lr=config["lr"])


def make_dataset(
    config: dict[str, Any], arrays: dict[str, np.ndarray]
) -> TensorDataset:
    """Inputs and targets as tensors: text one-hot, pictures in 0..1, answers as classes."""
    if config["model"] == "image_to_text":
        inputs = torch.tensor(arrays["query_pictures"]) / 255
    else:
        inputs = F.one_hot(
            torch.tensor(arrays["query"]).long(), CHARACTERS
        ).float()
    if config["model"] == "text_to_image":
        targets = torch.tensor(arrays["answer_pictures"]) / 255
    else:
        targets = torch.tensor(arrays["answer"]).long()
    return TensorDataset(inputs, targets)


def criterion(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy a character, or squared error a pixel."""
    if targets.is_floating_point():
        return F.mse_loss(outputs, targets)
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def train_step(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    optimizer: torch.optim.Optimizer,
) -> float:
    """One step; its loss."""
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss.item()


def train_epoch(
    model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer
) -> float:
    """One pass; the mean loss an example."""
    model.train()
    total = count = 0
    for inputs, targets in loader:
        total += train_step(model, inputs, targets, optimizer) * len(inputs)
        count += len(inputs)
    return total / count


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> dict[str, float]:
    """Mean of every metric over the examples."""
    model.eval()
    sums: dict[str, float] = defaultdict(float)
    count = 0
    for inputs, targets in loader:
        outputs = model(inputs)
        found = {"loss": criterion(outputs, targets)}
        if targets.is_floating_point():
            found["mse"] = found["loss"]
        else:
            right = outputs.argmax(-1) == targets
            found |= {
                "char_accuracy": right.float().mean(),
                "exact_match": right.all(1).float().mean(),
            }
        for name, value in found.items():
            sums[name] += value.item() * len(inputs)
        count += len(inputs)
    return {name: total / count for name, total in sums.items()}


def train(
    config: dict[str, Any], data: dict[str, dict[str, np.ndarray]]
) -> None:
    """One trial: a report and a checkpoint an epoch, then the test."""
    began = time.perf_counter()
    torch.manual_seed(config["seed"])
    model = build(config)
    optimizer = make_optimizer(config, model)
    sets = {
        split: make_dataset(config, arrays) for split, arrays in data.items()
    }
    train_loader = DataLoader(
        sets["train"], batch_size=config["batch_size"], shuffle=True
    )
    validation_loader, test_loader = (
        DataLoader(sets[split], batch_size=512)
        for split in ("validation", "test")
    )
    first = 1
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder) / "checkpoint.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"] + 1
    for epoch in range(first, config["epochs"] + 1):
        train_loss = train_epoch(model, train_loader, optimizer)
        metrics = {
            f"validation/{name}": value
            for name, value in evaluate(model, validation_loader).items()
        }
        with tempfile.TemporaryDirectory() as folder:
            state = {
                "epoch": epoch,
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
            }
            torch.save(state, Path(folder) / "checkpoint.pt")
            tune.report(
                {"train/loss": train_loss, **metrics},
                checkpoint=tune.Checkpoint.from_directory(folder),
            )
    metrics = {
        f"test/{name}": value
        for name, value in evaluate(model, test_loader).items()
    }
    tune.report({**metrics, "seconds": time.perf_counter() - began})


if __name__ == "__main__":
    from benchmarks.idiomatic.grid import main

    main(train)
