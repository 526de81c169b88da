"""The points that leave a sweep's tables when the sweep is run again with other points."""

from __future__ import annotations

from pathlib import Path

from gensweep.core.errors import ResultsError
from gensweep.ledger.manifest import SWEEP
from gensweep.ledger.manifest_writer import read_earlier_sweep
from gensweep.ledger.stores import Store
from gensweep.sweep.spec import Sweep
from gensweep.system.terminal import split_command_line
from gensweep.system.text import pluralize


def describe_dropped_points(store: Store, sweep: Sweep, command: str) -> str:
    """Return a note about points that leave the sweep's tables with this run; empty if none does.

    A sweep may grow, shrink and change: points that it no longer contains keep their records.

    Raises:
        ResultsError: the folder belongs to another file's sweep of this name, which has no point
            in common with this one.
    """
    earlier = read_earlier_sweep(store, sweep)
    try:
        earlier_ids: set[str] = set()
        for cell in earlier["cells"]:
            earlier_ids.update(
                str(point_id) for point_id in cell["points"].values()
            )
    except (LookupError, TypeError, AttributeError):
        return ""
    ids = {point.id for point in sweep.points()}
    dropped = earlier_ids - ids
    if not dropped:
        return ""
    count = pluralize(len(earlier_ids), "point")
    other_file = _find_sweep_file(str(earlier.get("command")))
    file = _find_sweep_file(command)
    if (
        dropped == earlier_ids
        and other_file
        and file
        and other_file.name != file.name
    ):
        raise ResultsError(
            f"{store.uri(sweep.name)} holds another sweep of the name {sweep.name!r}, of "
            f"{other_file}: none of its {count} is a point of {file}. Its tables and figures "
            f"would be replaced. Change the name in {file}, or use another --results; or remove "
            f"{store.uri(f'{sweep.name}/{SWEEP}')} to replace them"
        )
    them = "it" if len(dropped) == 1 else "them"
    return (
        f"Of {count} of the earlier {sweep.name}, {len(dropped)} will not be in its tables and "
        f"figures any more, because this sweep does not contain {them}. All records stay in "
        f"{store.uri('points')}; a sweep that contains such a point again does not retrain it."
    )


def _find_sweep_file(command: str) -> Path | None:
    """Return the sweep file that a command line names, if it names one."""
    try:
        words = split_command_line(command)
    except ValueError:
        return None
    return next((Path(word) for word in words if word.endswith(".py")), None)
