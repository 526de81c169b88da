"""The package without its kernels: `__init__.py` and the two files in PyTorch work alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRAIN = """
import json
import torch

torch.set_num_threads(1)

from gensweep import kernels
from gensweep.prepare import array_cache
from gensweep.sweep.point import Point
from gensweep.train.loop import Training

SIZES = {
    "text_to_text": {"hidden": 16, "encoder_layers": 2, "train_fraction": 0.02, "epochs": 1},
    "cae": {"filters": 4, "latent_dim": 4, "encoder_layers": 2, "decoder_layers": 2, "count": 40, "epochs": 1},
}
histories = {}
for model, sizes in SIZES.items():
    point = Point.make(model, sizes, 0)
    data = point.data_config()
    training = Training(point.model_config(), data, point.seed, array_cache.load_arrays(data), torch.device("cpu"))
    training.run_epoch()
    assert training.compute_info["kernels"] == "PyTorch"
    histories[model] = training.history
print(json.dumps([kernels.HAS_KERNELS, histories]))
"""


def train(folder: Path, switch: str, cache: Path) -> list:
    """Return whether the package in a folder has kernels, and what two of its points recorded."""
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "GENSWEEP_COMPILED": switch,
        "GENSWEEP_CACHE": str(cache),
    }
    done = subprocess.run(
        [sys.executable, "-c", TRAIN], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_it_trains_and_its_numbers_are_those_of_kernels_switched_off(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    package = tmp_path / "gensweep"
    shutil.copytree(ROOT / "gensweep", package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (package / "kernels").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("__init__.py", "reference.py", "lstm_reference.py"):
            path.unlink()
    has_kernels, histories = train(tmp_path, "1", cache)
    assert not has_kernels
    assert train(ROOT, "0", cache) == [True, histories]
    assert {len(history) for history in histories.values()} == {1}
    assert all(history[0]["train/loss"] > 0 for history in histories.values())
