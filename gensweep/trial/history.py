"""The epochs of a point in history.csv."""

from __future__ import annotations

import csv
import io
import logging

from gensweep.core.own_data import OWN_DATA
from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.sweep.point import Point
from gensweep.system.csv_text import parse_csv

log = logging.getLogger(__name__)
HISTORY = "history.csv"


def format_history(history: list[dict[str, float]]) -> str:
    """Return the lines of the epochs as a CSV table."""
    # A metric may be missing in some lines, so the columns are those of all lines.
    columns = dict.fromkeys(name for line in history for name in line)
    table = io.StringIO()
    writer = csv.DictWriter(table, list(columns), lineterminator="\n")
    writer.writeheader()
    for line in history:
        writer.writerow(line | {"epoch": int(line["epoch"])})
    return table.getvalue()


def read_history(ledger: Ledger, point: Point) -> list[dict[str, float]]:
    """Return the lines of a finished point's history.csv; none if it cannot be read."""
    name = f"{POINTS}/{point.id}/{HISTORY}"
    # A task may report no epoch, and then has no such file.
    may_be_absent = point.params["dataset"] == OWN_DATA
    if may_be_absent and not ledger.store.exists(name):
        return []
    try:
        header, rows = parse_csv(ledger.store.read(name))
        history = []
        for row in rows:
            line = zip(header, row, strict=True)
            history.append(
                {column: float(value) for column, value in line if value}
            )
        return history
    except (OSError, ValueError) as error:
        log.warning(
            "the epochs of %s cannot be reported again: %s", point.id, error
        )
        return []
