"""Sweeps: grids of points over seeds."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.keep import WEIGHTS_ALONE, check_keep
from gensweep.core.registries import FIGURES, MODELS, TABLES
from gensweep.plugins.loader import list_active_plugins
from gensweep.prepare.fingerprint import get_pinned_text
from gensweep.sweep.arguments import (
    check_name,
    check_name_list,
    check_objective,
    check_pack,
    check_seeds,
    list_metric_names,
)
from gensweep.sweep.axes import list_axis_parameters, list_axis_values
from gensweep.sweep.parameters import describe_condition, list_parameters, resolve_params
from gensweep.sweep.point import AUTO, Point
from gensweep.sweep.questions import Question, check_margins, check_questions
from gensweep.sweep.reference import ReferenceRow, read_reference
from gensweep.sweep.uses import check_uses

_OPTION_HINTS = {
    "seed": "--seeds N chooses seeds 0 to N-1",
    "seeds": "--seeds N chooses seeds 0 to N-1",
    "pack": "--pack N trains up to N points as one batched model",
    "model": "--filter model=NAME runs some models only; a grid names its model in the sweep file",
}
"""What people try to set as a parameter -> the option that sets it."""
MAX_CELLS = 1_000_000
"""The most combinations of a grid: planning 100,000 points takes seconds."""
_ARGUMENTS = [
    "name", "grids", "seeds", "tables", "figures", "pack", "objective", "questions", "margin",
    "reference", "keep", "uses",
]  # fmt: skip


class Grid:
    """Every combination of some parameters of one model.

    Scalars are fixed; any other iterable (list, tuple, range, array, generator, set) is swept.

    Raises:
        SweepError: an axis is empty or repeats a value, or a parameter is wrong.
        UnknownNameError: the model is not known.
    """

    def __init__(self, model: str, **axes: Any) -> None:
        # The lookup raises UnknownNameError for a wrong model before anything else is checked.
        MODELS[model]
        self.model = model
        self._prefix = f"Grid({model!r})"
        self.axes: dict[str, list[Any]] = {}
        for key, value in axes.items():
            self.axes[key] = list_axis_values(self._prefix, key, value)
        if "seed" in self.axes:
            raise SweepError(
                f"{self._prefix}: seeds belong to the sweep: Sweep(seeds=3) or Sweep(seeds=[0, 7])"
            )
        self._cells = _expand_cells(model, self.axes)
        for key, axis in self.axes.items():
            self._check_distinct_data(key, axis)
            self._check_active(key)

    def _check_distinct_data(self, key: str, axis: list[Any]) -> None:
        """Raise SweepError if two values of an axis name data with the same content."""
        texts = [item for item in axis if isinstance(item, str)]
        contents = [get_pinned_text(text) for text in texts]
        repeated = [text for text in texts if contents.count(get_pinned_text(text)) > 1]
        if repeated:
            raise SweepError(f"{self._prefix}: {key}: {' and '.join(repeated)} hold the same")

    def _check_active(self, key: str) -> None:
        """Raise SweepError if an axis changes no cell of the grid."""
        if _is_active(key, self._cells):
            return
        for params in self._cells:
            if key in list_parameters(self.model, params["dataset"]):
                condition = describe_condition(self.model, key, params)
                raise SweepError(f"{self._prefix}: {key} does nothing here; {condition}")

    def cells(self) -> list[dict[str, Any]]:
        """Return the parameters of every cell, each once, in the order of the axes."""
        return self._cells

    def replace_values(self, values: dict[str, Any]) -> Grid:
        """Return this grid with some axes replaced, without old axes that then do nothing."""
        known = list_axis_parameters(self.model, self.axes | values)
        remaining = {key: axis for key, axis in self.axes.items() if key in known}
        axes = {}
        for key, value in (remaining | values).items():
            axes[key] = list_axis_values(self._prefix, key, value)
        cells = _expand_cells(self.model, axes)
        # An axis that the caller set stays, so that `Grid` reports it if it does nothing.
        active = {
            key: axis for key, axis in axes.items() if key in values or _is_active(key, cells)
        }
        return Grid(self.model, **active)

    def __repr__(self) -> str:
        arguments = [repr(self.model)]
        arguments += [f"{key}={axis!r}" for key, axis in self.axes.items()]
        return f"Grid({', '.join(arguments)})"


def _expand_cells(model: str, axes: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return every combination as the parameters of a point, each once.

    Two combinations that differ only in parameters that do nothing are one cell.
    """
    cells: dict[str, dict[str, Any]] = {}
    known = list_axis_parameters(model, axes)
    count = math.prod(len(values) for values in axes.values())
    if count > MAX_CELLS:
        raise SweepError(
            f"grid of {model}: {count:,} combinations; at most {MAX_CELLS:,} are planned. "
            "Sweep fewer values, or split the grid into several sweeps"
        )
    for values in itertools.product(*axes.values()):
        combination = dict(zip(axes, values, strict=True))
        dataset = str(combination.get("dataset", MODELS[model].default_dataset))
        parameters = list_parameters(model, dataset)
        # A parameter of another swept dataset does nothing with this one. A parameter of none of
        # them goes on to `resolve_params`, which reports it.
        relevant = {
            key: value
            for key, value in combination.items()
            if key in parameters or key not in known
        }
        params = resolve_params(model, relevant)
        cells.setdefault(json.dumps(params), params)
    return list(cells.values())


def _is_active(key: str, cells: list[dict[str, Any]]) -> bool:
    return any(key in params for params in cells)


