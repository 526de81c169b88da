"""The architecture, checked on the source: who imports whom, what commands and metrics leave out, what files have."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from source_files import (
    FILES,
    ROOT,
    SOURCE,
    checks_types,
    list_nodes,
    parse_file,
    skips_types,
)

from gensweep.core.registries import DATASETS, MODELS

FLOORS = (
    ("core/",),
    ("system/",),
    ("kernels/", "plugins/", "prepare/"),
    ("data/", "nn/", "sweep/"),
    ("ledger/", "metrics/", "models/"),
    ("train/", "report/", "search/", "__init__.py"),
    ("tracking/",),
    ("cluster/", "trial/"),
    ("trainables.py",),
    ("inspect/", "execute/"),
    ("cli/",),
    ("__main__.py",),
)
"""From the ground up; a file imports from its own folder and from the floors below."""
HEAVY = (
    "torch",
    "torchvision",
    "ray",
    "pandas",
    "scipy",
    "optuna",
    "matplotlib",
    "PIL",
    "mlxtend",
    "requests",
    "wandb",
)
Rule = Callable[[str], Iterator[str]]


def floor(name: str) -> int:
    """The floor of a file; exactly one entry of `FLOORS` names it."""
    (result,) = [number for number, parts in enumerate(FLOORS) if name.startswith(parts)]
    return result


def room(name: str) -> str:
    """The folder of a file, of those in `FLOORS`."""
    return name.partition("/")[0]


def modules(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Every module that these nodes import, `from package import module` resolved."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (
                    inner if inner.startswith("gensweep.") and file_of(inner) else str(node.module)
                )


def file_of(module: str) -> str | None:
    """The file of one of our modules."""
    inner = "/".join(module.split(".")[1:])
    return next(
        (name for name in (f"{inner}.py", f"{inner}/__init__.py".lstrip("/")) if name in FILES),
        None,
    )


@cache
def ours(name: str) -> set[str]:
    """The files of ours that a file imports, here or in its functions."""
    wanted = [
        module
        for module in modules(skips_types(parse_file(name)))
        if module.split(".")[0] == "gensweep"
    ]
    result = {module: file_of(module) for module in wanted}
    assert all(result.values()), f"{name} imports what is not there: {result}"
    return {file for file in result.values() if file}


def imports_from_above(name: str) -> Iterator[str]:
    """A file imports only from its own folder and from lower floors."""
    for other in ours(name):
        if floor(other) > floor(name):
            yield f"{other} is higher"
        elif floor(other) == floor(name) and room(other) != room(name):
            yield f"{other} is on the same floor, in another folder"


def test_the_check_sees_imports() -> None:
    assert {"core/errors.py", "trial/trial.py"} <= ours("trainables.py"), "in functions too"
    assert "report/results.py" not in ours("report/record_metrics.py"), (
        "a type's import does not run"
    )
    assert (
        floor("core/errors.py")
        < floor("sweep/spec.py")
        < floor("execute/driver.py")
        < floor("cli/app.py")
    )


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {name: top_level(name) - {name} for name in FILES}
    while leaves := [name for name, needs in graph.items() if not needs & graph.keys()]:
        for name in leaves:
            del graph[name]
    assert not graph


def top_level(name: str) -> set[str]:
    """Files of ours that a file imports when it is itself imported."""

    def outside(node: ast.AST) -> Iterator[ast.AST]:
        waiting = [node]
        while waiting:
            for child in ast.iter_child_nodes(waiting.pop()):
                is_function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                if not is_function and not checks_types(child):
                    yield child
                    waiting.append(child)

    return {
        file
        for module in modules(outside(parse_file(name)))
        if (file := file_of(module)) and module[:8] == "gensweep"
    }


def test_the_kernels_have_one_face() -> None:
    """Nothing outside their folder imports what is inside, so that the folder can be deleted."""
    inside = {name for name in FILES if name.startswith("kernels/")} - {"kernels/__init__.py"}
    assert len(inside) == 12
    for name in set(FILES) - inside - {"kernels/__init__.py"}:
        assert not ours(name) & inside, name


def test_a_few_files_import_ray() -> None:
    users = {
        name
        for name in FILES
        if "ray" in {m.split(".")[0] for m in modules(iter(list_nodes(name)))}
    }
    parts = ("nodes", "reporter", "resources", "schedule", "session", "tune", "wait")
    assert users == {f"execute/ray_{part}.py" for part in parts}


QUICK = """
import contextlib, io, sys
from gensweep.cli.app import main

