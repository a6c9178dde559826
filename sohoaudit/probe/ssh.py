"""Asks an SSH server for its identification and host key, in one connection and without a sign-in.

The server's key comes in the plain part of the key exchange (RFC 4253, 7 and 8), so that no secret is agreed on and no
cipher needed, and servers of any age answer: we send some number for our public value and read the reply.
"""

import hashlib
import secrets
import struct
from base64 import b64encode

from .. import __version__
from ..dialer import Connection
from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

# Kinds of keys in one fixed order, so that the two faces of a box show the same of its keys.
_KEYS = (
    b"ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256,ssh-rsa,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,ssh-dss"
)
_CURVES = (b"curve25519-sha256", b"curve25519-sha256@libssh.org")
_GROUPS = (b"diffie-hellman-group14-sha256", b"diffie-hellman-group14-sha1", b"diffie-hellman-group1-sha1")
_NEGOTIATED = (b"diffie-hellman-group-exchange-sha256", b"diffie-hellman-group-exchange-sha1")
_CIPHERS = b"aes128-ctr,aes256-ctr,chacha20-poly1305@openssh.com,aes128-cbc,aes256-cbc,3des-cbc,blowfish-cbc,arcfour"
_MACS = b"hmac-sha2-256,hmac-sha2-512,hmac-sha1,hmac-md5,hmac-sha1-96,umac-64@openssh.com"
_KEXINIT, _KEX_FIRST, _KEX_REPLY, _GEX_GROUP, _GEX_INIT, _GEX_REPLY, _GEX_REQUEST = 20, 30, 31, 31, 32, 33, 34
_PACKET_LIMIT_BYTES = 35_000


class _Unreadable(Exception):
    """What came is no key exchange; the text says why."""


@probe("ssh", tcp={22, 222, 2222, 22222, 53282, 4118, 65002}, greets=rb"SSH-")
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Read the identification line, exchange public values and hang up.

    Returns:
        `ssh.banner`, `ssh.hostkey` ("ssh-ed25519 SHA256:…", as OpenSSH writes it) and, where the exchange failed,
        `ssh.fault`; None where no SSH was heard.
    """
    async with dial.open(endpoint) as connection:
        banner, rest = await _identification(connection)
        if not banner:
            dial.note(endpoint, is_silent=not rest and not connection.reader.at_eof())
            return None
        fields = {"ssh.banner": banner}
        try:
            fields["ssh.hostkey"] = await _host_key(connection, rest)
        except (_Unreadable, OSError, struct.error) as fault:
            fields["ssh.fault"] = str(fault)[:200] or "the server hung up"
    return Observation.of(endpoint, fields)


async def _identification(connection: Connection) -> tuple[str, bytes]:
    """The line that begins with SSH- and what came after it; a few others may come before it (RFC 4253, 4.2).

    Where there is none, an empty text and all that was said.
    """
    said = await connection.read(2_048, 5, until=b"\n")
    for _ in range(8):
        at = 0 if said.startswith(b"SSH-") else said.find(b"\nSSH-") + 1
        if (at or said.startswith(b"SSH-")) and (end := said.find(b"\n", at)) > 0:
            return readable(said[at:end].strip()), said[end + 1 :]
        more = await connection.read(2_048, 1, until=b"\n") if said else b""
        if not more:
            break
        said += more
    return "", said


async def _host_key(connection: Connection, rest: bytes) -> str:
    packets = _Packets(connection, rest)
    await connection.send(f"SSH-2.0-sohoaudit_{__version__}\r\n".encode())
    kexes = _CURVES + _GROUPS + _NEGOTIATED
    names = [b",".join(kexes), _KEYS, _CIPHERS, _CIPHERS, _MACS, _MACS, b"none", b"none", b"", b""]
    await packets.send(bytes([_KEXINIT]) + secrets.token_bytes(16) + b"".join(map(_string, names)) + b"\0" * 5)
    offered = await packets.receive(_KEXINIT)
    theirs, _ = _take(offered[17:])
    kex = next((kex for kex in kexes if kex in theirs.split(b",")), None)
    if kex is None:
        raise _Unreadable(f"the server exchanges keys only by {readable(theirs)[:120]}")
    if kex in _CURVES:
        await packets.send(bytes([_KEX_FIRST]) + _string(secrets.token_bytes(32)))
        reply = await packets.receive(_KEX_REPLY)
    elif kex in _GROUPS:
        await packets.send(bytes([_KEX_FIRST]) + _some_number(1_020 if b"group1-" in kex else 2_040))
        reply = await packets.receive(_KEX_REPLY)
    else:
        await packets.send(bytes([_GEX_REQUEST]) + struct.pack(">III", 1_024, 2_048, 8_192))
        prime, _ = _take((await packets.receive(_GEX_GROUP))[1:])
        await packets.send(bytes([_GEX_INIT]) + _some_number(max(64, min(len(prime) * 8, 8_192) - 16)))
        reply = await packets.receive(_GEX_REPLY)
    key, _ = _take(reply[1:])
    kind, _ = _take(key)
    digest = b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    return f"{readable(kind)[:40]} SHA256:{digest}"


class _Packets:
    """The unencrypted packets of RFC 4253, section 6."""

    def __init__(self, connection: Connection, rest: bytes) -> None:
        self._connection, self._rest = connection, rest

    async def send(self, payload: bytes) -> None:
        padding = 8 - (len(payload) + 5) % 8
        padding += 8 if padding < 4 else 0
        head = struct.pack(">IB", len(payload) + padding + 1, padding)
        await self._connection.send(head + payload + bytes(padding))

    async def receive(self, kind: int) -> bytes:
        """The payload of the next packet of that kind; a few others (ignore, debug) may come before it."""
        for _ in range(8):
            length, padding = struct.unpack(">IB", await self._exactly(5))
            if not padding < length <= _PACKET_LIMIT_BYTES:
                raise _Unreadable("the server sends no packets of SSH")
            payload = (await self._exactly(length - 1))[: length - 1 - padding]
            if payload[:1] == bytes([kind]):
                return payload
            if payload[:1] == b"\x01":
                reason, _ = _take(payload[5:])
                raise _Unreadable(f"the server ends it: {readable(reason)[:120]}")
        raise _Unreadable("the server does not answer the key exchange")

    async def _exactly(self, count: int) -> bytes:
        while len(self._rest) < count:
            part = await self._connection.read(count - len(self._rest), 5)
            if not part:
                raise _Unreadable("the server stopped in the middle of the key exchange")
            self._rest += part
        wanted, self._rest = self._rest[:count], self._rest[count:]
        return wanted


def _some_number(bits: int) -> bytes:
    """A public value that no secret stands behind: any number between 2 and the prime is one."""
    return _string((1 << (bits - 1) | secrets.randbits(bits - 1)).to_bytes(bits // 8 + 1, "big"))


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _take(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">I", data[:4])
    return data[4 : 4 + length], data[4 + length :]
