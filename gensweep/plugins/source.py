"""The source of a plugin: a user's file, and the modules beside it that it imports."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gensweep.core.errors import UserError
from gensweep.core.registry import PLUGIN_PACKAGE
from gensweep.core.values import show_value
from gensweep.plugins.shipped_files import (
    PACKAGE,
    add_scripts,
    follow_imports,
    list_files,
    read_file,
    refuse_undeclared_files,
)

_DIGITS = 16


@dataclass(frozen=True)
class Plugin:
    """A user's code, as bytes: the same on every machine that a sweep uses.

    Attributes:
        label: how messages name it: `mymodel.py`, or `my_package.models`.
        main: the module to import: `mymodel`.
        files: path relative to the plugin's folder, with slashes -> content, sorted by path.
        path: the main file on the machine that read it.
        is_installed: whether each machine imports it from its own Python packages. Such code is
            compared, and not shipped.
        scripts: the names of those files that are not imported, such as a script that a task
            calls.
    """

    label: str
    main: str
    files: tuple[tuple[str, bytes], ...]
    path: str
    is_installed: bool = False
    scripts: tuple[str, ...] = ()

    @cached_property
    def sha(self) -> str:
        """The SHA-256 of all names and contents, as hexadecimal digits."""
        digest = hashlib.sha256(self.main.encode())
        for name, content in self.files:
            digest.update(f"\n{name} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    @property
    def key(self) -> str:
        """The first digits of the hash, which names the module and the folder of the source."""
        return self.sha[:_DIGITS]

    @property
    def package(self) -> str:
        """The full name of the package that its modules are imported as parts of."""
        return f"{PLUGIN_PACKAGE}.h{self.key}"

    @property
    def helpers(self) -> frozenset[str]:
        """The names of the modules and packages that lie beside each other in the plugin."""
        modules = [name for name, _ in self.files if name not in self.scripts]
        return frozenset(
            name.split("/")[0].removesuffix(".py") for name in modules
        )

    @property
    def folder(self) -> str:
        """The folder that `files` are relative to."""
        levels = self.main.count(".") + 1
        if Path(self.path).name == "__init__.py":
            levels += 1
        return str(Path(self.path).parents[levels - 1])

    def has_changed(self) -> bool:
        """Return whether the files on this machine are no longer those of the plugin."""
        try:
            return any(
                (Path(self.folder) / name).read_bytes() != text
                for name, text in self.files
            )
        except OSError:
            return True


def read_plugin(name: str, folder: Path) -> Plugin:
    """Read a plugin.

    Args:
        name: the path of a file, or the name of a module that can be imported.
        folder: the folder that a relative path begins at.

    Raises:
        UserError: there is no such file or module, it does not parse, it imports what is not
            installed, or it is too large; the message names file and line.
    """
    if not isinstance(name, str) or not name.strip():
        raise UserError(
            f"uses: {show_value(name)} is neither the path of a file nor the name of a module"
        )
    path = folder / Path(name).expanduser()
    try:
        is_path = name.endswith(".py") or "/" in name or path.exists()
    except OSError as error:
        raise UserError(f"uses: {name!r}: {error.strerror}") from None
    if not is_path:
        return _read_installed(name)
    if path.is_dir():
        raise UserError(f"uses: {name!r} is a folder; name a file of it")
    if not path.is_file():
        raise UserError(
            f"uses: there is no file {name!r} in {folder}{_suggest(path)}"
        )
    stem = path.name.removesuffix(".py")
    if not path.name.endswith(".py") or not stem.isidentifier():
        raise UserError(
            f"uses: {name!r} cannot be imported; its name must be like mymodel.py"
        )
    path = path.absolute()
    files: dict[str, bytes] = {}
    follow_imports(path.name, path.parent, files)
    scripts = add_scripts(path.parent, files)
    refuse_undeclared_files(path.parent, files)
    return Plugin(
        name, stem, tuple(sorted(files.items())), str(path), scripts=scripts
    )


def _suggest(path: Path) -> str:
    """Return the nearest file in the folder, as the end of a message."""
    names = [file.name for file in path.parent.glob("*.py")]
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _read_installed(name: str) -> Plugin:
    """Read a module that Python can import, with all other modules of its package.

    Raises:
        UserError: there is no such module.
    """
    top = name.partition(".")[0]
    spec = None
    if (
        all(part.isidentifier() for part in name.split("."))
        and top != PACKAGE
    ):
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise UserError(
            f"uses: {show_value(name)} is neither a file nor a module that can be imported; "
            "a file is named with its ending: 'mymodel.py'"
        )
    path = Path(spec.origin)
    levels = name.count(".") + (2 if path.name == "__init__.py" else 1)
    folder = path.parents[levels - 1]
    files = {
        file: read_file(folder / file, file)
        for file in list_files(folder, top)
    }
    return Plugin(
        name, name, tuple(sorted(files.items())), str(path), is_installed=True
    )
