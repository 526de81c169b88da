"""MNIST: fetched from mirrors, and read from the cache."""

from __future__ import annotations

import errno
import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_files import TEST, TRAIN, digits, idx, make

from gensweep.core.errors import DataError, FetchError
from gensweep.core.registries import DOWNLOADS
from gensweep.data import _digits, mnist
from gensweep.data.arithmetic_pictures import ArithmeticPictures
from gensweep.system import http_session, storage

pytestmark = pytest.mark.usefixtures("cache")


class Server:
    """A loopback server: `files` says what it gives for a path, bytes or a status; `asked` what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes | int] = {}
        self.requests_made: list[str] = []
        self.cut: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests_made.append(self.path)
                answer = outer.files.get(self.path, 404)
                body = answer if isinstance(answer, bytes) else b"no"
                self.send_response(200 if isinstance(answer, bytes) else answer)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if self.path in outer.cut else body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The four files, small, in the place of MNIST's; two mirrors, `first` and `second`."""
    arrays = dict(zip(TRAIN, make(9), strict=True)) | dict(zip(TEST, make(2, seed=1), strict=True))
    packed = {f"{name}.gz": gzip.compress(idx(array), mtime=0) for name, array in arrays.items()}
    table = {name: (hashlib.sha256(body).hexdigest(), len(body)) for name, body in packed.items()}
    monkeypatch.setattr(mnist, "FILES", table)
    monkeypatch.setattr(http_session, "BACKOFF_SECONDS", 0.0)
    return packed


