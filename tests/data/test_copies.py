"""Equal pixels count once, whatever their file: nothing is both trained on and tested on, and all is counted."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from runs import TINY_PICTURES, call, grid, write_sweep

from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.core.errors import DataError
from gensweep.data._copies import drop_copies, find_first_of_each
from gensweep.data._digit_sources import DIGITS
from gensweep.data._digits import read_digits
from gensweep.data._glyphs import load_glyphs
from gensweep.data.arithmetic_pictures import ArithmeticPictures
from gensweep.data.cryptopunks import BACKGROUND, CryptoPunks
from gensweep.data.folder import Folder
from gensweep.prepare import fingerprint
from gensweep.system.naming import make_visible
from gensweep.train.glyphs import count_seen


@pytest.fixture(autouse=True)
def here(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to be in, an empty cache, a wide screen."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    load_glyphs.cache_clear()
    yield tmp_path
    load_glyphs.cache_clear()


def noise(count: int, seed: int = 0) -> np.ndarray:
    """Pictures, uint8 [count, 70, 80, 3], no two of them equal."""
    return np.random.default_rng(seed).integers(0, 256, (count, 70, 80, 3), np.uint8)


def write_pictures(
    folder: Path, pictures: np.ndarray, kind: str = "png", name: str = "", **options: Any
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{name}{number}.{kind}", **options)
    return folder


def folder(path: Path, **values: Any) -> Folder:
    """The dataset as a later process names it."""
    fingerprint.clear_cache()
    return Folder(dataset=f"folder:{path}", **values)


def parts_of(prepared: DatasetArrays) -> dict[str, np.ndarray]:
    return {
        "training": select_training_rows(prepared.split, 0.9),
        "validation": prepared.split["validation"],
        "test": prepared.split["test"],
    }


def assert_parts_share_nothing(shown: dict[str, set[bytes]]) -> None:
    assert all(shown.values())
    for one, other in (("training", "validation"), ("training", "test"), ("validation", "test")):
        assert not shown[one] & shown[other], (one, other)


def pixels_of_pictures(prepared: DatasetArrays) -> dict[str, set[bytes]]:
    """The pixels of every picture of each part."""
    pictures = prepared.rows["picture"]
    return {
        name: {pictures[row].tobytes() for row in rows} for name, rows in parts_of(prepared).items()
    }


def pixels_of_glyphs(prepared: DatasetArrays) -> dict[str, set[bytes]]:
    """The pixels of every glyph that the queries and answers of each part show, but the blank."""
    glyphs, blank = prepared.banks["glyphs"], np.zeros((28, 28), np.uint8).tobytes()
    shown = {}
    for name, rows in parts_of(prepared).items():
        used = [np.unique(prepared.rows[f"{field}_glyphs"][rows]) for field in ("query", "answer")]
        shown[name] = {glyphs[index].tobytes() for index in np.concatenate(used)} - {blank}
    return shown


def draw(each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``each`` pictures of every digit, noise on black, all different; and their labels."""
    pictures = np.random.default_rng(seed).integers(0, 200, (10 * each, 28, 28), np.uint8)
    pictures[:, 0, 0] = 255
    return pictures, np.tile(np.arange(10, dtype=np.uint8), each)


def idx(array: np.ndarray, code: int = 8, kind: str = ">u1") -> bytes:
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + shape + array.astype(kind).tobytes()


def write_npz(path: Path, **arrays: np.ndarray) -> str:
    np.savez(path, **arrays)
    return f"npz:{path}"


class TestFirstOfEach:
    def test_keeps_the_order_of_the_first(self) -> None:
        pictures = np.array([3, 1, 3, 2, 1, 3], np.uint8).reshape(-1, 1, 1)
        assert find_first_of_each(pictures).tolist() == [0, 1, 3]
        chosen, counts, (note,) = drop_copies(pictures)
        assert (chosen.ravel().tolist(), counts) == ([3, 1, 2], {"copies": 3})
        assert note.startswith("3 of 6 pictures have the same pixels")

    def test_pictures_without_copies_are_what_they_were(self) -> None:
        pictures = noise(5)
        chosen, counts, notes = drop_copies(pictures)
        assert chosen is pictures and (counts, notes) == ({"copies": 0}, ())


