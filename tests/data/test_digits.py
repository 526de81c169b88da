"""The user's own digits, in IDX files and NumPy archives."""

from __future__ import annotations

import gzip
import io
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_files import TEST, TRAIN, digits, idx, make, put
from pydantic import ValidationError

from gensweep.core.errors import DataError
from gensweep.data import _npz_files
from gensweep.data._digit_sources import DIGITS
from gensweep.data._digits import MIN_PICTURES_PER_DIGIT, read_digits
from gensweep.data._glyphs import load_glyphs
from gensweep.data._idx_files import find_pairs, read_idx
from gensweep.data.arithmetic_pictures import ArithmeticPictures
from gensweep.prepare import fingerprint
from gensweep.sweep.parameters import resolve_params
from gensweep.sweep.point import Point


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of the test's own, and nothing remembered of places."""
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    fingerprint.clear_cache()
    load_glyphs.cache_clear()
    yield tmp_path / "cache"
    fingerprint.clear_cache()
    load_glyphs.cache_clear()


@pytest.mark.parametrize("kind", ["int8", "bool", "float16", ">i4"])
def test_pixels_of_any_type_are_scaled(kind: str, tmp_path: Path) -> None:
    """Ones become 255."""
    pictures, labels = make(MIN_PICTURES_PER_DIGIT)
    ones = pictures > pictures.mean() + 60
    result, _ = digits(npz(tmp_path / "ones.npz", images=ones.astype(kind), labels=labels))
    assert np.array_equal(result, ones * np.uint8(255))


def names_of(pairs: list[tuple[Path, Path]]) -> list[tuple[str, str]]:
    return [(pictures.name, labels.name) for pictures, labels in pairs]


class TestIdxFolders:
    @pytest.mark.parametrize(
        "names",
        [
            TRAIN,
            tuple(f"{name}.gz" for name in TRAIN),
            ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
            ("images-idx3-ubyte", "labels-idx1-ubyte"),
            ("images.idx3", "labels.idx1"),
        ],
    )
    def test_names(self, tmp_path: Path, names: tuple[str, str]) -> None:
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        folder = put(tmp_path / "mine", names, pictures, labels)
        (folder / "README").write_text("mine")
        (folder / f"._{names[0]}").write_bytes(b"what a Mac leaves beside a file")
        result = digits(DIGITS(f"idx:{folder}"))
        assert np.array_equal(result[0], pictures) and np.array_equal(result[1], labels)

    def test_parts_pair_by_prefix_and_are_joined(self, tmp_path: Path) -> None:
        for prefix, seed in (("b-", 1), ("a-", 2), ("", 3)):
            pictures, labels = make(3, seed)
            put(
                tmp_path / "mine",
                (f"{prefix}images-idx3-ubyte", f"{prefix}labels-idx1-ubyte"),
                pictures,
                labels,
            )
        assert [names[0][0] for names in names_of(find_pairs(tmp_path / "mine"))] == ["a", "b", "i"]
        result = digits(DIGITS(f"idx:{tmp_path / 'mine'}"))[0]
        wanted = {picture.tobytes() for seed in (1, 2, 3) for picture in make(3, seed)[0]}
        assert (
            len(result) == len(wanted) == 90 and {picture.tobytes() for picture in result} == wanted
        )

    def test_renaming_changes_neither_identity_nor_order(self, tmp_path: Path) -> None:
        """Parts named so that a and b swap, and one copied under a third name."""
        one, two = tmp_path / "one", tmp_path / "two"
        for folder, seeds in ((one, {"a": 1, "b": 2}), (two, {"a": 2, "b": 1, "c": 2})):
            for prefix, seed in seeds.items():
                put(
                    folder,
                    (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"),
                    *make(5, seed),
                )
        assert DIGITS(f"idx:{one}") == DIGITS(f"idx:{two}")
        fingerprint.clear_cache()
        first = digits(DIGITS(f"idx:{one}"))[0]
        fingerprint.clear_cache()
        assert np.array_equal(first, digits(DIGITS(f"idx:{two}"))[0]) and len(first) == 100

    def test_torchvisions_folder_is_read_once(self, tmp_path: Path) -> None:
        """It holds every file gzipped and unpacked."""
        put(tmp_path / "raw", TRAIN, *make(MIN_PICTURES_PER_DIGIT))
        put(tmp_path / "raw", (f"{TRAIN[0]}.gz", f"{TRAIN[1]}.gz"), *make(MIN_PICTURES_PER_DIGIT))
        assert names_of(find_pairs(tmp_path / "raw")) == [(f"{TRAIN[0]}.gz", f"{TRAIN[1]}.gz")]
        assert len(digits(DIGITS(f"idx:{tmp_path / 'raw'}"))[0]) == 10 * MIN_PICTURES_PER_DIGIT

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ([], "holds no IDX files"),
            (["train-images-idx3-ubyte"], "train-images-idx3-ubyte has no labels file"),
            ([*TRAIN, TEST[1]], "t10k-labels-idx1-ubyte has no images file"),
            ([*TRAIN, "train-images.idx3-ubyte"], "are the same part"),
            (["qmnist-images-idx3-ubyte", "qmnist-labels-idx3-int"], "has no labels"),
        ],
    )
    def test_folders_that_are_refused(self, tmp_path: Path, names: list[str], message: str) -> None:
        for name in names:
            (tmp_path / name).write_bytes(b"")
        with pytest.raises(ValidationError, match=message):
            ArithmeticPictures(digits=f"idx:{tmp_path}")

    @pytest.mark.parametrize(
        "source", ["idx:nowhere", "npz:nowhere", "npz:.", "mnist6k", "idx:", "idx", "folder:."]
    )
    def test_places_that_are_none(self, source: str) -> None:
        with pytest.raises(
            ValidationError,
            match=r"No such file|is not a file|is none of mnist5k \| mnist \| idx:DIR",
        ):
            ArithmeticPictures(digits=source)


