"""Our cells beside published numbers: could one more run of ours have given them?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import register_table
from gensweep.report.measurement import Measurement
from gensweep.report.references import (
    Published,
    list_published,
    list_unmatched,
)
from gensweep.report.stats.prediction import (
    Prediction,
    compare_with_published,
)
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.rows import build_parameter

if TYPE_CHECKING:
    from gensweep.report.results import Results

NO_SPREAD = "no interval"
NOTES = (
    "95% interval: where the mean of as many new runs of ours as the published number has would "
    "lie (prediction interval, Student's t over our seeds; Welch's where a standard deviation is "
    "published), within the range of the metric.",
    "compatible: the published number lies in the interval. Intervals are not corrected for their "
    "number: of 20 numbers from runs like ours, one is expected outside.",
    "no interval: one seed, or seeds that agree exactly.",
)


@register_table("reference")
def make_reference(results: Results) -> list[Table]:
    """Compare each cell with published numbers: of the paper, and of `Sweep(reference=...)`."""
    numbers = list_published(results)
    notes = [*NOTES]
    for row in list_unmatched(results):
        setting = ", ".join(
            f"{name}={value}" for name, value in row.params.items()
        )
        notes.append(
            f"No cell has the setting of {row.source}: {setting or 'any'}."
        )
    if not numbers and len(notes) == len(NOTES):
        return []
    title = f"{results.sweep.name}: beside published numbers"
    return [
        Table("reference", title, _build_rows(results, numbers), tuple(notes))
    ]


def _build_rows(results: Results, numbers: Sequence[Published]) -> TableData:
    cells = [number.cell for number in numbers]
    models = [
        results.sweep.cells[results.index_of[cell]].model for cell in cells
    ]
    parameters = [
        name
        for name in results.varying
        if any(name in results.params[c] for c in cells)
    ]
    ours = [_get_measurement(results, number) for number in numbers]
    predictions = [
        _predict(results, number, measured)
        for number, measured in zip(numbers, ours, strict=True)
    ]
    verdicts = [
        _judge(one, measured)
        for one, measured in zip(predictions, ours, strict=True)
    ]
    columns = [
        Column("cell", cells, Kind.ID),
        Column("model", models),
        *(build_parameter(results, cells, name) for name in parameters),
        Column("metric", [number.metric for number in numbers]),
        _build_number("published", [number.value for number in numbers]),
        _build_number("sd", [number.sd for number in numbers]),
        Column("runs", [number.n for number in numbers], Kind.COUNT),
        _build_number("ours", [one.mean if one else None for one in ours]),
        Column("seeds", [one.n if one else 0 for one in ours], Kind.COUNT),
        _build_number(
            "95% low", [one.low if one else None for one in predictions]
        ),
        _build_number(
            "95% high", [one.high if one else None for one in predictions]
        ),
        Column("verdict", verdicts),
        Column("source", [number.source for number in numbers]),
    ]
    if all(number.sd is None for number in numbers):
        columns = [column for column in columns if column.name != "sd"]
    return TableData(tuple(columns))


def _get_measurement(
    results: Results, number: Published
) -> Measurement | None:
    value = results.measurements[number.metric][results.index_of[number.cell]]
    return value if isinstance(value, Measurement) else None


def _predict(
    results: Results, number: Published, measured: Measurement | None
) -> Prediction | None:
    if measured is None or math.isnan(measured.std):
        return None
    return compare_with_published(
        measured.mean,
        measured.std,
        measured.n,
        number.value,
        number.n,
        number.sd,
        results.metrics[number.metric].range,
    )


def _judge(
    prediction: Prediction | None, measured: Measurement | None
) -> str:
    if prediction is not None:
        return prediction.verdict
    return NO_SPREAD if measured else "not measured"


def _build_number(name: str, values: Sequence[Any]) -> Column:
    return Column(name, values, Kind.NUMBER, form=".4g")
