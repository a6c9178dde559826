"""Asks a printer for its own description by IPP; no job is made."""

import struct

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable
from .discretion import veil
from .http import Request, fetch, first_page, host

# Get-Printer-Attributes (RFC 8011, section 4.2.5), and the attributes that tell what it is.
_OPERATION = 0x000B
_WANTED = (
    "printer-make-and-model", "printer-device-id", "printer-firmware-string-version", "printer-name", "printer-info",
)  # fmt: skip
_CHARSET, _LANGUAGE, _URI, _KEYWORD, _END = 0x47, 0x48, 0x45, 0x44, 0x03


@probe("ipp", tcp={631})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask for five attributes; `ipp.<attribute>`, or the first page where the port speaks HTTP and no IPP."""
    headers = {"Content-Type": "application/ipp"}
    question = Request("/ipp/print", "POST", headers, _question(f"ipp://{host(endpoint)}/ipp/print").decode())
    answer = await fetch(endpoint, dial, question, secure=False)
    dial.note(endpoint, answer.is_silent)
    if answer.is_silent:
        return None
    told = {name: veil(value, dial.settings.key) for name, value in attributes(answer.body).items() if name in _WANTED}
    if not told:
        return await first_page(endpoint, dial, is_secure_first=False)
    fields = {f"ipp.{name}": value[:1_000] for name, value in told.items()}
    return Observation.of(endpoint, {"http.server": answer.header("server")} | fields)


def attributes(message: bytes) -> dict[str, str]:
    """The texts among the attributes of an IPP message (RFC 8010, section 3), several of one name a line each."""
    told: dict[str, str] = {}
    name, at = "", 8
    while at < len(message) and message[at] != _END and len(told) < 200:
        tag, at = message[at], at + 1
        if tag < 0x10:  # A new group of attributes.
            continue
        named = int.from_bytes(message[at : at + 2], "big")
        name = readable(message[at + 2 : at + 2 + named]) if named else name
        at += 2 + named
        size = int.from_bytes(message[at : at + 2], "big")
        value = readable(message[at + 2 : at + 2 + size])
        at += 2 + size
        if tag >= 0x40 or tag == 0x30:
            told[name] = f"{told[name]}\n{value}" if name in told else value
    return told


def _question(uri: str) -> bytes:
    message = struct.pack(">BBHI", 1, 1, _OPERATION, 1) + b"\x01"
    message += _attribute(_CHARSET, "attributes-charset", "utf-8")
    message += _attribute(_LANGUAGE, "attributes-natural-language", "en") + _attribute(_URI, "printer-uri", uri)
    for index, wanted in enumerate(_WANTED):
        message += _attribute(_KEYWORD, "" if index else "requested-attributes", wanted)
    return message + bytes([_END])


def _attribute(tag: int, name: str, value: str) -> bytes:
    return struct.pack(f">BH{len(name)}sH", tag, len(name), name.encode(), len(value)) + value.encode()
