"""When the records were made, on which machine, with which code, and how long it took."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gensweep.ledger.ledger import POINTS, RECORD
from gensweep.ledger.status import Status
from gensweep.system.text import format_duration

if TYPE_CHECKING:
    from gensweep.report.results import Results

    Key = tuple[str, str, str]

MAX_ORIGINS = 20
COMMIT_DIGITS = 12
_VERSIONS, _ERROR, _FINISHED = (
    '\n "versions": {',
    '\n "error": ',
    '\n "finished": "',
)
"""Where the parts of a record begin, as `gensweep.ledger.records` writes it."""
_PEAKS = re.compile(r',\n  "peak_\w+": \d+')
"""The part of a record that differs in every point; the rest is parsed once for many points."""


@dataclass(frozen=True)
class Origin:
    """Records of one commit, one set of versions and one machine."""

    points: int
    seconds: float
    commit: str
    versions: str
    hardware: str

    @property
    def time(self) -> str:
        """The seconds in words."""
        return format_duration(self.seconds)


@dataclass(frozen=True)
class Times:
    """When the records were made and how long it took; empty texts if there are none.

    Attributes:
        first: when the first record was finished.
        last: when the last record was finished.
        total: duration of all points together.
        mean: duration of a point.
        shortest: duration of the fastest point.
        longest: duration of the slowest point.
    """

    first: str = ""
    last: str = ""
    total: str = ""
    mean: str = ""
    shortest: str = ""
    longest: str = ""


def collect_origins(results: Results) -> tuple[list[Origin], Times, int]:
    """Return where the records come from.

    Returns:
        The most frequent origins, the times, and how many origins are left out of the list.
    """
    counts: Counter[Key] = Counter()
    seconds: dict[Key, float] = defaultdict(float)
    finished = []
    keys: dict[str, Key] = {}
    done = results.points[results.points["status"] != Status.MISSING]
    # An epoch that serves several points took its time once.
    durations = [results.own_seconds.get(point, 0.0) for point in done["id"]]
    for point, duration in zip(done["id"], durations, strict=True):
        try:
            text = results.store.read(f"{POINTS}/{point}/{RECORD}").decode()
            origin, time = _cut_record(text)
            # Records of one machine repeat the same text, and parsing it each time is slow.
            if origin not in keys:
                keys[origin] = _make_key(json.loads(origin))
            key = keys[origin]
            finished.append(time)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            # The record was replaced since it was read for the results.
            key = ("", "changed while this page was made", "")
        counts[key] += 1
        seconds[key] += duration
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    origins = [Origin(count, seconds[key], *key) for key, count in ranked]
    times = _summarize_times(finished, durations)
    return origins[:MAX_ORIGINS], times, len(origins[MAX_ORIGINS:])


def _summarize_times(finished: list[str], durations: list[float]) -> Times:
    moments = sorted(filter(None, finished)) or [""]
    times = Times(
        first=format_time(moments[0]), last=format_time(moments[-1])
    )
    if not durations:
        return times
    ordered = sorted(durations)
    total = sum(ordered)
    return replace(
        times,
        total=format_duration(total),
        mean=format_duration(total / len(ordered)),
        shortest=format_duration(ordered[0]),
        longest=format_duration(ordered[-1]),
    )


def _cut_record(text: str) -> tuple[str, str]:
    """Return a record's versions and hardware as JSON, and when it was finished.

    The text between them is not parsed: it can be long.
    """
    # A line break never stands within a JSON value, so these marks are not part of any text.
    start, end = text.find(_VERSIONS), text.find(_ERROR)
    finished = text.rpartition(_FINISHED)[2].partition('"')[0]
    if 0 <= start < end and _FINISHED in text:
        members = text[start:end].rstrip().rstrip(",")
        return _PEAKS.sub("", f"{{{members}}}"), finished
    record = json.loads(text)
    origin = {name: record[name] for name in ("versions", "hardware")}
    return json.dumps(origin), str(record["finished"])


def _make_key(origin: dict[str, dict[str, Any]]) -> Key:
    versions, hardware = origin["versions"], origin["hardware"]
    commit = shorten_commit(versions.get("commit"))
    return commit, format_versions(versions), format_machine(hardware)


def shorten_commit(commit: Any) -> str:
    """Return a commit with twelve digits, and a mark if files were changed since."""
    digits, dash, rest = str(commit or "").partition("-")
    return f"{digits[:COMMIT_DIGITS]}{dash}{rest}" or "not known"


def format_versions(versions: dict[str, Any]) -> str:
    """Return the known versions as text: ``python 3.11.7, torch 2.15.0``."""
    packages = {
        name: value
        for name, value in versions.items()
        if value and name != "commit"
    }
    return ", ".join(f"{name} {value}" for name, value in packages.items())


def format_machine(hardware: dict[str, Any]) -> str:
    """Return a machine in words: device, processor, cores, memory, system, name."""
    device = [
        str(hardware.get(name) or "") for name in ("device", "precision")
    ]
    parts = [
        " in ".join(filter(None, device)),
        str(hardware.get("processor") or ""),
    ]
    if hardware.get("cores"):
        parts.append(f"{hardware['cores']} cores")
    memory = hardware.get("memory")
    if isinstance(memory, (int, float)) and memory:
        parts.append(f"{memory / 1e9:.0f} GB")
    parts.append(str(hardware.get("system") or ""))
    if hardware.get("host"):
        parts.append(f"host {hardware['host']}")
    return ", ".join(part for part in parts if part)


def format_time(text: str) -> str:
    """Return a time of ISO 8601 in UTC as people read it."""
    return text.replace("T", " ").replace("+00:00", " UTC")
