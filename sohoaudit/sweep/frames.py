"""The bytes of raw asking: frames patched from templates, the keyed cookie in each, and the filter that hears answers.

Frames are Ethernet II with IPv4; offsets are counted from the first byte of the frame. The helper starts in the time
that importing scapy takes ten times over, so what every sweep needs is written out here, and tests hold it to scapy's.
"""

import hashlib
import socket
import struct
from collections.abc import Sequence

SYN, RST, SYN_ACK = 0x02, 0x04, 0x12
# Source ports above those that Linux gives to connections by default (32768 to 60999).
FIRST_SOURCE_PORT, SOURCE_PORTS = 61_000, 4_096
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
# What is kept of a frame that comes in, and how far apart outgoing ones lie in a buffer.
SNAP_BYTES, STRIDE = 128, 64
# Ethernet type with version and length of an IPv4 header without options, protocol, the answering address, its port,
# ours, acknowledgement, flags: of a TCP answer as nearly all are.
ANSWER = struct.Struct(f"!12x3s8xB2xI4xHH4xIxB{SNAP_BYTES - 48}x")
PLAIN = b"\x08\x00\x45"
_HALF = 0xFFFF
# IP checksum, source, destination, source port, port, sequence, (acknowledgement, flags, window), TCP checksum.
_CHANGING = struct.Struct("!H4sIHHI8sH")
_CHANGES_AT, _PORT_AT, _LOW_AT = 24, 36, 40
_MSS = b"\x02\x04\x05\xb4"  # 1,460, as any stack on Ethernet says


class Cookie:
    """Makes sequence number and source port of a question from a secret, so that no state is needed to know an answer.

    Of one host all questions share the source port and the upper half of the sequence; its lower half is `low` less
    the port, modulo 65,535. So the TCP checksum of all of them is one (RFC 1071: their sum is the same), and 44 bits
    have to be guessed by whoever cannot see us.
    """

    def __init__(self, secret: bytes) -> None:
        """Takes 16 random bytes or more."""
        self._secret = secret
        self._networks: dict[int, bytes] = {}

    def of(self, address: int) -> tuple[int, int, int]:
        """Source port, upper half of the sequence, and `low`, for an IPv4 address as a number."""
        known = self._networks.get(address >> 8)
        if known is None:
            keyed = hashlib.shake_256(self._secret + (address >> 8).to_bytes(3, "big"))
            known = self._networks[address >> 8] = keyed.digest(256 * 6)
        port, high, low = struct.unpack_from("!HHH", known, (address & 0xFF) * 6)
        return FIRST_SOURCE_PORT + port % SOURCE_PORTS, high, low % _HALF


def sequence_of(high: int, low: int, port: int) -> int:
    """The sequence number of a question to this port, from what `Cookie.of` told of its host."""
    return high << 16 | (low - port) % _HALF


class Template:
    """A TCP frame whose addresses, ports and sequence are patched in; its checksums follow by RFC 1624, equation 3."""

    def __init__(self, frame: bytes) -> None:
        """Takes a whole frame with everything that changes set to 0, and with right checksums."""
        self.frame = frame
        ip_sum, self._source, *_, self._middle, tcp_sum = _CHANGING.unpack_from(frame, _CHANGES_AT)
        # Where the old word is 0 the equation is HC' = ~(~HC + m').
        self._ip_base, self._tcp_base = ip_sum ^ _HALF, tcp_sum ^ _HALF

    def patch(
        self, into: bytearray, at: int, *, mac: bytes, address: int, source_port: int, port: int, sequence: int
    ) -> None:
        """Write the changed words at `at` of a buffer that holds the template there."""
        where = (address >> 16) + (address & _HALF)
        ip_sum = self._ip_base + where
        tcp_sum = self._tcp_base + where + source_port + port + (sequence >> 16) + (sequence & _HALF)
        ip_sum = (ip_sum & _HALF) + (ip_sum >> 16)
        tcp_sum = (tcp_sum & _HALF) + (tcp_sum >> 16)
        ip_sum = (ip_sum & _HALF) + (ip_sum >> 16)
        tcp_sum = (tcp_sum & _HALF) + (tcp_sum >> 16)
        into[at : at + 6] = mac
        _CHANGING.pack_into(
            into, at + _CHANGES_AT, ip_sum ^ _HALF, self._source, address, source_port, port, sequence, self._middle,
            tcp_sum ^ _HALF,
        )  # fmt: skip

    def slots(self, count: int) -> bytearray:
        """A buffer of so many copies, STRIDE bytes apart."""
        return bytearray(self.frame.ljust(STRIDE, b"\0") * count)


