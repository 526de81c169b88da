"""What was run, when, on what, and how long it took."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gensweep.ledger.ledger import POINTS, RECORD
from gensweep.ledger.records import MISSING
from gensweep.system.text import format_duration

if TYPE_CHECKING:
    from gensweep.report.results import Results

MOST_ORIGINS = 20
_VERSIONS, _ERROR, _FINISHED = '\n "versions": {', '\n "error": ', '\n "finished": "'
"""Where the parts of a record begin, as `gensweep.ledger.records` writes it."""
_PEAKS = re.compile(r',\n  "peak_\w+": \d+')
"""What is every point's own: without it the same text is read once for many points."""


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
    """When and how long; empty texts where nothing is done."""

    first: str = ""
    last: str = ""
    total: str = ""
    mean: str = ""
    least: str = ""
    most: str = ""


def origins(results: Results) -> tuple[list[Origin], Times, int]:
    """Where the records come from, the most frequent first; when; how many origins are left out of the list."""
    count: Counter[tuple[str, str, str]] = Counter()
    seconds: dict[tuple[str, str, str], float] = defaultdict(float)
    finished = []
    known: dict[str, tuple[str, str, str]] = {}
    done = results.points[results.points["status"] != MISSING]
    for point, spent in zip(done["id"].tolist(), done["seconds"].tolist(), strict=True):
        try:
            said, when = _parts(results.store.read(f"{POINTS}/{point}/{RECORD}").decode())
            key = known[said] if said in known else known.setdefault(said, _key(json.loads(said)))
            finished.append(when)
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
        ):  # replaced since it was read
            key = ("", "changed while this page was made", "")
        count[key] += 1
        seconds[key] += spent
    found = [
        Origin(n, seconds[key], *key)
        for key, n in sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    spent = sorted(done["seconds"].tolist())
    when = sorted(filter(None, finished)) or [""]
    times = Times(time(when[0]), time(when[-1]))
    if spent:
        words = (
            format_duration(value)
            for value in (sum(spent), sum(spent) / len(spent), spent[0], spent[-1])
        )
        times = Times(times.first, times.last, *words)
    return found[:MOST_ORIGINS], times, len(found[MOST_ORIGINS:])


def _parts(text: str) -> tuple[str, str]:
    """A record's versions and hardware as JSON, and when it was finished; without reading all that is between."""
    start, end = text.find(_VERSIONS), text.find(_ERROR)  # a line's beginning is no part of a value
    finished = text.rpartition(_FINISHED)[2].partition('"')[0]
    if 0 <= start < end and _FINISHED in text:
        return _PEAKS.sub("", f"{{{text[start:end].rstrip().rstrip(',')}}}"), finished
    record = json.loads(text)
    return json.dumps({name: record[name] for name in ("versions", "hardware")}), str(
        record["finished"]
    )


def _key(said: dict[str, dict[str, Any]]) -> tuple[str, str, str]:
    versions, hardware = said["versions"], said["hardware"]
    return short(versions.get("commit")), packages(versions), machine(hardware)


def short(commit: Any) -> str:
    """A commit with twelve digits, and whether files were changed since."""
    digits, dash, rest = str(commit or "").partition("-")
    return f"{digits[:12]}{dash}{rest}" or "not known"


def packages(versions: dict[str, Any]) -> str:
    """``python 3.11.7, torch 2.15.0``: what is known of them."""
    return ", ".join(
        f"{name} {value}" for name, value in versions.items() if value and name != "commit"
    )


def machine(hardware: dict[str, Any]) -> str:
    """A machine in words: device, processor, cores, memory, system, name."""
    memory = hardware.get("memory")
    parts = [
        " in ".join(
            filter(None, (str(hardware.get("device") or ""), str(hardware.get("precision") or "")))
        ),
        str(hardware.get("processor") or ""),
        f"{hardware['cores']} cores" if hardware.get("cores") else "",
        f"{memory / 1e9:.0f} GB" if isinstance(memory, (int, float)) and memory else "",
        str(hardware.get("system") or ""),
        f"host {hardware['host']}" if hardware.get("host") else "",
    ]
    return ", ".join(part for part in parts if part)


def time(text: str) -> str:
    """A time of ISO 8601 in UTC, as a person reads it."""
    return text.replace("T", " ").replace("+00:00", " UTC")
