"""What a report says: what went wrong first, then model by model the answers, the panels and the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gensweep.core.registries import TABLES
from gensweep.report.collect import ALWAYS
from gensweep.report.page import failures
from gensweep.report.page.commands import Commands
from gensweep.report.page.tables import SHOWN_AS_TEXT, STATISTICS
from gensweep.report.remarks import describe_selection
from gensweep.report.stats.findings import NOT_ENOUGH, Finding
from gensweep.report.stats.questions import answer_questions
from gensweep.report.tables import Table
from gensweep.report.tables.markdown import render_markdown
from gensweep.report.tables.sweep import describe_fixed
from gensweep.report.wandb_report.panels import panels, run_set
from gensweep.system.text import pluralize, replace_surrogates

if TYPE_CHECKING:
    import pandas as pd

    from gensweep.report.results import Results

MAX_ROWS_PER_TABLE = 200
"""Most rows of a table in a report."""
_CLOSED = ("cells", STATISTICS)
"""Tables that are shown by a click: they have other tables' numbers, or the sentences', once more."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_PADDING, _RULE = re.compile(" {2,}"), re.compile("-{4,}")


def blocks(wr: Any, results: Results) -> list[Any]:
    """The report's blocks, in their order."""
    names = dict.fromkeys([*ALWAYS, *results.sweep.tables])
    made = [table for name in names for table in TABLES[name].make(results)]
    tables = sorted(
        made, key=lambda table: (table.name in _CLOSED, table.name.startswith("leaderboard"))
    )
    findings = sorted(answer_questions(results), key=lambda finding: finding.verdict == NOT_ENOUGH)
    shared = [finding for finding in findings if _model_of(finding, results) is None]
    whole = [
        table for table in tables if table.name not in SHOWN_AS_TEXT and _is_shared(table, results)
    ]
    statistics = [table for table in tables if table.name == STATISTICS]
    return [
        *_beginning(wr, results),
        *(
            block
            for model in results.models
            for block in _section(wr, results, model, findings, tables)
        ),
        *(
            [wr.H2("All models"), *_said(wr, shared), *_shown(wr, whole, results)]
            if shared or whole
            else []
        ),
        wr.H2("The statistics in numbers"),
        *_shown(wr, statistics, results),
    ]


def _beginning(wr: Any, results: Results) -> Iterator[Any]:
    """What the sweep is, how to make it again, and every point that is not ok."""
    counts = ", ".join(f"{count} {status}" for status, count in results.counts.items() if count)
    yield wr.P(f"{results.sweep.name}: {pluralize(len(results.points), 'point')}: {counts}.")
    yield wr.P(_text(describe_selection(results)))
    kinds, gaps = failures.group_failures(results), list(failures.describe_gaps(results))
    kinds += [kind for kind in [failures.group_warnings(results)] if kind]
    if kinds or gaps:
        yield wr.H2("What is not ok")
    for kind in kinds:
        yield wr.P(f"{kind.heading}:")
        items = [[f"{_text(reason.text)} ({_ids(reason)})"] for reason in kind.reasons]
        yield wr.UnorderedList([*items, *([kind.hidden] if kind.hidden else [])])
    yield from (wr.P(gap) for gap in gaps)
    yield wr.TableOfContents()
    yield wr.P(["To make the same numbers again: ", wr.InlineCode(_text(Commands(results).full))])


def _ids(reason: failures.Reason) -> str:
    more = reason.count - len(reason.ids)
    return ", ".join([*reason.ids, *([f"{more} more"] if more else [])])


def _section(
    wr: Any, results: Results, model: str, findings: Sequence[Finding], tables: Sequence[Table]
) -> Iterator[Any]:
    """One model: its answers in words, its panels, its tables."""
    chosen, words = run_set(wr, results, model)
    varying = results.varying_of[model]
    swept = (
        f"It is swept over {', '.join(varying)}; " if varying else "Nothing but its seed is swept; "
    )
    yield wr.H2(model)
    yield wr.P(_text(f"{swept}the same wherever it applies: {describe_fixed(results, model)}."))
    yield from _said(wr, [finding for finding in findings if _model_of(finding, results) == model])
    yield wr.H3("Runs")
    yield wr.P(words)
    yield wr.PanelGrid(runsets=[chosen], panels=panels(wr, results, model))
    yield from _shown(
        wr, [part for table in tables if (part := _part(table, model, results))], results
    )


def _model_of(finding: Finding, results: Results) -> str | None:
    """The only model that a question names; None where it names several, or none."""
    named = [
        model for model in results.models if re.search(rf"\b{re.escape(model)}\b", finding.question)
    ]
    return named[0] if len(named) == 1 else None


def _said(wr: Any, findings: Sequence[Finding]) -> Iterator[Any]:
    if findings:
        yield wr.H3("Answers")
        items = [
            [f"{_text(one.question)} ", wr.InlineCode(one.verdict), f" {_text(one.answer)}"]
            for one in findings
        ]
        yield wr.UnorderedList(items)


def _models(frame: pd.DataFrame) -> set[str]:
    return set(frame["model"]) if "model" in frame.columns else set()


def _is_shared(table: Table, results: Results) -> bool:
    return not any(_part(table, model, results) for model in results.models)


def _part(table: Table, model: str, results: Results) -> Table | None:
    """The table, or the section of it, that is of this model alone."""
    section = (table.sections or {}).get(model)
    if section is not None:
        others = tuple(f"{name}, " for name in results.models if name != model)
        notes = tuple(note for note in table.notes if not note.startswith(others))
        return replace(
            table, title=f"{table.title}: {model}", frame=section, notes=notes, sections=None
        )
    return table if table.name not in SHOWN_AS_TEXT and _models(table.frame) == {model} else None


def _shown(wr: Any, tables: Iterable[Table], results: Results) -> Iterator[Any]:
    """Each table under a heading of its own, which hides it where it is `_CLOSED`."""
    for table in tables:
        text = wr.MarkdownBlock(_format_markdown(table, results))
        title = _text(table.title)
        yield from (
            [wr.H3(title, collapsed_blocks=[text])]
            if table.name in _CLOSED
            else [wr.H3(title), text]
        )


def _format_markdown(table: Table, results: Results) -> str:
    """The table's own Markdown without its title and padding, and with no more rows than a report can hold."""
    parts = table.sections or {"": table.frame}
    hidden = sum(max(0, len(frame) - MAX_ROWS_PER_TABLE) for frame in parts.values())
    cut = replace(
        table,
        sections={heading: frame.head(MAX_ROWS_PER_TABLE) for heading, frame in parts.items()},
    )
    _, _, text = render_markdown(cut, results).partition("\n\n")
    text = _RULE.sub("---", _PADDING.sub(" ", _text(text)))
    more = (
        f"\n{pluralize(hidden, 'more row')} in `tables/{table.name}.csv` of the sweep's folder.\n"
        if hidden
        else ""
    )
    return text + more


def _text(text: str) -> str:
    """Text that W&B can hold."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", replace_surrogates(text))
