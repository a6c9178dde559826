"""What a host really sent: a packet socket in its namespace, and the questions a careful guest must answer for."""

import collections
import itertools
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from .lab import Lab

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


@dataclass(frozen=True, slots=True)
class Packet:
    """One IP packet with TCP or UDP in it; `flags` is 0 for UDP."""

    time: float
    source: str
    destination: str
    protocol: str
    source_port: int
    port: int
    flags: int


# tcpdump changes its user when it starts, which a user namespace forbids. Each record: time, length, frame.
_RECORD = struct.Struct("!dH")
_LISTEN = """
import signal, socket, struct, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)  # as much of it as this system allows
wire.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS: when the kernel saw it, not when we read it
wire.bind((sys.argv[1], 0))
signal.signal(signal.SIGTERM, lambda *_: wire.setblocking(False))
print("ready", flush=True)
with open(sys.argv[2], "wb") as file:
    while True:
        try:
            frame, told, *_ = wire.recvmsg(160, 64)
        except BlockingIOError:
            break
        seconds, nanoseconds = struct.unpack("qq", told[0][2])
        file.write(struct.pack("!dH", seconds + nanoseconds / 1e9, len(frame)) + frame)
"""


class Capture:
    """`with Capture(lab, "desk", path) as seen:` … then `seen.packets()`; what was caught before the end counts."""

    def __init__(self, lab: Lab, host: str, path: Path, interface: str = "eth0") -> None:
        """Where to listen, and the file to write."""
        self._command, self._path = lab.command(host, sys.executable, "-c", _LISTEN, interface, str(path)), path

    def __enter__(self) -> "Capture":
        """Start to listen, and return when it does."""
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout and self._process.stdout.readline() == "ready\n", "no packet socket here"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Read what is still waiting, and stop listening."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=10)

    def packets(self) -> list[Packet]:
        """The TCP and UDP packets of the file, in order."""
        data, packets, place = self._path.read_bytes(), [], 0
        while place + _RECORD.size <= len(data):
            seen, length = _RECORD.unpack_from(data, place)
            place += _RECORD.size
            if packet := _packet(seen, data[place : place + length]):
                packets.append(packet)
            place += length
        return packets


def _packet(time: float, frame: bytes) -> Packet | None:
    kind = frame[12:14]
    if kind == b"\x08\x00":
        start, protocol = 14 + (frame[14] & 0x0F) * 4, frame[23]
        source, destination = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
    elif kind == b"\x86\xdd":
        start, protocol = 54, frame[20]
        source, destination = (socket.inet_ntop(socket.AF_INET6, frame[at : at + 16]) for at in (22, 38))
    else:
        return None
    name = {6: "tcp", 17: "udp"}.get(protocol)
    if name is None or len(frame) < start + 4:
        return None
    source_port, port = struct.unpack_from("!HH", frame, start)
    return Packet(time, source, destination, name, source_port, port, frame[start + 13] if name == "tcp" else 0)


def questions(packets: Iterable[Packet], asker: str) -> list[Packet]:
    """Each connection a host began, once however often the kernel repeated its SYN, and each datagram it sent."""
    seen: set[tuple[str, int, int]] = set()
    asked = []
    for packet in packets:
        if packet.source != asker:
            continue
        flow = (packet.destination, packet.source_port, packet.port)
        if packet.protocol == "udp" or (packet.flags & (SYN | ACK) == SYN and flow not in seen):
            asked.append(packet)
            seen.add(flow)
    return asked


def busiest_second(asked: Iterable[Packet]) -> dict[str, int]:
    """For each destination the most questions that fell into any one second."""
    times: dict[str, list[float]] = collections.defaultdict(list)
    for packet in asked:
        times[packet.destination].append(packet.time)
    return {
        host: max(sum(1 for at in all_ if began <= at < began + 1) for began in all_) for host, all_ in times.items()
    }


def most_connections(packets: Iterable[Packet], asker: str, lasting_s: float = 0.05) -> dict[str, int]:
    """For each host the most conversations that stood at one time: from its SYN-ACK to the first FIN or RST.

    A knock, which hangs up as soon as it is let in, is no conversation: what lasts less than `lasting_s` is left out.
    """
    began: dict[tuple[str, int, int], float] = {}
    spans: dict[str, list[tuple[float, float]]] = collections.defaultdict(list)
    for packet in (each for each in packets if each.protocol == "tcp" and asker in (each.source, each.destination)):
        ours = packet.source == asker
        host = packet.destination if ours else packet.source
        flow = (host, *((packet.source_port, packet.port) if ours else (packet.port, packet.source_port)))
        if not ours and packet.flags & (SYN | ACK) == SYN | ACK:
            began.setdefault(flow, packet.time)
        elif packet.flags & (FIN | RST) and flow in began:
            spans[host].append((began.pop(flow), packet.time))
    lasting = {host: [(a, b) for a, b in each if b - a >= lasting_s] for host, each in spans.items()}
    return {
        host: max((sum(a <= at < b for a, b in each) for at, _ in each), default=0) for host, each in lasting.items()
    }


def gaps(times: Iterable[float]) -> list[float]:
    """The seconds between one moment and the next."""
    return [later - earlier for earlier, later in itertools.pairwise(sorted(times))]
