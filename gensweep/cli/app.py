"""The command line: parses, calls, sets the exit status."""

from __future__ import annotations

import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gensweep import __version__
from gensweep.cli import data, doctor, init_sweep, open_page, points, verify, wandb, wandb_report
from gensweep.cli.options import (
    Address,
    Device,
    Entity,
    Filter,
    Lanes,
    Project,
    RetrainChanged,
    RetryFailed,
    Root,
    Set,
    Wandb,
    parse_pairs,
)
from gensweep.cli.sweep_folder import find_sweep_folder
from gensweep.core.errors import GensweepError, RayDied, UserError
from gensweep.system.redaction import redacted
from gensweep.system.signals import Stopped, stopping
from gensweep.system.terminal import (
    Console,
    command_line,
    find_refusal,
    guard_output,
    hanging_up,
    printable,
)
from gensweep.system.text import say

COMMANDS = (
    "run", "collect", "data", "list", "show", "sample", "interpolate", "answer", "evaluate", "sync", "wandb-report",
    "doctor", "verify", "open", "init",
)  # fmt: skip
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Sweeps of six small models on Ray Tune. [bold]python -m gensweep sweeps/layers.py[/bold] runs one; "
    "run it again and only what is missing runs.",
)


app.add_typer(data.app, name="data")
app.add_typer(points.app)
app.add_typer(wandb_report.app)
app.add_typer(wandb.app)
app.add_typer(doctor.app)
app.add_typer(verify.app)
app.add_typer(open_page.app)
app.add_typer(init_sweep.app)


class Kind(StrEnum):
    """What `list` can list."""

    models, datasets, metrics, tables, figures, sweeps = (
        "models",
        "datasets",
        "metrics",
        "tables",
        "figures",
        "sweeps",
    )


def _version(wanted: bool) -> None:
    if wanted:
        say(Console(), f"gensweep {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command("run")
def run_command(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="The sweep file, such as sweeps/layers.py.", metavar="FILE")
    ],
    results: Root = "results",
    filter_: Filter = None,
    set_: Set = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Use seeds 0 to N-1.")] = None,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.auto,
    cpus_per_trial: Annotated[int, typer.Option(min=1, help="Cores and threads of a trial.")] = 1,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            min=0, help="GPUs of a trial; default: 1 where there are any.", show_default=False
        ),
    ] = None,
    max_concurrent: Annotated[
        int | None, typer.Option(min=1, help="Trials at once; default: as many as fit.")
    ] = None,
    pack: Lanes = None,
    address: Address = None,
    local: Annotated[
        bool,
        typer.Option("--local", help="Train in this process, one trial at a time, without Ray."),
    ] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate", help="With --dry-run: time a few steps of every unknown shape."
        ),
    ] = False,
    retry_failed: RetryFailed = False,
    retrain_changed: RetrainChanged = False,
    wandb: Annotated[
        Wandb | None,
        typer.Option(
            help="What W&B is told; default: WANDB_MODE, else offline.", show_default=False
        ),
    ] = None,
    wandb_project: Project = None,
    wandb_entity: Entity = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show Ray's output, logs and tracebacks.")
    ] = False,
) -> None:
    """Train what a sweep is still missing, and print its tables. `run` may be left out."""
    from gensweep.execute.driver import run
    from gensweep.execute.dry_run import dry_run
    from gensweep.execute.resources import Resources, RunOptions
    from gensweep.sweep.load import parse_value, read_sweep
    from gensweep.sweep.spec import checked_pack
    from gensweep.tracking.tracker import Tracking

    sweep = read_sweep(file)
    parsed = {
        key: [parse_value(text) for text in texts]
        for key, texts in parse_pairs("--set", set_).items()
    }
    values = {key: several if len(several) > 1 else several[0] for key, several in parsed.items()}
    if values or seeds is not None:
        sweep = sweep.changed(values, seeds)
    resources = Resources(
        device=device.value,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        max_concurrent=max_concurrent,
        pack=sweep.pack if pack is None else checked_pack("--pack", parse_value(pack)),
        address=_cluster(context, address, local),
        retry_failed=retry_failed,
        retrain_changed=retrain_changed,
        verbose=verbose,
        tracking=Tracking.from_cli(
            wandb.value if wandb else None, wandb_project, wandb_entity, sweep.name
        ),
    )
    if calibrate and not dry:
        raise UserError("--calibrate goes with --dry-run")
    filters = [pair for text in filter_ or [] for pair in parse_pairs("--filter", [text]).items()]
    options = RunOptions(results, filters, local, _command(), resources)
    if dry:
        dry_run(sweep, options, calibrate, Console())
    else:
        raise typer.Exit(run(sweep, options, Console()))


