"""A trained point put to work again: its samples, ways through its latent space, answers, and the test anew."""

from __future__ import annotations

import io
import json
import logging
import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gensweep.core.alphabet import ANSWER_LENGTH, QUERY_LENGTH, decode, encode
from gensweep.core.dataset import DatasetArrays, select_training_rows
from gensweep.core.errors import ResultsError, UserError
from gensweep.inspect.find import StoredPoint
from gensweep.ledger.claims import Process
from gensweep.ledger.ledger import POINTS, Ledger
from gensweep.ledger.records import Record
from gensweep.nn.base_network import LatentNetwork
from gensweep.prepare.array_cache import prepared
from gensweep.prepare.contact_sheet import picture_sheet
from gensweep.prepare.contact_sheet import png as png_bytes
from gensweep.prepare.fingerprint import label
from gensweep.sweep.code_fingerprint import fingerprint
from gensweep.sweep.point import Point
from gensweep.system.storage import write_atomic
from gensweep.train.artifacts import (
    render_interpolations,
    render_samples,
    to_bytes,
    write_artifacts,
)
from gensweep.train.evaluation import ANSWERS
from gensweep.train.glyphs import count_seen
from gensweep.train.loop import Training
from gensweep.train.random_streams import make_generator
from gensweep.trial.device import resolve_device

log = logging.getLogger(__name__)
TOLERANCE = 1e-4
"""By how much a metric that is computed again, on another machine perhaps, may differ from the record's."""
_QUERY = re.compile(r"([0-9]{1,2})([+-])([0-9]{1,2})")


@dataclass(frozen=True)
class TrainedPoint:
    """A point with its trained network and its data.

    Attributes:
        training: with the trained weights, in evaluation mode.
        data: the arrays that it is looked at with.
        own: the arrays that it was trained with.
    """

    kept: StoredPoint
    point: Point
    training: Training
    data: DatasetArrays
    own: DatasetArrays


def load_trained(
    kept: StoredPoint, device: str = "auto", digits: str | None = None
) -> TrainedPoint:
    """Load a point's weights; nothing in the file is executed.

    Args:
        kept: the point, which ended ok.
        device: `auto`, `cpu`, `cuda` or `mps`.
        digits: pictures of digits other than those it was trained with: `mnist`, `idx:DIR`, `npz:FILE`.

    Raises:
        UserError: there are no digits in the point's data, or the data is not here.
        ResultsError: the weights are damaged or of another model.
    """
    point = kept.point
    if digits is not None:
        if "digits" not in point.params:
            raise UserError(f"--digits: {point.model} on {point.params['dataset']} sees no digits")
        point = Point.make(point.model, point.params | {"digits": digits}, point.seed)
    data = prepared(point.data_config())
    # Drawn answers are read by one who knows the handwriting that the point was trained to draw.
    own = data if digits is None else prepared(kept.point.data_config())
    training = Training(
        point.model_config(), point.data_config(), point.seed, data, resolve_device(device), own
    )
    path = kept.folder / "weights.pt"
    try:
        weights = torch.load(path, map_location=training.device, weights_only=True)
        training.network.load_state_dict(weights)
    except Exception as error:  # a damaged file makes PyTorch raise in a dozen ways
        raise ResultsError(
            f"{path} cannot be read ({type(error).__name__}: {error}); train the point again"
        ) from error
    training.network.eval()
    return TrainedPoint(kept, point, training, data, own)


def sample(revived: TrainedPoint, n: int, seed: int) -> bytes:
    """A PNG of new pictures from the prior; of a model without one, of what it makes of test examples.

    Args:
        revived: the point.
        n: pictures, or examples.
        seed: which.
    """
    training = revived.training
    if isinstance(training.network, LatentNetwork):
        latent = torch.randn(
            (n, training.network.config.latent_dim), generator=make_generator(seed, "sample")
        )
        with torch.no_grad(), training.autocast():
            pictures = training.network.sample(latent.to(training.device))
        return png_bytes(picture_sheet(to_bytes(pictures)))
    return render_samples(training.make_samples(n, seed))


