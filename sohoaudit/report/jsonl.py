"""A finding a line, each with its device and its audit, for log collectors."""

import json
from typing import Any, BinaryIO

from ..document import SCHEMA_VERSION, finding_document
from ..model import Audit, Device, Finding

ENDING = "jsonl"


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Write one JSON object a line; an audit without findings is an empty file."""
    for device, finding in audit.findings:
        line = json.dumps(_event(audit, device, finding), ensure_ascii=False)
        stream.write(line.encode("utf-8", "backslashreplace") + b"\n")


def _event(audit: Audit, device: Device, finding: Finding) -> dict[str, Any]:
    identity = device.identity
    return {
        "schema_version": SCHEMA_VERSION,
        "time": audit.ended.isoformat(),
        "vantage": audit.scope.vantage.value,
        "device": {
            "id": device.id,
            "addresses": list(device.addresses),
            "mac": device.mac,
            "hostname": device.hostname,
            "vendor": identity.vendor if identity else None,
            "model": identity.model if identity else None,
            "firmware": identity.firmware if identity else None,
            "kind": identity.kind if identity else None,
        },
        "finding": finding_document(finding),
    }
