"""The whole audit against real daemons, from the workstation inside and from a host outside.

What the audit says is compared with the lab's table of truths; how it behaved is read from the wire and from the
devices' own journals.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from sohoaudit.knowledge import shipped

from .capture import busiest_second, gaps, most_connections, questions
from .lab import Lab
from .office import CLEAN, DESK_ADDRESS, EXPOSED, OUTSIDE_ADDRESS, WAN_ADDRESS
from .parts import Device, Web
from .scanning import INSIDE, OUTSIDE, Scan, Stop, environment, scan

pytestmark = pytest.mark.lab

SEVERE = {"urgent", "high", "medium"}
GROUPS = {"224.0.0.251", "239.255.255.250", "ff02::fb", "ff02::c"}
NEVER_OPENED = {9_100}
TALKING = [device for device in EXPOSED.devices if device.ports]
PACKETS_A_SECOND, TIMING_SLACK = 20, 2
# The responders note when they read, not when we wrote: a busy machine adds its own jitter.
REQUEST_GAP_S, JOURNAL_SLACK_S = 0.25, 0.06
REQUESTS_A_HOST = 30
CONNECTIONS_A_HOST = 2


@pytest.fixture(scope="module")
def inside(office: Lab, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """The exposed office, audited from the workstation."""
    return scan(office, "desk", INSIDE, tmp_path_factory.mktemp("inside"))


@pytest.fixture(scope="module")
def outside(office: Lab, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """The exposed office's WAN address, audited from the internet."""
    return scan(office, "outside", OUTSIDE, tmp_path_factory.mktemp("outside"))