class Sweep:
    """The declaration of a file in ``sweeps/``.

    Args:
        name: a plain folder name; results go to ``ROOT/<name>``.
        grids: at least one `Grid`; a cell that is in two grids is trained once.
        seeds: a number of seeds (0, 1, ...), or a list of seeds.
        tables, figures: names of what `collect` makes, in addition to the table of all cells.
        pack: points to train as one batched model, if they differ only in seed, training fraction
            or learning rates: the largest number of lanes, or `auto`: as many as the device has
            memory for, and one on a CPU.
        keep: which large files stay in a point's folder when it is done: `weights`; `checkpoint`:
            also the complete state of the training, from which a longer training of the same point
            goes on; or `nothing`.
        objective: the metric that ranks cells, such as `validation/exact_match`; models that do
            not have it use their default, the validation value of their main metric. The test set
            must not decide anything.
        questions: what the page answers: kinds of `gensweep.sweep.questions.KINDS`, names of swept
            parameters, and `Compare(parameter, value, value)`. None: every question that applies.
        margin: metric -> the largest difference that does not matter. A difference that is shown
            to be smaller makes two values "equal".
        reference: a CSV file of published numbers: metric, value, source, and perhaps sd, n, model
            and parameters. The table `reference` compares cells with them.
        uses: your own files of tasks, models, metrics and so on: paths beside the sweep file, or
            modules. A sweep file writes them as plain texts; elsewhere, `gs.use` comes first.

    Raises:
        SweepError: an argument is wrong; the message says what would be right.
        UnknownNameError: no such table or figure.
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
        questions: Iterable[Question] | None = None,
        margin: Mapping[str, float] | None = None,
        reference: str | Path | None = None,
        keep: str = WEIGHTS_ALONE,
        uses: str | Sequence[str] = (),
        **others: Any,
    ) -> None:
        for key in others:
            raise SweepError(describe_unknown("argument", key, _ARGUMENTS, f"sweep {name!r}"))
        self.name = check_name(name)
        self.uses = check_uses(name, uses)
        self.plugins = list_active_plugins()
        self.grids = _check_grids(name, grids)
        self.seeds = check_seeds(name, seeds)
        self.pack = check_pack(f"sweep {name!r}: pack", pack)
        self.keep = check_keep(f"sweep {name!r}: keep", keep)
        self.tables = check_name_list(name, "tables", tables)
        self.figures = check_name_list(name, "figures", figures)
        models = {grid.model for grid in self.grids}
        self.objective = check_objective(name, objective, models)
        self.questions = check_questions(name, questions, self.cells())
        self.margin = check_margins(name, margin, list_metric_names(models))
        self.reference = self._read_reference(reference)
        for registry, entries in ((TABLES, self.tables), (FIGURES, self.figures)):
            for entry in entries:
                registry[entry]  # raises UnknownNameError

    def replace_values(
        self, values: dict[str, Any] | None = None, seeds: int | None = None
    ) -> Sweep:
        """Return this sweep with parameters replaced in every grid that has them, or other seeds.

        Raises:
            SweepError: no grid has the parameter.
        """
        values = values or {}
        parameters = [list_axis_parameters(grid.model, grid.axes | values) for grid in self.grids]
        known = frozenset().union(*parameters)
        for key in values.keys() & _OPTION_HINTS.keys():
            hint = _OPTION_HINTS[key]
            raise SweepError(f"{key!r} is not a parameter of sweep {self.name!r}: {hint}")
        for key in values.keys() - known:
            raise SweepError(describe_unknown("parameter", key, known, f"sweep {self.name!r}"))
        grids = {}
        for grid, keys in zip(self.grids, parameters, strict=True):
            relevant = {key: value for key, value in values.items() if key in keys}
            changed = grid.replace_values(relevant)
            # Grids that differed only in the replaced parameters are now one.
            grids[repr(changed)] = changed
        replaced = Sweep(
            self.name,
            list(grids.values()),
            self.seeds if seeds is None else seeds,
            self.tables,
            self.figures,
            self.pack,
            self.objective,
            margin=self.margin,
            keep=self.keep,
            uses=self.uses,
        )
        # Not checked again: a question about what does not vary any more has no answer.
        replaced.questions = self.questions
        replaced.reference = self.reference
        return replaced

    def _read_reference(self, path: str | Path | None) -> list[ReferenceRow]:
        """Return the rows of the reference file; none without a file."""
        if path is None:
            return []
        models = {grid.model for grid in self.grids}
        names = (list_axis_parameters(grid.model, grid.axes) for grid in self.grids)
        parameters = frozenset().union(*names)
        return read_reference(self.name, path, models, parameters, list_metric_names(models))

    def cells(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the model and the parameters of every cell, each once."""
        seen = set()
        for grid in self.grids:
            for params in grid.cells():
                key = (grid.model, json.dumps(params))
                if key not in seen:
                    seen.add(key)
                    yield grid.model, params

    def points(self) -> list[Point]:
        """Return every cell with every seed."""
        points = []
        for model, params in self.cells():
            first = Point(model, params, self.seeds[0])
            # All seeds of a cell share what is computed from its parameters.
            points += [first.with_seed(seed) for seed in self.seeds]
        return points


def _check_grids(sweep: str, grids: Any) -> list[Grid]:
    """Return the grids of a sweep as a list.

    Raises:
        SweepError: there are none, one of them is not a Grid, or two are the same.
    """
    if isinstance(grids, Grid):
        return [grids]
    checked = list(grids)
    if not checked:
        raise SweepError(f"sweep {sweep!r} has no grids")
    for grid in checked:
        if not isinstance(grid, Grid):
            raise SweepError(f"sweep {sweep!r}: grids contains {grid!r}, which is not a Grid")
    if len({repr(grid) for grid in checked}) < len(checked):
        raise SweepError(f"sweep {sweep!r} has the same grid twice")
    return checked
