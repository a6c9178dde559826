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
