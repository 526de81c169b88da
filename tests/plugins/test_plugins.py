"""Users' files: how they are read, imported, told apart, shipped, stored and refused."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import call

from gensweep.core.errors import CodeMismatchError, SweepError, UnknownNameError, UserError
from gensweep.core.registries import MODELS
from gensweep.core.registry import activate_layers
from gensweep.plugins import installed, shipped_files
from gensweep.plugins.loader import list_active_plugins, load_plugin, load_plugins
from gensweep.plugins.source import read_plugin
from gensweep.plugins.worker import load_shipped_plugins
from gensweep.report.load import load
from gensweep.sweep.code_fingerprint import compute_fingerprint, list_changed_parts
from gensweep.sweep.load import read_sweep

TASK = '''
"""A task and a table of it."""
import gensweep as gs
from helper import grow

@gs.task("grower", metrics={"size": gs.Range(0, None, "max")}, epochs=2)
def train(run, *, rate: float = gs.param(1.0, "growth", gt=0)):
    """Grow."""
    size = 0.0
    for _ in run.epochs():
        size = grow(size, rate)
        run.epoch({"validation/size": size})
    return {"size": size}

@gs.table("sizes")
def sizes(results):
    """Sizes of all points."""
    return [gs.Table("sizes", "Sizes", results.points[["id", "size"]])]
'''
HELPER = "def grow(size, rate):\n    from lib.inner import one\n    return size + one() * rate\n"
SWEEP = """
from gensweep import Grid, Sweep
SWEEP = Sweep("grow", [Grid("grower", rate=[1.0, 2.0])], tables=["sizes"], uses=["grower.py"])
"""


@pytest.fixture(autouse=True)
def _only_this_tests_plugins() -> Iterator[None]:
    yield
    activate_layers([])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a sweep, a plugin, a module beside it and a package that the module needs."""
    folder = tmp_path / "project"
    (folder / "lib").mkdir(parents=True)
    (folder / "grower.py").write_text(TASK)
    (folder / "helper.py").write_text(HELPER)
    (folder / "lib" / "__init__.py").write_text("")
    (folder / "lib" / "inner.py").write_text("def one():\n    return 1.0\n")
    (folder / "sweep.py").write_text(SWEEP)
    return folder


# --- reading and importing


def test_the_modules_beside_a_file_are_part_of_it(project: Path) -> None:
    plugin = read_plugin("grower.py", project)
    names = [name for name, _ in plugin.files]
    assert names == ["grower.py", "helper.py", "lib/__init__.py", "lib/inner.py"]
    module = load_plugin(plugin)
    assert module.grow(1.0, 2.0) == 3.0 and "helper" not in sys.modules


