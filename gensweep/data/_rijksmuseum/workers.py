"""Threads that do not keep the process alive."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

_Function = Callable[..., Any]
_Task = tuple[Future[Any], _Function, tuple[Any, ...]]


class Workers:
    """Threads that call functions.

    The threads are daemons, and nobody waits for them: a server that hangs must not keep a process
    alive that the user wants to stop. `concurrent.futures.ThreadPoolExecutor` would wait.
    """

    def __init__(self, count: int) -> None:
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._count = count
        for number in range(count):
            thread = threading.Thread(
                target=self._run_tasks,
                name=f"rijksmuseum-{number}",
                daemon=True,
            )
            thread.start()

    def submit(self, function: _Function, *arguments: Any) -> Future[Any]:
        """Call a function in the next free thread."""
        future: Future[Any] = Future()
        self._tasks.put((future, function, arguments))
        return future

    def close(self) -> None:
        """End each thread after the tasks that were submitted before."""
        for _ in range(self._count):
            self._tasks.put(None)

    def _run_tasks(self) -> None:
        while True:
            task = self._tasks.get()
            if task is None:
                return
            future, function, arguments = task
            try:
                result = function(*arguments)
                future.set_result(result)
            except BaseException as error:
                # Whatever is raised belongs to the caller of `result`, never to this thread.
                future.set_exception(error)
