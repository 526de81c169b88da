"""The record: what a trial says of a point. The one format in which the run half and the read half meet."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from gensweep.core.errors import NewerSchema, RecordError
from gensweep.system.storage import parse_json
from gensweep.system.text import clean

SCHEMA = 1
"""Version of record.json and sweep.json."""

OK, DIVERGED, FAILED, MISSING = "ok", "diverged", "failed", "missing"
STATUSES = (OK, DIVERGED, FAILED)
CLAIMED = "claimed"
"""Reported, never recorded: somebody else trains the point."""
STORE_UNAVAILABLE = "unkept"
"""Neither reported nor recorded as such: the results root would not take what the point left."""
LARGEST = 1e100
"""Of metrics: their squares can be added up, and float32, in which models compute, ends at 3e38."""
_SEAL = '{"checksum": "'


@dataclass(frozen=True)
class Record:
    """One point's outcome.

    Attributes:
        id: the point's id; the folder's name too.
        params: every parameter of the point, defaults included.
        status: `ok`, `diverged` (a loss was not finite) or `failed` (see `error`).
        metrics: `test/...` numbers, and `validation/...` of the last epoch; nothing here depends on the clock.
        seconds: training and test time over all attempts.
        epochs: epochs completed.
        versions: gensweep, its commit, python, torch, numpy.
        hardware: host, processor, device, the precision on it, the most memory in bytes that the trial had.
        error: one line that says why, for `failed` and `diverged`.
        pack: how many lanes were trained together, and which was this one.
        finished: when the record was written (UTC, ISO 8601).
        code: digests of the code that made the numbers, as `gensweep.sweep.code_fingerprint`; None in records of
            before there were any.
        examples: how many of `train`, `validation` and `test`, and further counts; empty in old records.
        warnings: what is odd about a point that is ok, a sentence each.
    """

    id: str
    model: str
    params: dict[str, Any]
    seed: int
    status: str
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    epochs: int = 0
    versions: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    pack: dict[str, int] = field(default_factory=lambda: {"size": 1, "lane": 0})
    finished: str = ""
    code: dict[str, Any] | None = None
    schema: int = SCHEMA
    examples: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """What record.json holds: under a checksum of the rest, so that an edit by hand is noticed."""
        body = json.dumps(asdict(self), indent=1, allow_nan=False)[1:]
        return f'{_SEAL}{_digest(body.encode())}",{body}\n'


_KINDS: dict[str, tuple[type, ...]] = {
    "id": (str,), "model": (str,), "params": (dict,), "seed": (int,), "metrics": (dict,), "seconds": (int, float),
    "epochs": (int,), "versions": (dict,), "hardware": (dict,), "error": (str, type(None)), "pack": (dict,),
    "finished": (str,), "code": (dict, type(None)), "examples": (dict,), "warnings": (list,),
}  # fmt: skip
"""Types of the fields."""
_FIELDS = {f.name for f in fields(Record)}
_OPTIONAL = {"code", "examples", "warnings"}
"""Fields that records of earlier versions lack."""


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that a float can hold; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # of a whole number beyond any float
        return False


def is_plain(value: Any) -> bool:
    """Whether a value is one that a parameter can have: text, true, false, nothing, a number, or a list of such."""
    if isinstance(value, list):
        return all(is_plain(item) for item in value)
    return value is None or isinstance(value, (str, bool)) or is_number(value)


def is_count(value: Any, least: int = 0) -> bool:
    """Whether a value is a whole number of at least so much."""
    return type(value) is int and least <= value < 1 << 63


def decode_record(text: bytes, path: str, expected_id: str | None = None) -> Record:
    """Check the content of one record.json.

    Args:
        text: the content.
        path: where it comes from, for errors.
        expected_id: the point whose record it should be; None: any.

    Raises:
        NewerSchema: a later gensweep wrote it.
        RecordError: truncated, edited since it was written, of another point, or no record at all.
    """
    try:
        values = parse_json(text)
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from None
    if not isinstance(values, dict) or not is_count(values.get("schema"), 1):
        raise RecordError(f"{path}: not a gensweep record")
    if values["schema"] > SCHEMA:
        raise NewerSchema(
            f"{path}: schema {values['schema']}, this gensweep reads up to {SCHEMA}: upgrade gensweep"
        )
    body = text[len(_SEAL) + 64 + 2 :].rstrip(b"\n")
    if values.pop("checksum", None) != _digest(body):
        raise RecordError(f"{path}: changed since it was written (its checksum does not match)")
    if (
        values.keys() - _FIELDS
        or _FIELDS - _OPTIONAL - values.keys()
        or values["status"] not in STATUSES
    ):
        raise RecordError(f"{path}: not a gensweep record")
    if wrong := [
        name
        for name, kinds in _KINDS.items()
        if name in values and not isinstance(values[name], kinds)
    ]:
        raise RecordError(f"{path}: not a gensweep record ({', '.join(wrong)} of a wrong type)")
    for name, problem in _problems(values):
        raise RecordError(f"{path}: not a gensweep record ({name} {problem})")
    values["error"] = clean(values["error"])
    values["warnings"] = clean(values.get("warnings", []))
    if expected_id is not None and values["id"] != expected_id:
        raise RecordError(f"{path}: is the record of {values['id']}, not of {expected_id}")
    return Record(**values)


def _problems(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Fields whose value means nothing, each with what is wrong with it."""
    if not all(is_number(value) for value in values["metrics"].values()):
        yield "a metric", "is no finite number"
    elif any(abs(value) > LARGEST for value in values["metrics"].values()):
        yield "a metric", f"is beyond {LARGEST:g}"
    if not all(name.isprintable() for name in values["metrics"]):
        yield "a metric", "has a name that cannot be printed"
    if not all(is_plain(value) for value in values["params"].values()):
        yield "a parameter", "is no text, number, true or false"
    if not isinstance((values.get("code") or {}).get("metrics", {}), dict):
        yield "code", "has metrics that are no digests by name"
    if not is_number(values["seconds"]) or values["seconds"] < 0:
        yield "seconds", "is no time"
    for name in ("epochs", "seed"):
        if not is_count(values[name]):
            yield name, "is no whole number of 0 or more"
    size, lane = (values["pack"].get(name) for name in ("size", "lane"))
    if not (is_count(size, 1) and is_count(lane) and lane < size):
        yield "pack", "is no place among lanes"
    if not all(is_count(count) for count in values.get("examples", {}).values()):
        yield "examples", "has a count that is no whole number of 0 or more"
    if not all(isinstance(text, str) for text in values.get("warnings", [])):
        yield "warnings", "has one that is no text"
    for name, value in values["hardware"].items():
        if "memory" in name and value is not None and not (is_number(value) and value >= 0):
            yield "hardware", "has a memory that is no number of bytes"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
