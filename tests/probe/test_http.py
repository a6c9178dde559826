"""The web probe against real servers, and against the shapes that hurt."""

import asyncio
import dataclasses
import gzip
import shutil
import ssl
import subprocess
import time
import types
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from sohoaudit.dialer import BudgetSpent, Dialer, OutOfScope
from sohoaudit.model import Endpoint, Scope, Transport
from sohoaudit.probe import Dialogue, follow, http
from sohoaudit.probe.http_answer import read_leniently
from sohoaudit.sweep.pace import LAB, PoliteKeeper

from .loopback import HERE, dialogue, free_port

Serve = Callable[..., Awaitable[Endpoint]]


def says(answer: bytes, log: list[bytes] | None = None) -> Callable[..., Awaitable[None]]:
    """A server that answers every request with these bytes and hangs up."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if log is not None:
            log.append(request)
        writer.write(answer)
        await writer.drain()

    return speak


def pages(table: dict[str, bytes], log: list[str]) -> Callable[..., Awaitable[None]]:
    """A server that answers by path, and writes down what was asked."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        log.append(path)
        writer.write(table.get(path, b"HTTP/1.0 404 Not Found\r\n\r\nnone"))
        await writer.drain()

    return speak


def ok(body: bytes, *headers: str) -> bytes:
    head = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_busybox_httpd_tells_its_page(dial: Dialogue, daemon: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html><title>Vigor &amp; co\n Login</title></html>")
    (tmp_path / "favicon.ico").write_bytes(b"\0\0\1\0icon")
    port = free_port()
    daemon(["busybox", "httpd", "-f", "-p", f"{HERE}:{port}", "-h", str(tmp_path)], port)
    seen = await http.ask(Endpoint(HERE, port), dial)
    assert seen and seen.probe == "http"
    assert seen.fields["http.title"] == "Vigor & co Login"
    assert seen.fields["http.status"] == "200"
    assert seen.fields["http.last_modified"]
    assert seen.fields["http.favicon.mmh3"] == "1117906690" or seen.fields["http.favicon.mmh3"].lstrip("-").isdigit()
    assert "http.fault" not in seen.fields


@pytest.fixture
def lighttpd(daemon: Callable[..., object], tmp_path: Path) -> Endpoint:
    key = tmp_path / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-sha1", "-days", "9", "-keyout", str(key),
         "-out", str(tmp_path / "cert.pem"), "-subj", "/C=TW/O=Example Networks/CN=router.example"],
        check=True, capture_output=True,
    )  # fmt: skip
    key.write_text(key.read_text() + (tmp_path / "cert.pem").read_text())
    (tmp_path / "index.html").write_text("<title>over TLS</title>")
    port = free_port()
    conf = tmp_path / "lighttpd.conf"
    conf.write_text(
        f'server.document-root="{tmp_path}"\nserver.bind="{HERE}"\nserver.port={port}\nserver.modules=("mod_openssl")\n'
        f'index-file.names=("index.html")\nssl.engine="enable"\nssl.pemfile="{key}"\n'
        'ssl.openssl.ssl-conf-cmd=("MinProtocol"=>"TLSv1","MaxProtocol"=>"TLSv1","CipherString"=>"ALL:@SECLEVEL=0")\n'
    )
    daemon([shutil.which("lighttpd") or "/usr/sbin/lighttpd", "-D", "-f", str(conf)], port)
    return Endpoint(HERE, port)


async def test_lighttpd_with_tls_1_0_tells_page_and_certificate_in_one_handshake(
    dial: Dialogue, lighttpd: Endpoint
) -> None:
    seen = await http.ask_over_tls(lighttpd, dial)
    assert seen and seen.probe == "https"
    assert seen.fields["http.title"] == "over TLS"
    assert seen.fields["tls.version"] == "TLSv1"
    assert seen.fields["tls.subject"] == "CN=router.example,O=Example Networks,C=TW"
    assert seen.fields["tls.key_bits"] == "1024"
    assert seen.fields["tls.signature"] == "sha1"
    assert seen.fields["tls.self_signed"] == "yes"
    assert len(seen.fields["tls.key_sha256"]) == len(seen.fields["tls.sha256"]) == 64
    assert seen.fields["tls.not_after"].endswith("Z")


