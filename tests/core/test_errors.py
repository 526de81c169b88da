"""Errors of ours: that they arrive whole, wherever they were raised."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import re
from collections.abc import Iterator

import pytest

import gensweep
from gensweep.core import errors as core_errors
from gensweep.core.errors import DataError, GensweepError, StoreError, UnknownNameError


def kinds(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    """A class and every one that is derived from it."""
    yield kind
    for inner in kind.__subclasses__():
        yield from kinds(inner)


def errors() -> list[BaseException]:
    """One of every kind that the package has."""
    for module in pkgutil.walk_packages(gensweep.__path__, "gensweep."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    ours = [
        kind
        for base in (GensweepError, StoreError)
        for kind in kinds(base)
        if kind is not UnknownNameError
    ]
    assert len(ours) > 12
    return [kind("what and where") for kind in ours] + [
        UnknownNameError("model", "x", ["a", "b"], "here")
    ]


def test_every_error_survives_pickling_with_type_message_and_all_that_it_holds() -> None:
    for error in errors():
        error.place = "somewhere"  # ty: ignore[unresolved-attribute]
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), str(other), other.args) == (type(error), str(error), error.args)
        assert other.place == "somewhere"


def test_the_words_of_an_unknown_name_are_those_of_before() -> None:
    other = pickle.loads(pickle.dumps(UnknownNameError("model", "x", ["b", "a"], "here")))
    assert str(other) == "unknown model 'x' in here. Valid: a, b."


@pytest.mark.ray
def test_ray_hands_every_error_on_as_what_it_is() -> None:
    from ray import cloudpickle
    from ray.exceptions import RayTaskError

    for error in (UnknownNameError("model", "x", ["a"]), DataError("no data")):
        wrapped = RayTaskError("function", "traceback", error).as_instanceof_cause()
        other = pickle.loads(cloudpickle.dumps(wrapped))
        assert isinstance(wrapped, type(error)) and isinstance(other, type(error))
        assert (type(other.cause), str(other.cause)) == (type(error), str(error))


def test_every_exception_of_the_package_is_in_the_tree_and_is_named_as_an_error() -> None:
    errors()  # imports every module
    ours = {kind for kind in kinds(BaseException) if kind.__module__.startswith("gensweep.")}
    errors_only = {kind for kind in ours if issubclass(kind, Exception)}
    names = {kind.__name__ for kind in errors_only}
    drawn = re.findall(r"(?:├──|└──) (\w+)", core_errors.__doc__ or "")
    assert names == set(drawn) - {"OSError", "ValueError"}
    assert len(drawn) == len(set(drawn)) and all(name.endswith("Error") for name in names)
    indents = {}
    for line in (core_errors.__doc__ or "").splitlines():
        match = re.match(r"    ([│ ]*)(?:├──|└──) (\w+)", line)
        if match:
            indents[len(match[1])] = match[2]
            parent = indents.get(len(match[1]) - 4)
            kind = next((kind for kind in ours if kind.__name__ == match[2]), None)
            if kind and parent:
                assert parent in {base.__name__ for base in kind.__bases__}, line
