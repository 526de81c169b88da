"""The options of a run: what trials may use, and what the command line adds to the sweep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gensweep.core.errors import UserError
from gensweep.core.keep import WEIGHTS_ALONE
from gensweep.execute.executor import Executor
from gensweep.execute.order import Order
from gensweep.sweep.point import AUTO
from gensweep.system.environment import count_gpus, predict_device
from gensweep.tracking.settings import Tracking

if TYPE_CHECKING:
    from gensweep.execute.memory_budget import MemoryBudget


@dataclass(frozen=True)
class Resources:
    """The resources that trials may use, and how they are run.

    Attributes:
        device: `auto`, `cpu`, `cuda` or `mps`.
        cpus_per_trial: cores, and threads, of a trial.
        gpus_per_trial: GPUs, or a share of one. None: one GPU if the cluster has any and the
            device allows it.
        max_concurrent: trials at once. None: as many as there are resources for.
        address: of a running Ray cluster. None: a Ray is started on this machine.
        max_failures: how often a trial is started again after its worker died. A trial that
            made progress in the meantime is always started again.
        pack: the most lanes of a trial, or `auto`.
        retry_failed: train points again if their record says that they failed.
        retrain_changed: train points again if their record is not known to be of today's code.
        verbose: show Ray's own output.
        tracking: W&B's mode, project and entity.
        keep: which files stay when a point is done, as `gensweep.core.keep`.
        rungs: ids of points whose checkpoints stay, as trials of a search may go on from them.
        memory_budget: the memory that trials need and that this machine has. None: not counted.
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
    keep: str = WEIGHTS_ALONE
    rungs: frozenset[str] = frozenset()
    memory_budget: MemoryBudget | None = None

    @property
    def device_kind(self) -> str:
        """The device that a trial on this machine will use: `cpu`, `cuda` or `mps`.

        This is a guess, because only torch knows for sure, and it takes seconds to import.
        """
        return predict_device(self.trial_device)

    @property
    def trial_device(self) -> str:
        """The device that a trial asks for: without a GPU of its own, `auto` is the CPU."""
        has_no_gpu = self.device == "auto" and self.gpus_per_trial == 0
        return "cpu" if has_no_gpu else self.device

    def check_device(self) -> None:
        """Check the device and GPUs of trials on this machine, as far as is known without torch.

        Raises:
            UserError: this machine does not have them.
        """
        gpus = count_gpus()
        # `auto` finds the fastest device, so the CPU is the only other one.
        available = list(dict.fromkeys([predict_device("auto"), "cpu"]))
        if self.device not in ("auto", *available):
            raise UserError(
                f"--device {self.device}: not on this machine; there is {', '.join(available)}"
            )
        if (self.gpus_per_trial or 0) > gpus:
            raise UserError(
                f"--gpus-per-trial {self.gpus_per_trial:g}: this machine has {gpus}"
            )

    def count_slots(
        self, cores: float, gpus: float, gpus_per_trial: float
    ) -> int:
        """Return how many trials can run at once, at least 1.

        Args:
            cores: available cores.
            gpus: available GPUs.
            gpus_per_trial: GPUs, or a share of one, that each trial takes; 0: none.
        """
        slots = cores // self.cpus_per_trial
        if gpus_per_trial:
            slots = min(slots, gpus / gpus_per_trial)
        if self.max_concurrent:
            slots = min(slots, self.max_concurrent)
        return max(1, int(slots))


@dataclass(frozen=True)
class RunOptions:
    """The options of one run, beside the sweep itself.

    Attributes:
        results: the results root.
        filters: pairs of a parameter and its values. They limit which points run now; a point
            must match all of them.
        executor: what runs the trials.
        command: the command line, to be printed and recorded.
        resources: what trials may use.
        order: in which order points are started.
        time_budget: seconds after which no further point is started. None: no limit.
        max_failures: number of failed points after which no further point is started.
        notify: a command that gets a JSON summary at the end and at the first failure.
        notes: lines to print when the training starts.
        shows_tables: whether the run prints the sweep's tables at its end.
    """

    results: str = "results"
    filters: list[tuple[str, list[str]]] = field(default_factory=list)
    executor: Executor = Executor.AUTO
    command: str = ""
    resources: Resources = field(default_factory=Resources)
    order: Order = Order.longest
    time_budget: float | None = None
    max_failures: int | None = None
    notify: str | None = None
    notes: tuple[str, ...] = ()
    shows_tables: bool = True

    @property
    def local(self) -> bool:
        """True if trials run in this process, without Ray."""
        return self.executor == Executor.LOCAL

    @property
    def is_on_cluster(self) -> bool:
        """True if a running Ray cluster trains, not this machine."""
        return self.resources.address is not None
