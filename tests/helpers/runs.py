"""Sweeps that train in a blink, and ways to run them: in this process, or in one that is killed on the way."""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import typer.main

from gensweep.cli import app
from gensweep.execute.limits import Limits
from gensweep.execute.local import execute
from gensweep.execute.resources import Resources
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.point import Pack, Point
from gensweep.train import reader
from gensweep.train.loop import Training

TINY = {"hidden": 8, "train_fraction": 0.02, "epochs": 2}
"""360 queries: three steps an epoch."""
TINY_PICTURES = {
    "filters": 2,
    "latent_dim": 4,
    "count": 40,
    "encoder_layers": 4,
    "decoder_layers": 4,
    "epochs": 2,
}
atexit.register(gc.unfreeze)
reader.MAX_STEPS = 60
"""A reader that has learnt a little reads as fast as one that has learnt all."""
typer.main.get_command = lru_cache(typer.main.get_command)
"""The commands are the same in each call, and building them takes as long as a quick one."""
FORKS = multiprocessing.get_context("forkserver")
"""Processes that start with everything imported, and that have trained nothing yet."""
FORKS.set_forkserver_preload(
    [
        "gensweep.cli.app",
        "gensweep.execute.driver",
        "gensweep.trial.trial",
        "gensweep.report.collect",
        "pandas",
        "torch._dynamo",
    ]
)


def t2t(seed: int = 0, **params: Any) -> Point:
    """A tiny point of text to text."""
    return Point.make("text_to_text", TINY | params, seed)


def grid(model: str = "text_to_text", **axes: Any) -> str:
    """The source of a tiny grid."""
    base = TINY_PICTURES if model in ("cae", "vae", "gan") else TINY
    return f"Grid({model!r}, **{base | axes!r})"


def write_sweep(folder: Path, *grids: str, name: str = "tiny", **arguments: Any) -> str:
    """Write a sweep file and return its path."""
    rest = "".join(f", {key}={value!r}" for key, value in arguments.items())
    path = folder / f"{name}.py"
    text = f"from gensweep import Grid, Sweep\nSWEEP = Sweep({name!r}, [{', '.join(grids or [grid()])}]{rest})\n"
    path.write_text(text)
    return str(path)


@dataclass(frozen=True)
class Called:
    """How a call of the command line ended."""

    code: int
    out: str
    error: str


def call(*arguments: Any) -> Called:
    """Call the command line in this process."""
    out, error, root = io.StringIO(), io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    gc.freeze()  # a trial ends with a collection, which need not look through all that is imported
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            app.main([str(argument) for argument in arguments])
        code: Any = None
    except SystemExit as exit:
        code = exit.code
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    return Called(code or 0, out.getvalue(), error.getvalue())


def train(points: Sequence[Point], root: Path, **resources: Any) -> list[dict[str, Any]]:
    """Train points without Ray; returns every report."""
    reports: list[dict[str, Any]] = []
    gc.freeze()
    execute(
        [Pack((point,)) for point in points], root, Resources(**resources), reports.append, Limits()
    )
    return reports