class TestReadIdx:
    COMPLETE = idx(np.arange(24).reshape(2, 3, 4))

    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    def test_is_read(self, pack: Callable[[bytes], bytes]) -> None:
        result = read_idx(pack(self.COMPLETE), "it", 3)
        assert (result.dtype, result.tolist()) == (
            np.uint8,
            np.arange(24).reshape(2, 3, 4).tolist(),
        )

    @pytest.mark.parametrize("pack", [bytes, gzip.compress])
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (COMPLETE[:-1], "it holds 23 bytes, but its header says 24"),
            (COMPLETE + b"!", "it holds more bytes, but its header says 24"),
            (
                COMPLETE[:7],
                "it is not an IDX file of unsigned bytes with 3 axes: it begins with 00000803",
            ),
            (b"", "it is not an IDX file"),
            (idx(np.arange(24)), "with 3 axes: it begins with 00000801"),
            (b"\0\0\x0d\x03" + COMPLETE[4:], "it begins with 00000d03"),
            (b"<html>" + bytes(20), "it begins with 3c68746d"),
            (struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3), "says that it holds .* more than"),
        ],
    )
    def test_is_refused(self, pack: Callable[[bytes], bytes], body: bytes, message: str) -> None:
        with pytest.raises(DataError, match=message):
            read_idx(pack(body), "it", 3)

    @pytest.mark.parametrize("damage", ["cut", "changed", "tail"])
    def test_a_damaged_archive(self, damage: str) -> None:
        packed = gzip.compress(self.COMPLETE)
        bad = {
            "cut": packed[:-3],
            "changed": packed[:-8] + b"0000" + packed[-4:],
            "tail": packed + b"??",
        }
        with pytest.raises(DataError, match=r"it is damaged: .*; copy it again"):
            read_idx(bad[damage], "it", 3)

    def test_a_bomb_is_not_unpacked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """24 bytes are promised and 50 MB packed: no more than a buffer of it is unpacked."""
        bomb = gzip.compress(self.COMPLETE + bytes(50_000_000))
        unpacked = 0
        read = gzip._GzipReader.read  # type: ignore[attr-defined]

        def counted(self: Any, size: int = -1) -> bytes:
            nonlocal unpacked
            got = read(self, size)
            unpacked += len(got)
            return got

        monkeypatch.setattr(gzip._GzipReader, "read", counted)  # type: ignore[attr-defined]
        with pytest.raises(DataError, match="more bytes, but its header says 24"):
            read_idx(bomb, "it", 3)
        assert 0 < unpacked <= 1 << 20


