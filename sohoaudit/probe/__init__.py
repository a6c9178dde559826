"""Asks each open port who it is, by one harmless question; one file a protocol, found by its place."""

import contextlib
import dataclasses
import functools
import importlib
import pkgutil
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from ..dialer import BudgetSpent
from ..model import Endpoint, Observation, Transport
from .dialogue import Dialogue, Settings, readable
from .discretion import own_key

Question = Callable[[Endpoint, Dialogue], Awaitable[Observation | None]]

# Printers print what they are sent on these, and Lantronix serial servers stop at any byte on 30718.
NEVER = frozenset({515, 30718, *range(9100, 9108)})
# File shares, VPNs, cameras' private protocols, serial gateways, controllers, backdoors: what speaks by itself is
# read, and nothing is sent, since a text would be a fault there or worse.
ONLY_LISTENED = frozenset({
    102, 111, 135, 139, 179, 445, 502, 541, 548, 646, 703, 873, 1723, 1883, 2000, 2049, 2332, 3260, 3389, 4786, 5555,
    6036, 6281, 6690, 8291, 8728, 8729, 8883, 9530, 9999, 10001, 11288, 20000, 32764, 34567, 37777, 37778, 44818, 47808,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Probe:
    """One protocol's question: where it is asked, and which greeting gives the protocol away elsewhere.

    One that `waits_for_reason` is asked only where a fingerprint names it.
    """

    name: str
    ask: Question
    tcp: frozenset[int]
    udp: frozenset[int]
    greets: re.Pattern[bytes] | None
    waits_for_reason: bool = False


_PROBES: dict[str, Probe] = {}


def probe(
    name: str,
    *,
    tcp: Collection[int] = (),
    udp: Collection[int] = (),
    greets: bytes | None = None,
    waits_for_reason: bool = False,
) -> Callable[[Question], Question]:
    """Register a protocol's question under its name, for the ports where the protocol lives.

    The function raises nothing for what a device says or does after the connection; it returns None where nothing
    like the protocol was heard. `greets` is a pattern of the greeting on other ports.
    """

    def register(ask: Question) -> Question:
        pattern = re.compile(greets, re.DOTALL) if greets else None
        _PROBES[name] = Probe(name, ask, frozenset(tcp), frozenset(udp), pattern, waits_for_reason)
        return ask

    return register


@functools.cache
def probes() -> Mapping[str, Probe]:
    """Every probe by its name, found in the files of this folder."""
    for found in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{found.name}")
    return dict(sorted(_PROBES.items()))


def speaks(endpoint: Endpoint) -> bool:
    """Whether a probe owns this TCP port, so that an open one that says nothing is worth a line."""
    return any(endpoint.port in known.tcp for known in probes().values())


async def ask(endpoint: Endpoint, dial: Dialogue) -> AsyncIterator[Observation]:
    """The first questions for one open TCP port or one UDP port; yields what is heard, as it is heard.

    An unknown TCP port is listened to, then asked for one page in plain, and over TLS where it wants that: a TLS
    server refuses a plain request at once, while a plain server may wait long for the end of a hello.

    Raises:
        OSError: nothing could be asked: TimeoutError (no answer to the connection), ConnectionRefusedError (closed; for
            UDP, the host says so), OutOfScope, or no route. What was yielded before holds.
        BudgetSpent: the host was asked as much as one audit may.
    """
    is_tcp = endpoint.transport is Transport.TCP
    if is_tcp and endpoint.port in NEVER:
        return
    answered = False
    for known in probes().values():
        if endpoint.port in (known.tcp if is_tcp else known.udp):
            seen = await _asked(known, endpoint, dial)
            if seen:
                answered = True
                spoken = _greeted(seen.fields["tcp.banner"].encode()) if seen.probe == "banner" else None
                yield (await _asked(spoken, endpoint, dial) if spoken else None) or seen
            elif is_tcp and (endpoint in dial.silent or known.name in ("http", "https")):
                return
    if is_tcp and not answered:
        async for seen in _stranger(endpoint, dial):
            yield seen


async def follow(endpoint: Endpoint, question: str, dial: Dialogue) -> Observation | None:
    """Ask one follow-up question as fingerprints write it, or return None where nothing came or it may not be asked.

    `/path` is fetched as the endpoint's first page was (answer in `http.body@/path`); `snmp:<oid>` is read from UDP 161
    of the host with the community that answered (`snmp.<oid>`); `upnp:<url>` reads a description that was announced;
    the name of a probe that asks over UDP is asked at its own port; other names are of `fingerprints/questions.yaml`.

    Raises:
        OSError, BudgetSpent: as `ask`.
    """
    from . import http, snmp, upnp

    known = probes().get(question)
    try:
        if known and known.udp:
            with contextlib.suppress(ConnectionRefusedError):  # the host says that it does not speak this
                return await _asked(known, Endpoint(endpoint.address, min(known.udp), Transport.UDP), dial)
            return None
        if question.startswith("snmp:"):
            return await snmp.get(endpoint, question.removeprefix("snmp:"), dial)
        if question.startswith("upnp:"):
            return await upnp.describe(endpoint, question.removeprefix("upnp:"), dial)
        if endpoint.transport is Transport.UDP:
            return None
        if question.startswith("/"):
            return await http.page(endpoint, question, dial)
        return await http.named(endpoint, question, dial)
    except (OSError, BudgetSpent):
        raise
    except Exception as fault:
        return _own_fault(endpoint, question, fault)


async def _asked(known: Probe, endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    try:
        seen = await known.ask(endpoint, dial)
    except (OSError, BudgetSpent):
        raise
    except Exception as fault:  # A fault of ours must not cost the other questions; the audit lists it.
        return _own_fault(endpoint, known.name, fault)
    return dataclasses.replace(seen, probe=seen.probe or known.name) if seen else None


async def _stranger(endpoint: Endpoint, dial: Dialogue) -> AsyncIterator[Observation]:
    """An unknown port: who speaks first is recognised by the greeting, who waits is asked for a page."""
    from . import http

    greeting = await dial.listen(endpoint, 2_048, 1.5, until=b"\n")
    known = _greeted(greeting)
    if known and (seen := await _asked(known, endpoint, dial)):
        yield seen
    elif greeting:
        yield Observation.of(endpoint, {"tcp.banner": readable(greeting)}, probe="banner")
    elif endpoint.port not in ONLY_LISTENED:
        seen = await http.first_page(endpoint, dial, is_secure_first=False)
        if seen:
            yield seen


def _greeted(greeting: bytes) -> Probe | None:
    """The probe whose protocol greets like that."""
    return next((known for known in probes().values() if known.greets and known.greets.match(greeting)), None)


def _own_fault(endpoint: Endpoint, name: str, fault: Exception) -> Observation:
    return Observation.of(endpoint, {f"{name}.fault": f"{type(fault).__name__}: {fault}"[:300]}, probe=name)


__all__ = ["Dialogue", "Probe", "Settings", "ask", "follow", "own_key", "probe", "probes", "readable", "speaks"]
