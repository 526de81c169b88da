"""A ledger in a temporary folder, and the folder of its one point."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_point import POINT

from gensweep.ledger.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


@pytest.fixture
def folder(ledger: Ledger) -> Path:
    built = ledger.folder(POINT.id)
    built.mkdir(parents=True)
    return built
