"""Makes connection attempts by the thousand: one thread hears of all of them and uses refused sockets again.

What may be asked, and when, was decided before it is handed over here. Linux answers a second `connect` on a socket
with the outcome of the first, and resets the socket where that was a refusal: a closed port costs two calls and no new
socket. Elsewhere every attempt has a socket of its own.
"""

import asyncio
import contextlib
import errno
import functools
import math
import os
import select
import selectors
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

# Just under the second after which the kernel sends the SYN again, outside our pace (RFC 6298, section 2.1).
FIRST_TIMEOUT_S = 0.95
SHORTEST_TIMEOUT_S = 0.3
# So many sockets at once, where there are descriptors for them; the rest of the audit needs some too.
MOST_AT_ONCE, LEFT_TO_OTHERS = 16_384, 256
# Attempts begun before the next look at what was answered, and those of one host before it is another one's turn.
BEGUN_AT_ONCE, BEGUN_IN_TURN = 128, 16
# So often silences are counted and, with the refusals, told together.
LOOK_EVERY_S = 0.02
# Where descriptors, source ports or buffers ran out: wait so long, and this long in all while nothing gets better.
PAUSE_S, PATIENCE_S = 0.02, 3.0
# The thread ends when there was nothing to do for so long.
IDLE_S = 0.2
# No MAC, no route, an interface that went down, a firewall of this machine's own: no answer of the host's.
NO_WAY = {errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, errno.EACCES, errno.EPERM}

Address = tuple[str, int] | tuple[str, int, int, int]

_UNDER_WAY = {errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK, errno.EINTR}
_OPEN = {0, errno.EISCONN}
_CLOSED = {errno.ECONNREFUSED, errno.ECONNRESET}
_RAN_OUT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EADDRINUSE}
_RESET = struct.pack("ii", 1, 0)


def patience_s(round_trip_s: float | None) -> float:
    """How long to wait for an answer: four round trips and a little, never longer than for a stranger."""
    if round_trip_s is None:
        return FIRST_TIMEOUT_S
    return min(FIRST_TIMEOUT_S, max(SHORTEST_TIMEOUT_S, 4 * round_trip_s + 0.1))


@dataclass(slots=True)
class News:
    """What became of some ports of a batch; `round_trip_s` is its fastest answer's, None where there was none yet."""

    open: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    silent: list[int] = field(default_factory=list)
    round_trip_s: float | None = None
    fault: OSError | None = None
    is_last: bool = False


@dataclass(slots=True, eq=False)
class Batch:
    """Ports of one host, handed over at once, and how far they are.

    Attributes:
        todo: the ports; the thread takes them away.
        place_of: where to dial for a port.
        family: of those addresses.
        round_trip_s: the host's, as far as it is known.
        is_hasty: whether no manners hold: a connection is reset and not closed, and who never answered is waited
            for no longer than the others.
        is_sample: whether somebody waits for the first answer, be it a refusal.
        told: where the news goes, in this event loop.
    """

    todo: deque[int]
    place_of: Callable[[int], Address]
    family: socket.AddressFamily
    round_trip_s: float | None
    is_hasty: bool
    is_sample: bool
    told: "asyncio.Queue[News]"
    loop: asyncio.AbstractEventLoop
    is_cancelled: bool = False
    is_over: bool = False
    fastest_s: float = math.inf
    slowest_s: float = 0.0
    under_way: int = 0
    short_s: float = 0.0
    news: News = field(default_factory=News)
    waves: "deque[_Wave]" = field(default_factory=deque)

    def patience_s(self, slowest_of_all_s: float | None) -> float:
        """How long its attempts wait, by its own answers so far or, where it is in haste, by those of all."""
        if self.slowest_s:
            return patience_s(max(self.slowest_s, self.round_trip_s or 0))
        return patience_s(slowest_of_all_s if self.is_hasty and self.round_trip_s is None else self.round_trip_s)


class _Wave(NamedTuple):
    """Attempts of one batch that began together."""

    batch: Batch
    began_s: float
    attempts: "list[_Attempt]"


class _Attempt:
    """A socket, and the attempt that is under way on it, if one is."""

    __slots__ = ("connect", "descriptor", "place", "port", "sock", "wave")

    def __init__(self, family: socket.AddressFamily) -> None:
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.descriptor = self.sock.fileno()
        self.connect = self.sock.connect_ex
        self.port = 0
        self.place: Address = ("", 0)
        self.wave: _Wave | None = None


