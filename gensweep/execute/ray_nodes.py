"""The nodes of a Ray cluster: call a function on each, and check that it is ready."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gensweep.execute.ray_environment  # noqa: F401 - sets what Ray reads when it is imported

# isort: split
import ray
from ray.exceptions import RayActorError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from gensweep.cluster import doctor
from gensweep.cluster.findings import require_ready
from gensweep.cluster.remedies import NodeError
from gensweep.core.errors import GensweepError
from gensweep.execute.ray_start_errors import explain_failed_actor
from gensweep.ledger.stores import Store

ANSWER_TIMEOUT_SECONDS = 60.0
"""How long a node may take to answer a question; starting a worker first takes a few seconds."""


def check_nodes(store: Store) -> None:
    """Check that every node has this code and reaches the results root, within `open_executor`.

    Raises:
        UserError: a node does not; the message names it and says what to do.
    """
    require_ready(doctor.examine_nodes(store, run_on_each_node, full=False))


def run_on_each_node(
    function: Callable[..., Any], *arguments: Any
) -> dict[str, Any]:
    """Call a function on every live node at the same time, within `open_executor`.

    Args:
        function: a function of a module that nodes can import; it takes the node's id, then
            the arguments.
        arguments: further arguments of the function.

    Returns:
        The function's result by the node's name; a GensweepError where it raised or did not
        answer in time.
    """
    actor_class: Any = ray.remote(num_cpus=0, max_restarts=0)(
        _make_answerer()
    )
    nodes = [node for node in ray.nodes() if node["Alive"]]
    actors: dict[Any, Any] = {}
    name_of_call: dict[Any, str] = {}
    for node, name in _name_nodes(nodes).items():
        strategy = NodeAffinitySchedulingStrategy(node, soft=False)
        actor = actor_class.options(scheduling_strategy=strategy).remote()
        call = actor.answer.remote(function, node, *arguments)
        actors[call] = actor
        name_of_call[call] = name
    calls = list(name_of_call)
    done, late = ray.wait(
        calls, num_returns=len(calls), timeout=ANSWER_TIMEOUT_SECONDS
    )
    answers: dict[str, Any] = {}
    for call in done:
        answers[name_of_call[call]] = _get_answer(call)
    for call in late:
        ray.kill(actors[call])
        answers[name_of_call[call]] = GensweepError(
            f"no answer in {ANSWER_TIMEOUT_SECONDS:.0f} s"
        )
    return {name: answers[name] for name in name_of_call.values()}


def _make_answerer() -> type:
    """Return the class of an actor that calls functions.

    Trials are actors, too: where no actor starts, no trial would. Ray sends the code of a class
    that is defined in a function, so nodes with another gensweep can answer.
    """

    class Answerer:
        def answer(
            self, function: Callable[..., Any], *arguments: Any
        ) -> Any:
            return function(*arguments)

    return Answerer


def _get_answer(call: Any) -> Any:
    try:
        return ray.get(call)
    except RayActorError as error:
        return NodeError(explain_failed_actor(str(error)))
    except RayError as error:
        return GensweepError(get_last_line(error))
    except Exception as error:
        # The answer of a node with other code may be of a class that is not here.
        return GensweepError(
            f"{type(error).__name__}: {get_last_line(error)}"
        )


def _name_nodes(nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the name of each node by its id.

    The name is the host's; nodes on hosts of the same name also have their address and a part
    of their id.
    """
    hosts = Counter(node["NodeManagerHostname"] for node in nodes)
    names = {}
    for node in sorted(
        nodes, key=lambda node: (node["NodeManagerHostname"], node["NodeID"])
    ):
        name = node["NodeManagerHostname"]
        if hosts[name] > 1:
            name += f" ({node['NodeManagerAddress']}, {node['NodeID'][:6]})"
        names[node["NodeID"]] = name
    return names


def get_last_line(error: BaseException | str) -> str:
    """Return the last line of an error's text that is not empty, or else the error's type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
