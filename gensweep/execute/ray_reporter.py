"""The link from Tune's trials to a run: it passes reports on, and counts starts and errors."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import tune

from gensweep.core.errors import CodeMismatchError
from gensweep.execute.ray_nodes import get_last_line
from gensweep.execute.ray_start_errors import explain_failed_actor
from gensweep.execute.trial_starts import TrialStarts
from gensweep.sweep.point import Pack
from gensweep.system.signals import raise_if_stopped
from gensweep.trial.reports import ReportFunction, build_start_report

log = logging.getLogger(__name__)


class Reporter(tune.Callback):
    """A callback that passes each trial's reports on, and ends the run after some errors.

    Args:
        report: takes the reports.
        packs: of the trials, in the order of their numbers.
        is_shared: True if others may use the cluster, too.
    """

    def __init__(
        self,
        report: ReportFunction,
        packs: Sequence[Pack],
        is_shared: bool = False,
    ) -> None:
        self._report, self._packs = report, packs
        self._is_shared = is_shared
        self._error: Exception | None = None
        self.starts = TrialStarts()

    def on_trial_start(
        self, iteration: int, trials: list, trial: Any, **info: Any
    ) -> None:
        """Report that a worker is ready and starts its points."""
        pack = trial.config["pack"]
        self.starts.add_start(pack)
        self._pass_on(build_start_report(self._packs[pack]))

    def on_trial_result(
        self,
        iteration: int,
        trials: list,
        trial: Any,
        result: dict,
        **info: Any,
    ) -> None:
        """Pass a report of a trial on."""
        self._pass_on(result)

    def _pass_on(self, result: dict[str, Any]) -> None:
        """Report. An error of the results root ends the run at the end of the step."""
        try:
            self._report(result)
        except OSError as error:
            self._error = error

    def on_trial_complete(
        self, iteration: int, trials: list, trial: Any, **info: Any
    ) -> None:
        """Count a trial that has ended."""
        self.starts.add_end(trial.config["pack"])

    def on_trial_error(
        self, iteration: int, trials: list, trial: Any, **info: Any
    ) -> None:
        """Count the last error of a trial."""
        self._add_error(trial, is_final=True)

    def on_trial_recover(
        self, iteration: int, trials: list, trial: Any, **info: Any
    ) -> None:
        """Count an error of a trial that is started again."""
        self._add_error(trial, is_final=False)

    def _add_error(self, trial: Any, is_final: bool) -> None:
        """Count an error; end the run if the trial's node has other code than the driver."""
        errors = Path(trial.error_file).read_text("utf-8", "replace")
        # Tune adds the error of each attempt to one file.
        reason = explain_failed_actor(errors.rpartition("Failure # ")[2])
        self.starts.add_error(trial.config["pack"], reason, is_final)
        name, _, message = get_last_line(errors).partition(": ")
        # Starting it again would not help: such a node fails every trial.
        if name.endswith(CodeMismatchError.__name__):
            self._error = CodeMismatchError(message)

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        """End the run after an error or a signal; say that it waits if it does."""
        raise_if_stopped()
        # Raised only here: what is raised about a single trial, Tune turns into text.
        if self._error:
            raise self._error
        if self._is_shared and self.starts.notice_wait():
            log.warning(
                "no trial could start yet: the cores or GPUs of the cluster are in use, or its "
                "nodes are still starting; `ray status` shows what is free"
            )

    def __getstate__(self) -> dict:
        # Tune pickles its callbacks; the function that takes reports stays in this process.
        return {}
