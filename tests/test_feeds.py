"""Tests of feeds against a real HTTPS server on loopback that behaves as servers do on bad days."""

import base64
import gzip
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from sohoaudit import feeds
from sohoaudit.assess import assess
from sohoaudit.feeds import FEEDS, Visit, update
from sohoaudit.knowledge import advisories, fetched, fingerprints, known_from, lifecycle
from sohoaudit.model import Device, Finding, Vantage
from tests.report.assessed import DRAYTEK

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
    products = {"generated_at": "2026-11-23T0", "result": [{"name": "openwrt", "releases": [{"name": "24.10"}]}]}
    answer = gives(json.dumps(products).encode())
    assert ask(site, tmp_path, answer, name="endoflife").detail == "2026-11-23, 1 products"


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
    fetched.forget()
    ask(site, tmp_path, gives(catalogue("CVE-2024-21899")))
    (one,) = [a for a in advisories.applies("QNAP", "TS-453D", None, "5.1.2.2533") if a.id == "CVE-2024-21899"]
    assert one.known_exploited is not None
    assert str(one.known_exploited.added) == "2026-11-20"
    assert known_from()["kev"] >= "2026-11-20"
    fetched.forget()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of fetched feeds that is in use."""
    monkeypatch.setattr(fetched, "folder", lambda: tmp_path)
    fetched.forget()
    yield tmp_path
    fetched.forget()


HOLE, OTHER_HOLE = "CVE-2024-21899", "CVE-2023-1389"


def score_file(*rows: str) -> bytes:
    head = "#model_version:v2025.03.14,score_date:2026-11-24T00:00:00+0000\ncve,epss,percentile\n"
    return gzip.compress((head + "".join(f"{row}\n" for row in rows)).encode())


def record(cve: str, **metrics: object) -> dict[str, object]:
    return {"cve": {"id": cve, "metrics": metrics}}


def records(*of: dict[str, object]) -> tuple[Answer, Answer]:
    content = json.dumps({"format": "NVD_CVE", "timestamp": "2026-11-24", "vulnerabilities": of}).encode()
    packed = gzip.compress(content)
    tag = f'"{hashlib.sha256(packed).hexdigest()}"'
    return gives(packed, tag), gives(f"sha256:{hashlib.sha256(content).hexdigest()}\r\n".encode())


def ssvc(automatable: str, impact: str) -> list[dict[str, object]]:
    options = [{"exploitation": "active"}, {"automatable": automatable}, {"technicalImpact": impact}]
    return [{"source": "cisa", "ssvcData": {"options": options, "version": "2.0.3"}}]


def test_scores_of_holes_we_speak_of_become_facts_of_a_finding(site: Site, cache: Path) -> None:
    assert fetched.told_of([HOLE]) == {}
    scores = score_file(f"{HOLE},0.94321,0.99", "CVE-1999-0001,0.1,0.2", "CVE-2023-1389,spam,0.2", "broken")
    assert "a record of it" in ask(site, cache, gives(scores), name="epss").detail
    scores = score_file(f"{HOLE},0.94321,0.99", "CVE-1999-0001,0.1,0.2", f"{OTHER_HOLE},spam,0.2")
    assert ask(site, cache, gives(scores), name="epss").outcome == "new"
    assert fetched.told_of([HOLE, OTHER_HOLE, "CVE-1999-0001"]) == {f"epss.{HOLE}": "0.94321", "epss_day": "2026-11-24"}
    assert known_from()["epss"] == "2026-11-24, fetched"


def test_a_score_stands_beside_a_finding_and_never_raises_it(site: Site, cache: Path) -> None:
    def found(device: Device) -> Device:
        return assess(device, Vantage.INTERNET, today=date(2026, 11, 24))[0]

    def judged() -> dict[str, Finding]:
        return {one.id: one for one in found(DRAYTEK).findings}

    before = judged()
    holes = {cve for one in before.values() for cve in one.cves}
    assert ask(site, cache, gives(score_file(*(f"{cve},0.99,0.99" for cve in holes))), name="epss").outcome == "new"
    after = judged()
    assert {one.id: one.priority for one in before.values()} == {one.id: one.priority for one in after.values()}
    scored = [one for one in after.values() if one.facts.get("epss_day") == "2026-11-24"]
    assert [one.rule for one in scored] == [one.rule for one in after.values() if one.cves] != []


def test_judgements_of_nvd_are_gathered_from_feed_to_feed(site: Site, cache: Path) -> None:
    first = record(HOLE, cvssMetricV31=[{"cvssData": {"baseScore": 9.8}}], ssvcV203=ssvc("yes", "total"))
    assert ask(site, cache, *records(first, record("CVE-1999-0001")), name="nvd").outcome == "new"
    scores = [{"cvssData": {"baseScore": 8.8}}]
    second = record(OTHER_HOLE, cvssMetricV40=scores, cvssMetricV31=[{"cvssData": {"baseScore": 7}}])
    assert ask(site, cache, *records(second), name="nvd").outcome == "new"
    assert fetched.told_of([HOLE, OTHER_HOLE]) == {
        f"cvss.{HOLE}": "9.8", f"automatable.{HOLE}": "yes", f"total.{HOLE}": "yes", f"cvss.{OTHER_HOLE}": "8.8",
    }  # fmt: skip
    wrong = ask(site, cache, *records({"cve": {"id": HOLE, "metrics": ["x"]}}), name="nvd")
    assert (wrong.outcome, wrong.detail) == ("failed", "a record of it is not what it should be; what was there stays")


def ended(day: str, *releases: dict[str, object]) -> Answer:
    products = {"generated_at": f"{day}T00:00:00+00:00", "result": [{"name": "openwrt", "releases": releases}]}
    return gives(json.dumps(products).encode(), f'"{day}"')


FRESH: dict[str, tuple[Answer, ...]] = {
    "kev": (gives(CONTENT),),
    "epss": (gives(score_file(f"{HOLE},0.9,0.9")),),
    "nvd": records(record(HOLE)),
    "endoflife": (ended("2026-11-20"),),
}


@pytest.mark.parametrize("name", FEEDS)
def test_every_feed_with_nothing_new_costs_one_conditional_request(name: str, site: Site, cache: Path) -> None:
    assert ask(site, cache, *FRESH[name], name=name).outcome == "new"
    assert ask(site, cache, says(304), name=name).outcome == "unchanged"
    (request,) = site.requests
    assert request.headers["If-None-Match"]


def test_later_support_dates_win_over_the_shipped_ones_and_earlier_ones_do_not(site: Site, cache: Path) -> None:
    day = date(2027, 6, 1)
    assert lifecycle.branch_status("OpenWrt", "25.12.3", day).status == "supported"
    over = {"name": "25.12", "isEol": True, "eolFrom": "2027-05-01"}
    assert ask(site, cache, ended("2026-01-01", over), name="endoflife").outcome == "new"
    assert lifecycle.branch_status("OpenWrt", "25.12.3", day).status == "supported"
    newer = {"name": "26.12", "isEol": False, "eolFrom": None}
    assert ask(site, cache, ended("2027-05-20", over, newer), name="endoflife").outcome == "new"
    told = lifecycle.branch_status("OpenWrt", "25.12.3", day)
    assert (told.status, str(told.since), told.source) == ("end-of-life", "2027-05-01", "endoflife.date, 2027-05-20")
    assert lifecycle.branch_status("OpenWrt", "26.12.0", day).status == "supported"
    assert lifecycle.branch_status("OpenWrt", "19.07.1", day).source == "endoflife.date, 2026-08-22"
    assert known_from()["endoflife"] == "2027-05-20, fetched"


def test_without_a_feed_the_shipped_knowledge_is_named_with_its_day(cache: Path) -> None:
    known = known_from()
    assert known["kev"].endswith(", shipped")
    assert known["endoflife"] == "2026-08-22, shipped"
    assert not {"epss", "nvd", "fingerprints"} & known.keys()


@pytest.mark.parametrize("name", ["kev.json", "epss.known.json", "nvd.known.json", "endoflife.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"vulnerabilities": [1], "result": [1], "day": 1}', b"\xff"])
def test_a_damaged_cache_is_as_none(name: str, content: bytes, cache: Path) -> None:
    (cache / name).write_bytes(content)
    assert fetched.told_of([HOLE]) == {}
    assert fetched.exploited() == {}
    assert lifecycle.branch_status("OpenWrt", "25.12.3", date(2026, 11, 1)).status == "supported"


PACKED = {
    "acme-toaster.yaml": """vendor: Acme
