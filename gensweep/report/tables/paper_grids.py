"""The paper's tables repeated over seeds beside its numbers, and grids that it could not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gensweep.core.registries import register_table
from gensweep.core.roles import Role
from gensweep.report.paper import list_paper_tables
from gensweep.report.tables import Table
from gensweep.report.tables.groups import (
    Group,
    group_cells,
    name_groups,
    select_grids,
)
from gensweep.report.tables.paper_numbers import (
    describe_sources,
    list_unmatched_rows,
)
from gensweep.report.tables.rows import build_rows
from gensweep.system.file_stems import make_file_stems

if TYPE_CHECKING:
    from gensweep.report.results import Results

DEPTH_AXES = ("encoder_layers", "decoder_layers")
PICTURE_ROLES = (Role.RECONSTRUCTIONS, Role.GENERATED)
"""A model with a metric of these makes pictures like those that it was trained on."""


@register_table("depth")
def make_depth(results: Results) -> list[Table]:
    """Compare encoder and decoder layers, for each model and setting (the paper's Tables 2-4)."""
    return _make_grids(
        results, "depth", DEPTH_AXES, "encoder and decoder layers", (2, 3, 4)
    )


@register_table("splits")
def make_splits(results: Results) -> list[Table]:
    """Compare training set sizes, for each model and setting (the paper's Table 1)."""
    return _make_grids(
        results, "splits", ("train_fraction",), "training set size", (1,)
    )


@register_table("budget")
def make_budget(results: Results) -> list[Table]:
    """Compare epochs and batch sizes, for each model and setting; the paper has one such cell."""
    axes = ("epochs", "batch_size")
    return _make_grids(
        results, "budget", axes, "epochs and batch size", (2, 3, 4, 1)
    )


def _make_grids(
    results: Results,
    item: str,
    axes: tuple[str, ...],
    subject: str,
    numbers: Sequence[int],
) -> list[Table]:
    """Return one table for each group of cells that differ in the axes alone.

    Args:
        results: the sweep's results.
        item: the name that the table is registered by.
        axes: the parameters to compare.
        subject: the axes in words, for the titles.
        numbers: the paper's tables to look in, the preferred ones first.
    """
    tables = []
    groups, excluded = select_grids(results, axes)
    for name, group in name_groups(item, groups):
        paper_tables = list_paper_tables(group.model, numbers)
        data = build_rows(results, group.cells, axes, paper_tables)
        notes = describe_sources(results, group.cells, paper_tables)
        notes += list_unmatched_rows(results, group.cells, paper_tables, axes)
        if excluded[group.model]:
            notes.append(
                f"{excluded[group.model]} cells, each alone in its setting, "
                "are in the table of all cells only."
            )
        title = f"{group.title}: {subject}"
        tables.append(Table(name, title, data, tuple(notes), is_compact=True))
    return tables


@register_table("generative")
def make_generative(results: Results) -> list[Table]:
    """Compare models that make pictures over depth and dataset, in a table for each setting."""
    models = []
    for model in results.models:
        if results.list_metrics_with(*PICTURE_ROLES, model=model):
            models.append(model)
    if not models:
        title = "Generative models by dataset and depth"
        note = "No model of this sweep reconstructs or generates pictures."
        return [
            Table("generative", title, build_rows(results, [], ()), (note,))
        ]
    settings: dict[tuple[str, ...], list[Group]] = {}
    for group in group_cells(results, ("dataset", *DEPTH_AXES), models):
        settings.setdefault(tuple(group.settings), []).append(group)
    names = make_file_stems(("generative", *texts) for texts in settings)
    tables = []
    for name, members in zip(names, settings.values(), strict=True):
        tables.append(_compare_models(results, name, members))
    return tables


def _compare_models(
    results: Results, name: str, members: list[Group]
) -> Table:
    """Return a table of the cells of several models.

    It also shows parameters that are fixed in each model but differ between models.
    """
    ids = [cell for group in members for cell in group.cells]
    # A parameter that only some of the models have would be an almost empty column.
    shared = set.intersection(*(set(group.params) for group in members))
    differing = []
    for key in sorted(shared - {"dataset", *DEPTH_AXES}):
        values = {
            results.names.get_text(key, group.params[key])
            for group in members
        }
        if len(values) > 1:
            differing.append(key)
    data = build_rows(results, ids, ["dataset", *DEPTH_AXES, *differing])
    title = "Generative models by dataset and depth"
    if members[0].label:
        title += f" ({members[0].label})"
    return Table(name, title, data, is_compact=True)
