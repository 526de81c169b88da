"""Names: two things that differ never share one, in file names, on the page, in figures and for `--filter`."""

from __future__ import annotations

import json
import random
import re
import shlex
import unicodedata
import warnings
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from drawings import drawn, pictures
from matplotlib import rc_context
from PIL import Image
from runs import TINY_PICTURES, call
from runs import write_sweep as write_file
from sweep_files import cell, write_record, write_sweep

from gensweep import Grid, Sweep, load
from gensweep.ledger.dropped_points import describe_dropped_points
from gensweep.ledger.manifest_writer import build_sweep_json, write_sweep_json
from gensweep.prepare.fingerprint import clear_cache
from gensweep.report.collect import collect
from gensweep.report.figures import fonts
from gensweep.report.figures.settings import split_by_dataset
from gensweep.report.page.commands import Commands
from gensweep.report.settings import name_settings
from gensweep.sweep.filters import filter_points
from gensweep.system.file_stems import MAX_STEM_LENGTH, make_file_stem, make_file_stems
from gensweep.system.naming import Names, format_value, make_visible

COLOURS = {
    "a b": (200, 30, 30),
    "a_b": (30, 30, 200),
    "x/faces": (220, 130, 20),
    "y/faces": (20, 150, 50),
}
FRAGMENTS = [
    *"aAbB01._-+=@:/\\ \t\n\0*?\"<>|%,'é\u0301ßı\u200d\u202e\ufeff人物山水\ud800😀",
    *("e\u0301", "ﬁ", "con", "..", "~", "folder"),
]  # fmt: skip


@pytest.fixture
def here(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with an empty cache."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paint(folder: Path, colour: tuple[int, int, int], count: int = 8) -> Path:
    """Write pictures of one colour each, all of them near one."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        shade = tuple(value + number for value in colour)
        Image.new("RGB", (16, 16), shade).save(folder / f"{number}.png")
    return folder


def grid(**axes: Any) -> str:
    """Return the source of a tiny grid of pictures."""
    base = {key: value for key, value in TINY_PICTURES.items() if key != "count"} | {"epochs": 1}
    return f"Grid('cae', **{base | axes!r})"


def random_text(rng: random.Random) -> str:
    return "".join(rng.choices(FRAGMENTS, k=rng.choice([1, 1, 2, 3, 60])))


def near_numbers(rng: random.Random) -> list[float]:
    """Return numbers of which some are neighbours in binary."""
    start = [rng.uniform(-2, 2) * 10 ** rng.randint(-12, 20) for _ in range(8)]
    return list(
        {
            number
            for value in start
            for number in (value, float(np.nextafter(value, 9e99)), float(f"{value:.5g}"))
        }
    )


# --- the functions


@pytest.mark.parametrize("seed", range(40))
def test_two_identities_never_have_one_file(seed: int) -> None:
    """ASCII that no file system reserves, apart even where upper case does not count, and not too long."""
    rng = random.Random(seed)
    wanted = list(
        {("page", *(random_text(rng) for _ in range(rng.randint(1, 3)))) for _ in range(80)}
    )
    names = make_file_stems(wanted)
    assert len({name.lower() for name in names}) == len(wanted)
    for name in names:
        assert re.fullmatch(r"page[A-Za-z0-9._=+-]*", name)
        assert len(name) <= MAX_STEM_LENGTH + 30
    assert make_file_stems(reversed(wanted)) == names[::-1]


@pytest.mark.parametrize("seed", range(40))
def test_two_values_are_never_called_alike(seed: int) -> None:
    """And every name is one line that shows, and leads back to its value; one of a reader's eyes counts."""
    rng = random.Random(seed)
    digests = [
        f"folder:sha256-{rng.choice(['c54ee0', 'c54ee1'])}{rng.getrandbits(40):010x}"
        for _ in range(12)
    ]
    places = {
        text: f"/data/{rng.choice(['train', 'Train', 'train@c54ee0', random_text(rng)])}"
        for text in digests
    }
    texts = [random_text(rng) for _ in range(40)]
    values = list(
        dict.fromkeys(
            [*digests, *texts, *near_numbers(rng), None, "none", "None", "True", "1", "0.3"]
        )
    )
    names = Names({"it": [*values, True, 1, 1.0]}, places)
    shown = [names.get_text("it", value) for value in [*values, True, 1]]
    assert len({unicodedata.normalize("NFKC", text) for text in shown}) == len(shown)
    for value, text in zip([*values, True, 1], shown, strict=True):
        assert names.find("it", text, None) == [value] and names.get_value("it", text) == value
        assert make_visible(text) == text and "\n" not in text and "\u202e" not in text


@pytest.mark.parametrize("seed", range(20))
def test_numbers_have_six_digits_and_more_only_where_that_tells_them_apart(seed: int) -> None:
    numbers = near_numbers(random.Random(seed))
    names = Names({"lr": numbers}, {})
    texts, short = (
        [names.get_text("lr", number) for number in numbers],
        [f"{number:.6g}" for number in numbers],
    )
    assert len(set(texts)) == len(numbers)
    for number, text, six in zip(numbers, texts, short, strict=True):
        others = [
            one for one, like in zip(numbers, short, strict=True) if like == six and one != number
        ]
        assert others or text == six
        assert all(abs(float(text) - number) < abs(float(text) - one) for one in others)


def test_a_name_stays_until_a_sibling_would_have_it_too() -> None:
    one, other, third = (f"folder:sha256-{digit * 16}" for digit in "abc")
    places = {one: "/x/train", other: "/y/train", third: "/z/rest"}
    assert Names({"dataset": [one]}, places).get_text("dataset", one) == "folder:train"
    assert Names({"dataset": [one, third]}, places).get_text("dataset", one) == "folder:train"
    assert (
        Names({"dataset": [one, other]}, places).get_text("dataset", one) == "folder:train@aaaaaa"
    )
    assert Names({"lr": [0.3, 0.25]}, {}).get_text("lr", 0.3) == "0.3"
    pair = Names({"lr": [0.3, 0.1 + 0.2, 0.25]}, {})
    assert [pair.get_text("lr", lr) for lr in (0.3, 0.1 + 0.2, 0.25)] == [
        "0.3",
        "0.30000000000000004",
        "0.25",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b", "a_b"),
        ("人物", "山水"),
        ("Points", "points"),
        ("é", "e\u0301"),
        ("x" * 300, "x" * 301),
        ("a/b", "a\\b"),
    ],
)
def test_what_looks_alike_in_a_file_name_gets_a_digest(one: str, other: str) -> None:
    alone, both = make_file_stem("depth", one), make_file_stems([("depth", one), ("depth", other)])
    assert both[0].lower() != both[1].lower()
    assert all(re.fullmatch(r"[A-Za-z0-9._=+-]{1,130}", name) for name in both)
    assert alone == make_file_stem("depth", one)