@pytest.fixture
def server(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setattr(mnist, "MIRRORS", (f"{server.url}/first/", f"{server.url}/second/"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.files = {f"/first/{name}": body for name, body in files.items()}
    yield server
    server.close()


def fetch(source: str | None = None) -> str:
    return DOWNLOADS["mnist"].fetch(lambda text, done, total: None, source=source)


def read_cached(cache: Path) -> dict[str, bytes]:
    """What the cache holds of MNIST, half-written files included."""
    return {path.name: path.read_bytes() for path in (cache / "mnist").iterdir()}


class TestFetchMnist:
    def test_all_four_files_are_kept_as_they_are(
        self, server: Server, files: dict[str, bytes], cache: Path
    ) -> None:
        steps: list[tuple[str, int, int]] = []
        message = mnist.fetch_mnist(lambda *step: steps.append(step))
        assert (
            read_cached(cache) == files
            and "4 of 4 files fetched" in message
            and str(cache) in message
        )
        assert [done for _, done, _ in steps] == [0, 1, 2, 3, 4] and {
            total for *_, total in steps
        } == {4}
        pictures, labels = digits("mnist")
        assert np.array_equal(pictures, np.concatenate([make(9)[0], make(2, seed=1)[0]]))
        assert (labels.dtype, labels.tolist()) == (np.uint8, [*range(10)] * 11)

    def test_the_table_is_that_of_the_real_files(self) -> None:
        """Their sizes, and torchvision's names; the hashes were confirmed with the real files."""
        from torchvision.datasets import MNIST

        assert {name: size for name, (_, size) in mnist.FILES.items()} == {
            "train-images-idx3-ubyte.gz": 9_912_422, "train-labels-idx1-ubyte.gz": 28_881,
            "t10k-images-idx3-ubyte.gz": 1_648_877, "t10k-labels-idx1-ubyte.gz": 4_542,
        }  # fmt: skip
        assert [name for name, _ in MNIST.resources] == list(mnist.FILES)
        assert tuple(MNIST.mirrors) == mnist.MIRRORS

    def test_whole_files_are_not_asked_for_again(
        self, server: Server, files: dict[str, bytes], cache: Path
    ) -> None:
        fetch()
        (cache / "mnist" / TRAIN[1]).with_suffix(".gz").write_bytes(b"damaged")
        server.requests_made.clear()
        assert "1 of 4 files fetched" in fetch()
        assert server.requests_made == [f"/first/{TRAIN[1]}.gz"] and read_cached(cache) == files

    def test_the_next_mirror_is_tried_and_then_first(
        self, server: Server, files: dict[str, bytes], cache: Path
    ) -> None:
        server.files = {
            path.replace("first", "second"): body for path, body in server.files.items()
        }
        fetch()
        assert read_cached(cache) == files
        assert [path.split("/")[1] for path in server.requests_made] == [
            "first",
            "second",
            "second",
            "second",
            "second",
        ]

    @pytest.mark.parametrize("where", ["url", "folder"])
    def test_another_source(
        self, server: Server, files: dict[str, bytes], cache: Path, tmp_path: Path, where: str
    ) -> None:
        for name, body in files.items():
            (tmp_path / name).write_bytes(body)
            server.files[f"/mine/{name}"] = body
        fetch(f"{server.url}/mine" if where == "url" else str(tmp_path))
        assert read_cached(cache) == files
        assert server.requests_made == (
            [f"/mine/{name}" for name in files] if where == "url" else []
        )

    def test_a_source_without_the_files_is_named(
        self, files: dict[str, bytes], tmp_path: Path
    ) -> None:
        with pytest.raises(
            FetchError, match=rf"{tmp_path}/train-images\S+ cannot be read: No such file.*--source"
        ):
            fetch(str(tmp_path))

    @pytest.mark.parametrize(
        ("fault", "message"),
        [
            ("wrong", "has SHA-256 [0-9a-f]{64}, not"),
            ("page", "web page instead of the file"),
            ("cut", "cut off after"),
            ("long", "longer than"),
            (404, "HTTP 404.*HTTP 404"),
            (503, "HTTP 503"),
        ],
    )
    def test_a_fault_leaves_nothing_and_the_next_try_works(
        self,
        server: Server, files: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch,
        fault: str | int, message: str,
    ) -> None:  # fmt: skip
        """The second file is at fault, at both mirrors; nothing is decompressed."""
        bad, good = f"{TRAIN[1]}.gz", dict(server.files)
        body = files[bad]
        answers: dict[str | int, bytes | int] = {
            "wrong": body[:-1] + b"?", "page": b"<!DOCTYPE html><html>log in</html>", "cut": body,
            "long": body + bytes(1 << 17),
        }  # fmt: skip
        for mirror in ("first", "second"):
            server.files[f"/{mirror}/{bad}"] = answers.get(fault, fault)  # type: ignore[arg-type]
        server.cut = (
            {f"/{mirror}/{bad}" for mirror in ("first", "second")} if fault == "cut" else set()
        )
        with monkeypatch.context() as patch:
            for module, name in ((gzip, "GzipFile"), (gzip, "open"), (gzip, "decompress")):
                patch.setattr(
                    module, name, lambda *_, **__: pytest.fail("opened before its hash was checked")
                )
            with pytest.raises(FetchError, match=rf"mnist: .*{message}") as raised:
                fetch()
        assert "\n" not in str(raised.value) and "--source" in str(raised.value)
        assert set(read_cached(cache)) == {f"{TRAIN[0]}.gz"}
        with pytest.raises(DataError, match="not fetched yet"):
            digits("mnist")
        server.files, server.cut = good, set()
        fetch()
        assert read_cached(cache) == files

    def test_no_space(
        self, server: Server, files: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(storage.os, "fsync", full)
            with pytest.raises(FetchError, match="No space left on device; free some space"):
                fetch()
        assert read_cached(cache) == {}
        fetch()
        assert read_cached(cache) == files


class TestReadMnist:
    def test_says_how_to_fetch(self) -> None:
        for ask in (lambda: digits("mnist"), ArithmeticPictures(digits="mnist").check):
            with pytest.raises(
                DataError, match="mnist is not fetched yet; python -m gensweep data fetch mnist"
            ):
                ask()

    def test_a_file_cut_short_is_refused(self, server: Server, cache: Path) -> None:
        fetch()
        ArithmeticPictures(digits="mnist").check()
        path = cache / "mnist" / f"{TEST[0]}.gz"
        path.write_bytes(path.read_bytes()[:-5])
        for ask in (lambda: digits("mnist"), ArithmeticPictures(digits="mnist").check):
            with pytest.raises(
                DataError,
                match=rf"{TEST[0]}.gz .*cut short or changed; python -m gensweep data fetch",
            ):
                ask()

    def test_a_file_changed_in_place_is_refused_before_it_is_opened(
        self, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fetch()
        path = cache / "mnist" / f"{TEST[0]}.gz"
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        monkeypatch.setattr(_digits, "read_idx", lambda *_: pytest.fail("opened"))
        with pytest.raises(DataError, match="cut short or changed"):
            digits("mnist")

    def test_the_pictures_are_prepared(self, server: Server) -> None:
        """1 blank, 1,000 operators, then 110 digits; of 11 pictures of a digit, 9 train, 1 validates, 1 tests."""
        fetch()
        data = ArithmeticPictures(digits="mnist").prepare()
        assert np.array_equal(data.banks["glyphs"][1001:], digits("mnist")[0])
        threes = {}
        for part, rows in (
            ("pool", data.split["pool"][: len(data.split["pool"]) * 9 // 10]),
            ("test", data.split["test"]),
        ):
            glyphs = data.rows["query_glyphs"][rows][data.rows["query"][rows] == 3]
            assert ((glyphs - 1001) % 10 == 3).all()
            threes[part] = set(glyphs.tolist())
        assert (len(threes["pool"]), len(threes["test"])) == (9, 1) and not threes["pool"] & threes[
            "test"
        ]
