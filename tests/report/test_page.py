"""The page: everything that a sweep's records say, for what it is, in one file."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import shlex
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from page_inputs import EVIL, png
from runs import call
from sweep_files import (
    METRICS,
    cell,
    edited,
    foreign,
    generous,
    newer,
    of_another_point,
    truncated,
    write_record,
    write_sweep,
)

from gensweep import load
from gensweep.core.errors import ResultsError
from gensweep.core.registries import FIGURES, TABLES
from gensweep.ledger.manifest_writer import build_sweep_json
from gensweep.ledger.status import Status
from gensweep.report.collect import (
    collect,
    compute_digest,
    is_current,
    make,
    write,
    write_collected,
)
from gensweep.report.page import PAGE, collect_many, failures
from gensweep.report.page import tables as page_tables
from gensweep.report.page.collect_many import resolve_page, watch
from gensweep.report.page.commands import Commands
from gensweep.report.page.headline import list_headlines
from gensweep.report.page.tables import MAX_OPEN_TABLES, build_views
from gensweep.report.page.terms import list_terms
from gensweep.report.tables.text_cells import format_measurement
from gensweep.sweep.filters import filter_points
from gensweep.sweep.load import read_sweep
from gensweep.system.signals import Stopped
from gensweep.system.terminal import Console

PROJECT = Path(__file__).parents[2]
DRAWN = ["depth_heatmap", "learning_curves"]
VOID = {"meta", "link", "img", "br", "wbr", "input", "hr"}


class Parsed(HTMLParser):
    """A page's elements, text and scripts; makes sure that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"{tag} closes {self.open[-3:]}"
        self.texts.append(
            " " if tag in ("td", "th", "dt", "dd", "li", "p", "caption", "small") else ""
        )

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]].append(data)
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is to be read, with single spaces."""
        return " ".join("".join(self.texts).split())

    def attributes(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [values[name] for _, values in self.elements if name in values]


def parsed(folder: Path) -> Parsed:
    """A folder's page."""
    return Parsed((folder / PAGE).read_text())


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def list_printed(console: Console) -> list[str]:
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


# --- one file that is whole, and needs nothing


@pytest.fixture(scope="module")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Parsed]:
    """The page of a sweep that has every table, and some figures."""
    folder = generous(tmp_path_factory.mktemp("results"))
    values = json.loads((folder / "sweep.json").read_text())
    (folder / "sweep.json").write_text(json.dumps(values | {"figures": DRAWN}))
    for point in (folder.parent / "points").iterdir():
        (point / "samples.png").write_bytes(png())
    collect(folder)
    return folder, parsed(folder)


def test_the_page_is_one_file_that_asks_for_nothing(full_page):
    folder, page = full_page
    for tag, values in page.elements:
        assert tag not in ("iframe", "object", "embed", "base", "form")
        assert not values.get("src", "data:").startswith(("http", "//", "file", "/"))
        if tag == "link":
            assert values == {"rel": "icon", "href": "data:,"}
        assert not any(name.startswith("on") or name == "style" for name in values), (
            "the policy forbids it"
        )
    for link in page.attributes("href"):
        assert link.startswith(("#", "data:", "tables/", "figures/", "../points/")), link
        if not link.startswith(("#", "data:")):
            assert (folder / unquote(link)).is_file(), link
    assert "http:" not in "".join(page.raw["style"]) and "url(" not in "".join(page.raw["style"])


