"""Finds firmware that its maker has given up, that is known to be broken into, or that fell behind."""

from collections.abc import Iterator, Sequence
from datetime import date

from ..model import Priority
from . import Case, Draft, certainty_of, quoted, rule
from .exposure import is_appliance
from .known import Applicable, Lifecycle
from .priority import Fact, Reach

CVES_NAMED = 5
OLD_AFTER_YEARS = 3
BRANCH_IS_RECENT_DAYS = 365


@rule("firmware.end-of-life", facts=("since", "ended", "software", "version"))
def end_of_life(case: Case) -> Iterator[Draft]:
    """The maker said that no more updates will come for the model, or for the line of versions that runs.

    A line of versions that ended lately is merely outdated: some makers end one with every release.
    """
    life, ended, certainty = _ended(case)
    if life:
        software = case.device.identity and (case.device.identity.fork or case.device.identity.vendor)
        yield Draft(
            rule="firmware.end-of-life",
            fact=Fact.OUTDATED if ended == "branch" and _is_recent(life, case.today) else Fact.UNSUPPORTED,
            reach=case.reach(),
            evidence=(*_identity(case), f"lifecycle: {life.source}"),
            facts={
                "since": str(life.since or ""),
                "ended": ended,
                "software": software or "",
                "version": _version(case) or "",
            },
            certainty=certainty if life.is_verified else "probably",
            at_most=_weight(life.is_verified),
        )


@rule("firmware.known-exploited", "firmware.vulnerable", facts=("version", "cves", "cve_count", "fixed_in", "support"))
def holes(case: Case) -> Iterator[Draft]:
    """Advisories that name this model and this version, as one finding a kind and not one a hole."""
    version = _version(case)
    applicable = [advisory for advisory in _advisories(case) if advisory.applies == "yes"]
    for name, fact, named in (
        ("firmware.known-exploited", Fact.KNOWN_EXPLOITED, [a for a in applicable if a.known_exploited]),
        ("firmware.vulnerable", Fact.VULNERABLE, [a for a in applicable if not a.known_exploited]),
    ):
        sure = [advisory for advisory in named if advisory.is_verified]
        if chosen := sure or named:
            yield _hole(case, name, fact, chosen, version, is_sure=bool(sure))


@rule("firmware.outdated", facts=("version", "latest", "released"))
def outdated(case: Case) -> Iterator[Draft]:
    """Older than the newest release; told only where no hole and no end of support says the same more plainly."""
    who, version = _who(case), _version(case)
    if not who or not version or _ended(case)[0] or any(hole.applies == "yes" for hole in _advisories(case)):
        return
    vendor, model, revision, certainty = who
    latest = case.knowledge.latest(vendor, model, revision, version, case.today)
    if latest and case.knowledge.is_older(vendor, model, version, latest.version, _is_partial(case)):
        yield Draft(
            rule="firmware.outdated",
            fact=Fact.OUTDATED,
            reach=case.reach(),
            evidence=(*_identity(case), f"latest: {latest.version} ({latest.source})"),
            facts={"version": version, "latest": latest.version, "released": str(latest.date or "")},
            certainty=certainty if latest.is_verified else "probably",
        )


@rule("firmware.age", facts=("part", "released", "years"))
def age(case: Case) -> Iterator[Draft]:
    """No version is told, and the newest part that shows is years old: nothing shows that anybody maintains it.

    Parts that makers build in for many years on end, and repair without a new number, prove nothing by themselves.
    """
    if _version(case) or not is_appliance(case.device):
        return
    dated = [
        (day, part) for part in case.knowledge.parts_seen(case.device.observations) if (day := _day(part.released))
    ]
    if all(part.weighs_low for _, part in dated):
        return
    newest, part = max(dated, key=lambda pair: pair[0])
    years = (case.today - newest).days // 365
    if years >= OLD_AFTER_YEARS:
        yield Draft(
            rule="firmware.age",
            fact=Fact.UNMAINTAINED,
            reach=case.reach(),
            evidence=tuple(f"{quoted(p.field, p.text)} ({p.part} {p.version}, {day})" for day, p in dated),
            facts={"part": f"{part.part} {part.version}", "released": newest.isoformat(), "years": str(years)},
            certainty="probably",
        )


