"""Collections: several sweeps on one page, the same bytes for the same records, and watching."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from page_inputs import png
from parsed_page import console, list_printed, parsed
from runs import call
from sweep_files import (
    cell,
    write_record,
    write_sweep,
)

from gensweep import load
from gensweep.core.errors import ResultsError
from gensweep.report.collect import (
    collect,
    compute_digest,
    is_current,
    make,
    write,
    write_collected,
)
from gensweep.report.page import PAGE, collect_many
from gensweep.report.page.collect_many import resolve_page, watch
from gensweep.system.signals import Stopped

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
