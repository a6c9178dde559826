"""Exposed to the internet: what each side claims, held against what the outside host really reaches.

A claim is an exposure that nothing doubts: mapped, a global address or a hairpin from inside, connected from outside.
`counted` prints the true, doubted, missed and false ones of an office and side.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import _standing
from .lab import Lab
from .office import LAN, OUTSIDE_ADDRESS, WAN_ADDRESS
from .parts import Office
from .scanning import environment
from .standing import BOTH_FAMILIES, STRANGER
from .test_lab import MANY_PORTS, _knock

pytestmark = pytest.mark.lab

ROUTER6 = BOTH_FAMILIES.router.address6
NAS6 = BOTH_FAMILIES.made_address6("nas")
KNOCKED = sorted({*MANY_PORTS, 8081, 8443, *range(1, 1025)})
_SPEAK = """
import socket, sys
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as speaking: speaking.sendto(b"hello", (sys.argv[1], 9))
"""
# A device asks for a way in through the IPv6 firewall, as a game does (WANIPv6FirewallControl:1 AddPinhole).
_PINHOLE = """
import http.client, sys
kind = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"
action, *pairs = sys.argv[2:]
inner = "".join(f"<{name}>{value}</{name}>" for name, _, value in (pair.partition("=") for pair in pairs))
body = ('<?xml version="1.0"?>\\r\\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
        f'<u:{action} xmlns:u="{kind}">{inner}</u:{action}></s:Body></s:Envelope>\\r\\n')
