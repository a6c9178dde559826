"""What a web server answered, and our own reader for what a strict parser refuses of it."""

import contextlib
import html
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from .dialogue import readable

READ_LIMIT_BYTES = 262_144
HEAD_LIMIT_BYTES = 32_768
_STATUS = re.compile(rb"(?:HTTP|ICY|RTSP|SIP)[/\d. ]{0,8}?\s{1,4}(\d{3})\b")
_LOOKS_LIKE_A_PAGE = re.compile(rb"\s{0,64}(?:HTTP/|ICY |<[!?a-z])", re.IGNORECASE)
_CHARSET = re.compile(rb"charset=[\"']?([\w-]{1,20})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status (0 where none was told), headers in their order, the body unpacked, what was wrong.

    `raw` is the beginning as it came; `tls` the `tls.*` fields where TLS was put on; `is_silent` that the server kept
    the connection open and said nothing.
    """

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    fault: str = ""
    raw: bytes = b""
    tls: Mapping[str, str] = field(default_factory=dict)
    is_silent: bool = False

    def header(self, name: str) -> str:
        """The values of a header, one a line."""
        return "\n".join(value for key, value in self.headers if key == name)

    @property
    def is_page(self) -> bool:
        """Whether it is HTTP at all, or at least what a browser would show."""
        return bool(self.status) or bool(_LOOKS_LIKE_A_PAGE.match(self.raw))

    @property
    def text(self) -> str:
        """The body as text: UTF-8 where it is, else by the charset that header or page declare, else Latin-1."""
        with contextlib.suppress(UnicodeDecodeError):
            return self.body.decode()
        head = self.header("content-type").encode("utf-8", "replace") + self.body[:1_024]
        if declared := _CHARSET.search(head):
            # A device may declare a codec that is none for text.
            with contextlib.suppress(LookupError, ValueError):
                return self.body.decode(declared.group(1).decode(), "replace")
        return readable(self.body)

    @property
    def title(self) -> str:
        """The first `<title>`, entities resolved and blanks joined; found by steps that never look back."""
        page = self.text
        lower = page.lower() if page.isascii() else page.translate(_LOWER)
        opened = lower.find("<title")
        start = lower.find(">", opened) + 1 if opened >= 0 else 0
        end = lower.find("</", start)
        return " ".join(html.unescape(page[start : end if end >= 0 else start + 300]).split())[:300] if start else ""


# Lower-casing that keeps the length of the text, as str.lower does not for every letter.
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def read_leniently(raw: bytes, fault: str) -> Answer:
    """Read an answer that a strict parser refused, from the bytes that came, and say what was wrong with it.

    Takes bare line feeds, blanks in header names, a missing reason or status, wrong lengths, chunks that end early, and
    a body without any head (HTTP/0.9).
    """
    status = _STATUS.match(raw)
    if not status:
        return Answer(body=raw[:READ_LIMIT_BYTES], fault=f"no status line: {fault}" if raw else fault, raw=raw[:2_048])
    head, body = _parted(raw)
    headers: list[tuple[str, str]] = []
    for line in head.split(b"\n")[1:129]:
        name, colon, value = line.partition(b":")
        if colon and name.strip():
            headers.append((readable(name.strip()[:100]).lower(), readable(value.strip()[:8_192])))
    answer = Answer(int(status.group(1)), tuple(headers), fault=fault, raw=raw[:2_048])
    if "chunked" in answer.header("transfer-encoding").lower():
        body = _unchunked(body)
    body, _ = bounded(body, answer.header("content-encoding"))
    return Answer(answer.status, answer.headers, body, fault, answer.raw)


def bounded(body: bytes, encoding: str) -> tuple[bytes, str]:
    """The body unpacked, at most `READ_LIMIT_BYTES` of it, and what was wrong with it; never more memory than that."""
    fault = f"cut after {READ_LIMIT_BYTES} bytes" if len(body) >= READ_LIMIT_BYTES else ""
    body = body[:READ_LIMIT_BYTES]
    if "gzip" not in encoding.lower() and "deflate" not in encoding.lower():
        return body, fault
    for window in (47, -15):  # gzip or zlib by its head; then deflate without one, as some servers send it
        unpack = zlib.decompressobj(window)
        with contextlib.suppress(zlib.error):
            unpacked = unpack.decompress(body, READ_LIMIT_BYTES)
            if unpack.unconsumed_tail:
                fault = f"cut after {READ_LIMIT_BYTES} unpacked bytes"
            return unpacked, fault
    return body, "the compressed body cannot be unpacked"


def _parted(raw: bytes) -> tuple[bytes, bytes]:
    """Head and body; the head ends at the first empty line, whichever line ends the server writes."""
    end = re.search(rb"\r?\n\r?\n", raw[:HEAD_LIMIT_BYTES])
    if end:
        return raw[: end.start()], raw[end.end() :]
    return raw[:HEAD_LIMIT_BYTES], b""


def _unchunked(body: bytes) -> bytes:
    whole = bytearray()
    while body:
        size, _, rest = body.partition(b"\n")
        try:
            length = int(size.split(b";")[0].strip() or b"0", 16)
        except ValueError:
            return bytes(whole) or body
        if length <= 0:
            break
        whole += rest[:length]
        body = rest[length:].lstrip(b"\r\n")
    return bytes(whole)
