"""Sweeps: grids of points over seeds."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.registries import FIGURES, MODELS, TABLES, get_dataset_class, list_metrics
from gensweep.prepare.fingerprint import get_pinned_text
from gensweep.sweep.point import (
    AUTO,
    Point,
    describe_condition,
    map_owners,
    resolve_params,
    unwrap_scalar,
)

_ELSEWHERE = {
    "seed": "--seeds N chooses seeds 0 to N-1",
    "seeds": "--seeds N chooses seeds 0 to N-1",
    "pack": "--pack N trains up to N points as one batched model",
    "model": "--filter model=NAME runs some models only; a grid names its model in the sweep file",
}
MAX_AXIS_VALUES = 100_000
"""Most values of an axis: an endless iterable must be an error, not a hang."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Grid:
    """Every combination of some parameters of one model.

    Scalars are fixed; any other iterable (list, tuple, range, array, generator, set) is swept.

    Raises:
        SweepError: an axis is empty or repeats a value, or a parameter is wrong.
        UnknownName: the model is not known.
    """

    def __init__(self, model: str, **axes: Any) -> None:
        MODELS[model]
        self.model = model
        self.axes: dict[str, list[Any]] = {
            key: _axis(f"Grid({model!r})", key, value) for key, value in axes.items()
        }
        if "seed" in self.axes:
            raise SweepError(
                f"Grid({model!r}): seeds belong to the sweep: Sweep(seeds=3) or Sweep(seeds=[0, 7])"
            )
        self._cells = _expand(model, self.axes)
        for key, axis in self.axes.items():
            places = [get_pinned_text(item) for item in axis if isinstance(item, str)]
            if twice := [
                item
                for item in axis
                if isinstance(item, str) and places.count(get_pinned_text(item)) > 1
            ]:
                raise SweepError(f"Grid({model!r}): {key}: {' and '.join(twice)} hold the same")
            if not _acts(key, self._cells):
                asked = next(
                    params for params in self._cells if key in _own(model, params["dataset"])
                )
                why = describe_condition(model, key, asked)
                raise SweepError(f"Grid({model!r}): {key} does nothing here; {why}")

    def cells(self) -> list[dict[str, Any]]:
        """The parameters of every cell, each once, in the order of the axes."""
        return self._cells

    def replace_values(self, values: dict[str, Any]) -> Grid:
        """This grid with some axes replaced, and without those of its own that do nothing then."""
        known = _keys(self.model, self.axes | values)
        kept = {key: axis for key, axis in self.axes.items() if key in known} | values
        axes = {key: _axis(f"Grid({self.model!r})", key, value) for key, value in kept.items()}
        cells = _expand(self.model, axes)
        return Grid(
            self.model,
            **{key: axis for key, axis in axes.items() if key in values or _acts(key, cells)},
        )

    def __repr__(self) -> str:
        return (
            f"Grid({', '.join([repr(self.model), *(f'{k}={v!r}' for k, v in self.axes.items())])})"
        )


def _expand(model: str, axes: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Every combination as a point's parameters, each once: those that do not act tell no two apart."""
    cells: dict[str, dict[str, Any]] = {}
    known = _keys(model, axes)
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        own = _own(model, str(chosen.get("dataset", MODELS[model].default_dataset)))
        # What only another of the swept datasets knows does not act with this one.
        params = resolve_params(
            model, {key: value for key, value in chosen.items() if key in own or key not in known}
        )
        cells.setdefault(json.dumps(params), params)
    return list(cells.values())


def _acts(key: str, cells: list[dict[str, Any]]) -> bool:
    return any(key in params for params in cells)


def _axis(place: str, key: str, value: Any) -> list[Any]:
    value = unwrap_scalar(value)
    if isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable):
        return [value]
    if isinstance(value, (set, frozenset)):
        value = sorted(map(unwrap_scalar, value), key=_order)
    values = list(itertools.islice(value, MAX_AXIS_VALUES + 1))
    if len(values) > MAX_AXIS_VALUES:
        raise SweepError(
            f"{place}: {key} has more than {MAX_AXIS_VALUES} values; does it ever end?"
        )
    values = [unwrap_scalar(item) for item in values]
    if not values:
        raise SweepError(f"{place}: {key} has no values")
    seen = set()
    for item in values:
        known = (
            isinstance(item, bool),
            item if isinstance(item, Hashable) else repr(item),
        )  # 1 is 1.0, and not true
        if known in seen:
            raise SweepError(f"{place}: {key} has {item!r} twice")
        seen.add(known)
    return values


