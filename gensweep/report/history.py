"""The history of a point: its numbers by epoch."""

from __future__ import annotations

import numpy as np

from gensweep.core.errors import RecordError
from gensweep.ledger.ledger import POINTS
from gensweep.ledger.stores import Store
from gensweep.system.csv_text import parse_csv


def read_history(
    store: Store, point_id: str, recorded_epochs: int | None
) -> dict[str, np.ndarray] | None:
    """Return a point's history.csv; None if there is no such file.

    Args:
        store: the results root.
        point_id: the point.
        recorded_epochs: how many epochs its record has; None: not known.

    Returns:
        Column -> one number for each epoch [epochs], NaN where the file has none.

    Raises:
        RecordError: the file is incomplete or holds something else.
    """
    name = f"{POINTS}/{point_id}/history.csv"
    try:
        header, rows = parse_csv(store.read(name))
        table = np.array(
            [[float(value or "nan") for value in row] for row in rows], float
        )
        # The shape of a file without rows is (0,); the next step needs one axis a column.
        columns = table.reshape(-1, len(header)).T
        history = dict(zip(header, columns, strict=True))
        _check_history(history, recorded_epochs)
        return history
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        path = store.uri(name)
        raise RecordError(
            f"{path}: not a complete history ({error})"
        ) from None


def _check_history(
    history: dict[str, np.ndarray], recorded_epochs: int | None
) -> None:
    """Raise ValueError for a history that its own epochs or the point's record contradict."""
    epochs = history.get("epoch")
    if epochs is None or not np.array_equal(
        epochs, np.arange(1, len(epochs) + 1)
    ):
        raise ValueError("its epochs are not 1, 2, ...")
    if recorded_epochs is not None and recorded_epochs != len(epochs):
        raise ValueError(
            f"{len(epochs)} epochs, but the record has {recorded_epochs}"
        )
