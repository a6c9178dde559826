"""UPnP as devices speak it: the SSDP answer, the description, and a gateway that reads its port mappings aloud."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from ..model import Transport
from .doors import GuestBook, Request, open_udp
from .web import Page

GATEWAY = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
BASIC = "urn:schemas-upnp-org:device:Basic:1"
_WAN_CONNECTION = "urn:schemas-upnp-org:service:WANIPConnection:1"


@dataclass(frozen=True, slots=True)
class Description:
    """What the description of a root device says; empty texts are left out, `inner` is put in as it is."""

    kind: str
    friendly_name: str
    manufacturer: str
    model_name: str
    model_number: str
    model_description: str
    serial_number: str
    udn: str
    inner: str = ""

    def page(self) -> Page:
        """The description document (UPnP Device Architecture 1.0, section 2.1)."""
        fields = (
            ("deviceType", self.kind),
            ("friendlyName", self.friendly_name),
            ("manufacturer", self.manufacturer),
            ("modelDescription", self.model_description),
            ("modelName", self.model_name),
            ("modelNumber", self.model_number),
            ("serialNumber", self.serial_number),
            ("UDN", self.udn),
        )
        body = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields if text)
        return Page(
            '<?xml version="1.0"?>\n<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major>'
            f"<minor>0</minor></specVersion><device>{body}{self.inner}</device></root>",
            content_type="text/xml",
        )


@dataclass(frozen=True, slots=True)
class Ssdp:
    """Answers M-SEARCH for the root device and for its own type with where the description lies."""

    location: str
    server: str
    udn: str
    kind: str
    port: int = 1900
    outside: int | None = None
    transport: Transport = Transport.UDP

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Serve until the shelf closes; returns the loopback port."""

        def answer(question: bytes) -> bytes | None:
            text = question.decode("latin-1")
            searched = re.search(r"(?im)^ST:\s*(\S+)\s*$", text)
            if not text.startswith("M-SEARCH * HTTP/1.1\r\n") or searched is None:
                book.complain(self.port, "a datagram that is no M-SEARCH")
                return None
            target = "upnp:rootdevice" if searched[1] == "ssdp:all" else searched[1]
            if target not in ("upnp:rootdevice", self.kind):
                return None
            return (
                f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nST: {target}\r\nUSN: {self.udn}::{target}\r\n"
                f"EXT:\r\nSERVER: {self.server}\r\nLOCATION: {self.location}\r\n\r\n"
            ).encode()

        return await open_udp(answer, book, shelf)


@dataclass(frozen=True, slots=True)
class Mapping:
    """One entry of a gateway's port-mapping table."""

    external_port: int
    internal_address: str
    internal_port: int
    protocol: str
    description: str


CONTROL_PATH = "/ctl/IPConn"

GATEWAY_SERVICES = (
    "<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType>"
    "<friendlyName>WANDevice</friendlyName><deviceList><device>"
    "<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType>"
    "<friendlyName>WANConnectionDevice</friendlyName><serviceList><service>"
    f"<serviceType>{_WAN_CONNECTION}</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>"
    f"<SCPDURL>/WANIPCn.xml</SCPDURL><controlURL>{CONTROL_PATH}</controlURL><eventSubURL>/evt/IPConn</eventSubURL>"
    "</service></serviceList></device></deviceList></device></deviceList>"
)


def gateway_control(external_address: str, mappings: tuple[Mapping, ...]) -> Callable[[Request, GuestBook], Page]:
    """The control point of WANIPConnection:1: two reads are answered, every other action is a complaint."""

    def control(request: Request, book: GuestBook) -> Page:
        action = request.headers.get("soapaction", "").strip('"').rpartition("#")[2]
        if action == "GetExternalIPAddress":
            return _said(action, {"NewExternalIPAddress": external_address})
        if action == "GetStatusInfo":
            return _said(
                action,
                {"NewConnectionStatus": "Connected", "NewLastConnectionError": "ERROR_NONE", "NewUptime": "864000"},
            )
        if action == "GetGenericPortMappingEntry":
            index = re.search(rb"<NewPortMappingIndex[^>]*>\s*(\d+)\s*</NewPortMappingIndex>", request.body)
            number = int(index[1]) if index else len(mappings)
            if number >= len(mappings):
                return _fault(713, "SpecifiedArrayIndexInvalid")
            return _said(action, _entry(mappings[number]))
        book.complain(request.port, f"the UPnP action {action or '(none)'}, which is not a known read")
        return _fault(401, "Invalid Action")

    return control


def _entry(mapping: Mapping) -> dict[str, str]:
    return {
        "NewRemoteHost": "",
        "NewExternalPort": str(mapping.external_port),
        "NewProtocol": mapping.protocol,
        "NewInternalPort": str(mapping.internal_port),
        "NewInternalClient": mapping.internal_address,
        "NewEnabled": "1",
        "NewPortMappingDescription": mapping.description,
        "NewLeaseDuration": "0",
    }


def _said(action: str, values: dict[str, str]) -> Page:
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in values.items())
    return _envelope(f'<u:{action}Response xmlns:u="{_WAN_CONNECTION}">{inner}</u:{action}Response>', 200)


def _fault(code: int, text: str) -> Page:
    return _envelope(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
        f'<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{code}</errorCode>'
        f"<errorDescription>{text}</errorDescription></UPnPError></detail></s:Fault>",
        500,
    )


def _envelope(body: str, status: int) -> Page:
    return Page(
        '<?xml version="1.0"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        f's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>{body}</s:Body></s:Envelope>',
        status,
        "text/xml",
    )
