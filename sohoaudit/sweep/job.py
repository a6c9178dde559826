"""One question of the parent's in the raw helper: some ports of some hosts, what is known of each, and its frames."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import compress

from .frames import Cookie, Template, sequence_of, set_ports

# States of a port, one byte each; REFUSED is what the helper itself does not ask.
SILENT, CLOSED, OPEN, UNREACHABLE, REFUSED = range(5)
# Frames of one chunk, at most.
CHUNK = 1_024
_IS_SILENT = bytes([1]) + bytes(255)


class Job:
    """Some ports of some hosts; port `place` of host `row` has its state at `row * len(ports) + place`."""

    def __init__(
        self, number: int, addresses: Sequence[int], ports: Sequence[int], gap_s: float, wait_s: float
    ) -> None:
        """Takes the parent's number for it, and the least gap between two packets to a host.

        `wait_s` is how long a silent port is waited for; 0 leaves that, and how often it is asked again, to the helper.
        """
        self.number, self.addresses, self.ports = number, array("I", addresses), array("H", ports)
        self.gap_s, self.wait_s = gap_s, wait_s
        self.place = {port: place for place, port in enumerate(ports)}
        self.states = bytearray(len(addresses) * len(ports))
        self.unknown = len(self.states)
        self.tried = 0
        # Groups of rows that are still being sent, and chunks that have not left yet.
        self.groups = self.flying = 0
        # When the last of it was sent.
        self.sent_s = 0.0
        self.round_trip_s = 0.0
        # The question whose round trip is being taken, by where its state is, and when it was sent.
        self.timed: int | None = None
        self.timed_s = 0.0
        self.is_over = False

    def rows(self) -> list[int]:
        """The hosts of which some port is silent."""
        width = len(self.ports)
        if width == 1:
            return list(compress(range(len(self.addresses)), self.states.translate(_IS_SILENT)))
        every = range(len(self.addresses))
        return [row for row in every if self.states.find(SILENT, row * width, (row + 1) * width) >= 0]

    def refuse(self, row: int) -> None:
        """Leave a host unasked."""
        start = row * len(self.ports)
        for at in range(start, start + len(self.ports)):
            self._refuse(at)

    def refuse_port(self, port: int) -> None:
        """Leave a port of every host unasked."""
        if (place := self.place.get(port)) is not None:
            for at in range(place, len(self.states), len(self.ports)):
                self._refuse(at)

    def _refuse(self, at: int) -> None:
        if self.states[at] == SILENT:
            self.states[at] = REFUSED
            self.unknown -= 1

    def silent(self, row: int) -> list[int]:
        """The ports of a host that have not answered."""
        start = row * len(self.ports)
        return list(compress(self.ports, self.states[start : start + len(self.ports)].translate(_IS_SILENT)))

    def chunks(
        self, rows: Sequence[int], macs: Sequence[bytes], template: Template, cookie: Cookie
    ) -> Iterator[tuple[bytearray, int]]:
        """The frames that ask the silent ports of these hosts, with where the state of a chunk's first is."""
        if len(self.ports) > len(rows):
            for row, mac in zip(rows, macs, strict=True):
                yield from self._of_host(row, mac, template, cookie)
            return
        for start in range(0, len(rows), CHUNK):
            yield from self._of_hosts(rows[start : start + CHUNK], macs[start : start + CHUNK], template, cookie)

    def _of_host(self, row: int, mac: bytes, template: Template, cookie: Cookie) -> Iterator[tuple[bytearray, int]]:
        address = self.addresses[row]
        source_port, high, low = cookie.of(address)
        ports = self.silent(row)
        one = template.slots(1)
        template.patch(one, 0, mac=mac, address=address, source_port=source_port, port=0,
                       sequence=sequence_of(high, low, 0))  # fmt: skip
        for start in range(0, len(ports), CHUNK):
            some = ports[start : start + CHUNK]
            slots = one * len(some)
            set_ports(slots, some, [low] * len(some))
            yield slots, row * len(self.ports) + self.place[some[0]]

    def _of_hosts(
        self, rows: Sequence[int], macs: Sequence[bytes], template: Template, cookie: Cookie
    ) -> Iterator[tuple[bytearray, int]]:
        """The same by ports, so that no host gets all its questions in one go."""
        width, size = len(self.ports), len(template.slots(1))
        every, lows = template.slots(len(rows)), []
        for slot, (row, mac) in enumerate(zip(rows, macs, strict=True)):
            source_port, high, low = cookie.of(self.addresses[row])
            template.patch(every, slot * size, mac=mac, address=self.addresses[row], source_port=source_port, port=0,
                           sequence=sequence_of(high, low, 0))  # fmt: skip
            lows.append(low)
        for place, port in enumerate(self.ports):
            wanted = [slot for slot, row in enumerate(rows) if self.states[row * width + place] == SILENT]
            if not wanted:
                continue
            slots = (
                bytearray(every)
                if len(wanted) == len(rows)
                else bytearray().join([every[slot * size : (slot + 1) * size] for slot in wanted])
            )
            set_ports(slots, [port] * len(wanted), [lows[slot] for slot in wanted])
            yield slots, rows[wanted[0]] * width + place
