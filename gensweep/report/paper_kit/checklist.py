"""The facts that the checklists of NeurIPS, ACL and AAAI ask for, and what authors must add."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gensweep.report.page.commands import Commands
from gensweep.report.paper_kit import facts
from gensweep.report.paper_kit.compute import KINDS, Use
from gensweep.report.paper_kit.labels import Labels
from gensweep.report.summary import INTERVAL_METHOD
from gensweep.report.tables.markdown import escape_markdown

if TYPE_CHECKING:
    from gensweep.report.results import Results

NOTHING = "the records do not say"
INTRODUCTION = (
    "# Reproducibility checklist",
    "",
    "The facts that the checklists of NeurIPS (questions 1 to 16), ACL (responsible NLP, A to E)",
    "and AAAI (reproducibility) ask for. `[x]`: what the records say. `[ ]`: what only the authors",
    "can say.",
)
FOR_AUTHORS = (
    ("Claims match the results; limitations are discussed", "NeurIPS 1, 2; ACL A1"),
    ("Risks, broader impact and safeguards", "NeurIPS 9 to 11; ACL A2"),
    ("Code and data: a link, a licence, the command of each experiment", "NeurIPS 5; AAAI code"),
    ("Licences and citations of datasets and code", "NeurIPS 12; ACL B1, B2; AAAI datasets"),
    ("Data about people: consent, personal data, offensive content", "NeurIPS 14, 15; ACL B4, D"),
    ("Documentation of new data or models", "NeurIPS 13; ACL B5; AAAI datasets"),
    ("How ranges of hyperparameters were chosen; earlier runs", "NeurIPS 6; ACL C2; AAAI"),
    ("Why these metrics", "AAAI metrics"),
    ("Use of AI assistants and language models", "NeurIPS 16; ACL E"),
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A question of the checklists, who asks it, and what the records say, as Markdown."""

    question: str
    askers: str
    answers: Sequence[str]


def write_checklist(
    all_results: Sequence[tuple[Results, Labels]], uses: Sequence[Use]
) -> str:
    """Return the checklist as Markdown."""
    lines = [*INTRODUCTION, "", "## What the records say", ""]
    for entry in _list_entries(all_results, uses):
        mark = "x" if entry.answers else " "
        lines.append(f"- [{mark}] **{entry.question}** ({entry.askers})")
        lines += [f"    - {answer}" for answer in entry.answers or (NOTHING,)]
    lines += ["", "## What the authors must fill in", ""]
    lines += [
        f"- [ ] **{question}** ({askers})\n    - ..."
        for question, askers in FOR_AUTHORS
    ]
    return "\n".join(lines) + "\n"


def _list_entries(
    all_results: Sequence[tuple[Results, Labels]], uses: Sequence[Use]
) -> Iterator[Entry]:
    yield from _list_experiments(all_results)
    yield from _list_measurements(all_results)
    yield from _list_compute(uses)
    yield from _list_environments(all_results)
    yield _describe_reproduction(all_results)


def _list_experiments(
    all_results: Sequence[tuple[Results, Labels]],
) -> Iterator[Entry]:
    """Yield what was trained: splits, seeds and settings."""
    splits, runs, choices, tried, fixed = [], [], [], [], []
    for results, labels in all_results:
        name = results.sweep.name
        splits += _write_answers(
            name, [facts.describe_splits(results, labels)]
        )
        runs += _write_answers(name, [facts.describe_runs(results)])
        choices += _write_answers(
            name, [facts.describe_choice(results, labels)]
        )
        tried += _write_answers(
            name, facts.list_tried_values(results, labels)
        )
        fixed += _write_answers(
            name, facts.describe_fixed_settings(results, labels)
        )
    yield Entry(
        "Splits and their sizes", "NeurIPS 6; ACL B6; AAAI datasets", splits
    )
    yield Entry(
        "Seeds and number of runs", "NeurIPS 7; ACL C3; AAAI runs", runs
    )
    yield Entry(
        "How settings were selected",
        "NeurIPS 6; ACL C2; AAAI hyperparameters",
        choices,
    )
    yield Entry(
        "Values tried", "NeurIPS 6; ACL C2; AAAI hyperparameters", tried
    )
    yield Entry(
        "Other hyperparameters",
        "NeurIPS 4, 6; ACL C2; AAAI hyperparameters",
        fixed,
    )


