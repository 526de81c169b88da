"""The training loop: what it draws, what it trains on, what it keeps, and when it gives up."""

from __future__ import annotations

import io
import math
import zlib
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import CPU, STEPS, TRAINED, few, point, trained, training

from gensweep import kernels
from gensweep.core.dataset import DatasetArrays, select_training_rows, split_rows
from gensweep.core.registries import DERIVED, Metric
from gensweep.kernels import build
from gensweep.ledger.ledger import Ledger
from gensweep.nn.base_network import Samples
from gensweep.nn.glyph_codec import get_glyphs
from gensweep.prepare.contact_sheet import LINE_HEIGHT, MARGIN, SCALE
from gensweep.sweep.point import Pack
from gensweep.system.storage import write_atomic
from gensweep.train import checkpoint, evaluation, optimizers, random_streams, tools
from gensweep.train.artifacts import render_samples as png
from gensweep.train.batches import Batches
from gensweep.train.divergence import DivergedError
from gensweep.train.loop import Training
from gensweep.train.random_streams import make_generator
from gensweep.trial.config import TrialConfig
from gensweep.trial.trial import run_pack

MODEL = "text_to_text"


class TestGenerator:
    def test_depends_on_seed_purpose_and_epoch(self) -> None:
        keys = [
            (seed, purpose, epoch)
            for seed in (0, 1, 10)
            for purpose in ("order", "noise")
            for epoch in (0, 1, 10)
        ]
        drawn = {torch.rand(4, generator=make_generator(*key)).numpy().tobytes() for key in keys}
        assert len(drawn) == len(keys)

    def test_gives_the_same_numbers_again(self) -> None:
        one, again = (torch.rand(4, generator=make_generator(3, "order", 2)) for _ in range(2))
        assert torch.equal(one, again)

    def test_keeps_its_numbers(self) -> None:
        """The first 8 bytes of SHA-256 of `gensweep 3 order 2`, halved; a change would make old results others."""
        assert make_generator(3, "order", 2).initial_seed() == 0xB3B857133E231B78 // 2

    def test_no_two_purposes_share_random_numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """But for validation, which sees the same noise after each epoch."""
        requested: Counter[tuple[Any, ...]] = Counter()

        def noted(*key: Any) -> torch.Generator:
            requested[key] += 1
            return make_generator(*key)

        monkeypatch.setattr(random_streams, "make_generator", noted)
        run = training("vae", seed=5, epochs=2)
        for _ in range(2):
            run.run_epoch()
        run.test()
        run.make_samples()
        assert requested.pop((5, "validation")) == 2
        assert (
            set(requested.values()) == {1} and len(requested) == 7
        )  # weights, test, samples, order and noise twice


