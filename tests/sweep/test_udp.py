"""UDP ports are asked in their protocol's own words over connected sockets, which needs no rights."""

import ipaddress
import socket
import threading
from collections.abc import Iterator

import pytest

from sohoaudit.audit import Auditor, Settings
from sohoaudit.dialer import OpenStreet
from sohoaudit.here import Nowhere
from sohoaudit.model import Audit, Endpoint, Scope, Transport
from sohoaudit.sweep.pace import LAB

ANSWERS, CLOSED, SILENT = (f"192.168.9.{last}" for last in (1, 2, 3))
NTP, NETBIOS = 123, 137


class Street(OpenStreet):
    """UDP port 123 of three hosts, on loopback; no TCP port is open anywhere."""

    has_multicast = False

    def __init__(self, places: dict[str, tuple[str, int]]) -> None:
        self.places = places

    def locate(self, endpoint: Endpoint) -> tuple[str, int]:
        if endpoint.transport is Transport.TCP or endpoint.port != NTP:
            raise TimeoutError
        return self.places[endpoint.address]


@pytest.fixture
def street() -> Iterator[Street]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answering,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed,
    ):
        for each in (answering, silent, closed):
            each.bind(("127.0.0.1", 0))
        places = {ANSWERS: answering.getsockname(), CLOSED: closed.getsockname(), SILENT: silent.getsockname()}
        # Its number is nobody's for a while: what is sent there comes back as ICMP "port unreachable".
        closed.close()
        answering.settimeout(20)

        def answer() -> None:
            _, guest = answering.recvfrom(512)
            # RFC 9327, section 2: an answer of mode 6 to "read variables".
            answering.sendto(b"\x16\x82\0\1" + bytes(8) + b'version="ntpd 4.2.6"', guest)

        threading.Thread(target=answer, daemon=True).start()
        yield Street(places)


async def audit_of(street: Street) -> Audit:
    settings = Settings(manners=LAB, tcp_ports=(), udp_ports=(NTP, NETBIOS))
    targets = (ANSWERS, CLOSED, SILENT)
    scope = Scope(tuple(ipaddress.ip_network(each) for each in targets), targets=targets)
    return await Auditor([scope], settings, street=street, here=Nowhere()).run()


async def test_an_answer_is_an_observation_an_unreachable_is_closed_and_silence_is_no_answer(street: Street) -> None:
    audit = await audit_of(street)
    services = {str(service.endpoint) for device in audit.devices for service in device.services}
    assert services == {f"{ANSWERS}:{NTP}/udp"}
    silent = {gap.subject for gap in audit.coverage if gap.code == "target-silent"}
    # A refusal is a sign of life, and no service; silence is neither.
    assert silent == {SILENT}
