"""A W&B Report of a sweep: its statistics in words, its tables, and panels of its W&B runs."""

from __future__ import annotations

import json
import os
import warnings
from itertools import count
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import UserError

if TYPE_CHECKING:
    from wandb_workspaces.reports.v2 import Report

    from gensweep.report.results import Results

EXTRA = 'pip install -e ".[report]"'
LONGEST_TITLE = 128
"""Characters that W&B takes."""
_IDS = ("id", "__id__")


class ReportError(UserError):
    """A W&B Report cannot be made, or W&B did not take it."""


def import_library() -> Any:
    """The module `wandb_workspaces.reports.v2`.

    Raises:
        ReportError: it is not installed.
    """
    os.environ.setdefault(
        "WANDB_ERROR_REPORTING", "false"
    )  # it would report its own errors over the network
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of its own use of pydantic
            import wandb_workspaces.reports.v2 as wr
    except ImportError as error:
        missing = error.name or "wandb-workspaces"
        raise ReportError(
            f"a W&B report needs {missing}, which is not installed: {EXTRA}"
        ) from None
    return wr


def format_description_start(name: str) -> str:
    """How the description of a sweep's report begins."""
    return f"Made by gensweep of the sweep {name}:"


def build(results: Results, project: str, entity: str = "", title: str | None = None) -> Report:
    """The report of a sweep; nothing is asked of a server.

    Args:
        results: the sweep's.
        project: the W&B project that has the runs, and will have the report.
        entity: W&B's user or team; empty where it is not known yet.
        title: unique among the sweep's reports; default: the sweep's name.

    Raises:
        ReportError: wandb-workspaces is not installed, or the title is empty or too long.
        UnknownName: sweep.json names a table that this gensweep does not have.
    """
    from gensweep.report.wandb_report.contents import blocks

    wr = import_library()
    title = f"Sweep {results.sweep.name}" if title is None else title.strip()
    if not 0 < len(title) <= LONGEST_TITLE:
        raise ReportError(f"--title has {len(title)} characters; W&B takes 1 to {LONGEST_TITLE}")
    counts = ", ".join(f"{number} {status}" for status, number in results.counts.items() if number)
    description = (
        f"{format_description_start(results.sweep.name)} {len(results.points)} points, {counts}."
    )
    return wr.Report(project, entity, title, description, blocks(wr, results), width="fluid")


def serialize_report(report: Report, draft: bool = False) -> dict[str, Any]:
    """A report as W&B keeps it; the same records give the same value.

    Returns:
        `displayName`, `description`, `project` (`name`, `entityName`), `type` (`runs`, or `runs/draft`) and `spec`,
        all in W&B's own form. Panels and run sets are numbered, where W&B gives them random names.
    """
    model = json.loads(
        report._to_model().model_dump_json(by_alias=True, exclude_none=True)
    )  # no public way
    kept = {name: model[name] for name in ("displayName", "description", "project")}
    numbers = count(1)
    return kept | {
        "type": "runs/draft" if draft else "runs",
        "spec": _numbered(model["spec"], numbers),
    }


def _numbered(value: Any, numbers: count[int]) -> Any:
    """JSON with numbers in place of random names."""
    if isinstance(value, dict):
        return {
            key: f"gensweep{next(numbers)}" if key in _IDS else _numbered(item, numbers)
            for key, item in value.items()
        }
    return [_numbered(item, numbers) for item in value] if isinstance(value, list) else value
