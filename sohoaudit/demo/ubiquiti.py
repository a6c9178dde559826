"""Ubiquiti's discovery, version 1: four bytes in, a list of type, length and value out (UDP 10001)."""

import contextlib
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

from ..model import Transport
from .doors import GuestBook, open_udp

_QUESTION = b"\x01\x00\x00\x00"
_MAC_AND_ADDRESS, _FIRMWARE, _UPTIME_S, _HOSTNAME, _PRODUCT, _MODEL = 0x02, 0x03, 0x0A, 0x0B, 0x0C, 0x14


@dataclass(frozen=True, slots=True)
class UbiquitiDiscovery:
    """What the device tells to whoever asks."""

    mac: str
    address: str
    firmware: str
    hostname: str
    product: str
    model: str
    port: int = 10001
    outside: int | None = None
    transport: Transport = Transport.UDP

    async def open(self, book: GuestBook, shelf: contextlib.AsyncExitStack) -> int:
        """Serve until the shelf closes; returns the loopback port."""
        face = bytes.fromhex(self.mac.replace(":", "")) + IPv4Address(self.address).packed
        values = (
            (_MAC_AND_ADDRESS, face),
            (_FIRMWARE, self.firmware.encode()),
            (_UPTIME_S, (8_640_000).to_bytes(4, "big")),
            (_HOSTNAME, self.hostname.encode()),
            (_PRODUCT, self.product.encode()),
            (_MODEL, self.model.encode()),
        )
        body = b"".join(struct.pack("!BH", kind, len(value)) + value for kind, value in values)
        reply = struct.pack("!BBH", 1, 0, len(body)) + body
        return await open_udp(lambda question: reply if question == _QUESTION else None, book, shelf)
