"""What trials would wait for: compiled kernels and readers, made in a process of its own while Ray starts."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Generator, Mapping, Sequence

from gensweep.core import cache
from gensweep.core.arrays import Prepared
from gensweep.core.catalog import DERIVED
from gensweep.layers import compiling
from gensweep.points import Point
from gensweep.train.glyphs import is_kept


@contextlib.contextmanager
def made_beside(points: Sequence[Point], ready: Mapping[str, Prepared], kernels: bool) -> Generator[None]:
    """Within it, what the cache lacks is made; trials that need it sooner wait for it.

    Args:
        points: what is to be trained.
        ready: their datasets by `Point.data_key`; a reader of one that is not there is left to its trials.
        kernels: whether trials compute with compiled kernels.
    """
    lacking = _lacking_kernels(points) if kernels and compiling.is_wanted() else []
    read = {point.data_key: point for point in points if DERIVED["read"].source(point.model_config().outputs)}
    missing = [point for key, point in read.items() if key in ready and not is_kept(ready[key])]
    if not lacking and not missing:
        yield
        return
    # Spawned: the threads of this process and Ray's do not survive a fork.
    process = multiprocessing.get_context("spawn").Process(target=_make, args=(lacking, missing), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _lacking_kernels(points: Sequence[Point]) -> list[str]:
    """The precisions whose kernels the cache lacks; `auto` is one of the others, but which, torch has to say."""
    asked = {point.model_config().precision for point in points}
    every = ("float32", "bfloat16")
    kept = {name for name in every if compiling.is_kept(name)}
    return sorted(name for name in asked if not (kept if name == "auto" else name in kept))


def _make(precisions: list[str], points: list[Point]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver, which hears it too, ends this
    for precision in precisions:
        compiling.library(_resolved(precision))
    if points:
        from gensweep.train.reader import reader_of  # imports torch

        for point in points:
            reader_of(cache.prepared(point.data_config()))


def _resolved(precision: str) -> str:
    if precision != "auto":
        return precision
    import torch

    from gensweep.train.precision import has_native_bfloat16, resolve

    return resolve(precision, has_native_bfloat16(torch.device("cpu")))
