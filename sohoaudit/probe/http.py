"""Asks a web server for its first page, in plain or over TLS, and for the few pages that fingerprints name."""

import asyncio
import base64
import contextlib
import hashlib
import html
import importlib
import ipaddress
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from .. import __version__
from ..dialer import BudgetSpent, Connection
from ..model import Endpoint, Observation
from . import Dialogue, probe, readable
from .discretion import veil
from .http_answer import READ_LIMIT_BYTES, Answer, bounded, read_leniently
from .tls import HandshakeFault, handshake, old_hello

KEPT_CHARACTERS = 65_536
PATH_LIMIT_BYTES = 128
REDIRECTS = 3

PLAIN = frozenset({
    80, 81, 82, 88, 591, 1400, 1780, 1900, 2048, 2869, 5000, 5431, 7547, 8000, 8001, 8008, 8010, 8020, 8060, 8080,
    8081, 8082, 8088, 8090, 8123, 8181, 8880, 8888, 8899, 9000, 9090, 9191, 10000, 30005, 32400, 37215, 49000, 49152,
    49153, 49154, 52869,
})  # fmt: skip
SECURE = frozenset({
    443, 943, 4100, 4433, 4443, 4444, 5001, 8043, 8443, 8444, 8834, 8843, 9443, 10443, 32015, 49443, 60443,
})  # fmt: skip
# One page at most: many requests here took whole lines of gateways down (Speedport, November 2016).
ONE_PAGE_ONLY = frozenset({7547, 30005, 37215})

