"""The page is one safe file, says what is true, and puts first what comes first."""

import base64
import hashlib
import io
import re
import time
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sohoaudit import report
from sohoaudit.model import Audit, Endpoint, Evidence, Exposure, Identity, Priority, Service, Vantage
from sohoaudit.report import html
from tests.report.assessed import offices
from tests.report.offices import (
    CAMERA,
    CLEAN,
    COMPROMISED,
    EXPOSED,
    FORWARDED,
    HOSTILE,
    INCOMPLETE,
    NAS,
    OFFICES,
    ROUTER,
    SILENT,
    audit,
    hostile,
    many,
)

ALLOWED = {
    "html": {"lang", "dir"},
    "meta": {"http-equiv", "content", "charset", "name"},
    "a": {"class", "href", "rel"},
    "time": {"datetime"},
    "th": {"scope", "class"},
    "input": {"type", "name", "id", "checked"},
    "div": {"class", "role", "tabindex", "aria-label"},
    "nav": {"aria-label"},
    "section": {"id", "class", "aria-labelledby"},
    "article": {"class", "id", "aria-labelledby"},
    "svg": {"font-size", "viewbox", "width", "height", "role", "aria-labelledby"},
    "marker": {"id", "viewbox", "refx", "refy", "markerwidth", "markerheight", "orient"},
    "line": {"class", "stroke", "x1", "y1", "x2", "y2", "marker-end"},
    "rect": {"class", "fill", "stroke", "x", "y", "width", "height", "rx"},
    "text": {"class", "x", "y", "text-anchor"},
    "path": {"class", "d"},
    "details": {"class", "id"},
}
PLAIN = {"class", "id"}
VOID = {"meta", "input", "br", "line", "rect", "path"}


