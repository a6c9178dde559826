"""Says of a finding why it is so pressing, how long its steps take, and what CISA allows for the like."""

import re
from functools import lru_cache

from ...knowledge import guidance, vulnrichment
from ...model import Finding, Priority
from .digest import Place, Task
from .words import Words

REACHES = ("internet", "perhaps", "inside")
_HOLES_SHOWN = 10
_SCORE = re.compile(r"\d{1,2}(\.\d{1,9})?")
_EXPLOITED = ("firmware.known-exploited", "firmware.unknown")
# The rule as it is printed: the worst true thing, and the priority from internet, perhaps, inside only.
PRIORITY_TABLE = tuple(
    (fact, tuple(None if word == "-" else Priority(word) for word in row.split()))
    for fact, row in (
        ("compromised", "urgent urgent urgent"),
        ("open", "urgent urgent high"),
        ("known-exploited", "urgent urgent high"),
        ("unsupported", "urgent high medium"),
        ("management", "high high low"),
        ("vulnerable", "high medium medium"),
        ("unmaintained", "high medium medium"),
        ("outdated", "medium medium low"),
        ("unknown", "medium medium low"),
        ("fine", "low low -"),
    )
)

_ROWS = dict(PRIORITY_TABLE)


def why(finding: Finding, t: Words) -> str:
    """Why it is so pressing, in one sentence; empty where the two facts are none of the table's."""
    reach, fact = finding.because
    row = _ROWS.get(fact)
    if row is None or reach not in REACHES:
        return ""
    wanted = row[REACHES.index(reach)]
    if wanted is finding.priority:
        return guidance.reason(reach, fact, t.language)
    if wanted is None or wanted.rank > finding.priority.rank:
        return ""
    return t("finding.capped", when=t(f"when.{finding.priority}"), fact=t.term("facts", fact))


def has_doubt(finding: Finding) -> bool:
    """Whether the summary must be read before acting: it may be otherwise, and says what else it could be."""
    is_sure = finding.facts.get("certainty", "is") == "is"
    return not is_sure or finding.rule.startswith(("compromise", "decoy", "hunt"))


def pace(finding: Finding, t: Words) -> str:
    """The band of BOD 26-04 by its four questions, as far as they can be answered; it asks of known holes alone."""
    if not finding.cves:
        return t("pace.no_cve")
    is_exploited = finding.rule in _EXPLOITED or any(finding.facts.get(f"kev.{cve}") for cve in finding.cves)
    rated = {cve: rating for cve in finding.cves if (rating := _rating(finding, cve))}
    return _band(is_exploited, finding.because[0], tuple(rated.items()), len(rated) < len(set(finding.cves)), t)


def _rating(finding: Finding, cve: str) -> vulnrichment.Rating | None:
    """CISA's two answers of a hole: those that were fetched, else those that came with sohoaudit."""
    automatable, total = (_fact(finding, name, cve) for name in ("automatable", "total"))
    if {automatable, total} <= {"yes", "no"}:
        return vulnrichment.Rating(automatable == "yes", total == "yes")
    return vulnrichment.ratings().get(cve)


def chances(finding: Finding, t: Words) -> str:
    """How likely it is that somebody uses each hole within 30 days, the likeliest first; empty where nobody says."""
    known = [(float(score), cve) for cve in finding.cves if _SCORE.fullmatch(score := _fact(finding, "epss", cve))]
    shown = sorted(known, key=lambda each: (-each[0], each[1]))[:_HOLES_SHOWN]
    return t("page.comma").join(f"{cve}{t('page.colon')}{_percent(score)}" for score, cve in shown)


def severities(finding: Finding, t: Words) -> str:
    """How bad each hole is, the worst first; empty where nobody says."""
    known = [(float(score), cve) for cve in finding.cves if _SCORE.fullmatch(score := _fact(finding, "cvss", cve))]
    shown = sorted(known, key=lambda each: (-each[0], each[1]))[:_HOLES_SHOWN]
    return t("page.comma").join(f"{cve}{t('page.colon')}{score:.1f}" for score, cve in shown)


