"""The files of a package that are neither source nor documentation, such as drawings."""

from __future__ import annotations

import ast
import contextlib
import hashlib
from pathlib import Path

_SOURCE_SUFFIXES = {".py", ".pyc", ".pyi", ".typed", ".c", ".h", ".md"}
"""Files that are not data of a module. C is here too: a record names the kernels separately."""


def list_data_files(folder: Path) -> list[Path]:
    """Return the files in the folder of a package that are not source.

    Folders without Python files belong to the package; inner packages do not.
    """
    files = []
    for path in sorted(folder.iterdir()):
        if path.is_file():
            if (
                path.suffix not in _SOURCE_SUFFIXES
                and not path.name.startswith(".")
            ):
                files.append(path)
        elif (
            path.is_dir()
            and path.name != "__pycache__"
            and not any(path.glob("*.py"))
        ):
            files.extend(list_data_files(path))
    return files


def digest_script(content: bytes) -> str:
    """Return the digest of a file that a task calls; comments in Python do not count."""
    # Of a file in another language, every byte counts.
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):
        content = ast.unparse(ast.parse(content)).encode()
    return hashlib.sha256(content).hexdigest()
