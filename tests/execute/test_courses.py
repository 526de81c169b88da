"""Points that share a training: trained together, each leaves what it would leave alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import (
    TINY,
    TINY_PICTURES,
    call,
    ended,
    grid,
    killed_at,
    other,
    records,
    same,
    weights,
    write_sweep,
)
from tiny import few

from gensweep.core.errors import SweepError
from gensweep.execute.packing import make_packs
from gensweep.execute.rates import Rates
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.status import Status
from gensweep.sweep.courses import Origin, assign_starts, count_epochs, group_courses
from gensweep.sweep.point import Pack, Point
from gensweep.sweep.shapes import make_shape_key
from gensweep.system.signals import Stopped
from gensweep.train.divergence import DivergedError
from gensweep.train.loop import Training
from gensweep.trial.config import TrialConfig
from gensweep.trial.point_folder import PointFolder
from gensweep.trial.trial import run_pack

MUON = {"optimizer": "muon", "schedule": "warmup_linear"}
MODELS = ("text_to_text", "image_to_text", "text_to_image", "cae", "vae", "gan")


DRAWN = ("image_to_text", "text_to_image")
"""Models of pictures of queries. Each epoch ends with a look at all validation pictures, so they get few."""
FEW = 444
"""Examples, of which 360 train, as in `TINY`."""


def point(model: str = "text_to_text", seed: int = 0, **params: Any) -> Point:
    base = TINY_PICTURES if model in ("cae", "vae", "gan") else TINY
    if model in DRAWN:
        base = base | {"train_fraction": 0.9}
    return Point.make(model, base | params, seed)


def train(pack: Pack, root: Path, **context: Any) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = []
    first = pack.points[0]
    datasets = {first.data_key: few(first, FEW)} if first.model in DRAWN else None
    run_pack(pack, datasets, TrialConfig(results=root, device="cpu", **context), reports.append)
    return reports


def alone(pack: Pack, root: Path) -> None:
    for each in pack.points:
        train(Pack((each,)), root)


def until(*ends: int | None, **params: Any) -> Pack:
    """A course of points that stop early."""
    return Pack(tuple(point(until=end, **params) for end in ends))


COURSE = until(1, 2, None, epochs=3)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the points of `COURSE`, each trained alone without interruption."""
    root = tmp_path_factory.mktemp("whole")
    alone(COURSE, root)
    return root


class TestUntil:
    def test_none_leaves_ids_as_they_were(self) -> None:
        assert point().id == point(until=None).id
        assert point().params["until"] is None

    def test_the_last_epoch_is_the_complete_point(self) -> None:
        assert point(epochs=3, until=3) == point(epochs=3)
        assert point(epochs=3, until=2.0).id == point(epochs=3, until=2).id != point(epochs=3).id

    @pytest.mark.parametrize(
        ("value", "says"),
        [(4, "until=4: larger than epochs=3; at most 3"), (0, "greater than or equal to 1"),
         ("2", "valid integer"), (True, "valid integer")],
    )  # fmt: skip
    def test_beyond_its_range_is_refused(self, value: Any, says: str) -> None:
        with pytest.raises(SweepError, match=says):
            point(epochs=3, until=value)

    def test_the_schedule_reckons_with_all_epochs(self, tmp_path: Path) -> None:
        short, uninterrupted = point(epochs=3, until=1, **MUON), point(epochs=3, **MUON)
        train(Pack((short,)), tmp_path)
        train(Pack((uninterrupted,)), tmp_path)
        lines = [
            (tmp_path / "points" / each.id / "history.csv").read_text().splitlines()
            for each in (short, uninterrupted)
        ]
        assert lines[0] == lines[1][:2]
        assert records(tmp_path)[short.id].epochs == 1

    def test_on_the_command_line(self, tmp_path: Path) -> None:
        file = write_sweep(tmp_path, grid(epochs=3))
        root = tmp_path / "results"
        options = ("--local", "--results", root, "--wandb", "disabled", "--set", "until=1,2,3")
        called = call(file, *options)
        assert called.code == 0, called.error
        assert sorted(record.epochs for record in records(root).values()) == [1, 2, 3]
        assert "Shared epochs: 1 training through 3 points, 3 epochs instead of 6." in called.out
        called = call(file, "--dry-run", "--results", root, "--set", "until=4")
        assert called.code == 2 and "larger than epochs=3" in called.error


