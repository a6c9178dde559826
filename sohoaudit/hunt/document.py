"""Hits and coverage as plain data (the JSON contract) and as text for a terminal."""

from collections.abc import Iterable

from ..knowledge.hunts import Words
from ..model import printable
from .run import Blind, Coverage, Hit

_SHOWN = ("CommandLine", "ParentImage", "User", "TargetObject", "Details", "TargetFilename", "sha256")


def hit_document(hit: Hit, words: Words) -> dict[str, object]:
    """One hit as the contract of `hunt run --format json` has it; the keys after `evidence` are extra."""
    return {
        "hunt": hit.hunt, "grade": hit.grade, "file": hit.file, "record": hit.record, "time": hit.time,
        "host": hit.host, "why": why(hit, words), "evidence": dict(hit.evidence), "priority": hit.level.value,
        "pack": hit.pack, "title": title(hit, words), "reason": hit.reason, "references": list(hit.references),
    }  # fmt: skip


def coverage_document(coverage: Coverage, words: Words) -> dict[str, object]:
    """What was looked at and what could not be, as plain data."""
    gaps = [(blind, {"hunt": blind.hunt, "why": blind_text(blind, words)}) for blind in coverage.blind]
    return {
        "complete": not coverage.is_incomplete,
        "records": coverage.records,
        "events": dict(sorted(coverage.kinds.items())),
        "hosts": sorted(map(printable, coverage.hosts)),
        "first": printable(coverage.first),
        "last": printable(coverage.last),
        "logs": [
            {"file": printable(log.name), "kind": log.kind, "records": log.records, "unread": log.unread,
             "faults": [printable(fault) for fault in log.faults]}
            for log in coverage.logs if not log.passed_over
        ],
        "process_events_without_command_line": coverage.without_command,
        "process_events_without_parent": coverage.without_parent,
        "could_not_look": [gap for blind, gap in gaps if not blind.is_partial],
        "looked_in_part": [gap for blind, gap in gaps if blind.is_partial],
        "rules_left_out": [printable(fault) for fault in coverage.faults],
        "passed_over": [printable(log.name) for log in coverage.logs if log.passed_over],
        "allowed": coverage.allowed,
        "notes": list(coverage.notes),
    }  # fmt: skip


def text(hits: Iterable[Hit], coverage: Coverage, words: Words) -> str:
    """Hits and coverage in lines for a person."""
    lines: list[str] = []
    for hit in hits:
        time = hit.time or words("finding.unknown_time")
        lines.append(f"{hit.level.value.upper()}  {hit.hunt} ({hit.grade})  {time}  {hit.host}")
        lines.append(f"  {why(hit, words)}")
        shown = ((name, value) for name, value in hit.evidence.items() if name in _SHOWN or name.startswith("step "))
        lines.extend(f"  {name}: {_one_line(value)}" for name, value in shown)
        lines.append(f"  {printable(hit.file)}, {hit.record}")
        lines.append("")
    if lines:
        lines += [words("references.title"), *(f"  {line}" for line in words.references()), ""]
    return "\n".join([*lines, *coverage_lines(coverage, words)])


def coverage_lines(coverage: Coverage, words: Words) -> list[str]:
    """What was looked at, and everything that could not be, one a line."""
    period = ""
    if coverage.first:
        period = words("coverage.period", first=printable(coverage.first), last=printable(coverage.last))
    lines = [
        words(
            "coverage.looked",
            records=f"{coverage.records:,}",
            logs=sum(not log.passed_over for log in coverage.logs),
            period=period,
        )
    ]
    lines += [f"  {line}" for line in unread_lines(coverage, words)]
    reasons: dict[str, list[str]] = {}
    for blind in coverage.blind:
        key = "coverage.in_part" if blind.is_partial else "coverage.could_not"
        reasons.setdefault(words(key, why=blind_text(blind, words)), []).append(blind.hunt)
    lines += [f"  {', '.join(names)}: {reason}" for reason, names in reasons.items()]
    lines += [f"  {words('coverage.left_out', fault=printable(fault))}" for fault in coverage.faults]
    lines += [f"  {note}" for note in coverage.notes]
    if coverage.allowed:
        lines.append("  " + words("coverage.allowed", count=f"{coverage.allowed:,}"))
    return lines


def unread_lines(coverage: Coverage, words: Words) -> list[str]:
    """One line for every log that could not be read whole."""
    return [
        words(
            "coverage.unread", file=printable(log.name), count=log.unread, faults="; ".join(map(printable, log.faults))
        )
        for log in coverage.logs
        if log.unread
    ]


def title(hit: Hit, words: Words) -> str:
    """The hunt's title in the reader's language; a user's own rule has its own."""
    return words.title(hit.hunt, printable(hit.title))


def why(hit: Hit, words: Words) -> str:
    """One sentence: what happened, and in what way the event shows it."""
    return f"{title(hit, words)}: {reason(hit, words)}"


def reason(hit: Hit, words: Words) -> str:
    """In what way the event shows it."""
    return words.reason(hit.reason, hit.details)


def blind_text(blind: Blind, words: Words) -> str:
    """Why a hunt could not look."""
    reason = blind.reason if words.has("blind", blind.reason) else "no-kind"
    return words(f"blind.{reason}", lacking=f"{blind.lacking:,}", total=f"{blind.total:,}")


def _one_line(value: str) -> str:
    return " ".join(value.split())
