"""The text of a report: problems first, then each model with its answers, panels and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gensweep.report.collect import make_tables
from gensweep.report.page import failures
from gensweep.report.page.commands import Commands
from gensweep.report.page.tables import SHOWN_AS_TEXT, STATISTICS
from gensweep.report.remarks import describe_selection
from gensweep.report.stats.findings import NOT_ENOUGH, Finding
from gensweep.report.stats.questions import answer_questions
from gensweep.report.tables import Table
from gensweep.report.tables.markdown import render_markdown
from gensweep.report.tables.sweep import describe_fixed
from gensweep.report.wandb_report.panels import build_panels, build_run_set
from gensweep.system.text import pluralize, replace_surrogates

if TYPE_CHECKING:
    from gensweep.report.results import Results

MAX_ROWS_PER_TABLE = 200
_COLLAPSED = ("cells", STATISTICS)
"""Tables that are shown after a click: they repeat numbers of other tables, or of the answers."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_PADDING, _RULE = re.compile(" {2,}"), re.compile("-{4,}")


def build_blocks(wr: Any, results: Results) -> list[Any]:
    """Return the report's blocks, in their order.

    Args:
        wr: the module `wandb_workspaces.reports.v2`.
        results: the sweep's.
    """
    tables = _make_tables(results)
    # Sorting is stable: answers come first, then the questions without enough data.
    findings = sorted(
        answer_questions(results), key=lambda one: one.verdict == NOT_ENOUGH
    )
    blocks = list(_iter_beginning(wr, results))
    for model in results.models:
        blocks += _iter_model(wr, results, model, findings, tables)
    shared_findings = [
        one for one in findings if _find_model(one, results) is None
    ]
    shared_tables = []
    for table in tables:
        if table.name not in SHOWN_AS_TEXT and _is_shared(table, results):
            shared_tables.append(table)
    if shared_findings or shared_tables:
        blocks.append(wr.H2("All models"))
        blocks += _iter_answers(wr, shared_findings)
        blocks += _iter_tables(wr, shared_tables, results)
    blocks.append(wr.H2("The statistics in numbers"))
    statistics = [table for table in tables if table.name == STATISTICS]
    blocks += _iter_tables(wr, statistics, results)
    return blocks


def _make_tables(results: Results) -> list[Table]:
    """Return the sweep's tables: its own first, then leaderboards, then the collapsed ones."""
    return sorted(
        make_tables(results),
        key=lambda t: (
            t.name in _COLLAPSED,
            t.name.startswith("leaderboard"),
        ),
    )


def _iter_beginning(wr: Any, results: Results) -> Iterator[Any]:
    """Yield the blocks on the sweep, on every point that is not ok, and on how to repeat it."""
    counts = ", ".join(
        f"{count} {status}"
        for status, count in results.counts.items()
        if count
    )
    points = pluralize(len(results.points), "point")
    yield wr.P(f"{results.sweep.name}: {points}: {counts}.")
    yield wr.P(_clean(describe_selection(results)))
    kinds = failures.group_failures(results)
    warnings = failures.group_warnings(results)
    if warnings:
        kinds.append(warnings)
    gaps = list(failures.describe_gaps(results))
    if kinds or gaps:
        yield wr.H2("What is not ok")
    for kind in kinds:
        yield wr.P(f"{kind.heading}:")
        items: list[Any] = []
        for reason in kind.reasons:
            items.append([f"{_clean(reason.text)} ({_format_ids(reason)})"])
        if kind.hidden:
            items.append(kind.hidden)
        yield wr.UnorderedList(items)
    for gap in gaps:
        yield wr.P(gap)
    yield wr.TableOfContents()
    command = wr.InlineCode(_clean(Commands(results).full))
    yield wr.P(["To reproduce these numbers: ", command])


def _format_ids(reason: failures.Reason) -> str:
    """Return the ids of the points with a reason, and how many are not listed."""
    ids = list(reason.ids)
    hidden = reason.count - len(reason.ids)
    if hidden:
        ids.append(f"{hidden} more")
    return ", ".join(ids)


