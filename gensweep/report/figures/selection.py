"""The cells and points that a figure shows if it cannot show all, and what captions say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gensweep.ledger.status import Status
from gensweep.report.figures.captions import format_seed_count
from gensweep.report.measurement import Measurement, drop_count
from gensweep.report.remarks import NO_VALUE, has_values
from gensweep.report.settings import Setting, describe_cell
from gensweep.report.tables.text_cells import format_measurement
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results

MAX_SEEDS_READ = 32
"""Most points of one cell whose files are read."""
_RANKED_ROLES, _UNRANKED_ROLES = (
    ("best", "median", "worst"),
    ("first", "middle", "last"),
)
_ONLY = "only"


@dataclass(frozen=True)
class ShownCell:
    """A cell to show.

    Attributes:
        cell: its id.
        role: `best`, `median` or `worst`; `first`, `middle` or `last` if cells cannot be ranked;
            `only` if there is one cell.
        label: the parameters that distinguish it from the other cells of its setting.
        points: seed -> id of its points that are ok, by seed; at most `MAX_SEEDS_READ`.
        n: number of its points that are ok.
    """

    cell: str
    role: str
    label: str
    points: dict[int, str]
    n: int

    @property
    def sample(self) -> tuple[int, str]:
        """Seed and id of the point whose samples stand for the cell: the one of its first seed."""
        return next(iter(self.points.items()))

    @property
    def title(self) -> str:
        """Role and parameters, as a label."""
        if not self.label:
            return f"{self.role} cell"
        # "only" alone would not say that it is a cell.
        if self.role == _ONLY:
            return f"{self.role} cell: {self.label}"
        return f"{self.role}: {self.label}"

    @property
    def name(self) -> str:
        """Role and parameters, to begin a sentence with."""
        role = f"{self.role.capitalize()} cell"
        return f"{role} ({self.label})" if self.label else role


def rank_cells(
    results: Results, model: str, cells: Sequence[str] | None = None
) -> list[str]:
    """Return the model's cells with a point that is ok, the best on the validation set first.

    Cells without a validation value come last. Without an objective, the order is the sweep's.

    Args:
        results: the sweep's.
        model: whose cells.
        cells: rank these only, such as those of one dataset; None: all of the model's.
    """
    objective = results.objectives[model]
    done = set(results.cells.loc[results.cells["n_ok"] > 0, "cell"])
    if cells is None:
        cells = results.list_cells(model)
    ids = [cell for cell in cells if cell in done]
    if objective is None:
        return ids
    is_smaller_better = results.validation[objective].direction == "min"
    means = _get_means(results, ids, objective)
    return means.sort_values(
        ascending=is_smaller_better, kind="stable"
    ).index.tolist()


def select_best_and_others(
    results: Results, setting: Setting, count: int = 3
) -> list[ShownCell]:
    """Return the best cell, the median one and the worst, each once.

    There are fewer of them if the setting has fewer cells with a result, and none if it has none.

    Args:
        results: the sweep's.
        setting: choose among its cells.
        count: 1 for the best alone, 2 for the best and the worst, 3 for all three.
    """
    ids = _list_candidates(results, setting.model, setting.cells)
    if not ids:
        return []
    is_ranked = has_values(results, setting.model, setting.cells)
    roles = _assign_roles(len(ids), is_ranked)
    ranks = sorted(roles)
    if count == 1:
        ranks = ranks[:1]
    elif count == 2:
        ranks = [ranks[0], ranks[-1]]
    # Of one cell, the first rank is the last one, too.
    return [
        _show_cell(results, setting, ids[rank], roles[rank])
        for rank in dict.fromkeys(ranks)
    ]


def _assign_roles(count: int, is_ranked: bool) -> dict[int, str]:
    """Return rank -> role for the best, the median and the worst of so many cells."""
    best, median, worst = _RANKED_ROLES if is_ranked else _UNRANKED_ROLES
    if count == 1:
        return {0: _ONLY}
    if count == 2:
        return {0: best, 1: worst}
    return {0: best, count // 2: median, count - 1: worst}


def _show_cell(
    results: Results, setting: Setting, cell: str, role: str
) -> ShownCell:
    is_shown = (results.points["cell"] == cell) & (
        results.points["status"] == Status.OK
    )
    points = results.points[is_shown].sort_values("seed")
    label = describe_cell(results, cell, setting.varying)
    first = points.head(MAX_SEEDS_READ)
    ids = dict(zip(first["seed"], first["id"], strict=True))
    return ShownCell(cell, role, label, ids, len(points))


def _list_candidates(
    results: Results, model: str, cells: Sequence[str] | None
) -> list[str]:
    """Return the cells to choose among, the best first.

    These are the cells with a value of the objective. If no cell has one, they are all cells with
    a result.
    """
    ids = rank_cells(results, model, cells)
    objective = results.objectives[model]
    if objective is None:
        return ids
    with_value = _get_means(results, ids, objective).dropna().index.tolist()
    return with_value or ids


def _get_means(
    results: Results, cells: Sequence[str], metric: str
) -> pd.Series:
    return results.cells.set_index("cell").loc[list(cells), f"{metric}_mean"]


def describe_choice(
    results: Results, model: str, cells: Sequence[str] | None = None
) -> str:
    """Return the sentences of a caption that explain the roles; empty if there is one cell.

    They say among how many cells the shown ones were chosen, by which metric, and how many cells
    are left out.
    """
    all_cells = cells
    if all_cells is None:
        all_cells = results.list_cells(model)
    candidates = _list_candidates(results, model, cells)
    left_out = len(all_cells) - len(candidates)
    rest = ""
    if left_out:
        cells_left_out = pluralize(left_out, "cell")
        rest = f" Left out: {cells_left_out} without a result, or without a validation value."
    if len(candidates) < 2:
        return rest.strip()
    objective = results.objectives[model]
    criterion, reason = "", ""
    if has_values(results, model, cells):
        criterion = f", by {objective} after the last epoch"
    elif objective is not None:
        missing = NO_VALUE.format(objective)
        reason = f" They are in the sweep's order: {missing}, which would rank them."
    ties = _describe_ties(results, model, candidates)
    return f"Chosen among {len(candidates)} cells{criterion}.{reason}{ties}{rest}"


def _describe_ties(
    results: Results, model: str, candidates: Sequence[str]
) -> str:
    """Return the sentence on cells that are as good as the best one; empty without such cells."""
    objective = results.objectives[model]
    if objective is None or not has_values(results, model, candidates):
        return ""
    means = _get_means(results, candidates, objective)
    equal = int((means == means.iloc[0]).sum())
    if equal < 2:
        return ""
    return f" {equal} cells share the best value; the first in the sweep's order stands for them."


def describe_points(cells: Sequence[ShownCell]) -> str:
    """Return the sentence of a caption on the points whose samples are shown."""
    samples = [one.sample for one in cells]
    points = ", ".join(f"{point} (seed {seed})" for seed, point in samples)
    seeds = format_seed_count(one.n for one in cells)
    return f"Samples are of one seed per cell, out of {seeds}: {points}."


def describe_nothing(
    results: Results, models: Sequence[str] | None = None
) -> str:
    """Return the caption of a figure with nothing to draw: the number of seeds that there are."""
    if models is None:
        models = results.models
    counts = results.cells.loc[
        results.cells["model"].isin(list(models)), "n_ok"
    ]
    if not counts.any():
        return "Nothing is measured yet: n = 0 seeds."
    return (
        f"Cells of this sweep have {format_seed_count(counts)} that are ok."
    )


def format_scores(results: Results, cell: str, metrics: Sequence[str]) -> str:
    """Return a cell's metrics as text: ``read_exact_match 0.61 ± 0.02 (n = 3)``."""
    texts = []
    for name in metrics:
        value = None
        if name in results.measurements:
            value = results.measure(cell, name)
        if not isinstance(value, Measurement):
            reasons = results.unmeasured.get(cell, {}).get(name, ())
            reason = "; ".join(reasons) or "no record of the sweep has it"
            texts.append(f"{name} not measured ({reason})")
            continue
        seeds = f" (n = {value.n})" if value.n > 1 else ""
        texts.append(f"{name} {format_measurement(drop_count(value))}{seeds}")
    return ", ".join(texts)
