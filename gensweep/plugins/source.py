"""The source of a plugin: a user's file, and the modules beside it that it imports."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gensweep.core.errors import UserError
from gensweep.plugins.imports import iter_imports, parse

MAX_BYTES = 1_000_000
"""The largest size of a plugin with the modules that it imports."""
_DIGITS = 16
_PACKAGE = "gensweep"


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
    """

    label: str
    main: str
    files: tuple[tuple[str, bytes], ...]
    path: str
    is_installed: bool = False

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
    def helpers(self) -> frozenset[str]:
        """The names of the modules and packages that lie beside each other in the plugin."""
        return frozenset(
            name.split("/")[0].removesuffix(".py") for name, _ in self.files
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
            f"uses: {name!r} is neither the path of a file nor the name of a module"
        )
    path = folder / Path(name).expanduser()
    is_path = name.endswith(".py") or "/" in name or path.exists()
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
    _follow(path.name, path.parent, files)
    return Plugin(name, stem, tuple(sorted(files.items())), str(path))


def _suggest(path: Path) -> str:
    """Return the nearest file in the folder, as the end of a message."""
    names = [file.name for file in path.parent.glob("*.py")]
    near = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _follow(name: str, folder: Path, files: dict[str, bytes]) -> None:
    """Add a file, and every file in the folder that it imports, directly or not."""
    if name in files:
        return
    content = _read_file(folder / name, name)
    files[name] = content
    if sum(map(len, files.values())) > MAX_BYTES:
        raise UserError(
            f"{name}: this file and what it imports are larger than {MAX_BYTES:,} bytes; "
            "keep data in other files, and read them where it trains"
        )
    for imported in iter_imports(parse(content, name), name):
        top = imported.module.partition(".")[0]
        inner = list_files(folder, top)
        for file in inner:
            _follow(file, folder, files)
        if not inner and imported.is_required and not _is_importable(top):
            raise UserError(
                f"{name}:{imported.line}: imports {top!r}, which is neither installed nor a "
                f"file in {folder}"
            )


def list_files(folder: Path, top: str) -> list[str]:
    """Return the files of a module or package in a folder, relative to it; none if it has none."""
    if top == _PACKAGE or top in sys.stdlib_module_names:
        return []
    if (folder / f"{top}.py").is_file():
        return [f"{top}.py"]
    if not (folder / top / "__init__.py").is_file():
        return []
    paths = sorted((folder / top).rglob("*.py"))
    return [path.relative_to(folder).as_posix() for path in paths]


def _is_importable(top: str) -> bool:
    """Return whether a module is installed; it is not imported."""
    if top in sys.stdlib_module_names or top in sys.modules:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


def _read_file(path: Path, name: str) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(
                f"{name} is larger than {MAX_BYTES:,} bytes, so it cannot be a plugin"
            )
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror or error}"
        ) from None


def _read_installed(name: str) -> Plugin:
    """Read a module that Python can import, with all other modules of its package.

    Raises:
        UserError: there is no such module.
    """
    top = name.partition(".")[0]
    spec = None
    if all(part.isidentifier() for part in name.split(".")) and top != _PACKAGE:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise UserError(
            f"uses: {name!r} is neither a file nor a module that can be imported; "
            "a file is named with its ending: 'mymodel.py'"
        )
    path = Path(spec.origin)
    levels = name.count(".") + (2 if path.name == "__init__.py" else 1)
    folder = path.parents[levels - 1]
    files = {
        file: _read_file(folder / file, file)
        for file in list_files(folder, top)
    }
    return Plugin(
        name, name, tuple(sorted(files.items())), str(path), is_installed=True
    )