kind: router
versions: dotted
fingerprints:
  - name: Acme toaster sign-in page
    when: { http.title: '^Acme Toaster$' }
    certainty: likely
    source: "made up for a test"
    examples:
      - give: { http.title: 'Acme Toaster' }
        expect: { vendor: Acme }
"""
}


def pack(files: dict[str, str], version: str = "2026-11-24") -> bytes:
    return gzip.compress(json.dumps({"version": version, "files": files}).encode())


@pytest.fixture
def signer() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def ask_pack(site: Site, folder: Path, signer: Ed25519PrivateKey, raw: bytes, signed: bytes | None = None) -> Visit:
    public = signer.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    tag, signature = f'"{hashlib.sha256(raw).hexdigest()}"', base64.b64encode(signed or signer.sign(raw))
    site.answers = [gives(raw, tag), gives(signature)]
    feed = feeds.fingerprint_pack(f"{site.url}/pack", base64.b64encode(public).decode())
    (visit,) = update([feed], folder=folder, trust=site.trust, wait=lambda seconds: None)
    return visit


def test_a_signed_pack_of_fingerprints_is_used_and_an_older_one_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signer: Ed25519PrivateKey
) -> None:
    monkeypatch.setattr(fetched, "folder", lambda: tmp_path)
    assert ask_pack(site, tmp_path, signer, pack(PACKED)) == Visit("fingerprints", "new", "2026-11-24, 1 files")
    assert any("Acme toaster" in one.title for one in fingerprints.load().all)
    older = ask_pack(site, tmp_path, signer, pack(PACKED, "2026-11-01"))
    assert "older than the one in place (2026-11-24)" in older.detail
    assert len(fetched.packs()) == 1


def test_a_pack_that_was_made_here_is_taken_there(
    site: Site, tmp_path: Path, cache: Path, signer: Ed25519PrivateKey
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "acme-toaster.yaml").write_text(PACKED["acme-toaster.yaml"])
    pem = signer.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    raw, signature, public = feeds.made_pack(folder, "2026-11-24", pem)
    site.answers = [gives(raw), gives(signature)]
    (visit,) = update([feeds.fingerprint_pack(f"{site.url}/pack", public)], folder=cache, trust=site.trust)
    assert visit == Visit("fingerprints", "new", "2026-11-24, 1 files")
    with pytest.raises(feeds.FeedError, match="this is no Ed25519 key"):
        feeds.made_pack(folder, "2026-11-24", b"-----BEGIN RSA PRIVATE KEY-----")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"../evil.yaml": "x"}, "this is no pack of fingerprints"),
        ({"evil.py": "x"}, "this is no pack of fingerprints"),
        ({"acme.yaml": "vendor: [\n"}, "a fingerprint of it cannot be used"),
    ],
    ids=["another folder", "code", "no YAML"],
)
def test_a_pack_that_is_none_is_refused_though_it_is_signed(
    files: dict[str, str], said: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    signer: Ed25519PrivateKey,
) -> None:  # fmt: skip
    monkeypatch.setattr(fetched, "folder", lambda: tmp_path)
    visit = ask_pack(site, tmp_path, signer, pack(files))
    assert (visit.outcome, said in visit.detail) == ("failed", True), visit
    assert fetched.packs() == ()


def test_a_pack_that_another_key_signed_is_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signer: Ed25519PrivateKey
) -> None:
    monkeypatch.setattr(fetched, "folder", lambda: tmp_path)
    forged = Ed25519PrivateKey.generate().sign(pack(PACKED))
    visit = ask_pack(site, tmp_path, signer, pack(PACKED), forged)
    assert visit.detail.startswith("its signature is missing or wrong")
    assert fetched.packs() == ()
