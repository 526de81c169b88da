"""Options of a run from keyword arguments, for the command line and for Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from gensweep.core.errors import UserError, describe_unknown
from gensweep.core.keep import check_keep
from gensweep.core.values import is_number, show_value
from gensweep.execute.executor import Executor
from gensweep.execute.limits import parse_duration
from gensweep.execute.order import Order
from gensweep.execute.resources import Resources, RunOptions
from gensweep.sweep.arguments import check_pack
from gensweep.sweep.run_arguments import RunArguments
from gensweep.sweep.spec import Sweep
from gensweep.tracking.settings import MODES, Tracking, explain_disabled

DEVICES = ("auto", "cpu", "cuda", "mps")
Choice = TypeVar("Choice", bound=StrEnum)


def make_run_options(
    sweep: Sweep, arguments: RunArguments, command: str
) -> RunOptions:
    """Return the options of a run.

    Args:
        sweep: the sweep, already with the changes of `set` and `seeds`.
        arguments: what the user chose; None counts as not chosen.
        command: how to call the run again; it is recorded and printed.

    Raises:
        UserError: an option has a wrong value, or two of them contradict each other.
    """
    chosen = {
        key: value for key, value in arguments.items() if value is not None
    }
    _check_names(chosen)
    _check_flags(chosen)
    notify = _get_text(chosen, "notify")
    return RunOptions(
        _choose_root(chosen),
        list_filters(chosen.get("filter")),
        _choose_executor(chosen),
        command,
        _make_resources(sweep, chosen),
        order=_choose_order(chosen),
        time_budget=parse_duration(
            "--time-budget", _get_text(chosen, "time_budget")
        ),
        max_failures=_get_count(chosen, "stop_after_failures"),
        notify=notify,
        notes=_list_notes(_get_text(chosen, "wandb")),
    )


def _make_resources(sweep: Sweep, chosen: Mapping[str, Any]) -> Resources:
    pack = sweep.pack
    if "pack" in chosen:
        pack = check_pack("--pack", chosen["pack"])
    device = chosen.get("device", "auto")
    if device not in DEVICES:
        raise UserError(
            f"--device {show_value(device)} is none of {', '.join(DEVICES)}"
        )
    tracking = _choose_tracking(sweep, chosen)
    return Resources(
        device=device,
        cpus_per_trial=_get_count(chosen, "cpus_per_trial") or 1,
        gpus_per_trial=_get_gpus(chosen),
        max_concurrent=_get_count(chosen, "max_concurrent"),
        pack=pack,
        keep=check_keep("--keep", chosen.get("keep", sweep.keep)),
        address=_choose_cluster(chosen),
        retry_failed=chosen.get("retry_failed", False),
        retrain_changed=chosen.get("retrain_changed", False),
        verbose=chosen.get("verbose", False),
        tracking=tracking,
    )


def _check_names(chosen: Mapping[str, Any]) -> None:
    for name in chosen:
        if name not in RunArguments.__annotations__:
            raise UserError(
                describe_unknown(
                    "option", name, RunArguments.__annotations__, "run"
                )
            )


def _check_flags(chosen: Mapping[str, Any]) -> None:
    flags = ("local", "ray", "retry_failed", "retrain_changed", "verbose")
    for name in flags:
        if not isinstance(chosen.get(name, False), bool):
            raise UserError(
                f"{_format_option(name)}: {show_value(chosen[name])} is not "
                "True or False"
            )


def _choose_root(chosen: Mapping[str, Any]) -> str:
    """Return the results root: as chosen, or of the environment."""
    root = chosen.get("results")
    if root is None:
        return os.environ.get("GENSWEEP_RESULTS") or "results"
    if not isinstance(root, (str, os.PathLike)):
        raise UserError(
            f"--results {show_value(root)} is neither a folder nor a bucket"
        )
    return os.fspath(root)


def _choose_executor(chosen: Mapping[str, Any]) -> Executor:
    if chosen.get("local") and chosen.get("ray"):
        raise UserError(
            "--local trains without Ray, and --ray with it: use only one of them"
        )
    if chosen.get("local"):
        return Executor.LOCAL
    return Executor.RAY if chosen.get("ray") else Executor.AUTO


def _choose_cluster(chosen: Mapping[str, Any]) -> str | None:
    """Return the address of the cluster to train on; None with `local`.

    RAY_ADDRESS, which Ray sets in its jobs, does not contradict it; an address does.
    """
    address = _get_text(chosen, "address")
    if not chosen.get("local"):
        return address or os.environ.get("RAY_ADDRESS") or None
    if address:
        raise UserError(
            "--local trains without Ray, but --address names a Ray cluster: use only one of them"
        )
    return None


def _choose_order(chosen: Mapping[str, Any]) -> Order:
    order = chosen.get("order", Order.longest)
    try:
        return Order(order)
    except ValueError:
        names = ", ".join(Order)
        raise UserError(
            f"--order {show_value(order)} is none of {names}"
        ) from None


def _choose_tracking(sweep: Sweep, chosen: Mapping[str, Any]) -> Tracking:
    mode = chosen.get("wandb")
    if mode is not None and mode not in MODES:
        raise UserError(
            f"--wandb {show_value(mode)} is none of {', '.join(MODES)}"
        )
    return Tracking.from_cli(
        mode,
        _get_text(chosen, "wandb_project"),
        _get_text(chosen, "wandb_entity"),
        sweep.name,
    )


def _list_notes(mode: str | None) -> tuple[str, ...]:
    """Return the lines that a run prints when its training starts."""
    note = explain_disabled(mode)
    return (note,) if note else ()


def _get_text(chosen: Mapping[str, Any], name: str) -> str | None:
    text = chosen.get(name)
    if text is None or isinstance(text, str):
        return text
    raise UserError(
        f"{_format_option(name)}: {show_value(text)} is not a text"
    )


def _get_count(chosen: Mapping[str, Any], name: str) -> int | None:
    count = chosen.get(name)
    is_whole = isinstance(count, int) and not isinstance(count, bool)
    if count is None or (is_whole and count >= 1):
        return count
    raise UserError(
        f"{_format_option(name)}: {show_value(count)} is not a whole number of 1 or more"
    )


def _get_gpus(chosen: Mapping[str, Any]) -> float | None:
    gpus = chosen.get("gpus_per_trial")
    if gpus is None or (is_number(gpus) and gpus >= 0):
        return gpus
    raise UserError(
        f"--gpus-per-trial: {show_value(gpus)} is not a number of 0 or more"
    )


def _format_option(name: str) -> str:
    """Return how the command line writes an option."""
    return f"--{name.replace('_', '-')}"


def list_filters(filters: Any) -> list[tuple[str, list[str]]]:
    """Return filters as pairs of a parameter and the texts of its values.

    Args:
        filters: as `gensweep.sweep.run_arguments.Filters`; None: no filter.

    Raises:
        UserError: the filters have another form.
    """
    if filters is None:
        return []
    pairs = filters
    if isinstance(filters, Mapping):
        pairs = filters.items()
    listed = []
    try:
        for name, values in pairs:
            if not isinstance(values, (list, tuple, set, frozenset, range)):
                values = [values]
            if not values:
                raise UserError(f"--filter {name}: there is no value")
            listed.append((str(name), [str(value) for value in values]))
    except (TypeError, ValueError):
        raise UserError(
            f"--filter: {show_value(filters)} is not a dict, such as "
            "{'lr': [0.1, 0.2]}"
        ) from None
    return listed
