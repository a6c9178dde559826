"""DefectDojo's Generic Findings Import, in which any key it does not know aborts the import."""

import json
import re
from typing import Any, BinaryIO

from ..model import Audit, Device, Finding, Priority
from .content import reasons

ENDING = "defectdojo.json"
_SEVERITIES = {Priority.URGENT: "Critical", Priority.HIGH: "High", Priority.MEDIUM: "Medium", Priority.LOW: "Low"}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TITLE_LIMIT = 500  # its column holds 511


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Write `{"findings": […]}`."""
    findings = [_finding(audit, device, finding) for device, finding in audit.findings]
    text = json.dumps({"findings": findings}, ensure_ascii=False, indent=1)
    stream.write(text.encode("utf-8", "backslashreplace") + b"\n")


def _finding(audit: Audit, device: Device, finding: Finding) -> dict[str, Any]:
    endpoint, identity = finding.endpoint, device.identity
    known: dict[str, Any] = {
        "title": (finding.title or finding.rule)[:_TITLE_LIMIT],
        "severity": _SEVERITIES[finding.priority],
        "description": finding.summary or finding.title,
        "date": audit.ended.date().isoformat(),
        "mitigation": "\n".join((*finding.remedy, finding.verify)),
        "steps_to_reproduce": "\n".join(finding.evidence),
        "references": "\n".join((*finding.references, *finding.controls)),
        "unique_id_from_tool": finding.id,
        "vuln_id_from_tool": finding.rule,
        "vulnerability_ids": list(finding.cves),
        "known_exploited": finding.rule == "firmware.known-exploited",
        "dynamic_finding": True,
        "static_finding": False,
        # DefectDojo takes no finding for both.
        "active": finding.accepted is None,
        "risk_accepted": finding.accepted is not None,
        "tags": [finding.rule.partition(".")[0], audit.scope.vantage.value],
        "endpoints": [
            {"host": endpoint.address, "port": endpoint.port, "protocol": endpoint.transport.value}
            if endpoint
            else {"host": next(iter(device.addresses), device.id)}
        ],
    }
    listed = [day for cve in finding.cves if (day := finding.facts.get(f"kev.{cve}"))]
    if listed and all(_DAY.fullmatch(day) for day in listed):
        known["kev_date"] = min(listed)
    if chance := reasons.highest_chance(finding):
        known["epss_score"] = float(chance)
    if taken := finding.accepted:
        known["severity_justification"] = str(taken)
    if identity and identity.name:
        known["component_name"] = identity.name[:500]
    if identity and identity.firmware:
        known["component_version"] = identity.firmware[:100]
    return known
