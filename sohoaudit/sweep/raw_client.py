"""Starts the raw helper and speaks with it; whatever happens to the helper, the audit goes on."""

import asyncio
import contextlib
import ipaddress
import itertools
import os
import shutil
import socket
import struct
import subprocess
import sys
from array import array
from collections.abc import AsyncGenerator, Collection, Sequence
from pathlib import Path
from typing import Self

from ..here import Here, Link
from ..model import Scope
from .helper import (
    ASK,
    FAULT,
    FOUND,
    MESSAGE_BYTES,
    NEIGHBOUR,
    PART,
    QUESTION,
    READY,
    RESOLVE,
    RESOLVED,
    STATES,
)
from .orders import Orders
from .pace import Manners

STARTS_WITHIN_S = 10.0
# A question for MACs ends by itself; this is for a helper that hangs.
RESOLVED_WITHIN_S = 5.0
CHANNEL_BYTES = 4 << 20
_CAP_NET_RAW = 13


class RawUnavailable(Exception):
    """The raw helper cannot work here; the text says why and how to change it."""


class Question:
    """Some ports of some hosts that were asked, and what is known of them so far.

    `found` are places of open ports that were not fetched yet, `states` the state of every place once all is known:
    that of port p of host h is at h times the number of ports plus p.
    """

    def __init__(self, number: int) -> None:
        """Takes the number under which the helper knows it."""
        self.number = number
        self.found: list[int] = []
        self.states: bytearray | None = None
        self.round_trip_s: float | None = None
        self.news = asyncio.Event()
        self._parts = bytearray()

    def take(self, part: bytes, whole: int, round_trip_us: int) -> None:
        """Take a part of the states, in order."""
        self._parts += part
        if len(self._parts) == whole:
            self.states, self.round_trip_s = self._parts, round_trip_us / 1e6 or None
            self.news.set()


class Raw:
    """A running helper; hears one link and sends on it."""

    def __init__(self, process: "subprocess.Popen[bytes]", channel: socket.socket) -> None:
        """Takes the started process and our end of the channel; use `start`."""
        self.fault: str | None = None
        self.is_over = False
        self._process, self._channel = process, channel
        self._buffer = bytearray(MESSAGE_BYTES)
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._gateway = ""
        self._numbers = itertools.count(1)
        self._questions: dict[int, Question] = {}
        self._met: asyncio.Queue[tuple[str, str] | None] | None = None
        self._is_ready = asyncio.Event()

    @classmethod
    async def start(cls, scope: Scope, manners: Manners, here: Here, shut: Collection[int]) -> Self:
        """Start the helper on the link that leads to the scope.

        Raises:
            RawUnavailable: there is no right to, or no link on which it could work.
        """
        if sys.platform != "linux":
            raise RawUnavailable("raw sockets are used on Linux alone")
        command = command_to_start()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHANNEL_BYTES)
            process = subprocess.Popen(  # noqa: S603  # our own interpreter, or sudo with it
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        ours.setblocking(False)
        raw = cls(process, ours)
        asyncio.get_running_loop().add_reader(ours, raw._read)
        try:
            # While the helper starts.
            link, gateway = await asyncio.to_thread(_way_to, scope, here)
            await raw._begin(_orders(scope, manners, here, link, gateway, shut))
        except RawUnavailable:
            await raw.close()
            raise
        return raw

    async def _begin(self, orders: Orders) -> None:
        self._gateway = orders.gateway
        six = bool(orders.source6)
        self._networks = [ipaddress.ip_network(text) for text in orders.on_link if six or ":" not in text]
        await self._send(orders.text().encode())
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                await self._is_ready.wait()
        except TimeoutError:
            self._end("it did not start in time")
        if self.fault:
            raise RawUnavailable(self.fault)

    def can_ask(self, address: str) -> bool:
        """Whether a question to the address leaves through this helper's link."""
        if self.is_over or ":" in address:
            return False
        return bool(self._gateway) or self.can_resolve(address)

    def can_resolve(self, address: str) -> bool:
        """Whether the address is on this helper's link."""
        if self.is_over:
            return False
        ip = ipaddress.ip_address(address)
        return any(ip.version == network.version and ip in network for network in self._networks)

    async def ask(self, addresses: Sequence[int], ports: Sequence[int], gap_s: float, wait_s: float) -> Question:
        """Send a SYN to each port of each host (IPv4 addresses as numbers); answers come until `forget`.

        Args:
            addresses: at most 16,384.
            ports: of each of them.
            gap_s: between two packets to a host, at least; 0 where the helper's own pace is enough.
            wait_s: how long silence is waited for; 0 leaves that, and repetitions, to the helper.
        """
        question = Question(next(self._numbers))
        self._questions[question.number] = question
        head = QUESTION.pack(question.number, int(gap_s * 1e6), int(wait_s * 1e6), len(addresses), len(ports))
        await self._send(ASK + head + array("I", addresses).tobytes() + array("H", ports).tobytes())
        if self.is_over:
            question.news.set()
        return question

    def forget(self, question: Question) -> None:
        """Whatever still comes for the question is not awaited any more."""
        self._questions.pop(question.number, None)

    async def resolve(self, addresses: Sequence[str]) -> AsyncGenerator[tuple[str, str], None]:
        """Ask the link for the MAC of each address, by ARP or ND; yields (address, MAC) as they answer."""
        met = self._met = asyncio.Queue()
        starts = range(0, len(addresses), 512)
        for start in starts:
            await self._send(RESOLVE + " ".join((str(start), *addresses[start : start + 512])).encode())
        left = 0 if self.is_over else len(starts)
        with contextlib.suppress(TimeoutError):
            while left:
                async with asyncio.timeout(RESOLVED_WITHIN_S):
                    item = await met.get()
                if item is None:
                    left = 0 if self.is_over else left - 1
                else:
                    yield item
        self._met = None

    async def close(self) -> None:
        """End the helper and wait for its end."""
        self._end(None)
        try:
            await asyncio.to_thread(self._process.wait, 2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def _send(self, message: bytes) -> None:
        if self.is_over:
            return
        try:
            await asyncio.get_running_loop().sock_sendall(self._channel, message)
        except OSError:
            self._end("it ended unexpectedly")

    def _read(self) -> None:
        view = memoryview(self._buffer)
        for _ in range(32):
            try:
                size = self._channel.recv_into(view)
            except BlockingIOError:
                return
            except OSError:
                size = 0
            if not size:
                self._end("it ended unexpectedly")
                return
            self._take(view[:1].tobytes(), view[1:size])

    def _take(self, kind: bytes, told: memoryview) -> None:
        if kind == FOUND:
            number, *places = struct.unpack(f"={len(told) // 4}I", told)
            if question := self._questions.get(number):
                question.found.extend(places)
                question.news.set()
        elif kind == STATES:
            number, _, whole, round_trip_us = PART.unpack_from(told)
            if question := self._questions.get(number):
                question.take(told[PART.size :].tobytes(), whole, round_trip_us)
        elif kind == FAULT:
            self._end(told.tobytes().decode())
        elif kind == READY:
            self._is_ready.set()
        elif self._met is not None and kind == NEIGHBOUR:
            address, mac = told.tobytes().decode().split()
            self._met.put_nowait((address, mac))
        elif self._met is not None and kind == RESOLVED:
            self._met.put_nowait(None)

    def _end(self, fault: str | None) -> None:
        if self.is_over:
            return
        self.is_over, self.fault = True, fault
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._is_ready.set()
        if self._met is not None:
            self._met.put_nowait(None)
        for question in self._questions.values():
            question.news.set()


def helper_command() -> list[str]:
    """The words that start the helper.

    By its path and without site-packages: so it is ready in a quarter of the time that our own imports would take.
    """
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("raw.py"))]


