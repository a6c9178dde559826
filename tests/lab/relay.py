"""A bad line between two namespaces: carries frames from TAP to TAP, late, slowly, and not all of them.

Run as `python -m lab.relay NAMESPACE NAMESPACE [tun]`; each line of its standard input is a `Line` as JSON, which holds
from then on. There is no `sch_netem` in every kernel; two file descriptors and a heap ordered by time do the same.
"""

import contextlib
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from dataclasses import asdict, dataclass

from .namespaces import inside

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_TAP, _IFF_NO_PI = 0x0001, 0x0002, 0x1000
_ARP = b"\x08\x06"
_FRAME_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Line:
    """How bad it is, each way: share of frames lost, delay, bytes a second with the queue before it, longest frame.

    ARP is never lost, or the first seconds of every test would be.
    """

    loss: float = 0.0
    delay_s: float = 0.0
    bytes_a_second: float = 0.0
    queue_s: float = 0.5
    longest_bytes: int = _FRAME_BYTES

    def told(self) -> str:
        """One line for the relay's standard input."""
        return json.dumps(asdict(self)) + "\n"


class Relay:
    """Two ends, and the frames that are under way."""

    def __init__(self, ends: tuple[int, int]) -> None:
        self._ends = ends
        self._line = Line()
        self._under_way: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self._free_at = [0.0, 0.0]
        self._chance = random.Random(7)

    def run(self) -> None:
        """Carry until the standard input ends."""
        while True:
            wait_s = max(0.0, self._under_way[0][0] - time.monotonic()) if self._under_way else None
            ready, _, _ = select.select([*self._ends, 0], [], [], wait_s)
            if 0 in ready:
                told = os.read(0, 4_096)
                if not told:
                    return
                self._line = Line(**json.loads(told.splitlines()[-1]))
            for way, end in enumerate(self._ends):
                if end in ready:
                    self._take(way, end)
            now = time.monotonic()
            while self._under_way and self._under_way[0][0] <= now:
                _, _, way, frame = heapq.heappop(self._under_way)
                with contextlib.suppress(OSError):  # that side is down
                    os.write(self._ends[1 - way], frame)

    def _take(self, way: int, end: int) -> None:
        line = self._line
        for _ in range(64):
            try:
                frame = os.read(end, _FRAME_BYTES)
            except BlockingIOError:
                return
            is_lost = self._chance.random() < line.loss and frame[12:14] != _ARP
            now = time.monotonic()
            left_at = max(now, self._free_at[way])
            if line.bytes_a_second:
                left_at += len(frame) / line.bytes_a_second
            if is_lost or len(frame) > line.longest_bytes or left_at - now > line.queue_s:
                continue
            self._free_at[way] = left_at
            self._count += 1
            heapq.heappush(self._under_way, (left_at + line.delay_s, self._count, way, frame))


def tap(namespace: str, *, is_tunnel: bool = False) -> int:
    """A new TAP interface `eth0` in the namespace, or TUN, which has no MACs; and the descriptor that is its wire."""
    with inside(namespace):
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(
            end, _TUNSETIFF, struct.pack("16sH22x", b"eth0", (_IFF_TUN if is_tunnel else _IFF_TAP) | _IFF_NO_PI)
        )
    return end


if __name__ == "__main__":
    kind = "tun" in sys.argv[3:]
    relay = Relay((tap(sys.argv[1], is_tunnel=kind), tap(sys.argv[2], is_tunnel=kind)))
    print("ready", flush=True)
    relay.run()
