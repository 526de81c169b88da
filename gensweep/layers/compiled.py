"""The kernels in C, compiled on the machine that trains, once a precision; where that cannot be, PyTorch computes."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import shlex
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gensweep.core.cache import cache_folder
from gensweep.core.environment import compiler, processor
from gensweep.core.errors import DataError
from gensweep.core.storage import locked, write_atomic

log = logging.getLogger(__name__)
SWITCH = "GENSWEEP_COMPILED"
"""An environment variable: `0` leaves everything to PyTorch."""
_SOURCES = [Path(__file__).with_name(name) for name in ("recurrence.c", "convolution.c")]
_HEADERS = [Path(__file__).with_name(name) for name in ("number.h", "tile.h", "cell.h", "scratch.h")]
_DEFINED = {torch.float32: [], torch.bfloat16: ["-DBFLOAT16"]}
"""Of each precision that there is a library for, what its sources are told."""
_FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-strict-aliasing", "-shared", "-fPIC")
"""None that lets go of NaN; a scratch is read in words that were written in parts."""
_MACHINES = (["-march=native", "-mprefer-vector-width=512"], ["-march=native"], ["-mcpu=native"], [])
"""Whose instructions to use, as compilers for x86 and for ARM call it; the widest vectors that there are."""
_NUMBER, _ADDRESS = ctypes.c_int64, ctypes.c_void_p
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "lanes": (_NUMBER, []),
    "scratch_size": (_NUMBER, [_ADDRESS]),
    "lstm_scratch": (_NUMBER, [_ADDRESS]),
} | {
    name: (None, [_ADDRESS] * 2)
    for name in ("convolve", "transpose", "convolve_back", "transpose_back", "lstm_forward", "lstm_backward")
}
"""What each returns and takes."""
_PATIENCE = 30.0
"""Seconds that a compiler gets; it takes about two."""


def serves(tensor: Tensor) -> bool:
    """Whether the kernels compute such tensors: float32 or bfloat16 on a CPU, in the one thread that a trial has.

    The first time it may take some seconds.
    """
    asked = (
        tensor.dtype in _DEFINED
        and tensor.device.type == "cpu"
        and torch.get_num_threads() == 1
        and os.environ.get(SWITCH) != "0"
    )
    return asked and _library(tensor.dtype) is not None


def computed(tensor: Tensor) -> torch.dtype:
    """What a layer computes with such a tensor: its own precision, or that of an autocast around it."""
    device = tensor.device.type
    lowered = tensor.is_floating_point() and tensor.dtype != torch.float64  # as autocast does
    if lowered and torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return tensor.dtype


def cast(tensor: Tensor) -> Tensor:
    """The tensor in the precision that a layer computes it in."""
    return tensor.to(computed(tensor))


def panels(matrices: Tensor, most: int, dtype: torch.dtype) -> Tensor:
    """Columns in panels as wide as two vectors, with zeros behind the last: what a tile of a product reads.

    Args:
        matrices: [..., rows, columns].
        most: rows with those of zeros that are put behind.
        dtype: of the kernels that read them.

    Returns:
        [panels, ..., most up to a whole word, width of a panel], dense; rows that share a word are beside each other:
        [panels, ..., words, width of a panel, rows in a word].
    """
    width, held = 2 * lanes(dtype), torch.float32.itemsize // dtype.itemsize
    rows, columns = matrices.shape[-2:]
    more = most + -most % held - rows
    if columns % width or more:
        matrices = F.pad(matrices, (0, -columns % width, 0, more))
    found = matrices.to(dtype).unflatten(-1, (-1, width)).movedim(-2, 0)
    return (found if held == 1 else found.unflatten(-2, (-1, held)).transpose(-1, -2)).contiguous()


def lanes(dtype: torch.dtype) -> int:
    """Sums in a vector of this processor."""
    return library(dtype).lanes()


def library(dtype: torch.dtype) -> ctypes.CDLL:
    """The kernels, where `serves` said that there are some."""
    found = _library(dtype)
    assert found is not None, "serves comes first"
    return found


@lru_cache
def _library(dtype: torch.dtype) -> ctypes.CDLL | None:
    """The compiled kernels, kept in the cache folder; None where there is no compiler, or it does not do."""
    try:
        if (command := compiler()) is None:
            return None
        digest = hashlib.sha256(f"{processor()} {command} {_FLAGS} {_MACHINES} {dtype}".encode())
        for source in _SOURCES + _HEADERS:
            digest.update(source.read_bytes())
        path = cache_folder("compiled") / f"kernels-{digest.hexdigest()[:16]}.so"
        if not path.exists():
            with locked(path.with_suffix(".lock")):  # of several processes, one compiles
                if not path.exists():
                    write_atomic(path, _compiled(command, _DEFINED[dtype]))
        return _loaded(path)
    except (OSError, ValueError, AttributeError, DataError, subprocess.SubprocessError) as error:
        log.warning("PyTorch computes everything, for the kernels cannot be compiled, kept or loaded: %s", error)
        return None


def _loaded(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    for name, (returned, taken) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = returned, taken
    return library


def _compiled(command: list[str], defined: list[str]) -> bytes:
    """A library for this processor, which was seen to load."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "kernels.so"
        for machine in _MACHINES:
            call = [*command, *_FLAGS, *defined, *machine, *map(str, _SOURCES), "-o", str(made)]
            done = subprocess.run(
                call, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_PATIENCE
            )
            if done.returncode == 0:
                _loaded(made)
                return made.read_bytes()
        raise OSError(f"{shlex.join(call)}: {done.stderr.strip()[-500:]}")
