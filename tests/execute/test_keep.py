"""Checkpoints that stay, and longer points that go on from them."""

from __future__ import annotations

import json
import logging
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from runs import TINY, call, grid, records, same, write_sweep

from gensweep.core.errors import SweepError
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.status import Status
from gensweep.sweep.courses import Origin
from gensweep.sweep.point import Pack, Point
from gensweep.sweep.spec import Grid, Sweep
from gensweep.train import checkpoint
from gensweep.trial.config import TrialConfig
from gensweep.trial.trial import run_pack

MUON = {"optimizer": "muon", "schedule": "warmup_linear"}


def point(**params: Any) -> Point:
    return Point.make("text_to_text", TINY | params, 0)


def train(root: Path, *points: Point, origin: Origin | None = None, **context: Any) -> None:
    origins = {}
    if origin is not None:
        origins = {each.id: (origin,) for each in points}
    run_pack(
        Pack(points, origins),
        None,
        TrialConfig(results=root, device="cpu", **context),
        lambda report: None,
    )


def large_files(root: Path, each: Point) -> set[str]:
    return {path.name for path in (root / "points" / each.id).glob("*.pt")}


class TestWhatStays:
    @pytest.mark.parametrize(
        ("keep", "names"),
        [("checkpoint", {"checkpoint.pt", "weights.pt"}), ("weights", {"weights.pt"}), ("nothing", set())],
    )  # fmt: skip
    def test_is_what_the_sweep_says(self, keep: str, names: set[str], tmp_path: Path) -> None:
        file = write_sweep(tmp_path, grid(epochs=[1, 2]), keep=keep)
        assert call(file, "--local", "--results", tmp_path / "results").code == 0
        assert len(records(tmp_path / "results")) == 2
        for each in (point(epochs=1), point(epochs=2)):
            assert large_files(tmp_path / "results", each) == names

    def test_is_what_the_option_says_instead(self, tmp_path: Path) -> None:
        file = write_sweep(tmp_path, grid(), keep="nothing")
        root = tmp_path / "results"
        assert call(file, "--local", "--results", root, "--keep", "checkpoint").code == 0
        assert large_files(root, point()) == {"checkpoint.pt", "weights.pt"}
        refused = call(file, "--local", "--results", root, "--keep", "all")
        assert refused.code == 2
        assert "--keep 'all' is none of checkpoint, weights, nothing" in refused.error

    def test_is_one_of_three(self) -> None:
        with pytest.raises(SweepError, match="sweep 's': keep 'all' is none of checkpoint"):
            Sweep("s", Grid("text_to_text"), keep="all")
        assert Sweep("s", Grid("text_to_text"), keep="nothing").replace_values(seeds=2).keep == (
            "nothing"
        )

    def test_weights_of_an_earlier_training_do_not_outlive_it(self, tmp_path: Path) -> None:
        train(tmp_path, point())
        record = tmp_path / "points" / point().id / "record.json"
        record.unlink()
        train(tmp_path, point(), keep="nothing")
        assert not large_files(tmp_path, point())


