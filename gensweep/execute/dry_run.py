"""What a run would do: points and trials to train, time, memory; shown before anything is started."""

from __future__ import annotations

from dataclasses import dataclass, field

from gensweep.core.errors import DataError, ResultsError, UserError
from gensweep.execute.local import Resources
from gensweep.execute.memory_budget import RESERVE_BYTES, Room
from gensweep.execute.packing import pack_limit
from gensweep.execute.plan import Plan, Rates, concurrent_trials, make_plan, rates_of
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.manifest_writer import describe_replaced_points
from gensweep.ledger.open_store import open_store
from gensweep.ledger.records import DIVERGED, FAILED, MISSING, OK
from gensweep.ledger.stores import as_results_error
from gensweep.sweep.code_fingerprint import OTHER, UNKNOWN
from gensweep.sweep.load import points_of
from gensweep.sweep.point import AUTO, Pack, Point
from gensweep.sweep.spec import Sweep
from gensweep.system.environment import memory_bytes as machine_memory
from gensweep.system.terminal import Console
from gensweep.system.text import counted, duration, say

_WORDS = {OK: "done", MISSING: "missing", FAILED: "failed", DIVERGED: "diverged"}


@dataclass(frozen=True)
class Options:
    """What the command line says beside the sweep.

    Attributes:
        results: the results root.
        filters: pairs of a parameter and its values; limit what runs now, all of them together.
        local: without Ray.
        command: the command line, to be shown and recorded.
        resources: who trains, and with what.
    """

    results: str = "results"
    filters: list[tuple[str, list[str]]] = field(default_factory=list)
    local: bool = False
    command: str = ""
    resources: Resources = field(default_factory=Resources)


def dry_run(sweep: Sweep, options: Options, calibrate: bool, console: Console) -> None:
    """Show the plan; writes and starts nothing."""
    ledger = Ledger(open_store(options.results))
    with as_results_error(ledger.store):
        plan = plan_run(points_of(sweep, options.filters), ledger, options)
    show_unreadable(plan, console)
    counts, resources = plan.counts(), options.resources
    states = ", ".join(f"{counts[status]} {word}" for status, word in _WORDS.items())
    say(console, f"Sweep {sweep.name}: {counted(len(plan.points), 'point')} wanted, {states}.")
    show_code(plan, options, console)
    if plan.state.running:
        say(
            console,
            f"{len(plan.state.running)} of the missing are being trained now by another run.",
        )
    try:
        if note := describe_replaced_points(ledger.store, sweep, options.command):
            say(console, note, "yellow")
    except ResultsError as error:
        say(console, f"A run would be refused: {error}", "yellow")
    rates, most = rates_of(ledger, plan.state, resources.kind), at_once(plan, options)
    room = room_of(plan, rates, options)
    packs = packs_here(plan, options, room)
    most = min(most, max(1, len(packs)))
    concurrent = most if resources.address is not None else max(1, room.fit(packs, most))
    todo, trials = counted(len(plan.todo), "point"), counted(len(packs), "trial")
    say(console, f"To train: {todo} in {trials}, {concurrent} at once here.")
    if resources.address is not None:
        say(
            console,
            f"The cluster at {resources.address} was not asked: trials, times and memory are this machine's.",
        )
    for data in {point.data_key: point.data_config() for point in plan.todo}.values():
        try:
            data.check()
        except DataError as error:
            say(console, f"Not to be started: {error}", "yellow")
    if plan.todo:
        _show_time(plan, packs, rates, concurrent, calibrate, resources, console)
        _show_memory(packs, room, most, options, console)


