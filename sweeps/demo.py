"""One model that learns arithmetic in about two minutes: text to text, with two learning rates."""

from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="demo",
    grids=[
        Grid(
            "text_to_text",
            hidden=128,
            batch_size=64,
            epochs=8,
            optimizer="muon",
            muon_lr=[0.005, 0.02],
            lr=3e-3,
            schedule="warmup_linear",
            warmup=0.05,
            hold=0.4,
        )
    ],
    seeds=2,
    tables=["leaderboard"],
    figures=[
        "learning_curves",
        "training_history",
        "predicted_and_true",
        "samples_by_epoch",
    ],
)
