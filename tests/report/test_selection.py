"""What decides which cell is best: values of the validation set, of the record or of its history, never of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from drawings import caption, drawn
from runs import call, grid, records, t2t, train
from runs import write_sweep as write_sweep_file
from sweep_files import cell, write_history, write_record, write_sweep
from texts import strip

from gensweep import Grid, Sweep, load
from gensweep.core.errors import ResultsError, SweepError
from gensweep.core.registries import TABLES
from gensweep.ledger.manifest_writer import build_sweep_json
from gensweep.report.collect import collect
from gensweep.report.figures.selection import describe_choice, select_best_and_others
from gensweep.report.remarks import describe_selection
from gensweep.report.settings import list_settings

ACCURACY = "validation/char_accuracy"


def opposed(root: Path, **changes: Any) -> Path:
    """Three cells whose order on the test set is the reverse of that on the validation set."""
    cells = [cell(0, encoder_layers=layers) for layers in (1, 2, 3)]
    for one, tested, validated in zip(cells, (0.9, 0.8, 0.7), (0.3, 0.4, 0.5), strict=True):
        write_record(
            root,
            one,
            0,
            char_accuracy=tested,
            **{ACCURACY: validated, "validation/exact_match": 1 - tested},
        )
    return write_sweep(root, cells, figures=["learning_curves"], **changes)


def board(folder: Path) -> Any:
    (result,) = TABLES["leaderboard"].make(load(folder))
    return result


def test_the_validation_set_decides_and_the_test_stands_beside(tmp_path):
    """Layers 3 validate best (0.5) and test worst (0.7)."""
    folder = opposed(tmp_path)
    results = load(folder)
    assert results.objectives == {"text_to_text": ACCURACY}
    table = board(folder)
    assert table.title == f"text_to_text: by {ACCURACY}, largest first"
    assert table.frame["encoder_layers"].tolist() == [3, 2, 1]
    assert table.frame[f"{ACCURACY}_mean"].tolist() == [0.5, 0.4, 0.3]
    assert table.frame["char_accuracy_mean"].tolist() == [0.7, 0.8, 0.9]
    shown = select_best_and_others(results, list_settings(results)[0])
    assert [(one.role, one.label) for one in shown] == [
        ("best", "encoder_layers=3"), ("median", "encoder_layers=2"), ("worst", "encoder_layers=1"),
    ]  # fmt: skip
    collect(folder)
    page = (folder / "report.html").read_text()
    assert "text_to_text, best cell: encoder_layers=3" in page
    assert f"seed 0, {ACCURACY} 0.5, test char_accuracy 0.7." in page
    assert describe_selection(results) in page


def test_collect_prints_what_the_best_is_chosen_by(tmp_path):
    folder = opposed(tmp_path)
    message = " ".join(call("collect", folder).out.split())
    assert (
        f"chosen on the validation set, after the last epoch: text_to_text by {ACCURACY} (larger is better)."
        in message
    )


def test_an_objective_of_the_sweep_decides_and_its_test_value_becomes_the_main_metric(tmp_path):
    """validation/exact_match is 0.1, 0.2, 0.3."""
    cells = [cell(0, encoder_layers=k) for k in (1, 2)] + [
        cell(0, model="text_to_image", encoder_layers=1)
    ]
    for one, exact in zip(cells[:2], (0.1, 0.2), strict=True):
        write_record(tmp_path, one, 0, char_accuracy=0.5 - exact, exact_match=exact)
    write_record(tmp_path, cells[2], 0, mse=0.1)
    results = load(write_sweep(tmp_path, cells, objective="validation/exact_match"))
    assert results.objectives == {
        "text_to_text": "validation/exact_match",
        "text_to_image": "validation/mse",
    }
    assert results.get_main_metric("text_to_text") == "exact_match"
    first, _ = TABLES["leaderboard"].make(results)
    assert first.frame["encoder_layers"].tolist() == [2, 1]
    with pytest.raises(
        ResultsError,
        match=r"objective 'validation/char_acuracy'.*did you mean 'validation/char_acc",
    ):
        load(write_sweep(tmp_path / "wrong", cells, objective="validation/char_acuracy"))


def test_records_of_former_versions_take_the_last_line_of_their_history(tmp_path):
    """Of 10 epochs the tenth counts; a history that ends before it, or that is damaged, gives nothing."""
    cells = [cell(0, encoder_layers=k) for k in (1, 2, 3, 4, 5)]
    for one in cells:
        path = write_record(tmp_path, one, 0, char_accuracy=0.5)
        strip(path)
    head = "epoch,train/loss,validation/char_accuracy\n"
    write_history(tmp_path, cells[0], 0, f"{head}9,1.0,0.9\n10,1.0,0.2\n")
    write_history(tmp_path, cells[1], 0, f"{head}9,1.0,0.1\n10,1.0,0.4\n")
    write_history(tmp_path, cells[2], 0, f"{head}9,1.0,0.99\n")
    write_history(tmp_path, cells[3], 0, f"{head}10,1.0\n")
    folder = write_sweep(tmp_path, cells, figures=["learning_curves"])
    table = board(folder)
    assert table.frame["encoder_layers"].tolist() == [2, 1, 3, 4, 5], (
        "without a value last, in the sweep's order"
    )
    assert table.frame["rank"].tolist()[:2] == [1, 2] and table.frame["rank"].isna().sum() == 3
    collect(folder)
    text = (folder / "tables" / "leaderboard-text_to_text.md").read_text()
    why = "neither the record nor the last line of history.csv has it (3 cells)"
    assert f"{ACCURACY} is not measured: {why}." in text


def test_without_any_validation_value_nothing_is_called_best(tmp_path):
    cells = [cell(0, encoder_layers=k) for k in (1, 2, 3)]
    for one, value in zip(cells, (0.1, 0.3, 0.2), strict=True):
        strip(write_record(tmp_path, one, 0, char_accuracy=value))
    folder = write_sweep(tmp_path, cells, figures=["answer_distances"])
    results = load(folder)
    assert [one.role for one in select_best_and_others(results, list_settings(results)[0])] == [
        "first",
        "middle",
        "last",
    ]
    assert board(folder).frame["rank"].isna().all()
    assert f"no point has a value of {ACCURACY}" in describe_selection(results)
    (figure,) = drawn(write_sweep(tmp_path, cells, name="other"), "samples_by_epoch").values()
    assert (
        f"in the sweep's order: no point has a value of {ACCURACY}, which would rank them"
        in caption(figure)
    )


@pytest.mark.parametrize(
    ("values", "shared"), [((0.0, 0.0, 0.0), 3), ((0.5, 0.2, 0.5), 2), ((0.1, 0.3, 0.1), 0)]
)
def test_cells_that_share_the_best_value_are_counted(tmp_path, values, shared):
    cells = [cell(0, encoder_layers=k) for k in (1, 2, 3)]
    for one, value in zip(cells, values, strict=True):
        write_record(tmp_path, one, 0, char_accuracy=0.5, **{ACCURACY: value})
    text = describe_choice(load(write_sweep(tmp_path, cells)), "text_to_text")
    assert (
        f"{shared} cells share the best value; the first in the sweep's order stands for them."
        in text
    ) == (shared > 0)
    assert ("share the best value" in text) == (shared > 0)


def test_the_published_results_name_what_they_are_selected_on():
    root = Path(__file__).parents[2] / "results"
    for name in ("layers", "best"):
        results = load(root / name)
        assert f"text_to_text by {ACCURACY} (larger is better)" in describe_selection(results)
        assert results.cells[f"{ACCURACY}_mean"].notna().any()


@pytest.mark.parametrize(
    ("models", "objective", "message"),
    [
        (
            ["text_to_text"],
            "validation/exact_mach",
            r"did you mean 'validation/exact_match'\? Valid: validation/char",
        ),
        (["text_to_text"], "exact_match", r"unknown objective 'exact_match' in sweep 's'"),
        (
            ["text_to_text"],
            "test/exact_match",
            r"the test set must not decide anything; unknown objective",
        ),
        (
            ["vae"],
            "validation/fid_random_vgg",
            r"Valid: .*validation/reconstruction_mse, validation/sliced_wasserstein",
        ),
        (["vae"], "validation/kl", r"unknown objective 'validation/kl'"),
        (["gan"], "validation/loss", r"Valid: validation/sliced_wasserstein\."),
        (["gan"], 3, r"unknown objective '?3'?"),
        (["vae"], ["validation/loss"], r"unknown objective \['validation/loss'\]"),
    ],
)
def test_a_wrong_objective_lists_what_is_valid(models, objective, message):
    with pytest.raises(SweepError, match=message):
        Sweep("s", [Grid(model) for model in models], objective=objective)


def test_an_objective_that_one_of_the_models_has_is_valid_and_written_down():
    sweep = Sweep("s", [Grid("text_to_text"), Grid("gan")], objective="validation/exact_match")
    assert sweep.replace_values(seeds=2).objective == "validation/exact_match"
    assert build_sweep_json(sweep, "")["objective"] == "validation/exact_match"
    assert build_sweep_json(Sweep("s", [Grid("gan")]), "")["objective"] is None


def test_a_wrong_objective_ends_with_exit_code_2_before_anything_is_trained(tmp_path):
    path = write_sweep_file(tmp_path, grid(), objective="validation/exact")
    result = call(path, "--local", "--wandb", "disabled", "--results", tmp_path / "r")
    assert result.code == 2 and "validation/exact_match" in result.error
    assert not (tmp_path / "r").exists()


def test_a_trained_point_records_the_last_validation_and_its_counts(tmp_path):
    """18,000 queries in the pool: 2% of them train, the last tenth validates; 2,000 test."""
    point = t2t()
    train([point], tmp_path)
    record = records(tmp_path)[point.id]
    header, *lines = (tmp_path / "points" / point.id / "history.csv").read_text().splitlines()
    last = dict(zip(header.split(","), map(float, lines[-1].split(",")), strict=True))
    validated = {name: value for name, value in last.items() if name.startswith("validation/")}
    assert validated and validated.items() <= record.metrics.items()
    assert record.examples == {"train": 360, "validation": 1800, "test": 2000}
