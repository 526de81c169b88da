"""The plan: what a sweep still needs, how long that may take, and how much memory."""

from __future__ import annotations

import itertools
import json
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gensweep.core.errors import UserError
from gensweep.core.registries import MODELS
from gensweep.core.registries import dataset as dataset_class
from gensweep.execute.local import Resources
from gensweep.execute.memory_budget import RESERVE_BYTES, Room, memory_bytes
from gensweep.execute.packing import make_packs
from gensweep.ledger.ledger import Ledger, State
from gensweep.ledger.records import FAILED, MISSING, OK, Record
from gensweep.ledger.stores import as_results_error
from gensweep.sweep.code_fingerprint import (
    OTHER,
    SAME,
    UNKNOWN,
    changed_parts,
    compare,
    fingerprint,
)
from gensweep.sweep.point import Pack, Point, declares
from gensweep.system.environment import gpu_count, hardware, likely_device, usable_cores

PACKED = "packed"
_COSTLESS = {
    "epochs", "train_fraction", "lr", "beta1", "beta2", "weight_decay", "muon_lr", "muon_momentum", "schedule",
    "warmup", "hold", "init", "split_seed", "data_seed", "digit_split", "beta",
}  # fmt: skip


@dataclass
class Plan:
    """What is known of the wanted points, and what is to be done.

    Attributes:
        points: the points that this call wants.
        state: what the ledger says of them.
        todo: points to train now: missing ones; failed ones and those of other code where these are asked for.
    """

    points: list[Point]
    state: State
    todo: list[Point]

    def packs(self, limit: int = 1) -> list[Pack]:
        """One trial each, of ``limit`` lanes at most; longest first, so that no long one is left alone at the end."""
        costs = {
            point.cell: cost(point) for point in {point.cell: point for point in self.todo}.values()
        }
        packs = make_packs(self.todo, limit)
        return sorted(
            packs, key=lambda pack: sum(costs[point.cell] for point in pack.points), reverse=True
        )

    def status(self, point: Point) -> str:
        """`ok`, `diverged`, `failed`, or `missing`."""
        record = self.state.records.get(point.id)
        return record.status if record else MISSING

    def counts(self) -> Counter[str]:
        """Points of each status."""
        return Counter(self.status(point) for point in self.points)

    def codes(self) -> dict[str, list[Point]]:
        """Return the points that have a record, by how its code compares with today's: `same`, `other`, `unknown`."""
        codes: dict[str, list[Point]] = {SAME: [], OTHER: [], UNKNOWN: []}
        for point in self.points:
            if record := self.state.records.get(point.id):
                codes[_compare_code(record)].append(point)
        return codes

    def changed_code(self, others: Iterable[Point]) -> list[str]:
        """Return which parts of the code changed since some points were trained, most frequent first."""
        parts: Counter[str] = Counter()
        for point in others:
            record = self.state.records[point.id]
            today = fingerprint(point.model, point.params["dataset"])
            parts.update(changed_parts(record.code or {}, today or {}))
        return [part for part, _ in parts.most_common()]


def _compare_code(record: Record) -> str:
    return compare(record.code, record.model, record.params["dataset"])


def make_plan(
    points: list[Point], ledger: Ledger, retry_failed: bool = False, retrain_changed: bool = False
) -> Plan:
    """Compare the wanted points with the ledger.

    Args:
        points: the wanted points.
        ledger: what is known of them.
        retry_failed: train points again that failed.
        retrain_changed: train points again whose record is not known to be of today's code.

    Raises:
        NewerSchema: a record was written by a later gensweep.
        Unavailable: a results root elsewhere does not answer, or refuses.
    """
    state = ledger.read({point.id: point.wanted for point in points})
    todo = []
    for point in points:
        record = state.records.get(point.id)
        is_retried = record is not None and retry_failed and record.status == FAILED
        if record is None or is_retried or (retrain_changed and _compare_code(record) != SAME):
            todo.append(point)
    return Plan(points, state, todo)


def cost(point: Point) -> float:
    """A relative cost, from sizes alone: good enough to order trials by."""
    model = point.model_config()
    return (
        (model.activation_count() + model.parameter_count() / 64)
        * model.epochs
        * point.params["train_fraction"]
    )


