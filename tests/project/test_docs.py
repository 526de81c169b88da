"""README and docs: links lead somewhere, commands parse, code runs, and nothing is left out."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runs import options_of

from gensweep.cli import app, listing
from gensweep.core.registries import DATASETS, DOWNLOADS, FIGURES, METRICS, MODELS, TABLES

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    README,
    *DOCS,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
]
GUIDES = [README, *DOCS]
MAX_README_WORDS = 1000
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced code blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def calls_of(page: Path) -> list[list[str]]:
    """Return the words of every command line of gensweep that a page shows, after `gensweep`."""
    lines = re.findall(r"^ {4}(?:python -m )?gensweep ?([^#\n]*)", page.read_text(), re.MULTILINE)
    return [shlex.split(line.replace("|", " ")) for line in lines]


def anchor_of(heading: str) -> str:
    """Return the anchor that code hosts give a heading."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {anchor_of(heading) for heading in headings}


@every_page
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = page.parent / path if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors_of(linked), target


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_commands_parse(page: Path) -> None:
    for words in calls_of(page):
        command = words[0] if words and words[0] in app.COMMANDS else "run"
        if "--" in words:
            # What follows are options of run.
            start = words.index("--")
            passed_on = {word.partition("=")[0] for word in words[start:] if word[2:]}
            assert {word for word in passed_on if word.startswith("--")} <= options_of("run")
            words = words[:start]
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= options_of(command) | {"--help", "--version"}, words
        for file in words:
            if file.startswith("sweeps/"):
                assert (ROOT / file).is_file(), words
        if command == "list":
            assert words[1] in set(listing.Kind), words
        if command == "data":
            assert words[1] in ("list", "fetch", "show"), words


def train_file(file: Path, code: str) -> None:
    """Run a sweep file in a process of its own, since it registers what no other test has."""
    file.write_text(code)
    command = [sys.executable, "-m", "gensweep", file, "--local", "--results", file.parent / "r"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("page", "number"),
    [(page, number) for page in GUIDES for number in range(len(blocks(page, "python")))],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_code_runs(
    page: Path, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = blocks(page, "python")[number]
    if "__file__" in code:
        train_file(tmp_path / "block.py", code)
        return
    if "from ray" in code:
        pytest.skip("a test marked `ray` runs it")
    if "results/rates" in code:
        code = code.replace("results/rates", "results/layers").replace('"lr", "optimizer", ', "")
    # What trains must not write into the repository.
    monkeypatch.chdir(tmp_path if ".run(" in code else ROOT)
    exec(compile(code, f"{page.name}, block {number}", "exec"), {"__name__": "documentation"})


@pytest.mark.ray
def test_code_for_ones_own_tuner_runs() -> None:
    for page in GUIDES:
        for code in blocks(page, "python"):
            if "from ray" in code:
                exec(compile(code, page.name, "exec"), {"__name__": "documentation"})


def test_every_command_option_sweep_and_dataset_is_documented() -> None:
    text = "\n".join(page.read_text() for page in GUIDES)
    # Ray's own commands have options of their own.
    text = re.sub(r"^ +ray .*", "", text, flags=re.MULTILINE)
    for command in app.COMMANDS:
        assert command == "run" or f"gensweep {command}" in text, command
    options = set().union(*map(options_of, app.COMMANDS))
    sweeps = [f"`{path.name}`" for path in (ROOT / "sweeps").glob("*.py")]
    for name in itertools.chain(options, sweeps):
        assert name in text, name
    for name in (*DATASETS, *DOWNLOADS):
        assert re.search(rf"`{name}[`:]", text), name


def test_names_in_the_guides_exist() -> None:
    """Metrics, tables and figures that a page quotes with their registry's prefix or suffix."""
    known = {*MODELS, *DATASETS, *METRICS, *TABLES, *FIGURES}
    text = "\n".join(page.read_text() for page in GUIDES)
    for name in re.findall(r"`validation/(\w+)`", text):
        assert name in known, name


def test_files_that_pages_name_exist() -> None:
    for page in PAGES:
        for name in re.findall(
            r"`((?:gensweep|tests|sweeps|docs|benchmarks)/[\w./]+)`", page.read_text()
        ):
            assert (ROOT / name).exists(), (page.name, name)


def test_files_of_the_architecture_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for name in re.findall(r"`(\w+/[\w/.]*)`", text):
        is_own = (ROOT / "gensweep" / name).exists()
        assert is_own or (ROOT / name).exists(), name


def test_the_architecture_names_every_folder() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    folders = {path.parent.name for path in (ROOT / "gensweep").glob("*/__init__.py")}
    assert {folder for folder in folders if f"`{folder}/`" not in text} == set()


def test_the_readme_is_short() -> None:
    assert len(README.read_text().split()) <= MAX_README_WORDS


# --- the guide to extending

EXTENDING = ROOT / "docs" / "extending.md"
USE = """
from gensweep import Grid, Sweep

SWEEP = Sweep(
    name="denoiser",
    grids=[Grid("denoiser", count=40, filters=2, latent_dim=4, encoder_layers=4, epochs=1)],
    tables=["durations"],
    figures=["durations"],
)
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project with the files of the guide, which change no other file."""
    copy = tmp_path_factory.mktemp("extended")
    for name in ("gensweep", "tests", "sweeps"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    pattern = r"^<!-- file: (\S+) -->\n```py\n(.*?)^```$"
    for name, code in re.findall(pattern, EXTENDING.read_text(), re.MULTILINE | re.DOTALL):
        file = copy / name
        assert not file.exists(), name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    (copy / "sweeps" / "denoiser.py").write_text(USE)
    return copy


def run_in(folder: Path, *words: str) -> str:
    """Run a Python command in a copy of the project and return its output."""
    environment = os.environ | {"PYTHONPATH": str(folder), "WANDB_MODE": "disabled"}
    command = [sys.executable, "-m", *words]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.slow
def test_what_the_guide_adds_is_listed_trained_and_shown(extended: Path) -> None:
    assert "denoiser" in run_in(extended, "gensweep", "list", "models")
    output = run_in(extended, "gensweep", "sweeps/denoiser.py", "--local")
    assert "brightness_error" in output
    folder = extended / "results" / "denoiser"
    assert (folder / "tables" / "durations.csv").read_text().startswith("model,count,mean,min,max")
    assert (folder / "figures" / "durations.svg").exists()


@pytest.mark.slow
def test_what_the_guide_adds_passes_the_tests_of_its_kind(extended: Path) -> None:
    folders = ["models", "train", "metrics", "sweep", "report/test_collected_files.py"]
    paths = [f"tests/{name}" for name in folders]
    names = "denoiser or brightness or durations or spec"
    run_in(extended, "pytest", "-q", "-n", "0", *paths, "-k", names)
    run_in(extended, "pytest", "-q", "-n", "0", "tests/project/test_floors.py")


@pytest.mark.slow
def test_the_guide_s_own_files_train(extended: Path) -> None:
    for name in ("curve", "painter"):
        output = run_in(extended, "gensweep", f"{name}_sweep.py", "--local", "--seeds", "1")
        assert f"{name}: " in output
    folder = extended / "results" / "painter"
    assert (folder / "tables" / "slowest.csv").exists() and (folder / "figures").exists()
    assert "contrast_error" in (folder / "sweep.json").read_text()
    for name in ("curve.py", "script.py"):
        assert "FAIL" not in run_in(extended, "gensweep", "check", name)
