"""The Tune half of the scripts: a default grid of trials, one core each."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import tune


def main(train: Callable[..., None]) -> None:
    """Train the grid that a file of settings describes, and write what each trial reported last.

    The file, whose path is the only argument, holds `params` (fixed), `grid` (name -> values), `cores`, `arrays` (an
    npz file of `split/field`), `storage` (where Tune keeps its trials) and `results` (the JSON file to write).

    Args:
        train: Tune's function of a config and of the arrays, split -> field -> array.
    """
    settings: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    data: dict[str, dict[str, np.ndarray]] = {}
    with np.load(settings["arrays"]) as arrays:
        for name in arrays.files:
            split, field = name.split("/")
            data.setdefault(split, {})[field] = arrays[name]
    ray.init(
        address="local", num_cpus=settings["cores"]
    )  # not a cluster that happens to run here
    axes = {
        name: tune.grid_search(values)
        for name, values in settings["grid"].items()
    }
    tuner = tune.Tuner(
        tune.with_parameters(train, data=data),
        param_space=settings["params"] | axes,
        run_config=tune.RunConfig(storage_path=settings["storage"]),
    )
    results = tuner.fit()
    if results.errors:
        raise results.errors[0]
    rows = [
        {name: (result.config or {})[name] for name in settings["grid"]}
        | {"metrics": result.metrics}
        for result in results
    ]
    Path(settings["results"]).write_text(json.dumps(rows, default=str))
