"""What holds of every finding, whichever rule made it."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sohoaudit import assess as stage
from sohoaudit.assess import assess, finding_id, rules
from sohoaudit.assess.priority import Fact, Reach, priority
from sohoaudit.knowledge import guidance
from sohoaudit.model import Endpoint, Observation, Priority, Service, Vantage

from .conftest import OUTSIDE, TODAY, World, at, box


def test_a_fault_in_one_rule_is_a_gap_and_stops_no_other():
    class Broken(World):
        def status(self, *_):
            raise RuntimeError("the list is torn")

    device, gaps = assess(box((at(OUTSIDE, 23), "telnet")), Vantage.INTERNET, today=TODAY, knowledge=Broken())
    assert [finding.rule for finding in device.findings] == ["exposure.telnet"]
    assert gaps and all(gap.stage == "assess" and gap.matters and gap.subject == OUTSIDE for gap in gaps)
    assert "firmware.end-of-life failed: RuntimeError: the list is torn" in gaps[0].reason


def test_an_id_stays_when_address_words_and_order_change(judge):
    device = box((at(OUTSIDE, 23), "telnet"), (at(OUTSIDE, 443), "https"))
    moved = box((at("203.0.113.99", 443), "https"), (at("203.0.113.99", 23), "telnet"), kind="camera")
    ids = {finding.id for finding in judge(device, Vantage.INTERNET).values()}
    assert ids == {finding.id for finding in judge(moved, Vantage.INTERNET, language="ja").values()}
    assert all(len(identifier) == 14 and identifier.startswith("fin-") for identifier in ids)


def test_an_id_tells_devices_rules_and_ports_apart():
    device = box()
    other = replace(device, keys=("mac:02:00:00:00:00:02",))
    ids = {finding_id(d, rule, port) for d in (device, other) for rule in ("a", "b") for port in ("1", "2")}
    assert len(ids) == 8


def test_a_device_without_keys_is_told_by_its_id():
    assert finding_id(replace(box(), keys=()), "a", "") == finding_id(replace(box(), keys=("dev-1",)), "a", "")


def test_no_two_checks_claim_one_rule():
    names = [name for rule in rules() for name in rule.names]
    assert len(names) == len(set(names))


def test_every_file_of_the_folder_is_asked():
    families = {rule.check.__module__.rsplit(".", 1)[1] for rule in rules()}
    assert families == {"access", "compromise", "decoy", "dns", "exposure", "firmware", "tls", "upnp", "wan"}


def test_findings_come_most_pressing_first(judge):
    judge(box((at(OUTSIDE, 5060), "sip"), (at(OUTSIDE, 23), "telnet")), Vantage.INTERNET)
    assert [finding.priority for finding in judge.device.findings] == [Priority.HIGH, Priority.LOW]


FIELDS = (
    "http.body", "http.title", "telnet.banner", "tls.subject", "tls.not_after", "tls.version", "tls.sha256",
    "snmp.community", "snmp.sysdescr", "dns.recursion", "upnp.server", "ssh.banner",
)  # fmt: skip
answers = st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=60) | st.sampled_from(["public", "TLSv1", "#"]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers, st.sampled_from(Vantage), st.sampled_from(["telnet", "http", "sip", "snmp", "unknown", "{port}"]))
def test_any_answer_gives_findings_or_none_and_never_a_fault(fields, vantage, protocol):
    endpoint = Endpoint(OUTSIDE, 8000)
    device = replace(box(says=[Observation.of(endpoint, fields)]), services=(Service(endpoint, protocol),))
    judged, gaps = assess(device, vantage, today=TODAY, knowledge=World())
    assert gaps == ()
    ranks = [finding.priority.rank for finding in judged.findings]
    assert (judged.priority.rank if judged.priority else None) == min(ranks, default=None)
    for finding in judged.findings:
        reach, fact = finding.because
        assert finding.priority.rank >= priority(Reach(reach), Fact(fact)).rank
        assert guidance.reword(finding, "en") == finding


@pytest.mark.parametrize("name", ["discover", "sweep", "probe", "identify", "report"])
def test_no_other_stage_is_imported(name):
    assert not hasattr(stage, name)
