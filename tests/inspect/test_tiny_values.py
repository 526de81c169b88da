"""Values with which `gensweep check` trains."""

from __future__ import annotations

import pytest

from gensweep.core.registries import MODELS
from gensweep.inspect.tiny_values import list_own_parameters, make_tiny_params, make_variant
from gensweep.sweep.point import Point


@pytest.mark.parametrize("model", list(MODELS))
def test_a_variant_has_another_value(model: str) -> None:
    params = make_tiny_params(model)
    for key in list_own_parameters(MODELS[model]):
        variant = make_variant(model, params, key)
        if variant is not None:
            base = Point.make(model, params, 0)
            assert variant.params[key] != base.params.get(key), key
