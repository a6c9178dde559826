"""Asks an index what it saw of the client's own address on the internet: InternetDB without a key, Shodan with one."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

from . import importers
from .identify import Identifier
from .importing import of_faces
from .joining import Face
from .knowledge import fingerprints
from .model import Audit, Gap, Index, Vantage, is_public

ANSWER_LIMIT_BYTES = 8_388_608
TIMEOUT_S = 20
KEY_VARIABLE, MIRROR_VARIABLE = "SHODAN_API_KEY", "SOHOAUDIT_INDEX_URL"


_BASES = {Index.INTERNETDB: "https://internetdb.shodan.io", Index.SHODAN: "https://api.shodan.io"}
_REFUSALS = {
    401: ("refused the key (401)", f"check {KEY_VARIABLE}"),
    403: ("does not allow this key to ask (403)", f"check {KEY_VARIABLE} and its plan"),
    429: ("asks for patience (429)", "try again in an hour"),
}


class IndexUnready(ValueError):
    """An index that cannot be asked at all: one line that says what is missing."""


def ready(index: Index) -> str | None:
    """The key to ask with, or None where none is needed.

    Raises:
        IndexUnready: the index needs a key and the environment has none.
    """
    key = os.environ.get(KEY_VARIABLE)
    if index is Index.SHODAN and not key:
        raise IndexUnready(f"--index shodan needs a key: set {KEY_VARIABLE}, or use --index internetdb")
    return key if index is Index.SHODAN else None


def look_up(index: Index, addresses: Sequence[str], *, language: str = "en", base: str | None = None) -> Audit:
    """An audit of what the index saw of these public addresses; what it would not tell is in the coverage.

    Args:
        index: which one.
        addresses: the client's own, on the internet; none but these leaves this machine.
        language: of the findings.
        base: the place to ask instead (a mirror, a test's own server); else the environment's, else the index's own.

    Raises:
        ValueError: an address is not public, which nobody outside must be told.
    """
    if inner := [address for address in addresses if not is_public(address)]:
        raise ValueError(f"{inner[0]} is not public: an index is never asked about it")
    place = (base or os.environ.get(MIRROR_VARIABLE) or _BASES[index]).rstrip("/")
    faces: list[Face] = []
    gaps: list[Gap] = []
    for address in addresses:
        found, missing = _asked(index, address, place, ready(index))
        faces += found
        gaps += missing
    identifier = Identifier(fingerprints.load(()))
    started = datetime.now(UTC)
    return of_faces(faces, gaps, identifier, Vantage.INDEX, language, {"index": index.value}, started)


def _asked(index: Index, address: str, base: str, key: str | None) -> tuple[list[Face], list[Gap]]:
    import httpx

    way = f"{base}/{address}" if index is Index.INTERNETDB else f"{base}/shodan/host/{address}"
    try:
        parameters, plain = {"key": key} if key else None, {"Accept-Encoding": "identity"}
        with httpx.stream("GET", way, params=parameters, headers=plain, timeout=TIMEOUT_S) as answer:
            raw = bytearray()
            for part in answer.iter_bytes():
                raw += part
                if len(raw) > ANSWER_LIMIT_BYTES:
                    return [], [_gap(index, address, "answers without an end", "")]
            status = answer.status_code
    except httpx.HTTPError as fault:
        # The text of some faults holds the address that was asked, and with it the key.
        return [], [_gap(index, address, f"could not be reached ({type(fault).__name__})", "try again later")]
    if status == 404:
        return [], [Gap("index", index.value, f"knows nothing of {address}")]
    if status != 200:
        return [], [
            _gap(index, address, *_REFUSALS.get(status, (f"answers with an error ({status})", "try again later")))
        ]
    try:
        read = importers.read_text(bytes(raw).decode("utf-8", "replace"), index.value, Vantage.INDEX)
    except importers.ForeignFileError:
        return [], [_gap(index, address, "answers something that is no record", "try again later")]
    # An answer about another host is not ours.
    return [face for face in read.faces if face.address == address], read.gaps


def _gap(index: Index, address: str, what: str, remedy: str) -> Gap:
    return Gap("index", index.value, f"{what}, so what it saw of {address} is not in this audit", remedy, matters=True)
