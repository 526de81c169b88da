"""Macros of a paper's numbers, so that its prose says what the records say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gensweep.core.roles import Role
from gensweep.report.measurement import Measurement, round_measurement
from gensweep.report.paper_kit.macro_names import make_names
from gensweep.report.paper_kit.options import KitOptions
from gensweep.report.record_metrics import VALIDATION
from gensweep.report.settings import Setting, list_settings
from gensweep.report.tables.latex_cells import format_power
from gensweep.report.tables.latex_text import escape
from gensweep.report.tables.sweep import rank_values

if TYPE_CHECKING:
    from gensweep.report.results import Results

UNKNOWN = r"\textbf{??}"
"""The value of a macro as long as nothing is measured, as LaTeX prints unknown references."""
HEADER = r"""% Written by gensweep: one macro per number. Include it in the preamble:
%     \input{numbers}
% and write \gsNameOfTheNumber{} in the text; the braces keep the space behind it.
% Each measured number has four macros:
%     \gs...          the mean over seeds
%     \gs...Interval  its 95% confidence interval
%     \gs...Full      both
%     \gs...N         the number of seeds
% \gs<Sweep><Model>Best... are of the cell that is best on the validation set. With several
% datasets, the dataset stands before Best. A name changes only if another parameter is swept;
% LaTeX then stops at the old name. ?? is a number that is not measured.
% Each question of the sweep has these macros; the question is the name:
%     \gs...Verdict   yes, no, equal, undecided, or not enough data
%     \gs...Estimate  the difference, slope or share that was tested
%     \gs...Interval  its 95% confidence interval, not corrected
%     \gs...Full      both
%     \gs...P         the p-value, corrected by Holm over all questions of the sweep
%     \gs...N         the number of seeds"""


@dataclass(frozen=True)
class Macro:
    """A macro: what its name is made of, its LaTeX, and its meaning in words."""

    identity: tuple[str, ...]
    value: str
    meaning: str


def write_macros(macros: Sequence[Macro]) -> str:
    """Return the file with the definitions of the macros."""
    names = make_names([macro.identity for macro in macros])
    lines = [HEADER]
    sweep = ""
    for name, macro in zip(names, macros, strict=True):
        if macro.identity[0] != sweep:
            sweep = macro.identity[0]
            lines += ["", f"% --- {' '.join(sweep.split())}"]
        meaning = " ".join(macro.meaning.split())
        lines.append(rf"\newcommand{{\{name}}}{{{macro.value}}} % {meaning}")
    return "\n".join(lines) + "\n"


def list_macros(results: Results, options: KitOptions) -> Iterator[Macro]:
    """Yield the macros of a sweep: its counts, its best cells, then every cell."""
    yield from _list_counts(results)
    for model in results.models:
        metrics = choose_metrics(results, model, options.metrics)
        for setting in list_settings(results, [model]):
            yield from _list_best(results, setting, metrics)
        for cell in results.list_cells(model):
            words, meaning = _describe_cell(results, model, cell)
            for metric in metrics:
                identity = (results.sweep.name, model, *words, metric)
                value = results.measure(cell, metric)
                yield from _list_parts(
                    identity, value, f"{metric} of {meaning}"
                )


def _list_counts(results: Results) -> Iterator[Macro]:
    name = results.sweep.name
    seeds = {len(cell.points) for cell in results.sweep.cells}
    texts = [str(count) for count in sorted({min(seeds), max(seeds)})]
    yield Macro(
        (name, "cells"), str(len(results.params)), "cells of the sweep"
    )
    yield Macro((name, "seeds"), " to ".join(texts), "seeds per cell")
    yield Macro(
        (name, "points"), str(len(results.points)), "points of the sweep"
    )
    for status, count in results.counts.items():
        yield Macro((name, "points", status), str(count), f"points: {status}")
    hours = sum(results.own_seconds.values()) / 3600
    yield Macro(
        (name, "hours"), f"{hours:.1f}", "hours of training of these points"
    )


def choose_metrics(
    results: Results, model: str, wanted: Iterable[str]
) -> list[str]:
    """Return the metrics of a model that have macros, each once.

    They are the chosen ones; else the objective, the main metric and those that go with it.
    """
    available = results.list_metrics(model)
    objective = results.objectives[model]
    chosen = [
        name for name in wanted if name in available or name == objective
    ]
    if not chosen:
        compact = results.list_metrics_with(Role.COMPACT, model=model)
        main = results.find_measured_metric(model) or available[:1]
        chosen = [main] if isinstance(main, str) else main
        chosen += [name for name in compact if name not in chosen]
    if objective and objective not in chosen:
        chosen.append(objective)
    return list(dict.fromkeys(chosen))


def _list_best(
    results: Results, setting: Setting, metrics: Sequence[str]
) -> Iterator[Macro]:
    """Yield the macros of the best cell of a model on a dataset: its values, and its numbers."""
    model = setting.model
    cell = find_best_cell(results, setting)
    start = (results.sweep.name, model, "best")
    if setting.title != model:
        start = (results.sweep.name, model, setting.dataset, "best")
    objective = results.objectives[model]
    about = f"best {setting.title} by {objective}"
    for name in results.varying_of[model]:
        value = UNKNOWN
        if cell is not None:
            params = results.params[cell]
            text = "n/a"
            if name in params:
                text = results.names.get_text(name, params[name])
            value = escape(text)
        yield Macro((*start, name), value, f"{name} of the {about}")
    for metric in metrics:
        measured = None if cell is None else results.measure(cell, metric)
        yield from _list_parts(
            (*start, metric), measured, f"{metric} of the {about}"
        )


def find_best_cell(results: Results, setting: Setting) -> str | None:
    """Return the cell with the best validation value; None without any value.

    The first in the order of the sweep wins among equals.
    """
    objective = results.objectives[setting.model]
    if objective is None:
        return None
    cells = setting.cells
    values = [results.measure(cell, objective) for cell in cells]
    ranks = rank_values(values, results.validation[objective].direction)
    if 1 not in ranks:
        return None
    return cells[ranks.index(1)]


def _describe_cell(
    results: Results, model: str, cell: str
) -> tuple[list[str], str]:
    """Return the words of a cell's macros, and the cell in words."""
    params = results.params[cell]
    words, texts = [], [model]
    for name in results.varying_of[model]:
        if name in params:
            text = results.names.get_text(name, params[name])
            words += [name, text]
            texts.append(f"{name}={text}")
    return words, " ".join(texts)


