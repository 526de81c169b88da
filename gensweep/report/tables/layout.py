"""Tables as text: numbers and their intervals in one column, for Markdown and for the terminal."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.core.soundness import MIN_PICTURES, TEST_SPLIT
from gensweep.ledger.records import MISSING, STATUSES
from gensweep.report.remarks import (
    describe_sample_counts,
    describe_selection,
    describe_sizes,
    explain_missing,
)
from gensweep.report.summary import METHOD
from gensweep.report.tables import COUNTS, Table, build_rows
from gensweep.report.tables.sources import choose_paper_tables, describe_sources
from gensweep.report.tables.sweep import describe_fixed, list_problems
from gensweep.system.text import escape_controls, pluralize

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results
    from gensweep.system.terminal import Console

NOTHING = "–"
UNMEASURED = "not measured"
MOST_ROWS, MOST_PROBLEMS = 40, 10
_LONGEST_UNIT = 12
_MARKUP = re.compile(
    r"[|<*`~$]|&(?=#?\w+;)|\\(?=[!-/:-@\[-`{-~])|\](?=[(\[:])|!(?=\[)|(?<![A-Za-z0-9])_(?=\S)|(?<=\S)_(?![A-Za-z0-9])"
    r"|:(?=[a-z0-9_+-]+:)"
)
"""What Markdown would read as HTML, code, a link, emphasis, a formula or an emoji code; most brackets are not."""
_BETTER = {"max": "larger is better", "min": "smaller is better", "none": "neither end is better"}


@dataclass(frozen=True)
class Column:
    """A column as printed; `metric` is the metric it belongs to, if any."""

    header: str
    values: list[str]
    numeric: bool = True
    metric: str = ""

    @property
    def width(self) -> int:
        """Characters of its widest line, the unit below the metric's name."""
        return max(len(text) for text in (*self.header.split(" ["), *self.values))


def format_interval(mean: float, ci95: float, n: int, n_ok: int) -> str:
    """A mean with as many digits as its interval allows (two of the half-width), as in ``0.587 ± 0.012``."""
    if n == 0:
        return UNMEASURED if n_ok else NOTHING
    if math.isnan(ci95):
        return f"{mean:#.4g}".rstrip(".") + " (n=1)"
    significant, size = (2, ci95) if ci95 else (4, abs(mean) or 1.0)
    digits = max(0, significant - 1 - math.floor(math.log10(size)))
    form = (f".{digits}f", f".{digits}f") if digits <= 6 else (".3g", ".2g")
    text = f"{mean:{form[0]}} ± {ci95:{form[1]}}"
    return text if n == n_ok else f"{text} (n={n})"


def build_columns(
    frame: pd.DataFrame, results: Results, std: bool = False, apart: bool = False
) -> list[Column]:
    """A table's columns as printed: counts in one, each metric with its interval in one, cell ids in none.

    Args:
        frame: what `rows` laid out.
        results: the sweep's.
        std: a column beside each metric for the standard deviation over seeds.
        apart: a column for each status but ok that any cell has, rather than all in one.
    """
    found: list[Column] = []
    described = results.described
    data: dict[str, list[Any]] = frame.to_dict("list")
    for name, values in data.items():
        metric, _, part = name.rpartition("_")
        if name == "n_ok":
            found += _counts(data, apart)
        elif metric in described and part == "mean":
            parts = (data[f"{metric}_{key}"] for key in ("mean", "ci95", "n"))
            texts = [_measured(*row) for row in zip(*parts, data["n_ok"], strict=True)]
            found.append(
                Column(_header(metric, results, data.get("cell", [])), texts, metric=metric)
            )
        elif metric in described and part == "std" and std:
            found.append(
                Column(
                    "std",
                    [f"{value:#.2g}" if value == value else NOTHING for value in values],
                    metric=metric,
                )
            )
        elif metric in described and part in ("report", "difference"):
            texts = _verbatim(values) if part == "report" else _signed(values)
            found.append(Column(part, texts, metric=metric))
        elif name.startswith("report_"):
            found.append(Column(f"report's {name.removeprefix('report_')}", _verbatim(values)))
        elif name == "model":
            found += [Column(name, values, numeric=False)] if len(set(values)) > 1 else []
        elif name not in ("cell", *COUNTS) and not (
            metric in described and part in ("std", "ci95", "n")
        ):
            numeric = all(isinstance(value, (int, float)) or _absent(value) for value in values)
            found.append(Column(name, [_value(name, value, results) for value in values], numeric))
    return found