def files(root: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def records(root: Path) -> dict[str, Record]:
    """Every point that has a record, by id."""
    ledger = Ledger(root)
    result = sorted(path.parent.name for path in (root / "points").glob("*/record.json"))
    return {point_id: ledger.read_record(point_id) for point_id in result}


def weights(root: Path, point: Point) -> dict[str, list]:
    """A point's weights as plain numbers, which compare bit for bit."""
    state = torch.load(root / "points" / point.id / "weights.pt", weights_only=True)
    return {name: tensor.tolist() for name, tensor in state.items()}


def same(one: Path, other: Path, point: Point) -> None:
    """Make sure that two roots hold the same numbers of a point, bit for bit."""
    mine, theirs = records(one)[point.id], records(other)[point.id]
    assert (mine.status, mine.metrics, mine.epochs) == (Status.OK, theirs.metrics, theirs.epochs)
    assert mine.metrics
    assert weights(one, point) == weights(other, point)
    folders = [root / "points" / point.id for root in (one, other)]
    kinds = ("history.csv", "answers.csv", "*.png", "samples/*.png")
    names = [
        {path.relative_to(folder) for kind in kinds for path in folder.glob(kind)}
        for folder in folders
    ]
    assert names[0] == names[1] and len(names[0]) >= 2
    for name in names[0]:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def wait_for(path: Path, text: str, seconds: float = 120.0) -> None:
    """Wait until a file holds a text."""
    deadline = time.monotonic() + seconds
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < deadline, (
            f"no {text!r} in {path.read_text() if path.exists() else path}"
        )
        time.sleep(0.01)


# --- what runs in another process


@contextlib.contextmanager
def other(target: Any, *arguments: Any) -> Iterator[Any]:
    """Another process with this one's environment, killed at the end if it still runs."""
    process = FORKS.Process(target=_run_with, args=(dict(os.environ), target, arguments))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def _run_with(environment: dict[str, str], target: Any, arguments: tuple[Any, ...]) -> None:
    """Call a function in the environment of the process that asks for it.

    The server that forks has the environment of the test that started it, which may be any test.
    """
    os.environ.clear()
    os.environ.update(environment)
    target(*arguments)


def ended(process: Any, seconds: float = 60.0) -> int:
    """Exit code of another process, negative for a signal."""
    process.join(seconds)
    assert process.exitcode is not None, "it still runs"
    return process.exitcode


def command_line(arguments: list[str], folder: Path, hold: tuple[int, int] | None = None) -> None:
    """Be the command line, with output to ``folder/output`` and a line in ``folder/epochs`` for every epoch begun.

    Args:
        arguments: as typed.
        folder: where to say what is going on.
        hold: seed and epochs completed at which to wait for as long as ``folder/hold`` exists.
    """
    with (folder / "output").open("w") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    os.environ["COLUMNS"] = "400"
    run_epoch = Training.run_epoch

    def logged(training: Training) -> dict[str, float]:
        with (folder / "epochs").open("a") as log:
            log.write(f"seed {training.seed} epoch {training.epoch + 1}\n")
        while (training.seed, training.epoch) == hold and (folder / "hold").exists():
            time.sleep(0.01)
        return run_epoch(training)

    Training.run_epoch = logged  # type: ignore[method-assign]
    sys.argv = ["gensweep", *arguments]
    app.main(arguments)


def killed_at(pack: Pack | Point, root: Path, number: int, after: bool) -> None:
    """Train a point and die without warning before, or after, a file is put into its place.

    Args:
        pack: what to train: one point, or several.
        root: the results folder.
        number: which file, from 1, in the order in which they are written.
        after: whether to die after it.
    """
    replace, count = os.replace, 0

    def counted(source: Any, target: Any) -> None:
        nonlocal count
        # The first training of a machine also fills caches, which lie elsewhere. A heartbeat of a
        # slow machine writes the claim again. Neither is a file of the training.
        is_of_point = Path(target).is_relative_to(root)
        is_renewal = count > 0 and os.path.basename(target) == "claim.json"
        if is_renewal or not is_of_point:
            replace(source, target)
            return
        count += 1
        if count == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = counted
    if isinstance(pack, Point):
        pack = Pack((pack,))
    execute([pack], root, Resources(), lambda report: None, Limits())


def options_of(command: str) -> set[str]:
    """Return every long option of a command and of the commands below it."""
    options = set()
    commands = [typer.main.get_command(app.app).commands[command]]  # type: ignore[attr-defined]
    while commands:
        one = commands.pop()
        commands += getattr(one, "commands", {}).values()
        for parameter in one.params:
            options |= {text for text in parameter.opts if text.startswith("--")}
    return options


def command_killed_at(arguments: list[str], folder: Path, root: Path, number: int) -> None:
    """Be the command line, and die without warning before a file of the results is put into place.

    Args:
        arguments: as typed.
        folder: where its output goes.
        root: the results folder.
        number: which file, from 1, in the order in which they are written.
    """
    replace, count = os.replace, 0

    def counted(source: Any, target: Any) -> None:
        nonlocal count
        # A heartbeat on a slow machine writes a claim again; how often is chance.
        is_counted = Path(target).is_relative_to(root) and os.path.basename(target) != "claim.json"
        count += is_counted
        if count == number and is_counted:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = counted
    command_line(arguments, folder)