def npz(path: Path, **arrays: np.ndarray) -> str:
    """Write an archive and pin it."""
    np.savez_compressed(path, **arrays)
    return DIGITS(f"npz:{path}")


class TestNpz:
    def test_layouts(self, tmp_path: Path) -> None:
        pictures, labels = make(10)
        for number, (x, y) in enumerate((("images", "labels"), ("x", "y"), ("data", "target"))):
            result = digits(
                npz(tmp_path / f"{number}.npz", **{x: pictures, y: labels, "other": labels})
            )
            assert np.array_equal(result[0], pictures) and np.array_equal(result[1], labels)

    def test_keras_layout_joins_both_sets(self, tmp_path: Path) -> None:
        (x, y), (u, v) = make(8), make(3, seed=1)
        result = digits(npz(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=u, y_test=v))
        assert np.array_equal(result[0], np.concatenate([x, u])) and result[1].tolist() == [*y, *v]

    @pytest.mark.parametrize(
        "change",
        [
            lambda x: x[..., None], lambda x: x[:, None], lambda x: x.reshape(-1, 784), np.asfortranarray,
            lambda x: x.astype(np.int64), lambda x: x.astype(">u2"), lambda x: x.astype(np.float32),
            lambda x: x / 255, lambda x: (x / 255).astype(np.float32), lambda x: (x / 255).astype(np.float16),
        ],
    )  # fmt: skip
    def test_pictures_as_they_may_be(
        self, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        result, _ = digits(npz(tmp_path / "a.npz", x=change(pictures), y=labels))
        assert result.dtype == np.uint8 and np.array_equal(result, pictures)

    @pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64])
    def test_black_and_white_becomes_0_and_255(self, tmp_path: Path, dtype: type) -> None:
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        result, _ = digits(npz(tmp_path / "a.npz", x=(pictures > 150).astype(dtype), y=labels))
        assert np.array_equal(result, np.where(pictures > 150, 255, 0))

    @pytest.mark.parametrize(
        "change",
        [
            lambda y: y.astype(np.int64), lambda y: y[:, None], lambda y: y.astype(np.float32),
            lambda y: np.eye(10)[y], lambda y: np.eye(10, dtype=bool)[y],
        ],
    )  # fmt: skip
    def test_labels_as_they_may_be(
        self, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        result = digits(npz(tmp_path / "a.npz", x=pictures, y=change(labels)))[1]
        assert result.dtype == np.uint8 and np.array_equal(result, labels)

    def test_another_size_is_scaled(self, tmp_path: Path) -> None:
        """56 to 28: a triangle filter of the doubled width weighs 4 neighbours 1 3 3 1; flat areas stay as they are."""
        pictures = np.zeros((80, 56, 56), np.uint8)
        pictures[:, :, 20:40] = 200
        pictures[:, 46:54, 4:12] = np.arange(40, 200, 2)[:, None, None]  # no two are equal
        result, _ = digits(npz(tmp_path / "a.npz", x=pictures, y=make(8)[1]))
        assert result.shape == (80, 28, 28)
        assert result[7, 14].tolist() == [0] * 9 + [25, 175] + [200] * 8 + [175, 25] + [0] * 7
        small, _ = digits(npz(tmp_path / "b.npz", x=make(8, size=16)[0], y=make(8)[1]))
        assert small.shape == (80, 28, 28) and len({picture.tobytes() for picture in small}) == 80

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda x, y: (255 - x, y), "mostly white.* subtract every pixel from 255"),
            (lambda x, y: (x.astype(int) - 1, y), r"pixels in -1\.\.254"),
            (lambda x, y: (x // 16, y), r"pixels in 0\.\.15; scale them"),
            (lambda x, y: (x / 127.5 - 1, y), r"pixels in -1\.\.1;"),
            (lambda x, y: (x.astype(int) * 257, y), r"pixels in 0\.\.65535"),
            (lambda x, y: (np.where(x > 190, np.nan, x), y), "pixels in nan"),
            (lambda x, y: (np.zeros_like(x), y), r"pixels in 0\.\.0"),
            (lambda x, y: (np.stack([x] * 3, axis=3), y), r"pictures \[80, 28, 28, 3\]"),
            (lambda x, y: (x.reshape(-1, 28), y), r"pictures \[2240, 28\]"),
            (lambda x, y: (x[:, :2], y), r"pictures \[80, 2, 28\]"),
            (lambda x, y: (x, y[:-1]), "80 pictures and 79 labels"),
            (lambda x, y: (x, y + 1), r"labels other than 0\.\.9, such as 10, 8 in all"),
            (lambda x, y: (x, y.astype(int) - 1), r"such as -1"),
            (lambda x, y: (x, y + 0.5), r"such as 0\.5"),
            (lambda x, y: (x, np.eye(11)[y]), r"labels \[80, 11\]"),
            (lambda x, y: (x, np.eye(10)[y] * 2), "not one-hot"),
            (lambda x, y: (x, np.ones((80, 10))), "not one-hot"),
            (lambda x, y: (x, y.astype(str)), r"holds <U\d, not numbers; pickled objects"),
            (
                lambda x, y: (x, y.astype(object)),
                "holds object, not numbers; pickled objects are never opened",
            ),
            (lambda x, y: (x[:-1], y[:-1]), "too few pictures: 7 of 9; each digit needs 8"),
            (lambda x, y: (x[y % 5 > 0], y[y % 5 > 0]), "too few pictures: 0 of 0, 0 of 5;"),
            (lambda x, y: (x[:0], y[:0]), "too few pictures: 0 of 0, 0 of 1"),
        ],
    )
    def test_what_is_refused(
        self,
        tmp_path: Path,
        change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
        message: str,
    ) -> None:
        x, y = change(*make(8))
        source = npz(tmp_path / "a.npz", x=x, y=y)
        with pytest.raises(DataError, match=rf"a\.npz.*{message}"):
            digits(source)

    @pytest.mark.parametrize(
        "names", [["x"], ["a", "b"], ["x", "y", "images", "labels"], ["x", "y", "X"], []]
    )
    def test_other_names_are_listed(self, tmp_path: Path, names: list[str]) -> None:
        source = npz(tmp_path / "a.npz", **dict.fromkeys(names, np.zeros(3)))
        with pytest.raises(
            DataError,
            match=rf"it holds {', '.join(sorted(names)) or 'nothing'}; supported names are x_train, y_tr",
        ):
            digits(source)

    @pytest.mark.parametrize(
        "damage", ["cut", "text", "member", "header", "shape", "version", "lzma-like"]
    )
    def test_damaged_archives(self, tmp_path: Path, damage: str) -> None:
        path = tmp_path / "a.npz"
        x, y = make(MIN_PICTURES_PER_DIGIT)
        body = {name: io.BytesIO() for name in ("x", "y")}
        np.save(body["x"], x)
        np.save(body["y"], y)
        complete = body["x"].getvalue()
        broken = {
            "member": complete[:-10], "header": complete[:10] + b"}{" + complete[12:],
            "shape": complete.replace(b"(80, 28, 28)", b"(81, 28, 28)"), "version": complete[:6] + b"\x07" + complete[7:],
        }.get(damage, complete)  # fmt: skip
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", broken)
            archive.writestr("y.npy", body["y"].getvalue())
        packed = path.read_bytes()
        if damage == "cut":
            path.write_bytes(packed[:-30])
        elif damage == "text":
            path.write_bytes(b"<html>not here</html>")
        elif damage == "lzma-like":  # deflated bytes that are none
            path.write_bytes(packed[:1000] + bytes(2000) + packed[3000:])
        source = DIGITS(f"npz:{path}")
        with pytest.raises(
            DataError, match=r"a\.npz(: x is cut short|: x has an unknown version| is damaged)"
        ):
            digits(source)

    def test_a_bomb_is_not_unpacked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The directory of the archive says how large it would be."""
        source = npz(tmp_path / "a.npz", x=np.zeros((2000, 784), np.uint8), y=np.zeros(2000))
        assert (tmp_path / "a.npz").stat().st_size < 1 << 15
        monkeypatch.setattr(_npz_files, "MAX_FILE_BYTES", 1 << 20)
        monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("opened"))
        with pytest.raises(
            DataError, match=r"x would unpack to 1,568,128 bytes, more than 1,048,576"
        ):
            digits(source)


class TestIdentity:
    def test_is_that_of_the_content(self, tmp_path: Path) -> None:
        def point(source: str) -> Point:
            fingerprint.clear_cache()
            return Point("image_to_text", resolve_params("image_to_text", {"digits": source}), 0)

        one = put(tmp_path / "one", TRAIN, *make(MIN_PICTURES_PER_DIGIT))
        first = point(f"idx:{one}")
        assert first.params["digits"].startswith("idx:sha256-") and str(tmp_path) not in str(
            first.params
        )
        one.rename(tmp_path / "two")
        moved = point(f"idx:{tmp_path / 'two'}")
        assert (moved.id, moved.params) == (first.id, first.params)
        other = put(tmp_path / "three", TRAIN, *make(MIN_PICTURES_PER_DIGIT, seed=1))
        assert point(f"idx:{other}").id != first.id
        assert len({point(name).id for name in ("mnist5k", "mnist")} | {first.id}) == 3

    def test_labels_that_change_places_are_other_digits(self, tmp_path: Path) -> None:
        """Two parts of equal length whose label files are swapped hold the same files."""
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        for path, (one, other) in (
            ("straight", (labels, labels[::-1])),
            ("swapped", (labels[::-1], labels)),
        ):
            put(tmp_path / path, TRAIN, pictures, one)
            put(tmp_path / path, TEST, make(MIN_PICTURES_PER_DIGIT, seed=1)[0], other)
        assert DIGITS(f"idx:{tmp_path / 'straight'}") != DIGITS(f"idx:{tmp_path / 'swapped'}")

    def test_what_was_pinned_is_found_again(self, tmp_path: Path) -> None:
        """As a worker does, which knows only the pinned text and the cache."""
        folder = put(tmp_path / "one", TRAIN, *make(MIN_PICTURES_PER_DIGIT))
        pinned = ArithmeticPictures(digits=f"idx:{folder}").digits
        fingerprint.clear_cache()
        data = ArithmeticPictures(digits=pinned)
        data.check()
        assert np.array_equal(
            data.prepare().banks["glyphs"][1001:], make(MIN_PICTURES_PER_DIGIT)[0]
        )
        shutil.rmtree(folder)
        with pytest.raises(DataError, match=f"{pinned} is no longer at {folder}"):
            data.check()

    @pytest.mark.parametrize("scheme", ["idx", "npz"])
    def test_other_content_is_refused(self, tmp_path: Path, scheme: str) -> None:
        if scheme == "npz":
            pinned = npz(
                tmp_path / "mine.npz",
                x=make(MIN_PICTURES_PER_DIGIT)[0],
                y=make(MIN_PICTURES_PER_DIGIT)[1],
            )
            npz(
                tmp_path / "mine.npz",
                x=make(MIN_PICTURES_PER_DIGIT, seed=1)[0],
                y=make(MIN_PICTURES_PER_DIGIT)[1],
            )
        else:
            pinned = DIGITS(f"idx:{put(tmp_path / 'mine', TRAIN, *make(MIN_PICTURES_PER_DIGIT))}")
            put(tmp_path / "mine", TRAIN, *make(MIN_PICTURES_PER_DIGIT, seed=1))
        with pytest.raises(
            DataError, match=rf"{scheme}:{tmp_path}/mine\S* has changed since it was named"
        ):
            digits(pinned)


def test_eight_of_each_digit_is_the_least_that_can_be_parted() -> None:
    """Of n pictures, round(.81 n) train, those up to round(.9 n) validate, the rest tests; the halves go to even."""
    parted = [0 < round(0.81 * n) < round(0.9 * n) < n for n in range(2000)]
    assert parted == [n >= MIN_PICTURES_PER_DIGIT for n in range(2000)]


def test_an_example_shows_query_answer_and_one_hot_codes() -> None:
    """5 pictures, a gap of 9, 3 pictures, a gap, and 3 rows of 13 cells of 9 pixels: 12+34 = 46 has 4 and 6."""
    data = ArithmeticPictures()
    arrays = data.prepare()
    strips, captions = data.select_examples(arrays, np.array([1234, 19_999]))
    assert captions == ["12+34 = 46", "99-99 = 0"]
    assert strips is not None and strips.shape == (2, 1, 28, 5 * 28 + 9 + 3 * 28 + 9 + 13 * 9 + 1)
    for name, index, left in (("query_glyphs", 3, 3 * 28), ("answer_glyphs", 1, 5 * 28 + 9 + 28)):
        glyph = arrays.rows[name][1234, index]
        assert np.array_equal(strips[0, 0, :, left : left + 28], arrays.banks["glyphs"][glyph])
    codes = strips[0, 0, 4:27:9, 8 * 28 + 18 + 4 : -1 : 9]
    assert [np.flatnonzero(row > 200).tolist() for row in codes] == [[4], [6], [12]]


def typed_idx(array: np.ndarray, code: int, kind: str) -> bytes:
    return (
        struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
        + array.astype(kind).tobytes()
    )


class TestOtherCollections:
    def test_emnist_is_turned_upright_with_a_note(self, tmp_path: Path) -> None:
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        names = (
            "emnist-digits-train-images-idx3-ubyte.gz",
            "emnist-digits-train-labels-idx1-ubyte.gz",
        )
        folder = put(tmp_path / "mine", names, pictures.swapaxes(1, 2), labels)
        result = read_digits(DIGITS(f"idx:{folder}"))
        assert (
            np.array_equal(result.pictures, pictures) and result.labels.tolist() == labels.tolist()
        )
        (note,) = result.notes
        assert note.startswith(
            f"turned upright, since EMNIST has rows and columns exchanged: {names[0]}; rename"
        )

    def test_the_same_files_under_other_names_are_other_digits(self, tmp_path: Path) -> None:
        """What the name decides is part of the identity: one id never stands for two sets of pictures."""
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        plain = put(tmp_path / "plain", TRAIN, pictures, labels)
        named = put(
            tmp_path / "named",
            ("emnist-images-idx3-ubyte", "emnist-labels-idx1-ubyte"),
            pictures,
            labels,
        )
        one, other = DIGITS(f"idx:{plain}"), DIGITS(f"idx:{named}")
        assert one != other
        assert np.array_equal(digits(one)[0], digits(other)[0].swapaxes(1, 2))

    @pytest.mark.parametrize(("code", "kind"), [(0x0C, ">i4"), (0x0B, ">i2"), (0x08, ">u1")])
    def test_qmnist_has_the_digit_in_its_first_column(
        self, tmp_path: Path, code: int, kind: str
    ) -> None:
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        table = np.random.default_rng(0).integers(0, 100, (len(labels), 8))
        table[:, 0] = labels
        (tmp_path / "qmnist-train-images-idx3-ubyte").write_bytes(idx(pictures))
        (tmp_path / "qmnist-train-labels-idx2-int.gz").write_bytes(
            gzip.compress(typed_idx(table, code, kind))
        )
        result = digits(DIGITS(f"idx:{tmp_path}"))
        assert np.array_equal(result[0], pictures) and result[1].tolist() == labels.tolist()

    @pytest.mark.parametrize(
        "names",
        [
            ("X", "y"), ("arr_0", "arr_1"), ("train_images", "train_labels"), ("x_train", "y_train"),
            ("X_train", "Y_train"), ("Images", "labels"),
        ],
    )  # fmt: skip
    def test_other_names_of_one_part(self, tmp_path: Path, names: tuple[str, str]) -> None:
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        result = digits(
            npz(tmp_path / "a.npz", **dict(zip(names, (pictures, labels), strict=True)))
        )
        assert np.array_equal(result[0], pictures) and result[1].tolist() == labels.tolist()

    @pytest.mark.parametrize(
        "names",
        [
            ("train_images", "train_labels", "test_images", "test_labels"),
            ("arr_0", "arr_1", "arr_2", "arr_3"), ("x_train", "y_train", "x_val", "y_val"),
        ],
    )  # fmt: skip
    def test_other_names_of_two_parts(self, tmp_path: Path, names: tuple[str, ...]) -> None:
        (x, y), (u, v) = make(8), make(3, seed=1)
        result = digits(npz(tmp_path / "a.npz", **dict(zip(names, (x, y, u, v), strict=True))))
        assert np.array_equal(result[0], np.concatenate([x, u])) and result[1].tolist() == [*y, *v]

    def test_pictures_without_labels_are_named(self, tmp_path: Path) -> None:
        x, y = make(MIN_PICTURES_PER_DIGIT)
        source = npz(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x)
        with pytest.raises(
            DataError, match=r"a\.npz: x_test has no counterpart; x_test and y_test belong together"
        ):
            digits(source)

    def test_wrong_labels_name_their_file(self, tmp_path: Path) -> None:
        pictures, labels = make(MIN_PICTURES_PER_DIGIT)
        put(tmp_path / "mine", TRAIN, pictures, labels)
        put(tmp_path / "mine", TEST, make(MIN_PICTURES_PER_DIGIT, seed=1)[0], labels + 1)
        with pytest.raises(
            DataError, match=rf"{TEST[1]} has labels other than 0\.\.9, such as 10, 8 in all"
        ):
            digits(DIGITS(f"idx:{tmp_path / 'mine'}"))
        put(tmp_path / "mine", TEST, make(MIN_PICTURES_PER_DIGIT, seed=1)[0], labels[:-1])
        fingerprint.clear_cache()
        with pytest.raises(
            DataError, match=rf"{TEST[0]} has 80 pictures and 79 labels in .*{TEST[1]}"
        ):
            digits(DIGITS(f"idx:{tmp_path / 'mine'}"))
        source = npz(tmp_path / "a.npz", train_images=pictures, train_labels=labels.astype(int) - 1)
        with pytest.raises(
            DataError, match=r"a\.npz: train_labels has labels other than 0\.\.9, such as -1"
        ):
            digits(source)

    def test_files_that_lie_deeper_are_pointed_at(self, tmp_path: Path) -> None:
        """torchvision's own folder, and an archive that unpacks to a folder for each file."""
        raw = tmp_path / "root" / "MNIST" / "raw"
        raw.parent.mkdir(parents=True)
        put(raw, TRAIN, *make(MIN_PICTURES_PER_DIGIT))
        with pytest.raises(
            ValidationError, match=rf"holds no IDX files; .*there are IDX files in {raw}: name that"
        ):
            ArithmeticPictures(digits=f"idx:{tmp_path / 'root'}")
        for name in TRAIN:
            (tmp_path / "nested" / name).mkdir(parents=True)
            (tmp_path / "nested" / name / name).write_bytes(b"")
        lone = ", ".join(str(tmp_path / "nested" / name) for name in TRAIN)
        with pytest.raises(
            ValidationError, match=f"single IDX files in {lone}: move them into one folder"
        ):
            ArithmeticPictures(digits=f"idx:{tmp_path / 'nested'}")
