"""Lines that a run, a dry run and `search` print about a search."""

from __future__ import annotations

from gensweep.ledger.search_log import (
    REPLACED_LOG,
    SEARCH_LOG,
    SearchInfo,
)
from gensweep.search.replay import Replay
from gensweep.search.sampling import get_sampler
from gensweep.sweep.search import Search
from gensweep.system.text import pluralize


def describe_progress(replay: Replay) -> list[str]:
    """Return in words how far a search is, and what its best trial is."""
    search, progress = replay.search, replay.measure_progress()
    line = (
        f"Search {search.name}: {len(replay.trials)} of {pluralize(search.trials, 'trial')} "
        f"started, {progress.finished} finished"
    )
    if progress.best is not None and progress.value is not None:
        best = progress.best
        values = ", ".join(
            f"{key}={value}" for key, value in best.drawn.items()
        )
        epochs = [one.epochs for one in best.levels if not one.is_pending][-1]
        line += (
            f"; best {search.metric} {progress.value:.4g} after {pluralize(epochs, 'epoch')} "
            f"(trial {best.number}: {values})"
        )
    lines = [f"{line}."]
    if replay.confirmed:
        numbers = ", ".join(str(one.trial.number) for one in replay.confirmed)
        seeds = ", ".join(map(str, search.confirm_seeds))
        word = "trial" if len(replay.confirmed) == 1 else "trials"
        lines.append(
            f"Search {search.name}: trained again with seeds {seeds}: the best on validation, "
            f"{word} {numbers}."
        )
    return lines


def describe_mixture(replay: Replay) -> list[str]:
    """Return in words which versions have a share in a search; nothing if there is one of each."""
    search, lines = replay.search, []
    entry = replay.describe()
    samplers = entry.list_samplers()
    if samplers:
        today = get_sampler(search)
        others = [sampler for sampler in samplers if sampler != today]
        if others:
            lines.append(
                f"Search {search.name}: {' and '.join(others)} chose some of the trials, but "
                f"{today} is installed; {SEARCH_LOG} names the sampler of each trial"
            )
    codes = entry.list_codes()
    if len(codes) > 1:
        lines.append(
            f"Search {search.name}: {len(codes)} versions of the code trained its trials, and the "
            "search compares all of them; --retrain-changed trains the older ones again"
        )
    return lines


def describe_budget(search: Search) -> str:
    """Return in words what a search costs at most."""
    levels = []
    for level, epochs in enumerate(search.levels):
        levels.append(f"{search.count_trials(level)} to epoch {epochs}")
    confirm = ""
    if search.confirm_best:
        best = pluralize(search.confirm_best, "best trial")
        confirm = f", then the {best} with {pluralize(len(search.confirm_seeds), 'fresh seed')}"
    rest = search.trials % search.block
    note = ""
    if rest:
        complete = search.trials - rest
        note = (
            f" Trials are compared in blocks of {search.block}, and the last block has only "
            f"{rest}; trials={complete} or trials={complete + search.block} would fill every block."
        )
    return (
        f"Search {search.name}: method {search.method}, best {search.metric}; trials: "
        f"{', '.join(levels)}{confirm}; at most {pluralize(search.count_points(), 'point')}, "
        f"{search.count_epochs():,} epochs.{note}"
    )


def describe_change(search: Search, info: SearchInfo) -> str:
    """Return in words why the trials of a log are not continued."""
    today = search.describe_identity()
    keys = sorted(
        key
        for key in today.keys() | info.identity.keys()
        if today.get(key) != info.identity.get(key)
    )
    changes = [
        f"{key} {info.identity.get(key)} -> {today.get(key)}" for key in keys
    ]
    return (
        f"Search {search.name}: the sweep file has changed since its {len(info.trials)} trials "
        f"were started ({'; '.join(changes)}). The search starts anew, and the log of these trials "
        f"becomes {REPLACED_LOG}; points that it needs again keep their records"
    )