def test_a_plain_name_keeps_its_file() -> None:
    assert (
        make_file_stem("depth", "cae", "dataset=folder:pics", "lr=0.001")
        == "depth-cae-dataset=folder_pics-lr=0.001"
    )
    assert [format_value(value) for value in (None, 1e-3, 128, "adam", True)] == [
        "none",
        "0.001",
        "128",
        "adam",
        "True",
    ]


# --- numbers


def test_settings_that_print_alike_have_a_table_and_a_heatmap_each(tmp_path: Path) -> None:
    """0.1 + 0.2 is not 0.3; both would be 0.3 in six digits."""
    rates = (0.3, 0.1 + 0.2)
    cells = [cell(0, lr=lr, decoder_layers=layers) for lr in rates for layers in (1, 2)]
    for index, one in enumerate(cells):
        write_record(tmp_path, one, 0, char_accuracy=index / 10)
    folder = write_sweep(
        tmp_path, cells, tables=["depth"], figures=["depth_heatmap", "learning_curves"]
    )
    collect(folder)
    tables = sorted(path.name for path in folder.glob("tables/depth-*.csv"))
    assert tables == [
        "depth-text_to_text-lr=0.3.csv",
        "depth-text_to_text-lr=0.30000000000000004.csv",
    ]
    means = [
        pd.read_csv(folder / "tables" / name)["char_accuracy_mean"].tolist() for name in tables
    ]
    assert means == [[0.0, 0.1], [0.2, 0.3]]
    assert len(list(folder.glob("figures/depth_heatmap-*.svg"))) == 2
    words = (folder / "tables" / "cells.md").read_text()
    assert re.search(r"\| +0\.3 \|", words) and "| 0.30000000000000004 |" in words
    assert "0.30000000000000004" in (folder / "tables" / "leaderboard-text_to_text.tex").read_text()