def test_the_policy_lets_the_page_s_own_script_and_style_through_and_nothing_else(full_page):
    _, page = full_page
    (policy,) = [
        v["content"] for _, v in page.elements if v.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")
    for kind in ("script", "style"):
        (text,) = page.raw[kind]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_every_id_is_one_of_a_kind_and_every_inner_link_leads_somewhere(full_page):
    _, page = full_page
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-controls"):
        assert set(page.attributes(name)) <= set(ids)
    assert {link[1:] for link in page.attributes("href") if link.startswith("#")} <= set(ids)


def test_the_page_can_be_read_by_ear(full_page):
    _, page = full_page
    tags = [tag for tag, _ in page.elements]
    assert {"header", "nav", "main", "footer"} <= set(tags)
    assert tags.count("table") == tags.count("caption")
    assert all(values.get("scope") == "col" for tag, values in page.elements if tag == "th")
    assert all(len(values["alt"]) > 10 for tag, values in page.elements if tag == "img")
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    assert next(values for tag, values in page.elements if tag == "html")["lang"] == "en"


def test_every_table_figure_and_sample_is_on_the_page(full_page):
    folder, page = full_page
    results = load(folder)
    for name in TABLES:
        for table in TABLES[name].make(results):
            if table.name not in ("statistics", "cells-problems"):
                assert table.title in page.text
    alts = page.attributes("alt")
    for name in DRAWN:
        for data in FIGURES[name].make(results):
            assert any(alt.endswith(data.caption) for alt in alts), data.name
    assert "cae, best cell: encoder_layers=1" in page.text
    assert "cae, worst cell: encoder_layers=2" in page.text, (
        "of an error, the smaller is the better"
    )
    assert f"data:image/png;base64,{base64.b64encode(png()).decode()}" in page.attributes("src")


def test_the_sections_stand_in_their_order(full_page):
    _, page = full_page
    ids = [values["id"] for tag, values in page.elements if tag == "section"]
    names = (
        "found",
        "answers",
        "figures",
        "samples",
        "tables",
        "failures",
        "run",
        "again",
        "terms",
    )
    assert ids == [f"s1-{name}" for name in names]


def test_the_page_opens_with_the_best_cell_and_its_value_on_the_test_set(tmp_path):
    """The second cell is chosen on the validation set, although the first tests better."""
    cells = [cell(0, 1, encoder_layers=layers) for layers in (1, 2, 3)]
    tested, validated = (0.9, 0.5, 0.2), (0.3, 0.8, 0.1)
    for one, test, validation in zip(cells, tested, validated, strict=True):
        for seed in (0, 1):
            values = {
                "char_accuracy": test + seed / 100,
                "validation/char_accuracy": validation,
            }
            write_record(tmp_path, one, seed, **values)
    folder = write_sweep(tmp_path, cells, figures=["samples_by_epoch", "learning_curves"])
    results = load(folder)
    (headline,) = list_headlines(results)
    assert headline.setting == "encoder_layers=2"
    assert headline.value == format_measurement(results.measure(cells[1]["id"], "char_accuracy"))
    assert headline.basis.startswith("The best of 3 cells by validation/char_accuracy")
    assert "3 cells have means from 0.205 to 0.905." in headline.comparisons
    collect(folder)
    page = parsed(folder)
    assert page.text.index(headline.value) < page.text.index("Settings: what was run")
    first = next(values["alt"] for tag, values in page.elements if tag == "img")
    assert first.startswith("text_to_text") and "samples" not in first, (
        "learning curves, since samples have no number"
    )


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (0.5, "Every other cell can be told from the best one."),
        (0.89, "1 other cell cannot be told from the best one."),
    ],
)
def test_a_headline_says_what_cannot_be_told_from_the_best(tmp_path, second, sentence):
    cells = [cell(0, 1, 2, lr=rate) for rate in (0.1, 0.2, 0.3)]
    for one, mean in zip(cells, (0.9, second, 0.1), strict=True):
        for seed, noise in enumerate((0.0, 0.02, -0.01)):
            shift = noise if one is cells[0] else -noise
            write_record(tmp_path, one, seed, char_accuracy=mean + shift)
    (headline,) = list_headlines(load(write_sweep(tmp_path, cells)))
    assert sentence in headline.comparisons


def test_a_headline_stands_beside_the_published_number(tmp_path):
    one = cell(0, 1, 2, hidden=7)
    for seed in (0, 1, 2):
        write_record(tmp_path, one, seed, char_accuracy=0.5 + seed / 100)
    row = {"metric": "char_accuracy", "value": 0.9, "source": "Doe (2020)", "params": {}}
    folder = write_sweep(tmp_path, [one], reference=[row])
    (headline,) = list_headlines(load(folder))
    assert headline.comparisons == [
        "Published for this cell: 0.9 (Doe (2020)), not compatible with these seeds."
    ]


