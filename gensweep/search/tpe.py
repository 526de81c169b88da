"""Tree-structured Parzen estimators by Optuna, with a new study for each trial.

Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011). A study that is kept would
know in which order trials ended. So each trial gets a study of its own: its sampler is seeded by
the number of the trial, and it knows exactly the outcomes that `get_deciding_level` names.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gensweep.ledger.status import Status
from gensweep.search.halving import get_deciding_level
from gensweep.search.sampling import compute_seed, import_optuna
from gensweep.search.trials import Trial
from gensweep.sweep.ranges import Choice, Dimension, Integer, Log
from gensweep.sweep.search import Search

if TYPE_CHECKING:
    import optuna


def choose_by_tpe(
    search: Search, trials: Sequence[Trial], number: int
) -> dict[str, Any]:
    """Return the values of a trial's dimensions.

    Args:
        search: the search.
        trials: all earlier trials.
        number: the number of the trial.

    Raises:
        UserError: Optuna is not installed.
    """
    optuna = import_optuna()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        # `group` is experimental; the pinned version and the log make a change visible.
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.TPESampler(
            seed=compute_seed(search.seed, number),
            multivariate=True,
            group=True,
            constant_liar=True,
        )
        direction = "maximize" if search.direction == "max" else "minimize"
        study = optuna.create_study(direction=direction, sampler=sampler)
        distributions = {
            key: _make_distribution(optuna, dimension)
            for key, dimension in search.space.dimensions.items()
        }
        for trial in trials[:number]:
            study.add_trial(
                _make_trial(optuna, search, trial, number, distributions)
            )
        suggester = study.ask()
        return search.space.draw(
            lambda key, dimension: _suggest(suggester, key, dimension)
        )


def _make_distribution(optuna: Any, dimension: Dimension) -> Any:
    if isinstance(dimension, Choice):
        return optuna.distributions.CategoricalDistribution(dimension.values)
    if isinstance(dimension, Integer):
        return optuna.distributions.IntDistribution(
            dimension.low, dimension.high, log=dimension.log
        )
    is_log = isinstance(dimension, Log)
    return optuna.distributions.FloatDistribution(
        dimension.low, dimension.high, log=is_log
    )


def _suggest(suggester: optuna.Trial, key: str, dimension: Dimension) -> Any:
    if isinstance(dimension, Choice):
        return suggester.suggest_categorical(key, dimension.values)
    if isinstance(dimension, Integer):
        return suggester.suggest_int(
            key, dimension.low, dimension.high, log=dimension.log
        )
    is_log = isinstance(dimension, Log)
    return dimension.round(
        suggester.suggest_float(
            key, dimension.low, dimension.high, log=is_log
        )
    )


def _make_trial(
    optuna: Any,
    search: Search,
    trial: Trial,
    number: int,
    distributions: dict[str, Any],
) -> Any:
    """Return what a study knows of an earlier trial.

    A trial that came to the last level is complete. One that ended at a rung is pruned there:
    Optuna ranks it below those that went further. A trial that diverged is pruned without a value,
    which ranks last; one that failed says nothing about its values.
    """
    state = optuna.trial.TrialState
    known = {key: distributions[key] for key in trial.drawn}
    level = get_deciding_level(search, number, trial.number)
    if level is None:
        arguments: dict[str, Any] = {"state": state.RUNNING}
    else:
        known_levels = trial.levels[: level + 1]
        finished = [one for one in known_levels if one.status == Status.OK]
        if any(one.status == Status.DIVERGED for one in known_levels):
            arguments = {"state": state.PRUNED}
        elif not finished:
            arguments = {"state": state.FAIL}
        elif len(finished) == len(search.levels):
            arguments = {"state": state.COMPLETE, "value": finished[-1].value}
        else:
            steps = {finished[-1].epochs: finished[-1].value}
            arguments = {"state": state.PRUNED, "intermediate_values": steps}
    frozen = optuna.trial.create_trial(
        params=trial.drawn, distributions=known, **arguments
    )
    # A study copies each trial in depth, which takes most of the time of an ask.
    frozen.__class__ = _make_shared_class(type(frozen))
    return frozen


def _make_shared_class(frozen: type) -> type:
    """Return a subclass of Optuna's trial whose deep copy shares its values."""
    if frozen not in _shared_classes:

        def copy_shallowly(self: Any, memo: dict[int, Any]) -> Any:
            return copy.copy(self)

        _shared_classes[frozen] = type(
            "SharedTrial", (frozen,), {"__deepcopy__": copy_shallowly}
        )
    return _shared_classes[frozen]


_shared_classes: dict[type, type] = {}
