"""Searches: ranges of parameters, of which a sweep tries some points, one after the other."""

from __future__ import annotations

from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.registries import MODELS
from gensweep.sweep.arguments import check_name, check_seeds_of
from gensweep.sweep.parameters import check_seed
from gensweep.sweep.point import Point
from gensweep.sweep.search_arguments import (
    DEFAULT_CONFIRM,
    RANDOM,
    VALIDATION,
    Confirm,
    check_confirm,
    check_count,
    check_enough_trials,
    check_is_comparable,
    check_is_searched,
    check_method,
    check_metric,
    check_rungs,
    check_window,
)
from gensweep.sweep.search_space import SearchSpace


class Search:
    """Trials of one model: values for parameters that are chosen from ranges and choices.

    Args:
        model: the name of the model.
        metric: the metric of the validation set that says which trial is better.
        method: how values are chosen: `random`, `sobol` or `tpe`.
        trials: how many.
        rungs: epochs, such as `[3, 9]`, after which only the best trials go on.
        reduction_factor: one of so many trials goes on at each rung.
        window: the most trials that may be unfinished when `tpe` chooses the next one; it knows
            the results of all trials before these.
        seed: decides the values.
        seeds: the seeds of every trial: a number of seeds, or a list. Its value is their mean.
        confirm: what is trained in the end, as `Confirm`; None: nothing, so no number of the
            search is a result.
        name: tells several searches of a sweep apart; default: the method.
        parameters: a value, a list of choices, or `Log`, `Uniform` or `Integer`.

    Raises:
        SweepError: an argument is wrong; the message says what would be right.
        UnknownNameError: the model is not known.
    """

    def __init__(
        self,
        model: str,
        *,
        metric: str | None = None,
        method: str = RANDOM,
        trials: int,
        rungs: Any = (),
        reduction_factor: int = 3,
        window: int | None = None,
        seed: int = 0,
        seeds: Any = 1,
        confirm: Confirm | None = DEFAULT_CONFIRM,
        name: str | None = None,
        **parameters: Any,
    ) -> None:
        self._prefix = f"Search({model!r})"
        self.space = SearchSpace(model, parameters, self._prefix)
        self._arguments: dict[str, Any] = {
            "metric": metric,
            "method": method,
            "trials": trials,
            "rungs": rungs,
            "reduction_factor": reduction_factor,
            "window": window,
            "seed": seed,
            "seeds": seeds,
            "confirm": confirm,
            "name": name,
        }
        self.model = model
        self.metric = check_metric(self._prefix, model, metric)
        self.direction = self._get_direction()
        self.method = check_method(self._prefix, method)
        self.name = check_name(method if name is None else name, "search")
        self.trials = check_count(self._prefix, "trials", trials)
        self.reduction_factor = check_count(
            self._prefix, "reduction_factor", reduction_factor, 2
        )
        check_is_searched(self._prefix, self.space)
        check_is_comparable(self._prefix, self.space)
        epochs = self._get_epochs()
        self.levels = [
            *check_rungs(self._prefix, model, rungs, epochs),
            epochs,
        ]
        self.window = check_window(self._prefix, window, method)
        check_seed(f"{self._prefix}: ", seed)
        self.seed = seed
        self.seeds = check_seeds_of(self._prefix, seeds)
        check_enough_trials(self._prefix, self)
        confirmation = check_confirm(self._prefix, confirm, self)
        self.confirm_best, self.confirm_seeds = confirmation
        # An iterator is read once, so later copies of the search take the lists.
        self._arguments |= {"rungs": self.levels[:-1], "seeds": self.seeds}
        self._parameters = parameters | self.space.dimensions

    @property
    def block(self) -> int:
        """The number of consecutive trials that are compared with each other at the rungs."""
        return self.reduction_factor ** (len(self.levels) - 1)

    def count_trials(self, level: int) -> int:
        """Return how many trials reach a level at most: 0 is the first rung, -1 all epochs."""
        level %= len(self.levels)
        complete, rest = divmod(self.trials, self.block)
        factor = self.reduction_factor**level
        return complete * (self.block // factor) + rest // factor

    def count_points(self) -> int:
        """Return how many points the search trains at most, with those of its confirmation."""
        of_trials = sum(
            self.count_trials(level) for level in range(len(self.levels))
        )
        return of_trials * len(self.seeds) + self.confirm_best * len(
            self.confirm_seeds
        )

    def count_epochs(self) -> int:
        """Return how many epochs the search trains at most, with those of its confirmation.

        A trial that goes on is counted from its last rung.
        """
        total, before = 0, 0
        for level, epochs in enumerate(self.levels):
            total += (
                self.count_trials(level) * (epochs - before) * len(self.seeds)
            )
            before = epochs
        return (
            total
            + self.confirm_best * len(self.confirm_seeds) * self.levels[-1]
        )

    def make_points(
        self, drawn: dict[str, Any], level: int, seeds: list[int]
    ) -> list[Point]:
        """Return a trial's points at a level, one for each seed.

        Args:
            drawn: the trial's values.
            level: 0 is the first rung; the last level is all epochs.
            seeds: the seeds.
        """
        is_last = level % len(self.levels) == len(self.levels) - 1
        until = None if is_last else self.levels[level]
        first = Point(
            self.model, self.space.make_params(drawn, until), seeds[0]
        )
        return [first, *(first.with_seed(seed) for seed in seeds[1:])]

    def describe_identity(self) -> dict[str, Any]:
        """Return everything that decides which values a trial has, as JSON has it.

        The number of trials and the confirmation are not among it: they may grow.
        """
        dimensions = {
            key: repr(value) for key, value in self.space.dimensions.items()
        }
        return {
            "model": self.model,
            "metric": self.metric,
            "method": self.method,
            "levels": self.levels,
            "reduction_factor": self.reduction_factor,
            "window": self.window,
            "seed": self.seed,
            "seeds": self.seeds,
            "dimensions": dimensions,
            "fixed": {
                key: repr(value)
                for key, value in sorted(self.space.fixed.items())
            },
        }

    def replace_values(self, values: dict[str, Any]) -> Search:
        """Return this search with some parameters replaced by values, choices or ranges."""
        return Search(
            self.model, **self._arguments, **(self._parameters | values)
        )

    def __repr__(self) -> str:
        values = {
            key: value
            for key, value in self._arguments.items()
            if value is not None
        }
        texts = [
            f"{key}={value!r}"
            for key, value in (self._parameters | values).items()
        ]
        return f"Search({', '.join([repr(self.model), *texts])})"

    def _get_direction(self) -> str:
        """Return which end of the metric is better."""
        metrics = MODELS[self.model].list_metrics("validation")
        directions = {one.name: one.direction for one in metrics}
        return directions[self.metric.removeprefix(VALIDATION)]

    def _get_epochs(self) -> int:
        """Return the epochs of a trial that reaches the end.

        Raises:
            SweepError: they are searched, or the task of the trials has none.
        """
        if "epochs" in self.space.dimensions:
            raise SweepError(
                f"{self._prefix}: epochs cannot be searched: trials are compared after the same "
                "number of epochs; write one number, such as epochs=27, and rungs=[3, 9]"
            )
        middle = self.space.draw(lambda _, one: one.take(0.5))
        return self.space.make_params(middle)["epochs"]