def interpolate(revived: TrainedPoint, rows: int, steps: int, seed: int) -> bytes:
    """A PNG with the straight ways above, the great circles below.

    Raises:
        UserError: the model has no prior to draw from.
    """
    from PIL import Image

    with revived.training.autocast():
        found = render_interpolations(revived.training.network, seed, rows, steps)
    if not found:
        raise UserError(
            f"{revived.point.model} has no latent vectors to draw: interpolate shows VAEs and GANs"
        )
    strips = [Image.open(io.BytesIO(content)) for content in found.values()]
    gap = 8
    whole = Image.new(
        "RGB", (strips[0].width, sum(strip.height for strip in strips) + gap), "white"
    )
    whole.paste(strips[0], (0, 0))
    whole.paste(strips[1], (0, strips[0].height + gap))
    return png_bytes(whole)


@dataclass(frozen=True)
class Answer:
    """What a model says.

    Attributes:
        text: the answer in characters; of a picture, as the reader reads it.
        right: the right one; None where the query is no sum or difference of two numbers below 100.
        picture: a PNG of the drawn answer, where the model draws.
        seen: a PNG of the query, where the model was shown pictures.
    """

    text: str
    right: str | None
    picture: bytes | None = None
    seen: bytes | None = None


def answer(revived: TrainedPoint, query: str, seed: int = 0) -> Answer:
    """Put one query to a sequence model.

    Args:
        revived: the point.
        query: such as `12+34`.
        seed: which pictures of the digits it is shown, of those that test queries show.

    Raises:
        UserError: the model answers no queries, or the query has other characters or too many.
    """
    training = revived.training
    if not {"query", "answer"} <= revived.data.rows.keys():
        raise UserError(
            f"{revived.point.model} answers no queries: answer takes a text or image model"
        )
    text = query.replace(" ", "")
    try:
        codes = encode(text, QUERY_LENGTH)
    except ValueError as error:
        raise UserError(f"{query!r} is no query: {error}") from None
    found = _QUERY.fullmatch(text)
    right = None
    if found:
        a, b = int(found[1]), int(found[3])
        right = str(a + b if found[2] == "+" else a - b)
    batch = {"query": codes, "answer": encode(right or "", ANSWER_LENGTH)}
    fields = {name: torch.as_tensor(batch[name].astype(np.int64))[None] for name in batch}
    for name, (row, bank) in revived.data.lookups.items():
        shown = _glyphs(revived.data, batch[name.removesuffix("_pictures")], row, bank, seed)
        fields[name] = torch.as_tensor(shown).float().div(255)[None]
    fields = {name: value.to(training.device) for name, value in fields.items()}
    made = training.predict(fields, ANSWERS, seed)
    given = next((made[name] for name in ANSWERS if name in made), None)
    if given is None:
        raise UserError(
            f"{revived.point.model} answers no queries: answer takes a text or image model"
        )
    drawn = _strip(made["generated"]) if "generated" in made else None
    inputs = training.model.inputs
    seen = _strip(fields["query_pictures"]) if "query_pictures" in inputs else None
    return Answer(decode(given[0].tolist()).rstrip(), right, drawn, seen)


def _glyphs(data: DatasetArrays, codes: np.ndarray, row: str, bank: str, seed: int) -> np.ndarray:
    """A picture of each character, uint8 [T, 28, 28], of those that test queries show."""
    tests = data.split["test"]
    known = {"query_glyphs": "query", "answer_glyphs": "answer"}[row]
    shown, characters = data.rows[row][tests].ravel(), data.rows[known][tests].ravel()
    rng = np.random.Generator(np.random.PCG64(seed))
    chosen = []
    for code in codes.tolist():
        choices = np.unique(shown[characters == code])
        if not len(choices):
            raise UserError(
                f"{decode([code])!r} is shown by no test query here; ask something else"
            )
        chosen.append(rng.choice(choices))
    return data.banks[bank][chosen]


def _strip(pictures: torch.Tensor) -> bytes:
    """Glyphs [1, T, 28, 28] in 0..1 side by side, enlarged four times, as a PNG."""
    glyphs = to_bytes(pictures[0])
    return png_bytes(picture_sheet(np.concatenate(list(glyphs), axis=1)[None, None], scale=4))