class TestFolders:
    def test_other_compressions_and_formats_are_one_picture(self, here: Path) -> None:
        """20 pictures as PNG of two compressions and as BMP, and five more: 25, split as any 25 are."""
        pictures = noise(25)
        path = write_pictures(here / "mine", pictures[:20], compress_level=9)
        write_pictures(path, pictures[:20], name="other", compress_level=0)
        write_pictures(path, pictures, kind="bmp")
        prepared = folder(path).prepare()
        assert len(prepared) == 25 and prepared.counts == {"copies": 40, "left_out": 0}
        assert prepared.notes == (
            "40 of 65 pictures have the same pixels as another one; each is counted once",
        )
        assert [len(prepared.split[name]) for name in ("test", "validation", "pool")] == [2, 2, 23]
        assert_parts_share_nothing(pixels_of_pictures(prepared))

    def test_names_of_the_copies_change_nothing(self, here: Path) -> None:
        pictures = noise(20)
        for name, (first, second) in (("one", ("a", "b")), ("two", ("b", "a"))):
            write_pictures(here / name, pictures, name=first, compress_level=9)
            write_pictures(here / name, pictures, name=second, compress_level=1)
        one, two = folder(here / "one"), folder(here / "two")
        assert one == two
        assert np.array_equal(one.prepare().rows["picture"], two.prepare().rows["picture"])

    def test_too_few_that_differ_are_an_error_that_counts_the_copies(self, here: Path) -> None:
        path = write_pictures(here / "mine", noise(5), compress_level=9)
        write_pictures(path, noise(5), name="other", compress_level=1)
        with pytest.raises(
            DataError, match=r"5 examples leave .*; 5 of 10 pictures have the same pixels"
        ):
            folder(path).prepare()

    @pytest.mark.parametrize("seed", range(4))
    def test_whatever_a_folder_holds_no_picture_is_in_two_parts(
        self, here: Path, seed: int
    ) -> None:
        """Pictures of chance, each in some of nine encodings that lose nothing, at any depth, under any name."""
        rng = np.random.default_rng(seed)
        encodings = [("png", {"compress_level": level}) for level in (0, 1, 6, 9)]
        encodings += [("bmp", {}), ("tiff", {}), ("tiff", {"compression": "tiff_lzw"}), ("ppm", {})]
        encodings += [("webp", {"lossless": True, "quality": 20})]
        different = int(rng.integers(12, 40))
        count = 0
        for picture in noise(different, seed):
            for which in rng.choice(len(encodings), rng.integers(1, 4), replace=False):
                kind, options = encodings[which]
                path = here / "mine" / str(rng.integers(3))
                write_pictures(path, picture[None], kind, f"{rng.integers(1 << 40)}-", **options)
                count += 1
        prepared = folder(here / "mine").prepare()
        available = fingerprint.get_survey(fingerprint.get_pinned_text(f"folder:{here / 'mine'}"))
        assert available is not None and available.readable == count
        assert (len(prepared), prepared.counts["copies"]) == (
            different,
            available.different - different,
        )
        assert_parts_share_nothing(pixels_of_pictures(prepared))


def test_backgrounds_of_cryptopunks_before_which_pictures_are_equal_have_ids_of_their_own() -> None:
    assert CryptoPunks.get_numerics({"background": BACKGROUND}) == CryptoPunks.get_numerics({}) == 1
    assert CryptoPunks.get_numerics({"background": "#000000"}) == 2