def test_a_row_leads_to_the_records_of_its_points(tmp_path):
    one = cell(0, 1)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    folder = write_sweep(tmp_path, [one])
    collect(folder)
    links = {link for link in parsed(folder).attributes("href") if link.endswith("record.json")}
    assert links == {f"../points/{one['points']['0']}/record.json"}, "seed 1 has no record"


def test_a_paragraph_that_metrics_share_stands_once(tmp_path, monkeypatch):
    shared = "Of `features`\nof a network."
    for name in ("one", "two"):
        info = {"unit": "", "direction": "min", "doc": f"{name}.\n\n{shared}"}
        monkeypatch.setitem(METRICS, name, info | {"models": ["text_to_text"]})
    cells = [cell(0)]
    write_record(tmp_path, cells[0], 0, one=0.5, two=0.5)
    terms = {term.name: term for term in list_terms(load(write_sweep(tmp_path, cells)))}
    assert terms["one"].paragraphs[1] == [
        ("Of ", False), ("features", True), (" of a network.", False),
    ]  # fmt: skip
    assert terms["two"].paragraphs[1] == [("As ", False), ("one", True), (": see there.", False)]


def test_the_page_says_where_and_when_records_were_made(tmp_path):
    one = cell(0, 1, 2)
    for seed, commit in ((0, "a" * 40), (1, "a" * 40), (2, "b" * 40)):
        path = write_record(tmp_path, one, seed, char_accuracy=0.5)
        record = json.loads(path.read_text())
        rewrite(path, record | {"seconds": 10.0 * (seed + 1), "finished": f"2026-01-0{seed + 1}T10:00:00+00:00",
                                "versions": {"python": "3.12.1", "torch": "2.15.0", "commit": commit},
                                "hardware": {"device": "cuda", "processor": "A <fast> one", "cores": 8,
                                             "memory": 64e9, "host": "box"}})  # fmt: skip
    folder = write_sweep(
        tmp_path,
        [one],
        command="python -m gensweep sweeps/x.py",
        created="2026-01-01T00:00:00+00:00",
    )
    collect(folder)
    text = parsed(folder).text
    assert "60 s in total; 20 s per point (10 s to 30 s)" in text
    assert "records from 2026-01-01 10:00:00 UTC to 2026-01-03 10:00:00 UTC" in text
    assert (
        "2 30 s aaaaaaaaaaaa python 3.12.1, torch 2.15.0 cuda, A <fast> one, 8 cores, 64 GB, host box"
        in text
    )
    assert "1 30 s bbbbbbbbbbbb" in text
    assert "differ in where they come from" in text


def rewrite(path: Path, values: dict[str, Any]) -> None:
    """Write a record anew with other values, under a checksum of its own."""
    from gensweep.ledger.records import Record

    values = {key: value for key, value in values.items() if key != "checksum"}
    path.write_text(Record(**values).to_json())


# --- what went wrong


def test_failures_stand_each_with_its_reason_and_point(tmp_path):
    a, b = cell(*range(8)), cell(7, encoder_layers=2)
    write_record(tmp_path, a, 0, char_accuracy=0.5)
    write_record(tmp_path, a, 1, Status.FAILED)
    write_record(tmp_path, a, 2, Status.DIVERGED)
    for seed, spoil in enumerate((truncated, foreign, newer, edited, of_another_point), 3):
        spoil(write_record(tmp_path, a, seed, char_accuracy=0.5))
    folder = write_sweep(
        tmp_path, [a, b], command="python -m gensweep sweeps/x.py --results old --filter seed=1"
    )
    collect(folder)
    text = parsed(folder).text
    expected = [
        "1 point failed", "it broke | at once", a["points"]["1"], "1 point diverged", "no reason was recorded",
        a["points"]["2"], "5 points have a record that cannot be trusted", "not valid JSON (cut short?)",
        "not a gensweep record", "schema 99, this gensweep reads up to 1", "changed since it was written",
        "6 of 9 points are missing (text_to_text 6), 5 of them with a record that cannot be trusted",
        "The numbers of seeds differ: the cells were requested with 1 to 8 seeds",
        f"python -m gensweep sweeps/x.py --results {tmp_path} --retry-failed", "Settings: what was run",
    ]  # fmt: skip
    places = [text.index(part) for part in expected]
    assert max(places) == places[-1]
    assert "is the record of" in text
    assert "Of 2 cells, 1 has only some, 1 has none" in text