def command_to_start() -> list[str]:
    """The words that start the helper with the right to open a packet socket.

    Raises:
        RawUnavailable: there is no such right here.
    """
    helper = helper_command()
    if has_raw_right():
        return helper
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "-l", *helper], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return [sudo, "-n", *helper]
    raise RawUnavailable("raw packets need a right that this user lacks: run it with sudo, or see sohoaudit doctor")


def has_raw_right() -> bool:
    """Whether this process may open a packet socket: CAP_NET_RAW, which root has."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return os.geteuid() == 0
    effective = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff")), 0)
    return bool(effective >> _CAP_NET_RAW & 1)


def _way_to(scope: Scope, here: Here) -> tuple[Link, str]:
    """The link that the scope stands on, else the one that its gateway stands on; with the gateway's address or ""."""
    gateways = [address for address in here.gateways if ":" not in address]
    on_scope = here.links_into(scope)
    towards = [link for gateway in gateways if (link := here.interface_towards(gateway))]
    for link in (*on_scope, *towards):
        beside = [gateway for gateway in gateways if ipaddress.ip_address(gateway) in link.network]
        return link, next(iter(beside), "")
    raise RawUnavailable("no link of this machine leads to the targets over IPv4")


def _orders(scope: Scope, manners: Manners, here: Here, link: Link, gateway: str, shut: Collection[int]) -> Orders:
    beside = [other for other in here.links if other.interface == link.interface]
    return Orders(
        interface=link.interface,
        source=str(link.address),
        source6=next((str(other.address) for other in beside if other.address.version == 6), ""),
        gateway=gateway,
        on_link=[str(other.network) for other in beside],
        networks=[str(network) for network in scope.networks],
        excluded=[str(network) for network in scope.excluded],
        shut=sorted(shut),
        host_rate=manners.host_packets_a_second,
        run_rate=manners.run_packets_a_second,
    )
