"""Registries: named entries, which decorators add when the modules of a package are imported.

Entries of users' files are kept apart, in a layer for each version of a file: two versions of one
file can be in one process, and only the layers that a sweep uses are active.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import Callable, Generator, Iterable, Iterator
from types import ModuleType
from typing import Any, Generic, TypeVar, cast

from gensweep.core.errors import UnknownNameError, UserError
from gensweep.core.values import show_value

T = TypeVar("T")
Entry = TypeVar("Entry")
MAX_NAME = 100
"""The most characters of a name: it becomes a part of the names of files."""
PLUGIN_PACKAGE = "gensweep_plugins"
"""The package that all users' modules belong to; it has no file."""
OWN_PACKAGE = "gensweep."
"""The beginning of the names of this package's modules; other modules are users' own."""


class _Layers:
    """The users' files of this process.

    Attributes:
        loading: the layer that receives new entries; empty: the built-in entries.
        active: the layers whose entries can be looked up, in the order of the sweep.
        labels: layer -> the name of its file for messages.
        refusal: why nothing may be registered now; empty: it may.
        find_installed: called when a name is unknown; it loads the plugins that are installed,
            and returns their layers.
    """

    loading = ""
    active: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    refusal = ""
    find_installed: Callable[[], Iterable[str]] | None = None


_REGISTRIES: list[Registry] = []


@contextlib.contextmanager
def fill_layer(layer: str, label: str) -> Generator[None]:
    """Put every entry that the block registers into a layer; drop the layer if the block fails.

    Args:
        layer: the key of the layer.
        label: the name of the file, for messages.
    """
    before = (_Layers.loading, _Layers.refusal)
    _Layers.loading, _Layers.refusal = layer, ""
    _Layers.labels[layer] = label
    try:
        yield
    except BaseException:
        for registry in _REGISTRIES:
            registry.drop_layer(layer)
        raise
    finally:
        _Layers.loading, _Layers.refusal = before


@contextlib.contextmanager
def refuse_entries(reason: str) -> Generator[None]:
    """Let every registration in the block fail with a reason."""
    before = _Layers.refusal
    _Layers.refusal = reason
    try:
        yield
    finally:
        _Layers.refusal = before


def import_built_in(module: str) -> ModuleType:
    """Import a module of this package, whose entries are built in whoever imports it first."""
    before = (_Layers.loading, _Layers.refusal)
    _Layers.loading = _Layers.refusal = ""
    try:
        return importlib.import_module(module)
    finally:
        _Layers.loading, _Layers.refusal = before


def activate_layers(layers: Iterable[str]) -> None:
    """Make the entries of these layers, and of no others, available beside the built-in ones.

    Raises:
        UserError: two of them have an entry of the same kind and name.
    """
    chosen = tuple(dict.fromkeys(layers))
    for registry in _REGISTRIES:
        owners: dict[str, str] = {}
        for layer in chosen:
            for name in registry.list_layer(layer):
                if name in owners:
                    files = f"{_Layers.labels[owners[name]]} and {_Layers.labels[layer]}"
                    raise UserError(
                        f"{registry.kind} {name!r} is registered by both {files}"
                    )
                owners[name] = layer
    _Layers.active = chosen


def list_active_layers() -> tuple[str, ...]:
    """Return the layers whose entries are available now."""
    return _Layers.active


def set_installed_finder(find: Callable[[], Iterable[str]]) -> None:
    """Set the function that loads installed plugins when a name is unknown."""
    _Layers.find_installed = find


def load_installed() -> None:
    """Make the plugins that are installed available, beside those that are."""
    if _Layers.find_installed is None:
        return
    layers = tuple(_Layers.find_installed())
    if not set(layers) <= set(_Layers.active):
        activate_layers([*_Layers.active, *layers])


def is_of_main(source: Any) -> bool:
    """Return whether a class or function is of a notebook, or of the script that runs."""
    return getattr(source, "__module__", "") == "__main__"


def count_entries(layer: str) -> int:
    """Return how many entries a layer has."""
    return sum(len(registry.list_layer(layer)) for registry in _REGISTRIES)


class Registry(Generic[T]):
    """Entries of one kind, by name.

    All modules of the package are imported on first use. So a new entry needs only a new file with
    a decorator.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, T] = {}
        self._layers: dict[str, dict[str, T]] = {}
        self._loaded = False
        _REGISTRIES.append(self)

    def register(self, name: str, entry: T, source: Any = None) -> None:
        """Add an entry.

        Args:
            name: its name.
            entry: the entry.
            source: the function that it wraps; None: the entry is what a user's file defines.

        Raises:
            ValueError: a built-in module registers a name that is taken.
            UserError: the name is not a text, a user's file registers a name that is taken, or
                may register nothing.
        """
        is_text = isinstance(name, str) and name.isprintable()
        if not is_text or not 1 <= len(name.strip()) <= MAX_NAME:
            raise UserError(
                f"the name of a {self.kind} is {show_value(name)}, but it should be a printable "
                f"text of at most {MAX_NAME} characters"
            )
        if _Layers.refusal:
            raise UserError(f"{self.kind} {name!r} {_Layers.refusal}")
        if not _Layers.loading:
            # A cell of a notebook may be run again.
            is_interactive = is_of_main(source or entry)
            if name in self._entries and not is_interactive:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry
            return
        self._load()
        layer = self._layers.setdefault(_Layers.loading, {})
        if name in self._entries:
            raise UserError(
                f"{self.kind} {name!r} is built in; choose another name"
            )
        if name in layer:
            raise UserError(f"{self.kind} {name!r} is registered twice")
        layer[name] = entry

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
        available = self._entries
        if self._layers or not self._loaded:
            available = self._collect()
        if isinstance(name, str) and name not in available:
            load_installed()
            available = self._collect()
        try:
            return available[name]
        except (KeyError, TypeError):
            raise UnknownNameError(self.kind, name, available) from None

    def __contains__(self, name: object) -> bool:
        try:
            return name in self._collect()
        except TypeError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._collect()))

    def items(self) -> list[tuple[str, T]]:
        """Return every name with its entry, sorted by name."""
        return sorted(self._collect().items(), key=lambda item: item[0])

    def list_layer(self, layer: str) -> list[str]:
        """Return the names that a layer has."""
        return list(self._layers.get(layer, ()))

    def find_layer(self, name: str) -> str | None:
        """Return the active layer that has a name; None for a built-in or unknown one."""
        if name in self._entries:
            return None
        return next(
            (
                layer
                for layer in _Layers.active
                if name in self._layers.get(layer, ())
            ),
            None,
        )

    def drop_layer(self, layer: str) -> None:
        """Forget a layer."""
        self._layers.pop(layer, None)

    def _collect(self) -> dict[str, T]:
        """Return all entries that are available now."""
        self._load()
        if not self._layers:
            return self._entries
        # A file may use what it has just registered.
        layers = [
            layer
            for layer in (*_Layers.active, _Layers.loading)
            if layer in self._layers
        ]
        if not layers:
            return self._entries
        available = dict(self._entries)
        for layer in layers:
            available |= self._layers[layer]
        return available

    def _load(self) -> None:
        if self._loaded:
            return
        # Set first: a module of the package may use the registry while it is imported.
        self._loaded = True
        package = import_built_in(self._package)
        for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
            if not module.name.startswith("_"):
                import_built_in(f"{self._package}.{module.name}")
