"""An index is asked about the client's own public address alone; every refusal of it is a line, never a fault."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sohoaudit import indexes
from sohoaudit.model import Evidence, Index
from tests.importers.test_importers import INTERNETDB, SHODAN_HOST, WAN

Serve = Callable[[int, bytes], str]


@pytest.fixture
def serve() -> Iterator[tuple[Serve, list[str]]]:
    """A local server in the index's place; the paths it was asked for."""
    asked: list[str] = []
    servers: list[HTTPServer] = []

    def start(status: int, body: bytes) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start, asked
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHODAN_API_KEY", "the-key")


@pytest.mark.parametrize(
    ("index", "record", "path"),
    [(Index.INTERNETDB, INTERNETDB, f"/{WAN}"), (Index.SHODAN, SHODAN_HOST, f"/shodan/host/{WAN}?key=the-key")],
)
def test_what_an_index_saw_is_indexed_with_its_date(serve, index: Index, record: dict, path: str) -> None:
    start, asked = serve
    audit = indexes.look_up(index, [WAN], base=start(200, json.dumps(record).encode()))
    assert asked == [path]
    (device,) = audit.devices
    assert {(e.endpoint.port, e.evidence) for e in device.exposures} == {
        (22, Evidence.INDEXED),
        (443, Evidence.INDEXED),
    }
    assert all(e.detail[-10:].count("-") == 2 for e in device.exposures)
    assert "the-key" not in str(audit)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"no", "refused the key"),
        (429, b"slow down", "asks for patience"),
        (500, b"", "answers with an error (500)"),
        (302, b"", "answers with an error (302)"),
        (200, b"<html>rubbish", "no record"),
        (200, b"\xff" * 99, "no record"),
        (200, b"", "no record"),
    ],
)
def test_what_it_would_not_tell_is_a_gap_that_matters(serve, status: int, body: bytes, said: str) -> None:
    audit = indexes.look_up(Index.SHODAN, [WAN], base=serve[0](status, body))
    (gap,) = audit.coverage
    assert said in gap.reason and WAN in gap.reason and gap.matters
    assert audit.devices == ()
    assert "the-key" not in str(audit)


def test_an_address_it_never_saw_is_no_fault(serve) -> None:
    audit = indexes.look_up(Index.INTERNETDB, [WAN], base=serve[0](404, b'{"detail": "No information available"}'))
    assert [gap.matters for gap in audit.coverage] == [False]


def test_an_answer_about_another_host_is_dropped(serve) -> None:
    other = json.dumps(INTERNETDB | {"ip": "203.0.113.9"}).encode()
    assert indexes.look_up(Index.INTERNETDB, [WAN], base=serve[0](200, other)).devices == ()


@pytest.mark.parametrize("inside", ["192.168.1.1", "100.64.3.4", "fd00::1", "fe80::1"])
def test_an_index_is_never_asked_about_an_inside_address(serve, inside: str) -> None:
    with pytest.raises(ValueError, match="never asked"):
        indexes.look_up(Index.INTERNETDB, [WAN, inside], base=serve[0](200, b""))
    assert serve[1] == []


def test_shodan_without_a_key_is_told_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHODAN_API_KEY")
    with pytest.raises(indexes.IndexUnready, match="SHODAN_API_KEY"):
        indexes.ready(Index.SHODAN)
    assert indexes.ready(Index.INTERNETDB) is None