async def test_a_plain_question_to_a_tls_port_is_asked_again_over_tls(dial: Dialogue, lighttpd: Endpoint) -> None:
    seen = await http.ask(lighttpd, dial)
    assert seen and seen.probe == "https" and seen.fields["http.title"] == "over TLS"


async def test_a_tls_question_to_a_plain_port_is_asked_again_in_plain(dial: Dialogue, serve: Serve) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_request = (await reader.read(4_096)).startswith(b"GET /")
        writer.write(ok(b"<title>plain</title>") if is_request else b"HTTP/1.0 400 Bad Request\r\n\r\n")
        await writer.drain()

    seen = await http.ask_over_tls(await serve(speak), dial)
    assert seen and seen.probe == "http" and seen.fields["http.title"] == "plain"


async def test_the_request_is_short_and_honest(dial: Dialogue, serve: Serve) -> None:
    log: list[bytes] = []
    await http.ask(await serve(says(ok(b"x"), log)), dial)
    head = log[0].decode()
    assert head.startswith("GET / HTTP/1.1\r\n")
    names = [line.split(":")[0].lower() for line in head.strip().split("\r\n")[1:]]
    assert sorted(names) == ["accept", "accept-encoding", "connection", "host", "user-agent"]
    assert "sohoaudit/" in head and "Connection: close" in head


BROKEN = {
    "bare line feeds": (b"HTTP/1.1 200\nServer: x\n\n<title>bare LF</title>", "bare LF", "200"),
    "blank in a name": (b"HTTP/1.1 200 OK\r\nBad Name : x\r\n\r\n<title>blank</title>", "blank", "200"),
    "wrong length": (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<title>short</title>", "short", "200"),
    "HTTP/0.9": (b"<html><title>nine</title>", "nine", None),
    "odd blanks": (b"HTTP/1.1  401  \r\nServer : x\r\n\r\n<title>no</title>", "no", "401"),
    "broken chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n<title>chunk</title>\r\nzz", "chunk", "200",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "title", "status"), BROKEN.values(), ids=BROKEN.keys())
async def test_what_the_strict_parser_refuses_is_read_all_the_same(
    dial: Dialogue, serve: Serve, answer: bytes, title: str, status: str | None
) -> None:
    log: list[bytes] = []
    seen = await http.ask(await serve(says(answer, log)), dial)
    assert seen and seen.fields["http.title"] == title
    assert seen.fields.get("http.status") == status
    assert [line for line in log if line.startswith(b"GET / ")] == log[:1], "the page was asked for once"


async def test_a_fault_is_named(dial: Dialogue, serve: Serve) -> None:
    seen = await http.ask(await serve(says(b"HTTP/1.1 200 OK\r\nBad Name : x\r\n\r\nbody")), dial)
    assert seen and "header" in seen.fields["http.fault"]
    assert seen.fields["http.header.bad name"] == "x"


async def test_a_dripping_device_is_cut_off_and_what_came_is_kept(dial: Dialogue, serve: Serve) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nServer: slow\r\n\r\n<title>drip</title>")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.1)

    started = time.monotonic()
    seen = await http.ask(await serve(drip), dial)
    assert time.monotonic() - started < 4
    assert seen and seen.fields["http.server"] == "slow" and "cut off" in seen.fields["http.fault"]


async def test_an_endless_header_ends(dial: Dialogue, serve: Serve) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nServer: endless\r\nX-Long: ")
        for _ in range(2_000):
            writer.write(b"a" * 65_536)
            await writer.drain()

    seen = await http.ask(await serve(endless), dial)
    assert seen and seen.fields["http.server"] == "endless" and seen.fields["http.fault"]
    assert len(seen.fields["http.header.x-long"]) <= 2_000


