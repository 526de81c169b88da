"""The paper kit: numbers, macros, tables, figures, compute and the files, and pdfLaTeX's word on them."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hostile_sweep import HOSTILE, hostile
from runs import call
from sweep_files import T_1, cell, generous, write_record, write_sweep

from gensweep import load
from gensweep.core.errors import ResultsError, UserError
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.report.measurement import measure
from gensweep.report.page.provenance import collect_origins
from gensweep.report.paper_kit.columns import Cell, NumberFormat, PaperColumn, make_columns
from gensweep.report.paper_kit.compute import SUPERSEDED, collect_uses, describe_machine
from gensweep.report.paper_kit.files import write_files
from gensweep.report.paper_kit.kit import make_kit
from gensweep.report.paper_kit.labels import Labels, spell_name
from gensweep.report.paper_kit.macro_names import make_names, spell
from gensweep.report.paper_kit.macros import list_macros
from gensweep.report.paper_kit.numbers import Form, choose_form
from gensweep.report.paper_kit.options import KitOptions
from gensweep.report.paper_kit.widths import measure as measure_width
from gensweep.report.tables.columns import Column, Kind


def depths(root: Path, **changes) -> Path:
    """Two depths of text to text with two seeds each, and a depth without any result."""
    cells = [cell(0, 1, encoder_layers=layers) for layers in (1, 2, 3)]
    for index, one in enumerate(cells[:2]):
        for seed in (0, 1):
            values = {
                "char_accuracy": 0.9 + 0.05 * index,
                "exact_match": 0.5 + 0.1 * index + seed / 100,
            }
            write_record(root, one, seed, **values)
    return write_sweep(root, cells, **changes)


@pytest.fixture
def results(tmp_path):
    return load(depths(tmp_path))


# --- numbers


@pytest.mark.parametrize(
    ("halves", "mean", "expected"),
    [
        ((0.022, 0.045, 0.039), 0.625, Form(3)),
        ((1.5, 2.5), 61.0, Form(1)),
        ((150.0,), 4000.0, Form(0)),
        ((2e-6,), 3e-5, Form(2, -5)),
        ((2e6,), 3e7, Form(2, 7)),
        ((math.nan,), 0.25, Form(4)),
        ((0.0,), 0.0, Form(3)),
    ],
)
def test_a_column_has_two_digits_of_its_typical_interval(halves, mean, expected):
    values = [measure(mean, half, half, 3) for half in halves]
    assert choose_form(values) == expected


def test_numbers_are_written_without_a_minus_zero():
    assert Form(3).write(-0.0004) == "0.000"
    assert Form(2, -5).write(3.14159e-5) == "3.14"


# --- labels


def test_names_become_words_and_chosen_texts():
    labels = Labels(["char_accuracy", "lr", "mse", "hold"], {"lr": "step size"})
    assert labels.get("validation/char_accuracy") == "validation character accuracy"
    assert spell_name("reconstruction_mse") == "reconstruction MSE"
    sentence = "by validation/mse and train/char_accuracy at lr=0.1; hold what an mse is"
    assert labels.write(sentence) == (
        "by validation MSE and train character accuracy at step size=0.1; hold what an MSE is"
    )


# --- macros


def test_macros_have_letters_only_and_differ():
    assert spell("text_to_text") == "TextToText"
    assert spell("0.5") == "ZeroPointFive"
    assert spell("-12") == "MinusOneTwo"
    assert spell("1e-05") == "OneEMinusZeroFive"
    assert spell("é数!") == "EUSixFiveSevenZero"
    names = make_names([("a_b", "c"), ("aB", "c"), ("x", "1")])
    assert names[2] == "gsXOne"
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"gsABC[A-Za-z]{5}", name) for name in names[:2])
    assert make_names([("a_b", "c")]) == ["gsABC"], "a name alone is plain"


def read_macros(text: str) -> dict[str, str]:
    return dict(re.findall(r"\\newcommand\{\\(\w+)\}\{(.*)\} %", text))


def test_macros_say_mean_interval_and_n(results):
    macros = read_macros(make_kit([results], KitOptions()).files["numbers.tex"])
    # 0.60 and 0.61: the mean is 0.605, the deviation 0.01 / sqrt(2).
    half = T_1 * 0.01 / math.sqrt(2) / math.sqrt(2)
    start = "gsSweepTextToTextEncoderLayersTwo"
    assert macros[f"{start}ExactMatch"] == r"\ensuremath{0.605}"
    low, high = 0.605 - half, 0.605 + half
    assert macros[f"{start}ExactMatchInterval"] == rf"\ensuremath{{[{low:.3f}, {high:.3f}]}}"
    assert macros[f"{start}ExactMatchFull"] == rf"\ensuremath{{0.605 \pm {half:.3f}}}"
    assert macros[f"{start}ExactMatchN"] == "2"
    assert macros["gsSweepTextToTextBestEncoderLayers"] == "2", "0.95 on the validation set"
    assert macros["gsSweepTextToTextBestExactMatchFull"] == macros[f"{start}ExactMatchFull"]
    assert macros["gsSweepTextToTextEncoderLayersThreeExactMatch"] == r"\textbf{??}"
    assert (macros["gsSweepPointsOk"], macros["gsSweepPointsMissing"]) == ("4", "2")


def test_macros_say_what_findings_say(tmp_path):
    cells = [cell(0, 1, 2, lr=rate) for rate in (0.1, 0.2, 0.3)]
    for one, mean in zip(cells, (0.9, 0.5, 0.1), strict=True):
        for seed, noise in enumerate((0.0, 0.04, -0.03)):
            write_record(tmp_path, one, seed, char_accuracy=mean + noise * mean**2)
    results = load(write_sweep(tmp_path, cells))
    options = KitOptions(comparisons=[("lr", 0.1, 0.3)])
    macros = read_macros(make_kit([results], options).files["numbers.tex"])
    finding = next(one for one in results.findings if "Is one value of lr" in one.question)
    start = "gsSweepIsOneValueOfLrTheBestForTextToTextByCharAccuracy"
    assert macros[f"{start}Verdict"] == finding.verdict == "yes"
    low, high = finding.low, finding.high
    assert macros[f"{start}Estimate"] == rf"\ensuremath{{+{finding.estimate:.3f}}}"
    assert macros[f"{start}Interval"] == rf"\ensuremath{{[{low:.3f}, {high:.3f}]}}"
    assert 0.001 < finding.p_corrected < 0.05
    assert macros[f"{start}P"] == rf"\ensuremath{{p = {finding.p_corrected:.3f}}}"
    assert macros[f"{start}N"] == "3"
    (alone,) = results.compare("lr", 0.1, 0.3)
    compared = "gsSweepIsLrZeroPointOneBetterThanLrZeroPointThreeForTextToTextByCharAccuracy"
    assert macros[f"{compared}Full"].startswith(rf"\ensuremath{{+{alone.estimate:.3f}\ [")
    pvalue = float(macros[f"{compared}P"].split()[-1].rstrip("}"))
    assert pvalue > alone.p_corrected, "corrected together with the questions of the sweep"
    plain = read_macros(make_kit([results], KitOptions()).files["numbers.tex"])
    assert macros.keys() - plain.keys() == {
        f"{compared}{part}" for part in ("Verdict", "Estimate", "Interval", "Full", "P", "N")
    }


def test_a_question_without_an_answer_has_no_number(tmp_path):
    cells = [cell(0, lr=rate) for rate in (0.1, 0.2)]
    for one in cells:
        write_record(tmp_path, one, 0, char_accuracy=0.5)
    results = load(write_sweep(tmp_path, cells))
    macros = read_macros(make_kit([results], KitOptions()).files["numbers.tex"])
    start = f"gsSweep{spell(results.findings[0].question)}"
    assert macros[f"{start}Verdict"] == "not enough data"
    assert macros[f"{start}P"] == r"\textbf{??}"


# --- tables


def read_rows(lines: str) -> list[str]:
    body = lines.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
    return [line for line in body.splitlines() if "tabularnewline" in line]


def test_a_leaderboard_is_compact(results):
    files = make_kit([results], KitOptions(labels={"encoder_layers": "depth"})).files
    name = "tables/sweep-leaderboard-text-to-text"
    table = files[f"{name}.tex"]
    first, second = read_rows(table)
    assert first.startswith("2 & 0.9500 & 0.9500") and "0.605" in first
    assert second.startswith("1 & 0.9000 & ") and "0.505" in second
    head = table.partition(r"\midrule")[0]
    assert "depth" in head and r"match~$\uparrow$" in head and "rank" not in head
    caption = files[f"{name}-caption.txt"]
    assert caption.startswith("Text to text: 2 settings by validation character accuracy")
    assert "n = 2 seeds" in caption and "1 row without any result" in caption
    assert r"\label{tab:sweep-leaderboard-text-to-text}" in files[f"{name}-caption.tex"]


def test_rows_and_metrics_are_chosen(results):
    options = KitOptions(rows=1, metrics=("exact_match",))
    files = make_kit([results], options).files
    table = files["tables/sweep-leaderboard-text-to-text.tex"]
    (row,) = read_rows(table)
    assert row.count("&") == 2, "the depth, a mean and its interval"
    caption = files["tables/sweep-leaderboard-text-to-text-caption.txt"]
    assert "1 best of 2 settings" in caption


def test_a_sweep_chooses_for_its_paper_too(tmp_path):
    chosen = {"metrics": ["exact_match"], "labels": {"exact_match": "solved"}}
    folder = depths(tmp_path, table_choices={"leaderboard": chosen})
    files = make_kit([load(folder)], KitOptions()).files
    head = files["tables/sweep-leaderboard-text-to-text.tex"].partition(r"\midrule")[0]
    assert r"solved~$\uparrow$" in head and "accuracy" not in head


def test_the_best_and_what_cannot_be_told_from_it_are_bold(tmp_path):
    cells = [cell(0, 1, 2, lr=rate) for rate in (0.1, 0.2, 0.3)]
    means = (0.90, 0.89, 0.10)
    for one, mean in zip(cells, means, strict=True):
        for seed, noise in enumerate((0.0, 0.02, -0.01)):
            shift = noise if one is cells[0] else -noise
            write_record(tmp_path, one, seed, char_accuracy=mean + shift)
    files = make_kit([load(write_sweep(tmp_path, cells))], KitOptions()).files
    rows = read_rows(files["tables/sweep-leaderboard-text-to-text.tex"])
    assert [r"& \gsbest 0." in row for row in rows] == [True, True, False]
    caption = files["tables/sweep-leaderboard-text-to-text-caption.txt"]
    assert "Bold: not distinguishable" in caption


def test_numbers_stand_in_columns_of_siunitx(tmp_path):
    cells = [cell(0, 1, lr=rate) for rate in (0.1, 0.025, 0.5)]
    for one, loss in zip(cells, (-12.5, 3.25, 0.5), strict=True):
        for seed in (0, 1):
            write_record(tmp_path, one, seed, char_accuracy=0.5, loss=loss + seed / 10)
    options = KitOptions(metrics=("loss",))
    files = make_kit([load(write_sweep(tmp_path, cells))], options).files
    table = files["tables/sweep-leaderboard-text-to-text.tex"]
    assert r"{@{}S[table-format=1.3]S[table-format=-2.2]@{\,}l@{}}" in table
    assert r"\usepackage{booktabs,siunitx}" in table
    rows = read_rows(table)
    assert any(row.startswith("0.025 & 3.30 & {") for row in rows), rows
    assert any(row.startswith("0.1 & -12.45 & {") for row in rows), rows
    assert r"{rate} & " in table or r"{learning rate} & " in table


def test_texts_and_powers_are_not_read_as_numbers():
    cells = [(Cell("5", "5"),), (Cell("--", "--"),)]
    column = PaperColumn("n", cells, True)
    assert column.number_format == NumberFormat(False, 1, 0)
    assert PaperColumn("n", cells, False).number_format is None
    power = (Cell(r"$3 \times 10^{-5}$", "3e-05"),)
    assert PaperColumn("lr", [*cells, power], True).number_format is None
    assert NumberFormat(True, 2, 3).write() == "-2.3"
    assert NumberFormat(True, 2, 3).get_widest() == "+00.000"


def test_small_p_values_are_bounds(results):
    column = Column("McNemar p", [1.4e-305, 0.0371, math.nan], Kind.NUMBER, form=".2g")
    (printed,) = make_columns([column], Labels([], {}))
    assert [cells[0].text for cells in printed.cells] == ["< 0.001", "0.037", "–"]


def test_small_letters_of_computer_modern_are_wider():
    digits = "0.625"
    assert measure_width(digits, 7.0, "computer-modern") > measure_width(digits, 7.0, "times")
    # Four digits of half an em, and a point of a quarter.
    assert measure_width(digits, 8.0, "times") == pytest.approx(8 * 2.25, rel=0.02)


# --- compute


def test_compute_counts_failed_and_superseded_runs(tmp_path):
    cells = [cell(0, 1, 2, lr=0.1)]
    write_record(tmp_path, cells[0], 0, char_accuracy=0.5)
    write_record(tmp_path, cells[0], 1, Status.FAILED)
    old = cell(0, lr=0.7)
    write_record(tmp_path, old, 0, char_accuracy=0.5)
    folder = write_sweep(tmp_path, cells)
    uses = collect_uses([load(folder)])
    assert [(use.kind, use.runs, use.seconds) for use in uses] == [
        ("results", 1, 2.0),
        (Status.FAILED, 1, 2.0),
        (SUPERSEDED, 1, 2.0),
    ]
    files = make_kit([load(folder)], KitOptions()).files
    assert "3 runs" in files["tables/compute-caption.txt"]
    assert "superseded" in files["tables/compute.tex"]
    assert "points that failed: 1" in files["checklist.md"]


def test_shared_epochs_count_once(tmp_path):
    one = cell(0)
    path = write_record(tmp_path, one, 0, char_accuracy=0.5)
    values = json.loads(path.read_text())
    del values["checksum"]
    # Of two hours, three quarters are those of another point.
    values |= {"seconds": 7200.0, "origin": {"point": "other", "epoch": 5, "seconds": 5400.0}}
    path.write_text(Record(**values).to_json())
    results = load(write_sweep(tmp_path, [one]))
    (use,) = collect_uses([results])
    assert use.seconds == pytest.approx(1800.0)
    hours = [one for one in list_macros(results, KitOptions()) if one.identity[1:] == ("hours",)]
    assert [one.value for one in hours] == ["0.5"]
    (origin,), times, _ = collect_origins(results)
    assert origin.seconds == pytest.approx(1800.0)
    assert times.total == "30 min"


def test_machines_are_named_without_marks():
    hardware = {"processor": "Intel(R) Xeon(R) Processor", "cores": 2, "device": "cpu"}
    record = Record("a", "vae", {}, 0, Status.OK, hardware=hardware)
    assert describe_machine(record) == "Intel Xeon Processor, 2 cores"
    record.hardware["device"] = "cuda (NVIDIA H200)"
    assert describe_machine(record) == "cuda (NVIDIA H200); Intel Xeon Processor, 2 cores"


# --- texts


def test_methods_and_checklist_say_what_records_say(results):
    files = make_kit([results], KitOptions()).files
    methods = files["methods.txt"]
    assert "with 2 seeds (0, 1)" in methods
    assert "3 settings of encoder layers" in methods
    assert "text to text by validation character accuracy" in methods
    assert "4 finished and 2 not trained yet" in methods
    checklist = files["checklist.md"]
    assert "- [x] **Seeds and number of runs** (NeurIPS 7; ACL C3; AAAI runs)" in checklist
    assert "sweep: text to text, encoder layers: 1, 2, 3" in checklist
    assert "python -m gensweep sweeps/sweep.py --results again" in checklist
    assert "- [ ] **Licences and citations" in checklist


def test_names_of_datasets_stand_as_they_are(tmp_path):
    """In words, "a_b" would be "a b"; in Markdown, "<b>" would be bold."""
    names = ["pics a_b", "pics a b", "<b>", "_u_", "arithmetic_pictures"]
    cells = [cell(0, dataset=name, encoder_layers=index) for index, name in enumerate(names)]
    for one in cells:
        write_record(tmp_path, one, 0, char_accuracy=0.5)
    files = make_kit([load(write_sweep(tmp_path, cells))], KitOptions()).files
    assert "<b>, _u_, arithmetic pictures, pics a b and pics a_b" in files["methods.txt"]
    assert (
        r"Data: &lt;b>, \_u\_, arithmetic pictures, pics a b and pics a_b." in files["checklist.md"]
    )


def test_two_tables_for_one_file_are_refused(tmp_path):
    """Caption of a ranking on dataset "a", and the ranking on a dataset "a-caption"."""
    cells = [cell(0, dataset=name) for name in ("a", "a-caption")]
    for one in cells:
        write_record(tmp_path, one, 0, char_accuracy=0.5)
    results = load(write_sweep(tmp_path, cells))
    with pytest.raises(
        ResultsError, match=r"would be the file .*-a-caption\.tex: write two papers"
    ):
        make_kit([results], KitOptions())


def test_the_same_records_give_the_same_files(tmp_path):
    folder = depths(tmp_path, figures=["depth_heatmap"])
    first, second = (make_kit([load(folder)], KitOptions()).files for _ in range(2))
    assert first == second
    assert first["figures/sweep-depth-heatmap-text-to-text.pdf"].startswith(b"%PDF")


# --- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (KitOptions(metrics=("exact_mach",)), "did you mean 'exact_match'"),
        (KitOptions(labels={"encoder_layer": "x"}), "did you mean 'encoder_layers'"),
        (KitOptions(tables=("leaderbord",)), "did you mean 'leaderboard'"),
    ],
)
def test_unknown_names_have_near_names(results, options, message):
    with pytest.raises(UserError, match=message):
        make_kit([results], options)


def test_two_sweeps_of_one_name_are_refused(tmp_path):
    folders = []
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        folders.append(depths(tmp_path / part))
    with pytest.raises(ResultsError, match="two sweeps are named 'sweep'"):
        make_kit([load(folder) for folder in folders], KitOptions())


def test_tables_and_figures_of_absent_files_are_named(tmp_path):
    folder = depths(tmp_path, tables=["mine"], figures=["sketch"])
    kit = make_kit([load(folder)], KitOptions())
    assert kit.remarks == [
        "sweep: the table mine is not known",
        "sweep: the figure sketch is not known",
    ]
    assert "tables/sweep-leaderboard-text-to-text.tex" in kit.files


# --- files


def test_edited_files_stay_and_stale_ones_go(tmp_path):
    folder = tmp_path / "paper"
    first = write_files(folder, {"a.tex": "1", "tables/b.tex": "2", "c.tex": "3"})
    assert len(first.written) == 3
    (folder / "a.tex").write_text("mine")
    (folder / "c.tex").write_text("mine")
    second = write_files(folder, {"a.tex": "new", "d.tex": "4"})
    assert second.edited == ["a.tex"] and second.written == ["d.tex"]
    assert second.removed == ["tables/b.tex"], "c.tex was edited, and stays"
    assert (folder / "a.tex").read_text() == "mine" == (folder / "c.tex").read_text()
    third = write_files(folder, {"a.tex": "new", "d.tex": "4"})
    assert third.edited == ["a.tex"], "it is still known as edited"
    last = write_files(folder, {"a.tex": "new", "d.tex": "4"}, overwrite=True)
    assert last.written == ["a.tex"] and (folder / "a.tex").read_text() == "new"


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="cannot be written"):
        write_files(tmp_path / "file" / "paper", {"a.tex": "1"})


# --- the command


def test_the_command_writes_and_refuses(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    folder, out = depths(tmp_path), tmp_path / "paper"
    arguments = ["paper", folder, "--out", out]
    ended = call(*arguments)
    assert ended.code == 0 and "Wrote" in ended.out
    assert (out / "main.tex").is_file() and (out / "numbers.tex").is_file()
    (out / "methods.tex").write_text("mine")
    ended = call(*arguments, "--label", "exact_match=right, all of it")
    assert ended.code == 0 and "left as they are: methods.tex" in ended.out
    table = (out / "tables/sweep-leaderboard-text-to-text.tex").read_text()
    assert "right," in table and "match" not in table
    ended = call(*arguments, "--compare", "encoder_layers=1,2")
    assert ended.code == 0
    assert "EncoderLayersOneBetterThanEncoderLayersTwo" in (out / "numbers.tex").read_text()
    ended = call(*arguments, "--compare", "encoder_layer=1,2")
    assert ended.code == 2 and "did you mean 'encoder_layers'" in ended.error
    ended = call(*arguments, "--compare", "encoder_layers=1")
    assert ended.code == 2 and "does not name two values" in ended.error
    ended = call(*arguments, "--metric", "exact_mach")
    assert ended.code == 2 and "did you mean 'exact_match'" in ended.error
    ended = call(*arguments[:2], "--out", "s3://bucket/paper")
    assert ended.code == 2 and "local folder" in ended.error


# --- LaTeX


def has_latex(package: str) -> bool:
    """Whether pdfLaTeX is here, and a package for it."""
    if not shutil.which("pdflatex") or not shutil.which("kpsewhich"):
        return False
    command = ["kpsewhich", f"{package}.sty"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def typeset(folder: Path) -> str:
    """The log of pdfLaTeX of the example article."""
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main"]
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    log = (folder / "main.log").read_text(errors="replace")
    assert outcome.returncode == 0, log[-2000:]
    return log


@pytest.mark.latex
@pytest.mark.skipif(not has_latex("siunitx"), reason="no pdflatex, or no siunitx")
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("build", [generous, hostile])
def test_the_example_is_typeset_without_an_overfull_box(tmp_path, build, columns):
    """Every table and figure, every status, names of every sort, in two columns."""
    labels = {"char_accuracy": HOSTILE}
    options = KitOptions(columns=columns, labels=labels if build is hostile else {})
    write_files(tmp_path / "paper", make_kit([load(build(tmp_path))], options).files)
    log = typeset(tmp_path / "paper")
    assert "Overfull" not in log
    assert not re.search(r"(siunitx|Font) Warning", log), "bold digits, and columns of numbers"
