"""Tables as LaTeX: what is printed, and that a real pdfLaTeX takes all of it."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hostile_sweep import HOSTILE, hostile
from sweep_files import cell, write_record, write_sweep

from gensweep import load
from gensweep.core.registries import TABLES
from gensweep.ledger.status import Status
from gensweep.report.collect import collect
from gensweep.report.measurement import NotMeasured, Seeds, measure
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.latex import PACKAGES, render_latex
from gensweep.report.tables.latex_cells import format_cell
from gensweep.report.tables.latex_compact import render_compact, render_latex_files
from gensweep.report.tables.latex_text import escape


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (measure(0.625, 0.022, 0.02, 3), "", r"$0.625 \pm 0.022$"),
        (measure(0.625, 0.022, 0.02, 2, seeds=3), "", r"$0.625 \pm 0.022$ ($n=2$)"),
        (measure(0.25, math.nan, math.nan, 1), "", "$0.2500$ ($n=1$)"),
        (measure(0.97, 0.042, 0.1, 3, bounds=(0, 1)), "", r"$0.970\ [0.928, 1.000]$"),
        (
            measure(3.2e-9, 1.4e-10, 1e-10, 3),
            "",
            r"$3.2 \times 10^{-9} \pm 1.4 \times 10^{-10}$",
        ),
        (0.0585, "+.4f", "$+0.0585$"),
        (-0.01, "", "$-0.01$"),
        (1e-05, "", r"$1 \times 10^{-5}$"),
        (0.5661, ".4f", "0.5661"),
        (Seeds(3, 5), "", "3/5"),
        (None, "", "--"),
        (math.nan, "", "--"),
        (NotMeasured(("too few pictures",)), "", "not measured"),
        (NotMeasured(seeds=0), "", "--"),
        ("a_b", "", r"a\_b"),
    ],
)
def test_cells(value, form, expected):
    column = Column("x", [value], Kind.NUMBER, form=form)
    assert format_cell(column, value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100% & more_x #1 $5 {a}", r"100\% \& more\_x \#1 \$5 \{a\}"),
        ("\\input ^ ~", r"\textbackslash{}input \textasciicircum{} \textasciitilde{}"),
        ("--set  a\nb", "-{}-set a b"),
        ("CI -0.1 to 0.2, mid-day, e2-d3", "CI $-$0.1 to 0.2, mid-day, e2-d3"),
        ("é ñ Å 数", r"\'{e} \~{n} \r{A} \unicodeletter{6570}{数}"),
        ("a\x1b \u202eb", "a[U+001B] [U+202E]b"),
        ("[0.9, 0.99] [v2]", "{}[0.9, 0.99] [v2]"),
        ("*a*", "{}*a*"),
    ],
)
def test_text_is_escaped(text, expected):
    assert escape(text) == expected


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile sweep, collected; not to be changed."""
    result = hostile(tmp_path_factory.mktemp("hostile"))
    collect(result)
    return result


def test_a_table_is_whole_and_says_n_and_every_status(folder):
    text = (folder / "tables" / "cells.tex").read_text()
    for name in ("table", "tabular", "longtable", "itemize", "footnotesize"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}")
    assert r"\begin{longtable}" in text, "49 cells are more than a page"
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert labels[0] == "tab:a-b_c-cells"
    assert len(set(labels)) == len(labels) == text.count(r"\caption{")
    assert r"a-b\_c: every cell" in text
    assert "95\\% confidence interval" in text
    assert "$n$ = 0 to 2 seeds" in text
    head = text[: text.index(r"\midrule")]
    assert all(status in head for status in ("missing", "failed", "diverged"))
    assert re.search(r"^1 & 1 & .* & 2/3 & 0 & 0 & 1 & ", text, re.MULTILINE), (
        "one seed of three is missing"
    )


def test_statuses_that_no_cell_has_are_no_columns(tmp_path):
    one = cell(0)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    collect(write_sweep(tmp_path, [one]))
    for suffix in ("md", "tex"):
        text = (tmp_path / "sweep" / "tables" / f"cells.{suffix}").read_text()
        assert "1/1" in text
        assert "missing" not in text.partition("1/1")[0]


def test_other_scripts_stand_by_number_unless_a_document_has_their_letters(folder):
    """The command is declared once in each file that uses it, and in no other."""
    texts = [path.read_text() for path in (folder / "tables").glob("*.tex")]
    using = [text for text in texts if "{6570}{数}" in text]
    assert using and all(
        text.count(r"\providecommand{\unicodeletter}[2]{[U+#1]}") == 1 for text in using
    )
    assert not any("unicodeletter" in text for text in texts if text not in using)


def test_a_wide_table_is_split_and_each_part_names_its_cells(folder):
    results = load(folder)
    results.metrics.update({f"m{k}": results.metrics["char_accuracy"] for k in range(9)})
    value = measure(0.5, 0.2, 0.1, 3)
    metrics = [Column(f"m{k}", [value], Kind.METRIC, group=f"m{k}") for k in range(9)]
    counts = {"n_ok": 3, "n_diverged": 0, "n_failed": 0, "n_missing": 1}
    columns = [Column(name, [count], Kind.COUNT) for name, count in counts.items()]
    layers = Column("encoder_layers", [77], Kind.PARAMETER)
    data = TableData((layers, *columns, *metrics))
    text = render_latex(Table("wide", "Wide", data), results)
    rows = [line for line in text.splitlines() if line.startswith("77 & 3/4 & 1")]
    parts = text.count(r"\begin{table}")
    assert 1 < parts == len(rows)
    assert sum(row.count(r"\pm") for row in rows) == 9, "every metric stands in one part"
    assert f"(part 2 of {parts})" in text


