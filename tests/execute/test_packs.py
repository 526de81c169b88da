"""Packs: which points are trained together, and one trial of several lanes from claims to records."""

from __future__ import annotations

import errno
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import TINY, call, grid, records, weights, write_sweep

from gensweep.execute import local
from gensweep.execute.packing import choose_pack_limit, make_packs
from gensweep.execute.plan import Plan
from gensweep.execute.resources import Resources
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.status import Status
from gensweep.sweep.point import MAX_LANES, Pack, Point
from gensweep.system.signals import Stopped
from gensweep.train.lanes import Lanes
from gensweep.train.loop import Training
from gensweep.trial import device, trial
from gensweep.trial.attempt import Attempt
from gensweep.trial.config import TrialConfig
from gensweep.trial.course import CourseAttempt
from gensweep.trial.point_folder import PointFolder
from gensweep.trial.trial import run_pack

CPU = torch.device("cpu")


def point(seed: int = 0, **params: Any) -> Point:
    return Point.make("text_to_text", TINY | params, seed)


LANES = Pack((point(0, train_fraction=0.03), point(1), point(2, lr=0.01)))


def trained(
    root: Path, points: Pack = LANES, report: Any = None, **settings: Any
) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = []
    run_pack(
        points, None, TrialConfig(results=root, device="cpu", **settings), report or reports.append
    )
    return reports


def alone(root: Path, pack: Pack = LANES) -> None:
    for each in pack.points:
        trained(root, Pack((each,)))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the points of `LANES`, each trained alone."""
    root = tmp_path_factory.mktemp("apart")
    alone(root)
    return root


def close(one: Path, other: Path, points: tuple[Point, ...]) -> None:
    """The same numbers, but for the order of sums."""
    for each in points:
        mine, theirs = records(one)[each.id], records(other)[each.id]
        assert (
            (mine.status, mine.epochs)
            == (theirs.status, theirs.epochs)
            == (Status.OK, TINY["epochs"])
        )
        assert mine.metrics == pytest.approx(theirs.metrics, rel=1e-4, abs=2e-3), (
            "a share of 2,000 answers"
        )
        weight, other_weight = weights(one, each), weights(other, each)
        for name in weight:
            torch.testing.assert_close(
                torch.tensor(weight[name]), torch.tensor(other_weight[name]), rtol=1e-4, atol=1e-5
            )


class TestMakePacks:
    POINTS = [
        point(seed, hidden=hidden, lr=lr, train_fraction=fraction)
        for hidden in (4, 8) for seed in (0, 1, 2) for lr in (0.1, 0.01) for fraction in (0.02, 0.5)
    ]  # fmt: skip
    """Two models of twelve points."""

    @pytest.mark.parametrize(
        ("limit", "sizes"), [(1, [1] * 24), (5, [4] * 6), (12, [12, 12]), (32, [12, 12])]
    )
    def test_shares_points_out_evenly(self, limit: int, sizes: list[int]) -> None:
        packs = make_packs(self.POINTS, limit)
        assert [len(pack.points) for pack in packs] == sizes
        assert sorted(each.id for pack in packs for each in pack.points) == sorted(
            each.id for each in self.POINTS
        )

    def test_lanes_differ_only_in_what_lanes_may(self) -> None:
        others = [
            point(optimizer="adamw"),
            point(encoder_layers=2),
            point(epochs=3),
            point(batch_size=64),
        ]
        muons = [point(optimizer="muon", muon_lr=rate) for rate in (0.1, 0.2)]
        packs = make_packs([*self.POINTS, *others, *muons], 100)
        assert sorted(len(pack.points) for pack in packs) == [1, 1, 1, 1, 2, 12, 12]

    def test_a_pack_knows_the_lanes_that_it_was_made_of(self) -> None:
        longer = [point(seed, epochs=4) for seed in range(3)]
        for pack in make_packs([*self.POINTS, *longer, *map(point, range(3))], 2):
            assert pack.courses == Pack(pack.points).courses
            assert pack == Pack(pack.points)

    def test_lanes_with_equally_many_steps_lie_together(self) -> None:
        (pack,) = make_packs(self.POINTS[:12], 12)
        assert [each.params["train_fraction"] for each in pack.points] == [0.5] * 6 + [0.02] * 6

    @pytest.mark.parametrize(
        ("requested", "device", "points", "slots", "limit"),
        [(7, "cpu", 100, 2, 7), (1, "cuda", 100, 1, 1), ("auto", "cpu", 100, 2, 1), ("auto", "mps", 100, 1, 1),
         ("auto", "cuda", 100, 1, MAX_LANES), ("auto", "cuda", 100, 8, 13), ("auto", "cuda", 3, 8, 1)],
    )  # fmt: skip
    def test_auto_packs_on_gpus_and_leaves_none_without_work(
        self, requested: int | str, device: str, points: int, slots: int, limit: int
    ) -> None:
        """100 points on 8 trials at once: 13 each."""
        assert choose_pack_limit(requested, device, points, slots) == limit

    @pytest.mark.parametrize(
        ("resources", "cores", "gpus", "share", "slots"),
        [
            (Resources(), 5, 9, 0, 5),
            (Resources(cpus_per_trial=2), 5, 0, 0, 2),
            (Resources(cpus_per_trial=9), 5, 0, 0, 1),
            (Resources(max_concurrent=3), 5, 0, 0, 3),
            (Resources(max_concurrent=9), 5, 0, 0, 5),
            (Resources(), 16, 1, 0.1, 10),
            (Resources(), 16, 4, 2, 2),
            (Resources(), 3, 4, 0.5, 3),
        ],
    )
    def test_as_many_at_once_as_cores_and_gpus_serve(
        self, resources: Resources, cores: int, gpus: int, share: float, slots: int
    ) -> None:
        assert resources.count_slots(cores, gpus, share) == slots


class TestLanesThatFit:
    def test_one_where_packs_gain_nothing(self) -> None:
        assert device.count_fitting_lanes(point(), CPU, 1.0) == 1

    @pytest.mark.parametrize(
        ("free", "gpus", "lanes"), [(100, 1.0, 8), (100, 0.5, 4), (30, 0.5, 2), (1, 1.0, 1)]
    )
    def test_by_the_share_of_the_gpus_memory(
        self, free: int, gpus: float, lanes: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A lane needs a tenth of the GPU, of which eight tenths may be filled; at least one is tried."""
        large = point(batch_size=512)
        lane = large.model_config().estimate_training_bytes()
        assert large.model_config().estimate_training_bytes(7) == 7 * lane
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
        monkeypatch.setattr(
            torch.cuda, "mem_get_info", lambda device: (free * lane // 10 + 99, 10 * lane + 99)
        )
        assert device.count_fitting_lanes(large, torch.device("cuda"), gpus) == lanes

    def test_a_pack_that_does_not_fit_is_trained_in_parts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trial, "count_fitting_lanes", lambda *_: 2)
        trained(tmp_path, pack="auto")
        packs = [records(tmp_path)[each.id].pack for each in LANES.points]
        assert packs == [{"size": 2, "lane": 0}, {"size": 2, "lane": 1}, {"size": 1, "lane": 0}]


