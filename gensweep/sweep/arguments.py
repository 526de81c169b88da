"""Checks of the arguments of a `Sweep`: name, seeds, pack, objective, tables and figures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.registries import MODELS
from gensweep.core.values import show_value
from gensweep.sweep.axes import MAX_AXIS_VALUES, list_axis_values, list_items
from gensweep.sweep.grid import Grid
from gensweep.sweep.parameters import check_seed, unwrap_scalar
from gensweep.sweep.point import AUTO

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED_NAMES = ("points", "plugins", "report.html", ".", "..")
"""Names in a results root that are not sweeps, in lower case: some file systems ignore case."""
_ARGUMENTS = [
    "name", "grids", "seeds", "tables", "figures", "pack", "objective", "questions", "margin",
    "reference", "keep", "uses", "search", "vary",
]  # fmt: skip
"""The arguments of a `Sweep`."""


def check_name(name: Any, kind: str = "sweep") -> str:
    """Return the name of a sweep or of a search.

    Raises:
        SweepError: the name cannot be the name of a folder in a results root.
    """
    is_text = isinstance(name, str) and _NAME.fullmatch(name)
    if not is_text or name.lower() in _RESERVED_NAMES:
        raise SweepError(
            f"{kind} name {show_value(name)} is not a plain folder name "
            "(letters, digits, '.', '_', '-'; not 'points', 'plugins' or 'report.html')"
        )
    return name


def check_seeds(sweep: str, seeds: Any) -> list[int]:
    """Return the seeds of a sweep; raises as `check_seeds_of`."""
    return check_seeds_of(f"sweep {sweep!r}", seeds)


def check_seeds_of(owner: str, seeds: Any) -> list[int]:
    """Return seeds: 0, 1, ... for a number of seeds.

    Args:
        owner: the start of error messages.
        seeds: the argument.

    Raises:
        SweepError: the argument is neither a number of seeds nor a list of seeds.
    """
    seeds = unwrap_scalar(seeds)
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if seeds < 1:
            raise SweepError(
                f"{owner}: seeds={seeds}: at least one seed is needed"
            )
        if seeds > MAX_AXIS_VALUES:
            raise SweepError(
                f"{owner}: seeds={show_value(seeds)}: at most {MAX_AXIS_VALUES:,} seeds are "
                "possible; write one seed of your choice as a list: seeds=[SEED]"
            )
        return list(range(seeds))
    if isinstance(seeds, (str, bytes, bool, float)) or not isinstance(
        seeds, Iterable
    ):
        raise SweepError(
            f"{owner}: seeds={show_value(seeds)} is neither a number of seeds nor a list of them"
        )
    values = list_axis_values(owner, "seeds", seeds)
    for seed in values:
        check_seed(f"{owner}: ", seed)
    return values


def check_grids(sweep: str, grids: Any, *, has_searches: bool) -> list[Grid]:
    """Return the grids of a sweep as a list.

    Raises:
        SweepError: there are none, one of them is not a Grid, or two are the same.
    """
    if isinstance(grids, Grid):
        return [grids]
    checked = list_items(f"sweep {sweep!r}: grids", grids, "a list of grids")
    if not checked and not has_searches:
        raise SweepError(f"sweep {sweep!r} has no grids and no search")
    for grid in checked:
        if not isinstance(grid, Grid):
            raise SweepError(
                f"sweep {sweep!r}: grids contains {show_value(grid)}, which is not a Grid"
            )
    if len({repr(grid) for grid in checked}) < len(checked):
        raise SweepError(f"sweep {sweep!r} has the same grid twice")
    return checked


def check_vary(
    sweep: str, vary: Any, grids: Iterable[Grid], *, has_searches: bool
) -> list[str]:
    """Return the parameters that have each point's seed as their value.

    Raises:
        SweepError: a name is not that of a parameter that is a seed, a grid has a value for it,
            or the sweep has a search.
    """
    names = check_name_list(sweep, "vary", vary)
    if names and has_searches:
        raise SweepError(
            f"sweep {sweep!r}: vary={names!r} is for grids; a search has seeds of its own"
        )
    grids = list(grids)
    valid = {
        key
        for grid in grids
        for params in grid.cells()
        for key in params
        if key.endswith("_seed")
    }
    for name in names:
        if name not in valid:
            raise SweepError(
                describe_unknown(
                    "seed", name, valid, f"vary of sweep {sweep!r}"
                )
            )
        for grid in grids:
            if name in grid.axes:
                raise SweepError(
                    f"sweep {sweep!r}: vary takes the values of {name} from the seeds, but a grid "
                    f"has {name}={grid.axes[name]!r}; remove one of the two"
                )
    return names


def check_pack(prefix: str, pack: Any) -> int | str:
    """Return the number of lanes of a pack, or `auto`.

    Raises:
        SweepError: the argument is neither.
    """
    pack = unwrap_scalar(pack)
    if isinstance(pack, str) and pack == AUTO:
        return pack
    if isinstance(pack, int) and not isinstance(pack, bool) and pack >= 1:
        return pack
    raise SweepError(
        f"{prefix} {show_value(pack)} is neither {AUTO!r} nor a number of lanes, 1 or more"
    )


def check_objective(
    sweep: str, objective: Any, models: set[str]
) -> str | None:
    """Return the metric that ranks the cells of a sweep; None where each model uses its default.

    Raises:
        SweepError: none of the models has the metric on the validation set, or the metric has
            no direction that is better.
    """
    if objective is None:
        return None
    return check_validation_metric(
        f"sweep {sweep!r}", "objective", objective, models
    )


def check_validation_metric(
    owner: str, kind: str, metric: Any, models: set[str]
) -> str:
    """Return a metric of the validation set that says what is better.

    Args:
        owner: the thing that names the metric, for error messages.
        kind: the argument that names it.
        metric: the argument.
        models: the models; one of them must have the metric.

    Raises:
        SweepError: none of them has it, or neither end of it is better.
    """
    valid = set()
    for model in models:
        for one in MODELS[model].list_metrics("validation"):
            if one.direction != "none":
                valid.add(f"validation/{one.name}")
    if isinstance(metric, str) and metric in valid:
        return metric
    message = describe_unknown(kind, metric, valid, owner)
    if isinstance(metric, str) and metric.startswith("test/"):
        message = f"the test set must not decide anything; {message}"
    raise SweepError(message)


def check_name_list(sweep: str, argument: str, names: Any) -> list[str]:
    """Return the names of tables or figures, each once.

    Raises:
        SweepError: the argument is not a list of texts.
    """
    items = list_items(
        f"sweep {sweep!r}: {argument}", names, "a list of names"
    )
    for item in items:
        if not isinstance(item, str):
            raise SweepError(
                f"sweep {sweep!r}: {argument} has {show_value(item)}, which is not a name"
            )
    return list(dict.fromkeys(items))


def list_metric_names(models: Iterable[str]) -> set[str]:
    """Return the metrics of the test set that any of the models has."""
    names: set[str] = set()
    for model in models:
        names.update(metric.name for metric in MODELS[model].list_metrics())
    return names


def refuse_unknown_arguments(name: str, arguments: Iterable[str]) -> None:
    """Raise SweepError if there are arguments that a `Sweep` does not have."""
    for key in arguments:
        owner = f"sweep {name!r}"
        raise SweepError(describe_unknown("argument", key, _ARGUMENTS, owner))
