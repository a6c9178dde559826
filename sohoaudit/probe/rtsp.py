"""Asks a camera's stream server which methods it knows; no stream is described or started."""

from .. import __version__
from ..model import Endpoint, Observation
from . import Dialogue, probe
from .http_answer import read_leniently


@probe("rtsp", tcp={554, 7070, 8554, 10554})
async def ask(endpoint: Endpoint, dial: Dialogue) -> Observation | None:
    """Ask `OPTIONS *` (RFC 2326, 10.1); `rtsp.status`, `rtsp.server`, `rtsp.public`, `rtsp.www_authenticate`."""
    question = f"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: sohoaudit/{__version__}\r\n\r\n".encode()
    said = await dial.exchange(endpoint, question, 4_096, dial.settings.read_s, until=b"\r\n\r\n")
    if not said.startswith(b"RTSP/"):
        return None
    answer = read_leniently(said, "")
    fields = {
        f"rtsp.{name.replace('-', '_')}": answer.header(name) for name in ("server", "public", "www-authenticate")
    }
    return Observation.of(endpoint, {"rtsp.status": str(answer.status or "")} | fields)
