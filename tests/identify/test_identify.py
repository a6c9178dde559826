"""Who a device is, from what it said: matching, questions and the shipped examples, in both engines."""

import time
from fnmatch import fnmatchcase
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sohoaudit.identify import Identifier, Question, index
from sohoaudit.identify.index import _is_meant
from sohoaudit.identify.trial import faults
from sohoaudit.knowledge import patterns
from sohoaudit.knowledge.fingerprints import Fingerprints, load_with_examples
from sohoaudit.model import Certainty, Endpoint, Identity, Observation, Transport, Vantage

WEB = Endpoint("192.0.2.1", 80)
SNMP = Endpoint("192.0.2.1", 161, Transport.UDP)


@pytest.fixture(scope="module")
def shipped() -> Fingerprints:
    return load_with_examples()


@pytest.fixture(scope="module")
def identifier(shipped: Fingerprints) -> Identifier:
    return Identifier(shipped)


@pytest.fixture
def made(tmp_path: Path):
    """Fingerprints made of a YAML text alone, without those we ship counting."""

    def make(text: str) -> Identifier:
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
        known = load_with_examples([tmp_path])
        mine = [one for one in known.all if one.is_users_own]
        return Identifier(Fingerprints.of(mine, known.makers, known.tables))

    return make


def seen(fields: dict[str, str], endpoint: Endpoint = WEB) -> Observation:
    return Observation.of(endpoint, fields)


@pytest.mark.parametrize("engine", [patterns.LinearEngine, patterns.PlainEngine])
def test_every_shipped_example_comes_out_as_its_fingerprint_says(shipped, engine):
    assert [str(fault) for fault in faults(shipped, engine())] == []


def test_both_engines_read_the_same_out_of_every_example_and_ask_the_same(shipped):
    linear, plain = (Identifier(shipped, engine()) for engine in (patterns.LinearEngine, patterns.PlainEngine))
    for one in shipped.all:
        for example in one.examples:
            observations = [seen(dict(example.give))]
            assert linear.identify(observations) == plain.identify(observations), example
            assert linear.questions(observations) == plain.questions(observations), example


def test_a_sign_in_prompt_names_maker_model_and_where_that_was_said(identifier):
    identity = identifier.identify([seen({"http.www_authenticate": 'Basic realm="NETGEAR R9000"'})])
    assert (identity.vendor, identity.model, identity.kind) == ("NETGEAR", "R9000", "router")
    assert identity.certainty["model"] is Certainty.CERTAIN
    assert any(match.field == "http.www_authenticate" and "R9000" in match.text for match in identity.evidence)


def test_a_makers_name_is_read_however_it_is_written(shipped, identifier):
    names = {name for maker in shipped.makers.values() for name in (maker.name, *maker.aliases)}
    texts = {
        shape.format(name) for name in names for shape in ("{}", "Welcome to {} AB-1200", "x {}_1 login", "O={}, C=US")
    }
    texts |= {text.replace(" ", glue).replace("-", glue) for text in texts for glue in ("-", "_", "")}
    fields = [{field: text} for text in sorted(texts) for field in ("http.title", "telnet.banner", "tls.subject")]
    with mock.patch.object(index._Literals, "names_a_maker", lambda self, lowered: True):
        unhurried = Identifier(shipped)
        expected = [unhurried.identify_fields(one) for one in fields]
    assert [identifier.identify_fields(one) for one in fields] == expected


def test_a_page_that_nobody_makes_is_nobody(identifier):
    assert identifier.identify([seen({"http.title": "Welcome to nginx!", "http.server": "nginx/1.18.0"})]) is None
    assert identifier.identify([]) is None


def test_a_value_on_any_of_several_lines_is_found(identifier):
    greeting = "*** welcome ***\nRT-AC99U login:"
    assert identifier.identify([seen({"telnet.banner": greeting})]).model == "RT-AC99U"


def test_a_condition_on_two_fields_needs_both_on_one_endpoint(made):
    identifier = made(
        """
vendor: Example
fingerprints:
  - name: both
    when: { http.title: '^Sign in$', http.server: '^tiny' }
    source: made up
    examples: [{ give: { http.title: Sign in, http.server: tiny }, expect: {} }]
"""
    )
    title, server = {"http.title": "Sign in"}, {"http.server": "tiny/1"}
    assert identifier.identify([seen(title), seen(server)]).vendor == "Example"
    assert identifier.identify([seen(title), seen(server, Endpoint("192.0.2.1", 8080))]) is None


