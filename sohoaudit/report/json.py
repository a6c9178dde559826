"""The audit as JSON, in the contract of `sohoaudit schema audit`: a line a top-level key, a line a device."""

import json
from typing import BinaryIO

from ..document import device_document, head
from ..model import Audit

ENDING = "json"


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Write the document without holding it whole."""
    stream.write(b"{\n")
    for key, value in head(audit).items():
        stream.write(_bytes(key) + b": " + _bytes(value) + b",\n")
    stream.write(b'"devices": [')
    for index, device in enumerate(audit.devices):
        stream.write((b",\n" if index else b"\n") + _bytes(device_document(device)))
    stream.write(b"\n]\n}\n" if audit.devices else b"]\n}\n")


def _bytes(value: object) -> bytes:
    # A lone surrogate, as a file name on the command line may carry, becomes JSON's own \udcxx.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
