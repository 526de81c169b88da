"""Sweep files: that they are read as Python reads any module."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gensweep.core.errors import SweepError
from gensweep.sweep.load import read_sweep

PLAIN = """
from __future__ import annotations
import pickle, sys
from dataclasses import dataclass, field
from pathlib import Path
from gensweep import Grid, Sweep

@dataclass
class Setting:
    lr: float = 0.1
    others: list[int] = field(default_factory=list)

module = sys.modules[__name__]
assert module.Setting is Setting and module.__file__ == __file__ and Path(__file__).name == "plain.py"
assert pickle.loads(pickle.dumps(Setting(0.5))) == Setting(0.5)
SWEEP = Sweep("plain", [Grid("text_to_text", lr=Setting(0.5).lr)])
SWEEP.setting = Setting(0.25)
"""
HELPED = "from gensweep import Grid, Sweep\nfrom helper_of_sweeps import LR\n"
HELPED += "SWEEP = Sweep('helped', [Grid('text_to_text', lr=LR)])\n"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Where Python looks for modules stays as it is, and no helper stays behind."""
    path = list(sys.path)
    yield
    assert sys.path == path
    sys.modules.pop("helper_of_sweeps", None)


def helped(folder: Path, lr: float) -> Path:
    """A sweep file and its helper."""
    folder.mkdir()
    (folder / "helper_of_sweeps.py").write_text(f"LR = {lr}\n")
    (folder / "helped.py").write_text(HELPED)
    return folder / "helped.py"


def lr_of(path: Path) -> float:
    return read_sweep(path).grids[0].axes["lr"][0]


def test_a_sweep_file_is_a_module(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(PLAIN)
    sweep = read_sweep(tmp_path / "plain.py")
    setting = sweep.setting  # ty: ignore[unresolved-attribute]
    assert (lr_of(tmp_path / "plain.py"), setting.lr) == (0.5, 0.25)


def test_what_it_defines_can_be_pickled_later(tmp_path: Path) -> None:
    (tmp_path / "a.b-c.py").write_text(PLAIN.replace("plain.py", "a.b-c.py"))
    setting = read_sweep(tmp_path / "a.b-c.py").setting  # ty: ignore[unresolved-attribute]
    assert pickle.loads(pickle.dumps(setting)) == setting


def test_annotations_are_evaluated_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(
        "x: int = 1\nassert __annotations__ == {'x': int}\nSWEEP = 1\n"
    )
    with pytest.raises(SweepError, match="has a SWEEP that is a int"):
        read_sweep(tmp_path / "plain.py")


def test_two_files_of_one_name_are_two_modules_with_a_helper_each(tmp_path: Path) -> None:
    one, two = helped(tmp_path / "one", 0.1), helped(tmp_path / "two", 0.2)
    assert [lr_of(path) for path in (one, two, one)] == [0.1, 0.2, 0.1]
    assert len({name for name in sys.modules if name.startswith("gensweep_sweep_helped_")}) >= 2


@pytest.mark.parametrize("alongside", ["target", "link"])
def test_a_link_finds_what_lies_beside_its_target_and_beside_itself(
    tmp_path: Path, alongside: str
) -> None:
    target = helped(tmp_path / "target", 0.3)
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "mine.py").symlink_to(target)
    if alongside == "link":
        (target.parent / "helper_of_sweeps.py").rename(tmp_path / "link" / "helper_of_sweeps.py")
    assert lr_of(tmp_path / "link" / "mine.py") == 0.3


def test_a_wrong_file_leaves_no_module(tmp_path: Path) -> None:
    (tmp_path / "wrong_one.py").write_text("1 / 0\n")
    with pytest.raises(SweepError, match=r"wrong_one.py:1: ZeroDivisionError"):
        read_sweep(tmp_path / "wrong_one.py")
    assert not [name for name in sys.modules if "wrong_one" in name]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "class Odd(BaseException):\n    pass\nraise Odd('x')",
            "Odd: x",
        ),
        ("raise GeneratorExit", "GeneratorExit: "),
        (
            "class Mute(Exception):\n    def __str__(self):\n        raise ValueError\nraise Mute",
            "Mute (its message raises an error of its own)",
        ),
    ],
)
def test_whatever_a_sweep_file_raises_is_one_line(tmp_path: Path, lines: str, message: str) -> None:
    file = tmp_path / "odd.py"
    file.write_text(lines)
    with pytest.raises(SweepError) as caught:
        read_sweep(file)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return 8 / (p.hidden - 4)", "ZeroDivisionError: division by zero"),
        ("return p.hidden == 8 or exit(3)", "SystemExit: 3"),
        ("return p.hidden == 8 or p.nothing", "unknown parameter 'nothing'"),
    ],
)
def test_an_error_of_where_is_one_of_the_sweep_with_set_too(
    tmp_path: Path, body: str, says: str
) -> None:
    """`--set` calls it after the file was read."""
    file = tmp_path / "picky.py"
    file.write_text(
        "from gensweep import Grid, Sweep\n"
        f"def pick(p):\n    {body}\n"
        "SWEEP = Sweep('picky', Grid('text_to_text', hidden=8, where=pick))\n"
    )
    sweep = read_sweep(file)
    with pytest.raises(SweepError, match=says):
        sweep.replace_values({"hidden": 4})
    file.write_text(file.read_text().replace("hidden=8", "hidden=4"))
    with pytest.raises(SweepError, match=f"picky.py:3: .*{says}"):
        read_sweep(file)


def test_a_sweep_file_may_import_everything(tmp_path: Path) -> None:
    """In a new process, it is what imports tables and figures first."""
    file = tmp_path / "all.py"
    file.write_text("from gensweep import *\nSWEEP = Sweep('all', Grid('text_to_text'))\n")
    code = "import sys, pathlib; from gensweep.sweep.load import read_sweep; "
    code += "print(read_sweep(pathlib.Path(sys.argv[1])).name)"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False
    )
    assert ended.stdout == "all\n", ended.stderr
