"""Tests of feeds against a real HTTPS server on loopback that behaves as servers do on bad days."""

import gzip
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sohoaudit import feeds
from sohoaudit.feeds import FEEDS, Visit, update
from sohoaudit.knowledge import advisories, fetched, known_from

Answer = Callable[[BaseHTTPRequestHandler], None]


def catalogue(*cves: str, version: str = "2026.11.20") -> bytes:
    entries = [{"cveID": cve, "dateAdded": "2026-11-20", "dueDate": "2026-12-11"} for cve in cves]
    return json.dumps({"catalogVersion": version, "count": len(entries), "vulnerabilities": entries}).encode()


CONTENT = catalogue(*(f"CVE-2026-{number}" for number in range(1_000, 1_400)))


class Site:
    """An HTTPS site on loopback; each request takes the next answer, the last one stays."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[BaseHTTPRequestHandler] = []
        self.answers: list[Answer] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.requests.append(self)
                self.close_connection = True
                (site.answers.pop(0) if len(site.answers) > 1 else site.answers[0])(self)

            def log_message(self, *_: object) -> None:
                pass

        certificate, key = _certificate(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.trust = ssl.create_default_context(cafile=str(certificate))
        self.url = f"https://localhost:{self.server.server_port}"


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    paths = folder / "site.crt", folder / "site.key"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    paths[1].write_bytes(private)
    return paths


def gives(content: bytes, etag: str = '"one"', *, until: int | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.send_header("ETag", etag)
        handler.end_headers()
        handler.wfile.write(content[:until])

    return answer


def says(status: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def goes_on(content: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        handler.wfile.write(content[start:])

    return answer


def drips(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    try:
        for _ in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.server.shutdown()


def ask(site: Site, folder: Path, *answers: Answer, name: str = "kev", waited: list[float] | None = None) -> Visit:
    site.requests.clear()
    site.answers = list(answers)
    feed = FEEDS[name]
    checksum = f"{site.url}/meta" if feed.checksum else None
    here = replace(feed, url=f"{site.url}/{name}", checksum=checksum)
    pauses: list[float] = [] if waited is None else waited
    (visit,) = update([here], folder=folder, trust=site.trust, wait=pauses.append)
    return visit


def test_a_new_feed_is_kept_and_an_old_one_costs_one_conditional_request(site: Site, tmp_path: Path) -> None:
    assert ask(site, tmp_path, gives(CONTENT)) == Visit("kev", "new", "2026.11.20, 400 entries")
    assert (tmp_path / "kev.json").read_bytes() == CONTENT
    assert ask(site, tmp_path, says(304)).outcome == "unchanged"
    (request,) = site.requests
    assert request.headers["If-None-Match"] == '"one"'


def test_a_file_that_was_changed_by_hand_is_fetched_again(site: Site, tmp_path: Path) -> None:
    ask(site, tmp_path, gives(CONTENT))
    (tmp_path / "kev.json").write_bytes(b"{}")
    ask(site, tmp_path, gives(CONTENT))
    assert site.requests[0].headers["If-None-Match"] is None
    assert (tmp_path / "kev.json").read_bytes() == CONTENT


def test_a_busy_server_is_waited_for_as_long_as_it_asks(site: Site, tmp_path: Path) -> None:
    waited: list[float] = []
    busy = (says(500), says(429, Retry_After="7"), says(503))
    assert ask(site, tmp_path, *busy, gives(CONTENT), waited=waited).outcome == "new"
    assert waited == [1, 7, 14]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says(500), "it answered 500: try again later"),
        (says(429, Retry_After="9000"), "asks to come back in 9000 s"),
        (says(404), "it answered 404"),
        (gives(b"<html>captive portal</html>"), "this is not JSON"),
        (gives(b'{"vulnerabilities": []}'), "this is no list of known exploited holes"),
        (gives(CONTENT.replace(b'"count": 400', b'"count": 900')), "it says 900 entries and has 400"),
        (gives(catalogue("CVE-2026-1")), "bytes where"),
        (gives(CONTENT, until=100), "the connection broke"),
        (gives(b" " * 21_000_000), "larger than"),
        (says(302, Location="http://127.0.0.1:9/"), "try again later"),
    ],
    ids=["500", "429 for hours", "404", "a portal", "empty", "count", "a stump", "cut off", "endless", "downgrade"],
)
def test_what_is_not_the_feed_never_replaces_the_old_one(answer: Answer, said: str, site: Site, tmp_path: Path) -> None:
    ask(site, tmp_path, gives(CONTENT))
    visit = ask(site, tmp_path, answer)
    assert visit.outcome == "failed"
    assert said in visit.detail
    assert (tmp_path / "kev.json").read_bytes() == CONTENT
    assert ask(site, tmp_path, says(304)).outcome == "unchanged" or (tmp_path / "kev.json.part").exists()


def test_what_was_cut_off_is_gone_on_with(site: Site, tmp_path: Path) -> None:
    visit = ask(site, tmp_path, gives(CONTENT, until=5_000), goes_on(CONTENT))
    assert visit.outcome == "new"
    assert site.requests[1].headers["Range"] == "bytes=5000-"
    assert site.requests[1].headers["If-Range"] == '"one"'
    assert (tmp_path / "kev.json").read_bytes() == CONTENT
    assert not (tmp_path / "kev.json.part").exists()


def test_what_changed_meanwhile_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    newer = CONTENT.replace(b"2026.11.20", b"2026.11.21")
    ask(site, tmp_path, gives(CONTENT, until=5_000), gives(newer, '"two"'))
    assert (tmp_path / "kev.json").read_bytes() == newer


def test_a_server_that_drips_is_left_in_time(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "DEADLINE_S", 0.5)
    started = time.monotonic()
    assert "it did not come in" in ask(site, tmp_path, drips).detail
    assert time.monotonic() - started < 5


def test_a_wrong_checksum_is_refused_and_a_right_one_taken(site: Site, tmp_path: Path) -> None:
    content = json.dumps({"format": "NVD_CVE", "timestamp": "2026-11-24", "vulnerabilities": [{}]}).encode()
    packed, right = gzip.compress(content), f"sha256:{hashlib.sha256(content).hexdigest().upper()}\r\n".encode()
    wrong = ask(site, tmp_path, gives(packed), gives(b"sha256:00\r\n"), name="nvd")
    assert (wrong.outcome, wrong.detail) == ("failed", "its checksum is wrong; what was there stays")
    assert ask(site, tmp_path, gives(packed), gives(right), name="nvd").outcome == "new"


def test_scores_and_releases_are_told_with_their_day(site: Site, tmp_path: Path) -> None:
    head = "#model_version:v2025.03.14,score_date:2026-11-24T00:00:00+0000\ncve,epss,percentile\n"
    scores = gzip.compress((head + "CVE-2026-1,0.5,0.9\n").encode())
    assert ask(site, tmp_path, gives(scores), name="epss").detail == "2026-11-24, 1 scores"
    releases = json.dumps({"last_modified": "2026-11-23T0", "result": {"releases": [{"name": "24.10"}]}}).encode()
    assert ask(site, tmp_path, gives(releases), name="endoflife").detail == "2026-11-23, 1 releases"


def test_an_unknown_certificate_is_not_trusted(site: Site, tmp_path: Path) -> None:
    site.answers = [gives(CONTENT)]
    here = replace(FEEDS["kev"], url=f"{site.url}/kev")
    (visit,) = update([here], folder=tmp_path, wait=lambda seconds: None)
    assert visit.outcome == "failed"
    assert not (tmp_path / "kev.json").exists()


def test_a_hole_that_was_listed_after_this_version_counts_as_exploited(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = [a for a in advisories.applies("QNAP", "TS-453D", None, "5.1.2.2533") if a.id == "CVE-2024-21899"]
    assert one.known_exploited is None
    monkeypatch.setattr(fetched, "folder", lambda: tmp_path)
    fetched.exploited.cache_clear()
    ask(site, tmp_path, gives(catalogue("CVE-2024-21899")))
    (one,) = [a for a in advisories.applies("QNAP", "TS-453D", None, "5.1.2.2533") if a.id == "CVE-2024-21899"]
    assert one.known_exploited is not None
    assert str(one.known_exploited.added) == "2026-11-20"
    assert known_from()["kev"] >= "2026-11-20"
    fetched.exploited.cache_clear()
