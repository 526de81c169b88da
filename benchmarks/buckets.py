"""What a sweep asks of a bucket: requests by kind, counted by an S3 server of loopback, the tests' (moto).

Counts are exact; what grows with points or epochs is told as a slope between two sizes. Dollars and the seconds that
answers take are arithmetic from them, for the server of loopback has times of its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from benchmarks.compare import ROOT
from benchmarks.overhead import TRIVIAL
from benchmarks.pages import markdown_table
from benchmarks.scaling import FAR
from gensweep.ledger import claims, mirror, remote_stores
from gensweep.ledger.ledger import POINTS, RECORD, Ledger
from gensweep.ledger.open_store import open_store
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.point import Pack, Point
from gensweep.sweep.spec import Grid, Sweep

KINDS = ("PUT", "LIST", "GET", "HEAD", "DELETE")
SIZES = 100, 1100
"""Records of the two plans: a page of a listing apart."""
EPOCHS = (1, 11)
DELAY = 0.03
"""Seconds before an answer: a bucket in the nodes' region takes 10 to 50 ms."""
DOLLARS = {
    "PUT": 5e-6,
    "LIST": 5e-6,
    "GET": 4e-7,
    "HEAD": 4e-7,
    "DELETE": 0.0,
}
"""A request, S3 Standard in us-east-1."""
LIMITS = {"PUT": 3500, "GET": 5500}
"""Requests a second that S3 answers under a prefix before it splits it: PUT and DELETE, GET, HEAD and LIST."""


@dataclass(frozen=True)
class Asked:
    """What something asked of the bucket: requests by kind, and how many of them at once."""

    what: str
    requests: Mapping[str, float]
    at_once: int = 1

    @property
    def seconds(self) -> float:
        """What waiting for the answers takes, `DELAY` each."""
        return sum(self.requests.values()) * DELAY / self.at_once

    @property
    def dollars(self) -> float:
        """What the requests cost."""
        return sum(
            DOLLARS[kind] * number for kind, number in self.requests.items()
        )


def measure(
    sizes: tuple[int, int], say: Callable[[str], None]
) -> list[Asked]:
    """Measure everything.

    Args:
        sizes: points of two plans, the fewer first.
        say: told of each row when it is known.
    """
    found = []
    with _server() as server:
        for asked in (
            *_point(server),
            _beat(server),
            *_reading(server, sizes),
        ):
            say(f"{asked.what}: {dict(asked.requests)}")
            found.append(asked)
    return found