def test_a_sweep_with_nothing_done_says_so(tmp_path):
    folder = write_sweep(tmp_path, [cell(0, 1)], tables=list(TABLES), figures=DRAWN)
    collect(folder)
    text = parsed(folder).text
    assert "0 of 2 points are ok" in text
    assert "No point of this sweep is ok: there are no numbers to show yet." in text
    assert "2 of 2 points are missing" in text
    assert "No point is ok yet." in text


def test_a_whole_sweep_has_nothing_to_complain_of(tmp_path):
    one = cell(0)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    folder = write_sweep(tmp_path, [one])
    collect(folder)
    text = parsed(folder).text
    assert "1 of 1 point is ok" in text
    assert "every point is ok, and every record can be read" in text
    assert "has no samples.png" in text
    assert "--retry-failed" not in text


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"GIF", "not a PNG file"), (b"", "not a PNG file"), (png()[:-20], "not a complete picture"),
     (png(60, 60)[:50], "not a complete picture")],
    ids=["other", "empty", "without its end", "without its pixels"],
)  # fmt: skip
def test_samples_that_are_no_whole_picture_are_named(tmp_path, content, reason):
    one = cell(0)
    path = write_record(tmp_path, one, 0, char_accuracy=0.5)
    (path.parent / "samples.png").write_bytes(content)
    folder = write_sweep(tmp_path, [one])
    collect(folder)
    page = parsed(folder)
    assert f"Its samples.png cannot be shown: {reason}" in page.text
    assert str(tmp_path) not in page.text and "0x" not in page.text
    assert "img" not in [tag for tag, _ in page.elements]


def test_models_with_nothing_measured_have_no_figure_on_the_page(tmp_path):
    cells = [cell(0), cell(0, model="cae"), cell(0, model="gan")]
    write_record(tmp_path, cells[0], 0, char_accuracy=0.5)
    folder = write_sweep(
        tmp_path, cells, figures=["learning_curves", "samples_by_epoch", "dataset_samples"]
    )
    collect(folder)
    page = parsed(folder)
    shown = [link for link in page.attributes("href") if link.startswith("figures/")]
    stems = ("learning_curves-text_to_text", "samples_by_epoch-text_to_text", "dataset_samples")
    assert [one for one in dict.fromkeys(shown) if one.endswith(".svg")] == [
        f"figures/{stem}.svg" for stem in stems
    ]
    assert "Nothing is measured yet for cae, gan: their figures are left out here." in page.text
    assert (folder / "figures" / "learning_curves-cae.svg").is_file()


def test_ranks_stand_to_the_right_with_and_without_a_number(tmp_path):
    cells = [cell(0), cell(0, encoder_layers=2)]
    write_record(tmp_path, cells[0], 0, char_accuracy=0.5)
    folder = write_sweep(tmp_path, cells)
    collect(folder)
    text = (folder / PAGE).read_text()
    assert '<tr><td class="number">1</td>' in text
    assert '<tr class="none"><td class="number">–</td>' in text


