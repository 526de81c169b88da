"""`slurm`: write a batch script that runs a sweep on the nodes of a Slurm job."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gensweep.cli.run import run_command
from gensweep.cli.run_options import File
from gensweep.core.errors import UserError
from gensweep.system.terminal import Console, format_command_line
from gensweep.system.text import print_line

app = typer.Typer()
_OF_THE_SCRIPT = {
    "address": "--address",
    "local": "--local",
    "dry": "--dry-run",
}
"""Parameters of `run` that the script decides -> their options."""


RunOptions = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- OPTIONS...]",
        help="Options of run, after two dashes: -- --seeds 5 --set epochs=20.",
    ),
]
Nodes = Annotated[
    int, typer.Option(metavar="N", min=1, help="Number of nodes.")
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Time limit, such as 90 (minutes) or 4:00:00."
    ),
]
Partition = Annotated[
    str | None, typer.Option(metavar="NAME", help="Slurm's partition.")
]
Account = Annotated[
    str | None, typer.Option(metavar="NAME", help="Slurm's account.")
]
CpusPerTask = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="Cores per node; default: complete nodes."
    ),
]
GpusPerNode = Annotated[
    str | None,
    typer.Option(metavar="N", help="GPUs per node, such as 2 or a100:2."),
]
Memory = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Memory per node, such as 64G."),
]
Script = Annotated[
    Path | None,
    typer.Option(
        metavar="SCRIPT", help="File to write; default: the standard output."
    ),
]


@app.command("slurm")
def slurm_command(
    file: File,
    options: RunOptions = None,
    nodes: Nodes = 1,
    time: TimeLimit = None,
    partition: Partition = None,
    account: Account = None,
    cpus_per_task: CpusPerTask = None,
    gpus_per_node: GpusPerNode = None,
    mem: Memory = None,
    out: Script = None,
) -> None:
    """Write an sbatch script that starts Ray on the nodes of a Slurm job and runs a sweep there."""
    from gensweep.cluster.slurm_script import SlurmJob, make_slurm_script
    from gensweep.sweep.load import read_sweep

    job = SlurmJob(
        nodes, time, partition, account, cpus_per_task, gpus_per_node, mem
    )
    job.check()
    sweep = read_sweep(file)
    arguments = [str(file), *(options or [])]
    _check_run_options(arguments, job.cpus_per_task)
    command = format_command_line(sys.argv[1:])
    script = make_slurm_script(job, sweep.name, arguments, command)
    if out is None:
        # Not by the console, which would wrap long lines.
        sys.stdout.write(script)
        return
    if out.exists():
        raise UserError(f"{out} exists; name another file, or delete it")
    try:
        # As the shell gave them: a file name may be of any bytes.
        out.write_bytes(os.fsencode(script))
    except OSError as error:
        raise UserError(
            f"--out {out} cannot be written: {error.strerror}"
        ) from error
    print_line(Console(), f"Wrote {out}. Submit it: sbatch {out}")


def _check_run_options(arguments: list[str], cpus: int | None) -> None:
    """Raise an error if `run` would refuse the arguments, or if the script decides one of them."""
    run = typer.Typer(add_completion=False)
    run.command("run")(run_command)
    context = typer.main.get_command(run).make_context("run", list(arguments))
    for name, option in _OF_THE_SCRIPT.items():
        source = context.get_parameter_source(name)
        if source and source.name == "COMMANDLINE":
            raise UserError(
                f"{option} does not go with slurm: the script runs the sweep on its own cluster"
            )
    wanted = context.params["cpus_per_trial"]
    if cpus is not None and wanted > cpus:
        raise UserError(
            f"--cpus-per-trial {wanted}: a node has {cpus} cores (--cpus-per-task)"
        )
