"""The bytes of raw asking: frames patched from templates, the keyed cookie in each, and the filter that hears answers.

Frames are Ethernet II with IPv4; offsets are counted from the first byte of the frame.
"""

import ctypes
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

SYN_ACK, RST = 0x12, 0x04
# Source ports above those that Linux gives to connections by default (32768 to 60999).
FIRST_SOURCE_PORT, SOURCE_PORTS = 61_000, 4_096
_ARP, _IPV4, _IPV6 = 0x0806, 0x0800, 0x86DD
_SNAP_BYTES = 128
_WORD, _HALF = 0xFFFFFFFFFFFFFFFF, 0xFFFF
# IP checksum, source, destination, source port, port, sequence, (acknowledgement, flags, window), TCP checksum.
_CHANGING = struct.Struct("!H4sIHHI8sH")
_CHANGES_AT = 24


class Cookie:
    """Makes sequence number and source port of a question from a secret, so that no state is needed to know an answer.

    The mixing is MurmurHash3's 64-bit finaliser over keyed words: enough against noise and against who cannot see us.
    """

    def __init__(self, secret: bytes) -> None:
        """Takes 16 random bytes."""
        self._one, self._two = struct.unpack("!QQ", secret)

    def of(self, address: int, port: int) -> tuple[int, int]:
        """Sequence number and source port for a question to this IPv4 address (as a number) and port."""
        mixed = ((address << 16 | port) ^ self._one) & _WORD
        mixed = ((mixed ^ mixed >> 33) * 0xFF51AFD7ED558CCD + self._two) & _WORD
        mixed = ((mixed ^ mixed >> 33) * 0xC4CEB9FE1A85EC53) & _WORD
        mixed ^= mixed >> 33
        return mixed & 0xFFFFFFFF, FIRST_SOURCE_PORT + (mixed >> 32) % SOURCE_PORTS


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


@dataclass(frozen=True, slots=True)
class Answer:
    """A TCP answer as it stood in a frame; `address` is the answering host's IPv4 address as a number."""

    address: int
    port: int
    source_port: int
    flags: int
    sequence: int
    acknowledgement: int


def tcp_template(mac: str, address: str, flags: str) -> Template:
    """A SYN (with the MSS that any stack sends) or an RST from this interface, built by scapy."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether

    options = [("MSS", 1_460)] if flags == "S" else []
    ip = IP(src=address, dst="0.0.0.0", id=0, flags="DF", ttl=64)  # noqa: S104
    tcp = TCP(sport=0, dport=0, seq=0, flags=flags, window=64_240 if flags == "S" else 0, options=options)
    return Template(bytes(Ether(src=mac, dst="00:00:00:00:00:00", type=_IPV4) / ip / tcp))


def who_has(mac: str, own: str, address: str) -> bytes:
    """An ARP request for an address, to everybody on the link (RFC 826); the address stands in its last 4 bytes."""
    from scapy.layers.l2 import ARP, Ether

    arp = ARP(op=1, hwsrc=mac, psrc=own, hwdst="00:00:00:00:00:00", pdst=address)
    return bytes(Ether(src=mac, dst="ff:ff:ff:ff:ff:ff", type=_ARP) / arp)


def neighbour_solicitation(mac: str, own: str, address: str) -> bytes:
    """An IPv6 neighbour solicitation for an address, to its solicited-node group (RFC 4861, section 4.3)."""
    from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
    from scapy.layers.l2 import Ether
    from scapy.utils6 import in6_getnsma, in6_getnsmac

    group = in6_getnsma(socket.inet_pton(socket.AF_INET6, address))
    ip = IPv6(src=own, dst=socket.inet_ntop(socket.AF_INET6, group), hlim=255)
    ask = ICMPv6ND_NS(tgt=address) / ICMPv6NDOptSrcLLAddr(lladdr=mac)
    return bytes(Ether(src=mac, dst=in6_getnsmac(group)) / ip / ask)


def read_tcp(frame: bytes | memoryview) -> Answer | None:
    """The TCP answer in an IPv4 frame, or None where it is none or cut short."""
    start = 14 + (frame[14] & 0x0F) * 4
    if len(frame) < start + 16 or frame[23] != socket.IPPROTO_TCP:
        return None
    (address,) = struct.unpack_from("!I", frame, 26)
    port, source_port, sequence, acknowledgement, _, flags = struct.unpack_from("!HHIIBB", frame, start)
    return Answer(address, port, source_port, flags, sequence, acknowledgement)


def read_neighbour(frame: bytes | memoryview) -> tuple[str, str] | None:
    """Address and MAC as an ARP reply or a neighbour advertisement tells them, or None."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind == _ARP and len(frame) >= 42 and bytes(frame[14:22]) == b"\0\1\x08\0\6\4\0\2":
        return socket.inet_ntoa(bytes(frame[28:32])), bytes(frame[22:28]).hex(":")
    if kind == _IPV6 and len(frame) >= 78 and frame[54] == 136 and frame[21] == 255:
        # The hop limit of 255 proves that it comes from this link (RFC 4861, section 7.1.2).
        return socket.inet_ntop(socket.AF_INET6, bytes(frame[62:78])), bytes(frame[6:12]).hex(":")
    return None


