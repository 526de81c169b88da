"""Some points of a sweep trained again by today's code, for a few epochs, and compared with what was recorded."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch

from gensweep.core.errors import GensweepError, ResultsError
from gensweep.core.registries import METRICS
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.open_store import open_store
from gensweep.ledger.records import OK, Record
from gensweep.prepare import array_cache
from gensweep.report.collect import write
from gensweep.report.results import Results, load
from gensweep.report.verified import DIFFERENT, EQUAL, ROUNDING, UNCOMPARED, VERIFIED, read_verified
from gensweep.sweep.code_fingerprint import compute_fingerprint
from gensweep.sweep.point import Point
from gensweep.system.environment import get_hardware, get_versions
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line
from gensweep.train.evaluation import Diverged
from gensweep.train.loop import Training
from gensweep.train.memory import configure_malloc
from gensweep.trial.device import describe_device, resolve_device

log = logging.getLogger(__name__)
TOLERANCES = {"float32": 0.005, "bfloat16": 0.02}
"""By what share of its size a number of an early epoch may move through rounding alone, by precision.

Measured over three epochs, PyTorch in place of the kernels: at most 0.0012 in float32 and 0.006 in bfloat16 (the KL
divergence of a VAE, which is near zero then); all other numbers moved by a tenth of that. Another processor moved the
losses of text to text by 0.00003."""
FLIPPED = 2
"""Examples that rounding may flip: a share of examples moves in steps, which are large for a small share."""


@dataclass(frozen=True)
class Comparison:
    """What came of one point.

    Attributes:
        outcome: `equal` digit for digit, `within rounding`, `different`, or `not compared`.
        epochs: how many were compared.
        largest: the largest relative difference, and of what; an infinite one, and what is wrong; None where nothing
            differs.
        reason: why the point was not compared.
        is_same_machine: whether the record names this processor and this way of computing.
    """

    record: Record
    outcome: str
    epochs: int = 0
    largest: tuple[float, str] | None = None
    reason: str = ""
    is_same_machine: bool = False
    computed: Mapping[str, Any] | None = None

    @property
    def style(self) -> str:
        """The colour of the line on a terminal."""
        return {EQUAL: "green", ROUNDING: "green", DIFFERENT: "red"}.get(self.outcome, "yellow")

    def __str__(self) -> str:
        """Say in a line what came of the point."""
        if self.outcome == UNCOMPARED:
            return f"{self.outcome}: {self.record.id}: {self.reason}"
        words = [f"{self.outcome}: {self.record.id}: {pluralize(self.epochs, 'epoch')}"]
        if self.largest:
            share, name = self.largest
            words.append(
                name if math.isinf(share) else f"{name} differs by {share:.2g} of its size"
            )
        computed = self.computed or {}
        how = ", ".join(
            str(computed[name]) for name in ("precision", "kernels") if name in computed
        )
        where = "the machine that trained it" if self.is_same_machine else "another machine"
        return ", ".join([*words, f"on {where} ({how})"])

    def entry(self) -> dict[str, Any]:
        """Return what the results root remembers of it."""
        return {
            "point": self.record.id,
            "model": self.record.model,
            "dataset": self.record.params["dataset"],
            "outcome": self.outcome,
            "epochs": self.epochs,
            "largest_difference": self.largest
            and {
                "share": self.largest[0]
                if math.isfinite(self.largest[0])
                else None,  # JSON has no other numbers
                "of": self.largest[1],
            },
            "reason": self.reason,
            "is_same_machine": self.is_same_machine,
            "recorded_code": self.record.code,
            "code": compute_fingerprint(self.record.model, self.record.params["dataset"]),
            "commit": get_versions()["commit"],
            "torch": get_versions()["torch"],
            "hardware": {"processor": get_hardware()["processor"], **(self.computed or {})},
            "finished": self.record.finished,
            "verified": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def choose_points(results: Results, sample: int) -> list[str]:
    """Return the ids of finished points to verify: every model in turn, evenly spaced over its cells and seeds."""
    finished = results.points[results.points["status"] == OK]
    ids = {model: finished[finished["model"] == model]["id"].tolist() for model in results.models}
    turns = [model for turn in range(sample) for model in results.models if turn < len(ids[model])]
    quotas = Counter(turns[:sample])
    chosen = []
    for model, quota in quotas.items():
        middles = ((2 * index + 1) * len(ids[model]) // (2 * quota) for index in range(quota))
        chosen.extend(ids[model][middle] for middle in middles)
    return chosen


def verify(
    results: Results, ids: Sequence[str], epochs: int, device_name: str
) -> Iterator[Comparison]:
    """Yield what comes of each of these points.

    Args:
        results: of the sweep.
        ids: of points with a record.
        epochs: to train again, of each.
        device_name: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UserError: there is no such device.
    """
    torch.set_num_threads(1)
    configure_malloc()
    device = resolve_device(device_name)
    for point_id in ids:
        record = Ledger(results.store).read_record(point_id)
        try:
            yield _compare(results, record, epochs, device)
        except (GensweepError, OSError) as error:
            yield Comparison(record, UNCOMPARED, reason=str(error))


def _compare(results: Results, record: Record, epochs: int, device: torch.device) -> Comparison:
    history = results.load_history(record.id)
    if history is None:
        return Comparison(record, UNCOMPARED, reason="it has no history.csv")
    point = Point.make(record.model, record.params, record.seed)
    if point.id != record.id:
        raise ResultsError(f"this gensweep knows these parameters as {point.id}")
    data = point.data_config()
    prepared = array_cache.load_arrays(data)
    training = Training(point.model_config(), data, point.seed, prepared, device)
    epochs = min(epochs, len(history["epoch"]))
    computed = describe_device(device) | training.compute_info
    is_same_machine = _is_same_machine(record.hardware, computed)
    for epoch in range(epochs):
        try:
            training.run_epoch()
        except Diverged as error:
            return Comparison(
                record, DIFFERENT, epoch, (math.inf, str(error)), "", is_same_machine, computed
            )
    differences = _differences(training.history, history)
    if not differences:
        return Comparison(record, UNCOMPARED, reason="its history.csv has none of today's columns")
    name, difference = max(differences.items(), key=lambda item: item[1])
    share = difference.relative
    if math.isinf(share):
        name = f"{name} is defined in one training alone"
    largest = (share, name) if share else None
    flipped = FLIPPED / len(prepared.split["validation"])
    outcome = _judge(differences, TOLERANCES[training.precision], flipped)
    return Comparison(record, outcome, epochs, largest, "", is_same_machine, computed)


@dataclass(frozen=True, order=True)
class Difference:
    """The largest difference of one column between two trainings.

    Attributes:
        relative: as a share of the larger number's size; infinite if only one training has the number.
        absolute: the same in the column's own unit.
    """

    relative: float = 0.0
    absolute: float = 0.0


def _judge(differences: Mapping[str, Difference], tolerance: float, flipped: float) -> str:
    """Return what the differences by column amount to.

    Args:
        differences: of every column.
        tolerance: the share of its size by which rounding moves a number.
        flipped: the share of all examples that rounding may flip; it is another limit for shares.
    """
    if not any(difference.relative for difference in differences.values()):
        return EQUAL
    for column, difference in differences.items():
        limit = flipped if _counts_examples(column) else 0.0
        if difference.relative > tolerance and difference.absolute > limit:
            return DIFFERENT
    return ROUNDING


def _differences(
    lines: Sequence[Mapping[str, float]], history: Mapping[str, Iterable[float]]
) -> dict[str, Difference]:
    """Return the largest difference over some epochs by column.

    Args:
        lines: of the epochs that were trained again.
        history: column -> the recorded number of each epoch, NaN where there was none.
    """
    columns = {name for line in lines for name in line} & history.keys() - {"epoch"}
    differences = {}
    for column in columns:
        pairs = zip(lines, history[column], strict=False)
        differences[column] = max(
            _difference(line.get(column, math.nan), float(before)) for line, before in pairs
        )
    return differences


def _difference(now: float, before: float) -> Difference:
    """Return the difference of two numbers; one that is defined once has moved without bound."""
    if now == before or (math.isnan(now) and math.isnan(before)):
        return Difference()
    if math.isnan(now) or math.isnan(before):
        return Difference(math.inf, math.inf)
    absolute = abs(now - before)
    return Difference(absolute / max(abs(now), abs(before)), absolute)


def _counts_examples(column: str) -> bool:
    """Return whether a column of the history holds a share of examples."""
    name = column.partition("/")[2]
    return name in METRICS and METRICS[name].unit == "fraction"


def _is_same_machine(recorded: Mapping[str, Any], computed: Mapping[str, Any]) -> bool:
    here = {"processor": get_hardware()["processor"], **computed}
    return all(recorded.get(name) == value for name, value in here.items())


def remember(results: Results, comparisons: Sequence[Comparison], console: Console) -> None:
    """Keep what came of some points, and write tables and page anew, which say it.

    An earlier entry of the same point is replaced. Where the results root cannot be written, a line says so.
    """
    store, sweep = results.store, results.folder.name
    entries = {entry["point"]: entry for entry in read_verified(store, sweep)}
    entries |= {comparison.record.id: comparison.entry() for comparison in comparisons}
    store = open_store(store.root_uri)
    try:
        store.write_json(f"{sweep}/{VERIFIED}", list(entries.values()))
        write(load(store.uri(sweep)))
    except (OSError, ResultsError) as error:
        print_line(console, f"This is not kept in {store.uri(sweep)}: {error}", "yellow")
