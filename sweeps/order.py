"""Does it help to write the units first, and to see what was written?

Column addition starts with the units, and a carry goes from a column to the next. The paper's
network writes the first digit first and does not see it at the next step. The first grid has every
combination for a tenth of the pool; the second trains one of them on more queries.
"""

from gensweep import Grid, Sweep

SCHEDULE = {"schedule": "warmup_linear", "warmup": 0.05, "hold": 0.4}

SWEEP = Sweep(
    name="order",
    grids=[
        Grid(
            "text_to_text",
            train_fraction=0.1,
            order=["plain", "reversed"],
            feed_back=[False, True],
            optimizer="adamw",
            lr=3e-3,
            batch_size=16,
            # Without it, single steps at this rate undo much of what was learned.
            clip_norm=1.0,
            epochs=80,
            **SCHEDULE,
        ),
        Grid(
            "text_to_text",
            train_fraction=[0.5, 0.9],
            order="reversed",
            feed_back=True,
            optimizer="muon",
            lr=3e-3,
            muon_lr=0.02,
            batch_size=32,
            epochs=10,
            **SCHEDULE,
        ),
    ],
    seeds=3,
    tables=["leaderboard", "test_set"],
    figures=["learning_curves", "interaction_plot", "answer_distances"],
)