@pytest.fixture(scope="module")
def clean_inside(clean_office: Lab, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """The clean office, audited from the workstation."""
    return scan(clean_office, "desk", INSIDE, tmp_path_factory.mktemp("clean-inside"))


@pytest.fixture(scope="module")
def clean_outside(clean_office: Lab, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """The clean office's WAN address, audited from the internet."""
    return scan(clean_office, "outside", OUTSIDE, tmp_path_factory.mktemp("clean-outside"))


@pytest.fixture(params=["inside", "outside", "clean_inside", "clean_outside"])
def any_run(request: pytest.FixtureRequest) -> Scan:
    """Each of the four runs in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["inside", "outside"])
def run(request: pytest.FixtureRequest) -> Scan:
    """Each run over the exposed office in turn."""
    return request.getfixturevalue(request.param)


# What it says


def test_an_audit_obeys_the_published_schema(any_run: Scan, schema: dict) -> None:
    jsonschema.validate(any_run.document, schema)


@pytest.mark.parametrize("device", TALKING, ids=lambda device: device.name)
def test_a_device_is_named_as_it_tells_itself(inside: Scan, device: Device) -> None:
    found = inside.device(device.address)
    assert found, f"{device.name} is not in the audit"
    identity = found["identity"] or {}
    wrong = {
        attribute: identity.get(attribute)
        for attribute in ("vendor", "model", "firmware")
        if not device.tells(attribute, identity.get(attribute))
    }
    told = {attribute: getattr(device, attribute) for attribute in wrong}
    assert not wrong, f"found {wrong}, the truth is {told}"


@pytest.mark.parametrize("device", CLEAN.devices, ids=lambda device: device.name)
def test_a_clean_device_is_not_named_wrongly(clean_inside: Scan, device: Device) -> None:
    identity = (clean_inside.device(device.address) or {}).get("identity") or {}
    for attribute in ("vendor", "model", "firmware"):
        assert identity.get(attribute) is None or device.tells(attribute, identity[attribute])


@pytest.mark.parametrize("device", TALKING, ids=lambda device: device.name)
def test_the_services_of_a_device_are_those_that_are_open(inside: Scan, device: Device) -> None:
    found = {(service["transport"], service["port"]) for service in (inside.device(device.address) or {})["services"]}
    truth = {port for port in device.ports if port[1] not in NEVER_OPENED}
    assert {port for port in truth if port[0] == "tcp"} <= found <= truth


def test_one_box_is_one_device(inside: Scan) -> None:
    addresses = [address for device in inside.document["devices"] for address in device["addresses"]]
    assert len(addresses) == len(set(addresses))
    for device in EXPOSED.devices:
        assert set((inside.device(device.address) or {"addresses": [device.address]})["addresses"]) <= {
            device.address, device.address6, *([WAN_ADDRESS] if device is EXPOSED.router else []),
        }  # fmt: skip


def test_what_answers_from_outside_is_connected_from_the_internet_and_nothing_else_is(outside: Scan) -> None:
    assert _connected(outside) == {(WAN_ADDRESS, port) for _, port in EXPOSED.outside}


def test_nothing_seen_from_inside_is_said_to_be_connected_from_the_internet(inside: Scan) -> None:
    assert _connected(inside) == set()


def test_what_is_said_to_be_mapped_is_what_the_camera_asked_for(inside: Scan) -> None:
    mapped = {
        (exposure["port"], exposure["internal"])
        for device in inside.document["devices"]
        for exposure in device["exposures"]
        if exposure["evidence"] == "mapped"
    }
    assert mapped <= {(each.outer, f"{EXPOSED.device(each.device).address}:{each.inner}") for each in EXPOSED.forwards}


def test_the_open_administration_is_pressing(outside: Scan) -> None:
    pressing = {
        (finding["endpoint"] or {}).get("port")
        for finding in _findings(outside)
        if finding["rule"].startswith("exposure.") and finding["priority"] in ("urgent", "high")
    }
    assert 443 in pressing, _told(outside)
    assert outside.code in (0, 1), outside.errors


def test_a_clean_office_gives_no_finding_above_low(clean_inside: Scan) -> None:
    assert [each for each in _findings(clean_inside) if each["priority"] in SEVERE] == [], _told(clean_inside)


def test_a_clean_office_is_looked_at_whole_and_ends_with_0(clean_inside: Scan) -> None:
    assert [gap for gap in clean_inside.document["coverage"] if gap["matters"]] == []
    assert clean_inside.code == 0


def test_a_clean_office_shows_the_internet_nothing(clean_outside: Scan) -> None:
    assert _connected(clean_outside) == set()
    assert _findings(clean_outside) == []


def test_the_device_that_is_fine_has_nothing_above_low(inside: Scan) -> None:
    fine = inside.device(EXPOSED.device("fine").address)
    assert [each for each in fine["findings"] if each["priority"] in SEVERE] == []


def test_the_half_broken_device_is_told_in_coverage_and_its_neighbours_are_not(inside: Scan) -> None:
    broken = EXPOSED.device("broken").address
    healthy = {device.address for device in TALKING} - {broken}
    subjects = [gap["subject"] for gap in inside.document["coverage"] if gap["matters"]]
    assert not [subject for subject in subjects if any(_is_about(subject, address) for address in healthy)]
    assert any(_is_about(gap["subject"], broken) for gap in inside.document["coverage"])


# How it behaves


def test_nothing_is_sent_outside_the_scope(any_run: Scan) -> None:
    asker = OUTSIDE_ADDRESS if any_run.document["vantage"] == "internet" else DESK_ADDRESS
    asked = {packet.destination for packet in any_run.packets if packet.source == asker}
    allowed = {WAN_ADDRESS} if asker == OUTSIDE_ADDRESS else {f"192.168.77.{last}" for last in range(1, 255)} | GROUPS
    assert asked, "the run sent nothing at all"
    assert asked <= allowed


def test_no_host_gets_more_new_packets_a_second_than_the_budget(run: Scan) -> None:
    asked = questions(run.packets, _asker(run))
    busiest = {host: most for host, most in busiest_second(asked).items() if host not in GROUPS}
    assert {host: most for host, most in busiest.items() if most > PACKETS_A_SECOND + TIMING_SLACK} == {}


def test_no_host_has_more_conversations_at_once_than_the_budget(run: Scan) -> None:
    most = most_connections(run.packets, _asker(run))
    assert {host: count for host, count in most.items() if count > CONNECTIONS_A_HOST} == {}


def test_no_port_ever_has_two_requests_in_flight(run: Scan) -> None:
    assert [event for event in run.events if event["what"] == "request" and event["at_once"] > 1] == []


def test_requests_to_a_host_keep_their_distance_and_their_number(run: Scan) -> None:
    for device in TALKING:
        times = [event["t"] for event in _http_requests(run) if event["device"] == device.name]
        assert len(times) <= REQUESTS_A_HOST, device.name
        assert min(gaps(times), default=1) >= REQUEST_GAP_S - JOURNAL_SLACK_S, device.name


def test_no_request_carries_a_password_or_a_cookie(run: Scan, office: Lab) -> None:
    carried = [event for event in _http_requests(run) if {"authorization", "cookie"} & set(event["headers"])]
    assert carried == []


def test_the_real_web_servers_saw_no_password(inside: Scan, outside: Scan, office: Lab) -> None:
    lines = [line for log in office.folder.glob("*/access.log") for line in log.read_text().splitlines()]
    asked = [line for line in lines if "sohoaudit" in line or '"GET ' in line]
    assert asked, "lighttpd was never asked"
    assert [line for line in lines if not line.endswith('"-"')] == []


def test_only_reading_methods_and_the_listed_questions_are_used(run: Scan) -> None:
    known = (shipped("fingerprints") / "questions.yaml").read_text(encoding="utf-8")
    for event in run.events:
        if event["what"] == "request" and event["method"] not in ("GET", "HEAD", "OPTIONS"):
            assert event["method"] == "POST", event
            assert event["path"].partition("?")[0] in known, event


def test_the_raw_print_port_is_left_alone(inside: Scan) -> None:
    assert [event for event in inside.events if event["port"] == "tcp/9100"] == []


def test_an_ftp_server_hears_no_word(inside: Scan) -> None:
    visits = [event for event in inside.events if event["device"] == "mikrotik" and event["port"] == "tcp/21"]
    assert visits, "its greeting was never read"
    assert [event for event in visits if event["what"] == "bytes"] == []


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "terminated"])
def test_a_stopped_audit_ends_at_once_and_tells_what_it_did(
    office: Lab, tmp_path: Path, schema: dict, sign: signal.Signals, code: int
) -> None:
    began = time.monotonic()
    middle = Stop(sign, lambda: sum(event["t"] > began and event["what"] == "request" for event in office.events()) > 3)
    stopped = scan(office, "desk", INSIDE, tmp_path, middle)
    assert middle.sent_at, f"it ended before it was stopped: {stopped.errors}"
    assert stopped.code == code, stopped.errors
    assert middle.ended_at - middle.sent_at < 2
    assert "Traceback" not in stopped.errors
    jsonschema.validate(stopped.document, schema)
    assert stopped.document["devices"]
    assert stopped.document["summary"]["incomplete"]


def test_an_address_outside_the_private_ranges_is_refused_without_authority(office: Lab, tmp_path: Path) -> None:
    refused = scan(office, "outside", (WAN_ADDRESS, "--vantage", "internet"), tmp_path)
    assert refused.code == 2
    assert "--authorized" in refused.errors
    assert questions(refused.packets, OUTSIDE_ADDRESS) == []


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The published schema, as the command prints it."""
    words = [sys.executable, "-m", "sohoaudit", "schema", "audit"]
    folder = tmp_path_factory.mktemp("schema")
    printed = subprocess.run(words, env=environment(folder), text=True, capture_output=True, check=True)
    return json.loads(printed.stdout)


def _connected(run: Scan) -> set[tuple[str, int]]:
    return {
        (exposure["address"], exposure["port"])
        for device in run.document["devices"]
        for exposure in device["exposures"]
        if exposure["evidence"] == "connected" and exposure["vantage"] == "internet"
    }


def _findings(run: Scan) -> list[dict]:
    return [finding for device in run.document["devices"] for finding in device["findings"]]


def _told(run: Scan) -> str:
    return "\n".join(
        f"{each['priority']}: {each['rule']}: {each['title']} {each['evidence']}" for each in _findings(run)
    )


def _http_requests(run: Scan) -> list[dict]:
    plain = {
        (device.name, f"tcp/{part.port}")
        for device in EXPOSED.devices
        for part in device.parts
        if isinstance(part, Web) and part.protocol.startswith("HTTP")
    }
    return [event for event in run.events if event["what"] == "request" and (event["device"], event["port"]) in plain]


def _asker(run: Scan) -> str:
    return OUTSIDE_ADDRESS if run.document["vantage"] == "internet" else DESK_ADDRESS


def _is_about(subject: str, address: str) -> bool:
    return subject == address or subject.startswith((f"{address}:", f"{address} "))
