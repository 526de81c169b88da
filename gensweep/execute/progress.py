"""The progress of a run: a live screen, or one line for each point.

The live screen needs a terminal that can move its cursor, or a notebook.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Group
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from gensweep.execute.search_progress import SearchWatch
from gensweep.ledger.status import STATUSES, Status
from gensweep.system.notebook import make_drawing
from gensweep.system.terminal import Console
from gensweep.trial.reports import (
    EpochReport,
    OutcomeReport,
    PointReport,
    is_outcome,
    list_point_reports,
    select_metrics,
)

MAX_POINTS_SHOWN = 12
"""Running points on the live screen."""
MAX_WARNINGS_PRINTED = 10
"""Warnings of single points that are printed."""
SPEED_PERIOD_SECONDS = 24 * 3600.0
"""The past that the remaining time is estimated from; epochs may be minutes apart."""


class Screen:
    """A context manager that takes the reports of trials and shows them.

    Args:
        console: where to print; in a terminal and a notebook also a live screen.
        total: points that this run trains.
        done: points that were done before.
        labels: what is swept, by the point's id.
        watch: the searches whose trials are trained.

    Attributes:
        outcomes: how each point ended, by its id.
        epochs: the last epoch that was reported of each point.
    """

    def __init__(
        self,
        console: Console,
        total: int,
        done: int,
        labels: Mapping[str, str] | None = None,
        watch: SearchWatch | None = None,
    ) -> None:
        self._console, self._total, self._done_before = console, total, done
        self._labels = labels or {}
        self._watch = watch or SearchWatch()
        self._continued: set[str] = set()
        self.outcomes: dict[str, OutcomeReport] = {}
        self.epochs: Counter[str] = Counter()
        self._running: dict[str, EpochReport] = {}
        self._printed_warnings: set[str] = set()
        self._point_warnings = 0
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%", markup=False),
            TimeElapsedColumn(),
            TextColumn("ETA", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=False),
            console=console,
            speed_estimate_period=SPEED_PERIOD_SECONDS,
        )
        # A bar of 0 would be complete before the first point.
        self._task = self._bar.add_task("", total=max(total, 1))
        self._drawing = make_drawing(self._render, console)

    def __enter__(self) -> Screen:
        if self._drawing:
            self._drawing.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawing:
            self._drawing.stop()

    def report(self, result: dict[str, Any]) -> None:
        """Take what a trial reports, as `gensweep.trial.reports`."""
        for report in list_point_reports(result):
            if is_outcome(report):
                self._take_outcome(report)
            else:
                self._take_epoch(report)
        # Epochs of running points count as parts of a point, so that the bar moves steadily.
        started = sum(
            running["epoch"] / running["epochs"]
            for running in self._running.values()
        )
        self._bar.update(self._task, completed=len(self.outcomes) + started)
        if self._drawing:
            self._drawing.update()

    def _take_epoch(self, report: EpochReport) -> None:
        point, epoch = report["point"], report["epoch"]
        self.epochs[point] = max(self.epochs[point], epoch)
        self._print_continuation(report)
        # A trial that is started again reports epoch 0, and soon where it continues.
        if epoch or point not in self._running:
            self._running[point] = report

    def _take_outcome(self, report: OutcomeReport) -> None:
        point = report["point"]
        self._print_warning(report.get("warning"))
        epoch = report.get("epoch", 0)
        self.epochs[point] = max(self.epochs[point], epoch)
        self._running.pop(point, None)
        if report["status"] in STATUSES and point not in self.outcomes:
            self.outcomes[point] = report
            self._watch.take(report)
            self._print_outcome(report)
            for text in report.get("warnings", ()):
                self._print_point_warning(point, text)

    def _print_continuation(self, report: EpochReport) -> None:
        """Print where an interrupted training goes on: its first epoch here is not the first."""
        point, epoch = report["point"], report["epoch"]
        is_first = epoch and point not in self._continued
        if not is_first:
            return
        self._continued.add(point)
        if epoch > 1:
            line = f"{self._name(point)} continued at epoch {epoch}/{report['epochs']}"
            self._console.print(line, soft_wrap=True)

    def _name(self, point: str) -> str:
        """Return a point's id and what is swept."""
        label = self._labels.get(point)
        return f"{point} ({label})" if label else point

    def _print_warning(self, warning: str | None) -> None:
        """Print a warning, once for all points."""
        if warning and warning not in self._printed_warnings:
            self._printed_warnings.add(warning)
            self._console.print(warning, soft_wrap=True, style="yellow")

    def _print_point_warning(self, point: str, text: str) -> None:
        """Print a warning of one point, as long as there are few; the page has all of them."""
        self._point_warnings += 1
        if self._point_warnings <= MAX_WARNINGS_PRINTED:
            self._print_warning(f"warning: {self._name(point)}: {text}")
        elif self._point_warnings == MAX_WARNINGS_PRINTED + 1:
            self._print_warning(
                "There are more such warnings; the page lists all of them."
            )

    def _print_outcome(self, report: OutcomeReport) -> None:
        point, status = report["point"], report["status"]
        has_failed = status != Status.OK
        # The live screen counts the points that are ok.
        if self._drawing and not has_failed:
            return
        detail = report["error"]
        if not has_failed:
            # A search reads validation alone, and so does whoever watches it.
            is_trial = self._watch.chooses_by(point)
            split = "validation/" if is_trial else "test/"
            detail = _format_metrics(report, split)
        count = f"[{len(self.outcomes)}/{self._total}]"
        seconds = ""
        if "seconds" in report:
            seconds = f" {report['seconds']:.1f}s"
        line = f"{count} {self._name(point)} {status}{seconds}  {detail}"
        self._console.print(
            line, soft_wrap=True, style="red" if has_failed else None
        )

    def _render(self) -> Group:
        """Return the live screen; another thread calls this than the one that reports."""
        # Copies, since the other thread may change the originals meanwhile.
        outcomes = list(self.outcomes.values())
        running = list(self._running.items())
        ok = sum(report["status"] == Status.OK for report in outcomes)
        bad = len(self.outcomes) - ok
        text = f"{self._done_before + ok} done"
        if bad:
            text += f", {bad} failed or diverged"
        remaining = self._total - len(self.outcomes)
        self._bar.update(self._task, description=f"{text}, {remaining} to go")
        table = Table(box=None, pad_edge=False, show_header=False)
        for point, report in running[:MAX_POINTS_SHOWN]:
            epoch = f"epoch {report['epoch']}/{report['epochs']}"
            table.add_row(
                self._name(point),
                epoch,
                _format_metrics(report, "validation/"),
            )
        if not running and not self.outcomes:
            table.add_row("starting")
        if len(running) > MAX_POINTS_SHOWN:
            table.add_row(f"and {len(running) - MAX_POINTS_SHOWN} more")
        lines = [Text(line) for line in self._watch.describe()]
        return Group(self._bar, *lines, table)


def _format_metrics(report: PointReport, prefix: str) -> str:
    """Return metrics of one split, as in `loss 1.13  char_accuracy 0.587`.

    Of the test set these are only metrics that are also measured in every epoch, if any is.
    """
    numbers = {
        name.removeprefix(prefix): value
        for name, value in select_metrics(report, prefix).items()
    }
    in_every_epoch = {
        name: value
        for name, value in numbers.items()
        if f"validation/{name}" in report
    }
    numbers = in_every_epoch or numbers
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
