"""Compile the kernels on the machine that trains, once per precision, into the cache; without torch."""

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

from gensweep.core.errors import DataError
from gensweep.system.cache_dir import make_cache_folder
from gensweep.system.environment import describe_processor, find_compiler
from gensweep.system.precision import BFLOAT16, FLOAT32
from gensweep.system.storage import explain_distrust, lock_file, make_private_folder, write_atomic

log = logging.getLogger(__name__)
SWITCH = "GENSWEEP_COMPILED"
"""An environment variable: `0` leaves everything to PyTorch."""
_FOLDER = Path(__file__).with_name("csrc")
_SOURCES = [_FOLDER / name for name in ("lstm.c", "conv.c")]
_HEADERS = [_FOLDER / name for name in ("scalar.h", "gemm_tile.h", "lstm_cell.h", "packing.h")]
_DEFINED = {FLOAT32: [], BFLOAT16: ["-DBFLOAT16"]}
"""Per precision, the macros that its library is compiled with."""
_FLAGS = (
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-strict-aliasing",
    "-shared",
    "-fPIC",
)
"""None that ignores NaN. Words of a scratchpad are read that were written element by element, hence no strict
aliasing."""
_MACHINES = (
    ["-march=native", "-mprefer-vector-width=512"],
    ["-march=native"],
    ["-mcpu=native"],
    [],
)
"""Options that select this processor's instructions and its widest vectors, for x86, for ARM; the first that works."""
_INT64, _ADDRESS = ctypes.c_int64, ctypes.c_void_p
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "gensweep_vector_floats": (_INT64, []),
    "gensweep_conv_abi": (_INT64, [_INT64]),
    "gensweep_lstm_abi": (_INT64, [_INT64]),
    "gensweep_conv_scratchpad": (_INT64, [_ADDRESS]),
    "gensweep_lstm_scratchpad": (_INT64, [_ADDRESS]),
    "gensweep_conv": (None, [_ADDRESS, _ADDRESS]),
    "gensweep_conv_transpose": (None, [_ADDRESS, _ADDRESS]),
    "gensweep_conv_backward": (None, [_ADDRESS, _ADDRESS]),
    "gensweep_conv_transpose_backward": (None, [_ADDRESS, _ADDRESS]),
    "gensweep_lstm_forward": (None, [_ADDRESS, _ADDRESS]),
    "gensweep_lstm_backward": (None, [_ADDRESS, _ADDRESS]),
}
"""What a library exports: the types that each function returns and takes."""
_TIME_LIMIT = 30.0
"""Seconds that a compiler gets; it takes about two."""


def is_enabled() -> bool:
    """Return whether the environment allows the kernels."""
    return os.environ.get(SWITCH) != "0"


@lru_cache
def library(precision: str) -> ctypes.CDLL | None:
    """Return the kernels of `float32` or `bfloat16`, from the cache; None if there is no compiler, or it fails."""
    try:
        if (command := find_compiler()) is None:
            return None
        digest = hashlib.sha256(
            f"{describe_processor()} {command} {_FLAGS} {_MACHINES} {precision}".encode()
        )
        for source in _SOURCES + _HEADERS:
            digest.update(source.read_bytes())
        folder = make_private_folder(make_cache_folder(), "compiled")
        path = folder / f"kernels-{digest.hexdigest()[:16]}.so"
        if not path.exists():
            with lock_file(path.with_suffix(".lock")):  # of several processes, one compiles
                if not path.exists():
                    write_atomic(path, _compile(command, _DEFINED[precision]))
                    path.chmod(0o600)
        return _load_trusted(path)
    except (OSError, ValueError, AttributeError, DataError, subprocess.SubprocessError) as error:
        log.warning(
            "PyTorch computes everything, for the kernels cannot be compiled, kept or loaded: %s",
            error,
        )
        return None


def _load_trusted(path: Path) -> ctypes.CDLL:
    """Load a library that nobody else can have written.

    Raises:
        OSError: somebody else may have; the message says who.
    """
    if why := explain_distrust(path.stat()):
        raise PermissionError(
            f"{path} {why}; it is not loaded. Remove it, or set GENSWEEP_CACHE to another folder"
        )
    return _load(path)


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _compile(command: list[str], defined: list[str]) -> bytes:
    """Return a library for this processor, which was loaded once."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "kernels.so"
        for machine in _MACHINES:
            call = [*command, *_FLAGS, *defined, *machine, *map(str, _SOURCES), "-o", str(output)]
            done = subprocess.run(
                call, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_TIME_LIMIT,
                start_new_session=True,  # not to hear the terminal's Ctrl-C, after which lesser instructions would do
            )  # fmt: skip
            if done.returncode < 0:
                break
            if done.returncode == 0:
                _load(output)
                return output.read_bytes()
        raise OSError(f"{shlex.join(call)}: {done.stderr.strip()[-500:]}")
