"""All files of the paper kit, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gensweep.core.errors import ResultsError, UserError, describe_unknown
from gensweep.core.registries import TABLES
from gensweep.report.paper_kit.checklist import write_checklist
from gensweep.report.paper_kit.compute import collect_uses
from gensweep.report.paper_kit.compute_table import (
    list_compute_macros,
    make_compute_table,
)
from gensweep.report.paper_kit.document import write_caption, write_document
from gensweep.report.paper_kit.facts import join_words
from gensweep.report.paper_kit.finding_macros import list_finding_macros
from gensweep.report.paper_kit.kit_figures import KitFigure, make_kit_figures
from gensweep.report.paper_kit.kit_tables import KitTable, make_kit_tables
from gensweep.report.paper_kit.labels import Labels, capitalize, make_labels
from gensweep.report.paper_kit.macro_names import make_names
from gensweep.report.paper_kit.macros import (
    UNKNOWN,
    Macro,
    list_macros,
    write_macros,
)
from gensweep.report.paper_kit.methods import write_methods
from gensweep.report.paper_kit.options import KitOptions
from gensweep.report.tables.latex_text import escape, join_lines

if TYPE_CHECKING:
    from gensweep.report.results import Results

MAX_EXAMPLE_NUMBERS = 4
"""Numbers that the example article shows in its text."""


@dataclass
class Kit:
    """The files of a paper kit.

    Attributes:
        files: path below the folder -> content.
        remarks: sentences on what has nothing to show yet.
    """

    files: dict[str, bytes | str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def make_kit(all_results: Sequence[Results], options: KitOptions) -> Kit:
    """Return every file of the kit.

    Raises:
        UserError: an option names what no sweep has.
        ResultsError: two sweeps, or two of their tables or figures, would have one name.
    """
    check_options(all_results, options)
    labelled = [
        (one, make_labels(one, options.labels)) for one in all_results
    ]
    kit = Kit()
    tables: list[KitTable] = []
    figures: list[KitFigure] = []
    macros: list[Macro] = []
    for results, labels in labelled:
        for table in make_kit_tables(results, labels, options):
            if isinstance(table, str):
                kit.remarks.append(table)
            else:
                tables.append(table)
        for figure in make_kit_figures(results, labels, options):
            if isinstance(figure, str):
                kit.remarks.append(figure)
            else:
                figures.append(figure)
        macros += list_macros(results, options)
        macros += list_finding_macros(results, options)
    uses = collect_uses(all_results)
    if uses:
        tables.append(make_compute_table(uses, _merge(labelled), options))
    macros += list_compute_macros(uses)
    _add_floats(kit, tables, figures)
    kit.files["numbers.tex"] = write_macros(macros)
    paragraphs = write_methods(labelled)
    kit.files["methods.txt"] = "\n\n".join(paragraphs) + "\n"
    lines = [f"{escape(text, breaks=True)}\n" for text in paragraphs]
    kit.files["methods.tex"] = join_lines(["% Written by gensweep.", *lines])
    kit.files["checklist.md"] = write_checklist(labelled, uses)
    title = (
        f"Results of {join_words([one.sweep.name for one in all_results])}"
    )
    sentences = _write_sentences(macros, _merge(labelled))
    kit.files["main.tex"] = write_document(
        title, tables, figures, sentences, options.font
    )
    return kit


def check_options(
    all_results: Sequence[Results], options: KitOptions
) -> None:
    """Refuse options that name what no sweep has, and two sweeps of one name."""
    counts = Counter(results.sweep.name.casefold() for results in all_results)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise ResultsError(
            f"two sweeps are named {twice[0]!r}: their tables and macros would have the same "
            "names; write two papers, or rename a sweep"
        )
    metrics: set[str] = set()
    names: set[str] = set()
    for results in all_results:
        metrics.update(results.described)
        names.update(results.models)
        for params in results.params.values():
            names.update(params)
    for name in options.metrics:
        if name not in metrics:
            raise UserError(
                describe_unknown("metric", name, metrics, "--metric")
            )
    for name in options.labels:
        if name not in metrics | names:
            raise UserError(
                describe_unknown("name", name, metrics | names, "--label")
            )
    varying = {name for one in all_results for name in one.varying}
    for axis, _, _ in options.comparisons:
        if axis not in varying:
            raise UserError(
                describe_unknown(
                    "swept parameter", axis, varying, "--compare"
                )
            )
    for name in options.tables:
        TABLES[name]  # raises UnknownNameError


def _merge(labelled: Sequence[tuple[Results, Labels]]) -> Labels:
    """Return the labels of all sweeps; of two texts for a name, the first one."""
    chosen: dict[str, str] = {}
    names: set[str] = set()
    for results, labels in labelled:
        names.update(results.models)
        names.update(results.described)
        for params in results.params.values():
            names.update(params)
        chosen = labels.chosen | chosen
    return Labels(names, chosen)


def _add_floats(
    kit: Kit, tables: Sequence[KitTable], figures: Sequence[KitFigure]
) -> None:
    """Add the files of all floats.

    Raises:
        ResultsError: two of them would be one file.
    """
    files: list[tuple[str, bytes | str]] = []
    for table in tables:
        stem, label = f"tables/{table.name}", f"tab:{table.name}"
        files.append((f"{stem}.tex", join_lines(table.lines)))
        files += _write_captions(stem, table.caption, label)
    for figure in figures:
        stem, label = f"figures/{figure.name}", f"fig:{figure.name}"
        files.append((f"{stem}.pdf", figure.pdf))
        files += _write_captions(stem, figure.caption, label)
    counts = Counter(name.casefold() for name, _ in files)
    for name, content in files:
        if counts[name.casefold()] > 1:
            raise ResultsError(
                f"two tables or figures would be the file {name}: "
                "write two papers, or rename a sweep, a table or a dataset"
            )
        kit.files[name] = content


def _write_captions(
    stem: str, caption: str, label: str
) -> Iterator[tuple[str, str]]:
    """Yield the names and contents of the files with the caption of a float."""
    yield f"{stem}-caption.txt", f"{caption}\n"
    yield f"{stem}-caption.tex", write_caption(caption, label)


def _write_sentences(macros: Sequence[Macro], labels: Labels) -> list[str]:
    """Return LaTeX that shows how the numbers of the best cells are written in a text."""
    names = make_names([macro.identity for macro in macros])
    known: Mapping[tuple[str, ...], str] = {
        macro.identity: name
        for macro, name in zip(macros, names, strict=True)
        if macro.value != UNKNOWN
    }
    lines = []
    for identity, name in known.items():
        if len(identity) < 5 or identity[-3] != "best":
            continue
        sweep, model, *dataset = identity[:-3]
        metric, part = identity[-2:]
        if part != "full" or len(dataset) > 1:
            continue
        count = known[*identity[:-1], "n"]
        subject = " on ".join([labels.get(model), *dataset])
        text = capitalize(labels.get(metric))
        text += f" of the best {subject} in {sweep}:"
        lines.append(rf"{escape(text)} \{name}{{}} ($n=\{count}{{}}$).")
    return lines[: MAX_EXAMPLE_NUMBERS * 2]
