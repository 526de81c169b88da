"""Which cells and points a figure shows where it cannot show all, and what a caption says of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gensweep.ledger.records import OK
from gensweep.report.figures.style import MOST_FIGURES, seed_count
from gensweep.report.remarks import NO_VALUE, SAMPLE_METRICS, has_values
from gensweep.report.tables.layout import format_interval
from gensweep.system.naming import file_names
from gensweep.system.text import counted

if TYPE_CHECKING:
    from gensweep.report.results import Results

MAX_SEEDS_READ = 32
"""Most points of one cell whose files are read."""
_log = logging.getLogger(__name__)
_RANKED, _UNRANKED = ("best", "median", "worst"), ("first", "middle", "last")
_ONLY = "only"


@dataclass(frozen=True)
class ShownCell:
    """A cell to show.

    Attributes:
        role: `best`, `median` or `worst`; `first`, `middle` or `last` where nothing says which is better.
        label: the parameters that tell it from the model's other cells.
        points: seed -> id of its points that are ok, by seed; at most `MAX_SEEDS_READ`.
        n: how many are ok.
    """

    cell: str
    role: str
    label: str
    points: dict[int, str]
    n: int

    @property
    def sample(self) -> tuple[int, str]:
        """The seed and id of the point whose samples stand for the cell: its first seed."""
        return next(iter(self.points.items()))

    @property
    def title(self) -> str:
        """Role and parameters, as a label."""
        role = self.role if self.label and self.role != _ONLY else f"{self.role} cell"
        return f"{role}: {self.label}" if self.label else role

    @property
    def name(self) -> str:
        """Role and parameters, at the beginning of a sentence."""
        return f"{self.role.capitalize()} cell" + (f" ({self.label})" if self.label else "")


def rank_cells(results: Results, model: str) -> list[str]:
    """The model's cells with a point that is ok, the best on the validation set first, those without a value last."""
    objective = results.objectives[model]
    done = set(results.cells.loc[results.cells["n_ok"] > 0, "cell"])
    ids = [cell for cell in results.list_cells(model) if cell in done]
    if objective is None:
        return ids
    means = results.cells.set_index("cell").loc[ids, f"{objective}_mean"]
    smaller = results.validation[objective].direction == "min"
    return means.sort_values(ascending=smaller, kind="stable").index.tolist()


