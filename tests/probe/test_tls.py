"""What TLS servers show: old versions, old ciphers, certificates that break the rules."""

import asyncio
import hashlib
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sohoaudit.model import Endpoint
from sohoaudit.probe import Dialogue, http, tls

Serve = Callable[..., Awaitable[Endpoint]]


@pytest.fixture(scope="module")
def leaf(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The DER of a certificate for `camera`, whose PEM with its key lies beside it."""
    folder = tmp_path_factory.mktemp("leaf")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "9", "-subj", "/O=Example/CN=camera"]
    subprocess.run([*made, "-keyout", folder / "key", "-out", folder / "pem"], check=True, capture_output=True)
    return ssl.PEM_cert_to_DER_cert((folder / "pem").read_text())


def record(kind: int, body: bytes, version: bytes = b"\x03\x00") -> bytes:
    return bytes([kind]) + version + len(body).to_bytes(2, "big") + body


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def hello(version: bytes, suite: bytes, der: bytes) -> bytes:
    """What a server of that version says to any hello: ServerHello, Certificate, ServerHelloDone."""
    chosen = message(2, version + bytes(32) + b"\0" + suite + b"\0")
    chain = len(der).to_bytes(3, "big") + der
    shown = message(11, len(chain).to_bytes(3, "big") + chain)
    return record(22, chosen + shown + message(14, b""), version)


def answers_with(data: bytes) -> Callable[..., Awaitable[None]]:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4_096)
        writer.write(data)
        await writer.drain()
        await reader.read(4_096)

    return speak


async def test_a_server_that_has_only_sslv3_is_told_with_its_certificate(
    dial: Dialogue, serve: Serve, leaf: bytes
) -> None:
    seen = await http.ask_over_tls(await serve(answers_with(hello(b"\x03\x00", b"\x00\x05", leaf))), dial)
    assert seen and seen.probe == "tls"
    assert seen.fields["tls.fault"] == "SSLv3 only" and seen.fields["tls.version"] == "SSLv3"
    assert seen.fields["tls.subject"] == "CN=camera,O=Example" and seen.fields["tls.cipher"] == "RC4-SHA"


async def test_a_cipher_that_openssl_dropped_is_named(dial: Dialogue, serve: Serve, leaf: bytes) -> None:
    seen = await http.ask_over_tls(await serve(answers_with(hello(b"\x03\x01", b"\x00\x04", leaf))), dial)
    assert seen and seen.fields["tls.fault"] == "only TLSv1 with RC4-MD5" and seen.fields["tls.version"] == "TLSv1"


async def test_an_alert_is_named(dial: Dialogue, serve: Serve) -> None:
    seen = await http.ask_over_tls(await serve(answers_with(record(21, b"\x02\x28"))), dial)
    assert seen and "handshake_failure" in seen.fields["tls.fault"]


def test_a_certificate_that_cannot_be_read_keeps_its_hash(leaf: bytes) -> None:
    broken = leaf[:200]
    fields = tls.certificate(broken)
    assert fields["tls.sha256"] == hashlib.sha256(broken).hexdigest() and fields["tls.fault"]


def test_a_certificate_tells_its_parts(leaf: bytes) -> None:
    fields = tls.certificate(leaf)
    assert fields["tls.subject"] == fields["tls.issuer"] == "CN=camera,O=Example"
    assert (
        fields["tls.self_signed"] == "yes" and fields["tls.key_bits"] == "1024" and fields["tls.signature"] == "sha256"
    )
    assert fields["tls.not_before"] < fields["tls.not_after"] and "tls.fault" not in fields


async def test_one_handshake_tells_page_and_certificate(dial: Dialogue, serve: Serve, tmp_path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=nas",
         "-keyout", tmp_path / "key", "-out", tmp_path / "pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem", tmp_path / "key")
    visits: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="NAS"\r\n\r\n')
        await writer.drain()

    seen = await http.ask_over_tls(await serve(speak, ssl=context), dial)
    assert (
        seen and seen.fields["tls.subject"] == "CN=nas" and seen.fields["http.www_authenticate"] == 'Basic realm="NAS"'
    )
    assert len(visits) == 1 and seen.fields["tls.version"] == "TLSv1.3"
