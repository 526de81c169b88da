"""`paper`: write what a LaTeX paper includes from the results of sweeps."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gensweep.cli.options import Root, parse_pairs
from gensweep.core.errors import UserError
from gensweep.ledger.sweep_folder import find_sweep_folders
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line

if TYPE_CHECKING:
    from gensweep.report.paper_kit.files import Written

app = typer.Typer()
MAX_REMARKS = 8


class Columns(StrEnum):
    """Widths of tables and figures."""

    one = "1"
    two = "2"


class Font(StrEnum):
    """Typefaces of the figures and of the example article."""

    computer_modern = "computer-modern"
    times = "times"


Sweeps = Annotated[
    list[str],
    typer.Argument(
        metavar="SWEEP",
        help="Folders, names or files of sweeps, such as results/layers.",
    ),
]
Out = Annotated[
    Path, typer.Option(metavar="FOLDER", help="The folder to write.")
]
Width = Annotated[
    Columns,
    typer.Option(
        help="1: fit one column of two where possible; 2: fit the width of the page."
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="A metric to show, once per metric; default: the main one and its companions.",
    ),
]
LabelTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="NAME=TEXT",
        help="The text for a metric, parameter or model, once per name.",
    ),
]
Tables = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        metavar="NAME",
        help="A table to write, once per table; default: the leaderboard and the sweep's own.",
    ),
]
Rows = Annotated[
    int, typer.Option(min=1, help="Maximum number of rows of a leaderboard.")
]
Comparisons = Annotated[
    list[str] | None,
    typer.Option(
        "--compare",
        metavar="KEY=A,B",
        help="Macros for the question whether value A of a parameter is better than B, once per "
        "question.",
    ),
]
Typeface = Annotated[
    Font, typer.Option(help="Typeface of figures and of the example.")
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace files that you have edited, too."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show tracebacks.")]


@app.command("paper")
def paper_command(
    sweeps: Sweeps,
    out: Out = Path("paper"),
    results: Root = "results",
    columns: Width = Columns.one,
    metrics: Metrics = None,
    labels: LabelTexts = None,
    tables: Tables = None,
    rows: Rows = 10,
    comparisons: Comparisons = None,
    font: Typeface = Font.computer_modern,
    overwrite: Overwrite = False,
    verbose: Verbose = False,
) -> None:
    """Write tables, figures, numbers and methods for a LaTeX paper, from the records."""
    from gensweep.ledger.open_store import canonical_uri
    from gensweep.report.load import load
    from gensweep.report.paper_kit.files import write_files
    from gensweep.report.paper_kit.kit import make_kit
    from gensweep.report.paper_kit.options import KitOptions

    if "://" in str(out) or str(out).startswith(("s3:", "gs:")):
        raise UserError(f"--out {out}: a paper is written to a local folder")
    paths = find_sweep_folders(sweeps, results)
    # Two spellings of one folder are one sweep.
    unique = {canonical_uri(path): path for path in paths}
    options = KitOptions(
        columns=int(columns),
        metrics=tuple(metrics or ()),
        labels=_parse_labels(labels),
        tables=tuple(tables or ()),
        rows=rows,
        comparisons=_parse_comparisons(comparisons),
        font=font.value,
    )
    kit = make_kit([load(path) for path in unique.values()], options)
    outcome = write_files(out, kit.files, overwrite)
    console = Console()
    _print_remarks(kit.remarks, console)
    _print_outcome(outcome, out, console)


def _print_outcome(outcome: Written, out: Path, console: Console) -> None:
    files = pluralize(len(outcome.written), "file")
    same = len(outcome.same)
    print_line(console, f"Wrote {files} to {out}; {same} were up to date.")
    if outcome.removed:
        print_line(
            console, f"Removed from {out}: {', '.join(outcome.removed)}"
        )
    if outcome.edited:
        edited = ", ".join(outcome.edited)
        print_line(
            console,
            f"Edited since, and left as they are: {edited} (--overwrite replaces them)",
        )
    print_line(console, f"Typeset the example: cd {out} && pdflatex main")


def _parse_comparisons(
    texts: list[str] | None,
) -> list[tuple[str, Any, Any]]:
    """Return a parameter and two of its values for each option."""
    from gensweep.core.values import parse_value

    comparisons = []
    for text in texts or []:
        for axis, values in parse_pairs("--compare", [text]).items():
            if len(values) != 2 or values[0] == values[1]:
                raise UserError(
                    f"--compare {text!r} does not name two values, as in KEY=A,B"
                )
            first, second = map(parse_value, values)
            comparisons.append((axis, first, second))
    return comparisons


def _parse_labels(texts: list[str] | None) -> dict[str, str]:
    pairs = parse_pairs(
        "--label", [text.replace(",", "\\,") for text in texts or []]
    )
    return {name: values[0] for name, values in pairs.items()}


def _print_remarks(remarks: list[str], console: Console) -> None:
    for remark in remarks[:MAX_REMARKS]:
        print_line(console, f"Left out: {remark}")
    if len(remarks) > MAX_REMARKS:
        print_line(console, f"Left out: {len(remarks) - MAX_REMARKS} more")
