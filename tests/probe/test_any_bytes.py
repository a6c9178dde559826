"""Whatever a device answers, a probe returns or records a fault: it never raises and always ends."""

import asyncio
import socket
import time
from ipaddress import ip_network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sohoaudit.dialer import Dialer
from sohoaudit.model import Endpoint, Observation, Scope, Transport
from sohoaudit.probe import (
    Dialogue,
    Settings,
    discretion,
    dns_wire,
    http,
    http_answer,
    probes,
    snmp,
    telnet,
    tls,
    xml_text,
)
from sohoaudit.sweep.pace import LAB, PoliteKeeper

WAITS = Settings(key=b"k", connect_s=0.3, read_s=0.3, datagram_s=0.3)
HERE = "192.168.50.3"
TRUE_BEGINNINGS = [
    b"",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0",
    b"HTTP/1.0 302 Found\r\nLocation: ",
    b"HTTP/1.1 200 OK\r\nLOCATION: http://192.168.50.3:80/d.xml\r\n\r\n<root><device>",
    b"SSH-2.0-x\r\n",
    b"SSH-2.0-x\r\n\0\0\1\x0c\x04\x14",
    b"220-a\r\n",
    b"\xff\xfd\x01\xff\xfa",
    b"\x16\x03\x01\x00\x40\x02\x00\x00\x3c\x03\x00",
    b"\x15\x03\x01\x00\x02\x02",
    b"\x30\x82\x01",
    b"RTSP/1.0 200 OK\r\n",
    b"SIP/2.0 200 OK\r\n",
    b"\x01\0\0\x20\x02\0\x0a",
    b"\0\x80\0\0",
    b"\x16\x82\0\0\0\0\0\0\0\0\0\0version=",
    b"\x20\0\0\0DHIP" + bytes(24) + b'{"params":{"deviceInfo":{"SerialNo":',
    b'<?xml version="1.0"?><ProbeMatch><DeviceSN>',
    b"\0\0\x84\0\0\1\0\2\0\0\0\0",
]
anything = st.builds(lambda head, tail: head + tail, st.sampled_from(TRUE_BEGINNINGS), st.binary(max_size=400))


class Parrot(Dialer):
    """A door behind which every connection and every datagram is answered with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(Scope((ip_network("192.168.50.0/24"),)), PoliteKeeper(LAB))
        self.answer = answer

    async def connect(self, endpoint: Endpoint, timeout_s: float, *, is_talk: bool = False) -> socket.socket:
        self._locate(endpoint)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.send(self.answer)
        theirs.shutdown(socket.SHUT_WR)
        self.held = theirs
        return ours

    async def ask(self, endpoint: Endpoint, question: bytes, timeout_s: float, **_: object) -> bytes | None:
        self._locate(endpoint)
        # The number of the question stands in front of DNS and NetBIOS answers.
        return question[:2] + self.answer[2:] if endpoint.port in (53, 137, 5353) else self.answer


def ends() -> list[tuple[str, Endpoint]]:
    return [
        (each.name, Endpoint(HERE, min(ports), transport))
        for each in probes().values()
        for transport, ports in ((Transport.TCP, each.tcp), (Transport.UDP, each.udp))
        if ports
    ]


@pytest.mark.parametrize(("name", "endpoint"), ends(), ids=lambda value: str(value))
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(answer=anything)
def test_any_bytes_are_an_answer_or_none(name: str, endpoint: Endpoint, answer: bytes) -> None:
    started = time.monotonic()
    seen = asyncio.run(probes()[name].ask(endpoint, Dialogue(Parrot(answer), WAITS)))
    assert time.monotonic() - started < 10
    assert seen is None or isinstance(seen, Observation)
    for value in seen.fields.values() if seen else ():
        assert value and not any(sign in value for sign in "\x00\x1b\u202e")


@settings(max_examples=300)
@given(st.binary(max_size=600))
def test_any_bytes_can_be_read(data: bytes) -> None:
    tls.read_answer(b"\x16\x03\x01" + len(data).to_bytes(2, "big") + data)
    tls.certificate(data)
    snmp.read_answer(data, 1)
    dns_wire.read(b"\0\1\x84\0\0\1\0\3\0\0\0\0" + data)
    telnet.parse(data)
    http_answer.read_leniently(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data, "x")
    http_answer.bounded(b"\x1f\x8b\x08\0" + data, "gzip")
    assert len(http_answer.Answer(body=data).title) <= 300


@settings(max_examples=300)
@given(st.text(max_size=600), st.sampled_from(["json", "xml", "lines"]))
def test_any_text_can_be_taken_apart(text: str, form: str) -> None:
    assert all(name.startswith("x.") for name in http.parts('{"a":' + text, form, "x.") | http.parts(text, form, "x."))
    xml_text.parse("<a>" + text + "</a>")
    discretion.veil(text, b"k")


SLOW = ("<title", "<meta refresh", "<link icon", 'a="', "<a>", "a=", "<!--", " \t", "location=", "a:", "ssid", "&#")


@pytest.mark.parametrize("page", [piece * (240_000 // len(piece)) for piece in SLOW], ids=SLOW)
def test_a_page_made_to_be_slow_is_read_in_no_time(page: str) -> None:
    started = time.monotonic()
    answer = http_answer.Answer(status=200, body=page.encode())
    discretion.veil(answer.text, b"k")
    _ = answer.title
    http._ICON.search(answer.text[:65_536])
    http._leads_to(http_answer.Answer(status=200, body=page.encode()[:2_000]))
    assert time.monotonic() - started < 2
