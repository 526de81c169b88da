"""The page: everything that a sweep's records say, for what it is, in one file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from page_inputs import EVIL, png
from parsed_page import Parsed, parsed
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
from gensweep.core.registries import FIGURES, TABLES
from gensweep.ledger.status import Status
from gensweep.report.collect import (
    collect,
    make,
)
from gensweep.report.page import PAGE, failures
from gensweep.report.page import tables as page_tables
from gensweep.report.page.commands import Commands
from gensweep.report.page.headline import list_headlines
from gensweep.report.page.tables import MAX_OPEN_TABLES, build_views
from gensweep.report.page.terms import list_terms
from gensweep.report.tables.text_cells import format_measurement

DRAWN = ["depth_heatmap", "learning_curves"]


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
    assert terms["two"].paragraphs[1] == [("See ", False), ("one", True), (".", False)]


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