class TestCourses:
    def test_are_points_that_differ_in_epochs_under_a_constant_schedule(self) -> None:
        points = [point(epochs=3), point(epochs=1), point(epochs=2, until=1), point(seed=1)]
        courses = group_courses(points)
        assert [[each.last_epoch for each in course] for course in courses] == [[1, 1, 3], [2]]

    def test_under_a_schedule_are_points_that_differ_in_until(self) -> None:
        points = [point(epochs=3, until=end, **MUON) for end in (None, 1)]
        points += [point(epochs=2, **MUON), point(epochs=3, muon_lr=0.1, **MUON)]
        sizes = [[each.last_epoch for each in course] for course in group_courses(points)]
        assert sizes == [[1, 3], [2], [3]]

    def test_are_the_lanes_of_packs(self) -> None:
        points = [point(seed=seed, epochs=end) for seed in range(3) for end in (1, 2)]
        assert [len(pack.points) for pack in make_packs(points, 1)] == [2, 2, 2]
        assert [len(pack.courses) for pack in make_packs(points, 2)] == [1, 2]

    @pytest.mark.parametrize(
        ("ends", "starts", "trainings", "epochs"),
        [
            ([1, 2], [], [([0, 1], None)], 2),
            ([2, 4], [2], [([0, 1], 0)], 2),
            ([2, 4], [1, 3], [([1], 1), ([0], 0)], 2),
            ([2, 4], [3], [([1], 0), ([0], None)], 3),
            ([2], [3], [([0], None)], 2),
        ],
    )
    def test_start_from_the_furthest_checkpoint(
        self, ends: list[int], starts: list[int], trainings: list[Any], epochs: int
    ) -> None:
        assert assign_starts(ends, starts) == trainings
        course = tuple(point(epochs=end) for end in ends)
        assert count_epochs(course, [Origin("other", start) for start in starts]) == epochs

    def test_cost_what_their_longest_point_costs(self) -> None:
        rates = Rates()
        course = tuple(point(epochs=end) for end in (10, 20, 40, 80))
        assert rates.estimate([Pack(course)]).unknown == 4
        rates.seen[make_shape_key("text_to_text", course[0].params)] = [0.5]
        seconds = 0.5 * TINY["train_fraction"]
        assert rates.estimate([Pack(course)]).seconds == pytest.approx(80 * seconds)
        later = Pack(course, {course[-1].id: (Origin("other", 5),)})
        assert rates.estimate([later]).seconds == pytest.approx(75 * seconds)


class TestTogether:
    @pytest.mark.parametrize("model", MODELS)
    def test_each_leaves_what_it_leaves_alone(
        self, model: str, tmp_path: Path, trained: Counter[int]
    ) -> None:
        together, apart = tmp_path / "together", tmp_path / "apart"
        # Courses of three points are those of text to text below; here two show what a model does.
        pack = Pack(tuple(point(model, epochs=end) for end in (2, 1)))
        train(pack, together)
        assert trained[0] == 2
        alone(pack, apart)
        for each in pack.points:
            same(together, apart, each)
            folders = [root / "points" / each.id for root in (together, apart)]
            names = [sorted(path.name for path in folder.rglob("*")) for folder in folders]
            assert names[0] == names[1] and "checkpoint.pt" not in names[0]

    @pytest.mark.parametrize(
        ("model", "params"),
        [("text_to_text", MUON), ("image_to_text", MUON | {"clip_norm": 0.5}),
         ("text_to_image", {"schedule": "one_cycle", "optimizer": "adamw"}),
         ("gan", {"schedule": "one_cycle"})],
    )  # fmt: skip
    def test_until_does_so_under_any_schedule(
        self, model: str, params: dict[str, Any], tmp_path: Path, trained: Counter[int]
    ) -> None:
        together, apart = tmp_path / "together", tmp_path / "apart"
        pack = Pack(tuple(point(model, epochs=2, until=end, **params) for end in (1, None)))
        train(pack, together)
        assert trained[0] == 2
        alone(pack, apart)
        for each in pack.points:
            same(together, apart, each)

    def test_a_record_says_whose_epochs_came_before(self, tmp_path: Path) -> None:
        pack = until(1, 2, None, epochs=3)
        reports = train(pack, tmp_path)
        first, second, third = (records(tmp_path)[each.id] for each in pack.points)
        assert first.origin is None
        assert second.origin and third.origin
        assert (second.origin["point"], second.origin["epoch"]) == (first.id, 1)
        assert (third.origin["point"], third.origin["epoch"]) == (second.id, 2)
        assert 0 < second.origin["seconds"] < second.seconds
        ends = [report["point"] for report in reports if "status" in report]
        assert ends == [each.id for each in pack.points], "each as soon as it is reached"
        assert [len(report["lanes"]) for report in reports if "lanes" in report] == [3, 2]

    def test_in_lanes_too(self, tmp_path: Path) -> None:
        points = [point(seed=seed, epochs=end) for seed in (0, 1) for end in (1, 2)]
        (pack,) = make_packs(points, 2)
        train(pack, tmp_path / "together")
        alone(pack, tmp_path / "apart")
        for each in pack.points:
            mine, theirs = (records(tmp_path / root)[each.id] for root in ("together", "apart"))
            assert mine.pack == {"size": 2, "lane": each.seed}
            assert (mine.status, mine.epochs) == (Status.OK, theirs.epochs)
            assert mine.metrics == pytest.approx(theirs.metrics, rel=1e-4, abs=2e-3)
            left = weights(tmp_path / "apart", each)
            for name, values in weights(tmp_path / "together", each).items():
                torch.testing.assert_close(
                    torch.tensor(values), torch.tensor(left[name]), rtol=1e-4, atol=1e-5
                )


