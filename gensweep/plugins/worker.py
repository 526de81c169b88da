"""Plugins on a worker: what the driver sent is imported there, or the run ends with a reason."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from gensweep.core.errors import CodeMismatchError, UserError
from gensweep.plugins.loader import load_plugins
from gensweep.plugins.source import Plugin, read_plugin


def load_shipped_plugins(plugins: Sequence[Plugin]) -> None:
    """Make the driver's plugins available in this process, and no others.

    Files are imported from the bytes that the driver sent. A module of an installed package is
    imported from this node, if it is the same there.

    Raises:
        CodeMismatchError: this node lacks a module that a plugin imports, or has another version
            of an installed plugin.
    """
    host = socket.gethostname()
    try:
        for plugin in plugins:
            if (
                plugin.is_installed
                and read_plugin(plugin.label, Path("/")).sha != plugin.sha
            ):
                raise CodeMismatchError(
                    f"{host} has another version of {plugin.label} than the driver: install the "
                    "same one on every node"
                )
        load_plugins(plugins)
    except CodeMismatchError:
        raise
    except UserError as error:
        raise CodeMismatchError(
            f"{host} cannot import a plugin: {error}; install what it needs on every node"
        ) from error
