"""CAE, VAE and GAN of stride-2 convolutions: `python -m benchmarks.idiomatic.pictures SETTINGS.json`."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray import tune
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

SIZE, CHANNELS = 64, 3
Terms = dict[str, Tensor]


def make_encoder(
    layers: int,
    filters: int,
    outputs: int,
    activation: Callable[[], nn.Module],
) -> nn.Sequential:
    """Pictures [B, 3, 64, 64] to vectors [B, outputs]."""
    stages: list[nn.Module] = []
    for channels in [CHANNELS] + [filters] * (layers - 1):
        stages += [
            nn.Conv2d(channels, filters, 3, stride=2, padding=1),
            activation(),
        ]
    return nn.Sequential(
        *stages,
        nn.Flatten(),
        nn.Linear(filters * (SIZE >> layers) ** 2, outputs),
    )


def make_decoder(inputs: int, layers: int, filters: int) -> nn.Sequential:
    """Vectors [B, inputs] to logits of pictures [B, 3, 64, 64]."""
    side = SIZE >> layers
    stages = [
        nn.Linear(inputs, filters * side**2),
        nn.Unflatten(1, (filters, side, side)),
        nn.ReLU(inplace=True),
    ]
    for _ in range(layers):
        up = nn.ConvTranspose2d(
            filters, filters, 3, stride=2, padding=1, output_padding=1
        )
        stages += [up, nn.ReLU(inplace=True)]
    return nn.Sequential(*stages, nn.Conv2d(filters, CHANNELS, 3, padding=1))


class CAE(nn.Module):
    """Pictures to a vector and back."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        depth, filters, latent = (
            config["encoder_layers"],
            config["filters"],
            config["latent_dim"],
        )
        self.encoder = make_encoder(
            depth, filters, latent, lambda: nn.ReLU(inplace=True)
        )
        self.decoder = make_decoder(latent, config["decoder_layers"], filters)

    def forward(self, pictures: Tensor) -> Terms:
        """The loss, and what to report beside it; all are means over the batch."""
        error = F.mse_loss(
            torch.sigmoid(self.decoder(self.encoder(pictures))), pictures
        )
        return {"loss": error, "reconstruction_mse": error.detach()}


class VAE(nn.Module):
    """Pictures to a normal distribution over vectors, and a sample of it back."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        depth, filters, latent = (
            config["encoder_layers"],
            config["filters"],
            config["latent_dim"],
        )
        self.encoder = make_encoder(
            depth, filters, 2 * latent, lambda: nn.ReLU(inplace=True)
        )
        self.decoder = make_decoder(latent, config["decoder_layers"], filters)

    def forward(self, pictures: Tensor) -> Terms:
        """The loss, and what to report beside it; all are means over the batch."""
        mean, log_variance = self.encoder(pictures).chunk(2, dim=1)
        latent = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        logits = self.decoder(latent)
        nll = F.binary_cross_entropy_with_logits(
            logits, pictures, reduction="sum"
        ) / len(pictures)
        kl = (
            -0.5
            * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
            / len(pictures)
        )
        terms = {"loss": nll + kl, "nll": nll.detach(), "kl": kl.detach()}
        if not self.training:
            terms["reconstruction_mse"] = F.mse_loss(
                torch.sigmoid(logits), pictures
            )
        return terms


class GAN(nn.Module):
    """A generator and a discriminator, trained as PyTorch's DCGAN tutorial does."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        depth, filters, self.latent = (
            config["encoder_layers"],
            config["filters"],
            config["latent_dim"],
        )
        self.discriminator = make_encoder(
            depth, filters, 1, lambda: nn.LeakyReLU(0.2, inplace=True)
        )
        self.generator = make_decoder(
            self.latent, config["decoder_layers"], filters
        )

    def sample(self, count: int) -> Tensor:
        """New pictures [count, 3, 64, 64]."""
        return torch.sigmoid(self.generator(torch.randn(count, self.latent)))

    def judge(self, pictures: Tensor, real: float) -> tuple[Tensor, Tensor]:
        """Cross-entropy against a label, and the share of pictures that got it."""
        logits = self.discriminator(pictures).view(-1)
        loss = F.binary_cross_entropy_with_logits(
            logits, torch.full_like(logits, real)
        )
        return loss, ((logits > 0) == bool(real)).float().mean()

    def forward(self, pictures: Tensor) -> Terms:
        """Both losses, and the share of real and generated pictures told apart."""
        generated = self.sample(len(pictures))
        (real_loss, real_right), (fake_loss, fake_right) = (
            self.judge(pictures, 1.0),
            self.judge(generated, 0.0),
        )
        return {
            "discriminator_loss": real_loss + fake_loss,
            "generator_loss": self.judge(generated, 1.0)[0],
            "discriminator_accuracy": (real_right + fake_right) / 2,
        }


MODELS = {"cae": CAE, "vae": VAE, "gan": GAN}


