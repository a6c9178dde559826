"""The lab proves itself: each device tells its truth inside, the outside reaches what the table says, nothing leaks."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .building import hosts
from .capture import Capture
from .conftest import _standing
from .daemons import PACKAGES
from .lab import Lab
from .office import DESK_ADDRESS, EXPOSED, WAN_ADDRESS
from .parts import Device

pytestmark = pytest.mark.lab

_KNOCK = """
import asyncio, json, sys
async def knock(address, port, gate):
    async with gate:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 0.6)
        except (OSError, asyncio.TimeoutError):
            return None
        writer.close()
        return [address, port]
async def main(addresses, ports):
    gate = asyncio.Semaphore(400)
    found = await asyncio.gather(*(knock(a, p, gate) for a in addresses for p in ports))
    print(json.dumps([each for each in found if each]))
asyncio.run(main(*json.load(sys.stdin)))
"""
_SEND = """
import socket, sys
host, port, text = sys.argv[1:]
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(3)
asking.sendto(text.encode().decode("unicode_escape").encode("latin-1"), (host, int(port)))
print(asking.recv(4096).decode("latin-1"))
"""
_HEAR = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 3) as heard:
    heard.settimeout(1)
    try:
        while some := heard.recv(4096): print(some.decode("latin-1"), flush=True)
    except TimeoutError: pass
"""
_FETCH = """
import socket, ssl, sys, urllib.parse
method, where, *headers = sys.argv[1:]
place = urllib.parse.urlsplit(where)
port = place.port or {"http": 80, "https": 443, "rtsp": 554}[place.scheme]
with socket.create_connection((place.hostname, port), 3) as asking:
    if place.scheme == "https": asking = ssl._create_unverified_context().wrap_socket(asking)
    version = "RTSP/1.0" if place.scheme == "rtsp" else "HTTP/1.1"
    head = [f"{method} {place.path} {version}", f"Host: {place.netloc}", *headers, "CSeq: 1", "Connection: close"]
    head += ["", ""]
    asking.sendall("\\r\\n".join(head).encode())
    while some := asking.recv(65536): print(some.decode("latin-1"), flush=True)
"""
MANY_PORTS = sorted(
    {port for device in EXPOSED.devices for _, port in device.ports} | {*range(20, 26), 110, 139, 445, 8443}
)
_SEARCH = r"M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n"
_OPTIONS = r"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n"
# SNMPv2c GET of sysDescr with the community public, and a PTR question for _qdiscover._tcp.local
_GET = (
    r"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x00\x00\x00\x01\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c"
    r"\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00"
)
_PTR = r"\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0a_qdiscover\x04_tcp\x05local\x00\x00\x0c\x00\x01"