class Spy:
    """Every row that a training takes, a list a batch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[list[int]] = []
        take = Batches.take

        def noted(batches: Batches, rows: torch.Tensor, *glyphs: Any) -> dict[str, torch.Tensor]:
            self.batches.append(rows.tolist())
            return take(batches, rows, *glyphs)

        monkeypatch.setattr(Batches, "take", noted)

    def since(self, start: int = 0) -> set[int]:
        return {row for rows in self.batches[start:] for row in rows}


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    return Spy(monkeypatch)


def split(**params: Any) -> dict[str, list[int]]:
    return {name: rows.tolist() for name, rows in few(point(MODEL, **params)).split.items()}


class TestExamples:
    def test_an_epoch_trains_on_every_training_example_once(self, spy: Spy) -> None:
        """20 in steps of 8, 8 and 4; the order is another in each epoch."""
        run = training(MODEL)
        sizes = [[size for _, size in run.run_steps()] for _ in range(2)]
        assert sizes == [[8, 8, 4], [8, 8, 4]]
        epoch = [row for rows in spy.batches[:STEPS] for row in rows]
        assert sorted(epoch) == sorted(split()["pool"][:TRAINED])
        assert epoch != split()["pool"][:TRAINED]

    def test_every_epoch_has_its_own_order_which_the_seed_decides(self, spy: Spy) -> None:
        for seed in (0, 0, 1):
            run = training(MODEL, seed, epochs=2)
            run.run_epoch()
            run.run_epoch()
        epochs = [
            spy.batches[start : start + STEPS] for start in range(0, len(spy.batches), STEPS + 1)
        ]
        assert len(epochs) == 6
        assert epochs[:2] == epochs[2:4]
        assert epochs[0] != epochs[1] and epochs[4] not in epochs[:4]

    @pytest.mark.parametrize(("fraction", "count"), [(0.9, 20), (0.5, 11), (0.1, 2)])
    def test_a_fraction_trains_on_the_first_of_the_pool(
        self, spy: Spy, fraction: float, count: int
    ) -> None:
        """Of 22, whose last 2 validate."""
        run = training(MODEL, train_fraction=fraction)
        assert list(run.run_steps()) and run.steps_per_epoch == math.ceil(count / 8)
        assert spy.since() == set(split()["pool"][:count])

    @pytest.mark.parametrize("n", [20, 61, 200])
    def test_the_largest_fraction_leaves_the_validation_set_out(self, n: int) -> None:
        """Of 61, 6 test; of the other 55, 5.5 validate, rounded to 6: 49 train, and not round(0.9 * 55) = 50."""
        parts = split_rows(n, split_seed=0)
        rows = select_training_rows(parts, 0.9)
        assert sorted([*rows, *parts["validation"], *parts["test"]]) == list(range(n))

    def test_validation_is_evaluated_and_the_test_set_left_alone(self, spy: Spy) -> None:
        run = training(MODEL)
        run.run_epoch()
        assert spy.batches[STEPS:] == [split()["validation"]]
        assert not spy.since() & set(split()["test"])

    def test_the_test_looks_at_the_test_set_alone_and_changes_nothing(self, spy: Spy) -> None:
        run = training("vae")
        run.run_epoch()
        weights = {name: value.clone() for name, value in run.network.state_dict().items()}
        start, history = len(spy.batches), len(run.history)
        once = run.test()
        test = set(few(point("vae")).split["test"].tolist())
        assert spy.since(start) == test
        run.make_samples()
        assert spy.since(start) == test
        assert run.test() == once and len(run.history) == history
        assert all(
            torch.equal(value, weights[name]) for name, value in run.network.state_dict().items()
        )

    def test_evaluation_goes_in_batches_and_comes_out_the_same(
        self, spy: Spy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """20 training examples at once, or 8, 8 and 4."""
        run = training(MODEL)
        complete = run.evaluate("train")
        monkeypatch.setattr(type(run.model), "evaluation_batch", 8)
        assert run.evaluate("train") == pytest.approx(complete, rel=1e-6)
        assert [len(rows) for rows in spy.batches] == [20, 8, 8, 4]

    def test_the_training_loss_is_a_mean_over_examples(self) -> None:
        """With a rate of next to nothing it is the loss of the same examples evaluated, smaller last batch and all."""
        run = training("cae", lr=1e-30)
        line = run.run_epoch()
        assert line["train/loss"] == pytest.approx(run.evaluate("train")["train/loss"], rel=1e-5)


class TestEvaluation:
    def metrics(self, *named: tuple[str, float | None, str]) -> Callable[..., list[Metric]]:
        every = [
            Metric(name, ("loss",), "1", "none", when, "", lambda outputs, value=value: value)
            for name, value, when in named
        ]
        return lambda outputs, split: [m for m in every if split == "test" or m.when == "always"]

    def test_leaves_out_what_is_not_defined(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither in the history nor in the record, and no reason to call a point diverged."""
        monkeypatch.setattr(
            evaluation,
            "list_metrics",
            self.metrics(("one", 1.0, "always"), ("none", None, "always")),
        )
        run = training(MODEL)
        assert {key for key in run.run_epoch() if key.startswith("validation/")} == {
            "validation/one"
        }
        assert run.test() == {"test/one": 1.0}

    def test_leaves_costly_metrics_to_the_test(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            evaluation,
            "list_metrics",
            self.metrics(("cheap", 1.0, "always"), ("costly", 2.0, "test")),
        )
        run = training(MODEL)
        assert run.evaluate("validation") == {"validation/cheap": 1.0}
        assert run.test() == {"test/cheap": 1.0, "test/costly": 2.0}

    def test_measures_and_derives_nothing_of_too_few_examples(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """2 test examples are enough for what needs 2, and not for what needs 3."""
        sizes: list[int] = []

        def derive(sample: torch.Tensor) -> torch.Tensor:
            sizes.append(len(sample))
            return sample.flatten(1)[:, :2]

        names = ("sample_features_random_vgg", "picture_features_random_vgg")
        entries = {name: replace(DERIVED[name], compute=derive) for name in names}
        monkeypatch.setattr(tools, "DERIVED", entries)
        for smallest, expected in ((3, {}), (2, {"test/one": 2.0})):
            one = Metric(
                "one",
                names,
                "1",
                "min",
                "test",
                "",
                lambda outputs: float(len(outputs[names[0]])),
                smallest,
            )
            monkeypatch.setattr(evaluation, "list_metrics", lambda outputs, split, one=one: [one])
            assert training("vae").evaluate("test") == expected
            assert sizes == ([] if smallest == 3 else [2, 2])

    @pytest.mark.parametrize("name", ["cae", "vae", "gan", "text_to_image"])
    def test_keeps_no_pictures_in_memory(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        stored: set[str] = set()
        outputs = Training.compute_outputs

        def noted(run: Training, split: str, names: Collection[str]) -> dict[str, torch.Tensor]:
            stored.update(names)
            return outputs(run, split, names)

        monkeypatch.setattr(Training, "compute_outputs", noted)
        training(name).test()
        assert stored and not stored & {
            "sample",
            "picture",
            "reconstruction",
            "generated",
            "target",
        }

    def test_can_be_asked_for_outputs_alone(self) -> None:
        run = training("image_to_text")
        outputs = run.compute_outputs("validation", ("predicted", "query"))
        rows = few(point("image_to_text")).split["validation"]
        assert set(outputs) == {"predicted", "query"}
        assert outputs["query"].tolist() == few(point("image_to_text")).rows["query"][rows].tolist()


class TestHistory:
    def test_has_a_line_an_epoch(self) -> None:
        history, _ = trained(MODEL, epochs=3)
        assert [line["epoch"] for line in history] == [1.0, 2.0, 3.0]
        assert all(line.keys() == history[0].keys() for line in history)
        assert all(isinstance(value, float) for line in history for value in line.values())

    def test_the_schedule_runs_over_the_steps_of_all_epochs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two epochs of three steps, of two players each."""
        requested: list[tuple[int, int]] = []

        def noted(config: object, step: int, total: int) -> float:
            requested.append((step, total))
            return 1.0

        monkeypatch.setattr(optimizers, "compute_rate_factor", noted)
        trained("gan", epochs=2)
        assert requested == [(step, 6) for step in range(6) for _ in range(2)]

    def test_an_epoch_that_diverges_is_not_counted(self) -> None:
        run = training(MODEL, epochs=5, lr=1e38)
        with pytest.raises(DivergedError, match=r"train/loss.* not finite in epoch \d") as raised:
            for _ in range(5):
                run.run_epoch()
        assert run.epoch == len(run.history) < 5
        assert f"in epoch {run.epoch + 1}" in str(raised.value)
        assert all(math.isfinite(value) for line in run.history for value in line.values())

    def test_a_test_that_is_not_finite_diverged_too(self) -> None:
        run = training(MODEL)
        with torch.no_grad():
            next(run.network.parameters()).fill_(math.nan)
        with pytest.raises(DivergedError, match="test/loss not finite at the test"):
            run.test()

    def test_the_trial_records_it(self, tmp_path: Path) -> None:
        wanted = point(MODEL, epochs=5, lr=1e38)
        data = {wanted.data_key: few(wanted)}
        reports: list[dict[str, Any]] = []
        run_pack(
            Pack((wanted,)),
            data,
            TrialConfig(results=tmp_path, device="cpu"),
            reports.append,
        )
        record = Ledger(tmp_path).read_record(wanted.id)
        assert (record.status, record.metrics, record.epochs) == ("diverged", {}, len(reports) - 1)
        assert record.error and "not finite in epoch" in record.error
        assert (reports[-1]["status"], reports[-1]["error"]) == ("diverged", record.error)


class TestBatches:
    DATA = DatasetArrays(
        rows={
            "code": np.array([[1, 2], [3, 4], [5, 6]], np.uint8),
            "label": np.array([7, 8, 9], np.uint8),
            "picture": np.array([[[0, 51]], [[102, 153]], [[204, 255]]], np.uint8),
            "glyph": np.array([[1, 0], [0, 0], [1, 1]], np.int32),
        },
        split={},
        banks={"bank": np.array([[[0, 255]], [[51, 102]]], np.uint8)},
        lookups={"pictures": ("glyph", "bank")},
    )

    def take(self, field: str, *rows: int) -> torch.Tensor:
        batch = Batches(self.DATA, [field], CPU).take(torch.tensor(rows))
        assert [name for name in batch if "/" not in name] == [field]
        return batch[field]

    def test_pictures_are_scaled_to_one(self) -> None:
        """204 / 255 = 0.8"""
        pictures = self.take("picture", 2, 0)
        assert pictures.dtype == torch.float32
        torch.testing.assert_close(pictures, torch.tensor([[[0.8, 1.0]], [[0.0, 0.2]]]))

    def test_codes_stay_whole_numbers(self) -> None:
        assert self.take("code", 2, 0).tolist() == [[5, 6], [1, 2]]
        assert self.take("label", 1).tolist() == [8]
        assert self.take("code", 0).dtype == torch.int64

    def test_looks_up_what_examples_share(self) -> None:
        pictures = self.take("pictures", 1, 0)
        torch.testing.assert_close(
            pictures, torch.tensor([[[[0, 1.0]], [[0, 1.0]]], [[[0.2, 0.4]], [[0, 1.0]]]])
        )

    def test_says_what_was_looked_up_twice(self) -> None:
        """Glyphs 0, 0 and 1, 0: two distinct ones. Not of the rows of lanes, which may have other numbers of them."""
        batches = Batches(self.DATA, ["pictures", "code"], CPU, dedup_fields=["pictures"])
        batch = batches.take(torch.tensor([1, 0]))
        assert list(batch) == ["pictures/distinct", "pictures/which", "code"]
        torch.testing.assert_close(
            batch["pictures/distinct"], torch.tensor([[[0, 1.0]], [[0.2, 0.4]]])
        )
        assert batch["pictures/which"].tolist() == [[0, 0], [1, 0]]
        lanes = batches.take(torch.tensor([[1, 0], [2, 2]]))
        assert list(lanes) == ["pictures", "code"] and torch.equal(
            lanes["pictures"][0], get_glyphs(batch, "pictures")
        )

    @pytest.mark.parametrize(
        "reason", ["switched off", "two threads", "half precision", "no compiler"]
    )
    def test_sequences_are_not_compared_where_no_kernel_would_use_it(
        self, reason: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """PyTorch computes each sequence by itself; glyphs are read once all the same."""
        dtype = torch.float16 if reason == "half precision" else torch.float32
        if reason == "switched off":
            monkeypatch.setenv(build.SWITCH, "0")
        if reason == "no compiler":
            monkeypatch.setattr(build, "load_library", lambda precision: None)
        if reason == "two threads":
            torch.set_num_threads(2)
        try:
            batches = Batches(self.DATA, ["code", "pictures"], CPU, ["code", "pictures"], dtype)
        finally:
            torch.set_num_threads(1)
        assert list(batches.take(torch.tensor([0, 0, 1]))) == [
            "code",
            "pictures/distinct",
            "pictures/which",
        ]

    def test_says_which_sequences_begin_alike(self) -> None:
        """Neither of others nor of the rows of lanes."""
        if not kernels.is_available(torch.zeros(1)):
            pytest.skip("no C compiler")
        batches = Batches(self.DATA, ["code", "label"], CPU, dedup_fields=["code"])
        batch = batches.take(torch.tensor([0, 0, 1]))
        assert list(batch) == ["code", "code/codes", "code/firsts", "code/leaves", "label"]
        trie = kernels.find_trie(batch, "code")
        assert trie is not None and trie.inner_count == 2  # of three sequences
        assert torch.equal(trie.codes[trie.list_paths()[:, trie.leaves]].T, batch["code"])
        assert list(batches.take(torch.tensor([[0], [1]]))) == ["code", "label"]

    def test_a_batch_is_a_copy(self) -> None:
        batches = Batches(self.DATA, ["picture"], CPU)
        batches.take(torch.tensor([0]))["picture"].fill_(9)
        assert batches.take(torch.tensor([0]))["picture"].max() == pytest.approx(0.2)


class TestCheckpoint:
    STATE = {
        "epoch": 2,
        "history": [{"epoch": 1.0, "train/loss": 0.5}],
        "network": {"w": torch.arange(3.0)},
    }

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        write_atomic(
            tmp_path / "checkpoint.pt", partial(checkpoint.save, point_id="p-1", state=self.STATE)
        )
        return tmp_path / "checkpoint.pt"

    def test_comes_back_as_it_was(self, path: Path) -> None:
        state = checkpoint.load(path, "p-1", CPU)
        weight = state.pop("network")["w"]
        assert torch.equal(weight, torch.arange(3.0))
        assert state == {key: value for key, value in self.STATE.items() if key != "network"}

    def test_of_another_point_is_refused(self, path: Path) -> None:
        with pytest.raises(checkpoint.CheckpointError, match="another point or format"):
            checkpoint.load(path, "p-2", CPU)

    def test_cut_short_anywhere_is_refused(self, path: Path) -> None:
        complete = path.read_bytes()
        for stored in range(0, len(complete), 37):
            path.write_bytes(complete[:stored])
            with pytest.raises(checkpoint.CheckpointError, match=r"checkpoint\.pt cannot be read"):
                checkpoint.load(path, "p-1", CPU)

    def test_a_changed_byte_anywhere_is_noticed(self, path: Path) -> None:
        complete = path.read_bytes()
        for index in range(0, len(complete), 37):
            path.write_bytes(
                complete[:index] + bytes([complete[index] ^ 1]) + complete[index + 1 :]
            )
            with pytest.raises(checkpoint.CheckpointError, match=r"checkpoint\.pt cannot be read"):
                checkpoint.load(path, "p-1", CPU)

    @pytest.mark.parametrize("content", [[1, 2], {"format": 99, "point": "p-1", "state": {}}])
    def test_of_another_format_is_refused(self, tmp_path: Path, content: Any) -> None:
        path = self.foreign(tmp_path, content)
        with pytest.raises(checkpoint.CheckpointError, match="another point or format"):
            checkpoint.load(path, "p-1", CPU)

    def test_executes_nothing(self, tmp_path: Path) -> None:
        class Trap:
            def __reduce__(self) -> tuple[Any, ...]:
                return Path.touch, (tmp_path / "sprung",)

        path = self.foreign(tmp_path, {"format": 1, "point": "p-1", "state": Trap()})
        with pytest.raises(checkpoint.CheckpointError, match=r"checkpoint\.pt cannot be read"):
            checkpoint.load(path, "p-1", CPU)
        assert not (tmp_path / "sprung").exists()

    def foreign(self, folder: Path, content: Any) -> Path:
        """A file of whatever content, with the right checksum."""
        buffer = io.BytesIO()
        torch.save(content, buffer)
        path = folder / "checkpoint.pt"
        path.write_bytes(buffer.getvalue() + zlib.crc32(buffer.getvalue()).to_bytes(4, "big"))
        return path

    def test_that_is_absent_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            checkpoint.load(tmp_path / "checkpoint.pt", "p-1", CPU)


def drawn(samples: Samples) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png(samples))).convert("RGB"))


class TestSamples:
    def test_pictures_stand_in_a_grid(self) -> None:
        """3 pictures of 4 x 6, two a row: 2 x 2 places, each doubled and with a margin."""
        pictures = torch.zeros(3, 3, 4, 6)
        pictures[1, 0] = 1.0
        image = drawn(Samples(pictures, columns=2))
        tall, wide = SCALE * 4 + MARGIN, SCALE * 6 + MARGIN
        assert image.shape == (2 * tall + MARGIN, 2 * wide + MARGIN, 3)
        colours = Counter(map(tuple, image.reshape(-1, 3).tolist()))
        assert colours[255, 0, 0] == SCALE * SCALE * 4 * 6
        assert (
            image[MARGIN : MARGIN + SCALE * 4, wide + MARGIN : wide + MARGIN + SCALE * 6]
            == [255, 0, 0]
        ).all()

    def test_captions_stand_under_their_pictures(self) -> None:
        pictures = torch.ones(2, 1, 28, 84)
        image = drawn(Samples(pictures, ["", "46  (right)"], columns=1))
        index = SCALE * 28 + LINE_HEIGHT + MARGIN
        assert image.shape[0] == 2 * index + MARGIN
        ink = image.min(axis=(1, 2)) < 128
        assert not ink[: index + MARGIN + SCALE * 28].any()
        assert ink[index + MARGIN + SCALE * 28 :].any()

    def test_numbers_beyond_black_and_white_are_clipped(self) -> None:
        image = drawn(Samples(torch.tensor([-0.5, 1.5]).reshape(2, 1, 1, 1)))
        assert set(np.unique(image)) == {0, 255}

    def test_captions_alone_are_lines(self) -> None:
        one, two = (drawn(Samples(captions=["12+34 = 46  (right)"] * lines)) for lines in (1, 2))
        assert two.shape[0] - one.shape[0] == LINE_HEIGHT and one.shape[1] == two.shape[1]
        assert (one < 128).any()