there = http.client.HTTPConnection(sys.argv[1], 5000, timeout=5)
there.request("POST", "/ctl/IP6FCtl", body, {"Content-Type": "text/xml", "SOAPAction": f'"{kind}#{action}"'})
print(there.getresponse().read().decode())
"""
_CHATTER = """
import socket, sys, time
speaking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True: speaking.sendto(b"hello", (sys.argv[1], 9)); time.sleep(0.2)
"""
_INDEX = """
import http.server, sys
class Index(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, flush=True)
        self.send_response(200); self.end_headers(); self.wfile.write(sys.argv[1].encode())
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 8099), Index); print("ready", flush=True); server.serve_forever()
"""
ANY = ("connected", "mapped", "indexed", "global-address", "hairpin")
COUNTS = ("true", "doubted", "missed", "false")
Doors = set[tuple[str, int]]


@pytest.fixture(scope="module")
def both_families() -> Iterator[Lab]:
    """The office with IPv4 forwards and a hole in its IPv6 firewall; every address is there when it is given."""
    for lab in _standing("both-families"):
        deadline = time.monotonic() + 20
        while NAS6 not in (shown := lab.run("nas", "ip", "-6", "-o", "addr").stdout) or "temporary" not in shown:
            assert time.monotonic() < deadline, f"no router advertisement came: {shown}"
            time.sleep(0.2)
        time.sleep(1.5)  # the fresh addresses are tentative as long as they may be somebody else's
        yield lab


@pytest.fixture(scope="module")
def behind_a_router() -> Iterator[Lab]:
    """The office whose router stands behind another one."""
    yield from _standing("behind-a-router")


@pytest.fixture(scope="module")
def behind_a_carrier() -> Iterator[Lab]:
    """The office whose provider shares one address among customers."""
    yield from _standing("behind-a-carrier")


@pytest.fixture(scope="module")
def resolvers() -> Iterator[Lab]:
    """The office of name servers, honest and other."""
    yield from _standing("resolvers")


def run(lab: Lab, host: str, folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = lab.command(host, sys.executable, "-m", "sohoaudit", *words)
    own = environment(folder) | more
    return subprocess.run(command, env=own, text=True, capture_output=True, timeout=180, cwd=folder)


def audit(lab: Lab, host: str, folder: Path, *words: str) -> dict:
    file = folder / f"{host}.json"
    done = run(lab, host, folder, *words, "--pace", "lab", "--yes", "-q", "--format", "json", "--output", str(file))
    assert done.returncode in (0, 1, 3), done.stderr
    return json.loads(file.read_text())


def inside(lab: Lab, folder: Path, *more: str) -> dict:
    return audit(lab, "desk", folder, "scan", "lan", "gateway", "--authorized", "the lab's owner", *more)


def outside(lab: Lab, folder: Path, *addresses: str) -> dict:
    return audit(lab, "outside", folder, "scan", *addresses, "--vantage", "internet", "--authorized", "the lab's owner")


def merged(lab: Lab, folder: Path, *files: str) -> dict:
    done = run(lab, "hub", folder, "merge", *files, "-q", "--format", "json", "--output", "merged.json")
    assert done.returncode in (0, 1, 3), done.stderr
    return json.loads((folder / "merged.json").read_text())


def exposures(document: dict) -> list[dict]:
    return [exposure | {"device": d["addresses"][0]} for d in document["devices"] for exposure in d["exposures"]]


def claims(document: dict, *evidence: str) -> Doors:
    kept = [e for e in exposures(document) if e["evidence"] in evidence and not e["doubt"] and e["transport"] == "tcp"]
    return {(e["address"], e["port"]) for e in kept}


def doubted(document: dict) -> Doors:
    """What the audit names, and says that it may be shut: with the command that tells, from outside."""
    return {(e["address"], e["port"]) for e in exposures(document) if e["doubt"] and e["transport"] == "tcp"}


def counted(capsys: pytest.CaptureFixture[str], name: str, truth: Doors, document: dict) -> Doors:
    """Print how many of its claims are true, how many true ones it doubts or missed, how many are false; the claims."""
    found = claims(document, *ANY)
    doubts = (doubted(document) - found) & truth
    figures = (len(found & truth), len(doubts), len(truth - found - doubts), len(found - truth))
    with capsys.disabled():
        print(f"\n  {name:<36}" + "".join(f"{word} {n:<4}" for word, n in zip(COUNTS, figures, strict=True)), end="")
    return found


def reached(lab: Lab, office: Office) -> Doors:
    """What the outside host really gets a connection to, in both families."""
    six = [device.address6 for device in office.devices if device.name not in office.automatic]
    six += [office.made_address6(name) for name in office.automatic]
    return _knock(lab, "outside", [office.wan_address, *six], KNOCKED)


@pytest.fixture(scope="module")
def seen(both_families: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """The office of both families from inside, from outside, and merged."""
    folder = tmp_path_factory.mktemp("both-families")
    # A box that talks shows its privacy address to its neighbours.
    both_families.run("nas", sys.executable, "-c", _SPEAK, "2001:db8:77::50")
    both = {
        "inside": inside(both_families, folder),
        "outside": outside(both_families, folder, WAN_ADDRESS, NAS6, ROUTER6, BOTH_FAMILIES.device("camera").address6),
    }
    both["hairpin"] = inside(both_families, folder, "--hairpin")
    both["merged"] = merged(both_families, folder, "desk.json", "outside.json")
    return both


def test_the_table_of_this_office_is_what_the_outside_reaches(both_families: Lab) -> None:
    assert reached(both_families, BOTH_FAMILIES) == {
        *((WAN_ADDRESS, port) for _, port in BOTH_FAMILIES.outside), (NAS6, 5001), (ROUTER6, 443),
    }  # fmt: skip


def test_every_forward_that_the_router_lists_is_mapped_and_answers_from_outside(both_families: Lab, seen: dict) -> None:
    mapped = claims(seen["inside"], "mapped")
    assert mapped == {(WAN_ADDRESS, 8081), (WAN_ADDRESS, 554)}
    assert mapped <= reached(both_families, BOTH_FAMILIES)


def test_from_outside_what_is_reached_is_connected_and_nothing_else(both_families: Lab, seen: dict) -> None:
    assert claims(seen["outside"], "connected") == reached(both_families, BOTH_FAMILIES)


def test_the_global_addresses_are_seen_from_inside_and_doubted_while_the_router_says_its_firewall_is_on(
    seen: dict,
) -> None:
    found = [e for e in exposures(seen["inside"]) if e["evidence"] == "global-address"]
    assert (NAS6, 5001) in {(e["address"], e["port"]) for e in found}
    assert {e["doubt"] for e in found} == {"firewall"}


def test_the_merged_router_is_one_device_with_two_faces(seen: dict) -> None:
    (router,) = [d for d in seen["merged"]["devices"] if WAN_ADDRESS in d["addresses"]]
    assert router["addresses"][0] == "192.168.77.1"
    assert router["joins"]
    evidence = {e["evidence"] for e in router["exposures"]}
    assert {"connected", "lan-only"} <= evidence


def test_the_look_from_outside_settles_what_answered_on_a_global_address(seen: dict) -> None:
    found = {(e["address"], e["port"], e["evidence"]): e["doubt"] for e in exposures(seen["merged"])}
    assert found[(ROUTER6, 22, "global-address")] == "shut"
    assert found[(WAN_ADDRESS, 22, "hairpin")] == "shut"
    assert found[(ROUTER6, 443, "connected")] == found[(WAN_ADDRESS, 8443, "hairpin")] == ""


def test_a_scan_from_inside_takes_the_audit_from_outside_with_it_at_once(
    both_families: Lab, seen: dict, tmp_path: Path
) -> None:
    (tmp_path / "outside.json").write_text(json.dumps(seen["outside"]))
    document = audit(both_families, "desk", tmp_path, "scan", "gateway", "--with", "outside.json")
    (router,) = [d for d in document["devices"] if WAN_ADDRESS in d["addresses"]]
    assert router["addresses"][0] == "192.168.77.1"
    assert claims(document, "connected") == claims(seen["outside"], "connected")
    assert document["settings"]["vantages"] == "lan, internet"


def test_what_answers_behind_a_forward_belongs_to_the_device_behind_it(seen: dict) -> None:
    found = {(e["port"], e["internal"]): e["device"] for e in exposures(seen["merged"]) if e["evidence"] == "connected"}
    assert found[(8081, "192.168.77.11:80")] == found[(554, "192.168.77.11:554")] == "192.168.77.11"
    # No list tells of this one: the key that it shows does.
    assert found[(8443, "192.168.77.10:5001")] == "192.168.77.10"
    assert found[(443, None)] == "192.168.77.1"


def test_the_addresses_of_one_box_are_one_device_and_a_privacy_address_is_no_new_one(seen: dict) -> None:
    (nas,) = [d for d in seen["merged"]["devices"] if "192.168.77.10" in d["addresses"]]
    assert NAS6 in nas["addresses"]
    assert len(nas["addresses"]) == 3, "IPv4, the one of the MAC, the one of privacy"
    devices = [d["addresses"][0] for d in seen["merged"]["devices"]]
    assert devices == ["192.168.77.1", "192.168.77.10", "192.168.77.11", "192.168.77.30", "192.168.77.50"]


def test_an_address_that_nothing_suggests_is_found_and_joined_by_the_mac(seen: dict) -> None:
    (camera,) = [d for d in seen["inside"]["devices"] if "192.168.77.11" in d["addresses"]]
    assert camera["addresses"] == ["192.168.77.11", BOTH_FAMILIES.device("camera").address6]
    assert [join["key"] for join in camera["joins"]] == ["mac:" + BOTH_FAMILIES.device("camera").mac]


def test_the_merge_finds_what_neither_side_could(seen: dict) -> None:
    def rules(document: dict) -> dict[str, str]:
        return {f["rule"]: f["priority"] for d in document["devices"] for f in d["findings"] if d["mac"]}

    assert rules(seen["inside"])["firmware.known-exploited"] == "high"
    assert rules(seen["merged"])["firmware.known-exploited"] == "urgent"


def test_a_mapping_added_by_the_routers_own_client_is_found_with_its_words(both_families: Lab, tmp_path: Path) -> None:
    ask = ["upnpc", "-u", "http://192.168.77.1:5000/rootDesc.xml"]
    added = both_families.run("desk", *ask, "-e", "desk share", "-a", "192.168.77.10", "21", "2121", "TCP", "3600")
    assert "is redirected to internal" in added.stdout, added.stdout
    try:
        document = audit(both_families, "desk", tmp_path, "scan", "192.168.77.1", "192.168.77.10")
    finally:
        both_families.run("desk", *ask, "-d", "2121", "TCP")
    (found,) = [e for e in exposures(document) if e["port"] == 2121]
    assert (found["evidence"], found["internal"], found["device"]) == ("mapped", "192.168.77.10:21", "192.168.77.10")
    assert "desk share" in found["detail"]
    assert [f["priority"] for d in document["devices"] for f in d["findings"] if f["rule"] == "upnp.port-mapping"
            and f["facts"]["internal"] == "192.168.77.10:21"] == ["high"]  # fmt: skip


def test_forwards_to_controls_and_files_are_pressing_and_one_to_the_routers_own_is_abuse(
    both_families: Lab, tmp_path: Path
) -> None:
    ask = ["upnpc", "-u", "http://192.168.77.1:5000/rootDesc.xml"]
    wanted = {("192.168.77.10", 5555): "adb", ("192.168.77.30", 445): "smb", ("192.168.77.30", 3389): "rdp"}
    inner = [*wanted, ("192.168.77.1", 80), ("192.168.77.30", 3074)]
    for address, port in inner:
        added = both_families.run("desk", *ask, "-a", address, str(port), str(port + 20_000), "TCP", "0").stdout
        assert "is redirected to internal" in added, added
    try:
        document = audit(both_families, "desk", tmp_path, "scan", "192.168.77.1", "192.168.77.10", "192.168.77.30")
    finally:
        for _, port in inner:
            both_families.run("desk", *ask, "-d", str(port + 20_000), "TCP")
    told = {f["facts"]["internal"]: f for d in document["devices"] for f in d["findings"]
            if f["rule"] == "upnp.port-mapping"}  # fmt: skip
    for (address, port), protocol in wanted.items():
        finding = told[f"{address}:{port}"]
        assert (finding["priority"], finding["facts"]["protocol"]) == ("high", protocol)
    assert told["192.168.77.30:3074"]["priority"] == "medium"
    (abuse,) = [f for d in document["devices"] for f in d["findings"] if f["rule"] == "compromise.upnproxy"]
    assert abuse["priority"] == "urgent" and "192.168.77.1:80" in abuse["summary"]


def test_a_pinhole_that_a_device_opened_is_counted_and_left_open(both_families: Lab, tmp_path: Path) -> None:
    fine = BOTH_FAMILIES.device("fine").address6
    ask = [sys.executable, "-c", _PINHOLE, ROUTER6]
    more = [f"InternalClient={fine}", "InternalPort=8080", "Protocol=6", "LeaseTime=600"]
    added = both_families.run("fine", *ask, "AddPinhole", "RemoteHost=", "RemotePort=0", *more).stdout
    number = added.partition("<UniqueID>")[2].partition("<")[0]
    assert number, added
    try:
        document = audit(both_families, "desk", tmp_path, "scan", "gateway")
        still = both_families.run("fine", *ask, "GetPinholePackets", f"UniqueID={number}").stdout
    finally:
        both_families.run("fine", *ask, "DeletePinhole", f"UniqueID={number}")
    (told,) = [f for d in document["devices"] for f in d["findings"] if f["rule"] == "upnp.ipv6-pinhole"]
    assert (told["facts"]["count"], told["priority"]) == ("1", "medium")
    assert "<PinholePackets>" in still, still


def test_the_audit_changes_nothing_in_the_routers_table(both_families: Lab, tmp_path: Path) -> None:
    ask = ["upnpc", "-u", "http://192.168.77.1:5000/rootDesc.xml", "-l"]
    before = [line for line in both_families.run("desk", *ask).stdout.splitlines() if "->192" in line]
    audit(both_families, "desk", tmp_path, "scan", "gateway")
    after = [line for line in both_families.run("desk", *ask).stdout.splitlines() if "->192" in line]
    assert len(before) == 2
    assert [line.rsplit(" ", 1)[0] for line in after] == [line.rsplit(" ", 1)[0] for line in before]


def test_the_hairpin_is_its_own_evidence_and_the_command_to_confirm_it_is_given(seen: dict) -> None:
    found = {e["port"]: (e["doubt"], e["device"]) for e in exposures(seen["hairpin"]) if e["evidence"] == "hairpin"}
    # The router takes the one as if it were sent to its inside address; the other was forwarded to the box behind it.
    assert found[443] == ("own-side", "192.168.77.1")
    assert found[8443] == ("", "192.168.77.10")
    (confirm,) = [gap["remedy"] for gap in seen["hairpin"]["coverage"] if gap["subject"] == WAN_ADDRESS]
    assert f"sohoaudit scan {WAN_ADDRESS} --vantage internet --authorized" in confirm
    told = [f for d in seen["hairpin"]["devices"] for f in d["findings"] if f["rule"] == "exposure.https"]
    assert [(f["because"], f["facts"]["seen"], f["facts"]["port"]) for f in told] == [
        (["perhaps", "management"], "hairpin", "8443")
    ]
    assert "confirm it there" in told[0]["summary"]


def test_what_the_router_says_its_ipv6_firewall_hides_is_named_with_the_command_that_tells(seen: dict) -> None:
    (confirm,) = [gap["remedy"] for gap in seen["inside"]["coverage"] if "IPv6 firewall" in gap["reason"]]
    assert NAS6 in confirm and ROUTER6 in confirm and "--vantage internet --authorized" in confirm


def test_wan_asks_the_gateway_for_the_address(both_families: Lab, tmp_path: Path) -> None:
    document = audit(both_families, "desk", tmp_path, "scan", "wan", "--authorized", "me")
    assert document["scope"]["networks"] == [f"{WAN_ADDRESS}/32"]
    refused = run(both_families, "desk", tmp_path, "scan", "wan")
    assert refused.returncode == 2
    assert f"{WAN_ADDRESS} is public: add --authorized" in refused.stderr


def test_a_router_without_upnp_tells_its_outside_address_by_its_page(tmp_path: Path) -> None:
    for lab in _standing("told-by-page"):
        document = audit(lab, "desk", tmp_path, "scan", "wan", "--authorized", "me", "--ports", "443")
        assert document["scope"]["networks"] == [f"{WAN_ADDRESS}/32"]
        document = audit(lab, "desk", tmp_path, "scan", "gateway")
        assert [f["rule"] for d in document["devices"] for f in d["findings"] if f["rule"].startswith("wan.")] == []


def test_a_page_that_tells_an_inside_address_shows_double_nat(tmp_path: Path) -> None:
    for lab in _standing("told-by-page-inside"):
        document = audit(lab, "desk", tmp_path, "scan", "gateway")
        (told,) = [f for d in document["devices"] for f in d["findings"] if f["rule"] == "wan.double-nat"]
        assert "http.body@/api/v1/status: 10.0.0.2" in told["evidence"]
        refused = run(lab, "desk", tmp_path, "scan", "wan", "--authorized", "me")
        assert refused.returncode == 2 and "10.0.0.2 is not on the internet" in refused.stderr


@pytest.mark.parametrize(
    ("office", "why"), [("behind_a_router", "wan.double-nat"), ("behind_a_carrier", "wan.carrier-nat")]
)
def test_behind_another_network_nothing_is_said_to_be_exposed_and_why_is_explained(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str], office: str, why: str
) -> None:
    lab: Lab = request.getfixturevalue(office)
    assert (truth := reached(lab, lab.office)) == set()
    document = inside(lab, tmp_path)
    assert counted(capsys, f"{office}, inside", truth, document) == set()
    (told,) = [f for d in document["devices"] for f in d["findings"] if f["rule"] == why]
    assert told["priority"] == "low"
    assert lab.office.wan_address in " ".join(told["evidence"])
    refused = run(lab, "desk", tmp_path, "scan", "wan", "--authorized", "me")
    assert refused.returncode == 2
    assert "is not on the internet" in refused.stderr


def test_a_name_server_that_lies_is_told_from_an_honest_one_a_blocker_and_a_filter(
    resolvers: Lab, tmp_path: Path
) -> None:
    document = audit(resolvers, "desk", tmp_path, "scan", LAN, "--ports", "53")
    named = {device.address: device.name for device in resolvers.office.devices}
    told = {named[d["addresses"][0]]: f for d in document["devices"] for f in d["findings"]}
    assert {name: (f["rule"], f["priority"]) for name, f in told.items()} == {
        "hijacked": ("compromise.dns-hijack", "high"),
        "filter": ("compromise.dns-hijack", "low"),
        "searcher": ("compromise.dns-hijack", "low"),
    }
    assert f"login.microsoftonline.com → {STRANGER}" in told["hijacked"]["summary"]


def test_a_clean_office_has_no_exposure_from_any_side(
    clean_office: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = reached(clean_office, clean_office.office)
    within = audit(clean_office, "desk", tmp_path, "scan", LAN)
    without = outside(clean_office, tmp_path, WAN_ADDRESS)
    everything = merged(clean_office, tmp_path, "desk.json", "outside.json")
    for name, document in {"inside": within, "outside": without, "merged": everything}.items():
        assert counted(capsys, f"clean, {name}", truth, document) == set()
        assert {e["evidence"] for e in exposures(document)} <= {"lan-only"}


@pytest.mark.parametrize("host", ["desk", "outside"])
def test_an_index_is_asked_about_the_internet_address_alone_and_what_it_saw_is_indexed(
    both_families: Lab, tmp_path: Path, host: str
) -> None:
    record = {"ip": WAN_ADDRESS, "ports": [443, 7547], "cpes": [], "hostnames": [], "tags": [], "vulns": []}
    serving = subprocess.Popen(
        both_families.command(host, sys.executable, "-c", _INDEX, json.dumps(record)), stdout=subprocess.PIPE, text=True
    )
    try:
        assert serving.stdout and serving.stdout.readline() == "ready\n"
        where = ["gateway"] if host == "desk" else [WAN_ADDRESS, "--vantage", "internet", "--authorized", "me"]
        words = ["scan", *where, "--ports", "443", "--index", "internetdb", "--pace", "lab", "--yes", "-q"]
        done = run(both_families, host, tmp_path, *words, "--format", "json", "--output", "seen.json",
                   SOHOAUDIT_INDEX_URL="http://127.0.0.1:8099")  # fmt: skip
        assert done.returncode in (0, 1, 3), done.stderr
        asked = serving.stdout.readline()
    finally:
        serving.kill()
        serving.wait()
    assert asked == f"/{WAN_ADDRESS}\n"
    document = json.loads((tmp_path / "seen.json").read_text())
    assert claims(document, "indexed") == {(WAN_ADDRESS, 443), (WAN_ADDRESS, 7547)}
    (router,) = [d for d in document["devices"] if WAN_ADDRESS in d["addresses"]]
    assert len(router["addresses"]) == (2 if host == "desk" else 1)
    assert {e["detail"].split(",")[0] for e in router["exposures"] if e["evidence"] == "indexed"} == {
        "Shodan InternetDB"
    }


def test_where_ipv6_is_open_the_inside_claims_what_the_outside_reaches_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for lab in _standing("open-six"):
        found, really = inside(lab, tmp_path), reached(lab, lab.office)
        camera, fine = lab.office.device("camera").address6, lab.office.device("fine").address6
        wanted = {(camera, 80), (camera, 554), (camera, 8000), (fine, 80)}
        assert counted(capsys, "IPv6 open, inside", really, found) == wanted
        assert wanted <= really
        # The router answers itself on every address of its own: that it does is no claim, and the command is given.
        assert really - claims(found, *ANY) == {(ROUTER6, 443), (WAN_ADDRESS, 443)}
        assert (ROUTER6, 443) in doubted(found)
        (confirm,) = [gap["remedy"] for gap in found["coverage"] if gap["subject"] == ROUTER6]
        assert f"scan {ROUTER6} --vantage internet" in confirm


def test_what_nmap_wrote_outside_merges_with_the_audit_from_inside(
    both_families: Lab, seen: dict, tmp_path: Path
) -> None:
    file = tmp_path / "scan.xml"
    words = ["-n", "-Pn", "-T4", "-sV", "--version-light"]
    words += ["--script", "ssh-hostkey,ssl-cert,http-title", "-p", "443,554,8081,8443,9999"]
    both_families.run("outside", "nmap", *words, WAN_ADDRESS, "-oX", str(file), timeout_s=180)
    (tmp_path / "inside.json").write_text(json.dumps(seen["inside"]))
    unsaid = run(both_families, "hub", tmp_path, "import", str(file), "-q")
    assert unsaid.returncode == 2 and "--vantage internet" in unsaid.stderr
    done = run(both_families, "hub", tmp_path, "import", str(file), "--vantage", "internet", "-q", "--format", "json",
               "--output", "nmap.json")  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    document = merged(both_families, tmp_path, "inside.json", "nmap.json")
    found = {e["port"]: e["device"] for e in exposures(document) if e["evidence"] == "connected"}
    assert found == {443: "192.168.77.1", 554: "192.168.77.11", 8081: "192.168.77.11", 8443: "192.168.77.10"}


@pytest.mark.parametrize(("option", "name"), [("-oJ", "masscan JSON"), ("-oX", "masscan XML"), ("-oL", "masscan list")])
def test_what_masscan_wrote_outside_is_connected(both_families: Lab, tmp_path: Path, option: str, name: str) -> None:
    file = tmp_path / "scan"
    words = ["--router-mac", "02-00-71-00-00-07", "--adapter-ip", OUTSIDE_ADDRESS, "--adapter", "eth0", "--wait", "2"]
    words += ["-p", "443,8081,9999", "--rate", "100", WAN_ADDRESS, option, str(file)]
    # It ends only when one more packet comes after its time, which on this quiet line nobody else sends.
    chatter = subprocess.Popen(both_families.command("outside", sys.executable, "-c", _CHATTER, WAN_ADDRESS))
    try:
        ran = both_families.run("outside", "masscan", *words)
    finally:
        chatter.kill()
        chatter.wait()
    assert file.exists() and file.stat().st_size, ran.stderr
    words = ["import", str(file), "--vantage", "internet", "-q", "--format", "json", "--output", "-"]
    done = run(both_families, "hub", tmp_path, *words)
    document = json.loads(done.stdout)
    assert document["settings"]["imported"] == name
    assert claims(document, "connected") == {(WAN_ADDRESS, 443), (WAN_ADDRESS, 8081)}


def test_the_counts(both_families: Lab, seen: dict, capsys: pytest.CaptureFixture[str]) -> None:
    truth = reached(both_families, BOTH_FAMILIES)
    mapped, looped = {(WAN_ADDRESS, 8081), (WAN_ADDRESS, 554)}, {(WAN_ADDRESS, 8443)}
    found = {name: counted(capsys, f"both families, {name}", truth, document) for name, document in seen.items()}
    assert found == {"inside": mapped, "hairpin": mapped | looped, "outside": truth, "merged": truth}
    # What the router answers itself, and what its IPv6 firewall is said to hide, is named with a doubt.
    assert truth - found["hairpin"] == {(WAN_ADDRESS, 443), (NAS6, 5001), (ROUTER6, 443)} <= doubted(seen["hairpin"])