def test_long_lists_are_folded_and_say_how_much_they_leave_out(tmp_path, monkeypatch):
    """Of 40 cells, 12 fail each for a reason of its own, and 28 for one."""
    monkeypatch.setattr(page_tables, "MAX_ROWS_PER_TABLE", 25)
    monkeypatch.setattr(failures, "MAX_REASONS", 10)
    monkeypatch.setattr(failures, "MAX_POINTS_PER_REASON", 20)
    cells = [cell(0, 1, hidden=hidden) for hidden in range(1, 41)]
    for number, one in enumerate(cells):
        for seed in (0, 1):
            path = write_record(tmp_path, one, seed, Status.FAILED)
            reason = f"reason {number}" if number < 12 else "the same"
            rewrite(path, json.loads(path.read_text()) | {"error": reason})
    folder = write_sweep(tmp_path, cells)
    collect(folder)
    page = parsed(folder)
    assert "80 points failed" in page.text
    assert "the same 56 points" in page.text and "and 36 more" in page.text
    assert "3 more reasons, of 6 points" in page.text
    assert "15 more rows in tables/cells.csv" in page.text
    assert "15 more rows in tables/leaderboard-text_to_text.csv" in page.text
    (kind,) = [
        values
        for tag, values in page.elements
        if tag == "details" and values.get("class") == "kind failed"
    ]
    assert "open" not in kind


def test_many_tables_have_a_bound_together(tmp_path, monkeypatch):
    monkeypatch.setattr(page_tables, "MAX_ROWS_PER_SWEEP", 100)
    cells = [
        cell(0, hidden=hidden, encoder_layers=layer) for hidden in range(1, 81) for layer in (1, 2)
    ]
    built = make(load(write_sweep(tmp_path, cells, tables=["depth"])))
    views = build_views(built.tables, built.results, Commands(built.results))
    assert sum(len(view.rows) for view in views) == 100
    assert len(views) > 80
    assert all(view.cut for view in views if not view.rows)
    assert sum(view.open for view in views) <= MAX_OPEN_TABLES


# --- nothing of it is HTML


def test_no_text_of_a_record_becomes_html(tmp_path):
    one = cell(0, 1, optimizer=EVIL) | {"id": "<b>cell<b>", "points": {"0": "<b>0", "1": "<b>1"}}
    good = write_record(tmp_path, one, 0, char_accuracy=0.5)
    rewrite(
        good,
        json.loads(good.read_text())
        | {"versions": {EVIL: EVIL, "commit": EVIL}, "hardware": {"host": EVIL}},
    )
    bad = write_record(tmp_path, one, 1, Status.FAILED)
    rewrite(bad, json.loads(bad.read_text()) | {"error": EVIL})
    two = cell(0, optimizer="adam")
    values = {"unit": EVIL, "direction": "max", "doc": EVIL, "models": ["text_to_text"]}
    folder = write_sweep(
        tmp_path, [one, two], "a sweep", command=f"python -m gensweep {EVIL}.py", created=EVIL, versions={EVIL: EVIL},
        metrics={"char_accuracy": values}, commit=EVIL,
    )  # fmt: skip
    path = folder / "sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": EVIL}))
    collect(folder)
    page = parsed(folder)
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert page.text.count("<script>alert('x')</script>\"&\N{REPLACEMENT CHARACTER}[31m") > 5
    raw = (folder / PAGE).read_bytes()
    assert b"\x1b" not in raw and b"\0" not in raw


# --- the command behind every number


@pytest.mark.parametrize("name", ["smoke", "splits", "generative"])
def test_every_cell_s_command_asks_for_that_cell_and_no_other(tmp_path, name):
    sweep = read_sweep(PROJECT / "sweeps" / f"{name}.py")
    values = build_sweep_json(
        sweep, f"python -m gensweep sweeps/{name}.py --filter seed=0 --seeds 3 --local"
    )
    (tmp_path / name).mkdir()
    (tmp_path / name / "sweep.json").write_text(json.dumps(values))
    results = load(tmp_path / name)
    commands = Commands(results)
    for one in results.sweep.cells:
        words = shlex.split(commands.build_cell_command(one.id, one.model))
        assert words[:6] == ["python", "-m", "gensweep", f"sweeps/{name}.py", "--seeds", "3"]
        assert words[-2:] == ["--results", "again"]
        filters = [
            word.partition("=")[::2]
            for word, option in zip(words[7:-2:2], words[6:-2:2], strict=True)
            if option
        ]
        result = filter_points(sweep, [(key, value.split(",")) for key, value in filters])
        assert {point.id for point in result} == set(one.points.values())


