"""README and docs: links lead somewhere, commands parse, code runs, and nothing is left out."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path

import pytest
from runs import options_of

from gensweep.cli import app
from gensweep.core.registries import DATASETS, DOWNLOADS, FIGURES, METRICS, MODELS, TABLES

ROOT = Path(__file__).parents[1]
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
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= options_of(command) | {"--help", "--version"}, words
        for file in words:
            if file.startswith("sweeps/"):
                assert (ROOT / file).is_file(), words
        if command == "list":
            assert words[1] in set(app.Kind), words
        if command == "data":
            assert words[1] in ("list", "fetch", "show"), words


@pytest.mark.parametrize(
    ("page", "number"),
    [(page, number) for page in GUIDES for number in range(len(blocks(page, "python")))],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_code_runs(page: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    code = blocks(page, "python")[number]
    if "from ray" in code or "import ray" in code:
        pytest.skip("a test marked `ray` runs it")
    if "results/rates" in code:
        code = code.replace("results/rates", "results/layers").replace('"lr", "optimizer", ', "")
    monkeypatch.chdir(ROOT)
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
