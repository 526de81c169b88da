"""Tables with the metrics and labels that a sweep chose: declared, stored, shown."""

from __future__ import annotations

import json

import pytest
from sweep_files import cell, write_record, write_sweep

import gensweep as gs
from gensweep import load
from gensweep.core.errors import SweepError, UnknownNameError
from gensweep.ledger.manifest_writer import build_sweep_json
from gensweep.report.collect import make
from gensweep.report.tables.latex_compact import render_latex_files
from gensweep.report.tables.markdown import render_markdown

CHOICE = gs.Table(
    "leaderboard",
    metrics=["exact_match", "validation/char_accuracy"],
    labels={"exact_match": "exact match", "lr": "rate", "text_to_text": "text"},
)


def sweep(*tables):
    return gs.Sweep("s", gs.Grid("text_to_text", lr=[0.01, 0.1]), tables=tables)


def test_a_sweep_keeps_its_choice_and_sweep_json_has_it():
    declared = sweep("depth", CHOICE).replace_values(seeds=2)
    assert declared.tables == ["depth", "leaderboard"]
    stored = json.loads(json.dumps(build_sweep_json(declared, "")))
    assert stored["tables"] == ["depth", "leaderboard"]
    assert stored["table_choices"] == {
        "leaderboard": {"metrics": list(CHOICE.metrics), "labels": CHOICE.labels}
    }
    assert "table_choices" not in build_sweep_json(sweep("depth", gs.Table("cells")), "")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (gs.Table("leaderboard", metrics=["exact_mach"]), "did you mean 'exact_match'"),
        (gs.Table("leaderboard", metrics="exact_match"), "not a list of names"),
        (gs.Table("leaderboard", labels={"learning": "x"}), "unknown label 'learning'"),
        (gs.Table("leaderboard", labels={"encoder_layer": "x"}), "did you mean 'encoder_layers'"),
        (gs.Table("leaderboard", labels=["lr"]), "not a dict of texts"),
        (gs.Table("leaderboard", labels={"lr": 3}), "not a dict of texts"),
        (gs.Table("leaderboard", "A title"), "belong to what a table function returns"),
    ],
)
def test_bad_choices_name_what_is_wrong(table, message):
    with pytest.raises(SweepError) as error:
        sweep(table)
    assert message in str(error.value)
    assert "'s'" in str(error.value)


def test_an_unknown_table_has_a_near_name():
    with pytest.raises(UnknownNameError, match="did you mean 'leaderboard'"):
        sweep(gs.Table("leaderbord", metrics=["exact_match"]))


def test_one_table_with_two_choices_is_refused():
    with pytest.raises(SweepError, match="'leaderboard' twice"):
        sweep(CHOICE, gs.Table("leaderboard"))
    assert sweep(CHOICE, CHOICE).tables == ["leaderboard"]


def test_tables_is_a_list():
    with pytest.raises(SweepError, match="not a list of names"):
        sweep_with_one = gs.Sweep("s", gs.Grid("text_to_text"), tables=CHOICE)
        assert not sweep_with_one


@pytest.fixture
def results(tmp_path):
    cells = [cell(0, 1, lr=0.01), cell(0, 1, lr=0.1)]
    for index, one in enumerate(cells):
        for seed in (0, 1):
            metrics = {"exact_match": 0.5 + 0.1 * index + 0.01 * seed, "char_accuracy": 0.9}
            write_record(tmp_path, one, seed, **metrics)
    chosen = {"metrics": ["exact_match", "loss"], "labels": dict(CHOICE.labels)}
    folder = write_sweep(tmp_path, cells, table_choices={"leaderboard": chosen})
    return load(folder)


# ={"leaderboard": {"metrics": ["exact_match", "loss"], "labels": dict(CHOICE.labels)}})


def test_formats_show_the_choice_and_the_csv_file_has_all(results):
    (table,) = [one for one in make(results).tables if one.name.startswith("leaderboard")]
    markdown = render_markdown(table, results)
    (head,) = [line for line in markdown.splitlines() if line.startswith("| rank")]
    names = [name.strip() for name in head.strip("| ").split("|")]
    assert names == ["rank", "rate", "seeds ok", "exact match [fraction]", "std"]
    assert "Chosen, but not in this table: loss." in markdown
    (_, latex), *_ = render_latex_files(table, results)
    body = latex.partition(r"\begin{tabular}")[2].partition(r"\bottomrule")[0]
    assert "exact" in body and "char" not in body
    assert "char_accuracy_mean" in table.frame and "exact_match_mean" in table.frame
