"""One point, looked at again: found, shown, sampled, asked, tested anew."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from runs import TINY, TINY_PICTURES, call, records, train

from gensweep.core.errors import ResultsError, UserError
from gensweep.data._digits import read_mnist5k
from gensweep.inspect import answer, trained
from gensweep.inspect.find import find_point, find_trained_point
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.sweep.point import Point
from gensweep.train.artifacts import is_sample_epoch

SEQUENCE = {
    "text_to_text": {},
    "image_to_text": {"glyph_filters": 2},
    "text_to_image": {"glyph_filters": 2},
}


@pytest.fixture(scope="module")
def points() -> dict[str, Point]:
    pictures = {model: Point.make(model, TINY_PICTURES, 0) for model in ("cae", "vae", "gan")}
    return pictures | {
        model: Point.make(model, TINY | extra, 0) for model, extra in SEQUENCE.items()
    }


@pytest.fixture(scope="module")
def results(points: dict[str, Point], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A results root with a trained point of every model; not to be changed."""
    root = tmp_path_factory.mktemp("looking") / "results"
    train(list(points.values()), root)
    assert {record.status for record in records(root).values()} == {"ok"}
    yield root


@pytest.fixture
def copied(results: Path, root: Path) -> Path:
    """A copy that may be changed."""
    shutil.copytree(results, root)
    return root


def picture(content: bytes | Path) -> np.ndarray:
    with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as image:
        return np.asarray(image.convert("RGB"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class TestWhatIsLeft:
    @pytest.mark.parametrize("model", ["vae", "gan"])
    def test_ways_through_the_latent_space(
        self, model: str, results: Path, points: dict[str, Point]
    ) -> None:
        """Four ways of ten pictures of 64x64; both kinds begin and end with the same ones."""
        strips = [
            picture(results / "points" / points[model].id / f"interpolation-{k}.png")
            for k in ("linear", "spherical")
        ]
        assert strips[0].shape == strips[1].shape == (4 * 64, 10 * 64, 3)
        for side in (slice(0, 64), slice(-64, None)):
            assert np.abs(strips[0][:, side].astype(int) - strips[1][:, side]).max() <= 1

    @pytest.mark.parametrize("model", list(SEQUENCE))
    def test_every_test_query_has_its_answer(
        self, model: str, results: Path, points: dict[str, Point]
    ) -> None:
        result = rows(results / "points" / points[model].id / "answers.csv")
        assert len(result) == 2000 and list(result[0]) == ["query", "answer", "predicted"]
        for row in result[::97]:
            assert eval(re.sub(r"\b0+(\d)", r"\1", row["query"])) == int(row["answer"])
        metrics = records(results)[points[model].id].metrics
        exact = np.mean([row["predicted"] == row["answer"] for row in result])
        name = "test/read_exact_match" if model == "text_to_image" else "test/exact_match"
        assert exact == pytest.approx(metrics[name])

    @pytest.mark.parametrize("model", ["cae", *SEQUENCE])
    def test_nothing_is_left_that_a_model_does_not_have(
        self, model: str, results: Path, points: dict[str, Point]
    ) -> None:
        names = {path.name for path in (results / "points" / points[model].id).iterdir()}
        assert not {"interpolation-linear.png"} & names and ("answers.csv" in names) == (
            model in SEQUENCE
        )

    @pytest.mark.parametrize("model", ["cae", "vae", "gan", *SEQUENCE])
    def test_samples_by_epoch(self, model: str, results: Path, points: dict[str, Point]) -> None:
        folder = results / "points" / points[model].id
        assert sorted(path.name for path in (folder / "samples").iterdir()) == [
            "epoch-0001.png",
            "epoch-0002.png",
        ]
        if model != "text_to_image":  # there the last sheet says what was read
            assert (folder / "samples" / "epoch-0002.png").read_bytes() == (
                folder / "samples.png"
            ).read_bytes()

    def test_which_epochs(self) -> None:
        assert [e for e in range(1, 121) if is_sample_epoch(e, 120)] == [
            1,
            2,
            5,
            10,
            20,
            50,
            100,
            120,
        ]


class TestFinding:
    def test_by_id_beginning_and_folder(self, results: Path, points: dict[str, Point]) -> None:
        name = points["vae"].id
        for text, root in (
            (name, results),
            ("vae", results),
            (str(results / "points" / name), "elsewhere"),
        ):
            assert find_point(text, root).record.id == name

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("", "no point '' among the 6"),
            ("vea-e4", r"no point 'vea-e4' among the 6 .*"),
            ("t2", "'t2' begins the ids of 2 points: t2i-"),
        ],
    )
    def test_what_is_not_there(self, name: str, error: str, results: Path) -> None:
        with pytest.raises(ResultsError, match=error):
            find_point(name, results)

    def test_an_ambiguous_beginning_lists_the_points(self, results: Path) -> None:
        with pytest.raises(
            ResultsError,
            match=r"t2i-\S+ \(.*dataset=arithmetic_pictures.*\); t2t-\S+ \(.*arithmetic",
        ):
            find_point("t2", results)

    def test_no_results(self, tmp_path: Path) -> None:
        with pytest.raises(
            ResultsError, match=r"there is no folder .*points; --results names another root"
        ):
            find_point("vae", tmp_path)

    def test_an_unfinished_point_an_edited_record_and_a_failed_point(
        self, copied: Path, points: dict[str, Point]
    ) -> None:
        folder = copied / "points" / points["vae"].id
        (folder / "record.json").write_text(
            (folder / "record.json").read_text().replace('"seed": 0', '"seed": 1')
        )
        with pytest.raises(ResultsError, match="changed since it was written"):
            find_point("vae", copied)
        (folder / "record.json").unlink()
        with pytest.raises(ResultsError, match="begun and not finished"):
            find_point("vae", copied)
        point = points["gan"]
        failed = Record(point.id, "gan", point.params, 0, "failed", error="no luck")
        (copied / "points" / point.id / "record.json").write_text(failed.to_json())
        with pytest.raises(ResultsError, match="failed: no luck; it has no weights"):
            find_trained_point("gan", copied)
        (copied / "points" / points["cae"].id / "weights.pt").unlink()
        with pytest.raises(ResultsError, match=r"there is no .*weights\.pt; `prune` or keep"):
            find_trained_point("cae", copied)