def test_options_that_change_the_sweep_are_kept_and_others_are_not(tmp_path):
    typed = "python -m gensweep run 'my sweeps/x.py' --set epochs=3 --set=lr=0.1 --results r --local --retry-failed"
    commands = Commands(load(write_sweep(tmp_path, [cell(0)], command=typed)))
    base = "python -m gensweep 'my sweeps/x.py' --set epochs=3 --set=lr=0.1"
    assert commands.full == f"{base} --results again"
    assert commands.repair == f"{base} --results {tmp_path}"


def test_the_repair_names_the_root_that_was_collected_as_it_was_typed_where_that_leads_there(
    tmp_path, monkeypatch
):
    typed = "python -m gensweep sweeps/x.py --results here/old --seeds 2"
    folder = write_sweep(tmp_path / "here" / "old", [cell(0)], command=typed)
    base = "python -m gensweep sweeps/x.py --seeds 2"
    assert Commands(load(folder)).repair == f"{base} --results {tmp_path}/here/old"
    monkeypatch.chdir(tmp_path)
    assert Commands(load(folder)).repair == f"{base} --results here/old"
    copied = shutil.copytree(tmp_path / "here" / "old", tmp_path / "a copy") / "sweep"
    assert Commands(load(copied)).repair == f"{base} --results '{tmp_path}/a copy'"
    standard = write_sweep(
        tmp_path / "results", [cell(0)], command="python -m gensweep sweeps/x.py"
    )
    assert Commands(load(standard)).repair == "python -m gensweep sweeps/x.py"


@pytest.mark.parametrize("typed", ["~nosuchuser/x", "a\0b"])
def test_a_root_that_leads_nowhere_is_no_trouble(tmp_path, typed):
    folder = write_sweep(
        tmp_path, [cell(0)], command=f"python -m gensweep sweeps/x.py --results {typed}"
    )
    assert Commands(load(folder)).repair == f"python -m gensweep sweeps/x.py --results {tmp_path}"


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ((Status.OK, Status.OK), None),
        ((Status.OK, Status.DIVERGED), None),
        (
            (Status.OK, None),
            "This command trains what is missing: python -m gensweep sweeps/sweep.py",
        ),
        (
            (Status.FAILED, Status.OK),
            "This command retrains what failed: python -m gensweep sweeps/sweep.py --retry-failed",
        ),
        (
            (Status.FAILED, None),
            "This command trains what is missing, and retrains what failed: python",
        ),
    ],
)
def test_the_repair_is_offered_where_there_is_something_to_do(tmp_path, statuses, words):
    one = cell(0, 1)
    for seed, status in enumerate(statuses):
        if status is not None:
            write_record(tmp_path, one, seed, status, char_accuracy=0.5)
    folder = write_sweep(tmp_path, [one])
    collect(folder)
    text = parsed(folder).text
    assert words in text if words else "This command" not in text
    assert ("--retry-failed" in text) == (Status.FAILED in statuses)


@pytest.mark.parametrize("typed", ["", "python -m gensweep 'unbalanced", None])
def test_a_command_that_is_not_known_is_guessed_from_the_name(tmp_path, typed):
    commands = Commands(load(write_sweep(tmp_path, [cell(0)], command=typed)))
    assert commands.repair == "python -m gensweep sweeps/sweep.py"


# --- several sweeps


def two_roots(tmp_path: Path) -> list[Path]:
    """Two sweeps of one name."""
    folders = []
    for root, value in (("a <b>", 0.25), ("c", 0.75)):
        one = cell(0)
        write_record(tmp_path / root, one, 0, char_accuracy=value)
        folders.append(write_sweep(tmp_path / root, [one]))
    return folders