def _cluster(context: typer.Context, address: str | None, local: bool) -> str | None:
    """The cluster to train on; with --local none, although RAY_ADDRESS, which a Ray job has, may name one."""
    source = context.get_parameter_source("address")
    if local and source and source.name == "COMMANDLINE":
        raise UserError(
            "--local trains without Ray; --address names a Ray cluster: give one of them"
        )
    return None if local else address


@app.command("collect")
def collect_command(
    folders: Annotated[
        list[str],
        typer.Argument(help="Folders of sweeps, such as results/layers.", metavar="FOLDER..."),
    ],
    results: Root = "results",
    page: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="One page of all of them; default, with several: report.html in their common parent.",
        ),
    ] = None,
    watching: Annotated[
        bool,
        typer.Option(
            "--watch", help="Again and again, where records changed, until every point has one."
        ),
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=1,
            help="With --watch: how often to look at the records; default: 10.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show tracebacks.")] = False,
) -> None:
    """Write tables, figures and report.html from records alone, and print the tables."""
    from gensweep.ledger.open_store import canonical_uri
    from gensweep.report.page.collect_many import collect_all, watch

    console = Console()
    named = [find_sweep_folder(folder, results) for folder in folders]
    unique = list({canonical_uri(folder): folder for folder in named}.values())
    if every is not None and not watching:
        raise UserError("--every goes with --watch")
    if watching:
        watch(unique, page, every or 10.0, console)
    else:
        collect_all(unique, page, console)


@app.command("list")
def list_command(kind: Annotated[Kind, typer.Argument(help="What to list.")]) -> None:
    """List what a sweep can name."""
    from gensweep.cli.list import show

    show(kind.value, Console())


def _command() -> str:
    """The command line as it can be typed again."""
    return command_line(sys.argv[1:])


_CLICK_ERROR = next(
    kind
    for kind in typer.BadParameter.__mro__
    if issubclass(kind, Exception) and kind.__name__ == "ClickException"
)
"""What typer raises of a call that it does not understand: click's own class, or a copy of it that typer brings."""


class _Formatter(logging.Formatter):
    """Log lines that no terminal acts on, and that show no secrets: they quote other people's errors."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(redacted(super().format(record)))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status: 0 all ok, 1 some point is not, 2 the call is wrong.

    A signal ends it with 130 (SIGINT) or 143 (SIGTERM), after what was started has been stopped. Output that cannot be
    written ends nothing; where a command has nothing but its output to show, its status is 1 then.
    """
    guard_output()
    arguments = sys.argv[1:] if arguments is None else arguments
    verbose = "--verbose" in arguments
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING, handlers=[handler], force=True
    )
    if not verbose:
        logging.getLogger("urllib3").setLevel(
            logging.ERROR
        )  # what came of its retries is told in the end
    if arguments and arguments[0] not in (*COMMANDS, "--help", "--version"):
        arguments = ["run", *arguments]
    console = Console(stderr=True)
    status = _call(arguments, console, verbose)
    if refusal := find_refusal():
        say(
            console,
            f"warning: a part of the output could not be written: {refusal.strerror}",
            "yellow",
        )
        status = status or int(arguments[:1] != ["run"])
    sys.exit(status)


def _call(arguments: list[str], console: Console, verbose: bool) -> int:
    """Call the command, tell what is wrong in a line, and return the exit status."""
    log = logging.getLogger(__name__)
    try:
        os.getcwd()
    except OSError:
        say(
            console,
            "error: the working folder is gone; go to another one, with cd, and call again",
            "red",
        )
        return 2
    try:
        with hanging_up(), stopping():
            return app(arguments, prog_name="python -m gensweep", standalone_mode=False) or 0
    except Stopped as stopped:
        say(console, f"Stopped; what is done is kept. To go on: {_command()}")
        return 128 + stopped.number
    except RayDied as error:
        if verbose:
            log.exception("Ray died")
        say(console, f"error: {error}; what is done is kept. To go on: {_command()}", "red")
        sys.stdout.flush()
        os._exit(1)  # Ray's own end would wait for what is dead
    except GensweepError as error:
        if verbose:
            log.exception("this call failed")
        say(console, f"error: {redacted(str(error))}", "red")
        return 2
    except OSError as error:  # a full disk while tables are written, say
        if verbose:
            log.exception("the file system refused")
        say(console, f"error: {redacted(str(error))}", "red")
        return 1
    except _CLICK_ERROR as error:
        _explain(error, console)
        return 2


def _explain(error: Any, console: Console) -> None:
    """Say what is wrong with the call; a command that was called without anything has shown its help."""
    if not (text := error.format_message()):
        return
    say(console, f"error: {redacted(text)}", "red")
    if context := getattr(error, "ctx", None):
        say(console, f"{context.command_path} --help shows what there is.")
