"""Registries: named entries, which decorators add when the modules of a package are imported."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, cast

from gensweep.core.errors import UnknownNameError

T = TypeVar("T")
Entry = TypeVar("Entry")


class Registry(Generic[T]):
    """Entries of one kind, by name.

    All modules of the package are imported on first use. So a new entry needs only a new file with
    a decorator.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str, entry: T) -> None:
        """Add an entry.

        Raises:
            ValueError: there is an entry with this name.
        """
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        self._entries[name] = entry

    def __call__(self, name: str) -> Callable[[Entry], Entry]:
        """Return a decorator that registers a class or function under ``name``."""

        def add(entry: Entry) -> Entry:
            self.register(name, cast(T, entry))
            return entry

        return add

    def __getitem__(self, name: str) -> T:
        """Return the entry.

        Raises:
            UnknownNameError: no such entry; the error lists the valid names.
        """
        self._load()
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise UnknownNameError(self.kind, name, self._entries) from None

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._entries))

    def items(self) -> list[tuple[str, T]]:
        """Return every name with its entry, sorted by name."""
        return [(name, self._entries[name]) for name in self]

    def _load(self) -> None:
        if self._loaded:
            return
        # Set first: a module of the package may use the registry while it is imported.
        self._loaded = True
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self._package}.{module.name}")