async def test_a_gzip_bomb_is_unpacked_to_the_limit_only(dial: Dialogue, serve: Serve) -> None:
    bomb = gzip.compress(b"<title>bomb</title>" + bytes(50_000_000))
    seen = await http.ask(await serve(says(ok(bomb, "Content-Encoding: gzip"))), dial)
    assert seen and seen.fields["http.title"] == "bomb"
    assert len(seen.fields["http.body"]) < 5 * 65_536, "NULs are written out as four characters"
    assert "unpacked" in seen.fields["http.fault"]


async def test_a_redirect_loop_ends_after_three_steps(dial: Dialogue, serve: Serve) -> None:
    log: list[str] = []
    table = {f"/{n}": moved(f"/{n + 1}") for n in range(50)} | {"/": moved("/0")}
    seen = await http.ask(await serve(pages(table, log)), dial)
    assert seen and len([path for path in log if path != "/favicon.ico"]) <= 4


async def test_a_redirect_outside_the_scope_is_not_followed(dial: Dialogue, serve: Serve) -> None:
    asked: list[bytes] = []
    for elsewhere in ("http://192.0.2.1/", "//192.0.2.1/x", "http://routerlogin.example/", "http://127.0.0.2/"):
        seen = await http.ask(await serve(says(moved(elsewhere), asked)), dial)
        assert seen and seen.fields["http.redirect"] == elsewhere
    assert all(request.startswith((b"GET / ", b"GET /favicon.ico ")) for request in asked)
    assert set(dial.dialer.round_trips_s) == {HERE}


async def test_a_redirect_within_the_host_is_followed(dial: Dialogue, serve: Serve) -> None:
    log: list[str] = []
    table = {"/": moved("/login.htm"), "/login.htm": ok(b"<title>Sign in</title>")}
    seen = await http.ask(await serve(pages(table, log)), dial)
    assert seen and seen.fields["http.title"] == "Sign in" and seen.fields["http.redirect"] == "/login.htm"
    assert log[:2] == ["/", "/login.htm"]


async def test_a_refresh_in_the_page_is_followed_and_both_pages_are_kept(dial: Dialogue, serve: Serve) -> None:
    stub = b'<html><meta http-equiv="refresh" content="0; url=/cgi-bin/luci"></html>'
    table = {"/": ok(stub), "/cgi-bin/luci": ok(b"<title>LuCI</title>")}
    seen = await http.ask(await serve(pages(table, [])), dial)
    assert seen and seen.fields["http.title"] == "LuCI" and "luci" in seen.fields["http.body@/"]


async def test_a_redirect_to_a_denied_path_is_not_followed(
    dial: Dialogue, serve: Serve, questions: types.ModuleType
) -> None:
    log: list[str] = []
    await http.ask(await serve(pages({"/": moved("/setup.cgi?todo=x")}, log)), dial)
    assert not any("setup.cgi" in path for path in log)


async def test_cookies_are_not_sent_back_and_long_values_not_kept(dial: Dialogue, serve: Serve) -> None:
    log: list[bytes] = []
    page = ok(b"x", "Set-Cookie: SESSIONID_AUTH=0123456789abcdef0123; Path=/", "Set-Cookie: lang=en")
    seen = await http.ask(await serve(says(page, log)), dial)
    assert seen and seen.fields["http.set_cookie"] == "SESSIONID_AUTH=…; Path=/\nlang=en"
    assert not any(b"Cookie" in request for request in log)


async def test_control_and_direction_characters_are_made_visible(dial: Dialogue, serve: Serve) -> None:
    page = ok("<title>a\x00\x1b[31m\u202eevil</title>".encode(), "Server: x\x1b[2Jy")
    seen = await http.ask(await serve(says(page)), dial)
    assert seen and not any(sign in value for value in seen.fields.values() for sign in "\x00\x1b\u202e")


async def test_a_server_that_accepts_and_says_nothing_is_asked_once(dial: Dialogue, serve: Serve) -> None:
    visits = 0

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await asyncio.sleep(30)

    there = await serve(mute)
    assert await http.ask(there, dial) is None
    assert visits == 1 and there in dial.silent