class TestWhatGoesWrong:
    def test_diverges_for_all_that_are_not_done(self, tmp_path: Path) -> None:
        pack = until(1, 2, None, epochs=3, lr=1e38)
        train(pack, tmp_path / "together")
        alone(pack, tmp_path / "apart")
        for each in pack.points:
            mine, theirs = (records(tmp_path / root)[each.id] for root in ("together", "apart"))
            assert mine.status == Status.DIVERGED
            assert (mine.error, mine.epochs) == (theirs.error, theirs.epochs)

    def test_at_one_points_test_stops_that_one_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        test = Training.test

        def fail_second(self: Training) -> dict[str, float]:
            if self.epoch == 2:
                raise DivergedError("test/loss not finite at the test")
            return test(self)

        pack = until(1, 2, None, epochs=3)
        monkeypatch.setattr(Training, "test", fail_second)
        train(pack, tmp_path)
        statuses = [records(tmp_path)[each.id].status for each in pack.points]
        assert statuses == [Status.OK, Status.DIVERGED, Status.OK]
        last = records(tmp_path)[pack.points[2].id]
        assert last.origin and last.origin["point"] == pack.points[0].id

    def test_in_a_step_fails_all_that_are_not_done_and_a_retry_goes_on(
        self,
        uninterrupted: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        trained: Counter[int],
    ) -> None:
        run_steps = Training.run_steps

        def fail(self: Training) -> Any:
            if self.epoch == 1:
                raise RuntimeError("a step went wrong")
            return run_steps(self)

        with monkeypatch.context() as patch:
            patch.setattr(Training, "run_steps", fail)
            train(COURSE, tmp_path / "failed")
        result = records(tmp_path / "failed")
        assert [result[each.id].status for each in COURSE.points] == [
            Status.OK,
            Status.FAILED,
            Status.FAILED,
        ]
        trained.clear()
        train(COURSE, tmp_path / "failed", retry_failed=True)
        assert trained[0] == 2
        for each in COURSE.points:
            same(tmp_path / "failed", uninterrupted, each)

    @pytest.mark.parametrize(("lost", "file"), [(1, "history.csv"), (2, "checkpoint.pt")])
    def test_with_one_points_files_fails_that_one_alone(
        self,
        lost: int,
        file: str,
        uninterrupted: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        trained: Counter[int],
    ) -> None:
        """The last point holds the checkpoint; without it, the next one does."""
        write = PointFolder.write
        written: list[tuple[str, str]] = []

        def refuse(self: PointFolder, name: str, content: Any) -> None:
            if self.point_id == COURSE.points[lost].id and name == file:
                raise RuntimeError("no room")
            write(self, name, content)
            written.append((self.point_id, name))

        with monkeypatch.context() as patch:
            patch.setattr(PointFolder, "write", refuse)
            train(COURSE, tmp_path / "lost")
        result = records(tmp_path / "lost")
        expected = [Status.FAILED if index == lost else Status.OK for index in range(3)]
        assert [result[each.id].status for each in COURSE.points] == expected
        assert trained[0] == (3 if lost == 1 else 2)
        holder = COURSE.points[2 if lost == 1 else 1]
        assert (holder.id, "checkpoint.pt") in written
        train(COURSE, tmp_path / "lost", retry_failed=True)
        for each in COURSE.points:
            same(tmp_path / "lost", uninterrupted, each)

    @pytest.mark.parametrize("claimed", [0, 1, 2])
    def test_a_point_of_another_run_is_left_to_it(
        self, claimed: int, uninterrupted: Path, tmp_path: Path
    ) -> None:
        ledger = Ledger(tmp_path / "shared")
        with ledger.claim(COURSE.points[claimed].id, Process.get_current()):
            reports = train(COURSE, tmp_path / "shared")
        statuses = {one["point"]: one["status"] for one in reports if "status" in one}
        assert statuses.pop(COURSE.points[claimed].id) == Status.CLAIMED
        assert set(statuses.values()) == {Status.OK}
        train(COURSE, tmp_path / "shared")
        for each in COURSE.points:
            same(tmp_path / "shared", uninterrupted, each)

    def test_every_point_is_claimed_from_the_beginning(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pack = until(1, None, epochs=2)
        running = []
        run_epoch = Training.run_epoch

        def look(self: Training) -> dict[str, float]:
            wanted = {each.id: each.expected_record for each in pack.points}
            running.append(len(Ledger(tmp_path).read(wanted).running))
            return run_epoch(self)

        monkeypatch.setattr(Training, "run_epoch", look)
        train(pack, tmp_path)
        assert running == [2, 1]


class TestAfterAStop:
    @pytest.mark.parametrize("model", ["text_to_text", "gan"])
    def test_a_new_point_gets_the_samples_of_the_epochs_that_it_shares(
        self, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Counter[int]
    ) -> None:
        """Only the longer point was in training when it was stopped after its second epoch."""
        short, long = point(model, epochs=3), point(model, epochs=5)
        run_epoch = Training.run_epoch

        def stop(training: Training) -> dict[str, float]:
            if training.epoch == 2:
                raise KeyboardInterrupt
            return run_epoch(training)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Training, "run_epoch", stop)
            train(Pack((long,)), tmp_path / "stopped")
        trained.clear()
        pack = Pack((short, long))
        train(pack, tmp_path / "stopped")
        assert trained[0] == 3
        alone(pack, tmp_path / "apart")
        for each in pack.points:
            same(tmp_path / "stopped", tmp_path / "apart", each)


