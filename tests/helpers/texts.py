"""Text without what a terminal adds to it."""

from __future__ import annotations

import json
from pathlib import Path


def strip(path: Path) -> None:
    """Write a record as a former version did: of the test alone, without counts and warnings."""
    from gensweep.ledger.records import _CHECKSUM_PREFIX, compute_checksum

    values = json.loads(path.read_text())
    del values["checksum"], values["examples"], values["warnings"]
    values["metrics"] = {
        name: value for name, value in values["metrics"].items() if name.startswith("test/")
    }
    body = json.dumps(values, indent=1)[1:]
    path.write_text(f'{_CHECKSUM_PREFIX}{compute_checksum(body.encode())}",{body}\n')
