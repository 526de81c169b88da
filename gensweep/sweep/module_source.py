"""One parsed file of Python source, sorted into what a digest needs of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Module:
    """One parsed file.

    Attributes:
        definitions: top-level name -> the statements that bind it.
        effects: top-level statements that bind nothing, such as a call.
        imports: name -> the module, and the name in it or "", that it stands for.
        data_files: files of other kinds in the same folder, such as drawings.
        scripts: contents of files that a task calls.
        package: the full name of the package where relative imports begin.
        loggers: top-level names of loggers.
    """

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    data_files: list[Path] = field(default_factory=list)
    scripts: list[bytes] = field(default_factory=list)
    package: str = ""
    loggers: set[str] = field(default_factory=set)
