"""Import plugins under a name that contains their content, and choose which are active."""

from __future__ import annotations

import ast
import importlib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from gensweep.core.errors import UserError
from gensweep.core.registry import (
    PLUGIN_PACKAGE,
    activate_layers,
    count_entries,
    fill_layer,
    list_active_layers,
)
from gensweep.plugins.importer import FOLDER, prepare_package, rewrite
from gensweep.plugins.source import Plugin
from gensweep.system.signals import Stopped

_loaded: dict[str, Plugin] = {}
"""Plugins that this process has imported, by their key."""


def load_plugins(plugins: Iterable[Plugin]) -> None:
    """Import plugins, and make their entries available beside the built-in ones, and no others.

    Raises:
        UserError: one of them cannot be imported, or two of them have an entry of one name; the
            message names file and line.
    """
    layers: list[str] = []
    activate_layers(layers)
    for plugin in plugins:
        load_plugin(plugin)
        layers.append(plugin.key)
        # At once: the next one may use what this one registers.
        activate_layers(layers)


def load_plugin(plugin: Plugin) -> ModuleType:
    """Import a plugin, once in a process, and return its module.

    Raises:
        UserError: it cannot be imported, or registers nothing.
    """
    name = (
        plugin.main
        if plugin.is_installed
        else f"{plugin.package}.{plugin.main}"
    )
    if plugin.key in _loaded:
        return sys.modules[name]
    if not plugin.is_installed:
        prepare_package(plugin)
    try:
        with fill_layer(plugin.key, plugin.label):
            module = importlib.import_module(name)
    except UserError as error:
        raise UserError(f"{locate_error(error, plugin)}: {error}") from error
    except SyntaxError as error:
        line = f":{error.lineno}" if error.lineno else ""
        raise UserError(
            f"{plugin.label}{line}: syntax error: {error.msg}"
        ) from error
    except (KeyboardInterrupt, Stopped):
        raise
    except (
        BaseException
    ) as error:  # a user's file may raise anything, SystemExit included
        message = f"{type(error).__name__}: {error}"
        raise UserError(
            f"{locate_error(error, plugin)}: {message}"
        ) from error
    if not count_entries(plugin.key):
        raise UserError(
            f"{plugin.label} registers nothing: it has no @gs.task, @gs.model, @gs.dataset, "
            "@gs.metric, @gs.table or @gs.figure"
        )
    _loaded[plugin.key] = plugin
    return module


def list_active_plugins() -> list[Plugin]:
    """Return the plugins whose entries are available, in the order of the sweep."""
    return [
        _loaded[layer] for layer in list_active_layers() if layer in _loaded
    ]


def find_source(module: str) -> tuple[ast.Module, str] | None:
    """Return the syntax tree of a module of a plugin, and the package where its imports begin.

    Returns:
        None for any other module.
    """
    for plugin in _loaded.values():
        prefix = "" if plugin.is_installed else f"{plugin.package}."
        if not module.startswith(prefix):
            continue
        stem = module.removeprefix(prefix).replace(".", "/")
        for name, package in (
            (f"{stem}/__init__.py", module),
            (f"{stem}.py", module.rpartition(".")[0]),
        ):
            content = dict(plugin.files).get(name)
            if content is not None:
                return rewrite(plugin, content, name), package
    return None


def list_scripts(module: str) -> list[bytes]:
    """Return the contents of all files that the plugin of a module has besides its modules."""
    for plugin in _loaded.values():
        prefix = f"{plugin.package}."
        if not plugin.is_installed and module.startswith(prefix):
            contents = dict(plugin.files)
            return [contents[name] for name in plugin.scripts]
    return []


def is_of_plugin(module: str) -> bool:
    """Return whether a module, by its full name, is part of a plugin."""
    return (
        module.startswith(f"{PLUGIN_PACKAGE}.")
        or find_source(module) is not None
    )


def locate_error(error: BaseException, plugin: Plugin) -> str:
    """Return file and line of the innermost frame of an error that is in a plugin."""
    position = plugin.label
    for frame in traceback.extract_tb(error.__traceback__):
        name = _get_inner_name(frame.filename, plugin)
        if name:
            position = f"{name}:{frame.lineno}"
    return position


def find_user_line(error: BaseException) -> str | None:
    """Return file and line of the innermost frame of an error that is in any plugin."""
    position = None
    for frame in traceback.extract_tb(error.__traceback__):
        for plugin in _loaded.values():
            if _get_inner_name(frame.filename, plugin):
                position = f"{Path(frame.filename).name}:{frame.lineno}"
    if position is None and error.__cause__ is not None:
        return find_user_line(error.__cause__)
    return position


def _get_inner_name(path: str, plugin: Plugin) -> str | None:
    """Return the name of a file of the plugin; None for any other file."""
    for name, _ in plugin.files:
        if plugin.is_installed and path == str(Path(plugin.folder) / name):
            return name
        if path.endswith(f"/{FOLDER}/{plugin.key}/{name}"):
            return name
    return None
