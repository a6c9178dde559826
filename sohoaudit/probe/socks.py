"""Asks a SOCKS proxy whether it takes strangers, by offering no password (RFC 1928, section 3), and hangs up."""

from ..model import Endpoint, Observation
from . import Dialogue, probe

# Version 5, one way to sign in: none.
_OFFER = b"\x05\x01\x00"
_ANSWERS = {0: "none", 1: "gssapi", 2: "password", 0xFF: "refused"}


@probe("socks", tcp={1080, 1081, 4145, 5678, 11288, 63260})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Offer to sign in with nothing and hang up; no connection is asked for.

    Returns:
        `socks.version` and `socks.auth`: "none" where anybody is let in, "password", "gssapi" or "refused".
    """
    answer = await dial.exchange(endpoint, _OFFER, 2, 3.0)
    if len(answer) != 2 or answer[0] != 5 or answer[1] not in _ANSWERS:
        return None
    return Observation.of(endpoint, {"socks.version": "5", "socks.auth": _ANSWERS[answer[1]]})
