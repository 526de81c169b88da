"""The importer of users' files: from memory, under a package named after their content."""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gensweep.core.errors import DataError, UserError
from gensweep.core.registry import PLUGIN_PACKAGE
from gensweep.plugins.imports import Rewriter, parse
from gensweep.plugins.source import Plugin
from gensweep.system.cache_dir import make_cache_folder
from gensweep.system.storage import write_atomic

log = logging.getLogger(__name__)
FOLDER = "plugins"
"""The folder of sources, in the cache and in a results root."""


def rewrite(plugin: Plugin, content: bytes, name: str) -> ast.Module:
    """Return the syntax tree of a file that imports its plugin's modules by their full names."""
    tree = parse(content, name)
    if plugin.is_installed:
        return tree
    return Rewriter(plugin.helpers, plugin.package).visit(tree)


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
        rewritten = rewrite(self._plugin, bytes(data), self._name)
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
        if root != PLUGIN_PACKAGE or not rest:
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


def prepare_package(plugin: Plugin) -> None:
    """Make the package that a plugin's modules belong to, and write its files into the cache."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    key = f"h{plugin.key}"
    _finder.plugins[key] = plugin
    for name in (PLUGIN_PACKAGE, plugin.package):
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
            if name in plugin.scripts and content.startswith(b"#!"):
                path.chmod(0o755)
    except (OSError, DataError) as error:
        if plugin.scripts:
            raise UserError(
                f"{plugin.label}: its files cannot be written into the cache, where the task looks "
                f"for them: {error}"
            ) from error
        log.debug("no copy of %s for tracebacks: %s", plugin.label, error)


def _get_folder(plugin: Plugin) -> Path:
    """Return the folder in which tracebacks look for a plugin's lines."""
    from gensweep.system.cache_dir import get_cache_root

    return get_cache_root() / FOLDER / plugin.key
