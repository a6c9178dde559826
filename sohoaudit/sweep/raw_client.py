"""Starts the raw helper and speaks with it; whatever happens to the helper, the audit goes on."""

import asyncio
import contextlib
import ipaddress
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Self

from ..here import Here, Link
from ..model import Scope
from . import State
from .pace import Manners
from .raw import ASK, CLOSED, FAULT, MESSAGE_BYTES, NEIGHBOUR, OPEN, RESOLVE, SENT, STATE, STATES, Orders

STARTS_WITHIN_S = 10.0
# Three tries of the helper, 0.25 s apart, end within this once all were asked.
RESOLVED_WITHIN_S = 0.9
CHANNEL_BYTES = 4 << 20
_CAP_NET_RAW = 13
_STATES = {OPEN: State.OPEN, CLOSED: State.CLOSED}


class RawUnavailable(Exception):
    """The raw helper cannot work here; the text says why and how to change it."""


class Question:
    """Some ports of one host that were asked, and what is known of them so far."""

    def __init__(self, ports: Sequence[int]) -> None:
        """Takes the ports."""
        self.pending = set(ports)
        self.first = ports[0] if ports else 0
        self.is_sent = False
        self.answers: list[tuple[int, State]] = []
        self.news = asyncio.Event()


class Raw:
    """A running helper; hears one link and sends on it."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        channel: socket.socket,
        link: Link,
        gateway: str,
        packets_a_second: float,
    ) -> None:
        """Takes the started process and our end of the channel; use `start`."""
        self.fault: str | None = None
        self.is_over = False
        self._process, self._channel, self._link, self._gateway = process, channel, link, gateway
        self._packets_a_second = packets_a_second
        self._questions: dict[int, list[Question]] = {}
        self._met: asyncio.Queue[tuple[str, str]] | None = None
        self._is_ready = asyncio.Event()

    @classmethod
    async def start(cls, scope: Scope, manners: Manners, here: Here, shut: Collection[int]) -> Self:
        """Start the helper on the link that leads to the scope.

        Raises:
            RawUnavailable: there is no right to, or no link on which it could work.
        """
        if sys.platform != "linux":
            raise RawUnavailable("raw sockets are used on Linux alone")
        # pyroute2 runs a loop of its own, which must not meet ours.
        link, gateway = await asyncio.to_thread(_way_to, scope, here)
        command = command_to_start()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHANNEL_BYTES)
            process = subprocess.Popen(  # noqa: S603  # our own interpreter, or sudo with it
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        ours.setblocking(False)
        raw = cls(process, ours, link, gateway, manners.run_packets_a_second)
        ours.send(json.dumps(asdict(_orders(scope, manners, here, link, gateway, shut))).encode())
        asyncio.get_running_loop().add_reader(ours, raw._read)
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                await raw._is_ready.wait()
        except TimeoutError:
            raw._end("it did not start in time")
        if raw.fault:
            await raw.close()
            raise RawUnavailable(raw.fault)
        return raw

    def can_ask(self, address: str) -> bool:
        """Whether a question to the address leaves through this helper's link."""
        if self.is_over or ":" in address:
            return False
        return self.can_resolve(address) or bool(self._gateway)

    def can_resolve(self, address: str) -> bool:
        """Whether the address is on this helper's link."""
        return not self.is_over and ":" not in address and ipaddress.ip_address(address) in self._link.network

    async def ask(self, address: str, ports: Sequence[int]) -> Question:
        """Send a SYN to each port; answers come into the question until `forget`."""
        number, question = int(ipaddress.IPv4Address(address)), Question(ports)
        self._questions.setdefault(number, []).append(question)
        if ports:
            await self._send(ASK + struct.pack(f"!I{len(ports)}H", number, *ports))
        return question

    def forget(self, address: str, question: Question) -> None:
        """Whatever still comes for the question is not awaited any more."""
        number = int(ipaddress.IPv4Address(address))
        self._questions[number].remove(question)
        if not self._questions[number]:
            del self._questions[number]

    async def resolve(self, addresses: Sequence[str]) -> AsyncGenerator[tuple[str, str], None]:
        """Ask the link for the MAC of each address, by ARP or ND; yields (address, MAC) as they answer."""
        self._met = asyncio.Queue()
        for start in range(0, len(addresses), 512):
            await self._send(RESOLVE + " ".join(addresses[start : start + 512]).encode())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESOLVED_WITHIN_S + len(addresses) / self._packets_a_second):
                for _ in addresses:
                    yield await self._met.get()
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
        for _ in range(32):
            try:
                message = self._channel.recv(MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                self._end("it ended unexpectedly")
                return
            self._take(message)

    def _take(self, message: bytes) -> None:
        if message[:1] == STATES:
            for number, port, state in STATE.iter_unpack(message[1:]):
                for question in self._questions.get(number, ()):
                    if state == SENT:
                        question.is_sent |= port == question.first
                        question.news.set()
                    elif port in question.pending:
                        question.pending.discard(port)
                        question.answers.append((port, _STATES.get(state, State.SILENT)))
                        question.news.set()
        elif message[:1] == FAULT:
            self._end(message[1:].decode())
        elif message == NEIGHBOUR:
            self._is_ready.set()
        elif self._met is not None:
            address, mac = message[1:].decode().split()
            self._met.put_nowait((address, mac))

    def _end(self, fault: str | None) -> None:
        if self.is_over:
            return
        self.is_over, self.fault = True, fault
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        self._is_ready.set()
        for questions in self._questions.values():
            for question in questions:
                question.news.set()


def command_to_start() -> list[str]:
    """The words that start the helper with the right to open a packet socket.

    Raises:
        RawUnavailable: there is no such right here.
    """
    helper = [sys.executable, "-m", f"{__package__}.raw"]
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
