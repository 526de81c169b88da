"""W&B's server: log in, find the report that was saved before, save."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from gensweep.report.wandb_report import ReportError, import_library

if TYPE_CHECKING:
    import wandb
    from wandb_workspaces.reports.v2 import Report

REQUEST, RETRIES = 8, 1
"""Seconds that a request may take, and how often it is made again: less in all than W&B's client waits."""
_REFUSED = (401, 403)


@dataclass(frozen=True)
class Saved:
    """Where a report is, and whether it took the place of one that was there."""

    url: str
    replaced: bool


def save(report: Report, beginning: str, draft: bool = False) -> Saved:
    """Save a report in its project, which is made if it is not there.

    A report takes the place of the one of the same title with the same beginning of the description. A draft is always
    a new one: W&B lists drafts that people are writing among them.

    Args:
        report: its entity may be empty: then it is W&B's settings' (as WANDB_ENTITY), or the login's own.
        beginning: of the description of each report that may be replaced.
        draft: whether to save it as one.

    Raises:
        ReportError: not logged in, or W&B is not to be reached or refuses.
    """
    import_library()
    try:
        api = _log_in()
        report.entity = report.entity or api.settings["entity"] or api.default_entity or ""
        if report.entity:
            former = None if draft else _former(api, report, beginning)
            report.id = former or ""
            report.save(draft=draft)
            return Saved(_url(report), former is not None)
    except Exception as error:  # W&B's libraries raise bare ones, too
        raise _explained(error, report) from error
    raise ReportError("this W&B login has no entity of its own: name one with --wandb-entity")


def _log_in() -> wandb.Api:
    """W&B's client, of a login that the server took; asks nothing of the terminal, and waits for a short time only."""
    import wandb

    settings = wandb.Settings(
        silent=True,
        x_graphql_timeout_seconds=REQUEST,
        x_graphql_retry_max=RETRIES,
        x_graphql_retry_wait_min_seconds=0.1,
        x_graphql_retry_wait_max_seconds=1.0,
    )
    wandb.setup(settings)
    return wandb.Api()


def _former(api: wandb.Api, report: Report, beginning: str) -> str | None:
    """The id of the report that this one replaces."""
    try:
        for found in api.reports(f"{report.entity}/{report.project}"):
            if found.display_name == report.title and (found.description or "").startswith(
                beginning
            ):
                return found.id
    except ValueError:  # the project is not there yet
        return None
    return None


def _explained(error: Exception, report: Report) -> ReportError:
    """Whatever W&B raised, in one line for the user."""
    from wandb.errors import AuthenticationError, UsageError

    said = " ".join(str(error).split()).rpartition("while retrying: ")[2] or type(error).__name__
    if isinstance(error, UsageError):
        return ReportError(
            f"W&B: {said} (`--json FILE` writes the report to a file, without a login.)"
        )
    status = getattr(getattr(error.__cause__, "response", None), "http_status", 0)
    malformed = error.__cause__ is None
    if isinstance(error, AuthenticationError) and (malformed or status in _REFUSED):
        return ReportError(f"W&B refuses this login: {said}; `wandb login --relogin` takes another")
    place = f"{report.entity}/{report.project}" if report.entity else report.project
    return ReportError(f"W&B did not take the report for {place}: {said}")


def _url(report: Report) -> str:
    """The report's address; the library's own breaks where the title has other characters than letters."""
    host = urlsplit(report.url)
    title = re.sub(r"\W+", "-", report.title).strip("-")
    path = quote(f"/{report.entity}/{report.project}/reports/{title}--{report.id.rstrip('=')}")
    return f"{host.scheme}://{host.netloc}{path}"