def select_best_and_others(
    results: Results, model: str, cells: Sequence[str] | None = None, count: int = 3
) -> list[ShownCell]:
    """The best cell, the median one and the worst, each once; fewer where there are fewer, none where none is done.

    Args:
        cells: of these only; all of the model's where it is None.
        count: 1 for the best alone, 2 for the best and the worst, 3 for all three.
    """
    ids, has_order = _candidates(results, model, cells), has_values(results, model)
    places = {0: 0, len(ids) // 2: 1, len(ids) - 1: 2} if len(ids) > 2 else {0: 0, len(ids) - 1: 2}
    roles = {place: (_RANKED if has_order else _UNRANKED)[role] for place, role in places.items()}
    if len(ids) == 1:
        roles = {0: _ONLY}
    wanted = (
        sorted(roles)[:1]
        if count == 1
        else [sorted(roles)[0], sorted(roles)[-1]]
        if count == 2
        else sorted(roles)
    )
    return (
        [_shown(results, ids[place], roles[place]) for place in dict.fromkeys(wanted)]
        if ids
        else []
    )


def _shown(results: Results, cell: str, role: str) -> ShownCell:
    points = results.points[
        (results.points["cell"] == cell) & (results.points["status"] == OK)
    ].sort_values("seed")
    names = results.varying_of[points["model"].iloc[0]]
    params = results.params[cell]
    label = ", ".join(
        f"{name}={results.names.text(name, params[name])}" for name in names if name in params
    )
    first = points.head(MAX_SEEDS_READ)
    return ShownCell(
        cell, role, label, dict(zip(first["seed"], first["id"], strict=True)), len(points)
    )


def _candidates(results: Results, model: str, cells: Sequence[str] | None) -> list[str]:
    """The cells to choose among, the best first: those that have the objective, or any result where none has it."""
    ids = [cell for cell in rank_cells(results, model) if cells is None or cell in cells]
    objective = results.objectives[model]
    if objective is None:
        return ids
    return (
        results.cells.set_index("cell").loc[ids, f"{objective}_mean"].dropna().index.tolist() or ids
    )


def describe_choice(results: Results, model: str, cells: Sequence[str] | None = None) -> str:
    """A caption's sentence on what the roles mean: among how many cells, by which metric, how many are left out.

    Empty where there is but one.
    """
    wanted = results.list_cells(model) if cells is None else cells
    among, objective = len(_candidates(results, model, cells)), results.objectives[model]
    others = len(wanted) - among
    rest = (
        f" {counted(others, 'cell')} without a result, or without a validation value."
        if others
        else ""
    )
    if among < 2:
        return rest.strip()
    by = f", by {objective} after the last epoch" if has_values(results, model) else ""
    why = (
        ""
        if by or objective is None
        else f" They are in the sweep's order: {objective} would rank them, but {NO_VALUE}."
    )
    return f"Chosen among {among} cells{by}.{why}{_ties(results, model, cells)}{rest}"


def _ties(results: Results, model: str, cells: Sequence[str] | None) -> str:
    """A caption's sentence on cells that are as good as the best one, which stands first for no merit of its own."""
    if not has_values(results, model):
        return ""
    means = results.cells.set_index("cell").loc[
        _candidates(results, model, cells), f"{results.objectives[model]}_mean"
    ]
    equal = int((means == means.iloc[0]).sum())
    return (
        f" {equal} cells share the best value; the first in the sweep's order stands for them."
        if equal > 1
        else ""
    )


def describe_points(shown: Sequence[ShownCell]) -> str:
    """A caption's sentence on the points whose samples are shown."""
    points = ", ".join(f"{id_} (seed {seed})" for seed, id_ in (one.sample for one in shown))
    whose = "each cell's" if len(shown) > 1 else "the cell's"
    return f"One point of {whose} {seed_count(one.n for one in shown)}: {points}."


def describe_nothing(results: Results, models: Sequence[str] | None = None) -> str:
    """A caption for a figure that has nothing to draw: how many seeds there are all the same."""
    wanted = results.models if models is None else models
    counts = results.cells.loc[results.cells["model"].isin(list(wanted)), "n_ok"]
    if not counts.any():
        return "Nothing is measured yet: n = 0 seeds."
    return f"Cells of this sweep have {seed_count(counts)} that are ok."


@dataclass(frozen=True)
class Setting:
    """A model's cells on one dataset, whose pictures can be compared.

    Attributes:
        dataset: empty where the cells name none.
        title: model, and dataset where the sweep has several.
    """

    model: str
    dataset: str
    title: str
    cells: list[str]


def name_settings(page: str, settings: Sequence[Setting]) -> list[tuple[str, Setting]]:
    """Return each of a page's settings after its file's stem: the page, the model, the dataset where several are."""
    parts = [(page, one.model, one.dataset if one.title != one.model else "") for one in settings]
    return list(zip(file_names(parts), settings, strict=True))


def name_models(page: str, models: Sequence[str]) -> list[tuple[str, str]]:
    """Return each of a page's models after its file's stem."""
    return list(zip(file_names((page, model) for model in models), models, strict=True))


def split_by_dataset(results: Results, models: Sequence[str]) -> list[Setting]:
    """The cells of some models, those of each dataset apart; at most as many as a page draws."""
    found: dict[tuple[str, str], list[str]] = {}
    for model in models:
        for cell in results.list_cells(model):
            dataset = results.params[cell].get("dataset")
            found.setdefault(
                (model, "" if dataset is None else results.names.text("dataset", dataset)), []
            ).append(cell)
    several = {model for model in models if sum(one == model for one, _ in found) > 1}
    if len(found) > MOST_FIGURES:
        _log.warning("the first %d of %d models and datasets are drawn", MOST_FIGURES, len(found))
    return [
        Setting(model, dataset, f"{model} on {dataset}" if model in several else model, cells)
        for (model, dataset), cells in list(found.items())[:MOST_FIGURES]
    ]


def list_answering(results: Results) -> list[str]:
    """The models that answer queries: those with a metric that only answers have."""
    return _with_any(
        results, ("char_accuracy", "exact_match", "mse", "read_exact_match", "read_char_accuracy")
    )


def list_drawing_answers(results: Results) -> list[str]:
    """The models that draw answers as pictures."""
    return _with_any(results, ("mse", "read_exact_match", "read_char_accuracy"))


def list_generating(results: Results) -> list[str]:
    """The models that make pictures of random latent vectors: those whose samples are compared with true pictures."""
    return _with_any(results, SAMPLE_METRICS)


def describe_sheet_rows(results: Results, model: str) -> str:
    """A caption's sentence on the rows of a sheet of pictures, as `samples` of the models' networks lays them out."""
    metrics = results.list_metrics(model)
    reconstructs, generates = "reconstruction_mse" in metrics, model in list_generating(results)
    if reconstructs and generates:
        return "Rows: pictures of the test set, their reconstructions, and in the last rows samples from the prior."
    if reconstructs:
        return "Rows, in turns: pictures of the test set, their reconstructions."
    return "Every picture is a sample of the generator." if generates else ""


def _with_any(results: Results, metrics: Sequence[str]) -> list[str]:
    return [model for model in results.models if set(metrics) & set(results.list_metrics(model))]


def format_scores(results: Results, cell: str, metrics: Sequence[str]) -> str:
    """Metrics of one cell with their intervals and seeds: ``read_exact_match 0.61 ± 0.02 (n = 3)``."""
    import pandas as pd

    row, texts = results.cells.set_index("cell").loc[cell], []
    for name in metrics:
        n = row.get(f"{name}_n")
        if n is None or pd.isna(n) or not n:
            why = (
                "; ".join(results.unmeasured.get(cell, {}).get(name, ()))
                or "no record of the sweep has it"
            )
            texts.append(f"{name} not measured ({why})")
        else:
            number = format_interval(row[f"{name}_mean"], row[f"{name}_ci95"], n, n)
            texts.append(f"{name} {number}" + (f" (n = {n})" if n > 1 else ""))
    return ", ".join(texts)
