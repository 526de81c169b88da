"""Checks of the arguments of a `Search`: its method, its rungs, its trials, its confirmation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.registries import MODELS
from gensweep.core.values import show_value
from gensweep.sweep.arguments import check_seeds_of, check_validation_metric
from gensweep.sweep.axes import MAX_AXIS_VALUES
from gensweep.sweep.parameters import unwrap_scalar

if TYPE_CHECKING:
    from gensweep.sweep.search import Search
    from gensweep.sweep.search_space import SearchSpace

RANDOM, SOBOL, TPE = "random", "sobol", "tpe"
METHODS = {
    RANDOM: "independent random values",
    SOBOL: "a scrambled Sobol sequence, which fills the space evenly",
    TPE: "tree-structured Parzen estimators, which learn from earlier trials (needs Optuna)",
}
DEFAULT_WINDOW = 8
MAX_TRIALS = 1_000_000
"""More trials than this are an error: a plan of them would fill the memory."""
VALIDATION = "validation/"


@dataclass(frozen=True)
class Confirm:
    """The last part of a search: train its best trials again, with seeds that it has not used.

    The best of many trials is the best by luck, too. So only these trainings are results.

    Attributes:
        best: how many trials, the best ones on the validation set.
        seeds: a number of seeds, which follow the search's own; or a list of seeds.
    """

    best: int = 3
    seeds: Any = 5


DEFAULT_CONFIRM = Confirm()


def check_metric(prefix: str, model: str, metric: Any) -> str:
    """Return the metric that decides, with its split.

    Raises:
        SweepError: the model does not measure it on the validation set, or neither end of it is
            better.
    """
    if metric is None:
        names = [
            one.name
            for one in MODELS[model].list_metrics("validation")
            if one.direction != "none"
        ]
        raise SweepError(
            f"{prefix}: no metric says which trial is better; write metric={names[0]!r}"
            if names
            else f"{prefix}: {model} has no validation metric that says which trial is better"
        )
    full = metric
    if isinstance(metric, str) and "/" not in metric:
        full = f"{VALIDATION}{metric}"
    return check_validation_metric(prefix, "metric", full, {model})


def check_method(prefix: str, method: Any) -> str:
    """Return the method.

    Raises:
        SweepError: it is not one of `METHODS`.
    """
    if isinstance(method, str) and method in METHODS:
        return method
    raise SweepError(describe_unknown("method", method, METHODS, prefix))


def check_count(
    prefix: str,
    name: str,
    value: Any,
    minimum: int = 1,
    maximum: int = MAX_TRIALS,
) -> int:
    """Return an argument that is a whole number.

    Raises:
        SweepError: it is not, or it is too small or too large.
    """
    value = unwrap_scalar(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or value < minimum:
        raise SweepError(
            f"{prefix}: {name}={show_value(value)} is not a whole number of {minimum} or more"
        )
    if value > maximum:
        raise SweepError(
            f"{prefix}: {name} is too large; the largest is {maximum:,}"
        )
    return value


def check_rungs(
    prefix: str, model: str, rungs: Any, epochs: int
) -> list[int]:
    """Return the epochs after which trials are compared, without the last level.

    Args:
        prefix: the start of error messages.
        model: the model, whose training must be able to stop at a rung.
        rungs: the argument.
        epochs: the epochs of a trial that reaches the end.

    Raises:
        SweepError: it is no list of increasing numbers below `epochs`, or the model is a task.
    """
    rungs = unwrap_scalar(rungs)
    is_list = isinstance(rungs, Iterable) and not isinstance(
        rungs, (str, bytes, dict, set, type)
    )
    if not is_list:
        raise SweepError(
            f"{prefix}: rungs={show_value(rungs)} is not a list of epochs; "
            "write rungs=[3, 9], or rungs=[] "
            "to train every trial for all epochs"
        )
    checked = [check_count(prefix, "rungs", rung) for rung in rungs]
    increasing = sorted(set(checked))
    if increasing != checked:
        raise SweepError(
            f"{prefix}: rungs={checked} do not increase; write rungs={increasing}"
        )
    if checked and not MODELS[model].is_trained_by_loop:
        raise SweepError(
            f"{prefix}: rungs={checked} stop a training and let it go on later, but {model} is a "
            "task: its function trains all epochs, and has no parameter 'until' to stop before; "
            "write rungs=[] to train every trial for all epochs"
        )
    if checked and checked[-1] >= epochs:
        below = [rung for rung in checked if rung < epochs]
        raise SweepError(
            f"{prefix}: rung {checked[-1]} is not below epochs={epochs}; the last level is always "
            f"all epochs: write rungs={below}, or epochs={checked[-1] + 1} or more"
        )
    return checked


def check_window(prefix: str, window: Any, method: str) -> int | None:
    """Return the most trials that may be unfinished; None for a method that reads no results.

    Raises:
        SweepError: it is no number, or it does nothing.
    """
    if method == TPE:
        wanted = DEFAULT_WINDOW if window is None else window
        return check_count(prefix, "window", wanted)
    if window is not None:
        raise SweepError(
            f"{prefix}: window={show_value(window)} does nothing with "
            f"method={method!r}, which does not look "
            f"at results; it acts only with method={TPE!r}"
        )
    return None


def check_enough_trials(prefix: str, search: Search) -> None:
    """Raise SweepError if a search has too few trials for its rungs, or more than its space has."""
    check_is_searched(prefix, search.space)
    if search.trials < search.block:
        rungs = len(search.levels) - 1
        raise SweepError(
            f"{prefix}: {rungs} rungs with reduction_factor={search.reduction_factor} compare "
            f"{search.block:,} trials at a time; trials={search.trials} are too few: use "
            f"trials={search.block} or more, or fewer rungs"
        )
    combinations = search.space.count_combinations()
    if combinations < search.trials:
        raise SweepError(
            f"{prefix}: trials={search.trials}, but there are only {combinations:,.0f} "
            f"combinations of the values (numbers have three digits): use "
            f"trials={combinations:.0f} or fewer, or a Grid, which trains each of them once"
        )


def check_is_searched(prefix: str, space: SearchSpace) -> None:
    """Raise SweepError if every parameter has one value."""
    if not space.dimensions:
        raise SweepError(
            f"{prefix} searches nothing: every parameter has one value; give one a range, such as "
            "lr=Log(1e-4, 1e-2), or use a Grid"
        )


def check_is_comparable(prefix: str, space: SearchSpace) -> None:
    """Raise SweepError if the trials of a search would be tested on different data."""
    for key in space.dimensions:
        if key == "dataset":
            raise SweepError(
                f"{prefix}: dataset cannot be searched: the best trial would be that of the "
                "easiest dataset; write one Search per dataset, each with a name, or a Grid"
            )
        if key.endswith("_seed"):
            raise SweepError(
                f"{prefix}: {key} cannot be searched: the best trial would be that of the easiest "
                f"data; write one value, such as {key}=0"
            )


def check_confirm(
    prefix: str, confirm: Any, search: Search
) -> tuple[int, list[int]]:
    """Return how many trials are confirmed, and the seeds; 0 and none if `confirm` is None.

    Raises:
        SweepError: it is no Confirm, more trials than reach the end, or seeds of the search.
    """
    if confirm is None:
        return 0, []
    if not isinstance(confirm, Confirm):
        raise SweepError(
            f"{prefix}: confirm={show_value(confirm)} is neither "
            "Confirm(best=..., seeds=...) nor None"
        )
    best = check_count(prefix, "confirm: best", confirm.best)
    finalists = search.count_trials(-1)
    if best > finalists:
        raise SweepError(
            f"{prefix}: confirm: best={best}, but only {finalists} of {search.trials} trials are "
            f"trained for all epochs; use best={finalists} or less, or more trials"
        )
    seeds = unwrap_scalar(confirm.seeds)
    is_number = isinstance(seeds, int) and not isinstance(seeds, bool)
    if is_number and 1 <= seeds <= MAX_AXIS_VALUES:
        first = max(search.seeds) + 1
        seeds = list(range(first, first + seeds))
    checked = check_seeds_of(f"{prefix}: confirm", seeds)
    both = sorted(set(checked) & set(search.seeds))
    if both:
        raise SweepError(
            f"{prefix}: confirm: seeds {', '.join(map(str, both))} are the search's own; a number "
            f"of seeds, such as Confirm(seeds={len(checked)}), takes fresh ones"
        )
    return best, checked
