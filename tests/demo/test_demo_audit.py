"""`sohoaudit demo`, whole: what it says about the emulated office is true, and how it asked was polite."""

import json
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
import yaml

from sohoaudit.demo.office import DEVICES, LAN, PUBLIC_ADDRESS
from sohoaudit.demo.upnp import CONTROL_PATH

LIMIT_S = 15
COMMAND = ["demo", "--format", "json", "--output", "-"]
ROUTER = "192.168.50.1"
ADDRESSES = [*(device.address for device in DEVICES), PUBLIC_ADDRESS]
NAMED = [device for device in DEVICES if device.truth.vendor is not None]
QUESTIONS = Path(__file__).parents[2] / "fingerprints" / "questions.yaml"

# The command itself, with an eye on the devices' guest books, which end with the process.
WATCHED = """
import contextlib, json, pathlib, runpy, sys
import sohoaudit.demo

opened = sohoaudit.demo.open_office

@contextlib.asynccontextmanager
async def watched():
    async with opened() as office:
        yield office
    books = {
        address: {
            "complaints": book.complaints,
            "most_requests": max(book.most_requests.values(), default=0),
            "requests": [[r.port, r.method, r.path, r.headers.get("soapaction", "")] for r in book.requests],
        }
        for address, book in office.guest_books.items()
    }
    pathlib.Path(place).write_text(json.dumps(books))

place = sys.argv.pop(1)
sohoaudit.demo.open_office = watched
runpy.run_module("sohoaudit", run_name="__main__", alter_sys=True)
"""


def by_name(rows):
    return pytest.mark.parametrize("device", rows, ids=[row.name for row in rows])


@pytest.fixture(scope="module")
def run():
    started = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "sohoaudit", *COMMAND], capture_output=True, text=True, timeout=120, check=False
    )
    return ran, time.monotonic() - started


@pytest.fixture(scope="module")
def audit(run):
    return json.loads(run[0].stdout)


@pytest.fixture(scope="module")
def guest_books(tmp_path_factory):
    place = tmp_path_factory.mktemp("demo") / "books.json"
    subprocess.run([sys.executable, "-c", WATCHED, str(place), *COMMAND], capture_output=True, timeout=120, check=False)
    return json.loads(place.read_text())


def found(audit, address):
    devices = [device for device in audit["devices"] if address in device["addresses"]]
    assert len(devices) == 1, f"{address} is {len(devices)} devices"
    return devices[0]


def test_it_ends_in_time_and_says_that_something_is_urgent(run):
    ran, seconds = run
    assert ran.returncode == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    assert seconds < LIMIT_S


def test_the_audit_says_that_it_is_a_demo_and_on_whose_authority(audit):
    assert audit["demo"] is True and audit["complete"] is True
    assert {LAN, f"{PUBLIC_ADDRESS}/32"} <= set(audit["scope"]["networks"])


def test_the_audit_keeps_to_its_schema(audit):
    printed = subprocess.run(
        [sys.executable, "-m", "sohoaudit", "schema", "audit"], capture_output=True, text=True, timeout=60, check=True
    )
    jsonschema.validate(audit, json.loads(printed.stdout))


def test_every_device_is_one_device_and_nobody_is_invented(audit):
    assert sorted(sorted(device["addresses"]) for device in audit["devices"]) == sorted(
        sorted(device.addresses) for device in DEVICES
    )


@by_name(NAMED)
def test_a_device_that_tells_its_name_is_named_rightly(audit, device):
    identity = found(audit, device.address)["identity"]
    truth = device.truth
    assert identity is not None
    told = {name: identity[name] for name in ("vendor", "model", "firmware", "kind")}
    # "HP OfficeJet" and "OfficeJet" are one name where the maker stands beside it.
    told["model"] = (told["model"] or "").removeprefix(f"{truth.vendor} ")
    # Ubiquiti's discovery puts the day and minute of the build behind the version.
    if (told["firmware"] or "").startswith(f"{truth.firmware}."):
        told["firmware"] = truth.firmware
    assert told == {"vendor": truth.vendor, "model": truth.model, "firmware": truth.firmware, "kind": truth.kind}


