"""An LSTM's cell in C, compiled on the machine that trains, once; where that cannot be, PyTorch computes it."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import logging
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from gensweep.core.cache import cache_folder
from gensweep.core.errors import DataError
from gensweep.core.storage import locked, write_atomic

log = logging.getLogger(__name__)
SWITCH = "GENSWEEP_COMPILED"
"""An environment variable: `0` leaves the cell to PyTorch."""
_SOURCE = Path(__file__).with_name("cell.c")
_FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")  # none that lets go of NaN
_MACHINES = (["-march=native"], ["-mcpu=native"], [])
"""Whose instructions to use, as compilers for x86 and for ARM call it."""
_WIDTHS = {"lstm_forward": (4, 1, 4, 1, 1, 1), "lstm_backward": (4, 1, 1, 1, 1, 1, 4)}
"""Of each function's arrays [n, width h]."""
_PATIENCE = 30.0
"""Seconds that a compiler gets; it takes about one."""


def serves(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether the compiled cell computes such tensors: float32 on a CPU. The first time it may take a second."""
    asked = dtype == torch.float32 and device.type == "cpu" and os.environ.get(SWITCH) != "0"
    return asked and _library() is not None


def forward(
    projected: Tensor, before: Tensor | None, gates: Tensor, cells: Tensor, squashed: Tensor, states: Tensor
) -> None:
    """One step of some examples, in place; every tensor is dense.

    Args:
        projected: [..., 4H].
        before: the cells before, [..., H]; None at the first step.
        gates: [..., 4H]: in, the states before times the weights, or anything at the first step; out, the gates.
        cells, squashed, states: [..., H]: out, the cells, their tanh, the states.
    """
    _call("lstm_forward", cells, projected, before, gates, cells, squashed, states)


def backward(
    gates: Tensor,
    before: Tensor | None,
    squashed: Tensor,
    to_states: Tensor,
    more: Tensor | None,
    to_cells: Tensor,
    found: Tensor,
) -> None:
    """The gradient of one step, in place; every tensor is dense.

    Args:
        gates, before, squashed: what `forward` had and made.
        to_states: [..., H]: the gradient of the states.
        more: as much again, by way of the step after; None at the last step.
        to_cells: [..., H]: in, the gradient of the cells by way of the step after, or anything at the last step; out,
            the gradient of the cells before.
        found: [..., 4H]: out, the gradient of `projected`.
    """
    _call("lstm_backward", squashed, gates, before, squashed, to_states, more, to_cells, found)


def _call(name: str, like: Tensor, *tensors: Tensor | None) -> None:
    """Call a function of the library; ``like`` [..., H] has the sizes."""
    library, hidden, size = _library(), like.shape[-1], like.numel()
    assert library is not None, "serves comes first"
    for tensor, width in zip(tensors, _WIDTHS[name], strict=True):  # what lies behind an address, nobody checks
        if tensor is not None and not (
            tensor.dtype == torch.float32 and tensor.is_contiguous() and tensor.numel() == width * size
        ):
            raise ValueError(f"{name}: {tensor.dtype} {list(tensor.shape)} beside {list(like.shape)}, or not dense")
    if size:
        addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
        getattr(library, name)(size // hidden, hidden, *addresses)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """The compiled cell, kept in the cache folder; None where there is no compiler, or it does not do."""
    try:
        if (command := _compiler()) is None:
            return None
        known = f"{_processor()} {command} {_FLAGS}".encode() + _SOURCE.read_bytes()
        path = cache_folder("compiled") / f"cell-{hashlib.sha256(known).hexdigest()[:16]}.so"
        if not path.exists():
            with locked(path.with_suffix(".lock")):  # of several processes, one compiles
                if not path.exists():
                    write_atomic(path, _compiled(command))
        return _loaded(path)
    except (OSError, ValueError, AttributeError, DataError, subprocess.SubprocessError) as error:
        log.warning("PyTorch computes the LSTMs' cell, for it cannot be compiled: %s", error)
        return None


def _loaded(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    for name, widths in _WIDTHS.items():
        function = getattr(library, name)
        function.argtypes = [ctypes.c_int64] * 2 + [ctypes.c_void_p] * len(widths)
        function.restype = None
    return library


def _compiler() -> list[str] | None:
    """The C compiler: what `CC` names, else the first of the usual names."""
    named = shlex.split(os.environ.get("CC", ""))
    for command in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        if found := shutil.which(command[0]):
            return [found, *command[1:]]
    return None


def _processor() -> str:
    """What the processor can: machines that differ may share a cache folder, and each compiles for itself."""
    with contextlib.suppress(OSError):
        if features := re.search(r"^(?:flags|Features)\s*:.*", Path("/proc/cpuinfo").read_text(), re.M):
            return f"{platform.system()} {platform.machine()} {features[0]}"
    return f"{platform.system()} {platform.machine()} {platform.node()}"


def _compiled(command: list[str]) -> bytes:
    """A library for this processor, which was seen to load."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "cell.so"
        for machine in _MACHINES:
            call = [*command, *_FLAGS, *machine, str(_SOURCE), "-o", str(made), "-lm"]
            done = subprocess.run(
                call, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_PATIENCE
            )
            if done.returncode == 0:
                _loaded(made)
                return made.read_bytes()
        raise OSError(f"{shlex.join(call)}: {done.stderr.strip()[-500:]}")
