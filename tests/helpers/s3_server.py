"""An S3 server on loopback, moto's, that can be made slow, overloaded, or to forget who may do what."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

BUCKET = "bucket"
KEYS = {"AWS_ACCESS_KEY_ID": "planted-key-id", "AWS_SECRET_ACCESS_KEY": "planted-secret-key"}
_ERROR = '<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
_STATUS = {
    "SlowDown": "503 Slow Down",
    "AccessDenied": "403 Forbidden",
    "ExpiredToken": "400 Bad Request",
}


@dataclass
class Fault:
    """What goes wrong with requests, as `PUT /bucket/name`, that the function picks.

    Attributes:
        code: S3's name of the error; none: nothing but slow.
        seconds: before the answer.
        times: how often, at most.
    """

    picks: Callable[[str], bool]
    code: str = ""
    seconds: float = 0.0
    times: int = 10**9


@dataclass
class Server:
    """The server while it runs: where, what it is to get wrong, and what it was asked."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    requests_made: list[str] = field(default_factory=list)

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Within it, requests go wrong."""
        self.faults.append(fault)
        try:
            yield
        finally:
            self.faults.remove(fault)

    def answer(self, app: Any, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """A WSGI application around moto's."""
        request = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        self.requests_made.append(request)
        for fault in self.faults:
            if fault.picks(request) and fault.times > 0:
                fault.times -= 1
                time.sleep(fault.seconds)
                if fault.code:
                    start(_STATUS[fault.code], [("Content-Type", "application/xml")])
                    return (
                        []
                        if request.startswith("HEAD")
                        else [_ERROR.format(code=fault.code).encode()]
                    )
        return app(environ, start)


@contextmanager
def running() -> Iterator[Server]:
    """A server with one empty bucket."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *arguments: Any) -> None:
            pass

    app = DomainDispatcherApplication(create_backend_app)
    server = Server("")
    http = make_server(
        "127.0.0.1",
        0,
        lambda *call: server.answer(app, *call),
        threaded=True,
        request_handler=Quiet,
    )
    server.url = f"http://127.0.0.1:{http.port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        urllib.request.urlopen(
            urllib.request.Request(f"{server.url}/{BUCKET}", method="PUT")
        ).close()
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
