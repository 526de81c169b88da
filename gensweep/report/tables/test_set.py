"""The uncertainty of right answers that the choice of the test set adds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gensweep.core.registries import register_table
from gensweep.ledger.status import Status
from gensweep.report.figures.settings import list_answering
from gensweep.report.query_outcomes import (
    Outcomes,
    find_twins,
    is_arithmetic,
    load_outcomes,
)
from gensweep.report.stats.holm import apply_holm
from gensweep.report.stats.test_set import (
    ShareRight,
    compare_outcomes,
    estimate_share,
)
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.rows import build_parameter
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results

NOTES = (
    "right: share of the answers that are right in every character, from answers.csv; of drawn "
    "answers as the reader reads them.",
    "test set: 95% interval over test sets of this size, for these trained networks (Wilson's, "
    "from outcomes averaged over seeds). Without a wrong answer its lower end is the rule of "
    "three: about 1 - 3 / queries.",
    "both: 95% interval over seeds and test sets (crossed random effects).",
    "exact_match_with_twin, exact_match_no_twin: additions a+b whose twin b+a is, or is not, in "
    "the training set. Only those without a twin are unseen in both orders.",
    "McNemar: the cell against the best one on the validation set, query by query, over the seeds "
    "that both have (exact for one seed; with more, each query is a cluster); p corrected by Holm "
    "over the cells of the model. It holds for these trained networks, not for other seeds.",
)


_OF_THE_TEST_SET = {"split_seed", "data_seed"}
"""Parameters that decide which queries are in the test set."""


@dataclass(frozen=True)
class CellOutcomes:
    """The outcomes of a cell's points on one test set.

    Attributes:
        cell: id of the cell.
        queries: the test queries.
        by_seed: seed -> whether each answer was right, bool [queries].
    """

    cell: str
    queries: tuple[str, ...]
    by_seed: dict[int, np.ndarray]

    @cached_property
    def right(self) -> np.ndarray:
        """True where an answer was right, bool [seeds, queries]."""
        return np.array(list(self.by_seed.values()))


@register_table("test_set")
def make_test_set(results: Results) -> list[Table]:
    """Say how sure the share of right answers is, over seeds and over other test queries."""
    varied = set(results.sweep.vary) & _OF_THE_TEST_SET
    if varied:
        names = ", ".join(sorted(varied))
        note = f"Not made: {names} varies with the seed, so no two seeds share a test set."
        return [
            Table("test_set", _make_title(results), TableData(()), (note,))
        ]
    cells, unread = _load_cells(results)
    notes = list(NOTES)
    if unread:
        points = pluralize(unread, "point")
        notes.append(
            f"Left out: {points} without a readable answers.csv of the cell's test set."
        )
    sections = {}
    for model in results.models:
        of_model = [
            cells[cell] for cell in results.list_cells(model) if cell in cells
        ]
        if of_model:
            sections[model] = _build_rows(
                results, model, of_model, results.varying_of[model]
            )
    everything = _build_rows(
        results, "", list(cells.values()), results.varying
    )
    if not cells:
        notes = [
            "No point that is ok has a readable answers.csv.",
            *notes[len(NOTES) :],
        ]
    title = _make_title(results)
    return [Table("test_set", title, everything, tuple(notes), sections)]


def _make_title(results: Results) -> str:
    return f"{results.sweep.name}: right answers, over seeds and test sets"


def _load_cells(results: Results) -> tuple[dict[str, CellOutcomes], int]:
    """Return the outcomes of each cell, and how many points that are ok have none."""
    points = results.points
    is_ok = (points["status"] == Status.OK) & points["model"].isin(
        list_answering(results)
    )
    rows = points.loc[is_ok, ["id", "cell", "seed"]].to_dict("list")
    cells: dict[str, CellOutcomes] = {}
    unread = 0
    loaded = load_outcomes(results, rows["id"])
    for (_, outcomes), cell, seed in zip(
        loaded, rows["cell"], rows["seed"], strict=True
    ):
        if outcomes is None or not _add(cells, cell, seed, outcomes):
            unread += 1
    return cells, unread


def _add(
    cells: dict[str, CellOutcomes], cell: str, seed: int, outcomes: Outcomes
) -> bool:
    """Add a point to its cell; return whether its test queries are those of the cell."""
    known = cells.setdefault(cell, CellOutcomes(cell, outcomes.queries, {}))
    if known.queries != outcomes.queries:
        return False
    known.by_seed[seed] = outcomes.right
    return True


def _build_rows(
    results: Results,
    model: str,
    cells: Sequence[CellOutcomes],
    parameters: Iterable[str],
) -> TableData:
    ids = [one.cell for one in cells]
    shares = [estimate_share(one.right) for one in cells]
    models = [
        results.sweep.cells[results.index_of[cell]].model for cell in ids
    ]
    columns = [
        Column("cell", ids, Kind.ID),
        Column("model", models),
        *(build_parameter(results, ids, name) for name in parameters),
        Column("seeds", [len(one.by_seed) for one in cells], Kind.COUNT),
        Column("queries", [len(one.queries) for one in cells], Kind.COUNT),
        _build_number("right", [share.mean for share in shares]),
        *_build_intervals(shares),
        *_build_twins(results, cells),
    ]
    if model:
        columns += _build_mcnemar(results, model, cells)
    return TableData(tuple(columns))


def _build_intervals(shares: Sequence[ShareRight]) -> list[Column]:
    return [
        _build_number("test set low", [share.test_low for share in shares]),
        _build_number("test set high", [share.test_high for share in shares]),
        _build_number("both low", [share.low for share in shares]),
        _build_number("both high", [share.high for share in shares]),
    ]


def _build_twins(
    results: Results, cells: Sequence[CellOutcomes]
) -> list[Column]:
    """Return the shares of additions with and without a twin, and how many are without."""
    with_twin, without, counts = [], [], []
    for one in cells:
        params = results.params[one.cell]
        if not is_arithmetic(params["dataset"]):
            return []
        split_seed, fraction = (
            params.get("split_seed", 0),
            params.get("train_fraction", 0.9),
        )
        twins, others = find_twins(one.queries, split_seed, fraction)
        with_twin.append(_get_share(one.right, twins))
        without.append(_get_share(one.right, others))
        counts.append(int(others.sum()))
    return [
        _build_number("exact_match_with_twin", with_twin),
        _build_number("exact_match_no_twin", without),
        Column("no twin", counts, Kind.COUNT),
    ]


def _get_share(right: np.ndarray, mask: np.ndarray) -> float:
    return float(right[:, mask].mean()) if mask.any() else math.nan


def _build_mcnemar(
    results: Results, model: str, cells: Sequence[CellOutcomes]
) -> list[Column]:
    """Return the comparison of each cell with the best one on the validation set."""
    best = _find_best(results, model, cells)
    differences: list[float] = []
    p_values: list[float] = []
    for one in cells:
        shared = [
            seed for seed in one.by_seed if best and seed in best.by_seed
        ]
        if (
            best is None
            or one is best
            or not shared
            or one.queries != best.queries
        ):
            differences.append(math.nan)
            p_values.append(math.nan)
            continue
        first, second = (
            np.array([side.by_seed[seed] for seed in shared])
            for side in (one, best)
        )
        pair = compare_outcomes(first, second)
        differences.append(pair.difference)
        p_values.append(pair.p)
    return [
        Column("against the best", differences, Kind.NUMBER, form="+.4f"),
        Column("McNemar p", apply_holm(p_values), Kind.NUMBER, form=".2g"),
    ]


def _find_best(
    results: Results, model: str, cells: Sequence[CellOutcomes]
) -> CellOutcomes | None:
    """Return the cell with the best validation mean of the model's objective."""
    objective = results.objectives[model]
    if objective is None:
        return None
    sign = 1 if results.validation[objective].direction == "max" else -1
    means = sign * results.cells[f"{objective}_mean"].to_numpy(float)
    ranked = [
        one
        for one in cells
        if not math.isnan(means[results.index_of[one.cell]])
    ]
    return max(
        ranked,
        key=lambda one: means[results.index_of[one.cell]],
        default=None,
    )


def _build_number(name: str, values: Sequence[float]) -> Column:
    return Column(name, values, Kind.NUMBER, form=".4f")
