"""What reaches a screen: text as it is, in every encoding, on every kind of stream, and no end of a run by it."""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import call, t2t, write_sweep
from source_files import FILES, parse_file, skips_types
from sweep_files import cell
from sweep_files import write_sweep as write_sweep_json

from gensweep.cli import app
from gensweep.execute import driver
from gensweep.execute.progress import Screen
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.report.tables.markdown import escape_markdown
from gensweep.system.redaction import redact_secrets
from gensweep.system.terminal import (
    Console,
    escape_controls,
    format_command_line,
    split_command_line,
)

if os.name == "nt":
    pytest.skip("pseudo-terminals are Unix's", allow_module_level=True)
import fcntl
import pty
import struct
import termios

HOSTILE = ":train: [red]x[/red] [/old] \x1b[31m\x07 \x9b1m \u202eabc"
SHOWN = r":train: [red]x[/red] [/old] \x1b[31m\x07 \x9b1m \u202eabc"
"""The same, as a terminal may see it."""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wide screen, and a folder of its own to be in."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)


# --- text as it is


def test_no_text_is_markup_an_emoji_or_a_command_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rich.table import Table

    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    console = Console()
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    console.print(HOSTILE, soft_wrap=True)
    console.print(table)
    with console.status(HOSTILE):
        pass
    assert stream.getvalue().count(SHOWN) == 4
    assert not set(stream.getvalue()) & set("\x1b\x07\x9b\u202e")


def test_lines_and_tabs_stay_and_what_no_encoding_holds_is_written_out() -> None:
    assert escape_controls("a\tb\nc\r\udcff é±") == "a\tb\nc\\r\\udcff é±"


@pytest.mark.parametrize(
    "arguments",
    [
        ["a b.py", "--results", "runs [v2]/r"],
        ["x:train", "--filter", "lr=0.1,0.2", "it's"],
        ["\x1b[31m\\'é\n", "\udcff"],
    ],
)
def test_the_command_line_can_be_pasted(arguments: list[str]) -> None:
    line = format_command_line(arguments)
    assert escape_controls(line) == line and "\n" not in line
    script = f"{line.replace('python -m gensweep', 'set --', 1)}; printf '%s\\0' \"$@\""
    message = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    assert message == b"".join(os.fsencode(argument) + b"\0" for argument in arguments)
    if all(map(str.isprintable, arguments)):
        assert shlex.split(line)[3:] == arguments


def test_there_is_one_console_and_everything_is_printed_through_it() -> None:
    """Another one of rich's, typer's `echo` or a bare `print` would parse or pass on what is not ours."""
    markup = ("TextColumn", "SpinnerColumn", "Spinner", "from_markup", "from_ansi", "render_markup")
    for name in FILES:
        for node in skips_types(parse_file(name)):
            if isinstance(node, ast.ImportFrom) and node.module in (
                "rich.console",
                "rich",
                "rich.markup",
                "rich.prompt",
            ):
                names = {alias.name for alias in node.names}
                assert name == "system/terminal.py" or not names & {
                    "Console",
                    "print",
                    "get_console",
                    "render",
                    "Prompt",
                }
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            assert called not in (
                "print",
                "typer.echo",
                "typer.secho",
                "typer.confirm",
                "typer.prompt",
            ), name
            if called.rpartition(".")[2] in markup:
                switched = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert switched.get("markup") == "False", f"{name}:{node.lineno}"


def foreign(root: Path) -> Record:
    """A record that somebody else wrote, with all that may be done to a terminal in its texts."""
    point = t2t()
    record = Record(
        point.id, point.model, point.params, point.seed, Status.FAILED, error=HOSTILE,
        versions={"torch": HOSTILE}, hardware={"host": HOSTILE},
    )  # fmt: skip
    folder = Ledger(root).folder(point.id)
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(record.to_json())
    (folder / HOSTILE.replace("/", "")).touch()
    return record


