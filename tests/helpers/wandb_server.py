"""A W&B server on loopback: the GraphQL and file-stream calls that a run, `wandb sync` and a report make."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789abcdef0123456789abcdef01234567"
"""The API key that it lets in."""
ENTITY = "team"
HISTORY, SUMMARY = "wandb-history.jsonl", "wandb-summary.json"
HANG = 0
"""A fault that never answers."""
_STREAM = re.compile(r"/files/([^/]+)/([^/]+)/([^/]+)/file_stream")
_OPERATION = re.compile(r"(?:query|mutation)\s+(\w+)")


@dataclass
class Run:
    """What the server knows of one run."""

    values: dict[str, Any] = field(default_factory=dict)
    """What was said of it last: displayName, groupName, jobType, tags, config (JSON), commit, state."""
    lines: dict[int, str] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def config(self) -> dict[str, Any]:
        """Its config by name, without what W&B adds."""
        wrapped = json.loads(self.values.get("config") or "{}")
        return {name: entry["value"] for name, entry in wrapped.items() if name != "_wandb"}

    @property
    def history(self) -> list[dict[str, Any]]:
        """Its lines in the order of the server's file."""
        return [json.loads(self.lines[offset]) for offset in sorted(self.lines)]


class Server(ThreadingHTTPServer):
    """The server; `fault` says for a path and a GraphQL operation what status to answer instead, or `HANG`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.runs: dict[str, Run] = {}
        self.files: dict[str, bytes] = {}
        self.projects: list[str] = []
        self.views: list[dict[str, Any]] = []
        self.operations: list[str] = []
        self.unknown: list[str] = []
        self.artifact_state = "COMMITTED"
        """What it says of an artifact: that it has it, or (PENDING) that it wants its files."""
        self.fault: Callable[[str, str], int | None] = lambda path, operation: None
        self.closing = threading.Event()
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news."""

    def environment(self, key: str = KEY) -> dict[str, str]:
        """What points a W&B client here."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": key, "NO_PROXY": "127.0.0.1"}


@contextlib.contextmanager
def serving() -> Generator[Server]:
    """A server that answers until the end of the block."""
    server = Server()
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if not self._is_out_of_order():
            self._answer({})

    def do_PUT(self) -> None:
        body = self._body()
        if not self._is_out_of_order():
            self.server.files[self.path.removeprefix("/put/")] = body
            self._answer({})

    def do_POST(self) -> None:
        body, query = self._body(), {}
        if self.path == "/graphql":
            query = json.loads(body)
        result = _OPERATION.search(query.get("query", ""))
        operation = result[1] if result else ""
        if operation:
            self.server.operations.append(operation)
        if self._is_out_of_order(operation):
            return
        if self.headers.get("Authorization") != _basic(KEY) and operation != "ServerFeaturesQuery":
            self._answer({"errors": [{"message": "permission denied"}]}, 401)
        elif stream := _STREAM.fullmatch(self.path):
            self._stream("/".join(stream.groups()), json.loads(body))
        elif operation:
            self._graphql(operation, query.get("variables") or {})
        else:
            self._answer({}, 404)

    def _is_out_of_order(self, operation: str = "") -> bool:
        """Whether a fault is asked for, which is then all that the client gets."""
        if (status := self.server.fault(self.path, operation)) is None:
            return False
        if status == HANG:
            self.server.closing.wait()
        self._answer({"errors": [{"message": "out of order"}]}, status or 500)
        return True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def _stream(self, name: str, message: dict[str, Any]) -> None:
        """Lines are kept by offset, as the real file stream does: the same offset twice overwrites."""
        with self.server.lock:
            run = self.server.runs.setdefault(name, Run())
            for file, chunk in (message.get("files") or {}).items():
                if file == HISTORY:
                    run.lines |= dict(
                        enumerate(chunk["content"], chunk.get("offset", len(run.lines)))
                    )
                elif file == SUMMARY:
                    run.summary = json.loads(chunk["content"][-1])
            if message.get("complete"):
                run.exit_code = message.get("exitcode")
        self._answer({})

    def _graphql(self, operation: str, variables: dict[str, Any]) -> None:
        answer = getattr(self, f"_on_{operation}", None)
        if answer is None:
            self.server.unknown.append(operation)
            self._answer({"errors": [{"message": f"no {operation} here"}]})
        else:
            self._answer({"data": answer(variables)})

    def _run(self, variables: dict[str, Any]) -> str:
        return f"{variables.get('entity') or ENTITY}/{variables['project']}/{variables['name']}"

    def _on_Viewer(self, variables: dict[str, Any]) -> Any:
        edges = [{"node": {"name": ENTITY}}]
        person = {
            "id": "1",
            "entity": ENTITY,
            "username": "u",
            "name": "u",
            "email": "u@example.org",
            "admin": False,
        }
        return {
            "viewer": person | {"flags": "{}", "teams": {"edges": edges}, "apiKeys": {"edges": []}}
        }

    def _on_ServerFeaturesQuery(self, variables: dict[str, Any]) -> Any:
        return {"serverInfo": {"features": []}}

    def _on_RunResumeStatus(self, variables: dict[str, Any]) -> Any:
        run = self.server.runs.get(self._run(variables))
        model = {
            "id": "1",
            "name": variables["project"],
            "entity": {"id": "1", "name": ENTITY},
            "bucket": None,
        }
        if run:
            tail = [run.lines[offset] for offset in sorted(run.lines)[-1:]]
            model["bucket"] = {
                "id": "1", "name": variables["name"], "displayName": run.values.get("displayName"), "logLineCount": 0,
                "historyLineCount": len(run.lines), "eventsLineCount": 0, "historyTail": json.dumps(tail),
                "eventsTail": "[]", "summaryMetrics": json.dumps(run.summary), "tags": run.values.get("tags") or [],
                "config": run.values.get("config") or "{}", "notes": "", "wandbConfig": "{}",
            }  # fmt: skip
        return {"model": model}

    def _on_UpsertBucket(self, variables: dict[str, Any]) -> Any:
        if not variables.get("name"):
            return {"upsertBucket": None}
        with self.server.lock:
            new = self._run(variables) not in self.server.runs
            run = self.server.runs.setdefault(self._run(variables), Run())
            run.values |= {name: value for name, value in variables.items() if value is not None}
        entity = {"id": "1", "name": variables.get("entity") or ENTITY}
        project = {"id": "1", "name": variables["project"], "entity": entity}
        bucket = {
            "id": "1",
            "name": variables["name"],
            "displayName": run.values.get("displayName"),
            "project": project,
        }
        bucket |= {"description": "", "config": run.values.get("config") or "{}", "sweepName": None}
        # The service tells lines to go on after only of a run that resumes; without, the same id begins anew.
        return {"upsertBucket": {"inserted": new, "bucket": bucket | {"historyLineCount": 0}}}

    def _on_CreateRunFiles(self, variables: dict[str, Any]) -> Any:
        path = f"{self.server.url}/put/{variables['entity']}/{variables['project']}/{variables['run']}/"
        files = [{"name": name, "uploadUrl": path + name} for name in variables["files"]]
        return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}

    def _on_RunStoppedStatus(self, variables: dict[str, Any]) -> Any:
        return {"project": {"run": {"stopped": False}}}

    def _on_GetDefaultEntity(self, variables: dict[str, Any]) -> Any:
        return {"viewer": {"id": "1", "entity": ENTITY}}

    def _on_GetProjects(self, variables: dict[str, Any]) -> Any:
        page = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
        return {
            "models": {
                "pageInfo": page,
                "edges": [{"node": _project(name)} for name in self.server.projects],
            }
        }

    def _on_CreateProject(self, variables: dict[str, Any]) -> Any:
        self.server.projects.append(variables["input"]["name"])
        project = _project(self.server.projects[-1])
        return {"result": {"project": project, "model": project, "inserted": True}}

    def _on_ProjectViews(self, variables: dict[str, Any]) -> Any:
        if variables["project"] not in self.server.projects:
            return {"project": None}
        wanted = (variables["project"], variables.get("viewType", "runs"))
        result = [
            view for view in self.server.views if (view["projectName"], view["type"]) == wanted
        ]
        page = {"endCursor": None, "hasNextPage": False}
        return {
            "project": {
                "allViews": {
                    "edges": [{"node": view, "cursor": "c"} for view in result],
                    "pageInfo": page,
                }
            }
        }

    def _on_upsertView(self, variables: dict[str, Any]) -> Any:
        with self.server.lock:
            views = self.server.views
            index = next(
                (n for n, view in enumerate(views) if view["id"] == variables["id"]), len(views)
            )
            view = variables | {"id": variables["id"] or f"Vmlldzo{len(views) + 1}"}
            views[index : index + 1] = [view]
        project = {"id": "1", "name": view["projectName"], "entityName": view["entityName"]}
        return {
            "upsertView": {"inserted": not variables["id"], "view": view | {"project": project}}
        }

    def _on_CreateArtifact(self, variables: dict[str, Any]) -> Any:
        latest = {"id": "1", "versionIndex": 0}
        state = self.server.artifact_state
        artifact = {
            "id": "1",
            "state": state,
            "artifactSequence": {"id": "1", "latestArtifact": latest},
        }
        return {"createArtifact": {"artifact": artifact}}

    def _on_CreateArtifactManifest(self, variables: dict[str, Any]) -> Any:
        file = {
            "id": "1",
            "uploadUrl": f"{self.server.url}/put/{variables['name']}",
            "uploadHeaders": [],
        }
        return {"createArtifactManifest": {"artifactManifest": {"id": "1", "file": file}}}


def _project(name: str) -> dict[str, Any]:
    known = {
        "id": name,
        "name": name,
        "entityName": ENTITY,
        "createdAt": "2026-01-01T00:00:00",
        "isBenchmark": False,
    }
    return known | {"user": None, "description": "", "access": "", "views": "{}"}


def _basic(key: str) -> str:
    import base64

    return "Basic " + base64.b64encode(f"api:{key}".encode()).decode()


if __name__ == "__main__":
    with serving() as running:
        print(*(f"{name}={value}" for name, value in running.environment().items()), flush=True)
        while True:
            time.sleep(60)
