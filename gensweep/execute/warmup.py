"""What trials would wait for, made while Ray starts: compiled kernels, and readers in a process of their own."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Generator, Mapping, Sequence

from gensweep import kernels
from gensweep.core.dataset import Prepared
from gensweep.core.registries import DERIVED
from gensweep.prepare import array_cache
from gensweep.sweep.point import Point
from gensweep.system.precision import likely_bfloat16, resolve
from gensweep.train.glyphs import is_reader_cached


def compile_beside(points: Sequence[Point]) -> threading.Thread:
    """Compile the kernels of these points that the cache lacks, in a thread that no one has to wait for.

    What `auto` is, torch has to say; here it is told from the processor, and where that is wrong, trials compile.
    """
    native = likely_bfloat16()
    precisions = {resolve(point.model_config().precision, native) for point in points}
    thread = threading.Thread(
        target=kernels.compile_ahead, args=(precisions,), name="kernels", daemon=True
    )
    if kernels.is_enabled():
        thread.start()
    return thread


@contextlib.contextmanager
def trained_beside(points: Sequence[Point], ready: Mapping[str, Prepared]) -> Generator[None]:
    """Within it, readers that the cache lacks are trained; trials that need one sooner wait for it.

    Args:
        points: what is to be trained; those whose answers nobody reads are passed over.
        ready: their datasets by `Point.data_key`; one that is not there is left to its trials.
    """
    read = {
        point.data_key: point
        for point in points
        if DERIVED["read"].source(point.model_config().outputs)
    }
    missing = [
        point for key, point in read.items() if key in ready and not is_reader_cached(ready[key])
    ]
    if not missing:
        yield
        return
    # Spawned: the threads of this process and Ray's do not survive a fork.
    process = multiprocessing.get_context("spawn").Process(
        target=_train, args=(missing,), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _train(points: list[Point]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver, which hears it too, ends this
    from gensweep.train.reader import load_reader  # imports torch

    for point in points:
        load_reader(array_cache.prepared(point.data_config()))
