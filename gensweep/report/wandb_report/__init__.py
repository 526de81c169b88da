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

INSTALL_COMMAND = 'pip install -e ".[report]"'
MAX_TITLE_CHARACTERS = 128
"""The limit is W&B's."""
_ID_KEYS = ("id", "__id__")


class ReportError(UserError):
    """A W&B Report cannot be made, or W&B did not accept it."""


def import_library() -> Any:
    """Return the module `wandb_workspaces.reports.v2`.

    Raises:
        ReportError: it is not installed.
    """
    # W&B's libraries would report their own errors over the network.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    try:
        with warnings.catch_warnings():
            # The library uses deprecated parts of pydantic.
            warnings.simplefilter("ignore", DeprecationWarning)
            import wandb_workspaces.reports.v2 as wr
    except ImportError as error:
        missing = error.name or "wandb-workspaces"
        raise ReportError(
            f"a W&B report needs {missing}, which is not installed: {INSTALL_COMMAND}"
        ) from None
    return wr


def format_description_start(name: str) -> str:
    """Return the beginning of the description of a sweep's report."""
    return f"Made by gensweep of the sweep {name}:"


def build(
    results: Results, project: str, entity: str = "", title: str | None = None
) -> Report:
    """Build the report of a sweep, without any call to a server.

    Args:
        results: the sweep's.
        project: the W&B project that has the runs, and will have the report.
        entity: W&B's user or team; empty if it is not known yet.
        title: unique among the sweep's reports; default: the sweep's name.

    Raises:
        ReportError: wandb-workspaces is not installed, or the title is empty or too long.
    """
    from gensweep.report.wandb_report.contents import build_blocks

    wr = import_library()
    title = f"Sweep {results.sweep.name}" if title is None else title.strip()
    if not 0 < len(title) <= MAX_TITLE_CHARACTERS:
        raise ReportError(
            f"--title has {len(title)} characters; W&B takes 1 to {MAX_TITLE_CHARACTERS}"
        )
    counts = ", ".join(
        f"{number} {status}"
        for status, number in results.counts.items()
        if number
    )
    start = format_description_start(results.sweep.name)
    description = f"{start} {len(results.points)} points, {counts}."
    blocks = build_blocks(wr, results)
    return wr.Report(
        project, entity, title, description, blocks, width="fluid"
    )


def serialize_report(report: Report, draft: bool = False) -> dict[str, Any]:
    """Return a report in the form that W&B stores; the same records give the same value.

    Returns:
        `displayName`, `description`, `project` (`name`, `entityName`), `type` (`runs`, or
        `runs/draft`) and `spec`, all in W&B's own form. Panels and run sets are numbered, where W&B
        gives them random names.
    """
    # The library has no public method for this.
    text = report._to_model().model_dump_json(
        by_alias=True, exclude_none=True
    )
    model = json.loads(text)
    return {
        "displayName": model["displayName"],
        "description": model["description"],
        "project": model["project"],
        "type": "runs/draft" if draft else "runs",
        "spec": _replace_ids(model["spec"], count(1)),
    }


def _replace_ids(value: Any, numbers: count[int]) -> Any:
    """Return JSON with numbers in place of random names."""
    if isinstance(value, list):
        return [_replace_ids(item, numbers) for item in value]
    if not isinstance(value, dict):
        return value
    replaced = {}
    for key, item in value.items():
        if key in _ID_KEYS:
            replaced[key] = f"gensweep{next(numbers)}"
        else:
            replaced[key] = _replace_ids(item, numbers)
    return replaced
