"""The kernels in C, compiled on the machine that trains, once a precision; without torch."""

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

from gensweep.core.cache import cache_folder
from gensweep.core.environment import compiler, processor
from gensweep.core.errors import DataError
from gensweep.core.precision import BFLOAT16, FLOAT32
from gensweep.core.storage import find_distrust, locked, private_folder, write_atomic

log = logging.getLogger(__name__)
SWITCH = "GENSWEEP_COMPILED"
"""An environment variable: `0` leaves everything to PyTorch."""
_SOURCES = [Path(__file__).with_name(name) for name in ("recurrence.c", "convolution.c")]
_HEADERS = [Path(__file__).with_name(name) for name in ("number.h", "tile.h", "cell.h", "scratch.h")]
_DEFINED = {FLOAT32: [], BFLOAT16: ["-DBFLOAT16"]}
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


def is_wanted() -> bool:
    """Whether the environment leaves anything to the kernels."""
    return os.environ.get(SWITCH) != "0"


@lru_cache
def library(precision: str) -> ctypes.CDLL | None:
    """The kernels of `float32` or `bfloat16`, kept in the cache; None where there is no compiler, or it fails."""
    try:
        if (command := compiler()) is None:
            return None
        digest = hashlib.sha256(f"{processor()} {command} {_FLAGS} {_MACHINES} {precision}".encode())
        for source in _SOURCES + _HEADERS:
            digest.update(source.read_bytes())
        folder = private_folder(cache_folder(), "compiled")
        path = folder / f"kernels-{digest.hexdigest()[:16]}.so"
        if not path.exists():
            with locked(path.with_suffix(".lock")):  # of several processes, one compiles
                if not path.exists():
                    write_atomic(path, _compiled(command, _DEFINED[precision]))
                    path.chmod(0o600)
        return _load_trusted(path)
    except (OSError, ValueError, AttributeError, DataError, subprocess.SubprocessError) as error:
        log.warning("PyTorch computes everything, for the kernels cannot be compiled, kept or loaded: %s", error)
        return None


def _load_trusted(path: Path) -> ctypes.CDLL:
    """Load a library that nobody else can have written.

    Raises:
        OSError: somebody else may have; the message says who.
    """
    if why := find_distrust(path.stat()):
        raise PermissionError(f"{path} {why}; it is not loaded. Remove it, or set GENSWEEP_CACHE to another folder")
    return _loaded(path)


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
                call, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_PATIENCE,
                start_new_session=True,  # not to hear the terminal's Ctrl-C, after which lesser instructions would do
            )  # fmt: skip
            if done.returncode < 0:
                break
            if done.returncode == 0:
                _loaded(made)
                return made.read_bytes()
        raise OSError(f"{shlex.join(call)}: {done.stderr.strip()[-500:]}")
