"""The state of a task: what it may hold, how a checkpoint stores it, and the global generators."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gensweep.core.errors import GensweepError

_KIND = "\0gensweep"
"""The key that marks a dict which stands for something else; no dict of a user's has it."""
_PLAIN = (type(None), bool, int, float, str, torch.dtype)


class TaskError(GensweepError):
    """A task does what no task may do; the message says what, and what it may.

    Attributes:
        position: file and line of the task's function, if it had returned already; else empty, and
            the traceback names the line.
    """

    position = ""


def encode_state(value: Any, path: str = "state") -> Any:
    """Return a state as tensors and plain values, which `torch.load` reads without running code.

    Raises:
        TaskError: a part of it is something else.
    """
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, _PLAIN) and type(value) in _PLAIN:
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return _encode_array(
            np.asarray(value), path, is_scalar=isinstance(value, np.generic)
        )
    if isinstance(value, (bytes, bytearray)):
        return {_KIND: "bytes", "data": _make_byte_tensor(bytes(value))}
    if isinstance(value, Mapping):
        return {
            _encode_key(key, path): encode_state(item, f"{path}[{key!r}]")
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        items = [
            encode_state(item, f"{path}[{index}]")
            for index, item in enumerate(value)
        ]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, (int, float, str)):
        return _strip_subclass(value)
    raise TaskError(
        f"{path} is a {type(value).__name__}; a state holds numbers, text, bytes, NumPy arrays and "
        "tensors, and lists, tuples and dicts of them; pickle.dumps makes bytes of other objects"
    )


def _strip_subclass(value: float | str) -> float | str:
    """Return the number or text of a subclass's object, such as a member of an enumeration.

    The subclass may define `str()`, `int()` and `float()` as it likes.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    return float.__float__(value)


def _encode_key(key: Any, path: str) -> Any:
    """Return the key of a dict as a plain value, which is equal to it."""
    if isinstance(key, np.generic):
        return key.item()
    if isinstance(key, bytes):
        return bytes(key)
    if isinstance(key, tuple):
        return tuple(_encode_key(part, path) for part in key)
    return encode_state(key, f"a key of {path}")


def _encode_array(
    array: np.ndarray, path: str, *, is_scalar: bool
) -> dict[str, Any]:
    if array.dtype.hasobject or array.dtype.names:
        raise TaskError(
            f"{path} is an array of {array.dtype}; a state holds arrays of numbers"
        )
    return {
        _KIND: "scalar" if is_scalar else "array",
        "data": _make_byte_tensor(np.ascontiguousarray(array).tobytes()),
        "dtype": array.dtype.str,
        "shape": tuple(array.shape),
    }


def _make_byte_tensor(data: bytes) -> Tensor:
    return (
        torch.frombuffer(bytearray(data), dtype=torch.uint8)
        if data
        else torch.empty(0)
    )


def decode_state(value: Any) -> Any:
    """Return the state that `encode_state` was given."""
    if isinstance(value, dict):
        if _KIND not in value:
            return {key: decode_state(item) for key, item in value.items()}
        data = value["data"].to(torch.uint8).cpu().numpy().tobytes()
        if value[_KIND] == "bytes":
            return data
        array = (
            np.frombuffer(data, np.dtype(value["dtype"]))
            .reshape(value["shape"])
            .copy()
        )
        return array[()] if value[_KIND] == "scalar" else array
    if isinstance(value, list):
        return [decode_state(item) for item in value]
    if isinstance(value, tuple):
        return tuple(decode_state(item) for item in value)
    return value


def get_generator_states() -> dict[str, Any]:
    """Return the states of Python's, NumPy's and PyTorch's global generators."""
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False),  # noqa: NPY002
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_generator_states(states: Mapping[str, Any]) -> None:
    """Set the global generators to what `get_generator_states` returned."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])  # noqa: NPY002
    torch.set_rng_state(states["torch"].cpu())
    # The process that saved them may have seen more GPUs than this one.
    for index, state in enumerate(states.get("cuda", ())):
        if index < torch.cuda.device_count():
            torch.cuda.set_rng_state(state.cpu(), index)


@contextlib.contextmanager
def seed_generators(seed: int) -> Generator[None]:
    """Start the global generators from a seed; afterwards they go on as before.

    A worker trains one task after another, and none may depend on the one before.
    """
    before = get_generator_states()
    random.seed(seed)
    np.random.seed(seed % (1 << 32))  # noqa: NPY002 - a user's function may use it
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_generator_states(before)
