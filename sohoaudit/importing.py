"""Makes an audit of foreign files: their faces go through the last three stages like a scan's."""

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from . import __version__, importers
from .identify import Identifier
from .joining import Face
from .knowledge import fingerprints
from .model import Audit, IPNetwork, Scope, Vantage
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
    devices, gaps = verdict(faces, Identifier(fingerprints.load(own_fingerprints)), language=language)
    times = [o.time for face in faces for o in face.observations] or [datetime.now(UTC)]
    return Audit(
        scope=Scope(
            networks=_networks(faces),
            vantage=min((face.vantage for face in faces), key=list(Vantage).index, default=vantage or Vantage.INDEX),
            targets=tuple(path.name for path in files),
        ),
        started=min(times),
        ended=max(times),
        devices=devices,
        coverage=tuple(dict.fromkeys((*(gap for one in read for gap in one.gaps), *gaps))),
        knowledge={"sohoaudit": __version__},
        settings={"imported": ", ".join(dict.fromkeys(one.format.name for one in read))},
        language=language,
    )


def _networks(faces: Iterable[Face]) -> tuple[IPNetwork, ...]:
    every = {ipaddress.ip_address(face.address.split("%")[0]) for face in faces}
    four = ipaddress.collapse_addresses(ipaddress.IPv4Network(ip) for ip in every if ip.version == 4)
    six = ipaddress.collapse_addresses(ipaddress.IPv6Network(ip) for ip in every if ip.version == 6)
    return (*four, *six)
