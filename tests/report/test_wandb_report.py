"""The W&B Report: what its JSON holds without a server, and what a server on loopback is told."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import call, files
from sweep_files import cell, generous, write_history, write_record, write_sweep
from wandb_server import ENTITY, Server, serving

from gensweep import load
from gensweep.core.registries import TABLES
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.report.stats.questions import answer_questions
from gensweep.report.tables import Table
from gensweep.report.tables.markdown import render_markdown
from gensweep.report.wandb_report import contents, panels, server

pytest.importorskip("wandb_workspaces")
COLUMNS = "epoch,train/loss,validation/char_accuracy,validation/loss"
EVIL = "it broke\x1b[31m\x00 at <b> *once* $5"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No login of the user's, and nothing of W&B's left in the environment."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.chdir(tmp_path / "home")


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A W&B server, and a login to it."""
    import wandb

    with serving() as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running
        wandb.teardown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two depths with three seeds of one model, one seed of which failed and one diverged; nothing of another model."""
    shallow, deep = cell(0, 1, 2, 3), cell(0, 1, 2, 3, encoder_layers=2)
    for seed in (0, 1, 2):
        write_record(tmp_path, shallow, seed, char_accuracy=0.5 + seed / 10, exact_match=0.1)
        write_record(tmp_path, deep, seed, char_accuracy=0.7 + seed / 10, exact_match=0.2)
    write_history(tmp_path, shallow, 0, f"{COLUMNS}\n1,2.0,0.4,1.5\n2,1.0,0.5,1.2\n")
    failed = Record(
        shallow["points"]["3"], "text_to_text", shallow["params"], 3, Status.FAILED, {}, error=EVIL
    )
    write_record(tmp_path, shallow, 3, Status.FAILED).write_text(failed.to_json())
    write_record(tmp_path, deep, 3, Status.DIVERGED)
    return write_sweep(tmp_path, [shallow, deep, cell(0, 1, model="text_to_image")])


def as_json(folder: Path, *options: str) -> dict[str, Any]:
    """What `--json` writes."""
    file = folder.parent / "out" / "report.json"
    called = call("wandb-report", folder, "--json", file, *options)
    assert (called.code, called.error) == (0, "")
    return json.loads(file.read_text())


def blocks(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every block, those under a closed heading too."""
    for block in spec["blocks"]:
        yield block
        yield from block.get("collapsedChildren", [])


def text(block: dict[str, Any]) -> str:
    """A block's words."""
    inner = "".join(text(child) for child in block.get("children", []))
    return block.get("text", "") + block.get("content", "") + inner


def grids(spec: dict[str, Any]) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Run set and panels of each panel grid, by the run set's name."""
    result = [block["metadata"] for block in spec["blocks"] if block["type"] == "panel-grid"]
    return {
        one["runSets"][0]["name"]: (one["runSets"][0], one["panelBankSectionConfig"]["panels"])
        for one in result
    }


def section(spec: dict[str, Any], heading: str) -> list[dict[str, Any]]:
    """The blocks from a heading of the second level to the next."""
    places = [
        n
        for n, block in enumerate(spec["blocks"])
        if block["type"] == "heading" and block["level"] == 2
    ]
    start = next(n for n in places if text(spec["blocks"][n]) == heading)
    return spec["blocks"][start : next((n for n in places if n > start), None)]


# --- what it says


def test_each_model_s_section_has_its_answers_with_their_numbers(folder):
    """Seeds 0, 1, 2 are 0.2 better each with one more layer: the slope is 0.2, from a mean of 0.6 to one of 0.8."""
    spec = as_json(folder)["spec"]
    findings = answer_questions(load(folder))
    assert findings
    for finding in findings:
        (model,) = [name for name in ("text_to_text", "text_to_image") if name in finding.question]
        lists = [text(block) for block in section(spec, model) if block["type"] == "list"]
        (message,) = [text for text in lists if finding.question in text]
        assert f"{finding.question} {finding.verdict} {finding.answer}" in message
    (message,) = [text(block) for block in section(spec, "text_to_text") if block["type"] == "list"]
    assert "char_accuracy changes by +0.2 for each encoder layer" in message
    assert "Means on the test set, by encoder_layers: 0.6 at 1, 0.8 at 2." in message
    assert "6 points of 3 seeds" in message


