"""What the raw helper does all day: it obeys, sends what is due, hears what is answered, and tells its parent."""

import heapq
import math
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator

from . import frames
from .job import CHUNK, CLOSED, OPEN, UNREACHABLE, Job
from .mmsg import Incoming, Outgoing, Senders
from .neighbours import Neighbours
from .orders import Orders, packed_of, text_of

# Messages of the parent, by their first byte: a question (ports of hosts), or one for MACs.
ASK, RESOLVE = b"S", b"R"
# Job number, gap and wait in microseconds, how many addresses and ports follow.
QUESTION = struct.Struct("=IIIII")
# Messages of the helper: it is ready, open ports (by their place in the question), states of a part of it, a MAC, the
# end of the question for MACs, and what went wrong.
READY, FOUND, STATES, NEIGHBOUR, RESOLVED, FAULT = b"Y", b"O", b"P", b"N", b"M", b"F"
# Of STATES: job number, place of the first state, how many states there are in all, round trip in microseconds.
PART = struct.Struct("=IIII")
MESSAGE_BYTES = 1 << 18
_PART_BYTES = 60_000
_QUOTES_A_SECOND = 200
# A silent port is asked so often that this share of the open ones at most is missed, at the loss that was seen.
MISSED, FEWEST_TRIES, MOST_TRIES = 1e-6, 2, 9
# How long silence lasts where there is no pace: at least, where nobody in the question ever answered, and at most.
SHORTEST_WAIT_S, STRANGER_WAIT_S, LONGEST_WAIT_S = 0.1, 0.25, 0.95
# So much later than its turn a packet may leave and the next keep its own.
_LATENESS_S = 0.004
# While packets are being sent, answers are read, and paced packets leave, no more often than this and no less.
SHORTEST_REST_S, LONGEST_REST_S = 0.001, 0.005
# As locals of this module, for the sake of the few lines that read every answer.
_RST, _TCP, _IPV4, _PLAIN = frames.RST, socket.IPPROTO_TCP, frames.IPV4.to_bytes(2, "big"), frames.PLAIN

TYPE_CHECKING = False  # as typing has it, whose import the helper would wait for
if TYPE_CHECKING:
    Host = tuple[int, int, int, Job, int, "Host | None"]