def _list_parts(
    identity: tuple[str, ...], value: object, meaning: str
) -> Iterator[Macro]:
    """Yield the four macros of a number."""
    where = "validation set" if _is_validated(identity) else "test set"
    if not isinstance(value, Measurement):
        parts = {"": UNKNOWN, "interval": UNKNOWN, "full": UNKNOWN, "n": "0"}
    else:
        parts = _write_parts(value)
    for suffix, latex in parts.items():
        name = (*identity, suffix) if suffix else identity
        yield Macro(name, latex, f"{suffix or 'mean'}: {meaning}, {where}")


def _is_validated(identity: Sequence[str]) -> bool:
    return identity[-1].startswith(VALIDATION)


def _write_parts(value: Measurement) -> dict[str, str]:
    digits = round_measurement(value)
    mean = format_power(digits.mean)
    if not value.has_interval:
        nothing = "no interval"
        return {
            "": rf"\ensuremath{{{mean}}}",
            "interval": nothing,
            "full": rf"\ensuremath{{{mean}}}",
            "n": str(value.n),
        }
    decimals = len(digits.mean.partition("e")[0].partition(".")[2])
    form = f".{decimals}e" if "e" in digits.mean else f".{decimals}f"
    ends = [
        format_power(format(end, form)) for end in (value.low, value.high)
    ]
    interval = f"[{', '.join(ends)}]"
    full = rf"{mean}\ {interval}"
    if digits.half_width:
        full = rf"{mean} \pm {format_power(digits.half_width)}"
    return {
        "": rf"\ensuremath{{{mean}}}",
        "interval": rf"\ensuremath{{{interval}}}",
        "full": rf"\ensuremath{{{full}}}",
        "n": str(value.n),
    }