def test_what_is_not_ok_comes_first_and_with_every_character_that_can_be_kept(folder):
    result = as_json(folder)
    headings = [
        text(block)
        for block in result["spec"]["blocks"]
        if block["type"] == "heading" and block["level"] == 2
    ]
    assert headings[:3] == ["What is not ok", "text_to_text", "text_to_image"]
    message = "\n".join(text(block) for block in section(result["spec"], "What is not ok"))
    results = load(folder)
    failed, diverged = (
        results.points.loc[results.points["status"] == s, "id"].item()
        for s in (Status.FAILED, Status.DIVERGED)
    )
    assert (
        f"1 point failed:\n{EVIL}".translate({0: "\ufffd", 27: "\ufffd"}) + f" ({failed})"
        in message
    )
    assert re.search(rf"1 point diverged: .*:\nno reason was recorded \({diverged}\)", message)
    assert "2 of 10 points are missing (text_to_image 2)." in message
    assert result["description"].endswith("10 points, 6 ok, 1 diverged, 1 failed, 2 missing.")


def test_every_row_of_every_table_is_in_it(tmp_path):
    folder = generous(tmp_path)
    results = load(folder)
    report = "\n".join(text(block) for block in blocks(as_json(folder)["spec"]))
    rows = {line for line in report.splitlines() if line.startswith("|")}
    wanted = [table for name in TABLES for table in TABLES[name].make(results)]
    lines = [
        line
        for table in wanted
        for line in render_markdown(table, results).splitlines()
        if re.match(r"\| +[^-:]", line)
    ]
    assert len(wanted) > 8 and len(lines) >= 60
    for line in lines:
        assert re.sub(" +", " ", line).replace("<", "&lt;") in rows
    assert "| 0.53 ± 0.13 |" in next(row for row in rows if row.startswith("| 0.5 |")), (
        "of 0.52 and 0.54: t(1) * 0.01"
    )


def test_a_long_table_is_cut_and_says_so(folder, monkeypatch):
    monkeypatch.setattr(contents, "MAX_ROWS_PER_TABLE", 1)
    message = [text(block) for block in blocks(as_json(folder)["spec"])]
    assert (
        sum("1 more row in `tables/cells.csv` of the sweep's folder." in one for one in message)
        == 1
    )


def test_markdown_is_not_made_of_what_a_table_holds(folder):
    results = load(folder)
    message = contents._format_markdown(
        Table("one", "One", results.cells[:0], ("a<b> *c* $d$ [e]",)), results
    )
    assert "- a&lt;b> \\*c\\* \\$d\\$ [e]\n" in message


def test_tables_say_by_which_code_and_one_of_an_absent_file_is_left_out(folder, caplog):
    path = folder / "sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tables": ["depth", "mine"]}))
    tables = contents._make_tables(load(folder))
    assert all("Trained by unknown code: " in table.notes[-1] for table in tables)
    assert "left out: unknown table 'mine'" in caplog.text


# --- the panels


def test_the_panels_have_the_keys_that_runs_are_logged_with(folder):
    _, result = grids(as_json(folder)["spec"])["sweep: text_to_text"]
    kinds = [panel["viewType"] for panel in result]
    assert kinds == ["Run History Line Plot"] * 3 + [
        "Parallel Coordinates Plot",
        "Scatter Plot",
        "Media Browser",
    ]
    lines, (parallel, scatter, media) = (
        [panel["config"] for panel in result[:3]],
        [panel["config"] for panel in result[3:]],
    )
    assert [line["metrics"] for line in lines] == [
        ["validation/char_accuracy"],
        ["validation/loss"],
        ["train/loss"],
    ]
    for line in lines:
        drawn = [
            line[key] for key in ("xAxis", "groupBy", "groupAgg", "groupArea", "aggregate", "limit")
        ]
        assert drawn == ["epoch", "cell.value", "mean", "minmax", True, 2], "of two cells"
    accessors = [column["accessor"] for column in parallel["columns"]]
    assert accessors == ["config:encoder_layers.value", "summary:test/char_accuracy"]
    assert (scatter["xAxis"], scatter["yAxis"]) == tuple(accessors)
    assert media["mediaKeys"] == ["samples"]
    taken = [(p["layout"]["x"], p["layout"]["y"], p["layout"]["w"]) for p in result]
    assert taken == [(0, 0, 8), (8, 0, 8), (16, 0, 8), (0, 8, 12), (12, 8, 12), (0, 16, 24)]


