"""The folder of a point that a trial has claimed."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gensweep.core.errors import StoreError
from gensweep.ledger.claims import Claim
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.point_files import (
    ATTEMPT,
    CHECKPOINT,
    ERROR,
    POINTS,
)
from gensweep.system.storage import Content
from gensweep.train import checkpoint

RESUMED_FILES = (CHECKPOINT, ERROR, ATTEMPT)
"""Files of an attempt that nobody reads beside a record."""


@dataclass
class PointFolder:
    """A claimed point's folder.

    Attributes:
        has_old_record: whether there is a record of an earlier training, which this one replaces.
        is_retraining: whether the point was done before, by other code. Its checkpoint may then be
            of that training, from which this one must not go on.
    """

    ledger: Ledger
    claim: Claim
    point_id: str
    has_old_record: bool = False
    is_retraining: bool = False

    @property
    def path(self) -> Path:
        """Return the folder on this machine that holds its files, or copies of them."""
        return self.ledger.folder(self.point_id)

    def upload(self, folder: str, removed: Sequence[str] = ()) -> None:
        """Store what others wrote on this machine in a folder of the point.

        Args:
            folder: its name in the point's folder.
            removed: files that are gone, as `Store.upload` takes them.

        Raises:
            OSError: as `write`, and as `Store.upload`.
        """
        with self._as_unavailable(folder), self.claim.lock_for_writing():
            self.ledger.store.upload(
                f"{POINTS}/{self.point_id}/{folder}", removed
            )

    def write(self, name: str, content: Content) -> None:
        """Write a file of the point.

        Raises:
            LostClaimError: a later attempt owns the point.
            StoreError: the results root refuses.
        """
        with self._as_unavailable(name):
            # The old record must not stand beside files of the new training.
            if self.has_old_record and name not in RESUMED_FILES:
                self.ledger.withdraw_record(self.claim, self.point_id)
                self.has_old_record = False
            self.ledger.write_file(self.claim, self.point_id, name, content)

    def remove(self, name: str) -> None:
        """Remove a file of the point; nothing if there is none.

        Raises:
            LostClaimError: a later attempt owns the point.
            StoreError: the results root refuses.
        """
        with self._as_unavailable(name), self.claim.lock_for_writing():
            self.ledger.store.remove(f"{POINTS}/{self.point_id}/{name}")

    def load_checkpoint(
        self,
        device: torch.device,
        point_id: str,
        code: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Return the last checkpoint of this point, or of another one.

        Args:
            device: where its tensors go.
            point_id: whose checkpoint it is.
            code: the fingerprint of the code that goes on from it.

        Raises:
            FileNotFoundError: there is none, or it is of the training that is replaced.
            CheckpointError: it is damaged, or of another point or format.
            StoreError: the results root refuses.
        """
        with self._as_unavailable(CHECKPOINT, but=FileNotFoundError):
            path = self.path / CHECKPOINT
            if point_id != self.point_id:
                path = (
                    self.ledger.store.download(f"{POINTS}/{point_id}")
                    / CHECKPOINT
                )
            state = checkpoint.load(path, point_id, device)
        if point_id == self.point_id and self.is_retraining:
            is_of_this_training = (
                code is not None and state.get("code") == code
            )
            if not is_of_this_training:
                raise FileNotFoundError
        return state

    def read_other(self, point_id: str, name: str) -> bytes | None:
        """Return a file of another point; None if it has none of this name.

        Raises:
            StoreError: the results root refuses.
        """
        with self._as_unavailable(name):
            try:
                return self.ledger.store.read(f"{POINTS}/{point_id}/{name}")
            except (FileNotFoundError, NotADirectoryError):
                return None

    def discard_other(self, point_id: str) -> None:
        """Delete the local copies of another point's files, if they are copies."""
        self.ledger.store.discard(f"{POINTS}/{point_id}")

    @contextlib.contextmanager
    def _as_unavailable(
        self, name: str, but: type[OSError] = StoreError
    ) -> Generator[None]:
        """Turn an OSError about a file into StoreError: the point is not to blame for it.

        Args:
            name: of the file, for the message.
            but: errors of this type pass unchanged.
        """
        try:
            yield
        except (but, StoreError):
            raise
        except OSError as error:
            uri = self.ledger.store.uri(f"{POINTS}/{self.point_id}/{name}")
            raise StoreError.from_os_error(error, uri) from error
