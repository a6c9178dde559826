"""The report as one HTML file: no script, no request, every device text escaped and cut to a bound."""

import base64
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, BinaryIO

import jinja2
from markupsafe import Markup, escape

from .. import __version__
from ..knowledge import shipped
from ..model import Audit, Device, Evidence, Finding, Priority, printable
from .content import digest, drawing
from .content.words import Words, words

ENDING = "html"
EVIDENCE_LIMIT = 2_048
TEXT_LIMIT = 240
SENTENCE_LIMIT = 1_200
SERVICES_LIMIT = 200
FILTER_FROM = 8
CHUNK_ROWS = 200  # a browser lays a table out whole, but passes over whole tables out of sight
_BUFFER_BYTES = 65_536


def write(audit: Audit, language: str, stream: BinaryIO) -> None:
    """Render piece by piece, so that ten thousand devices need no more memory than their audit."""
    buffer = bytearray()
    for piece in generate(audit, language):
        buffer += piece.encode("utf-8", "backslashreplace")
        if len(buffer) >= _BUFFER_BYTES:
            stream.write(buffer)
            buffer.clear()
    stream.write(buffer)


def generate(audit: Audit, language: str) -> Iterator[str]:
    """The page in pieces, in order."""
    t = words(language)
    all_places = digest.places(audit)
    all_tasks = digest.tasks(all_places)
    to_do = [task for task in all_tasks if task.priority is not Priority.LOW]
    template = _environment().get_template("report.html.j2")
    yield from template.generate(
        t=t,
        audit=audit,
        csp=_csp(),
        style=Markup(_style()),  # noqa: S704 -- our own file
        places=all_places,
        verdict=digest.verdict(audit, all_tasks),
        to_do=to_do[: digest.PAGE_ONE],
        later=to_do[digest.PAGE_ONE :] + [task for task in all_tasks if task.priority is Priority.LOW],
        fine=digest.fine(audit, all_places),
        nameless=[place for place in all_places if not digest.is_recognised(place.device)],
        is_untouched=not any(f.rule.startswith("compromise") for _, f in audit.findings),
        map=drawing.draw(all_places),
        ways=digest.ways_in(all_places),
        name=lambda device: digest.name(device, t),
        fit=drawing.fit,
        told=told,
        cut=cut,
        quoted=lambda text: quoted(text, t),
        link=link,
        cve_link=cve_link,
        exploited_since=exploited_since,
        worst=_worst,
        upkeep=lambda device: _upkeep(device, t),
        reachable=_reachable,
        priorities=list(Priority),
        evidences=[evidence for evidence in Evidence if evidence is not Evidence.LAN_ONLY],
        table=PRIORITY_TABLE,
        services_limit=SERVICES_LIMIT,
        filter_from=FILTER_FROM,
        chunk_rows=CHUNK_ROWS,
        version=__version__,
    )


# DESIGN's rule as it is printed: the worst true thing, and the priority from internet, perhaps, inside only.
PRIORITY_TABLE = tuple(
    (fact, tuple(None if word == "-" else Priority(word) for word in row.split()))
    for fact, row in (
        ("compromised", "urgent urgent urgent"),
        ("open", "urgent urgent high"),
        ("known-exploited", "urgent urgent high"),
        ("unsupported", "urgent high medium"),
        ("management", "high high low"),
        ("vulnerable", "high medium medium"),
        ("outdated", "medium medium low"),
        ("unknown", "medium medium low"),
        ("fine", "low low -"),
    )
)


def told(text: object, limit: int = TEXT_LIMIT) -> Markup:
    """Device text for the page: made printable again, cut, its direction kept to itself, escaped."""
    shown = _calm(printable(str(text)))
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


def link(address: str) -> Markup:
    """A reference as a link where it is a plain https address, else as text: nothing else may be clicked."""
    if not _HTTPS.fullmatch(address):
        return told(address)
    return Markup('<a href="{}" rel="noreferrer">{}</a>').format(address, address.removeprefix("https://"))


def cve_link(cve: str) -> Markup:
    """A CVE with its page, where it is one."""
    if not _CVE.fullmatch(cve):
        return told(cve)
    return Markup('<a href="https://www.cve.org/CVERecord?id={0}" rel="noreferrer">{0}</a>').format(cve)


def exploited_since(finding: Finding, cve: str) -> str | None:
    """The day CISA listed the CVE as exploited, where the finding knows it."""
    return finding.facts.get(f"kev.{cve}", "")[:TEXT_LIMIT] or None


_HTTPS = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~:/?#@!$&()*+,;=%-]*)?")
_CVE = re.compile(r"CVE-\d{4}-\d{4,7}")
_MARK = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_MARKS = re.compile(f"({_MARK}{{4}}){_MARK}+")


def _calm(text: str) -> str:
    # Hundreds of combining marks on one letter paint over the lines around it.
    return text if text.isascii() else _MARKS.sub(r"\1", text)


def _worst(device: Device) -> str:
    return device.priority.value if device.priority else "none"


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


def _reachable(device: Device, address: str, port: int) -> Evidence | None:
    inner = f"{address}:{port}"
    found = [
        exposure.evidence
        for exposure in device.exposures
        if exposure.evidence is not Evidence.LAN_ONLY
        and (exposure.internal == inner or (exposure.endpoint.address, exposure.endpoint.port) == (address, port))
    ]
    return min(found, key=list(Evidence).index, default=None)


def _finalize(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup) and not value.isprintable():
        return printable(value)
    return value


@cache
def _environment() -> jinja2.Environment:
    folder = shipped("reports") / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["escape"] = environment.filters["e"] = escape
    return environment


@cache
def _style() -> str:
    text = (shipped("reports") / "templates" / "report.css").read_text(encoding="utf-8")
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)).strip()


def _csp() -> str:
    digest_ = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest_}'; img-src data:; base-uri 'none'; form-action 'none'"
