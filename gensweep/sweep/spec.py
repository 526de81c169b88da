"""Sweeps: grids of points over seeds, and searches."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from gensweep.core.errors import SweepError
from gensweep.core.keep import WEIGHTS_ALONE, check_keep
from gensweep.core.registries import FIGURES, MODELS
from gensweep.plugins.loader import list_active_plugins
from gensweep.sweep.arguments import (
    check_grids,
    check_name,
    check_name_list,
    check_objective,
    check_pack,
    check_seeds,
    check_vary,
    list_metric_names,
    refuse_unknown_arguments,
)
from gensweep.sweep.grid import Grid
from gensweep.sweep.point import AUTO, Point
from gensweep.sweep.questions import Question, check_margins, check_questions
from gensweep.sweep.reference import ReferenceRow, read_reference
from gensweep.sweep.replacement import (
    check_parameters,
    join_values,
    list_sweep_parameters,
    replace_in_grids,
    replace_in_searches,
)
from gensweep.sweep.runnable import Runnable
from gensweep.sweep.search import Search
from gensweep.sweep.searches import check_searches
from gensweep.sweep.table_choice import TableChoice, check_tables
from gensweep.sweep.uses import check_uses
from gensweep.sweep.zips import Zip
from gensweep.system.garbage import pause_collection

_SEARCH_TABLES = ("search",)
_SEARCH_FIGURES = ("tuning_curve", "search_slices", "search_importance")
"""What every sweep with a search shows."""


class Sweep(Runnable):
    """The declaration of a file in ``sweeps/``.

    Args:
        name: a plain folder name; results go to ``ROOT/<name>``.
        grids: at least one `Grid`, unless there is a search; a cell that is in two grids is trained
            once.
        seeds: a number of seeds (0, 1, ...), or a list of seeds.
        tables, figures: names of what `collect` makes, in addition to the table of all cells. A
            `Table("leaderboard", metrics=[...], labels={...})` chooses metrics and their texts.
        pack: points to train as one batched model, if they differ only in seed, training fraction
            or learning rates: the largest number of lanes, or `auto`: as many as the device has
            memory for, and one on a CPU.
        vary: parameters that take the seed as their value, such as `split_seed`: intervals then
            hold for other splits too.
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
        search: a `Search`, or several with different names. Their points are known only when
            earlier ones are trained.

    Raises:
        SweepError: an argument is wrong; the message says what would be right.
        UnknownNameError: no such table or figure.
    """

    def __init__(
        self,
        name: str,
        grids: Grid | Iterable[Grid] = (),
        seeds: int | Iterable[int] = 1,
        tables: Sequence[str | TableChoice] = (),
        figures: Sequence[str] = (),
        pack: int | str = AUTO,
        objective: str | None = None,
        questions: Iterable[Question] | None = None,
        margin: Mapping[str, float] | None = None,
        reference: str | Path | None = None,
        keep: str = WEIGHTS_ALONE,
        uses: str | Sequence[str] = (),
        search: Search | Iterable[Search] = (),
        vary: Sequence[str] = (),
        **others: Any,
    ) -> None:
        refuse_unknown_arguments(name, others)
        self.name = check_name(name)
        self.uses = check_uses(name, uses)
        self.plugins = list_active_plugins()
        self._asked: tuple[Point, ...] = ()
        self._grid_points: tuple[Point, ...] = ()
        self.selection_ids: frozenset[str] = frozenset()
        self.searches = check_searches(name, search)
        self.grids = check_grids(
            name, grids, has_searches=bool(self.searches)
        )
        self.seeds = check_seeds(name, seeds)
        self.vary = check_vary(
            name, vary, self.grids, has_searches=bool(self.searches)
        )
        self.pack = check_pack(f"sweep {name!r}: pack", pack)
        self.keep = check_keep(f"sweep {name!r}: keep", keep)
        self.figures = check_name_list(name, "figures", figures)
        models = {part.model for part in (*self.grids, *self.searches)}
        self._own_tables = check_tables(
            name, tables, list_metric_names(models), self._list_names()
        )
        self.tables = [choice.name for choice in self._own_tables]
        self.table_choices = {
            choice.name: choice
            for choice in self._own_tables
            if choice.metrics or choice.labels
        }
        self.questions = check_questions(name, questions, self.cells())
        self.margin = check_margins(name, margin, list_metric_names(models))
        self.reference = self._read_reference(reference)
        self._own_figures = self.figures
        self._own_objective = check_objective(name, objective, models)
        self.objective = self._own_objective
        if self.searches:
            self._add_defaults_of_searches()
        for entry in self.figures:
            FIGURES[entry]  # raises UnknownNameError

    def _add_defaults_of_searches(self) -> None:
        """Add the tables, the figures and the objective of a sweep with a search."""
        tables = [*self.tables, *_SEARCH_TABLES]
        figures = [*self.figures, *_SEARCH_FIGURES]
        # A name that the sweep file has, too, is made once.
        self.tables = list(dict.fromkeys(tables))
        self.figures = list(dict.fromkeys(figures))
        self.objective = self.objective or self.searches[0].metric

    def replace_values(
        self,
        values: dict[str, Any] | None = None,
        seeds: int | None = None,
        zips: Sequence[Zip] = (),
    ) -> Sweep:
        """Return this sweep with parameters replaced in every grid that has them, or other seeds.

        Args:
            values: parameter -> its value, or values to sweep.
            seeds: the number of seeds; None: as they are.
            zips: parameters to sweep together.

        Raises:
            SweepError: no grid has the parameter, or a search cannot take the change.
        """
        values = values or {}
        joined = join_values(values, zips)
        known = list_sweep_parameters(self.grids, self.searches, joined)
        check_parameters(self.name, joined, known)
        grids = replace_in_grids(self.grids, values, zips)
        self._check_suits_searches(seeds, zips)
        replaced = Sweep(
            self.name,
            grids,
            self.seeds if seeds is None else seeds,
            self._own_tables,
            self._own_figures,
            self.pack,
            self._own_objective,
            margin=self.margin,
            keep=self.keep,
            vary=self.vary,
            uses=self.uses,
            search=replace_in_searches(self.searches, values),
        )
        # Not checked again: a question about what does not vary any more has no answer.
        replaced.questions = self.questions
        replaced.reference = self.reference
        return replaced

    def _check_suits_searches(
        self, seeds: int | None, zips: Sequence[Zip]
    ) -> None:
        """Raise SweepError for a change that the sweep's searches cannot take."""
        if zips and self.searches:
            raise SweepError(
                f"sweep {self.name!r} has a search, which does not try parameters together; "
                "--set KEY=VALUE fixes a parameter of it"
            )
        if seeds is not None and not self.grids:
            raise SweepError(
                f"--seeds: sweep {self.name!r} has no grid; the seeds of a search are in the sweep "
                "file: Search(seeds=...) and Confirm(seeds=...)"
            )

    def _read_reference(self, path: str | Path | None) -> list[ReferenceRow]:
        """Return the rows of the reference file; none without a file."""
        if path is None:
            return []
        metrics = {}
        for part in (*self.grids, *self.searches):
            of_model = MODELS[part.model].list_metrics()
            metrics[part.model] = {one.name: one for one in of_model}
        parameters = list_sweep_parameters(self.grids, self.searches)
        return read_reference(self.name, path, metrics, parameters)

    def _list_names(self) -> frozenset[str]:
        """Return the parameters of all models, and the names of the models."""
        models = {part.model for part in (*self.grids, *self.searches)}
        return list_sweep_parameters(self.grids, self.searches) | models

    def add_search_points(
        self, points: Iterable[Point], selection_ids: AbstractSet[str]
    ) -> Sweep:
        """Return this sweep with the points that its searches have asked for.

        Args:
            points: those of the trials, and those that confirm the best of them.
            selection_ids: the ids of those by which trials are chosen; their numbers are no
                results, because the best of many is the best by luck, too.
        """
        other = copy.copy(self)
        other._asked = tuple(points)
        of_grids = {point.id for point in self._list_grid_points()}
        other.selection_ids = frozenset(selection_ids - of_grids)
        return other

    def cells(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the model and the parameters of every cell, each once."""
        of_searches = {
            point.cell: (point.model, point.params) for point in self._asked
        }
        if not of_searches:
            yield from self._iter_grid_cells()
            return
        of_grids = list(self._iter_grid_cells())
        yield from of_grids
        yield from (
            cell for cell in of_searches.values() if cell not in of_grids
        )

    def _iter_grid_cells(self) -> Iterator[tuple[str, dict[str, Any]]]:
        seen = set()
        for grid in self.grids:
            for text, params in grid.map_cells().items():
                key = (grid.model, text)
                if key not in seen:
                    seen.add(key)
                    yield grid.model, params

    def points(self) -> list[Point]:
        """Return every cell with every seed, then the points that searches have asked for."""
        points = list(self._list_grid_points())
        if not self._asked:
            return points
        known = {point.id for point in points}
        return points + [
            point for point in self._asked if point.id not in known
        ]

    def _list_grid_points(self) -> Sequence[Point]:
        if self._grid_points:
            return self._grid_points
        points: list[Point] = []
        with pause_collection():
            for model, params in self._iter_grid_cells():
                first = Point(model, params, self.seeds[0])
                vary = tuple(name for name in self.vary if name in params)
                # All seeds of a cell share what is computed from its parameters.
                points += [first.with_seed(seed, vary) for seed in self.seeds]
        # A plan of 100,000 points asks for them several times.
        self._grid_points = tuple(points)
        return self._grid_points
