"""Lines that a run and a dry run print about their plan."""

from __future__ import annotations

from gensweep.core.errors import describe_unknown
from gensweep.core.registries import DERIVED, METRICS, MODELS
from gensweep.execute.plan import Plan
from gensweep.execute.resources import RunOptions
from gensweep.sweep.code_fingerprint import OTHER, UNKNOWN
from gensweep.sweep.courses import count_epochs
from gensweep.sweep.spec import Sweep
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line

MAX_ORIGINS_PRINTED = 10


def print_notes(
    plan: Plan, note: str, options: RunOptions, console: Console
) -> None:
    """Print what leaves the sweep's tables with this run, and which points are of other code."""
    for text in options.notes:
        print_line(console, text)
    if note:
        print_line(console, note, "yellow")
    print_code_changes(plan, options, console)


def print_code_changes(
    plan: Plan, options: RunOptions, console: Console
) -> None:
    """Print how many points were trained by other code than today's, or by unknown code."""
    codes = plan.group_by_code()
    # With --retrain-changed these points are trained again, so there is nothing to warn of.
    if options.resources.retrain_changed or not (
        codes[OTHER] or codes[UNKNOWN]
    ):
        return
    total = pluralize(sum(len(points) for points in codes.values()), "point")
    if codes[OTHER]:
        changed = ", ".join(plan.list_changed_code(codes[OTHER]))
        others = f"{len(codes[OTHER])} of {total}"
        print_line(
            console, f"Trained by other code: {others} ({changed}).", "yellow"
        )
    if codes[UNKNOWN]:
        print_line(
            console,
            f"Trained by unknown code: {len(codes[UNKNOWN])} of {total}.",
        )
    print_line(
        console,
        "`verify` compares them with today's code; --retrain-changed trains them again.",
    )


def print_shared_epochs(plan: Plan, console: Console) -> None:
    """Print what is saved where points share epochs, and which points go on from checkpoints."""
    courses = plan.courses
    shared = [course for course in courses if len(course) > 1]
    if shared:
        points = sum(len(course) for course in shared)
        alone = sum(point.last_epoch for course in shared for point in course)
        together = sum(count_epochs(course) for course in shared)
        print_line(
            console,
            f"Shared epochs: {pluralize(len(shared), 'training')} through "
            f"{pluralize(points, 'point')}, {together:,} epochs instead of {alone:,}.",
        )
    lines = []
    saved = 0
    for course in courses:
        origins = plan.origins.get(course[0].id)
        if not origins:
            continue
        saved += count_epochs(course) - count_epochs(course, origins)
        for origin in origins:
            epoch = (
                "where its checkpoint is"
                if origin.epoch is None
                else f"epoch {origin.epoch}"
            )
            lines.append(
                f"  {course[-1].id} goes on from {origin.point_id}, {epoch}"
            )
    if lines:
        courses_text = pluralize(
            len({line.split()[0] for line in lines}), "training"
        )
        epochs = "epoch" if saved == 1 else "epochs"
        text = f"From checkpoints of other points: {courses_text}, {saved:,} {epochs} saved."
        print_line(console, text)
        for line in lines[:MAX_ORIGINS_PRINTED]:
            print_line(console, line)
        if len(lines) > MAX_ORIGINS_PRINTED:
            print_line(
                console, f"  and {len(lines) - MAX_ORIGINS_PRINTED} more"
            )


def print_unreadable(plan: Plan, console: Console) -> None:
    """Print which records cannot be trusted; their points count as missing."""
    for reason in plan.state.unreadable.values():
        print_line(
            console,
            f"unreadable record, counted as missing: {reason}",
            "yellow",
        )


def print_changed_plugins(sweep: Sweep, console: Console) -> None:
    """Print which of the user's files were changed since the run read them."""
    for plugin in sweep.plugins:
        if plugin.has_changed():
            print_line(
                console,
                f"{plugin.label} was changed during this run, which used the version from before.",
                "yellow",
            )


def print_unused_metrics(sweep: Sweep, console: Console) -> None:
    """Print which metrics of the user's files need an output that no model has."""
    users_metrics = [
        name
        for plugin in sweep.plugins
        for name in METRICS.list_layer(plugin.key)
    ]
    if not users_metrics:
        return
    known = set(DERIVED)
    for _, model in MODELS.items():
        known.update(model.outputs)
    for name in users_metrics:
        for output in METRICS[name].needs:
            if output not in known:
                unknown = describe_unknown("output", output, known)
                print_line(
                    console,
                    f"The metric {name} is never measured: {unknown}",
                    "yellow",
                )
