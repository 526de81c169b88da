"""The settings of a trial, the same from the command line to the process that trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gensweep.core.keep import CHECKPOINT_TOO, WEIGHTS_ALONE
from gensweep.ledger.claims import Process
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.code_fingerprint import SAME, compare
from gensweep.sweep.point import AUTO, MAX_LANES
from gensweep.tracking.settings import Tracking


@dataclass(frozen=True)
class TrialConfig:
    """The settings of a trial, beside the points that it trains.

    Names are those of the options of `gensweep run`. An executor sends this object to its workers.

    Attributes:
        results: the results root; None: nothing is written.
        device: `auto`, `cpu`, `cuda` or `mps`.
        cpus_per_trial: cores, and PyTorch's threads.
        gpus_per_trial: GPUs, or the share of one, that the trial has.
        pack: `auto`: as many lanes of a pack are trained together as fit on the device. A number:
            all of them.
        retry_failed: train a point whose record says that it failed.
        retrain_changed: train a point unless its record is known to be of today's code.
        driver: the process that requested the trial; when it dies, the trial stops.
        tracking: W&B's settings.
        keep: which files stay when a point is done, as `gensweep.core.keep`.
        rungs: ids of points whose checkpoints stay, as trials of a search may go on from them.
        repeats_history: report the epochs of earlier attempts again, before any new one. The
            schedulers of Tune count reports, and by this they count epochs.
    """

    results: str | Path | None = None
    device: str = "auto"
    cpus_per_trial: int = 1
    gpus_per_trial: float = 1.0
    pack: int | str = MAX_LANES
    retry_failed: bool = False
    retrain_changed: bool = False
    driver: Process = field(default_factory=Process.get_current)
    tracking: Tracking = field(default_factory=Tracking)
    keep: str = WEIGHTS_ALONE
    rungs: frozenset[str] = frozenset()
    repeats_history: bool = False

    @property
    def limits_lanes_to_memory(self) -> bool:
        """Return whether the lanes that do not fit on the device wait for the others."""
        return self.pack == AUTO

    def get_keep(self, point_id: str) -> str:
        """Return which files of a point stay when it is done."""
        return CHECKPOINT_TOO if point_id in self.rungs else self.keep

    def replaces(self, record: Record) -> bool:
        """Return whether a point with this record is trained again."""
        if self.retry_failed and record.status == Status.FAILED:
            return True
        if not self.retrain_changed:
            return False
        return (
            compare(record.code, record.model, record.params["dataset"])
            != SAME
        )
