"""Hits as an audit: a device a computer, a finding a hunt, so that every report format can show them."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from ..knowledge.hunts import Words, told
from ..model import Audit, Device, Finding, Gap, Scope, printable
from .document import blind_text, reason, unread_lines
from .event import moment
from .run import Coverage, Hit

_EVIDENCE_SHOWN = 20
_TELLING = ("CommandLine", "TargetObject", "TargetFilename", "Image", "Data")


def audit_of(hits: Iterable[Hit], coverage: Coverage, words: Words, language: str, started: datetime) -> Audit:
    """The hunt's result under the nouns of an audit; computers are told apart by the name in their logs."""
    by_host: dict[str, dict[str, list[Hit]]] = {}
    for hit in hits:
        by_host.setdefault(hit.host, {}).setdefault(hit.hunt, []).append(hit)
    devices = tuple(_device(host, found, words) for host, found in sorted(by_host.items()))
    return Audit(
        scope=Scope(networks=(), targets=tuple(printable(log.name) for log in coverage.logs)),
        started=started,
        ended=datetime.now(UTC),
        devices=devices,
        coverage=tuple(_gaps(coverage, words)),
        settings={"hunt": words("finding.scope"), "records": f"{coverage.records:,}"},
        language=language,
    )


def _device(host: str, found: dict[str, list[Hit]], words: Words) -> Device:
    key = f"host:{host.lower() or 'unknown'}"
    findings = tuple(_finding(key, host, hunt, hits, words) for hunt, hits in found.items())
    return Device(
        id=_digest(key),
        addresses=(),
        hostname=host or words("finding.unknown_host"),
        findings=tuple(sorted(findings, key=lambda finding: (finding.priority.rank, finding.rule))),
        keys=(key,),
    )


def _finding(key: str, host: str, hunt: str, hits: list[Hit], words: Words) -> Finding:
    worst = min(hits, key=lambda hit: hit.level.rank)
    rule = f"{'compromise' if worst.pack == 'volt' else 'hunt'}.{hunt}"
    evidence = [_evidence(hit, words) for hit in hits[:_EVIDENCE_SHOWN]]
    if len(hits) > _EVIDENCE_SHOWN:
        evidence.append(words("finding.more", count=f"{len(hits) - _EVIDENCE_SHOWN:,}"))
    acts = sum("same act as" not in hit.evidence for hit in hits)
    times = [time for hit in hits if (time := moment(hit.time))]
    finding = Finding(
        id=_digest(f"{key}|{rule}"),
        rule=rule,
        priority=worst.level,
        title="",
        summary="",
        evidence=tuple(evidence),
        remedy=(),
        verify="",
        references=worst.references,
        first_seen=min(times, default=None),
        facts={
            "host": host,
            "count": str(acts),
            "grade": worst.grade,
            "title": printable(worst.title),
            "reason": worst.reason,
        }
        | {f"detail.{name}": str(value) for name, value in worst.details.items()},
        because=("inside", "compromised" if worst.pack == "volt" else "unusual"),
    )
    return told(finding, words)


def _evidence(hit: Hit, words: Words) -> str:
    shown = next((hit.evidence[name] for name in _TELLING if name in hit.evidence), "")
    time = hit.time or words("finding.unknown_time")
    where = words(
        "finding.evidence", time=time, file=printable(hit.file), record=hit.record, shown=" ".join(shown.split())
    )
    return f"{where} ({reason(hit, words)})"


def _gaps(coverage: Coverage, words: Words) -> Iterable[Gap]:
    for line in unread_lines(coverage, words):
        yield Gap("hunt", words("finding.scope"), line, words("coverage.unread_remedy"), matters=True)
    for blind in coverage.blind:
        yield Gap("hunt", blind.hunt, blind_text(blind, words), words("coverage.blind_remedy"))
    for fault in coverage.faults:
        yield Gap("hunt", words("finding.scope"), words("coverage.left_out", fault=printable(fault)), matters=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