def shape(model: str, params: Mapping[str, Any]) -> str:
    """Equal for points whose epochs cost the same an example, and that take the same memory."""
    config, data = MODELS[model], dataset_class(params["dataset"])
    sizes = {
        key: value
        for key, value in params.items()
        if key not in _COSTLESS
        and (key == "dataset" or not declares(key, config, data).is_neutral(key, value))
    }  # a record of before a parameter was added does not name it
    return json.dumps([model, sizes], sort_keys=True)


@dataclass
class Estimate:
    """How long the points to do may take.

    Attributes:
        seconds: sum over the points with a known shape, on one trial's resources.
        unknown: points of shapes that were never timed here.
        longest: the longest of the trials, as far as their points' shapes are known.
    """

    seconds: float = 0.0
    unknown: int = 0
    longest: float = 0.0

    def wall(self, concurrent: int) -> float:
        """Seconds with that many trials at once."""
        return max(self.seconds / concurrent, self.longest)


@dataclass
class Rates:
    """What was measured, by shape.

    Attributes:
        seen: seconds an epoch over a whole pool; of lanes of packs, under a key of their own.
        peaks: the most memory in bytes that a trial had.
    """

    seen: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Learn from a point that was trained to its end."""
        if record.status == OK and record.epochs:
            try:
                rate = record.seconds / record.epochs / record.params["train_fraction"]
                key = shape(record.model, record.params)
            except (
                UserError,
                LookupError,
                TypeError,
                ArithmeticError,
            ):  # of a model or a parameter not known here
                return
            packed = record.pack["size"] > 1
            self.seen.setdefault(key + PACKED * packed, []).append(rate)
            if not packed and (peak := record.hardware.get("peak_memory")):
                self.peaks[key] = max(peak, self.peaks.get(key, 0))

    def seconds(self, point: Point, packed: bool = False) -> float | None:
        """What a point may take, alone or as its share of a pack (as alone, at worst); None for a shape never seen."""
        key = shape(point.model, point.params)
        rates = (packed and self.seen.get(key + PACKED)) or self.seen.get(key)
        if not rates:
            return None
        return statistics.median(rates) * point.params["epochs"] * point.params["train_fraction"]

    def room(
        self, points: Iterable[Point], total: int, device: str, reserve: int = RESERVE_BYTES
    ) -> Room:
        """What the points need, as it was measured, else by arithmetic, of a machine's memory in bytes."""
        named = {point.cell: point for point in points}
        peaks = {
            cell: self.peaks.get(shape(point.model, point.params)) for cell, point in named.items()
        }
        kind, measured = (
            likely_device(device),
            frozenset(cell for cell, peak in peaks.items() if peak),
        )
        needs = {cell: peak or memory_bytes(named[cell], kind) for cell, peak in peaks.items()}
        return Room(needs, total, reserve, measured, kind)

    def estimate(self, packs: Iterable[Pack]) -> Estimate:
        """Add up what the packs may take."""
        total = Estimate()
        for pack in packs:
            lanes = [self.seconds(point, len(pack.points) > 1) for point in pack.points]
            known = [seconds for seconds in lanes if seconds is not None]
            total.unknown += len(lanes) - len(known)
            total.seconds += sum(known)
            total.longest = max(total.longest, sum(known))
        return total


def concurrent_trials(resources: Resources) -> int:
    """How many trials this machine can train at once.

    Raises:
        UserError: a trial asks for more cores than there are.
    """
    cores, share = (
        usable_cores(),
        (resources.gpus_per_trial or 1) if resources.kind == "cuda" else 0,
    )
    if resources.cpus_per_trial > cores and resources.address is None:
        raise UserError(
            f"--cpus-per-trial {resources.cpus_per_trial}: this machine has {cores} cores"
        )
    return resources.slots(cores, gpu_count(), share)


def rates_of(ledger: Ledger, state: State, device: str = "auto") -> Rates:
    """Learn from every record in a ledger that this machine wrote on the same kind of device.

    Args:
        ledger: records of any sweep teach.
        state: what was read of it before, and is not read again.
        device: `auto`, `cpu`, `cuda` or `mps`.
    """
    here, rates = hardware() | {"device": likely_device(device)}, Rates()
    with as_results_error(ledger.store):
        for record in itertools.chain(
            state.records.values(), ledger.read_others(state.records.keys())
        ):
            if all(
                record.hardware.get(key) == here[key] for key in ("host", "processor", "device")
            ):
                rates.add(record)
    return rates
