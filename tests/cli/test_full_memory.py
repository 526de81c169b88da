"""A command that runs out of memory."""

from __future__ import annotations

import pytest

from gensweep.cli import app


def test_a_full_memory_ends_a_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(app, "app", fill)
    with pytest.raises(SystemExit) as ended:
        app.main(["list", "models"])
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "the memory is full" in shown and "Traceback" not in shown
