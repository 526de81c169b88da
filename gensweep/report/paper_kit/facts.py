"""Facts about the experiments of a sweep, in sentences, for methods and checklists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from gensweep.core.registries import DATASETS
from gensweep.core.soundness import TEST_SPLIT
from gensweep.ledger.status import Status
from gensweep.report.page.provenance import Origin, collect_origins
from gensweep.report.paper_kit.labels import Labels, capitalize
from gensweep.report.remarks import describe_selection
from gensweep.report.summary import INTERVAL_METHOD, describe_seeds
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.report.results import Results

SPLIT_RULE = (
    "One permutation of the data gives the test set (a tenth), then the pool; the last tenth of "
    "the pool validates, and the rest trains"
)
OUTCOMES = {
    Status.OK: "finished",
    Status.DIVERGED: "diverged",
    Status.FAILED: "failed",
    Status.MISSING: "not trained yet",
}
OMITTED = ("split_seed", "dataset", "train_fraction")
"""Parameters that other sentences name."""


def describe_models(results: Results, labels: Labels) -> str:
    """Return what was trained: models, datasets, and the parameters that vary."""
    texts = []
    for model in results.models:
        cells = results.list_cells(model)
        varying = results.varying_of[model]
        text = f"{labels.get(model)} ({pluralize(len(cells), 'setting')}"
        if varying:
            names = [labels.get(name) for name in varying]
            text += f" of {join_words(names)}"
        texts.append(f"{text})")
    return f"Models: {'; '.join(texts)}."


def describe_splits(results: Results, labels: Labels) -> str:
    """Return how data are split, with which seeds, and how many examples there are."""
    names = {str(params.get("dataset")) for params in results.params.values()}
    # The name of a user's folder stays as it is: "a_b" and "a b" are two.
    datasets = sorted(
        labels.get(name) if name in DATASETS else name for name in names
    )
    seeds = sorted(
        {str(params.get("split_seed")) for params in results.params.values()}
    )
    text = f"Data: {join_words(datasets)}. {SPLIT_RULE}"
    if seeds != ["None"]:
        text += f" (split seed {join_words(seeds)})"
    sizes = list_sizes(results)
    if sizes:
        text += f"; {sizes}"
    return f"{text}."


def list_sizes(results: Results) -> str:
    """Return the numbers of examples, as ranges; empty where records do not say."""
    names = {
        "train": "training",
        "validation": "validation",
        TEST_SPLIT: "test",
    }
    parts = []
    for split, name in names.items():
        counts = sorted(
            {
                one[split]
                for one in results.examples.values()
                if one.get(split)
            }
        )
        if counts:
            ends = dict.fromkeys(
                f"{count:,}" for count in (counts[0], counts[-1])
            )
            parts.append(f"{' to '.join(ends)} {name}")
    return f"{join_words(parts)} examples" if parts else ""


def describe_runs(results: Results) -> str:
    """Return the number of seeds, what they change, and what became of the points."""
    numbers = Counter(len(cell.points) for cell in results.sweep.cells)
    counts = " or ".join(map(str, sorted(numbers)))
    seeds = sorted(
        {seed for cell in results.sweep.cells for seed in cell.points}
    )
    plural = "seed" if counts == "1" else "seeds"
    text = f"Each setting was trained with {counts} {plural} ({shorten(seeds)}). "
    text += describe_seeds(results.sweep.vary)
    done = [
        f"{count} {OUTCOMES[Status(status)]}"
        for status, count in results.counts.items()
        if count
    ]
    return f"{text} Runs: {join_words(done)}."


def shorten(numbers: Sequence[int]) -> str:
    """Return numbers as text: ``0, 1, 2``, or ``0 to 9`` for many that follow each other."""
    is_run = list(numbers) == list(range(numbers[0], numbers[-1] + 1))
    if is_run and len(numbers) > 4:
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))


def describe_choice(results: Results, labels: Labels) -> str:
    """Return by which metric cells are selected, and what the test set is used for."""
    selection = labels.write(describe_selection(results))
    return f"{selection} The test set decides nothing: it is evaluated once per point, at the end."


def describe_numbers() -> str:
    """Return what the numbers of tables are."""
    return f"Numbers: {INTERVAL_METHOD[0].lower()}{INTERVAL_METHOD[1:]}."


def describe_fixed_settings(
    results: Results, labels: Labels
) -> Iterator[str]:
    """Yield the parameters with one value: those of all models, then those of each."""
    settings = {
        model: _write_settings(results, model, labels)
        for model in results.models
    }
    first, *others = settings.values()
    shared = [text for text in first if all(text in one for one in others)]
    if len(settings) > 1 and shared:
        yield f"All models: {', '.join(shared)}."
    else:
        shared = []
    for model, texts in settings.items():
        rest = [text for text in texts if text not in shared]
        if rest:
            yield f"{capitalize(labels.get(model))}: {', '.join(rest)}."


def _write_settings(
    results: Results, model: str, labels: Labels
) -> list[str]:
    """Return the parameters of a model with one value, each as in ``batch size 128``."""
    return [
        f"{labels.get(name)} {results.names.get_text(name, value)}"
        for name, value in sorted(results.fixed[model].items())
        if name not in OMITTED
    ]


def list_tried_values(results: Results, labels: Labels) -> Iterator[str]:
    """Yield the values of each swept parameter, model by model."""
    for model in results.models:
        cells = results.list_cells(model)
        for name in results.varying_of[model]:
            values: dict[str, None] = {}
            for cell in cells:
                if name in results.params[cell]:
                    value = results.params[cell][name]
                    values[results.names.get_text(name, value)] = None
            texts = list(values)
            shown = ", ".join(texts[:12])
            if len(texts) > 12:
                shown += f" and {len(texts) - 12} more"
            yield f"{labels.get(model)}, {labels.get(name)}: {shown}"


def list_origins(all_results: Iterable[Results]) -> list[Origin]:
    """Return the code, versions and machines of the records, those of most points first."""
    points: Counter[tuple[str, str, str]] = Counter()
    for results in all_results:
        for origin in collect_origins(results)[0]:
            points[origin.commit, origin.versions, origin.hardware] += (
                origin.points
            )
    return [Origin(count, 0.0, *key) for key, count in points.most_common()]


def describe_software(origins: Sequence[Origin]) -> str:
    """Return the versions of the packages, and the commits of the code."""
    versions = [origin.versions for origin in origins if origin.versions]
    commits = list(dict.fromkeys(origin.commit for origin in origins))
    if not versions:
        return "Software: no record says so yet."
    text = f"Software: {merge_versions(versions)}"
    known = [commit for commit in commits if commit != "not known"]
    if known:
        text += f"; code at commit {join_words(known)}"
    return f"{text}."


def merge_versions(texts: Iterable[str]) -> str:
    """Return the versions of each package, as in ``torch 2.14.0 or 2.15.0``."""
    versions: dict[str, dict[str, None]] = {}
    for text in texts:
        for entry in text.split(", "):
            package, _, version = entry.rpartition(" ")
            if package:
                versions.setdefault(package, {})[version] = None
    merged = [
        f"{name} {' or '.join(each)}" for name, each in versions.items()
    ]
    return ", ".join(merged)


def has_unfinished(results: Results) -> bool:
    """Return whether points of the sweep are missing."""
    return bool(results.counts[Status.MISSING])


def join_words(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
