"""The emulated office: it answers like its truth, reaches nothing else, watches manners, and leaves no trace."""

import asyncio
import contextlib
import errno
import socket
import ssl
import struct
import subprocess
import sys
import time

import asyncssh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sohoaudit.demo import Office, open_office
from sohoaudit.demo.dns import Dns
from sohoaudit.demo.doors import GuestBook
from sohoaudit.demo.office import DEVICES
from sohoaudit.demo.snmp import SYSDESCR, SYSOBJECTID, Snmp
from sohoaudit.dialer import Dialer, OutOfScope
from sohoaudit.model import Endpoint, Transport
from sohoaudit.sweep.pace import LAB, PoliteKeeper

ROUTER, NAS, CAMERA, PUBLIC = "192.168.50.1", "192.168.50.10", "192.168.50.20", "203.0.113.7"

SOAP = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<u:{action} xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">{inner}</u:{action}></s:Body></s:Envelope>'
)


@pytest.fixture
async def office():
    async with open_office() as opened:
        yield opened


def dialer(office: Office, *, from_outside: bool = False) -> Dialer:
    scope = office.wan if from_outside else office.lan
    return Dialer(scope, PoliteKeeper(LAB), office.street, named_ports=(9100,))


async def say(office: Office, address: str, port: int, text: str = "", limit_bytes: int = 65_536) -> str:
    async with dialer(office, from_outside=address == PUBLIC).open(Endpoint(address, port), 2) as connection:
        await connection.send(text.encode())
        return (await connection.read(limit_bytes, 2, until=None if text else b"\n")).decode("latin-1")


async def get(office: Office, address: str, port: int, path: str = "/", *lines: str) -> str:
    return await say(office, address, port, "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {address}", *lines, "", ""]))


async def soap(office: Office, action: str, inner: str = "") -> str:
    body = SOAP.format(action=action, inner=inner)
    head = (
        f"POST /ctl/IPConn HTTP/1.1\r\nHost: {ROUTER}:49152\r\nContent-Length: {len(body)}\r\n"
        f'SOAPAction: "urn:schemas-upnp-org:service:WANIPConnection:1#{action}"\r\n\r\n'
    )
    return await say(office, ROUTER, 49152, head + body)


async def certificate(office: Office, address: str, port: int) -> bytes:
    host, loopback_port = office.street.locate(Endpoint(address, port))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(host, loopback_port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return shown


async def get_over_tls(office: Office, address: str, port: int, path: str) -> str:
    host, loopback_port = office.street.locate(Endpoint(address, port))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, loopback_port, ssl=context)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
    text = (await reader.read(65_536)).decode()
    writer.close()
    return text


async def host_key(office: Office, address: str) -> str:
    sock = await dialer(office, from_outside=address == PUBLIC).connect(Endpoint(address, 22), 2)
    return (await asyncssh.get_server_host_key(sock=sock)).get_fingerprint()


async def snmp_values(office: Office, address: str, *oids: str, community: str = "public") -> list[str]:
    """Asked by an SNMP implementation that is not ours, so that our BER is judged by somebody else."""
    from pysnmp.hlapi.v3arch.asyncio import (
        CommunityData,
        ContextData,
        ObjectIdentity,
        ObjectType,
        SnmpEngine,
        UdpTransportTarget,
        get_cmd,
    )

    engine = SnmpEngine()
    target = await UdpTransportTarget.create(
        office.street.locate(Endpoint(address, 161, Transport.UDP)), timeout=1, retries=0
    )
    names = [ObjectType(ObjectIdentity(oid)) for oid in oids]
    failed, status, _, bindings = await get_cmd(
        engine, CommunityData(community, mpModel=1), target, ContextData(), *names
    )
    engine.close_dispatcher()
    return [] if failed or status else [value.prettyPrint() for _, value in bindings]


# What every device says


async def test_the_router_tells_model_and_firmware_by_snmp(office):
    described, object_id = await snmp_values(office, ROUTER, SYSDESCR, SYSOBJECTID)
    truth = office.truth["router"]
    assert described.startswith(f"DrayTek Corporation, Router Model: {truth.model} Series, Version: {truth.firmware},")
    assert object_id.endswith("7367")


async def test_both_faces_of_the_router_show_one_certificate_and_one_host_key(office):
    assert await certificate(office, ROUTER, 443) == await certificate(office, PUBLIC, 443)
    assert await host_key(office, ROUTER) == await host_key(office, PUBLIC)
    assert await host_key(office, ROUTER) != await host_key(office, "192.168.50.2")


