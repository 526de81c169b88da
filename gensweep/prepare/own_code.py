"""The identity of the code of a user's dataset: after a change, its arrays are built again."""

from __future__ import annotations

import inspect
import uuid

from gensweep.core.data_source import DataSource
from gensweep.core.registries import DATASETS
from gensweep.core.registry import OWN_PACKAGE, PLUGIN_PACKAGE

_PROCESS_ID = uuid.uuid4().hex


def identify_own_code(config: type[DataSource]) -> str | None:
    """Return what changes with the code of a user's dataset; None for a dataset of gensweep."""
    module = config.__module__
    if module.startswith(OWN_PACKAGE):
        return None
    # The name of a shipped module has the hash of all its files.
    if module.startswith(f"{PLUGIN_PACKAGE}."):
        return module
    layer = DATASETS.find_layer(config.name)
    if layer is not None:
        return layer
    try:
        return inspect.getsource(config)
    except (OSError, TypeError):
        # Nobody can tell whether another process has the same code.
        return _PROCESS_ID