def test_two_sweeps_of_one_name_stand_apart_on_one_page(tmp_path):
    called = call("collect", *two_roots(tmp_path))
    assert called.code == 0
    assert f"The page of all sweeps is {tmp_path / PAGE}." in called.out.replace("\n", "")
    page = parsed(tmp_path)
    assert (
        page.text.count("sweep a%20%3Cb%3E/sweep/") == 2 and page.text.count("sweep c/sweep/") == 2
    )
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {"s1-tables", "s2-tables"} <= set(ids)
    assert "0.2500 (n=1)" in page.text and "0.7500 (n=1)" in page.text
    for link in page.attributes("href"):
        if not link.startswith(("#", "data:")):
            assert (tmp_path / unquote(link)).is_file(), link
    assert all(
        (folder / PAGE).is_file()
        for folder in (tmp_path / "a <b>" / "sweep", tmp_path / "c" / "sweep")
    )


def test_the_page_of_all_goes_where_it_is_asked_to_and_replaces_nothing_else(tmp_path):
    first, second = two_roots(tmp_path)
    assert call("collect", first, second, "--page", tmp_path / "new" / "all.html").code == 0
    assert "../c/sweep/tables/cells.csv" in (tmp_path / "new" / "all.html").read_text()
    assert not (tmp_path / PAGE).exists()
    (tmp_path / PAGE).write_text("<p>mine</p>")
    refused = call("collect", first, second)
    assert refused.code == 2 and "was not written by gensweep and is left alone" in refused.error
    assert (tmp_path / PAGE).read_text() == "<p>mine</p>"
    with pytest.raises(ResultsError, match="of one sweep alone"):
        resolve_page([str(first), str(second)], str(first / PAGE))


def test_a_folder_named_twice_counts_once(tmp_path):
    first, _ = two_roots(tmp_path)
    called = call("collect", first, first / ".")
    assert called.out.count("Wrote") == 1 and "of all" not in called.out


# --- the same again


def test_the_page_s_bytes_depend_on_the_records_alone(tmp_path):
    pages = []
    for name in ("here", "there"):
        one = cell(0, 1)
        write_record(tmp_path / name, one, 0, char_accuracy=0.5)
        folder = write_sweep(tmp_path / name, [one], figures=["learning_curves"])
        collect(folder)
        pages.append((folder / PAGE).read_bytes())
    assert pages[0] == pages[1]


def test_a_collection_is_current_until_a_record_changes_or_a_file_is_gone(tmp_path):
    one = cell(0, 1)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    folder = write_sweep(tmp_path, [one])
    assert not is_current(load(folder))
    write(load(folder))
    assert is_current(load(folder))
    (folder / PAGE).unlink()
    assert not is_current(load(folder))
    write(load(folder))
    write_record(tmp_path, one, 1, char_accuracy=0.5)
    assert not is_current(load(folder))