def _order(value: Any) -> tuple[Any, ...]:
    """Return what a set's values are sorted by, where they may be of several kinds: none, numbers, the rest."""
    if value is None:
        return (0,)
    return (1, value) if isinstance(value, (int, float)) else (2, str(value))


class Sweep:
    """What a file in ``sweeps/`` declares.

    Args:
        name: a plain folder name; results go to ``ROOT/<name>``.
        grids: at least one `Grid`; a cell that two grids want is trained once.
        seeds: how many (0, 1, ...), or which.
        tables, figures: names of what the collector makes of it, beside the table of all cells.
        pack: points to train as one batched model, if they differ only in seed, training fraction or learning rates:
            a number of lanes at most, or `auto`: as many as the device has memory for, and one on a CPU.
        objective: the metric by which cells are ranked, as in `validation/exact_match`; models that do not have it use
            their default, which is the validation value of their main metric. The test set decides nothing.

    Raises:
        SweepError: an argument is wrong; the message says what would be right.
        UnknownName: no such table or figure.
    """

    def __init__(
        self,
        name: str,
        grids: Grid | Iterable[Grid],
        seeds: int | Iterable[int] = 1,
        tables: Sequence[str] = (),
        figures: Sequence[str] = (),
        pack: int | str = AUTO,
        objective: str | None = None,
        **others: Any,
    ) -> None:
        for key in others:
            known = ["name", "grids", "seeds", "tables", "figures", "pack", "objective"]
            raise SweepError(describe_unknown("argument", key, known, f"sweep {name!r}"))
        self.name = _checked_name(name)
        self.grids = [grids] if isinstance(grids, Grid) else list(grids)
        if not self.grids:
            raise SweepError(f"sweep {name!r} has no grids")
        for grid in self.grids:
            if not isinstance(grid, Grid):
                raise SweepError(f"sweep {name!r}: grids holds {grid!r}, which is no Grid")
        if len({repr(grid) for grid in self.grids}) < len(self.grids):
            raise SweepError(f"sweep {name!r} has the same grid twice")
        self.seeds = _checked_seeds(name, seeds)
        self.pack = check_pack(f"sweep {name!r}: pack", pack)
        self.tables, self.figures = _names(name, "tables", tables), _names(name, "figures", figures)
        self.objective = _checked_objective(name, objective, {grid.model for grid in self.grids})
        for registry, wanted in ((TABLES, self.tables), (FIGURES, self.figures)):
            for entry in wanted:
                registry[entry]

    def replace_values(
        self, values: dict[str, Any] | None = None, seeds: int | None = None
    ) -> Sweep:
        """This sweep with parameters replaced in every grid that knows them, or with other seeds.

        Raises:
            SweepError: no grid knows the parameter.
        """
        values = values or {}
        known = [_keys(grid.model, grid.axes | values) for grid in self.grids]
        for key in values.keys() & _ELSEWHERE.keys():
            raise SweepError(f"{key!r} is no parameter of sweep {self.name!r}: {_ELSEWHERE[key]}")
        for key in values.keys() - frozenset().union(*known):
            raise SweepError(
                describe_unknown(
                    "parameter", key, frozenset().union(*known), f"sweep {self.name!r}"
                )
            )
        grids = [
            grid.replace_values({key: value for key, value in values.items() if key in keys})
            for grid, keys in zip(self.grids, known, strict=True)
        ]
        unique = list({repr(grid): grid for grid in grids}.values())
        chosen = self.seeds if seeds is None else seeds
        return Sweep(
            self.name, unique, chosen, self.tables, self.figures, self.pack, self.objective
        )

    def cells(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Model and parameters of every cell, each once."""
        seen = set()
        for grid in self.grids:
            for params in grid.cells():
                key = (grid.model, json.dumps(params))
                if key not in seen:
                    seen.add(key)
                    yield grid.model, params

    def points(self) -> list[Point]:
        """Every cell with every seed."""
        firsts = (Point(model, params, self.seeds[0]) for model, params in self.cells())
        return [first.with_seed(seed) for first in firsts for seed in self.seeds]


@lru_cache(maxsize=256)
def _own(model: str, name: str) -> frozenset[str]:
    """Every parameter of a model with one dataset."""
    return frozenset(map_owners(MODELS[model], get_dataset_class(name))) | {"dataset"}


def _keys(model: str, axes: dict[str, Any]) -> frozenset[str]:
    """Every parameter of a model with some of the datasets of these axes."""
    datasets = axes.get("dataset", MODELS[model].default_dataset)
    return frozenset().union(
        *(_own(model, str(name)) for name in _axis("sweep", "dataset", datasets))
    )


_TAKEN_NAMES = ("points", "report.html", ".", "..")
"""What a results root has beside its sweeps; not every file system tells upper case from lower."""


def _checked_name(name: Any) -> str:
    is_plain = isinstance(name, str) and _NAME.fullmatch(name) and name.lower() not in _TAKEN_NAMES
    if not is_plain:
        raise SweepError(
            f"sweep name {name!r} is no plain folder name "
            "(letters, digits, '.', '_', '-'; not 'points' or 'report.html')"
        )
    return name


def _checked_seeds(name: str, seeds: Any) -> list[int]:
    seeds = unwrap_scalar(seeds)
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if seeds < 1:
            raise SweepError(f"sweep {name!r}: seeds={seeds}: at least one seed is needed")
        return list(range(seeds))
    if isinstance(seeds, (str, bytes, bool, float)) or not isinstance(seeds, Iterable):
        raise SweepError(
            f"sweep {name!r}: seeds={seeds!r} is neither a number of seeds nor a list of them"
        )
    values = _axis(f"sweep {name!r}", "seeds", seeds)
    for seed in values:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise SweepError(f"sweep {name!r}: seed {seed!r} is not a whole number of 0 or more")
    return values


def _checked_objective(sweep: str, objective: Any, models: set[str]) -> str | None:
    """A metric of the validation set that some of these models have, and that has a better end."""
    if objective is None:
        return None
    outputs = [MODELS[model].outputs for model in models]
    metrics = {
        metric
        for each in outputs
        for metric in list_metrics(each, "validation")
        if metric.direction != "none"
    }
    valid = {f"validation/{metric.name}" for metric in metrics}
    if isinstance(objective, str) and objective in valid:
        return objective
    why = describe_unknown("objective", objective, valid, f"sweep {sweep!r}")
    if str(objective).startswith("test/"):
        why = f"the test set decides nothing; {why}"
    raise SweepError(why)


def check_pack(place: str, pack: Any) -> int | str:
    """A number of lanes, or `auto`.

    Raises:
        SweepError: it is neither.
    """
    pack = unwrap_scalar(pack)
    if pack == AUTO or (isinstance(pack, int) and not isinstance(pack, bool) and pack >= 1):
        return pack
    raise SweepError(f"{place} {pack!r} is neither {AUTO!r} nor a number of lanes, 1 or more")


def _names(sweep: str, what: str, names: Any) -> list[str]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise SweepError(f"sweep {sweep!r}: {what}={names!r} is not a list of names")
    return list(dict.fromkeys(names))
