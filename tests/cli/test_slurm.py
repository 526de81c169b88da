"""Batch scripts for Slurm, run with a `srun` and a `scontrol` that stand for Slurm's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from runs import TINY, call, grid, records, wait_for, write_sweep

from gensweep.cluster.slurm_script import SlurmJob, make_slurm_script
from gensweep.core.errors import UserError

SRUN = """#!/bin/bash
# As Slurm's: options, then the command of one node, which ends with this process.
echo "srun $*" >> "$CALLS"
while [[ $1 == --* ]]; do shift; done
[ "$1" = hostname ] && { echo "fe80::1 127.0.0.1"; exit; }
exec "$@"
"""
SCONTROL = """#!/bin/bash
[ "$1 $2" = "show hostnames" ] && printf 'one\\ntwo\\n'
"""
PYTHON = """#!/bin/bash
# The cluster and the run, as far as the script knows them.
echo "python $*" >> "$CALLS"
case "$*" in
    -c*) echo token ;;
    *"scripts start"*) exec sleep 300 ;;
    *ray_wait*) exit "${WAIT_STATUS:-0}" ;;
    *"gensweep run"*) trap 'exit 143' TERM; sleep "${RUN_SECONDS:-0}" & wait; exit 3 ;;
esac
"""


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """The environment of a job of two nodes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in {"srun": SRUN, "scontrol": SCONTROL, "python": PYTHON}.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "GENSWEEP_PYTHON": str(folder / "python"),
        "SLURM_JOB_ID": "12345",
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_CPUS_PER_TASK": "3",
        "SLURM_SUBMIT_DIR": str(tmp_path),
    }


def make_script(folder: Path, *options: object) -> Path:
    script = folder / "job.sh"
    ended = call("slurm", write_sweep(folder), "--nodes", 2, "--out", script, *options)
    assert ended.code == 0, ended.error
    assert ended.out == f"Wrote {script}. Submit it: sbatch {script}\n"
    return script


def test_the_directives_are_those_of_sbatch(tmp_path: Path) -> None:
    options = ("--time", "1-12", "--partition", "gpu", "--account", "lab", "--mem", "64G")
    script = make_script(
        tmp_path, *options, "--cpus-per-task", 8, "--gpus-per-node", "a100:2"
    ).read_text()
    lines = [line for line in script.splitlines() if line.startswith("#SBATCH ")]
    assert script.startswith("#!/bin/bash\n#SBATCH ")
    assert lines == [
        "#SBATCH --job-name=gensweep-tiny",
        "#SBATCH --output=gensweep-tiny-%j.log",
        "#SBATCH --nodes=2",
        "#SBATCH --ntasks-per-node=1",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --gpus-per-node=a100:2",
        "#SBATCH --mem=64G",
        "#SBATCH --time=1-12",
        "#SBATCH --partition=gpu",
        "#SBATCH --account=lab",
        "#SBATCH --signal=B:TERM@120",
    ]
    assert "--num-gpus=2" in script and " --gpus-per-node=a100:2 " in script
    assert "@" not in script.replace("nodes[@]", "").replace("steps[@]", "").replace(
        "ray[@]", ""
    ).replace('"$@"', "").replace("TERM@120", ""), "every field is filled in"
    complete = call("slurm", tmp_path / "tiny.py").out
    assert "#SBATCH --exclusive" in complete and "--num-gpus=0" in complete


def test_values_cannot_leave_their_place(tmp_path: Path) -> None:
    text = make_slurm_script(
        SlurmJob(1), "tiny", ["my sweep.py", "--set", "x=$(id)"], "a\nrm -rf b"
    )
    assert "gensweep run 'my sweep.py' --set 'x=$(id)' --address" in text
    assert "\nrm" not in text


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (SlurmJob(1, time="4h"), "--time '4h' is not a time limit of Slurm"),
        (SlurmJob(1, partition="a b"), "--partition 'a b'"),
        (SlurmJob(1, account="x\n#SBATCH --y"), "--account"),
        (SlurmJob(1, memory="64 gigabytes"), "--mem '64 gigabytes' is not a size of Slurm"),
        (SlurmJob(1, gpus_per_node="many"), "--gpus-per-node 'many' does not end with a number"),
    ],
)
def test_values_that_slurm_would_refuse_are_errors(job: SlurmJob, message: str) -> None:
    with pytest.raises(UserError, match=message):
        job.check()


