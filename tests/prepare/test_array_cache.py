"""Prepared arrays kept in the cache: whole or built again, by content, for many processes at once."""

from __future__ import annotations

import errno
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from gensweep.core.config import param
from gensweep.core.data_source import Data
from gensweep.core.dataset import DatasetArrays, split_rows
from gensweep.core.errors import DataError
from gensweep.data.avatars import Avatars
from gensweep.prepare import array_cache as cache_module
from gensweep.prepare.array_cache import get_entry_path, hash_array, load_arrays, read_entry
from gensweep.system.cache_dir import get_cache_root, make_cache_folder


class Counted(Data):
    """Twenty small pictures; how often they were built is counted."""

    name: ClassVar[str] = "counted"
    kind: ClassVar[str] = "pictures"
    built: ClassVar[int] = 0

    shade: int = param(3, "of every pixel", ge=0)

    def prepare(self) -> DatasetArrays:
        type(self).built += 1
        pictures = np.full((20, 3, 4, 4), self.shade, np.uint8)
        pictures[:, 0, 0, 0] = np.arange(20)
        return DatasetArrays(
            rows={"picture": pictures, "glyphs": np.arange(20, dtype=np.int32)[:, None] % 2},
            split=split_rows(20, self.split_seed),
            banks={"shapes": np.arange(32, dtype=np.uint8).reshape(2, 4, 4)},
            lookups={"seen": ("glyphs", "shapes")},
        )


@pytest.fixture(autouse=True)
def _fresh(cache: Path) -> None:
    Counted.built = 0


def equal(one: DatasetArrays, other: DatasetArrays) -> bool:
    groups = [(getattr(one, group), getattr(other, group)) for group in ("rows", "split", "banks")]
    return one.lookups == other.lookups and all(
        a.keys() == b.keys()
        and all(a[k].dtype == b[k].dtype and np.array_equal(a[k], b[k]) for k in a)
        for a, b in groups
    )


def array_file(name: str = "picture") -> Path:
    return (
        get_cache_root()
        / "arrays"
        / f"{read_entry(get_entry_path(Counted()))['rows'][name]['sha256']}.npy"
    )


def test_the_folder_is_the_one_named_else_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "named"))
    assert get_cache_root() == tmp_path / "named"
    monkeypatch.delenv("GENSWEEP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "users"))
    assert get_cache_root() == (
        tmp_path / "users" / "gensweep" if sys.platform == "linux" else get_cache_root()
    )


def test_a_folder_that_cannot_be_made_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"file/mnist: Not a directory; set GENSWEEP_CACHE"):
        make_cache_folder("mnist")


def test_arrays_are_built_once_and_come_back_the_same() -> None:
    first, second = load_arrays(Counted()), load_arrays(Counted())
    assert equal(first, Counted().prepare()) and equal(second, first)
    assert Counted.built == 2, "once for the cache, once by this test"