class TestALongerPoint:
    @pytest.mark.parametrize(
        ("short", "long"),
        [
            (point(epochs=2), point(epochs=12)),
            (point(epochs=4, until=2, **MUON), point(epochs=4, **MUON)),
            (point(epochs=4, until=3), point(epochs=3)),
        ],
    )
    def test_goes_on_bit_for_bit(
        self, short: Point, long: Point, tmp_path: Path, trained: Counter[int]
    ) -> None:
        root = tmp_path / "on"
        train(root, short, keep="checkpoint")
        trained.clear()
        train(root, long, origin=Origin(short.id, short.last_epoch))
        assert trained[0] == long.last_epoch - short.last_epoch
        train(tmp_path / "apart", long)
        same(root, tmp_path / "apart", long)
        origin = records(root)[long.id].origin
        assert origin and (origin["point"], origin["epoch"]) == (short.id, short.last_epoch)
        assert 0 < origin["seconds"] <= records(root)[long.id].seconds
        assert large_files(root, short) == {"checkpoint.pt", "weights.pt"}, "it is still there"

    def test_is_found_by_the_plan(self, tmp_path: Path, trained: Counter[int]) -> None:
        root = tmp_path / "results"
        options = ("--local", "--results", root)
        file = write_sweep(tmp_path, grid(epochs=[1, 2]), keep="checkpoint")
        assert call(file, *options).code == 0
        trained.clear()
        file = write_sweep(tmp_path, grid(epochs=[1, 2, 3, 5]), name="longer")
        planned = call(file, "--dry-run", *options).out
        short, long = point(epochs=2), point(epochs=5)
        assert "Shared epochs: 1 training through 2 points, 5 epochs instead of 8." in planned
        assert "From checkpoints of other points: 1 training, 2 epochs saved." in planned
        assert f"{long.id} goes on from {short.id}, epoch 2" in planned
        plan = json.loads(call(file, "--dry-run", "--json", *options).out)
        assert (plan["epochs_alone"], plan["epochs_to_train"]) == (8, 3)
        assert call(file, *options).code == 0
        assert trained[0] == 3
        assert [record.status for record in records(root).values()] == [Status.OK] * 4
        train(tmp_path / "apart", long)
        same(root, tmp_path / "apart", long)

    @pytest.mark.parametrize("missing", ["samples/epoch-0001.png", "checkpoint.pt"])
    def test_starts_from_the_beginning_without_all_files(
        self, missing: str, tmp_path: Path, trained: Counter[int]
    ) -> None:
        root = tmp_path / "on"
        short, long = point(epochs=1), point(epochs=2)
        train(root, short, keep="checkpoint")
        (root / "points" / short.id / missing).unlink()
        trained.clear()
        train(root, long, origin=Origin(short.id, 1))
        assert trained[0] == 2
        assert records(root)[long.id].origin is None
        train(tmp_path / "apart", long)
        same(root, tmp_path / "apart", long)

    @pytest.mark.parametrize(
        ("key", "value", "says"),
        [
            ("code", {"training": "other"}, "other code began this training"),
            ("hardware", {"device": "cuda"}, "computed with other rounding"),
        ],
    )
    def test_starts_from_the_beginning_after_other_code_or_rounding(
        self, key: str, value: Any, says: str, tmp_path: Path, trained: Counter[int],
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        short, long = point(epochs=1), point(epochs=2)
        save = checkpoint.save

        def change(file: Any, point_id: str, state: dict[str, Any]) -> None:
            save(file, point_id, state | {key: value})

        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "save", change)
            train(tmp_path, short, keep="checkpoint")
        trained.clear()
        with caplog.at_level(logging.WARNING):
            train(tmp_path, long, origin=Origin(short.id, 1))
        assert trained[0] == 2
        assert f"does not start from the checkpoint of {short.id}" in caplog.text
        assert says in caplog.text

    def test_a_shorter_one_goes_on_from_an_interrupted_longer_one(
        self, tmp_path: Path, trained: Counter[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from gensweep.system.signals import Stopped
        from gensweep.train.loop import Training

        root = tmp_path / "results"
        options = ("--local", "--results", root)
        run_epoch = Training.run_epoch

        def stop(self: Training) -> dict[str, float]:
            if self.epoch == 2:
                raise Stopped(15)
            return run_epoch(self)

        file = write_sweep(tmp_path, grid(epochs=[3, 5]))
        with monkeypatch.context() as patch:
            patch.setattr(Training, "run_epoch", stop)
            assert call(file, *options).code == 143
        trained.clear()
        call(file, *options, "--filter", "epochs=3")
        assert trained[0] == 1
        call(file, *options)
        assert trained[0] == 1 + 3, "from its own checkpoint, of epoch 2"
        for each in (point(epochs=3), point(epochs=5)):
            train(tmp_path / "apart", each)
            same(root, tmp_path / "apart", each)


@pytest.fixture(scope="module")
def unpruned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two points that are done, and a sweep that shares one of them."""
    folder = tmp_path_factory.mktemp("unpruned")
    root = folder / "results"
    for name, epochs in (("other", [1, 4]), ("tiny", [1, 2])):
        file = write_sweep(folder, grid(epochs=epochs), name=name, keep="checkpoint")
        filters = ("--filter", "epochs=1") if name == "other" else ()
        assert call(file, "--local", "--results", root, *filters).code == 0
    return root


class TestPrune:
    @pytest.fixture
    def root(self, unpruned: Path, tmp_path: Path) -> Path:
        """Results of the test's own, as `unpruned`."""
        return shutil.copytree(unpruned, tmp_path / "results")

    def test_says_sizes_first(self, root: Path) -> None:
        output = call("prune", root / "tiny")
        assert output.code == 0
        size = sum(path.stat().st_size for path in root.glob("points/*/checkpoint.pt"))
        assert f"2 points done, with 2 checkpoint.pt ({size / 1e6:,.1f} MB)." in output.out
        assert "Sweep other has 1 point of these, too." in output.out
        assert "Nothing was removed; --yes removes these files." in output.out
        assert len(list(root.glob("points/*/checkpoint.pt"))) == 2

    @pytest.mark.parametrize(
        ("options", "left"), [((), {"weights.pt"}), (("--keep", "nothing"), set())]
    )
    def test_removes_what_shall_not_stay(
        self, options: tuple[str, ...], left: set[str], root: Path
    ) -> None:
        before = records(root)
        output = call("prune", "tiny", "--results", root, "--yes", *options)
        assert output.code == 0 and "Removed 2 checkpoint.pt" in output.out
        for each in (point(epochs=1), point(epochs=2)):
            assert large_files(root, each) == left
        assert records(root) == before
        again = call("prune", root / "tiny", "--yes", *options)
        assert again.code == 0 and "2 points done, which have no such files." in again.out

    def test_leaves_what_an_unfinished_point_needs(self, root: Path) -> None:
        (root / "points" / point(epochs=2).id / "record.json").unlink()
        output = call("prune", root / "tiny", "--yes")
        assert "1 point not done: their checkpoints stay" in output.out
        assert "checkpoint.pt" in large_files(root, point(epochs=2))
        assert "checkpoint.pt" not in large_files(root, point(epochs=1))

    def test_leaves_a_point_that_is_in_training(self, root: Path) -> None:
        with Ledger(root).claim(point(epochs=2).id, Process.get_current()):
            output = call("prune", root / "tiny", "--yes")
        assert "1 file stayed: their points are in training again." in output.out
        assert "checkpoint.pt" in large_files(root, point(epochs=2))

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [(("tiny", "--keep", "checkpoint"), "--keep 'checkpoint' is none of weights, nothing"),
         (("absent",), "is not a folder")],
    )  # fmt: skip
    def test_bad_input_is_refused(self, arguments: Any, says: str, root: Path) -> None:
        refused = call("prune", *arguments, "--results", root)
        assert refused.code == 2 and says in refused.error