class TestDigits:
    def test_a_test_set_inside_the_training_set(self, here: Path) -> None:
        """As `x_test`, the first 60 of the 200 training digits again: 200 digits, in the order of the first."""
        pictures, labels = draw(20)
        source = write_npz(
            here / "a.npz",
            x_train=pictures,
            y_train=labels,
            x_test=pictures[:60],
            y_test=labels[:60],
        )
        prepared = ArithmeticPictures(digits=source).prepare()
        assert prepared.counts == {"copies": 60, "left_out": 0}
        assert prepared.notes == (
            "60 of 260 pictures have the same pixels as another one; each is counted once",
        )
        assert np.array_equal(prepared.banks["glyphs"][1001:], pictures)
        assert_parts_share_nothing(pixels_of_glyphs(prepared))

    def test_ten_pictures_eight_times_are_too_few(self, here: Path) -> None:
        pictures, labels = draw(1)
        source = write_npz(here / "a.npz", x=pictures.repeat(8, axis=0), y=labels.repeat(8))
        with pytest.raises(
            DataError, match=r"1 of 0, .*each digit needs 8; 70 of 80 pictures have the same pixels"
        ):
            read_digits(DIGITS(source))

    def test_gzips_time_stamp_makes_no_other_digits(self, here: Path) -> None:
        """One part, and the same compressed an hour later under another name."""
        pictures, labels = draw(9)
        (here / "mine").mkdir()
        for name, time in (("a", 0), ("b", 3600)):
            for half, array in (("images-idx3", pictures), ("labels-idx1", labels)):
                packed = gzip.compress(idx(array), mtime=time)
                (here / "mine" / f"{name}-{half}-ubyte.gz").write_bytes(packed)
        known = read_digits(DIGITS(f"idx:{here / 'mine'}"))
        assert np.array_equal(known.pictures, pictures) and np.array_equal(known.labels, labels)
        assert known.counts == {"copies": 90, "left_out": 0}

    def test_pictures_of_two_labels_and_blank_ones_are_left_out(self, here: Path) -> None:
        """Of 90, number 3 comes again as an 8, and twice there is nothing to see: 89 are left."""
        pictures, labels = draw(9)
        blank = np.zeros((2, 28, 28), np.uint8)
        source = write_npz(
            here / "a.npz", x=np.concatenate([pictures, pictures[3:4], blank]), y=[*labels, 8, 1, 2]
        )
        known = read_digits(DIGITS(source))
        assert np.array_equal(known.pictures, np.delete(pictures, 3, axis=0))
        assert known.labels.tolist() == np.delete(labels, 3).tolist()
        assert known.counts == {"copies": 0, "left_out": 4}
        assert known.notes == (
            "2 pictures left out: each is labelled as more than one digit, such as 3 and 8",
            "2 pictures left out: they are blank, as the space is",
        )

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("scheme", ["npz", "idx"])
    def test_whatever_a_source_holds_no_picture_is_in_two_parts(
        self, here: Path, scheme: str, seed: int
    ) -> None:
        """Digits of chance, some again within a part and some in another part."""
        rng = np.random.default_rng(seed)
        pictures, labels = draw(12, seed)
        again = rng.integers(0, 120, 70)
        first, second = np.concatenate([np.arange(120), again[:40]]), again[40:]
        if scheme == "npz":
            named = {"x_train": pictures[first], "y_train": labels[first]}
            source = write_npz(
                here / "a.npz", **named, x_test=pictures[second], y_test=labels[second]
            )
        else:
            (here / "mine").mkdir()
            for name, rows in (("train", first), ("t10k", second)):
                (here / "mine" / f"{name}-images-idx3-ubyte").write_bytes(idx(pictures[rows]))
                (here / "mine" / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels[rows]))
            source = f"idx:{here / 'mine'}"
        prepared = ArithmeticPictures(digits=source, split_seed=seed).prepare()
        assert prepared.counts["copies"] == 70
        assert_parts_share_nothing(pixels_of_glyphs(prepared))

    def test_the_digits_that_come_with_gensweep_have_no_copies(self) -> None:
        known = read_digits("mnist5k")
        assert len(known.pictures) == 5000 and (known.notes, known.counts) == (
            (),
            {"copies": 0, "left_out": 0},
        )
        assert_parts_share_nothing(pixels_of_glyphs(ArithmeticPictures().prepare()))

    def test_ids_of_ones_own_digits_are_others_than_before_and_those_of_mnist_are_not(self) -> None:
        mine = f"npz:sha256-{'0' * 16}"
        assert [
            ArithmeticPictures.get_numerics({"digits": name}) for name in ("mnist5k", "mnist", mine)
        ] == [1, 1, 2]
        assert ArithmeticPictures.get_numerics({}) == 1