class Attempts:
    """Takes batches from the event loop's thread; its own thread lives while there is something to do."""

    def __init__(self) -> None:
        """Starts nothing yet."""
        self._lock = threading.Lock()
        self._incoming: list[Batch] = []
        self._worker: _Worker | None = None

    def hand_over(self, batch: Batch) -> None:
        """Ask its ports from now on; the news ends with one that is marked as the last.

        Raises:
            OSError: no descriptor is left to start with.
        """
        with self._lock:
            if self._worker is None:
                self._worker = _Worker(self._next)
                threading.Thread(target=self._worker.run, name="connection attempts", daemon=True).start()
            self._incoming.append(batch)
            self._worker.wake()

    def cancel(self, batch: Batch) -> None:
        """Close what is under way of it, and tell no more of it."""
        if batch.is_over:
            return
        with self._lock:
            batch.is_cancelled = True
            if self._worker:
                self._worker.wake()

    def _next(self, is_idle: bool) -> list[Batch] | None:
        """The batches that came in meanwhile; None where an idle worker is over."""
        with self._lock:
            batches, self._incoming = self._incoming, []
            if is_idle and not batches and self._worker:
                self._worker.close()
                self._worker = None
                return None
            return batches


class _Worker:
    """The loop of the thread: begins attempts, hears what became of them, gives up the late, tells the news."""

    def __init__(self, next_batches: Callable[[bool], list[Batch] | None]) -> None:
        self._next_batches = next_batches
        self._uses_again = refused_sockets_work_again()
        self._ear, self._bell = socket.socketpair()
        self._readiness: _Epoll | _Selector = _Epoll() if self._uses_again else _Selector()
        for end in (self._ear, self._bell):
            end.setblocking(False)
        self._readiness.listen(self._ear.fileno())
        self._batches: set[Batch] = set()
        # Those with ports left to ask, by whether one of their ports answered; the one whose turn it is first.
        self._strangers: dict[Batch, None] = {}
        self._answering: dict[Batch, None] = {}
        self._with_news: set[Batch] = set()
        self._attempts: dict[int, _Attempt] = {}
        self._under_way = 0
        self._idle: dict[int, list[_Attempt]] = {socket.AF_INET: [], socket.AF_INET6: []}
        self._most = self._window = most_at_once()
        self._slowest_s: float | None = None
        self._next_look_s = self._paused_until_s = 0.0
        self._busy_s = time.monotonic()

    def wake(self) -> None:
        """Make it look for new batches and cancelled ones."""
        with contextlib.suppress(BlockingIOError):
            self._bell.send(b"!")

    def close(self) -> None:
        """Give back every descriptor."""
        self._close_idle()
        self._ear.close()
        self._bell.close()
        self._readiness.close()

    def run(self) -> None:
        """Work until there was nothing to do for a while."""
        while (batches := self._next_batches(self._is_idle())) is not None:
            self._batches.update(batches)
            self._strangers.update(dict.fromkeys(batches))
            try:
                self._step()
            except Exception as fault:
                # Whatever it is, nobody may wait for ever.
                for batch in tuple(self._batches):
                    self._fail(batch, OSError(errno.EIO, f"{type(fault).__name__}: {fault}"))

    def _is_idle(self) -> bool:
        return not self._batches and time.monotonic() - self._busy_s >= IDLE_S

    def _step(self) -> None:
        now_s = time.monotonic()
        if self._batches:
            self._busy_s = now_s
        if now_s >= self._paused_until_s:
            self._begin_some()
        has_room = self._under_way < self._window and now_s >= self._paused_until_s
        can_begin = has_room and (self._strangers or self._answering)
        self._hear(0 if can_begin else LOOK_EVERY_S if self._batches else IDLE_S)
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + LOOK_EVERY_S
            self._window = min(self._most, self._window + self._window // 8 + 1)
            for batch in tuple(self._batches):
                self._look_after(batch, now_s)
        self._tell(self._with_news)
        self._with_news.clear()

    def _begin_some(self) -> None:
        """Begin attempts of each batch in turn, as far as there are descriptors."""
        room = min(BEGUN_AT_ONCE, self._window - self._under_way)
        while room > 0 and (batch := self._next_in_turn()):
            wave = _Wave(batch, time.monotonic(), [])
            batch.waves.append(wave)
            for _ in range(min(room, BEGUN_IN_TURN)):
                if batch.todo:
                    self._begin(wave, batch.todo.popleft())
                    room -= 1
                if self._paused_until_s > wave.began_s:
                    return
            if batch.todo:
                self._wait(batch)

    def _next_in_turn(self) -> Batch | None:
        """Silence takes longest, so it begins first, unless it fills the half of what there is."""
        queues = (self._strangers, self._answering)
        for queue in queues if self._under_way <= self._window // 2 else reversed(queues):
            while queue:
                batch = next(iter(queue))
                del queue[batch]
                if queue is self._answering or not batch.slowest_s:
                    return batch
                self._answering[batch] = None
        return None

    def _wait(self, batch: Batch) -> None:
        (self._answering if batch.slowest_s else self._strangers)[batch] = None

    def _begin(self, wave: _Wave, port: int) -> None:
        batch = wave.batch
        idle = self._idle[batch.family]
        is_fresh = not idle
        try:
            attempt = _Attempt(batch.family) if is_fresh else idle.pop()
        except OSError as fault:
            self._put_off(batch, port, fault.errno or errno.EIO)
            return
        self._attempts[attempt.descriptor] = attempt
        attempt.port, attempt.place, attempt.wave = port, batch.place_of(port), wave
        wave.attempts.append(attempt)
        batch.under_way += 1
        self._under_way += 1
        code = attempt.connect(attempt.place)
        if is_fresh:
            self._readiness.add(attempt.descriptor)
        if code in _UNDER_WAY:
            batch.short_s = 0.0
        else:
            self._settle(attempt, wave, code, time.monotonic())

    def _hear(self, timeout_s: float) -> None:
        ready = self._readiness.ready(timeout_s)
        now_s = time.monotonic()
        for descriptor in ready:
            attempt = self._attempts.get(descriptor)
            if attempt is None:
                with contextlib.suppress(BlockingIOError):
                    self._ear.recv(4_096)
            elif attempt.wave:
                code = attempt.connect(attempt.place) if self._uses_again else _error_of(attempt.sock)
                if code not in _UNDER_WAY:
                    self._settle(attempt, attempt.wave, code, now_s)

    def _settle(self, attempt: _Attempt, wave: _Wave, code: int, now_s: float) -> None:
        """Note what became of an attempt, and free its socket."""
        batch, port = wave.batch, attempt.port
        if code in _OPEN and _is_echo(attempt.sock):
            code = errno.ECONNRESET
        self._free(attempt, batch, code)
        if code in _CLOSED:
            batch.news.closed.append(port)
            self._measure(batch, now_s - wave.began_s)
        elif code in _OPEN:
            batch.news.open.append(port)
            self._measure(batch, now_s - wave.began_s)
            self._with_news.add(batch)
        elif code in NO_WAY or code == errno.ETIMEDOUT:
            batch.news.silent.append(port)
        else:
            self._put_off(batch, port, code)
        if not (batch.under_way or batch.todo):
            self._with_news.add(batch)

    def _measure(self, batch: Batch, waited_s: float) -> None:
        if waited_s < batch.fastest_s:
            if batch.is_sample and not batch.slowest_s:
                self._with_news.add(batch)
            batch.fastest_s = waited_s
        if waited_s > batch.slowest_s:
            batch.slowest_s = waited_s
            self._slowest_s = max(waited_s, self._slowest_s or 0)

    def _free(self, attempt: _Attempt, batch: Batch, code: int) -> None:
        attempt.wave = None
        batch.under_way -= 1
        self._under_way -= 1
        if code == errno.ECONNREFUSED and self._uses_again:
            self._idle[batch.family].append(attempt)
            return
        if code in _OPEN and batch.is_hasty:
            attempt.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._close(attempt)

    def _close(self, attempt: _Attempt) -> None:
        del self._attempts[attempt.descriptor]
        self._readiness.drop(attempt.descriptor)
        attempt.sock.close()

    def _close_idle(self) -> None:
        for idle in self._idle.values():
            while idle:
                self._close(idle.pop())

    def _put_off(self, batch: Batch, port: int, code: int) -> None:
        """Ask the port again where this machine will have room for it, and hold fewer at once until then."""
        now_s = time.monotonic()
        batch.short_s = batch.short_s or now_s
        if code not in _RAN_OUT or now_s - batch.short_s > PATIENCE_S:
            self._fail(batch, OSError(code, os.strerror(code)))
            return
        batch.todo.appendleft(port)
        self._wait(batch)
        self._window = max(1, self._under_way)
        self._paused_until_s = now_s + PAUSE_S
        self._close_idle()

    def _look_after(self, batch: Batch, now_s: float) -> None:
        """Count as silent what waited long enough, and see that all that is known is told."""
        if batch.is_cancelled:
            self._drop(batch)
            return
        patience_s = batch.patience_s(self._slowest_s)
        while batch.waves and now_s - batch.waves[0].began_s >= patience_s:
            wave = batch.waves.popleft()
            for attempt in wave.attempts:
                if attempt.wave is wave:
                    # An ICMP error that came while the attempt was being made is told in this way alone.
                    is_refused = _error_of(attempt.sock) == errno.ECONNREFUSED
                    self._free(attempt, batch, errno.ETIMEDOUT)
                    (batch.news.closed if is_refused else batch.news.silent).append(attempt.port)
        if batch.news.closed or batch.news.silent or not (batch.under_way or batch.todo):
            self._with_news.add(batch)

    def _tell(self, batches: Iterable[Batch]) -> None:
        """Wake each event loop once, whatever it is told."""
        loops: dict[asyncio.AbstractEventLoop, list[tuple[Batch, News]]] = {}
        for batch in self._batches.intersection(batches):
            news, batch.news = batch.news, News()
            news.round_trip_s = batch.fastest_s if batch.slowest_s else None
            news.is_last = not (batch.under_way or batch.todo)
            if news.is_last:
                self._drop(batch)
            loops.setdefault(batch.loop, []).append((batch, news))
        for loop, told in loops.items():
            try:
                loop.call_soon_threadsafe(_hand_out, told)
            except RuntimeError:
                # The event loop is closed: nobody waits for it any more.
                for batch, _ in told:
                    self._drop(batch)

    def _fail(self, batch: Batch, fault: OSError) -> None:
        batch.news.fault = fault
        self._stop(batch)
        self._tell([batch])

    def _stop(self, batch: Batch) -> None:
        for wave in batch.waves:
            for attempt in wave.attempts:
                if attempt.wave is wave:
                    self._free(attempt, batch, errno.ETIMEDOUT)
        batch.waves.clear()
        batch.todo.clear()
        for queue in (self._strangers, self._answering):
            queue.pop(batch, None)

    def _drop(self, batch: Batch) -> None:
        """Ask and tell nothing more of it."""
        self._stop(batch)
        self._batches.discard(batch)
        batch.is_over = True


class _Epoll:
    """Linux: a socket stays known while it is used again and again, and each change of it is told once."""

    def __init__(self) -> None:
        self._epoll = select.epoll()

    def listen(self, descriptor: int) -> None:
        """Hear when it can be read."""
        self._epoll.register(descriptor, select.EPOLLIN)

    def add(self, descriptor: int) -> None:
        """Hear when the attempt that began on it is decided."""
        self._epoll.register(descriptor, select.EPOLLOUT | select.EPOLLET)

    def drop(self, descriptor: int) -> None:
        """Hear no more of it; it is closed next, which is enough here."""

    def ready(self, timeout_s: float) -> list[int]:
        return [descriptor for descriptor, _ in self._epoll.poll(timeout_s, 4 * BEGUN_AT_ONCE)]

    def close(self) -> None:
        self._epoll.close()


class _Selector:
    """Everywhere else: whatever the system has, kqueue on macOS and the BSDs."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def listen(self, descriptor: int) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ)

    def add(self, descriptor: int) -> None:
        self._selector.register(descriptor, selectors.EVENT_WRITE)

    def drop(self, descriptor: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)

    def ready(self, timeout_s: float) -> list[int]:
        return [key.fd for key, _ in self._selector.select(timeout_s)]

    def close(self) -> None:
        self._selector.close()


def _hand_out(told: Sequence[tuple[Batch, News]]) -> None:
    for batch, news in told:
        batch.told.put_nowait(news)


def most_at_once() -> int:
    """How many sockets may be under way together; the limit of descriptors is raised as far as the system allows."""
    try:
        import resource
    except ImportError:
        # Windows, whose `select` knows 512 sockets.
        return LEFT_TO_OTHERS
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (sys.maxsize if limit == resource.RLIM_INFINITY else limit for limit in limits)
    wanted = min(hard, MOST_AT_ONCE + LEFT_TO_OTHERS)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, limits[1]))
            soft = wanted
    return max(1, min(MOST_AT_ONCE, max(soft - LEFT_TO_OTHERS, soft // 4)))


@functools.cache
def refused_sockets_work_again() -> bool:
    """Whether this system is Linux and behaves like it: tried once, on loopback, on a port that is taken and shut."""
    if sys.platform != "linux":
        return False
    with socket.socket() as shut, socket.socket() as sock:
        shut.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        changes = select.poll()
        changes.register(sock, select.POLLOUT)
        codes = []
        for _ in range(2):
            code = sock.connect_ex(shut.getsockname())
            if code == errno.EINPROGRESS:
                changes.poll(100)
                code = sock.connect_ex(shut.getsockname())
            codes.append(code)
        return codes == [errno.ECONNREFUSED] * 2


def _error_of(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _is_echo(sock: socket.socket) -> bool:
    """Whether a port of this machine's own met itself: an attempt may happen to come from the very port it goes to."""
    try:
        return bool(sock.getsockname() == sock.getpeername())
    except OSError:
        return False
