"""One sweep as the template sees it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gensweep.ledger.records import FAILED, MISSING, OK
from gensweep.report.page import Collected, failures, provenance
from gensweep.report.page.commands import FRESH, Commands
from gensweep.report.page.figures import pictures, samples, unmeasured
from gensweep.report.page.tables import STATISTICS, build_views
from gensweep.report.remarks import describe_selection, describe_sizes
from gensweep.report.summary import METHOD
from gensweep.system.naming import make_visible
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results
    from gensweep.report.stats.findings import Finding

_BETTER = {"max": "larger is better", "min": "smaller is better", "none": "neither end is better"}
_MOST_SEEDS = 20
_MOST_COMMANDS = 500


def view(made: Collected, key: str, prefix: str, shows_folder: bool) -> dict[str, Any]:
    """Everything that the template shows of a sweep.

    Args:
        key: unique on the page; the beginning of every id of the sweep's.
        prefix: the way from the page to the sweep's folder.
        shows_folder: whether the page must tell where the sweep lies.
    """
    results, commands = made.results, Commands(made.results)
    found = build_views(made.tables, results, commands)
    return {
        "key": key,
        "name": results.sweep.name,
        "folder": (prefix or "./") if shows_folder else "",
        "prefix": prefix,
        "total": len(results.points),
        "done": results.counts[OK],
        "missing": results.counts[MISSING],
        "failed": results.counts[FAILED],
        "counts": _counts(results),
        "bars": _bars(results),
        "facts": _facts(results),
        "data": _data(results),
        "code": results.code_note,
        "origins": provenance.origins(results),
        "kinds": failures.group_failures(results),
        "odd": failures.group_warnings(results),
        "gaps": list(failures.describe_gaps(results)),
        "findings": _findings(made),
        "tables": found,
        "figures": pictures(made),
        "unmeasured": ", ".join(unmeasured(results)) if results.counts[OK] else "",
        "samples": samples(results),
        "commands": commands,
        "cells": _cells(results, commands),
        "more_cells": max(0, len(results.params) - _MOST_COMMANDS),
        "fresh": FRESH,
        "metrics": [
            (name, info, _BETTER[info.direction]) for name, info in results.metrics.items()
        ],
        "method": METHOD[0].upper() + METHOD[1:],
    }


def _counts(results: Results) -> list[tuple[str, int]]:
    return [(status, count) for status, count in results.counts.items() if count]


def _bars(results: Results) -> list[tuple[str, float, float]]:
    """Status, start and width in percent of all points."""
    bars, start = [], 0.0
    for status, count in _counts(results):
        width = 100 * count / len(results.points)
        bars.append((status, round(start, 3), round(width, 3)))
        start += width
    return bars


def _facts(results: Results) -> list[tuple[str, str, str]]:
    """(what, value, "code" where it was typed or is a name) of the sweep as it was asked for."""
    said = results.sweep.model_extra or {}
    asked = sorted({seed for cell in results.sweep.cells for seed in cell.points})
    seeds = ", ".join(map(str, asked[:_MOST_SEEDS])) + (
        f" and {len(asked) - _MOST_SEEDS} more" * (len(asked) > _MOST_SEEDS)
    )
    axes = [
        f"{model}: {pluralize(len(results.list_cells(model)), 'cell')}, by {', '.join(names)}"
        if names
        else f"{model}: 1 cell"
        for model, names in results.varying_of.items()
    ]
    versions, hardware = (
        said.get(name) if isinstance(said.get(name), dict) else {}
        for name in ("versions", "hardware")
    )
    facts = [
        ("models and what varies", "; ".join(axes), ""),
        ("seeds", f"{pluralize(len(asked), 'seed')}: {seeds}", ""),
        ("chosen by", describe_selection(results), ""),
        ("examples", "" if results.sweep.data else _examples(results), ""),
        ("command line", str(said.get("command") or ""), "code"),
        ("asked for at", provenance.time(str(said.get("created") or "")), ""),
        ("commit of the call", provenance.short(said.get("commit")), "code"),
        ("versions of the call", provenance.packages(versions or {}), ""),
        ("machine of the call", provenance.machine(hardware or {}), ""),
        ("data of the user's own", _own_data(results), ""),
    ]
    return [fact for fact in facts if fact[1]]


def _own_data(results: Results) -> str:
    """Return each of the user's own folders and files, after the digest that points know it by."""
    return ", ".join(
        f"{text}: {make_visible(place)}" for text, place in results.sweep.places.items()
    )


def _examples(results: Results) -> str:
    """How many examples each model is trained, validated and tested on, those with equal counts together."""
    found: dict[str, list[str]] = {}
    for model in results.models:
        if text := describe_sizes(results, results.list_cells(model)):
            found.setdefault(text.partition(": ")[2].removesuffix("."), []).append(model)
    return "; ".join(f"{', '.join(models)}: {text}" for text, models in found.items())


def _data(results: Results) -> list[dict[str, Any]]:
    """What each dataset had, in the order of sweep.json."""
    return [
        {
            "name": ", ".join(
                [about.dataset, *(f"{name}={value}" for name, value in about.params.items())]
            ),
            "training": _between(about.training),
            "numbers": [about.validation, about.test, about.examples, about.copies, about.left_out],
            "notes": about.notes,
        }
        for about in results.sweep.data.values()
    ]


def _between(counts: list[int]) -> str:
    if len(counts) > 1:
        return f"{min(counts):,} to {max(counts):,}"
    return f"{counts[0]:,}" if counts else ""


def _findings(made: Collected) -> list[tuple[Finding, str]]:
    """Each finding, and what its answer does not say of the test; what has an answer comes first."""
    from gensweep.report.stats.findings import NOT_ENOUGH, Finding

    frames = [table.frame for table in made.tables if table.name == STATISTICS]
    found = [Finding(**row) for frame in frames for row in frame.to_dict("records")]
    return sorted(((f, _numbers(f)) for f in found), key=lambda pair: pair[0].verdict == NOT_ENOUGH)


def _numbers(finding: Finding) -> str:
    parts = [finding.test]
    if not math.isnan(finding.estimate):
        interval = (
            "" if math.isnan(finding.low) else f", 95% CI {finding.low:.3g} to {finding.high:.3g}"
        )
        parts.append(f"estimate {finding.estimate:+.3g}{interval} ({finding.estimate_name})")
    if not math.isnan(finding.effect) and finding.effect_name != finding.estimate_name:
        parts.append(f"effect size {finding.effect:+.3g} ({finding.effect_name})")
    return "; ".join(part for part in parts if part)


def _cells(results: Results, commands: Commands) -> list[tuple[str, str]]:
    """A cell and the command that makes its numbers again."""
    first = results.sweep.cells[:_MOST_COMMANDS]
    return [(cell.id, commands.build_cell_command(cell.id, cell.model)) for cell in first]
