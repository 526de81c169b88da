"""Memory: what a trial had, what the next one may need, and that no more start at once than fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from runs import call, files, grid, records, t2t, train, write_sweep

from gensweep.core.errors import UserError
from gensweep.core.registries import MODELS
from gensweep.execute.executor import Executor
from gensweep.execute.memory_budget import (
    GRAIN_BYTES,
    PROCESS_BYTES,
    RESERVE_BYTES,
    MemoryBudget,
    estimate_memory_bytes,
)
from gensweep.execute.packing import make_packs
from gensweep.execute.plan import Plan, make_local_packs
from gensweep.execute.rates import Rates, collect_rates, read_all_records
from gensweep.execute.resources import Resources, RunOptions
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.state import State
from gensweep.ledger.status import Status
from gensweep.sweep.point import Pack, Point
from gensweep.sweep.shapes import make_shape_key
from gensweep.system.environment import get_hardware
from gensweep.train.memory import get_peaks, reset_peaks
from gensweep.trial.config import TrialConfig
from gensweep.trial.trial import run_pack

GB = 10**9


def room(total: int, reserve: int = 0, **needs: int) -> tuple[MemoryBudget, list[Pack]]:
    """A machine, and a trial of each hidden size, that needs so many grains."""
    points = [t2t(hidden=int(name[1:])) for name in needs]
    sizes = {
        point.cell: grains * GRAIN_BYTES
        for point, grains in zip(points, needs.values(), strict=True)
    }
    return MemoryBudget(sizes, total, reserve), make_packs(points, 1)


class TestPeak:
    def test_holds_what_was_held_for_a_moment(self) -> None:
        reset_peaks()
        before = get_peaks()["peak_memory"]
        ballast = np.ones(300_000_000, np.uint8)
        del ballast
        assert 290_000_000 <= get_peaks()["peak_memory"] - before < 600_000_000

    @pytest.mark.skipif(
        not Path("/proc/self/clear_refs").exists(), reason="this system cannot forget a peak"
    )
    def test_is_not_that_of_an_earlier_point(self) -> None:
        ballast = np.ones(300_000_000, np.uint8)
        del ballast
        before = get_peaks()["peak_memory"]
        reset_peaks()
        assert before - get_peaks()["peak_memory"] > 200_000_000

    def test_is_in_the_record_and_in_no_metric(self, root: Path) -> None:
        train([t2t()], root)
        (record,) = records(root).values()
        assert 10**8 < record.hardware["peak_memory"] < get_hardware()["memory"]
        assert not any("memory" in name for name in record.metrics)


class TestNeed:
    @pytest.mark.parametrize("name", list(MODELS))
    def test_grows_with_batch_and_depth_and_has_no_activations_on_a_gpu(self, name: str) -> None:
        base = Point.make(name, {}, 0)
        larger = Point.make(name, {"batch_size": 4096}, 0)
        config = base.model_config()
        assert estimate_memory_bytes(base) >= PROCESS_BYTES + 16 * config.count_parameters()
        more = 2 * 4096 - max(2 * config.batch_size, config.evaluation_batch)
        assert (
            estimate_memory_bytes(larger) - estimate_memory_bytes(base)
            == 4 * more * config.count_activations()
        )
        assert (
            estimate_memory_bytes(larger, "cuda") == PROCESS_BYTES + 12 * config.count_parameters()
        )

    def write_peak(self, root: Path, point: Point, peak: int | None, **where: object) -> None:
        message = (
            get_hardware()
            | {"device": "cpu"}
            | where
            | ({} if peak is None else {"peak_memory": peak})
        )
        Ledger(root).folder(point.id).mkdir(parents=True)
        record = Record(
            point.id,
            point.model,
            point.params,
            point.seed,
            Status.OK,
            {"test/loss": 1.0},
            seconds=1.0,
            epochs=point.params["epochs"],
            hardware=message,
        )
        (Ledger(root).folder(point.id) / "record.json").write_text(record.to_json())

    def test_is_the_largest_measured_of_its_shape_on_this_machine(self, root: Path) -> None:
        """Seeds, rates and epochs are no part of a shape; batches are. Another host teaches nothing."""
        self.write_peak(root, t2t(0), 3 * GB)
        self.write_peak(root, t2t(1, lr=0.1, epochs=7), 4 * GB)
        self.write_peak(root, t2t(2), None)
        self.write_peak(root, t2t(3), 9 * GB, host="another")
        self.write_peak(root, t2t(batch_size=64), 8 * GB)
        wanted = [t2t(5), t2t(5, batch_size=64), t2t(5, hidden=99)]
        result = collect_rates(read_all_records(Ledger(root), State()), "cpu").make_memory_budget(
            wanted, 24 * GB, "cpu"
        )
        assert [result.needs[point.cell] for point in wanted] == [
            4 * GB,
            8 * GB,
            estimate_memory_bytes(wanted[2]),
        ]
        assert result.measured == {wanted[0].cell, wanted[1].cell}
        message = result.describe(result.find_largest(make_packs(wanted, 1)))
        assert "8.0 GB per trial" in message and "measured" in message
        assert (result.total, result.reserve, result.free) == (
            24 * GB,
            RESERVE_BYTES,
            24 * GB - RESERVE_BYTES,
        )

    def test_records_of_before_a_parameter_have_the_shape_of_its_neutral_value(self) -> None:
        point = t2t()
        older = {key: value for key, value in point.params.items() if key != "precision"}
        assert make_shape_key(point.model, older) == make_shape_key(point.model, point.params)
        assert make_shape_key(point.model, older) != make_shape_key(
            point.model, older | {"precision": "bfloat16"}
        )


class TestMemoryBudget:
    def test_counts_the_largest_until_they_do_not_fit(self) -> None:
        """Of 5, 3, 2 and 1 grains: 5 + 3 = 8 fit into 9, 5 + 3 + 2 = 10 do not; into 10 they do."""
        for grains, fit in ((4, 0), (5, 1), (7, 1), (9, 2), (10, 3), (11, 4), (99, 4)):
            small, packs = room(grains * GRAIN_BYTES, h1=2, h2=5, h3=1, h4=3)
            assert small.count_fitting(packs, 4) == fit
            assert small.count_fitting(packs, 1) == min(fit, 1)

    def test_leaves_the_reserve_alone(self) -> None:
        small, packs = room(10 * GRAIN_BYTES, 1, h1=5, h2=5)
        assert small.count_fitting(packs, 2) == 1
        assert replace(small, reserve=0).count_fitting(packs, 2) == 2

    def test_lets_everything_pass_where_the_memory_is_not_known(self) -> None:
        small, packs = room(0, h1=5, h2=5)
        assert small.check(packs, 2, requested=2) == 2

    def test_lowers_what_nobody_asked_for_and_refuses_what_somebody_did(self) -> None:
        small, packs = room(9 * GRAIN_BYTES, h1=5, h2=3, h3=2)
        assert small.check(packs, 3, requested=None) == 2
        assert small.check(packs, 2, requested=2) == 2
        assert small.check(packs, 2, requested=64) == 2, "there are cores for two"
        with pytest.raises(UserError) as refused:
            small.check(packs, 3, requested=3)
        largest = f"1.3 GB per trial ({packs[0].points[0].id}, estimated)"
        message = f"--max-concurrent 3: the 3 largest trials need 2.7 GB, up to {largest}"
        assert str(refused.value) == f"{message}, and this machine has 2.4 GB: 2 fit"

    def test_refuses_a_point_that_does_not_fit_alone(self) -> None:
        small, packs = room(4 * GRAIN_BYTES, 10**8, h7=5)
        with pytest.raises(UserError) as refused:
            small.check(packs, 1, requested=None)
        available = "this machine has 1.1 GB, of which 0.1 GB are for the driver and Ray"
        assert str(refused.value) == (
            f"not enough memory: up to 1.3 GB per trial ({packs[0].points[0].id}, estimated), but {available}: "
            "lower batch_size or hidden, or use a larger machine"
        )

    def test_a_packs_lanes_share_a_process(self) -> None:
        """What one takes was measured; each further one has its own weights and activations."""
        seeds = tuple(t2t(seed, batch_size=512) for seed in range(3))
        model = seeds[0].model_config()
        more = 2 * 4 * (4 * model.count_parameters() + 2 * 512 * model.count_activations())
        for need in (PROCESS_BYTES // 2, PROCESS_BYTES + 10**9):
            one = MemoryBudget({seeds[0].cell: need}, 0)
            assert 0 <= one.compute_required_bytes(Pack(seeds)) - (need + more) < GRAIN_BYTES
            assert one.compute_required_bytes(Pack(seeds)) % GRAIN_BYTES == 0
            assert "(3 lanes as " in one.describe(Pack(seeds))

    def test_auto_makes_no_packs_that_do_not_fit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """32 lanes of a large model on a GPU, 12 bytes a parameter of this machine's memory each."""
        monkeypatch.setattr("gensweep.system.environment.count_gpus", lambda: 1)
        points = [Point.make("text_to_text", {"hidden": 2048}, seed) for seed in range(32)]
        lane = 12 * points[0].model_config().count_parameters()
        plan = Plan(points, State(), points)
        for lanes, limit in ((40, 32), (9, 8), (7, 4), (1, 1)):
            options = RunOptions(executor=Executor.LOCAL, resources=Resources(device="cuda"))
            room = Rates().make_memory_budget(
                points, PROCESS_BYTES + lanes * lane + GRAIN_BYTES, "cuda", 0
            )
            assert {len(pack.points) for pack in make_local_packs(plan, options, room)} == {limit}
            requested = replace(options, resources=Resources(device="cuda", pack=32))
            assert len(make_local_packs(plan, requested, room)) == 1

    def test_a_pack_that_does_not_fit_may_be_made_smaller(self) -> None:
        pack = Pack(tuple(t2t(seed, batch_size=4096) for seed in range(3)))
        tight = MemoryBudget({pack.points[0].cell: PROCESS_BYTES}, PROCESS_BYTES + GRAIN_BYTES, 0)
        with pytest.raises(
            UserError, match="lower batch_size or hidden or --pack, or use a larger machine"
        ):
            tight.check([pack], 1, requested=None)
        assert tight.check(make_packs(pack.points, 1), 1, requested=None) == 1

    def test_a_packs_peak_teaches_nothing_of_one_alone(self, root: Path) -> None:
        run_pack(
            Pack(tuple(t2t(seed) for seed in range(2))),
            None,
            TrialConfig(results=root),
            lambda report: None,
        )
        assert {record.pack["size"] for record in records(root).values()} == {2}
        assert not collect_rates(read_all_records(Ledger(root), State())).peaks

    @pytest.mark.parametrize("sweep", ["smoke", "layers", "splits", "budget", "best", "generative"])
    def test_the_sweeps_fit_into_24_gigabytes_on_two_cores(
        self, sweep: str, tmp_path: Path
    ) -> None:
        from gensweep.sweep.load import read_sweep

        points = read_sweep(Path(__file__).parents[2] / "sweeps" / f"{sweep}.py").points()
        result = collect_rates(read_all_records(Ledger(tmp_path), State())).make_memory_budget(
            points, 24 * GB, "cpu"
        )
        assert result.check(make_packs(points, 1), 2, requested=2) == 2


