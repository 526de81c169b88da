"""Numbers that say nothing are withheld with the reason, and what is odd about a point that is ok is said."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from drawings import caption, drawn
from runs import TINY_PICTURES, call, records, train
from sweep_files import METRICS, cell, write_record, write_sweep
from texts import strip
from tiny import training

from gensweep import load
from gensweep.core.errors import RecordError
from gensweep.core.registries import METRICS as MEASURED
from gensweep.core.registries import MODELS, TABLES
from gensweep.core.roles import Role
from gensweep.core.soundness import (
    FORMER_NAMES,
    MIN_PICTURES,
    READER_METRIC,
    explain_unsound,
    get_current_name,
)
from gensweep.execute.progress import MAX_WARNINGS_PRINTED, Screen
from gensweep.ledger.records import Record, decode_record
from gensweep.ledger.status import Status
from gensweep.report.collect import collect, print_tables
from gensweep.report.page.failures import group_warnings
from gensweep.report.remarks import describe_sizes
from gensweep.report.stats.questions import answer_questions
from gensweep.report.tables.layout import arrange_columns
from gensweep.report.tables.markdown import render_markdown
from gensweep.sweep.point import Point
from gensweep.system.terminal import Console
from gensweep.train.health import find_warnings

FID = {"unit": "feature^2", "direction": "min", "doc": "Distance.", "models": ["gan", "vae"]}
READING = {
    "unit": "fraction",
    "direction": "max",
    "doc": "Read rightly.",
    "models": ["text_to_image"],
}


def write_examples(path: Path, **changes: Any) -> None:
    """Write some fields of a record anew."""
    values = {
        key: value for key, value in json.loads(path.read_text()).items() if key != "checksum"
    }
    path.write_text(Record(**values | changes).to_json())


def gan(root: Path, tested: int | None, name: str = "fid_random_vgg", **params: Any) -> Path:
    """A sweep of one GAN whose record says of how many test pictures it is; None: nothing, as in former versions."""
    one = cell(0, model="gan", **params)
    path = write_record(root, one, 0, sliced_wasserstein=0.5, **{name: 123.0})
    if tested is None:
        strip(path)
    else:
        write_examples(path, examples={"train": 9, "validation": 8, "test": tested})
    return write_sweep(
        root, [one], metrics={name: FID, "sliced_wasserstein": METRICS["sliced_wasserstein"]}
    )


# Pictures compared


@pytest.mark.parametrize(("count", "measured"), [(512, False), (513, True)])
def test_a_distance_of_too_few_pictures_is_withheld_with_the_reason(tmp_path, count, measured):
    """A covariance of 512 pictures has rank 511, and 512 features need rank 512."""
    results = load(gan(tmp_path, count))
    assert results.cells["fid_random_vgg_n"].tolist() == [int(measured)]
    (table, *_) = TABLES["cells"].make(results)
    text = render_markdown(table, results)
    reason = f"fid_random_vgg is not measured: needs at least 513 pictures; the test set has {count} (1 cell)."
    assert (reason in text) is not measured
    assert ("123" in text) is measured
    assert f"fid_random_vgg, sliced_wasserstein: as many samples as test pictures, {count}." in text
    assert f"Examples: 9 to train on, 8 for validation, {count} to test." in text


def test_a_cell_that_is_not_trained_yet_leaves_the_number_of_pictures_known(tmp_path):
    shutil.rmtree(gan(tmp_path, 512))
    cells = [cell(0, model="gan"), cell(0, model="gan", epochs=99)]
    metrics = {"sliced_wasserstein": METRICS["sliced_wasserstein"]}
    results = load(write_sweep(tmp_path, cells, metrics=metrics))
    assert results.cells["n_ok"].tolist() == [1, 0]
    text = describe_sizes(results, results.list_cells("gan"))
    assert text == "Examples: 9 to train on, 8 for validation, 512 to test."


def test_the_heading_names_the_network_and_the_number_of_pictures(tmp_path):
    results = load(gan(tmp_path, 1000))
    (table, *_) = TABLES["cells"].make(results)
    headers = [column.full_label for column in arrange_columns(table.data)]
    assert "fid_random_vgg of 1000 [feature^2]" in headers
    paths = {path.name: path for path in collect(results.folder)}
    assert "of 1000" in paths["report.html"].read_text()
    assert r"as many samples as test pictures, 1,000." in paths["cells.tex"].read_text()


def test_a_former_name_is_read_as_that_of_the_random_network(tmp_path):
    """Of a record that does not say of how many pictures it is, the number is shown, and that it is not known."""
    results = load(gan(tmp_path, None, name="fid"))
    assert list(results.metrics) == ["fid_random_vgg", "sliced_wasserstein"]
    assert results.cells["fid_random_vgg_mean"].tolist() == [123.0]
    (table, *_) = TABLES["cells"].make(results)
    assert "as many samples as test pictures, a number that is not recorded." in render_markdown(
        table, results
    )


def test_of_drawn_pictures_a_former_record_tells_how_many_were_compared(tmp_path):
    """A tenth of 400 pictures is tested on: 40."""
    results = load(gan(tmp_path, None, name="fid", count=400))
    assert results.unmeasured[results.sweep.cells[0].id]["fid_random_vgg"] == [
        "needs at least 513 pictures; the test set has 40"
    ]


def test_a_name_of_now_wins_over_a_former_one(tmp_path):
    one = cell(0, model="gan")
    write_record(tmp_path, one, 0, fid=1.0, fid_random_vgg=2.0)
    results = load(write_sweep(tmp_path, [one], metrics={"fid": FID}))
    assert results.cells["fid_random_vgg_mean"].tolist() == [2.0]
    assert get_current_name("validation/kid") == "validation/kid_random_vgg"
    assert get_current_name("test/sliced_wasserstein") == "test/sliced_wasserstein"


def test_every_metric_that_compares_pictures_has_a_least_number_and_no_former_name():
    compared = {name for name in MEASURED if name.startswith(("fid", "kid", "density", "coverage"))}
    assert compared <= MIN_PICTURES.keys() and not compared & FORMER_NAMES.keys()
    assert all(MEASURED[name].min_examples == MIN_PICTURES[name] for name in compared)


def test_a_question_about_what_was_withheld_says_why(tmp_path):
    cells = [cell(0, model=model) for model in ("gan", "vae")]
    for one in cells:
        path = write_record(tmp_path, one, 0, fid_random_vgg=1.0)
        write_examples(path, examples={"test": 40})
    results = load(write_sweep(tmp_path, cells, metrics={"fid_random_vgg": FID}))
    (finding,) = [
        one
        for one in answer_questions(results)
        if one.question.startswith("Is gan better than vae")
    ]
    assert finding.answer == (
        "No ok point has fid_random_vgg: needs at least 513 pictures; the test set has 40 (2 cells)."
    )


def test_the_list_of_metrics_says_of_how_many_pictures():
    message = " ".join(call("list", "metrics", "fid_random_vgg").out.split())
    assert "fid_random_vgg" in message and "513 test pictures or more" in message


# Readers


@pytest.mark.parametrize(("accuracy", "measured"), [(0.13, False), (0.95, True)])
def test_what_a_bad_reader_read_is_withheld_and_ranks_nothing(tmp_path, accuracy, measured):
    one = cell(0, model="text_to_image")
    path = write_record(
        tmp_path, one, 0, read_exact_match=0.8, mse=0.1, **{READER_METRIC: accuracy}
    )
    write_examples(path, examples={"test": 2000, "reader_digits": 500})
    declared = {
        "read_exact_match": READING,
        "mse": METRICS["mse"],
        READER_METRIC: READING | {"direction": "none"},
    }
    folder = write_sweep(tmp_path, [one], metrics=declared)
    results = load(folder)
    assert results.cells["read_exact_match_n"].tolist() == [int(measured)]
    assert (
        results.objectives["text_to_image"]
        == f"validation/{'read_exact_match' if measured else 'mse'}"
    )
    reason = "needs a reader that reads 90% of 500 held-out digits; this one reads 13%"
    collect(folder)
    page = (folder / "report.html").read_text()
    assert (f"read_exact_match is not measured: {reason} (1 cell)." in page) is not measured
    (figure,) = drawn(folder, "generated_answers").values()
    assert (f"read_exact_match not measured ({reason})" in caption(figure)) is not measured
    assert "reader_digit_accuracy: of 500 pictures of digits." in page


def test_nothing_is_withheld_for_what_a_record_does_not_say():
    read = [name for name, metric in MEASURED.items() if Role.READ in metric.roles]
    assert len(read) == 4
    for name in (*MIN_PICTURES, *read):
        assert explain_unsound(name, {}, {}) is None
    assert explain_unsound("mse", {"test": 1}, {f"test/{READER_METRIC}": 0.0}) is None


def test_a_former_reader_accuracy_says_what_it_was(tmp_path):
    one = cell(0, model="text_to_image")
    write_record(tmp_path, one, 0, mse=0.1, reader_accuracy=0.79)
    results = load(write_sweep(tmp_path, [one]))
    assert results.cells["reader_accuracy_mean"].tolist() == [0.79]
    assert "drawn operators, which are easy, included" in results.metrics["reader_accuracy"].doc


# Reasons


@pytest.mark.parametrize("undefined", ["if no answer", "where no answer", "without an answer that"])
def test_a_metric_without_a_value_has_the_reason_that_its_documentation_gives(tmp_path, undefined):
    one = cell(0)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    reason = f"not defined {undefined} is an integer"
    doc = f"Mean distance.\n\nRange 0 and up; {reason}. Read it beside `unparsable`."
    distance = {"unit": "1", "direction": "min", "doc": doc, "models": ["text_to_text"]}
    folder = write_sweep(
        tmp_path,
        [one],
        metrics={"char_accuracy": METRICS["char_accuracy"], "mean_absolute_error": distance},
    )
    results, screen = load(folder), io.StringIO()
    print_tables(results, Console(file=screen, width=300))
    reason += ", or the record was written before the metric existed"
    assert f"mean_absolute_error is not measured: {reason} (1 cell)." in screen.getvalue()


# Records


def record(**changes: Any) -> bytes:
    return Record("p", "gan", {}, 0, Status.OK, {"test/loss": 1.0}, **changes).to_json().encode()


def test_a_record_keeps_counts_and_warnings_and_needs_neither():
    result = decode_record(record(examples={"test": 5}, warnings=["odd"]), "r")
    assert (result.examples, result.warnings) == ({"test": 5}, ["odd"])


@pytest.mark.parametrize(
    "changes",
    [
        {"examples": {"test": -1}},
        {"examples": {"test": True}},
        {"examples": {"test": 1.5}},
        {"warnings": [1]},
    ],
)
def test_counts_and_warnings_of_a_wrong_kind_are_no_record(changes):
    with pytest.raises(RecordError, match="not a gensweep record"):
        decode_record(record(**changes), "r")


# Warnings


def test_a_loss_a_thousand_times_that_of_an_untrained_network_has_exploded():
    run = training("gan")
    for value, count in ((999.0, 0), (1001.0, 1)):
        history = [{"epoch": 1.0, "train/generator_loss": value, "train/discriminator_loss": 1.4}]
        result = find_warnings(run.model, history, {})
        assert len(result) == count
    assert result[0].startswith("train/generator_loss has exploded: 1e+03 in the last epoch")


def test_the_first_losses_of_every_model_are_near_those_of_an_untrained_network():
    for name in MODELS:
        run = training(name)
        line = run.run_epoch()
        losses = [
            value
            for key, value in line.items()
            if key.startswith("train/") and key.endswith("loss")
        ]
        assert losses and all(
            0.01 <= value / run.model.estimate_untrained_loss() <= 3 for value in losses
        ), (name, losses)
        run.test()
        assert run.warnings == []


def test_samples_of_no_spread_have_collapsed():
    """Of 20 pictures spread by 1 in every direction, samples spread by 0.0005 are all alike, by 0.002 they are not."""
    pictures = torch.tensor([-1.0, 1.0]).repeat(10)[:, None].expand(20, 3)
    model = training("gan").model
    for scale, count in ((0.0005, 1), (0.002, 0)):
        result = find_warnings(
            model, [], {"sample_projections": scale * pictures, "picture_projections": pictures}
        )
        assert len(result) == count
    few = {"sample_projections": 0 * pictures[:15], "picture_projections": pictures[:15]}
    assert find_warnings(model, [], few) == []


def test_one_answer_to_every_query_is_odd_unless_it_is_right():
    model, answer = training("text_to_text").model, torch.arange(48).reshape(16, 3)
    same = torch.ones(16, 3)
    assert find_warnings(model, [], {"predicted": same, "answer": answer}) == [
        "every query of the test set gets one and the same answer"
    ]
    assert find_warnings(model, [], {"read": same, "answer": answer})
    assert find_warnings(model, [], {"predicted": answer, "answer": answer}) == []
    assert find_warnings(model, [], {"predicted": same, "answer": same}) == []


def test_an_exploded_gan_is_ok_with_a_warning_in_record_report_and_page(tmp_path):
    """A learning rate of 1,000; 20 of 200 pictures are tested."""
    params = TINY_PICTURES | {"count": 200, "lr": 1e3, "epochs": 1}
    point = Point.make("gan", params, 0)
    reports = train([point], tmp_path)
    result = records(tmp_path)[point.id]
    assert result.status == Status.OK
    assert any("generator_loss has exploded" in text for text in result.warnings)
    assert any("samples are all alike" in text for text in result.warnings)
    assert reports[-1]["warnings"] == result.warnings
    assert result.examples == {"train": 162, "validation": 18, "test": 20}
    one = {"id": point.cell, "model": "gan", "params": point.params, "points": {"0": point.id}}
    folder = write_sweep(tmp_path, [one])
    kind = group_warnings(load(folder))
    assert kind is not None and kind.heading == "1 point ok, with a warning"
    collect(folder)
    page = (folder / "report.html").read_text()
    assert "generator_loss has exploded" in page and "1 point ok, with a warning" in page
    assert "generator_loss has exploded" in call("show", point.id, "--results", tmp_path).out


def test_a_run_prints_warnings_of_the_first_points_and_where_the_others_are():
    out, count = io.StringIO(), MAX_WARNINGS_PRINTED + 5
    with Screen(Console(file=out, width=200), count, 0) as screen:
        for number in range(count):
            screen.report(
                {
                    "point": f"p{number}",
                    "status": Status.OK,
                    "error": None,
                    "seconds": 1.0,
                    "warnings": ["odd"],
                }
            )
    assert out.getvalue().count(": odd") == MAX_WARNINGS_PRINTED
    assert out.getvalue().count("There are more such warnings; the page lists all of them.") == 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"metrics": {}}, "no test metric although the status is ok"),
        ({"error": "boom"}, "is set although the status is ok"),
        ({"params": {"epochs": 2}, "epochs": 999}, "is not 2, as the parameters say"),
        ({"seconds": 1.7e308}, "is not a duration"),
        ({"metrics": {"test/loss": 1.0, "test/seconds": 3.0}}, "the name of a column"),
    ],
)
def test_records_that_contradict_themselves_are_none(changes, problem):
    values = {"metrics": {"test/loss": 1.0}} | changes
    params = values.pop("params", {})
    text = Record("p", "gan", params, 0, Status.OK, **values).to_json().encode()
    with pytest.raises(RecordError, match=problem):
        decode_record(text, "r")