_WANTS_TLS = re.compile(rb"https|\bssl\b|\btls\b", re.IGNORECASE)
_META_REFRESH = re.compile(
    r"""<meta[^<>]{0,80}refresh[^<>]{0,40}?url\s{0,4}=\s{0,4}['"]?([^'"<>\s;]{1,200})""", re.IGNORECASE
)
_SCRIPT_MOVE = re.compile(
    r"""\blocation(?:\.href)?\s{0,4}(?:=|\.replace\(|\.assign\()\s{0,4}['"]([^'"<>\s]{1,200})['"]\s{0,4}\)?\s{0,4}(?:[;<}]|$)""",
    re.MULTILINE,
)
_ICON = re.compile(r"<link\b([^<>]{0,300}\bicon\b[^<>]{0,300})>", re.IGNORECASE)
_HREF = re.compile(r"""href\s{0,4}=\s{0,4}["']?([^"'<>\s]{1,300})""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """One request; small servers bear five headers, so that ours are fewer where something is posted."""

    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@probe("http", tcp=PLAIN)
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask `GET /` in plain, over TLS where the server wants that; returns as `first_page`."""
    return await first_page(endpoint, dial, is_secure_first=False)


@probe("https", tcp=SECURE)
async def ask_over_tls(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask `GET /` over TLS, in plain where the server speaks no TLS; returns as `first_page`."""
    return await first_page(endpoint, dial, is_secure_first=True)


async def first_page(endpoint: Endpoint, dial: Dialogue, *, is_secure_first: bool) -> Observation | None:
    """The first page, what it leads to on the same address, and the icon.

    Returns:
        `http.*`, over TLS with the `tls.*` of the same handshake; `probe` tells which of http, https, tls or banner it
        is. None where nothing was said.

    Raises:
        OSError, BudgetSpent: as `Dialogue.open`.
    """
    spare: Answer | None = None
    failed: HandshakeFault | None = None
    for secure in (is_secure_first, not is_secure_first):
        try:
            answer = await fetch(endpoint, dial, Request(), secure=secure)
        except HandshakeFault as fault:
            failed = fault
            if fault.is_tls or fault.is_silent:
                break
            continue
        if secure or answer.is_silent or not _wants_tls(answer):
            return await _described(endpoint, dial, answer, secure)
        spare = answer
    if failed and (failed.is_tls or is_secure_first) and (seen := await _old_tls(endpoint, dial, failed)):
        return seen
    return await _described(endpoint, dial, spare, secure=False) if spare else None


async def page(endpoint: Endpoint, path: str, dial: Dialogue) -> Observation | None:
    """One further page, asked as the first one was; `http.body@<path>`, or None where it came to nothing.

    Raises:
        OSError, BudgetSpent: as `Dialogue.open`.
    """
    if refused(path):
        return None
    secure = _is_secure(endpoint, dial)
    with contextlib.suppress(HandshakeFault):
        answer = await fetch(endpoint, dial, Request(path), secure=secure)
        answer, _ = await _walk(endpoint, dial, answer, path, secure)
        return _seen(endpoint, dial, {f"http.body@{path}": _kept(answer, dial), "http.fault": answer.fault})
    return None


async def named(endpoint: Endpoint, name: str, dial: Dialogue) -> Observation | None:
    """A question of `fingerprints/questions.yaml` by its name; None where it is unknown, refused or unanswered."""
    try:
        wanted: Any = _knowledge().question(name)
    except (KeyError, ModuleNotFoundError):
        return None
    if refused(wanted.path):
        return None
    headers = {key: value.replace("{host}", host(endpoint)) for key, value in wanted.headers.items()}
    request = Request(wanted.path, wanted.method, headers, wanted.body)
    with contextlib.suppress(HandshakeFault):
        answer = await fetch(endpoint, dial, request, secure=_is_secure(endpoint, dial))
        if answer.status < 400:
            kept = _kept(answer, dial)
            fields = parts(kept, wanted.format, wanted.answer) if wanted.format else {wanted.answer: kept}
            return _seen(endpoint, dial, fields)
    return None


def refused(path: str) -> str | None:
    """Why a path may not be asked, or None where it may; the list is kept in code, and no data can lift it."""
    if not path.startswith("/") or len(path.encode("utf-8", "replace")) > PATH_LIMIT_BYTES:
        return "no path, or one too long for small web servers"
    try:
        why: str | None = _knowledge().why_denied(path)
    except ModuleNotFoundError:
        return None if path == "/" else "the deny list is missing"
    return why


async def fetch(
    endpoint: Endpoint, dial: Dialogue, request: Request, *, secure: bool, holds_turn: bool = False
) -> Answer:
    """Send one request over a new connection and read the answer, by httpx or, where that refuses it, leniently.

    Args:
        endpoint: whom to ask.
        dial: what to ask through.
        request: what to ask.
        secure: whether TLS is put on first.
        holds_turn: whether the caller holds the endpoint's turn, and asks several requests in it.

    Raises:
        HandshakeFault: TLS was wanted, and no handshake came about.
        OSError, BudgetSpent: as `Dialogue.open`.
    """
    limit_s = dial.settings.read_s
    async with dial.reopen(endpoint) if holds_turn else dial.open(endpoint) as connection:
        tls = await handshake(connection) if secure else {}
        if not holds_turn:
            await dial.dialer.pace.gap(endpoint.address)
        heard = _Heard(connection)
        try:
            async with asyncio.timeout(limit_s):
                answer = await _through_httpx(heard, endpoint, request)
        except TimeoutError:
            answer = read_leniently(bytes(heard.raw), f"cut off after {limit_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, httpcore.ProtocolError, OSError, ValueError) as fault:
            # h11 quotes the bytes that it refuses; the report needs only why.
            answer = read_leniently(bytes(heard.raw), str(fault).split(": bytearray")[0][:200] or "closed early")
        is_silent = not heard.raw and not connection.reader.at_eof()
    answer = replace(answer, raw=bytes(heard.raw[:2_048]), tls=tls, is_silent=is_silent)
    if answer.is_page:
        dial.secure[endpoint] = secure
    return answer


def parts(text: str, form: str, prefix: str) -> dict[str, str]:
    """The fields in an answer of a known format: `json` and `xml` by their leaves, `lines` of `Key=value`.

    A field is named by the leaf's own key, as the device spells it; several of one key stand one a line. A guard before
    the JSON (`while(1);`) is passed over. At most 500 fields; what cannot be read gives none.
    """
    if form == "json":
        start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=0)
        try:
            pairs = _leaves(json.JSONDecoder().raw_decode(text[start:])[0])
            return _few((f"{prefix}{key}", value) for key, value in pairs)
        except (ValueError, RecursionError):
            return {}
    if form == "xml":
        from .xml_text import leaves

        return _few((f"{prefix}{key}", value) for key, value in leaves(text))
    lines = (re.split(r"\s{0,8}[=:]\s{0,8}", line.strip(), maxsplit=1) for line in text.split("\n"))
    return _few((f"{prefix}{line[0]}", line[1].strip("\"';")) for line in lines if len(line) == 2)


async def _old_tls(endpoint: Endpoint, dial: Dialogue, fault: HandshakeFault) -> Observation | None:
    """What is known of a TLS server after a handshake failed; None where it seems to be none."""
    fields = {} if fault.is_silent else await old_hello(endpoint, dial)
    if fields or fault.is_tls or fault.is_silent:
        return _seen(endpoint, dial, {"tls.fault": str(fault)} | fields, "tls")
    return None


async def _walk(
    endpoint: Endpoint, dial: Dialogue, answer: Answer, path: str, secure: bool
) -> tuple[Answer, list[str]]:
    """Follow what leads on within the same address, three steps at most; the last answer and the places led to.

    A redirect to a port that is asked by itself anyway is noted and not followed.
    """
    places: list[str] = []
    seen = {(endpoint, path, secure)}
    at = endpoint
    while (target := _leads_to(answer)) and len(places) < REDIRECTS:
        places.append(target[:300])
        step = _step(at, path, secure, target)
        if not step or step in seen:
            break
        seen.add(step)
        at, path, secure = step
        try:
            following = await fetch(at, dial, Request(path), secure=secure)
        except (HandshakeFault, BudgetSpent, OSError):
            break
        if not following.is_page:
            break
        more = tuple(pair for pair in answer.headers if pair not in following.headers)
        answer = replace(following, headers=following.headers + more, tls=answer.tls or following.tls)
    return answer, places


def _step(endpoint: Endpoint, path: str, secure: bool, target: str) -> tuple[Endpoint, str, bool] | None:
    """Where a redirect leads, or None where it leaves the address, meets the deny list, or is asked anyway."""
    try:
        base = f"{'https' if secure else 'http'}://{host(endpoint)}:{endpoint.port}{path}"
        there = urlsplit(urljoin(base, target))
        port = there.port or {"http": 80, "https": 443}.get(there.scheme, 0)
        is_here = same_host(endpoint, there.hostname) and not there.username
    except ValueError:
        return None
    wanted = (there.path or "/") + (f"?{there.query}" if there.query else "")
    if not is_here or not port or there.scheme not in ("http", "https") or refused(wanted):
        return None
    if port != endpoint.port and port in PLAIN | SECURE:
        return None
    return Endpoint(endpoint.address, port), wanted, there.scheme == "https"


def _leads_to(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return answer.header("location").split("\n")[0].strip()
    if answer.status == 200 and len(answer.body) < 2_048:
        moved = _META_REFRESH.search(answer.text) or _SCRIPT_MOVE.search(answer.text)
        return html.unescape(moved.group(1)) if moved else ""
    return ""


def _wants_tls(answer: Answer) -> bool:
    """Whether a plain request met a TLS port: an alert, a hang-up, or a 400 that speaks of it."""
    if not answer.raw or answer.raw.startswith(b"\x15\x03"):
        return True
    return answer.status in (0, 400, 426, 497) and bool(_WANTS_TLS.search(answer.body[:2_048]))


async def _described(endpoint: Endpoint, dial: Dialogue, answer: Answer, secure: bool) -> Observation | None:
    dial.note(endpoint, answer.is_silent)
    if not answer.is_page:
        if answer.tls:
            return _seen(endpoint, dial, dict(answer.tls), "tls")
        return _seen(endpoint, dial, {"tcp.banner": readable(answer.raw)}, "banner") if answer.raw else None
    first = answer
    places: list[str] = []
    icon: dict[str, str] = {}
    if endpoint.port not in ONE_PAGE_ONLY:
        answer, places = await _walk(endpoint, dial, first, "/", secure)
        if not answer.fault and answer.status < 400:
            icon = await _icon(endpoint, dial, answer, secure)
    fields = _page_fields(answer, dial) | icon | dict(first.tls) | {"http.redirect": "\n".join(places)}
    if answer is not first and first.status == 200:
        fields["http.body@/"] = _kept(first, dial)
    return _seen(endpoint, dial, fields)


def _page_fields(answer: Answer, dial: Dialogue) -> dict[str, str]:
    fields = {
        "http.status": str(answer.status or ""),
        "http.title": veil(answer.title, dial.settings.key),
        "http.body": _kept(answer, dial),
        "http.fault": answer.fault,
    }
    for name in {name for name, _ in answer.headers[:64]}:
        value = answer.header(name)[:2_000]
        fields[f"http.header.{name}"] = _cookies(value) if name == "set-cookie" else value
    for name in ("server", "www-authenticate", "set-cookie", "last-modified"):
        fields[f"http.{name.replace('-', '_')}"] = fields.get(f"http.header.{name}", "")
    return fields


def _cookies(lines: str) -> str:
    """The cookies' names and attributes; a value longer than 16 characters could be a session and is left out."""
    kept = []
    for line in lines.split("\n"):
        pair, _, attributes = line.partition(";")
        name, _, value = pair.partition("=")
        kept.append(f"{name}={value if len(value) <= 16 else '…'}" + (f";{attributes}" if attributes else ""))
    return "\n".join(kept)


async def _icon(endpoint: Endpoint, dial: Dialogue, answer: Answer, secure: bool) -> dict[str, str]:
    """The icon's hashes: MurmurHash3 of its Base64 in lines of 76, as Shodan counts it, and MD5 of its bytes."""
    import mmh3

    linked = _ICON.search(answer.text[:65_536])
    href = _HREF.search(linked.group(1)) if linked else None
    step = _step(endpoint, "/", secure, html.unescape(href.group(1)) if href else "/favicon.ico")
    if not step or step[0] != endpoint:
        return {}
    try:
        got = await fetch(endpoint, dial, Request(step[1]), secure=step[2])
    except (HandshakeFault, BudgetSpent, OSError):
        return {}
    if got.status != 200 or got.fault or not got.body or got.body.lstrip()[:1] == b"<":
        return {}
    return {
        "http.favicon.mmh3": str(mmh3.hash(base64.encodebytes(got.body))),
        "http.favicon.md5": hashlib.md5(got.body, usedforsecurity=False).hexdigest(),
    }


def _kept(answer: Answer, dial: Dialogue) -> str:
    if answer.header("content-type").startswith(("image/", "video/", "audio/")):
        return ""
    return veil(answer.text[:KEPT_CHARACTERS], dial.settings.key)


def _seen(endpoint: Endpoint, dial: Dialogue, fields: Mapping[str, str], name: str = "") -> Observation | None:
    seen = Observation.of(endpoint, fields, name or ("https" if dial.secure.get(endpoint) else "http"))
    return seen if seen.fields else None


def _is_secure(endpoint: Endpoint, dial: Dialogue) -> bool:
    return dial.secure.get(endpoint, endpoint.port in SECURE)


def same_host(endpoint: Endpoint, name: str | None) -> bool:
    """Whether a host in a URL is the endpoint's address; a name never is, since nothing here asks the DNS."""
    try:
        return ipaddress.ip_address(name or "") == ipaddress.ip_address(bare(endpoint))
    except ValueError:
        return False


def bare(endpoint: Endpoint) -> str:
    """The address without a zone, which only this machine knows."""
    return endpoint.address.split("%")[0]


def host(endpoint: Endpoint) -> str:
    """The address as a URL writes it."""
    return f"[{bare(endpoint)}]" if ":" in endpoint.address else endpoint.address


def _leaves(value: Any, key: str = "value") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key)
    elif value is not None:
        yield key, str(value).lower() if isinstance(value, bool) else str(value)


def _few(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The first 500 pairs; several values of one key stand one a line."""
    fields: dict[str, str] = {}
    for key, value in pairs:
        if key in fields:
            fields[key] = f"{fields[key]}\n{value}"[:4_096]
        elif len(fields) < 500:
            fields[key[:120]] = value[:4_096]
    return fields


def _knowledge() -> Any:
    return importlib.import_module("sohoaudit.knowledge.fingerprints")


async def _through_httpx(heard: "_Heard", endpoint: Endpoint, request: Request) -> Answer:
    """The answer as httpx reads it over the connection that is already open; nothing else can be reached by it."""
    ours = {"User-Agent": f"sohoaudit/{__version__}"}
    if request.method == "GET":
        ours |= {"Accept": "*/*", "Accept-Encoding": "gzip", "Connection": "close"}
    default = 443 if endpoint.port == 443 else 80
    spelled = host(endpoint) if endpoint.port == default else f"{host(endpoint)}:{endpoint.port}"
    asked = httpx.Request(
        request.method,
        httpx.URL(scheme="http", host=bare(endpoint), port=endpoint.port, raw_path=request.path.encode()),
        headers={"Host": spelled} | ours | dict(request.headers),
        content=request.body.encode() or None,
    )
    async with httpx.AsyncClient(transport=_Transport(heard), trust_env=False) as client:
        response = await client.send(asked, stream=True, follow_redirects=False)
        raw = bytearray()
        async for part in response.aiter_raw():
            raw += part
            if len(raw) >= READ_LIMIT_BYTES:
                break
        await response.aclose()
        headers = tuple((readable(name).lower(), readable(value)) for name, value in response.headers.raw)
        body, fault = bounded(bytes(raw), response.headers.get("content-encoding", ""))
        return Answer(response.status_code, headers, body, fault)


class _Heard(httpcore.AsyncNetworkStream):
    """The open connection as httpcore's stream; keeps what was heard, so that nothing is asked twice."""

    def __init__(self, connection: Connection) -> None:
        self.raw = bytearray()
        self._connection = connection

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._connection.reader.read(max_bytes)
        self.raw += data[: 2 * READ_LIMIT_BYTES - len(self.raw)]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with contextlib.suppress(OSError):
            await self._connection.send(buffer)

    async def aclose(self) -> None:
        """The dialogue hangs up."""


class _Transport(httpx.AsyncBaseTransport):
    """Carries httpx's request over the one connection that the dialer opened, whatever host the request names."""

    def __init__(self, heard: _Heard) -> None:
        self._heard = heard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(scheme="http", host=request.url.raw_host, port=request.url.port, target=request.url.raw_path)
        connection = httpcore.AsyncHTTP11Connection(url.origin, self._heard)
        asked = httpcore.Request(request.method, url, headers=request.headers.raw, content=request.stream)
        answer = await connection.handle_async_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer))


class _Stream(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()
