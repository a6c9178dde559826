"""The SNMP probe against snmpd."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sohoaudit.model import Endpoint, Transport
from sohoaudit.probe import follow, snmp
from sohoaudit.sweep.pace import LAB

from .loopback import HERE, Table, dialogue, free_port

AGENT = Endpoint(HERE, 161, Transport.UDP)


@pytest.fixture
def street(daemon: Callable[..., object], tmp_path: Path) -> Callable[[str], Table]:
    import socket

    def start(community: str) -> Table:
        port = free_port(socket.SOCK_DGRAM)
        conf = tmp_path / "snmpd.conf"
        conf.write_text(
            f"rocommunity {community} 127.0.0.1\nsysdescr RouterOS hAP\nsysobjectid .1.3.6.1.4.1.14988.1\nsysname gw\n"
        )
        environment = os.environ | {"SNMP_PERSISTENT_DIR": str(tmp_path), "SNMPCONFPATH": str(tmp_path), "MIBS": ""}
        command = [shutil.which("snmpd") or "/usr/sbin/snmpd", "-f", "-LE", "4", "-C", "-c", str(conf), "-I"]
        daemon([*command, "-smux,mteTrigger,mteTriggerConf", f"udp:{HERE}:{port}"], port, udp=True, env=environment)
        table = Table()
        table.places[AGENT] = port
        return table

    return start


async def test_public_tells_the_system_and_is_named(street: Callable[[str], Table]) -> None:
    dial = dialogue(street("public"))
    seen = await snmp.ask(AGENT, dial)
    assert seen and dict(seen.fields) == {
        "snmp.sysdescr": "RouterOS hAP",
        "snmp.sysobjectid": "1.3.6.1.4.1.14988.1",
        "snmp.sysname": "gw",
        "snmp.version": "2c",
        "snmp.community": "public",
    }
    more = await follow(Endpoint(HERE, 80), "snmp:1.3.6.1.2.1.1.3.0", dial)
    assert more and more.fields["snmp.1.3.6.1.2.1.1.3.0"].isdigit()
    assert await follow(Endpoint(HERE, 80), "snmp:1.3.6.1.4.1.99999.1.0", dial) is None
    assert await follow(Endpoint(HERE, 80), "snmp:not.an.oid", dial) is None


async def test_a_given_community_is_used_and_never_shown(street: Callable[[str], Table]) -> None:
    seen = await snmp.ask(AGENT, dialogue(street("hidden7"), communities=("public", "hidden7")))
    assert seen and seen.fields["snmp.community"] == "given"
    assert not any("hidden7" in value for value in seen.fields.values())


async def test_an_agent_with_another_community_stays_silent(street: Callable[[str], Table]) -> None:
    assert await snmp.ask(AGENT, dialogue(street("hidden7"))) is None


async def test_an_agent_that_speaks_only_v1_is_asked_by_v1(answers: Callable[..., object]) -> None:
    asked: list[int] = []

    def answer(question: bytes) -> bytes | None:
        asked.append(question[4])
        if question[4] != 0:
            return None
        number = int.from_bytes(question[question.index(b"\xa0") + 4 :][: question[question.index(b"\xa0") + 3]], "big")
        value = b"\x30\x10" + b"\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00" + b"\x04\x04old1"
        body = snmp._integer(number) + b"\x02\x01\x00\x02\x01\x00" + snmp._tlv(0x30, value)
        return snmp._tlv(0x30, b"\x02\x01\x00\x04\x06public" + snmp._tlv(0xA2, body))

    there = await answers(answer)  # type: ignore[misc]
    seen = await snmp.ask(there, dialogue())
    assert seen and seen.fields["snmp.sysdescr"] == "old1" and seen.fields["snmp.version"] == "1"
    assert asked == [1, 0] and LAB.name == "lab"


async def test_an_agent_tells_its_engine_without_a_community(street: Callable[[str], Table]) -> None:
    dial = dialogue(street("something-else"))
    seen = await snmp.engine(AGENT, dial)
    # net-snmp's enterprise number 8072, RFC 3411's form
    assert seen and seen.fields["snmp.engine_id"].startswith("80001f88")
    again = await snmp.engine(AGENT, dial)
    assert again and again.fields == seen.fields


@pytest.mark.parametrize("answer", [b"", b"\x30\x03\x02\x01\x03", b"0" * 60, b"\x30\x80" + b"\xff" * 40])
def test_what_is_no_report_tells_no_engine(answer: bytes) -> None:
    assert snmp.engine_id(answer) == ""


def test_an_engine_without_a_number_of_its_own_tells_nothing() -> None:
    def answer(identifier: bytes) -> bytes:
        parameters = bytes([4, len(identifier)]) + identifier + b"\x02\x01\x00\x02\x01\x00\x04\x00\x04\x00\x04\x00"
        security = bytes([0x30, len(parameters)]) + parameters
        inner = b"\x02\x01\x03" + b"\x30\x00" + bytes([4, len(security)]) + security
        return bytes([0x30, len(inner)]) + inner

    assert snmp.engine_id(answer(b"\x80\0\x1f\x88\3\1\2\3")) == "80001f8803010203"
    assert snmp.engine_id(answer(b"\x80\0\x1f\x88\0\0\0\0")) == ""