def _write_answers(sweep: str, texts: Iterable[str]) -> list[str]:
    """Return what the records of a sweep say, as Markdown that shows names as they are."""
    return [escape_markdown(f"{sweep}: {text}") for text in texts]


def _list_measurements(
    all_results: Sequence[tuple[Results, Labels]],
) -> Iterator[Entry]:
    """Yield what was measured, and how it was tested."""
    statistics = [
        f"{INTERVAL_METHOD}.",
        "Intervals stay within the range of their metric; comparisons with the best are paired by "
        "seed and corrected (Bonferroni), and questions are corrected together (Holm).",
    ]
    yield Entry(
        "Error bars and tests",
        "NeurIPS 7; ACL C3; AAAI statistics",
        statistics,
    )
    metrics = list(_describe_metrics(all_results))
    yield Entry("Metrics", "AAAI metrics", metrics)


def _list_environments(
    all_results: Sequence[tuple[Results, Labels]],
) -> Iterator[Entry]:
    """Yield where it was computed: machines and software."""
    origins = facts.list_origins(results for results, _ in all_results)
    # Without the host: reviews are blind.
    machines = [origin.hardware.partition(", host ")[0] for origin in origins]
    known = [escape_markdown(one) for one in dict.fromkeys(machines) if one]
    yield Entry(
        "Infrastructure", "NeurIPS 8; ACL C1; AAAI infrastructure", known
    )
    software = []
    if origins:
        software.append(escape_markdown(facts.describe_software(origins)))
    yield Entry(
        "Software and versions", "ACL C4; AAAI infrastructure", software
    )


def _describe_reproduction(
    all_results: Sequence[tuple[Results, Labels]],
) -> Entry:
    """Return the commands that make the results again."""
    names = ", ".join(results.sweep.name for results, _ in all_results)
    commands = [
        escape_markdown(Commands(results).full) for results, _ in all_results
    ]
    commands.append(
        f"Each number of {escape_markdown(names)} has a record with parameters, code, versions "
        "and hardware; "
        "`gensweep verify` trains samples of them again and compares."
    )
    return Entry("Reproduction", "NeurIPS 4; AAAI code", commands)


def _describe_metrics(
    all_results: Sequence[tuple[Results, Labels]],
) -> Iterator[str]:
    seen = set()
    for results, labels in all_results:
        for name, info in results.metrics.items():
            if name not in seen:
                seen.add(name)
                meaning = info.doc.strip().partition("\n")[0] or NOTHING
                text = f"{labels.get(name)} ({name}): {meaning}"
                yield escape_markdown(text)


def _list_compute(uses: Sequence[Use]) -> Iterator[Entry]:
    hours = []
    for kind, meaning in KINDS.items():
        of_kind = [use for use in uses if use.kind == kind]
        runs = sum(use.runs for use in of_kind)
        if runs:
            total = sum(use.hours for use in of_kind)
            hours.append(f"{meaning}: {runs}, {total:.1f} hours")
    yield Entry(
        "Compute, beyond what is reported too", "NeurIPS 8; ACL C1", hours
    )
    sizes: dict[str, set[int]] = {}
    for use in uses:
        sizes.setdefault(use.model, set()).update(use.parameters - {0})
    parameters = [
        escape_markdown(
            f"{model}: {_write_ends(counts)} trainable parameters"
        )
        for model, counts in sizes.items()
        if counts
    ]
    yield Entry("Size of the models", "ACL C1", parameters)
    peaks = [peak for use in uses for peak in use.peaks]
    memory = [f"at most {max(peaks) / 1e9:.2f} GB per run"] if peaks else []
    yield Entry("Memory", "NeurIPS 8", memory)


def _write_ends(counts: set[int]) -> str:
    ends = dict.fromkeys(f"{count:,}" for count in (min(counts), max(counts)))
    return " to ".join(ends)
