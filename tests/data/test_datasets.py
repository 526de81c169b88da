"""Datasets on the command line: `data list`, `fetch`, `show`, and sweeps over several of them and over one's own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from runs import TINY, TINY_PICTURES, call, grid, records, write_sweep

import gensweep
from gensweep.core.errors import DataError, FetchError, SweepError, UnknownNameError
from gensweep.core.registries import DATASETS, DOWNLOADS, Download
from gensweep.data.avatars import Avatars
from gensweep.data.cryptopunks import CryptoPunks
from gensweep.prepare import array_cache, fingerprint
from gensweep.prepare.contact_sheet import LINE_HEIGHT, MARGIN, draw_picture_sheet, draw_text_sheet
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Grid, Sweep


@pytest.fixture(autouse=True)
def here(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, an empty cache, a wide screen."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pictures(folder: Path, count: int, seed: int = 0) -> Path:
    """A folder of noise."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(
        np.random.default_rng(seed).integers(0, 256, (count, 70, 80, 3), np.uint8)
    ):
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


def opened(path: Path) -> np.ndarray:
    """A picture's pixels [height, width, 3]."""
    with Image.open(path) as image:
        return np.asarray(image)


def write_own_sweep(model: str, axes: dict[str, Any]) -> str:
    """The source of a tiny grid of pictures that are not the avatars."""
    return f"Grid({model!r}, **{ {key: value for key, value in TINY_PICTURES.items() if key != 'count'} | axes!r})"


class TestList:
    def test_every_dataset_and_source_of_digits_is_there(self) -> None:
        shown = call("data", "list").out
        lines = shown.splitlines()
        assert lines[0] == f"cache: {Path.cwd() / 'cache'}"
        for name in (
            *(name for name in DATASETS if name != "folder"),
            "folder:DIR",
            "mnist5k",
            "mnist",
            "idx:DIR",
            "npz:FILE",
        ):
            assert any(line.startswith(f"{name} ") for line in lines), name

    def test_says_count_shape_and_hash_of_what_is_the_same_everywhere(self) -> None:
        shown = call("data", "list").out
        for config in (Avatars, CryptoPunks):
            assert config.fixed
            count, shape, digest = config.fixed
            assert f"{count:,} x {list(shape)}" in shown and digest in shown

    def test_says_how_to_get_what_is_not_here(self) -> None:
        shown = call("data", "list").out
        for name in DOWNLOADS:
            assert (
                f"no: {name} is not fetched yet" in shown
                and f"python -m gensweep data fetch {name}" in shown
            )

    def test_says_where_what_was_built_is_kept(self, here: Path) -> None:
        call("data", "show", "arithmetic_pictures", "--n", 1)
        entry = next((here / "cache" / "prepared").glob("arithmetic_pictures-*.json"))
        shown = call("data", "list").out
        assert f"cached  {entry}" in shown
        assert json.loads(entry.read_text())["arrays"]["banks"]["glyphs"]["sha256"] in shown


class TestFetch:
    @pytest.fixture
    def fetched(self, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
        """What a stand-in for a download was asked for."""
        requested: list[Any] = []

        def fetch(progress: Any, *, source: str | None = None, limit: int | None = None) -> str:
            """Get it."""
            progress("halfway", 1, 2)
            requested.append((source, limit))
            if source == "http://nowhere":
                raise FetchError("nobody answers; is there a network?")
            return "it is here"

        DOWNLOADS["mnist"]  # filled before it is changed
        monkeypatch.setitem(DOWNLOADS._entries, "stand-in", Download("stand-in", "", fetch))
        return requested

    def test_passes_on_the_options_that_were_typed_and_no_others(self, fetched: list[Any]) -> None:
        ended = call("data", "fetch", "stand-in", "--limit", 3)
        assert (ended.code, fetched) == (0, [(None, 3)])
        assert ended.out.splitlines()[-1] == "it is here"

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (
                ["mnits"],
                r"unknown download 'mnits'; did you mean 'mnist'\? Valid: cryptopunks, mnist, rijksmuseum",
            ),
            (["avatars"], "avatars needs no download; downloads: cryptopunks, mnist, rijksmuseum"),
            (
                ["stand-in", "--years", "1600"],
                "stand-in does not accept --years; it accepts --source, --limit",
            ),
            (["stand-in", "--source", "http://nowhere"], r"nobody answers; is there a network\?"),
            (["rijksmuseum", "--years", "soon"], "soon"),
        ],
    )
    def test_what_is_wrong_ends_with_two(
        self, arguments: list[str], error: str, fetched: list[Any]
    ) -> None:
        ended = call("data", "fetch", *arguments)
        assert ended.code == 2 and re.search(error, ended.error), ended.error


