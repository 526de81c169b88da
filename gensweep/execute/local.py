"""The executor without Ray: the same trials, one after another, in this process."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import UserError
from gensweep.execute.memory_budget import Room
from gensweep.ledger.claims import Process
from gensweep.prepare import array_cache
from gensweep.sweep.point import AUTO, Pack, Point
from gensweep.system.environment import likely_device
from gensweep.system.signals import raise_if_stopped
from gensweep.tracking.tracker import Tracking
from gensweep.trainables import TRAINABLES, Report

if TYPE_CHECKING:
    from gensweep.core.dataset import Prepared

log = logging.getLogger(__name__)
Execute = Callable[["Sequence[Pack]", "str | Path", "Resources", Report], dict[str, str]]
"""What an executor's module has under the name `execute`: packs, root, resources, report -> id -> how it died."""


@dataclass(frozen=True)
class Resources:
    """Who trains, with what, and who is told.

    Attributes:
        device: `auto`, `cpu`, `cuda` or `mps`.
        cpus_per_trial: cores, and threads, of a trial.
        gpus_per_trial: GPUs, or a share of one; None: one where the cluster has any and the device allows it.
        max_concurrent: trials at once; None: as many as there are resources for.
        address: of a running Ray cluster; None: one is started on this machine.
        max_failures: times that a trial whose worker died is started again; one that got on in the meantime, always.
        pack: lanes of a trial at most, or `auto`.
        retry_failed: train points again whose record says that they failed.
        retrain_changed: train points again whose record is not known to be of today's code.
        verbose: let Ray say what it says.
        tracking: who is told beside the ledger.
        room: the memory that trials need, and this machine's; None: nobody counted.
    """

    device: str = "auto"
    cpus_per_trial: int = 1
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None
    address: str | None = None
    max_failures: int = 2
    pack: int | str = AUTO
    retry_failed: bool = False
    retrain_changed: bool = False
    verbose: bool = False
    tracking: Tracking = field(default_factory=Tracking)
    room: Room | None = None

    @property
    def kind(self) -> str:
        """The device that a trial here will find, as far as can be told without torch: `cpu`, `cuda` or `mps`."""
        return (
            "cpu"
            if self.device == "auto" and self.gpus_per_trial == 0
            else likely_device(self.device)
        )

    def slots(self, cores: float, gpus: float, share: float) -> int:
        """Trials at once, where there are so many cores and GPUs and each takes such a share of those; at least 1."""
        fit = cores // self.cpus_per_trial
        fit = min(fit, gpus / share) if share else fit
        return max(1, int(min(fit, self.max_concurrent or fit)))


def trial_config(pack: Pack, root: str | Path, resources: Resources) -> dict[str, Any]:
    """The config that a trainable takes for a pack, of plain values only."""
    return {
        "points": [{"params": point.params, "seed": point.seed} for point in pack.points],
        "results": str(root),
        "device": resources.device,
        "threads": resources.cpus_per_trial,
        "gpus": resources.gpus_per_trial or 1.0,
        "fits": resources.pack == AUTO,
        "retry_failed": resources.retry_failed,
        "retrain_changed": resources.retrain_changed,
        "driver": asdict(Process.current()),
        "tracking": asdict(resources.tracking),
    }


def prepared(point: Point) -> dict[str, Prepared]:
    """The point's arrays by `Point.data_key`; empty where they cannot be built, which each of its trials then says.

    Raises:
        DataError: what they come from is not here, or damaged.
    """
    try:
        return {point.data_key: array_cache.prepared(point.data_config())}
    except UserError:
        raise
    except Exception:
        log.debug("the data of %s cannot be prepared here", point.id, exc_info=True)
        return {}


def started(pack: Pack) -> dict[str, Any]:
    """What an executor reports of a pack before its trial does."""
    return {
        "lanes": [{"point": p.id, "epoch": 0, "epochs": p.params["epochs"]} for p in pack.points]
    }


def freeze_imports() -> None:
    """After a process's first trial: the collection that ends each one need not look through all that is imported."""
    if not gc.get_freeze_count():
        gc.freeze()


@contextlib.contextmanager
def opened(resources: Resources) -> Generator[None]:
    """Check the resources; an executor that needs something started starts it here, and stops it at the end.

    Raises:
        UserError: the device is not there.
    """
    if resources.device in ("cuda", "mps"):
        from gensweep.trial.device import resolve_device  # imports torch

        resolve_device(resources.device)
    yield


def execute(
    packs: Sequence[Pack], root: str | Path, resources: Resources, report: Report
) -> dict[str, str]:
    """Train every pack in order; as `launch.execute`, without Ray, so that no trial can die alone."""
    datasets: dict[str, Prepared] = {}
    for pack in packs:
        raise_if_stopped()
        if pack.points[0].data_key not in datasets:  # one dataset in memory at a time
            datasets = prepared(pack.points[0])
        report(started(pack))
        TRAINABLES[pack.model](trial_config(pack, root, resources), datasets, report)
        freeze_imports()
    return {}