class TestATrialOfLanes:
    def test_leaves_what_each_point_alone_leaves(self, tmp_path: Path, apart: Path) -> None:
        together = tmp_path / "together"
        trained(together)
        close(together, apart, LANES.points)
        for lane, each in enumerate(LANES.points):
            names = [
                sorted(p.name for p in (root / "points" / each.id).rglob("*"))
                for root in (together, apart)
            ]
            assert names[0] == names[1] and "record.json" in names[0]
            assert records(together)[each.id].pack == {"size": 3, "lane": lane}
            assert records(apart)[each.id].pack == {"size": 1, "lane": 0}
            assert (together / "points" / each.id / "weights.pt").stat().st_size == pytest.approx(
                (apart / "points" / each.id / "weights.pt").stat().st_size, rel=0.02
            )

    def test_reports_an_epoch_once_and_every_outcome(self, tmp_path: Path) -> None:
        reports = trained(tmp_path)
        epochs, ends = reports[:2], reports[2:]
        ids = [each.id for each in LANES.points]
        for number, report in enumerate(epochs, start=1):
            assert [(lane["point"], lane["epoch"]) for lane in report["lanes"]] == [
                (each, number) for each in ids
            ]
            assert all("validation/loss" in lane for lane in report["lanes"])
        assert [(end["point"], end["status"]) for end in ends] == [
            (each, Status.OK) for each in ids
        ]

    def test_one_lane_diverges_and_the_others_do_not_notice(
        self, tmp_path: Path, apart: Path
    ) -> None:
        wild = point(5, lr=1e38)
        reported = trained(tmp_path / "together", Pack((LANES.points[0], wild, LANES.points[1])))[
            1:
        ]
        record = records(tmp_path / "together")[wild.id]
        assert reported[0]["point"] == wild.id and "lanes" not in reported[0], (
            "it is recorded before the others go on"
        )
        assert (
            record.status == Status.DIVERGED
            and record.error
            and "not finite in epoch 1" in record.error
        )
        close(tmp_path / "together", apart, LANES.points[:2])

    def test_what_another_run_trains_or_has_trained_is_left_out(self, tmp_path: Path) -> None:
        done, ballast, left = LANES.points
        trained(tmp_path, Pack((done,)))
        before = records(tmp_path)[done.id]
        ledger, driver = Ledger(tmp_path), TrialConfig().driver
        with ledger.claim(ballast.id, driver):
            reports = trained(tmp_path)
        assert {r["point"]: r["status"] for r in reports if "status" in r} == {
            done.id: Status.OK, ballast.id: Status.CLAIMED, left.id: Status.OK,
        }  # fmt: skip
        assert records(tmp_path)[done.id] == before
        assert records(tmp_path)[left.id].pack == {"size": 1, "lane": 0}
        assert ballast.id not in records(tmp_path)

    def test_a_lane_that_cannot_be_written_fails_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = PointFolder.write

        def full(self: PointFolder, name: str, content: Any) -> None:
            if self.point_id == LANES.points[1].id and name == "checkpoint.pt":
                raise OSError(errno.ENOSPC, "No space left on device")
            write(self, name, content)

        monkeypatch.setattr(PointFolder, "write", full)
        trained(tmp_path)
        statuses = [records(tmp_path)[each.id].status for each in LANES.points]
        assert statuses == [Status.OK, Status.FAILED, Status.OK]
        assert "No space left" in str(records(tmp_path)[LANES.points[1].id].error)

    def test_a_step_that_fails_fails_all_of_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def step(*_: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(Lanes, "_step", step)
        trained(tmp_path)
        for each in LANES.points:
            record = records(tmp_path)[each.id]
            assert record.status == Status.FAILED and "CUDA out of memory" in str(record.error)
            assert "--pack" in str(record.error), "what to do"
            assert "OutOfMemoryError" in (tmp_path / "points" / each.id / "error.txt").read_text()

    def test_seconds_are_shared_out(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """6 s alone, 6 s as one of three lanes, 6 s as one of two: 6 + 2 + 3."""
        now = 0.0
        monkeypatch.setattr("gensweep.trial.attempt.time.perf_counter", lambda: now)
        attempt = Attempt(point(), None, None, None)  # type: ignore[arg-type]
        for lanes in (3, 2, 1):
            now += 6
            attempt.share(lanes)
        assert attempt.seconds == 11.0

    def test_shares_of_time_add_up_to_the_trials(self, tmp_path: Path) -> None:
        start = time.perf_counter()
        trained(tmp_path, Pack((LANES.points[0], point(5, lr=1e38), LANES.points[1])))
        took = time.perf_counter() - start
        # If every lane counted all of the time, the sum would be up to three times as long.
        assert 0 < sum(record.seconds for record in records(tmp_path).values()) <= took

    def test_a_lane_that_cannot_be_validated_fails_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evaluate = Training.evaluate

        def broken(self: Training, split: str) -> dict[str, float]:
            if self.seed == 1 and self.epoch == 1:
                raise ValueError("no such luck")
            return evaluate(self, split)

        monkeypatch.setattr(Training, "evaluate", broken)
        trained(tmp_path)
        result = [records(tmp_path)[each.id] for each in LANES.points]
        assert [(record.status, record.epochs) for record in result] == [
            (Status.OK, 2),
            (Status.FAILED, 1),
            (Status.OK, 2),
        ]
        assert "no such luck" in str(result[1].error)


class TestAStoppedPack:
    @staticmethod
    def stop(report: dict[str, Any]) -> None:
        if "lanes" in report:
            raise Stopped(15)

    def test_goes_on_bit_for_bit(self, tmp_path: Path) -> None:
        straight, stopped = tmp_path / "straight", tmp_path / "stopped"
        trained(straight)
        with pytest.raises(Stopped):
            trained(stopped, report=self.stop)
        assert not records(stopped)
        reports = trained(stopped)
        assert [lane["epoch"] for lane in reports[0]["lanes"]] == [2, 2, 2]
        for each in LANES.points:
            assert records(straight)[each.id].metrics == records(stopped)[each.id].metrics
            assert weights(straight, each) == weights(stopped, each)
            assert records(stopped)[each.id].pack["size"] == 3

    def test_may_go_on_point_by_point(self, tmp_path: Path, apart: Path) -> None:
        with pytest.raises(Stopped):
            trained(tmp_path / "stopped", report=self.stop)
        alone(tmp_path / "stopped")
        close(tmp_path / "stopped", apart, LANES.points)

    def test_between_two_checkpoints_lets_the_late_ones_catch_up(
        self, tmp_path: Path, apart: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end_epoch = CourseAttempt.end_epoch

        def killed(self: CourseAttempt) -> Any:
            if self.attempts[0].pack["lane"] == 1:
                raise Stopped(9)
            return end_epoch(self)

        with monkeypatch.context() as patch:
            patch.setattr(CourseAttempt, "end_epoch", killed)
            with pytest.raises(Stopped):
                trained(tmp_path / "stopped")
        reports = trained(tmp_path / "stopped")
        reported = [
            [(lane["point"], lane["epoch"]) for lane in report["lanes"]]
            for report in reports
            if "lanes" in report
        ]
        first, second, third = (each.id for each in LANES.points)
        assert reported == [[(second, 1), (third, 1)], [(first, 2), (second, 2), (third, 2)]]
        close(tmp_path / "stopped", apart, LANES.points)


class TestTheCommandLine:
    @pytest.mark.slow
    def test_a_sweep_says_how_many_and_the_option_overrides_it(self, tmp_path: Path) -> None:
        file = write_sweep(tmp_path, grid(lr=[0.001, 0.01]), seeds=3, pack=3)
        for options, size, trials in (
            ((), 3, 2),
            (("--pack", "2"), 2, 3),
            (("--pack", "auto"), 1, 6),
        ):
            root = tmp_path / f"r{size}"
            done = call(file, "--results", root, "--local", "--device", "cpu", *options)
            assert (done.code, done.error) == (0, "")
            assert f"training 6 in {trials} trials." in done.out
            assert done.out.count(" ok ") >= 6
            assert {record.pack["size"] for record in records(root).values()} == {size}

    def test_the_plan_shows_trials(self, tmp_path: Path) -> None:
        file = write_sweep(tmp_path, grid(lr=[0.001, 0.01]), seeds=3)
        done = call(
            file, "--results", tmp_path / "none", "--dry-run", "--device", "cpu", "--pack", "6"
        )
        assert "To train: 6 points in 1 trial," in done.out
        assert "fit at once" not in done.out, "one trial needs one core"

    def test_what_another_run_trains_is_left_for_a_later_round(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The packs are worked out once; each round trains what is free of them."""
        root, planned, rounds = tmp_path / "results", [], []
        claim = Ledger(root).claim(point(1).id, replace(Process.get_current(), host="elsewhere"))
        make, execute = Plan.make_packs, local.execute

        def one_round(packs: list[Pack], *rest: Any) -> Any:
            rounds.append([[each.seed for each in pack.points] for pack in packs])
            died = execute(packs, *rest)
            claim.__exit__(None, None, None)
            return died

        monkeypatch.setattr(
            Plan, "make_packs", lambda plan, *limit: planned.append(limit) or make(plan, *limit)
        )
        monkeypatch.setattr(local, "execute", one_round)
        claim.__enter__()
        done = call(
            write_sweep(tmp_path, seeds=4),
            "--results",
            root,
            "--local",
            "--device",
            "cpu",
            "--pack",
            2,
        )
        assert (done.code, rounds) == (0, [[[0], [2, 3]], [[1]]])
        assert planned == [(2,)]

    def test_a_lane_says_which_it_was(self, tmp_path: Path) -> None:
        trained(tmp_path)
        for lane, each in enumerate(LANES.points):
            assert f"lane {lane} of 3" in call("show", each.id, "--results", tmp_path).out

    @pytest.mark.parametrize("wrong", ["0", "-1", "2.5", "many", "true"])
    def test_anything_else_is_refused(self, tmp_path: Path, wrong: str) -> None:
        file = write_sweep(tmp_path)
        done = call(file, "--pack", wrong, "--dry-run")
        assert done.code == 2 and "neither 'auto' nor a number of lanes, 1 or more" in done.error
        sweep = write_sweep(tmp_path, name="wrong", pack={"true": True}.get(wrong, wrong))
        done = call(sweep, "--dry-run")
        assert done.code == 2 and "sweep 'wrong': pack" in done.error and "wrong.py:2" in done.error
