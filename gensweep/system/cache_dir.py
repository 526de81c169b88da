"""The cache folder: what is downloaded, compiled and prepared, once per user."""

from __future__ import annotations

import os
from pathlib import Path

from gensweep.core.errors import DataError


def get_cache_root() -> Path:
    """The cache folder: `GENSWEEP_CACHE`, else `gensweep` in the user's; it need not exist."""
    if named := os.environ.get("GENSWEEP_CACHE"):
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("gensweep", appauthor=False)


def make_cache_folder(*parts: str) -> Path:
    """A folder of the cache, made if need be.

    Raises:
        DataError: it cannot be made.
    """
    folder = get_cache_root().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cache folder {folder}: {error.strerror}; set GENSWEEP_CACHE to another folder"
        ) from error
    return folder