class Page(HTMLParser):
    """Every tag with its attributes, every id, the text, and whether the tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


def rendered(office: Audit, language: str = "en") -> str:
    stream = io.BytesIO()
    report.write(replace(office, language=language), "html", language, stream)
    return stream.getvalue().decode("utf-8")


def assert_safe(text: str) -> None:
    """No script, no style or event attribute, no address but our own links, every id unique, every link lands."""
    page = Page(text)
    for tag, attributes in page.tags:
        assert set(attributes) <= ALLOWED.get(tag, PLAIN), (tag, attributes)
        assert tag not in ("script", "iframe", "object", "img", "link", "form", "base"), tag
        assert not attributes.get("href") or re.match(r"#[a-z0-9-]+$|https://", attributes["href"]), attributes
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", id_) for id_ in page.ids)
    assert len(page.ids) == len(set(page.ids))
    links = [attributes["href"][1:] for tag, attributes in page.tags if attributes.get("href", "").startswith("#")]
    assert set(links) <= set(page.ids)
    labels = [a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a]
    assert {id_ for label in labels for id_ in label.split()} <= set(page.ids)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", text)


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("name", OFFICES)
def test_every_office_makes_a_safe_page(name: str, language: str) -> None:
    assert_safe(rendered(OFFICES[name], language))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(text: str) -> None:
    page = rendered(hostile(text))
    assert_safe(page)
    assert len(page) < 400_000


@settings(max_examples=60)
@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=60))
def test_no_text_at_all_reaches_the_page_as_markup(text: str) -> None:
    """Also where the edge forgot to make it printable, as in a file from elsewhere."""
    office = hostile("marker")
    device = replace(office.devices[0], hostname=text, mac=text, identity=None)
    finding = replace(device.findings[0], title=text, summary=text, evidence=(text,), remedy=(text,), cves=(text,))
    assert_safe(rendered(replace(office, devices=(replace(device, findings=(finding,)),), settings={text: text})))


def test_the_policy_comes_first_and_names_the_style_that_stands_there() -> None:
    text = rendered(EXPOSED)
    head = text[text.index("<head>") + len("<head>") :].lstrip()
    assert head.startswith('<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src ')
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    assert style
    told = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"sha256-{told.replace('+', '+')}" in text
    assert "url(" not in style[1] and "@import" not in style[1]


def test_a_reference_is_a_link_only_where_it_is_plain_https() -> None:
    assert str(html.link("https://www.cisa.gov/a?b=c")).startswith('<a href="https://www.cisa.gov/a?b=c"')
    for other in (
        "javascript:alert(1)",
        "http://a.example",
        'https://a.example/"x',
        "https://a@b",
        "BOD 23-02",
        "https://a.example\n",
    ):
        assert "<a" not in html.link(other)


def test_long_evidence_is_cut_and_says_how_much_is_left_out() -> None:
    page = Page(rendered(audit(replace(NAS, findings=(replace(CAMERA.findings[0], evidence=("y" * 16_384,)),)))))
    assert "y" * 2_048 + "…" not in page.text
    assert "… (2,048 of 16,384 characters)" in page.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clean", "Nothing needs doing. Each of the 2 devices that answered was checked."),
        ("exposed", "2 things to do today. Each of the 2 devices that answered was checked."),
        ("forwarded", "3 things to do today, 1 to plan. 2 things could not be looked at."),
        ("high", "1 thing to do this week. The one device that answered was checked."),
        ("medium", "1 thing to plan. 1 thing could not be looked at."),
        ("incomplete", "Nothing needs doing in what we could look at. The audit was stopped before its end, so this is only a part. "  # noqa: E501
                       "4 things could not be looked at."),
        ("unread", "2 things to do today, 1 this week. 2 devices could not be checked in full."),
        ("nobody", "No device answered, so nothing can be said about this network."),
    ],
)  # fmt: skip
def test_the_verdict_counts_things_to_do_and_what_was_not_seen(name: str, said: str) -> None:
    assert said in Page(rendered(OFFICES[name])).text


VERSIONLESS = replace(NAS, identity=Identity("Synology", "DS220+", kind="nas"))


@pytest.mark.parametrize(
    "office",
    [
        audit(NAS, gaps=(SILENT,)),
        audit(NAS, is_complete=False),
        INCOMPLETE,
        audit(),
        audit(NAS, replace(NAS, id="x", identity=None, hostname=None)),
        audit(VERSIONLESS),
    ],
    ids=["a gap", "stopped", "incomplete", "nobody", "a device nobody knows", "a NAS without a version"],
)
def test_nothing_is_green_while_something_could_not_be_looked_at(office: Audit) -> None:
    assert 'class="verdict v-fine"' not in rendered(office)
    assert 'class="verdict v-fine"' in rendered(CLEAN)


@pytest.mark.parametrize(
    ("office", "said"),
    [
        (audit(VERSIONLESS), "One device did not tell its firmware version"),
        (audit(replace(NAS, identity=None, hostname=None)), "One device did not tell what it is"),
        (audit(), "Nothing can be called fine, because nothing answered."),
    ],
    ids=["no version", "no name", "nobody"],
)
def test_the_technicians_list_of_gaps_says_what_page_one_says(office: Audit, said: str) -> None:
    page = rendered(office)
    behind = Page(page[page.index('<section id="coverage"') : page.index('<section id="priority"')]).text
    assert said in behind
    assert "Everything that answered was looked at." not in behind


def test_a_device_with_a_gap_or_without_a_name_is_not_called_fine() -> None:
    nas = "Nothing that needs doing on one device: Synology DS220+"
    assert (
        nas
        in Page(
            rendered(audit(NAS, replace(NAS, id="x", identity=None, hostname=None, addresses=("192.168.1.9",))))
        ).text
    )
    gap = replace(SILENT, subject="192.168.1.20:5000")
    assert "Nothing that needs doing" not in Page(rendered(audit(NAS, gaps=(gap,)))).text


def test_compromise_comes_first_and_no_more_than_five_things_are_on_page_one() -> None:
    page = rendered(COMPROMISED)
    titles = re.findall(r'<h3 id="task-\d">(.*?)</h3>', page)
    assert titles[0] == "There are signs that somebody else controls this router"
    different = [replace(ROUTER.findings[1], id=f"fin-{n}", remedy=(f"Step {n}",)) for n in range(9)]
    page = rendered(audit(replace(ROUTER, findings=tuple(different))))
    assert len(re.findall(r'<h3 id="task-\d">', page)) == 5
    assert "4 more things, less pressing" in page


def test_one_remedy_on_many_devices_is_one_thing_to_do() -> None:
    second = replace(CAMERA, id="other", addresses=("192.168.1.41",))
    page = Page(rendered(audit(CAMERA, second)))
    assert "1 thing to do today, 1 to plan." in page.text
    assert "192.168.1.40 , Hikvision DS-2CD2042WD-I 192.168.1.41" in page.text


def test_a_merely_probable_end_of_support_does_not_hide_a_hole_that_an_update_closes() -> None:
    hole = replace(
        ROUTER.findings[1], id="fin-hole", rule="firmware.known-exploited", title="A known hole", remedy=("Update it.",)
    )
    end = replace(ROUTER.findings[0], priority=Priority.MEDIUM, facts={"certainty": "probably"})
    page = rendered(audit(replace(ROUTER, findings=(hole, end)), replace(CAMERA, findings=(end,))))
    assert re.findall(r'<h3 id="task-\d">(.*?)</h3>', page) == ["A known hole", end.title]
    assert "1 thing to do today, 1 to plan." in Page(page).text


def test_replacing_a_device_takes_its_known_holes_along() -> None:
    hole = replace(
        ROUTER.findings[1], id="fin-hole", rule="firmware.known-exploited", title="A known hole", remedy=("Update it.",)
    )
    end = replace(ROUTER.findings[0], priority=Priority.HIGH)
    page = rendered(audit(replace(ROUTER, findings=(hole, end))))
    assert re.findall(r'<h3 id="task-\d">(.*?)</h3>', page) == [end.title]
    text = Page(page).text
    assert "1 thing to do today." in text
    assert "This also settles: A known hole" in text


def test_the_demo_says_that_it_is_one() -> None:
    assert "This is a demo." in Page(rendered(OFFICES["high"])).text
    assert "This is a demo." not in Page(rendered(EXPOSED)).text


@pytest.mark.parametrize(
    ("cves", "said"),
    [
        (
            ("CVE-2020-8515",),
            "3 days and a search for intruders. Exploited: yes; reachable from the internet: yes; "
            "attack can be automated: yes; gives total control: yes. The last two as CISA rated CVE-2020-8515 on "
            "2025-02-04 (Vulnrichment).",
        ),
        (("CVE-2020-25078",), "3 days. Exploited: yes;"),
        (("CVE-2020-25078", "CVE-2020-25079"), "3 days and a search for intruders. Exploited: yes;"),
        (("CVE-2020-25078", "CVE-1999-0001"), "3 days and a search for intruders or 3 days. Exploited: yes;"),
    ],
)
def test_the_time_of_bod_26_04_is_that_of_the_hole_that_presses_most(cves: tuple[str, ...], said: str) -> None:
    hole = replace(CAMERA.findings[0], cves=cves)
    assert said in Page(rendered(audit(replace(CAMERA, findings=(hole,))))).text


def test_every_fact_the_technician_needs_is_there() -> None:
    text = Page(rendered(FORWARDED)).text
    for fact in (
        "Ms Sato, owner, by telephone", "28:80:88:00:00:01", "cpe:2.3:h:netgear:r7000", "DD-WRT", "dnsmasq 2.78",
        "leads to 192.168.1.40:80", "Shodan, 2026-11-02", "CVE-2021-34991", "known to be exploited since 2022-03-03",
        "BOD 23-02", "sohoaudit verify fin-7c1e90", 'WWW-Authenticate: Basic realm="NETGEAR R7000"',
        "Today, because new holes in it stay open for good and the internet can reach it.", "203.0.113.7:8443",
        "CISA directive: management interfaces off the internet (2023-06-13)",
        "3 days and a search for intruders or 3 days or 14 days. Exploited: yes; reachable from the internet: yes; "
        "attack can be automated: not known; gives total control: not known. CISA's rating",

        "it stopped answering after 3 requests and was left alone", "2026-11-20", "(told in part)",
    ):  # fmt: skip
        assert fact in text, fact


def test_the_page_is_never_held_whole_and_stays_small() -> None:
    """Ten thousand devices must fit in little memory; six hundred show it, since nothing but the page grows."""
    office = many(600)
    next(html.generate(office, "en"))
    tracemalloc.start()
    size = sum(len(piece.encode()) for piece in html.generate(office, "en"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / 600 < 6_000
    assert peak < size * 0.6


def test_jinja_refuses_a_name_it_does_not_know() -> None:
    with pytest.raises(jinja2.UndefinedError):
        html._environment("en").from_string("{{ nothing.here }}").render()


@pytest.mark.parametrize(
    "text",
    ["x" * 1_000_000, "\u0300\u0489" * 500_000, "שלום" * 250_000, "\x00\x1b[2J" * 200_000, "=1+1|" * 200_000],
    ids=["one word", "combining marks alone", "right to left", "control characters", "formulas"],
)
@pytest.mark.parametrize("format", ["html", "markdown", "text", "csv"])
def test_a_megabyte_of_text_in_every_place_makes_a_small_report(text: str, format: str) -> None:
    office = hostile("marker")
    device = office.devices[0]
    finding = replace(device.findings[0], title=text, summary=text, evidence=(text,) * 3, remedy=(text,), verify=text)
    identity = replace(device.identity, vendor=text, model=text, firmware=text) if device.identity else None
    office = replace(office, devices=(replace(device, hostname=text, identity=identity, findings=(finding,)),))
    stream = io.BytesIO()
    started = time.process_time()
    report.write(replace(office, language="en"), format, "en", stream)
    assert time.process_time() - started < 5
    assert len(stream.getvalue()) < 200_000


def test_a_device_with_every_port_open_shows_two_hundred_and_counts_the_rest() -> None:
    services = tuple(Service(Endpoint("192.168.1.20", port), "http") for port in range(1, 65_536))
    page = rendered(audit(replace(NAS, services=services)))
    assert len(page) < 200_000
    assert "and 65,335 more" in Page(page).text


def test_two_doors_of_one_router_that_differ_by_their_port_are_one_thing_to_do() -> None:
    router = offices("en")["exposed"].devices[0]
    doors = tuple(finding for finding in router.findings if finding.rule.startswith("exposure."))
    page = Page(rendered(audit(replace(router, findings=doors))))
    assert "1 thing to do this week." in page.text
    assert "Remove every port forward for port 22 and 443." in page.text
    assert "try 203.0.113.7:22 and 203.0.113.7:443: nothing may answer" in page.text
    assert "This also settles: Anyone on the internet can reach this router's remote command line" in page.text


def test_a_port_forward_is_told_with_the_menu_of_this_networks_router() -> None:
    page = Page(rendered(offices("en")["forwarded"]))
    assert (
        "This network's router is AVM FRITZ!Box 7590: there it is usually under “Internet > Permit Access" in page.text
    )


def test_who_replaces_a_device_shuts_its_doors_first_and_sees_that_they_are_shut() -> None:
    office = offices("en")["exposed"]
    page = Page(rendered(office))
    assert "1 thing to do today. Each of the 3 devices" in page.text
    assert "1 thing to do today, 1 this week" not in page.text
    assert (
        "With a phone on mobile data (Wi-Fi off), try 203.0.113.7:22 and 203.0.113.7:443: nothing may answer. "
        "After the exchange, run the audit again"
    ) in page.text
    inside = replace(office.devices[0].findings[0], facts=office.devices[0].findings[0].facts | {"reach": "inside"})
    kept = replace(office.devices[0], findings=(inside, *office.devices[0].findings[1:]))
    assert len(re.findall(r'<h3 id="task-\d">', rendered(replace(office, devices=(kept,))))) == 2


def test_devices_of_other_models_are_other_errands() -> None:
    other = replace(ROUTER.findings[0], id="fin-other", title="No update will come for this access point")
    page = rendered(audit(replace(ROUTER, findings=ROUTER.findings[:1]), replace(NAS, findings=(other,))))
    assert len(re.findall(r'<h3 id="task-\d">', page)) == 2


def test_after_a_break_in_the_reset_settles_the_rest_and_the_doubt_is_told() -> None:
    page = Page(rendered(offices("en")["compromised"]))
    assert "1 thing to do today." in page.text
    assert "An innocent explanation would be a certificate somebody made by hand" in page.text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "about 15 minutes now, then about 2 hours, needs a new device"),
        ("en", "You will notice: It is out of use while you change over."),
        ("en", "CISA directive: edge devices out of support (2026-02-05)"),
        ("ja", "まず約15分、その後約2時間、買い替えが必要です"),
        ("ja", "CISA指令：サポートが終了した境界機器（2026-02-05）"),
        ("ja", "自ら名乗る機器の検出（mDNS）"),
    ],
)
def test_page_one_tells_time_who_and_what_people_notice(language: str, said: str) -> None:
    assert said in Page(rendered(offices(language)["exposed"], language)).text


def test_a_claim_that_is_not_confirmed_says_why_it_is_no_more_pressing() -> None:
    capped = replace(ROUTER.findings[0], priority=Priority.MEDIUM)
    text = Page(rendered(audit(replace(ROUTER, findings=(capped,))))).text
    assert "Plan it, not sooner, because this is not confirmed: no longer supported by its maker." in text


def test_the_time_for_this_week_is_the_sum_of_its_things() -> None:
    assert "Set time aside this week: about 15 minutes." in Page(rendered(offices("en")["forwarded"])).text


def test_an_audit_from_outside_does_not_say_that_nobody_looked_from_there() -> None:
    assert "This was seen from inside" not in Page(rendered(offices("en")["exposed"])).text
    assert "This was seen from inside" in Page(rendered(offices("en")["clean"])).text


def test_a_shared_copy_offers_no_command_that_knows_its_findings() -> None:
    office = replace(FORWARDED, settings={"redacted": "yes"})
    assert "sohoaudit verify" in rendered(FORWARDED) and "sohoaudit verify" not in rendered(office)


def test_what_is_less_pressing_has_its_steps_behind_page_one() -> None:
    page = rendered(EXPOSED)
    behind = page[page.index('id="remedies"') :]
    assert "The sign-in page speaks only old encryption" in behind
    assert "Nothing to do now; a new router speaks TLS 1.2 or later." in behind
    assert '<a href="#remedy-1">The sign-in page speaks only old encryption</a>' in page


def test_a_way_in_that_something_speaks_against_is_no_way_in_and_its_doubt_is_told() -> None:
    doubted = Exposure(Endpoint("2001:db8::1", 22), "ssh", Vantage.LAN, Evidence.GLOBAL_ADDRESS, True, doubt="firewall")
    page = rendered(audit(replace(CLEAN.devices[0], exposures=(doubted,))))
    assert "no way in from the internet was found" in page
    assert "but the router says that its IPv6 firewall is on" in page
    assert "22/tcp" not in page.partition("<svg")[2].partition("</svg>")[0]


def test_a_merged_audit_says_from_where_it_looked_and_a_clean_one_does_not_ask_for_another_look() -> None:
    merged = replace(CLEAN, settings={"vantages": "lan, internet"})
    page = Page(rendered(merged)).text
    assert "inside the network and the internet" in page
    assert "From the internet, nothing answered at the addresses we asked." in page
    assert "--vantage internet" not in page


def test_a_door_that_is_known_in_two_ways_is_drawn_once_by_the_surer_one() -> None:
    door = Endpoint("203.0.113.7", 8081)
    mapped = Exposure(door, "http", Vantage.LAN, Evidence.MAPPED, True, "192.168.1.20:80", 'the list has "cam"')
    reached = replace(mapped, vantage=Vantage.INTERNET, evidence=Evidence.CONNECTED, detail="answered")
    page = rendered(audit(replace(CLEAN.devices[0], exposures=(mapped, reached))))
    drawn = page.partition("<svg")[2].partition("</svg>")[0]
    assert drawn.count("8081/tcp") == 1 and "reached from the internet" in drawn
    assert "forwarded by the router" in page.partition("</svg>")[2]
