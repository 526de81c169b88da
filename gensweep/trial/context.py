"""Settings of a trial."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from gensweep.core.keep import WEIGHTS_ALONE
from gensweep.ledger.claims import Process
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.code_fingerprint import SAME, compare
from gensweep.tracking.settings import Tracking


@dataclass(frozen=True)
class Context:
    """Settings of a trial.

    Attributes:
        root: the results root; None: nothing is written.
        device: `auto`, `cpu`, `cuda` or `mps`.
        threads: PyTorch's threads.
        gpus: GPUs, or the share of one, that the trial has.
        limit_lanes_to_memory: train as many lanes of a pack together as fit on the device, instead
            of all.
        retry_failed: train a point whose record says that it failed.
        retrain_changed: train a point unless its record is known to be of today's code.
        driver: the process that requested the trial; when it dies, the trial stops.
        tracking: W&B's settings.
        keep: which files stay when a point is done, as `gensweep.core.keep`.
        repeats_history: report the epochs of earlier attempts again, before any new one. The
            schedulers of Tune count reports, and by this they count epochs.
    """

    root: str | Path | None = None
    device: str = "auto"
    threads: int = 1
    gpus: float = 1.0
    limit_lanes_to_memory: bool = False
    retry_failed: bool = False
    retrain_changed: bool = False
    driver: Process = field(default_factory=Process.get_current)
    tracking: Tracking = field(default_factory=Tracking)
    keep: str = WEIGHTS_ALONE
    repeats_history: bool = False

    def replaces(self, record: Record) -> bool:
        """Return whether a point with this record is trained again."""
        if self.retry_failed and record.status == Status.FAILED:
            return True
        if not self.retrain_changed:
            return False
        return (
            compare(record.code, record.model, record.params["dataset"]) != SAME
        )
