"""Plugins that no sweep names: those of installed packages, and of `GENSWEEP_PLUGINS`."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

from gensweep.core.errors import UserError
from gensweep.core.registry import set_installed_finder
from gensweep.plugins.loader import load_plugin
from gensweep.plugins.source import read_plugin

log = logging.getLogger(__name__)
GROUP = "gensweep.plugins"
"""The group of entry points in which a package names its modules of plugins."""
VARIABLE = "GENSWEEP_PLUGINS"
"""Paths of files or names of modules, separated as in PATH."""


@lru_cache(maxsize=1)
def _find_layers(named: str) -> tuple[str, ...]:
    """Load every plugin that is installed or named, and return their layers.

    A plugin that cannot be loaded is reported and left out: it must not stop work without it.
    """
    names = [(name, VARIABLE) for name in named.split(os.pathsep) if name]
    for entry in entry_points(group=GROUP):
        names.append(
            (
                entry.value.partition(":")[0].strip(),
                f"entry point {entry.name!r}",
            )
        )
    layers = []
    for name, origin in names:
        try:
            plugin = read_plugin(name, Path.cwd())
            load_plugin(plugin)
            layers.append(plugin.key)
        except UserError as error:
            log.warning("%s: %s", origin, error)
    return tuple(layers)


def register_finder() -> None:
    """Let registries look for a name in installed plugins before they call it unknown."""
    set_installed_finder(lambda: _find_layers(os.environ.get(VARIABLE, "")))
