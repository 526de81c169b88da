"""Names of the files in a point's folder, and which of them are useless when the point is done."""

from __future__ import annotations

from gensweep.core.keep import CHECKPOINT_TOO, keeps_weights
from gensweep.ledger.status import Status

POINTS = "points"
RECORD = "record.json"
CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.pt"
ERROR = "error.txt"
ATTEMPT = "attempt.json"
"""A note of the attempt that is under way in the process of its driver."""
LOCK = ".lock"
SAMPLES = "samples"


def list_useless_files(status: str, keep: str) -> list[str]:
    """Return the files to remove after the record of a point was written.

    Args:
        status: of the record.
        keep: which files stay if the point is ok, as `gensweep.core.keep`.
    """
    useless = []
    # A retry of a failed point continues from its checkpoint.
    serves_a_retry = status == Status.FAILED
    serves_more_epochs = status == Status.OK and keep == CHECKPOINT_TOO
    if not (serves_a_retry or serves_more_epochs):
        useless.append(CHECKPOINT)
    if not keeps_weights(keep):
        # An earlier training of the point may have left some.
        useless.append(WEIGHTS)
    if status == Status.OK:
        useless.append(ERROR)
    return useless
