"""The batch script that starts Ray on the nodes of a Slurm job and runs a sweep on them."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from gensweep import __version__
from gensweep.core.errors import UserError

_TIME = re.compile(
    r"\d+|\d+:\d{1,2}|\d+:\d{1,2}:\d{1,2}|\d+-\d{1,2}(:\d{1,2}){0,2}"
)
_MEMORY = re.compile(r"\d+[KMGTkmgt]?")
_WORD = re.compile(r"[\w.,:@+/=-]+")
WAIT_SECONDS = 300
"""How long the script waits until Ray runs on every node."""
GRACE_SECONDS = 120
"""How long before its time limit Slurm tells the job to end."""


@dataclass(frozen=True)
class SlurmJob:
    """The resources that a job requests of Slurm.

    Attributes:
        nodes: number of nodes; the first one is also the head of the Ray cluster.
        time: the time limit as Slurm writes it. None: the partition's.
        partition, account: None: the user's default.
        cpus_per_task: cores per node. None: complete nodes.
        gpus_per_node: such as `2` or `a100:2`. None: no GPU.
        memory: per node, such as `64G`. None: the partition's default.
    """

    nodes: int
    time: str | None = None
    partition: str | None = None
    account: str | None = None
    cpus_per_task: int | None = None
    gpus_per_node: str | None = None
    memory: str | None = None

    def check(self) -> None:
        """Raise UserError if Slurm would not accept a value."""
        if self.time is not None and not _TIME.fullmatch(self.time):
            raise UserError(
                f"--time {self.time!r} is not a time limit of Slurm; write MINUTES, "
                "HOURS:MINUTES:SECONDS or DAYS-HOURS, such as 90, 4:00:00 or 1-12"
            )
        if self.memory is not None and not _MEMORY.fullmatch(self.memory):
            raise UserError(
                f"--mem {self.memory!r} is not a size of Slurm; write 64G, or 64000 for megabytes"
            )
        words = {
            "--partition": self.partition,
            "--account": self.account,
            "--gpus-per-node": self.gpus_per_node,
        }
        for option, word in words.items():
            if word is not None and not _WORD.fullmatch(word):
                raise UserError(
                    f"{option} {word!r}: Slurm's values have no spaces or quotes"
                )
        if not self.gpus_per_node:
            return
        count = self.gpus_per_node.rpartition(":")[2]
        if not count.isdigit():
            raise UserError(
                f"--gpus-per-node {self.gpus_per_node!r} does not end with a number; "
                "write 2 or a100:2"
            )

    @property
    def gpu_count(self) -> int:
        """Number of GPUs per node."""
        return int((self.gpus_per_node or "0").rpartition(":")[2])

    def list_directives(self, name: str) -> list[str]:
        """Return the options of sbatch, one each line.

        Args:
            name: the name of the job.
        """
        options = [f"--job-name={name}", f"--output={name}-%j.log"]
        options += [f"--nodes={self.nodes}", "--ntasks-per-node=1"]
        if self.cpus_per_task is None:
            options.append("--exclusive")
        values = {
            "cpus-per-task": self.cpus_per_task,
            "gpus-per-node": self.gpus_per_node,
            "mem": self.memory,
            "time": self.time,
            "partition": self.partition,
            "account": self.account,
        }
        for option, value in values.items():
            if value is not None:
                options.append(f"--{option}={value}")
        options.append(f"--signal=B:TERM@{GRACE_SECONDS}")
        return [f"#SBATCH {option}" for option in options]


def make_slurm_script(
    job: SlurmJob, sweep: str, arguments: Sequence[str], command: str
) -> str:
    """Return the script.

    Args:
        job: what the job requests.
        sweep: the sweep's name.
        arguments: those of `gensweep run`: the sweep file and its options.
        command: the command line that wrote the script.
    """
    gpus = ""
    if job.gpus_per_node:
        gpus = f" --gpus-per-node={job.gpus_per_node}"
    fields = {
        "DIRECTIVES": "\n".join(job.list_directives(f"gensweep-{sweep}")),
        "VERSION": __version__,
        # A line break would end the comment.
        "COMMAND": " ".join(command.splitlines()),
        "PYTHON": shlex.quote(sys.executable),
        "STEP_GPUS": gpus,
        "GPU_COUNT": str(job.gpu_count),
        "WAIT_SECONDS": str(WAIT_SECONDS),
        "ARGUMENTS": shlex.join(arguments),
    }
    script = _TEMPLATE
    for name, value in fields.items():
        script = script.replace(f"@{name}@", value)
    return script


_TEMPLATE = r"""#!/bin/bash
@DIRECTIVES@

