"""Readers of drawn answers, trained in a process of their own while Ray starts."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Generator, Sequence

from gensweep.core import cache
from gensweep.core.arrays import Prepared
from gensweep.core.catalog import DERIVED
from gensweep.points import Point
from gensweep.train.glyphs import is_kept


@contextlib.contextmanager
def trained_beside(points: Sequence[Point], ready: dict[str, Prepared]) -> Generator[None]:
    """Within it, readers that the cache lacks are trained; trials that need one sooner wait for it.

    Args:
        points: what is to be trained; those whose answers nobody reads are passed over.
        ready: their datasets by `Point.data_key`; one that is not there is left to its trials.
    """
    read = {point.data_key: point for point in points if DERIVED["read"].source(point.model_config().outputs)}
    missing = [point for key, point in read.items() if key in ready and not is_kept(ready[key])]
    if not missing:
        yield
        return
    # Spawned: the threads of this process and Ray's do not survive a fork.
    process = multiprocessing.get_context("spawn").Process(target=_train, args=(missing,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _train(points: list[Point]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver, which hears it too, ends this
    from gensweep.train.reader import reader_of  # imports torch

    for point in points:
        reader_of(cache.prepared(point.data_config()))
