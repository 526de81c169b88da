"""One sweep as the template sees it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from gensweep.ledger.status import Status
from gensweep.report.page import Collected, failures, provenance
from gensweep.report.page.commands import NEW_RESULTS, Commands
from gensweep.report.page.figures import (
    embed_figures,
    embed_samples,
    list_models_with_samples,
    list_unmeasured_models,
)
from gensweep.report.page.headline import list_headlines, select_main_figures
from gensweep.report.page.searches import list_searches, split_figures
from gensweep.report.page.tables import build_views
from gensweep.report.page.terms import list_terms
from gensweep.report.remarks import describe_selection, describe_sizes
from gensweep.report.summary import METHOD, describe_seeds
from gensweep.system.naming import make_visible
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.ledger.manifest import SweepFile
    from gensweep.report.results import Results
    from gensweep.report.stats.findings import Finding

    Fact = tuple[str, str, str]

_SENTENCE_END = re.compile(r"(?<=[.:]) (?=[A-Z])")
_NO_DECISION = "The seeds do not decide this. "
_DIGIT = re.compile("[0-9]")
MAX_SEEDS_LISTED = 20
MAX_CELL_COMMANDS = 500


def build_context(
    collected: Collected, key: str, prefix: str, shows_folder: bool
) -> dict[str, Any]:
    """Return everything that the template shows of a sweep.

    Args:
        collected: the sweep's results, tables and figures.
        key: unique on the page; the beginning of the ids of all the sweep's elements.
        prefix: the path from the page to the sweep's folder.
        shows_folder: whether the page must name the sweep's folder.
    """
    results = collected.results
    commands = Commands(results)
    of_searches, figures = split_figures(embed_figures(collected))
    main_figures = select_main_figures(results, figures)
    unmeasured = ""
    if results.counts[Status.OK]:
        unmeasured = ", ".join(list_unmeasured_models(results))
    return {
        "key": key,
        "name": results.sweep.name,
        "folder": (prefix or "./") if shows_folder else "",
        "prefix": prefix,
        "total": len(results.points),
        "done": results.counts[Status.OK],
        "missing": results.counts[Status.MISSING],
        "failed": results.counts[Status.FAILED],
        "counts": _list_counts(results),
        "bars": _compute_bars(results),
        "facts": _list_facts(results),
        "data": _list_datasets(results),
        "code": results.code_note,
        "origins": provenance.collect_origins(results),
        "kinds": failures.group_failures(results),
        "warnings": failures.group_warnings(results),
        "gaps": list(failures.describe_gaps(results)),
        "findings": _list_findings(results),
        "tables": build_views(collected.tables, results, commands),
        "headlines": list_headlines(results),
        "main_figures": main_figures,
        "selection_note": results.selection_note,
        "searches": list_searches(results),
        "search_figures": of_searches,
        "figures": [one for one in figures if one not in main_figures],
        "unmeasured": unmeasured,
        "has_samples": bool(list_models_with_samples(results)),
        "samples": embed_samples(results),
        "commands": commands,
        "cells": _list_cell_commands(results, commands),
        "more_cells": max(0, len(results.params) - MAX_CELL_COMMANDS),
        "new_results": NEW_RESULTS,
        "terms": list_terms(results),
        "method": f"{METHOD}. {describe_seeds(results.sweep.vary)}",
    }


def _list_counts(results: Results) -> list[tuple[str, int]]:
    return [
        (status, count) for status, count in results.counts.items() if count
    ]


def _compute_bars(results: Results) -> list[tuple[str, float, float]]:
    """Return status, start and width, both in percent of all points."""
    bars, start = [], 0.0
    for status, count in _list_counts(results):
        width = 100 * count / len(results.points)
        bars.append((status, round(start, 3), round(width, 3)))
        start += width
    return bars


def _list_facts(results: Results) -> list[Fact]:
    """Return what was asked for, and by which call.

    A fact is its name, its value, and "code" if the value was typed or is a name. Empty values are
    left out.
    """
    sweep = results.sweep
    examples = ""
    # The table of datasets has the numbers of examples; sweeps of an earlier version lack it.
    if not sweep.data:
        examples = _describe_examples(results)
    extra = sweep.model_extra or {}
    facts = [
        ("models and what varies", _describe_axes(results), ""),
        ("seeds", _describe_seeds(sweep), ""),
        ("chosen by", describe_selection(results), ""),
        ("examples", examples, ""),
        ("command line", str(extra.get("command") or ""), "code"),
        (
            "requested at",
            provenance.format_time(str(extra.get("created") or "")),
            "",
        ),
        (
            "commit of the call",
            provenance.shorten_commit(extra.get("commit")),
            "code",
        ),
        (
            "versions of the call",
            provenance.format_versions(_get_dict(sweep, "versions")),
            "",
        ),
        (
            "machine of the call",
            provenance.format_machine(_get_dict(sweep, "hardware")),
            "",
        ),
        ("the user's own code", _describe_user_code(sweep), "code"),
        ("the user's own data", _describe_user_data(sweep), ""),
    ]
    return [fact for fact in facts if fact[1]]


def _describe_user_code(sweep: SweepFile) -> str:
    """Return where in the results root the source of the user's files is."""
    return ", ".join(
        f"plugins/{plugin.sha}/{plugin.file}" for plugin in sweep.plugins
    )


