"""The Rijksmuseum download, against a server on this machine that speaks its three interfaces, faults included."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from museum import (
    IN_COPYRIGHT,
    MARK,
    SERVICE,
    ZERO,
    Museum,
    bomb,
    busy,
    cut_off,
    hang,
    instead,
    picture,
    record,
)
from pydantic import ValidationError

from gensweep.core.errors import DataError, FetchError
from gensweep.core.registries import DATASETS, DOWNLOADS
from gensweep.data._rijksmuseum import fetch as fetching
from gensweep.data._rijksmuseum import portrait_folder as keeping
from gensweep.data._rijksmuseum.responses import read_page, read_work
from gensweep.data._rijksmuseum.services import build_date_patterns, build_queries, check_picture
from gensweep.data.rijksmuseum import Rijksmuseum, fetch_rijksmuseum
from gensweep.prepare import fingerprint
from gensweep.system import download, http_session
from gensweep.system.signals import Stopped


@pytest.fixture
def museum(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Museum]:
    monkeypatch.setenv("GENSWEEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(http_session, "BACKOFF_SECONDS", 0.001)
    fingerprint.clear_cache()
    museum = Museum()
    yield museum
    museum.close()
    fingerprint.clear_cache()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "rijksmuseum"


def fetch(museum: Museum, **options: Any) -> str:
    return fetch_rijksmuseum(
        lambda text, done, total: None, **({"source": museum.url, "years": "1642"} | options)
    )


def lines(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def list_stored(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "pictures").iterdir())


def of_picture(number: int) -> str:
    return f"/iiif/Im{number}/full/!256,256/0/default.jpg"


# --- what is kept ------------------------------------------------------------------------------------------------


def test_pictures_are_kept_as_served_with_a_line_each(museum: Museum, folder: Path) -> None:
    museum.add(9, 10)
    message: list[tuple[str, int, int]] = []
    summary = fetch_rijksmuseum(lambda *args: message.append(args), source=museum.url, years="1642")
    assert list_stored(folder) == ["SK-A-10.jpg", "SK-A-9.jpg"]
    assert (folder / "pictures" / "SK-A-9.jpg").read_bytes() == picture(9)
    first, second = lines(folder)
    assert (first["object_number"], second["object_number"]) == ("SK-A-9", "SK-A-10")
    assert first == {
        "object_number": "SK-A-9",
        "title": "Portrait of a Man",
        "maker": "F. Bol",
        "date": "c. 1642",
        "licence": MARK,
        "identifier": "https://id.rijksmuseum.nl/9",
        "picture_url": museum.url + of_picture(9),
        "file": "SK-A-9.jpg",
        "sha256": first["sha256"],
    }
    assert (
        "2 pictures, 2 of them new" in summary
        and str(folder / "pictures") in summary
        and "failed" not in summary
    )
    assert [args for args in message if args[0] == "pictures"] == [
        ("pictures", 1, 2),
        ("pictures", 2, 2),
    ]
    assert len(museum.agents) == 1 and museum.agents.pop().startswith("gensweep/")


def test_searches_overlap_and_each_object_is_asked_for_once(museum: Museum, folder: Path) -> None:
    museum.add(*range(1, 24))
    shares = {"portrait": list(range(1, 13)), "portret": list(range(8, 24))}

    def result(query: dict[str, str]) -> list[str]:
        word = query.get("title") or query["description"]
        return [str(number) for number in shares[word]] * 2  # the same ones again on later pages

    museum.search_ids = result
    fetch(museum)
    assert len(list_stored(folder)) == 23
    assert (
        set(museum.count_requests("record").values())
        == set(museum.count_requests("picture").values())
        == {1}
    )
    tokens = [path for path in museum.log if "pageToken" in path]
    assert len(tokens) == 2 + 3 + 3, "24 and twice 32 results, ten a page"


def test_what_is_not_in_the_public_domain_is_left_out(museum: Museum, folder: Path) -> None:
    museum.add(1, 2)
    museum.add(3, edmRights=IN_COPYRIGHT)
    museum.add(4, edmRights=None)
    museum.add(5, edmRights=[{"id": ZERO}])
    museum.add(6, edmRights=[MARK, IN_COPYRIGHT])
    museum.add(
        7, edmRights="https://evil.example/?https://creativecommons.org/publicdomain/mark/1.0/"
    )
    summary = fetch(museum)
    assert list_stored(folder) == ["SK-A-1.jpg", "SK-A-2.jpg", "SK-A-5.jpg"]
    assert "4 left out, not in the public domain" in summary and "failed" not in summary
    assert (
        not {of_picture(number) for number in (3, 4, 6, 7)}
        & museum.count_requests("picture").keys()
    )


def test_a_second_call_asks_for_what_is_missing_alone(museum: Museum, folder: Path) -> None:
    museum.add(*range(1, 6))
    fetch(museum)
    (folder / "pictures" / "SK-A-2.jpg").unlink()
    (folder / "pictures" / "SK-A-3.jpg").write_bytes(picture(3)[:-100])
    with (folder / "metadata.jsonl").open("a") as file:
        file.write('{"object_number": "SK-A-1", "tit')  # a process was killed here
    museum.log.clear()
    museum.add(6)
    assert "6 pictures, 3 of them new" in fetch(museum)
    assert museum.count_requests("record") == Counter(["/2", "/3", "/6"])
    assert museum.count_requests("picture") == Counter(map(of_picture, (2, 3, 6)))
    assert [line["object_number"] for line in lines(folder)] == [
        f"SK-A-{number}" for number in range(1, 7)
    ]
    museum.log.clear()
    assert "6 pictures, 0 of them new" in fetch(museum)
    assert not museum.count_requests("record") and not museum.count_requests("picture")


def test_limit_is_of_pictures_in_all(museum: Museum, folder: Path) -> None:
    museum.add(1, edmRights=IN_COPYRIGHT)
    museum.add(*range(2, 30))
    fetch(museum, limit=5)
    assert len(list_stored(folder)) == 5 and sum(museum.count_requests("picture").values()) == 5
    assert sum(museum.count_requests("search").values()) == 1, "one page was enough"
    fetch(museum, limit=7)
    assert len(list_stored(folder)) == 7 and set(museum.count_requests("picture").values()) == {1}
    museum.log.clear()
    assert "7 pictures, 0 of them new" in fetch(museum, limit=7)
    assert not museum.log


def test_at_most_four_requests_at_once(museum: Museum) -> None:
    museum.add(*range(1, 25))
    museum.seconds = 0.01
    fetch(museum, limit=24)
    assert museum.most_at_once == fetching.WORKERS == 4


@pytest.mark.parametrize(
    "value", ["../../x", "/etc/passwd", "..", "a/b", "SK A é 1", "-x", "x" * 300, ""]
)
def test_object_numbers_become_safe_file_names(museum: Museum, folder: Path, value: str) -> None:
    museum.add(1, painting={"identifier": value})
    museum.add(2, painting={"identifier": [value]})
    fetch(museum)
    names = list_stored(folder)
    assert len(names) == 2 and all(
        re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.jpg", name) for name in names
    )
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["pictures"]
    assert "0 of them new" in fetch(museum), "found again under those names"


def test_two_objects_of_one_number_are_two_pictures(museum: Museum, folder: Path) -> None:
    museum.add(1, 2, painting={"identifier": "SK-A-1"})
    museum.add(3, painting={"identifier": "sk-a-1"})
    fetch(museum)
    assert {(folder / "pictures" / name).read_bytes() for name in list_stored(folder)} == {
        picture(n) for n in (1, 2, 3)
    }
    assert "3 pictures, 0 of them new" in fetch(museum)


# --- a server with troubles --------------------------------------------------------------------------------------


def test_retry_after_is_waited_for_by_all(museum: Museum, folder: Path) -> None:
    museum.add(*range(1, 25))
    museum.seconds = 0.05
    museum.faults["/2"] = [busy(429, Retry_After="1")]
    fetch(museum)
    assert len(list_stored(folder)) == 24
    first, second = museum.times["/2"]
    assert 1 <= second - first < 5
    quiet = [
        stamp
        for stamps in museum.times.values()
        for stamp in stamps
        if first + 0.2 < stamp < first + 0.95
    ]
    assert not quiet, "nobody asked for anything meanwhile"


@pytest.mark.parametrize(
    "headers", [{}, {"Retry_After": "soon"}, {"Retry_After": "Wed, 21 Oct 2015 07:28:00 GMT"}]
)
def test_busy_and_broken_servers_are_asked_again(
    museum: Museum, folder: Path, headers: dict[str, str]
) -> None:
    museum.add(1, 2, 3)
    museum.faults["/search/collection"] = [busy(503, **headers)]
    museum.faults["/1"] = [busy(429, **headers), busy(500, **headers)]
    museum.faults[of_picture(2)] = [busy(502, **headers), cut_off]
    museum.faults[of_picture(3)] = [instead(picture(3)[:400])]
    assert "3 pictures, 3 of them new; in" in fetch(museum)
    assert (
        museum.count_requests("picture")[of_picture(2)] == 3
        and museum.count_requests("picture")[of_picture(3)] == 2
    )
    assert (folder / "pictures" / "SK-A-2.jpg").read_bytes() == picture(2)


BAD: dict[str, tuple[Callable[[Museum], None], str]] = {
    "no record": (
        lambda m: m.records.update({"2": b""}) or m.faults.update({"/2": [busy(404)]}),
        "HTTP 404",
    ),
    "broken JSON": (
        lambda m: m.faults.update({"/2": [instead(b'{"id": ', "text/json")]}),
        "broken JSON",
    ),
    "deep JSON": (
        lambda m: m.faults.update({"/2": [instead(b"[" * 200_000, "text/json")]}),
        "broken JSON",
    ),
    "no object": (lambda m: m.records.update({"2": ["aggregatedCHO"]}), "no record of an object"),
    "not JSON": (lambda m: m.faults.update({"/2": [instead(b"<html>log in</html>")]}), "web page"),
    "huge": (lambda m: m.faults.update({"/2": [instead(b" " * 9_000_000)]}), "longer than"),
    "no picture": (lambda m: m.add(2, isShownBy=None), "names no picture"),
    "picture gone": (lambda m: m.pictures.update({"Im2": b""}), "HTTP 404"),
    "web page": (lambda m: m.pictures.update({"Im2": b"<!DOCTYPE html><html></html>"}), "web page"),
    "text": (lambda m: m.pictures.update({"Im2": b"sorry"}), "Im2"),
    "cut short": (lambda m: m.pictures.update({"Im2": picture(2)[:2000]}), "Im2"),
    "cut off": (lambda m: m.faults.update({of_picture(2): [cut_off] * 9}), "cut off"),
    "bomb": (lambda m: m.pictures.update({"Im2": bomb()}), "30000 x 30000"),
    "too small": (lambda m: m.pictures.update({"Im2": picture(2, (63, 200))}), "63x200"),
    "always busy": (lambda m: m.faults.update({"/2": [busy(503)] * 9}), "HTTP 503"),
    "hanging": (lambda m: m.faults.update({"/2": [hang] * 9}), "timed out"),
}


@pytest.mark.parametrize("fault", BAD)
def test_one_bad_object_is_skipped_and_named(
    museum: Museum, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "hanging":
        monkeypatch.setattr(download, "TIMEOUT_SECONDS", (1.0, 0.05))
        monkeypatch.setattr(http_session, "MAX_RETRIES", 1)
    museum.add(1, 2, 3)
    spoil, reason = BAD[fault]
    spoil(museum)
    summary = fetch(museum)
    assert list_stored(folder) == ["SK-A-1.jpg", "SK-A-3.jpg"] and len(lines(folder)) == 2
    assert "1 failed: https://id.rijksmuseum.nl/2: " in summary and reason in summary


def test_many_failures_in_a_row_end_it_and_keep_what_there_is(museum: Museum, folder: Path) -> None:
    museum.add(*range(1, 40))
    for number in range(6, 40):
        del museum.pictures[f"Im{number}"]
    with pytest.raises(
        FetchError, match=r"10 objects in a row failed.*HTTP 404.*5 pictures are kept"
    ):
        fetch(museum)
    assert len(list_stored(folder)) == len(lines(folder)) == 5
    # Objects finish in any order: a picture that is slow may end a row of up to 9 failures.
    # A second row of 10 follows, while the other workers fetch one object each.
    assert sum(museum.count_requests("record").values()) <= 5 + 9 + 10 + fetching.WORKERS


def test_a_few_that_always_fail_do_not_end_the_next_call(museum: Museum, folder: Path) -> None:
    museum.add(*range(1, 40))
    for number in range(1, 40, 2):
        del museum.pictures[f"Im{number}"]
    assert "20 failed" in fetch(museum)
    assert "19 pictures, 0 of them new; 20 failed" in fetch(museum), "kept ones between them count"


def test_nothing_at_all_is_an_error(museum: Museum, folder: Path) -> None:
    with pytest.raises(FetchError, match=r"no portrait of 1642 from http://127"):
        fetch(museum)
    museum.add(1, edmRights=IN_COPYRIGHT)
    with pytest.raises(FetchError, match="1 left out, not in the public domain"):
        fetch(museum)
    museum.add(1, isShownBy=None)
    with pytest.raises(FetchError, match=r"1 failed: .*names no picture"):
        fetch(museum)
    assert not list_stored(folder) and not (folder / "metadata.jsonl").exists()


def test_nobody_answers(museum: Museum) -> None:
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:9/search.*refused"):
        fetch(museum, source="http://127.0.0.1:9")


def test_searches_that_go_astray(museum: Museum, folder: Path) -> None:
    museum.add(1, 2)
    page = museum.page({"type": "painting", "imageAvailable": "true"})
    evil = {"id": "http://127.0.0.1:9/search/collection?pageToken=MQ=="}
    again = page | {"next": {"id": "https://data.rijksmuseum.nl/search/collection?type=painting"}}
    museum.faults["/search/collection"] = [
        instead(page | {"next": evil}),  # to another host: its token is taken, its host is not
        instead(page | {"next": evil}),  # to itself
        instead(again),
        instead({"error": "unknown parameter"}),
    ]
    summary = fetch(museum)
    assert list_stored(folder) == ["SK-A-1.jpg", "SK-A-2.jpg"]
    assert (
        "3 failed: search type=painting" in summary
        and "orderedItems" in summary
        and "already read" in summary
    )
    assert len(museum.count_requests("search")) == 4, (
        "the second page once, the first of each query once"
    )


def test_results_that_are_no_objects_are_named(museum: Museum, folder: Path) -> None:
    museum.add(1)
    strange = [
        {"id": "https://id.rijksmuseum.nl/../../x"},
        None,
        {"id": 5},
        {"id": "https://id.rijksmuseum.nl/1?2"},
    ]
    museum.faults["/search/collection"] = [
        instead({"orderedItems": strange}), instead({"orderedItems": []}), instead({"orderedItems": []}),
    ]  # fmt: skip
    assert "3 failed: search: a result that is not an object" in fetch(museum)
    assert list_stored(folder) == ["SK-A-1.jpg"]


def test_a_first_search_that_fails_is_an_error(museum: Museum) -> None:
    museum.faults["/search/collection"] = [busy(400)]
    with pytest.raises(FetchError, match="HTTP 400"):
        fetch(museum)
    assert len(museum.log) == 1


# --- stopped, full, at the same time -----------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Stopped(15)])
def test_a_stop_keeps_what_was_done_and_the_next_call_goes_on(
    museum: Museum, folder: Path, stop: BaseException
) -> None:
    museum.add(*range(1, 31))

    def progress(text: str, done: int, total: int) -> None:
        if text == "pictures" and done == 12:
            raise stop

    with pytest.raises(type(stop)):
        fetch_rijksmuseum(progress, source=museum.url, years="1642")
    available = {entry["identifier"].rpartition("/")[2] for entry in lines(folder)}
    assert len(list_stored(folder)) == len(available) == 12
    museum.log.clear()
    assert "30 pictures, 18 of them new" in fetch(museum)
    # What was under way at the stop may have been asked for, and not kept: no more than the workers had in hand.
    assert not museum.count_requests("record").keys() & {f"/{number}" for number in available}
    assert (
        18 <= sum(museum.count_requests("picture").values()) <= 18 + fetching.WORKERS
        and len(lines(folder)) == 30
    )


def test_a_line_cut_short_harms_no_other(museum: Museum, folder: Path) -> None:
    museum.add(1, 2, 3)
    fetch(museum, limit=1)
    with (folder / "metadata.jsonl").open("a") as file:
        file.write('{"object_number": "SK-A-2", "tit')  # killed

    def progress(text: str, done: int, total: int) -> None:
        if text == "pictures":
            raise KeyboardInterrupt  # and stopped, before the list is put in order

    with pytest.raises(KeyboardInterrupt):
        fetch_rijksmuseum(progress, source=museum.url, years="1642")
    assert len(keeping.PortraitFolder(folder).entries) == len(lines(folder)) == 2


def test_a_stop_does_not_wait_for_a_server_that_asks_for_patience(museum: Museum) -> None:
    """As Ctrl-C does, while every worker has been told to wait for a minute."""
    museum.add(*range(1, 6))
    for number in range(1, 6):
        museum.faults[f"/{number}"] = [busy(429, Retry_After="60")]
    stop = threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT))
    started_ids, before = time.monotonic(), signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stop.start()
        with pytest.raises(KeyboardInterrupt):
            fetch(museum)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started_ids < 30


def test_no_space_is_an_error_and_a_second_try_works(
    museum: Museum, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    museum.add(1, 2, 3)
    write, written = download.write_atomic, []

    def full(path: Path, body: Any) -> None:
        if path.suffix == ".jpg" and len(written) == 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        written.append(path)
        write(path, body)

    monkeypatch.setattr(download, "write_atomic", full)
    with pytest.raises(
        FetchError, match=r"SK-A-\d.jpg cannot be written: No space left.*free some space"
    ):
        fetch(museum)
    assert len(list_stored(folder)) == 1
    monkeypatch.setattr(download, "write_atomic", write)
    assert len(keeping.PortraitFolder(folder).entries) == 1
    assert "3 pictures, 2 of them new" in fetch(museum)
    assert len(lines(folder)) == 3


def test_two_calls_at_once_do_the_work_once(museum: Museum, folder: Path) -> None:
    museum.add(*range(1, 13))
    message: list[str] = []
    threads = [threading.Thread(target=lambda: message.append(fetch(museum))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(re.findall(r"(\d+) of them new", " ".join(message))) == ["0", "12"]
    assert set(museum.count_requests("picture").values()) == {1} and len(lines(folder)) == 12


# --- options, answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("years", "patterns"),
    [
        ("1600-1700", ["16??", "1700"]),
        ("1642", ["1642"]),
        ("1598-1612", ["1598", "1599", "160?", "1610", "1611", "1612"]),
        ("1000-1999", ["1???"]),
        ("0000-9999", [f"{digit}???" for digit in range(10)]),
    ],
)
def test_years_become_the_patterns_of_the_search(years: str, patterns: list[str]) -> None:
    assert build_date_patterns(years) == patterns
    first, last = int(years[:4]), int(years[-4:])
    matched = [
        sum(
            re.fullmatch(pattern.replace("?", "."), f"{year:04d}") is not None
            for pattern in patterns
        )
        for year in range(max(first - 50, 0), min(last + 50, 9999) + 1)
    ]
    inside = [
        int(first <= year <= last) for year in range(max(first - 50, 0), min(last + 50, 9999) + 1)
    ]
    assert matched == inside, "every year once, no other"


def test_every_query_is_asked(museum: Museum) -> None:
    museum.add(1)
    fetch(museum, years="1699-1700")
    requested = [
        {key: value[0] for key, value in parse_qs(urlsplit(path).query).items()}
        for path in museum.count_requests("search")
    ]
    assert requested == list(build_queries("1699-1700")) and len(requested) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"years": "1700-1600"}, "--years 1700-1600"),
        ({"years": "golden age"}, "--years golden age"),
        ({"limit": 0}, "--limit 0"),
        ({"source": "ftp://x"}, "--source ftp://x"),
    ],
)
def test_wrong_options_are_errors_before_anything_is_asked(
    museum: Museum, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        fetch(museum, **options)
    assert not museum.log


def test_the_museum_itself_is_the_default(museum: Museum, monkeypatch: pytest.MonkeyPatch) -> None:
    requested: list[str] = []

    def get(session: Any, url: str, **options: Any) -> bytes:
        requested.append(url)
        if url.endswith("jpg"):
            return picture(7)
        return json.dumps(
            record(7) if url.endswith("/7") else {"orderedItems": [{"id": ".../7"}]}
        ).encode()

    monkeypatch.setattr("gensweep.data._rijksmuseum.services.fetch_bytes", get)
    fetch(museum, source=None)
    assert requested[3:] == [
        "https://data.rijksmuseum.nl/7",
        "https://iiif.micr.io/Im7/full/!256,256/0/default.jpg",
    ]
    assert (
        set(requested[:3]) == {"https://data.rijksmuseum.nl/search/collection"} and not museum.log
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Plain", "Plain"),
        (["First", "Second"], "First"),
        ({"@language": "nl", "@value": "Zittende man"}, "Zittende man"),
        ([{"@language": "nl", "@value": "Man"}, {"@language": "en", "@value": "A man"}], "A man"),
        ({"nl": "Man", "en": ["A man", "Man"]}, "A man"),
        ({"de": "Mann", "nl": ["Man"]}, "Man"),
        ({"@value": "  two\n lines "}, "two lines"),
        ({"id": "https://id.rijksmuseum.nl/5"}, ""),
        ("half \ud800 a character", "half ? a character"),
        (None, ""), (5, ""), ([[[[[[[["deep"]]]]]]]], ""),
    ],
)  # fmt: skip
def test_titles_come_in_many_shapes(value: Any, text: str) -> None:
    assert read_work(record(1, painting={"title": value}), "1", "here").title == text


@pytest.mark.parametrize(
    ("shown", "image"),
    [
        ({SERVICE: {"id": "https://iiif.micr.io/eBrWZ"}}, None),
        ({"id": "https://iiif.micr.io/a", SERVICE: {"id": "https://iiif.micr.io/eBrWZ/"}}, "eBrWZ"),
        ({"id": "https://iiif.micr.io/a", SERVICE: [{"@id": "https://iiif.micr.io/eBrWZ"}]}, "eBrWZ"),
        ({"id": "https://iiif.micr.io/eBrWZ/full/max/0/default.jpg"}, "eBrWZ"),
        ("https://iiif.micr.io/eBrWZ/full/max/0/default.jpg", "eBrWZ"),
        ([{}, {"id": "https://iiif.micr.io/eBrWZ/full/max/0/default.jpg"}], "eBrWZ"),
        ({"id": "https://iiif.micr.io/../.."}, None), ({"id": "https://iiif.micr.io/"}, None), ([], None), (7, None),
    ],
)  # fmt: skip
def test_pictures_are_named_in_many_shapes(shown: Any, image: str | None) -> None:
    assert read_work(record(1, isShownBy=shown), "1", "here").image == image


def test_records_are_read_with_prefixes_and_in_graphs() -> None:
    plain = record(1)
    prefixed = {
        f"edm:{key}": value for key, value in plain.items() if key not in ("id", "edmRights")
    }
    graph = {"@graph": [{"@id": "x"}, prefixed | {"edm:rights": {"@id": MARK}}]}
    assert read_work(graph, "1", "here") == read_work(plain, "1", "here")
    silent = read_work({"aggregatedCHO": {}}, "77", "here")
    assert (
        silent.object_number,
        silent.title,
        silent.maker,
        silent.image,
        silent.is_public_domain,
    ) == (
        "77",
        "",
        "",
        None,
        False,
    )


@pytest.mark.parametrize(
    "answer", [None, [], "x", {}, {"orderedItems": {}}, {"orderedItems": None}]
)
def test_pages_of_another_shape_are_errors(answer: Any) -> None:
    with pytest.raises(FetchError, match="orderedItems"):
        read_page(answer, "here")


def test_a_picture_larger_than_asked_for_is_taken() -> None:
    check_picture(picture(1, (400, 700)), "here")


# --- the dataset -------------------------------------------------------------------------------------------------


def test_the_dataset_is_what_was_fetched(museum: Museum, folder: Path) -> None:
    assert (
        DATASETS["rijksmuseum"] is Rijksmuseum
        and DOWNLOADS["rijksmuseum"].fetch is fetch_rijksmuseum
    )
    with pytest.raises(
        ValidationError, match=r"not fetched yet .* python -m gensweep data fetch rijksmuseum"
    ):
        Rijksmuseum()
    museum.add(*range(1, 31))
    fetch(museum)
    (folder / "pictures" / "stray.jpg").write_bytes(picture(99))  # listed nowhere
    data = Rijksmuseum()
    assert data == Rijksmuseum(dataset="rijksmuseum") and data.dataset.startswith(
        "rijksmuseum:sha256-"
    )
    assert data.get_source_path() == folder
    pictures = data.prepare().rows["picture"]
    assert pictures.shape == (30, 3, 64, 64) and pictures.dtype == np.uint8
    fingerprint.clear_cache()
    (folder / "pictures" / "SK-A-7.jpg").write_bytes(picture(7)[:-1])
    with pytest.raises(ValidationError, match=r"SK-A-7\.jpg .*changed; get it again: python -m"):
        Rijksmuseum()
    fetch(museum)
    fingerprint.clear_cache()
    assert Rijksmuseum() == data, "the same pictures again"


def test_a_crop_is_taken_from_the_middle(museum: Museum, folder: Path) -> None:
    from PIL import Image

    museum.add(*range(1, 21))
    pixels = np.zeros((256, 128, 3), np.uint8)
    pixels[64:192] = (250, 20, 20)  # the middle square
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    museum.pictures["Im1"] = buffer.getvalue()
    fetch(museum)
    pictures = Rijksmuseum().prepare().rows["picture"]
    inner = pictures[:, :, 4:60, 4:60].astype(int)
    flat = np.abs(inner - np.array([250, 20, 20])[None, :, None, None]).max(axis=(1, 2, 3)) < 12
    assert flat.sum() == 1


def test_an_address_that_cannot_be_parsed_is_no_address() -> None:
    page = read_page({"orderedItems": [{"id": "https://[1"}], "next": {"id": "http://["}}, "url")
    assert (page.objects, page.unrecognized) == ([], ['{"id": "https://[1"}'])
    assert page.token == ""