def evaluate(revived: TrainedPoint, digits: str | None) -> dict[str, Any]:
    """The test anew, with the point's own data or with other digits.

    With its own data, metrics that the record lacks are added to it, and files that an earlier version did not leave
    are written. With other digits, the numbers go to `evaluations/` in the point's folder, with how many of the
    pictures were trained on.

    Raises:
        ResultsError: a metric is not what the record says.
        Claimed: somebody trains the point just now.
    """
    kept, training = revived.kept, revived.training
    metrics = training.test()
    found = {
        "point": kept.record.id,
        "digits": label(revived.point.params["digits"])
        if "digits" in revived.point.params
        else None,
        "metrics": metrics,
        "evaluated": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if digits is not None:
        found["pictures"] = _count_seen(revived)
        digits = re.sub(r"[^A-Za-z0-9._-]", "_", revived.point.params["digits"])
        name = f"{POINTS}/{kept.record.id}/evaluations/{digits}.json"
        try:
            kept.store.write_json(name, found)
        except OSError as error:  # of a root that can only be read, say: what is printed is whole
            log.warning("the numbers are printed and not kept: %s", error)
            return found | {"written": None}
        return found | {"written": kept.store.uri(name)}
    try:
        added = _fill_in(revived, metrics)
    except OSError as error:
        log.warning("nothing is added to the record of %s: %s", kept.record.id, error)
        added = set()
    return found | {"added": sorted(added)}


def _count_seen(revived: TrainedPoint) -> dict[str, dict[str, int]]:
    """Count the pictures of the test that the point was trained on, and warn where some are of digits."""
    fraction = revived.kept.record.params["train_fraction"]
    rows = select_training_rows(revived.own.split, fraction)
    seen = count_seen(revived.data, revived.own, rows, revived.training.model.inputs)
    digits = seen["digits"]
    if digits["trained_on"]:
        log.warning(
            "%s of the %s pictures of digits in this test were trained on: it is no test with unseen digits",
            f"{digits['trained_on']:,}", f"{digits['shown']:,}",
        )  # fmt: skip
    return seen


def _fill_in(revived: TrainedPoint, metrics: dict[str, float]) -> set[str]:
    """Add what the record lacks, after a check that the rest is the same; the names of what was added."""
    record, ledger = revived.kept.record, Ledger(revived.kept.store)
    for name in metrics.keys() & record.metrics.keys():
        if not math.isclose(
            metrics[name], record.metrics[name], rel_tol=TOLERANCE, abs_tol=TOLERANCE
        ):
            raise ResultsError(
                f"{record.id}: {name} is {metrics[name]:.6g} now, {record.metrics[name]:.6g} in the record: "
                "other data, weights or libraries; nothing was changed"
            )
    added = metrics.keys() - record.metrics.keys()
    with ledger.claim(record.id, Process.current()) as claim:
        write_artifacts(
            revived.training,
            lambda name, content: _if_absent(ledger, claim, record.id, name, content),
        )
        if added:
            record = replace(record, examples=revived.training.counts)
            ledger.finish(claim, _with_metrics(record, {name: metrics[name] for name in added}))
    return set(added)


def _with_metrics(record: Record, metrics: dict[str, float]) -> Record:
    """Return the record with more metrics, and with the code that measured them where it names any code."""
    code, today = record.code, fingerprint(record.model, record.params["dataset"])
    if code is not None and today is not None:
        names = {name.removeprefix("test/") for name in metrics}
        measured_by = {name: today["metrics"][name] for name in names & today["metrics"].keys()}
        code = code | {"metrics": code.get("metrics", {}) | measured_by}
    return replace(record, metrics=record.metrics | metrics, code=code)


def _if_absent(ledger: Ledger, claim: Any, point_id: str, name: str, content: Any) -> None:
    if not ledger.store.exists(f"{POINTS}/{point_id}/{name}"):
        ledger.write_file(claim, point_id, name, content)


def write_image(path: Path, content: bytes) -> None:
    """Write a picture where the user wants it.

    Raises:
        UserError: its folder is not there.
    """
    if not path.absolute().parent.is_dir():
        raise UserError(f"--out {path}: there is no folder {path.parent}")
    write_atomic(path.absolute(), content)


def to_json(found: dict[str, Any]) -> str:
    """As it is printed."""
    return json.dumps(found, indent=1, allow_nan=False)