def quoted(frame: bytes) -> tuple[int, int, int, int] | None:
    """Address, port, source port and sequence of the question that an ICMP "unreachable" quotes, read by scapy."""
    from scapy.error import Scapy_Exception
    from scapy.layers.inet import IP, IPerror, TCPerror

    try:
        told = IP(frame[14:])
        ip, tcp = told[IPerror], told[TCPerror]
        return int.from_bytes(socket.inet_aton(ip.dst)), tcp.dport, tcp.sport, tcp.seq
    except (IndexError, OSError, struct.error, Scapy_Exception, TypeError, ValueError):
        return None


def listening_filter(own: str) -> list[tuple[int, int, int, int]]:
    """Classic BPF that passes answers alone: ARP replies, neighbour advertisements, TCP to our ports, unreachables."""
    program: list[tuple[str | None, int, int, str, str]] = [
        (None, 0x28, 12, "", ""),
        (None, 0x15, _ARP, "arp", ""),
        (None, 0x15, _IPV6, "ipv6", ""),
        (None, 0x15, _IPV4, "", "drop"),
        (None, 0x20, 30, "", ""),
        (None, 0x15, int.from_bytes(socket.inet_aton(own)), "", "drop"),
        (None, 0x28, 20, "", ""),
        (None, 0x45, 0x1FFF, "drop", ""),
        (None, 0xB1, 14, "", ""),
        (None, 0x30, 23, "", ""),
        (None, 0x15, socket.IPPROTO_ICMP, "icmp", ""),
        (None, 0x15, socket.IPPROTO_TCP, "", "drop"),
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
        ("pass", 0x06, _SNAP_BYTES, "", ""),
        ("drop", 0x06, 0, "", ""),
    ]
    places = {label: place for place, (label, *_) in enumerate(program) if label}

    def jump(place: int, label: str) -> int:
        return places[label] - place - 1 if label else 0

    return [(code, jump(place, yes), jump(place, no), k) for place, (_, code, k, yes, no) in enumerate(program)]


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("vectors", ctypes.POINTER(_Vector)),
        ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )  # fmt: skip


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


class Batch:
    """Many frames in one system call: `sendmmsg` and `recvmmsg` (Linux) over slots of one buffer."""

    def __init__(self, slots: int, slot_bytes: int = _SNAP_BYTES) -> None:
        """Takes how many frames go into one call, and the most bytes of one."""
        self.slots, self.slot_bytes = slots, slot_bytes
        self.buffer = bytearray(slots * slot_bytes)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer))
        self._vectors = (_Vector * slots)(*[_Vector(start + slot * slot_bytes, slot_bytes) for slot in range(slots)])
        self._messages = (_Message * slots)()
        for slot in range(slots):
            self._messages[slot].header.vectors = ctypes.pointer(self._vectors[slot])
            self._messages[slot].header.count = 1
        self._libc = ctypes.CDLL(None, use_errno=True)

    def fill(self, frames: Iterable[bytes]) -> None:
        """Put a frame into each slot, from the first."""
        for slot, frame in enumerate(frames):
            self.buffer[slot * self.slot_bytes : slot * self.slot_bytes + len(frame)] = frame
            self._vectors[slot].length = len(frame)

    def send(self, descriptor: int, first: int, count: int) -> int:
        """Send `count` slots from slot `first` on, and return how many left. Raises OSError where none did."""
        return self._call("sendmmsg", descriptor, first, count, 0)

    def receive(self, descriptor: int) -> list[memoryview]:
        """The frames that wait, as many as there are slots; none where nothing waits. Valid until the next call."""
        try:
            count = self._call("recvmmsg", descriptor, 0, self.slots, socket.MSG_DONTWAIT, None)
        except BlockingIOError:
            return []
        view = memoryview(self.buffer)
        return [
            view[slot * self.slot_bytes : slot * self.slot_bytes + min(self._messages[slot].length, self.slot_bytes)]
            for slot in range(count)
        ]

    def _call(self, name: str, descriptor: int, first: int, *more: int | None) -> int:
        done = getattr(self._libc, name)(descriptor, ctypes.byref(self._messages[first]), *more)
        if done < 0:
            code = ctypes.get_errno()
            raise OSError(code, f"{name} failed")
        return int(done)
