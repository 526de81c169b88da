"""The content of a point's W&B run: its id, its description, and its pictures and tables."""

from __future__ import annotations

import contextlib
import csv
import secrets
from pathlib import Path
from typing import Any

from gensweep.sweep.point import Point
from gensweep.system.environment import get_commit, get_hardware, get_versions
from gensweep.system.storage import write_atomic
from gensweep.tracking import wandb_run
from gensweep.tracking.settings import WANDB_FOLDER, Tracking

RUN_ID_FILE = "id"
"""The file in a point's W&B folder that stores the id of its run."""
MAX_TABLE_ROWS = 100
"""Number of wrong answers in a run's table."""
_MAX_TAG_CHARACTERS = 64
"""W&B refuses longer tags."""


def describe_run(
    point: Point, tracking: Tracking, folder: Path, mode: str
) -> dict[str, Any]:
    """Return the arguments of `wandb.init` for a point's run.

    Args:
        point: the point.
        tracking: the settings.
        folder: the point's folder; a new id is stored in it.
        mode: `online` or `offline`.
    """
    config = point.params | {
        "model": point.model,
        "seed": point.seed,
        "point": point.id,
        "cell": point.cell,
        "sweep": tracking.sweep,
        "commit": get_commit(),
        "versions": get_versions(),
        "hardware": get_hardware(),
    }
    tags = [point.model, point.data_config().get_title()]
    if tracking.sweep:
        tags.append(tracking.sweep)
    return {
        "mode": mode,
        "id": _get_run_id(folder / WANDB_FOLDER, point.id),
        "name": point.id,
        "project": tracking.project,
        "entity": tracking.entity,
        "group": tracking.groups.get(point.id, tracking.sweep),
        "job_type": point.model,
        "tags": [tag[:_MAX_TAG_CHARACTERS] for tag in dict.fromkeys(tags)],
        "config": config,
    }


def _get_run_id(folder: Path, point_id: str) -> str:
    """Return the id in the point's folder, which all of its attempts share.

    A point that is trained again in another folder gets another id.
    """
    path = folder / RUN_ID_FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, f"{point_id}-{secrets.token_hex(3)}")
    return path.read_text()


def collect_media(folder: Path) -> dict[str, Any]:
    """Return the pictures and wrong answers of a finished point, by their names in W&B."""
    paths = {}
    for path in sorted(folder.glob("interpolation-*.png")):
        paths[f"interpolation/{path.stem.partition('-')[2]}"] = path
    paths["samples"] = folder / "samples.png"
    media: dict[str, Any] = {}
    for name, path in paths.items():
        if path.exists():
            media[name] = wandb_run.make_image(path)
    # Only models with text answers have this file.
    with (
        contextlib.suppress(FileNotFoundError),
        open(folder / "answers.csv", newline="", encoding="utf-8") as file,
    ):
        header, *rows = csv.reader(file)
        wrong = [row for row in rows if row[1] != row[2]]
        media["answers/wrong"] = wandb_run.make_table(
            wrong[:MAX_TABLE_ROWS], header
        )
    return media
