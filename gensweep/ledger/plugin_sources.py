"""The sources of plugins in a results root: each version once, for whoever reads the results."""

from __future__ import annotations

from collections.abc import Iterable

from gensweep.ledger.stores import Store
from gensweep.plugins.source import Plugin

PLUGINS = "plugins"
"""The folder of a results root that holds them: `plugins/<hash>/mymodel.py`."""


def store_plugins(store: Store, plugins: Iterable[Plugin]) -> None:
    """Write the files of plugins into a results root; a version that is there stays as it is.

    Raises:
        OSError: the root refuses.
    """
    for plugin in plugins:
        for name, content in plugin.files:
            path = f"{PLUGINS}/{plugin.key}/{name}"
            if not store.exists(path):
                store.write(path, content)
