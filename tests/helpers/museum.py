"""A server on this machine that speaks the three interfaces of the Rijksmuseum, faults included."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

MARK = "http://creativecommons.org/publicdomain/mark/1.0/"


ZERO = "https://creativecommons.org/publicdomain/zero/1.0/"


IN_COPYRIGHT = "http://rightsstatements.org/vocab/InC/1.0/"


LABEL = "http://www.w3.org/2004/02/skos/core#prefLabel"


SERVICE = "http://rdfs.org/sioc/services#has_service"


PAGE = 10
"""Results a page."""


@cache
def picture(seed: int, size: tuple[int, int] = (96, 128)) -> bytes:
    """A JPEG of coloured noise."""
    from PIL import Image

    pixels = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (*size[::-1], 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=30)
    return buffer.getvalue()


def bomb() -> bytes:
    """A small PNG whose header promises 900 million pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def record(number: int, **changes: Any) -> dict[str, Any]:
    """A record as the resolver gives it, in EDM, framed."""
    service = f"https://iiif.micr.io/Im{number}"
    reported: dict[str, Any] = {
        "id": f"https://id.rijksmuseum.nl/{number}#aggregation",
        "type": "Aggregation",
        "aggregatedCHO": {
            "id": f"https://id.rijksmuseum.nl/{number}",
            "type": "ProvidedCHO",
            "identifier": [f"SK-A-{number}"],
            "title": {
                "nl": ["Portret van een man"],
                "en": ["Portrait of a Man", "Portret van een man"],
            },
            "creator": [
                {
                    "id": "https://id.rijksmuseum.nl/21043300",
                    LABEL: [
                        {"@language": "nl", "@value": "Ferdinand Bol"},
                        {"@language": "en", "@value": "F. Bol"},
                    ],
                }
            ],
            "created": [
                {"@language": "en", "@value": "c. 1642"},
                {"@language": "nl", "@value": "ca. 1642"},
            ],
        },
        "edmRights": MARK,
        "isShownAt": {"id": f"https://www.rijksmuseum.nl/nl/collectie/object/SK-A-{number}"},
        "isShownBy": {"id": f"{service}/full/max/0/default.jpg", SERVICE: {"id": service}},
    }
    reported["aggregatedCHO"] |= changes.pop("painting", {})
    return {key: value for key, value in (reported | changes).items() if value is not None}


class Museum:
    """The three services on a port of this machine.

    Attributes:
        records, pictures: what is answered; anything but bytes as JSON.
        found: objects that a search finds: by the field that names a portrait, or by its date.
        faults: path -> what is done in place of an answer, one after the other; each returns whether it answered.
        log: paths that were asked for, in order.
    """

    def __init__(self) -> None:
        self.records: dict[str, Any] = {}
        self.pictures: dict[str, bytes] = {}
        self.search_ids: Callable[[dict[str, str]], list[str]] = lambda query: list(self.records)
        self.faults: dict[str, list[Callable[[Any], None]]] = {}
        self.log: list[str] = []
        self.times: dict[str, list[float]] = {}
        self.agents: set[str] = set()
        self.seconds = 0.0
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.01))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, *numbers: int, **changes: Any) -> None:
        for number in numbers:
            self.records[str(number)] = record(number, **changes)
            self.pictures[f"Im{number}"] = picture(number)

    def count_requests(self, kind: str) -> Counter[str]:
        """How often each was asked for: `search`, `record` or `picture`."""
        return Counter(path for path in self.log if self.kind(path) == kind)

    @staticmethod
    def kind(path: str) -> str:
        return (
            "search"
            if path.startswith("/search/")
            else "picture"
            if path.startswith("/iiif/")
            else "record"
        )

    def answer(self, handler: Any) -> None:
        parts = urlsplit(handler.path)
        with self._lock:
            self.log.append(parts.path if self.kind(parts.path) != "search" else handler.path)
            self.times.setdefault(parts.path, []).append(time.monotonic())
            self.agents.add(handler.headers["User-Agent"])
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            fault = self.faults.get(parts.path, []).pop(0) if self.faults.get(parts.path) else None
        try:
            time.sleep(self.seconds)
            if fault is not None:
                fault(handler)
            else:
                self.reply(
                    handler,
                    parts.path,
                    {key: value[0] for key, value in parse_qs(parts.query).items()},
                )
        finally:
            with self._lock:
                self.at_once -= 1

    def reply(self, handler: Any, path: str, query: dict[str, str]) -> None:
        if path == "/search/collection":
            return send(handler, self.page(query))
        if match := re.fullmatch(r"/iiif/(\w+)/full/!256,256/0/default\.jpg", path):
            body = self.pictures.get(match[1])
            return send(handler, body, "image/jpeg") if body else send(handler, b"", status=404)
        reported = self.records.get(path.lstrip("/"))
        right = query == {"_profile": "edm-framed", "_mediatype": "application/ld+json"}
        return (
            send(handler, reported)
            if reported is not None and right
            else send(handler, b"", status=404)
        )

    def page(self, query: dict[str, str]) -> dict[str, Any]:
        """A page as Linked Art Search has it."""
        unknown = query.keys() - {
            "type",
            "title",
            "description",
            "creationDate",
            "imageAvailable",
            "pageToken",
        }
        assert not unknown and query["type"] == "painting" and query["imageAvailable"] == "true"
        result = self.search_ids(query)
        start = (
            json.loads(base64.b64decode(query["pageToken"]))["token"] if "pageToken" in query else 0
        )
        base = "https://data.rijksmuseum.nl/search/collection?type=painting"
        answer: dict[str, Any] = {
            "@context": "https://linked.art/ns/v1/search.json",
            "id": base,
            "type": "OrderedCollectionPage",
            "partOf": {"id": base, "type": "OrderedCollection", "totalItems": len(result)},
            "orderedItems": [
                {"id": f"https://id.rijksmuseum.nl/{number}", "type": "HumanMadeObject"}
                for number in result[start : start + PAGE]
            ],
        }
        if start + PAGE < len(result):
            token = base64.b64encode(json.dumps({"token": start + PAGE}).encode()).decode()
            answer["next"] = {"id": f"{base}&pageToken={token}", "type": "OrderedCollectionPage"}
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        museum = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                museum.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def send(
    handler: Any, body: Any, kind: str = "application/ld+json", status: int = 200, **headers: str
) -> None:
    """Answer, anything but bytes as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {
        "Content-Type": kind,
        "Content-Length": str(len(content)),
        **headers,
    }.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def busy(status: int, **headers: str) -> Callable[[Any], None]:
    return lambda handler: send(handler, b"", status=status, **headers)


def instead(body: Any, kind: str = "image/jpeg") -> Callable[[Any], None]:
    return lambda handler: send(handler, body, kind)


def cut_off(handler: Any) -> None:
    """Half of a picture, and the connection is gone."""
    body = picture(1)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def hang(handler: Any) -> None:
    time.sleep(0.4)
    handler.close_connection = True