def test_an_empty_table_says_so(folder):
    import pandas as pd

    assert "Nothing to show." in render_latex(
        Table("none", "None", pd.DataFrame({"a": []})), load(folder)
    )


def depths(root: Path, seeds: int = 2, lost: bool = False) -> Path:
    """The paper's depths of text_to_text, collected; of the last cell one point may have failed."""
    cells = [
        cell(*range(seeds), encoder_layers=e, decoder_layers=d) for e, d in ((1, 1), (2, 1), (1, 2))
    ]
    for index, one in enumerate(cells):
        for seed in range(seeds):
            bad = lost and one is cells[-1] and seed == 0
            values = {
                "char_accuracy": 0.5 + index / 10 + seed / 50,
                "exact_match": 0.25,
                "novel": 0.125,
            }
            write_record(root, one, seed, Status.FAILED if bad else "ok", **({} if bad else values))
    folder = write_sweep(root, cells, tables=["depth"])
    collect(folder)
    return folder


def rows_of(text: str) -> list[str]:
    return [
        line for line in text[text.index(r"\midrule") :].splitlines() if r"\tabularnewline" in line
    ]


def test_a_compact_table_has_what_a_paper_needs_and_no_more(tmp_path):
    """Depths, the main metric, the paper's number, the difference, exact match; n is the same and in the caption."""
    folder = depths(tmp_path)
    text = (folder / "tables" / "depth-text_to_text.tex").read_text()
    assert text.count(r"\begin{table}") == 1
    first, *_ = rows_of(text)
    assert len(rows_of(text)) == 3, "the difference has three digits of the largest, 0.1"
    values = first.removesuffix(r" \tabularnewline").split(" & ")
    assert values[:2] == ["1", "1"]
    assert values[2] == r"$0.51 \pm 0.13$", "0.50 and 0.52: 12.706 * 0.01"
    assert values[3:] == ["0.5661", "$-0.056$", r"$0.2500 \pm 0.0000$"]
    assert "$n$ = 2 seeds." in text
    assert r"\label{tab:sweep-depth-text_to_text}" in text
    assert "novel" not in text and "seconds" not in text and "points that are ok" not in text
    full = (folder / "tables" / "depth-text_to_text-full.tex").read_text()
    assert "novel" in full and "seconds" in full
    assert r"\label{tab:sweep-depth-text_to_text-full}" in full


def test_a_compact_table_counts_seeds_where_they_differ(tmp_path):
    text = (depths(tmp_path, lost=True) / "tables" / "depth-text_to_text.tex").read_text()
    assert [row.split(" & ")[2] for row in rows_of(text)] == ["2/2", "1/2", "2/2"], (
        "ordered by encoder, then decoder"
    )
    assert "$n$: seeds that are ok, of those requested" in text
    assert "of the points that are ok" in text


def test_settings_with_one_value_stand_in_the_caption(tmp_path):
    cells = [cell(0, model="gan", dataset="avatars", encoder_layers=layers) for layers in (1, 2)]
    for one in cells:
        write_record(tmp_path, one, 0, sliced_wasserstein=0.5)
    results = load(write_sweep(tmp_path, cells))
    (table,) = TABLES["generative"].make(results)
    text = render_compact(table, results)
    assert "dataset avatars, decoder\\_layers 1. " in text
    assert [row.split(" & ")[0] for row in rows_of(text)] == ["1", "2"]


def test_only_the_papers_tables_have_a_compact_form(folder):
    results = load(folder)
    for page in TABLES:
        for table in TABLES[page].make(results):
            stems = [stem for stem, _ in render_latex_files(table, results)]
            many = page in ("depth", "splits", "budget", "generative") and len(table.frame) > 0
            assert stems == ([table.name, f"{table.name}-full"] if many else [table.name])


@pytest.mark.latex
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_every_table_compiles(folder, tmp_path):
    """All of a sweep's tables in one document, with the texts that LaTeX would stumble over."""
    import pandas as pd

    results = load(folder)
    texts = ["[0.9, 0.99]", "*", HOSTILE, HOSTILE * 9]
    awkward = pd.DataFrame(
        {"text": texts, "number": [math.nan, -1e-9, 0.0, 1.0], HOSTILE: [1, 2, 3, 4]}
    )
    tables = [table for page in sorted(TABLES) for table in TABLES[page].make(results)]
    tables.append(Table("awkward", HOSTILE, awkward, (HOSTILE,)))
    texts = [text for table in tables for _, text in render_latex_files(table, results)]
    body = [rf"\input{{{number}}}\clearpage" for number in range(len(texts))]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.tex").write_text(text)
    lines = [
        r"\documentclass{article}",
        rf"\usepackage{{{','.join(PACKAGES)}}}",
        r"\begin{document}",
        *body,
    ]
    (tmp_path / "all.tex").write_text("\n".join([*lines, r"\end{document}"]))
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=100
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "multiply defined" not in done.stdout
    wide = [
        float(size) for size in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", done.stdout)
    ]
    assert max(wide, default=0) < 60, "tables stay within the margins, but for a long word"
