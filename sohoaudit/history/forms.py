"""Keeps what a device looked like once, however often it was seen, and like forms packed against each other."""

import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, select

from .. import document
from ..model import Device
from . import tables

# zlib looks this far back, so a longer form to pack against would not help.
_WINDOW_BYTES = 32_768


def keep_device(db: Connection, device: Device) -> int:
    """The id of the device as it looks now; observations are not kept."""
    content = document.device_document(replace(device, observations=()))
    for finding in content["findings"]:
        finding["first_seen"] = None  # the table of findings knows it
        del finding["accepted"]  # the file beside the history knows it
        # Of another day every day, and no property of the device.
        finding["facts"] = {name: text for name, text in finding["facts"].items() if not name.startswith("epss")}
    return keep(db, device.id, packed_json(content))


def keep(db: Connection, device: str, body: bytes) -> int:
    """The id of a device's form, kept once; one that is like an earlier whole form is packed against it."""
    s = tables.snapshots
    digest = digest_of(body)
    known = db.scalar(select(s.c.id).where(s.c.device == device, s.c.digest == digest).limit(1))
    if known is not None:
        return int(known)
    whole = zlib.compress(body, 9)
    base = db.execute(
        select(s.c.id, s.c.body).where(s.c.device == device, s.c.base.is_(None)).order_by(s.c.id.desc()).limit(1)
    ).one_or_none()
    packed, against = whole, None
    if base:
        slim = _packed(body, zlib.decompress(base.body))
        if len(slim) * 2 < len(whole):
            packed, against = slim, base.id
    key = db.execute(s.insert().values(device=device, digest=digest, base=against, body=packed)).inserted_primary_key
    assert key is not None  # noqa: S101 -- every database here gives it
    return int(key[0])


def _packed(body: bytes, base: bytes) -> bytes:
    packer = zlib.compressobj(9, zdict=base[-_WINDOW_BYTES:])
    return packer.compress(body) + packer.flush()


def bodies(db: Connection, snapshots: Iterable[int]) -> list[bytes]:
    """The forms of these ids, in their order."""
    s = tables.snapshots
    wanted = list(snapshots)
    base = s.alias()
    rows = db.execute(
        select(s.c.id, s.c.body, base.c.body.label("against"))
        .join(base, base.c.id == s.c.base, isouter=True)
        .where(s.c.id.in_(wanted))
    )
    found = {}
    for row in rows:
        if row.against is None:
            found[row.id] = zlib.decompress(row.body)
        else:
            unpacker = zlib.decompressobj(zdict=zlib.decompress(row.against)[-_WINDOW_BYTES:])
            found[row.id] = unpacker.decompress(row.body) + unpacker.flush()
    return [found[identifier] for identifier in wanted]


def packed_json(content: object) -> bytes:
    """JSON without spaces, keys in order, so that the same content gives the same bytes."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def digest_of(body: bytes) -> bytes:
    """16 bytes that tell one form from any other."""
    return hashlib.sha256(body).digest()[:16]
