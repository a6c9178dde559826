"""A row a finding for spreadsheets, RFC 4180, safe to open: no text of a device runs as a formula."""

import csv
import io
from typing import BinaryIO

from ..model import Audit, Device, Finding, printable
from .content import reasons

ENDING = "csv"
CELL_LIMIT = 8_000  # a spreadsheet cell holds 32,767 characters
COLUMNS = (
    "scanned_at", "vantage", "device_id", "hostname", "address", "mac", "kind", "vendor", "model", "firmware",
    "finding_id", "rule", "priority", "reachable_from", "worst_fact", "title", "summary", "evidence",
    "exposure_evidence", "port", "transport", "cves", "known_exploited", "remedy", "verify", "controls", "first_seen",
    "accepted_by", "accepted_until", "accepted_because", "accepted_priority", "epss",
)  # fmt: skip


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Write UTF-8 with the mark that Excel needs to read it as such."""
    stream.write(b"\xef\xbb\xbf")
    _row(stream, COLUMNS)
    for device, finding in audit.findings:
        _row(stream, _cells(audit, device, finding))


def _cells(audit: Audit, device: Device, finding: Finding) -> tuple[str, ...]:
    identity, endpoint, taken = device.identity, finding.endpoint, finding.accepted
    evidence = {exposure.evidence.value for exposure in device.exposures if exposure.endpoint == endpoint}
    return (
        audit.started.isoformat(),
        audit.scope.vantage.value,
        device.id,
        device.hostname or "",
        endpoint.address if endpoint else next(iter(device.addresses), ""),
        device.mac or "",
        (identity and identity.kind) or "",
        (identity and identity.vendor) or "",
        (identity and identity.model) or "",
        (identity and identity.firmware) or "",
        finding.id,
        finding.rule,
        finding.priority.value,
        *finding.because,
        finding.title,
        finding.summary,
        "\n".join(finding.evidence),
        " ".join(sorted(evidence)),
        str(endpoint.port) if endpoint else "",
        endpoint.transport.value if endpoint else "",
        " ".join(finding.cves),
        "yes" if finding.rule == "firmware.known-exploited" else "no",
        "\n".join(finding.remedy),
        finding.verify,
        " ".join(finding.controls),
        finding.first_seen.isoformat() if finding.first_seen else "",
        *((taken.by, taken.until.isoformat(), taken.because, taken.priority.value) if taken else ("", "", "", "")),
        reasons.highest_chance(finding),
    )


def _row(stream: BinaryIO, cells: tuple[str, ...]) -> None:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([_inert(cell) for cell in cells])
    stream.write(line.getvalue().encode("utf-8", "backslashreplace"))


def _inert(text: str) -> str:
    # Excel and LibreOffice take a cell that begins so as a formula, and a formula can start programs.
    shown = printable(text)[:CELL_LIMIT]
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")) else shown
