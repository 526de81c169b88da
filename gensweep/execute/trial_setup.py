"""Steps of both executors: the config of trials, and their arrays."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import UserError
from gensweep.execute.limits import Limits
from gensweep.execute.resources import Resources
from gensweep.prepare import array_cache
from gensweep.sweep.point import Pack, Point
from gensweep.trial.config import TrialConfig
from gensweep.trial.reports import ReportFunction

if TYPE_CHECKING:
    from gensweep.core.dataset import DatasetArrays

log = logging.getLogger(__name__)
_has_frozen = False
"""Whether `freeze_imports` was called."""


@dataclass(frozen=True)
class TrialErrors:
    """Errors of trials that could not report themselves.

    Attributes:
        died: id -> reason, for each point whose worker died.
        start_error: why a trial never started, and what to do; None if every trial did. The points
            of such a trial are not to blame.
    """

    died: Mapping[str, str] = field(default_factory=dict)
    start_error: str | None = None


Execute = Callable[
    [Sequence[Pack], str | Path, Resources, ReportFunction, Limits],
    TrialErrors,
]
"""The type of an executor's function `execute`.

It takes packs, the results root, resources, a function for reports, and limits: when one of them
is reached, no further pack is started."""


def make_trial_config(
    results: str | Path, resources: Resources
) -> TrialConfig:
    """Return the settings of every trial of a run."""
    gpus = resources.gpus_per_trial
    if gpus is None:
        # A trial that is given a GPU without asking for a share has all of it.
        gpus = 1.0
    return TrialConfig(
        results=str(results),
        device=resources.trial_device,
        cpus_per_trial=resources.cpus_per_trial,
        gpus_per_trial=gpus,
        pack=resources.pack,
        retry_failed=resources.retry_failed,
        retrain_changed=resources.retrain_changed,
        tracking=resources.tracking,
        keep=resources.keep,
        rungs=resources.rungs,
    )


def prepare_arrays(point: Point) -> dict[str, DatasetArrays]:
    """Return the point's arrays by `Point.data_key`.

    A task has none. If they cannot be built, the result is empty: each of the trials then reports
    the error.

    Raises:
        DataError: the files that they are made from are missing or damaged.
    """
    if not point.data_config().has_arrays:
        return {}
    try:
        return {point.data_key: array_cache.load_arrays(point.data_config())}
    except UserError:
        raise
    except Exception:
        log.debug(
            "the data of %s cannot be prepared here", point.id, exc_info=True
        )
        return {}


def freeze_imports() -> None:
    """Exclude all imported modules from garbage collection, once in a process.

    Each trial ends with a collection, which then need not look through them.
    """
    global _has_frozen
    # To count what is excluded takes about as long as a collection.
    if _has_frozen:
        return
    _has_frozen = True
    if not gc.get_freeze_count():
        gc.freeze()


def unfreeze_imports() -> None:
    """Undo `freeze_imports`."""
    global _has_frozen
    _has_frozen = False
    gc.unfreeze()
