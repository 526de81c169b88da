"""Reference numbers: a CSV file of published results that a sweep is compared with."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
from collections.abc import Collection, Generator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gensweep.core.errors import SweepError, describe_unknown
from gensweep.core.registries import Metric
from gensweep.core.values import is_number, show_value

_COLUMNS = ("model", "metric", "value", "sd", "n", "source")
"""Columns with a meaning of their own; every other column is a parameter."""
_OF_PARAMETER = "_parameter"
"""The end of the column of a parameter that is called as one of these: `n_parameter`."""
_NEEDED = ("metric", "value", "source")
_NONE = ("none", "null")
_folder: ContextVar[Path | None] = ContextVar(
    "folder of the sweep file", default=None
)


@dataclass(frozen=True)
class ReferenceRow:
    """One published number.

    Attributes:
        metric: as gensweep names it.
        value: the number, in gensweep's unit.
        source: where it was published.
        params: the parameters that the cell must have; others may have any value.
        model: the model of the cell; None: any.
        sd: standard deviation between the runs; None if it was not published.
        n: number of runs that it is the mean of.
    """

    metric: str
    value: float
    source: str
    params: dict[str, Any]
    model: str | None = None
    sd: float | None = None
    n: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the row as sweep.json has it."""
        return asdict(self)


@contextlib.contextmanager
def resolve_paths_from(folder: Path) -> Generator[None]:
    """Look for reference files in this folder first, while a sweep file runs."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def read_reference(
    sweep: str,
    path: Any,
    metrics: Mapping[str, Mapping[str, Metric]],
    parameters: Collection[str],
) -> list[ReferenceRow]:
    """Return the rows of a sweep's reference file; none without a file.

    A relative path is looked for beside the sweep file, then in the working folder.

    Args:
        sweep: its name.
        path: what the sweep file says.
        metrics: model of the sweep -> its metrics by name.
        parameters: the parameters of its cells.

    Raises:
        SweepError: the file cannot be read, or a line is wrong; the message names it.
    """
    if path is None:
        return []
    if not isinstance(path, (str, Path)):
        raise SweepError(
            f"sweep {sweep!r}: reference={show_value(path)} is not the path of a CSV file"
        )
    file = _find_file(Path(path))
    lines = _read_lines(sweep, file)
    header = [name.strip() for name in lines[0]] if lines else []
    _check_header(file, header, parameters)
    rows: dict[str, ReferenceRow] = {}
    for number, line in enumerate(lines[1:], 2):
        if not any(text.strip() for text in line):
            continue
        line_name = f"{file}:{number}"
        if len(line) != len(header):
            raise SweepError(
                f"{line_name}: {len(line)} values for {len(header)} columns"
            )
        texts = dict(
            zip(header, (text.strip() for text in line), strict=True)
        )
        row = _parse_row(line_name, texts, metrics)
        same = repr((row.model, row.params, row.metric, row.source))
        if same in rows:
            raise SweepError(
                f"{line_name}: {row.source} has {row.metric} of this setting in a line above, "
                f"too: {rows[same].value:g}; remove one of them"
            )
        rows[same] = row
    if not rows:
        raise SweepError(f"{file}: no numbers below the header")
    return list(rows.values())


def _read_lines(sweep: str, file: Path) -> list[list[str]]:
    """Return the cells of a CSV file, line by line.

    Raises:
        SweepError: it cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise SweepError(
            f"reference of sweep {sweep!r}: {file} cannot be read: {error}"
        ) from None


