"""Which optimizer, and at which learning rate? A small model on a fifth of the data."""

from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="optimizers",
    grids=[
        Grid(
            "text_to_text",
            optimizer=["adam", "adamw", "muon"],
            lr=[3e-4, 1e-3, 3e-3, 1e-2],
            hidden=64,
            train_fraction=0.2,
            epochs=20,
        )
    ],
    seeds=3,
    tables=["importance", "test_set"],
    figures=[
        "importance",
        "interaction_plot",
        "parallel_coordinates",
        "performance_profile",
        "learning_curves",
    ],
)
