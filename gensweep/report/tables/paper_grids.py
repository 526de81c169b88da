"""The report's tables again, over seeds and beside its numbers, and the grids that it could not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gensweep.core.registries import register_table
from gensweep.report.paper import list_paper_tables
from gensweep.report.tables import Table, build_rows
from gensweep.report.tables.groups import Group, group_cells, name_groups, select_grids
from gensweep.report.tables.sources import describe_sources, list_unmatched_rows
from gensweep.system.naming import make_file_stems

if TYPE_CHECKING:
    from gensweep.report.results import Results

DEPTH = ("encoder_layers", "decoder_layers")
GENERATIVE_METRICS = ("reconstruction_mse", "sliced_wasserstein")
"""A model with one of these makes pictures like those it was given."""


@register_table("depth")
def depth(results: Results) -> list[Table]:
    """Encoder by decoder layers, a table for each model and setting (the report's Tables 2 to 4)."""
    return _grids(results, "depth", DEPTH, "encoder and decoder layers", (2, 3, 4))


@register_table("splits")
def splits(results: Results) -> list[Table]:
    """Training set sizes, a table for each model and setting (the report's Table 1)."""
    return _grids(results, "splits", ("train_fraction",), "training set size", (1,))


@register_table("budget")
def budget(results: Results) -> list[Table]:
    """Epochs by batch size, a table for each model and setting; the report has one such cell."""
    return _grids(
        results, "budget", ("epochs", "batch_size"), "epochs and batch size", (2, 3, 4, 1)
    )


def _grids(
    results: Results, page_name: str, axes: tuple[str, ...], what: str, numbers: Sequence[int]
) -> list[Table]:
    tables = []
    kept, left = select_grids(results, axes)
    for name, group in name_groups(page_name, kept):
        published = list_paper_tables(group.model, numbers)
        frame = build_rows(results, group.cells, axes, published)
        notes = [
            *describe_sources(results, group.cells, published),
            *list_unmatched_rows(results, group.cells, published, axes),
        ]
        if left[group.model]:
            notes.append(
                f"{left[group.model]} cells, each alone in its setting, stand in the table of all cells only."
            )
        tables.append(Table(name, f"{group.title}: {what}", frame, tuple(notes), compact=True))
    return tables


@register_table("generative")
def generative(results: Results) -> list[Table]:
    """Models that make pictures, side by side over depth and dataset, a table for each setting."""
    models = [m for m in results.models if set(GENERATIVE_METRICS) & set(results.list_metrics(m))]
    settings: dict[tuple[str, ...], list[Group]] = {}
    for group in group_cells(results, ("dataset", *DEPTH), models):
        settings.setdefault(tuple(group.settings), []).append(group)
    if not models:
        note = f"No model of this sweep has one of {', '.join(GENERATIVE_METRICS)}."
        return [
            Table(
                "generative",
                "Generative models by dataset and depth",
                build_rows(results, [], ()),
                (note,),
            )
        ]
    names = make_file_stems(("generative", *texts) for texts in settings)
    pairs = zip(names, settings.values(), strict=True)
    return [_side_by_side(results, name, members) for name, members in pairs]


def _side_by_side(results: Results, name: str, members: list[Group]) -> Table:
    """Cells of several models; parameters that are fixed in each but differ between them are shown too."""
    ids = [cell for group in members for cell in group.cells]
    shared = set.intersection(*(set(group.params) for group in members)) - {"dataset", *DEPTH}
    differing = [
        key
        for key in sorted(shared)
        if len({results.names.get_text(key, group.params[key]) for group in members}) > 1
    ]
    frame = build_rows(results, ids, ["dataset", *DEPTH, *differing])
    label = members[0].label
    title = f"Generative models by dataset and depth{f' ({label})' if label else ''}"
    return Table(name, title, frame, compact=True)