def build(config: dict[str, Any]) -> nn.Module:
    """The model that the config names, with PyTorch's initial weights."""
    return MODELS[config["model"]](config)


def make_optimizer(
    config: dict[str, Any], model: nn.Module
) -> list[torch.optim.Adam]:
    """Adam for the model, or one for each of a GAN's two networks, discriminator first."""
    owners = (
        [model.discriminator, model.generator]
        if isinstance(model, GAN)
        else [model]
    )
    betas = (config["beta1"], config["beta2"])
    return [
        torch.optim.Adam(owner.parameters(), lr=config["lr"], betas=betas)
        for owner in owners
    ]


def make_dataset(
    config: dict[str, Any], arrays: dict[str, np.ndarray]
) -> TensorDataset:
    """Pictures in 0..1."""
    return TensorDataset(torch.tensor(arrays["picture"]) / 255)


def train_step(
    model: nn.Module, pictures: Tensor, optimizers: list[torch.optim.Adam]
) -> dict[str, float]:
    """One step; what to report of it."""
    if isinstance(model, GAN):
        return train_gan_step(model, pictures, *optimizers)
    (optimizer,) = optimizers
    optimizer.zero_grad()
    terms = model(pictures)
    terms["loss"].backward()
    optimizer.step()
    return {"loss": terms["loss"].item()}


def train_gan_step(
    model: GAN,
    pictures: Tensor,
    discriminate: torch.optim.Adam,
    generate: torch.optim.Adam,
) -> dict[str, float]:
    """The discriminator's step, then the generator's with the same generated pictures."""
    discriminate.zero_grad()
    real_loss, _ = model.judge(pictures, 1.0)
    real_loss.backward()
    generated = model.sample(len(pictures))
    fake_loss, _ = model.judge(generated.detach(), 0.0)
    fake_loss.backward()
    discriminate.step()
    generate.zero_grad()
    loss, _ = model.judge(generated, 1.0)
    loss.backward()
    generate.step()
    return {
        "discriminator_loss": (real_loss + fake_loss).item(),
        "generator_loss": loss.item(),
    }


def train_epoch(
    model: nn.Module, loader: DataLoader, optimizers: list[torch.optim.Adam]
) -> dict[str, float]:
    """One pass; the mean losses an example."""
    model.train()
    sums: dict[str, float] = defaultdict(float)
    count = 0
    for (pictures,) in loader:
        for name, value in train_step(model, pictures, optimizers).items():
            sums[name] += value * len(pictures)
        count += len(pictures)
    return {name: total / count for name, total in sums.items()}


@torch.no_grad()
def evaluate(model: nn.Module, loader: DataLoader) -> dict[str, float]:
    """Mean of every metric over the examples."""
    model.eval()
    sums: dict[str, float] = defaultdict(float)
    count = 0
    for (pictures,) in loader:
        for name, value in model(pictures).items():
            sums[name] += value.item() * len(pictures)
        count += len(pictures)
    return {name: total / count for name, total in sums.items()}


def train(
    config: dict[str, Any], data: dict[str, dict[str, np.ndarray]]
) -> None:
    """One trial: a report and a checkpoint an epoch, then the test."""
    began = time.perf_counter()
    torch.manual_seed(config["seed"])
    model = build(config)
    optimizers = make_optimizer(config, model)
    sets = {
        split: make_dataset(config, arrays) for split, arrays in data.items()
    }
    train_loader = DataLoader(
        sets["train"], batch_size=config["batch_size"], shuffle=True
    )
    validation_loader, test_loader = (
        DataLoader(sets[split], batch_size=64)
        for split in ("validation", "test")
    )
    first = 1
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            state = torch.load(Path(folder) / "checkpoint.pt")
        model.load_state_dict(state["model"])
        for optimizer, kept in zip(
            optimizers, state["optimizers"], strict=True
        ):
            optimizer.load_state_dict(kept)
        first = state["epoch"] + 1
    for epoch in range(first, config["epochs"] + 1):
        metrics = {
            f"train/{name}": value
            for name, value in train_epoch(
                model, train_loader, optimizers
            ).items()
        }
        metrics |= {
            f"validation/{name}": value
            for name, value in evaluate(model, validation_loader).items()
        }
        with tempfile.TemporaryDirectory() as folder:
            kept = [optimizer.state_dict() for optimizer in optimizers]
            torch.save(
                {
                    "epoch": epoch,
                    "model": model.state_dict(),
                    "optimizers": kept,
                },
                Path(folder) / "checkpoint.pt",
            )
            tune.report(
                metrics, checkpoint=tune.Checkpoint.from_directory(folder)
            )
    metrics = {
        f"test/{name}": value
        for name, value in evaluate(model, test_loader).items()
    }
    tune.report({**metrics, "seconds": time.perf_counter() - began})


if __name__ == "__main__":
    from benchmarks.idiomatic.grid import main

    main(train)