class Helper:
    """Sends what it is told where it may, and tells what is answered."""

    def __init__(self, channel: socket.socket, wire: socket.socket, orders: Orders, mac: bytes, secret: bytes) -> None:
        """Takes the way to the parent, the bound packet socket, the orders, our MAC, and the cookie's secret."""
        self._channel, self._wire, self._orders = channel, wire, orders
        source = packed_of(orders.source)
        self._cookie = frames.Cookie(secret)
        self._syn, self._rst = (frames.tcp_template(mac, source, flags) for flags in (frames.SYN, frames.RST))
        self._neighbours = Neighbours(wire, mac, orders, self._turn)
        self._incoming = Incoming()
        self._outgoing, self._goodbyes = (Outgoing(len(each.frame)) for each in (self._syn, self._rst))
        self._senders = (
            Senders(wire.fileno(), len(self._syn.frame), min(2, os.cpu_count() or 1)) if orders.is_unlimited else None
        )
        self._gateway = packed_of(orders.gateway) if orders.gateway else None
        # Hosts by address: source port, what an acknowledgement has beside `low` less the port, `low`, job, where its
        # states begin, and the same of an older job.
        self._hosts: dict[int, Host] = {}
        self._waiting: dict[bytes, list[tuple[Job, list[int]]]] = {}
        self._bursts: deque[tuple[Job, Iterator[tuple[bytearray, int]]]] = deque()
        self._streams: list[tuple[float, int, Stream]] = []
        self._resting: list[tuple[float, int, Job]] = []
        self._serial = 0
        self._next_s: dict[int, float] = {}
        self._run_next_s = 0.0
        self._answered, self._repeated = 0, 0
        self._round_trip_s, self._variation_s = 0.0, 0.0
        self._sought: dict[int, set[bytes]] = {}
        self._quotes, self._quotes_since_s = 0, 0.0

    def run(self) -> None:
        """Work until the parent hangs up."""
        channel = self._channel.fileno()
        ears = [channel, self._wire.fileno(), *([self._senders.bell] if self._senders else [])]
        calm = [channel, *ears[2:]]
        while True:
            # While much is being sent much is answered: to wake for each answer would cost more than to read it.
            is_busy = bool(self._streams or (self._senders and self._senders.in_flight))
            rest_s = self._rest_s()
            if is_busy:
                rest_s = LONGEST_REST_S if rest_s is None else max(SHORTEST_REST_S, min(LONGEST_REST_S, rest_s))
            ready, _, _ = select.select(calm if is_busy else ears, [], [], rest_s)
            if channel in ready and not self._obey():
                return
            self._hear()
            self._give_up(self._neighbours.ask())
            self._send_due()
            self._settle()
            if self._senders:
                self._feed(self._senders)

    def _rest_s(self) -> float | None:
        moments = [self._resting[0][0]] if self._resting else []
        if self._streams:
            moments.append(max(self._streams[0][0], self._run_next_s))
        if (due_s := self._neighbours.due_s) is not None:
            moments.append(due_s)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    # What the parent says.

    def _obey(self) -> bool:
        """Take the messages that wait; False where the parent is gone."""
        while True:
            try:
                message = self._channel.recv(MESSAGE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return True
            if not message:
                return False
            if message[:1] == ASK:
                number, gap_us, wait_us, hosts, ports = QUESTION.unpack_from(message, 1)
                numbers = struct.unpack_from(f"={hosts}I{ports}H", message, 1 + QUESTION.size)
                self._begin(Job(number, numbers[:hosts], numbers[hosts:], gap_us / 1e6, wait_us / 1e6))
            elif message[:1] == RESOLVE:
                number, *texts = message[1:].decode().split()
                self._seek(int(number), texts)

    def _begin(self, job: Job) -> None:
        for port in self._orders.shut:
            job.refuse_port(port)
        hops: dict[bytes, list[int]] = {}
        for row, address in enumerate(job.addresses):
            packed = address.to_bytes(4, "big")
            hop = packed if self._orders.is_on_link(packed) else self._gateway
            if hop is None or not self._orders.may(packed):
                job.refuse(row)
                continue
            hops.setdefault(hop, []).append(row)
            source_port, high, low = self._cookie.of(address)
            start = row * len(job.ports)
            self._hosts[address] = (source_port, (high << 16) + 1, low, job, start, self._hosts.get(address))
        job.groups = len(hops)
        job.tried = 1
        for hop, rows in hops.items():
            self._send_over(hop, job, rows)
        if not hops:
            self._finish(job)

    def _send_over(self, hop: bytes, job: Job, rows: list[int]) -> None:
        """Ask a group of hosts that live behind one MAC, as soon as that is known."""
        mac = self._neighbours.macs.get(hop)
        if mac is None:
            if self._neighbours.find(hop):
                self._waiting.setdefault(hop, []).append((job, rows))
            else:
                self._group_is_sent(job)
        elif self._senders:
            self._bursts.append((job, job.chunks(rows, [mac] * len(rows), self._syn, self._cookie)))
        else:
            self._push(0.0, Stream(job, mac, rows))

    def _seek(self, number: int, texts: list[str]) -> None:
        sought = self._sought[number] = {packed_of(text) for text in texts}
        for address in list(sought):
            if address in self._neighbours.macs:
                self._tell_mac(address)
                sought.discard(address)
            elif not self._neighbours.find(address):
                sought.discard(address)
        self._tell_resolved()

    # What goes out.

    def _turn(self) -> float:
        """The moment at which one more packet of the run may leave."""
        self._run_next_s = max(time.monotonic(), self._run_next_s) + 1 / self._orders.run_rate
        return self._run_next_s

    def _push(self, due: float, stream: "Stream") -> None:
        self._serial += 1
        heapq.heappush(self._streams, (due, self._serial, stream))

    def _send_due(self) -> None:
        """Send the paced packets whose moment has come; a parent that is too fast is held back, not believed."""
        out = bytearray()
        now = time.monotonic()
        while self._streams and self._streams[0][0] <= now >= self._run_next_s:
            _, _, stream = heapq.heappop(self._streams)
            turn = stream.next()
            if turn is None:
                self._group_is_sent(stream.job)
                continue
            job, (row, place) = stream.job, turn
            address = job.addresses[row]
            due = self._next_s.get(address, 0.0)
            if due <= now:
                stream.is_taken = True
                out += self._question(address, stream.mac, job.ports[place])
                self._time(job, row * len(job.ports) + place)
                began = due if now - due < _LATENESS_S else now
                due = self._next_s[address] = began + max(job.gap_s, 1 / self._orders.host_rate)
                self._run_next_s = max(now - _LATENESS_S, self._run_next_s) + 1 / self._orders.run_rate
            self._push(due if stream.has_one_host else now, stream)
        if out:
            self._outgoing.send(self._wire.fileno(), out)

    def _question(self, address: int, mac: bytes, port: int) -> bytearray:
        source_port, high, low = self._cookie.of(address)
        frame = self._syn.slots(1)
        sequence = frames.sequence_of(high, low, port)
        self._syn.patch(frame, 0, mac=mac, address=address, source_port=source_port, port=port, sequence=sequence)
        return frame

    def _feed(self, senders: Senders) -> None:
        """Keep the sending threads busy with what no pace holds back."""
        for sent in senders.left():
            for job in sent:
                job.flying -= 1
                self._rest(job)
        while self._bursts and senders.have_room:
            chunks: list[bytearray] = []
            jobs: list[Job] = []
            timed: list[Job] = []
            size = 0
            while self._bursts and size < CHUNK:
                job, some = self._bursts[0]
                made = None if job.is_over else next(some, None)
                if made is None:
                    self._bursts.popleft()
                    self._group_is_sent(job)
                    continue
                chunks.append(made[0])
                jobs.append(job)
                if self._time(job, made[1]):
                    timed.append(job)
                job.flying += 1
                size += len(made[0]) // frames.STRIDE
            if chunks:
                senders.put(jobs, chunks[0] if len(chunks) == 1 else b"".join(chunks), timed)

    def _group_is_sent(self, job: Job) -> None:
        job.groups -= 1
        self._rest(job)

    def _rest(self, job: Job) -> None:
        """Where all of a job has left, begin to wait for what is still silent."""
        if not (job.groups or job.flying or job.is_over):
            job.sent_s = time.monotonic()
            self._look_again(job, job.sent_s + (job.wait_s or SHORTEST_WAIT_S))

    def _look_again(self, job: Job, moment: float) -> None:
        self._serial += 1
        heapq.heappush(self._resting, (moment, self._serial, job))

    # What comes in.

    def _hear(self) -> None:
        """Read all that waits."""
        while slots := self._incoming.receive(self._wire.fileno()):
            found: dict[Job, list[int]] = {}
            goodbyes = bytearray()
            for slot in self._note_refusals(slots):
                goodbyes += self._read(self._incoming.frame(slot), found)
            if goodbyes:
                self._goodbyes.send(self._wire.fileno(), goodbyes)
            for job, places in found.items():
                self._channel.send(FOUND + struct.pack(f"=I{len(places)}I", job.number, *places))
            if len(slots) < self._incoming.SLOTS * frames.SNAP_BYTES:
                return

    def _note_refusals(self, slots: memoryview) -> list[int]:
        """Note the refusals, which nearly all answers are; returns the slots that want a closer look."""
        hosts, closer = self._hosts, []
        for slot, told in enumerate(frames.ANSWER.iter_unpack(slots)):
            plain, protocol, address, port, source_port, acknowledged, flags = told
            host = hosts.get(address)
            if not (host and flags & _RST and plain == _PLAIN and protocol == _TCP) or host[5]:
                closer.append(slot)
                continue
            job = host[3]
            if source_port != host[0] or acknowledged != host[1] + (host[2] - port) % 0xFFFF:
                continue
            place = job.place.get(port)
            if place is None or job.states[host[4] + place]:
                continue
            self._note(job, host[4] + place, CLOSED)
        return closer

    def _read(self, frame: memoryview, found: dict[Job, list[int]]) -> bytes | bytearray:
        """Note what any frame tells; returns the goodbye to whoever let us in."""
        if frame[12:14] != _IPV4:
            self._meet(frame)
        elif frame[23] != _TCP:
            self._read_quote(frame)
        elif answer := frames.read_answer(frame):
            address, port, source_port, acknowledged, flags = answer
            if self._judge(address, port, source_port, acknowledged, flags, found):
                return self._goodbye(bytes(frame[6:12]), address, source_port, port, acknowledged)
        return b""

    def _judge(
        self, address: int, port: int, source_port: int, acknowledged: int, flags: int, found: dict[Job, list[int]]
    ) -> bool:
        """Note what an answer with our cookie tells; True where it let us in, and has to be told that we leave."""
        if not self._orders.may(address.to_bytes(4, "big")):
            return False
        our_port, high, low = self._cookie.of(address)
        if source_port != our_port or acknowledged != frames.sequence_of(high, low, port) + 1:
            return False
        if flags & frames.RST:
            state = CLOSED
        elif flags & frames.SYN_ACK == frames.SYN_ACK:
            state = OPEN
        else:
            return False
        for job, at in self._asked(address, port):
            self._note(job, at, state)
            if state == OPEN:
                found.setdefault(job, []).append(at)
        return state == OPEN

    def _asked(self, address: int, port: int) -> list[tuple[Job, int]]:
        """The jobs in which this port is still silent, and where."""
        asked = []
        host = self._hosts.get(address)
        while host:
            _, _, _, job, start, host = host
            place = job.place.get(port)
            if place is not None and not job.states[start + place]:
                asked.append((job, start + place))
        return asked

    def _note(self, job: Job, at: int, state: int) -> None:
        job.states[at] = state
        job.unknown -= 1
        self._answered += 1
        if job.tried > 1:
            self._repeated += 1
        if at == job.timed:
            job.timed = None
            self._learn(job, time.monotonic() - job.timed_s)
        if not job.unknown:
            self._look_again(job, 0.0)

    def _goodbye(self, mac: bytes, address: int, source_port: int, port: int, sequence: int) -> bytes | bytearray:
        frame = self._rst.slots(1)
        self._rst.patch(frame, 0, mac=mac, address=address, source_port=source_port, port=port, sequence=sequence)
        return frame

    def _read_quote(self, frame: memoryview) -> None:
        """Note what an ICMP "unreachable" tells, a few hundred a second at most: a flood of them costs nothing."""
        now = time.monotonic()
        if now - self._quotes_since_s >= 1:
            self._quotes, self._quotes_since_s = 0, now
        self._quotes += 1
        told = frames.quoted(frame) if self._quotes <= _QUOTES_A_SECOND else None
        if told is None:
            return
        address, port, source_port, sequence = told
        our_port, high, low = self._cookie.of(address)
        if source_port == our_port and sequence == frames.sequence_of(high, low, port):
            for job, at in self._asked(address, port):
                self._note(job, at, UNREACHABLE)

    def _meet(self, frame: memoryview) -> None:
        address = self._neighbours.meet(frame)
        if address is None:
            return
        if self._orders.may(address):
            self._tell_mac(address)
        for sought in self._sought.values():
            sought.discard(address)
        self._tell_resolved()
        for job, rows in self._waiting.pop(address, ()):
            self._send_over(address, job, rows)

    def _give_up(self, addresses: list[bytes]) -> None:
        """Whoever told no MAC is not there, nor what lies behind."""
        for address in addresses:
            for sought in self._sought.values():
                sought.discard(address)
            for job, _ in self._waiting.pop(address, ()):
                self._group_is_sent(job)
        if addresses:
            self._tell_resolved()

    def _tell_mac(self, address: bytes) -> None:
        self._channel.send(NEIGHBOUR + f"{text_of(address)} {self._neighbours.macs[address].hex(':')}".encode())

    def _tell_resolved(self) -> None:
        for number in [number for number, sought in self._sought.items() if not sought]:
            del self._sought[number]
            self._channel.send(RESOLVED + str(number).encode())

    # When it is enough.

    def _time(self, job: Job, at: int) -> bool:
        """Take the round trip of this question, one of a job at a time; whether it is this one now."""
        now = time.monotonic()
        is_this_one = job.timed is None or now - job.timed_s > LONGEST_WAIT_S / 4
        if is_this_one:
            job.timed, job.timed_s = at, now
        return is_this_one

    def _learn(self, job: Job, seconds: float) -> None:
        """Round trip and variation, as RFC 6298 counts them."""
        job.round_trip_s = max(job.round_trip_s, seconds)
        if not self._round_trip_s:
            self._round_trip_s, self._variation_s = seconds, seconds / 2
        self._variation_s += (abs(seconds - self._round_trip_s) - self._variation_s) / 4
        self._round_trip_s += (seconds - self._round_trip_s) / 8

    def _patience_s(self, job: Job) -> float:
        if not self._round_trip_s:
            return LONGEST_WAIT_S
        has_answered = job.unknown < len(job.states)
        least = SHORTEST_WAIT_S if has_answered or job.tried < self._tries() else STRANGER_WAIT_S
        return min(LONGEST_WAIT_S, max(least, self._round_trip_s + 4 * self._variation_s))

    def _tries(self) -> int:
        """How often a silent port is asked where there is no pace, by the loss that repetitions have shown."""
        if not self._repeated:
            return FEWEST_TRIES
        loss = min(0.5, self._repeated / self._answered)
        return min(MOST_TRIES, max(FEWEST_TRIES + 1, math.ceil(math.log(MISSED) / math.log(loss))))

    def _settle(self) -> None:
        """End the jobs that have been waited for, or ask their silent ports again."""
        now = time.monotonic()
        while self._resting and self._resting[0][0] <= now:
            _, _, job = heapq.heappop(self._resting)
            if job.is_over or (job.unknown and (job.groups or job.flying)):
                continue
            due = job.sent_s + (job.wait_s or self._patience_s(job))
            if job.unknown and due > now:
                # The round trip that decides may be known any moment.
                self._look_again(job, due if job.wait_s or self._round_trip_s else min(due, now + SHORTEST_WAIT_S))
            elif job.unknown and not job.wait_s and job.tried < self._tries():
                self._repeat(job)
            else:
                self._finish(job)

    def _repeat(self, job: Job) -> None:
        job.tried += 1
        hops: dict[bytes, list[int]] = {}
        for row in job.rows():
            packed = job.addresses[row].to_bytes(4, "big")
            hop = packed if self._orders.is_on_link(packed) else self._gateway
            # Whoever told no MAC a moment ago is not asked for it again.
            if hop in self._neighbours.macs:
                hops.setdefault(hop, []).append(row)
        job.groups = len(hops)
        for hop, rows in hops.items():
            self._send_over(hop, job, rows)
        if not hops:
            self._finish(job)

    def _finish(self, job: Job) -> None:
        job.is_over = True
        for address in job.addresses:
            kept = _without(job, self._hosts.get(address))
            if kept:
                self._hosts[address] = kept
            else:
                self._hosts.pop(address, None)
        round_trip_us = min(0xFFFFFFFF, int(job.round_trip_s * 1e6))
        for start in range(0, len(job.states), _PART_BYTES):
            part = PART.pack(job.number, start, len(job.states), round_trip_us)
            self._channel.send(STATES + part + job.states[start : start + _PART_BYTES])


class Stream:
    """Hosts behind one MAC that are asked at the pace, port by port."""

    def __init__(self, job: Job, mac: bytes, rows: list[int]) -> None:
        """Takes the job, the MAC, and the job's rows."""
        self.job, self.mac = job, mac
        self.has_one_host = len(rows) == 1
        self.is_taken = True
        self._turns = ((row, place) for place in range(len(job.ports)) for row in rows)
        self._turn: tuple[int, int] | None = None

    def next(self) -> tuple[int, int] | None:
        """Row and place of the next question, the same until `is_taken` is set; None where there is none left."""
        if self.is_taken:
            self.is_taken, states, width = False, self.job.states, len(self.job.ports)
            self._turn = next((turn for turn in self._turns if not states[turn[0] * width + turn[1]]), None)
        return self._turn


def _without(job: Job, host: "Host | None") -> "Host | None":
    """The chain of a host's jobs but for this one."""
    if host is None:
        return None
    rest = _without(job, host[5])
    return rest if host[3] is job else (*host[:5], rest)