def _iter_model(
    wr: Any,
    results: Results,
    model: str,
    findings: Sequence[Finding],
    tables: Sequence[Table],
) -> Iterator[Any]:
    """Yield the blocks of one model: its answers in words, its panels, its tables."""
    run_set, run_set_words = build_run_set(wr, results, model)
    varying = results.varying_of[model]
    swept = "Only its seed is swept; "
    if varying:
        swept = f"It is swept over {', '.join(varying)}; "
    fixed = describe_fixed(results, model)
    yield wr.H2(model)
    yield wr.P(_clean(f"{swept}the same in every row that has it: {fixed}."))
    yield from _iter_answers(
        wr, [one for one in findings if _find_model(one, results) == model]
    )
    yield wr.H3("Runs")
    yield wr.P(run_set_words)
    yield wr.PanelGrid(
        runsets=[run_set], panels=build_panels(wr, results, model)
    )
    parts = [_select_part(table, model, results) for table in tables]
    yield from _iter_tables(
        wr, [part for part in parts if part is not None], results
    )


def _find_model(finding: Finding, results: Results) -> str | None:
    """Return the only model that a question names; None if it names more than one, or none."""
    models = []
    for model in results.models:
        if re.search(rf"\b{re.escape(model)}\b", finding.question):
            models.append(model)
    return models[0] if len(models) == 1 else None


def _iter_answers(wr: Any, findings: Sequence[Finding]) -> Iterator[Any]:
    if not findings:
        return
    yield wr.H3("Answers")
    items = []
    for one in findings:
        verdict = wr.InlineCode(one.verdict)
        items.append(
            [f"{_clean(one.question)} ", verdict, f" {_clean(one.answer)}"]
        )
    yield wr.UnorderedList(items)


def _is_shared(table: Table, results: Results) -> bool:
    """Return whether no part of the table belongs to one model alone."""
    return not any(
        _select_part(table, model, results) for model in results.models
    )


def _select_part(table: Table, model: str, results: Results) -> Table | None:
    """Return the table, or the section of it, that is about this model alone; None without one."""
    section = (table.sections or {}).get(model)
    if section is not None:
        other_models = tuple(
            f"{name}, " for name in results.models if name != model
        )
        notes = tuple(
            note for note in table.notes if not note.startswith(other_models)
        )
        title = f"{table.title}: {model}"
        return replace(
            table, title=title, data=section, notes=notes, sections=None
        )
    if table.name in SHOWN_AS_TEXT or "model" not in table.data:
        return None
    return table if set(table.data.get("model").values) == {model} else None


def _iter_tables(
    wr: Any, tables: Iterable[Table], results: Results
) -> Iterator[Any]:
    """Yield each table under its own heading, which hides it if it is one of `_COLLAPSED`."""
    for table in tables:
        text = wr.MarkdownBlock(_format_markdown(table, results))
        title = _clean(table.title)
        if table.name in _COLLAPSED:
            yield wr.H3(title, collapsed_blocks=[text])
        else:
            yield wr.H3(title)
            yield text


def _format_markdown(table: Table, results: Results) -> str:
    """Return the table's Markdown without its title and padding, cut to what a report can hold."""
    parts = table.parts
    hidden = sum(
        max(0, len(part) - MAX_ROWS_PER_TABLE) for part in parts.values()
    )
    heads = {
        heading: part.head(MAX_ROWS_PER_TABLE)
        for heading, part in parts.items()
    }
    markdown = render_markdown(replace(table, sections=heads), results)
    _, _, text = markdown.partition("\n\n")
    text = _RULE.sub("---", _PADDING.sub(" ", _clean(text)))
    if hidden:
        rows = pluralize(hidden, "more row")
        text += (
            f"\n{rows} in `tables/{table.name}.csv` of the sweep's folder.\n"
        )
    return text


def _clean(text: str) -> str:
    """Return the text without characters that W&B cannot hold."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", replace_surrogates(text))