@rule("firmware.unknown", facts=("version", "fixed_in", "cves", "cve_count", "support"))
def unknown(case: Case) -> Iterator[Draft]:
    """An exploited hole is known in this model, and the device does not tell whether it has it: find out.

    Inside, and without such a hole, a version that is not told is no finding.
    """
    open_questions = [a for a in _advisories(case) if a.applies == "unknown" and a.known_exploited and a.is_verified]
    if open_questions and case.reach() is not Reach.INSIDE:
        yield _hole(case, "firmware.unknown", Fact.UNKNOWN, open_questions, _version(case), is_sure=True)


def _hole(
    case: Case, name: str, fact: Fact, holes: Sequence[Applicable], version: str | None, *, is_sure: bool
) -> Draft:
    cves = tuple(sorted({hole.id for hole in holes}, key=_by_year, reverse=True))
    fixes = {hole.fixed_in for hole in holes if hole.fixed_in}
    certainty = (_who(case) or ("", "", None, "looks"))[3]
    return Draft(
        rule=name,
        fact=fact,
        reach=case.reach(),
        evidence=(*_identity(case), *(_because(hole) for hole in holes)),
        facts={
            "version": version or "",
            "cves": ", ".join(cves[:CVES_NAMED]),
            "cve_count": str(len(cves)) if len(cves) > CVES_NAMED else "",
            "fixed_in": fixes.pop() if len(fixes) == 1 else "",
            **{f"kev.{hole.id}": _added(hole) for hole in holes},
            **case.knowledge.told_of(cves),
            "support": "over" if _is_over(case) else "kept",
        },
        certainty=certainty if is_sure else "probably",
        cves=cves,
        at_most=_weight(is_sure),
    )


def _ended(case: Case) -> tuple[Lifecycle | None, str, str]:
    """The lifecycle that says support is over, what it is over for (`model` or `branch`), and how sure we are."""
    identity, version, who = case.device.identity, _version(case), _who(case)
    if who:
        vendor, model, revision, certainty = who
        life = case.knowledge.status(vendor, model, revision, None, case.today)
        if life.status == "end-of-life":
            return life, "model", certainty
        line = case.knowledge.status(vendor, model, revision, version, case.today) if version else life
    elif identity and identity.fork and version and (told := certainty_of(case.device, "firmware")):
        line, certainty = case.knowledge.status(identity.fork, "", None, version, case.today), told
    else:
        return None, "", ""
    return (line, "branch", certainty) if line.status == "end-of-life" else (None, "", certainty)


def _is_recent(life: Lifecycle, today: date) -> bool:
    since = _day(life.since)
    return since is not None and (today - since).days < BRANCH_IS_RECENT_DAYS


def _is_over(case: Case) -> bool:
    """Whether it is certain that the model gets no more updates, so that no advice to update makes sense."""
    life, ended, _ = _ended(case)
    return life is not None and life.is_verified and ended == "model"


def _who(case: Case) -> tuple[str, str, str | None, str] | None:
    """Vendor, model, revision and certainty; None where the maker's own firmware is not known to run here."""
    identity, certainty = case.device.identity, certainty_of(case.device, "vendor", "model")
    if identity is None or identity.fork or certainty is None or not (identity.vendor and identity.model):
        return None
    return identity.vendor, identity.model, identity.hardware_revision, certainty


def _version(case: Case) -> str | None:
    return case.device.identity.firmware if case.device.identity else None


def _is_partial(case: Case) -> bool:
    return case.device.identity is not None and case.device.identity.partial


def _advisories(case: Case) -> list[Applicable]:
    if not (who := _who(case)):
        return []
    vendor, model, revision, _ = who
    return list(case.knowledge.applies(vendor, model, revision, _version(case), _is_partial(case)))


def _identity(case: Case) -> tuple[str, ...]:
    """The observed texts that made vendor, model and firmware, each once."""
    identity = case.device.identity
    matches = identity.evidence if identity else ()
    telling = [m for m in matches if m.attribute in ("vendor", "model", "firmware")]
    return tuple(dict.fromkeys(quoted(m.field, m.text) for m in telling))


def _added(hole: Applicable) -> str:
    """The day CISA listed a hole as exploited, where the knowledge tells it."""
    return str(getattr(hole.known_exploited, "added", None) or "")


def _because(hole: Applicable) -> str:
    condition = getattr(hole, "condition", "")
    return f"{hole.id}: {hole.why}" + (f" (where: {condition})" if condition else "")


def _weight(is_verified: bool) -> Priority:
    return Priority.URGENT if is_verified else Priority.MEDIUM


def _day(value: object) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _by_year(cve: str) -> tuple[int, ...]:
    return tuple(int(part) for part in cve.split("-") if part.isdigit())
