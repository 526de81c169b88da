"""The entries of sweep.json about data: examples, copies, files left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gensweep.core.data_source import DataSource
from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.prepare.fingerprint import get_survey
from gensweep.sweep.point import Point


def describe_data(
    points: Iterable[Point], prepared: Mapping[str, DatasetArrays]
) -> dict[str, dict[str, Any]]:
    """Return the `data` of sweep.json: how many examples there are, and how many are left out.

    Args:
        points: points of any model.
        prepared: their arrays by `Point.data_key`; data without arrays is not described.
    """
    described: dict[str, dict[str, Any]] = {}
    sizes: dict[str, set[int]] = {}
    for point in points:
        key = point.data_key
        arrays = prepared.get(key)
        if arrays is None:
            continue
        data = point.data_config()
        training = select_training_rows(arrays.split, data.train_fraction)
        sizes.setdefault(key, set()).add(len(training))
        if key not in described:
            described[key] = _describe_dataset(
                point.params["dataset"], data, arrays
            )
    for key, about in described.items():
        about["training"] = sorted(sizes[key])
    return described


def _describe_dataset(
    name: str, data: DataSource, arrays: DatasetArrays
) -> dict[str, Any]:
    """Return one entry of `data`, without the sizes of training."""
    counts = {
        count: arrays.counts.get(count, 0) for count in ("copies", "left_out")
    }
    survey_of_files = get_survey(name)
    if survey_of_files is not None:
        counts["copies"] += (
            survey_of_files.readable - survey_of_files.different
        )
        counts["left_out"] += len(survey_of_files.unread)
    defaults = type(data).model_fields
    values = data.model_dump(exclude={"train_fraction", "dataset"})
    changed = {
        key: value
        for key, value in values.items()
        if value != defaults[key].default
    }
    about = {
        "dataset": name,
        "params": changed,
        "examples": len(arrays),
        "validation": len(arrays.split["validation"]),
        "test": len(arrays.split["test"]),
        "notes": [*arrays.notes, *data.list_remarks()],
    }
    return about | counts
