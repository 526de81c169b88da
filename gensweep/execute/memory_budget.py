"""The memory budget: how much memory each trial needs, and how many trials fit at once."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from gensweep.core.errors import UserError
from gensweep.sweep.point import Pack, Point
from gensweep.system.environment import get_memory_bytes as machine_memory

if TYPE_CHECKING:
    from gensweep.execute.plan import Plan
    from gensweep.execute.rates import Rates
    from gensweep.execute.resources import RunOptions

PROCESS_BYTES = 1_600_000_000
"""Resident memory of a worker before it holds a model: all libraries and the metrics' networks."""
RESERVE_BYTES = 1_500_000_000
"""Memory for the driver, Ray's own processes and its object store."""
GRAIN_BYTES = 1 << 28
"""Needs are rounded up to a multiple of this.

Ray gives a trial to a running worker only if it requests the same memory as the trial before.
With this rounding most shapes request the same."""
_SIZE_PARAMETERS = (
    "batch_size",
    "filters",
    "hidden",
    "glyph_filters",
    "latent_dim",
)


def estimate_memory_bytes(
    point: Point, device: str = "cpu", lanes: int = 1
) -> int:
    """Estimate the peak memory of a trial in bytes; memory on a GPU is not counted.

    On a CPU: the process; weights, gradients and Adam's two moments; activations of a training
    step with their gradients, or of an evaluation. On a GPU: the process, and weights and moments
    once more, since writing a checkpoint copies them to the host.

    Args:
        point: any point of the trial.
        device: `cpu`, `cuda` or `mps`.
        lanes: points that the trial trains together.
    """
    model = point.model_config()
    if device == "cuda":
        # Four bytes a number; weights and two moments are three numbers a parameter.
        return PROCESS_BYTES + 4 * 3 * model.count_parameters() * lanes
    return PROCESS_BYTES + model.estimate_training_bytes(lanes)


@dataclass(frozen=True)
class MemoryBudget:
    """The memory that the trials of a run need, and that the machine has.

    Attributes:
        needs: bytes that a point takes, by its cell.
        total: the machine's memory in bytes. 0: not known, so that everything fits.
        reserve: bytes of it that are not for trials.
        measured: cells whose need was measured; the need of all others is estimated.
        device: `cpu`, `cuda` or `mps`.
    """

    needs: Mapping[str, int]
    total: int
    reserve: int = RESERVE_BYTES
    measured: frozenset[str] = frozenset()
    device: str = "cpu"

    @property
    def free(self) -> int:
        """Bytes for all trials together."""
        return max(0, self.total - self.reserve)

    def compute_required_bytes(self, pack: Pack) -> int:
        """Return the bytes that a pack takes, rounded up to a multiple of `GRAIN_BYTES`."""
        return -(-self._estimate_bytes(pack) // GRAIN_BYTES) * GRAIN_BYTES

    def _estimate_bytes(self, pack: Pack) -> int:
        """Return the need of the pack's largest lane, plus an estimate for each further lane."""
        first = pack.points[0]
        if len(pack.points) == 1:
            return self.needs.get(first.cell, PROCESS_BYTES)
        lanes = len(pack.courses)
        # A measured need is of a point that was trained alone.
        need = max(
            self.needs.get(point.cell, PROCESS_BYTES) for point in pack.points
        )
        if lanes == 1:
            return need
        one_lane = estimate_memory_bytes(first, self.device)
        all_lanes = estimate_memory_bytes(first, self.device, lanes)
        return need + all_lanes - one_lane

    def select_largest(self, packs: Iterable[Pack], limit: int) -> list[Pack]:
        """Return the ``limit`` packs that take the most memory, the largest first."""

        def get_size(pack: Pack) -> tuple[int, str]:
            # The cell decides between equal packs, so that messages do not depend on the order.
            return self._estimate_bytes(pack), pack.points[0].cell

        return heapq.nlargest(limit, packs, key=get_size)

    def find_largest(self, packs: Iterable[Pack]) -> Pack:
        """Return the pack that takes the most memory, of at least one."""
        return self.select_largest(packs, 1)[0]

    def describe(self, pack: Pack) -> str:
        """Return the memory that a pack takes, in words."""
        first, lanes = pack.points[0], len(pack.courses)
        source = "measured" if first.cell in self.measured else "estimated"
        label = first.id
        if lanes > 1:
            label = f"{lanes} lanes as {first.id}"
        return f"{_format_gb(self._estimate_bytes(pack))} per trial ({label}, {source})"

    def describe_largest(self, packs: Iterable[Pack]) -> str:
        """Return the memory that the largest of the packs takes, in words."""
        return f"Memory: up to {self.describe(self.find_largest(packs))}"

    def sum_largest(self, packs: Iterable[Pack], limit: int) -> list[int]:
        """Return the bytes that the largest 1, 2, ... ``limit`` packs take at once."""
        sizes = map(self.compute_required_bytes, packs)
        return list(accumulate(heapq.nlargest(limit, sizes)))

    def count_fitting(self, packs: Iterable[Pack], limit: int) -> int:
        """Return how many of the largest packs fit at once, at most ``limit``."""
        # The largest, because nobody knows which of them will run at the same time.
        return self._count_free(self.sum_largest(packs, limit))

    def _count_free(self, sums: Sequence[int]) -> int:
        """Return how many of these sums are not more than what is free."""
        if not self.total:
            return len(sums)
        return sum(size <= self.free for size in sums)

    def check(
        self, packs: Sequence[Pack], limit: int, requested: int | None
    ) -> int:
        """Return how many trials may run at once, whichever they are.

        Args:
            packs: the packs to train, at least one.
            limit: trials at once that there are cores for.
            requested: trials at once that the user requested, if any.

        Raises:
            UserError: not even the largest trial fits, or fewer trials than the user requested.
        """
        sums = self.sum_largest(packs, limit)
        fitting = self._count_free(sums)
        if fitting and (requested is None or fitting == len(sums)):
            return fitting
        largest = self.find_largest(packs)
        available = f"this machine has {_format_gb(self.total)}"
        if self.reserve:
            available += f", of which {_format_gb(self.reserve)} are for the driver and Ray"
        if not fitting:
            raise UserError(
                f"not enough memory: up to {self.describe(largest)}, but {available}: "
                f"{_suggest_smaller(largest)}"
            )
        need = (
            f"the {len(sums)} largest trials need {_format_gb(sums[-1])}, "
            f"up to {self.describe(largest)}"
        )
        raise UserError(
            f"--max-concurrent {requested}: {need}, and {available}: {fitting} fit"
        )


def _suggest_smaller(pack: Pack) -> str:
    """Return a hint on how to make a pack that does not fit take less memory."""
    settings = [
        name for name in _SIZE_PARAMETERS if name in pack.points[0].params
    ]
    if len(pack.courses) > 1:
        settings.append("--pack")
    return f"lower {' or '.join(settings)}, or use a larger machine"


def _format_gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def make_memory_budget(
    plan: Plan, rates: Rates, options: RunOptions
) -> MemoryBudget:
    """Return the memory budget of the points to train, on this machine.

    Args:
        plan: the points to train.
        rates: measured memory peaks.
        options: the options of the run. A run without Ray needs no reserve.
    """
    reserve = RESERVE_BYTES
    if options.local:
        reserve = 0
    device = options.resources.device_kind
    return rates.make_memory_budget(
        plan.todo, machine_memory(), device, reserve
    )
