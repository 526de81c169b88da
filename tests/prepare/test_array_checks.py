"""What a dataset of a user builds: checked before it is trained on, and built again when its code changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import gensweep as gs
from gensweep.core.data_source import Data
from gensweep.core.dataset import DatasetArrays
from gensweep.core.dataset import split_rows as split_plainly
from gensweep.core.errors import DataError
from gensweep.core.registries import DATASETS
from gensweep.core.registry import activate_layers
from gensweep.prepare.array_cache import load_arrays
from gensweep.prepare.array_checks import check_arrays

COUNT = 20
PICTURES = np.zeros((COUNT, 3, 4, 4), np.uint8)
SPLIT = split_plainly(COUNT, 0)
GLYPHS = {"picture": PICTURES, "glyphs": np.arange(COUNT)}
SOURCE = """
from typing import ClassVar
import numpy as np
import gensweep as gs
from shade import SHADE

@gs.dataset("plain")
class Plain(gs.Dataset):
    '''One colour.'''
    kind: ClassVar[str] = "pictures"

    def prepare(self):
        return gs.DatasetArrays({"picture": np.full((20, 3, 64, 64), SHADE, np.uint8)}, gs.split_rows(20, 0))
"""


class Odd(Data):
    """Whatever a test builds."""

    name: ClassVar[str] = "odd"
    kind: ClassVar[str] = "pictures"
    built: ClassVar[Any] = None

    def prepare(self) -> DatasetArrays:
        return self.built


@pytest.fixture(autouse=True)
def _fresh(cache: Path) -> Iterator[None]:
    yield
    activate_layers([])


def pictures(**split: Any) -> Callable[[], DatasetArrays]:
    """A dataset of which a part of the split, or of the rows, is another."""
    return lambda: DatasetArrays({"picture": PICTURES}, SPLIT | split)


def rows(**others: Any) -> Callable[[], DatasetArrays]:
    return lambda: DatasetArrays({"picture": PICTURES} | others, SPLIT)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: None, "None, not DatasetArrays"),
        (lambda: DatasetArrays([PICTURES], SPLIT), "rows=.*, not a dict of arrays by name"),  # ty: ignore[invalid-argument-type]
        (lambda: DatasetArrays({}, SPLIT), "rows={}, without an array"),
        (rows(picture=PICTURES.tolist()), r"rows\['picture'\]=\[.*, not a NumPy array"),
        (
            rows(picture=PICTURES[:0]),
            r"rows\['picture'\] of shape \[0, 3, 4, 4\], without an entry",
        ),
        (rows(picture=PICTURES / 255), r"type float64 and shape .*, not uint8 \[examples"),
        (rows(picture=PICTURES[:, 0]), r"shape \[20, 4, 4\], not uint8"),
        (rows(names=np.array(["a"] * COUNT, object)), r"rows\['names'\] of type object"),
        (rows(label=np.zeros(19)), r"20 entries in rows\['picture'\], but 19 in rows\['label'\]"),
        (lambda: DatasetArrays({"image": PICTURES}, SPLIT), r"\['image'\] without 'picture'"),
        (lambda: DatasetArrays({"picture": PICTURES}, {}), "split without 'test'"),
        (pictures(test=np.arange(10)), r"tests \d of the examples that it trains on"),
        (pictures(validation=SPLIT["test"]), "pool does not end with the rows of validation"),
        (pictures(validation=SPLIT["pool"]), "validation is all of pool"),
        (pictures(test=SPLIT["test"].astype(float)), "of type float64 and shape"),
        (pictures(test=SPLIT["test"][:, None]), r"shape \[2, 1\], not a list of row indices"),
        (pictures(test=SPLIT["test"][:0]), r"split\['test'\] of shape \[0\], without"),
        (pictures(test=np.array([3, 3])), "with a row twice"),
        (pictures(test=np.array([20])), "row 20, but the rows are 0 to 19"),
        (pictures(test=np.array([-1])), "row -1, but the rows are 0 to 19"),
        (
            lambda: DatasetArrays(GLYPHS, SPLIT, {}, {"seen": ("glyphs", "shapes")}),
            "but rows or banks have no such name",
        ),
        (
            lambda: DatasetArrays(
                GLYPHS, SPLIT, {"shapes": PICTURES[:5]}, {"seen": ("glyphs", "shapes")}
            ),
            "numbers outside of 0 to 4",
        ),
        (rows(attributes=np.zeros((COUNT, 2), int)), "`attributes` names 0 columns"),
        (lambda: DatasetArrays({"picture": PICTURES}, SPLIT, notes="two"), "notes='two', not a"),  # ty: ignore[invalid-argument-type]
    ],
)
def test_arrays_that_cannot_be_trained_on_are_refused(
    build: Callable[[], Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Odd, "built", build())
    for _ in range(2):  # nothing of it is in the cache
        with pytest.raises(
            DataError, match=rf"(?s)^dataset 'odd': prepare\(\) returned .*{message}"
        ):
            load_arrays(Odd())


@pytest.mark.parametrize("name", ["avatars", "arithmetic", "arithmetic_pictures"])
def test_the_datasets_of_gensweep_pass(name: str) -> None:
    small = {"count": 100} if name == "avatars" else {}
    assert len(load_arrays(DATASETS[name](**small)))


@pytest.mark.parametrize("n", [60.5, "60", None, True, -3, 0, 6, np.arange(60)])
def test_a_split_of_what_is_no_number_of_examples_is_refused(n: Any) -> None:
    with pytest.raises(
        DataError, match=r"(?s)^split_rows: n, the number of examples, is .* at least 7"
    ):
        gs.split_rows(n, 0)


@pytest.mark.parametrize("seed", [-1, 0.5, "x", None])
def test_an_odd_seed_of_a_split_is_refused(seed: Any) -> None:
    with pytest.raises(DataError, match=r"^split_rows: split_seed is .* at least 0"):
        gs.split_rows(60, seed)


def test_a_split_for_users_is_that_of_the_datasets() -> None:
    for n in (7, 60, np.int64(333)):
        result, plain = gs.split_rows(n, 2), split_plainly(int(n), 2)
        assert result.keys() == plain.keys()
        assert all(np.array_equal(result[part], plain[part]) for part in plain)


def test_arrays_of_edited_code_are_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only a module beside the dataset's file has changed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text(SOURCE)
    seen = []
    for shade in (1, 2):
        (tmp_path / "shade.py").write_text(f"SHADE = {shade}\n")
        activate_layers([])
        gs.use("plain.py")
        seen.append(int(load_arrays(DATASETS["plain"]()).rows["picture"].max()))
    assert seen == [1, 2]


def test_copies_in_the_test_set_are_counted() -> None:
    """A row index comes once, but another row may have the same pixels."""
    different = np.arange(COUNT * 12, dtype=np.uint8).reshape(COUNT, 3, 2, 2)
    with_copy = different.copy()
    one, _ = SPLIT["test"]
    with_copy[one] = with_copy[SPLIT["pool"][0]]
    notes = []
    for pictures in (different, with_copy):
        Odd.built = DatasetArrays({"picture": pictures}, SPLIT, notes=("mine",))
        notes.append(check_arrays(Odd(), Odd.built).notes)
    assert notes[0] == ("mine",)
    assert notes[1][0] == "mine" and notes[1][1].startswith("1 of 2 test pictures have the same")
