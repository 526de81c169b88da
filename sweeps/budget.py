"""More epochs, or smaller batches? The two explanations for its accuracy that the paper offers."""

from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="budget",
    grids=[
        Grid(
            "text_to_text",
            epochs=[10, 20, 40, 80],
            batch_size=[32, 64, 128, 256],
        )
    ],
    seeds=3,
    tables=["budget", "test_set"],
    figures=[
        "budget_curve",
        "training_history",
        "predicted_and_true",
        "answer_distances",
    ],
)