def test_where_nothing_is_swept_no_panel_is_empty_and_ways_through_a_latent_space_are_shown(folder):
    ways = (
        folder.parent
        / "points"
        / next(iter(load(folder).points.query("model == 'text_to_image'")["id"]))
    )
    ways.mkdir()
    for kind in ("linear", "spherical"):
        (ways / f"interpolation-{kind}.png").touch()
    _, result = grids(as_json(folder)["spec"])["sweep: text_to_image"]
    assert [panel["config"]["metrics"] for panel in result[:-2]] == [
        ["validation/mse"],
        ["validation/loss"],
        ["train/loss"],
    ]
    media = [panel["config"]["mediaKeys"] for panel in result[-2:]]
    assert media == [["samples"], ["interpolation/linear", "interpolation/spherical"]]


def test_a_run_set_is_of_the_sweep_s_points_of_a_model(folder):
    points = load(folder).points
    (folder.parent / "points" / points["id"][0] / "wandb").mkdir()
    (folder.parent / "points" / points["id"][0] / "wandb" / "id").write_text("x")
    spec = as_json(folder)["spec"]
    for model, of_model in points.groupby("model"):
        runs, _ = grids(spec)[f"sweep: {model}"]
        (only,) = runs["filters"]["filters"]
        key = {"section": "config", "name": "point.value"}
        assert only == {"key": key, "op": "IN", "value": of_model["id"].tolist(), "disabled": False}
        assert (runs["grouping"], "project" in runs) == ([], False), (
            "of the project that the report is in"
        )
    message = " ".join(text(block) for block in section(spec, "text_to_text"))
    assert "config `point` is one of this sweep's 8 points of text_to_text" in message
    assert "1 of its 8 points have a W&B run" in message


def test_a_run_set_of_too_many_points_is_of_cells_and_then_of_the_group(folder, monkeypatch):
    monkeypatch.setattr(panels, "MAX_FILTER_VALUES", 2)
    (only,) = grids(as_json(folder)["spec"])["sweep: text_to_text"][0]["filters"]["filters"]
    assert only["key"]["name"] == "cell.value"
    assert only["value"] == load(folder).list_cells("text_to_text")
    monkeypatch.setattr(panels, "MAX_FILTER_VALUES", 1)
    spec = as_json(folder)["spec"]
    group, job = grids(spec)["sweep: text_to_text"][0]["filters"]["filters"]
    assert [(f["key"], f["op"], f["value"]) for f in (group, job)] == [
        ({"section": "run", "name": "group"}, "=", "sweep"),
        ({"section": "run", "name": "jobType"}, "=", "text_to_text"),
    ]
    assert "Points that another sweep trained are in that sweep's group" in " ".join(
        map(text, section(spec, "text_to_text"))
    )


# --- without a server


def test_json_asks_no_server_and_is_the_same_each_time(folder, loopback):
    before = files(folder)
    called = call(
        "wandb-report", folder, "--json", folder / "one.json", "--draft", "--title", " My sweep "
    )
    assert called.out.splitlines() == [
        f"Wrote {folder}/one.json: the report 'My sweep' of (no entity yet, --wandb-entity names one)/gensweep. "
        "Nothing was sent.",
        "None of its 10 points has a W&B run: the report's panels may be empty.",
    ]
    first = (folder / "one.json").read_bytes()
    call("wandb-report", folder, "--json", folder / "one.json", "--draft", "--title", "My sweep")
    assert (folder / "one.json").read_bytes() == first
    view = json.loads(first)
    assert (view["displayName"], view["type"], view["project"]["name"]) == (
        "My sweep",
        "runs/draft",
        "gensweep",
    )
    assert loopback.operations == []
    (folder / "one.json").unlink()
    assert files(folder) == before


