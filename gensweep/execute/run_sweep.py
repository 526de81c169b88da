"""Runs of a sweep from Python, in a script or a notebook; `gensweep.run` is public."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, Unpack

from gensweep.core.errors import UserError
from gensweep.core.registries import MODELS
from gensweep.core.registry import activate_layers, list_active_layers
from gensweep.core.trainable import is_defined_in_main
from gensweep.core.values import show_value
from gensweep.execute.dry_run import dry_run as print_plan
from gensweep.execute.executor import Executor
from gensweep.execute.make_options import make_run_options
from gensweep.execute.resources import RunOptions
from gensweep.ledger.open_store import open_store
from gensweep.plugins.loader import load_plugins
from gensweep.prepare.fingerprint import read_again_when_named
from gensweep.report.load import load
from gensweep.report.results import Results
from gensweep.sweep.changes import change_sweep, split_changes
from gensweep.sweep.run_arguments import RunArguments
from gensweep.sweep.spec import Sweep
from gensweep.system.notebook import hide_widget_hints, make_console
from gensweep.system.redaction import redact_secrets
from gensweep.system.signals import Stopped, raise_on_signal, stay_alive
from gensweep.system.terminal import Console
from gensweep.system.text import print_line


def run(sweep: Sweep, **options: Unpack[RunArguments]) -> Results:
    """Train the missing points of a sweep, and write its tables, figures and page.

    Points that fail or diverge raise nothing: the results count them.

    Args:
        sweep: the sweep.
        options: as on the command line, with `_` for `-`: see
            `gensweep.sweep.run_arguments.RunArguments`. For example `results="folder"`,
            `set={"lr": [0.1, 0.2]}`, `filter={"seed": 0}`, `local=True`, `wandb="disabled"`.

    Returns:
        What `gensweep.load` returns of the sweep, with all of its points.

    Raises:
        UserError: an option or the results folder cannot be used; nothing was started.
        StoreError: the results root stopped working; finished work is saved.
        KeyboardInterrupt: as from an interrupted cell; finished work is saved, and the same call
            goes on.
    """
    from gensweep.execute.driver import run as run_to_end

    with _keep_layers(), _read_data_once():
        changed, run_options = _prepare(sweep, options)
        console = make_console()
        run_options = _choose_executor(changed, run_options, console)
        with (
            hide_widget_hints(),
            _stop_in_order(run_options.command, console),
        ):
            run_to_end(changed, run_options, console)
        folder = open_store(run_options.results).uri(changed.name)
        return load(folder)


def dry_run(
    sweep: Sweep, calibrate: bool = False, **options: Unpack[RunArguments]
) -> dict[str, Any]:
    """Print what a run would do, and return it as data. Write and start nothing.

    Args:
        sweep: the sweep.
        calibrate: time a few training steps of every model shape that was never timed.
        options: as in `run`.

    Returns:
        The plan, as `--dry-run --json` prints it.

    Raises:
        UserError: an option or the results folder cannot be used.
    """
    with _keep_layers(), _read_data_once():
        changed, run_options = _prepare(sweep, options)
        report = print_plan(changed, run_options, make_console(), calibrate)
    return report.to_dict()


def _prepare(sweep: Any, options: RunArguments) -> tuple[Sweep, RunOptions]:
    """Return the sweep with the changes of the options, and the options of its run."""
    if not isinstance(sweep, Sweep):
        raise UserError(
            f"run takes a Sweep, not {show_value(sweep)}; to run a sweep file, use the command "
            "line, or import its SWEEP"
        )
    _check_uses(sweep)
    load_plugins(sweep.plugins)
    command = format_call(options)
    arguments: dict[str, Any] = dict(options)
    values, zips = split_changes(arguments.pop("set", None) or {})
    seeds = arguments.pop("seeds", None)
    changed = change_sweep(sweep, values, zips, seeds)
    changed.plugins = sweep.plugins
    run_options = make_run_options(
        changed, RunArguments(**arguments), command
    )
    # The results are returned.
    return changed, replace(run_options, shows_tables=False)


def _check_uses(sweep: Sweep) -> None:
    """Raise UserError if the sweep names files that were not loaded.

    Only a sweep file's list is read before it runs.
    """
    loaded = {plugin.label for plugin in sweep.plugins}
    for name in sweep.uses:
        if name not in loaded and not name.endswith("__file__"):
            raise UserError(
                f"sweep {sweep.name!r} uses {name!r}, which is not loaded: call "
                f"gensweep.use({name!r}) before Sweep(...)"
            )


def format_call(options: Mapping[str, Any]) -> str:
    """Return the call that a run's hints and sweep.json name; secrets are hidden."""
    texts = []
    for key, value in options.items():
        if value is not None:
            # Complete, whatever its length: the page reads the call again.
            texts.append(f"{key}={show_value(value, limit=None)}")
    return redact_secrets(f"sweep.run({', '.join(texts)})")


def _choose_executor(
    sweep: Sweep, options: RunOptions, console: Console
) -> RunOptions:
    """Return the options, without Ray if the notebook itself defines what is trained.

    Raises:
        UserError: the user asked for Ray, whose workers do not read such code.
    """
    models = {part.model for part in (*sweep.grids, *sweep.searches)}
    of_main = [
        model for model in sorted(models) if is_defined_in_main(MODELS[model])
    ]
    if not of_main or options.local:
        return options
    name = of_main[0]
    if options.executor == Executor.RAY or options.is_on_cluster:
        raise UserError(
            f"{name!r} is defined in this notebook or script, which workers of Ray do not read; "
            f"move it to a file of its own, {name}.py, and call gensweep.use('{name}.py'), or "
            "train with local=True"
        )
    print_line(
        console,
        f"Training in this process, without Ray: {name} is defined in this notebook or script.",
    )
    return replace(options, executor=Executor.LOCAL)


@contextlib.contextmanager
def _keep_layers() -> Generator[None]:
    """Make the user's files available again after the block: a run has those of its sweep alone."""
    layers = list_active_layers()
    try:
        yield
    finally:
        activate_layers(layers)


@contextlib.contextmanager
def _read_data_once() -> Generator[None]:
    """Let the user's data mean one content in this block, and read it again afterwards."""
    try:
        yield
    finally:
        # A notebook runs for days, and its user may add pictures between two sweeps.
        read_again_when_named()


@contextlib.contextmanager
def _stop_in_order(command: str, console: Console) -> Generator[None]:
    """Let a signal end the block in order, and pass it on to the caller's process."""
    try:
        with stay_alive(), raise_on_signal():
            yield
    except Stopped as stopped:
        print_line(
            console,
            f"Stopped; finished work is saved. To continue: {command}",
        )
        if stopped.number != signal.SIGINT:
            # The caller's own handler decides.
            signal.raise_signal(stopped.number)
        raise KeyboardInterrupt from None
