"""`doctor`: check that this machine, or every node of a cluster, is ready for a run."""

from __future__ import annotations

from collections import Counter

import typer

from gensweep.cli.options import Address, Root, Verbose
from gensweep.system.terminal import Console
from gensweep.system.text import pluralize, print_line

app = typer.Typer()
_STYLES = {"ok": "green", "note": "yellow", "FAILED": "red"}


@app.command("doctor")
def doctor_command(
    results: Root = "results",
    address: Address = None,
    verbose: Verbose = False,
) -> None:
    """Check this machine or a cluster: code, hardware, disk, clock, results, cache, W&B."""
    from gensweep.cluster.doctor import examine_here, examine_nodes
    from gensweep.cluster.findings import FAILED, merge_findings
    from gensweep.cluster.ray_address import check_address

    console = Console()
    if address is not None:
        check_address(address)
    findings, store = examine_here(results)
    checked = "this machine"
    if address is not None:
        # The check of this machine must not pay for the import of Ray.
        from gensweep.execute.ray_nodes import run_on_each_node
        from gensweep.execute.ray_session import open_executor
        from gensweep.execute.resources import Resources

        resources = Resources(
            address=address, cpus_per_trial=0, verbose=verbose
        )
        with console.status("asking every node"), open_executor(resources):
            findings += examine_nodes(store, run_on_each_node)
        nodes = {finding.node for finding in findings} - {"here"}
        checked = pluralize(len(nodes), "node")
    for finding in merge_findings(findings):
        print_line(console, str(finding), _STYLES[finding.level])
    levels = Counter(finding.level for finding in findings)
    notes = pluralize(levels["note"], "note")
    print_line(
        console,
        f"{checked}: {levels['ok']} ok, {notes}, {levels[FAILED]} failed.",
    )
    raise typer.Exit(1 if levels[FAILED] else 0)