class TestShow:
    @pytest.mark.parametrize(
        ("name", "size"),
        [
            ("avatars", (4 * 132 + 4, 3 * 132 + 4)),
            ("mnist5k", (4 * 60 + 4, 3 * (60 + LINE_HEIGHT) + 4)),
            ("arithmetic_pictures", (724 + 4, 12 * (60 + LINE_HEIGHT) + 4)),
        ],
    )
    def test_writes_a_sheet(self, name: str, size: tuple[int, int], here: Path) -> None:
        """Twelve examples: 4 x 3 squares of twice 64 or 28 pixels with a margin of 4; strips of twice 360 x 28."""
        ended = call("data", "show", name, "--n", 12, "--out", "few.png")
        assert (ended.code, ended.error) == (0, "")
        assert "12 of " in ended.out
        assert opened(here / "few.png").shape[1::-1] == size

    def test_shows_the_examples_themselves(self, here: Path) -> None:
        """All of 25 faces, in order, and every one unharmed."""
        call("data", "show", "avatars", "--set", "count=25", "--n", 99)
        sheet = opened(here / "sheet.png")
        faces = Avatars(count=25).prepare().rows["picture"]
        for number in (0, 7, 24):
            top, left = (MARGIN + index * (128 + MARGIN) for index in divmod(number, 5))
            assert np.array_equal(
                sheet[top : top + 128 : 2, left : left + 128 : 2].transpose(2, 0, 1), faces[number]
            )

    def test_another_seed_shows_others(self, here: Path) -> None:
        for out, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
            call("data", "show", "arithmetic", "--n", 3, "--seed", seed, "--out", out)
        a, b, c = ((here / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
        assert a == b != c

    def test_ones_own_pictures_and_digits(self, here: Path) -> None:
        pictures(here / "mine", 20)
        labels = np.arange(100) % 10
        images = np.full((100, 28, 28), 90, np.uint8)
        images[:, 0, 0] = np.arange(130, 230)  # no two are equal
        np.savez(here / "d.npz", images=images, labels=labels)
        assert "20 of 20 examples of folder:mine" in call("data", "show", "folder:mine").out
        assert "10 of 100 examples of npz:d.npz" in call("data", "show", "npz:d.npz", "--n", 10).out

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            (["avatar"], "unknown dataset 'avatar'; did you mean 'avatars'?"),
            (["avatars:x"], "unknown dataset 'avatars:x'"),
            (["folder"], "'folder' is none of folder:DIR"),
            (["folder:none"], "none does not exist; name a folder of pictures"),
            (["idx:none"], "none"),
            (["npz:none"], "none is not a file"),
            (["mnist"], "mnist is not fetched yet; python -m gensweep data fetch mnist"),
            (["cryptopunks"], "cryptopunks is not fetched yet"),
            (["avatars", "--set", "count=three"], "avatars: count='three'"),
            (
                ["avatars", "--set", "counts=3"],
                "unknown parameter 'counts' in avatars; did you mean 'count'?",
            ),
            (
                ["folder:none", "--set", "dataset=avatars"],
                "--set dataset: the dataset is folder:none",
            ),
            (["avatars", "--set", "count=30,40"], "--set count: give one value, not 2"),
            (["mnist5k", "--set", "count=30"], "mnist5k has no parameters"),
            (
                ["avatars", "--out", "sheet.jpg"],
                "--out sheet.jpg: the sheet is a PNG file; name it sheet.png",
            ),
            (["avatars", "--out", "no/sheet.png"], "--out no/sheet.png: there is no folder no"),
        ],
    )
    def test_what_is_wrong_ends_with_two(
        self, arguments: list[str], error: str, here: Path
    ) -> None:
        ended = call("data", "show", *arguments)
        assert ended.code == 2 and error in ended.error, ended.error
        assert not (here / "sheet.png").exists()


