"""Rates: what earlier records say about the time and memory that a point takes."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gensweep.core.errors import UserError
from gensweep.core.own_data import OWN_DATA
from gensweep.execute.memory_budget import (
    RESERVE_BYTES,
    MemoryBudget,
    estimate_memory_bytes,
)
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.state import State
from gensweep.ledger.status import Status
from gensweep.ledger.stores import as_results_error
from gensweep.sweep.courses import count_epochs
from gensweep.sweep.point import Pack, Point
from gensweep.sweep.shapes import make_shape_key
from gensweep.system.environment import get_hardware, predict_device

PACKED_SUFFIX = "packed"
"""Ends the key of a shape whose points were trained in packs."""
_MACHINE_KEYS = ("host", "processor", "device")
"""Keys of a record's hardware that must agree with this machine."""


def get_data_share(params: Mapping[str, Any]) -> float:
    """Return the share of the data that a point trains on; 1 for a task, which has no such."""
    if params["dataset"] == OWN_DATA:
        return 1.0
    return params["train_fraction"]


@dataclass
class Estimate:
    """An estimate of how long the points to train may take.

    Attributes:
        seconds: sum over all points of a known shape, one trial at a time.
        unknown: number of points whose shape was never timed here.
        longest: seconds of the longest trial, as far as the shapes of its points are known.
    """

    seconds: float = 0.0
    unknown: int = 0
    longest: float = 0.0

    def compute_wall_seconds(self, concurrent: int) -> float:
        """Return the seconds that a run takes with that many trials at once."""
        return max(self.seconds / concurrent, self.longest)


@dataclass
class Rates:
    """Measured times and memory peaks, by shape.

    Attributes:
        seen: seconds of an epoch over all training examples. Lanes of packs have a key of
            their own, which ends with `PACKED_SUFFIX`.
        peaks: the most memory that a trial had, in bytes.
    """

    seen: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Add what the record of a finished point says."""
        if record.status != Status.OK or not record.epochs:
            return
        try:
            seconds = (
                record.seconds / record.epochs / get_data_share(record.params)
            )
            key = make_shape_key(record.model, record.params)
        except (UserError, LookupError, TypeError, ArithmeticError):
            # This version does not know the record's model or one of its parameters.
            return
        if record.pack["size"] > 1:
            self.seen.setdefault(key + PACKED_SUFFIX, []).append(seconds)
            return
        self.seen.setdefault(key, []).append(seconds)
        peak = record.hardware.get("peak_memory")
        if peak:
            self.peaks[key] = max(peak, self.peaks.get(key, 0))

    def estimate_seconds(
        self, point: Point, is_packed: bool = False
    ) -> float | None:
        """Return the seconds that a point may take; None for a shape that was never timed.

        For a lane of a pack that is its share of the pack. If no pack of the shape was timed,
        it is the time of the point alone, which is the worst case.
        """
        key = point.shape_key
        rates = self.seen.get(key)
        if is_packed:
            rates = self.seen.get(key + PACKED_SUFFIX) or rates
        if not rates:
            return None
        return (
            statistics.median(rates)
            * point.last_epoch
            * get_data_share(point.params)
        )

    def find_peak(self, point: Point) -> int | None:
        """Return the measured memory peak of the point's shape in bytes; None if not measured."""
        return self.peaks.get(point.shape_key)

    def make_memory_budget(
        self,
        points: Iterable[Point],
        total: int,
        device: str,
        reserve: int = RESERVE_BYTES,
    ) -> MemoryBudget:
        """Return the memory that the points need: measured where possible, else estimated.

        Args:
            points: the points to train.
            total: the machine's memory in bytes.
            device: `auto`, `cpu`, `cuda` or `mps`.
            reserve: bytes of it that are not for trials.
        """
        kind = predict_device(device)
        point_of_cell = {point.cell: point for point in points}
        needs: dict[str, int] = {}
        measured: set[str] = set()
        estimates: dict[str, int] = {}
        for cell, point in point_of_cell.items():
            peak = self.find_peak(point)
            if peak:
                needs[cell] = peak
                measured.add(cell)
                continue
            shape = point.shape_key
            if shape not in estimates:
                estimates[shape] = estimate_memory_bytes(point, kind)
            needs[cell] = estimates[shape]
        return MemoryBudget(needs, total, reserve, frozenset(measured), kind)

    def estimate(self, packs: Iterable[Pack]) -> Estimate:
        """Return how long the packs may take."""
        total = Estimate()
        # All seeds of a cell take the same time.
        seconds_of_cell: dict[tuple[str, bool], float | None] = {}
        for pack in packs:
            is_packed = len(pack.courses) > 1
            known = 0.0
            for course in pack.courses:
                longest = course[-1]
                key = (longest.cell, is_packed)
                if key not in seconds_of_cell:
                    seconds_of_cell[key] = self.estimate_seconds(
                        longest, is_packed
                    )
                seconds = seconds_of_cell[key]
                if seconds is None:
                    total.unknown += len(course)
                    continue
                # The shorter points are passed on the way, and a checkpoint saves epochs.
                epochs = count_epochs(
                    course, pack.origins.get(longest.id, ())
                )
                known += seconds * epochs / longest.last_epoch
            total.seconds += known
            total.longest = max(total.longest, known)
        return total


def read_all_records(ledger: Ledger, state: State) -> list[Record]:
    """Return the records of a plan, and all others of its results root.

    Args:
        ledger: the ledger with the records, of this or of other sweeps.
        state: records that were read before; they are not read again.
    """
    with as_results_error(ledger.store):
        others = ledger.read_others(state.records.keys())
        return [*state.records.values(), *others]


def collect_rates(records: Iterable[Record], device: str = "auto") -> Rates:
    """Return the rates of every record that this machine wrote on the same kind of device.

    Args:
        records: of this or of other sweeps.
        device: `auto`, `cpu`, `cuda` or `mps`.
    """
    here = get_hardware() | {"device": predict_device(device)}
    rates = Rates()
    for record in records:
        if all(
            record.hardware.get(key) == here[key] for key in _MACHINE_KEYS
        ):
            rates.add(record)
    return rates
