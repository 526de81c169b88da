"""The code that makes a point's numbers, as a record names it, and whether it is today's.

A fingerprint has four parts: `training` (the model, its layers, the training loop, the optimizers), `kernels` (those
in C, where they computed), `data` (what prepares and splits the dataset) and, by metric, `metrics`. The precision stays
outside: a record's `hardware` names it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from gensweep.core.catalog import DERIVED, METRICS, MODELS, Metric
from gensweep.core.catalog import dataset as dataset_class
from gensweep.core.errors import GensweepError
from gensweep.core.source_code import SourceTree

log = logging.getLogger(__name__)
SAME, OTHER, UNKNOWN = "same", "other", "unknown"
"""How the code of a record compares with today's; `unknown`: the record, or this gensweep, does not say."""
LOOP = ("gensweep.train.loop.Training", "gensweep.train.lanes.Lanes")
TOOLS = "gensweep.train.loop.TOOLS"
"""What measures beside the model itself, such as the reader of digits."""
BOOKKEEPING = (
    "gensweep.core.cache",
    "gensweep.core.catalog",
    "gensweep.core.content",
    "gensweep.core.download",
    "gensweep.core.environment",
    "gensweep.core.errors",
    "gensweep.core.naming",
    "gensweep.core.precision",
    "gensweep.core.registry",
    "gensweep.core.sheets",
    "gensweep.core.signals",
    "gensweep.core.storage",
    "gensweep.core.words",
    "gensweep.train.checkpoint",
    "gensweep.train.health",
    "gensweep.train.precision.has_native_bfloat16",
)
KERNELS = ("gensweep.layers._", "gensweep.layers.compil")
CALLED = "gensweep.layers._"
"""The beginning of the names of modules that call kernels: `_recurrence` calls those of `recurrence.c`."""
COMPILING = ("_FLAGS", "_DEFINED", "_MACHINES")
"""What of `gensweep.layers.compiling` changes the numbers of kernels."""
MEASURING = ("gensweep.metrics", "gensweep.train.reader", "gensweep.train.glyphs")
WITHOUT = (*BOOKKEEPING, *KERNELS)
"""Beginnings of the names of code that changes no number, or has an entry of its own in a record."""
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_INCLUDED = re.compile(r'^#include "(\w+\.h)"', re.MULTILINE)


@lru_cache(maxsize=1)
def source_tree() -> SourceTree:
    """Return the source of the gensweep that runs, read once."""
    return SourceTree(Path(__file__).parents[1])


def fingerprint(model: str, dataset: str) -> dict[str, Any] | None:
    """Return the fingerprint of the code that trains a model on a dataset today.

    Returns:
        `training`, `kernels` and `data`, a digest each, and `metrics`: name -> digest. None where the source is not at
        hand.
    """
    try:
        return _fingerprint(model, dataset.partition(":")[0], source_tree())
    except (GensweepError, LookupError, OSError, SyntaxError) as error:
        log.debug("no fingerprint of %s on %s: %s", model, dataset, error)
        return None


@lru_cache(maxsize=256)
def _fingerprint(model: str, dataset: str, tree: SourceTree) -> dict[str, Any]:
    config, data = MODELS[model], dataset_class(dataset)
    network = f"{config.__module__}.network.build"
    training = [_full_name(config), network, *LOOP]
    called = [*training, *(f"gensweep.layers.compiling.{name}" for name in COMPILING)]
    without = (*BOOKKEEPING, *MEASURING, "gensweep.layers.compiling.library")
    return {
        "training": tree.digest(training, (*WITHOUT, *MEASURING)),
        "kernels": tree.digest(called, without, KERNELS, _c_sources(tree, tree.reached(called, without))),
        "data": tree.digest([_full_name(data)], (*WITHOUT, *MEASURING)),
        "metrics": {
            name: tree.digest(_metric_roots(metric), (*WITHOUT, *LOOP))
            for name, metric in METRICS.items()
            if metric.applies(config.outputs)
        },
    }


def code_of(model: str, dataset: str, computed: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the fingerprint of a training, without `kernels` where none computed.

    Args:
        model, dataset: as of `fingerprint`.
        computed: as `Training.computed`, or a record's hardware.
    """
    code = fingerprint(model, dataset)
    if code is None or computed.get("kernels") == "C":
        return code
    return {part: digest for part, digest in code.items() if part != "kernels"}


def _c_sources(tree: SourceTree, reached: Iterable[str]) -> Iterator[str]:
    """Yield the text of the kernels that some definitions call, and of what they include, without comments."""
    modules = {name.rpartition(".")[0] for name in reached if name.startswith(CALLED)}
    pending = [f"{module.removeprefix(CALLED)}.c" for module in sorted(modules)]
    seen = set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            text = (tree.folder / "layers" / name).read_text()
            pending.extend(_INCLUDED.findall(text))
            yield " ".join(_COMMENT.sub(" ", text).split())


def changed_parts(recorded: Mapping[str, Any], today: Mapping[str, Any]) -> list[str]:
    """Return what differs of two fingerprints: `training`, `data`; `kernels` and names of metrics that both have."""
    parts = [part for part in ("training", "data") if recorded.get(part) != today.get(part)]
    if "kernels" in recorded and "kernels" in today and recorded["kernels"] != today["kernels"]:
        parts.append("kernels")
    before, now = recorded.get("metrics", {}), today.get("metrics", {})
    return parts + sorted(name for name in before.keys() & now.keys() if before[name] != now[name])


def compare(recorded: Mapping[str, Any] | None, model: str, dataset: str) -> str:
    """Return `same`, `other` or `unknown`: how a record's code compares with what would train the point today."""
    today = fingerprint(model, dataset)
    if not recorded or today is None:
        return UNKNOWN
    return OTHER if changed_parts(recorded, today) else SAME


def trains_alike(recorded: Mapping[str, Any] | None, today: Mapping[str, Any] | None) -> bool:
    """Return whether a training that was begun by one code may go on by another; metrics do not matter."""
    if recorded is None or today is None:
        return recorded is today
    return not {"training", "kernels", "data"} & set(changed_parts(recorded, today))


def _metric_roots(metric: Metric) -> set[str]:
    """Return the full names of a metric's function, and of what it derives its outputs with."""
    roots = {_full_name(metric.compute)}
    for entry in _derived_of(metric.needs):
        roots.add(_full_name(entry.compute))
        if entry.tool:
            roots.add(TOOLS)
    return roots


def _derived_of(needs: tuple[str, ...]) -> Iterator[Any]:
    for name in needs:
        if name in DERIVED:
            entry = DERIVED[name]
            yield entry
            for sources in entry.needs:
                yield from _derived_of(sources)


def _full_name(thing: Any) -> str:
    """Return module and top-level name of a class or function; of one made in a function, that function's."""
    while isinstance(thing, partial):
        thing = thing.func
    return f"{thing.__module__}.{thing.__qualname__.partition('.')[0]}"
