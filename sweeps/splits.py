"""The paper's Table 1: accuracy against the share of the queries that is trained on."""

from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="splits",
    grids=[
        Grid(
            "text_to_text",
            train_fraction=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
            epochs=10,
        )
    ],
    seeds=5,
    tables=["splits", "test_set"],
    figures=[
        "train_fraction_curve",
        "learning_curves",
        "training_history",
        "predicted_and_true",
        "answer_distances",
    ],
)
