"""A proxy that takes anybody, an open debugging door, and what only looks like them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sohoaudit.model import Endpoint
from sohoaudit.probe import Dialogue, adb, socks

Serve = Callable[..., Awaitable[Endpoint]]
DEVICE = b"device::ro.product.name=x96;ro.product.model=X96;\0"


def says(answer: bytes, heard: list[bytes]) -> Callable[..., Awaitable[None]]:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(200))
        writer.write(answer)

    return speak


@pytest.mark.parametrize(
    ("answer", "auth"),
    [(b"\5\0", "none"), (b"\5\2", "password"), (b"\5\xff", "refused"), (b"\4\0", None), (b"HT", None)],
)
async def test_a_proxy_says_whom_it_takes(dial: Dialogue, serve: Serve, answer: bytes, auth: str | None) -> None:
    heard: list[bytes] = []
    seen = await socks.ask(await serve(says(answer, heard)), dial)
    assert (seen.fields["socks.auth"] if seen else None) == auth
    assert heard == [b"\5\1\0"]


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        (
            b"CNXN" + bytes(20) + DEVICE,
            {"adb.auth": "none", "adb.banner": "device::ro.product.name=x96;ro.product.model=X96;"},
        ),
        (b"AUTH" + bytes(40), {"adb.auth": "required"}),
        (b"CNXN", None),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None),
        (b"", None),
    ],
)
async def test_a_debugging_door_says_whether_it_is_open(
    dial: Dialogue, serve: Serve, answer: bytes, fields: dict[str, str] | None
) -> None:
    heard: list[bytes] = []
    seen = await adb.ask(await serve(says(answer, heard)), dial)
    assert (dict(seen.fields) if seen else None) == fields
    assert heard[0].startswith(b"CNXN") and heard[0].endswith(b"host::\0"), "no key is offered"
