"""The questions that are one datagram, against real daemons and against answers made by other codecs."""

import json
import shutil
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest
from zeroconf import DNSOutgoing, DNSPointer, DNSText

from sohoaudit.knowledge.fingerprints import UDP_QUESTIONS
from sohoaudit.knowledge.known_names import NOBODY
from sohoaudit.model import Endpoint, Observation, Transport
from sohoaudit.probe import (
    Dialogue,
    dhip,
    dns,
    findhost,
    mdns,
    mndp,
    natpmp,
    netbios,
    nsdp,
    ntp,
    pptp,
    probes,
    rtsp,
    sadp,
    sip,
    ubnt,
    wsd,
)

from .loopback import HERE, free_port

Answers = Callable[..., Awaitable[Endpoint]]
Ask = Callable[..., Awaitable[Observation | None]]


@pytest.mark.parametrize("transport", list(Transport))
async def test_dnsmasq_tells_its_version_and_that_it_resolves(
    dial: Dialogue, daemon: Callable[..., object], transport: Transport
) -> None:
    port = free_port(socket.SOCK_DGRAM)
    command = [shutil.which("dnsmasq") or "/usr/sbin/dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts"]
    command += [f"--port={port}", f"--listen-address={HERE}", "--bind-interfaces", "--user=root", "--pid-file="]
    daemon([*command, "--log-facility=-", "--address=/#/203.0.113.9"], port)
    seen = await dns.ask(Endpoint(HERE, port, transport), dial)
    assert seen and seen.fields["dns.version_bind"].startswith("dnsmasq-")
    assert seen.fields["dns.recursion"] == "available" and seen.fields["dns.answer"] == "answered"


async def test_who_resolves_is_asked_for_known_names_and_one_that_cannot_exist(
    dial: Dialogue, daemon: Callable[..., object]
) -> None:
    port = free_port(socket.SOCK_DGRAM)
    command = [shutil.which("dnsmasq") or "/usr/sbin/dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts"]
    command += [f"--port={port}", f"--listen-address={HERE}", "--bind-interfaces", "--user=root", "--pid-file="]
    command += [
        "--address=/example.com/203.0.113.9",
        "--address=/dns.google/203.0.113.66",
        "--address=/one.one.one.one/",
    ]
    daemon([*command, "--log-facility=-", "--local=/invalid/"], port)
    seen = await dns.ask(Endpoint(HERE, port, Transport.UDP), dial)
    assert seen and {n.partition("@")[2]: v for n, v in seen.fields.items() if "@" in n} == {
        "dns.google": "203.0.113.66",
        "one.one.one.one": "no such name",
        "a.root-servers.net": "refused",
        "login.microsoftonline.com": "refused",
        "outlook.office365.com": "refused",
        NOBODY: "no such name",
    }
    over_tcp = await dns.ask(Endpoint(HERE, port), dial)
    assert over_tcp and not any("@" in name for name in over_tcp.fields)


async def test_an_address_that_only_stands_beside_the_answer_is_none(dial: Dialogue, answers: Answers) -> None:
    def answer(question: bytes) -> bytes:
        glue = question[12:-4] + struct.pack(">HHIH", 1, 1, 60, 4) + bytes((203, 0, 113, 66))
        return question[:2] + b"\x81\x80" + question[4:6] + b"\0\0\0\0\0\1" + question[12:] + glue

    seen = await dns.ask(await answers(answer), dial)
    assert seen and dict(seen.fields) == {"dns.answer": "answered"}


async def test_a_resolver_that_refuses_is_no_open_one(dial: Dialogue, answers: Answers) -> None:
    refuse = lambda question: question[:2] + b"\x81\x85" + question[4:]  # noqa: E731
    seen = await dns.ask(await answers(refuse), dial)
    assert seen and dict(seen.fields) == {"dns.answer": "refused"}