@pytest.mark.parametrize("limit", ["90", "90:00", "4:00:00", "1-12", "1-12:30", "1-12:30:00"])
def test_time_limits_of_slurm_are_accepted(limit: str) -> None:
    SlurmJob(1, time=limit).check()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--", "--seds", "3"], "No such option: --seds"),
        (["--", "--local"], "--local does not go with slurm"),
        (["--", "--address", "auto"], "--address does not go with slurm"),
        (["--cpus-per-task", "2", "--", "--cpus-per-trial", "4"], "a node has 2 cores"),
        (["--nodes", "0"], "Invalid value for '--nodes'"),
    ],
)
def test_wrong_options_are_errors_before_anything_is_written(
    tmp_path: Path, options: list[str], message: str
) -> None:
    script = tmp_path / "job.sh"
    ended = call("slurm", write_sweep(tmp_path), "--out", script, *options)
    assert (ended.code, script.exists()) == (2, False)
    assert message in ended.error


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    script = make_script(tmp_path)
    ended = call("slurm", tmp_path / "tiny.py", "--out", script)
    assert ended.code == 2 and f"{script} exists" in ended.error


def test_the_job_starts_ray_everywhere_runs_the_sweep_and_has_its_status(
    tmp_path: Path, slurm: dict[str, str]
) -> None:
    script = make_script(tmp_path, "--", "--set", "epochs=1")
    # The output ends when no step of Ray is left that could write to it.
    ended = subprocess.run(["bash", script], env=slurm, timeout=60, capture_output=True)
    assert ended.returncode == 3, "the status of the sweep"
    calls = Path(slurm["CALLS"]).read_text().splitlines()
    step = "srun --nodes=1 --ntasks=1 --nodelist={} --cpus-per-task=3 "
    starts = [line for line in calls if line.startswith("srun") and " start " in line]
    address = "127.0.0.1:22345"
    # The steps run in the background, so their lines may come in any order.
    worker, head = sorted(starts, key=lambda line: "--head" in line)
    assert head.startswith(step.format("one"))
    assert "--head --node-ip-address=127.0.0.1 --port=22345" in head
    assert worker.startswith(step.format("two")) and f"--address={address}" in worker
    assert all("--num-cpus=3 --num-gpus=0" in line for line in starts)
    waits = [line for line in calls if "ray_wait" in line]
    assert [line.split()[3:5] for line in waits] == [[address, "1"], [address, "2"]]
    file = tmp_path / "tiny.py"
    assert f"python -m gensweep run {file} --set epochs=1 --address {address}" in calls


def test_the_job_fails_if_a_node_does_not_join(tmp_path: Path, slurm: dict[str, str]) -> None:
    started = time.monotonic()
    ended = subprocess.run(
        ["bash", make_script(tmp_path)],
        env=slurm | {"WAIT_STATUS": "1"},
        timeout=60,
        capture_output=True,
    )
    assert ended.returncode == 1
    assert "gensweep run" not in Path(slurm["CALLS"]).read_text()
    assert time.monotonic() - started < 60, "no step of Ray is left"


def test_at_the_time_limit_the_run_may_end_by_itself(tmp_path: Path, slurm: dict[str, str]) -> None:
    command = ["bash", make_script(tmp_path)]
    with subprocess.Popen(command, env=slurm | {"RUN_SECONDS": "300"}) as job:
        try:
            wait_for(Path(slurm["CALLS"]), "gensweep run")
            job.send_signal(signal.SIGTERM)
            assert job.wait(60) == 143
        finally:
            job.kill()


@pytest.mark.ray
@pytest.mark.slow
def test_a_job_on_two_real_nodes_trains_the_sweep(tmp_path: Path, slurm: dict[str, str]) -> None:
    """Both nodes are Rays on this machine, with a core each."""
    file = write_sweep(tmp_path, grid(**TINY), seeds=2)
    script = tmp_path / "job.sh"
    root = tmp_path / "results"
    assert (
        call("slurm", file, "--out", script, "--", "--results", root, "--wandb", "disabled").code
        == 0
    )
    environment = slurm | {"GENSWEEP_PYTHON": sys.executable, "SLURM_CPUS_PER_TASK": "1"}
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ADDRESS"):
        environment.pop(name, None)
    assert shutil.which("srun", path=environment["PATH"]) == str(tmp_path / "bin" / "srun")
    ended = subprocess.run(
        ["bash", script], env=environment, capture_output=True, text=True, timeout=550
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {record.status for record in records(root).values()} == {"ok"}
    assert len(records(root)) == 2


def test_a_script_names_files_as_they_are(tmp_path: Path) -> None:
    """The name of a sweep file need not be text in UTF-8."""
    file = tmp_path / os.fsdecode(b"\xff.py")
    file.write_text(Path(write_sweep(tmp_path)).read_text())
    script = tmp_path / "job.sh"
    assert call("slurm", file, "--out", script).code == 0
    assert b"\xff.py" in script.read_bytes()
    ended = call("slurm", file, "--out", tmp_path / "absent" / "job.sh")
    assert ended.code == 2 and "job.sh cannot be written: No such file" in ended.error
