"""The page in a real browser: it loads in silence, sorts, is dark where that is wanted, and prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, executable, started
from page_inputs import EVIL, png
from sweep_files import METRICS, cell, write_record, write_sweep

from gensweep.ledger.status import Status
from gensweep.report.collect import collect
from gensweep.report.page import PAGE

CHROMIUM = executable()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium here: apt-get install chromium, or set CHROMIUM"
    ),
]
VALUES = {1: 0.5, 2: 0.061, 3: None, 4: 0.9, 5: 0.25}
"""char_accuracy by encoder_layers; one cell is not measured."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a table to sort, a failure, a figure and samples."""
    root = tmp_path_factory.mktemp("results")
    cells = [cell(0, 1, encoder_layers=layers) for layers in VALUES]
    for one, value in zip(cells, VALUES.values(), strict=True):
        for seed in (0, 1) if value is not None else ():
            path = write_record(root, one, seed, char_accuracy=value * (1 + seed / 10))
            (path.parent / "samples.png").write_bytes(png(40, 30))
    write_record(root, cells[2], 0, Status.FAILED)
    folder = write_sweep(root, cells, tables=["depth"], figures=["depth_heatmap"], commit=EVIL)
    collect(folder)
    return folder / PAGE


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for all tests."""
    assert CHROMIUM is not None
    with started(CHROMIUM, tmp_path_factory.mktemp("profile")) as result:
        yield result


TABLE = "[...document.querySelectorAll('#s1-tables table.sortable')].find(t => t.caption.textContent.includes('encoder'))"


def column(browser: Browser, name: str) -> list[str]:
    """A column's texts, from top to bottom."""
    return browser.run(
        f"(() => {{ const t = {TABLE}; const i = [...t.tHead.rows[0].cells].findIndex("
        f"h => h.textContent.startsWith('{name}')); "
        f"return [...t.tBodies[0].rows].map(r => r.cells[i].textContent); }})()"
    )


def heading(name: str) -> str:
    return f"[...({TABLE}).tHead.rows[0].cells].find(h => h.textContent.startsWith('{name}'))"


def test_the_page_loads_without_a_complaint_or_a_request(browser, page):
    browser.open(page)
    assert browser.run("document.title") == "sweep – gensweep"
    assert browser.complaints == []
    assert browser.requests == [page.as_uri()]
    assert browser.run("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert browser.run("document.images.length") == 3, (
        "a figure, and samples of the best and the worst cell"
    )


def test_the_policy_stops_what_is_not_the_page_s_own(browser, page):
    """So the silence of the first test means something."""
    browser.open(page)
    browser.run(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'https://example.org/a.png'}))"
    )
    browser.run("new Promise(done => setTimeout(done, 200))")
    assert any(
        "violates the following Content Security Policy" in line for line in browser.complaints
    )


def test_a_heading_sorts_the_best_first_then_the_worst_then_back(browser, page):
    """As text, 0.9 would stand before 0.061 in one of the orders; what is not measured stays last."""
    browser.open(page)
    assert column(browser, "encoder") == ["1", "2", "3", "4", "5"]
    click = f"({heading('char_accuracy')}).querySelector('button').click()"
    for state, order in (("descending", "41523"), ("ascending", "25143"), ("none", "12345")):
        browser.run(click)
        assert "".join(column(browser, "encoder")) == order
        assert browser.run(f"({heading('char_accuracy')}).getAttribute('aria-sort')") == state


def test_a_heading_sorts_by_the_keyboard(browser, page):
    browser.open(page)
    browser.run(f"({heading('char_accuracy')}).querySelector('button').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Enter",
            code="Enter",
            windowsVirtualKeyCode=13,
            text="\r",
        )
    assert "".join(column(browser, "encoder")) == "41523"


def background(browser: Browser) -> int:
    """How bright the page is, 0 to 255."""
    colour = browser.run("getComputedStyle(document.body).backgroundColor")
    return int(colour.partition("(")[2].partition(",")[0])


def test_light_and_dark_follow_the_system_and_the_button(browser, page):
    browser.open(page, prefers_color_scheme="light")
    assert background(browser) > 240
    browser.open(page, prefers_color_scheme="dark")
    assert background(browser) < 40
    browser.run("document.getElementById('theme').click()")
    assert background(browser) > 240
    browser.open(page, prefers_color_scheme="dark")
    assert background(browser) > 240, "it remembers"
    browser.run("document.getElementById('theme').click()")
    assert background(browser) < 40
    browser.run("localStorage.clear()")


def test_it_prints_light_with_everything_open(browser, page):
    browser.open(page, prefers_color_scheme="dark")
    browser.call(
        "Emulation.setEmulatedMedia",
        media="print",
        features=[{"name": "prefers-color-scheme", "value": "dark"}],
    )
    assert background(browser) > 240
    assert browser.run("getComputedStyle(document.getElementById('theme')).display") == "none"
    browser.call("Emulation.setEmulatedMedia", media="")
    content = browser.pdf()
    assert (
        content.startswith(b"%PDF")
        and content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") >= 2
    )


def test_a_phone_shows_it_without_scrolling_sideways(browser, page):
    browser.open(page, 390, 844)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.run("innerWidth") == 390


