"""Asks an FTP server who it is, by reading the greeting it sends unasked."""

from ..model import Endpoint, Observation
from . import Dialogue, probe


@probe("ftp", tcp={21, 2121}, greets=rb"(?:220|120)(?!.{0,200}(?:SMTP|[Mm]ail))")
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Read one greeting and hang up.

    Sends no byte: RFC 959 section 5.4 has the server speak first (reply code 220, possibly on several lines), and
    the FTP server of Nucleus RTOS stops at anything more.

    Returns:
        The greeting under `ftp.banner`, or None where nothing that looks like FTP was said in time.
    """
    greeting = await dial.read_lines(endpoint, limit_bytes=2_048, timeout_s=5)
    if not greeting.startswith(("220", "120", "421", "530")):
        return None
    return Observation.of(endpoint, {"ftp.banner": greeting.strip()})