# Written by gensweep @VERSION@: @COMMAND@
# Submit this file with sbatch, in the folder from which the sweep's paths count. All nodes must see
# that folder, the results root and this Python under the same paths, or the results are a bucket.
# Submit it again to train what is missing.

set -uo pipefail
cd "${SLURM_SUBMIT_DIR:-.}" || exit 2
PYTHON=${GENSWEEP_PYTHON:-@PYTHON@}
cpus=${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")

# Whoever reaches Ray's ports needs this token; it lives as long as the job.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=${RAY_AUTH_TOKEN:-$("$PYTHON" -c 'import secrets; print(secrets.token_hex(32))')}
export RAY_AUTH_TOKEN

# Becomes srun, so that a signal reaches it: call it in a subshell. srun does not take
# --cpus-per-task from sbatch since Slurm 22.05.
on_node() {
    local node=$1
    shift
    exec srun --nodes=1 --ntasks=1 --nodelist="$node" \
        --cpus-per-task="$cpus"@STEP_GPUS@ "$@"
}

steps=()
driver=
end_all() {
    if [ "${#steps[@]}" -gt 0 ]; then
        kill "${steps[@]}" 2>/dev/null
        wait "${steps[@]}" 2>/dev/null
    fi
}
# Slurm sends TERM before the time limit: the run saves what is finished, then the job ends.
end_run() {
    if [ -n "$driver" ]; then
        kill -TERM "$driver" 2>/dev/null
    else
        exit 143
    fi
}
trap end_all EXIT
trap end_run TERM INT

address=${GENSWEEP_HEAD_ADDRESS:-}
if [ -z "$address" ]; then
    addresses=$(on_node "${nodes[0]}" hostname --ip-address)
    address=$(tr ' ' '\n' <<<"$addresses" | grep -m1 -F .)
fi
if [ -z "$address" ]; then
    echo "no address of ${nodes[0]}; set GENSWEEP_HEAD_ADDRESS to it" >&2
    exit 2
fi
# Jobs may share a node, so each has a port of its own.
head=$address:$((20000 + ${SLURM_JOB_ID:-0} % 10000))

ray=("$PYTHON" -m ray.scripts.scripts start --block --disable-usage-stats)
ray+=(--num-cpus="$cpus" --num-gpus=@GPU_COUNT@)
on_node "${nodes[0]}" "${ray[@]}" --head --node-ip-address="$address" --port="${head##*:}" \
    --include-dashboard=false &
steps+=("$!")
"$PYTHON" -m gensweep.execute.ray_wait "$head" 1 @WAIT_SECONDS@ || exit
for node in "${nodes[@]:1}"; do
    on_node "$node" "${ray[@]}" --address="$head" &
    steps+=("$!")
done
"$PYTHON" -m gensweep.execute.ray_wait "$head" "${#nodes[@]}" @WAIT_SECONDS@ || exit

# In the background, because bash handles a signal only between commands.
"$PYTHON" -m gensweep run @ARGUMENTS@ --address "$head" &
driver=$!
wait "$driver"
status=$?
# A signal ends the first wait; the run may take some seconds to end.
while kill -0 "$driver" 2>/dev/null; do
    wait "$driver"
    status=$?
done
exit "$status"
"""
