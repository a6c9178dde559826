"""`sohoaudit lookup`: what is known of a device, without touching one."""

import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ..model import printable

if TYPE_CHECKING:
    from ..knowledge.advisories import Applicable
    from ..knowledge.lifecycle import Latest, Lifecycle
    from ..knowledge.names import Name


def lookup(
    vendor: Annotated[str | None, typer.Argument(help="The maker, in any spelling.")] = None,
    model: Annotated[str | None, typer.Argument(help="The model; it may carry its hardware revision.")] = None,
    version: Annotated[str | None, typer.Argument(help="The firmware's version, as the device writes it.")] = None,
    hardware_revision: Annotated[str | None, typer.Option(help="The hardware revision, such as v2 or B1.")] = None,
    output_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    input_file: Annotated[
        str | None, typer.Option("--input", metavar="FILE", help="Many devices, one JSON object a line; - is stdin.")
    ] = None,
) -> None:
    """Tell how old a device is and which known vulnerabilities apply to it, without touching one.

    Example: sohoaudit lookup TP-Link "Archer AX21" "1.1.3 Build 20221125"
    """
    if input_file is not None:
        if vendor is not None:
            _refuse("give either VENDOR MODEL or --input FILE, not both")
        raise typer.Exit(_batch(input_file))
    if vendor is None or model is None:
        _refuse('say which device: sohoaudit lookup VENDOR MODEL [VERSION], such as NETGEAR R7000 "1.0.9.88"')
    if output_format not in ("text", "json"):
        _refuse(f"--format {output_format} is not known: use text or json")
    answer = _answer(vendor, model, hardware_revision, version)
    typer.echo(json.dumps(answer) if output_format == "json" else printable(_text(answer, version)))


def _refuse(what: str) -> NoReturn:
    typer.echo(f"sohoaudit: {what}", err=True)
    raise typer.Exit(2)


def _batch(path: str) -> int:
    """Answer every line; a bad one gets an error object with its number, and makes the exit code 2."""
    code = 0
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            answer = _answer_line(line)
        except ValueError as fault:
            answer, code = {"line": number, "error": str(fault)}, 2
        typer.echo(json.dumps(answer))
    return code


def _lines(path: str) -> Iterator[str]:
    if path == "-":
        yield from (line.decode("utf-8", "replace") for line in sys.stdin.buffer)
        return
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            yield from file
    except OSError as fault:
        _refuse(f"{path}: cannot be read: {(fault.strerror or 'unknown reason').lower()}")


def _answer_line(line: str) -> dict[str, Any]:
    """Answer one line of a batch.

    Raises:
        ValueError: the line is no JSON object, or a field is missing or no text.
    """
    try:
        asked = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise ValueError("this line is not JSON") from None
    if not isinstance(asked, dict):
        raise ValueError("this line is not a JSON object")
    for field in ("vendor", "model"):
        if not isinstance(asked.get(field), str) or not asked[field].strip():
            raise ValueError(f"{field!r} is missing or not a text")
    for field in ("hardware_revision", "version"):
        if not isinstance(asked.get(field), str | None):
            raise ValueError(f"{field!r} is not a text")
    answer = _answer(asked["vendor"], asked["model"], asked.get("hardware_revision"), asked.get("version"))
    return {"id": asked.get("id"), **answer}