def test_an_excluded_field_keeps_a_look_alike_out(identifier):
    prompt = {"http.www_authenticate": 'Basic realm="DSL-N99U"'}
    assert identifier.identify([seen({**prompt, "http.server": "httpd"})]).vendor == "ASUS"
    assert identifier.identify([seen({**prompt, "http.server": "micro_httpd"})]) is None


def test_a_version_told_in_part_gives_way_to_one_told_in_full(identifier):
    page = {"http.body@/zld_product_spec.js": 'PRODUCT_NAME1="ATP900"; ZLDCONFIG_CLOUD_HELP_VERSION=5.32;'}
    assert identifier.identify([seen(page)]).partial
    full = {"http.body@/getBasicInformation": '"ZCFG_SUCCESS" "ModelName":"X999" "SoftwareVersion":"V5.32(ABCD.2)C0"'}
    identity = identifier.identify([seen({**page, **full})])
    assert (identity.firmware, identity.partial) == ("V5.32(ABCD.2)C0", False)


def test_one_makers_firmware_never_lands_on_anothers_device(identifier):
    identity = identifier.identify(
        [
            seen({"http.www_authenticate": 'Basic realm="NETGEAR R9000"'}),
            seen({"ftp.banner": "220 x FTP server (MikroTik 6.99.9) ready"}, Endpoint("192.0.2.1", 21)),
        ]
    )
    if identity.vendor == "NETGEAR":
        assert (identity.model, identity.firmware) == ("R9000", None)
    else:
        assert (identity.model, identity.firmware) == (None, "6.99.9")
    assert {match.value for match in identity.evidence if match.attribute == "vendor"} == {"NETGEAR", "MikroTik"}


def test_a_fork_runs_on_the_makers_hardware(identifier):
    greeting = "DD-WRT v3.0-r99559 std (c) 2019 NewMedia-NET GmbH\nBoard: Netgear R9000"
    identity = identifier.identify([seen({"telnet.banner": greeting})])
    assert (identity.vendor, identity.model, identity.fork, identity.firmware) == (
        "NETGEAR",
        "R9000",
        "DD-WRT",
        "r99559",
    )
    assert identity.cpe is None


def test_a_makers_own_build_of_luci_is_not_a_fork(identifier):
    page = {"http.title": "GL.iNet Admin Panel", "http.body": '<link href="/luci-static/bootstrap/x.css">'}
    identity = identifier.identify([seen(page)])
    assert (identity.vendor, identity.fork) == ("GL.iNet", None)


def test_a_box_that_is_three_makers_at_once_is_a_decoy(identifier):
    fields = {
        "http.title": "Synology DiskStation",
        "ssh.banner": "SSH-2.0-ROSSSH",
        "ftp.banner": "220 Welcome to ASUS RT-AC66U FTP service.",
    }
    identity = identifier.identify([seen(fields)])
    assert identity.traits == {"decoy"}
    assert (identity.vendor, identity.model) == (None, None)
    assert identity.evidence


def test_three_devices_forwarded_behind_one_public_address_are_no_decoy(identifier):
    answers = [
        seen({"http.www_authenticate": 'Basic realm="NETGEAR R9000"'}, Endpoint("203.0.113.7", 8443)),
        seen({"http.title": "Synology DiskStation"}, Endpoint("203.0.113.7", 5000)),
        seen({"http.server": "DNVRS-Webs"}, Endpoint("203.0.113.7", 8000)),
    ]
    identity = identifier.identify([answer.seen_from(Vantage.INTERNET) for answer in answers])
    assert identity.traits == frozenset()
    assert identity.vendor == "NETGEAR"


def test_a_page_that_mentions_several_makers_speaks_of_none(identifier):
    page = "<p>We sold our D-Link Corporation and NETGEAR, Inc. stock</p>"
    assert identifier.identify([seen({"http.body": page})]) is None
    assert identifier.identify([seen({"http.body": page, "http.server": "DWS"})]).vendor == "DrayTek"