def test_a_test_with_other_digits_counts_those_that_were_trained_on(here: Path) -> None:
    """The other digits are the 120 that were trained with and 120 more, mixed; counted here picture by picture."""
    one, labels = draw(12, seed=1)
    two, more = draw(12, seed=2)
    both = np.random.default_rng(0).permutation(240)
    trained = ArithmeticPictures(digits=write_npz(here / "a.npz", x=one, y=labels)).prepare()
    tested = ArithmeticPictures(
        digits=write_npz(
            here / "b.npz",
            x=np.concatenate([one, two])[both],
            y=np.concatenate([labels, more])[both],
        )
    ).prepare()
    rows = select_training_rows(trained.split, 0.5)

    def shown(data: DatasetArrays, rows: np.ndarray) -> set[bytes]:
        glyphs = data.rows["query_glyphs"][rows].ravel()
        return {
            data.banks["glyphs"][index].tobytes()
            for index in glyphs[data.rows["query"][rows].ravel() < 10]
        }

    tests, learnt = shown(tested, tested.split["test"]), shown(trained, rows)
    seen = count_seen(tested, trained, rows, ("query", "query_pictures", "answer"))
    assert seen["digits"] == {"shown": len(tests), "trained_on": len(tests & learnt)}
    assert 0 < len(tests & learnt) < len(tests)
    assert seen["operators"]["shown"] == 100
    mine = count_seen(trained, trained, rows, ("query_pictures",))
    assert (mine["digits"]["trained_on"], mine["operators"]["trained_on"]) == (0, 0)