def _no_number(text: str) -> NoReturn:
    """NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(text)


def _answer(vendor: str, model: str, hardware_revision: str | None, version: str | None) -> dict[str, Any]:
    # Inside, so that `--help` loads no YAML.
    from ..knowledge import advisories, lifecycle, names

    name = names.read(vendor, model, hardware_revision)
    version = version or name.firmware
    stands = lifecycle.status(vendor, model, hardware_revision, version=version)
    newest = lifecycle.latest(vendor, model, hardware_revision, version=version)
    found = advisories.applies(vendor, model, hardware_revision, version or None)
    is_known = (
        newest is not None or stands.status != "unknown" or bool(stands.note) or any(not one.is_vague for one in found)
    )
    answer = {
        "vendor": name.vendor,
        "model": name.model,
        "hardware_revision": name.hardware_revision,
        "known": is_known,
        "lifecycle": _lifecycle(stands),
        "latest": _latest(newest) if newest else None,
        "advisories": [_advisory(one) for one in found],
    }
    return answer if is_known else {**answer, "suggestions": _suggestions(vendor, name)}


def _lifecycle(stands: "Lifecycle") -> dict[str, Any]:
    return {
        "status": stands.status,
        "since": _day(stands.since),
        "verified": stands.is_verified,
        "source": stands.source or None,
        "note": "; ".join(filter(None, (stands.note, stands.still_patched))) or None,
    }


def _latest(newest: "Latest") -> dict[str, Any]:
    return {
        "version": newest.version,
        "date": _day(newest.date),
        "at_least": newest.is_at_least,
        "kind": newest.kind,
        "verified": newest.is_verified,
        "source": newest.source,
    }


def _advisory(one: "Applicable") -> dict[str, Any]:
    exploited = one.known_exploited
    return {
        "id": one.id,
        "applies": one.applies,
        "why": one.why,
        "fixed_in": one.fixed_in,
        "known_exploited": exploited is not None,
        "exploited_source": exploited.source if exploited else None,
        "ransomware": bool(exploited and exploited.is_ransomware),
        "title": one.title,
        "condition": one.condition or None,
        "verified": one.is_verified,
        "source": one.source,
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _suggestions(vendor: str, name: "Name") -> list[str]:
    """Makers where the maker is not known, else models of that maker, likeliest first."""
    from ..knowledge import advisories, lifecycle, names

    if names.maker(vendor) is None:
        return names.suggest(vendor, (one.name for one in names.makers()))
    known = dict.fromkeys([*lifecycle.models(name.vendor), *advisories.models(name.vendor)])
    return [f"{name.vendor} {model}" for model in names.suggest(name.model, known)]


_STATUS = {
    "supported": "still gets updates",
    "ending": "support ends within a year",
    "end-of-life": "out of support",
    "unknown": "not known",
}


def _text(answer: dict[str, Any], version: str | None) -> str:
    """The answer for a person, one fact a line."""
    revision = f", hardware revision {answer['hardware_revision']}" if answer["hardware_revision"] else ""
    lines = [f"{answer['vendor']} {answer['model']}{revision}" + (f", firmware {version}" if version else "")]
    if answer["known"]:
        lines += [f"  support:  {_support(answer['lifecycle'])}", f"  newest:   {_newest(answer['latest'])}"]
    else:
        lines.append("  this model is not known here, which does not mean that it is safe")
        lines += [f"  did you mean: {', '.join(answer['suggestions'])}"] if answer["suggestions"] else []
    for applies, heading in _HEADINGS:
        found = [one for one in answer["advisories"] if one["applies"] == applies]
        if found:
            lines += ["", f"  {heading} ({len(found)})"]
            lines += [line for one in found for line in _vulnerability(one)]
    return "\n".join(lines)


_HEADINGS = (
    ("yes", "vulnerabilities that apply"),
    ("unknown", "vulnerabilities that may apply"),
    ("no", "vulnerabilities that do not apply"),
)


def _support(stands: dict[str, Any]) -> str:
    probably = "" if stands["verified"] or stands["status"] == "unknown" else "probably "
    since = f" since {stands['since']}" if stands["since"] and stands["status"] == "end-of-life" else ""
    since = f" on {stands['since']}" if stands["since"] and stands["status"] == "ending" else since
    check = "; check the maker's page" if probably else ""
    note = f" ({stands['note']})" if stands["note"] else ""
    return f"{probably}{_STATUS[stands['status']]}{since}{check}{note}"


def _newest(newest: dict[str, Any] | None) -> str:
    if newest is None:
        return "not known"
    least = "at least " if newest["at_least"] else ""
    last = ", the last one made" if newest["kind"] == "last" else ""
    return f"{least}{newest['version']}{last}" + (f", as of {newest['date']}" if newest["date"] else "")


def _vulnerability(one: dict[str, Any]) -> list[str]:
    exploited = "; attackers use it" if one["known_exploited"] and one["applies"] != "no" else ""
    lines = [f"    {one['id']}  {one['title']}{exploited}"]
    if one["applies"] == "no":
        return lines
    fixed = f"; repaired in {one['fixed_in']}" if one["fixed_in"] else ""
    lines.append(f"        {one['why']}{fixed}")
    if one["condition"]:
        lines.append(f"        only where {one['condition']}")
    if not one["verified"]:
        lines.append("        not all of this was read in a primary source: check the maker's page")
    return lines
