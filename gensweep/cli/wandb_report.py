"""`wandb-report`: save a sweep as a W&B Report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gensweep.cli.options import Entity, Project, Root, Verbose
from gensweep.ledger.sweep_folder import find_sweep_folder
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

if TYPE_CHECKING:
    from wandb_workspaces.reports.v2 import Report

app = typer.Typer()


@app.command("wandb-report")
def wandb_report_command(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER", help="A sweep's folder, such as results/layers."
        ),
    ],
    root: Root = "results",
    draft: Annotated[
        bool,
        typer.Option(
            "--draft", help="Save the report as a new draft each time."
        ),
    ] = False,
    json_: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write the report to this file as JSON instead; needs no login.",
        ),
    ] = None,
    wandb_project: Project = None,
    wandb_entity: Entity = None,
    title: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            help="Title; default: Sweep and the name of the sweep.",
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Save a W&B Report of a sweep: answers, tables, and panels of its runs.

    It replaces the sweep's earlier report of the same title, including changes made by hand.
    """
    from gensweep.report.load import load
    from gensweep.report.wandb_report import build, import_library
    from gensweep.report.wandb_report.panels import count_tracked
    from gensweep.tracking.settings import OFFLINE, Tracking

    # Without the library, the error comes before results are read.
    import_library()
    results = load(find_sweep_folder(folder, root))
    target = Tracking.from_cli(
        OFFLINE, wandb_project, wandb_entity, results.sweep.name
    )
    report = build(results, target.project, target.entity or "", title)
    if json_:
        message = _write_json(json_, report, draft, target.project)
    else:
        message = _save(report, results.sweep.name, draft)
    console = Console()
    print_line(console, message)
    if not count_tracked(results, results.points["id"]):
        count = len(results.points)
        warning = f"None of its {count} points has a W&B run: the report's panels may be empty."
        print_line(console, warning)


def _write_json(path: Path, report: Report, draft: bool, project: str) -> str:
    """Write the report to a file; return a message about it."""
    from gensweep.report.wandb_report import serialize_report
    from gensweep.system.storage import write_json

    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, serialize_report(report, draft))
    entity = report.entity or "(no entity yet, --wandb-entity names one)"
    return f"Wrote {path}: the report {report.title!r} of {entity}/{project}. Nothing was sent."


def _save(report: Report, sweep: str, draft: bool) -> str:
    """Send the report to W&B; return a message about it."""
    from gensweep.report.wandb_report import format_description_start
    from gensweep.report.wandb_report.server import save

    saved = save(report, format_description_start(sweep), draft)
    verb = "Replaced" if saved.replaced else "Saved"
    kind = "draft" if draft else "report"
    return f"{verb} the {kind}: {saved.url}"