class TestRun:
    @pytest.fixture(autouse=True)
    def machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Four cores, and memory for two tiny trials beside Ray."""
        monkeypatch.setattr("gensweep.execute.plan.count_usable_cores", lambda: 4)
        monkeypatch.setattr(
            "gensweep.execute.memory_budget.machine_memory",
            lambda: RESERVE_BYTES + 2 * 7 * GRAIN_BYTES,
        )

    def test_what_does_not_fit_is_refused_before_anything_is_written(self, tmp_path: Path) -> None:
        file = write_sweep(tmp_path, seeds=4)
        before = files(tmp_path)
        refused = call(file, "--results", tmp_path / "results", "--max-concurrent", 3)
        assert refused.code == 2 and refused.error.startswith(
            "error: --max-concurrent 3: the 3 largest trials need"
        )
        assert refused.error.strip().endswith(": 2 fit")
        huge = call(
            file, "--results", tmp_path / "results", "--local", "--set", "batch_size=1000000"
        )
        assert huge.code == 2 and "lower batch_size or hidden" in huge.error
        assert files(tmp_path) == before

    def test_a_dry_run_says_what_a_run_would_do(self, tmp_path: Path) -> None:
        file = write_sweep(tmp_path, seeds=4)
        plain = call(file, "--dry-run")
        assert plain.code == 0
        assert "4 trials, 2 at once here." in plain.out
        assert "2 of the largest fit at once, there are cores for 4." in plain.out
        requested = call(file, "--dry-run", "--max-concurrent", 3)
        assert (
            requested.code == 0 and "A run would be refused: --max-concurrent 3: " in requested.out
        )
        huge = call(file, "--dry-run", "--set", "batch_size=1000000")
        assert huge.code == 0 and "A run would be refused: not enough memory: up to" in huge.out
        cluster = call(file, "--dry-run", "--set", "batch_size=1000000", "--address", "auto")
        assert (
            "The cluster at auto was not asked: trials, times and memory are this machine's."
            in cluster.out
        )
        assert cluster.code == 0 and "Memory: up to" in cluster.out and "refused" not in cluster.out

    def test_a_run_without_ray_needs_no_reserve(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
    ) -> None:
        monkeypatch.setattr(
            "gensweep.execute.memory_budget.machine_memory", lambda: RESERVE_BYTES + GRAIN_BYTES
        )
        file = write_sweep(tmp_path, grid(epochs=1))
        assert call(file, "--results", root, "--ray").code == 2
        assert call(file, "--results", root, "--local").code == 0
