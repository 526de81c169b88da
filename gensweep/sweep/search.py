"""Searches: ranges of parameters, of which a sweep tries some points, one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.registries import MODELS
from gensweep.sweep.arguments import (
    check_name,
    check_seeds_of,
    check_validation_metric,
)
from gensweep.sweep.parameters import check_seed, unwrap_scalar
from gensweep.sweep.point import Point
from gensweep.sweep.search_space import SearchSpace
from gensweep.sweep.space import count_values

RANDOM, SOBOL, TPE = "random", "sobol", "tpe"
METHODS = {
    RANDOM: "independent random values",
    SOBOL: "a scrambled Sobol sequence, which fills the space evenly",
    TPE: "tree-structured Parzen estimators, which learn from earlier trials (needs Optuna)",
}
DEFAULT_WINDOW = 8
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
        confirm: Confirm | None = Confirm(),
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
        self._parameters = parameters
        self.model = model
        self.metric = self._check_metric(metric)
        directions = {
            one.name: one.direction
            for one in MODELS[model].list_metrics("validation")
        }
        self.direction = directions[self.metric.removeprefix(VALIDATION)]
        if method not in METHODS:
            raise SweepError(
                f"{self._prefix}: method={method!r} is none of {', '.join(map(repr, METHODS))}"
            )
        self.method = method
        self.name = check_name(method if name is None else name)
        self.trials = self._check_count("trials", trials)
        self.reduction_factor = self._check_count(
            "reduction_factor", reduction_factor, 2
        )
        self.levels = [*self._check_rungs(rungs), self._get_epochs()]
        self.window = self._check_window(window)
        check_seed(f"{self._prefix}: ", seed)
        self.seed = seed
        self.seeds = check_seeds_of(self._prefix, seeds)
        self._check_trials()
        self.confirm_best, self.confirm_seeds = self._check_confirm(confirm)

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
        return [first.with_seed(seed) for seed in seeds]

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

    # --- checks of the arguments

    def _check_metric(self, metric: Any) -> str:
        """Return the metric with its split."""
        full = metric
        if isinstance(metric, str) and "/" not in metric:
            full = f"{VALIDATION}{metric}"
        return check_validation_metric(
            self._prefix, "metric", full, {self.model}
        )

    def _check_count(self, name: str, value: Any, minimum: int = 1) -> int:
        value = unwrap_scalar(value)
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or value < minimum
        ):
            raise SweepError(
                f"{self._prefix}: {name}={value!r} is not a whole number of {minimum} or more"
            )
        return value

    def _get_epochs(self) -> int:
        """Return the epochs of a trial that reaches the end."""
        if "epochs" in self.space.dimensions:
            raise SweepError(
                f"{self._prefix}: epochs cannot be searched: trials are compared after the same "
                "number of epochs; write one number, such as epochs=27, and rungs=[3, 9]"
            )
        return self.space.make_params(
            self.space.draw(lambda _, one: one.take(0.5))
        )["epochs"]

    def _check_rungs(self, rungs: Any) -> list[int]:
        epochs = self._get_epochs()
        checked = []
        for rung in list(rungs):
            checked.append(self._check_count("rungs", rung))
        if sorted(set(checked)) != checked:
            raise SweepError(
                f"{self._prefix}: rungs={checked} do not increase; "
                f"write rungs={sorted(set(checked))}"
            )
        if checked and checked[-1] >= epochs:
            raise SweepError(
                f"{self._prefix}: rung {checked[-1]} is not below epochs={epochs}; the last level "
                f"is always all epochs, so rungs are numbers from 1 to {epochs - 1}"
            )
        return checked

    def _check_window(self, window: Any) -> int | None:
        if self.method != TPE:
            if window is not None:
                raise SweepError(
                    f"{self._prefix}: window={window!r} does nothing with method={self.method!r}, "
                    f"which does not look at results; it acts only with method={TPE!r}"
                )
            return None
        return self._check_count(
            "window", DEFAULT_WINDOW if window is None else window
        )

    def _check_trials(self) -> None:
        """Raise SweepError if there is nothing to search, or not enough trials for the rungs."""
        if not self.space.dimensions:
            raise SweepError(
                f"{self._prefix} searches nothing: every parameter has one value; give one a "
                "range, such as lr=Log(1e-4, 1e-2), or use a Grid"
            )
        if self.trials < self.block:
            raise SweepError(
                f"{self._prefix}: {len(self.levels) - 1} rungs with "
                f"reduction_factor={self.reduction_factor} compare {self.block} trials at a time; "
                f"trials={self.trials} are too few: use trials={self.block} or more, or fewer rungs"
            )
        combinations = math.prod(
            count_values(one) for one in self.space.dimensions.values()
        )
        if combinations < self.trials:
            raise SweepError(
                f"{self._prefix}: trials={self.trials}, but there are only {combinations:,.0f} "
                "combinations of the choices: use a Grid, which trains each of them once"
            )

    def _check_confirm(self, confirm: Any) -> tuple[int, list[int]]:
        """Return how many trials are confirmed, and the seeds."""
        if confirm is None:
            return 0, []
        if not isinstance(confirm, Confirm):
            raise SweepError(
                f"{self._prefix}: confirm={confirm!r} is not Confirm(best=..., seeds=...) or None"
            )
        best = self._check_count("confirm: best", confirm.best)
        finalists = self.count_trials(-1)
        if best > finalists:
            reach = f"only {finalists} of {self.trials} trials are trained for all epochs"
            raise SweepError(
                f"{self._prefix}: confirm: best={best}, but {reach}; use best={finalists} or "
                "less, or more trials"
            )
        seeds = unwrap_scalar(confirm.seeds)
        if (
            isinstance(seeds, int)
            and not isinstance(seeds, bool)
            and seeds >= 1
        ):
            first = max(self.seeds) + 1
            seeds = list(range(first, first + seeds))
        checked = check_seeds_of(f"{self._prefix}: confirm", seeds)
        both = sorted(set(checked) & set(self.seeds))
        if both:
            raise SweepError(
                f"{self._prefix}: confirm: seeds {', '.join(map(str, both))} are the search's "
                f"own; a number of seeds, such as Confirm(seeds={len(checked)}), takes fresh ones"
            )
        return best, checked
