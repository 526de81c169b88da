"""Import plugins under a name that contains their content, and choose which are active."""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gensweep.core.errors import DataError, UserError
from gensweep.core.registry import (
    activate_layers,
    count_entries,
    fill_layer,
    list_active_layers,
)
from gensweep.plugins.imports import Rewriter, parse
from gensweep.plugins.source import Plugin
from gensweep.system.cache_dir import make_cache_folder
from gensweep.system.signals import Stopped
from gensweep.system.storage import write_atomic

log = logging.getLogger(__name__)
ROOT = "gensweep_plugins"
"""The package that all loaded plugins belong to; it has no file."""
FOLDER = "plugins"
"""The folder of sources, in the cache and in a results root."""
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
        else f"{ROOT}.h{plugin.key}.{plugin.main}"
    )
    if plugin.key in _loaded:
        return sys.modules[name]
    if not plugin.is_installed:
        _prepare_package(plugin)
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
        raise UserError(f"{locate_error(error, plugin)}: {message}") from error
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


def find_plugin(layer: str | None) -> Plugin | None:
    """Return a loaded plugin by its layer."""
    return _loaded.get(layer or "")


def find_source(module: str) -> tuple[ast.Module, str] | None:
    """Return the syntax tree of a module of a plugin, and the package where its imports begin.

    Returns:
        None for any other module.
    """
    for plugin in _loaded.values():
        prefix = "" if plugin.is_installed else f"{ROOT}.h{plugin.key}."
        if not module.startswith(prefix):
            continue
        stem = module.removeprefix(prefix).replace(".", "/")
        for name, package in (
            (f"{stem}/__init__.py", module),
            (f"{stem}.py", module.rpartition(".")[0]),
        ):
            content = dict(plugin.files).get(name)
            if content is not None:
                return _rewrite(plugin, content, name), package
    return None


def _rewrite(plugin: Plugin, content: bytes, name: str) -> ast.Module:
    """Return the syntax tree of a file that imports its plugin's modules by their full names."""
    tree = parse(content, name)
    if plugin.is_installed:
        return tree
    return Rewriter(plugin.helpers, f"{ROOT}.h{plugin.key}").visit(tree)


def is_of_plugin(module: str) -> bool:
    """Return whether a module, by its full name, is part of a plugin."""
    return module.startswith(f"{ROOT}.") or find_source(module) is not None


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


# --- plugins of files


class _Loader(importlib.abc.SourceLoader):
    """Import one file of a plugin from memory."""

    def __init__(self, plugin: Plugin, name: str) -> None:
        self._plugin = plugin
        self._name = name

    def get_filename(self, fullname: str) -> str:
        return str(_get_folder(self._plugin) / self._name)

    def get_data(self, path: str) -> bytes:
        # Never from the cache, whose files only show people the lines of a traceback.
        return dict(self._plugin.files)[self._name]

    def path_stats(self, path: str) -> Any:
        # Without the time of a file, Python neither reads nor writes compiled code.
        raise OSError

    def source_to_code(self, data: Any, path: Any, **options: Any) -> Any:
        rewritten = _rewrite(self._plugin, bytes(data), self._name)
        return compile(
            ast.fix_missing_locations(rewritten),
            path,
            "exec",
            dont_inherit=True,
        )


class _Finder(importlib.abc.MetaPathFinder):
    """Find the modules of plugins."""

    plugins: dict[str, Plugin] = {}

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        root, _, rest = fullname.partition(".")
        if root != ROOT or not rest:
            return None
        key, _, inner = rest.partition(".")
        plugin = self.plugins.get(key)
        if plugin is None or not inner:
            return None
        names = dict(plugin.files)
        stem = inner.replace(".", "/")
        for name, is_package in (
            (f"{stem}/__init__.py", True),
            (f"{stem}.py", False),
        ):
            if name in names:
                return importlib.util.spec_from_file_location(
                    fullname,
                    _get_folder(plugin) / name,
                    loader=_Loader(plugin, name),
                    submodule_search_locations=[] if is_package else None,
                )
        return None


_finder = _Finder()


def _prepare_package(plugin: Plugin) -> None:
    """Make the package that a plugin's modules belong to, and write its files into the cache."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    key = f"h{plugin.key}"
    _finder.plugins[key] = plugin
    for name in (ROOT, f"{ROOT}.{key}"):
        if name not in sys.modules:
            package = ModuleType(name)
            package.__path__ = []
            package.__spec__ = importlib.machinery.ModuleSpec(
                name, None, is_package=True
            )
            sys.modules[name] = package
    try:
        folder = make_cache_folder(FOLDER, plugin.key)
        for name, content in plugin.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file() or path.read_bytes() != content:
                write_atomic(path, content)
    except (OSError, DataError) as error:
        log.debug("no copy of %s for tracebacks: %s", plugin.label, error)


def _get_folder(plugin: Plugin) -> Path:
    """Return the folder in which tracebacks look for a plugin's lines."""
    from gensweep.system.cache_dir import get_cache_root

    return get_cache_root() / FOLDER / plugin.key
