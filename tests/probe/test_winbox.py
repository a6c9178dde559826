"""The index of the Winbox port: one question, one line, and nothing else from what comes back."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sohoaudit.model import Endpoint
from sohoaudit.probe import Dialogue, winbox

Serve = Callable[..., Awaitable[Endpoint]]


def answering(said: bytes, heard: list[bytes]) -> Callable[..., Awaitable[None]]:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(21))
        writer.write(said)
        await writer.drain()
        heard.append(await reader.read(64))

    return speak


async def test_one_question_for_the_index_tells_the_version(dial: Dialogue, serve: Serve) -> None:
    heard: list[bytes] = []
    index = (
        b"\xff\x02index" + bytes(7) + b"\x01\x02\x03\x041430400000 640000 roteros.dll 6.49.17\n152 310 advtool.dll 6.4"
    )
    seen = await winbox.ask(await serve(answering(index, heard)), dial)
    assert seen and dict(seen.fields) == {"winbox.version": "6.49.17"}
    await asyncio.sleep(0.05)
    assert heard == [b"\x13\x02index" + bytes(7) + b"\xff\xed" + bytes(5), b""]


@pytest.mark.parametrize(
    "said", [b"", b"\x13\x02list\n", b"HTTP/1.1 400 Bad Request\r\n", b"evil.dll 6.1" + b"9" * 900 + b"\n"]
)
async def test_what_is_no_index_tells_nothing(dial: Dialogue, serve: Serve, said: bytes) -> None:
    assert await winbox.ask(await serve(answering(said, [])), dial) is None
