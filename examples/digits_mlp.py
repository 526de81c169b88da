"""A task: a perceptron with one hidden layer on scikit-learn's 1,797 digits of 8x8 pixels.

    gensweep examples/digits_mlp.py

trains it for each width and learning rate with five seeds, and makes tables and a page.
scikit-learn is there wherever gensweep is: mlxtend, which gensweep requires, needs it.
"""

from __future__ import annotations

import gensweep as gs


@gs.task(
    "digits_mlp",
    metrics={
        "accuracy": gs.Range(
            0, 1, "max", "fraction", "Share of digits classified right."
        )
    },
    shown=("width",),
)
def train(
    run: gs.Run,
    *,
    width: int = gs.param(64, "hidden units", ge=1),
    lr: float = gs.param(0.1, "learning rate of gradient descent", gt=0),
    epochs: int = gs.param(20, "passes over the training digits", ge=1),
):
    """A perceptron with one hidden layer that classifies digits of 8x8 pixels."""
    import torch
    from sklearn.datasets import load_digits

    pixels, labels = (
        torch.as_tensor(array) for array in load_digits(return_X_y=True)
    )
    order = torch.randperm(
        len(labels), generator=torch.Generator().manual_seed(0)
    )
    pixels, labels = pixels[order].float() / 16, labels[order]
    network = torch.nn.Sequential(
        torch.nn.Linear(64, width),
        torch.nn.ReLU(),
        torch.nn.Linear(width, 10),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr, momentum=0.9)

    def measure(part: slice) -> float:
        with torch.no_grad():
            return (
                (network(pixels[part]).argmax(1) == labels[part])
                .double()
                .mean()
                .item()
            )

    state = run.restore()
    if state:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
    for _ in run.epochs(state):
        for rows in torch.randperm(1400).split(50):
            loss = torch.nn.functional.cross_entropy(
                network(pixels[rows]), labels[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        run.epoch(
            {
                "train/loss": loss.item(),
                "validation/accuracy": measure(slice(1400, 1600)),
            },
            state={
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
            },
        )
    return {"accuracy": measure(slice(1600, None))}


SWEEP = gs.Sweep(
    name="digits_mlp",
    grids=[gs.Grid("digits_mlp", width=[8, 32, 128], lr=[0.01, 0.1])],
    seeds=5,
    figures=["learning_curves"],
    uses=[__file__],
)
