"""The searches of a sweep in its results: which points are results, and which only chose."""

from __future__ import annotations

from gensweep.ledger.manifest import SweepFile

SELECTION_NOTE = (
    "These are trials of a search, among which the best is chosen: the best of many is the best by "
    "luck, too. They are no results; those are trained with fresh seeds in the end"
)


def keep_results(sweep: SweepFile) -> tuple[SweepFile, str]:
    """Return a sweep without the points that only chose the best trials of a search.

    As long as nothing else was asked for, they stay, with a note for every table.

    Returns:
        The sweep, and the note; it is empty if all points are results.
    """
    if not any(cell.selection_seeds for cell in sweep.cells):
        return sweep, ""
    cells = []
    for cell in sweep.cells:
        selection = set(cell.selection_seeds)
        points = {
            seed: point
            for seed, point in cell.points.items()
            if seed not in selection
        }
        if points:
            cells.append(
                cell.model_copy(
                    update={"points": points, "selection_seeds": []}
                )
            )
    if not cells:
        return sweep, SELECTION_NOTE
    return sweep.model_copy(update={"cells": cells}), ""
