"""The command line: parse the arguments, call the command, set the exit status."""

from __future__ import annotations

import difflib
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gensweep import __version__
from gensweep.cli import (
    check,
    collect,
    data,
    doctor,
    init_sweep,
    listing,
    new,
    open_page,
    paper,
    points,
    prune,
    run,
    search,
    slurm,
    verify,
    wandb,
    wandb_report,
)
from gensweep.cli.completion import ACTIVE, insert_run
from gensweep.core.errors import GensweepError, RayDiedError
from gensweep.system.redaction import redact_secrets
from gensweep.system.signals import Stopped, raise_on_signal
from gensweep.system.terminal import (
    Console,
    escape_controls,
    exit_on_hangup,
    find_write_error,
    format_command_line,
    guard_output,
)
from gensweep.system.text import print_line

COMMANDS = (
    "run", "collect", "paper", "data", "list", "show", "sample", "interpolate", "answer",
    "evaluate", "sync", "wandb-report", "doctor", "verify", "prune", "search", "slurm", "open",
    "init", "new", "check",
)  # fmt: skip
_OPTIONS = (
    *("--help", "--version", "--install-completion", "--show-completion"),
)
"""Options without a command; all others are of `run`."""
app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Sweep models, and any training function of your own, on Ray Tune. "
    "[bold]gensweep sweeps/layers.py[/bold] runs a sweep; "
    "repeat the command to train only the missing points.",
)

# The order of the commands in the help.
app.add_typer(run.app)
app.add_typer(collect.app)
app.add_typer(paper.app)
app.add_typer(listing.app)
app.add_typer(data.app, name="data")
app.add_typer(points.app)
app.add_typer(wandb_report.app)
app.add_typer(wandb.app)
app.add_typer(doctor.app)
app.add_typer(verify.app)
app.add_typer(prune.app)
app.add_typer(search.app, name="search")
app.add_typer(slurm.app)
app.add_typer(open_page.app)
app.add_typer(init_sweep.app)
app.add_typer(new.app)
app.add_typer(check.app)


def _print_version(requested: bool) -> None:
    if requested:
        print_line(Console(), f"gensweep {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    pass


_CLICK_ERROR = next(
    kind
    for kind in typer.BadParameter.__mro__
    if issubclass(kind, Exception) and kind.__name__ == "ClickException"
)
"""The exception of a call that typer cannot parse: click's class, or the copy inside typer."""


class _Formatter(logging.Formatter):
    """A formatter without control characters and secrets: log lines quote foreign errors."""

    def format(self, record: logging.LogRecord) -> str:
        return escape_controls(redact_secrets(super().format(record)))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    The exit status is 0 if all is ok, 1 if some point is not, and 2 if the call is wrong. A signal
    ends it with 130 (SIGINT) or 143 (SIGTERM) after all that was started has been stopped. Output
    that cannot be written stops nothing; if the output is all that a command has to show, its
    status is then 1.
    """
    guard_output()
    if arguments is None:
        arguments = sys.argv[1:]
    verbose = "--verbose" in arguments
    _configure_logging(verbose)
    console = Console(stderr=True)
    if ACTIVE in os.environ:
        insert_run(os.environ, COMMANDS)
    if arguments and arguments[0] not in (*COMMANDS, *_OPTIONS):
        suggestion = _suggest_command(arguments[0])
        if suggestion:
            message = f"error: unknown command {arguments[0]!r}; did you mean {suggestion!r}?"
            print_line(console, message, "red")
            sys.exit(2)
        # The word `run` is optional.
        arguments = ["run", *arguments]
    status = _call(arguments, console, verbose)
    refusal = find_write_error()
    if refusal:
        message = f"warning: a part of the output could not be written: {refusal.strerror}"
        print_line(console, message, "yellow")
        # `run` has its records to show.
        status = status or int(arguments[:1] != ["run"])
    sys.exit(status)


def _suggest_command(word: str) -> str | None:
    """Return the command that a word seems to mean; None if it may be a sweep file."""
    if word.startswith("-") or word.endswith(".py") or Path(word).exists():
        return None
    matches = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.75)
    return matches[0] if matches else None


def _configure_logging(verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    if verbose:
        logging.basicConfig(
            level=logging.DEBUG, handlers=[handler], force=True
        )
    else:
        logging.basicConfig(
            level=logging.WARNING, handlers=[handler], force=True
        )
        # urllib3 warns of every retry; the error after the last one is reported anyway.
        logging.getLogger("urllib3").setLevel(logging.ERROR)


def _call(arguments: list[str], console: Console, verbose: bool) -> int:
    """Call the command, print an error in one line, and return the exit status."""
    log = logging.getLogger(__name__)
    try:
        os.getcwd()
    except OSError:
        message = "error: the working directory no longer exists; change to another one with cd"
        print_line(console, message, "red")
        return 2
    try:
        with exit_on_hangup(), raise_on_signal():
            return (
                app(arguments, prog_name="gensweep", standalone_mode=False)
                or 0
            )
    except Stopped as stopped:
        print_line(
            console,
            f"Stopped; finished work is saved. To continue: {format_command_line(sys.argv[1:])}",
        )
        return 128 + stopped.number
    except RayDiedError as error:
        if verbose:
            log.exception("Ray died")
        hint = f"finished work is saved. To continue: {format_command_line(sys.argv[1:])}"
        print_line(console, f"error: {error}; {hint}", "red")
        sys.stdout.flush()
        # A regular exit would wait for Ray's dead processes.
        os._exit(1)
    except GensweepError as error:
        if verbose:
            log.exception("this call failed")
        print_line(console, f"error: {redact_secrets(str(error))}", "red")
        return 2
    except OSError as error:
        # For example, the disk is full while tables are written.
        if verbose:
            log.exception("the file system refused")
        print_line(console, f"error: {redact_secrets(str(error))}", "red")
        return 1
    except MemoryError:
        if verbose:
            log.exception("out of memory")
        message = (
            "error: the memory is full, or a limit (ulimit -v) is too low; finished work is saved. "
            f"To continue: {format_command_line(sys.argv[1:])}"
        )
        print_line(console, message, "red")
        return 1
    except _CLICK_ERROR as error:
        _explain(error, console)
        return 2


def _explain(error: Any, console: Console) -> None:
    """Print what is wrong with the call."""
    message = error.format_message()
    # A command that was called without arguments has already shown its help.
    if not message:
        return
    print_line(console, f"error: {redact_secrets(message)}", "red")
    context = getattr(error, "ctx", None)
    if context:
        print_line(console, f"See {context.command_path} --help.")