for call in {calls!r}:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main(call)
    except SystemExit as exit:
        assert not exit.code, (call, exit.code, said.getvalue())
    assert len(said.getvalue()) > 80, (call, said.getvalue())
    loaded = sorted(set({heavy!r}) & {{name.partition(".")[0] for name in sys.modules}})
    assert not loaded, (call, loaded)
print("done")
"""


def test_quick_commands_import_nothing_heavy(tmp_path: Path) -> None:
    calls = [["--help"], ["run", "--help"]]
    calls += [
        ["list", kind] for kind in ("models", "datasets", "metrics", "tables", "figures", "sweeps")
    ]
    calls += [["doctor", "--results", str(tmp_path / "none")]]
    calls += [
        ["sweeps/layers.py", "--dry-run", "--results", str(tmp_path / "none"), "--filter", "seed=0"]
    ]
    script = QUICK.format(calls=calls, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert (done.stdout.strip(), done.stderr) == ("done", "")
    assert not list(tmp_path.iterdir())


MEASURED = """
import sys, torch

before = set(sys.modules)
from gensweep.core.registries import DERIVED, MODELS, list_metrics

class Reader:
    accuracy = 1.0
    accuracies, shares = torch.ones(2), torch.ones(2, 3) / 3
    read = lambda self, pictures: torch.zeros(len(pictures), 3).long()
    measure_palette_shares = lambda self, pictures: torch.ones(len(pictures))
    measure_distances = lambda self, pictures: torch.ones(len(pictures))

pictures = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
found = set()
for model in ("vae", "gan", "text_to_image"):
    names = MODELS[model].outputs
    outputs = dict.fromkeys(names, pictures) | {"answer": Reader().read(pictures)}
    for name, entry in DERIVED.items():
        if needs := entry.find_source(names):
            outputs[name] = entry.compute(*(outputs[need] for need in needs), *[Reader()] * bool(entry.tool))
    for metric in list_metrics(names, "test"):
        metric.compute(outputs)
    found |= outputs.keys()
assert {"similarity", "sample_features_random_vgg", "read"} <= found
print(sorted(SLOW & (set(sys.modules) - before)))
"""


@pytest.mark.slow
def test_measuring_imports_nothing_that_takes_longer_than_it() -> None:
    """The first point of every worker pays for imports: seconds for each of these."""
    slow = {
        "matplotlib",
        "scipy",
        "scipy.signal",
        "sympy",
        "torch._dynamo",
        "torchmetrics",
        "torchvision.models",
    }
    script = MEASURED.replace("SLOW", repr(slow))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.stdout == "[]\n", done.stderr


# --- no dispatch by name, no error in silence


def dispatches_by_name(name: str) -> Iterator[str]:
    """Nothing asks which model or dataset it has."""
    names = {*MODELS, *DATASETS}
    for node in list_nodes(name):
        if isinstance(node, (ast.Compare, ast.match_case)):
            texts = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
            if texts & names:
                yield ast.unparse(node)


def drops_errors(name: str) -> Iterator[str]:
    """No error of any kind is dropped in silence."""
    broad = {"Exception", "BaseException"}
    for node in list_nodes(name):
        if isinstance(node, ast.ExceptHandler):
            types = ast.walk(node.type) if node.type else ()
            caught = {part.id for part in types if isinstance(part, ast.Name)}
            quiet = all(isinstance(line, (ast.Pass, ast.Continue)) for line in node.body)
            if quiet and (caught & broad or not node.type):
                yield f"line {node.lineno}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = {ast.unparse(argument) for argument in node.args}
            if caught & broad:
                yield f"line {node.lineno}"


# --- documentation and size


@cache
def list_classes() -> dict[str, ast.ClassDef]:
    """Return every class of the package by its name."""
    nodes = (node for name in FILES for node in list_nodes(name))
    return {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}


def documented(owner: ast.ClassDef, method: str) -> bool:
    """Whether the class documents the method, or one of its bases does."""
    for node in owner.body:
        if isinstance(node, ast.FunctionDef) and node.name == method and ast.get_docstring(node):
            return True
    bases = [ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in owner.bases]
    classes = list_classes()
    return any(documented(classes[base], method) for base in bases if base in classes)


def undocumented(body: list[ast.stmt], owner: ast.ClassDef | None = None) -> Iterator[str]:
    """Public classes, functions and methods without a docstring."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield node.name
            yield from undocumented(node.body, node)
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            known = documented(owner, node.name) if owner else ast.get_docstring(node)
            yield from [] if known else [f"{owner.name}.{node.name}" if owner else node.name]


