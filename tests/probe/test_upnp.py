"""The UPnP probe: descriptions, hostile and honest, and a gateway's table of forwarded ports."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sohoaudit.model import Endpoint
from sohoaudit.probe import Dialogue, upnp

from .loopback import HERE

Serve = Callable[..., Awaitable[Endpoint]]
WANIP = "urn:schemas-upnp-org:service:WANIPConnection:1"
DESCRIPTION = f"""<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<friendlyName>R7000 (Gateway)</friendlyName><manufacturer>NETGEAR, Inc.</manufacturer><modelName>R7000</modelName>
<modelNumber>R7000</modelNumber><serialNumber>4W9123456789</serialNumber><UDN>uuid:1-2-3</UDN>
<deviceList><device><serviceList><service><serviceType>{WANIP}</serviceType>
<controlURL>/ctl/IPConn</controlURL></service></serviceList></device></deviceList></device></root>"""
MAPPINGS = [("8081", "192.168.50.20", "80", 'the "camera"'), ("3389", "192.168.50.30", "3389", "rdp")]


def gateway(
    actions: list[str], description: str = DESCRIPTION, ends_with: str = "", pinholes: tuple[str, ...] = ()
) -> Callable[..., Awaitable[None]]:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if head.startswith("GET"):
            return writer.write(f"HTTP/1.0 200 OK\r\n\r\n{description}".encode())
        length = int(
            next(line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length"))
        )
        body = (await reader.readexactly(length)).decode()
        action = (
            next(line for line in head.split("\r\n") if line.lower().startswith("soapaction")).split("#")[1].strip('"')
        )
        actions.append(action)
        if action == "GetExternalIPAddress":
            inner = "<NewExternalIPAddress>203.0.113.7</NewExternalIPAddress>"
        elif action == "GetStatusInfo":
            inner = "<NewConnectionStatus>Connected</NewConnectionStatus><NewUptime>77</NewUptime>"
        elif action == "GetFirewallStatus":
            allowed = "1" if pinholes else "0"
            inner = f"<FirewallEnabled>1</FirewallEnabled><InboundPinholeAllowed>{allowed}</InboundPinholeAllowed>"
        elif action == "GetPinholePackets":
            code = pinholes[(int(body.split("<UniqueID>")[1].split("<")[0]) - 1) % len(pinholes)]
            said = f"<Fault><errorCode>{code}</errorCode></Fault>"
            return writer.write(f"HTTP/1.1 500 Error\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())
        else:
            index = int(body.split("<NewPortMappingIndex>")[1].split("<")[0])
            if index >= len(MAPPINGS):
                said = f"<Fault><errorCode>{ends_with}</errorCode></Fault>" if ends_with else ""
                refusal = f"HTTP/1.1 500 Internal Server Error\r\nContent-Length: {len(said)}\r\n\r\n{said}"
                return writer.write(refusal.encode())
            outer, client, port, name = MAPPINGS[index]
            inner = (
                f"<NewRemoteHost></NewRemoteHost><NewExternalPort>{outer}</NewExternalPort><NewProtocol>TCP</NewProtocol>"
                f"<NewInternalPort>{port}</NewInternalPort><NewInternalClient>{client}</NewInternalClient>"
                f"<NewEnabled>1</NewEnabled><NewPortMappingDescription>{name}</NewPortMappingDescription>"
                "<NewLeaseDuration>0</NewLeaseDuration>"
            )
        reply = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            f'<u:{action}Response xmlns:u="{WANIP}">'
            f"{inner}</u:{action}Response></s:Body></s:Envelope>"
        )
        return writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(reply)}\r\n\r\n{reply}".encode())

    return speak


def announces(location: str) -> Callable[[bytes], bytes]:
    head = f"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: {location}\r\n"
    return lambda _: f"{head}SERVER: Linux/2.6 UPnP/1.0 MiniUPnPd/1.4\r\n\r\n".encode()


async def test_a_gateway_tells_what_it_is_and_what_it_forwards(
    dial: Dialogue, serve: Serve, answers: Callable[..., Awaitable[Endpoint]]
) -> None:
    actions: list[str] = []
    web = await serve(gateway(actions))
    seen = await upnp.ask(await answers(announces(f"http://{HERE}:{web.port}/rootDesc.xml")), dial)
    assert seen and seen.fields["upnp.server"] == "Linux/2.6 UPnP/1.0 MiniUPnPd/1.4"
    assert seen.fields["upnp.model_name"] == "R7000" and seen.fields["upnp.manufacturer"] == "NETGEAR, Inc."
    assert seen.fields["upnp.serial_number"].startswith("keyed:")
    assert seen.fields["upnp.external_address"] == "203.0.113.7"
    assert seen.fields["upnp.mapping"].split("\n") == [
        "TCP 8081 192.168.50.20:80 enabled lease=0 \"the 'camera'\"",
        'TCP 3389 192.168.50.30:3389 enabled lease=0 "rdp"',
    ]
    assert seen.fields["upnp.connection_status"] == "Connected" and seen.fields["upnp.uptime"] == "77"
    assert set(actions) == {"GetStatusInfo", "GetExternalIPAddress", "GetGenericPortMappingEntry"}


@pytest.mark.parametrize(("code", "fault"), [("713", None), ("714", None), ("501", "after 2 entries: error 501")])
async def test_a_refusal_in_the_middle_of_the_list_is_no_end_of_it(
    dial: Dialogue, serve: Serve, answers: Callable[..., Awaitable[Endpoint]], code: str, fault: str | None
) -> None:
    web = await serve(gateway([], ends_with=code))
    seen = await upnp.ask(await answers(announces(f"http://{HERE}:{web.port}/rootDesc.xml")), dial)
    assert seen and seen.fields["upnp.mapping"].count("\n") == 1
    assert seen.fields.get("upnp.fault", "").endswith(fault or "")
    assert ("upnp.fault" in seen.fields) is bool(fault)


async def test_of_two_generations_the_ipv6_firewall_is_read_too(
    dial: Dialogue, serve: Serve, answers: Callable[..., Awaitable[Endpoint]]
) -> None:
    firewall = "<service><serviceType>urn:schemas-upnp-org:service:WANIPv6FirewallControl:1</serviceType>"
    newer = DESCRIPTION.replace("Connection:1", "Connection:2").replace("Device:1", "Device:2")
    newer = newer.replace("</serviceList>", firewall + "<controlURL>/ctl/IP6FCtl</controlURL></service></serviceList>")
    web = await serve(gateway([], newer))
    seen = await upnp.ask(await answers(announces(f"http://{HERE}:{web.port}/rootDesc.xml")), dial)
    assert seen and seen.fields["upnp.ipv6_firewall"] == "on" and seen.fields["upnp.ipv6_pinholes"] == "refused"
    assert seen.fields["upnp.mapping"].count("\n") == 1


@pytest.mark.parametrize(
    ("pinholes", "count"), [(("606", "704", "704", "606"), "8"), (("402",), None), (("606",), None)],
    ids=["half are taken", "none is", "whoever asks is refused"],
)  # fmt: skip
async def test_the_pinholes_are_counted_by_their_numbers_and_a_gateway_that_refuses_us_tells_nothing(
    dial: Dialogue, serve: Serve, answers: Callable[..., Awaitable[Endpoint]], pinholes: tuple[str, ...], count: str
) -> None:
    firewall = "<service><serviceType>urn:schemas-upnp-org:service:WANIPv6FirewallControl:1</serviceType>"
    newer = DESCRIPTION.replace("</serviceList>", firewall + "<controlURL>/ctl/6</controlURL></service></serviceList>")
    actions: list[str] = []
    web = await serve(gateway(actions, newer, pinholes=pinholes))
    seen = await upnp.ask(await answers(announces(f"http://{HERE}:{web.port}/rootDesc.xml")), dial)
    assert seen and seen.fields.get("upnp.ipv6_pinholes_open") == count
    assert actions.count("GetPinholePackets") == upnp.PINHOLES_ASKED
    assert not {action for action in actions if not action.startswith("Get")}


async def test_a_service_on_another_host_is_told_and_not_asked(
    dial: Dialogue, serve: Serve, answers: Callable[..., Awaitable[Endpoint]]
) -> None:
    actions: list[str] = []
    web = await serve(gateway(actions, DESCRIPTION.replace("/ctl/IPConn", "http://192.0.2.1:5000/ctl/IPConn")))
    seen = await upnp.ask(await answers(announces(f"http://{HERE}:{web.port}/rootDesc.xml")), dial)
    assert seen and "another address" in seen.fields["upnp.fault"] and actions == []


async def test_a_location_elsewhere_is_told_and_not_contacted(
    dial: Dialogue, answers: Callable[..., Awaitable[Endpoint]]
) -> None:
    for elsewhere in ("http://127.0.0.2:80/x.xml", "http://192.0.2.1/x.xml", "http://[::1/x", "ftp://127.0.0.1/"):
        seen = await upnp.ask(await answers(announces(elsewhere)), dial)
        assert seen and seen.fields["upnp.location"] == elsewhere and "upnp.model_name" not in seen.fields
        assert "was not read: another address" in seen.fields["upnp.fault"]
    assert dial.dialer.round_trips_s == {}


async def test_a_billion_laughs_is_a_line(
    dial: Dialogue, serve: Serve, answers: Callable[..., Awaitable[Endpoint]]
) -> None:
    entities = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    bomb = f"{entities}<root><device><modelName>&b;</modelName></device></root>"
    web = await serve(gateway([], bomb))
    seen = await upnp.ask(await answers(announces(f"http://{HERE}:{web.port}/d.xml")), dial)
    assert seen and "not XML" in seen.fields["upnp.fault"] and "upnp.model_name" not in seen.fields


async def test_a_gateway_that_never_stops_listing_is_left_after_the_limit(
    dial: Dialogue, serve: Serve, answers: Callable[..., Awaitable[Endpoint]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upnp, "MAPPINGS_LIMIT", 1)
    actions: list[str] = []
    web = await serve(gateway(actions))
    seen = await upnp.ask(await answers(announces(f"http://{HERE}:{web.port}/rootDesc.xml")), dial)
    assert seen and seen.fields["upnp.mapping"].count("\n") == 0 and len(actions) == 3
    assert "no end: only the first 1 entries" in seen.fields["upnp.fault"]
