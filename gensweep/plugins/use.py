"""Make a user's file available where no sweep file names it, such as in a notebook."""

from __future__ import annotations

from pathlib import Path

from gensweep.core.registry import activate_layers, list_active_layers
from gensweep.plugins.loader import load_plugin
from gensweep.plugins.source import read_plugin

_keys: dict[str, str] = {}
"""Path of a file -> the key of the version that this process used last."""


def use(*names: str) -> None:
    """Make what these files register available, beside what already is.

    In a sweep file, say `Sweep(uses=["mymodel.py"])` instead. A file that was edited replaces its
    earlier version.

    Args:
        names: paths, which begin at the working directory, or names of importable modules.

    Raises:
        UserError: one of them cannot be imported; the message names file and line.
    """
    for name in names:
        plugin = read_plugin(name, Path.cwd())
        load_plugin(plugin)
        earlier = _keys.get(plugin.path)
        layers = [layer for layer in list_active_layers() if layer != earlier]
        activate_layers([*layers, plugin.key])
        _keys[plugin.path] = plugin.key