def test_a_phone_scrolls_wide_tables_in_their_boxes_with_every_column_in_reach(browser, page):
    browser.open(page, 390, 844)
    boxes = "[...document.querySelectorAll('.scroll')].filter(box => box.clientWidth)"
    assert browser.run(f"{boxes}.some(box => box.scrollWidth > box.clientWidth)")
    assert browser.run(f"{boxes}.every(box => getComputedStyle(box).overflowX === 'auto')")
    assert browser.run("getComputedStyle(document.querySelector('td.again')).position") == "static"
    assert browser.run("document.querySelectorAll('.shade.more').length") > 0, "a shadow says so"
    first = f"({TABLE}).tBodies[0].rows[0].cells[0]"
    assert browser.run(f"getComputedStyle({first}).position") == "sticky"


def test_a_row_without_a_result_is_folded_until_it_is_asked_for(browser, page):
    browser.open(page)
    row = f"({TABLE}).querySelector('tr.none')"
    assert browser.run(f"{row}.cells[0].textContent") == "3"
    assert browser.run(f"{row}.offsetHeight") == 0
    browser.run(f"({TABLE}).closest('.tablebox').querySelector('.tools input').click()")
    assert browser.run(f"{row}.offsetHeight") > 0


def test_a_filter_shows_rows_with_all_of_its_words(browser, tmp_path):
    cells = [cell(0, encoder_layers=k, hidden=10 * k) for k in range(1, 11)]
    for one in cells:
        write_record(tmp_path, one, 0, char_accuracy=0.5)
    folder = write_sweep(tmp_path, cells)
    collect(folder)
    browser.open(folder / PAGE)
    box = "document.querySelector('#s1-tables .tablebox')"
    shown = (
        f"[...{box}.querySelectorAll('tbody tr')].filter(row => row.offsetHeight)"
        ".map(row => row.textContent)"
    )
    assert len(browser.run(shown)) == 10
    search = f"{box}.querySelector('.tools input[type=search]')"
    fire = f"{search}.dispatchEvent(new Event('input'))"
    browser.run(f"{search}.value = 'encoder_layers=1'; {fire}")
    assert len(browser.run(shown)) == 1, "not 10"
    browser.run(f"{search}.value = '7 70'; {fire}")
    assert len(browser.run(shown)) == 1
    browser.run(f"{search}.value = ''; {fire}")
    assert len(browser.run(shown)) == 10
    names = f"[...{box}.querySelectorAll('fieldset label')].map(one => one.textContent)"
    hidden = browser.run(names).index("hidden")
    browser.run(f"{box}.querySelectorAll('fieldset input')[{hidden}].click()")
    heading = f"[...{box}.querySelectorAll('th')].find(h => h.textContent.startsWith('hidden'))"
    assert browser.run(f"{heading}.offsetWidth") == 0


def test_a_click_enlarges_a_figure_and_escape_closes_it(browser, page):
    browser.open(page)
    browser.run("document.querySelector('a.zoom img').click()")
    assert browser.run("document.querySelector('dialog').open")
    assert browser.run("document.querySelector('dialog img').naturalWidth") > 0
    for kind in ("keyDown", "keyUp"):
        browser.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Escape",
            code="Escape",
            windowsVirtualKeyCode=27,
        )
    assert not browser.run("document.querySelector('dialog').open")
    assert browser.requests == [page.as_uri()]


@pytest.mark.parametrize("columns", [4, 14, 30])
def test_wide_tables_fit_their_paper(browser, tmp_path, monkeypatch, columns):
    """Laid out as wide as a page of A4 across, with `columns` metrics."""
    names = [f"exact_match_carries_{k}" for k in range(columns)]
    for name in names:
        monkeypatch.setitem(
            METRICS, name, {"unit": "fraction", "doc": "", "models": ["text_to_text"]}
        )
    cells = [cell(0, 1, encoder_layers=k) for k in (1, 2)]
    for one in cells:
        for seed in (0, 1):
            write_record(tmp_path, one, seed, **dict.fromkeys(names, 0.123456 + seed / 9))
    folder = write_sweep(tmp_path, cells)
    collect(folder)
    browser.open(folder / PAGE, round((297 - 2 * 10) / 25.4 * 96), 800)
    browser.call("Emulation.setEmulatedMedia", media="print")
    wide = "[...document.querySelectorAll('.tables table')].filter(t => t.offsetWidth > t.closest('.tables').offsetWidth)"
    assert browser.run(f"{wide}.length") == 0
    sizes = re.findall(rb"/MediaBox \[0 0 ([0-9.]+) ([0-9.]+)\]", browser.pdf())
    assert any(float(width) > float(height) for width, height in sizes), "landscape"
    browser.call("Emulation.setEmulatedMedia", media="")


def test_a_click_copies_the_command_of_a_row(browser, page):
    browser.open(page)
    browser.call(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    browser.run(f"({TABLE}).querySelector('.copy').click()")
    browser.run("new Promise(done => setTimeout(done, 100))")
    assert browser.run(f"({TABLE}).querySelector('.copy').textContent") == "copied"
    copied = browser.run("navigator.clipboard.readText()")
    assert copied == "python -m gensweep sweeps/sweep.py --filter encoder_layers=1 --results again"
