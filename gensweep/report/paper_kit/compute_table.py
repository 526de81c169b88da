"""The compute table of a paper, and the same in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gensweep.report.paper_kit.columns import Cell, PaperColumn
from gensweep.report.paper_kit.compute import KINDS, RESULTS, Use
from gensweep.report.paper_kit.kit_tables import KitTable
from gensweep.report.paper_kit.labels import Labels, capitalize
from gensweep.report.paper_kit.macros import Macro
from gensweep.report.paper_kit.options import KitOptions
from gensweep.report.paper_kit.tabular import (
    USES,
    WIDTHS_PT,
    find_layout,
    write_tabular,
)
from gensweep.report.tables.latex_text import escape
from gensweep.system.text import pluralize

NAME = "compute"


def make_compute_table(
    uses: Sequence[Use], labels: Labels, options: KitOptions
) -> KitTable:
    """Return the table of the runs behind a paper, failed and superseded ones included."""
    rows = [_write_row(use, labels) for use in uses]
    total = Use("", "", "", sum(use.runs for use in uses))
    total.seconds = sum(use.seconds for use in uses)
    rows.append(["total", "", "", "", *_write_time(total), ""])
    headers = (
        "runs", "model", "hardware", "parameters", "number", "hours", "minutes per run",
        "peak memory [GB]",
    )  # fmt: skip
    paper_columns = []
    for index, header in enumerate(headers):
        cells = [(Cell(escape(row[index]), row[index]),) for row in rows]
        is_number = header not in headers[:3]
        paper_columns.append(PaperColumn(header, cells, is_number))
    for count in range(options.columns, 3):
        layout = find_layout(paper_columns, WIDTHS_PT[count], options.font)
        if layout is not None:
            break
    else:
        raise AssertionError(
            "texts of the compute table are broken into lines"
        )
    lines = [USES, *write_tabular(paper_columns, layout)]
    # A line above the total.
    lines.insert(lines.index(r"\bottomrule") - 1, r"\midrule")
    return KitTable(NAME, lines, describe_compute(uses), count == 2)


def _write_row(use: Use, labels: Labels) -> list[str]:
    known = sorted(count for count in use.parameters if count)
    parameters = "n/a"
    if known:
        parameters = _write_range(known)
    peak = "n/a"
    if use.peaks:
        peak = f"{max(use.peaks) / 1e9:.2f}"
    kind = use.kind
    return [
        kind,
        labels.get(use.model),
        use.hardware,
        parameters,
        *_write_time(use),
        peak,
    ]


def _write_time(use: Use) -> list[str]:
    minutes = use.seconds / 60 / use.runs if use.runs else 0.0
    return [str(use.runs), f"{use.hours:.2f}", f"{minutes:.1f}"]


def _write_range(counts: Sequence[int]) -> str:
    """Return the smallest and the largest number in millions, or in thousands."""
    unit, scale = ("M", 1e6) if counts[-1] >= 1e6 else ("k", 1e3)
    ends = dict.fromkeys(
        f"{count / scale:.3g}" for count in (counts[0], counts[-1])
    )
    return f"{' to '.join(ends)} {unit}"


def describe_compute(uses: Sequence[Use]) -> str:
    """Return the caption: what was counted, and how much of it is behind the results."""
    total = sum(use.hours for use in uses)
    of_results = sum(use.hours for use in uses if use.kind == RESULTS)
    kinds = [kind for kind in KINDS if any(use.kind == kind for use in uses)]
    meanings = "; ".join(f"{kind}: {KINDS[kind]}" for kind in kinds)
    runs = pluralize(sum(use.runs for use in uses), "run")
    return (
        f"Compute. {runs}, {total:.2f} hours of training and test time, of which "
        f"{of_results:.2f} hours are behind the results. {capitalize(meanings)}. "
        "The time of points that are trained together is shared among them. Peak memory: the "
        "largest of a run's process, where its record has it."
    )


def list_compute_macros(uses: Iterable[Use]) -> list[Macro]:
    """Return the macros of the total, and of each kind of run."""
    uses = list(uses)
    macros = [_make_macro("total", uses, "all runs in the compute table")]
    for kind, meaning in KINDS.items():
        of_kind = [use for use in uses if use.kind == kind]
        macros.append(_make_macro(kind, of_kind, meaning))
    return macros


def _make_macro(kind: str, uses: Sequence[Use], meaning: str) -> Macro:
    hours = sum(use.hours for use in uses)
    return Macro(
        ("compute", kind, "hours"), f"{hours:.1f}", f"hours of {meaning}"
    )
