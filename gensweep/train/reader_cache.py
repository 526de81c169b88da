"""Readers in the cache folder: each is trained once, by one process, and then loaded."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from gensweep.core.errors import DataError
from gensweep.system.cache_dir import make_cache_folder
from gensweep.system.storage import lock_file, write_atomic
from gensweep.train import checkpoint
from gensweep.train.reader_digest import FOLDER, get_file_name

log = logging.getLogger(__name__)
R = TypeVar("R", bound=nn.Module)
State = dict[str, Any]


def load_or_train(
    digest: str,
    train: Callable[[], R],
    describe: Callable[[R], State],
    restore: Callable[[State], R],
) -> R:
    """Return a reader from the cache; train it if it is not there.

    If many processes need it at once, one trains and the others wait. A damaged file is replaced. A
    cache that cannot be written to costs time, and nothing else.

    Args:
        digest: of everything that the reader depends on.
        train: trains it.
        describe: returns the state of a reader, to be stored.
        restore: returns the reader of a state; raises `RuntimeError`, `LookupError`, `TypeError`
            or `ValueError` if the state is not one.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = make_cache_folder(FOLDER)
            path = folder / get_file_name(digest)
            reader = _load(path, digest, restore)
            if reader is not None:
                return reader
            stack.enter_context(lock_file(folder / f"{digest}.lock"))
        except (DataError, OSError) as error:
            log.warning("the reader is not cached: %s", error)
            return train()
        # Another process may have trained it while this one waited for the lock.
        reader = _load(path, digest, restore)
        if reader is not None:
            return reader
        reader = train()
        state = describe(reader)
        try:
            write_atomic(
                path, partial(checkpoint.save, point_id=digest, state=state)
            )
        except OSError as error:
            log.warning(
                "the reader is not cached: %s; free some space, or set GENSWEEP_CACHE",
                error,
            )
        return reader


def _load(path: Path, digest: str, restore: Callable[[State], R]) -> R | None:
    """Return a cached reader; None if there is none, or its file is damaged."""
    try:
        return restore(checkpoint.load(path, digest, torch.device("cpu")))
    except FileNotFoundError:
        return None
    except (
        checkpoint.CheckpointError,
        RuntimeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        log.warning("%s; the reader is trained again", error)
        return None