async def test_the_router_says_where_its_description_lies_and_what_it_is(office):
    answer = await dialer(office).ask(
        Endpoint(ROUTER, 1900, Transport.UDP),
        b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n',
        2,
    )
    assert answer is not None and b"LOCATION: http://192.168.50.1:49152/rootDesc.xml\r\n" in answer
    description = await get(office, ROUTER, 49152, "/rootDesc.xml")
    assert "<manufacturer>DrayTek Corp.</manufacturer>" in description
    assert "<controlURL>/ctl/IPConn</controlURL>" in description


async def test_the_routers_gateway_reads_the_cameras_forward_and_then_the_end_of_the_table(office):
    assert f"<NewExternalIPAddress>{PUBLIC}<" in await soap(office, "GetExternalIPAddress")
    first = await soap(office, "GetGenericPortMappingEntry", "<NewPortMappingIndex>0</NewPortMappingIndex>")
    assert "<NewExternalPort>8081<" in first and f"<NewInternalClient>{CAMERA}<" in first
    second = await soap(office, "GetGenericPortMappingEntry", "<NewPortMappingIndex>1</NewPortMappingIndex>")
    assert "500 Internal Server Error" in second and "<errorCode>713<" in second
    assert office.guest_books[ROUTER].complaints == []


async def test_the_nas_tells_its_model_and_firmware_in_three_parts(office):
    page = await get(office, NAS, 8080, "/cgi-bin/authLogin.cgi")
    assert "<displayModelName><![CDATA[TS-453D]]>" in page and "<version><![CDATA[5.1.2]]>" in page
    assert (
        page.partition("<?xml")[2]
        == (await get_over_tls(office, NAS, 443, "/cgi-bin/authLogin.cgi")).partition("<?xml")[2]
    )
    assert (await say(office, NAS, 21)).startswith("220 NASFTPD Turbo station")


@pytest.mark.parametrize(("address", "port"), [(CAMERA, 80), (PUBLIC, 8081)], ids=["inside", "through the forward"])
async def test_the_camera_asks_for_a_password_and_tells_its_firmware_without(office, address, port):
    assert 'WWW-Authenticate: Basic realm="DCS-2530L"' in await get(office, address, port)
    assert "version=1.05\r\n" in await get(office, address, port, "/common/info.cgi")
    assert len(office.guest_books[address].requests) == 2


async def test_the_camera_answers_rtsp_options(office):
    answer = await say(office, CAMERA, 554, f"OPTIONS rtsp://{CAMERA}/ RTSP/1.0\r\nCSeq: 7\r\n\r\n", 90)
    assert answer.startswith("RTSP/1.0 200 OK\r\nCSeq: 7\r\nServer: Rtsp Server\r\n")


async def test_the_printer_tells_its_name_in_the_server_header_and_by_snmp(office):
    assert "Server: HP HTTP Server; HP OfficeJet Pro 8710 - D9L18A;" in await get(office, "192.168.50.30", 80)
    (described,) = await snmp_values(office, "192.168.50.30", SYSDESCR)
    assert described.endswith("PID:HP OfficeJet Pro 8710")


async def test_the_access_point_answers_ubiquitis_four_bytes(office):
    answer = await dialer(office).ask(Endpoint("192.168.50.2", 10001, Transport.UDP), b"\x01\x00\x00\x00", 2)
    assert answer is not None
    assert struct.unpack_from("!BBH", answer) == (1, 0, len(answer) - 4)
    assert b"\x14\x00\x06UAP-LR" in answer and b"v4.0.66.10832" in answer


async def test_the_repeater_tells_the_newest_firmware(office):
    assert "<j:Version>175.08.25</j:Version>" in await get(office, "192.168.50.40", 80, "/jason_boxinfo.xml")


async def test_the_routers_dns_tells_its_version(office):
    question = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\x07version\x04bind\x00" + struct.pack("!HH", 16, 3)
    answer = await dialer(office).ask(Endpoint(ROUTER, 53, Transport.UDP), question, 2)
    assert answer is not None and answer.startswith(struct.pack("!HHHH", 7, 0x8180, 1, 1))
    assert answer.endswith(b"\x0cdnsmasq-2.72")


