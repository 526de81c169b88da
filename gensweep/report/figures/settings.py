"""The models and settings that get a figure of their own, and the names of its files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gensweep.core.roles import Role
from gensweep.report.figures.style import MAX_FIGURES_PER_ITEM
from gensweep.report.settings import Setting, list_settings
from gensweep.report.tables.groups import Group, name_groups, select_grids

if TYPE_CHECKING:
    from gensweep.report.results import Results

_log = logging.getLogger(__name__)


def split_by_dataset(
    results: Results, models: Sequence[str]
) -> list[Setting]:
    """Return the cells of some models by dataset, as many settings as one item draws at most."""
    settings = list_settings(results, models)
    if len(settings) > MAX_FIGURES_PER_ITEM:
        _log.warning(
            "the first %d of %d models and datasets are drawn",
            MAX_FIGURES_PER_ITEM,
            len(settings),
        )
    return settings[:MAX_FIGURES_PER_ITEM]


def list_answering(results: Results) -> list[str]:
    """Return the models that answer queries: those with a metric that only answers have."""
    return _list_with_any(results, Role.ANSWERS, Role.DRAWN_ANSWERS)


def list_drawing_answers(results: Results) -> list[str]:
    """Return the models that draw their answers as pictures."""
    return _list_with_any(results, Role.DRAWN_ANSWERS)


def list_generating(results: Results) -> list[str]:
    """Return the models that make pictures of random latent vectors."""
    return _list_with_any(results, Role.GENERATED)


def _list_with_any(results: Results, *roles: Role) -> list[str]:
    """Return the models that have a metric of any of these roles."""
    return [
        model
        for model in results.models
        if results.list_metrics_with(*roles, model=model)
    ]


def describe_sheet_rows(results: Results, model: str) -> str:
    """Return the sentence of a caption on the rows of a sheet of samples.

    The models' networks lay the sheets out, in their `samples`.
    """
    has_reconstructions = bool(
        results.list_metrics_with(Role.RECONSTRUCTIONS, model=model)
    )
    is_generating = model in list_generating(results)
    if has_reconstructions and is_generating:
        return (
            "Rows: pictures of the test set, their reconstructions, "
            "and in the last rows samples from the prior."
        )
    if has_reconstructions:
        return "Rows alternate: pictures of the test set, then their reconstructions."
    if is_generating:
        return "Every picture is a sample of the generator."
    return ""


def select_settings(
    results: Results, name: str, axes: tuple[str, ...]
) -> list[tuple[str, Group]]:
    """Return the settings that get a figure each; the log names how many get none.

    Args:
        results: the sweep's.
        name: the registered name of the figure.
        axes: parameters that vary within a figure.

    Returns:
        The stem of the figure's files and its cells, for each figure.
    """
    groups, _ = select_grids(results, axes)
    if len(groups) > MAX_FIGURES_PER_ITEM:
        _log.warning(
            "%s: the first %d of %d settings are drawn; the tables have all",
            name,
            MAX_FIGURES_PER_ITEM,
            len(groups),
        )
    return name_groups(name, groups)[:MAX_FIGURES_PER_ITEM]
