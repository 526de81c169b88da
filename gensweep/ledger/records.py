"""The record of a point: the outcome that a trial writes and reports read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from gensweep.core.config import is_count
from gensweep.core.errors import NewerSchemaError, RecordError
from gensweep.ledger.record_values import find_problems
from gensweep.ledger.status import STATUSES, Status
from gensweep.system.storage import parse_json
from gensweep.system.text import replace_surrogates

SCHEMA = 1
"""Version of record.json and sweep.json."""
_CHECKSUM_PREFIX = '{"checksum": "'
_CHECKSUM_CHARACTERS = 64


@dataclass(frozen=True)
class Record:
    """One point's outcome.

    Attributes:
        id: the point's id; also the name of its folder.
        params: every parameter of the point, including defaults.
        status: `ok`, `diverged` (a loss was not finite) or `failed` (see `error`).
        metrics: `test/...` numbers, and `validation/...` of the last epoch; none of them depends
            on the clock.
        seconds: training and test time over all attempts.
        epochs: number of completed epochs.
        versions: gensweep, its commit, python, torch, numpy.
        hardware: host, processor, device, its precision, the trial's peak memory in bytes.
        error: the reason in one line, for `failed` and `diverged`.
        pack: how many lanes were trained together, and the number of this one.
        finished: when the record was written (UTC, ISO 8601).
        code: digests of the code that computed the numbers, as `gensweep.sweep.code_fingerprint`;
            None in old records.
        examples: number of examples in `train`, `validation` and `test`, and further counts;
            empty in old records.
        warnings: what is unusual about a point that is ok, one sentence each.
        origin: None: all epochs were computed for this point. Otherwise the first ones were
            computed as those of another point, which is the start of this one: `point`, its id;
            `epoch`, how many; `seconds`, the part of this record's seconds that they took.
    """

    id: str
    model: str
    params: dict[str, Any]
    seed: int
    status: Status
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    epochs: int = 0
    versions: dict[str, Any] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    pack: dict[str, int] = field(
        default_factory=lambda: {"size": 1, "lane": 0}
    )
    finished: str = ""
    code: dict[str, Any] | None = None
    schema: int = SCHEMA
    examples: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    origin: dict[str, Any] | None = None

    @property
    def own_seconds(self) -> float:
        """The part of the seconds in which no epoch of another point was computed."""
        shared = (self.origin or {}).get("seconds", 0.0)
        return max(0.0, self.seconds - shared)

    def to_json(self) -> str:
        """Return the content of record.json.

        It starts with a checksum of all that follows, so that an edit by hand is noticed.
        """
        text = json.dumps(asdict(self), indent=1, allow_nan=False)
        # The prefix of the checksum has the opening brace.
        body = text[1:]
        checksum = compute_checksum(body.encode())
        return f'{_CHECKSUM_PREFIX}{checksum}",{body}\n'


_TYPES: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "model": (str,),
    "params": (dict,),
    "seed": (int,),
    "metrics": (dict,),
    "seconds": (int, float),
    "epochs": (int,),
    "versions": (dict,),
    "hardware": (dict,),
    "error": (str, type(None)),
    "pack": (dict,),
    "finished": (str,),
    "code": (dict, type(None)),
    "examples": (dict,),
    "warnings": (list,),
    "origin": (dict, type(None)),
}
_FIELDS = {f.name for f in fields(Record)}
_OPTIONAL = {"code", "examples", "warnings", "origin"}
"""Fields that records of earlier versions lack."""


def decode_record(
    text: bytes, path: str, expected_id: str | None = None
) -> Record:
    """Check the content of one record.json and return the record.

    Args:
        text: the content.
        path: the path or URI of the file, for errors.
        expected_id: the point whose record it should be; None: any.

    Raises:
        NewerSchemaError: a later gensweep wrote it.
        RecordError: it is truncated, was edited, is of another point, or is no record.
    """
    values = _parse_values(text, path)
    body_start = len(_CHECKSUM_PREFIX) + _CHECKSUM_CHARACTERS + len('",')
    body = text[body_start:].rstrip(b"\n")
    if values.pop("checksum", None) != compute_checksum(body):
        raise RecordError(
            f"{path}: changed since it was written (its checksum does not match)"
        )
    _check_fields(values, path)
    # The first problem is enough.
    for name, problem in find_problems(values):
        raise RecordError(f"{path}: not a gensweep record ({name} {problem})")
    values["error"] = replace_surrogates(values["error"])
    values["warnings"] = replace_surrogates(values.get("warnings", []))
    if expected_id is not None and values["id"] != expected_id:
        raise RecordError(
            f"{path}: is the record of {values['id']}, not of {expected_id}"
        )
    values["status"] = Status(values["status"])
    return Record(**values)


def _parse_values(text: bytes, path: str) -> dict[str, Any]:
    try:
        values = parse_json(text)
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from None
    if not isinstance(values, dict) or not is_count(values.get("schema"), 1):
        raise RecordError(f"{path}: not a gensweep record")
    schema = values["schema"]
    if schema > SCHEMA:
        raise NewerSchemaError(
            f"{path}: schema {schema}, this gensweep reads up to {SCHEMA}: upgrade gensweep"
        )
    return values


def _check_fields(values: dict[str, Any], path: str) -> None:
    """Check the names and types of all fields."""
    unknown = values.keys() - _FIELDS
    absent = _FIELDS - _OPTIONAL - values.keys()
    if unknown or absent or values["status"] not in STATUSES:
        raise RecordError(f"{path}: not a gensweep record")
    wrong = []
    for name, types in _TYPES.items():
        if name in values and not isinstance(values[name], types):
            wrong.append(name)
    if wrong:
        raise RecordError(
            f"{path}: not a gensweep record ({', '.join(wrong)} of a wrong type)"
        )


def compute_checksum(body: bytes) -> str:
    """Return the checksum of a record's JSON after the checksum itself."""
    return hashlib.sha256(body).hexdigest()


def check_matches(
    record: Record, wanted: Mapping[str, Any], path: str
) -> None:
    """Check that a record repeats the params, the model and the seed of a point.

    Raises:
        RecordError: it does not; says in what it differs.
    """
    differences = []
    params = record.params
    # Every model has had a dataset since the first version, so a record without one differs.
    keys = (params.keys() | {"dataset"}) & wanted.keys()
    if any(params.get(key) != wanted[key] for key in keys):
        differences.append("params")
    if "model" in wanted and wanted["model"] != record.model:
        differences.append("model")
    if "seed" in wanted and wanted["seed"] != record.seed:
        differences.append("seed")
    if differences:
        names = ", ".join(differences)
        raise RecordError(f"{path}: is of another point: {names}")
