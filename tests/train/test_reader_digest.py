"""Which readers share an entry of the cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gensweep.train import glyphs, labelled_pictures, reader_digest
from gensweep.train.glyphs import Glyphs
from gensweep.train.labelled_pictures import LabelledPictures


def count_up(*shape: int) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 251).astype(np.uint8).reshape(shape)


def make_glyphs() -> tuple[Glyphs, Glyphs]:
    return Glyphs(count_up(5, 28, 28), count_up(5)), Glyphs(count_up(2, 28, 28), count_up(2))


def make_labelled() -> LabelledPictures:
    rows = np.arange(4, dtype=np.int64)
    return LabelledPictures(count_up(4, 3, 8, 8), count_up(4, 2), (4, 5), rows[:2], rows[2:3], rows)


@pytest.fixture
def without_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests of pictures and labels alone."""
    monkeypatch.setattr(reader_digest, "TRAINING_SOURCES", ())
    monkeypatch.setattr(glyphs, "_SOURCES", ())
    monkeypatch.setattr(labelled_pictures, "_SOURCES", ())


@pytest.mark.usefixtures("without_code")
def test_pictures_and_labels_have_the_same_digest_in_every_version() -> None:
    """Golden values: another one would train every reader of every user again."""
    assert glyphs.compute_digest(*make_glyphs()) == (
        "2b5064110d89c2913cf81257735f5ff3239bae0a4658be9f5cf18d8f56bb5363"
    )
    assert labelled_pictures.compute_digest(make_labelled()) == (
        "dd5191510a40d321161b2dd0df4bcc32dfc365161073a61dc67ec2fdd3edcdf7"
    )


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one source, which readers depend on."""
    (tmp_path / "train").mkdir()
    monkeypatch.setattr(reader_digest, "__file__", str(tmp_path / "train" / "reader_digest.py"))
    monkeypatch.setattr(reader_digest, "TRAINING_SOURCES", ())
    return tmp_path


@pytest.mark.parametrize(
    ("source", "is_same"),
    [
        ("STEPS = 3  # few\n", True),
        ('"""What a reader learns."""\nSTEPS = (\n    3\n)\n', True),
        ("STEPS = 4\n", False),
        ("STEPS = 3\nMORE = 1\n", False),
    ],
    ids=["comment", "docstring-and-lines", "value", "definition"],
)
def test_code_counts_and_its_looks_do_not(package: Path, source: str, is_same: bool) -> None:
    digests = []
    for text in ("STEPS = 3\n", source):
        (package / "code.py").write_text(text)
        reader_digest._read_code.cache_clear()
        digests.append(reader_digest.compute_reader_digest([count_up(3)], ["code.py"]))
    reader_digest._read_code.cache_clear()
    assert (digests[0] == digests[1]) is is_same


def test_every_source_exists() -> None:
    package = Path(reader_digest.__file__).parents[1]
    for source in (
        *reader_digest.TRAINING_SOURCES,
        *glyphs._SOURCES,
        *labelled_pictures._SOURCES,
    ):
        assert (package / source).is_file(), source
