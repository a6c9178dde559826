"""The report as one HTML file: no script, no request, every device text escaped and cut to a bound."""

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache, partial
from itertools import islice
from typing import BinaryIO

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import Markup, escape

from .. import __version__
from ..history.change import Difference
from ..knowledge import guidance, shipped
from ..model import Audit, Certainty, Device, Evidence, Finding, Priority, Service, printable
from .content import digest, drawing, reasons, redact, telling
from .content.brand import Brand
from .content.words import Words, words

ENDING = "html"
EVIDENCE_LIMIT = 2_048
TEXT_LIMIT = 240
SENTENCE_LIMIT = 1_200
SERVICES_LIMIT = 200
CHANGES_LIMIT = 300
FILTER_FROM = 8
ALSO_SHOWN = 3
CHUNK_ROWS = 200  # a browser lays a table out whole, but passes over whole tables out of sight
_PIECES_AT_ONCE = 2_000


def write(
    audit: Audit, language: str, stream: BinaryIO, brand: Brand | None = None, since: Difference | None = None
) -> None:
    """Render piece by piece, so that ten thousand devices need no more memory than their audit.

    `since` is what changed since the audit before, for a section of its own.
    """
    pieces = generate(audit, language, brand, since)
    while some := list(islice(pieces, _PIECES_AT_ONCE)):
        stream.write("".join(some).encode("utf-8", "backslashreplace"))


def generate(audit: Audit, language: str, brand: Brand | None = None, since: Difference | None = None) -> Iterator[str]:
    """The page in pieces, in order."""
    t = words(language)
    all_places = digest.places(audit)
    all_tasks = digest.tasks(all_places)
    verdict = digest.verdict(audit, all_tasks)
    to_do = [task for task in all_tasks if task.priority is not Priority.LOW]
    style = _style() + _accent(brand)
    gate = digest.router(all_places)
    template = _environment(language).get_template("report.html.j2")
    yield from template.generate(
        t=t,
        audit=audit,
        csp=_csp(style),
        style=Markup(style),  # noqa: S704 -- our own file, and checked colours
        brand=brand,
        is_redacted=redact.REDACTED in audit.settings,
        places=all_places,
        verdict=verdict,
        to_do=to_do[: digest.PAGE_ONE],
        later=to_do[digest.PAGE_ONE :] + [task for task in all_tasks if task.priority is Priority.LOW],
        fine=digest.fine(audit, all_places),
        missed=digest.missed(audit, all_places),
        steps_of=lambda task: reasons.steps(task, gate, t),
        also_shown=ALSO_SHOWN,
        accepted=digest.accepted(all_places),
        changes=_changes(since, t, {place.device.id: place.number for place in all_places}),
        changes_limit=CHANGES_LIMIT,
        acceptance=lambda taken: digest.acceptance(taken, t),
        is_inside_only=digest.is_inside_only(audit),
        is_untouched=not any(f.rule.startswith("compromise") for _, f in audit.findings),
        map=drawing.draw(all_places),
        ways=digest.ways_in(all_places),
        doubted_ways=digest.doubted_ways(all_places),
        vantages=digest.vantages(audit),
        fit=drawing.fit,
        badges={priority: _badge(priority, t) for priority in Priority},
        certainties={certainty: t(f"certainty.{certainty}") for certainty in Certainty},
        has_doubt=reasons.has_doubt,
        effort=lambda finding: guidance.effort(finding.rule, t.language, finding.facts),
        time_wanted=reasons.time_wanted([task.first for task in to_do if task.priority.value == verdict.state], t),
        said=lambda finding: reasons.cost(finding, t),
        labels={name: t(f"device.{name}") for name in _ATTRIBUTES},
        priorities=list(Priority),
        evidences=[evidence for evidence in Evidence if evidence is not Evidence.LAN_ONLY],
        table=reasons.PRIORITY_TABLE,
        services_limit=SERVICES_LIMIT,
        filter_from=FILTER_FROM,
        chunk_rows=CHUNK_ROWS,
        version=__version__,
    )


