"""Find a sweep's folder from its path, its name or its sweep file on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gensweep.ledger.plugin_sources import PLUGINS
from gensweep.ledger.point_files import POINTS

_NO_SWEEPS = {POINTS, PLUGINS, "report.html"}
"""What a results root has beside the folders of its sweeps."""


def find_sweep_folder(text: str, results: str) -> str:
    """Return the folder or URI of a sweep.

    Args:
        text: a folder, a URI, the name of a sweep below the results root, or a sweep file.
        results: the results root.

    Returns:
        `text` itself if it is a folder or a URI, or if nothing has this name. In the last case
        the reader of the folder raises an error.

    Raises:
        SweepError: the sweep file is wrong.
    """
    if "://" in text or Path(text).is_dir():
        return text
    if text.endswith(".py"):
        from gensweep.sweep.load import read_sweep

        return join_root(results, read_sweep(Path(text)).name)
    is_name = Path(text).name == text
    if is_name and ("://" in results or (Path(results) / text).is_dir()):
        return join_root(results, text)
    return text


def find_sweep_folders(texts: Iterable[str], results: str) -> list[str]:
    """Return the folders or URIs of several sweeps.

    A shell makes ``results/*`` the names of everything in a results root. Its points, plugins and
    page are no sweeps and are left out if a sweep is named beside them.

    Args:
        texts: each as in `find_sweep_folder`.
        results: the results root.

    Raises:
        SweepError: a sweep file is wrong.
    """
    paths = [find_sweep_folder(text, results) for text in texts]
    sweeps = [path for path in paths if Path(path).name not in _NO_SWEEPS]
    return sweeps or paths


def join_root(results: str, name: str) -> str:
    """Return the folder or URI of a sweep's name below a results root."""
    if "://" in results:
        return f"{results.rstrip('/')}/{name}"
    return str(Path(results) / name)


def find_sweep(text: str, results: str) -> str | None:
    """Return the folder or URI of a sweep that has run; None if the text is no such sweep.

    Args:
        text: as in `find_sweep_folder`.
        results: the results root.

    Raises:
        SweepError: the sweep file is wrong.
    """
    from gensweep.ledger.manifest import SWEEP
    from gensweep.ledger.open_store import open_folder
    from gensweep.ledger.stores import as_results_error

    location = find_sweep_folder(text, results)
    if text.endswith(".py"):
        return location
    if "://" not in location:
        return location if (Path(location) / SWEEP).is_file() else None
    store, folder = open_folder(location)
    with as_results_error(store):
        return location if store.exists(f"{folder}/{SWEEP}") else None
