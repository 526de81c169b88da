"""A benchmark that cannot flatter: gensweep against what a user would write instead.

    python -m benchmarks                 gensweep and the idiomatic script in turn, as whole processes, model by model
    python -m benchmarks --quick         the same, small: less than three minutes on two cores
    python -m benchmarks roofline        a training step against the machine's own matmul rate (part of the above, too)
    python -m benchmarks overhead        what a sweep costs beside its training
    python -m benchmarks packs           lanes trained together against one alone, on a core and on a GPU
    python -m benchmarks muon            a step by Muon against one by Adam, and against the formula as usually written
    python -m benchmarks scaling         what limits many points on many nodes: the driver, and requests to a bucket

Prints tables; --write keeps them in benchmarks/results.md, with the machine they were measured on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

from benchmarks import (
    buckets,
    compare,
    muon,
    overhead,
    packs,
    roofline,
    scaling,
)
from benchmarks.cases import MODELS, QUICK_MODEL, Case, chosen
from benchmarks.compare import BenchmarkError
from benchmarks.pages import (
    FILE,
    FULL,
    QUICK,
    PageError,
    check_parts,
    machine,
    write_parts,
)
from gensweep.system.environment import count_usable_cores
from gensweep.system.text import pluralize

COMPARE, ROOFLINE, OVERHEAD, PACKS, SCALING = (
    "compare",
    "roofline",
    "overhead",
    "packs",
    "scaling",
)
MUON, MUON_STEPS = "muon", 60
POINTS, ROUNDS = 100, 5
"""Of the overhead: trivial points, and repetitions of what takes seconds."""
MANY, SOME = 1000, 200
"""Points of the largest run of the scaling, and of a quick one."""
ORDER = (*MODELS, ROOFLINE, OVERHEAD, PACKS, MUON, SCALING)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "what",
        nargs="?",
        choices=(COMPARE, ROOFLINE, OVERHEAD, PACKS, MUON, SCALING),
        default=COMPARE,
        help="what to measure",
    )
    made.add_argument(
        "--quick",
        action="store_true",
        help=f"small settings; processes of {QUICK_MODEL} alone, steps of all models",
    )
    made.add_argument(
        "--models",
        type=_models,
        default=(),
        metavar="M1,M2",
        help=f"some of {', '.join(MODELS)}",
    )
    made.add_argument(
        "--rounds",
        type=_positive,
        metavar="N",
        help="runs of each side; default 2",
    )
    made.add_argument(
        "--points",
        type=_positive,
        metavar="N",
        help="points of a grid, an even number; default 8, quick 2",
    )
    made.add_argument(
        "--epochs", type=_positive, metavar="N", help="epochs of a point"
    )
    made.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        help="what gensweep's sweeps compute in; default auto",
    )
    made.add_argument(
        "--cores",
        type=_positive,
        metavar="N",
        help="trials at once; default: every core",
    )
    made.add_argument(
        "--write",
        action="store_true",
        help=f"keep the results in benchmarks/{FILE.name}",
    )
    return made


def checked(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; exits with 2 and says why where they do not fit."""
    made = parser()
    options = made.parse_args(arguments)
    allowed = {
        COMPARE: {"models", "rounds", "points", "epochs", "precision"},
        ROOFLINE: {"models"},
        OVERHEAD: {"rounds", "points"},
        PACKS: set(),
        MUON: set(),
        SCALING: {"points"},
    }
    for name in ("models", "rounds", "points", "epochs", "precision"):
        if getattr(options, name) and name not in allowed[options.what]:
            made.error(f"--{name} does nothing for {options.what}")
    if options.what == COMPARE and options.points and options.points % 2:
        made.error(
            f"--points {options.points}: a grid has two learning rates, so an even number of points"
        )
    if options.what == OVERHEAD and options.points and options.points < 10:
        made.error(
            f"--points {options.points}: too few to tell a point's cost from noise; 10 are the least"
        )
    if options.what == SCALING and options.points and options.points < SOME:
        made.error(
            f"--points {options.points}: too few to tell a point's cost from noise; {SOME} are the least"
        )
    there = count_usable_cores()
    if options.cores and options.cores > there:
        made.error(f"--cores {options.cores}: this machine has {there}")
    options.cores = options.cores or there
    if options.write:
        if options.what == ROOFLINE and options.models:
            made.error(
                "--write keeps a roofline of all models; leave out --models"
            )
        try:
            check_parts(names(options), kind(options))
        except PageError as error:
            made.error(str(error))
    return options


def kind(options: argparse.Namespace) -> str:
    """Of the results: `quick` where anything is smaller than in the full settings."""
    if options.what == OVERHEAD:
        smaller = (options.rounds or ROUNDS) < ROUNDS or (
            options.points or POINTS
        ) < POINTS
    elif options.what == SCALING:
        smaller = (options.points or MANY) < MANY
    else:
        usual = {case.model: case for case in chosen(quick=False)}
        smaller = any(
            case.smaller_than(usual[case.model]) for case in cases(options)
        )
    return QUICK if options.quick or smaller else FULL


def names(options: argparse.Namespace) -> list[str]:
    """The parts of the page that a run measures."""
    if options.what in (OVERHEAD, PACKS, MUON, SCALING):
        return [options.what]
    models = (
        [case.model for case in cases(options)]
        if options.what == COMPARE
        else []
    )
    return models if options.models else [*models, ROOFLINE]


