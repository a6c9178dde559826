"""Writes the beginning of a fingerprint from what one device said."""

import json
import re
from collections.abc import Iterable, Mapping

from .lines import observation, read


def observed(lines: Iterable[bytes]) -> Mapping[str, str]:
    """The fields of the first line that holds any.

    Raises:
        ValueError: there is none, or it is not what `identify` reads; begins with the number of the line.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                return observation(read(line)).fields
            except ValueError as fault:
                raise ValueError(f"{number}: {fault}") from None
    raise ValueError("1: the file holds no line: write one as for `sohoaudit identify`")


def stub(vendor: str, model: str, firmware: str, given: Mapping[str, str]) -> str:
    """A file of fingerprints with one entry that matches what was given, for a person to widen and to describe."""
    when = {name: pattern(value, model, firmware) for name, value in given.items()}
    telling = {name: text for name, text in when.items() if "(?P<" in text} or when
    told = [(name, value) for name, value in (("model", model), ("firmware", firmware)) if value]
    expect = [("vendor", vendor), *((name, value) for name, value in told if f"(?P<{name}>" in str(telling))]
    lines = [
        f"vendor: {quoted(vendor)}",
        "kind: router  # router, ap, modem, switch, vpn-gateway, nas, camera, printer, voip, …",
        f"lines: [{quoted(model or vendor)}]",
        "fingerprints:",
        f"  - name: {quoted(' '.join(telling))}",
        "    when:",
        *(f"      {name}: {quoted(text)}" for name, text in telling.items()),
        '    source: "where you saw it"',
        "    examples:",
        "      - give:",
        *(f"          {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in given.items()),
        f"        expect: {{ {', '.join(f'{name}: {quoted(value)}' for name, value in expect)} }}",
    ]
    return "\n".join(lines) + "\n"


def pattern(value: str, model: str, firmware: str) -> str:
    """A pattern for one line of a value, with the model and the firmware, where they stand in it, as named groups."""
    wanted = [(name, text) for name, text in (("model", model), ("firmware", firmware)) if text]
    line = next((line for line in value.split("\n") if any(text in line for _, text in wanted)), value.split("\n")[0])
    escaped = re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", line[:200])
    for name, text in wanted:
        spelled = re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)
        shape = r"[\w.-]+" if name == "firmware" else r"[\w -]+" if " " in text else r"[\w-]+"
        escaped = escaped.replace(spelled, f"(?P<{name}>{shape})", 1)
    return f"^{escaped}"


def quoted(text: str) -> str:
    """A YAML scalar in single quotes, in which a backslash is a backslash."""
    return "'" + text.replace("\n", " ").replace("'", "''") + "'"
