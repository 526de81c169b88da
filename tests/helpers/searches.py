"""A search whose trainer is a function: any order of completion, any number of workers, kills."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gensweep.ledger.records import Record
from gensweep.ledger.search_log import SearchInfo
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.search.outcomes import Outcomes
from gensweep.search.replay import ReadOutcomes, Replay
from gensweep.sweep.point import Point
from gensweep.sweep.ranges import Log
from gensweep.sweep.search import Search
from gensweep.sweep.search_arguments import Confirm

METRIC = "validation/exact_match"


def make_search(**arguments: Any) -> Search:
    """A small search with two rungs and a parameter that acts in some trials only."""
    values: dict[str, Any] = {
        "metric": "exact_match",
        "method": "tpe",
        "trials": 27,
        "rungs": [1, 3],
        "confirm": Confirm(best=2, seeds=3),
        "epochs": 9,
        "hidden": 16,
        "lr": Log(1e-4, 1e-1),
        "muon_lr": Log(5e-3, 1e-1),
        "batch_size": [32, 64, 128],
        "optimizer": ["adamw", "muon"],
    }
    return Search("text_to_text", **(values | arguments))


def score(point: Point) -> float:
    """A value that training might give: best near lr=0.003 and muon, better with more epochs."""
    params = point.params
    value = 1 - 0.2 * abs(math.log10(params["lr"] / 3e-3))
    if params["optimizer"] == "muon":
        value += 0.1 - 0.1 * abs(math.log10(params["muon_lr"] / 3e-2))
    return value - 0.3 / point.last_epoch + 0.01 * random.Random(point.id).random()


def make_record(point: Point, status: str, value: float) -> Record:
    """The record of a training that gave a value; the best of validation are the worst of test."""
    metrics = {METRIC: value, "test/exact_match": -value} if status == Status.OK else {}
    return Record(point.id, point.model, point.params, point.seed, status, metrics)


def judge_all_ok(point: Point) -> str:
    """Every training is ok."""
    return Status.OK


def judge_by_id(point: Point) -> str:
    """Some trainings fail and some diverge, always the same ones."""
    number = random.Random(f"status {point.id}").random()
    if number < 0.1:
        return Status.FAILED
    return Status.DIVERGED if number < 0.25 else Status.OK


def reader(records: dict[str, Record]) -> ReadOutcomes:
    """What reads the outcomes of points from these records."""
    return lambda points: Outcomes(Store(Path("/nowhere")), records)


@dataclass
class Simulation:
    """Records that appear in any order.

    Attributes:
        search: the search.
        workers: trainings at once.
        order: seed of the order in which trainings end.
        kills: after how many trainings the driver dies and a new one starts; 0: never.
        keeps_log: whether the new driver finds the log.
        judge: how a training ends.
        records: by point id.
        log: as the driver wrote it.
        trained: the points in the order in which they ended.
    """

    search: Search
    workers: int = 1
    order: int = 0
    kills: int = 0
    keeps_log: bool = True
    judge: Callable[[Point], str] = judge_all_ok
    records: dict[str, Record] = field(default_factory=dict)
    log: SearchInfo | None = None
    trained: list[str] = field(default_factory=list)

    def run(self) -> Replay:
        """Train until nothing is asked for any more."""
        generator = random.Random(self.order)
        replay = Replay(self.search, self.log)
        running: list[Point] = []
        while True:
            replay.advance(reader(self.records))
            self.log = replay.describe()
            busy = {point.id for point in running}
            for point in replay.list_points():
                is_free = point.id not in self.records and point.id not in busy
                if is_free and len(running) < self.workers:
                    running.append(point)
            if not running:
                return replay
            point = running.pop(generator.randrange(len(running)))
            self.records[point.id] = make_record(point, self.judge(point), score(point))
            self.trained.append(point.id)
            if self.kills and len(self.trained) % self.kills == 0:
                running.clear()
                replay = Replay(self.search, self.log if self.keeps_log else None)


def summarize(replay: Replay) -> dict[str, Any]:
    """Everything that must be the same whatever happened."""
    return replay.describe().model_dump()
