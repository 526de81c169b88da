"""gensweep: sweeps of six small generative and sequence models on Ray Tune, and their tables."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gensweep.report.results import load
    from gensweep.sweep.point import Point
    from gensweep.sweep.questions import Compare
    from gensweep.sweep.spec import Grid, Sweep

__version__ = "0.1.0"
__all__ = ["Compare", "Grid", "Point", "Sweep", "load"]

# The modules are imported on first use: quick commands must not load pandas.
_MODULES = {
    "Compare": "gensweep.sweep.questions",
    "Grid": "gensweep.sweep.spec",
    "Point": "gensweep.sweep.point",
    "Sweep": "gensweep.sweep.spec",
    "load": "gensweep.report.results",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'gensweep' has no attribute {name!r}")
    module = importlib.import_module(_MODULES[name])
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
