"""Asks a telephone or exchange what it can do; no call is made and nobody is registered."""

import secrets

from .. import __version__
from ..model import Endpoint, Observation, Transport
from . import Dialogue, probe
from .http import host
from .http_answer import read_leniently

_OURS = "sohoaudit.invalid"


@probe("sip", tcp={5060}, udp={5060})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask `OPTIONS` once (RFC 3261, section 11), with `rport` (RFC 3581), so that the answer finds us.

    To and From are well formed, since some phones ring at less.

    Returns:
        `sip.status`, `sip.server`, `sip.user_agent`, `sip.allow`; None where no SIP was heard.
    """
    there = host(endpoint)
    over = endpoint.transport.value.upper()
    question = (
        f"OPTIONS sip:{there} SIP/2.0\r\nVia: SIP/2.0/{over} {_OURS};rport;branch=z9hG4bK{secrets.token_hex(8)}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:sohoaudit@{_OURS}>;tag={secrets.token_hex(4)}\r\nTo: <sip:{there}>\r\n"
        f"Call-ID: {secrets.token_hex(8)}@{_OURS}\r\nCSeq: 1 OPTIONS\r\nContact: <sip:sohoaudit@{_OURS}>\r\n"
        f"Accept: application/sdp\r\nUser-Agent: sohoaudit/{__version__}\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    if endpoint.transport is Transport.UDP:
        said = await dial.ask(endpoint, question) or b""
    else:
        said = await dial.exchange(endpoint, question, 4_096, 5, until=b"\r\n\r\n")
    if not said.startswith(b"SIP/"):
        return None
    answer = read_leniently(said, "")
    fields = {f"sip.{name.replace('-', '_')}": answer.header(name) for name in ("server", "user-agent", "allow")}
    return Observation.of(endpoint, {"sip.status": str(answer.status or "")} | fields)
