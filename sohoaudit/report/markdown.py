"""A ticket a remedy, as Markdown that can be pasted into any tracker."""

import re
from typing import BinaryIO

from ..model import Acceptance, Audit, Finding, printable
from .content import digest, reasons, redact
from .content.words import Words, words

ENDING = "md"
_TEXT_LIMIT = 400
_EVIDENCE_LIMIT = 2_048


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Write the verdict, then the tickets in the order to act."""
    t = words(language)
    places = digest.places(audit)
    tasks = digest.tasks(places)
    verdict = digest.verdict(audit, tasks)
    said = t("verdict.joiner").join(part for part in (verdict.sentence(t), verdict.looked_at(t)) if part)
    _put(stream, f"# {t('page.title')} – {t.date(audit.started)}", "", said)
    if redact.REDACTED in audit.settings:
        _put(stream, "", f"**{t('page.redacted')}** {t('page.redacted_meaning')}")
    for task in tasks:
        _put(stream, "", *_ticket(task, t))
    if taken := digest.accepted(places):
        _put(stream, "", f"## {t('accepted.title')}", "", t("accepted.meaning"), "")
        _put(stream, *(_taken(place, finding, risk, t) for place, finding, risk in taken))
    if audit.coverage:
        _put(stream, "", f"## {t('coverage.title')}", "")
        gaps = (t.gap(gap) for gap in audit.coverage)
        _put(stream, *(f"- {code(subject)}{t('page.colon')}{plain(reason)}" for subject, reason, _ in gaps))


def plain(text: str) -> str:
    """Prose on one line in which nothing is taken for markup."""
    flat = " ".join(printable(text).split())[:_TEXT_LIMIT]
    return re.sub(r"([\\`*_\[\]<>|~&])", r"\\\1", flat)


def code(text: str) -> str:
    """Device text as a code span, fenced by more backticks than it holds."""
    flat = " ".join(printable(text).split())[:_TEXT_LIMIT]
    fence = "`" * (_longest_run(flat) + 1)
    return f"{fence} {flat} {fence}"


def _taken(place: digest.Place, finding: Finding, risk: Acceptance, t: Words) -> str:
    where = code(next(iter(place.device.addresses), digest.name(place.device, t)))
    return f"- {where} {plain(finding.title)}{t('page.colon')}{plain(digest.acceptance(risk, t))} {code(finding.id)}"


def _ticket(task: digest.Task, t: Words) -> list[str]:
    first = task.first
    lines = [f"## {t('priority.' + task.priority)}{t('page.colon')}{plain(first.title)}", ""]
    lines += [line for line in (reasons.why(first, t), plain(first.summary), reasons.cost(first, t)) if line]
    lines.append("")
    for place in task.places[:20]:
        lines.append(f"- {code(digest.name(place.device, t))} {code(next(iter(place.device.addresses), '–'))}")
    if len(task.places) > 20:
        lines.append(f"- {t('page.more', count=len(task.places) - 20)}")
    if first.remedy:
        lines += ["", f"**{t('do.steps')}**", "", *(f"- [ ] {plain(step)}" for step in task.steps(t))]
    lines += ["", f"**{t('do.check')}** {plain(task.verify(t))}"]
    for _, finding in task.findings[:20]:
        lines += ["", *_proof(finding, t)]
    return lines


def _proof(finding: Finding, t: Words) -> list[str]:
    lines = [f"{code(finding.rule)} · {code('sohoaudit verify ' + finding.id)}"]
    if finding.cves:
        lines.append(f"{t('finding.cves')}{t('page.colon')}{' '.join(code(cve) for cve in finding.cves[:40])}")
    if likely := reasons.chances(finding, t):
        day = plain(finding.facts.get("epss_day", ""))
        lines.append(f"{t('finding.epss', date=day)}{t('page.colon')}{plain(likely)}")
    if bad := reasons.severities(finding, t):
        lines.append(f"{t('finding.cvss')}{t('page.colon')}{plain(bad)}")
    if finding.evidence:
        text = printable("\n".join(finding.evidence))[:_EVIDENCE_LIMIT]
        fence = "`" * max(_longest_run(text) + 1, 3)
        lines += ["", fence, text, fence]
    return lines


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _put(stream: BinaryIO, *lines: str) -> None:
    stream.write("".join(line + "\n" for line in lines).encode("utf-8", "backslashreplace"))