TOLD = {
    "gw over http": ("fetch", "http://192.168.77.1/currentsetting.htm", "Firmware=V1.0.4.30_1.1.67"),
    "gw over https": ("fetch", "https://192.168.77.1/", 'Basic realm="NETGEAR R7000"'),
    "gw over ssh": ("hear", "192.168.77.1 22", "SSH-2.0-dropbear_2012.55"),
    "gw over upnp": ("fetch", "http://192.168.77.1:5000/rootDesc.xml", "<modelName>R7000</modelName>"),
    "gw over ssdp": ("send", "192.168.77.1 1900 " + _SEARCH, "http://192.168.77.1:5000/rootDesc.xml"),
    "nas over https": ("fetch", "https://192.168.77.10:5001/synohdpack/synohdpack.version", 'buildnumber="42661"'),
    "nas over ftp": ("hear", "192.168.77.10 21", "220 STORE FTP server ready."),
    "nas over ssdp": ("send", "192.168.77.10 1900 " + _SEARCH, "desc-DSM-eth0.xml"),
    "camera over http": ("fetch", "http://192.168.77.11/", "Server: App-webs/"),
    "camera over rtsp": ("fetch", "rtsp://192.168.77.11/", "RTSP/1.0 200 OK"),
    "printer over snmp": ("send", "192.168.77.12 161 " + _GET, "PID:HP LaserJet Pro MFP M225dw"),
    "ap over http": ("fetch", "http://192.168.77.13/", "TP-LINK Wireless N Access Point WA801ND"),
    "ap over ssh": ("hear", "192.168.77.13 22", "SSH-2.0-dropbear_2011.54"),
    "switch over telnet": ("hear", "192.168.77.14 23", "(GS724Tv4)"),
    "switch over snmp": ("send", "192.168.77.14 161 " + _GET, "GS724Tv4 ProSafe"),
    "phone over sip": ("send", "192.168.77.15 5060 " + _OPTIONS, "User-Agent: Yealink SIP-T46S 66.84.0.15"),
    "tplink over http": ("fetch", "http://192.168.77.16/", 'modelName="Archer C6"'),
    "dlink over http": ("fetch", "http://192.168.77.17/", "DIR-860L Ver 1.11"),
    "fritzbox over http": ("fetch", "http://192.168.77.18/jason_boxinfo.xml", "113.07.29"),
    "mikrotik over ftp": ("hear", "192.168.77.19 21", "MikroTik 6.48.4"),
    "qnap over http": ("fetch", "http://192.168.77.20:8080/cgi-bin/authLogin.cgi", "TS-453D"),
    "qnap over mdns": ("send", "192.168.77.20 5353 " + _PTR, "displayModel=TS-453D"),
    "draytek over https": ("fetch", "https://192.168.77.22/weblogin.htm", 'fwver:"4.3.3"'),
    "edgerouter over https": ("fetch", "https://192.168.77.23/", "EdgeOS"),
    "edgerouter over its own protocol": ("send", r"192.168.77.23 10001 \x01\x00\x00\x00", "ER-X"),
    "cisco over snmp": ("send", "192.168.77.26 161 " + _GET, "RV345-K9, Version 1.0.03.22"),
    "zyxel over http": ("fetch", "http://192.168.77.27/getBasicInformation", "VMG3927-T50K"),
}


@pytest.fixture(scope="module")
def open_inside(office: Lab) -> set[tuple[str, int]]:
    """Every address and TCP port that lets the desk in."""
    return _knock(office, "desk", [device.address for device in EXPOSED.devices], MANY_PORTS)


@pytest.mark.parametrize("device", EXPOSED.devices, ids=lambda device: device.name)
def test_a_device_opens_the_ports_of_the_table_and_no_other(device: Device, open_inside: set[tuple[str, int]]) -> None:
    found = {port for address, port in open_inside if address == device.address}
    assert found == {port for kind, port in device.ports if kind == "tcp"}


@pytest.mark.parametrize(("way", "where", "words"), TOLD.values(), ids=TOLD)
def test_a_device_tells_its_truth(office: Lab, way: str, where: str, words: str) -> None:
    if way == "fetch":
        heard = _fetch(office, "desk", where)
    else:
        script = _SEND if way == "send" else _HEAR
        heard = office.run("desk", sys.executable, "-c", script, *where.split(" ", 2))
    assert words in heard.stdout, heard.stdout + heard.stderr


def test_the_outside_reaches_what_the_table_says_and_nothing_else(office: Lab) -> None:
    found = _knock(office, "outside", [WAN_ADDRESS], [*range(1, 1025), *MANY_PORTS, 8081])
    assert found == {(WAN_ADDRESS, port) for _, port in EXPOSED.outside}


def test_the_outside_reaches_no_device_by_its_own_address(office: Lab) -> None:
    behind = EXPOSED.devices[1:]
    addresses = [device.address for device in behind] + [device.address6 for device in behind]
    assert _knock(office, "outside", addresses, [22, 80, 443, 5000, 8080]) == set()


def test_the_camera_answers_through_the_mapping_it_asked_for(office: Lab) -> None:
    heard = _fetch(office, "outside", f"http://{WAN_ADDRESS}:8081/")
    assert "Server: App-webs/" in heard.stdout, heard.stderr


