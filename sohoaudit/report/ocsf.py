"""OCSF 1.5 events, one a line: Vulnerability Finding (2002) for firmware, Detection Finding (2004) for the rest."""

import json
import re
from datetime import datetime
from typing import Any, BinaryIO

from .. import __version__
from ..model import Audit, Device, Finding, Priority

ENDING = "ocsf.jsonl"
_SEVERITIES = {
    Priority.URGENT: (5, "Critical"),
    Priority.HIGH: (4, "High"),
    Priority.MEDIUM: (3, "Medium"),
    Priority.LOW: (2, "Low"),
}
_DEVICE_TYPES = {"server": 1, "firewall": 9, "switch": 10, "router": 12, "gateway": 12, "camera": 7, "iot": 7}
# The schema takes no other form, as of an address that was replaced by a hash.
_MAC = re.compile(r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
_HOSTNAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_-]{1,63}){0,8}")
_OTHER = 99
_UNKNOWN = 0
_NEW, _SUPPRESSED = 1, 3


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Write one event a line; an audit without findings is an empty file."""
    for device, finding in audit.findings:
        line = json.dumps(_event(audit, device, finding), ensure_ascii=False)
        stream.write(line.encode("utf-8", "backslashreplace") + b"\n")


def _event(audit: Audit, device: Device, finding: Finding) -> dict[str, Any]:
    is_vulnerability = finding.rule.startswith("firmware.")
    class_uid = 2002 if is_vulnerability else 2004
    severity_id, severity = _SEVERITIES[finding.priority]
    info: dict[str, Any] = {"uid": finding.id, "title": finding.title, "desc": finding.summary, "types": [finding.rule]}
    if finding.first_seen:
        info["first_seen_time"] = _milliseconds(finding.first_seen)
    event: dict[str, Any] = {
        "activity_id": 1,
        "category_uid": 2,
        "class_uid": class_uid,
        "type_uid": class_uid * 100 + 1,
        "time": _milliseconds(audit.ended),
        "severity_id": severity_id,
        "severity": severity,
        "status_id": _SUPPRESSED if finding.accepted else _NEW,
        "message": finding.title,
        "metadata": {
            "version": "1.5.0",
            "product": {"name": "sohoaudit", "vendor_name": "sohoaudit", "version": __version__},
        },
        "finding_info": info,
        "device": _device(device, finding),
        "unmapped": {"evidence": list(finding.evidence), "controls": list(finding.controls), "verify": finding.verify},
    }
    if taken := finding.accepted:
        event["comment"] = str(taken)
    remedy = {"desc": "\n".join(finding.remedy)}
    if is_vulnerability:
        event["vulnerabilities"] = [
            {"cve": _cve(finding, cve), "title": finding.title, "remediation": remedy} for cve in finding.cves
        ] or [{"advisory": {"uid": finding.rule}, "title": finding.title, "remediation": remedy}]
    else:
        event["remediation"] = remedy
    return event


def _cve(finding: Finding, cve: str) -> dict[str, Any]:
    chance = finding.facts.get(f"epss.{cve}")
    return {"uid": cve, "epss": {"score": chance}} if chance else {"uid": cve}


def _device(device: Device, finding: Finding) -> dict[str, Any]:
    identity = device.identity
    kind = identity.kind if identity else None
    told: dict[str, Any] = {
        "uid": device.id,
        "type_id": _DEVICE_TYPES.get(kind, _OTHER) if kind else _UNKNOWN,
        "ip": finding.endpoint.address if finding.endpoint else next(iter(device.addresses), None),
        "mac": device.mac if _MAC.fullmatch(device.mac or "") else None,
        "hostname": device.hostname if _HOSTNAME.fullmatch(device.hostname or "") else None,
        "name": identity.name if identity else None,
        "vendor_name": identity.vendor if identity else None,
        "model": identity.model if identity else None,
    }
    return {key: value for key, value in told.items() if value not in (None, "")}


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1_000)
