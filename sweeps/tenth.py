"""Which recipe generalises best from a tenth of the pool, with as many epochs as it takes?

The training set has 1,800 of the pool's 18,000 queries, which any recipe learns by heart. The
search compares nine trials at a time after 27 and 81 epochs, on validation queries, and trains its
choices again with five fresh seeds.
"""

from gensweep import Confirm, Log, Search, Sweep

SWEEP = Sweep(
    name="tenth",
    search=Search(
        "text_to_text",
        metric="exact_match",
        method="tpe",
        trials=27,
        rungs=[27, 81],
        confirm=Confirm(best=1, seeds=5),
        epochs=243,
        train_fraction=0.1,
        optimizer=["adamw", "muon"],
        lr=Log(3e-4, 1e-2),
        muon_lr=Log(5e-3, 1e-1),
        weight_decay=Log(1e-2, 3),
        batch_size=[16, 32, 64],
    ),
)