def changes_page(difference: Difference, language: str) -> str:
    """What changed between two audits, as a page of its own."""
    t, style = words(language), _style()
    return (
        _environment(language)
        .get_template("difference.html.j2")
        .render(
            t=t,
            csp=_csp(style),
            style=Markup(style),  # noqa: S704 -- our own file
            where=telling.where(difference.new),
            until=t.moment(difference.new.started),
            changes=_changes(difference, t, {}),
            changes_limit=CHANGES_LIMIT,
            badges={priority: _badge(priority, t) for priority in Priority},
        )
    )


def told(text: object, limit: int = TEXT_LIMIT) -> Markup:
    """Device text for the page: made printable again, cut, its direction kept to itself, escaped."""
    shown = text if type(text) is str else str(text)
    if not (shown.isascii() and shown.isprintable()):
        shown = _calm(printable(shown))
    if len(shown) > limit:
        shown = shown[:limit] + "…"
    return Markup(f"<bdi>{escape(shown)}</bdi>")  # noqa: S704 -- escaped in the same breath


def cut(text: str) -> str:
    """A sentence of ours, which may quote a device, cut to a bound."""
    return text if len(text) <= SENTENCE_LIMIT else text[:SENTENCE_LIMIT] + "…"


def quoted(text: str, t: Words) -> Markup:
    """Evidence for the page, verbatim up to 2,048 characters, and how much was left out."""
    if len(text) <= EVIDENCE_LIMIT:
        return told(text, EVIDENCE_LIMIT)
    note = t("finding.cut", shown=EVIDENCE_LIMIT, count=len(text))
    return told(text[:EVIDENCE_LIMIT], EVIDENCE_LIMIT) + Markup(" <small>{}</small>").format(note)


def link(address: str, name: str = "") -> Markup:
    """A reference as a link where it is a plain https address, else as text: nothing else may be clicked."""
    if not _HTTPS.fullmatch(address):
        return told(name or address)
    shown = escape(name or address.removeprefix("https://"))
    return Markup(f'<a href="{escape(address)}" rel="noreferrer">{shown}</a>')  # noqa: S704 -- escaped just now


def cve_link(cve: str) -> Markup:
    """A CVE with its page, where it is one."""
    if not _CVE.fullmatch(cve):
        return told(cve)
    page = f"https://www.cve.org/CVERecord?id={cve}"
    return Markup(f'<a href="{page}" rel="noreferrer">{cve}</a>')  # noqa: S704 -- letters, digits and hyphens


def exploited_since(cve: str, finding: Finding) -> str | None:
    """The day CISA listed the CVE as exploited, where the finding knows it."""
    return finding.facts.get(f"kev.{cve}", "")[:TEXT_LIMIT] or None


_STRENGTHS = {evidence: place for place, evidence in enumerate(Evidence)}
_ATTRIBUTES = ("vendor", "model", "hardware_revision", "firmware", "kind", "cpe")
_HTTPS = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~:/?#@!$&()*+,;=%-]*)?")
_CVE = re.compile(r"CVE-\d{4}-\d{4,7}")
_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_MARKS = re.compile(f"({_MARK}{{4}}){_MARK}+")


def _calm(text: str) -> str:
    # Hundreds of combining marks on one letter paint over the lines around it.
    return text if text.isascii() else _MARKS.sub(r"\1", text)


def _badge(priority: Priority, t: Words) -> Markup:
    return Markup('<span class="badge b-{}">{}</span>').format(priority.value, t(f"priority.{priority}"))


@dataclass(frozen=True, slots=True)
class _Changes:
    """What changed, in words, since when, and the number of each device's card."""

    rows: list[telling.Row]
    since: str
    numbers: defaultdict[str, int]


def _changes(since: Difference | None, t: Words, numbers: dict[str, int]) -> _Changes | None:
    if since is None:
        return None
    rows = [telling.told(change, t) for change in since.changes]
    return _Changes(rows, t.moment(since.old.started), defaultdict(int, numbers))


