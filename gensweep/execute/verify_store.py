"""The store of outcomes of `verify`: each goes into the results root as soon as it is known."""

from __future__ import annotations

from collections.abc import Iterable

from gensweep.core.errors import ResultsError
from gensweep.execute.comparison import Comparison
from gensweep.ledger.open_store import open_store
from gensweep.report.collect import write
from gensweep.report.load import load
from gensweep.report.results import Results
from gensweep.report.verified import write_verified
from gensweep.system.terminal import Console
from gensweep.system.text import print_line


def store_comparison(results: Results, comparison: Comparison) -> None:
    """Store an outcome in the results root; an earlier one of the same point is replaced.

    Raises:
        OSError, ResultsError: the results root cannot be written.
    """
    # The store of the results is a snapshot, which cannot be written.
    store = open_store(results.store.root_uri)
    write_verified(store, results.folder.name, comparison.make_entry())


def store_all(
    results: Results, comparisons: Iterable[Comparison], console: Console
) -> list[Comparison]:
    """Print and store outcomes, each as soon as it is known, and show them in tables and page.

    If the results root cannot be written, print a line.

    Returns:
        The outcomes.
    """
    outcomes = []
    refusal: Exception | None = None
    for comparison in comparisons:
        print_line(console, str(comparison), comparison.style)
        outcomes.append(comparison)
        try:
            if refusal is None:
                store_comparison(results, comparison)
        except (OSError, ResultsError) as error:
            refusal = error
    uri = results.store.uri(results.folder.name)
    try:
        if refusal is None:
            write(load(uri))
    except (OSError, ResultsError) as error:
        refusal = error
    if refusal:
        message = f"This is not stored in {uri}: {refusal}"
        print_line(console, message, "yellow")
    return outcomes