def set_ports(slots: bytearray, ports: Sequence[int], lows: Sequence[int]) -> None:
    """Turn frames that `Template.patch` made into questions to these ports, one each; `lows` as `Cookie.of` told.

    The checksums stay right: port and lower half of the sequence keep their sum.
    """
    count = len(ports)
    numbers = struct.pack(f"!{count}H", *ports)
    halves = struct.pack(f"!{count}H", *[(low - port) % _HALF for low, port in zip(lows, ports, strict=True)])
    for at, column in ((_PORT_AT, numbers), (_LOW_AT, halves)):
        slots[at::STRIDE] = column[0::2]
        slots[at + 1 :: STRIDE] = column[1::2]


def tcp_template(mac: bytes, source: bytes, flags: int) -> Template:
    """A SYN (with the MSS that any stack sends) or an RST from this MAC and IPv4 address (RFC 791, 9293)."""
    options = _MSS if flags == SYN else b""
    window = 64_240 if flags == SYN else 0
    size = 20 + len(options)
    tcp = struct.pack("!HHIIBBHHH", 0, 0, 0, 0, size << 2, flags, window, 0, 0) + options
    tcp_sum = _checksum(source + bytes(4) + struct.pack("!HH", socket.IPPROTO_TCP, size) + tcp)
    tcp = tcp[:16] + struct.pack("!H", tcp_sum) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + size, 0, 0x4000, 64, socket.IPPROTO_TCP, 0, source, bytes(4))
    ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
    return Template(bytes(6) + mac + struct.pack("!H", IPV4) + ip + tcp)