def test_two_versions_of_a_file_live_side_by_side(project: Path) -> None:
    old = load_plugin(read_plugin("grower.py", project))
    (project / "lib" / "inner.py").write_text("def one():\n    return 10.0\n")
    new = load_plugin(read_plugin("grower.py", project))
    # `lib.inner` is imported late, within a function, and still is the right one.
    assert (old.grow(0.0, 1.0), new.grow(0.0, 1.0)) == (1.0, 10.0)
    assert old.__name__ != new.__name__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import helper as h\nVALUE = h.ONE", 1),
        ("import lib.inner\nVALUE = lib.inner.TWO", 2),
        ("from . import helper\nVALUE = helper.ONE", 1),
        ("from .lib import inner\nVALUE = inner.TWO", 2),
        ("from lib.inner import TWO as VALUE", 2),
    ],
)
def test_every_kind_of_import_reaches_the_plugin_s_own_module(
    tmp_path: Path, text: str, expected: int
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").write_text("")
    (tmp_path / "lib" / "inner.py").write_text("from helper import ONE\nTWO = 1 + ONE\n")
    (tmp_path / "helper.py").write_text("ONE = 1\n")
    register = "\nimport gensweep as gs\n@gs.table('t')\ndef t(results):\n    return []\n"
    (tmp_path / "main.py").write_text(text + register)
    assert expected == load_plugin(read_plugin("main.py", tmp_path)).VALUE


def test_only_the_plugins_of_the_sweep_that_was_read_last_are_active(project: Path) -> None:
    sweep = read_sweep(project / "sweep.py")
    assert [plugin.label for plugin in sweep.plugins] == ["grower.py"] and "grower" in MODELS
    (project / "other.py").write_text(
        "from gensweep import Grid, Sweep\nSWEEP = Sweep('o', [Grid('vae')])\n"
    )
    assert not read_sweep(project / "other.py").plugins and "grower" not in MODELS
    with pytest.raises(UnknownNameError, match="unknown model 'grower'"):
        MODELS["grower"]


def test_a_sweep_file_can_be_its_own_plugin(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(
        "import gensweep as gs\n"
        "@gs.task('lone', metrics={'m': gs.Range()})\n"
        "def train(run):\n    return {'m': 1}\n"
        "SWEEP = gs.Sweep('one', [gs.Grid('lone')], uses=[__file__])\n"
    )
    sweep = read_sweep(tmp_path / "one.py")
    assert sweep.points()[0].model == "lone" and [p.label for p in sweep.plugins] == ["one.py"]


def test_a_plugin_travels_as_bytes(project: Path) -> None:
    plugin = read_plugin("grower.py", project)
    shipped = pickle.loads(pickle.dumps(plugin))
    shutil.rmtree(project)
    load_shipped_plugins([shipped])
    assert "grower" in MODELS and shipped.sha == plugin.sha


def test_installed_plugins_are_found_when_a_name_is_unknown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(installed.VARIABLE, str(project / "grower.py"))
    installed._find_layers.cache_clear()
    assert "grower" not in MODELS
    assert MODELS["grower"].name == "grower"
    installed._find_layers.cache_clear()


def test_a_module_that_each_node_has_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "gensweep_test_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "plugin.py").write_text(TASK.replace("from helper import grow", "grow = max"))
    monkeypatch.syspath_prepend(str(tmp_path))
    plugin = read_plugin("gensweep_test_package.plugin", tmp_path)
    assert plugin.is_installed
    load_shipped_plugins([plugin])
    assert "grower" in MODELS
    (package / "plugin.py").write_text("# other\n")
    with pytest.raises(CodeMismatchError, match=r"has another version of gensweep_test_package"):
        load_shipped_plugins([plugin])


# --- bad input


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "bad.py:1: syntax error"),
        ("\0", "bad.py"),
        ("\n1 / 0\n", "bad.py:2: ZeroDivisionError: division by zero"),
        ("x = 1\n", "bad.py registers nothing"),
        ("\n\nimport nowhere_to_be_seen\n", "bad.py:3: imports 'nowhere_to_be_seen', which is"),
        ("def f():\n    import nowhere_to_be_seen\n", "bad.py:2: imports 'nowhere_to_be_seen'"),
        ("exit(3)\n", "bad.py:1: SystemExit: 3"),
        ("#" * 1_000_001, "bad.py is larger than 1,000,000 bytes"),
        (
            "import gensweep as gs\n@gs.model('m')\nclass M:\n    pass\n",
            "bad.py:2: model 'm': <class",
        ),
        (
            "import gensweep as gs\n@gs.model('m')\nclass M(gs.Model):\n    pass\n",
            "bad.py:2: model 'm' does not say 'reads'",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(UserError) as caught:
        load_plugins([read_plugin("bad.py", tmp_path)])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("uses", "message"),
    [
        ("['growre.py']", "there is no file 'growre.py' in"),
        ("['lib']", "'lib' is a folder; name a file of it"),
        ("['no.such.module']", "neither a file nor a module that can be imported"),
        ("[str('x')]", "uses must be a list of plain texts"),
        ("3", "uses must be a list of plain texts"),
    ],
)
def test_a_wrong_uses_is_named_with_file_and_line(project: Path, uses: str, message: str) -> None:
    path = project / "sweep.py"
    path.write_text(SWEEP.replace("['grower.py']", uses).replace('["grower.py"]', uses))
    with pytest.raises(SweepError) as caught:
        read_sweep(path)
    assert str(caught.value).startswith(f"{path}:3: ") and message in str(caught.value)


def test_an_optional_import_may_be_missing(tmp_path: Path) -> None:
    text = "try:\n    import nowhere_to_be_seen\nexcept ImportError:\n    pass\n"
    (tmp_path / "fine.py").write_text(text)
    assert read_plugin("fine.py", tmp_path).main == "fine"


def test_what_a_sweep_file_registers_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep.py").write_text(
        "import gensweep as gs\n@gs.table('t')\ndef t(results):\n    return []\n"
    )
    with pytest.raises(SweepError, match=r"sweep.py:2: table 't' is registered while a sweep"):
        read_sweep(tmp_path / "sweep.py")