def lacks_documentation(name: str) -> Iterator[str]:
    """Modules and everything public in them have docstrings."""
    tree = parse_file(name)
    if tree.body and not ast.get_docstring(tree):
        yield "the module"
    yield from undocumented(tree.body)


def is_large(name: str) -> Iterator[str]:
    """Files have at most 300 lines, and functions at most 70."""
    lines = len((SOURCE / name).read_text().splitlines())
    if lines > 300:
        yield f"{lines} lines"
    for node in list_nodes(name):
        if isinstance(node, ast.FunctionDef):
            size = (node.end_lineno or 0) - node.lineno + 1
            if size > 70:
                yield f"{node.name} has {size} lines"


RULES = (imports_from_above, dispatches_by_name, drops_errors, lacks_documentation, is_large)


@pytest.mark.parametrize("folder", sorted({name.rpartition("/")[0] for name in FILES}))
def test_files_keep_the_rules(folder: str) -> None:
    """One test checks every rule on a folder: a test for each would take longer than the checks."""
    breaches = {}
    for name in FILES:
        if name.rpartition("/")[0] == folder:
            for rule in RULES:
                lines = sorted(rule(name))
                if lines:
                    breaches[name, rule.__name__] = lines
    assert not breaches


BREACHES = {
    "imports_from_above": "from gensweep.cli import app\n",
    "dispatches_by_name": "if model == 'gan':\n    print()\n",
    "drops_errors": "try:\n    print()\nexcept Exception:\n    pass\n",
    "lacks_documentation": "def public():\n    return 1\n",
    "is_large": "def long():\n" + "    print()\n" * 70,
}


BROKEN = "core/errors.py"


def break_file(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let the rules see another text in place of one file."""
    tree = ast.parse(text)
    module = sys.modules[__name__]
    monkeypatch.setattr(module, "parse_file", {BROKEN: tree}.__getitem__)
    monkeypatch.setattr(module, "list_nodes", {BROKEN: list(ast.walk(tree))}.__getitem__)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_breach_of_a_rule_is_seen(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    list_classes()  # of the files as they are
    break_file(monkeypatch, BREACHES[rule.__name__])
    ours.cache_clear()
    assert list(rule(BROKEN))
    ours.cache_clear()


def test_a_bare_except_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    break_file(
        monkeypatch,
        "for i in range(2):\n    try:\n        print()\n    except:\n        continue\n",
    )
    assert list(drops_errors(BROKEN)) == ["line 4"]


# --- plain names

DIALECT = frozenset(
    (
        *("found", "place", "kept", "made", "given", "said", "asked", "own", "there", "least"),
        *("most", "beside", "elsewhere", "whole", "several", "mend", "anew", "told", "held"),
        *("begun", "heard"),
    )
)
"""Words that say nothing of what a value is; `matches`, `path`, `message` or `minimum` do."""


def bound_names(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """Yield the name and line of every variable, argument, function and class."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name, node.lineno


def test_names_are_plain_words() -> None:
    names = [(file, *bound) for file in FILES for bound in bound_names(list_nodes(file))]
    assert not [name for name in names if is_dialect(name[1])]


@dataclass
class Sources:
    """What the source of the tests has.

    Attributes:
        odd_names: names that tell nothing, each with its file and line.
        importers: files that import a file of tests.
    """

    odd_names: list[tuple[str, str, int]] = field(default_factory=list)
    importers: list[str] = field(default_factory=list)


@cache
def read_tests() -> Sources:
    """Read the source of all tests, which takes seconds."""
    result = Sources()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        for name, line in bound_names(nodes):
            if is_dialect(name):
                result.odd_names.append((path.name, name, line))
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("test_"):
                result.importers.append(path.name)
    return result


def test_names_in_tests_are_plain_words() -> None:
    assert not read_tests().odd_names


def test_no_test_file_imports_another() -> None:
    assert not read_tests().importers, "what they share belongs into tests/helpers"


def is_dialect(name: str) -> bool:
    """Return whether a name is one of the words that tell nothing."""
    return name.strip("_").lower() in DIALECT


def test_docstrings_start_with_a_verb_or_a_noun() -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for name in FILES for node in list_nodes(name) if isinstance(node, kinds)]
    docs = [(ast.get_docstring(node) or "").partition("\n")[0] for node in nodes]
    odd = ("What ", "Whether ", "How ", "Where ", "Which ")
    assert not [doc for doc in docs if doc.startswith(odd)]


def test_a_line_has_at_most_one_conditional_expression() -> None:
    for file in FILES:
        lines = [node.lineno for node in list_nodes(file) if isinstance(node, ast.IfExp)]
        assert len(lines) == len(set(lines)), file
