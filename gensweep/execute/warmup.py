"""Warm-up while Ray starts: compile kernels and train readers that trials would wait for."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Generator, Mapping, Sequence

from gensweep import kernels
from gensweep.core.dataset import DatasetArrays
from gensweep.core.registries import DERIVED
from gensweep.prepare import array_cache
from gensweep.sweep.point import Point
from gensweep.system.precision import (
    has_bfloat16_instructions,
    resolve_precision,
)
from gensweep.train.glyphs import is_reader_cached


def compile_kernels_in_background(
    points: Sequence[Point],
) -> threading.Thread:
    """Compile the kernels of these points that are not in the cache, in a thread.

    Nobody has to wait for the thread. Which precision `auto` is, only torch knows; here it is
    guessed from the processor. If the guess is wrong, trials compile what they need.
    """
    native = has_bfloat16_instructions()
    configs = [point.model_config() for point in points]
    precisions = {
        resolve_precision(config.precision, native)
        for config in configs
        if config.is_trained_by_loop
    }
    thread = threading.Thread(
        target=kernels.compile_ahead,
        args=(precisions,),
        name="kernels",
        daemon=True,
    )
    if precisions and kernels.is_enabled():
        thread.start()
    return thread


@contextlib.contextmanager
def train_readers_in_background(
    points: Sequence[Point], arrays: Mapping[str, DatasetArrays]
) -> Generator[None]:
    """Train readers that are not in the cache, in another process, as long as the block runs.

    A trial that needs one sooner waits for it.

    Args:
        points: the points to train. Those whose answers no reader reads are ignored.
        arrays: their datasets by `Point.data_key`. A dataset that is not among them is left to
            its trials.
    """
    point_of_data: dict[str, Point] = {}
    for point in points:
        if DERIVED["read"].find_source(point.model_config().outputs):
            point_of_data[point.data_key] = point
    missing = [
        point
        for key, point in point_of_data.items()
        if key in arrays and not is_reader_cached(arrays[key])
    ]
    if not missing:
        yield
        return
    # Spawned, since the threads of this process and of Ray do not survive a fork.
    context = multiprocessing.get_context("spawn")
    process = context.Process(
        target=_train_readers, args=(missing,), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _train_readers(points: list[Point]) -> None:
    # Ctrl-C reaches this process too, but the driver is the one that ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from gensweep.train.reader import load_reader  # imports torch

    for point in points:
        load_reader(array_cache.load_arrays(point.data_config()))