def test_kept_arrays_are_mapped_read_only_and_pickled_without_a_copy() -> None:
    picture = load_arrays(Counted()).rows["picture"]
    assert type(picture) is np.ndarray and isinstance(picture.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        picture[0] = 1
    buffers: list[pickle.PickleBuffer] = []
    pickle.dumps(picture, protocol=5, buffer_callback=buffers.append)
    assert [len(buffer.raw()) for buffer in buffers] == [20 * 3 * 4 * 4]


@pytest.mark.parametrize(
    ("changed", "builds"), [({"train_fraction": 0.5}, 1), ({"shade": 4}, 2), ({"split_seed": 1}, 2)]
)
def test_what_changes_the_arrays_has_an_entry_of_its_own(
    changed: dict[str, Any], builds: int
) -> None:
    load_arrays(Counted())
    assert equal(load_arrays(Counted(**changed)), Counted(**changed).prepare())
    assert Counted.built == builds + 1


@pytest.mark.parametrize("what", ["numerics", "code", "library"])
def test_other_code_or_libraries_build_again(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load_arrays(Counted())
    if what == "numerics":
        monkeypatch.setattr(Counted, "numerics", 2)
    else:
        digest, *libraries = cache_module._describe_builders()
        changed = (
            ["0" * 64, *libraries] if what == "code" else [digest, *libraries[:-1], "pillow 1.0"]
        )
        monkeypatch.setattr(cache_module, "_describe_builders", lambda: changed)
    load_arrays(Counted())
    assert Counted.built == 2


def test_every_file_of_the_datasets_counts() -> None:
    """Code and art alike; what Python compiles aside."""
    package = Path(cache_module.__file__).parents[1]
    seen = {path for pattern in cache_module.BUILDERS for path in package.glob(pattern)}
    files = {
        path
        for path in (package / "data").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert files | {package / "core" / "dataset.py", package / "core" / "alphabet.py"} == seen
    assert {
        package / "data" / "avatars.py",
        package / "data" / "_avatars" / "parts" / "hat.toml",
    } <= seen


def test_equal_arrays_are_kept_once() -> None:
    load_arrays(Counted())
    before = set((get_cache_root() / "arrays").glob("*.npy"))
    load_arrays(Counted(split_seed=1))
    new = set((get_cache_root() / "arrays").glob("*.npy")) - before
    assert len(before) == 6 and len(new) == 3, "three arrays of the split alone"


@pytest.mark.parametrize(
    "damage", ["cut short", "another byte", "gone", "emptied", "another shape"]
)
def test_a_damaged_array_is_built_again(damage: str, caplog: pytest.LogCaptureFixture) -> None:
    load_arrays(Counted())
    path = array_file()
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "another shape":
        np.save(path, np.zeros((20, 48), np.uint8))
    else:
        path.write_bytes(
            {"cut short": content[:-7], "another byte": content[:-1] + b"\xff", "emptied": b""}[
                damage
            ]
        )
    with caplog.at_level(logging.WARNING):
        assert equal(load_arrays(Counted()), Counted().prepare())
    assert "picture of" in caplog.text and "built again" in caplog.text
    assert path.read_bytes() == content
    caplog.clear()
    load_arrays(Counted())
    assert Counted.built == 3 and not caplog.text


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"arrays": {}}', '{"arrays": 3, "lookups": {}}']
)
def test_a_damaged_entry_is_built_again(content: str, caplog: pytest.LogCaptureFixture) -> None:
    load_arrays(Counted())
    get_entry_path(Counted()).write_text(content)
    assert equal(load_arrays(Counted()), Counted().prepare())
    assert "cannot be read" in caplog.text
    assert read_entry(get_entry_path(Counted()))["rows"]["picture"]["shape"] == [20, 3, 4, 4]


def test_a_full_disk_costs_time_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "write_atomic", full)
        assert equal(load_arrays(Counted()), Counted().prepare())
    assert "No space left on device; free some space, or set GENSWEEP_CACHE" in caplog.text
    assert [path.name for path in (get_cache_root() / "arrays").iterdir()] == [
        "lock"
    ] and not get_entry_path(Counted()).exists()
    load_arrays(Counted())
    assert get_entry_path(Counted()).exists(), "the second try works"


def test_what_a_killed_process_left_is_swept_up() -> None:
    load_arrays(Counted())
    left = get_cache_root() / "arrays" / ".0123.npy.abcd.tmp"
    left.write_bytes(b"half")
    load_arrays(Counted(shade=9))
    assert not left.exists()


def test_a_cache_that_cannot_be_made_costs_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "file"))
    assert equal(load_arrays(Counted()), Counted().prepare())
    assert "are not cached" in caplog.text


def test_what_cannot_be_built_leaves_no_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Counted) -> DatasetArrays:
        raise DataError("not here")

    with monkeypatch.context() as patch:
        patch.setattr(Counted, "prepare", refuse)
        with pytest.raises(DataError, match="not here"):
            load_arrays(Counted())
    assert not get_entry_path(Counted()).exists()
    load_arrays(Counted())
    assert Counted.built == 1


@pytest.mark.slow
def test_many_processes_at_once_build_once() -> None:
    """Four processes ask at the same time; each says whether it was the one that built."""
    code = (
        "import sys; from gensweep.data import avatars; from gensweep.prepare.array_cache import load_arrays, hash_array\n"
        "draw, calls = avatars.draw_faces, []\n"
        "avatars.draw_faces = lambda *a: (calls.append(1), draw(*a))[1]\n"
        "sys.stdin.readline()\n"
        "print(len(calls), hash_array(load_arrays(avatars.Avatars(count=3000)).rows['picture']), len(calls))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    message = []
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        message.append(process.communicate(timeout=60)[0].split())
    assert sum(int(after) for _, _, after in message) == 1
    assert {digest for _, digest, _ in message} == {
        hash_array(Avatars(count=3000).prepare().rows["picture"])
    }
    assert not list(get_cache_root().rglob("*.tmp"))


def test_sha256_is_that_of_the_values_in_order() -> None:
    """`printf '\\001\\002\\003\\004' | sha256sum`."""
    known = "9f64a747e1b97f131fabb6b447296c9b6f0201e79fb3c5356e6c77e89b6a806a"
    values = np.array([[1, 2], [3, 4]], np.uint8)
    assert hash_array(values) == hash_array(np.asfortranarray(values)) == known
    assert (
        hash_array(np.empty((0, 3), np.uint8))
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_a_note_is_logged_once_by_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from PIL import Image

    from gensweep.data.folder import Folder

    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "pics"
    path.mkdir()
    for shade in range(24):
        Image.new("RGB", (4, 4), (shade, shade, 0)).save(path / f"{shade}.png")
    (path / "bad.png").write_bytes(b"no picture")
    for _ in range(2):
        load_arrays(Folder(dataset=f"folder:{path}"))
    assert caplog.text.count("bad.png") == 1
