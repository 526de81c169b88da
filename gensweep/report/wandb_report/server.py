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

REQUEST_TIMEOUT_SECONDS = 8
MAX_RETRIES = 1
"""All tries together take less time than W&B's client waits."""
_LOGIN_REFUSED = (401, 403)
"""HTTP statuses with which a server refuses a login."""


@dataclass(frozen=True)
class SavedReport:
    """A report on the server.

    Attributes:
        url: its address.
        replaced: whether it replaced an earlier report.
    """

    url: str
    replaced: bool


def save(report: Report, beginning: str, draft: bool = False) -> SavedReport:
    """Save a report in its project, which is created if it does not exist.

    A report replaces the one with the same title and the same beginning of the description. A draft
    is always a new one: W&B lists drafts that people are writing among them.

    Args:
        report: its entity may be empty. Then it is W&B's setting (as WANDB_ENTITY), or the default
            of the login.
        beginning: of the description of each report that may be replaced.
        draft: whether to save it as a draft.

    Raises:
        ReportError: not logged in, or W&B cannot be reached or refuses.
    """
    import_library()
    try:
        api = _log_in()
        report.entity = (
            report.entity
            or api.settings["entity"]
            or api.default_entity
            or ""
        )
        if report.entity:
            previous = None
            if not draft:
                previous = _find_previous(api, report, beginning)
            report.id = previous or ""
            report.save(draft=draft)
            return SavedReport(_make_url(report), previous is not None)
    except Exception as error:
        # W&B's libraries raise bare exceptions, too.
        raise _explain(error, report) from error
    raise ReportError(
        "this W&B login has no default entity: name one with --wandb-entity"
    )


def _log_in() -> wandb.Api:
    """Return W&B's client with a login that the server accepts.

    It does not ask on the terminal, and waits for a short time only.
    """
    import wandb

    settings = wandb.Settings(
        silent=True,
        x_graphql_timeout_seconds=REQUEST_TIMEOUT_SECONDS,
        x_graphql_retry_max=MAX_RETRIES,
        x_graphql_retry_wait_min_seconds=0.1,
        x_graphql_retry_wait_max_seconds=1.0,
    )
    wandb.setup(settings)
    return wandb.Api()


def _find_previous(
    api: wandb.Api, report: Report, beginning: str
) -> str | None:
    """Return the id of the report that this one replaces; None if there is none."""
    try:
        for candidate in api.reports(f"{report.entity}/{report.project}"):
            description = candidate.description or ""
            if (
                candidate.display_name == report.title
                and description.startswith(beginning)
            ):
                return candidate.id
    except ValueError:
        # The project does not exist yet.
        return None
    return None


def _explain(error: Exception, report: Report) -> ReportError:
    """Return what W&B raised as one line for the user."""
    from wandb.errors import AuthenticationError, UsageError

    text = " ".join(str(error).split())
    # W&B's client repeats the same message for each try.
    message = text.rpartition("while retrying: ")[2] or type(error).__name__
    if isinstance(error, UsageError):
        return ReportError(
            f"W&B: {message} (`--json FILE` writes the report to a file, without a login.)"
        )
    status = getattr(
        getattr(error.__cause__, "response", None), "http_status", 0
    )
    # Without a cause, the client itself refused the key, since it is malformed.
    is_malformed = error.__cause__ is None
    if isinstance(error, AuthenticationError) and (
        is_malformed or status in _LOGIN_REFUSED
    ):
        return ReportError(
            f"W&B refuses this login: {message}; log in again with `wandb login --relogin`"
        )
    project = report.project
    if report.entity:
        project = f"{report.entity}/{project}"
    return ReportError(
        f"W&B did not accept the report for {project}: {message}"
    )


def _make_url(report: Report) -> str:
    """Return the report's address."""
    host = urlsplit(report.url)
    # The library's own address breaks if the title has characters other than letters.
    title = re.sub(r"\W+", "-", report.title).strip("-")
    path = quote(
        f"/{report.entity}/{report.project}/reports/{title}--{report.id.rstrip('=')}"
    )
    return f"{host.scheme}://{host.netloc}{path}"
