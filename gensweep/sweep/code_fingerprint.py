"""The fingerprint of the code that makes a point's numbers, as a record stores it.

A fingerprint has three parts: `training` (the model, its layers, the training loop, the
optimizers), `data` (preparing and splitting the dataset) and, for each metric, `metrics`. Kernels
in C and the precision are not part of it: a record's `hardware` names them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from gensweep.core.data_source import DataSource
from gensweep.core.errors import GensweepError
from gensweep.core.metric_values import CheckedFunction
from gensweep.core.own_data import OWN_DATA
from gensweep.core.registries import (
    DERIVED,
    METRICS,
    MODELS,
    Derived,
    Metric,
    get_dataset_class,
)
from gensweep.core.registry import is_of_main
from gensweep.core.trainable import Trainable, get_full_name
from gensweep.plugins.loader import list_active_plugins
from gensweep.sweep.source_code import SourceTree

log = logging.getLogger(__name__)
SAME, OTHER, UNKNOWN = "same", "other", "unknown"
"""Results of `compare`; `unknown`: the record has no fingerprint, or the source is missing."""
LOOP = ("gensweep.train.loop.Training", "gensweep.train.lanes.Lanes")
TOOLS = "gensweep.train.tools.TOOLS"
"""The functions that make tools for measuring, such as the reader of digits."""
BOOKKEEPING = (
    "gensweep.core.errors",
    "gensweep.core.registries",
    "gensweep.core.registry",
    "gensweep.prepare.array_cache",
    "gensweep.prepare.array_checks",
    "gensweep.prepare.contact_sheet",
    "gensweep.prepare.file_hashes",
    "gensweep.prepare.fingerprint",
    "gensweep.prepare.own_code",
    "gensweep.system.cache_dir",
    "gensweep.system.download",
    "gensweep.system.environment",
    "gensweep.system.file_stems",
    "gensweep.system.http_session",
    "gensweep.system.naming",
    "gensweep.system.precision",
    "gensweep.system.regular_files",
    "gensweep.system.signals",
    "gensweep.system.storage",
    "gensweep.system.text",
    "gensweep.train.checkpoint",
    "gensweep.train.reader_cache",
    "gensweep.train.reader_digest",
    "gensweep.train.health",
)
KERNELS = (
    "gensweep.kernels.bindings.",
    "gensweep.kernels.build.",
    "gensweep.kernels.conv_calls.",
    "gensweep.kernels.lstm_calls.",
    "gensweep.train.precision",
)
MEASURING = (
    "gensweep.metrics",
    "gensweep.train.attribute_reader",
    "gensweep.train.attribute_training",
    "gensweep.train.distortion",
    "gensweep.train.glyphs",
    "gensweep.train.labelled_pictures",
    "gensweep.train.palette",
    "gensweep.train.reader",
    "gensweep.train.tools",
    "gensweep.train.training_pictures",
)
WITHOUT = (*BOOKKEEPING, *KERNELS)
"""Prefixes of names of code that changes no number, or has another entry in a record."""


@lru_cache(maxsize=1)
def load_source_tree() -> SourceTree:
    """Return the source of this gensweep; it is read once."""
    return SourceTree(Path(__file__).parents[1])


def compute_fingerprint(model: str, dataset: str) -> dict[str, Any] | None:
    """Return the fingerprint of the code that trains a model on a dataset today.

    Returns:
        `training` and `data`, a digest each, and `metrics`: name -> digest; `plugins`, file and
        hash of each of the user's files, if there are any. None if the source is missing.
    """
    try:
        config, data = (
            MODELS[model],
            get_dataset_class(dataset.partition(":")[0]),
        )
        plugins = list_active_plugins()
        keys = tuple(plugin.key for plugin in plugins)
        digests = _compute_digests(config, data, load_source_tree(), keys)
    except (GensweepError, LookupError, OSError, SyntaxError) as error:
        log.debug("no fingerprint of %s on %s: %s", model, dataset, error)
        return None
    if not plugins:
        return digests
    sources = [
        {"file": plugin.label, "sha": plugin.key} for plugin in plugins
    ]
    return digests | {"plugins": sources}


@lru_cache(maxsize=256)
def _compute_digests(
    config: type[Trainable],
    data: type[DataSource],
    tree: SourceTree,
    plugins: tuple[str, ...],
) -> dict[str, Any]:
    """Return the digests of a fingerprint.

    Args:
        config: the class of the model or task.
        data: the class of the dataset.
        tree: the source of gensweep.
        plugins: keys of the active plugins, which decide what metrics there are.
    """
    metrics = {}
    for name, metric in METRICS.items():
        # The source of a notebook's metric is no file: its code stays unknown.
        is_known = not is_of_main(_get_function(metric))
        if is_known and metric.is_applicable(config.outputs):
            # The training loop has a digest of its own; metrics only read its outputs.
            metrics[name] = tree.compute_digest(
                _list_metric_roots(metric), (*WITHOUT, *LOOP)
            )
    data_digest = OWN_DATA
    if data.has_arrays:
        data_digest = tree.compute_digest(
            [get_full_name(data)], (*WITHOUT, *MEASURING)
        )
    roots = config.list_code_roots()
    if config.is_trained_by_loop:
        roots = [*roots, *LOOP]
    return {
        "training": tree.compute_digest(roots, (*WITHOUT, *MEASURING)),
        "data": data_digest,
        "metrics": metrics,
    }


def list_changed_parts(
    recorded: Mapping[str, Any], today: Mapping[str, Any]
) -> list[str]:
    """Return the parts in which two fingerprints differ.

    They are `training`, `data`, and names of metrics that both have.
    """
    parts = [
        part
        for part in ("training", "data")
        if recorded.get(part) != today.get(part)
    ]
    before = recorded.get("metrics", {})
    now = today.get("metrics", {})
    changed_metrics = [
        name
        for name in before.keys() & now.keys()
        if before[name] != now[name]
    ]
    return parts + sorted(changed_metrics)


def compare(
    recorded: Mapping[str, Any] | None, model: str, dataset: str
) -> str:
    """Return `same`, `other` or `unknown` for a record's code and the code of today."""
    today = compute_fingerprint(model, dataset)
    if not recorded or today is None:
        return UNKNOWN
    return OTHER if list_changed_parts(recorded, today) else SAME


def has_same_training_code(
    recorded: Mapping[str, Any] | None, today: Mapping[str, Any] | None
) -> bool:
    """Return whether today's code may continue a training of the recorded code.

    Metrics do not matter.
    """
    if recorded is None or today is None:
        return recorded is today
    return not {"training", "data"} & set(list_changed_parts(recorded, today))


def _list_metric_roots(metric: Metric) -> set[str]:
    """Return the full names of a metric's function and of the functions that derive its outputs."""
    roots = {get_full_name(_get_function(metric))}
    for entry in _iter_derived(metric.needs):
        roots.add(get_full_name(entry.compute))
        if entry.tool:
            roots.add(TOOLS)
    return roots


def _get_function(metric: Metric) -> Any:
    """Return the function of a metric as its author wrote it."""
    function = metric.compute
    if isinstance(function, CheckedFunction):
        return function.function
    return function


def _iter_derived(needs: tuple[str, ...]) -> Iterator[Derived]:
    """Yield the derived outputs among some outputs, and those that they are derived from."""
    for name in needs:
        if name in DERIVED:
            entry = DERIVED[name]
            yield entry
            for sources in entry.needs:
                yield from _iter_derived(sources)