def test_the_half_broken_device_is_not_named(audit):
    identity = found(audit, "192.168.50.66")["identity"]
    assert identity is None or (identity["vendor"], identity["model"], identity["firmware"]) == (None, None, None)


@by_name(NAMED)
def test_what_is_wrong_with_a_device_is_found(audit, device):
    findings = found(audit, device.address)["findings"]
    assert {finding["rule"] for finding in findings} >= set(device.truth.rules)
    exploited = [finding for finding in findings if finding["rule"] == "firmware.known-exploited"]
    assert {cve for finding in exploited for cve in finding["cves"]} >= set(device.truth.known_exploited)


@by_name([device for device in NAMED if not device.truth.known_exploited])
def test_nothing_is_called_exploited_that_is_not(audit, device):
    assert not [f for f in found(audit, device.address)["findings"] if f["rule"] == "firmware.known-exploited"]


@by_name([device for device in DEVICES if device.truth.is_fine])
def test_a_device_that_is_fine_has_nothing_above_low(audit, device):
    assert [f["title"] for f in found(audit, device.address)["findings"] if f["priority"] != "low"] == []


def test_the_router_is_urgent_since_the_internet_reaches_a_known_exploited_hole(audit):
    router = found(audit, PUBLIC_ADDRESS)
    reached = {e["port"] for e in router["exposures"] if e["evidence"] == "connected" and e["vantage"] == "internet"}
    assert {22, 443} <= reached
    assert [f["priority"] for f in router["findings"] if f["rule"] == "firmware.known-exploited"] == ["urgent"]


def test_the_camera_is_mapped_to_the_internet_and_the_router_does_not_take_its_name(audit):
    (mapped,) = [e for e in found(audit, "192.168.50.20")["exposures"] if e["evidence"] == "mapped"]
    assert (mapped["address"], mapped["port"], mapped["internal"]) == (PUBLIC_ADDRESS, 8081, "192.168.50.20:80")
    router = found(audit, PUBLIC_ADDRESS)
    assert "D-Link" not in json.dumps(router["identity"])
    assert not [finding for finding in router["findings"] if finding["rule"] == "decoy"]


def test_every_finding_tells_what_to_do_and_how_to_check_it(audit):
    findings = [finding for device in audit["devices"] for finding in device["findings"]]
    assert findings
    assert [f["rule"] for f in findings if not (f["remedy"] and f["verify"] and f["evidence"] and f["title"])] == []


def test_nothing_was_posted_but_known_questions_and_reads_of_the_gateway(guest_books):
    known = {(q["method"], q["path"]) for q in yaml.safe_load(QUESTIONS.read_text())["questions"]}
    posted = [
        (address, method, path)
        for address, book in guest_books.items()
        for _, method, path, _ in book["requests"]
        if method != "GET" and (method, path) not in known and (address, path) != (ROUTER, CONTROL_PATH)
    ]
    assert posted == []


def test_the_gateway_was_asked_to_read_and_never_to_write(guest_books):
    actions = {action.rpartition("#")[2].strip('"') for *_, action in guest_books[ROUTER]["requests"] if action}
    assert {"GetExternalIPAddress", "GetGenericPortMappingEntry"} <= actions
    assert actions <= {"GetExternalIPAddress", "GetGenericPortMappingEntry", "GetStatusInfo"}


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_device_has_a_complaint_about_its_guest(guest_books, address):
    known = {f"{q['method']} {q['path']}" for q in yaml.safe_load(QUESTIONS.read_text())["questions"]}
    complaints = guest_books[address]["complaints"]
    assert [text for text in complaints if text.partition(": ")[2] not in known] == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_port_has_one_request_in_flight_and_a_device_thirty_in_all(guest_books, address):
    book = guest_books[address]
    assert book["most_requests"] <= 1
    assert len(book["requests"]) <= 30