def test_a_brand_wins_over_the_maker_that_supplies_it(made):
    identifier = made(
        """
vendor: Brand
kin: [Dahua]
kind: camera
fingerprints:
  - name: title
    when: { http.title: '^Brand' }
    source: made up
    examples: [{ give: { http.title: Brand }, expect: {} }]
  - name: supplier's model
    when: { dhip.DeviceType: '^(?P<model>IPC-\\w+)', dhip.Vendor: '(?P<vendor>Dahua)' }
    certainty: certain
    source: made up
    examples: [{ give: { dhip.DeviceType: IPC-9, dhip.Vendor: Dahua }, expect: { vendor: Dahua } }]
"""
    )
    identity = identifier.identify([seen({"http.title": "Brand", "dhip.DeviceType": "IPC-X9", "dhip.Vendor": "Dahua"})])
    assert (identity.vendor, identity.model) == ("Brand", "IPC-X9")


@pytest.mark.parametrize(
    ("transform", "text", "value"),
    [
        ("url-decode", "1.12%20Build%201", "1.12 Build 1"),
        ("html-entities", "A&#32;B", "A B"),
        ("json-text", r"A\/B", "A/B"),
        ("spaces", "usg_flex+1", "usg flex 1"),
        ("[spaces, upper]", "usg_flex", "USG FLEX"),
        ("strip-prefix v", "V1.2", "1.2"),
        ("strip-suffix -K9", "RV9-K9", "RV9"),
        ("lookup builds", "42", "7.0"),
        ("translate builds", "43", "43"),
    ],
)
def test_a_value_is_transformed(made, transform, text, value):
    identifier = made(
        f"""
vendor: Example
tables: {{ builds: {{ "42": "7.0" }} }}
fingerprints:
  - name: all
    when: {{ http.title: '^(?P<firmware>.+)$' }}
    transform: {{ firmware: {transform} }}
    source: made up
    examples: [{{ give: {{ http.title: "42" }}, expect: {{}} }}]
"""
    )
    assert identifier.identify([seen({"http.title": text})]).firmware == value


def test_a_lookup_that_knows_no_answer_claims_nothing(identifier):
    identity = identifier.identify(
        [seen({"mdns._http._tcp.vendor": "Synology", "mdns._http._tcp.version_build": "11111"})]
    )
    assert (identity.vendor, identity.firmware) == ("Synology", None)


def test_a_first_match_asks_its_question_once(identifier):
    page = seen({"http.title": "Vigor Login Page"})
    asked = identifier.questions([page])
    assert Question(WEB, path="/weblogin.htm") in asked
    answered = seen({"http.body@/weblogin.htm": 'fwver:"4.9.1"'})
    assert Question(WEB, path="/weblogin.htm") not in identifier.questions([page, answered])


def test_a_named_question_is_answered_by_its_prefix(identifier):
    page = seen({"http.title": "Linksys Smart Wi-Fi"})
    assert Question(WEB, name="jnap-device-info") in identifier.questions([page])
    answer = seen({"jnap.modelNumber": "EA9500"})
    assert not any(question.name == "jnap-device-info" for question in identifier.questions([page, answer]))


def test_a_greeting_sends_its_question_to_where_http_is_spoken(identifier):
    greeting = seen({"ssh.banner": "SSH-2.0-DraySSH_9", "telnet.banner": "FRITZ!Box"}, Endpoint("192.0.2.1", 23))
    web = seen({"http.title": "?"}, Endpoint("192.0.2.1", 8080))
    assert identifier.questions([greeting]) == []
    asked = identifier.questions([greeting, web])
    assert asked == [Question(web.endpoint, path="/jason_boxinfo.xml")]


def test_an_oid_is_asked_at_the_snmp_port(identifier):
    asked = identifier.questions([seen({"snmp.sysobjectid": "1.3.6.1.4.1.14988.1"}, SNMP)])
    assert asked == [Question(SNMP, oid="1.3.6.1.4.1.14988.1.1.4.4.0")]
    known = seen({"snmp.sysobjectid": "1.3.6.1.4.1.14988.1", "snmp.1.3.6.1.4.1.14988.1.1.4.4.0": "7.1"}, SNMP)
    assert identifier.questions([known]) == []


@given(st.lists(st.text("ab.", max_size=3), min_size=2, max_size=4), st.text("ab.", max_size=8))
def test_a_glob_means_what_fnmatch_says(around, name):
    assert _is_meant(around, name) == fnmatchcase(name, "*".join(around))


