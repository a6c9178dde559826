"""Makes every line of stderr a JSON object, for those who collect logs."""

import io
import json
import sys
from datetime import UTC, datetime
from typing import Any, TextIO


class JsonLines(io.TextIOBase):
    """A stream that writes each line as `{"time", "level", "message"}`; not a terminal, whatever lies beneath."""

    def __init__(self, beneath: TextIO) -> None:
        """Takes the stream that the objects go to, one a line."""
        self._beneath = beneath
        self._line = ""

    def write(self, text: str) -> int:
        """Take text; whole lines are written on."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if line.strip():
                self.event(line.removeprefix("sohoaudit: "), is_fault=line.startswith("sohoaudit: "))
        return len(text)

    def event(self, message: str, *, is_fault: bool = False, **fields: Any) -> None:
        """Write one object with fields of its own."""
        head = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": "warning" if is_fault else "info",
            "message": message,
        }
        self._beneath.write(json.dumps(head | fields, ensure_ascii=False) + "\n")
        self._beneath.flush()

    def flush(self) -> None:
        """Nothing waits here but an unfinished line."""
        self._beneath.flush()

    def isatty(self) -> bool:
        """Never: no progress line is redrawn in a log."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True


def begin(format: str) -> None:
    """Turn stderr into JSON lines where `format` is json."""
    if format == "json" and not isinstance(sys.stderr, JsonLines):
        sys.stderr = JsonLines(sys.stderr)


def event(message: str, **fields: Any) -> None:
    """Log something with fields, where logs are JSON; people get it told otherwise."""
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.event(message, **fields)