def _show_time(
    plan: Plan,
    packs: list[Pack],
    rates: Rates,
    concurrent: int,
    calibrate: bool,
    resources: Resources,
    console: Console,
) -> None:
    source = "from earlier records of this machine"
    if calibrate:
        from gensweep.execute.calibrate import calibrate as try_steps

        tried = try_steps(plan.todo, rates, resources.device, resources.cpus_per_trial)
        source += f", and a few training steps of {counted(tried, 'shape')}" if tried else ""
    estimate = rates.estimate(packs)
    known = len(plan.todo) - estimate.unknown
    if known:
        say(
            console,
            f"Time: about {duration(estimate.wall(concurrent))} for {counted(known, 'point')} ({source}).",
        )
    if estimate.unknown:
        hint = "" if calibrate else "; --calibrate tries a few steps of each"
        say(
            console,
            f"Time: unknown for {counted(estimate.unknown, 'point')} (no record of their shape on this machine{hint}).",
        )


def _show_memory(
    packs: list[Pack], room: Room, most: int, options: Options, console: Console
) -> None:
    """What the largest trial needs, and whether a run would be refused, or train fewer at once."""
    say(console, f"{needs(room, packs)}.")
    if options.resources.address is not None:
        return
    try:
        fit = room.check(packs, most, None if options.local else options.resources.max_concurrent)
    except UserError as error:
        say(console, f"A run would be refused: {error}", "yellow")
        return
    if fit < most:
        say(console, f"{fit} of the largest fit at once, there are cores for {most}.", "yellow")


def room_of(plan: Plan, rates: Rates, options: Options) -> Room:
    """What the points to do need of this machine; in this process, no Ray takes a part."""
    return rates.room(
        plan.todo, machine_memory(), options.resources.kind, 0 if options.local else RESERVE_BYTES
    )


def needs(room: Room, packs: list[Pack]) -> str:
    """What the largest trial needs, in words."""
    return f"Memory: up to {room.told(room.largest(packs))}"


def packs_here(plan: Plan, options: Options, room: Room) -> list[Pack]:
    """The trials, if this machine trains them: of no more lanes than fit into memory, if nobody says how many."""
    resources = options.resources
    limit = pack_limit(resources.pack, resources.kind, len(plan.todo), at_once(plan, options))
    packs = plan.packs(limit)
    while limit > 1 and resources.pack == AUTO and not room.fit(packs, 1):
        limit = (limit + 1) // 2
        packs = plan.packs(limit)
    return packs


def at_once(plan: Plan, options: Options) -> int:
    """Trials at once, as far as cores go."""
    return 1 if options.local else min(concurrent_trials(options.resources), max(1, len(plan.todo)))


def plan_run(points: list[Point], ledger: Ledger, options: Options) -> Plan:
    """Return the plan of the points that a call wants; raises as `make_plan`."""
    resources = options.resources
    return make_plan(points, ledger, resources.retry_failed, resources.retrain_changed)


def show_code(plan: Plan, options: Options, console: Console) -> None:
    """Say how many points were trained by other code than today's, or by nobody knows which."""
    codes = plan.codes()
    total = sum(map(len, codes.values()))
    if options.resources.retrain_changed or not (codes[OTHER] or codes[UNKNOWN]):
        return
    if codes[OTHER]:
        changed = ", ".join(plan.changed_code(codes[OTHER]))
        others = f"{len(codes[OTHER])} of {counted(total, 'point')}"
        say(console, f"Trained by other code: {others} ({changed}).", "yellow")
    if codes[UNKNOWN]:
        unknown = f"{len(codes[UNKNOWN])} of {counted(total, 'point')}"
        say(console, f"Trained by unknown code: {unknown}.")
    say(console, "`verify` compares them with today's code; --retrain-changed trains them again.")


def show_unreadable(plan: Plan, console: Console) -> None:
    """Say which records cannot be trusted; their points count as missing."""
    for reason in plan.state.unreadable.values():
        say(console, f"unreadable record, counted as missing: {reason}", "yellow")


def summary(plan: Plan) -> str:
    """How far the wanted points are, in words."""
    counts = plan.counts()
    parts = [f"{counts[OK]} of {counted(len(plan.points), 'point')} done"]
    parts += [
        f"{counts[status]} {status}" for status in (FAILED, DIVERGED, MISSING) if counts[status]
    ]
    return ", ".join(parts)