def test_the_explanation_names_what_matched_and_what_almost_did(identifier):
    told = identifier.explain([seen({"http.server": "Virata-EmWeb/R6", "http.title": "Nothing"})])
    almost = [one for one in told if not one.is_match]
    assert any("http.title has no" in one.why for one in almost)


@pytest.mark.parametrize("certainty", ["certain", "likely"])
def test_the_users_own_fingerprint_wins(tmp_path, certainty):
    (tmp_path / "mine.yaml").write_text(
        f"""
vendor: NETGEAR
fingerprints:
  - name: my own
    when: {{ http.www_authenticate: 'NETGEAR R9000' }}
    set: {{ model: My router }}
    certainty: {certainty}
    source: my desk
    examples: [{{ give: {{ http.www_authenticate: NETGEAR R9000 }}, expect: {{ model: My router }} }}]
""",
        encoding="utf-8",
    )
    identity = Identifier(load_with_examples([tmp_path])).identify(
        [seen({"http.www_authenticate": 'Basic realm="NETGEAR R9000"'})]
    )
    assert identity.model == "My router"


def test_evidence_is_cut(identifier):
    identity = identifier.identify([seen({"http.title": "NETGEAR Router R9990" + " x" * 500})])
    assert identity.vendor == "NETGEAR"
    assert all(len(match.text) <= 200 for match in identity.evidence)


FIELDS = ["http.title", "http.body", "http.body@/currentsetting.htm", "snmp.sysdescr", "tls.subject", "telnet.banner"]


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=300), max_size=4))
@settings(max_examples=150)
def test_any_text_at_all_is_answered(identifier, fields):
    answer = identifier.identify([seen(fields)])
    assert answer is None or isinstance(answer, Identity)
    identifier.questions([seen(fields)])


@pytest.mark.parametrize(
    "text",
    ["a" * 65_536, "<modelName>" * 6_000, '"model": "' * 6_500, "FRITZ!Box " * 6_500, "( " * 32_768, "1." * 32_768],
    ids=["letters", "elements", "keys", "names", "brackets", "numbers"],
)
def test_a_hostile_body_costs_little_time(identifier, text):
    identifier.identify([seen({"http.body": "warm"})])
    started = time.perf_counter()
    identifier.identify([seen({"http.body": text + "!"})])
    assert time.perf_counter() - started < 0.5


def test_no_example_torn_apart_by_a_page_costs_more_than_its_share(shipped, identifier):
    for one in shipped.all:
        for example in one.examples:
            for name, value in example.give.items():
                if not name.startswith("http.body") or len(value) > 1_000:
                    continue
                half = len(value) // 2
                torn = {name: value[:half] + "1.2 " * 16_000 + value[half:]}
                identifier.identify_fields(torn)
                started = time.process_time()
                identifier.identify_fields(torn)
                assert time.process_time() - started < 0.05, one.title


def test_a_page_that_lists_makers_by_the_hundred_is_cheap_and_the_same_in_both_engines(shipped):
    words = sorted({literal for needed in shipped.needs.values() for literal in needed})
    page = {"http.body": " ".join(words * 3)[:65_536]}
    answers = []
    for engine in (patterns.LinearEngine(), patterns.PlainEngine()):
        identifier = Identifier(shipped, engine)
        identifier.identify_fields({"http.body": page["http.body"][1:]})
        started = time.process_time()
        answers.append(identifier.identify_fields(page))
        if isinstance(engine, patterns.LinearEngine):
            assert time.process_time() - started < 0.1
    assert answers[0] == answers[1]


def test_a_question_over_udp_goes_to_the_host_once(made):
    identifier = made(
        """
vendor: Example
fingerprints:
  - name: title
    when: { http.title: '^Example switch$' }
    then_ask: [nsdp]
    source: made up
    examples: [{ give: { http.title: Example switch }, expect: {} }]
"""
    )
    title = seen({"http.title": "Example switch"})
    assert identifier.questions([title]) == [Question(WEB, name="nsdp")]
    answer = seen({"nsdp.model": "X1"}, Endpoint(WEB.address, 63322, Transport.UDP))
    assert identifier.questions([title, answer]) == []
