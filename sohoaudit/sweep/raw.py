"""The raw helper, `python -m sohoaudit.sweep.raw`: one packet socket, one scope, one pace, and no other right.

It is started by `raw_client.py` with a SEQPACKET socket as its standard input, gets its orders there once, gives up
every right, and ends when that socket closes. What it may reach and how fast it checks by itself, whatever it is told.
"""

import contextlib
import ctypes
import fcntl
import heapq
import ipaddress
import json
import os
import resource
import secrets
import selectors
import socket
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from . import frames

# Messages of the parent, by their first byte: SYN to an address and its ports, or the question for their MACs.
ASK, RESOLVE = b"S", b"R"
# Messages of the helper: states of ports, MACs, and what went wrong.
STATES, NEIGHBOUR, FAULT = b"P", b"N", b"F"
# SENT tells that the packets of the question that began with this port have left.
OPEN, CLOSED, UNREACHABLE, SENT = 0, 1, 2, 3
STATE = struct.Struct("!IHB")
MESSAGE_BYTES = 65_536
_ORDERS_BYTES = 1 << 20
_BATCH = 256
_BUFFER_BYTES = 64 << 20
_NEIGHBOUR_TRIES, _NEIGHBOUR_WAIT_S = 3, 0.25
_QUOTES_A_SECOND = 200
# From this rate a host on there is no pace to keep (`lab`).
_UNLIMITED = 100_000
# linux/if_packet.h, asm/socket.h, linux/prctl.h, linux/sockios.h
_PACKET_IGNORE_OUTGOING, _SOL_PACKET, _SO_LOCK_FILTER, _SO_ATTACH_FILTER = 23, 263, 44, 26
_PR_SET_NO_NEW_PRIVS, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 38, 4, 24
_SIOCGIFHWADDR = 0x8927
_ARPHRD_ETHER = 1
_NOBODY = 65_534
_IPV4 = b"\x08\x00"
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(slots=True)
class Orders:
    """What the parent said at the start; rates are new packets a second."""

    interface: str
    source: str
    source6: str
    gateway: str
    on_link: list[str]
    networks: list[str]
    excluded: list[str]
    shut: list[int]
    host_rate: float
    run_rate: float
    holds: dict[IPAddress, bool] = field(default_factory=dict)

    def may(self, address: IPAddress) -> bool:
        """Whether the scope holds the address."""
        known = self.holds.get(address)
        if known is None:
            inside, outside = (
                any(address.version == net.version and address in net for net in map(ipaddress.ip_network, texts))
                for texts in (self.networks, self.excluded)
            )
            known = self.holds[address] = inside and not outside
        return known


