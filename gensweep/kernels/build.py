"""Compile the kernels on the machine that trains, once per precision, into the cache.

Nothing here imports torch.
"""

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
from gensweep.system.storage import (
    explain_distrust,
    lock_file,
    make_private_folder,
    write_atomic,
)

log = logging.getLogger(__name__)
SWITCH = "GENSWEEP_COMPILED"
"""An environment variable: `0` leaves everything to PyTorch."""
_FOLDER = Path(__file__).with_name("csrc")
_SOURCES = [_FOLDER / name for name in ("lstm.c", "conv.c")]
_HEADERS = [
    _FOLDER / name
    for name in ("scalar.h", "gemm_tile.h", "lstm_cell.h", "packing.h")
]
_MACROS = {FLOAT32: [], BFLOAT16: ["-DBFLOAT16"]}
"""Per precision, the macros that its library is compiled with."""
# No flag may make the compiler ignore NaN. The kernels write a scratchpad element by element and
# read it in words, so strict aliasing has to be off.
_FLAGS = (
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-strict-aliasing",
    "-shared",
    "-fPIC",
)
_MACHINES = (
    ["-march=native", "-mprefer-vector-width=512"],
    ["-march=native"],
    ["-mcpu=native"],
    [],
)
"""Options that select this processor's instructions and its widest vectors, for x86, for ARM.

The first that works is used.
"""
_INT64 = ctypes.c_int64
_ADDRESS = ctypes.c_void_p
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
"""Functions of a library -> the types that each one returns and takes."""
_TIMEOUT_SECONDS = 180.0
"""Of a compiler; it takes about two seconds, and more than 30 where many processes share a core."""


def is_enabled() -> bool:
    """Return whether the environment allows the kernels."""
    return os.environ.get(SWITCH) != "0"


@lru_cache
def load_library(precision: str) -> ctypes.CDLL | None:
    """Return the kernels of `float32` or `bfloat16`, from the cache.

    They are compiled if the cache lacks them; None if there is no compiler, or it fails.
    """
    try:
        command = find_compiler()
        if command is None:
            return None
        name = f"kernels-{_compute_digest(command, precision)}.so"
        path = make_private_folder(make_cache_folder(), "compiled") / name
        if not path.exists():
            # If many processes need it, one compiles and the others wait.
            with lock_file(path.with_suffix(".lock")):
                if not path.exists():
                    write_atomic(path, _compile(command, _MACROS[precision]))
                    path.chmod(0o600)
        return _load_trusted(path)
    except (
        OSError,
        ValueError,
        AttributeError,
        DataError,
        subprocess.SubprocessError,
    ) as error:
        log.warning(
            "PyTorch computes everything, since the kernels cannot be compiled, cached or "
            "loaded: %s",
            error,
        )
        return None


def _compute_digest(command: list[str], precision: str) -> str:
    """Return a digest of all that a library depends on: processor, command, options, sources."""
    options = (
        f"{describe_processor()} {command} {_FLAGS} {_MACHINES} {precision}"
    )
    digest = hashlib.sha256(options.encode())
    for source in _SOURCES + _HEADERS:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _load_trusted(path: Path) -> ctypes.CDLL:
    """Load a library, unless somebody else can have written it.

    Raises:
        OSError: somebody else can; the message says who.
    """
    reason = explain_distrust(path.stat())
    if reason:
        raise PermissionError(
            f"{path} {reason}; it is not loaded. Remove it, or set GENSWEEP_CACHE to another folder"
        )
    return _load(path)


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def _compile(command: list[str], macros: list[str]) -> bytes:
    """Return a library for this processor; it was loaded once, so it works.

    Raises:
        OSError: the compiler fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "kernels.so"
        sources = [str(source) for source in _SOURCES]
        for machine in _MACHINES:
            call = [
                *command,
                *_FLAGS,
                *macros,
                *machine,
                *sources,
                "-o",
                str(output),
            ]
            # In a session of its own the compiler does not get the terminal's Ctrl-C. That would
            # look like a failure, after which other options with fewer instructions are tried.
            result = subprocess.run(
                call,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_SECONDS,
                start_new_session=True,
            )
            if result.returncode < 0:
                # A signal killed it, so it says nothing about these options.
                break
            if result.returncode == 0:
                _load(output)
                return output.read_bytes()
        raise OSError(f"{shlex.join(call)}: {result.stderr.strip()[-500:]}")