# --- the layout that people have


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train on two folders that differ in a blank and an underscore, and on two of one name in different places."""
    home = tmp_path_factory.mktemp("names")
    folders = [f"folder:{paint(home / name, colour)}" for name, colour in COLOURS.items()]
    figures = ["depth_heatmap", "dataset_samples"]
    source = grid(dataset=folders, decoder_layers=[3, 4])
    file = write_file(home, source, name="names", seeds=1, tables=["depth"], figures=figures)
    clear_cache()
    ended = call(file, "--local", "--results", home / "results")
    assert ended.code == 0, ended.error
    lines = [line for line in ended.out.splitlines() if "8 examples" in line]
    assert len(lines) == 4, "a line for each dataset"
    return home


def test_each_dataset_has_its_own_files(trained: Path) -> None:
    folder = trained / "results" / "names"
    tables = [pd.read_csv(path) for path in folder.glob("tables/depth-*.csv")]
    assert len(tables) == 4
    for suffix in ("*.md", "*-full.tex"):
        assert len(list(folder.glob(f"tables/depth-{suffix}"))) == 4
    assert len(list(folder.glob("figures/depth_heatmap-*.svg"))) == 4
    results = load(folder)
    assert len(dict(name_settings("samples_by_epoch", split_by_dataset(results, ["cae"])))) == 4
    ids = sorted(frozenset(table["cell"]) for table in tables)
    assert len(set(ids)) == 4 and all(len(one) == 2 for one in ids)


def test_each_link_of_the_page_leads_to_its_own_table(trained: Path) -> None:
    folder = trained / "results" / "names"
    page = (folder / "report.html").read_text()
    params = {
        one["id"]: one["params"] for one in json.loads((folder / "sweep.json").read_text())["cells"]
    }
    names = load(folder).names
    result = re.findall(
        r"<caption[^>]*>cae, dataset=(.*?): encoder.*?</caption>.*?href=\"(tables/depth[^\"]+)\.csv\"",
        page,
        re.S,
    )
    assert len(result) == 4 and len(set(result)) == 4
    for caption, link in result:
        table = pd.read_csv(folder / f"{unquote(link)}.csv")
        (pinned,) = {params[one]["dataset"] for one in table["cell"]}
        assert names.get_text("dataset", pinned) == unescape(caption)
        markdown = (folder / f"{unquote(link)}.md").read_text().replace("\\", "")
        assert unescape(caption) in markdown


def test_each_dataset_s_pictures_stand_beside_its_name(trained: Path) -> None:
    folder = trained / "results" / "names"
    assert len(list(folder.glob("datasets/*.png"))) == 4
    (figure,) = drawn(folder, "dataset_samples").values()
    rows = [tick.get_text().replace("\n", " ") for tick in figure.axes[0].get_yticklabels()]
    assert "No sheet" not in figure.data.caption
    places = json.loads((folder / "sweep.json").read_text())["places"]
    names = load(folder).names
    colours = {
        names.get_text("dataset", pinned): COLOURS[str(Path(index).relative_to(trained))]
        for pinned, index in places.items()
    }
    assert set(rows) == set(colours) and {"folder:a b", "folder:a_b"} < set(rows)
    for row, sheet in zip(rows, pictures(figure), strict=True):
        assert np.abs(sheet[8, 8].astype(int) - colours[row]).max() < 10


def test_what_is_shown_is_what_a_filter_takes(trained: Path) -> None:
    folder = trained / "results" / "names"
    results = load(folder)
    values = json.loads((folder / "sweep.json").read_text())
    sweep = Sweep("names", Grid("cae", **values["grids"][0]["axes"]))
    shown = {one.id: one.params["dataset"] for one in results.sweep.cells}
    for one in results.sweep.cells:
        pairs = [
            ("dataset", [shown[one.id]]),
            ("decoder_layers", [str(one.params["decoder_layers"])]),
        ]
        assert {point.cell for point in filter_points(sweep, pairs)} == {one.id}
        words = shlex.split(Commands(results).build_cell_command(one.id, "cae"))
        typed = [
            words[index + 1].partition("=")[::2]
            for index, word in enumerate(words)
            if word == "--filter"
        ]
        result = filter_points(sweep, [(key, [text.replace("\\,", ",")]) for key, text in typed])
        assert {point.cell for point in result} == {one.id}
    faces = sorted(name for name in set(shown.values()) if "faces" in name)
    assert [re.fullmatch(r"folder:faces@[0-9a-f]{6}", name) is not None for name in faces] == [
        True,
        True,
    ]


# --- sheets


def test_pictures_that_were_replaced_are_shown_as_they_are_now(here: Path, root: Path) -> None:
    paint(here / "pics", (200, 0, 0))
    file = write_file(here, grid(dataset="folder:pics"), seeds=1, figures=["dataset_samples"])
    for colour in ((200, 0, 0), (0, 0, 200)):
        paint(here / "pics", colour)
        clear_cache()
        ended = call(file, "--local", "--results", root)
        assert ended.code == 0, ended.error
        (figure,) = drawn(root / "tiny", "dataset_samples").values()
        (sheet,) = pictures(figure)
        assert np.abs(sheet[8, 8].astype(int) - colour).max() < 10
        assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["folder:pics"]
    assert (
        "Of 1 point of the earlier tiny, 1 will not be in its tables and figures any more"
        in ended.out
    )


def test_parameters_that_change_the_pictures_have_a_sheet_each(here: Path, root: Path) -> None:
    file = write_file(
        here,
        grid(dataset="avatars", count=20, data_seed=[0, 1]),
        seeds=1,
        figures=["dataset_samples"],
    )
    assert call(file, "--local", "--results", root).code == 0
    (figure,) = drawn(root / "tiny", "dataset_samples").values()
    rows = [tick.get_text().replace("\n", " ") for tick in figure.axes[0].get_yticklabels()]
    assert rows == ["avatars, data_seed=0", "avatars, data_seed=1"]
    first, second = pictures(figure)
    assert not np.array_equal(first, second)


def test_a_sweep_whose_points_another_one_trained_has_sheets_too(here: Path, root: Path) -> None:
    source = grid(dataset="avatars", count=20)
    assert call(write_file(here, source, seeds=1), "--local", "--results", root).code == 0
    other = write_file(here, source, name="other", seeds=1, figures=["dataset_samples"])
    ended = call(other, "--local", "--results", root)
    assert "Nothing to do" in ended.out
    (figure,) = drawn(root / "other", "dataset_samples").values()
    assert len(pictures(figure)) == 1 and "No sheet" not in figure.data.caption


# --- filters


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("0.3", [0.3]), ("0.30000000000000004", [0.1 + 0.2]), ("0.123457", [0.1234567]), ("0.1234567", [0.1234567]),
     ("1e16", [1e16]), ("10000000000000000", [1e16])],
)  # fmt: skip
def test_a_filter_takes_numbers_as_they_are_shown_and_as_they_are(
    typed: str, wanted: list[float]
) -> None:
    sweep = Sweep("s", Grid("text_to_text", lr=[0.3, 0.1 + 0.2, 0.1234567, 1e16]))
    assert [point.params["lr"] for point in filter_points(sweep, [("lr", [typed])])] == wanted


def test_a_filter_takes_a_dataset_by_the_beginning_of_its_digest(here: Path) -> None:
    for path, colour in zip(("x/train", "y/train", "A", "a"), COLOURS.values(), strict=True):
        paint(here / path, colour)
    sweep = Sweep(
        "s", Grid("cae", dataset=["folder:x/train", "folder:y/train", "folder:A", "folder:a"])
    )
    every = [point.params["dataset"] for point in sweep.points()]
    for path, typed in enumerate(
        [
            f"folder:train@{every[0][14:20]}",
            f"folder:train@{every[1][14:22]}",
            "folder:A",
            f"folder:a@{every[3][14:19]}",
        ]
    ):
        assert [
            point.params["dataset"] for point in filter_points(sweep, [("dataset", [typed])])
        ] == [every[path]]
    with pytest.raises(
        Exception,
        match=f"folder:train matches nothing; available: folder:train@{every[0][14:20]}, ",
    ):
        filter_points(sweep, [("dataset", ["folder:train"])])


# --- two sweeps of one name


def test_another_file_s_sweep_of_the_same_name_is_refused_and_nothing_is_lost(
    here: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(file: str, *more: str) -> Any:
        monkeypatch.setattr("sys.argv", ["gensweep", file, *more])
        return call(file, "--local", "--results", root, *more)

    first = write_file(
        here, "Grid('text_to_text', hidden=4, train_fraction=0.02, epochs=1)", seeds=1
    )
    assert typed(first).code == 0
    before = {path: path.read_bytes() for path in (root / "tiny").rglob("*") if path.is_file()}
    second = Path(first).rename(here / "second.py")
    Path(first).write_text(second.read_text())
    second.write_text(second.read_text().replace("hidden=4", "hidden=6"))
    ended = typed("second.py")
    assert ended.code == 2 and "holds another sweep of the name 'tiny'" in ended.error
    assert "tiny.py" in ended.error and "second.py" in ended.error
    assert {
        path: path.read_bytes() for path in (root / "tiny").rglob("*") if path.is_file()
    } == before
    assert "A run would be refused" in typed("second.py", "--dry-run").out


def test_a_sweep_may_grow_shrink_and_change(tmp_path: Path) -> None:
    from gensweep.ledger.stores import Store

    store, command = Store(tmp_path), "python -m gensweep sweeps/s.py --seeds 1"
    small, large = (Sweep("s", Grid("text_to_text", hidden=sizes)) for sizes in ([4], [4, 6]))
    changed = Sweep("s", Grid("text_to_text", hidden=[8]))
    assert describe_dropped_points(store, small, command) == ""
    write_sweep_json(store, small, command)
    assert (
        describe_dropped_points(store, small, command)
        == describe_dropped_points(store, large, command)
        == ""
    )
    write_sweep_json(store, large, command)
    assert "Of 2 points of the earlier s, 1 will not be in its tables" in describe_dropped_points(
        store, small, command
    )
    assert "Of 2 points of the earlier s, 2 will not be in its tables" in describe_dropped_points(
        store, changed, command
    )
    assert "Of 2 points of the earlier s, 2 will not be in its tables" in describe_dropped_points(
        store, changed, ""
    )
    (tmp_path / "s" / "sweep.json").write_text("[]")
    assert describe_dropped_points(store, changed, command) == ""


# --- text of files that becomes a path


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc", "a\0b", "", ".", "..", ".hidden", "a\\b", "a\nb", "x" * 256, "\u202ex"],
)
@pytest.mark.parametrize("kind", ["point", "cell"])
def test_ids_that_are_none_are_refused_by_name(tmp_path: Path, name: str, kind: str) -> None:
    one = cell(0) | ({"id": name} if kind == "cell" else {"points": {"0": name}})
    folder = write_sweep(tmp_path / "root", [one])
    outside = tmp_path / "x"
    outside.mkdir()
    ended = call("collect", folder)
    assert (
        ended.code == 2
        and f"{name[:80]!r} is not a valid id of a {kind}" in ended.error.replace("\n", "")
    )
    assert sorted(path.name for path in folder.iterdir()) == ["sweep.json"] and not list(
        outside.iterdir()
    )


@pytest.mark.parametrize(
    "name",
    ["tables/..", "tables/../sweep.json", "figures/../../mine.csv", "tables/\0.csv", "/etc/x", "tables/mine.txt", [1]],
)  # fmt: skip
def test_what_a_list_of_files_says_removes_nothing_else(tmp_path: Path, name: Any) -> None:
    folder = write_sweep(tmp_path, [cell(0)])
    collect(folder)
    (folder / "tables" / "mine.txt").write_text("mine")
    (tmp_path / "mine.csv").write_text("mine")
    (folder / "tables" / "old.csv").write_text("old")
    (folder / "collected.json").write_text(
        json.dumps({"digest": "", "files": [name, "tables/old.csv"]})
    )
    collect(folder)
    assert not (folder / "tables" / "old.csv").exists()
    for path in (folder / "tables" / "mine.txt", tmp_path / "mine.csv", folder / "sweep.json"):
        assert path.exists()


def test_names_in_a_file_are_shown_in_one_line(tmp_path: Path) -> None:
    """A right-to-left override would turn round the rest of its line."""
    pinned = f"folder:sha256-{'0' * 16}"
    one = cell(0, model="cae", dataset=pinned)
    folder = write_sweep(tmp_path, [one], places={pinned: "/x/gpj.\u202eexe\x1b[31m"})
    assert load(folder).params[one["id"]]["dataset"] == "folder:gpj.\\u202eexe\\u001b[31m"
    collect(folder)
    page = (folder / "report.html").read_text()
    assert "\u202e" not in page and "\x1b" not in page
    assert page.count("gpj.\\u202eexe\\u001b[31m") > page.count("/x/gpj.\\u202eexe\\u001b[31m") > 0


def test_sweep_json_names_what_changes_a_dataset_s_pictures() -> None:
    values = build_sweep_json(Sweep("s", Grid("cae", data_seed=[0, 1], count=20)), "")
    assert {"count", "data_seed"} <= set(values["of_dataset"])


def test_letters_that_no_font_has_stand_by_their_number_in_figures(tmp_path: Path) -> None:
    """Not as boxes, with a warning for each: two letters of Linear A, and two that the main font has."""
    names = {
        "folder:sha256-" + digit * 16: f"/x/{name}"
        for digit, name in (("a", "\U00010600\U00010601"), ("b", "é±"))
    }
    cells = [
        cell(0, model="cae", dataset=pinned, decoder_layers=k) for pinned in names for k in (1, 2)
    ]
    for one in cells:
        write_record(tmp_path, one, 0, reconstruction_mse=0.5)
    figures = ["depth_heatmap", "learning_curves", "samples_by_epoch", "dataset_samples"]
    folder = write_sweep(tmp_path, cells, tables=["depth"], figures=figures, places=names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collect(folder)
    curves = [one.data.title for one in drawn(folder, "learning_curves").values()]
    assert curves == [
        "cae on folder:\U00010600\U00010601: learning curves",
        "cae on folder:é±: learning curves",
    ]
    digits = {name.replace("folder:", "npz:"): path for name, path in names.items()}
    others = [cell(0, model="text_to_image", digits=pinned) for pinned in digits]
    for one in others:
        write_record(tmp_path, one, 0, mse=0.5)
    other = write_sweep(tmp_path, others, name="other", places=digits)
    (figure,) = drawn(other, "learning_curves").values()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["npz:[U+10600][U+10601]", "npz:é±"]
    titles = [one.data.title for one in drawn(folder, "depth_heatmap").values()]
    assert titles == [
        "cae, dataset=folder:\U00010600\U00010601: depth",
        "cae, dataset=folder:é±: depth",
    ]
    assert (
        len(list(folder.glob("tables/depth-*.csv")))
        == len(list(folder.glob("figures/depth_heatmap-*.svg")))
        == 2
    )


def test_a_font_of_the_machine_is_taken_for_what_the_main_one_lacks() -> None:
    """A letter of STIXGeneral, which comes with matplotlib; nobody has Linear A but the font of last resort."""
    letter = "\u1d81"
    assert ord(letter) not in fonts._get_code_points(fonts.MAIN_FONT) and ord(
        letter
    ) in fonts._get_code_points("STIXGeneral")
    assert fonts.choose_families(["plain", "é±"]) == [fonts.MAIN_FONT]
    main, other = fonts.choose_families([f"a{letter}", "\U00010600"])
    assert main == fonts.MAIN_FONT and ord(letter) in fonts._get_code_points(other)
    with rc_context({"font.family": [main, other]}):
        assert fonts.make_legible(f"a{letter}é\U00010600") == f"a{letter}é[U+10600]"
    assert fonts.make_legible(f"a{letter}") == "a[U+1D81]"


@pytest.mark.parametrize(
    "lookalike",
    ["f\u0430ces", "fac\u0435s", "face\u0455", "f\u03b1ces"],
)
def test_letters_of_another_script_that_look_the_same_get_a_digest(lookalike: str) -> None:
    pinned = [f"folder:sha256-{digit * 16}" for digit in "ab"]
    places = {pinned[0]: "/data/faces", pinned[1]: f"/data/{lookalike}"}
    names = Names({"dataset": pinned}, places)
    assert names.get_text("dataset", pinned[0]) == "folder:faces@aaaaaa"
    assert names.get_text("dataset", pinned[1]) == f"folder:{lookalike}@bbbbbb"
    # Names of one script that differ stay as plain as they are.
    cyrillic = {pinned[0]: "/data/\u043b\u0438\u0446\u0430", pinned[1]: "/data/\u043c\u0438\u0440"}
    names = Names({"dataset": pinned}, cyrillic)
    assert names.get_text("dataset", pinned[1]) == "folder:\u043c\u0438\u0440"
