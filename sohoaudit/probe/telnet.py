"""Reads what a telnet server shows before anybody signs in, and refuses every option it offers."""

import asyncio
import contextlib

from ..model import Endpoint, Observation
from . import Dialogue, probe, readable

READ_S = 2.0
_IAC, _DONT, _DO, _WONT, _WILL, _SB, _SE = 255, 254, 253, 252, 251, 250, 240
_WORDS = {_DO: "do", _DONT: "dont", _WILL: "will", _WONT: "wont"}


@probe("telnet", tcp={23, 2323, 23231}, greets=rb"\xff[\xfb-\xfe]")
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Read for two seconds, answering options with a refusal alone (RFC 854); no name and no newline is sent.

    Some servers show their prompt only after the options are settled.

    Returns:
        `telnet.banner`, and `telnet.options` as the server offered them (`do 1 do 31 will 1 will 3`), which tells
        BusyBox versions apart; None where nothing was said.
    """
    said = bytearray()
    options: list[tuple[int, int]] = []
    async with dial.reopen(endpoint) as connection:
        ends_s = asyncio.get_running_loop().time() + READ_S
        answered = 0
        while len(said) < 4_096 and (left_s := ends_s - asyncio.get_running_loop().time()) > 0:
            part = await connection.read(4_096 - len(said), min(left_s, 0.3))
            said += part
            if not part and connection.reader.at_eof():
                break
            banner, options = parse(bytes(said))
            with contextlib.suppress(OSError):
                await connection.send(b"".join(_refusal(*option) for option in options[answered:32]), timeout_s=1)
            answered = len(options)
            if banner.rstrip().endswith(b":") and not part:
                break
        dial.note(endpoint, is_silent=not said and not connection.reader.at_eof())
    banner, options = parse(bytes(said))
    spoken = " ".join(f"{_WORDS[verb]} {option}" for verb, option in options[:32])
    if banner.startswith(b"SSH-") or not (banner.strip() or spoken):
        return None
    return Observation.of(endpoint, {"telnet.banner": readable(banner).strip(), "telnet.options": spoken})


def parse(said: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """The text, and the options as (verb, option), in what a telnet server said; whatever the bytes are."""
    text = bytearray()
    options: list[tuple[int, int]] = []
    at = 0
    while at < len(said):
        if said[at] != _IAC:
            text.append(said[at])
            at += 1
        elif said[at + 1 : at + 2] == b"\xff":
            text.append(_IAC)
            at += 2
        elif said[at + 1 : at + 2] and said[at + 1] in _WORDS:
            options += [(said[at + 1], said[at + 2])] if at + 2 < len(said) else []
            at += 3
        elif said[at + 1 : at + 2] == bytes([_SB]):
            end = said.find(bytes([_IAC, _SE]), at)
            at = end + 2 if end >= 0 else len(said)
        else:
            at += 2
    return bytes(text).replace(b"\0", b""), options


def _refusal(verb: int, option: int) -> bytes:
    if verb not in (_DO, _WILL):
        return b""
    return bytes([_IAC, _WONT if verb == _DO else _DONT, option])