FILES = (
    "points/{}/answers.csv", "points/{}/history.csv", "points/{}/samples.png", "points/{}/samples/epoch-0001.png",
    "points/{}/interpolation-linear.png", "sweep/datasets/arithmetic.png",
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_added_or_changed_makes_a_collection_old(tmp_path, name):
    one = cell(0)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    folder = write_sweep(tmp_path, [one])
    write(load(folder))
    assert is_current(load(folder))
    path = tmp_path / name.format(one["points"]["0"])
    path.parent.mkdir(exist_ok=True)
    for change in (
        lambda: path.write_bytes(png()),
        lambda: path.write_bytes(png(5)),
        lambda: os.utime(path, ns=(0, 7)),
    ):
        change()
        assert not is_current(load(folder))
        write(load(folder))
        assert is_current(load(folder))
    (tmp_path / "points" / one["points"]["0"] / "weights.pt").write_bytes(b"1")
    assert is_current(load(folder)), "which is not shown"


def test_a_file_that_is_added_while_figures_are_drawn_is_of_the_next_time(tmp_path):
    one = cell(0)
    path = write_record(tmp_path, one, 0, char_accuracy=0.5)
    folder = write_sweep(tmp_path, [one])
    built = make(load(folder))
    (path.parent / "samples.png").write_bytes(png())
    write_collected(built)
    assert not is_current(load(folder))


def test_text_without_utf_8_has_a_digest(tmp_path):
    """A lone surrogate, as of a folder's name that is not UTF-8."""
    folder = write_sweep(tmp_path, [cell(0)])
    results = load(folder)
    list_printed = results.sweep.model_copy(
        update={"name": "x\udcff", "command": "run --results \udcff"}
    )
    other = replace(results, sweep=list_printed, unreadable={"a": "b\udcff"})
    assert compute_digest(other) != compute_digest(results)
    assert compute_digest(other) == compute_digest(replace(other))


# --- watching


class Slept:
    """In place of `time`: what happens while a watch sleeps."""

    def __init__(self, *steps: Any) -> None:
        self.steps, self.pauses, self.now = list(steps), [], 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.steps.pop(0)()


def test_a_watch_refreshes_where_records_changed_and_ends_with_the_sweep(tmp_path, monkeypatch):
    one = cell(0, 1)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    folder, screen = write_sweep(tmp_path, [one]), console()
    times: list[int] = []

    def nothing() -> None:
        times.append((folder / PAGE).stat().st_mtime_ns)
        assert '<meta http-equiv="refresh" content="30">' in (folder / PAGE).read_text()

    def more() -> None:
        nothing()
        write_record(tmp_path, one, 1, char_accuracy=0.7)

    slept = Slept(nothing, more)
    monkeypatch.setattr(collect_many, "time", slept)
    watch([str(folder)], None, 30.0, screen)
    assert times[0] == times[1], "nothing changed, nothing is written"
    assert [line[9:] for line in list_printed(screen)] == [
        "sweep: 1 of 2 points ok, 1 missing",
        "sweep: 2 of 2 points ok",
    ]
    assert slept.pauses == [30.0, 30.0]
    watched = (folder / PAGE).read_bytes()
    assert b'http-equiv="refresh"' not in watched
    collect(folder)
    assert (folder / PAGE).read_bytes() == watched


def test_a_watch_that_is_stopped_leaves_pages_that_do_not_load_themselves(tmp_path, monkeypatch):
    folders, screen = two_roots(tmp_path), console()
    path = folders[0].parent / "points"
    next(path.iterdir()).rename(tmp_path / "away")

    def stop() -> None:
        assert b'http-equiv="refresh"' in (tmp_path / PAGE).read_bytes()
        assert b'http-equiv="refresh"' not in (folders[1] / PAGE).read_bytes(), (
            "that one is complete"
        )
        raise Stopped(2)

    monkeypatch.setattr(collect_many, "time", Slept(stop))
    with pytest.raises(Stopped):
        watch([str(folder) for folder in folders], None, 1.0, screen)
    for folder in (tmp_path, *folders):
        assert b'http-equiv="refresh"' not in (folder / PAGE).read_bytes()


def test_a_watch_of_much_work_pauses_for_longer(tmp_path, monkeypatch):
    slept = Slept(lambda: write_record(tmp_path, one, 0, char_accuracy=0.5))
    one = cell(0)
    folder = write_sweep(tmp_path, [one])
    monkeypatch.setattr(collect_many, "time", slept)
    watch([str(folder)], None, 0.5, console())
    assert slept.pauses == [4.0], "four times the second that the clock says it took"


def test_a_watch_of_a_complete_sweep_collects_once_and_ends(tmp_path):
    one = cell(0)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    folder = write_sweep(tmp_path, [one])
    called = call("collect", folder, "--watch", "--every", "5")
    assert (called.code, called.error) == (0, "")
    assert called.out[9:] == "sweep: 1 of 1 point ok\n", "a line, and no table"
    assert is_current(load(folder))
    assert call("collect", folder, "--watch", "--every", "0").code == 2
    refused = call("collect", folder, "--every", "5")
    assert refused.code == 2 and "--every needs --watch" in refused.error