class Helper:
    """Sends what it is told where it may, and tells what is answered."""

    def __init__(self, channel: socket.socket, wire: socket.socket, orders: Orders, mac: str) -> None:
        """Takes the way to the parent, the bound packet socket, and the orders."""
        self._channel, self._wire, self._orders, self._mac = channel, wire, orders, mac
        self._cookie = frames.Cookie(secrets.token_bytes(16))
        self._syn, self._rst = (frames.tcp_template(mac, orders.source, flags) for flags in "SR")
        self._who_has = frames.who_has(mac, orders.source, "0.0.0.0")  # noqa: S104  # the target is patched in
        self._outgoing, self._incoming = frames.Batch(_BATCH), frames.Batch(_BATCH)
        self._outgoing.fill([self._syn.frame] * _BATCH)
        self._filled = 0
        self._macs: dict[int, bytes] = {}
        self._waiting: dict[int, list[int]] = defaultdict(list)
        self._later: list[tuple[float, int, int, int]] = []
        self._next_s: dict[int, float] = {}
        self._run_next_s = 0.0
        self._on_link = [ipaddress.IPv4Network(text) for text in orders.on_link if ":" not in text]
        self._shut = frozenset(orders.shut)
        self._quotes, self._quotes_since_s = 0, 0.0

    def run(self) -> None:
        """Work until the parent hangs up."""
        with selectors.DefaultSelector() as ready:
            ready.register(self._channel, selectors.EVENT_READ)
            ready.register(self._wire, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select(self._rest_s()):
                    if key.fileobj is self._channel and not self._obey():
                        return
                self._hear()
                self._send_what_is_due()

    def _rest_s(self) -> float | None:
        return max(0.0, self._later[0][0] - time.monotonic()) if self._later else None

    def _obey(self) -> bool:
        """Take the messages that wait; False where the parent is gone."""
        for _ in range(64):
            try:
                message = self._channel.recv(MESSAGE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return True
            if not message:
                return False
            if message[:1] == ASK:
                address, *ports = struct.unpack(f"!I{(len(message) - 5) // 2}H", message[1:])
                self._ask(address, ports)
                self._channel.send(STATES + STATE.pack(address, ports[0], SENT))
            elif message[:1] == RESOLVE:
                for text in message[1:].decode().split():
                    self._run_next_s = max(time.monotonic(), self._run_next_s) + 1 / self._orders.run_rate
                    address = int(ipaddress.ip_address(text))
                    heapq.heappush(self._later, (self._run_next_s, _NEIGHBOUR_TRIES, address, 0))
        return True

    def _ask(self, address: int, ports: list[int]) -> None:
        if not self._orders.may(ipaddress.IPv4Address(address)):
            return
        if self._orders.host_rate >= _UNLIMITED and (mac := self._macs.get(self._hop(address))):
            for port in ports:
                if port not in self._shut:
                    self._put(mac, address, port)
            self._flush()
            return
        for port in ports:
            if port in self._shut:
                continue
            due = self._due_s(address)
            if due > time.monotonic():
                heapq.heappush(self._later, (due, 0, address, port))
            else:
                self._send_syn(address, port)
        self._flush()

    def _due_s(self, address: int) -> float:
        """When the next packet to the host may leave; a parent that is too fast is held back, not believed."""
        if self._orders.host_rate >= _UNLIMITED:
            return 0.0
        now = time.monotonic()
        due = max(now, self._next_s.get(address, 0.0), self._run_next_s)
        self._next_s[address] = due + 1 / self._orders.host_rate
        self._run_next_s = max(now, self._run_next_s) + 1 / self._orders.run_rate
        return due

    def _send_what_is_due(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            _, tries, address, port = heapq.heappop(self._later)
            if port:
                self._send_syn(address, port)
            elif tries and address not in self._macs:
                self._find(ipaddress.ip_address(address), tries)
        self._flush()

    def _send_syn(self, address: int, port: int) -> None:
        hop = self._hop(address)
        mac = self._macs.get(hop)
        if mac is None:
            self._waiting[hop].append(address << 16 | port)
            if len(self._waiting[hop]) == 1:
                self._find(ipaddress.IPv4Address(hop), _NEIGHBOUR_TRIES)
            return
        self._put(mac, address, port)

    def _put(self, mac: bytes, address: int, port: int) -> None:
        sequence, source_port = self._cookie.of(address, port)
        self._syn.patch(
            self._outgoing.buffer, self._filled * self._outgoing.slot_bytes,
            mac=mac, address=address, source_port=source_port, port=port, sequence=sequence,
        )  # fmt: skip
        self._filled += 1
        if self._filled == _BATCH:
            self._flush()
            self._hear()

    def _hop(self, address: int) -> int:
        ip = ipaddress.IPv4Address(address)
        on_link = any(ip in network for network in self._on_link)
        return address if on_link else int(ipaddress.IPv4Address(self._orders.gateway))

    def _flush(self) -> None:
        sent = 0
        while sent < self._filled:
            try:
                sent += self._outgoing.send(self._wire.fileno(), sent, self._filled - sent)
            except BlockingIOError:
                self._hear()
            except OSError as fault:
                if fault.errno != 105:  # ENOBUFS: the card's queue is full, which passes.
                    raise
                time.sleep(0.001)
        self._filled = 0

    def _find(self, address: IPAddress, tries: int) -> None:
        """Ask for the MAC of an address on the link, at the pace, again while nobody answers."""
        if not (self._orders.may(address) or str(address) == self._orders.gateway):
            return
        if address.version == 4:
            frame = self._who_has[:-4] + address.packed
        elif self._orders.source6:
            frame = frames.neighbour_solicitation(self._mac, self._orders.source6, str(address))
        else:
            return
        self._wire.send(frame)
        if tries > 1:
            heapq.heappush(self._later, (time.monotonic() + _NEIGHBOUR_WAIT_S, tries - 1, int(address), 0))

    def _hear(self) -> None:
        told = bytearray(STATES)
        while seen := self._incoming.receive(self._wire.fileno()):
            for frame in seen:
                if len(frame) < 42:
                    continue
                if bytes(frame[12:14]) != _IPV4:
                    self._meet(frame)
                elif frame[23] == socket.IPPROTO_TCP:
                    told += self._judge(frame)
                elif frame[23] == socket.IPPROTO_ICMP:
                    told += self._read_quote(frame)
            if len(told) > 32_768 or len(seen) < _BATCH:
                break
        if len(told) > 1:
            self._channel.send(told)

    def _judge(self, frame: memoryview) -> bytes:
        """A state where the answer carries our cookie; whoever let us in is told at once that we leave."""
        answer = frames.read_tcp(frame)
        if answer is None:
            return b""
        sequence, source_port = self._cookie.of(answer.address, answer.port)
        if answer.source_port != source_port or answer.acknowledgement != (sequence + 1) & 0xFFFFFFFF:
            return b""
        if answer.flags & frames.RST:
            return STATE.pack(answer.address, answer.port, CLOSED)
        if answer.flags & frames.SYN_ACK != frames.SYN_ACK or not self._orders.may(
            ipaddress.IPv4Address(answer.address)
        ):
            return b""
        goodbye = bytearray(self._rst.frame)
        self._rst.patch(
            goodbye, 0, mac=bytes(frame[6:12]), address=answer.address, source_port=source_port, port=answer.port,
            sequence=answer.acknowledgement,
        )  # fmt: skip
        with contextlib.suppress(BlockingIOError):
            self._wire.send(goodbye)
        return STATE.pack(answer.address, answer.port, OPEN)

    def _read_quote(self, frame: memoryview) -> bytes:
        """The state that an ICMP "unreachable" tells, a few hundred a second at most: a flood of them costs nothing."""
        now = time.monotonic()
        if now - self._quotes_since_s >= 1:
            self._quotes, self._quotes_since_s = 0, now
        self._quotes += 1
        told = frames.quoted(bytes(frame)) if self._quotes <= _QUOTES_A_SECOND else None
        if told is None or self._cookie.of(told[0], told[1]) != (told[3], told[2]):
            return b""
        return STATE.pack(told[0], told[1], UNREACHABLE)

    def _meet(self, frame: memoryview) -> None:
        met = frames.read_neighbour(frame)
        if met is None:
            return
        ip = ipaddress.ip_address(met[0])
        is_gateway = met[0] == self._orders.gateway
        if int(ip) in self._macs or not (is_gateway or self._orders.may(ip)):
            return
        self._macs[int(ip)] = bytes.fromhex(met[1].replace(":", ""))
        if self._orders.may(ip):
            self._channel.send(NEIGHBOUR + " ".join(met).encode())
        for waiting in self._waiting.pop(int(ip), ()):
            self._send_syn(waiting >> 16, waiting & 0xFFFF)


def main() -> None:
    """Read the orders, open the socket, give up every right, and work."""
    channel = socket.socket(fileno=0)
    try:
        orders = Orders(**json.loads(channel.recv(_ORDERS_BYTES)))
        wire, mac = open_wire(orders)
        with _told(channel):
            helper = Helper(channel, wire, orders, mac)
            # What scapy loads lazily must be loaded while files can still be read.
            frames.quoted(bytes(64))
            drop_rights()
            channel.send(NEIGHBOUR)
            helper.run()
    except (OSError, ValueError) as fault:
        with contextlib.suppress(OSError):
            channel.send(FAULT + str(getattr(fault, "strerror", None) or fault).encode())


@contextlib.contextmanager
def _told(channel: socket.socket) -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        pass
    except OSError as fault:
        with contextlib.suppress(OSError):
            channel.send(FAULT + str(fault.strerror).encode())


def open_wire(orders: Orders) -> tuple[socket.socket, str]:
    """The packet socket, deaf until its filter is attached and locked, and the interface's MAC.

    Raises:
        OSError: no right, no such interface, it is down, or it has no MACs (a tunnel, loopback).
    """
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    told = fcntl.ioctl(wire, _SIOCGIFHWADDR, struct.pack("16s24x", orders.interface.encode()))
    kind, mac = struct.unpack_from("=H6s", told, 16)
    if kind != _ARPHRD_ETHER:
        raise OSError(0, f"{orders.interface} is no Ethernet or Wi-Fi link")
    program = frames.listening_filter(orders.source)
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    buffer = ctypes.create_string_buffer(code)
    wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(buffer)))
    wire.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)
    wire.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    with contextlib.suppress(OSError):
        wire.setsockopt(socket.SOL_SOCKET, 33, _BUFFER_BYTES)  # SO_RCVBUFFORCE
    wire.bind((orders.interface, 3))  # ETH_P_ALL
    wire.setblocking(False)
    return wire, mac.hex(":")


def drop_rights() -> None:
    """Become nobody, without capabilities, without a way to get any, new files or new processes."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:
        for capability in range(64):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        with contextlib.suppress(OSError):  # a user namespace may know no groups
            os.setgroups([])
        with contextlib.suppress(OSError):
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    header, none = struct.pack("=Ii", 0x20080522, 0), bytes(24)  # _LINUX_CAPABILITY_VERSION_3
    if libc.capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "the rights could not be given up")
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    main()
