"""Many frames in one system call: Linux' `sendmmsg` and `recvmmsg`, called without holding up other threads."""

import ctypes
import errno
import os
import socket
import threading
import time
from array import array
from collections import deque
from queue import SimpleQueue

from .frames import SNAP_BYTES, STRIDE
from .job import Job

_QUEUE_IS_FULL_S = 0.001


# Machine words of `struct iovec`, and of `struct mmsghdr`, which are the same on 32 and 64 bits: name, its length,
# vectors, how many, control, its length, flags, and the length of what was received.
_VECTOR_WORDS, _MESSAGE_WORDS = 2, 8
_VECTORS_AT, _COUNT_AT, _RECEIVED_AT = 2, 3, 7
_WORD_BYTES = array("L").itemsize


class _Slots:
    """A buffer in equal slots, and what the kernel must be told of each."""

    def __init__(self, slots: int, apart_bytes: int, frame_bytes: int) -> None:
        self.buffer = bytearray(slots * apart_bytes)
        self._libc = ctypes.CDLL(None, use_errno=True)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer))
        self._vectors = array("L", bytes(slots * _VECTOR_WORDS * _WORD_BYTES))
        self._vectors[0::_VECTOR_WORDS] = array("L", range(start, start + len(self.buffer), apart_bytes))
        self._vectors[1::_VECTOR_WORDS] = array("L", [frame_bytes]) * slots
        first, _ = self._vectors.buffer_info()
        vectors = range(first, first + len(self._vectors) * _WORD_BYTES, _VECTOR_WORDS * _WORD_BYTES)
        self._messages = array("L", bytes(slots * _MESSAGE_WORDS * _WORD_BYTES))
        self._messages[_VECTORS_AT::_MESSAGE_WORDS] = array("L", vectors)
        self._messages[_COUNT_AT::_MESSAGE_WORDS] = array("L", [1]) * slots
        self._first, _ = self._messages.buffer_info()

    def _call(self, name: str, descriptor: int, first: int, *more: int | None) -> int:
        at = ctypes.c_void_p(self._first + first * _MESSAGE_WORDS * _WORD_BYTES)
        done = getattr(self._libc, name)(descriptor, at, *more)
        if done < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return int(done)


class Outgoing(_Slots):
    """Sends frames of one length that lie STRIDE bytes apart."""

    SLOTS = 1_024

    def __init__(self, frame_bytes: int) -> None:
        """Takes the length of every frame."""
        super().__init__(self.SLOTS, STRIDE, frame_bytes)

    def send(self, descriptor: int, frames: bytes | bytearray) -> None:
        """Send all of them; where the card's queue is full, wait for it.

        Raises:
            OSError: the interface is down or gone.
        """
        for start in range(0, len(frames), len(self.buffer)):
            part = frames[start : start + len(self.buffer)]
            self.buffer[: len(part)] = part
            sent, count = 0, len(part) // STRIDE
            while sent < count:
                try:
                    sent += self._call("sendmmsg", descriptor, sent, count - sent, 0)
                except OSError as fault:
                    if fault.errno not in (errno.ENOBUFS, errno.EAGAIN, errno.EINTR):
                        raise
                    time.sleep(_QUEUE_IS_FULL_S)


class Incoming(_Slots):
    """Takes in the frames that wait, SNAP_BYTES apart."""

    SLOTS = 512

    def __init__(self) -> None:
        """Takes nothing."""
        super().__init__(self.SLOTS, SNAP_BYTES, SNAP_BYTES)
        self._view = memoryview(self.buffer)

    def receive(self, descriptor: int) -> memoryview:
        """The slots that were filled, one after the other; valid until the next call."""
        try:
            count = self._call("recvmmsg", descriptor, 0, self.SLOTS, socket.MSG_DONTWAIT, None)
        except BlockingIOError:
            count = 0
        return self._view[: count * SNAP_BYTES]

    def frame(self, slot: int) -> memoryview:
        """The frame in a slot, as long as it came."""
        start = slot * SNAP_BYTES
        return self._view[start : start + min(self._messages[slot * _MESSAGE_WORDS + _RECEIVED_AT], SNAP_BYTES)]


class Senders:
    """Threads that send what is put to them, so that both directions of a busy link have a processor each."""

    # More than this many chunks ahead only cost memory.
    AHEAD = 16

    def __init__(self, descriptor: int, frame_bytes: int, count: int) -> None:
        """Starts the threads; `bell` becomes readable whenever a chunk has left."""
        self.in_flight = 0
        self.bell = os.eventfd(0, os.EFD_NONBLOCK)
        self._descriptor, self._frame_bytes = descriptor, frame_bytes
        self._chunks: SimpleQueue[tuple[list[Job], bytes | bytearray, list[Job]]] = SimpleQueue()
        self._left: deque[list[Job]] = deque()
        self._fault: OSError | None = None
        for _ in range(count):
            threading.Thread(target=self._work, daemon=True).start()

    @property
    def have_room(self) -> bool:
        """Whether another chunk would be sent soon."""
        return self.in_flight < self.AHEAD

    def put(self, jobs: list[Job], frames: bytes | bytearray, timed: list[Job]) -> None:
        """Have the frames of these jobs sent; the jobs come back from `left`. Those timed are told the moment."""
        self.in_flight += 1
        self._chunks.put((jobs, frames, timed))

    def left(self) -> list[list[Job]]:
        """The jobs of each chunk that has left since it was last asked.

        Raises:
            OSError: a thread could not send.
        """
        if not self.in_flight:
            return []
        try:
            os.eventfd_read(self.bell)
        except BlockingIOError:
            return []
        if self._fault:
            raise self._fault
        left = [self._left.popleft() for _ in range(len(self._left))]
        self.in_flight -= len(left)
        return left

    def _work(self) -> None:
        outgoing = Outgoing(self._frame_bytes)
        while not self._fault:
            jobs, frames, timed = self._chunks.get()
            for job in timed:
                job.timed_s = time.monotonic()
            try:
                outgoing.send(self._descriptor, frames)
            except OSError as fault:
                self._fault = fault
            self._left.append(jobs)
            os.eventfd_write(self.bell, 1)
