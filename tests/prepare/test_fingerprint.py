"""The user's own data, known by what it holds: how it is named, found again, and read no more often than need be."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from gensweep.core.errors import DataError
from gensweep.prepare import file_hashes
from gensweep.prepare.file_hashes import hash_files
from gensweep.prepare.fingerprint import (
    Scheme,
    Source,
    clear_cache,
    find_paths,
    get_pinned_text,
    locate,
    pin_to_content,
    read_again_when_named,
)


def list_files(location: Path) -> list[Path]:
    if not location.is_dir():
        raise DataError(f"{location} is no folder")
    return sorted(path for path in location.rglob("*") if path.is_file())


BOX = Scheme("box", "DIR", list_files)


@pytest.fixture
def box(tmp_path: Path, cache: Path) -> Path:
    """A folder of three files, seen for the first time."""
    for name, text in (("a", "one"), ("b", "two"), ("in/c", "three")):
        path = tmp_path / "box" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "box"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is read, by name."""
    counter: Counter[str] = Counter()
    file_digest = hashlib.file_digest

    def counted(file: BinaryIO, algorithm: str) -> Any:
        counter[Path(file.name).name] += 1
        return file_digest(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    return counter


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every file had been there for long."""
    monkeypatch.setattr(file_hashes, "_SETTLED_SECONDS", -3600.0)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def again(path: Path) -> str:
    """What the place is called by a later process."""
    clear_cache()
    return Source(BOX)(f"box:{path}")


class TestPinning:
    def test_a_place_becomes_the_digest_of_its_files(self, box: Path) -> None:
        """SHA-256 of the sorted digests, one a line; the first 16 digits."""
        joined = "\n".join(sorted(map(sha256, ("one", "two", "three"))))
        assert again(box) == f"box:sha256-{sha256(joined)[:16]}"

    def test_moving_renaming_and_copying_keep_it(self, box: Path, tmp_path: Path) -> None:
        before = again(box)
        (box / "a").rename(box / "z")
        (box / "in" / "copy").write_text("one")
        assert again(box) == before
        box.rename(tmp_path / "elsewhere")
        assert again(tmp_path / "elsewhere") == before

    @pytest.mark.parametrize("change", ["added", "removed", "changed", "swapped"])
    def test_other_content_changes_it(self, box: Path, change: str) -> None:
        before = again(box)
        if change == "added":
            (box / "d").write_text("four")
        elif change == "removed":
            (box / "a").unlink()
        elif change == "changed":
            (box / "a").write_text("One")
        else:
            (box / "a").write_text("onetwo")
            (box / "b").write_text("")
        assert again(box) != before

    def test_a_run_means_one_content(self, box: Path) -> None:
        before = again(box)
        (box / "a").write_text("other")
        assert Source(BOX)(f"box:{box}") == before != again(box)

    def test_after_a_run_it_is_read_again_when_named(self, box: Path) -> None:
        before = again(box)
        (box / "a").write_text("other")
        read_again_when_named()
        assert get_pinned_text(f"box:{box}") == before
        now = Source(BOX)(f"box:{box}")
        assert now == get_pinned_text(f"box:{box}") != before
        (box / "a").write_text("third")
        assert Source(BOX)(f"box:{box}") == now

    def test_a_relative_place_follows_the_working_folder(
        self, box: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(box.parent)
        outer = Source(BOX)("box:.")
        monkeypatch.chdir(box / "in")
        inner = Source(BOX)("box:.")
        assert inner == again(box / "in") != outer

    def test_what_is_pinned_stays(self, box: Path) -> None:
        pinned = again(box)
        assert Source(BOX)(pinned) == pinned == get_pinned_text(f"box:{box}")
        clear_cache()
        assert get_pinned_text(f"box:{box}") == f"box:{box}" and get_pinned_text("other") == "other"

    def test_a_home_and_a_relative_place(self, box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pinned = again(box)
        monkeypatch.setenv("HOME", str(box.parent))
        monkeypatch.chdir(box.parent)
        assert again(Path("~/box")) == again(Path("box")) == again(Path("box/in/..")) == pinned
        monkeypatch.chdir("/")
        assert locate(pinned).samefile(box)

    def test_a_scheme_may_have_a_place_of_its_own(self, box: Path, tmp_path: Path) -> None:
        source = Source(Scheme("own", "DIR", list_files, lambda: box), names=("plain",))
        assert source("own") == source(f"own:{box}") != source(f"own:{box / 'in'}")
        assert (source("plain"), str(source)) == ("plain", "plain | own")

    @pytest.mark.parametrize(
        "text", ["box", "box:", "crate:/tmp", "", ":", "folder:sha256-0123456789abcdef"]
    )
    def test_what_is_no_place_is_refused(self, text: str, cache: Path) -> None:
        with pytest.raises(ValueError, match=r"^.* is none of plain \| box:DIR$"):
            Source(BOX, names=("plain",))(text)

    def test_a_path_without_a_scheme_gets_the_words_to_write(
        self, box: Path, cache: Path, tmp_path: Path
    ) -> None:
        archive = Scheme("npz", "FILE", files=lambda path: [path])
        source = Source(BOX, archive, names=("plain",))
        with pytest.raises(ValueError, match=f"; write 'box:{box}'$"):
            source(str(box))
        for text in ("/no/such/digits.npz", str(tmp_path / "digits")):
            (tmp_path / "digits").touch()
            with pytest.raises(ValueError, match=f"; write 'npz:{text}'$"):
                source(text)

    @pytest.mark.parametrize("text", ["box:/no/such", "box:sha256-0123", "box:~nobody/there"])
    def test_a_place_without_the_data_is_refused(self, text: str, cache: Path) -> None:
        with pytest.raises(ValueError, match=r"is no folder|^box:~nobody/there: .*home directory"):
            Source(BOX)(text)


class TestLocating:
    def test_a_later_process_finds_the_place(self, box: Path) -> None:
        pinned = again(box)
        clear_cache()
        assert locate(pinned) == box
        assert find_paths([pinned, "avatars", 3, f"box:sha256-{'0' * 16}"]) == {pinned: str(box)}

    def test_the_last_place_counts(self, box: Path, tmp_path: Path) -> None:
        pinned = again(box)
        box.rename(tmp_path / "elsewhere")
        assert again(tmp_path / "elsewhere") == pinned
        clear_cache()
        assert locate(pinned) == tmp_path / "elsewhere"

    def test_a_place_that_has_gone_is_named(self, box: Path, tmp_path: Path) -> None:
        pinned = again(box)
        box.rename(tmp_path / "elsewhere")
        with pytest.raises(
            DataError, match=f"{pinned} is no longer at {box} .*; name its new path"
        ):
            locate(pinned)

    @pytest.mark.parametrize("damage", [None, "", "[]", '{"place": 3}', '{"place": "/x'])
    def test_a_hash_that_cannot_be_cached_is_reported(
        self, damage: str | None, box: Path, cache: Path
    ) -> None:
        pinned = again(box)
        (stored,) = (cache / "places").iterdir()
        stored.unlink() if damage is None else stored.write_text(damage)
        clear_cache()
        with pytest.raises(
            DataError,
            match=f"{pinned} has never been used on this machine; name the path of the data",
        ):
            locate(pinned)

    def test_a_cache_that_cannot_be_written_to_costs_memory_alone(
        self, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "file" / "cache"))
        assert locate(again(box)) == box


class TestDigests:
    def test_are_those_of_the_files(self, box: Path) -> None:
        result = hash_files(box, list_files(box))
        assert result == {
            box / "a": sha256("one"),
            box / "b": sha256("two"),
            box / "in" / "c": sha256("three"),
        }

    def test_order_and_copies_do_not_count_and_pairs_hold_together(self) -> None:
        """The digest is SHA-256 over the sorted lines, of one file's digest or of two with a space between."""
        scheme, pairs = (
            Scheme("some", "PLACE", list_files),
            Scheme("some", "PLACE", list_files, together=2),
        )
        assert (
            scheme.combine_digests("bab")
            == scheme.combine_digests("ab")
            == f"some:sha256-{sha256(chr(10).join('ab'))[:16]}"
        )
        assert (
            pairs.combine_digests("abcd")
            == pairs.combine_digests("cdab")
            == f"some:sha256-{sha256('a b' + chr(10) + 'c d')[:16]}"
        )
        assert len({pairs.combine_digests(order) for order in ("abcd", "adcb", "badc")}) == 3

    @pytest.mark.usefixtures("settled")
    def test_only_what_changed_is_read_again(self, box: Path, reads: Counter[str]) -> None:
        first = again(box)
        assert reads == {"a": 1, "b": 1, "c": 1}
        assert again(box) == first and reads.total() == 3
        (box / "b").write_text("tow")
        (box / "d").write_text("four")
        assert again(box) != first
        assert reads == {"a": 1, "b": 2, "c": 1, "d": 1}

    @pytest.mark.usefixtures("settled")
    @pytest.mark.parametrize("how", ["in place", "replaced"])
    def test_a_change_that_keeps_size_and_time_is_noticed(
        self, box: Path, reads: Counter[str], how: str
    ) -> None:
        """As `cp --preserve`, `rsync --times` or an archive leaves a file behind."""
        first, before = again(box), (box / "a").stat()
        if how == "replaced":
            (box / "a").rename(box.parent / "old")
        (box / "a").write_text("One")
        os.utime(box / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert again(box) != first and reads["a"] == 2

    def test_what_was_just_written_is_read_again(self, box: Path, reads: Counter[str]) -> None:
        """A second change within the clock's grain would leave the same time."""
        again(box)
        again(box)
        assert reads == {"a": 2, "b": 2, "c": 2}

    def test_what_was_just_written_is_read_again_whatever_its_date(
        self, box: Path, reads: Counter[str]
    ) -> None:
        os.utime(box / "a", (10**9, 10**9))
        again(box)
        again(box)
        assert reads["a"] == 2

    @pytest.mark.usefixtures("settled")
    @pytest.mark.parametrize(
        "damage", ["", "[]", "3", '{"%s": 1}', '{"%s": [[], 7]}', '{"%s": [1, 2, 3]}', "{'"]
    )
    def test_a_damaged_list_is_made_again(
        self, box: Path, cache: Path, reads: Counter[str], damage: str
    ) -> None:
        first = again(box)
        (stored,) = (cache / "digests").iterdir()
        stored.write_text(damage.replace("%s", str(box / "a")))
        assert again(box) == first and reads.total() == 6
        assert set(json.loads(stored.read_text())) == {str(path) for path in list_files(box)}

    @pytest.mark.usefixtures("settled")
    def test_places_have_lists_of_their_own(self, box: Path, reads: Counter[str]) -> None:
        again(box)
        again(box / "in")
        assert again(box) and reads == {"a": 1, "b": 1, "c": 2}

    def test_a_file_that_cannot_be_read_is_named(
        self, box: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = Path.open

        def refuse(path: Path, *args: object, **kwargs: object) -> object:
            if path.name == "b":
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(DataError, match="b cannot be read: Permission denied"):
            pin_to_content(BOX, box)
        with pytest.raises(ValueError, match="b cannot be read: Permission denied"):
            again(box)

    def test_a_file_that_went_meanwhile_is_named(self, box: Path) -> None:
        with pytest.raises(DataError, match="gone cannot be read: No such file"):
            hash_files(box, [box / "a", box / "gone"])
