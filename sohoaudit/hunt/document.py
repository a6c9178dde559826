"""Hits and coverage as plain data (the JSON contract) and as text for a terminal."""

from collections.abc import Iterable

from ..model import printable
from .run import Coverage, Hit


def hit_document(hit: Hit) -> dict[str, object]:
    """One hit as the contract of `hunt run --format json` has it; the keys after `evidence` are extra."""
    return {
        "hunt": hit.hunt, "grade": hit.grade, "file": hit.file, "record": hit.record, "time": hit.time,
        "host": hit.host, "why": hit.why, "evidence": hit.evidence, "priority": hit.level.value, "pack": hit.pack,
        "title": hit.title, "reason": hit.reason, "references": list(hit.references),
    }  # fmt: skip


def coverage_document(coverage: Coverage) -> dict[str, object]:
    """What was looked at and what could not be, as plain data."""
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
            for log in coverage.logs
        ],
        "process_events_without_command_line": coverage.without_command,
        "process_events_without_parent": coverage.without_parent,
        "could_not_look": [{"hunt": name, "why": why} for name, why in coverage.blind],
        "looked_in_part": [{"hunt": name, "why": why} for name, why in coverage.partly],
        "rules_left_out": [printable(fault) for fault in coverage.faults],
        "allowed": coverage.allowed,
    }  # fmt: skip


def text(hits: Iterable[Hit], coverage: Coverage) -> str:
    """Hits and coverage in lines for a person."""
    lines: list[str] = []
    for hit in hits:
        lines.append(f"{hit.level.value.upper()}  {hit.hunt} ({hit.grade})  {hit.time or 'time unknown'}  {hit.host}")
        lines.append(f"  {hit.why}")
        lines.extend(
            f"  {name}: {value}" for name, value in hit.evidence.items() if name in _SHOWN or name[:4] == "step"
        )
        lines.append(f"  in {printable(hit.file)}, record {hit.record}")
        lines.append("")
    return "\n".join([*lines, *_coverage_lines(coverage)])


_SHOWN = ("CommandLine", "ParentImage", "User", "TargetObject", "Details", "TargetFilename", "sha256")


def _coverage_lines(coverage: Coverage) -> list[str]:
    period = f" from {printable(coverage.first)} to {printable(coverage.last)}" if coverage.first else ""
    lines = [f"Looked at {coverage.records:,} records in {len(coverage.logs)} logs{period}."]
    for log in coverage.logs:
        if log.unread:
            shown = "; ".join(map(printable, log.faults))
            lines.append(f"  could not read all of {printable(log.name)} ({log.unread:,} faults): {shown}")
    reasons: dict[str, list[str]] = {}
    for name, why in coverage.blind:
        reasons.setdefault(f"could not look: {why}", []).append(name)
    for name, why in coverage.partly:
        reasons.setdefault(f"looked in part: {why}", []).append(name)
    lines.extend(f"  {', '.join(names)}: {reason}" for reason, names in reasons.items())
    lines.extend(f"  rule left out: {printable(fault)}" for fault in coverage.faults)
    if coverage.allowed:
        lines.append(f"  {coverage.allowed:,} hits left out by the allow list")
    return lines