def test_the_project_and_entity_are_the_options_or_the_environment_s(folder, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.setenv("WANDB_ENTITY", "me")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert as_json(folder)["project"] == {"name": "mine", "entityName": "me"}
    options = ("--wandb-project", "p", "--wandb-entity", "e")
    assert as_json(folder, *options)["project"] == {"name": "p", "entityName": "e"}


@pytest.mark.parametrize("title", ["", "x" * 129])
def test_a_title_that_w_and_b_does_not_take_is_refused(folder, title):
    called = call("wandb-report", folder, "--title", title, "--json", folder / "one.json")
    assert (
        called.code,
        f"--title has {len(title)} characters; W&B takes 1 to 128" in called.error,
    ) == (2, True)
    assert not (folder / "one.json").exists()


def test_without_the_extra_it_says_how_to_get_it(folder, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "wandb_workspaces"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    called = call("wandb-report", folder, "--json", folder / "one.json")
    assert called.code == 2
    assert 'is not installed: pip install -e ".[report]"' in called.error


# --- with one


def test_a_report_is_saved_as_json_has_it_and_then_replaced(folder, loopback):
    as_written = as_json(folder)
    first = call("wandb-report", folder)
    (view,) = loopback.views
    assert (first.code, first.error) == (0, "")
    url = f"{loopback.url}/{ENTITY}/gensweep/reports/Sweep-sweep--{view['id']}"
    assert first.out.splitlines()[0] == f"Saved the report: {url}"
    assert (view["type"], view["displayName"]) == ("runs", "Sweep sweep")
    assert without_ids(json.loads(view["spec"])) == without_ids(as_written["spec"])
    assert view["description"] == as_written["description"]

    write_record(folder.parent, cell(0, 1, model="text_to_image"), 0, mse=0.1)
    second = call("wandb-report", folder)
    assert (second.code, second.out.splitlines()[0]) == (0, f"Replaced the report: {url}")
    (view,) = loopback.views
    assert "7 ok" in view["description"]


def without_ids(value: Any) -> Any:
    """JSON without the names that W&B's library draws."""
    if isinstance(value, dict):
        return {
            key: without_ids(item) for key, item in value.items() if key not in ("id", "__id__")
        }
    return [without_ids(item) for item in value] if isinstance(value, list) else value


def test_only_its_own_report_is_replaced_and_each_draft_is_a_new_one(folder, loopback):
    loopback.projects.append("p")
    other = {
        "projectName": "p",
        "entityName": ENTITY,
        "type": "runs",
        "spec": "{}",
        "displayName": "Sweep sweep",
    }
    loopback.views.append(other | {"id": "1", "name": "x", "description": "Somebody's own words"})
    saved = [
        call("wandb-report", folder, "--wandb-project", "p", *options)
        for options in ((), ("--draft",)) * 2
    ]
    assert [one.out.split(":")[0] for one in saved] == [
        "Saved the report", "Saved the draft", "Replaced the report", "Saved the draft",
    ]  # fmt: skip
    assert [view["type"] for view in loopback.views] == ["runs", "runs", "runs/draft", "runs/draft"]
    assert loopback.views[0]["description"] == "Somebody's own words"
    assert "CreateProject" not in loopback.operations


@pytest.mark.parametrize(
    ("change", "fault", "message"),
    [
        (
            {"WANDB_API_KEY": "1" * 40},
            None,
            "W&B refuses this login: .*permission denied; log in again with `wandb login --relogin`",
        ),
        ({"WANDB_API_KEY": "short"}, None, "W&B refuses this login: .*40[+] characters"),
        (
            {"WANDB_API_KEY": ""},
            None,
            "W&B: No API key configured. Use `wandb login` to log in. .*--json FILE",
        ),
        (
            {"WANDB_BASE_URL": "http://127.0.0.1:9"},
            None,
            "did not accept the report for gensweep: .*refused",
        ),
        ({}, ("", 500), "did not accept the report for gensweep: HTTP 500"),
        ({}, ("upsertView", 403), f"did not accept the report for {ENTITY}/gensweep: out of order"),
    ],
)
@pytest.mark.slow
def test_what_the_server_refuses_is_one_line(folder, loopback, monkeypatch, change, fault, message):
    for name, value in change.items():
        monkeypatch.setenv(name, value)
    if fault:
        wanted, status = fault
        loopback.fault = lambda path, operation: status if wanted in operation else None
    called = call("wandb-report", folder)
    assert (called.code, called.out) == (2, "")
    (line,) = called.error.splitlines()
    assert re.search(message, line), line
    assert not loopback.views


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_given_up(folder, loopback, monkeypatch):
    monkeypatch.setattr(server, "REQUEST_TIMEOUT_SECONDS", 1)
    loopback.fault = lambda path, operation: 0
    called = call("wandb-report", folder)
    assert (called.code, len(called.error.splitlines())) == (2, 1)
    assert "exceeded" in called.error
