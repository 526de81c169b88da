"""The order of the trials of a Tune run, and its end."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from gensweep.execute.limits import Limits
from gensweep.execute.trial_starts import TrialStarts


class InOrder(FIFOScheduler):
    """A scheduler with the order of Ray's FIFOScheduler, and a cost that does not grow.

    At each event FIFOScheduler looks at every trial that there has been.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._waiting: OrderedDict[Trial, None] = OrderedDict()

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Let a new trial, or one that starts again, wait at the end."""
        self._waiting[trial] = None
        # A trial that is started again may still wait here, if its first start was out of turn.
        self._waiting.move_to_end(trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Return the first trial that waits; None if there is none, or a limit is reached."""
        if self._limits.is_reached:
            return None
        while self._waiting:
            first = next(iter(self._waiting))
            if first.status == Trial.PENDING:
                return first
            del self._waiting[first]
        return None


class LimitStopper(tune.Stopper):
    """Ends the Tune run when a limit is reached and every started trial has ended.

    Without it Tune would wait for ever for the trials that the scheduler does not start. It also
    ends a run whose trials do not start.
    """

    def __init__(self, limits: Limits, starts: TrialStarts) -> None:
        self._limits, self._starts = limits, starts

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        """Return True if no trial is running, and none will start."""
        if self._starts.is_hopeless:
            return True
        return self._limits.is_reached and not self._starts.running