def test_a_clean_office_shows_the_outside_nothing(clean_office: Lab) -> None:
    assert _knock(clean_office, "outside", [WAN_ADDRESS], [*MANY_PORTS, 8081]) == set()


def test_what_the_desk_sends_abroad_ends_at_the_provider_unanswered(office: Lab, tmp_path: Path) -> None:
    with Capture(office, "isp", tmp_path / "isp.frames") as seen:
        assert _knock(office, "desk", ["198.51.100.9"], [80]) == set()
    assert {(packet.source, packet.destination) for packet in seen.packets()} == {(WAN_ADDRESS, "198.51.100.9")}


def test_the_machine_gets_no_link_of_the_lab(office: Lab) -> None:
    names = {line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]}
    assert not names & {f"e-{host}"[:15] for host in hosts(EXPOSED)}


def test_a_visit_is_written_down_with_its_headers(office: Lab) -> None:
    _fetch(office, "desk", "http://192.168.77.16/visited", "Authorization: Basic bWU6c2VjcmV0")
    visits = [event for event in office.events("tplink") if event.get("path") == "/visited"]
    assert visits[-1]["headers"]["authorization"].startswith("Basic ")


@pytest.mark.parametrize("after_s", [0.15, 0.3, 0.45])
def test_a_lab_killed_while_it_is_built_is_removed_from_its_state_file(office: Lab, after_s: float) -> None:
    name = f"lab{os.getpid()}-killed"
    building = subprocess.Popen(
        [sys.executable, "-c", f"from lab.lab import Lab; Lab.up('exposed', {name!r})"],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}, start_new_session=True,
    )  # fmt: skip
    time.sleep(after_s)
    os.killpg(building.pid, signal.SIGKILL)
    building.wait()
    Lab(name).down()
    listed = subprocess.run([*office._enter, "ip", "netns", "list"], text=True, capture_output=True, check=True).stdout
    assert name not in listed
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if name.encode() in _read(path)]


def test_the_lab_stands_without_root(tmp_path_factory: pytest.TempPathFactory) -> None:
    if os.geteuid() != 0:
        pytest.skip("this whole session is without root, so every other test shows it")
    nobody = Path("/tmp") / f"sohoaudit-lab-nobody-{os.getpid()}"
    shutil.copytree(Path(__file__).parent, nobody / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    nobody.chmod(0o755)
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin") or sys.executable

    def lab(*words: str) -> subprocess.CompletedProcess[str]:
        as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", python, "-B", "-m", "lab"]
        return subprocess.run([*as_nobody, "--lab", nobody.name, *words], cwd=nobody, text=True, capture_output=True)

    try:
        up = lab("up")
        seen = lab("exec", "outside", "--", python, "-c", _FETCH, "GET", f"http://{WAN_ADDRESS}:8081/")
    finally:
        down = lab("down")
        shutil.rmtree(nobody)
    assert up.returncode == 0, up.stderr
    assert "Server: App-webs/" in seen.stdout, seen.stderr
    assert down.returncode == 0, down.stderr


def test_a_missing_daemon_fails_ci_and_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "no-such-daemon", "no-such-package")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"apt-get install .* no-such-package"):
        next(_standing("exposed"))


def test_the_desk_has_the_address_the_tests_look_from(office: Lab) -> None:
    assert f"inet {DESK_ADDRESS}/24" in office.run("desk", "ip", "-o", "addr").stdout


def _fetch(lab: Lab, host: str, where: str, *headers: str) -> subprocess.CompletedProcess[str]:
    method = "OPTIONS" if where.startswith("rtsp") else "GET"
    return lab.run(host, sys.executable, "-c", _FETCH, method, where, *headers)


def _knock(lab: Lab, host: str, addresses: list[str], ports: list[int]) -> set[tuple[str, int]]:
    asked = json.dumps([addresses, sorted(set(ports))])
    heard = lab.run(host, sys.executable, "-c", _KNOCK, input=asked)
    assert heard.returncode == 0, heard.stderr
    return {(address, port) for address, port in json.loads(heard.stdout)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