def _counts(data: dict[str, list[Any]], apart: bool) -> list[Column]:
    texts = [_seeds(row) for row in zip(*(data[name] for name in COUNTS), strict=True)]
    if not apart:
        return [Column("seeds ok", texts)]
    bad = [name for name in COUNTS[1:] if any(data[name])]
    others = [Column(name.removeprefix("n_"), [str(count) for count in data[name]]) for name in bad]
    return [Column("seeds ok", [text.partition(",")[0] for text in texts]), *others]


def _verbatim(values: list[float]) -> list[str]:
    """Published numbers with all their decimals, and as many for each."""
    digits = max(
        (len(repr(value).partition(".")[2]) for value in values if not math.isnan(value)), default=0
    )
    return [NOTHING if math.isnan(value) else f"{value:.{digits}f}" for value in values]


def _signed(values: list[float]) -> list[str]:
    """Differences with as many decimals each: three significant digits of the largest."""
    largest = max((abs(value) for value in values if not math.isnan(value)), default=0.0)
    digits = min(6, max(0, 2 - math.floor(math.log10(largest)))) if largest else 4
    return [NOTHING if math.isnan(value) else f"{value:+.{digits}f}" for value in values]


def _measured(mean: float, ci95: float, n: Any, n_ok: int) -> str:
    return NOTHING if _absent(n) else format_interval(mean, ci95, int(n), n_ok)


def _value(name: str, value: Any, results: Results) -> str:
    if _absent(value):
        return NOTHING
    return f"{value:.3g}" if name == "seconds" else results.names.get_text(name, value)


def _absent(value: Any) -> bool:
    """A missing number, as a frame or a list made of it has it; a parameter that is none is the text ``none``."""
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _seeds(counts: Iterable[int]) -> str:
    """``3/3``, or ``1/3, 1 failed, 1 missing``."""
    by_status = dict(zip((*STATUSES, MISSING), counts, strict=True))
    bad = [
        f"{count} {status}"
        for status, count in by_status.items()
        if count and status != STATUSES[0]
    ]
    return ", ".join([f"{by_status[STATUSES[0]]}/{sum(by_status.values())}", *bad])


def _header(metric: str, results: Results, cells: Sequence[str]) -> str:
    """``mse [pixel^2]``; ``fid_random_vgg of 1000 [feature^2]`` where all is measured of so many test pictures."""
    unit = results.described[metric].unit
    counts = (
        {results.examples.get(cell, {}).get(TEST_SPLIT) for cell in cells}
        if metric in MIN_PICTURES
        else set()
    )
    of = f" of {counts.pop()}" if len(counts) == 1 and None not in counts else ""
    return f"{metric}{of} [{unit}]" if 0 < len(unit) <= _LONGEST_UNIT else f"{metric}{of}"


def render_markdown(table: Table, results: Results) -> str:
    """The table with its notes and what its metrics mean."""
    lines = [f"# {escape_markdown(table.title)}", ""]
    for heading, frame in (table.sections or {"": table.frame}).items():
        lines += [f"## {escape_markdown(heading)}", ""] if heading else []
        lines += (
            [*_pipes(build_columns(frame, results, std=True, apart=True)), ""]
            if len(frame)
            else ["Nothing to show.", ""]
        )
    lines += [
        f"- {escape_markdown(note)}" for note in (*table.notes, *list_legend(table.frame, results))
    ]
    return "\n".join(lines).rstrip() + "\n"


def _pipes(shown: list[Column]) -> Iterator[str]:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    texts = [
        [escape_markdown(text) for text in (column.header, *column.values)] for column in shown
    ]
    widths = [max(3, *map(len, column)) for column in texts]
    for number, row in enumerate(zip(*texts, strict=True)):
        aligned = zip(row, widths, shown, strict=True)
        yield line(
            text.rjust(width) if column.numeric else text.ljust(width)
            for text, width, column in aligned
        )
        if number == 0:
            yield line(
                "-" * (w - 1) + ":" if c.numeric else "-" * w
                for w, c in zip(widths, shown, strict=True)
            )


def escape_markdown(text: str) -> str:
    """Return the text as a cell of Markdown shows it: nothing in it is HTML, a link, emphasis or an emoji code."""
    return _MARKUP.sub(_escape_one, " ".join(escape_controls(text).split()))


def _escape_one(match: re.Match[str]) -> str:
    """Escape a character of Markdown's; `&` and `<` as HTML does, which every viewer understands."""
    letter = match[0]
    return {"&": "&amp;", "<": "&lt;"}.get(letter, f"\\{letter}")


