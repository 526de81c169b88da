"""The ledger: the state of every point, as the files below ``ROOT/points`` show it."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, Literal

from gensweep.core.errors import (
    LostClaimError,
    RecordError,
    ResultsError,
)
from gensweep.core.keep import WEIGHTS_ALONE
from gensweep.ledger import claims
from gensweep.ledger.claims import CLAIM, Claim, Holder, Process
from gensweep.ledger.point_files import (
    LOCK,
    POINTS,
    RECORD,
    list_useless_files,
)
from gensweep.ledger.records import Record, decode_record
from gensweep.ledger.state import (
    State,
    decode_or_raise,
    read_records,
    read_state,
)
from gensweep.ledger.status import Status
from gensweep.ledger.stores import MAX_RECORD_BYTES, Store
from gensweep.system.regular_files import NotRegularFileError
from gensweep.system.storage import Content

log = logging.getLogger(__name__)
REPLACED = ".replaced"
"""The ending of an old record's name while its point is trained again."""
SYNCED = ".synced"
"""The suffix that W&B adds to a `.wandb` file's name for the mark of an upload."""


class Ledger:
    """The points that were trained under one results root.

    Args:
        store: the root, or its folder.

    Raises:
        ResultsError: ``ROOT/points`` is a file, or a link to nothing.
    """

    def __init__(self, store: Store | Path) -> None:
        self.store = store if isinstance(store, Store) else Store(store)
        self._withdrawn: set[str] = set()
        points = self.store.root / POINTS
        if os.path.lexists(points) and not points.is_dir():
            kind = "a file"
            if points.is_symlink():
                kind = f"a link to {os.readlink(points)}"
            raise ResultsError(
                f"{self.store.uri(POINTS)} is {kind}, but it should be the folder of all points"
            )

    def folder(self, point_id: str) -> Path:
        """Return the local folder of a point's files, or of their copies."""
        return self.store.root / POINTS / point_id

    def read(
        self,
        wanted: Mapping[str, Mapping[str, Any]],
        newer: Literal["raise", "report"] = "raise",
        all_claims: bool = False,
    ) -> State:
        """Read the records and claims of these points.

        Args:
            wanted: id -> the point's params, which its record must repeat. A parameter that only
                one of the two knows was added to the code later; the id guarantees that it has
                its neutral value. If `model` or `seed` are given, the record's must be the same.
            newer: what to do with a record that a later gensweep wrote. `raise` stops a run,
                which would overwrite it; `report` counts it as unreadable, for readers.
            all_claims: also read the claims of points with a record, which may be trained again.

        Raises:
            NewerSchemaError: there is such a record, and ``newer`` is `raise`.
            StoreError: a remote root does not answer, or refuses.
        """
        return read_state(self.store, wanted, newer, all_claims)

    def read_record(self, point_id: str) -> Record:
        """Read one point's record.

        Raises:
            FileNotFoundError, NotADirectoryError: there is none.
            RecordError: as `gensweep.ledger.records.decode_record`.
        """
        name = f"{POINTS}/{point_id}/{RECORD}"
        content = self.store.read(name, MAX_RECORD_BYTES)
        return decode_record(content, self.store.uri(name), point_id)

    def read_others(self, known: Set[str]) -> Iterator[Record]:
        """Yield every readable record, in no order, except those of the known points."""
        store = self.store.snapshot(POINTS)
        point_ids = list(store.list_folders(POINTS) - known)
        for point_id, name, content in read_records(store, point_ids):
            with contextlib.suppress(OSError, RecordError):
                yield decode_or_raise(content, name, point_id)

    def claim(self, point_id: str, driver: Process) -> Claim:
        """Return a claim on the point, a context manager; entering it creates the folder."""
        return Claim(self.store, f"{POINTS}/{point_id}", driver)

    def drop_claim(self, point_id: str, holder: Holder) -> None:
        """Remove the claim of a dead holder, so that nobody waits for it.

        A claim that was renewed since is left alone.

        Raises:
            OSError: as `Store.remove`.
        """
        folder = f"{POINTS}/{point_id}"
        with self.store.lock(f"{folder}/{LOCK}"):
            if claims.read_holder(self.store, folder) == holder:
                self.store.remove(f"{folder}/{CLAIM}")

    def clean(self, point_ids: Iterable[str]) -> None:
        """Remove what killed processes left in the folders of finished points, if possible.

        Args:
            point_ids: ids of points with a record.
        """
        snapshot = self.store.snapshot(POINTS)
        for point_id in point_ids:
            folder = f"{POINTS}/{point_id}"
            if not snapshot.exists(f"{folder}/{CLAIM}"):
                continue
            # Leftovers do no harm, so a root that refuses to remove them stops nothing.
            with (
                contextlib.suppress(OSError),
                self.store.lock(f"{folder}/{LOCK}"),
            ):
                holder = claims.read_holder(self.store, folder)
                if holder is None or not claims.is_live(
                    self.store, folder, holder
                ):
                    self.store.remove(f"{folder}/{CLAIM}")
                    self.store.remove_leftovers(folder)

    def write_file(
        self, claim: Claim, point_id: str, name: str, content: Content
    ) -> None:
        """Write one of the point's files, `name` or `folder/name`, unless the claim was lost.

        Raises:
            LostClaimError: a later attempt owns the point.
            OSError: as `Store.write`.
        """
        path = f"{POINTS}/{point_id}/{name}"
        with claim.lock_for_writing():
            self.store.write(path, content)

    def withdraw_record(self, claim: Claim, point_id: str) -> None:
        """Rename the record of a point that is being trained again, so that the point is missing.

        Raises:
            LostClaimError: a later attempt owns the point.
            OSError: as `Store.write`.
        """
        name = f"{POINTS}/{point_id}/{RECORD}"
        with claim.lock_for_writing(), contextlib.suppress(FileNotFoundError):
            content = self.store.read(name, MAX_RECORD_BYTES)
            self.store.write(f"{name}{REPLACED}", content)
            self.store.remove(name)
            self._withdrawn.add(point_id)

    def finish(
        self, claim: Claim, record: Record, keep: str = WEIGHTS_ALONE
    ) -> None:
        """Write the record after all other files.

        An earlier record that is unreadable is copied first. A checkpoint is removed, unless it is
        to stay or serves a retry.

        Args:
            claim: on the point.
            record: of the point.
            keep: which files stay if the point is ok, as `gensweep.core.keep`.

        Raises:
            LostClaimError: a later attempt owns the point, or has finished it.
            OSError: as `Store.write`.
        """
        folder = f"{POINTS}/{record.id}"
        with claim.lock_for_writing():
            earlier = self._set_aside(record.id)
            if earlier and _must_stay(earlier, record):
                # Possible only where the root has no locks.
                raise LostClaimError(
                    f"{record.id} was finished by another process"
                )
            self.store.remove_leftovers(folder)
            self.store.write(f"{folder}/{RECORD}", record.to_json())
            with self._ignore_cleanup_errors(record.id):
                for name in list_useless_files(record.status, keep):
                    self.store.remove(f"{folder}/{name}")
                if record.status == Status.OK:
                    self._remove_old_record(record.id)

    def _remove_old_record(self, point_id: str) -> None:
        # A bucket is asked only if there was an old record: each question costs money.
        if not self.store.is_remote or point_id in self._withdrawn:
            self.store.remove(f"{POINTS}/{point_id}/{RECORD}{REPLACED}")

    @contextlib.contextmanager
    def _ignore_cleanup_errors(self, point_id: str) -> Generator[None]:
        """Turn errors into a warning: a written record counts, whatever cannot be removed."""
        try:
            yield
        except OSError as error:
            log.warning(
                "%s is finished, but useless files could not be removed: %s",
                point_id,
                error,
            )

    def _set_aside(self, point_id: str) -> Record | None:
        """Return the point's current record; copy one that is unreadable."""
        name = f"{POINTS}/{point_id}/{RECORD}"
        try:
            content = self.store.read(name, MAX_RECORD_BYTES)
        except (FileNotFoundError, NotRegularFileError):
            # A pipe or a device has no content that could be copied.
            return None
        try:
            return decode_record(content, name, point_id)
        except RecordError:
            self.store.write(f"{name}.unreadable", content)
            return None


def _must_stay(earlier: Record, record: Record) -> bool:
    """Return True if a record must not replace an earlier one, since that is better."""
    # A result of other code may be replaced by whatever today's code gives.
    is_of_same_code = earlier.code == record.code
    return (
        is_of_same_code
        and earlier.status == Status.OK
        and record.status != Status.OK
    )
