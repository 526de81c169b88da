"""Errors of ours: that they arrive whole, wherever they were raised."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
from collections.abc import Iterator

import pytest

import gensweep
from gensweep.core.errors import DataError, GensweepError, Unavailable, UnknownName


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
        for base in (GensweepError, Unavailable)
        for kind in kinds(base)
        if kind is not UnknownName
    ]
    assert len(ours) > 12
    return [kind("what and where") for kind in ours] + [
        UnknownName("model", "x", ["a", "b"], "here")
    ]


def test_every_error_survives_pickling_with_type_message_and_all_that_it_holds() -> None:
    for error in errors():
        error.place = "somewhere"  # ty: ignore[unresolved-attribute]
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), str(other), other.args) == (type(error), str(error), error.args)
        assert other.place == "somewhere"


def test_the_words_of_an_unknown_name_are_those_of_before() -> None:
    other = pickle.loads(pickle.dumps(UnknownName("model", "x", ["b", "a"], "here")))
    assert str(other) == "unknown model 'x' in here. Valid: a, b."


@pytest.mark.ray
def test_ray_hands_every_error_on_as_what_it_is() -> None:
    from ray import cloudpickle
    from ray.exceptions import RayTaskError

    for error in (UnknownName("model", "x", ["a"]), DataError("no data")):
        wrapped = RayTaskError("function", "traceback", error).as_instanceof_cause()
        other = pickle.loads(cloudpickle.dumps(wrapped))
        assert isinstance(wrapped, type(error)) and isinstance(other, type(error))
        assert (type(other.cause), str(other.cause)) == (type(error), str(error))