async def test_the_half_broken_device_drips_garbles_and_hangs(office):
    async with dialer(office).open(Endpoint("192.168.50.66", 80), 2) as connection:
        assert await connection.read(4_096, 0.8) == b"HT"
    assert "0x200 \x00\x1b[31m" in await get(office, "192.168.50.66", 8080)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await certificate(office, "192.168.50.66", 443)


# What can be reached


async def test_the_street_leads_to_the_offices_own_ports_or_nowhere(office):
    own = {(PUBLIC, port): Transport.TCP for port in (22, 443, 8081)}
    own |= {(device.address, service.port): service.transport for device in DEVICES for service in device.services}
    addresses = sorted({address for address, _ in own})

    @settings(max_examples=500)
    @given(
        address=st.sampled_from([*addresses, "127.0.0.1", "::1"]) | st.ip_addresses().map(str) | st.text(max_size=20),
        port=st.sampled_from([port for _, port in own]) | st.integers(0, 65_535),
        transport=st.sampled_from(Transport),
    )
    def leads_home(address, port, transport):
        try:
            host, _ = office.street.locate(Endpoint(address, port, transport))
        except ConnectionRefusedError:
            assert address in addresses and own.get((address, port)) != transport
        except OSError as fault:
            assert fault.errno == errno.EHOSTUNREACH and address not in addresses
        else:
            assert host == "127.0.0.1" and own[address, port] == transport

    leads_home()


async def test_the_public_address_shows_two_doors_of_the_router_and_one_of_the_camera(office):
    open_ports = []
    for port in range(1, 10_000):
        try:
            office.street.locate(Endpoint(PUBLIC, port))
        except ConnectionRefusedError:
            continue
        open_ports.append(port)
    assert open_ports == [22, 443, 8081]


async def test_each_scope_holds_its_own_side_alone(office):
    with pytest.raises(OutOfScope):
        await dialer(office).connect(Endpoint(PUBLIC, 443), 1)
    with pytest.raises(OutOfScope):
        await dialer(office, from_outside=True).connect(Endpoint(ROUTER, 443), 1)
    assert office.wan.authority == "the demo's own office" and office.lan.authority is None


async def test_the_office_has_no_multicast(office):
    with pytest.raises(OutOfScope):
        async for _ in dialer(office).multicast("239.255.255.250", 1900, b"?", 0.1, "127.0.0.1"):
            pass


# Manners


