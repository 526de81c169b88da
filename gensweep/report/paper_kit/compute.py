"""The cost of the runs of sweeps: hours by hardware, memory, parameters; failed runs included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gensweep.core.errors import GensweepError, RecordError
from gensweep.core.registries import MODELS
from gensweep.ledger.manifest import SWEEP, read_sweep_file
from gensweep.ledger.open_store import open_store
from gensweep.ledger.point_files import POINTS, RECORD
from gensweep.ledger.records import Record, decode_record
from gensweep.ledger.status import Status
from gensweep.ledger.stores import MAX_RECORD_BYTES, Store, as_results_error

if TYPE_CHECKING:
    from gensweep.report.results import Results

RESULTS, SELECTION, SUPERSEDED = "results", "selection", "superseded"
KINDS = {
    RESULTS: "points of these sweeps that are ok",
    Status.DIVERGED: "points that diverged",
    Status.FAILED: "points that failed",
    SELECTION: "points by which searches chose their trials",
    SUPERSEDED: "points that no sweep of the results root names any more",
}
"""Kinds of runs -> what they are."""


@dataclass
class Use:
    """The runs of one kind, model and machine.

    Attributes:
        kind: one of `KINDS`.
        model: what was trained.
        hardware: the machine in words.
        runs: number of points.
        seconds: of all runs together.
        peaks: peak memory of each run that has it [bytes].
        parameters: numbers of trainable parameters; 0 where it is not known.
    """

    kind: str
    model: str
    hardware: str
    runs: int = 0
    seconds: float = 0.0
    peaks: list[float] = field(default_factory=list)
    parameters: set[int] = field(default_factory=set)

    @property
    def hours(self) -> float:
        """The hours of all runs together."""
        return self.seconds / 3600


def collect_uses(all_results: Sequence[Results]) -> list[Use]:
    """Return the runs behind sweeps, by kind, model and machine; the longest of a kind first.

    Superseded are points of the results roots that none of the sweeps there names any more.
    """
    uses: dict[tuple[str, str, str], Use] = {}
    seen: set[tuple[str, str]] = set()
    roots = {one.store.root_uri: one for one in all_results}
    for results in all_results:
        root = results.store.root_uri
        for kind, record in _iter_records(results):
            # Two sweeps may share a point.
            if (root, record.id) not in seen:
                seen.add((root, record.id))
                _add(uses, kind, record)
    for root in roots:
        with as_results_error(open_store(root)):
            for record in _iter_superseded(open_store(root)):
                _add(uses, SUPERSEDED, record)
    order = list(KINDS)
    return sorted(
        uses.values(),
        key=lambda use: (order.index(use.kind), -use.seconds, use.model),
    )


def _iter_records(results: Results) -> Iterator[tuple[str, Record]]:
    """Yield the records of a sweep, each with its kind."""
    store = results.store
    sweep = read_sweep_file(store, results.folder.name)
    kinds: dict[str, str] = {}
    shown = set(results.points["id"])
    for cell in sweep.cells:
        for point in cell.points.values():
            kinds[point] = RESULTS if point in shown else SELECTION
    for record in _read(store, list(kinds)):
        kind = kinds[record.id]
        if kind == RESULTS and record.status != Status.OK:
            kind = record.status
        yield kind, record


def _iter_superseded(store: Store) -> Iterator[Record]:
    """Yield the records of a root that no sweep there names."""
    named: set[str] = set()
    for folder in sorted(store.list_folders("")):
        if not store.exists(f"{folder}/{SWEEP}"):
            continue
        try:
            sweep = read_sweep_file(store, folder)
        except GensweepError:
            # What it names is not known, so nothing is known to be superseded.
            return
        for cell in sweep.cells:
            named.update(cell.points.values())
    yield from _read(store, sorted(store.list_folders(POINTS) - named))


def _read(store: Store, point_ids: list[str]) -> Iterator[Record]:
    """Yield the records that can be read."""
    names = [f"{POINTS}/{point}/{RECORD}" for point in point_ids]
    contents = store.read_all(names, MAX_RECORD_BYTES)
    for point, name, content in zip(point_ids, names, contents, strict=True):
        if isinstance(content, bytes):
            try:
                yield decode_record(content, name, point)
            except RecordError:
                # The page names records that cannot be read.
                continue


def _add(
    uses: dict[tuple[str, str, str], Use], kind: str, record: Record
) -> None:
    hardware = describe_machine(record)
    key = (kind, record.model, hardware)
    use = uses.setdefault(key, Use(*key))
    use.runs += 1
    # The first epochs may be those of another point, which has their time.
    use.seconds += record.own_seconds
    peak = record.hardware.get("peak_memory")
    if isinstance(peak, (int, float)):
        use.peaks.append(float(peak))
    use.parameters.add(count_parameters(record))


def describe_machine(record: Record) -> str:
    """Return the machine of a record: the GPU, or the processor with its cores."""
    hardware = record.hardware
    device = str(hardware.get("device") or "")
    processor = str(hardware.get("processor") or "unknown processor")
    for mark in ("(R)", "(TM)", "(r)", "(tm)"):
        processor = processor.replace(mark, "")
    processor = " ".join(processor.split())
    cores = hardware.get("cores")
    if cores:
        processor += f", {cores} cores"
    if device in ("", "cpu"):
        return processor
    return f"{device}; {processor}"


def count_parameters(record: Record) -> int:
    """Return the number of trainable parameters of a point's model; 0: not known."""
    try:
        model = MODELS[record.model]
        fields = model.model_fields
        params = {
            name: value
            for name, value in record.params.items()
            if name in fields
        }
        return int(getattr(model(**params), "count_parameters", int)())
    except (GensweepError, ValueError, TypeError, LookupError):
        # A model of a user's own file, or one whose parameters have changed.
        return 0
