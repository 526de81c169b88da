"""The options of a run as keyword arguments of Python, named as on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

Filters = Mapping[str, Any] | Sequence[tuple[str, Any]]
"""A parameter, `model` or `seed` -> a value, or a list of values."""


class RunArguments(TypedDict, total=False):
    """The options of `gensweep.run`; those of the command line have the same names.

    Attributes:
        results: the folder or bucket for results; default: GENSWEEP_RESULTS, else `results`.
        set: parameter -> its value, or a list of values to sweep. The key `"A:B"` pairs the
            values of two parameters: `{"A:B": [(1, 3), (2, 4)]}`.
        seeds: use the seeds 0 to N-1.
        filter: run only points that have one of these values.
        device: `auto`, `cpu`, `cuda` or `mps`.
        cpus_per_trial: CPU cores and threads per trial.
        gpus_per_trial: GPUs per trial, or a share of one.
        max_concurrent: the maximum number of parallel trials.
        pack: points trained together as one batched model, or `auto`.
        keep: `weights`, `checkpoint` or `nothing`.
        address: a running Ray cluster: `auto`, or `HOST:PORT`; default: RAY_ADDRESS.
        local: train in this process without Ray, one trial at a time.
        ray: train with Ray even if a run without it would be as fast.
        order: `longest`, `seeds` or `random`.
        time_budget: start no further point after this time, such as `2h`.
        stop_after_failures: start no further point after this number of failures.
        notify: a command that gets a JSON summary at the end and at the first failure.
        retry_failed: train failed points again.
        retrain_changed: train points again whose records were made by other code.
        wandb: `online`, `offline` or `disabled`.
        wandb_project: the W&B project.
        wandb_entity: the W&B user or team.
        verbose: show Ray's output.
    """

    results: str | Path
    set: Mapping[str, Any]
    seeds: int
    filter: Filters
    device: str
    cpus_per_trial: int
    gpus_per_trial: float
    max_concurrent: int
    pack: int | str
    keep: str
    address: str
    local: bool
    ray: bool
    order: str
    time_budget: str
    stop_after_failures: int
    notify: str
    retry_failed: bool
    retrain_changed: bool
    wandb: str
    wandb_project: str
    wandb_entity: str
    verbose: bool