class TestUnreadable:
    def test_one_file_is_named_and_left_out(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder_path = write_pictures(here / "mine", noise(20))
        before = folder(folder_path)
        (folder_path / "shut.png").write_bytes((folder_path / "3.png").read_bytes()[:-1] + b"!")
        opened = Path.open

        def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
            if path.name == "shut.png":
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *arguments, **options)

        monkeypatch.setattr(Path, "open", refuse)
        data = folder(folder_path)
        assert data == before and len(data.prepare()) == 20
        assert data.list_remarks() == ("1 file left out, unreadable: shut.png (Permission denied)",)

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
    def test_as_somebody_who_is_not_root(self, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder(
            write_pictures(here / "first", noise(20))
        ).prepare()  # imports what nobody may be unable to read
        with tempfile.TemporaryDirectory() as public:
            os.chmod(public, 0o755)
            monkeypatch.setenv("GENSWEEP_CACHE", f"{public}/cache")
            path = write_pictures(Path(public) / "mine", noise(20))
            (path / "7.png").chmod(0)
            os.seteuid(65534)
            try:
                data = folder(path)
                count, remarks = len(data.prepare()), data.list_remarks()
            finally:
                os.seteuid(0)
        assert (count, remarks) == (19, ("1 file left out, unreadable: 7.png (Permission denied)",))

    def test_what_is_no_file_is_never_opened(self, here: Path) -> None:
        """A pipe without a writer, a device without an end, a link to nowhere and one to itself."""
        path = write_pictures(here / "mine", noise(20))
        os.mkfifo(path / "pipe.png")
        (path / "zero.png").symlink_to("/dev/zero")
        (path / "gone.png").symlink_to(path / "nothing")
        (path / "self.png").symlink_to(path / "self.png")
        (path / "loop").symlink_to(path, target_is_directory=True)
        data = folder(path)
        assert len(data.prepare()) == 20
        (remark,) = data.list_remarks()
        assert remark.startswith(
            "4 files left out, unreadable: gone.png (No such file or directory)"
        )
        assert (
            "pipe.png (not a file)" in remark
            and "zero.png (not a file)" in remark
            and "self.png (" in remark
        )

    def test_a_file_that_goes_while_the_folder_is_read(
        self, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder_path = write_pictures(here / "mine", noise(20))
        stat = Path.stat

        def vanish(path: Path, **options: Any) -> os.stat_result:
            if path.name == "5.png":
                path.unlink(missing_ok=True)
            return stat(path, **options)

        monkeypatch.setattr(Path, "stat", vanish)
        data = folder(folder_path)
        assert len(data.prepare()) == 19
        assert data.list_remarks() == (
            "1 file left out, unreadable: 5.png (No such file or directory)",
        )

    def test_nothing_that_can_be_read_is_an_error(self, here: Path) -> None:
        (here / "mine").mkdir()
        (here / "mine" / "gone.png").symlink_to(here / "nothing")
        with pytest.raises(
            ValueError,
            match=r"none of its 1 files can be read, for example .*gone\.png \(No such file",
        ):
            folder(here / "mine")


CONTROLS = "\x1b[31mred\nline.png"


class TestWhatIsSaid:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing is compiled into the empty cache."""
        monkeypatch.setenv("GENSWEEP_COMPILED", "0")

    def test_sweep_json_and_page_say_what_was_trained_on(self, here: Path, root: Path) -> None:
        """21 pictures, one of them twice as bytes, three twice as pixels, one file damaged, one name with controls."""
        pictures = noise(21)
        path = write_pictures(here / "mine", pictures, compress_level=9)
        write_pictures(path, pictures[:3], name="again", compress_level=1)
        shutil.copy(path / "0.png", path / "copy.png")
        (path / CONTROLS).write_bytes(b"no picture")
        mine = {name: value for name, value in TINY_PICTURES.items() if name != "count"}
        values = mine | {"dataset": "folder:mine", "train_fraction": [0.5, 0.9]}
        write_sweep(here, f"Grid('cae', **{values!r})")
        ended = call("tiny.py", "--local", "--results", root, "--seeds", 1)
        assert ended.code == 0, ended.error
        (about,) = json.loads((root / "tiny" / "sweep.json").read_bytes())["data"].values()
        assert about["dataset"].startswith("folder:sha256-")
        # round(2.1) = 2 to test; of 19, round(1.9) = 2 validate; round(9.5) = 10 (to even) and 17 train.
        wanted = {
            "examples": 21,
            "test": 2,
            "validation": 2,
            "training": [10, 17],
            "copies": 4,
            "left_out": 1,
        }
        assert {name: about[name] for name in wanted} == wanted
        escaped = "\\u001b[31mred\\u000aline.png"
        assert any(escaped in note for note in about["notes"])
        page = (root / "tiny" / "report.html").read_text()
        cells = "".join(
            f'<td class="number">{value}</td>' for value in ("10 to 17", 2, 2, 21, 4, 1)
        )
        assert f'<td class="words">folder:mine</td>{cells}' in page
        assert "3 of 24 pictures have the same pixels as another one" in page and escaped in page
        assert "\x1b" not in ended.out + ended.error + page and escaped in ended.error
        again = call("tiny.py", "--local", "--results", root, "--seeds", 1)
        assert again.code == 0 and "Nothing to do" in again.out
        assert list(json.loads((root / "tiny" / "sweep.json").read_bytes())["data"].values()) == [
            about
        ]

    def test_a_sweep_json_without_it_is_read(self, here: Path, root: Path) -> None:
        write_sweep(here, grid("cae", count=20))
        assert call("tiny.py", "--local", "--results", root, "--seeds", 1).code == 0
        path = root / "tiny" / "sweep.json"
        values = json.loads(path.read_bytes())
        assert values.pop("data")
        path.write_text(json.dumps(values))
        assert call("collect", root / "tiny").code == 0
        assert "What was trained and tested on" not in (root / "tiny" / "report.html").read_text()

    def test_what_moves_a_cursor_or_turns_a_line_is_escaped(self) -> None:
        assert make_visible("a\x1b[31m\n\x07\x9b\u202eb") == r"a\u001b[31m\u000a\u0007\u009b\u202eb"
        assert (
            make_visible("smile \U0001f600 ñ 日本 [v2] :train:")
            == "smile \U0001f600 ñ 日本 [v2] :train:"
        )


def test_the_same_pictures_in_another_encoding_are_another_dataset(here: Path) -> None:
    one = folder(write_pictures(here / "one", noise(20)))
    two = folder(write_pictures(here / "two", noise(20), compress_level=0))
    assert one.dataset != two.dataset and Folder.numerics == 2
