"""Comparison of two trainings of a point: the differences of their numbers, and what they mean."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gensweep.core.registries import METRICS
from gensweep.ledger.records import Record
from gensweep.report.verified import DIFFERENT, EQUAL, ROUNDING, UNCOMPARED
from gensweep.sweep.code_fingerprint import compute_fingerprint
from gensweep.system.environment import get_hardware, get_versions
from gensweep.system.text import pluralize

TOLERANCES = {"float32": 0.005, "bfloat16": 0.02}
"""The share of its size by which rounding may move a number of an early epoch, by precision.

Measured over three epochs, with PyTorch instead of the kernels: at most 0.0012 in float32 and
0.006 in bfloat16 (the KL divergence of a VAE, which is near zero then); all other numbers moved
by a tenth of that. Another processor moved the losses of text to text by 0.00003."""
MAX_FLIPPED_EXAMPLES = 2
"""Examples that rounding may flip.

A share of examples moves in steps, which are large for a small share."""


@dataclass(frozen=True)
class Comparison:
    """The outcome of training one point again.

    Attributes:
        record: the point's record.
        outcome: `equal` digit for digit, `within rounding`, `different`, or `not compared`.
        epochs: how many epochs were compared.
        largest: the largest relative difference, and of which column. If it is infinite, the
            text says what is wrong. None: nothing differs.
        reason: why the point was not compared.
        is_same_machine: whether the record names this processor and this way of computing.
        compute_info: how this machine computed, as precision and kernels.
    """

    record: Record
    outcome: str
    epochs: int = 0
    largest: tuple[float, str] | None = None
    reason: str = ""
    is_same_machine: bool = False
    compute_info: Mapping[str, Any] | None = None

    @property
    def style(self) -> str:
        """The colour of the line on a terminal."""
        return {EQUAL: "green", ROUNDING: "green", DIFFERENT: "red"}.get(
            self.outcome, "yellow"
        )

    def __str__(self) -> str:
        """Return the outcome in one line."""
        if self.outcome == UNCOMPARED:
            return f"{self.outcome}: {self.record.id}: {self.reason}"
        parts = [
            f"{self.outcome}: {self.record.id}: {pluralize(self.epochs, 'epoch')}"
        ]
        if self.largest:
            share, name = self.largest
            if math.isfinite(share):
                parts.append(f"{name} differs by {share:.2g} of its size")
            else:
                parts.append(name)
        info = self.compute_info or {}
        computing = ", ".join(
            str(info[name])
            for name in ("precision", "kernels")
            if name in info
        )
        machine = (
            "the machine that trained it"
            if self.is_same_machine
            else "another machine"
        )
        parts.append(f"on {machine} ({computing})")
        return ", ".join(parts)

    def make_entry(self) -> dict[str, Any]:
        """Return the entry that the results root stores about it."""
        versions = get_versions()
        return {
            "point": self.record.id,
            "model": self.record.model,
            "dataset": self.record.params["dataset"],
            "outcome": self.outcome,
            "epochs": self.epochs,
            "largest_difference": self._make_largest_entry(),
            "reason": self.reason,
            "is_same_machine": self.is_same_machine,
            "recorded_code": self.record.code,
            "code": compute_fingerprint(
                self.record.model, self.record.params["dataset"]
            ),
            "commit": versions["commit"],
            "torch": versions["torch"],
            "hardware": {
                "processor": get_hardware()["processor"],
                **(self.compute_info or {}),
            },
            "finished": self.record.finished,
            "verified": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def _make_largest_entry(self) -> dict[str, Any] | None:
        if self.largest is None:
            return None
        share, name = self.largest
        # JSON has no infinity.
        return {"share": share if math.isfinite(share) else None, "of": name}


@dataclass(frozen=True, order=True)
class Difference:
    """The largest difference of one column between two trainings.

    Attributes:
        relative: as a share of the larger number's size; infinite if only one training has the
            number, or it is finite in only one.
        absolute: the same in the column's own unit.
    """

    relative: float = 0.0
    absolute: float = 0.0


def judge_differences(
    differences: Mapping[str, Difference], tolerance: float, flipped: float
) -> str:
    """Return the outcome that differences by column amount to.

    Args:
        differences: of every column.
        tolerance: the share of its size by which rounding moves a number.
        flipped: the share of all examples that rounding may flip. It is another limit, for
            columns that are shares of examples.
    """
    if not any(difference.relative for difference in differences.values()):
        return EQUAL
    for column, difference in differences.items():
        limit = flipped if _is_share_of_examples(column) else 0.0
        if difference.relative > tolerance and difference.absolute > limit:
            return DIFFERENT
    return ROUNDING


def compute_differences(
    lines: Sequence[Mapping[str, float]],
    history: Mapping[str, Iterable[float]],
) -> dict[str, Difference]:
    """Return the largest difference over some epochs, by column.

    Args:
        lines: numbers of each epoch that was trained again.
        history: column -> the recorded number of each epoch, NaN where there was none.
    """
    columns = {name for line in lines for name in line} & history.keys() - {
        "epoch"
    }
    differences = {}
    for column in columns:
        # The history may have more epochs than were trained again.
        pairs = zip(lines, history[column], strict=False)
        differences[column] = max(
            compute_difference(line.get(column, math.nan), float(before))
            for line, before in pairs
        )
    return differences


def compute_difference(now: float, before: float) -> Difference:
    """Return the difference of two numbers; it is infinite if only one of them is finite."""
    if now == before or (math.isnan(now) and math.isnan(before)):
        return Difference()
    if not (math.isfinite(now) and math.isfinite(before)):
        return Difference(math.inf, math.inf)
    absolute = abs(now - before)
    return Difference(absolute / max(abs(now), abs(before)), absolute)


def _is_share_of_examples(column: str) -> bool:
    """Return whether a column of the history holds a share of examples."""
    name = column.partition("/")[2]
    return name in METRICS and METRICS[name].unit == "fraction"