class TestRuns:
    """What a run makes of data before anything starts."""

    def test_data_that_cannot_be_used_leaves_the_sweep_as_it_was(
        self, here: Path, root: Path
    ) -> None:
        pictures(here / "mine", 20)
        write_sweep(here, write_own_sweep("cae", {"dataset": "folder:mine"}))
        arguments = ("tiny.py", "--local", "--results", root, "--seeds", 1)
        assert call(*arguments).code == 0
        before = (root / "tiny" / "sweep.json").read_bytes()
        (here / "junk").mkdir()
        for number in range(20):
            (here / "junk" / f"{number}.png").write_bytes(b"no picture %d" % number)
        ended = call(*arguments, "--set", "dataset=folder:mine,folder:junk")
        assert ended.code == 2 and "20 of 20 could not be opened" in ended.error
        assert (root / "tiny" / "sweep.json").read_bytes() == before

    def test_says_how_each_dataset_is_split(self, here: Path, root: Path) -> None:
        """Of 20, round(2) test; of the other 18, round(1.8) validate."""
        pictures(here / "mine", 20)
        write_sweep(here, write_own_sweep("cae", {"dataset": "folder:mine"}))
        ended = call("tiny.py", "--local", "--results", root, "--seeds", 1)
        assert "folder:mine: 20 examples, 2 to test, 2 to validate." in ended.out

    def test_a_dry_run_says_what_would_stop_it(self, here: Path) -> None:
        write_sweep(here, write_own_sweep("cae", {"dataset": "cryptopunks"}))
        ended = call("tiny.py", "--dry-run")
        assert (
            ended.code,
            "A run would be refused: cryptopunks is not fetched yet" in ended.out,
        ) == (
            0,
            True,
        )

    def test_a_worker_needs_no_folder(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It knows the pinned text alone: no place is looked for, or into."""
        pictures(here / "mine", 20)
        params = Point.make("cae", {"dataset": "folder:mine"}, 0).params
        fingerprint.clear_cache()
        monkeypatch.setattr(fingerprint, "locate", lambda _: pytest.fail("looked for the folder"))
        monkeypatch.setattr("os.walk", lambda *_, **__: pytest.fail("looked into a folder"))
        Point.make("cae", params, 0).data_config()

    def test_the_same_pictures_under_two_names_are_refused(self, here: Path) -> None:
        shutil.copytree(pictures(here / "mine", 20), here / "yours")
        with pytest.raises(SweepError, match="dataset: folder:mine and folder:yours hold the same"):
            Grid("cae", dataset=["folder:mine", "folder:yours"])

    def test_a_comma_may_be_part_of_a_folder(self, here: Path) -> None:
        pictures(here / "a, b", 20)
        write_sweep(here, write_own_sweep("cae", {}))
        assert (
            "To train: 2"
            in call("tiny.py", "--dry-run", "--set", "dataset=avatars,folder:a\\, b").out
        )

    def test_a_filter_takes_what_tables_show(self, here: Path) -> None:
        pictures(here / "deep" / "mine", 20)
        write_sweep(
            here, write_own_sweep("cae", {"dataset": [f"folder:{here}/deep/mine", "avatars"]})
        )
        ended = call("tiny.py", "--dry-run", "--filter", "dataset=folder:mine")
        assert "1 point wanted" in ended.out, ended.out + ended.error


class TestSheets:
    def test_grey_and_colour_are_laid_out_row_by_row(self) -> None:
        """Five of 3 x 2 pixels, doubled, three a row: every place by arithmetic."""
        grey = np.arange(5, dtype=np.uint8)[:, None, None, None] * 40 + np.zeros(
            (5, 1, 2, 3), np.uint8
        )
        sheet = np.asarray(draw_picture_sheet(grey, columns=3))
        assert sheet.shape == (2 * (4 + MARGIN) + MARGIN, 3 * (6 + MARGIN) + MARGIN, 3)
        for number in range(5):
            top, left = MARGIN + number // 3 * (4 + MARGIN), MARGIN + number % 3 * (6 + MARGIN)
            assert (sheet[top : top + 4, left : left + 6] == number * 40).all()
        assert (sheet[:MARGIN] == 255).all() and (sheet[-4 - MARGIN :, -6 - MARGIN :] == 255).all()
        assert np.array_equal(
            sheet, np.asarray(draw_picture_sheet(grey.repeat(3, axis=1), columns=3))
        )

    def test_lines_of_text_are_as_wide_as_the_longest(self) -> None:
        short, wide = draw_text_sheet(["a", "b"]), draw_text_sheet(["a", "wider than that"])
        assert (
            short.height == wide.height == 2 * LINE_HEIGHT + 4 * MARGIN and short.width < wide.width
        )


class TestSweeps:
    def test_a_parameter_of_one_dataset_acts_with_that_one_alone(self) -> None:
        cells = Grid(
            "cae",
            dataset=["avatars", "cryptopunks"],
            count=[100, 200],
            scaling=["nearest", "report"],
        ).cells()
        result = [(cell["dataset"], cell.get("count"), cell.get("scaling")) for cell in cells]
        assert result == [
            ("avatars", 100, None),
            ("avatars", 200, None),
            ("cryptopunks", None, "nearest"),
            ("cryptopunks", None, "report"),
        ]

    def test_a_parameter_of_no_dataset_of_the_grid_is_refused(self) -> None:
        with pytest.raises(SweepError, match="unknown parameter 'scaling' in cae"):
            Grid("cae", dataset=["avatars"], scaling="report")

    def test_another_dataset_drops_what_only_the_first_knew(self) -> None:
        sweep = Sweep("s", Grid("cae", count=100, filters=8)).replace_values(
            {"dataset": "cryptopunks"}
        )
        ((_, params),) = sweep.cells()
        assert (params["dataset"], params["filters"], "count" in params) == (
            "cryptopunks",
            8,
            False,
        )

    @pytest.mark.parametrize(
        "name", ["avatar", "avatars:here", "folder", "folder:", "rijksmuseum:here", 3]
    )
    def test_a_wrong_dataset_is_refused(self, name: Any) -> None:
        with pytest.raises((UnknownNameError, SweepError, DataError)):
            Grid("cae", dataset=name)

    def test_colours_that_are_the_same_are_the_same_point(self) -> None:
        points = [
            Point.make("cae", {"dataset": "cryptopunks", "background": colour}, 0)
            for colour in ("white", "#FFF", "#ffffff")
        ]
        assert len({point.id for point in points}) == 1
        with pytest.raises(SweepError, match="background='whit'"):
            Point.make("cae", {"dataset": "cryptopunks", "background": "whit"}, 0)

    def test_what_is_not_fetched_is_reported_before_anything_starts(self, here: Path) -> None:
        write_sweep(here, write_own_sweep("cae", {"dataset": "cryptopunks"}))
        ended = call("tiny.py", "--local")
        assert ended.code == 2
        assert ended.error.startswith("error: cryptopunks is not fetched yet")
        assert not (here / "results").exists()
        write_sweep(here, write_own_sweep("cae", {"dataset": "rijksmuseum"}))
        ended = call("tiny.py", "--local")
        assert (ended.code, "tiny.py:2: rijksmuseum is not fetched yet" in ended.error) == (
            2,
            True,
        ), ended.error

    def test_ones_own_pictures_train_and_are_known_by_content(self, here: Path, root: Path) -> None:
        """A renamed folder has nothing to do; one more picture makes it another dataset."""
        pictures(here / "mine", 20)
        (here / "mine" / "broken.png").write_bytes(b"no picture")
        write_sweep(here, write_own_sweep("cae", {"dataset": "folder:mine"}))
        arguments = ("tiny.py", "--local", "--results", root, "--seeds", 1)
        ended = call(*arguments)
        assert ended.code == 0, ended.error
        (record,) = records(root).values()
        assert record.params["dataset"].startswith("folder:sha256-") and "mine" not in json.dumps(
            record.params
        )
        assert "folder:mine" not in record.id

        fingerprint.clear_cache()
        (here / "mine").rename(here / "yours")
        write_sweep(here, write_own_sweep("cae", {"dataset": "folder:yours"}))
        assert "Nothing to do" in call(*arguments).out

        fingerprint.clear_cache()
        shutil.copy(here / "yours" / "broken.png", here / "yours" / "copy.png")
        assert "Nothing to do" in call(*arguments).out, "a copy adds nothing"

        fingerprint.clear_cache()
        pictures(here / "yours" / "more", 1, seed=1)
        assert "Nothing to do" not in call(*arguments).out
        assert len(records(root)) == 2

    def test_every_command_names_pictures_that_are_left_out(self, here: Path) -> None:
        pictures(here / "mine", 20)
        (here / "mine" / "broken.png").write_bytes(b"no picture")
        for _ in range(2):
            array_cache._logged_notes.clear()  # a command of its own is a new process
            error = call("data", "show", "folder:mine").error
            assert "1 of 21 pictures left out: broken.png" in error

    def test_tables_call_ones_own_data_by_its_folder(self, here: Path, root: Path) -> None:
        for seed, path in enumerate(("a/faces", "b/faces", "c/cats")):
            pictures(here / path, 20, seed)
        names = [f"folder:{path}" for path in ("a/faces", "b/faces", "c/cats")]
        write_sweep(here, write_own_sweep("cae", {"dataset": names}))
        assert call("tiny.py", "--local", "--results", root, "--seeds", 1).code == 0
        shown = gensweep.load(root / "tiny").cells["dataset"].tolist()
        pinned = [
            json.loads((root / "tiny" / "sweep.json").read_text())["cells"][k]["params"]["dataset"]
            for k in range(3)
        ]
        assert shown == [
            f"folder:faces@{pinned[0][-16:-10]}",
            f"folder:faces@{pinned[1][-16:-10]}",
            "folder:cats",
        ]

    def test_a_filter_may_name_the_folder(self, here: Path, root: Path) -> None:
        pictures(here / "mine", 20)
        write_sweep(here, write_own_sweep("cae", {"dataset": ["folder:mine", "avatars"]}))
        ended = call("tiny.py", "--results", root, "--filter", "dataset=folder:mine", "--dry-run")
        assert "1 point wanted" in ended.out, ended.out + ended.error

    def test_what_only_the_dataset_decides_is_no_column(self, here: Path, root: Path) -> None:
        pictures(here / "mine", 20)
        one = write_own_sweep("cae", {"dataset": "avatars", "count": 20})
        two = write_own_sweep("cae", {"dataset": "folder:mine", "background": "black"})
        write_sweep(here, one, two)
        call("tiny.py", "--local", "--results", root, "--seeds", 1)
        assert gensweep.load(root / "tiny").varying == ["dataset"]

    def test_digits_of_ones_own_train(self, here: Path, root: Path) -> None:
        labels = np.arange(100) % 10
        images = np.random.default_rng(0).integers(0, 200, (100, 28, 28)).astype(np.uint8)
        np.savez(here / "d.npz", images=images, labels=labels)
        model = {"model": "image_to_text", "glyph_filters": 2}
        write_sweep(here, grid(**model, **TINY | {"digits": "npz:d.npz"}))
        assert call("tiny.py", "--local", "--results", root, "--seeds", 1).code == 0
        (record,) = records(root).values()
        assert record.params["digits"].startswith("npz:sha256-")


def test_the_default_faces_are_those_that_the_list_says() -> None:
    from gensweep.prepare.array_cache import hash_array

    assert Avatars.fixed
    count, shape, digest = Avatars.fixed
    faces = Avatars().prepare().rows["picture"]
    assert (len(faces), faces.shape[1:], hash_array(faces)) == (count, shape, digest)
