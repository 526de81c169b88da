"""`wandb-report`: save a sweep as a W&B Report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gensweep.cli.options import Entity, Project, Root, Verbose
from gensweep.cli.sweep_folder import find_sweep_folder
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

app = typer.Typer()


@app.command("wandb-report")
def wandb_report_command(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="A sweep's folder, such as results/layers.")
    ],
    root: Root = "results",
    draft: Annotated[
        bool, typer.Option("--draft", help="Save the report as a new draft each time.")
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
        typer.Option(metavar="T", help="Title; default: Sweep and the name of the sweep."),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Save a W&B Report of a sweep: answers, tables, and panels of its runs.

    It replaces the sweep's earlier report of the same title, including changes made by hand.
    """
    from gensweep.report.results import load
    from gensweep.report.wandb_report import (
        build,
        format_description_start,
        import_library,
        serialize_report,
    )
    from gensweep.report.wandb_report.panels import count_tracked
    from gensweep.system.storage import write_json
    from gensweep.tracking.settings import OFFLINE, Tracking

    # Without the library, the error comes before results are read.
    import_library()
    results = load(find_sweep_folder(folder, root))
    target = Tracking.from_cli(OFFLINE, wandb_project, wandb_entity, results.sweep.name)
    report = build(results, target.project, target.entity or "", title)
    if json_:
        json_.parent.mkdir(parents=True, exist_ok=True)
        write_json(json_, serialize_report(report, draft))
        entity = report.entity or "(no entity yet, --wandb-entity names one)"
        project = f"{entity}/{target.project}"
        message = f"Wrote {json_}: the report {report.title!r} of {project}. Nothing was sent."
    else:
        from gensweep.report.wandb_report.server import save

        saved = save(report, format_description_start(results.sweep.name), draft)
        verb = "Replaced" if saved.replaced else "Saved"
        kind = "draft" if draft else "report"
        message = f"{verb} the {kind}: {saved.url}"
    console = Console()
    print_line(console, message)
    if not count_tracked(results, results.points["id"]):
        count = len(results.points)
        warning = f"None of its {count} points has a W&B run: the report's panels may be empty."
        print_line(console, warning)