@contextlib.contextmanager
def _server() -> Iterator[Any]:
    """The tests' server, and an environment in which its bucket is found."""
    with patch.object(
        sys, "path", [str(ROOT / "tests" / "helpers"), *sys.path]
    ):
        import s3_server
    with s3_server.running() as server:
        here = {
            **s3_server.KEYS,
            "AWS_ENDPOINT_URL": server.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        with patch.dict(os.environ, here):
            server.place = f"s3://{s3_server.BUCKET}/results"
            yield server


@contextlib.contextmanager
def _counted(server: Any) -> Iterator[Counter[str]]:
    """The requests within it, by kind; they are there at its end."""
    found: Counter[str] = Counter()
    server.requests_made.clear()
    yield found
    for request in server.requests_made:
        kind, path = request.split(" ", 1)
        found[
            "LIST"
            if kind == "GET" and path.strip("/").count("/") == 0
            else kind
        ] += 1


def _slope(
    more: Mapping[str, float], fewer: Mapping[str, float], steps: float
) -> dict[str, float]:
    return {
        kind: (more[kind] - fewer[kind]) / steps
        for kind in KINDS
        if more[kind] != fewer[kind]
    }


def _point(server: Any) -> Iterator[Asked]:
    """A trivial point really trained: what any point asks, and what an epoch adds."""
    from gensweep.execute.limits import Limits
    from gensweep.execute.local import execute
    from gensweep.execute.resources import Resources

    found = []
    for seed, epochs in enumerate((1, *EPOCHS)):  # the first connects
        point = Point.make("text_to_text", TRIVIAL | {"epochs": epochs}, seed)
        with _counted(server) as requests:
            execute(
                [Pack((point,))],
                server.place,
                Resources(device="cpu"),
                lambda report: None,
                Limits(),
            )
        found.append(requests)
    _, fewer, more = found
    an_epoch = _slope(more, fewer, EPOCHS[1] - EPOCHS[0])
    yield Asked(
        "a point, beside its epochs",
        {kind: fewer[kind] - an_epoch.get(kind, 0) for kind in KINDS},
    )
    yield Asked(f"an epoch, mean of {EPOCHS[1] - EPOCHS[0]}", an_epoch)


def _beat(server: Any) -> Asked:
    """A claim's heartbeat."""
    ledger = Ledger(open_store(server.place, persistent=False))
    with ledger.claim("beaten", claims.Process.get_current()) as claim:
        once = patch.object(claim._stop, "wait", side_effect=[False, True])
        with once, _counted(server) as requests:
            claim._renew_until_stopped()
    return Asked(
        "a claim's heartbeat",
        {kind: requests[kind] for kind in KINDS if requests[kind]},
    )


def _reading(server: Any, sizes: tuple[int, int]) -> Iterator[Asked]:
    """A plan of points that all have a record: the first from this machine, and one when copies are kept."""
    found = {}
    for size in sizes:
        place = f"{server.place}-{size}"
        wanted = Sweep(
            "many", [Grid("text_to_text", **TRIVIAL)], size
        ).points()
        store = open_store(place, persistent=False)
        for point in wanted:
            record = Record(
                point.id,
                point.model,
                point.params,
                point.seed,
                Status.OK,
                metrics={"test/loss": 1.0},
                epochs=point.params["epochs"],
            )
            store.write(f"{POINTS}/{point.id}/{RECORD}", record.to_json())
        params = {point.id: point.params for point in wanted}
        ledger = Ledger(open_store(place, persistent=False))
        with _counted(server) as first:
            ledger.read(params)
        with (
            _counted(server) as again,
            patch.object(mirror, "SETTLED_NS", -(10**18)),
        ):
            ledger.read(params)
        found[size] = first, again
    fewer, more = (found[size] for size in sizes)
    for number, words in enumerate(("read", "read again: copies are kept")):
        slope = _slope(
            more[number], fewer[number], (sizes[1] - sizes[0]) / 1000
        )
        yield Asked(f"1,000 records, {words}", slope, remote_stores.THREADS)


def table(found: list[Asked]) -> str:
    """Requests of each by kind, what they cost, and the seconds of waiting for their answers."""
    rows = []
    for asked in found:
        numbers = [f"{asked.requests.get(kind, 0):.4g}" for kind in KINDS]
        rows.append(
            [
                asked.what,
                *numbers,
                f"{asked.dollars * 1e6:.1f}",
                f"{asked.seconds:.2f}",
            ]
        )
    return markdown_table(
        ["requests", *KINDS, "$ a million", f"s, {DELAY * 1e3:.0f} ms each"],
        rows,
    )


def far(found: list[Asked]) -> str:
    """What the requests mean for the large run of `benchmarks.scaling.FAR`."""
    once, epoch, beat, records = found[:4]
    points, epochs, slots = (
        FAR["points"],
        FAR["epochs"],
        FAR["nodes"] * FAR["trials"],
    )
    trained = points * (once.dollars + epochs * epoch.dollars)
    hour = slots * 3600 / claims.HEARTBEAT_SECONDS * beat.dollars
    read = sum(
        epoch.requests.get(kind, 0) for kind in ("GET", "HEAD", "LIST")
    )
    least = slots * max(
        epoch.requests["PUT"] / LIMITS["PUT"], read / LIMITS["GET"]
    )
    return (
        f"{points:,} points of {epochs} epochs: ${trained:.2f}; heartbeats of {slots} trials: ${hour:.2f} an hour. "
        f"{slots} trials reach what S3 answers under one prefix where an epoch takes {least:.2g} s. "
        f"A plan that reads {points:,} records for the first time waits {records.seconds * points / 1000:.0f} s.\n"
    )
