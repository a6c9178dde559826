"""Makes an audit of foreign files: their faces go through the last three stages like a scan's."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from . import importers
from .identify import Identifier
from .joining import Face
from .knowledge import fingerprints, known_from
from .model import Audit, Gap, IPNetwork, Scope, Vantage
from .verdict import verdict


def imported(
    files: Sequence[Path],
    vantage: Vantage | None = None,
    *,
    language: str = "en",
    own_fingerprints: tuple[Path, ...] = (),
) -> Audit:
    """One audit of all files; what could not be read of them is in its coverage.

    Raises:
        ForeignFileError: a file cannot be imported at all.
    """
    read = [importers.read(path, vantage) for path in files]
    faces = [face for one in read for face in one.faces]
    looked = min((face.vantage for face in faces), key=list(Vantage).index, default=vantage or Vantage.INDEX)
    return of_faces(
        faces,
        [gap for one in read for gap in one.gaps],
        Identifier(fingerprints.load(own_fingerprints)),
        looked,
        language,
        {"imported": ", ".join(dict.fromkeys(one.format.name for one in read))},
        datetime.now(UTC),
        tuple(path.name for path in files),
    )


def of_faces(
    faces: Sequence[Face],
    gaps: Sequence[Gap],
    identifier: Identifier,
    vantage: Vantage,
    language: str,
    settings: Mapping[str, str],
    now: datetime,
    targets: tuple[str, ...] = (),
) -> Audit:
    """The audit of what others saw; it began and ended with their first and last look, or now without any."""
    devices, failed = verdict(faces, identifier, language=language)
    times = [o.time for face in faces for o in face.observations] or [now]
    return Audit(
        scope=Scope(networks=_networks(faces), vantage=vantage, targets=targets),
        started=min(times),
        ended=max(times),
        devices=devices,
        coverage=tuple(dict.fromkeys((*gaps, *failed))),
        knowledge=known_from(),
        settings=settings,
        language=language,
    )


def _networks(faces: Iterable[Face]) -> tuple[IPNetwork, ...]:
    every = {ipaddress.ip_address(face.address.split("%")[0]) for face in faces}
    four = ipaddress.collapse_addresses(ipaddress.IPv4Network(ip) for ip in every if ip.version == 4)
    six = ipaddress.collapse_addresses(ipaddress.IPv6Network(ip) for ip in every if ip.version == 6)
    return (*four, *six)