def highest_chance(finding: Finding) -> str:
    """The highest chance of its holes, from 0 to 1 as EPSS writes it; empty where nobody says."""
    scores = [score for cve in finding.cves if _SCORE.fullmatch(score := _fact(finding, "epss", cve))]
    return max(scores, key=float, default="")


def _fact(finding: Finding, name: str, cve: str) -> str:
    return finding.facts.get(f"{name}.{cve}", "")


def _percent(chance: float) -> str:
    return f"{chance:.0%}" if chance >= 0.1 else f"{chance:.1%}" if chance >= 0.001 else "< 0.1%"


@lru_cache(1_024)
def _band(
    is_exploited: bool, reach: str, rated: tuple[tuple[str, vulnrichment.Rating], ...], has_others: bool, t: Words
) -> str:
    """The band of the hole that presses most; where some are not rated, every band that they leave open."""
    is_reachable = {"internet": True, "inside": False}.get(reach)

    def allowed(rating: vulnrichment.Rating | None) -> tuple[str, ...]:
        answers = (rating.is_automatable, rating.is_total) if rating else (None, None)
        return guidance.bands(is_exploited, is_reachable, *answers)

    each = {cve: allowed(rating) for cve, rating in rated}
    if has_others or not rated:
        each[""] = allowed(None)
    rank = guidance.BANDS.index
    latest = min(rank(bands[-1]) for bands in each.values())
    bands = sorted({band for bands in each.values() for band in bands if rank(band) <= latest}, key=rank)
    cve = min(each, key=lambda cve: (rank(each[cve][-1]), not cve))
    rating = dict(rated).get(cve)
    said = {True: t("page.yes"), False: t("page.no"), None: t("page.not_known")}
    told = t(
        "pace.answer",
        bands=t("pace.or").join(t(f"pace.{band.replace(' ', '_')}") for band in bands),
        exploited=said[is_exploited],
        reachable=said[is_reachable],
        automatable=said[rating.is_automatable if rating else None],
        total=said[rating.is_total if rating else None],
    )
    return told + t("verdict.joiner") + _source(cve, rating, t)


def _source(cve: str, rating: vulnrichment.Rating | None, t: Words) -> str:
    if rating is None:
        return t("pace.unrated")
    return t("pace.rated", cve=cve, date=rating.rated.isoformat()) if rating.rated else t("pace.fetched", cve=cve)


def steps(task: Task, router: Place | None, t: Words) -> tuple[str, ...]:
    """A task's steps; the first names the menu of this network's own router, where it is done there."""
    told = task.steps(t)
    identity = router.device.identity if router else None
    if not told or identity is None or task.first.rule != "upnp.port-mapping":
        return told
    paths = guidance.switches(identity.vendor or "", identity.model or "", identity.kind or "", language=t.language)
    if not paths["upnp"] or not identity.name:
        return told
    return (told[0] + t("verdict.joiner") + t("do.at_router", router=identity.name, path=paths["upnp"]), *told[1:])


def time_wanted(findings: list[Finding], t: Words) -> str:
    """How long all of these take, where that is known of each."""
    efforts = [guidance.effort(finding.rule, t.language, finding.facts) for finding in findings]
    known = [effort.minutes for effort in efforts if effort]
    return duration(sum(known), t) if known and len(known) == len(efforts) else t("do.some_time")


def cost(finding: Finding, t: Words) -> str:
    """How long its steps take and who can do them, as one phrase; empty for a rule we have no words for."""
    effort = guidance.effort(finding.rule, t.language, finding.facts)
    if effort is None:
        return ""
    whole = f"{duration(effort.minutes, t)}{t('page.comma')}{t.term('who', effort.who)}"
    return t("do.now_then", now=duration(effort.now_minutes, t), then=whole) if effort.now_minutes else whole


def duration(minutes: int, t: Words) -> str:
    """Minutes as people say them, whole hours from one on."""
    return t("do.minutes", count=minutes) if minutes < 60 else t("do.hours", count=round(minutes / 60))