def list_legend(frame: pd.DataFrame, results: Results) -> Iterator[str]:
    """What the numbers are, and each metric's unit, direction and meaning."""
    if len(frame) and "seconds" in frame.columns:
        yield "seconds: training and test time of a point, mean over the points that are ok."
    metrics = [name for name in results.described if f"{name}_mean" in frame.columns]
    if not metrics:
        return
    yield from list_remarks(frame, results)
    method = f"{METHOD[0].upper()}{METHOD[1:]}"
    yield f"{method}; of the points that are ok." if has_lost_points(frame) else f"{method}."
    if any((frame[f"{name}_n"] == 1).any() for name in metrics):
        yield "n=1: one seed, whose standard deviation and confidence interval are not defined."
    if any(
        ((frame[f"{name}_n"] > 0) & (frame[f"{name}_n"] < frame["n_ok"])).any() for name in metrics
    ):
        yield "n smaller than the seeds that are ok: the other seeds have no value of the metric."
    for name in metrics:
        info = results.described[name]
        first = info.doc.strip().partition("\n")[0]
        yield f"{name}: {info.unit or 'no unit declared'}, {_BETTER[info.direction]}. {first}".rstrip()


def list_remarks(frame: pd.DataFrame, results: Results) -> Iterator[str]:
    """What must stand beside a table's numbers: of how many examples they are, and why some are missing."""
    metrics = [name for name in results.described if f"{name}_mean" in frame.columns]
    if not metrics or "cell" not in frame.columns:
        return
    cells = frame["cell"].tolist()
    yield from filter(None, [describe_sizes(results, cells)])
    yield from describe_sample_counts(results, cells, metrics)
    yield from explain_missing(results, cells, metrics)


def has_lost_points(frame: pd.DataFrame) -> bool:
    """Whether any cell lacks points that are ok."""
    return any(bool(frame[name].any()) for name in COUNTS[1:] if name in frame.columns)


def show(results: Results, console: Console) -> None:
    """Print one table a model: what varies, the seeds that are ok, metrics as far as they fit, the report's number.

    Args:
        console: its width decides how many metrics are shown beside the main one.
    """

    def say(text: str, style: str = "dim") -> None:
        console.print(text, style=style)

    counts = ", ".join(f"{count} {status}" for status, count in results.counts.items() if count)
    say(
        f"{results.sweep.name}: {pluralize(sum(results.counts.values()), 'point')}: {counts}",
        style="bold",
    )
    say(describe_selection(results))
    for model in results.models:
        ids, published = results.list_cells(model), choose_paper_tables(results, model)
        frame = build_rows(results, ids, results.varying_of[model], published).drop(
            columns="seconds"
        )
        shown = build_columns(frame.head(MOST_ROWS), results)
        fitting = _fitting(shown, console.width)
        console.print(_rich_table(model, fitting, console.width))
        if hidden := [
            column.header.partition(" [")[0] for column in shown if column not in fitting
        ]:
            say(f"too wide for this screen, see tables/cells.md: {', '.join(hidden)}")
        if len(ids) > MOST_ROWS:
            say(f"{len(ids) - MOST_ROWS} more cells: see tables/cells.md")
        say(f"the same wherever it acts: {describe_fixed(results, model)}")
        for note in (*describe_sources(results, ids, published), *list_remarks(frame, results)):
            say(note)
    if results.code_note:
        say(results.code_note)
    bad = list_problems(results)
    for point in bad.head(MOST_PROBLEMS).to_dict("records"):
        say(f"{point['status']}: {point['id']}: {point['reason']}", style="")
    if len(bad) > MOST_PROBLEMS:
        say(f"{len(bad) - MOST_PROBLEMS} more such points: see tables/cells-problems.md")


def _rich_table(title: str, fitting: list[Column], width: int) -> Any:
    from rich import box
    from rich.table import Table as RichTable

    printed = RichTable(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    breaks = "_\n" if _width(fitting) > width else "_"
    for column in fitting:
        header = column.header.replace(" [", "\n[").replace("_", breaks)
        printed.add_column(header, justify="right" if column.numeric else "left", overflow="fold")
    for row in zip(*(column.values for column in fitting), strict=True):
        printed.add_row(*row)
    return printed


def _fitting(shown: list[Column], width: int) -> list[Column]:
    """The columns that fit: parameters, counts and the main metric always, further metrics in their order."""
    metrics = list(dict.fromkeys(column.metric for column in shown if column.metric))
    kept = {"", *metrics[:1]}
    for metric in metrics[1:]:
        more = kept | {metric}
        kept = (
            more if _width([column for column in shown if column.metric in more]) <= width else kept
        )
    return [column for column in shown if column.metric in kept]


def _width(shown: Iterable[Column]) -> int:
    """Characters of a printed table, the space between its columns included."""
    return sum(column.width + 3 for column in shown)