async def test_a_printer_describes_itself_by_mdns(dial: Dialogue, answers: Answers) -> None:
    def answer(question: bytes) -> bytes:
        out = DNSOutgoing(0x8400, multicast=False, id_=int.from_bytes(question[:2], "big"))
        service, instance = "_ipp._tcp.local.", "Example LaserJet [A1]._ipp._tcp.local."
        out.add_answer_at_time(DNSPointer(service, 12, 1, 120, instance), 0)
        texts = b"\x15ty=Example LaserJet 4" + b"\x0epdl=image/urf," + b"\x08sn=A1234"
        out.add_answer_at_time(DNSText(instance, 16, 1, 120, texts), 0)
        return out.packets()[0]

    seen = await mdns.ask(await answers(answer), dial)
    assert seen and seen.fields["mdns._ipp._tcp.ty"] == "Example LaserJet 4"
    assert seen.fields["mdns._ipp._tcp.name"] == "Example LaserJet [A1]"
    assert seen.fields["mdns._ipp._tcp.sn"].startswith("keyed:")


def tlv(kind: int, value: bytes, width: str = ">BH") -> bytes:
    return struct.pack(width, kind, len(value)) + value


DEVICE_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><ProbeMatch><DeviceDescription>DS-2CD0000-I</DeviceDescription>'
    "<DeviceSN>DS-2CD0000-I2020AA</DeviceSN><SoftwareVersion>V5.5.1build 180000</SoftwareVersion></ProbeMatch>"
)
WSD_XML = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:d="urn:d" xmlns:a="urn:a"><s:Body><d:Match>'
    "<a:EndpointReference><a:Address>urn:uuid:1</a:Address></a:EndpointReference><d:Types>dn:NetworkVideoTransmitter"
    "</d:Types><d:Scopes>onvif://www.onvif.org/name/Example%20Cam onvif://www.onvif.org/hardware/EC1</d:Scopes>"
    "<d:XAddrs>http://192.168.1.9/onvif/device_service</d:XAddrs></d:Match></s:Body></s:Envelope>"
)
DHIP_JSON = {"params": {"deviceInfo": {"DeviceType": "IPC-X1", "Version": "2.8", "SerialNo": "1A2B", "HttpPort": 80}}}
PPTP = struct.pack(">HHIHHHBBIIHH", 156, 1, 0x1A2B3C4D, 2, 0, 0x0100, 1, 0, 3, 3, 0, 1) + b"gw".ljust(64, b"\0")
CASES: dict[str, tuple[Ask, bytes, dict[str, str]]] = {
    "ntp": (
        ntp.ask,
        b"\x16\x82\0\1" + bytes(8) + b'version="ntpd 4.2.6p5@1.2349", processor="mips", system="Linux/2.6.36"',
        {"ntp.version": "ntpd 4.2.6p5@1.2349", "ntp.system": "Linux/2.6.36", "ntp.processor": "mips"},
    ),
    "natpmp": (natpmp.ask, b"\0\x80\0\0\0\0\0\1\xcb\0\x71\x07", {"natpmp.external_address": "203.0.113.7"}),
    "a server of PCP alone": (
        natpmp.ask,
        b"\2\x80\0\0\0\0\0\0\0\0\0\x2a" + bytes(12),
        {"pcp.version": "2", "pcp.result": "success", "pcp.epoch": "42"},
    ),
    "a refusing natpmp": (natpmp.ask, b"\0\x80\0\2\0\0\0\1", {"natpmp.result": "not authorized"}),
    "ubnt": (
        ubnt.ask,
        b"\1\0\0\x60" + tlv(2, b"\x24\xa4\x3c\0\0\1" + b"\xc0\xa8\1\1") + tlv(3, b"EdgeRouter.ER-e50.v2.0.9")
        + tlv(0x0B, b"gw") + tlv(0x0C, b"ER-X"),
        {"ubnt.firmware": "EdgeRouter.ER-e50.v2.0.9", "ubnt.interface": "24:a4:3c:00:00:01 192.168.1.1"},
    ),
    "mndp": (
        mndp.ask,
        bytes(4) + tlv(1, b"\x4c\x5e\x0c\0\0\1", ">HH") + tlv(7, b"6.49.10 (long-term)", ">HH")
        + tlv(8, b"MikroTik", ">HH") + tlv(12, b"RBD52G", ">HH"),
        {"mndp.version": "6.49.10 (long-term)", "mndp.board": "RBD52G", "mndp.mac": "4c:5e:0c:00:00:01"},
    ),
    "nsdp": (
        nsdp.ask,
        b"\1\2" + bytes(22) + b"NSDP" + bytes(4) + tlv(1, b"GS908E", ">HH") + tlv(4, b"\x28\xc6\x8e\0\0\1", ">HH")
        + tlv(0x0D, b"2.06.99", ">HH") + tlv(0xFFFF, b"", ">HH"),
        {"nsdp.model": "GS908E", "nsdp.firmware": "2.06.99", "nsdp.mac": "28:c6:8e:00:00:01"},
    ),
    "findhost": (
        findhost.ask,
        b"\x12\x34\x56\x78SYNO" + tlv(0x11, b"nas", ">BB") + tlv(0x78, b"DS999+", ">BB") + tlv(0x77, b"7.9-1", ">BB"),
        {"findhost.model": "DS999+", "findhost.version": "7.9-1", "findhost.hostname": "nas"},
    ),
    "netbios": (
        netbios.ask,
        b"\x53\x48\x84\0\0\0\0\1\0\0\0\0" + b"\x20" + b"CK" + b"A" * 30 + b"\0" + b"\0\x21\0\1\0\0\0\0\0\x2f" + b"\2"
        + b"NAS            \0\4\0" + b"WORKGROUP      \0\x84\0" + b"\0\x11\x32\0\0\1",
        {"netbios.name": "NAS", "netbios.group": "WORKGROUP", "netbios.mac": "00:11:32:00:00:01"},
    ),
    "sip": (
        sip.ask,
        b"SIP/2.0 200 OK\r\nUser-Agent: FRITZ!OS\r\nServer: Example PBX 1.2\r\n\r\n",
        {"sip.user_agent": "FRITZ!OS", "sip.server": "Example PBX 1.2", "sip.status": "200"},
    ),
    "sadp": (
        sadp.ask,
        DEVICE_XML.encode(),
        {"sadp.DeviceDescription": "DS-2CD0000-I", "sadp.SoftwareVersion": "V5.5.1build 180000"},
    ),
    "dhip": (
        dhip.ask,
        b"\x20\0\0\0DHIP" + bytes(24) + json.dumps(DHIP_JSON).encode(),
        {"dhip.DeviceType": "IPC-X1", "dhip.Version": "2.8", "dhip.HttpPort": "80"},
    ),
    "wsd": (
        wsd.ask,
        WSD_XML.encode(),
        {
            "wsd.scopes": "onvif://www.onvif.org/name/Example%20Cam\nonvif://www.onvif.org/hardware/EC1",
            "wsd.address": "urn:uuid:1",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(("ask", "answer", "told"), CASES.values(), ids=CASES.keys())
async def test_an_answer_is_read(
    dial: Dialogue,
    answers: Answers,
    ask: Callable[..., Awaitable[Observation | None]],
    answer: bytes,
    told: dict[str, str],
) -> None:
    seen = await ask(await answers(lambda _: answer), dial)
    assert seen and told.items() <= seen.fields.items()
    assert not any("1A2B" in value or "2020AA" in value for value in seen.fields.values()), "serials are keyed"


@pytest.mark.parametrize(
    ("ask", "answer", "told"),
    [
        (rtsp.ask, b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Example RTSP 1\r\n\r\n", {"rtsp.server": "Example RTSP 1"}),
        (sip.ask, b"SIP/2.0 200 OK\r\nUser-Agent: Phone 7\r\n\r\n", {"sip.user_agent": "Phone 7"}),
        (pptp.ask, PPTP + b"DrayTek".ljust(64, b"\0"), {"pptp.vendor": "DrayTek", "pptp.firmware": "1"}),
    ],
    ids=["rtsp", "sip", "pptp"],
)  # fmt: skip
async def test_an_answer_over_tcp_is_read(
    dial: Dialogue,
    serve: Answers,
    ask: Callable[..., Awaitable[Observation | None]],
    answer: bytes,
    told: dict[str, str],
) -> None:
    async def speak(reader: object, writer: object) -> None:
        await reader.read(4_096)  # type: ignore[attr-defined]
        writer.write(answer)  # type: ignore[attr-defined]

    seen = await ask(await serve(speak), dial)
    assert seen and told.items() <= seen.fields.items()


async def test_a_closed_udp_port_is_told_to_the_caller(dial: Dialogue) -> None:
    with pytest.raises(ConnectionRefusedError):
        await ntp.ask(Endpoint(HERE, free_port(socket.SOCK_DGRAM), Transport.UDP), dial)


@pytest.mark.parametrize("name", UDP_QUESTIONS)
def test_a_question_that_a_fingerprint_may_name_is_one_of_ours_over_udp(name: str) -> None:
    assert probes()[name].udp