def test_foreign_records_and_names_do_nothing_to_the_terminal(tmp_path: Path) -> None:
    record, file = foreign(tmp_path / "results"), write_sweep(tmp_path)
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "\x1b[31m:train:.py").write_text(f"raise ValueError({HOSTILE!r})")
    calls = [
        call("show", record.id), call(file, "--local"), call("collect", "results/tiny"), call("list", "sweeps"),
        call("show", HOSTILE), call("collect", HOSTILE), call(HOSTILE), call(file, "--filter", f"lr={HOSTILE}"),
        call(file, "--device", HOSTILE), call(file, f"--x{HOSTILE}"), call("data", "show", HOSTILE),
        call("data", "fetch", "mnist", HOSTILE), call(file, "--results", f"{file}/{HOSTILE}"), call("list", HOSTILE),
    ]  # fmt: skip
    for ended in calls:
        assert not set(ended.out + ended.error) & set("\x1b\x07\x9b\u202e")
        assert ":train:" in ended.out + ended.error
        assert "Traceback" not in ended.error
    assert [ended.code for ended in calls] == [0, 1, 0, 0, *[2] * 10]


def test_long_names_are_shown_whole_on_a_narrow_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut at their ends, two of them would look alike."""
    names = {f"folder:sha256-{end * 16}": f"/x/{'n' * 200}{end}" for end in "ab"}
    cells = [cell(0, model="cae", dataset=pinned) for pinned in names]
    folder = write_sweep_json(tmp_path, cells, places=names)
    monkeypatch.setenv("COLUMNS", "60")
    shown = "".join(call("collect", folder).out.split())
    assert all("n" * 100 + end in shown for end in "ab")


def test_the_command_to_go_on_is_the_one_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [write_sweep(tmp_path), "--local", "--results", "runs [v2]/r[/old]:train:"]

    def stop(*_: Any) -> int:
        raise app.Stopped(2)

    monkeypatch.setattr(driver, "run", stop)
    monkeypatch.setattr(sys, "argv", ["gensweep", *arguments])
    ended = call(*arguments)
    assert ended.code == 130
    assert shlex.split(ended.error.partition("To continue: ")[2]) == [
        "python",
        "-m",
        "gensweep",
        *arguments,
    ]


# --- streams

COMMAND = [sys.executable, "-m", "gensweep"]
TRAINING = """
import sys, time, types
from pathlib import Path
from gensweep.cli import app
from gensweep.system.terminal import Console
from gensweep.execute.progress import Screen

def train(*_):
    with Path("done").open("w") as results, Screen(Console(), 1, 0) as screen:
        screen.report({"point": "one", "epoch": 1, "epochs": 2})
        time.sleep(float(sys.argv[1]))
        screen.report({"point": "one", "status": "ok", "error": None})
        print("after", flush=True)
        print("after", flush=True, file=sys.stderr)
        results.write("whole")
    return 0

sys.modules["gensweep.execute.driver"] = types.SimpleNamespace(run=train)
app.main(["tiny.py", "--local"])
"""
"""The real command, with so many seconds in place of training."""


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment with some changes; None takes a variable out."""
    changed: dict[str, str | None] = {**os.environ, "COLUMNS": None, "LINES": None} | changes
    return {name: value for name, value in changed.items() if value is not None}


def own_terminal() -> None:
    """Make standard input this session's terminal, so that its end is a signal, also where tests run under `nohup`."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextlib.contextmanager
def on_terminal(
    command: list[str], width: int, **changes: str | None
) -> Iterator[tuple[subprocess.Popen, int]]:
    """A command on a pseudo-terminal so many columns wide, and that terminal's other end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**changes), start_new_session=True,
        preexec_fn=own_terminal,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(OSError):
            os.close(ours)


def read(terminal: int, until: bytes | None = None) -> bytes:
    """What is written on a terminal, to its end or to some words."""
    seen = b""
    with contextlib.suppress(OSError):  # which is how a terminal ends
        while (
            (part := os.read(terminal, 1 << 16))
            and (seen := seen + part)
            and (until is None or until not in seen)
        ):
            pass
    return seen


