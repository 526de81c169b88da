"""The choice between Ray and this process: a start of Ray has to be worth its time."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from gensweep.execute.executor import Executor
from gensweep.execute.memory_budget import MemoryBudget
from gensweep.execute.plan import Plan, count_machine_slots, make_local_packs
from gensweep.execute.rates import Rates
from gensweep.execute.resources import RunOptions

RAY_START_SECONDS = 10.0
"""How much longer a run takes if it starts Ray.

That is an import of Ray, its start, and the start of a worker that imports torch. The value is low
on purpose: with 21 processes on two cores they took 11, 29 and 18 s.
"""


@dataclass(frozen=True)
class ExecutorChoice:
    """The executor of a run.

    Attributes:
        executor: `ray` or `local`.
        reason: why the run does without Ray by itself. None: it does not.
    """

    executor: Executor
    reason: str | None = None


def choose_executor(
    plan: Plan,
    rates: Rates,
    budget: MemoryBudget,
    options: RunOptions,
    *,
    may_grow: bool,
) -> ExecutorChoice:
    """Return the executor of a run: the one that the user chose, or the faster one.

    A run on a cluster always uses Ray, and so does a run on a machine where a Ray is running.

    Args:
        plan: the points to train.
        rates: the measured times of this machine.
        budget: the memory of the trials and of this machine.
        options: the options of the run.
        may_grow: a search will ask for further points.

    Raises:
        UserError: a trial requests more cores than this machine has.
    """
    if options.executor != Executor.AUTO:
        return ExecutorChoice(options.executor)
    # Shares of GPUs are Ray's task.
    needs_ray = bool(options.resources.gpus_per_trial)
    if options.is_on_cluster or needs_ray or is_ray_running():
        return ExecutorChoice(Executor.RAY)
    reason = _explain_local(plan, rates, budget, options, may_grow)
    if reason is None:
        return ExecutorChoice(Executor.RAY)
    return ExecutorChoice(Executor.LOCAL, reason)


def _explain_local(
    plan: Plan,
    rates: Rates,
    budget: MemoryBudget,
    options: RunOptions,
    may_grow: bool,
) -> str | None:
    """Return why this process is at least as fast as Ray; None if it is not."""
    slots = count_machine_slots(options.resources)
    if slots == 1:
        return "only one trial runs at a time here"
    if may_grow or not plan.todo:
        return None
    if len(plan.todo) == 1:
        return "one point is missing"
    packs = make_local_packs(plan, options, budget)
    if len(packs) == 1:
        return "the missing points are one trial"
    limit = min(slots, len(packs))
    parallel = budget.count_fitting(packs, limit)
    if parallel < limit and options.resources.max_concurrent:
        # The user requested more trials at once than fit, which is an error with Ray.
        return None
    if parallel <= 1:
        return "memory allows one trial at a time"
    estimate = rates.estimate(packs)
    if estimate.unknown:
        return None
    alone = estimate.compute_wall_seconds(1)
    with_ray = estimate.compute_wall_seconds(parallel) + RAY_START_SECONDS
    if alone > with_ray:
        return None
    return f"training takes about {max(1, round(alone))} s, and a start of Ray longer than it saves"


def is_ray_running() -> bool:
    """Return True if this process is connected to a Ray, or `ray start` ran on this machine."""
    # Not imported here: an import of Ray takes seconds.
    ray = sys.modules.get("ray")
    is_initialized = getattr(ray, "is_initialized", None)
    if is_initialized is not None and is_initialized():
        return True
    folder = os.environ.get("RAY_TMPDIR") or "/tmp"
    return (Path(folder) / "ray" / "ray_current_cluster").exists()
