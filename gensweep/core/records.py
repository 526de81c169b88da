"""The record: what a trial says of a point. The one format in which the run half and the read half meet."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from gensweep.core.errors import NewerSchema, RecordError
from gensweep.core.words import clean

SCHEMA = 1
"""Version of record.json and sweep.json."""

OK, DIVERGED, FAILED, MISSING = "ok", "diverged", "failed", "missing"
STATUSES = (OK, DIVERGED, FAILED)
CLAIMED = "claimed"
"""Reported, never recorded: somebody else trains the point."""
UNKEPT = "unkept"
"""Neither reported nor recorded as such: the results root would not take what the point left."""
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
        code: digests of the code that made the numbers, as `gensweep.core.code_fingerprint`; None in records of
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

    def encoded(self) -> str:
        """What record.json holds: under a checksum of the rest, so that an edit by hand is noticed."""
        body = json.dumps(asdict(self), indent=1, allow_nan=False)[1:]
        return f'{_SEAL}{_digest(body.encode())}",{body}\n'


_KINDS: dict[str, tuple[type, ...]] = {
    "id": (str,), "model": (str,), "params": (dict,), "seed": (int,), "metrics": (dict,), "seconds": (int, float),
    "epochs": (int,), "versions": (dict,), "hardware": (dict,), "error": (str, type(None)), "pack": (dict,),
    "finished": (str,), "code": (dict, type(None)), "examples": (dict,), "warnings": (list,),
}  # fmt: skip
_FIELDS = {f.name for f in fields(Record)}
_OPTIONAL = {"code", "examples", "warnings"}
"""Fields that records of former versions do not have."""


def decoded(text: bytes, path: str, expected_id: str | None = None) -> Record:
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
        values = json.loads(text)
    except ValueError:
        raise RecordError(f"{path}: not whole JSON (cut short?)") from None
    if not isinstance(values, dict) or not isinstance(values.get("schema"), int):
        raise RecordError(f"{path}: not a gensweep record")
    if values["schema"] > SCHEMA:
        raise NewerSchema(f"{path}: schema {values['schema']}, this gensweep reads up to {SCHEMA}: upgrade gensweep")
    body = text[len(_SEAL) + 64 + 2 :].rstrip(b"\n")
    if values.pop("checksum", None) != _digest(body):
        raise RecordError(f"{path}: changed since it was written (its checksum does not match)")
    if not _FIELDS - _OPTIONAL <= set(values) <= _FIELDS or values["status"] not in STATUSES:
        raise RecordError(f"{path}: not a gensweep record")
    if wrong := [name for name, kinds in _KINDS.items() if name in values and not isinstance(values[name], kinds)]:
        raise RecordError(f"{path}: not a gensweep record ({', '.join(wrong)} of a wrong type)")
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in values["metrics"].values()):
        raise RecordError(f"{path}: not a gensweep record (a metric is no finite number)")
    if not all(type(count) is int and count >= 0 for count in values.get("examples", {}).values()):
        raise RecordError(f"{path}: not a gensweep record (a count of examples is no whole number)")
    if not all(isinstance(text, str) for text in values.get("warnings", [])):
        raise RecordError(f"{path}: not a gensweep record (a warning is no text)")
    values["error"] = clean(values["error"])
    values["warnings"] = clean(values.get("warnings", []))
    if expected_id is not None and values["id"] != expected_id:
        raise RecordError(f"{path}: is the record of {values['id']}, not of {expected_id}")
    return Record(**values)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
