"""Lines that a run and a dry run print about their plan."""

from __future__ import annotations

from gensweep.execute.plan import Plan
from gensweep.execute.resources import RunOptions
from gensweep.sweep.code_fingerprint import OTHER, UNKNOWN
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line


def print_code_changes(plan: Plan, options: RunOptions, console: Console) -> None:
    """Print how many points were trained by other code than today's, or by unknown code."""
    codes = plan.group_by_code()
    # With --retrain-changed these points are trained again, so there is nothing to warn of.
    if options.resources.retrain_changed or not (codes[OTHER] or codes[UNKNOWN]):
        return
    total = pluralize(sum(len(points) for points in codes.values()), "point")
    if codes[OTHER]:
        changed = ", ".join(plan.list_changed_code(codes[OTHER]))
        others = f"{len(codes[OTHER])} of {total}"
        print_line(console, f"Trained by other code: {others} ({changed}).", "yellow")
    if codes[UNKNOWN]:
        print_line(console, f"Trained by unknown code: {len(codes[UNKNOWN])} of {total}.")
    print_line(
        console, "`verify` compares them with today's code; --retrain-changed trains them again."
    )


def print_unreadable(plan: Plan, console: Console) -> None:
    """Print which records cannot be trusted; their points count as missing."""
    for reason in plan.state.unreadable.values():
        print_line(console, f"unreadable record, counted as missing: {reason}", "yellow")
