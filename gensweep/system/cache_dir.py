"""The cache folder of the user: downloads, compiled code and prepared arrays."""

from __future__ import annotations

import os
from pathlib import Path

from gensweep.core.errors import DataError


def get_cache_root() -> Path:
    """Return the cache folder: `GENSWEEP_CACHE`, or `gensweep` in the user's cache folder.

    It need not exist.
    """
    configured = os.environ.get("GENSWEEP_CACHE")
    if configured:
        return Path(configured).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("gensweep", appauthor=False)


def make_cache_folder(*parts: str) -> Path:
    """Return a folder of the cache; create it if needed.

    Raises:
        DataError: it cannot be created.
    """
    folder = get_cache_root().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cache folder {folder}: {error.strerror}; set GENSWEEP_CACHE to another folder"
        ) from error
    return folder