def _checksum(words: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(words) // 2}H", words))
    total = (total & _HALF) + (total >> 16)
    return ((total & _HALF) + (total >> 16)) ^ _HALF


def who_has(mac: bytes, own: bytes, address: bytes) -> bytes:
    """An ARP request for an IPv4 address, to everybody on the link (RFC 826)."""
    everybody = b"\xff" * 6 + mac + struct.pack("!H", ARP)
    return everybody + struct.pack("!HHBBH6s4s6s4s", 1, IPV4, 6, 4, 1, mac, own, bytes(6), address)


def neighbour_solicitation(mac: str, own: str, address: str) -> bytes:
    """An IPv6 neighbour solicitation for an address, to its solicited-node group (RFC 4861, section 4.3); by scapy."""
    from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
    from scapy.layers.l2 import Ether
    from scapy.utils6 import in6_getnsma, in6_getnsmac

    group = in6_getnsma(socket.inet_pton(socket.AF_INET6, address))
    ip = IPv6(src=own, dst=socket.inet_ntop(socket.AF_INET6, group), hlim=255)
    ask = ICMPv6ND_NS(tgt=address) / ICMPv6NDOptSrcLLAddr(lladdr=mac)
    return bytes(Ether(src=mac, dst=in6_getnsmac(group)) / ip / ask)


def read_answer(frame: bytes | memoryview) -> tuple[int, int, int, int, int] | None:
    """Address, port, our port, acknowledgement and flags of the TCP answer in a frame, whatever its IPv4 header."""
    start = 14 + (frame[14] & 0x0F) * 4
    if len(frame) < start + 16 or frame[23] != socket.IPPROTO_TCP:
        return None
    (address,) = struct.unpack_from("!I", frame, 26)
    port, source_port, _, acknowledgement, _, flags = struct.unpack_from("!HHIIBB", frame, start)
    return address, port, source_port, acknowledgement, flags


def read_neighbour(frame: bytes | memoryview) -> tuple[str, str] | None:
    """Address and MAC as an ARP reply or a neighbour advertisement tells them, or None."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind == ARP and len(frame) >= 42 and bytes(frame[14:22]) == b"\0\1\x08\0\6\4\0\2":
        return socket.inet_ntoa(bytes(frame[28:32])), bytes(frame[22:28]).hex(":")
    if kind == IPV6 and len(frame) >= 78 and frame[54] == 136 and frame[21] == 255:
        # The hop limit of 255 proves that it comes from this link (RFC 4861, section 7.1.2).
        return socket.inet_ntop(socket.AF_INET6, bytes(frame[62:78])), bytes(frame[6:12]).hex(":")
    return None


def quoted(frame: bytes | memoryview) -> tuple[int, int, int, int] | None:
    """Address, port, source port and sequence of the question that an ICMP "unreachable" quotes (RFC 792), or None."""
    start = 14 + (frame[14] & 0x0F) * 4
    inner = start + 8
    if len(frame) < inner + 20 or frame[start] != 3:
        return None
    tcp = inner + (frame[inner] & 0x0F) * 4
    if len(frame) < tcp + 8 or frame[inner] >> 4 != 4 or frame[inner + 9] != socket.IPPROTO_TCP:
        return None
    (address,) = struct.unpack_from("!I", frame, inner + 16)
    source_port, port, sequence = struct.unpack_from("!HHI", frame, tcp)
    return address, port, source_port, sequence


def listening_filter(own: str) -> list[tuple[int, int, int, int]]:
    """Classic BPF that passes answers alone: ARP replies, neighbour advertisements, TCP to our ports, unreachables."""
    program: list[tuple[str | None, int, int, str, str]] = [
        (None, 0x28, 12, "", ""),
        (None, 0x15, ARP, "arp", ""),
        (None, 0x15, IPV6, "ipv6", ""),
        (None, 0x15, IPV4, "", "drop"),
        (None, 0x20, 30, "", ""),
        (None, 0x15, int.from_bytes(socket.inet_aton(own)), "", "drop"),
        (None, 0x28, 20, "", ""),
        (None, 0x45, 0x1FFF, "drop", ""),
        (None, 0xB1, 14, "", ""),
        (None, 0x30, 23, "", ""),
        (None, 0x15, socket.IPPROTO_ICMP, "icmp", ""),
        (None, 0x15, socket.IPPROTO_TCP, "", "drop"),
        (None, 0x80, 0, "", ""),
        (None, 0x35, 54, "", "drop"),
        (None, 0x48, 16, "", ""),
        (None, 0x35, FIRST_SOURCE_PORT, "", "drop"),
        (None, 0x35, FIRST_SOURCE_PORT + SOURCE_PORTS, "drop", "pass"),
        ("icmp", 0x50, 14, "", ""),
        (None, 0x15, 3, "pass", "drop"),
        ("arp", 0x28, 20, "", ""),
        (None, 0x15, 2, "pass", "drop"),
        ("ipv6", 0x30, 20, "", ""),
        (None, 0x15, socket.IPPROTO_ICMPV6, "", "drop"),
        (None, 0x30, 54, "", ""),
        (None, 0x15, 136, "pass", "drop"),
        ("pass", 0x06, SNAP_BYTES, "", ""),
        ("drop", 0x06, 0, "", ""),
    ]
    places = {label: place for place, (label, *_) in enumerate(program) if label}

    def jump(place: int, label: str) -> int:
        return places[label] - place - 1 if label else 0

    return [(code, jump(place, yes), jump(place, no), k) for place, (_, code, k, yes, no) in enumerate(program)]