def test_two_files_with_one_name_are_refused(project: Path) -> None:
    (project / "second.py").write_text(TASK.replace("sizes", "others"))
    plugins = [read_plugin(name, project) for name in ("grower.py", "second.py")]
    with pytest.raises(UserError, match=r"'grower' is registered by both grower.py and second.py"):
        load_plugins(plugins)


def test_all_files_together_have_a_limit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped_files, "MAX_BYTES", 900)
    with pytest.raises(
        UserError, match="this file and what travels with it are larger than 900 bytes"
    ):
        (project / "helper.py").write_text(HELPER + "#" * 600)
        read_plugin("grower.py", project)


def test_a_wrong_file_ends_a_run_with_status_2_and_writes_nothing(project: Path) -> None:
    (project / "helper.py").write_text("def grow(:\n")
    ended = call(project / "sweep.py", "--local", "--results", project / "results")
    assert ended.code == 2 and "helper.py:1: syntax error" in ended.error
    assert not (project / "results").exists()


# --- identity


def test_comments_and_formatting_are_no_change_and_code_beside_is(project: Path) -> None:
    def compute() -> Any:
        load_plugins([read_plugin("grower.py", project)])
        return compute_fingerprint("grower", "own_data")

    before = compute()
    (project / "grower.py").write_text(
        TASK.replace('"growth"', '"how fast"').replace("size = 0.0", "size = (0.0)  # zero")
    )
    assert list_changed_parts(before, compute()) == []
    (project / "lib" / "inner.py").write_text("def one():\n    return 2.0\n")
    assert list_changed_parts(before, compute()) == ["training"]
    assert before["plugins"][0]["file"] == "grower.py"


def test_a_run_stores_the_source_and_notices_a_change(project: Path) -> None:
    sweep, root = project / "sweep.py", project / "results"
    arguments = (sweep, "--local", "--results", root)
    first = call(*arguments)
    assert first.code == 0, first.error
    manifest = json.loads((root / "grow" / "sweep.json").read_text())
    (entry,) = manifest["plugins"]
    stored = root / "plugins" / entry["sha"]
    assert (stored / "grower.py").read_text() == TASK
    assert (stored / "lib" / "inner.py").exists()
    assert (root / "grow" / "tables" / "sizes.csv").exists()
    (project / "helper.py").write_text(HELPER.replace("+ one()", "+ 3 * one()"))
    plan = call(sweep, "--dry-run", "--results", root)
    assert "Trained by other code: 2 of 2 points (training)." in plan.out
    again = call(*arguments, "--retrain-changed")
    assert again.code == 0, again.error
    assert sorted(load(root / "grow").points["size"]) == [6.0, 12.0]
    assert len(list((root / "plugins").iterdir())) == 2


def test_results_are_read_without_the_plugin(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = project / "results"
    assert call(project / "sweep.py", "--local", "--results", root).code == 0
    shutil.rmtree(project / "lib")
    (project / "grower.py").unlink()
    activate_layers([])
    results = load(root / "grow")
    assert sorted(results.points["size"]) == [2.0, 4.0]
    assert results.get_main_metric("grower") == "size"
    with caplog.at_level(logging.WARNING):
        ended = call("collect", root / "grow")
    assert ended.code == 0
    page = (root / "grow" / "report.html").read_text()
    assert '-samples"' not in page, "tasks have none, which is no trouble"
    assert not (root / "grow" / "tables" / "sizes.csv").exists()
    assert "left out: unknown table 'sizes'" in caplog.text + ended.error


def test_active_plugins_are_listed_in_the_order_of_the_sweep(project: Path) -> None:
    read_sweep(project / "sweep.py")
    assert [plugin.label for plugin in list_active_plugins()] == ["grower.py"]
