"""The raw helper's neighbours: whose MAC is known, who is being asked for it by ARP or ND, and who does not answer."""

import heapq
import socket
import time
from collections.abc import Callable

from . import frames
from .orders import Orders, packed_of, text_of

# A sleeping phone answers at the next beacon but one; where there is no pace to keep, everybody is awake.
TRIES, WAIT_S = 3, 0.25
LAB_TRIES, LAB_WAIT_S = 2, 0.1


class Neighbours:
    """Asks the link for MACs, a few times each, never faster than the pace lets."""

    def __init__(self, wire: socket.socket, mac: bytes, orders: Orders, turn: Callable[[], float]) -> None:
        """Takes the bound socket, our MAC, and what gives the moment at which the next packet may leave."""
        self._wire, self._mac, self._orders, self._turn = wire, mac, orders, turn
        self._tries, self.wait_s = (LAB_TRIES, LAB_WAIT_S) if orders.is_unlimited else (TRIES, WAIT_S)
        self.macs: dict[bytes, bytes] = {}
        # Who is being asked: how many tries are left, and the moments of the next ones.
        self._left: dict[bytes, int] = {}
        self._turns: list[tuple[float, bytes]] = []
        self._is_lossy = False

    def find(self, address: bytes) -> bool:
        """Begin to ask for an address; False where it may not or cannot be asked."""
        may = self._orders.may(address) or text_of(address) == self._orders.gateway
        if not may or (len(address) == 16 and not self._orders.source6):
            return False
        if address not in self._left:
            self._left[address] = self._tries
            heapq.heappush(self._turns, (self._turn(), address))
        return True

    @property
    def due_s(self) -> float | None:
        """The moment at which somebody has to be asked, or given up; None where nobody is being asked."""
        return self._turns[0][0] if self._turns else None

    def ask(self) -> list[bytes]:
        """Ask whoever's turn has come; returns those who are given up."""
        given_up = []
        now = time.monotonic()
        while self._turns and self._turns[0][0] <= now:
            _, address = heapq.heappop(self._turns)
            tries = self._left.get(address)
            if tries is None:
                continue
            if tries == 0:
                del self._left[address]
                given_up.append(address)
                continue
            self._wire.send(self._question(address))
            self._left[address] = tries - 1
            heapq.heappush(self._turns, (now + self.wait_s, address))
        return given_up

    def meet(self, frame: memoryview) -> bytes | None:
        """Read an answer; the address that gave it, where it was not known yet and may be."""
        met = frames.read_neighbour(frame)
        if met is None:
            return None
        address = packed_of(met[0])
        if address in self.macs or not (self._orders.may(address) or met[0] == self._orders.gateway):
            return None
        left = self._left.pop(address, None)
        if left is not None and left < self._tries - 1 and not self._is_lossy:
            # A repetition was needed: on such a link everybody is asked twice more.
            self._is_lossy, self._tries = True, self._tries + 2
            self._left = {each: tries + 2 for each, tries in self._left.items()}
        self.macs[address] = bytes.fromhex(met[1].replace(":", ""))
        return address

    def _question(self, address: bytes) -> bytes:
        if len(address) == 4:
            return frames.who_has(self._mac, packed_of(self._orders.source), address)
        return frames.neighbour_solicitation(self._mac.hex(":"), self._orders.source6, text_of(address))
