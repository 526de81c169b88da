"""One point, a record of it, and this process, which may claim it."""

from __future__ import annotations

from gensweep.core.errors import ClaimedError
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.point import Point

POINT = Point.make("text_to_text", {"hidden": 8, "lr": 3e-4}, 1)
RECORD = Record(
    id=POINT.id,
    model=POINT.model,
    params=POINT.params,
    seed=1,
    status=Status.OK,
    metrics={"test/loss": 1.1249999999999998, "test/char_accuracy": 0.1},
    seconds=3.25,
    epochs=10,
    versions={"python": "3.11.7", "commit": None},
    hardware={"host": "h", "cores": 2},
    finished="2026-01-01T00:00:00+00:00",
)
WANTED = {POINT.id: POINT.expected_record}
ME = Process.get_current()


def is_free(ledger: Ledger) -> bool:
    """Whether the ledger says that nobody trains the point, which is whether it can be claimed."""
    state = ledger.read(WANTED)
    try:
        with ledger.claim(POINT.id, ME):
            claimed = True
    except ClaimedError:
        claimed = False
    assert claimed == (not state.running)
    return claimed
