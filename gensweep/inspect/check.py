"""Check a user's file from a test: every task and model of it keeps the contract."""

from __future__ import annotations

import os
from pathlib import Path

from gensweep.core.errors import UserError
from gensweep.core.registries import MODELS
from gensweep.core.values import show_value
from gensweep.plugins.loader import load_plugins
from gensweep.plugins.source import Plugin, read_plugin


def open_plugin(name: str | os.PathLike[str]) -> tuple[Plugin, list[str]]:
    """Load a user's file, and return it with the names of its models and tasks.

    Raises:
        UserError: it cannot be loaded, or registers neither.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise UserError(
            f"{show_value(name)} is neither the path of a file nor the name of a module"
        )
    plugin = read_plugin(os.fspath(name), Path.cwd())
    load_plugins([plugin])
    names = MODELS.list_layer(plugin.key)
    if not names:
        raise UserError(
            f"{plugin.label} has no task and no model, so there is nothing to train; "
            "metrics, tables and figures are checked when a sweep that names the file is trained"
        )
    return plugin, names


def check(name: str | os.PathLike[str]) -> None:
    """Train every task and model of a file at tiny settings, and check that it keeps the contract.

    Args:
        name: the path of the file, or the name of a module.

    Raises:
        UserError: the file cannot be loaded.
        AssertionError: the contract is broken; the message says where.
    """
    from gensweep.inspect.contract import check_plugin  # imports torch

    findings = list(check_plugin(*open_plugin(name)))
    broken = [str(finding) for finding in findings if finding.is_ok is False]
    if broken:
        raise AssertionError("\n".join(broken))