def _check_header(
    file: Path, header: Sequence[str], parameters: Collection[str]
) -> None:
    """Raise SweepError for a missing, an unknown or a repeated column."""
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        hint = ""
        if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
            hint = "; separate the columns by commas"
        raise SweepError(
            f"{file}: no column {', '.join(missing)}; it has {', '.join(header)}{hint}"
        )
    taken = [name for name in parameters if name in _COLUMNS]
    valid = [*_COLUMNS, *parameters]
    valid += [f"{name}{_OF_PARAMETER}" for name in taken]
    for name in header:
        if header.count(name) > 1:
            raise SweepError(f"{file}: two columns are named {name!r}")
        if name not in valid:
            raise SweepError(
                describe_unknown("column", name, valid, str(file))
            )
        column = f"{name}{_OF_PARAMETER}"
        if name in taken and name not in _NEEDED and column not in header:
            raise SweepError(
                f"{file}: the column {name} is about the published number; write the values of "
                f"the parameter {name} into a column {column}, which may be empty"
            )


def _find_file(path: Path) -> Path:
    folder = _folder.get()
    if folder is not None and (folder / path).is_file():
        return folder / path
    return path


def _parse_row(
    line_name: str,
    texts: Mapping[str, str],
    metrics: Mapping[str, Mapping[str, Metric]],
) -> ReferenceRow:
    """Return one line of the file.

    Args:
        line_name: file and line, for errors.
        texts: column -> text.
        metrics: model of the sweep -> its metrics by name.
    """
    model = texts.get("model") or None
    if model is not None and model not in metrics:
        raise SweepError(describe_unknown("model", model, metrics, line_name))
    known: dict[str, Metric] = {}
    for name, of_model in metrics.items():
        if model in (None, name):
            known |= of_model
    if texts["metric"] not in known:
        raise SweepError(
            describe_unknown("metric", texts["metric"], known, line_name)
        )
    if not texts["source"]:
        raise SweepError(
            f"{line_name}: source is empty: every number needs its source"
        )
    value = _parse_number(line_name, "value", texts["value"])
    _check_range(line_name, known[texts["metric"]], value)
    runs, sd = 1, None
    if texts.get("n"):
        number = _parse_number(line_name, "n", texts["n"])
        if number != int(number):
            raise SweepError(
                f"{line_name}: n={texts['n']} is not a whole number of runs"
            )
        runs = int(number)
    if runs < 1:
        raise SweepError(
            f"{line_name}: n={texts['n']}: at least one run made the number"
        )
    if texts.get("sd"):
        sd = _parse_number(line_name, "sd", texts["sd"])
        if sd < 0 or runs < 2:
            raise SweepError(
                f"{line_name}: sd={texts['sd']} needs n of 2 or more, and no minus sign"
            )
    params = {}
    for column, text in texts.items():
        name = column.removesuffix(_OF_PARAMETER)
        if name not in _COLUMNS:
            name = column
        if column not in _COLUMNS and text:
            params[name] = _parse_value(line_name, name, text)
    return ReferenceRow(
        texts["metric"], value, texts["source"], params, model, sd, runs
    )


def _check_range(line_name: str, metric: Metric, value: float) -> None:
    """Raise SweepError for a value that the metric cannot have, such as 58.7 of a fraction."""
    low, high = metric.range
    is_inside = (low is None or value >= low) and (
        high is None or value <= high
    )
    if is_inside:
        return
    ends = ["no limit" if end is None else f"{end:g}" for end in metric.range]
    raise SweepError(
        f"{line_name}: value={value:g}, but {metric.name} [{metric.unit}] has values from "
        f"{ends[0]} to {ends[1]}; write it in this unit"
    )


def _parse_number(line_name: str, name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SweepError(f"{line_name}: {name}={text!r} is not a number")
    return number


def _parse_value(line_name: str, name: str, text: str) -> Any:
    """Return a parameter's value: a number, true, false, none, or the text."""
    if text.lower() in _NONE:
        return None
    with contextlib.suppress(ValueError):
        value = json.loads(
            text.lower() if text.lower() in ("true", "false") else text
        )
        if isinstance(value, (int, float)):
            if not isinstance(value, bool) and not is_number(value):
                raise SweepError(
                    f"{line_name}: {name}={text} is not a finite number"
                )
            return value
    return text
