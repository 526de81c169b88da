"""Folders of pictures: which files count, and the dataset that they make."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pytest
from picture_bytes import encoded
from PIL import Image
from pydantic import AfterValidator, ValidationError

from gensweep.core.config import param
from gensweep.core.dataset import split_rows
from gensweep.core.errors import DataError
from gensweep.core.registries import DATASETS, get_dataset_class
from gensweep.data._picture_files import SUFFIXES, find_pictures
from gensweep.data._pictures import (
    FORMATS,
)
from gensweep.data.folder import Folder
from gensweep.prepare import fingerprint
from gensweep.prepare.fingerprint import Scheme, Source


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


class TestPictureFiles:
    def test_are_found_at_any_depth_by_suffix_sorted(self, tmp_path: Path) -> None:
        wanted = [
            write(tmp_path / name, b"") for name in ("a.JPG", "b/a.png", "b/c/d e.WebP", "c.heic")
        ]
        for name in (
            "notes.txt",
            "b/a.png.part",
            ".hidden.jpg",
            ".git/x.png",
            "b/.thumbs/y.jpg",
            "png",
            "b/.png",
        ):
            write(tmp_path / name, b"")
        (tmp_path / "folder.jpg").mkdir()
        assert find_pictures(tmp_path) == wanted

    def test_every_suffix_of_an_opened_format_counts(self) -> None:
        Image.init()
        theirs = {suffix for suffix, kind in Image.EXTENSION.items() if kind in FORMATS}
        assert theirs - SUFFIXES <= {".avifs"}
        assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in SUFFIXES)
        assert not SUFFIXES & {".eps", ".ps", ".pdf", ".svg", ".wmf"}

    def test_a_hidden_folder_may_be_named(self, tmp_path: Path) -> None:
        assert find_pictures(write(tmp_path / ".pictures" / "a.png", b"").parent) == [
            tmp_path / ".pictures" / "a.png"
        ]

    def test_links_are_followed_and_loops_do_no_harm(self, tmp_path: Path) -> None:
        outside = write(tmp_path / "outside" / "far.png", b"")
        path = write(tmp_path / "place" / "near.png", b"").parent
        (path / "loop").symlink_to(path, target_is_directory=True)
        (path / "other").symlink_to(outside.parent, target_is_directory=True)
        (path / "single.png").symlink_to(outside)
        (outside.parent / "back").symlink_to(path, target_is_directory=True)
        assert find_pictures(path) == [
            path / "near.png",
            path / "other" / "far.png",
            path / "single.png",
        ]

    def test_nothing_is_opened(self, tmp_path: Path) -> None:
        """What a link or a pipe leads to is for those to say who read it."""
        here = write(tmp_path / "here.png", b"")
        (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
        os.mkfifo(tmp_path / "pipe.png")
        assert find_pictures(tmp_path) == [tmp_path / "gone.png", here, tmp_path / "pipe.png"]

    def test_a_folder_without_any_says_what_it_holds(self, tmp_path: Path) -> None:
        for name in ("a.txt", "b.TXT", "c/d.pdf", "README"):
            write(tmp_path / name, b"")
        with pytest.raises(
            DataError, match=r"other files: 2 with \.txt, 1 with .*, 1 with "
        ) as raised:
            find_pictures(tmp_path)
        assert "no suffix" in str(raised.value) and f"{tmp_path} has no pictures" in str(
            raised.value
        )
        empty = tmp_path / "empty"
        empty.mkdir()
        with pytest.raises(DataError, match="has no pictures; other files: none"):
            find_pictures(empty)

    def test_what_is_no_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="nowhere does not exist; name a folder of pictures"):
            find_pictures(tmp_path / "nowhere")
        with pytest.raises(DataError, match=r"a\.png is a file; name a folder of pictures"):
            find_pictures(write(tmp_path / "a.png", b""))

    def test_a_folder_that_cannot_be_listed_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "shut" / "a.png", b"")
        scandir = os.scandir

        def refuse(path: str) -> Any:
            if Path(path).name == "shut":
                raise PermissionError(13, "Permission denied", path)
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(DataError, match="shut cannot be read: Permission denied"):
            find_pictures(tmp_path)


def flat(shade: int, side: int = 64) -> bytes:
    """A picture of one shade of red."""
    return encoded(Image.new("RGB", (side, side), (shade, 0, 0)))


@pytest.fixture
def twenty(tmp_path: Path, cache: Path) -> Path:
    """A folder of twenty pictures, in shades 0, 10, .., 190; nothing is remembered of it."""
    for shade in range(0, 200, 10):
        write(tmp_path / "place" / f"{shade}.png", flat(shade))
    return tmp_path / "place"


def folder(path: Path, **values: Any) -> Folder:
    """As a user names it again, later."""
    fingerprint.clear_cache()
    return Folder(dataset=f"folder:{path}", **values)


def shades(data: Folder) -> list[int]:
    pictures = data.prepare().rows["picture"]
    assert pictures.dtype == np.uint8 and pictures.shape[1:] == (3, 64, 64)
    assert (pictures == pictures[:, :, :1, :1]).all() and not pictures[:, 1:].any()
    return pictures[:, 0, 0, 0].tolist()


class TestFolder:
    def test_is_a_dataset_of_pictures(self, twenty: Path) -> None:
        data = folder(twenty)
        assert (
            DATASETS["folder"] is Folder is get_dataset_class(data.dataset)
            and data.kind == "pictures"
        )
        assert data.dataset.startswith("folder:sha256-")
        prepared = data.prepare()
        assert list(prepared.rows) == ["picture"] and len(prepared.rows["picture"]) == 20
        assert prepared.notes == ()
        for split_seed in (0, 1):
            result, wanted = (
                folder(twenty, split_seed=split_seed).prepare().split,
                split_rows(20, split_seed),
            )
            assert result.keys() == wanted.keys() and all(
                np.array_equal(result[key], wanted[key]) for key in wanted
            )

    def test_must_be_named(self) -> None:
        with pytest.raises(ValidationError, match="Field required"):
            Folder()
        with pytest.raises(ValidationError, match="is none of folder:DIR"):
            Folder(dataset="folder")

    def test_names_and_places_change_nothing(self, twenty: Path, tmp_path: Path) -> None:
        before = folder(twenty)
        order = shades(before)
        assert sorted(order) == list(range(0, 200, 10)) != order
        for number, path in enumerate(sorted(twenty.iterdir())):
            write(tmp_path / "moved" / str(number % 3) / f"{99 - number}.jpg", path.read_bytes())
        after = folder(tmp_path / "moved")
        assert (after, shades(after)) == (before, order)

    def test_the_same_file_twice_counts_once(self, twenty: Path) -> None:
        before = folder(twenty)
        order = shades(before)
        for number in range(3):
            write(twenty / "copies" / f"{number}.png", flat(50))
        assert (folder(twenty), shades(folder(twenty))) == (before, order)
        assert (folder(twenty).prepare().notes, folder(twenty).list_remarks()) == (
            (),
            ("copies of other pictures left out: 3",),
        )

    def test_what_cannot_be_opened_is_left_out_counted_and_named(self, twenty: Path) -> None:
        for number in range(9):
            write(twenty / f"page{number}.jpg", b"<html>%d" % number)
        write(twenty / "deep" / "cut.png", flat(7)[:80])
        write(twenty / "none.gif", b"")
        assert sorted(shades(folder(twenty))) == list(range(0, 200, 10))
        (message,) = folder(twenty).prepare().notes
        assert message.startswith("11 of 31 pictures left out: deep/cut.png (cut off or damaged")
        assert (
            "none.gif (an empty file), page0.jpg (a web page, not a picture), page1.jpg" in message
        )
        assert message.endswith("page7.jpg (a web page, not a picture), and 1 more")

    def test_too_few_that_open_are_an_error(self, twenty: Path) -> None:
        for path in sorted(twenty.iterdir())[5:]:
            path.write_bytes(b"<html>" + path.name.encode())
        with pytest.raises(
            DataError, match=r"5 examples leave .*; 15 of 20 could not be opened: .*, and 12 more$"
        ):
            folder(twenty).prepare()

    def test_too_few_files_are_an_error_at_once(self, twenty: Path) -> None:
        for path in sorted(twenty.iterdir())[4:]:
            path.unlink()
        with pytest.raises(ValidationError, match="4 examples leave none for the test set"):
            folder(twenty)
        write(twenty / "copy.png", (twenty / "0.png").read_bytes())
        with pytest.raises(ValidationError, match="4 examples leave none for the test set"):
            folder(twenty)

    def test_the_training_set_must_not_be_empty(self, twenty: Path) -> None:
        with pytest.raises(
            ValidationError, match=r"train_fraction 0\.001 of 18 examples leaves none to train on"
        ):
            folder(twenty, train_fraction=0.001)

    @pytest.mark.parametrize("change", ["added", "removed", "rewritten"])
    def test_what_changed_since_is_not_trained_on(self, twenty: Path, change: str) -> None:
        data = folder(twenty)
        data.check()
        if change == "added":
            write(twenty / "new.png", flat(1))
        elif change == "removed":
            (twenty / "0.png").unlink()
        else:
            write(twenty / "0.png", flat(1))
        for call in (data.check, data.prepare):
            with pytest.raises(
                DataError, match=f"{twenty} has changed since it was {data.dataset}; name it again"
            ):
                call()
        assert len(folder(twenty).prepare().rows["picture"]) == 20 + {
            "added": 1,
            "removed": -1,
        }.get(change, 0)

    def test_what_changes_while_it_is_read_is_not_trained_on(
        self, twenty: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data, read = folder(twenty), Path.read_bytes
        monkeypatch.setattr(
            Path, "read_bytes", lambda path: flat(1) if path.name == "50.png" else read(path)
        )
        with pytest.raises(
            DataError, match=r"50\.png has changed since it was part of folder:sha256-"
        ):
            data.prepare()

    def test_what_has_gone_or_was_never_here_is_an_error_of_check_alone(
        self, twenty: Path, tmp_path: Path
    ) -> None:
        data = folder(twenty)
        twenty.rename(tmp_path / "elsewhere")
        fingerprint.clear_cache()
        later = Folder(dataset=data.dataset)  # a worker does as much
        with pytest.raises(DataError, match=f"{data.dataset} is no longer at {twenty}"):
            later.check()
        with pytest.raises(DataError, match="has never been used on this machine"):
            Folder(dataset=f"folder:sha256-{'0' * 16}").check()

    def test_the_background_is_seen_through_what_is_transparent(self, twenty: Path) -> None:
        for shade in range(20):
            clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
            clear.putpixel((shade, 60), (shade, 0, 0, 255))  # no two look the same
            write(twenty / f"clear{shade}.png", encoded(clear))
        whites, blues = (
            folder(twenty, **values).prepare() for values in ({}, {"background": "Navy"})
        )
        assert folder(twenty, background="Navy") == folder(twenty, background="#000080")
        changed = (whites.rows["picture"] != blues.rows["picture"])[:, :, :60].all(axis=(2, 3))
        assert changed.any(axis=1).sum() == 20
        assert {
            tuple(picture[:, 5, 5].tolist())
            for picture in blues.rows["picture"][changed.any(axis=1)]
        } == {(0, 0, 128)}
        with pytest.raises(ValidationError, match="'nave' is not a colour"):
            folder(twenty, background="nave")

    def test_the_order_does_not_depend_on_the_threads(
        self, twenty: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order = shades(folder(twenty))
        for cores in (1, 64):
            monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
            assert shades(folder(twenty)) == order

    def test_a_dataset_of_its_own_scheme_inherits_the_rest(self, twenty: Path) -> None:
        museum = Scheme(
            "museum", "DIR", lambda index: find_pictures(index / "kept"), lambda: twenty
        )

        class Museum(Folder):
            name: ClassVar[str] = "museum"
            scheme: ClassVar[Scheme] = museum

            dataset: Annotated[str, AfterValidator(Source(museum))] = param(
                "museum", "the pictures"
            )

        for shade in range(20):
            write(twenty / "kept" / f"{shade}.png", flat(shade))
        data = Museum(dataset="museum")
        assert data.dataset.startswith("museum:sha256-") and sorted(shades(data)) == list(range(20))
