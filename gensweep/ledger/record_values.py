"""The values that the fields of a record can have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from gensweep.core.config import RESERVED_NAMES, get_last_epoch, is_count
from gensweep.core.own_data import OWN_DATA
from gensweep.core.values import MAX_METRIC, is_number, is_plain
from gensweep.ledger.status import Status

MAX_SECONDS = 1e9
"""The longest training that a record may name: 30 years."""


def find_problems(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields with a meaningless value, each with the reason."""
    metrics = values["metrics"].values()
    if not all(is_number(value) for value in metrics):
        yield "a metric", "is not a finite number"
    elif any(abs(value) > MAX_METRIC for value in metrics):
        yield "a metric", f"is beyond {MAX_METRIC:g}"
    for name in values["metrics"]:
        if not name.isprintable():
            yield "a metric", "has a name that cannot be printed"
        if name.rpartition("/")[2] in RESERVED_NAMES:
            yield "a metric", "has the name of a column of every table"
    params = values["params"].values()
    if not all(is_plain(value) for value in params):
        yield "a parameter", "is not text, a number, true or false"
    code = values.get("code") or {}
    if not isinstance(code.get("metrics", {}), dict):
        yield "code", "has metrics that are not digests by name"
    seconds = values["seconds"]
    if not is_number(seconds) or not 0 <= seconds <= MAX_SECONDS:
        yield "seconds", "is not a duration"
    for name in ("epochs", "seed"):
        if not is_count(values[name]):
            yield name, "is not an integer of 0 or more"
    if values["finished"] and not _is_time(values["finished"]):
        yield "finished", "is not a time"
    yield from _find_contradictions(values)
    pack = values["pack"]
    size = pack.get("size")
    lane = pack.get("lane")
    if not (is_count(size, 1) and is_count(lane) and lane < size):
        yield "pack", "is not a lane and a number of lanes"
    examples = values.get("examples", {}).values()
    if not all(is_count(count) for count in examples):
        yield "examples", "has a count that is not an integer of 0 or more"
    warnings = values.get("warnings", [])
    if not all(isinstance(text, str) for text in warnings):
        yield "warnings", "has an entry that is not text"
    origin = values.get("origin")
    if origin is not None and not _is_origin(origin):
        yield "origin", "is not a point, a number of epochs and their seconds"
    for name, value in values["hardware"].items():
        if "memory" not in name or value is None:
            continue
        if not is_number(value) or value < 0:
            yield "hardware", "has a memory that is not a number of bytes"


def _is_origin(origin: dict[str, Any]) -> bool:
    is_text = isinstance(origin.get("point"), str)
    return (
        is_text
        and is_count(origin.get("epoch"), 1)
        and is_number(origin.get("seconds"))
    )


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _find_contradictions(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the status and the other fields say differently."""
    if values["status"] != Status.OK:
        return
    if values["error"] is not None:
        yield "error", "is set although the status is ok"
    if not any(name.startswith("test/") for name in values["metrics"]):
        yield "metrics", "has no test metric although the status is ok"
    epochs = get_last_epoch(values["params"])
    # A task may stop earlier by itself.
    is_early = values["params"].get("dataset") == OWN_DATA and is_count(
        epochs, values["epochs"]
    )
    if is_count(epochs, 1) and values["epochs"] != epochs and not is_early:
        yield (
            "epochs",
            f"is not {epochs}, as the parameters say, although the status is ok",
        )
