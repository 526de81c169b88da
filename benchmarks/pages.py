"""`benchmarks/results.md`: parts by name, each with what it was measured with."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gensweep.system.environment import get_hardware, get_versions
from gensweep.system.storage import write_atomic

FILE = Path(__file__).parent / "results.md"
FULL, QUICK = "full", "quick"
HEAD = """# Benchmarks

Written by `python -m benchmarks --write`, with `overhead` and `roofline` too; each part says what it was measured on.
A quick run never replaces a full one.

## What is compared

Both sides train the same grid on the same examples, splits, batch size, epochs and cores: the same layers, PyTorch's
initial weights, Adam. The script computes in float32; gensweep in what `precision=auto` chooses for the processor.
Each part says which (float32 where it does not), the metrics beside it show at what cost, and steps are timed in
float32 too. One run of each side follows one of the other, gensweep first, so that it meets the machine cold. Every
run is a process of its own, timed from its start to its end, Ray's start included; "a point" is the mean time inside a
point's training function: data, epochs, validation, checkpoints and test. Ratios are idiomatic over gensweep, of each
round; above 1, gensweep is faster.

- **idiomatic**: `benchmarks/idiomatic/`, as PyTorch's and Ray Tune's guides teach: `nn.LSTM` and `nn.Conv2d`, a
  `DataLoader` over a `TensorDataset`, `torch.optim.Adam`, a default `tune.Tuner` over `tune.grid_search` with
  `tune.with_parameters`, and a checkpoint reported every epoch. Its GAN uses the generated pictures twice, as the DCGAN
  tutorial does; gensweep draws them twice. `nn.LSTM` has two biases that are only ever added, so that Adam moves their
  sum twice as far in a step as gensweep's one bias: from equal weights, the two sides of a sequence model part. Of
  text_to_text with lr 0.002, eight seeds of ten epochs had a last training loss of 0.869 ± 0.026 in the script, of
  0.885 ± 0.016 with its second bias held at zero, and of 0.890 ± 0.016 in gensweep (0.889 ± 0.016 in float32). A test
  loss is 0.03 off the mean of the epochs beside it, on either side.
- **gensweep**: the real command line with `--wandb disabled`, and all else that it does, which the script does not:
  durable records and claims, sample sheets, answers, more metrics (a reader, trained anew in every run, of drawn
  answers; SSIM, FID, KID, density and coverage of pictures), tables, figures and a page.
- Threads: a trial has one core, for which Ray sets `OMP_NUM_THREADS=1`, on either side.
- Data: the arrays lie ready for both sides, in a cache and in a file.
- A step of either side is timed in a process of its own, set up as that side's trials are.
- The FLOPs of a step are counted from the layers (two a multiply-add, none for what need not be computed, such as a
  product with the zero state; glyphs, and beginnings of written queries, that a batch shows twice are counted twice, as
  the script reads them, though gensweep reads them once). The machine's rate is the best of `F.linear` and a 1x1
  convolution on one thread, and the share is of the faster of its two products.
- The load before a run is what others kept the machine busy with. Above a few tenths, seconds are too long and ratios
  are noise: look at their minimum and maximum.

"""
_PART = re.compile(r"^<!-- part: (\S+) (full|quick) -->\n", re.MULTILINE)


class PageError(Exception):
    """The file cannot take what is to be written."""


def markdown_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    """A table whose columns line up, the first one to the left and the others to the right.

    Raises:
        ValueError: a row has another number of cells than there are heads.
    """
    lines = [list(heads), *map(list, rows)]
    if any(len(line) != len(heads) for line in lines):
        raise ValueError(f"each row needs {len(heads)} cells: {rows}")
    widths = [
        max(3, *(len(line[column]) for line in lines))
        for column in range(len(heads))
    ]

    def joined(cells: Sequence[str]) -> str:
        padded = [
            cells[0].ljust(widths[0]),
            *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True)),
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * widths[0],
        *("-" * (width - 1) + ":" for width in widths[1:]),
    ]
    return (
        "\n".join([joined(lines[0]), joined(rule), *map(joined, lines[1:])])
        + "\n"
    )


def spread(values: Sequence[float]) -> str:
    """`min / median / max`."""
    shown = (min(values), statistics.median(values), max(values))
    return " / ".join(
        f"{value:.3g}" if value < 100 else f"{value:.0f}" for value in shown
    )


def machine(load: float) -> str:
    """What was measured on: processor, cores, memory, versions, commit, date, and how busy it was before."""
    here, software = get_hardware(), get_versions()
    libraries = ", ".join(
        f"{name} {software[name]}" for name in ("python", "torch", "ray")
    )
    dirty = "-dirty" if (software["commit"] or "").endswith("-dirty") else ""
    commit = f"{(software['commit'] or 'unknown')[:12]}{dirty}"
    return (
        f"{here['processor']}, {here['cores']} cores, {here['memory'] / 1e9:.0f} GB, {here['system']}; {libraries}; "
        f"commit {commit}; {datetime.now(UTC):%Y-%m-%d}; load before the run {load:.1f}."
    )


def parts(text: str) -> dict[str, tuple[str, str]]:
    """The parts of a page: name -> kind (`full` or `quick`) and text."""
    pieces = _PART.split(text)[1:]
    return {
        name: (kind, body)
        for name, kind, body in zip(
            pieces[::3], pieces[1::3], pieces[2::3], strict=True
        )
    }


def check_parts(names: Sequence[str], kind: str, path: Path = FILE) -> None:
    """Make sure that these parts may be written.

    Raises:
        PageError: a quick run would replace a full one's part.
    """
    there = parts(path.read_text(encoding="utf-8")) if path.exists() else {}
    if kind == QUICK and (
        kept := [
            name for name in names if there.get(name, (QUICK,))[0] == FULL
        ]
    ):
        raise PageError(
            f"{path.name} has full results of {', '.join(kept)}; a quick run does not replace them"
        )


def write_parts(
    found: dict[str, str], kind: str, order: Sequence[str], path: Path = FILE
) -> None:
    """Write some parts into the page and leave the others as they are.

    Args:
        found: text by name.
        kind: `full` or `quick`.
        order: names in the order of the page.
        path: the page.

    Raises:
        PageError: as `check_parts`.
        ValueError: a name has no place in the order.
    """
    check_parts(list(found), kind, path)
    there = parts(path.read_text(encoding="utf-8")) if path.exists() else {}
    there |= {
        name: (kind, f"{text.rstrip()}\n\n") for name, text in found.items()
    }
    if unplaced := there.keys() - set(order):
        raise ValueError(f"no place for {', '.join(sorted(unplaced))}")
    pieces = [
        f"<!-- part: {name} {there[name][0]} -->\n{there[name][1]}"
        for name in order
        if name in there
    ]
    write_atomic(path, (HEAD + "".join(pieces)).rstrip() + "\n")
