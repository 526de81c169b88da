"""Files where a run needs a folder, and folders where it needs a file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from runs import call, t2t, write_sweep

from gensweep.core.errors import ResultsError
from gensweep.ledger.store_check import check_folders, check_store, list_folders
from gensweep.ledger.stores import Store
from gensweep.system.storage import write_atomic


@pytest.mark.parametrize("folder", list_folders("mine"))
@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_in_place_of_a_folder_is_refused_before_the_start(
    folder: str, is_link: bool, tmp_path: Path
) -> None:
    path = tmp_path / folder
    path.parent.mkdir(parents=True, exist_ok=True)
    if is_link:
        path.symlink_to(tmp_path / "nothing")
    else:
        path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    for check in (check_folders, check_store):
        with pytest.raises(ResultsError, match=f"{path.name} should be a folder, but is not one"):
            check(Store(tmp_path), *list_folders("mine"))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["sweep.json", "report.html", "tables/cells.md"])
def test_a_folder_in_place_of_a_sweep_s_file_is_refused_before_the_start(
    name: str, tmp_path: Path, trained: Counter[int]
) -> None:
    root = tmp_path / "results"
    obstacle = root / "tiny" / name
    obstacle.mkdir(parents=True)
    file = write_sweep(tmp_path)
    ended = call(file, "--local", "--results", root)
    assert ended.code == 2 and not trained
    assert f"{obstacle} should be a file, but is a folder; move it" in ended.error
    obstacle.rmdir()
    assert call(file, "--local", "--results", root).code == 0


def test_folders_and_links_to_folders_are_accepted(tmp_path: Path) -> None:
    remote = tmp_path / "disk"
    remote.mkdir()
    root = tmp_path / "root"
    (root / "mine").mkdir(parents=True)
    (root / "mine" / "tables").symlink_to(remote)
    check_store(Store(root), *list_folders("mine"))
    assert not list(remote.iterdir())


def test_a_folder_in_place_of_a_point_s_file_is_named_before_its_training(
    tmp_path: Path, trained: Counter[int]
) -> None:
    """One point for each of its files, and one without an obstacle."""
    names = ["record.json", "claim.json", ".lock", "checkpoint.pt", "weights.pt", "history.csv"]
    root, free = tmp_path / "results", len(names)
    obstacles = [root / "points" / t2t(seed).id / name for seed, name in enumerate(names)]
    for obstacle in obstacles:
        obstacle.mkdir(parents=True)
    options = ("--local", "--results", root)
    file = write_sweep(tmp_path, seeds=free + 1)
    ended = call(file, *options)
    assert ended.code == 1 and "Traceback" not in ended.out + ended.error
    for obstacle in obstacles:
        assert f"{obstacle}: should be a file, but is a folder" in ended.out
    assert dict(trained) == {free: 2}, "the other point is trained, these are not"
    for obstacle in obstacles:
        obstacle.rmdir()
    assert call(file, *options).code == 0
    assert dict(trained) == dict.fromkeys(range(free + 1), 2)


@pytest.mark.parametrize("name", ["", "samples"])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_in_place_of_a_point_s_folder_is_named_before_its_training(
    name: str, is_link: bool, tmp_path: Path, trained: Counter[int]
) -> None:
    root = tmp_path / "results"
    obstacle = root / "points" / t2t().id / name
    obstacle.parent.mkdir(parents=True)
    if is_link:
        obstacle.symlink_to(tmp_path / "nothing")
    else:
        obstacle.write_text("mine")
    ended = call(write_sweep(tmp_path), "--local", "--results", root)
    assert ended.code == 1 and not trained
    assert f"{obstacle}: should be a folder, but is" in ended.out


def test_an_error_of_a_write_names_the_file_that_was_meant(tmp_path: Path) -> None:
    for content in ("text", lambda file: file.write(b"text")):
        path = tmp_path / "record.json"
        path.mkdir(exist_ok=True)
        with pytest.raises(OSError) as caught:
            write_atomic(path, content)
        assert (caught.value.filename, caught.value.filename2) == (str(path), None)
        assert ".tmp" not in str(caught.value)
        assert str(caught.value).endswith(f"Is a directory: '{path}'")
        assert [file.name for file in tmp_path.iterdir()] == ["record.json"]
