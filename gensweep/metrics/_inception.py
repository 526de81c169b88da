"""InceptionV3 with torchvision's ImageNet weights, where a user has put them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gensweep.core.errors import UserError
from gensweep.core.soundness import FEATURES_VARIABLE

if TYPE_CHECKING:
    from torch import nn

INCEPTION_WEIGHTS = "inception_v3_google-0cc3c7bd.pth"
"""The file of torchvision's ImageNet weights, by torch.hub's name."""


def build_inception() -> nn.Module:
    """Return InceptionV3 (Szegedy et al. 2016), up to its last pooling.

    Weights are torchvision's for ImageNet.
    """
    import torch
    from torch import nn
    from torchvision.models import inception_v3

    with torch.device("meta"):
        network = inception_v3(
            weights=None, init_weights=False, aux_logits=True
        )
    weights = torch.load(
        _inception_path(), map_location="cpu", weights_only=True
    )
    network.load_state_dict(weights, assign=True)
    network.fc = nn.Identity()
    network.AuxLogits = None
    return network


def check_inception() -> None:
    """Make sure that the weights are in torch.hub's cache.

    Raises:
        UserError: they are not.
    """
    path = _inception_path()
    if not path.is_file():
        raise UserError(
            f"{FEATURES_VARIABLE}=inception: {path} is not here, and nothing is downloaded; "
            "put torchvision's weights there (inception_v3, IMAGENET1K_V1), or unset "
            f"{FEATURES_VARIABLE}"
        )


def _inception_path() -> Path:
    """Return the path of the weights in torch.hub's cache."""
    # `torch.hub.get_dir()` says the same, but would import torch.
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = Path(
        os.environ.get("TORCH_HOME", f"{cache}/torch")
    ).expanduser()
    return torch_home / "hub/checkpoints" / INCEPTION_WEIGHTS
