"""A slow and lossy wire: two TAP interfaces, and a process that carries frames between them late, and some never.

The kernel of the test machines has no `sch_netem`. What is neither TCP nor UDP, ARP above all, is never lost.
"""

import contextlib
import fcntl
import os
import random
import select
import struct
import time
from collections import deque

from lab.namespaces import inside

_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_FRAME_BYTES = 1_600


def tap(namespace: str, name: str) -> int:
    """A new TAP interface in the namespace, gone when the descriptor is closed."""
    with inside(namespace):
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    return descriptor


def start(one: int, other: int, delay_s: float, loss: float, seed: int) -> int:
    """Carry frames both ways in a process of its own, each `delay_s` late; returns its id."""
    if process := os.fork():
        return process
    try:
        _carry({one: other, other: one}, delay_s, loss, random.Random(seed))
    finally:
        os._exit(0)


def _carry(across: dict[int, int], delay_s: float, loss: float, chance: random.Random) -> None:
    late: deque[tuple[float, int, bytes]] = deque()
    while True:
        rest_s = max(0.0, late[0][0] - time.monotonic()) if late else None
        ready, _, _ = select.select(list(across), [], [], rest_s)
        for descriptor in ready:
            for _ in range(256):
                try:
                    frame = os.read(descriptor, _FRAME_BYTES)
                except BlockingIOError:
                    break
                may_be_lost = frame[12:14] == b"\x08\x00" and frame[23] in (6, 17)
                if not (may_be_lost and chance.random() < loss):
                    late.append((time.monotonic() + delay_s, across[descriptor], frame))
        while late and late[0][0] <= time.monotonic():
            _, descriptor, frame = late.popleft()
            with contextlib.suppress(BlockingIOError):
                os.write(descriptor, frame)
