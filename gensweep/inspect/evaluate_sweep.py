"""The test of all trained points of a sweep, once more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gensweep.core.errors import GensweepError, ResultsError
from gensweep.inspect.evaluate import evaluate
from gensweep.inspect.find import load_stored_point, require_weights
from gensweep.inspect.trained import load_trained
from gensweep.ledger.manifest import read_sweep_file
from gensweep.ledger.open_store import open_folder
from gensweep.ledger.stores import Store, as_results_error
from gensweep.system.signals import raise_if_stopped
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line


def evaluate_sweep(
    location: str, device: str, digits: str | None, console: Console
) -> int:
    """Test every point of a sweep that has weights, and print a line for each point.

    Args:
        location: the folder or URI of the sweep.
        device: `auto`, `cpu`, `cuda` or `mps`.
        digits: other digits to test with; None: each point's own data.
        console: where to print.

    Returns:
        The exit status: 0, or 1 if the test of a point failed.

    Raises:
        ResultsError: there is no such sweep, or none of its points can be tested.
    """
    store, folder = open_folder(location)
    with as_results_error(store):
        ids = list(_iter_ids(store, folder))
    tested = 0
    untested: dict[str, str] = {}
    failed = 0
    for point_id in ids:
        try:
            stored = require_weights(load_stored_point(store, point_id))
        except ResultsError as error:
            untested[point_id] = str(error)
            continue
        try:
            result = evaluate(load_trained(stored, device, digits), digits)
        except Exception as error:
            # Also what a user's own metric raises: it must not keep the others from their test.
            raise_if_stopped()
            failed += 1
            reason = str(error)
            if not isinstance(error, GensweepError):
                reason = f"{type(error).__name__}: {reason}"
            print_line(console, f"{point_id}: not tested: {reason}", "red")
            continue
        tested += 1
        print_line(console, f"{point_id}: {_describe(result)}")
    if ids and len(untested) == len(ids):
        first = next(iter(untested.values()))
        raise ResultsError(
            f"{store.uri(folder)}: no point can be tested: {first}"
        )
    for reason in untested.values():
        print_line(console, f"without weights: {reason}", "yellow")
    print_line(
        console,
        f"Tested {tested} of {pluralize(len(ids), 'point')}; {len(untested)} without weights, "
        f"{failed} failed.",
    )
    if tested and not digits:
        uri = store.uri(folder)
        print_line(
            console, f"Tables with new metrics: gensweep collect {uri}"
        )
    return 1 if failed else 0


def _iter_ids(store: Store, folder: str) -> Iterator[str]:
    """Yield the ids of a sweep's points, cell by cell."""
    for cell in read_sweep_file(store, folder).cells:
        yield from cell.points.values()


def _describe(result: dict[str, Any]) -> str:
    """Return what a test has written, in a few words."""
    if "added" not in result:
        return f"wrote {result['written'] or 'nothing'}"
    if result["added"]:
        return f"added {', '.join(result['added'])}"
    return "as recorded, nothing to add"
