"""The UPnP probe: descriptions, hostile and honest, and a gateway's table of forwarded ports."""

import asyncio
from collections.abc import Awaitable, Callable

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


def gateway(actions: list[str], description: str = DESCRIPTION) -> Callable[..., Awaitable[None]]:
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
        else:
            index = int(body.split("<NewPortMappingIndex>")[1].split("<")[0])
            if index >= len(MAPPINGS):
                return writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
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
    assert set(actions) == {"GetExternalIPAddress", "GetGenericPortMappingEntry"}


async def test_a_location_elsewhere_is_told_and_not_contacted(
    dial: Dialogue, answers: Callable[..., Awaitable[Endpoint]]
) -> None:
    for elsewhere in ("http://127.0.0.2:80/x.xml", "http://192.0.2.1/x.xml", "http://[::1/x", "ftp://127.0.0.1/"):
        seen = await upnp.ask(await answers(announces(elsewhere)), dial)
        assert seen and seen.fields["upnp.location"] == elsewhere and "upnp.model_name" not in seen.fields
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
    dial: Dialogue, serve: Serve, answers: Callable[..., Awaitable[Endpoint]], monkeypatch: object
) -> None:
    import pytest

    assert isinstance(monkeypatch, pytest.MonkeyPatch)
    monkeypatch.setattr(upnp, "MAPPINGS_LIMIT", 1)
    actions: list[str] = []
    web = await serve(gateway(actions))
    seen = await upnp.ask(await answers(announces(f"http://{HERE}:{web.port}/rootDesc.xml")), dial)
    assert seen and seen.fields["upnp.mapping"].count("\n") == 0 and len(actions) == 2
