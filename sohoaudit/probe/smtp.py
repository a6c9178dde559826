"""Asks a mail server who it is, by reading the greeting it sends unasked."""

from ..model import Endpoint, Observation
from . import Dialogue, probe


@probe("smtp", tcp={25, 587}, greets=rb"220.{0,200}(?:SMTP|[Mm]ail)")
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Read one greeting (RFC 5321 section 3.1: 220 or 554, the server first) and hang up; `smtp.banner`."""
    greeting = await dial.read_lines(endpoint, limit_bytes=2_048, timeout_s=5)
    if not greeting.startswith(("220", "421", "554")):
        return None
    return Observation.of(endpoint, {"smtp.banner": greeting.strip()})
