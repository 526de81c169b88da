"""The best recipes: Muon on the matrices, AdamW elsewhere, a warm-up, a linear fall to zero."""

from gensweep import Grid, Sweep

RECIPE = {
    "optimizer": "muon",
    "lr": 3e-3,
    "muon_lr": 0.02,
    "schedule": "warmup_linear",
    "warmup": 0.05,
    "hold": 0.4,
}

SWEEP = Sweep(
    name="best",
    grids=[
        Grid("text_to_text", batch_size=64, epochs=10, **RECIPE),
        Grid(
            "image_to_text", batch_size=64, epochs=15, augment=1.0, **RECIPE
        ),
        # Other pictures in each epoch: the network learned the training pictures by heart.
        Grid(
            "text_to_image", batch_size=64, epochs=30, redraw=True, **RECIPE
        ),
    ],
    seeds=3,
    tables=["leaderboard", "test_set"],
    figures=[
        "learning_curves",
        "training_history",
        "predicted_and_true",
        "answer_distances",
        "generated_answers",
        "samples_by_epoch",
    ],
)