def _upkeep(device: Device, t: Words) -> list[str]:
    """What the findings know of newer firmware and the end of support, for the inventory."""
    lines = []
    for finding in device.findings:
        if finding.rule == "firmware.end-of-life":
            since = finding.facts.get("since")
            lines.append(t("devices.support_ended", date=since) if since else t("devices.unsupported"))
        elif finding.rule == "firmware.outdated" and "latest" in finding.facts:
            lines.append(t("devices.latest", version=finding.facts["latest"]))
    return lines


def _reachable(service: Service, device: Device) -> Evidence | None:
    address, port = service.endpoint.address, service.endpoint.port
    inner = f"{address}:{port}"
    found = [
        exposure.evidence
        for exposure in device.exposures
        if exposure.evidence is not Evidence.LAN_ONLY
        and (exposure.internal == inner or (exposure.endpoint.address, exposure.endpoint.port) == (address, port))
    ]
    return min(found, key=_STRENGTHS.__getitem__, default=None)


def _shown(value: object) -> str:
    """What stands on the page for a value: our own markup as it is, all else printable and escaped."""
    if type(value) is Markup:
        return value
    text = value if type(value) is str else str(value)
    return escape(text if text.isprintable() else printable(text))


_FIXED = re.compile(r"""\{\{ t\((["'])([a-z_.]+)\1\) \}\}""")
_INCLUDED = re.compile(r"""[ \t]*\{% include (["'])([a-z_.0-9]+)\1 %\}\n?""")


def _worded(template: str, t: Words) -> str:
    """A template with the words that need no value already in their place: half of the calls of a large page."""
    return _FIXED.sub(lambda found: "{% raw %}" + str(escape(t(found[2]))) + "{% endraw %}", template)


def _template(name: str) -> str:
    """A template's text with those it includes in their place, so that a card costs no context of its own."""
    text = (shipped("reports") / "templates" / name).read_text(encoding="utf-8")
    return _INCLUDED.sub(lambda found: _template(found[2]).removesuffix("\n"), text)


class _Code(CodeGenerator):
    """Puts one call of `_shown` round each value, instead of finalizing and then escaping: 10,000 devices notice."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: object) -> None:
        self.write("environment.finalize(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: object) -> None:
        self.write(")")


class _Environment(jinja2.Environment):
    code_generator_class = _Code


@cache
def _environment(language: str) -> jinja2.Environment:
    t = words(language)
    environment = _Environment(
        loader=jinja2.FunctionLoader(lambda name: _worded(_template(name), t)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["escape"] = environment.filters["e"] = escape
    # What a card asks of each finding is a filter: jinja2 calls those straight, and functions by way of the context.
    environment.filters.update(
        told=told,
        cut=cut,
        iso=datetime.isoformat,
        moment=t.moment,
        name=partial(digest.name, words=t),
        card_maker=partial(digest.card_maker, words=t),
        quoted=partial(quoted, t=t),
        link=link,
        cve_link=cve_link,
        exploited_since=exploited_since,
        why=partial(reasons.why, t=t),
        pace=partial(reasons.pace, t=t),
        chances=partial(reasons.chances, t=t),
        severities=partial(reasons.severities, t=t),
        cited=lru_cache(256)(partial(guidance.cited, language=language)),
        upkeep=partial(_upkeep, t=t),
        reachable=_reachable,
    )
    return environment


@cache
def _style() -> str:
    text = (shipped("reports") / "templates" / "report.css").read_text(encoding="utf-8")
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)).strip()


def _accent(brand: Brand | None) -> str:
    if brand is None or not brand.colour:
        return ""
    light, dark = (f":root {{ --brand: {colour}; }}" for colour in (brand.colour, brand.dark_colour))
    return f"\n{light}\n@media screen and (prefers-color-scheme: dark) {{ {dark} }}"


def _csp(style: str) -> str:
    digest_ = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest_}'; img-src data:; base-uri 'none'; form-action 'none'"
