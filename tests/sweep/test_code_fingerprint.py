"""The fingerprint of the code that acts: what moves it, what does not, and what a run says of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gensweep as gs
from gensweep.core.registries import METRICS, MODELS, get_dataset_class
from gensweep.sweep import code_fingerprint
from gensweep.sweep.code_fingerprint import (
    _compute_digests,
    compare,
    compute_fingerprint,
    has_same_training_code,
    list_changed_parts,
)
from gensweep.sweep.source_code import SourceTree

SOURCE = Path(code_fingerprint.__file__).parents[1]
PACKAGE = {
    "train.py": """
        from pkg import maths
        from pkg.core.config import param
        from pkg.layers import scale as enlarge
        from pkg.faces import reexported

        RATE = 0.5


        class Loop:
            \"\"\"Train.\"\"\"

            epochs: int = param(3, "passes")

            def step(self, x: float) -> float:
                if x < 0:
                    raise ValueError(f"{x} is negative")
                return enlarge(x) * maths.half(RATE) + reexported()


        def unused():
            return 1
        """,
    "core/config.py": "def param(default, description):\n    return default\n",
    "maths.py": "def half(x):\n    return x / 2\n\n\ndef third(x):\n    return x / 3\n",
    "layers.py": "FACTOR = 2\n\n\ndef scale(x):\n    return FACTOR * x\n",
    "faces.py": "from pkg.deep import reexported\n",
    "deep.py": "def reexported():\n    from pkg.maths import third\n\n    return third(9)\n",
}


def write_package(folder: Path) -> Path:
    """Write `PACKAGE` and return its folder."""
    package = folder / "pkg"
    package.mkdir()
    for name, text in PACKAGE.items():
        lines = text.splitlines()
        indent = 8 if text.startswith("\n") else 0
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("\n".join(line[indent:] for line in lines) + "\n")
    return package


def digest(package: Path, without: tuple[str, ...] = ()) -> str:
    """Return the digest of `Loop`, read anew."""
    return SourceTree(package).compute_digest(["pkg.train.Loop"], without)


def edit(package: Path, name: str, before: str, after: str) -> None:
    """Replace a text that a file has once."""
    text = (package / name).read_text()
    assert text.count(before) == 1
    (package / name).write_text(text.replace(before, after))


def test_a_digest_covers_all_that_a_definition_refers_to(tmp_path: Path) -> None:
    reached = SourceTree(write_package(tmp_path)).list_reached(["pkg.train.Loop"])
    assert reached == {
        "pkg.train.Loop", "pkg.train.RATE", "pkg.core.config.param", "pkg.layers.scale", "pkg.layers.FACTOR",
        "pkg.maths.half", "pkg.maths.third", "pkg.deep.reexported",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("train.py", "RATE = 0.5", "RATE = 0.25"),
        ("train.py", "enlarge(x) *", "enlarge(x) /"),
        ("train.py", 'param(3, "passes")', 'param(4, "passes")'),
        ("train.py", "x < 0", "x <= 0"),
        ("layers.py", "FACTOR = 2", "FACTOR = 3"),
        ("maths.py", "x / 2", "x / 4"),
        ("deep.py", "third(9)", "third(8)"),
    ],
)
def test_code_that_acts_moves_the_digest(
    tmp_path: Path, name: str, before: str, after: str
) -> None:
    package = write_package(tmp_path)
    first = digest(package)
    edit(package, name, before, after)
    assert digest(package) != first


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("train.py", "RATE = 0.5", "RATE = (\n    0.5  # half\n)"),
        ("train.py", '"""Train."""', '"""Train a model."""'),
        ("train.py", '"passes"', '"passes over the examples"'),
        ("train.py", "is negative", "is below zero"),
        ("train.py", "x: float", "x: int"),
        ("train.py", "-> float", "-> int"),
        ("train.py", "return 1", "return 2"),
        ("maths.py", "def half(x):\n", 'def half(x):\n    """Return a half."""\n'),
        ("layers.py", "FACTOR = 2\n", "# twice\nFACTOR = 2\nOTHER = 5\n"),
    ],
)
def test_other_code_does_not(tmp_path: Path, name: str, before: str, after: str) -> None:
    package = write_package(tmp_path)
    first = digest(package)
    edit(package, name, before, after)
    assert digest(package) == first


HELPED = "def half(x):\n    return helped(x)\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("maths.py", f"from .helper import helped\n{HELPED}"),
        ("maths.py", f"from pkg.helper import *\n{HELPED}"),
        ("maths.py", "import pkg.helper\ndef half(x):\n    return pkg.helper.helped(x)\n"),
        ("maths.py", "from . import helper\ndef half(x):\n    return helper.helped(x)\n"),
        ("maths.py", "def half(x):\n    from .helper import helped\n    return helped(x)\n"),
        (
            "maths.py",
            f"try:\n    from pkg.helper import helped\nexcept ImportError:\n    helped = abs\n{HELPED}",
        ),
    ],
)
def test_code_counts_however_it_is_imported(tmp_path: Path, name: str, text: str) -> None:
    package = write_package(tmp_path)
    (package / "helper.py").write_text("if True:\n    def helped(x):\n        return x / 2\n")
    (package / name).write_text(text + "\n\ndef third(x):\n    return x / 3\n")
    first = digest(package)
    edit(package, "helper.py", "x / 2", "x / 4")
    assert digest(package) != first


def test_modules_that_import_all_of_each_other_are_read(tmp_path: Path) -> None:
    package = write_package(tmp_path)
    (package / "maths.py").write_text(
        f"from pkg.helper import *\n{HELPED}\n\ndef third(x):\n    return x / 3\n"
    )
    (package / "helper.py").write_text(
        "from pkg.maths import *\n\n\ndef helped(x):\n    return x / 2\n"
    )
    assert "pkg.helper.helped" in SourceTree(package).list_reached(["pkg.train.Loop"])


def test_what_a_name_of_another_package_stands_for_counts(tmp_path: Path) -> None:
    package = write_package(tmp_path)
    (package / "deep.py").write_text(
        "from math import floor as rounded\n\n\ndef reexported():\n    return rounded(2.5)\n"
    )
    first = digest(package)
    edit(package, "deep.py", "floor", "ceil")
    assert digest(package) != first


def test_only_what_acts_without_type_hints_is_left_out_of_a_branch(tmp_path: Path) -> None:
    package = write_package(tmp_path)
    (package / "layers.py").write_text(
        "from typing import TYPE_CHECKING\n\nif not TYPE_CHECKING:\n    FACTOR = 2\n\n\ndef scale(x):\n"
        "    assert x, 'no number'\n    return FACTOR * x\n"
    )
    first = digest(package)
    edit(package, "layers.py", "no number", "none")
    assert digest(package) == first
    edit(package, "layers.py", "FACTOR = 2", "FACTOR = 3")
    assert digest(package) != first


IMITATIONS = {
    "a tensor that is called like a logger": ("log.mul_(1)", "log.mul_(0)"),
    "a function that is called like the declaration": ("declare(1, 1.0)", "declare(1, 5.0)"),
    "aliases that change places": (
        "half as first, third as second",
        "third as first, half as second",
    ),
}


@pytest.mark.parametrize("name", IMITATIONS)
def test_what_only_looks_like_a_message_or_a_description_counts(tmp_path: Path, name: str) -> None:
    package = write_package(tmp_path)
    (package / "extra.py").write_text(
        "from pkg.maths import half as first, third as second\n"
        "from pkg.other import param as declare\n"
        "def loss(log):\n"
        "    log.mul_(1)\n"
        "    return first(log) - second(log) + declare(1, 1.0)\n"
    )
    (package / "other.py").write_text("def param(size, scale):\n    return size * scale\n")
    before = SourceTree(package).compute_digest(["pkg.extra.loss"])
    edit(package, "extra.py", *IMITATIONS[name])
    assert SourceTree(package).compute_digest(["pkg.extra.loss"]) != before


def test_a_message_of_a_logger_does_not_count(tmp_path: Path) -> None:
    package = write_package(tmp_path)
    text = "import logging\nlog = logging.getLogger(__name__)\n\ndef loss(x):\n{}    return x\n"
    digests = set()
    for line in ("", "    log.warning('x is %s', x)\n", "    logging.info('y')\n"):
        (package / "extra.py").write_text(text.format(line))
        digests.add(SourceTree(package).compute_digest(["pkg.extra.loss"]))
    assert len(digests) == 1


def test_code_that_moves_to_another_file_is_the_same(tmp_path: Path) -> None:
    package = write_package(tmp_path)
    first = digest(package)
    (package / "layers.py").rename(package / "scaling.py")
    edit(package, "train.py", "pkg.layers", "pkg.scaling")
    assert digest(package) == first


def test_what_is_left_out_does_not_count_nor_what_only_it_needs(tmp_path: Path) -> None:
    package = write_package(tmp_path)
    first = digest(package, ("pkg.deep",))
    edit(package, "deep.py", "third(9)", "third(8)")
    edit(package, "maths.py", "x / 3", "x / 5")
    assert digest(package, ("pkg.deep",)) == first


def test_data_beside_a_module_counts(tmp_path: Path) -> None:
    package = write_package(tmp_path)
    first = digest(package)
    (package / "art.txt").write_text("..x..\n")
    second = digest(package)
    (package / "art.txt").write_text("..xx.\n")
    assert len({first, second, digest(package)}) == 3


def test_a_root_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"pkg\.train\.Nothing is not in "):
        SourceTree(write_package(tmp_path)).compute_digest(["pkg.train.Nothing"])


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of this package's source."""
    package = tmp_path_factory.mktemp("source") / "gensweep"
    shutil.copytree(SOURCE, package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


SEQUENCES = {"text_to_text", "image_to_text", "text_to_image"}
PICTURES = {"cae", "vae", "gan"}
EDITS = {
    "a model's network": (
        "models/vae/network.py",
        "kl = 0.5 *",
        "kl = 0.4 *",
        {"vae"},
        "training",
    ),
    "the optimizer": (
        "train/newton_schulz.py",
        "ITERATIONS = 5",
        "ITERATIONS = 6",
        SEQUENCES | PICTURES,
        "training",
    ),
    "the alphabet": (
        "core/alphabet.py",
        "ANSWER_LENGTH = 3",
        "ANSWER_LENGTH = 4",
        SEQUENCES,
        "training",
    ),
    "a dataset": (
        "data/avatars.py",
        "DEFAULT_COUNT = 10_000",
        "DEFAULT_COUNT = 9_999",
        PICTURES,
        "data",
    ),
    "the split": ("core/dataset.py", "TEST_SHARE = 0.1", "TEST_SHARE = 0.2", set(MODELS), "data"),
    "a metric": (
        "metrics/text.py",
        'return share_right_answers(outputs["predicted"], ',
        'return 1 - share_right_answers(outputs["predicted"], ',
        {"text_to_text", "image_to_text"},
        "exact_match",
    ),
    "the page": ("report/page/__init__.py", 'PAGE = "report', 'PAGE = "page', set(), ""),
    "the precision": (
        "train/precision.py",
        "enabled=precision == BFLOAT16",
        "enabled=True",
        set(),
        "",
    ),
    "a warning": ("train/health.py", "samples are all alike", "samples are alike", set(), ""),
    "the LSTM in PyTorch": (
        "kernels/lstm_reference.py",
        "to_cells.mul_(f)",
        "to_cells.mul_(g)",
        set(MODELS),
        "training",
    ),
    "the gradient of colours": (
        "kernels/conv_stride1.py",
        "weight.flip(3, 4)",
        "weight.flip(4)",
        PICTURES,
        "training",
    ),
    "tries": (
        "kernels/trie.py",
        "np.lexsort(codes.T[::-1])",
        "np.lexsort(codes.T)",
        set(MODELS),
        "training",
    ),
    "how kernels are called": ("kernels/conv_calls.py", "1 << 17", "1 << 16", set(), ""),
    "a kernel": ("kernels/csrc/gemm_tile.h", "/* A tile", "#define MORE 1\n/* A tile", set(), ""),
}


def fingerprints(package: Path) -> dict[str, dict]:
    """Return the fingerprint of every model on its default dataset, read anew."""
    tree = SourceTree(package)
    return {
        name: code_fingerprint._compute_digests(
            model, get_dataset_class(model.default_dataset), tree, ()
        )
        for name, model in MODELS.items()
    }


@pytest.fixture(scope="module")
def today(copy: Path) -> dict[str, dict]:
    """Return the fingerprints of the copy as it is."""
    return fingerprints(copy)


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.slow
def test_an_edit_marks_the_models_that_it_acts_in(
    copy: Path, today: dict[str, dict], name: str
) -> None:
    path, before, after, models, part = EDITS[name]
    source = (copy / path).read_text()
    edit(copy, path, before, after)
    try:
        later = fingerprints(copy)
    finally:
        (copy / path).write_text(source)
    parts = {model: list_changed_parts(today[model], later[model]) for model in MODELS}
    assert {model for model, changed in parts.items() if changed} == models
    assert all(part in parts[model] for model in models)


def test_metrics_that_only_one_fingerprint_has_are_no_change() -> None:
    today = compute_fingerprint("text_to_text", "arithmetic")
    assert today is not None
    fewer = today | {"metrics": {"loss": today["metrics"]["loss"]}}
    assert list_changed_parts(fewer, today) == list_changed_parts(today, fewer) == []
    assert compare(fewer, "text_to_text", "arithmetic") == "same"
    assert compare(None, "text_to_text", "arithmetic") == "unknown"
    assert compare(today | {"data": "0" * 12}, "text_to_text", "arithmetic") == "other"


def test_a_training_goes_on_by_the_code_that_began_it_alone() -> None:
    today = compute_fingerprint("text_to_text", "arithmetic")
    assert today is not None
    assert has_same_training_code(today | {"metrics": {}}, today)
    assert not has_same_training_code(today | {"training": "0" * 12}, today)
    assert not has_same_training_code(None, today)


def test_reading_the_source_imports_nothing_heavy() -> None:
    code = (
        "import sys; from gensweep.sweep.code_fingerprint import compute_fingerprint\n"
        "assert compute_fingerprint('vae', 'avatars')\n"
        "print([m for m in ('torch', 'ray', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_metric_of_a_notebook_leaves_the_rest_known(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compute_fingerprint("text_to_text", "arithmetic")
    monkeypatch.setattr(METRICS, "_entries", dict(METRICS.items()))

    def of_a_cell(outputs: Any) -> float:
        """Return one."""
        return 1.0

    of_a_cell.__module__ = "__main__"
    gs.metric("of_a_cell", needs=("loss",), unit="nats", direction="min")(of_a_cell)
    _compute_digests.cache_clear()
    assert compute_fingerprint("text_to_text", "arithmetic") == before is not None