class TestAfterAKill:
    @pytest.mark.parametrize(
        "number",
        # The files of an epoch and of the ends of points; the slow ones are killed between those.
        [
            *(5, 9, 14, 19),
            *(pytest.param(each, marks=pytest.mark.slow) for each in (7, 12, 16, 22)),
        ],
    )
    def test_all_go_on_bit_for_bit(self, number: int, uninterrupted: Path, tmp_path: Path) -> None:
        with other(killed_at, COURSE, tmp_path, number, True) as process:
            assert ended(process) == -9
        before = len(records(tmp_path))
        train(COURSE, tmp_path)
        assert before < 3
        for each in COURSE.points:
            same(tmp_path, uninterrupted, each)
            assert not (tmp_path / "points" / each.id / "checkpoint.pt").exists()

    def test_no_epoch_is_trained_twice(
        self,
        tmp_path: Path,
        uninterrupted: Path,
        monkeypatch: pytest.MonkeyPatch,
        trained: Counter[int],
    ) -> None:
        run_epoch = Training.run_epoch

        def stop(self: Training) -> dict[str, float]:
            if self.epoch == 2:
                raise Stopped(15)
            return run_epoch(self)

        with monkeypatch.context() as patch:
            patch.setattr(Training, "run_epoch", stop)
            with pytest.raises(Stopped):
                train(COURSE, tmp_path)
        assert trained[0] == 2 and len(records(tmp_path)) == 2
        train(COURSE, tmp_path)
        assert trained[0] == 3
        for each in COURSE.points:
            same(tmp_path, uninterrupted, each)