FAKE = """
import sys
from gensweep.cli.app import main
from gensweep.system.terminal import Console, guard_output
from gensweep.execute.progress import Screen
from gensweep.system.text import print_line
from rich.table import Table

guard_output()
console = Console()
print_line(console, "begin ± – \u4eba\u7269 \U0001f600 \\udcff", "red")
with Screen(console, 2, 0) as screen:
    screen.report({"point": "one \u4eba", "epoch": 1, "epochs": 2, "validation/loss": 1.0})
    screen._drawing._live.refresh() if screen._drawing else None
    screen.report({"point": "one \u4eba", "status": "ok", "error": None, "validation/loss": 1.0, "test/loss": 2.0})
    screen.report({"point": "two", "status": "failed", "error": "why ±"})
    with console.status("waiting ±"):
        pass
table = Table("a ±", "b")
table.add_row("0.1 ± 0.2", "\u4eba")
console.print(table)
main(["list", "tables"])
"""
"""What a run prints, without the training; and a command that prints a table."""
ENCODINGS = ("latin-1", "ascii", "gbk", "euc_jp", "utf-8")
TERMS = ("xterm-256color", "dumb", "unknown", None, "no-such-terminal")
QUICK = [("ascii", "dumb", 80), ("latin-1", "xterm", 1)]
ALL = [case for case in itertools.product(ENCODINGS, TERMS, (0, 1, 80)) if case not in QUICK]


@pytest.mark.parametrize(
    ("encoding", "term", "width"),
    [*QUICK, *(pytest.param(*case, marks=pytest.mark.slow) for case in ALL)],
)
def test_every_terminal_shows_what_it_can(encoding: str, term: str | None, width: int) -> None:
    command = [sys.executable, "-c", FAKE]
    with on_terminal(command, width, PYTHONIOENCODING=encoding, TERM=term) as (process, terminal):
        message = read(terminal)
        assert process.wait(60) == 0, message
    text = message.decode(encoding)
    assert "begin" in text and "two failed" in text and "budget" in text
    assert "Traceback" not in text
    assert "\x1b[" not in text or term not in ("dumb", "unknown", None)
    is_live = term not in ("dumb", "unknown", None)
    assert ("[1/2] one" in text) == (not is_live), (
        "a line per point where nothing can be written over"
    )


@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
@pytest.mark.parametrize("command", [["--help"], ["list", "tables"]])
def test_a_screen_of_no_size_shows_everything(name: str, command: list[str]) -> None:
    ended = subprocess.run(
        [*COMMAND, *command], env=environment(**{name: "0"}), capture_output=True, text=True
    )
    assert ended.returncode == 0 and len(ended.stdout.replace(" ", "")) > 500


@pytest.fixture
def sweep(tmp_path: Path) -> str:
    """A command that seems to train a sweep."""
    write_sweep(tmp_path)
    return shlex.join([sys.executable, "-c", TRAINING, "0"])


def shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in which `gensweep` is the command."""
    line = f'gensweep() {{ {shlex.join(COMMAND)} "$@"; }}; {script}'
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, env=environment(), timeout=100
    )


def test_a_reader_that_leaves_ends_nothing(sweep: str) -> None:
    ended = shell(f"({sweep}; echo $? > status) | true; cat status")
    assert (ended.stdout, ended.stderr) == ("0\n", "after\n")
    assert Path("done").read_text() == "whole"


def test_closed_streams_get_no_file_of_results(sweep: str) -> None:
    ended = shell(f"{sweep} <&- >&- 2>&-; echo $?")
    assert (ended.stdout, ended.stderr) == ("0\n", "")
    assert Path("done").read_text() == "whole"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.slow
def test_a_full_disk_behind_the_output_is_reported_and_ends_no_run(sweep: str) -> None:
    message = "warning: a part of the output could not be written: No space left on device\n"
    ended = shell(f"{sweep} > /dev/full")
    assert (ended.returncode, ended.stderr) == (0, f"after\n{message}")
    ended = shell("gensweep list tables > /dev/full")
    assert (ended.returncode, ended.stderr) == (1, message), (
        "the output was all that it had to give"
    )
    assert shell("gensweep list tables 2> /dev/full > /dev/full").returncode == 1


def test_a_terminal_that_is_closed_ends_a_run_in_order(sweep: str) -> None:
    with on_terminal([sys.executable, "-c", TRAINING, "60"], 80, TERM="xterm") as (
        process,
        terminal,
    ):
        read(terminal, until=b"one")
        os.close(terminal)
        assert process.wait(30) == 143
    assert Path("done").read_text() == ""


@pytest.mark.slow
def test_under_nohup_a_run_outlives_its_terminal(sweep: str) -> None:
    """The terminal is gone in the middle: what is written to it then is lost, and nothing else."""
    command = [
        "bash",
        "-c",
        f"trap '' HUP; exec {shlex.join([sys.executable, '-c', TRAINING, '2'])}",
    ]
    with on_terminal(command, 80, TERM="xterm") as (process, terminal):
        read(terminal, until=b"one")
        os.close(terminal)
        assert process.wait(30) == 0
    assert Path("done").read_text() == "whole"


def test_a_working_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    ended = shell("mkdir gone; cd gone; rmdir ../gone; gensweep list tables")
    assert ended.returncode == 2
    assert (
        ended.stderr
        == "error: the working directory no longer exists; change to another one with cd\n"
    )


def test_a_screen_that_nothing_can_be_written_over_on_gets_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`FORCE_COLOR` colours a file, and still makes no terminal of it."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    console = Console()
    assert console.is_terminal and not console.is_live
    with Screen(console, 1, 0) as screen:
        screen.report({"point": "one [/x]", "status": Status.OK, "error": None})
    assert "[1/1] one [/x] ok" in stream.getvalue()


# --- secrets, and Markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3:/KEY:SECRET@b", "s3:/...@b"),
        ("S3:KEY:SECRET@b", "S3:...@b"),
        ("s3://KEY:SEC/R?E#T@b/x", "s3://...@b/x"),
        ("https://h/p?sig=abc&region=eu", "https://h/p?sig=...&region=eu"),
        ("https:u:SECRET@h/x, sftp:t@h", "https:...@h/x, sftp:...@h"),
        ("https://h/p#token=abc", "https://h/p#..."),
        ("why: https://u:p@h:80/x; and https://t@h, 'gs://b/c'", "why: https://...@h:80/x; and https://...@h, 'gs://b/c'"),
        ("s3://b?region=a&endpoint_override=http%3A%2F%2Fu%3Ap%40h", "s3://b?region=a&endpoint_override=..."),
        ("folder:/x?y=http://u:p@h", "folder:/x?y=http://...@h"),
        ("http: no answer", "http: no answer"),
        *((text, text) for text in ("https://h:8080/a@b", "http://[::1]:80/x@y", "folder:/a@b idx:x", "a@b")),
    ],
)  # fmt: skip
def test_secrets_in_addresses_are_hidden(text: str, shown: str) -> None:
    assert redact_secrets(text) == shown


def test_no_command_repeats_a_secret(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_sweep(tmp_path)
    for arguments in (
        [file, "--results", "s3:/KEY:SECRET@b"], [file, "--results", "s3:KEY:SECRET@b"], ["show", "s3:/K:SECRET@b"],
        [file, "--results", "ftp://u:SECRET@h/x?sig=SECRET"], ["collect", "s3://K:SECRET@b/x"], ["https://u:SECRET@h"],
        ["data", "fetch", "mnist", "--source", "sftp://h/x?sig=SECRET"], [file, "--x", "https://u:SECRET@h"],
        ["data", "fetch", "cryptopunks", "--source", "ftp://u:SECRET@h/x?sig=SECRET"],
    ):  # fmt: skip
        ended = call(*arguments)
        assert ended.code == 2 and "SECRET" not in ended.out + ended.error, arguments
    assert "SECRET" not in format_command_line(["--source", "https://h/x?sig=SECRET"])


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        (
            "train_fraction [nats] 0.1 ± 0.2 C:\\x 3 * 4",
            "train_fraction [nats] 0.1 ± 0.2 C:\\x 3 \\* 4",
        ),
        ("<b>&lt; a & b", "&lt;b>&amp;lt; a & b"),
        ("[x](y) ![i](u) `c` a|b", "[x\\](y) \\![i\\](u) \\`c\\` a\\|b"),
        ("folder:a$b$ costs $5", "folder:a\\$b\\$ costs \\$5"),
        ("x:train: _em_ \\* \x1b", "x\\:train: \\_em\\_ \\\\\\* \\x1b"),
    ],
)
def test_markdown_shows_what_is_not_ours_letter_by_letter(text: str, cell: str) -> None:
    assert escape_markdown(text) == cell


@pytest.mark.parametrize(
    "argument",
    ["plain", "two words", "it's", "a\\b", "data/enc\udcff", "\x1b[31m", "tab\there", "=x"],
)
def test_a_printed_command_is_read_back_word_for_word(argument: str) -> None:
    command = format_command_line(["run.py", "--set", argument, "--local"])
    assert split_command_line(command)[3:] == ["run.py", "--set", argument, "--local"]
