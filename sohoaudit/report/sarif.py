"""SARIF 2.1.0 (OASIS) for code-scanning pages; a network has no files, so each endpoint gets a made-up path."""

import json
from typing import Any, BinaryIO
from urllib.parse import quote

from .. import __version__
from ..model import Audit, Device, Finding, Priority

ENDING = "sarif"
_LEVELS = {Priority.URGENT: "error", Priority.HIGH: "error", Priority.MEDIUM: "warning", Priority.LOW: "note"}
# GitHub's own numbers: critical from 9.0, high from 7.0, medium from 4.0.
_SEVERITIES = {Priority.URGENT: "9.5", Priority.HIGH: "8.0", Priority.MEDIUM: "5.5", Priority.LOW: "2.0"}


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Write the log, also where nothing was found: an empty one closes what was fixed."""
    found = audit.findings
    rules: dict[str, Finding] = {}
    for _, finding in found:
        rules.setdefault(finding.rule, finding)
    places = {rule: index for index, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "sohoaudit",
                "version": __version__,
                "rules": [_rule(finding) for finding in rules.values()],
            }
        },
        "automationDetails": {"id": f"sohoaudit/{audit.scope.vantage}/"},
        "invocations": [
            {
                "executionSuccessful": audit.is_complete and not any(gap.matters for gap in audit.coverage),
                "startTimeUtc": _utc(audit, "started"),
                "endTimeUtc": _utc(audit, "ended"),
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": f"{gap.subject}: {gap.reason}"}} for gap in audit.coverage
                ],
            }
        ],
        "results": [_result(device, finding, places[finding.rule]) for device, finding in found],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    stream.write(json.dumps(log, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n")


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.rule,
        "shortDescription": {"text": finding.title or finding.rule},
        "defaultConfiguration": {"level": _LEVELS[finding.priority]},
        "properties": {"security-severity": _SEVERITIES[finding.priority], "tags": ["security", *finding.controls]},
    }


def _result(device: Device, finding: Finding, rule_index: int) -> dict[str, Any]:
    endpoint = finding.endpoint
    address = endpoint.address if endpoint else next(iter(device.addresses), device.id)
    path = f"hosts/{quote(address, safe='.')}"
    if endpoint:
        path += f"/{endpoint.transport}/{endpoint.port}"
    text = "\n".join([finding.title, finding.summary, *finding.remedy, finding.verify])
    # Of a result that is not suppressed the list is empty, since in this run somebody looked (SARIF 2.1.0, 3.27.23).
    taken = finding.accepted
    suppressed = {"kind": "external", "status": "accepted", "justification": str(taken)} if taken else None
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.priority],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": path}, "region": {"startLine": 1}},
                "logicalLocations": [{"fullyQualifiedName": str(endpoint or address), "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"sohoauditFindingId/v1": finding.id},
        "suppressions": [suppressed] if suppressed else [],
        "properties": {
            "priority": finding.priority.value,
            "security-severity": _SEVERITIES[finding.priority],
            "evidence": list(finding.evidence),
            "cves": list(finding.cves),
        },
    }


def _utc(audit: Audit, which: str) -> str:
    from datetime import UTC

    time = audit.started if which == "started" else audit.ended
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
