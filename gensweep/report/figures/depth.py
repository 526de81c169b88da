"""The main metric over encoder by decoder depth."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from gensweep.core.registries import register_figure
from gensweep.ledger.status import Status
from gensweep.report.figures.captions import (
    describe_method,
    format_axis_label,
)
from gensweep.report.figures.data import FigureData
from gensweep.report.figures.grids import Heatmap, compute_typical_width
from gensweep.report.figures.settings import select_settings
from gensweep.report.measurement import Seeds
from gensweep.report.references import list_published
from gensweep.report.tables.groups import Group

if TYPE_CHECKING:
    from gensweep.report.figures.grids import GridValue
    from gensweep.report.results import Results

DEPTH_AXES = ("encoder_layers", "decoder_layers")


@register_figure("depth_heatmap")
def make_depth_heatmap(results: Results) -> list[FigureData]:
    """Show the main metric over encoder by decoder layers, a figure per model and setting."""
    settings = select_settings(results, "depth_heatmap", DEPTH_AXES)
    return [_make_heatmap(results, name, group) for name, group in settings]


def _make_heatmap(results: Results, name: str, group: Group) -> FigureData:
    metric = results.get_main_metric(group.model)
    direction = "none"
    if metric:
        direction = results.metrics[metric].direction
    encoders, decoders = (
        sorted({results.params[cell][axis] for cell in group.cells})
        for axis in DEPTH_AXES
    )
    values: list[list[GridValue]] = [[None] * len(decoders) for _ in encoders]
    for cell in group.cells:
        encoder, decoder = (results.params[cell][axis] for axis in DEPTH_AXES)
        value = _get_value(results, cell, metric)
        values[encoders.index(encoder)][decoders.index(decoder)] = value
    published: list[list[float | None]] = [
        [None] * len(decoders) for _ in encoders
    ]
    for number in list_published(results):
        if number.cell in group.cells and number.metric == metric:
            encoder, decoder = (
                results.params[number.cell][axis] for axis in DEPTH_AXES
            )
            published[encoders.index(encoder)][decoders.index(decoder)] = (
                number.value
            )
    caption = describe_method(results, group.cells, metric)
    if direction != "none":
        caption += " Brighter is better."
    min_span = compute_typical_width(chain.from_iterable(values))
    has_published = any(
        number is not None for row in published for number in row
    )
    if has_published:
        caption += " pub.: the published number of the same setting."
    heatmap = Heatmap(
        rows=encoders,
        columns=decoders,
        values=values,
        row_label="encoder layers",
        column_label="decoder layers",
        value_label=format_axis_label(results, metric),
        direction=direction,
        published=published if has_published else (),
        min_span=min_span,
    )
    caption += _describe_scale(heatmap)
    return FigureData(
        name, f"{group.title}: depth", caption, heatmap, group.model
    )


def _describe_scale(heatmap: Heatmap) -> str:
    """Return the sentence on what the colours say, after a space; empty if they need none."""
    if heatmap.is_flat and len(heatmap.means) > 1:
        return " All cells have the same mean, so they have one colour."
    if not heatmap.min_span:
        return ""
    spread = max(heatmap.means) - min(heatmap.means)
    width = (
        "The bar beside the colour scale is a typical interval's width "
        f"(the median, {heatmap.min_span:.2g})"
    )
    if spread > heatmap.min_span:
        return f" {width}; the cells spread over {spread:.2g}."
    return (
        f" {width}. The cells spread over {spread:.2g}, no more than that, so the scale is as "
        "wide as an interval and the colours are alike."
    )


def _get_value(results: Results, cell: str, metric: str | None) -> GridValue:
    """Return a cell's measurement; without an ok point, what became of its points."""
    row = results.cells.iloc[results.index_of[cell]]
    if row["n_ok"] and metric:
        return results.measure(cell, metric)
    counts = {
        status: int(row[f"n_{status}"])
        for status in (Status.DIVERGED, Status.FAILED, Status.MISSING)
    }
    others = tuple(
        (status, count) for status, count in counts.items() if count
    )
    return Seeds(
        int(row["n_ok"]), int(row["n_ok"]) + sum(counts.values()), others
    )