def _get_dict(sweep: SweepFile, name: str) -> dict[str, Any]:
    """Return a part of sweep.json that nothing checks; empty if it is not what it should be."""
    value = (sweep.model_extra or {}).get(name)
    return value if isinstance(value, dict) else {}


def _describe_axes(results: Results) -> str:
    """Return each model with its number of cells and the parameters that vary in it."""
    parts = []
    for model, names in results.varying_of.items():
        if names:
            cells = pluralize(len(results.list_cells(model)), "cell")
            parts.append(f"{model}: {cells}, by {', '.join(names)}")
        else:
            parts.append(f"{model}: 1 cell")
    return "; ".join(parts)


def _describe_seeds(sweep: SweepFile) -> str:
    seeds = sorted({seed for cell in sweep.cells for seed in cell.points})
    text = ", ".join(map(str, seeds[:MAX_SEEDS_LISTED]))
    hidden = len(seeds) - MAX_SEEDS_LISTED
    if hidden > 0:
        text += f" and {hidden} more"
    return f"{pluralize(len(seeds), 'seed')}: {text}"


def _describe_user_data(sweep: SweepFile) -> str:
    """Return the user's own folders and files, each after the digest that points know it by."""
    return ", ".join(
        f"{text}: {make_visible(path)}" for text, path in sweep.places.items()
    )


def _describe_examples(results: Results) -> str:
    """Return the numbers of examples to train, validate and test on, by models with equal ones."""
    models_with: dict[str, list[str]] = {}
    for model in results.models:
        sentence = describe_sizes(results, results.list_cells(model))
        if sentence:
            _, _, sizes = sentence.partition(": ")
            models_with.setdefault(sizes.removesuffix("."), []).append(model)
    return "; ".join(
        f"{', '.join(models)}: {sizes}"
        for sizes, models in models_with.items()
    )


def _list_datasets(results: Results) -> list[dict[str, Any]]:
    """Return a row of numbers for each dataset, in the order of sweep.json."""
    rows = []
    for info in results.sweep.data.values():
        params = [f"{name}={value}" for name, value in info.params.items()]
        row = {
            "name": ", ".join([info.dataset, *params]),
            "training": _format_range(info.training),
            "numbers": [
                info.validation,
                info.test,
                info.examples,
                info.copies,
                info.left_out,
            ],
            "notes": info.notes,
        }
        rows.append(row)
    return rows


def _format_range(counts: list[int]) -> str:
    if not counts:
        return ""
    if len(counts) == 1:
        return f"{counts[0]:,}"
    return f"{min(counts):,} to {max(counts):,}"


def _list_findings(results: Results) -> list[tuple[Finding, str, str]]:
    """Return each finding, the gist of its answer, and the numbers that the answer leaves out.

    Answered questions come first.
    """
    from gensweep.report.stats.findings import NOT_ENOUGH
    from gensweep.report.stats.questions import answer_questions

    findings = answer_questions(results)
    rows = [
        (one, _shorten_answer(one.answer), _format_numbers(one))
        for one in findings
    ]
    return sorted(rows, key=lambda row: row[0].verdict == NOT_ENOUGH)


def _shorten_answer(answer: str) -> str:
    """Return the sentence of an answer that has its number."""
    sentences = _SENTENCE_END.split(answer.removeprefix(_NO_DECISION))
    with_number = [one for one in sentences if _DIGIT.search(one)]
    return [*with_number, *sentences][0]


def _format_numbers(finding: Finding) -> str:
    """Return the test, the estimate and the effect size; those that there are."""
    parts = []
    if finding.test:
        parts.append(finding.test)
    if not math.isnan(finding.estimate):
        interval = ""
        # A share has no sign.
        form = ".3g" if finding.estimate_name.startswith("share") else "+.3g"
        if not math.isnan(finding.low):
            interval = f", 95% CI {finding.low:.3g} to {finding.high:.3g}"
        parts.append(
            f"estimate {format(finding.estimate, form)}{interval} ({finding.estimate_name})"
        )
    if (
        not math.isnan(finding.effect)
        and finding.effect_name != finding.estimate_name
    ):
        parts.append(
            f"effect size {finding.effect:+.3g} ({finding.effect_name})"
        )
    return "; ".join(parts)


def _list_cell_commands(
    results: Results, commands: Commands
) -> list[tuple[str, str]]:
    """Return the first cells, each with the command that reproduces its numbers.

    Cells without a command are left out.
    """
    listed = []
    for cell in results.sweep.cells[:MAX_CELL_COMMANDS]:
        command = commands.build_cell_command(cell.id, cell.model)
        if command:
            listed.append((cell.id, command))
    return listed
