"""Which recipe answers queries best after 27 epochs on half of the pool?

With nine tenths of the pool almost any recipe answers almost every query, so that nothing is left
to find. Tree-structured Parzen estimators search, and random values at equal cost. Both searches
compare nine trials at a time after 3 and 9 epochs. What they choose is trained again with five
fresh seeds: the test numbers of those trainings can be compared, since both methods had the same
budget.
"""

from gensweep import Confirm, Log, Search, Sweep


def search(method: str) -> Search:
    """Return the search by one method; all of them try the same space, at the same cost."""
    return Search(
        "text_to_text",
        metric="exact_match",
        method=method,
        trials=64,
        rungs=[3, 9],
        confirm=Confirm(best=3, seeds=5),
        epochs=27,
        train_fraction=0.5,
        optimizer=["adamw", "muon"],
        lr=Log(1e-4, 1e-2),
        muon_lr=Log(5e-3, 1e-1),
        weight_decay=Log(1e-3, 1),
        batch_size=[32, 64, 128],
    )


SWEEP = Sweep(name="search", search=[search("tpe"), search("random")])
