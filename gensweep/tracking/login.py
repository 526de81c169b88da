"""The login at Weights & Biases: is there a key on this machine?"""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from urllib.parse import urlsplit

_DEFAULT_SERVER = "https://api.wandb.ai"


def has_login() -> bool:
    """Return True if W&B would find a key for its server. The key itself is not read."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        server = urlsplit(os.environ.get("WANDB_BASE_URL") or _DEFAULT_SERVER)
        path = os.environ.get("NETRC") or str(Path.home() / ".netrc")
        return (
            netrc.netrc(path).authenticators(server.hostname or "")
            is not None
        )
    except (OSError, ValueError, netrc.NetrcParseError, RuntimeError):
        # No such file, a malformed one or a malformed address, or a user without a home.
        return False
