"""Projects of a user's: tasks and a model, in files that no package holds."""

from __future__ import annotations

import shutil
from pathlib import Path

from gensweep.sweep.load import read_sweep
from gensweep.sweep.point import Point

EXAMPLES = Path(__file__).parents[2] / "examples"
TASK = """
import gensweep as gs


@gs.task("walk", metrics={"height": gs.Range(0, None, "max")}, files=("step.sh",))
def train(run: gs.Run, *, step: float = gs.param(1.0, "of each epoch", gt=0), epochs: int = 3):
    import random
    import subprocess
    import time
    from pathlib import Path

    state = run.restore() or {"height": 0.0}
    for epoch in run.epochs():
        script = str(Path(__file__).with_name("step.sh"))
        done = subprocess.run([script, str(epoch)], capture_output=True, text=True, check=True)
        time.sleep(float(done.stdout))
        state["height"] += step * random.random()
        run.epoch({"validation/height": state["height"]}, state=state)
    run.write("path.txt", f"{state['height']}\\n")
    return {"height": state["height"]}
"""
SCRIPT = "#!/bin/sh\n# The seconds that an epoch takes.\necho {seconds}\n"
SWEEP = """
from gensweep import Grid, Sweep

tiny = {{"count": 60, "filters": 2, "steps": 2, "epochs": 1, "batch_size": 16}}
SWEEP = Sweep(
    "mine",
    [
        Grid("walk", step=[1.0, 2.0], epochs={epochs}),
        Grid("diffusion", **tiny),{more}
    ],
    seeds=2,
    uses={uses},
)
"""

DIGITS = """
    Grid("digits_mlp", width=[8, 16], lr=[0.01, 0.1], epochs=3),"""


def write_project(
    folder: Path, *, epochs: int = 3, seconds: float = 0.0, has_digits: bool = False
) -> Path:
    """Write the project into a new folder, and return its sweep file.

    Args:
        folder: where to write.
        epochs: of the task that calls a script.
        seconds: of each epoch of this task.
        has_digits: whether the task on digits is a part of the sweep.
    """
    folder.mkdir(parents=True)
    (folder / "walk.py").write_text(TASK)
    (folder / "step.sh").write_text(SCRIPT.format(seconds=seconds))
    for name in ("model.py", "network.py"):
        shutil.copy(EXAMPLES / "diffusion" / name, folder)
    uses = ["walk.py", "model.py"]
    if has_digits:
        shutil.copy(EXAMPLES / "digits_mlp.py", folder)
        uses.append("digits_mlp.py")
    sweep = folder / "mine.py"
    more = DIGITS if has_digits else ""
    sweep.write_text(SWEEP.format(epochs=epochs, more=more, uses=uses))
    return sweep


def list_points(sweep: Path) -> list[Point]:
    """Return the points of the sweep: four of the task, two of the model, and those of the digits."""
    return read_sweep(sweep).points()
