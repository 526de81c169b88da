"""The executor without Ray: it runs the same trials, one after another, in this process."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.execute.limits import Limits
from gensweep.execute.resources import Resources
from gensweep.execute.trial_setup import (
    TrialErrors,
    freeze_imports,
    make_trial_config,
    prepare_arrays,
    unfreeze_imports,
)
from gensweep.sweep.point import Pack
from gensweep.system.signals import raise_if_stopped
from gensweep.trial.reports import ReportFunction, build_start_report

if TYPE_CHECKING:
    from gensweep.core.dataset import DatasetArrays


@contextlib.contextmanager
def open_executor(resources: Resources) -> Generator[None]:
    """Check that the device exists; this executor has nothing to start or stop.

    Raises:
        UserError: it does not exist.
    """
    if resources.device in ("cuda", "mps"):
        from gensweep.trial.device import resolve_device  # imports torch

        resolve_device(resources.device)
    yield


def execute(
    packs: Sequence[Pack],
    root: str | Path,
    resources: Resources,
    report: ReportFunction,
    limits: Limits,
) -> TrialErrors:
    """Train every pack in order, as `ray_tune.execute` does.

    Returns:
        No errors: there are no workers that could die.
    """
    import torch

    from gensweep.trial.trial import run_pack

    threads = torch.get_num_threads()
    was_frozen = gc.get_freeze_count() > 0
    config = make_trial_config(root, resources)
    datasets: dict[str, DatasetArrays] = {}
    try:
        for pack in packs:
            raise_if_stopped()
            if limits.is_reached:
                break
            first = pack.points[0]
            # One dataset in memory at a time.
            if first.data_key not in datasets:
                datasets = prepare_arrays(first)
            report(build_start_report(pack))
            run_pack(pack, datasets, config, report)
            freeze_imports()
    finally:
        # A process that ends with frozen objects makes some libraries complain of leaks.
        if not was_frozen:
            unfreeze_imports()
        # The process may be a notebook's, which goes on.
        torch.set_num_threads(threads)
    return TrialErrors()