async def test_a_hello_that_never_ends_is_cut_off(
    dial: Dialogue, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sohoaudit.probe.tls.HANDSHAKE_S", 1.0)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xf0")
        while True:
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(0.05)

    started = time.monotonic()
    seen = await http.ask_over_tls(await serve(drip), dial)
    assert time.monotonic() - started < 3
    assert seen and seen.probe == "tls" and "handshake" in seen.fields["tls.fault"]


async def test_a_follow_up_page_comes_by_the_scheme_that_worked(dial: Dialogue, lighttpd: Endpoint) -> None:
    await http.ask(lighttpd, dial)
    seen = await follow(lighttpd, "/index.html", dial)
    assert seen and "over TLS" in seen.fields["http.body@/index.html"] and seen.probe == "https"


async def test_a_denied_path_is_never_asked(dial: Dialogue, serve: Serve, questions: types.ModuleType) -> None:
    log: list[str] = []
    there = await serve(pages({}, log))
    assert await follow(there, "/setup.cgi?todo=debug", dial) is None
    assert await follow(there, "/" + "a" * 128, dial) is None
    assert log == []


async def test_a_named_question_fills_its_fields(dial: Dialogue, serve: Serve, questions: types.ModuleType) -> None:
    requests: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n") + await reader.read(2))
        writer.write(ok(b'while(1); {"output": {"modelNumber": "EA6350", "firmwareVersion": "3.1.10", "on": true}}'))
        await writer.drain()

    questions.named["jnap"] = types.SimpleNamespace(
        method="POST",
        path="/JNAP/",
        headers={"X-JNAP-Action": "GetDeviceInfo", "Referer": "http://{host}/"},
        body="{}",
        answer="jnap.",
        format="json",
    )
    seen = await follow(await serve(speak), "jnap", dial)
    assert seen and seen.fields["jnap.firmwareVersion"] == "3.1.10" and seen.fields["jnap.on"] == "true"
    assert requests[0].startswith(b"POST /JNAP/ ") and b"Referer: http://127.0.0.1/" in requests[0]
    assert len(requests[0].split(b"\r\n\r\n")[0].split(b"\r\n")) <= 6


async def test_the_first_page_is_kept_when_the_budget_ends_with_it(serve: Serve) -> None:
    there = await serve(pages({"/": ok(b"<title>kept</title>")}, []))
    few = dataclasses.replace(LAB, host_requests=1)
    dial = Dialogue(Dialer(Scope((ip_network("127.0.0.0/8"),)), PoliteKeeper(few)))
    seen = await http.ask(there, dial)
    assert seen and seen.fields["http.title"] == "kept"
    with pytest.raises(BudgetSpent):
        await http.page(there, "/more.htm", dial)


async def test_no_page_is_asked_of_a_udp_port(dial: Dialogue) -> None:
    assert await follow(Endpoint(HERE, 9, Transport.UDP), "/index.html", dial) is None


async def test_an_address_outside_the_scope_is_refused_at_the_door(dial: Dialogue) -> None:
    with pytest.raises(OutOfScope):
        await http.ask(Endpoint("192.0.2.1", 80), dial)


async def test_secrets_of_the_page_are_keyed(serve: Serve) -> None:
    page = ok(b'{"model": "X1", "imei": "356938035643809", "ssid": "Smith family"}')
    there = await serve(says(page))
    seen = await http.ask(there, dialogue(key=b"a"))
    again = await http.ask(there, dialogue(key=b"a"))
    assert seen and again and seen.fields["http.body"] == again.fields["http.body"]
    assert "Smith" not in seen.fields["http.body"] and "3569" not in seen.fields["http.body"]
    assert '"model": "X1"' in seen.fields["http.body"] and "keyed:" in seen.fields["http.body"]


def test_a_head_without_end_gives_no_body() -> None:
    answer = read_leniently(b"HTTP/1.1 200 OK\r\nServer: a", "closed early")
    assert answer.status == 200 and answer.header("server") == "a" and answer.body == b""


async def test_the_context_offers_what_old_devices_have(serve: Serve) -> None:
    from sohoaudit.probe.tls import _context

    assert _context().minimum_version is ssl.TLSVersion.TLSv1
