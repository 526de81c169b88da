"""The reader: which glyphs it learns, that it reads, and how it is kept."""

from __future__ import annotations

import logging
import multiprocessing
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import few, point, training

from gensweep.core.alphabet import ALPHABET, encode
from gensweep.core.dataset import DatasetArrays, select_training_rows, split_rows
from gensweep.execute import warmup
from gensweep.train import reader as reading
from gensweep.train.glyphs import compute_digest, is_reader_cached
from gensweep.train.reader import Glyphs, Reader, load_reader, split_glyphs, train

STRIPES, SHARE = 13, 6
"""Characters of the toy alphabet's pictures; pictures of each."""


def toy_bank(each: int = SHARE) -> tuple[np.ndarray, np.ndarray]:
    """Glyphs that nobody can mistake: a character is a bright bar at a place of its own, the space is black."""
    rng = np.random.default_rng(0)
    pictures, codes = [np.zeros((28, 28), np.uint8)], [ALPHABET.index(" ")]
    for code in range(STRIPES - 1):
        for _ in range(each):
            picture = rng.integers(0, 30, (28, 28)).astype(np.uint8)
            top, left = 3 + 6 * (code // 3), 2 + 9 * (code % 3)
            picture[top : top + 4, left : left + 6] = rng.integers(180, 256)
            pictures.append(picture)
            codes.append(code)
    return np.stack(pictures), np.array(codes)


def toy(apart: bool = True, count: int = 200) -> DatasetArrays:
    """Random queries in toy glyphs; where ``apart``, test queries show the last glyph of each character, alone."""
    pictures, shown = toy_bank()
    rng = np.random.default_rng(1)
    query = rng.integers(0, STRIPES, (count, 5)).astype(np.uint8)
    answer = rng.integers(0, STRIPES, (count, 3)).astype(np.uint8)
    split = split_rows(count, 0)
    test = np.isin(np.arange(count), split["test"])

    def choose(codes: np.ndarray) -> np.ndarray:
        glyphs = np.empty(codes.shape, np.int32)
        for (row, column), code in np.ndenumerate(codes):
            mine = np.flatnonzero(shown == code)
            if apart and len(mine) > 1:
                mine = mine[-1:] if test[row] else mine[:-1]
            glyphs[row, column] = rng.choice(mine)
        return glyphs

    rows = {
        "query": query,
        "answer": answer,
        "query_glyphs": choose(query),
        "answer_glyphs": choose(answer),
    }
    lookups = {
        "query_pictures": ("query_glyphs", "glyphs"),
        "answer_pictures": ("answer_glyphs", "glyphs"),
    }
    return DatasetArrays(rows, split, {"glyphs": pictures}, lookups)


@pytest.fixture(scope="module")
def glyphs() -> tuple[Glyphs, Glyphs]:
    return split_glyphs(toy())


@pytest.fixture(scope="module")
def reader(glyphs: tuple[Glyphs, Glyphs]) -> Reader:
    return train(*glyphs)


def keys(glyphs: Glyphs) -> set[bytes]:
    """Each glyph's pixels; the blank, which everybody shows, is left out."""
    return {picture.tobytes() for picture in glyphs.pictures if picture.any()}


class TestGlyphs:
    def test_training_queries_are_learnt_and_test_queries_held_out(self) -> None:
        data = toy()
        learnt, held_out = split_glyphs(data)
        for glyphs, rows in (
            (learnt, select_training_rows(data.split, 0.9)),
            (held_out, data.split["test"]),
        ):
            indices = {
                int(i)
                for name in ("query_glyphs", "answer_glyphs")
                for i in data.rows[name][rows].ravel()
            }
            assert {p.tobytes() for p in glyphs.pictures} == {
                data.banks["glyphs"][i].tobytes() for i in indices
            }
        assert not keys(learnt) & keys(held_out)

    def test_carry_the_code_of_what_they_show(self) -> None:
        pictures, codes = toy_bank()
        code_of = {picture.tobytes(): code for picture, code in zip(pictures, codes, strict=True)}
        for data in (toy(), toy(apart=False)):
            for glyphs in split_glyphs(data):
                assert [
                    code_of[picture.tobytes()] for picture in glyphs.pictures
                ] == glyphs.codes.tolist()

    def test_that_training_and_test_share_are_divided_nine_to_one(self) -> None:
        """Of 6 pictures of a character, 5 are learnt; the blank has one picture, which is in both."""
        learnt, held_out = split_glyphs(toy(apart=False, count=600))
        assert not keys(learnt) & keys(held_out)
        assert np.bincount(learnt.codes).tolist() == [5] * 12 + [1]
        assert np.bincount(held_out.codes).tolist() == [1] * 13

    @pytest.mark.parametrize("digit_split", ["disjoint", "shared"])
    def test_of_the_real_dataset_are_never_in_both(self, digit_split: str) -> None:
        learnt, held_out = split_glyphs(few(point("text_to_image", digit_split=digit_split)))
        assert len(learnt.codes) > 60 and len(held_out.codes) > 5
        assert not keys(learnt) & keys(held_out)

    def test_do_not_depend_on_how_much_a_point_trains_on(self) -> None:
        """What is read is judged alike for every training set of one dataset."""
        some = few(point("text_to_image", train_fraction=0.1))
        complete = few(point("text_to_image"))
        assert compute_digest(*split_glyphs(some)) == compute_digest(*split_glyphs(complete))


class TestReader:
    def test_reads_what_it_never_saw(self, reader: Reader, glyphs: tuple[Glyphs, Glyphs]) -> None:
        pictures = torch.tensor(glyphs[1].pictures).float().div(255)
        read = reader.read(pictures.unsqueeze(1))[:, 0].numpy()
        right = (read == glyphs[1].codes)[glyphs[1].codes < 10]
        assert right.mean() == reader.accuracy > 0.9
        assert reader.digits == len(right) == 10, (
            "the last glyph of each digit; operators and the blank do not count"
        )

    def test_is_measured_on_digits_alone(
        self, reader: Reader, glyphs: tuple[Glyphs, Glyphs]
    ) -> None:
        """Digits that are all labelled as the next one: every operator is read rightly, and no digit."""
        _, held_out = glyphs
        shuffled = np.where(held_out.codes < 10, (held_out.codes + 1) % 10, held_out.codes).astype(
            np.uint8
        )
        judged = train(glyphs[0], Glyphs(held_out.pictures, shuffled))
        assert (judged.accuracy, judged.digits) == (0.0, 10)

    def test_reads_strips_and_blanks_as_spaces(self, reader: Reader) -> None:
        pictures, codes = toy_bank()
        texts = ["12 ", "-9 ", "   ", "0+8"]
        strips = np.stack(
            [[pictures[np.flatnonzero(codes == c)[0]] for c in encode(text, 3)] for text in texts]
        )
        read = reader.read(torch.tensor(strips).float().div(255))
        assert ["".join(ALPHABET[code] for code in row) for row in read.tolist()] == texts

    def test_is_the_same_again_and_leaves_global_generators_and_threads_alone(
        self, reader: Reader, glyphs: tuple[Glyphs, Glyphs], cache: Path
    ) -> None:
        def states() -> tuple[Any, ...]:
            return (
                torch.get_rng_state().tolist(),
                random.getstate(),
                repr(np.random.get_state()),  # noqa: NPY002
                torch.get_num_threads(),
            )

        before = states()
        with torch.no_grad():
            again = train(*glyphs)
            load_reader(toy())
            load_reader(toy())
        assert states() == before
        assert again.accuracy == reader.accuracy
        assert same(again, reader)

    def test_with_nothing_held_out_has_no_accuracy(self, glyphs: tuple[Glyphs, Glyphs]) -> None:
        nothing = Glyphs(glyphs[1].pictures[:0], glyphs[1].codes[:0])
        assert np.isnan(
            train(Glyphs(glyphs[0].pictures[:5], glyphs[0].codes[:5]), nothing).accuracy
        )

    def test_is_stepped_by_none_of_torchs_optimizers(
        self, glyphs: tuple[Glyphs, Glyphs], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They import its compiler, which takes seconds."""
        monkeypatch.setattr(
            torch.optim.Optimizer, "__init__", lambda *_, **__: pytest.fail("one of torch's")
        )
        monkeypatch.setattr(reading, "MAX_STEPS", 1)
        train(*glyphs)


def same(one: Reader, other: Reader) -> bool:
    mine, others = one.state_dict(), other.state_dict()
    return mine.keys() == others.keys() and all(torch.equal(mine[key], others[key]) for key in mine)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Glyphs learnt by each training of a reader."""
    seen: list[int] = []

    def counted(learnt: Glyphs, held_out: Glyphs) -> Reader:
        seen.append(len(learnt.codes))
        return train(Glyphs(learnt.pictures[:8], learnt.codes[:8]), held_out)

    monkeypatch.setattr(reading, "train", counted)
    return seen


class TestCache:
    def test_a_reader_is_trained_once(self, cache: Path, trainings: list[int]) -> None:
        assert not is_reader_cached(toy())
        first, second = load_reader(toy()), load_reader(toy())
        assert is_reader_cached(toy())
        assert len(trainings) == 1
        assert same(first, second) and first.accuracy == second.accuracy
        assert not second.training and not any(p.requires_grad for p in second.parameters())
        assert [
            path.suffix for path in (cache / "readers").iterdir() if path.suffix != ".lock"
        ] == [".pt"]

    def test_other_glyphs_have_a_reader_of_their_own(
        self, cache: Path, trainings: list[int]
    ) -> None:
        other = toy()
        other.banks["glyphs"][5, 0, 0] ^= 1
        for data in (toy(), other, toy(apart=False)):
            load_reader(data)
        assert len(trainings) == 3

    @pytest.mark.parametrize("damage", [b"", b"no reader", None])
    def test_a_damaged_one_is_trained_again(
        self,
        cache: Path,
        trainings: list[int],
        damage: bytes | None,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        first = load_reader(toy())
        (path,) = (cache / "readers").glob("*.pt")
        complete = path.read_bytes()
        changed = complete[:3000] + bytes([complete[3000] ^ 1]) + complete[3001:]
        path.write_bytes(changed if damage is None else damage)
        with caplog.at_level(logging.WARNING):
            assert same(load_reader(toy()), first)
        assert len(trainings) == 2 and "trained again" in caplog.text
        assert path.read_bytes() != damage
        load_reader(toy())
        assert len(trainings) == 2

    def test_one_that_cannot_be_kept_is_used_all_the_same(
        self, cache: Path, trainings: list[int], caplog: pytest.LogCaptureFixture
    ) -> None:
        cache.write_text("a file in the way")
        with caplog.at_level(logging.WARNING):
            assert load_reader(toy()).accuracy >= 0
        assert len(trainings) == 1 and "the reader is not cached" in caplog.text

    def test_of_two_processes_at_once_one_trains(self, cache: Path, tmp_path: Path) -> None:
        context = multiprocessing.get_context("fork")
        processes = [context.Process(target=_ask, args=(tmp_path,)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0]
        assert len(list(tmp_path.glob("trained-*"))) == 1
        assert len({path.read_text() for path in tmp_path.glob("read-*")}) == 1


def _ask(folder: Path) -> None:
    """Ask for the toy reader, and leave a file a training, and one with what it weighs."""
    import os
    import time

    def slowly(learnt: Glyphs, held_out: Glyphs) -> Reader:
        (folder / f"trained-{os.getpid()}").touch()
        time.sleep(0.3)
        return train(Glyphs(learnt.pictures[:8], learnt.codes[:8]), held_out)

    reading.train = slowly
    reader = load_reader(toy())
    (folder / f"read-{os.getpid()}").write_text(
        repr([float(v.double().sum()) for v in reader.state_dict().values()])
    )


class TestTraining:
    def test_asks_for_a_reader_once_and_never_where_nothing_is_read(
        self, monkeypatch: pytest.MonkeyPatch, glyphs: tuple[Glyphs, Glyphs], reader: Reader
    ) -> None:
        requested: list[DatasetArrays] = []
        from gensweep.train import tools

        monkeypatch.setitem(
            tools.TOOLS, "reader", lambda prepared: (requested.append(prepared), reader)[1]
        )
        run = training("text_to_image")
        run.evaluate("validation")
        run.test()
        assert [prepared.rows for prepared in requested] == [few(point("text_to_image")).rows]
        training("image_to_text").test()
        assert len(requested) == 1

    def test_what_was_read_is_an_output(self) -> None:
        run = training("text_to_image")
        outputs = run.compute_outputs("test", ("query", "answer", "read"))
        assert {name: tuple(value.shape) for name, value in outputs.items()} == {
            "query": (2, 5), "answer": (2, 3), "read": (2, 3),
        }  # fmt: skip
        generated = run.compute_outputs("test", ("generated",))["generated"]
        assert torch.equal(run.get_tool("reader").read(generated), outputs["read"])

    @pytest.mark.parametrize("model", ["text_to_text", "text_to_image"])
    def test_answers_are_those_of_the_last_test(
        self, monkeypatch: pytest.MonkeyPatch, model: str
    ) -> None:
        run = training(model)
        requested: list[str] = []
        evaluate = run.compute_outputs
        monkeypatch.setattr(
            run,
            "compute_outputs",
            lambda split, names: (requested.append(split), evaluate(split, names))[1],
        )
        afresh = run.get_answers()
        run.test()
        assert (
            run.get_answers().keys()
            == afresh.keys()
            == {"query", "answer", "read" if run.is_read else "predicted"}
        )
        assert all(torch.equal(codes, afresh[name]) for name, codes in run.get_answers().items())
        assert requested == ["test", "test"]
        run.run_epoch()
        run.get_answers()
        assert requested == ["test", "test", "validation", "test"]


def test_a_run_trains_the_readers_that_it_lacks_beside_ray(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested: list[Any] = []

    class Child:
        """In place of a process, which would import torch: runs here, at its start."""

        def __init__(self, target: Any, args: Any, daemon: bool) -> None:
            self.target, self.args = target, args

        def start(self) -> None:
            requested.append([each.model for each in self.args[0]])
            self.target(*self.args)

        def terminate(self) -> None:
            requested.append("terminated")

        def join(self) -> None:
            requested.append("joined")

    drawn, written = point("text_to_image"), point("text_to_text")
    ready = {drawn.data_key: few(drawn), written.data_key: few(written)}
    monkeypatch.setattr(
        warmup.multiprocessing, "get_context", lambda method: type("Spawn", (), {"Process": Child})
    )
    monkeypatch.setattr(warmup.signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(warmup.array_cache, "load_arrays", lambda data: few(drawn))
    monkeypatch.setattr(reading, "MAX_STEPS", 2)
    for _ in range(2):
        with warmup.train_readers_in_background([written, drawn, drawn], ready):
            assert is_reader_cached(ready[drawn.data_key])
    assert requested == [["text_to_image"], "terminated", "joined"]
