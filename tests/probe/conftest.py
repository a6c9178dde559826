"""Servers of a few lines, and real daemons on high ports."""

import asyncio
import importlib.util
import re
import subprocess
import sys
import time
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sohoaudit.model import Endpoint, Transport
from sohoaudit.probe import Dialogue

from .loopback import HERE, Serve, dialogue


@pytest.fixture
def dial() -> Dialogue:
    return dialogue()


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Endpoint]]]:
    """Start a TCP server of one coroutine and return its endpoint; with `ssl`, behind TLS."""
    servers: list[asyncio.Server] = []

    async def start(speak: Serve, **options: object) -> Endpoint:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await speak(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handle, HERE, 0, **options)  # type: ignore[arg-type]
        servers.append(server)
        return Endpoint(HERE, server.sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()


@pytest_asyncio.fixture
async def answers() -> AsyncIterator[Callable[..., Awaitable[Endpoint]]]:
    """Start a UDP responder of one function from question to answer (or None) and return its endpoint."""
    transports: list[asyncio.DatagramTransport] = []

    class Responder(asyncio.DatagramProtocol):
        def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
            self.answer = answer

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            if (answer := self.answer(data)) is not None:
                self.transport.sendto(answer, addr)  # type: ignore[attr-defined]

    async def start(answer: Callable[[bytes], bytes | None]) -> Endpoint:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Responder(answer), local_addr=(HERE, 0))
        transports.append(transport)
        return Endpoint(HERE, transport.get_extra_info("sockname")[1], Transport.UDP)

    yield start
    for transport in transports:
        transport.close()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Run a daemon until the test ends; wait until its port is bound, which is read from /proc and not asked for."""
    running: list[subprocess.Popen[bytes]] = []

    def start(command: list[str], port: int, *, udp: bool = False, **options: object) -> subprocess.Popen[bytes]:
        log = (tmp_path / f"{Path(command[0]).name}.log").open("wb")
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **options,  # type: ignore[call-overload]
        )
        running.append(process)
        table = Path("/proc/net/udp" if udp else "/proc/net/tcp")
        ends = time.monotonic() + 10
        while not re.search(rf":{port:04X} 00000000:0000 {'07' if udp else '0A'}", table.read_text()):
            assert process.poll() is None, f"{command[0]} ended: {Path(log.name).read_text()}"
            assert time.monotonic() < ends, f"{command[0]} does not listen: {Path(log.name).read_text()}"
            time.sleep(0.02)
        return process

    yield start
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The deny list and the named questions, put in place by the test."""
    known = types.ModuleType("sohoaudit.knowledge.fingerprints")
    known.why_denied = lambda path: "it runs commands" if "/setup.cgi" in path else None  # type: ignore[attr-defined]
    known.named = {}  # type: ignore[attr-defined]
    known.question = lambda name: known.named[name]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, known.__name__, known)
    return known


@pytest.fixture(autouse=True)
def _deny_list(request: pytest.FixtureRequest) -> None:
    if importlib.util.find_spec("sohoaudit.knowledge.fingerprints") is None:
        request.getfixturevalue("questions")
