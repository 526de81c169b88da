"""Make a user's file available where no sweep file names it, such as in a notebook."""

from __future__ import annotations

from pathlib import Path

from gensweep.core.registry import activate_layers, list_active_layers
from gensweep.plugins.loader import load_plugin
from gensweep.plugins.source import read_plugin


def use(*names: str) -> None:
    """Make what these files register available, beside what already is.

    In a sweep file, say `Sweep(uses=["mymodel.py"])` instead.

    Args:
        names: paths, which begin at the working directory, or names of importable modules.

    Raises:
        UserError: one of them cannot be imported; the message names file and line.
    """
    for name in names:
        plugin = read_plugin(name, Path.cwd())
        load_plugin(plugin)
        activate_layers([*list_active_layers(), plugin.key])
