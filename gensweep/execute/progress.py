"""What a run shows while it goes on: one calm screen on a terminal that can show it, one line per point elsewhere."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from gensweep.ledger.records import OK, STATUSES
from gensweep.system.terminal import Console

SHOWN = 12
MOST_WARNINGS = 10
"""Warnings of single points that are printed."""
SPEED_PERIOD = 24 * 3600.0
"""Seconds of the past that the ETA is told from: epochs may be minutes apart."""


class Screen:
    """Takes a trial's reports; a context manager.

    Args:
        console: where to write; a live screen where one is possible.
        total: points that this run trains.
        done: points that were done before.

    Attributes:
        outcomes: how each point ended, by its id.
        epochs: the last epoch that was reported of each point.
    """

    def __init__(self, console: Console, total: int, done: int) -> None:
        self._console, self._total, self._done_before = console, total, done
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.epochs: Counter[str] = Counter()
        self._running: dict[str, dict[str, Any]] = {}
        self._warned: set[str] = set()
        self._point_warnings = 0
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%", markup=False),
            TimeElapsedColumn(),
            TextColumn("ETA", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=False),
            console=console,
            speed_estimate_period=SPEED_PERIOD,
        )
        self._task = self._bar.add_task("", total=max(total, 1))
        self._live = Live(
            get_renderable=self._render, console=console, refresh_per_second=2, transient=True
        )

    def __enter__(self) -> Screen:
        if self._console.is_live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def report(self, result: dict[str, Any]) -> None:
        """Take one report, as `gensweep.trial.trial.run_pack` describes them."""
        for lane in result.get("lanes", [result]):
            if "point" in lane:
                self._take(lane["point"], lane)
        in_flight = sum(running["epoch"] / running["epochs"] for running in self._running.values())
        self._bar.update(self._task, completed=len(self.outcomes) + in_flight)

    def _take(self, point: str, result: dict[str, Any]) -> None:
        self._warn(result.get("warning"))
        self.epochs[point] = max(self.epochs[point], result.get("epoch", 0))
        if "status" not in result:
            if (
                result["epoch"] or point not in self._running
            ):  # a trial started again tells soon where it goes on
                self._running[point] = result
        else:
            self._running.pop(point, None)
            if result["status"] in STATUSES and point not in self.outcomes:
                self.outcomes[point] = result
                self._print_end(point, result)
                for text in result.get("warnings", ()):
                    self._warn_of(point, text)

    def _warn(self, warning: str | None) -> None:
        """Print a warning, once for all points."""
        if warning and warning not in self._warned:
            self._warned.add(warning)
            self._console.print(warning, soft_wrap=True, style="yellow")

    def _warn_of(self, point: str, text: str) -> None:
        """Print a warning of one point, as long as there are few; the page has all of them."""
        self._point_warnings += 1
        if self._point_warnings <= MOST_WARNINGS:
            self._warn(f"warning: {point}: {text}")
        elif self._point_warnings == MOST_WARNINGS + 1:
            self._warn("There are more such warnings; the page lists all of them.")

    def _print_end(self, point: str, result: dict[str, Any]) -> None:
        failed = result["status"] != OK
        if self._console.is_live and not failed:
            return
        detail = result.get("error") if failed else _metrics(result, "test/")
        count = f"[{len(self.outcomes)}/{self._total}]"
        took = f" {result['seconds']:.1f}s" if "seconds" in result else ""
        self._console.print(
            f"{count} {point} {result['status']}{took}  {detail}",
            soft_wrap=True, style="red" if failed else None,
        )  # fmt: skip

    def _render(self) -> Group:
        ok = sum(
            result["status"] == OK for result in list(self.outcomes.values())
        )  # another thread than reports
        bad = len(self.outcomes) - ok
        text = f"{self._done_before + ok} done" + (f", {bad} failed or diverged" if bad else "")
        self._bar.update(
            self._task, description=f"{text}, {self._total - len(self.outcomes)} to go"
        )
        table = Table(box=None, pad_edge=False, show_header=False)
        for point, running in list(self._running.items())[:SHOWN]:
            table.add_row(
                point,
                f"epoch {running['epoch']}/{running['epochs']}",
                _metrics(running, "validation/"),
            )
        if not self._running and not self.outcomes:
            table.add_row("starting")
        if len(self._running) > SHOWN:
            table.add_row(f"and {len(self._running) - SHOWN} more")
        return Group(self._bar, table)


def _metrics(result: dict[str, Any], prefix: str) -> str:
    """The metrics of one split that are measured every epoch, shortly: `loss 1.13  char_accuracy 0.587`."""
    every = {name.removeprefix("validation/") for name in result if name.startswith("validation/")}
    numbers = {
        name[len(prefix) :]: value for name, value in result.items() if name.startswith(prefix)
    }
    numbers = {name: value for name, value in numbers.items() if name in every} or numbers
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
