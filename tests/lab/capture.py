"""What a host really sent: tcpdump in its namespace, and the questions a careful guest must answer for."""

import collections
import itertools
import signal
import socket
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from .daemons import program
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


class Capture:
    """`with Capture(lab, "desk", path) as seen:` … then `seen.packets()`; what was caught before the end counts."""

    def __init__(self, lab: Lab, host: str, path: Path, interface: str = "eth0") -> None:
        """Where to listen, and the file to write."""
        words = ["-i", interface, "-n", "-s", "160", "-w", str(path), "-U", "--immediate-mode", "-Z", "root"]
        self._command, self._path = lab.command(host, program("tcpdump"), *words), path

    def __enter__(self) -> "Capture":
        """Start to listen, and return when it does."""
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        while "listening on" not in (line := self._process.stderr.readline()):
            assert line, "tcpdump ended before it listened"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=10)

    def packets(self) -> list[Packet]:
        """The TCP and UDP packets of the file, in order."""
        data, packets, place = self._path.read_bytes(), [], 24
        while place + 16 <= len(data):
            seconds, microseconds, length, _ = struct.unpack_from("<IIII", data, place)
            if packet := _packet(seconds + microseconds / 1e6, data[place + 16 : place + 16 + length]):
                packets.append(packet)
            place += 16 + length
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