@pytest.mark.parametrize(
    ("address", "port", "text", "complaint"),
    [
        (CAMERA, 80, "GET / HTTP/1.1\r\nAuthorization: Basic YTph\r\n\r\n", "a header authorization"),
        (CAMERA, 80, "GET / HTTP/1.1\r\nCookie: a=b\r\n\r\n", "a header cookie"),
        (CAMERA, 80, "POST /login HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "POST /login"),
        (CAMERA, 80, f"GET /{'a' * 200} HTTP/1.1\r\n\r\n", "a path of 201 bytes"),
        (CAMERA, 80, f"GET / HTTP/1.1\r\nX: {'a' * 1_100}\r\n\r\n", "1123 bytes of headers"),
        (NAS, 21, "USER anonymous\r\n", "16 bytes to a port that only wants to be read"),
        ("192.168.50.30", 9100, "GET / HTTP/1.1\r\n\r\n", "18 bytes to a port that only wants to be read"),
    ],
    ids=["password", "cookie", "login form", "long path", "long head", "words to FTP", "words to a print port"],
)
async def test_a_breach_of_manners_is_written_down(office, address, port, text, complaint):
    await say(office, address, port, text)
    assert office.guest_books[address].complaints == [f"port {port}: {complaint}"]


async def test_a_write_to_the_gateway_is_refused_and_written_down(office):
    assert "<errorCode>401<" in await soap(office, "AddPortMapping")
    assert office.guest_books[ROUTER].complaints == [
        "port 49152: the UPnP action AddPortMapping, which is not a known read"
    ]


async def test_two_requests_at_once_are_written_down(office):
    await asyncio.gather(get(office, CAMERA, 80), get(office, CAMERA, 80))
    book = office.guest_books[CAMERA]
    assert (book.connections, book.most_connections, book.most_requests[80]) == (2, 2, 2)
    assert book.complaints == ["port 80: 2 requests at once"]


async def test_two_faces_of_one_box_are_two_guest_books(office):
    await asyncio.gather(get_over_tls(office, ROUTER, 443, "/"), get_over_tls(office, PUBLIC, 443, "/"))
    assert [office.guest_books[address].most_requests[443] for address in (ROUTER, PUBLIC)] == [1, 1]
    assert [office.guest_books[address].complaints for address in (ROUTER, PUBLIC)] == [[], []]


async def test_a_try_to_sign_in_over_ssh_fails_and_is_written_down(office):
    sock = await dialer(office).connect(Endpoint(ROUTER, 22), 2)
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(sock=sock, known_hosts=None, username="admin", password="admin", client_keys=None)
    assert "port 22: an attempt to sign in" in office.guest_books[ROUTER].complaints


async def test_a_guess_at_the_community_gets_no_answer_and_is_written_down(office):
    assert await snmp_values(office, ROUTER, SYSDESCR, community="private") == []
    assert office.guest_books[ROUTER].complaints == ["port 161: a guess at the community"]


@given(datagram=st.binary(max_size=200))
def test_no_datagram_makes_the_emulators_stumble(datagram):
    async def ask() -> None:
        loop = asyncio.get_running_loop()
        faults: list[object] = []
        loop.set_exception_handler(lambda _, context: faults.append(context))
        async with contextlib.AsyncExitStack() as shelf:
            for service in (Snmp({}), Dns("x")):
                book = GuestBook()
                port = await service.open(book, shelf)
                with socket.socket(type=socket.SOCK_DGRAM) as sock:
                    sock.sendto(datagram, ("127.0.0.1", port))
                async with asyncio.timeout(5):
                    while not book.datagrams:
                        await asyncio.sleep(0)
        assert faults == []

    asyncio.run(ask())


# Coming and going


async def test_it_opens_in_half_a_second_of_work():
    started = time.process_time()
    async with open_office():
        assert time.process_time() - started < 0.5


async def test_everything_is_closed_afterwards():
    before = asyncio.all_tasks()
    async with open_office() as office:
        places = {
            office.street.locate(Endpoint(device.address, service.port))
            for device in DEVICES
            for service in device.services
            if service.transport is Transport.TCP
        }
        hanging = await dialer(office).connect(Endpoint("192.168.50.66", 443), 2)
        dripped = await dialer(office).connect(Endpoint("192.168.50.66", 80), 2)
        waiting = await dialer(office).connect(Endpoint(ROUTER, 22), 2)
        await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before
    for place in places:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*place)
    with pytest.raises(OSError, match="nobody lives there"):
        office.street.locate(Endpoint(ROUTER, 443))
    for sock in (hanging, dripped, waiting):
        sock.close()


def test_no_socket_is_left_to_the_garbage_collector():
    visit = """
import asyncio, asyncssh, gc
from sohoaudit.demo import open_office
from sohoaudit.dialer import Dialer
from sohoaudit.model import Endpoint
from sohoaudit.sweep.pace import LAB, PoliteKeeper

async def main():
    async with open_office() as office:
        dialer = Dialer(office.lan, PoliteKeeper(LAB), office.street)
        for where in (("192.168.50.1", 22), ("192.168.50.1", 443), ("192.168.50.66", 80), ("192.168.50.66", 443)):
            async with dialer.open(Endpoint(*where), 2) as connection:
                await connection.send(b"GET / HTTP/1.1\\r\\n\\r\\n")
                await connection.read(4096, 0.2)
        await asyncssh.get_server_host_key(sock=await dialer.connect(Endpoint("192.168.50.2", 22), 2))
        left = await dialer.connect(Endpoint("192.168.50.1", 22), 2)
        await asyncio.sleep(0.05)
    left.close()

asyncio.run(main())
gc.collect()
"""
    ran = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", visit],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")


async def test_two_offices_at_once_do_not_hear_each_other():
    async with open_office() as one, open_office() as other:
        await asyncio.gather(get(one, CAMERA, 80), get(other, NAS, 8080))
        assert one.street.locate(Endpoint(CAMERA, 80)) != other.street.locate(Endpoint(CAMERA, 80))
        assert (one.guest_books[CAMERA].connections, other.guest_books[CAMERA].connections) == (1, 0)
        assert (one.guest_books[NAS].connections, other.guest_books[NAS].connections) == (0, 1)


def test_no_two_devices_of_the_table_share_an_address_or_a_door():
    doors = [(device.address, service.port, service.transport) for device in DEVICES for service in device.services]
    outside = [service.outside for device in DEVICES for service in device.services if service.outside is not None]
    assert len(doors) == len(set(doors)) and len(outside) == len(set(outside))
    assert len({device.address for device in DEVICES}) == len(DEVICES)