class TestShow:
    def test_says_what_is_known_and_imports_no_torch(
        self, results: Path, points: dict[str, Point]
    ) -> None:
        shown = call("show", "i2t", "--results", results).out
        record = records(results)[points["image_to_text"].id]
        assert shown.startswith(f"{record.id}  ok\n")
        for name, value in record.metrics.items():
            assert re.search(rf"^{name} +{re.escape(f'{value:.6g}')} ", shown, re.M), name
        assert "digits=mnist5k" in shown and "answers.csv" in shown and ".lock" not in shown


class TestRevived:
    def test_weights_are_read_without_running_anything(
        self, results: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        requested: list[object] = []
        load = torch.load
        monkeypatch.setattr(
            torch,
            "load",
            lambda *a, **k: (requested.append(k.get("weights_only")), load(*a, **k))[1],
        )
        trained.load_trained(find_trained_point("vae", results))
        assert requested and all(value is True for value in requested)

    @pytest.mark.parametrize("content", [b"", b"junk", None])
    def test_damaged_weights_are_told(
        self, content: bytes | None, copied: Path, points: dict[str, Point]
    ) -> None:
        path = copied / "points" / points["vae"].id / "weights.pt"
        path.write_bytes(path.read_bytes()[:-100] if content is None else content)
        with pytest.raises(
            ResultsError, match=r"weights.pt cannot be read .*; train the point again"
        ):
            trained.load_trained(find_trained_point("vae", copied))

    def test_other_digits_for_a_model_that_sees_none(self, results: Path) -> None:
        with pytest.raises(UserError, match="--digits: text_to_text on arithmetic sees no digits"):
            trained.load_trained(find_trained_point("t2t", results), digits="mnist5k")


class TestSample:
    @pytest.mark.parametrize("model", ["cae", "vae", "gan", *SEQUENCE])
    def test_every_model_can_be_sampled(
        self, model: str, results: Path, points: dict[str, Point], tmp_path: Path
    ) -> None:
        ended = call(
            "sample", points[model].id, "--n", 4, "--out", tmp_path / "s.png", "--results", results
        )
        assert (ended.code, ended.out) == (0, f"Wrote {tmp_path / 's.png'}.\n")
        assert picture(tmp_path / "s.png").std() > 0

    def test_a_seed_chooses(self, results: Path) -> None:
        revived = trained.load_trained(find_trained_point("vae", results))
        assert (
            trained.sample(revived, 4, 1)
            == trained.sample(revived, 4, 1)
            != trained.sample(revived, 4, 2)
        )


class TestInterpolate:
    def test_both_ways_one_above_the_other(self, results: Path) -> None:
        result = picture(
            trained.interpolate(
                trained.load_trained(find_trained_point("gan", results)), rows=2, steps=5, seed=0
            )
        )
        assert result.shape == (2 * 2 * 64 + 8, 5 * 64, 3)

    def test_a_model_without_a_prior(self, results: Path) -> None:
        ended = call("interpolate", "cae", "--results", results)
        assert ended.code == 2 and "cae has no latent vectors to draw" in ended.error


class TestAnswer:
    @pytest.mark.parametrize("model", list(SEQUENCE))
    def test_a_test_query_gets_the_answer_of_the_test(
        self, model: str, results: Path, points: dict[str, Point]
    ) -> None:
        """For a model that is shown pictures the digits differ, and with them the answer may."""
        revived = trained.load_trained(find_trained_point(points[model].id, results))
        for row in rows(results / "points" / points[model].id / "answers.csv")[:5]:
            message = answer.answer(revived, row["query"])
            assert message.right == row["answer"]
            if model != "image_to_text":
                assert message.text == row["predicted"]
            assert (message.picture is not None) == (model == "text_to_image")
            assert (message.query_picture is not None) == (model == "image_to_text")

    def test_the_command_prints_and_draws(self, results: Path, tmp_path: Path) -> None:
        ended = call("answer", "t2i", "12+34", "--out", tmp_path / "a.png", "--results", results)
        assert ended.code == 0 and re.match(
            r"12\+34 = .* \((right|is 46)\), as the reader reads it\n", ended.out
        )
        assert picture(tmp_path / "a.png").shape == (28 * 4 + 8, 3 * 28 * 4 + 8, 3)

    @pytest.mark.parametrize(
        ("point", "query", "error"),
        [
            ("t2t", "12*34", "is not a query: '*' in '12*34' is none of the characters"),
            ("t2t", "100+100", "is not a query: '100+100' has 7 characters, more than 5"),
            ("cae", "1+1", "cae answers no queries"),
        ],
    )
    def test_what_cannot_be_asked(self, point: str, query: str, error: str, results: Path) -> None:
        ended = call("answer", point, query, "--results", results)
        assert (ended.code, error in ended.error) == (2, True), ended.error

    def test_a_query_beyond_the_task_has_no_right_answer(self, results: Path) -> None:
        assert (
            answer.answer(trained.load_trained(find_trained_point("t2t", results)), "1+2+3").right
            is None
        )


class TestEvaluate:
    def test_what_a_record_lacks_is_filled_in(self, copied: Path, points: dict[str, Point]) -> None:
        """As if an earlier version had trained it: a metric fewer, no answers, no strips."""
        folder = copied / "points" / points["text_to_text"].id
        record = Ledger(folder.parents[1]).read_record(folder.name)
        metrics = dict(record.metrics)
        del metrics["test/exact_match"]
        (folder / "record.json").write_text(
            Record(**{**record.__dict__, "metrics": metrics}).to_json()
        )
        answers = (folder / "answers.csv").read_bytes()
        (folder / "answers.csv").unlink()
        ended = call("evaluate", "t2t", "--results", copied)
        output = json.loads(ended.out)
        assert (ended.code, output["added"]) == (0, ["test/exact_match"])
        assert output["metrics"] == pytest.approx(
            {k: v for k, v in record.metrics.items() if k.startswith("test/")}
        )
        after = Ledger(folder.parents[1]).read_record(folder.name)
        assert after.metrics == pytest.approx(record.metrics) and after.finished == record.finished
        assert (folder / "answers.csv").read_bytes() == answers
        assert json.loads(call("evaluate", "t2t", "--results", copied).out)["added"] == []

    def test_other_numbers_than_the_records_change_nothing(
        self, copied: Path, points: dict[str, Point]
    ) -> None:
        folder = copied / "points" / points["text_to_text"].id
        record = Ledger(folder.parents[1]).read_record(folder.name)
        (folder / "record.json").write_text(
            Record(**{**record.__dict__, "metrics": {"test/loss": 0.5}}).to_json()
        )
        before = (folder / "record.json").read_bytes()
        ended = call("evaluate", "t2t", "--results", copied)
        assert ended.code == 2 and re.search(r"test/loss is .* now, 0.5 in the record", ended.error)
        assert (folder / "record.json").read_bytes() == before

    def test_drawn_answers_are_read_by_one_who_knows_the_hand(
        self, copied: Path, tmp_path: Path
    ) -> None:
        """Text in, pictures out: with other digits the target differs, and what is drawn, and read in it, does not."""
        labels = np.arange(100) % 10
        images = np.random.default_rng(0).integers(0, 200, (100, 28, 28)).astype(np.uint8)
        np.savez(tmp_path / "mine.npz", images=images, labels=labels)
        mine = json.loads(call("evaluate", "t2i", "--results", copied).out)["metrics"]
        other = json.loads(
            call(
                "evaluate", "t2i", "--digits", f"npz:{tmp_path / 'mine.npz'}", "--results", copied
            ).out
        )
        for name, value in mine.items():
            assert (other["metrics"][name] == pytest.approx(value)) == (
                name not in ("test/mse", "test/loss", "test/ssim")
            )

    def test_other_digits_that_were_trained_on_are_counted(
        self, copied: Path, tmp_path: Path
    ) -> None:
        """The point's own 5,000 in another order: other ones are shown by the test, many of them trained on."""
        pictures, labels = read_mnist5k()
        np.savez(tmp_path / "mine.npz", x=pictures[::-1], y=labels[::-1])
        ended = call(
            "evaluate", "i2t", "--digits", f"npz:{tmp_path / 'mine.npz'}", "--results", copied
        )
        counts = json.loads(ended.out)["pictures"]["digits"]
        assert (
            counts["shown"] == 500 and 0 < counts["trained_on"] < 500
        )  # a tenth of each digit's 500
        assert (
            f"{counts['trained_on']} of the 500 pictures of digits in this test were trained on"
            in ended.error
        )

    def test_with_other_digits(
        self, copied: Path, points: dict[str, Point], tmp_path: Path
    ) -> None:
        labels = np.arange(100) % 10
        images = np.random.default_rng(0).integers(0, 200, (100, 28, 28)).astype(np.uint8)
        np.savez(tmp_path / "mine.npz", images=images, labels=labels)
        folder = copied / "points" / points["image_to_text"].id
        before = (folder / "record.json").read_bytes()
        ended = call(
            "evaluate", "i2t", "--digits", f"npz:{tmp_path / 'mine.npz'}", "--results", copied
        )
        output = json.loads(ended.out)
        assert (ended.code, output["digits"]) == (0, "npz:mine.npz")
        assert output["pictures"]["digits"]["trained_on"] == 0 and "trained on" not in ended.error
        assert json.loads(Path(output["written"]).read_text())["metrics"] == output["metrics"]
        assert (
            output["metrics"]["test/loss"]
            != records(copied)[points["image_to_text"].id].metrics["test/loss"]
        )
        assert (folder / "record.json").read_bytes() == before