def cases(options: argparse.Namespace) -> list[Case]:
    """What whole processes train, or what a roofline has steps of."""
    models = options.models or (
        (QUICK_MODEL,)
        if options.quick and options.what == COMPARE
        else MODELS
    )
    return chosen(
        options.quick,
        models,
        options.rounds,
        options.points,
        options.epochs,
        options.precision or "auto",
    )


def measured(options: argparse.Namespace) -> dict[str, str]:
    """Measure what the options name; return the text of every part by its name."""
    here = machine(os.getloadavg()[0])
    size = f"{kind(options).capitalize()} run"
    if options.what == OVERHEAD:
        return {OVERHEAD: _measure_overhead(options, size, here)}
    if options.what == PACKS:
        seconds = 1.0 if options.quick else 6.0
        gains = packs.measure(chosen(options.quick, MODELS), seconds, _say)
        texts = packs.get_text(*gains)
        return {PACKS: part("Packs", f"{size}.", here, *texts)}
    if options.what == MUON:
        return {MUON: _measure_muon(options, size, here)}
    if options.what == SCALING:
        texts = _scaling(options)
        return {SCALING: part("Scaling", f"{size}.", here, *texts)}
    return _compare_and_time(options, size, here)


def _measure_overhead(
    options: argparse.Namespace, size: str, here: str
) -> str:
    points = options.points or POINTS
    rounds = options.rounds or ROUNDS
    costs = overhead.measure(
        points, rounds, options.cores, options.quick, _say
    )
    lead = f"{size} on {options.cores} cores."
    return part("Overhead", lead, here, overhead.costs_table(costs))


def _measure_muon(options: argparse.Namespace, size: str, here: str) -> str:
    count = MUON_STEPS // 4 if options.quick else MUON_STEPS
    steps = muon.measure(count, _say)
    lead = f"{size} on one thread, in float32. The plain formula iterates on the matrix itself."
    return part("Muon", lead, here, muon.get_costs_table(steps))


def _compare_and_time(
    options: argparse.Namespace, size: str, here: str
) -> dict[str, str]:
    """Compare whole runs where that is wanted, and single steps with the machine's own rate."""
    rates = roofline.matmul_rates()
    wanted = chosen(options.quick, options.models or MODELS)
    with roofline.workers() as sides:
        steps = {
            case.model: _steps(case, sides, options.quick) for case in wanted
        }
    table = roofline.rates_table(rates)
    parts = {}
    compared = cases(options) if options.what == COMPARE else ()
    for case in compared:
        result = compare.compare(case, options.cores, _say)
        lead = f"{size}, {pluralize(case.rounds, 'round')} on {options.cores} cores. {case.title()}"
        lead += f" gensweep computes in {result.precision}, the script in float32."
        parts[case.model] = part(
            case.model,
            lead,
            here,
            compare.times_table(result),
            compare.metrics_table(result),
            table,
            roofline.steps_table(rates, steps[case.model]),
        )
    if options.what == ROOFLINE or not options.models:
        all_steps = [step for each in steps.values() for step in each]
        steps_table = roofline.steps_table(rates, all_steps)
        parts[ROOFLINE] = part(
            "Roofline", f"{size}.", here, table, steps_table
        )
    return parts


def _scaling(options: argparse.Namespace) -> tuple[str, ...]:
    nodes, slots = (2, 2) if options.quick else (scaling.NODES, scaling.SLOTS)
    asked = buckets.measure(buckets.SIZES, _say)
    runs = scaling.measure(
        options.points or (SOME if options.quick else MANY),
        nodes,
        slots,
        _say,
    )
    at_once = pluralize(slots, "trial")
    lead = f"{pluralize(nodes, 'node')} of {at_once} at once, which only keep the books; processor milliseconds."
    return (
        lead,
        scaling.runs_table(runs),
        scaling.far(runs),
        buckets.table(asked),
        buckets.far(asked),
    )


def _steps(
    case: Case, sides: Mapping[str, ProcessPoolExecutor], quick: bool
) -> list[roofline.Step]:
    steps = roofline.time_steps(case, sides, 1.0 if quick else 6.0)
    ours = ", ".join(
        f"in {step.precision} {step.gensweep * 1e3:.1f} ms" for step in steps
    )
    _say(
        f"{case.model}: a step takes gensweep {ours}, idiomatic {steps[0].idiomatic * 1e3:.1f} ms"
    )
    return steps


def part(title: str, *texts: str) -> str:
    """A headed section of paragraphs and tables."""
    return (
        "\n\n".join((f"## {title}", *(text.strip() for text in texts))) + "\n"
    )


def main() -> None:
    """Measure, print, and write where that is asked for."""
    options = checked()
    if hasattr(
        os, "sched_setaffinity"
    ):  # the same cores for both sides, whatever they think they may use
        os.sched_setaffinity(
            0, sorted(os.sched_getaffinity(0))[: options.cores]
        )
    try:
        found = measured(options)
    except BenchmarkError as error:
        sys.exit(str(error))
    print("\n" + "\n".join(found.values()))
    if options.write:
        write_parts(found, kind(options), ORDER)


def _models(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if unknown := [name for name in wanted if name not in MODELS]:
        raise argparse.ArgumentTypeError(
            f"no model {unknown[0]!r}; there are {', '.join(MODELS)}"
        )
    return wanted


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number of 1 or more"
        )
    return int(text)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
