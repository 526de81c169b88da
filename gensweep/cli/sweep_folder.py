"""The folder of a sweep that the command line names by its folder, its name or its sweep file."""

from __future__ import annotations

from pathlib import Path


def find_sweep_folder(text: str, results: str) -> str:
    """Return the folder or URI of a sweep.

    Args:
        text: a folder, a URI, the name of a sweep below the results root, or a sweep file.
        results: the results root.

    Returns:
        `text` itself if it names a folder, a URI or nothing that exists: the reader explains it.

    Raises:
        SweepError: the sweep file is wrong.
    """
    if "://" in text or Path(text).is_dir():
        return text
    name = text
    if text.endswith(".py") and Path(text).is_file():
        from gensweep.sweep.load import read_sweep

        name = read_sweep(Path(text)).name
    elif Path(text).name != text:
        return text
    if "://" in results:
        return f"{results.rstrip('/')}/{name}"
    folder = Path(results) / name
    return str(folder) if folder.is_dir() else text
