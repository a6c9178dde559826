"""The last stages, which need no network: faces become devices, and devices get their identity and findings."""

from collections.abc import Sequence

from . import assess
from .faces import devices
from .identify import Identifier
from .joining import Face
from .model import Device, Gap, Vantage


def verdict(
    faces: Sequence[Face], identifier: Identifier, *, gateways: Sequence[str] = (), language: str = "en"
) -> tuple[tuple[Device, ...], tuple[Gap, ...]]:
    """Every device with its findings, and what could not be judged.

    Args:
        faces: what was seen, of every vantage.
        identifier: what knows devices.
        gateways: the addresses of this network's routers, where they are known.
        language: of the findings' texts.
    """
    judged: list[Device] = []
    gaps: list[Gap] = []
    for device in devices(faces, identifier.identify, gateways):
        # What was reached from elsewhere has its exposures by now; the rest was seen from inside.
        finished, failed = assess.assess(device, Vantage.LAN, language=language)
        judged.append(finished)
        gaps.extend(failed)
    return tuple(judged), tuple(gaps)
