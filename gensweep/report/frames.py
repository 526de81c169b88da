"""Tidy frames of a sweep's results, in long form, for pandas and plotting libraries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gensweep.core.errors import RecordError
from gensweep.ledger.status import Status
from gensweep.report.parameters import name_columns
from gensweep.report.settings import Setting, list_settings
from gensweep.report.summary import make_parameter_column
from gensweep.sweep.questions import Compare

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results
    from gensweep.report.stats.findings import Finding

_MELTED = "value of a metric"
"""A name that no metric has: theirs have no spaces."""
CELL_COLUMNS = ("mean", "std", "ci95", "ci95_low", "ci95_high", "n")


def build_long_points(results: Results) -> pd.DataFrame:
    """Return one row per point that is ok and metric that it has.

    Returns:
        The columns `id`, `cell`, `model`, the varying parameters, `seed`, `metric`, `value`.
    """
    keys = ["id", "cell", "model", "seed"]
    frame = results.points[results.points["status"] == Status.OK]
    # A user's metric may be called "value", and pandas refuses such a name until it is gone.
    long = frame.melt(keys, list(results.described), "metric", _MELTED)
    long = long.rename(columns={_MELTED: "value"}).dropna(subset="value")
    others = ["seed", "metric", "value"]
    return _add_parameters(results, long, ["id", "cell", "model"], others)


def build_long_cells(results: Results) -> pd.DataFrame:
    """Return one row per cell and metric that it has a value of.

    Returns:
        The columns `cell`, `model`, the varying parameters, `metric`, `mean`, `std`, `ci95`,
        `ci95_low`, `ci95_high` and `n`.
    """
    import pandas as pd

    parts = []
    for metric in results.described:
        part = results.cells[["cell", "model"]].copy()
        part["metric"] = metric
        for name in CELL_COLUMNS:
            part[name] = results.cells[f"{metric}_{name}"]
        parts.append(part[part["n"].fillna(0) > 0].astype({"n": "Int64"}))
    keys, others = ["cell", "model"], ["metric", *CELL_COLUMNS]
    parts = [part for part in parts if len(part)]
    long = pd.DataFrame(columns=[*keys, *others])
    if parts:
        long = pd.concat(parts, ignore_index=True)
    return _add_parameters(results, long, keys, others)


def build_histories(results: Results) -> pd.DataFrame:
    """Return one row per point, epoch and column of its history.

    Points whose history is missing or damaged are left out.

    Returns:
        The columns `id`, `cell`, `model`, the varying parameters, `seed`, `epoch`, `metric`,
        `value`.
    """
    import pandas as pd

    keys, others = (
        ["id", "cell", "model"],
        ["seed", "epoch", "metric", "value"],
    )
    parts: list[pd.DataFrame] = []
    for point in results.points.to_dict("records"):
        try:
            history = results.load_history(point["id"])
        except RecordError:
            continue
        if not history or len(history) < 2:
            continue
        wide = pd.DataFrame(history).astype({"epoch": int})
        part = wide.melt(
            "epoch", var_name="metric", value_name="value"
        ).dropna(subset="value")
        for name in ("id", "cell", "model", "seed"):
            part[name] = point[name]
        parts.append(part)
    long = pd.DataFrame(columns=[*keys, *others])
    if parts:
        long = pd.concat(parts, ignore_index=True)
    return _add_parameters(results, long, keys, others)


def _add_parameters(
    results: Results, long: pd.DataFrame, keys: list[str], others: list[str]
) -> pd.DataFrame:
    """Return a frame with the varying parameters of each cell between some columns and others."""
    import pandas as pd

    columns: dict[str, Any] = {"cell": list(results.params)}
    for name, column in name_columns(results.varying, others).items():
        values = [
            params.get(name, math.nan) for params in results.params.values()
        ]
        columns[column] = make_parameter_column(values)
    parameters = pd.DataFrame(columns)
    names = [name for name in columns if name != "cell"]
    merged = long.merge(parameters, on="cell", how="left")
    return pd.DataFrame(merged[[*keys, *names, *others]])


def format_html(results: Results) -> str:
    """Return a short summary for a notebook: counts, and the best cells."""
    from html import escape

    parts = [
        f"<p><b>{escape(results.sweep.name)}</b>: {escape(_describe_counts(results))}</p>"
    ]
    rows = [
        _summarize_setting(results, one) for one in list_settings(results)
    ]
    names = ("model", "cells", "varies", "best cell", "value")
    head = "".join(f"<th>{name}</th>" for name in names)
    body = ""
    for row in rows:
        body += (
            "<tr>"
            + "".join(f"<td>{escape(str(value))}</td>" for value in row)
            + "</tr>"
        )
    parts.append(
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    return "".join(parts)


def _describe_counts(results: Results) -> str:
    states = [
        f"{count} {status}"
        for status, count in results.counts.items()
        if count
    ]
    return f"{len(results.params)} cells, {len(results.points)} points: {', '.join(states)}"


def _summarize_setting(results: Results, setting: Setting) -> list[Any]:
    """Return the model, its cells, what varies, and the best cell on the validation set."""
    model = setting.model
    cells = results.cells[results.cells["cell"].isin(setting.cells)]
    varying = results.varying_of[model]
    start = [setting.title, len(cells), ", ".join(varying) or "nothing"]
    objective = results.objectives[model]
    if objective is None or cells[f"{objective}_mean"].isna().all():
        return [*start, "–", "–"]
    means = cells[f"{objective}_mean"]
    is_max = results.validation[objective].direction == "max"
    best = cells.loc[means.idxmax() if is_max else means.idxmin()]
    values = [
        f"{name}={results.names.get_text(name, best[name])}"
        for name in varying
    ]
    return [
        *start,
        ", ".join(values) or best["cell"],
        f"{objective} {means[best.name]:.4g}",
    ]


class Notebook:
    """The part of `Results` that serves notebooks: long frames, answers, and a summary."""

    @property
    def long_points(self: Results) -> pd.DataFrame:
        """One row per point that is ok and metric; see `build_long_points`."""
        return build_long_points(self)

    @property
    def long_cells(self: Results) -> pd.DataFrame:
        """One row per cell and metric; see `build_long_cells`."""
        return build_long_cells(self)

    @property
    def histories(self: Results) -> pd.DataFrame:
        """One row per point, epoch and column of its history; see `build_histories`."""
        return build_histories(self)

    @property
    def findings(self: Results) -> list[Finding]:
        """The answers to the sweep's questions, as the page has them."""
        from gensweep.report.stats.questions import answer_questions

        return answer_questions(self)

    def compare(
        self: Results,
        axis: str,
        first: Any,
        second: Any,
        metric: str | None = None,
    ) -> list[Finding]:
        """Return whether one value of a parameter is better than another, per model and dataset.

        The p-values are corrected for this question alone.

        Args:
            axis: the parameter; `model` compares two models.
            first: the value that may be better.
            second: the value that it is compared with.
            metric: the metric to compare by; None: the main metric of each model.
        """
        from gensweep.report.stats.questions import answer_questions

        return answer_questions(self, [Compare(axis, first, second, metric)])

    def _repr_html_(self: Results) -> str:
        return format_html(self)
