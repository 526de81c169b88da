"""A trained point, loaded again: its samples and its latent space."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import torch

from gensweep.core.dataset import DatasetArrays
from gensweep.core.errors import ResultsError, UserError
from gensweep.inspect.find import StoredPoint
from gensweep.ledger.point_files import WEIGHTS
from gensweep.nn.base_network import LatentNetwork
from gensweep.prepare.array_cache import load_arrays
from gensweep.prepare.contact_sheet import draw_picture_sheet, encode_png
from gensweep.sweep.point import Point
from gensweep.system.storage import write_atomic
from gensweep.train.artifacts import (
    render_interpolations,
    render_samples,
    to_bytes,
)
from gensweep.train.loop import Training
from gensweep.train.random_streams import make_generator
from gensweep.trial.device import resolve_device

GAP_PIXELS = 8
"""Between the linear and the spherical interpolations."""


@dataclass(frozen=True)
class TrainedPoint:
    """A point with its trained network and its data.

    Attributes:
        stored: the point as it was trained, and its files.
        point: the point, with other digits if they were requested.
        training: with the trained weights, in evaluation mode.
        data: the arrays of `point`.
        trained_data: the arrays that the point was trained with.
    """

    stored: StoredPoint
    point: Point
    training: Training
    data: DatasetArrays
    trained_data: DatasetArrays


def load_trained(
    stored: StoredPoint, device: str = "auto", digits: str | None = None
) -> TrainedPoint:
    """Load a point's weights; nothing in the file is executed.

    Args:
        stored: the point, which ended ok.
        device: `auto`, `cpu`, `cuda` or `mps`.
        digits: pictures of digits other than those of the training: `mnist`, `idx:DIR`, `npz:FILE`.

    Raises:
        UserError: there are no digits in the point's data, or the data is not here.
        ResultsError: the weights are damaged or of another model.
    """
    point = stored.point
    if digits is not None:
        if "digits" not in point.params:
            raise UserError(
                f"--digits: {point.model} on {point.params['dataset']} sees no digits"
            )
        point = Point.make(
            point.model, point.params | {"digits": digits}, point.seed
        )
    data = load_arrays(point.data_config())
    trained_data = data
    if digits is not None:
        trained_data = load_arrays(stored.point.data_config())
    # Drawn answers are read by a reader of the handwriting that the point was trained to draw.
    training = Training(
        point.model_config(),
        point.data_config(),
        point.seed,
        data,
        resolve_device(device),
        reader_data=trained_data,
    )
    _load_weights(training, stored.folder / WEIGHTS)
    return TrainedPoint(stored, point, training, data, trained_data)


def _load_weights(training: Training, path: Path) -> None:
    """Load a network's weights and switch to evaluation mode.

    Raises:
        ResultsError: the file is damaged or of another model.
    """
    try:
        weights = torch.load(
            path, map_location=training.device, weights_only=True
        )
        training.network.load_state_dict(weights)
    except (
        Exception
    ) as error:  # PyTorch raises a dozen types for a damaged file
        raise ResultsError(
            f"{path} cannot be read ({type(error).__name__}: {error}); train the point again"
        ) from error
    training.network.eval()


def sample(trained: TrainedPoint, n: int, seed: int) -> bytes:
    """Return a PNG of new pictures from the prior, or else of outputs for test examples.

    Args:
        trained: the point.
        n: pictures, or examples.
        seed: chooses them.
    """
    training = trained.training
    if not isinstance(training.network, LatentNetwork):
        return render_samples(training.make_samples(n, seed))
    shape = (n, training.network.config.latent_dim)
    latent = torch.randn(shape, generator=make_generator(seed, "sample"))
    with torch.no_grad(), training.autocast():
        pictures = training.network.sample(latent.to(training.device))
    return encode_png(draw_picture_sheet(to_bytes(pictures)))


def interpolate(
    trained: TrainedPoint, rows: int, steps: int, seed: int
) -> bytes:
    """Return a PNG with linear interpolations above spherical ones.

    Raises:
        UserError: the model has no prior to draw from.
    """
    from PIL import Image

    with trained.training.autocast():
        rendered = render_interpolations(
            trained.training.network, seed, rows, steps
        )
    if not rendered:
        raise UserError(
            f"{trained.point.model} has no latent vectors to draw: interpolate shows VAEs and GANs"
        )
    upper = Image.open(io.BytesIO(rendered["linear"]))
    lower = Image.open(io.BytesIO(rendered["spherical"]))
    height = upper.height + GAP_PIXELS + lower.height
    canvas = Image.new("RGB", (upper.width, height), "white")
    canvas.paste(upper, (0, 0))
    canvas.paste(lower, (0, upper.height + GAP_PIXELS))
    return encode_png(canvas)


def write_image(path: Path, content: bytes) -> None:
    """Write a picture to the user's path.

    Raises:
        UserError: its folder does not exist.
    """
    if not path.absolute().parent.is_dir():
        raise UserError(f"--out {path}: there is no folder {path.parent}")
    write_atomic(path.absolute(), content)
