"""Foreign files become faces: each format in its own shape, and every kind of damage in one line."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sohoaudit import importers
from sohoaudit.importers import ForeignFileError, Imported
from sohoaudit.importing import imported
from sohoaudit.joining import Face
from sohoaudit.model import Evidence, Vantage

WAN = "203.0.113.7"
SIGN_IN = "<html><title>Vigor Login Page</title><form><input type=password></form></html>"
KEY = b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(range(32))
KEY_TEXT = base64.b64encode(KEY).decode()
KEY_SHOWN = "ssh-ed25519 SHA256:" + base64.b64encode(hashlib.sha256(KEY).digest()).decode().rstrip("=")

NMAP = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE nmaprun>
<?xml-stylesheet href="file:///usr/share/nmap/nmap.xsl" type="text/xsl"?>
<nmaprun scanner="nmap" args="nmap -sV -oX - {WAN}" start="1790000000" version="7.93" xmloutputversion="1.05">
<host starttime="1790000000" endtime="1790000060"><status state="up" reason="echo-reply"/>
<address addr="{WAN}" addrtype="ipv4"/><address addr="00:00:5E:00:53:07" addrtype="mac" vendor="IANA"/>
<ports><extraports state="filtered" count="995"/>
<port protocol="tcp" portid="22"><state state="open"/><service name="ssh" product="Dropbear sshd" version="2012.55"
 method="probed" conf="10"/><script id="ssh-hostkey" output="..."><table><elem key="key">{KEY_TEXT}</elem>
 <elem key="type">ssh-ed25519</elem><elem key="bits">256</elem></table></script>
 <script id="banner" output="SSH-2.0-dropbear_2012.55"/></port>
<port protocol="tcp" portid="443"><state state="open"/><service name="http" tunnel="ssl" method="probed"/>
 <script id="http-title" output="Vigor Login Page"><elem key="title">Vigor Login Page</elem></script></port>
<port protocol="tcp" portid="8080"><state state="open"/><service name="http-proxy" method="table" conf="3"/></port>
<port protocol="tcp" portid="80"><state state="closed"/><service name="http" method="table"/></port>
<port protocol="udp" portid="161"><state state="open|filtered"/><service name="snmp" method="table"/></port>
</ports></host>
<runstats><finished time="1790000060" exit="success"/></runstats></nmaprun>"""
MASSCAN_XML = f"""<?xml version="1.0"?>
<!-- masscan v1.0 scan -->
<nmaprun scanner="masscan" start="1790000000" version="1.0-BETA" xmloutputversion="1.03">
<scaninfo type="syn" protocol="tcp" />
<host endtime="1790000001"><address addr="{WAN}" addrtype="ipv4"/><ports><port protocol="tcp" portid="443">
<state state="open" reason="syn-ack" reason_ttl="64"/></port></ports></host>
<host endtime="1790000002"><address addr="{WAN}" addrtype="ipv4"/><ports><port protocol="tcp" portid="22">
<state state="open"/><service name="ssh" banner="SSH-2.0-dropbear_2012.55"></service></port></ports></host>
<runstats><finished time="1790000003"/></runstats></nmaprun>"""
MASSCAN_JSON = f"""[
{{   "ip": "{WAN}",   "timestamp": "1790000001", "ports": [ {{"port": 443, "proto": "tcp", "status": "open",
 "reason": "syn-ack", "ttl": 64}} ] }}
,
{{   "ip": "{WAN}",   "timestamp": "1790000002", "ports": [ {{"port": 22, "proto": "tcp",
 "service": {{"name": "ssh", "banner": "SSH-2.0-dropbear_2012.55"}} }} ] }}
]
"""
MASSCAN_LIST = f"""#masscan
open tcp 443 {WAN} 1790000001
banner tcp 22 {WAN} 1790000002 ssh SSH-2.0-dropbear_2012.55
# end
"""
WHEN = "2026-09-21T12:00:00Z"
ZGRAB2 = [
    {"ip": WAN, "data": {"ssh": {"status": "success", "protocol": "ssh", "timestamp": WHEN, "result": {
        "server_id": {"raw": "SSH-2.0-dropbear_2012.55"}, "key_exchange": {"server_host_key": {
            "algorithm": "ssh-ed25519", "fingerprint_sha256": hashlib.sha256(KEY).hexdigest()}}}}}},
    {"ip": WAN, "data": {"http": {"status": "success", "protocol": "http", "timestamp": WHEN, "result": {
        "response": {"status_code": 200, "headers": {"server": ["DWS"]}, "body": SIGN_IN,
                     "request": {"url": {"scheme": "https", "host": f"{WAN}:443"}, "host": f"{WAN}:443"}}}}}},
    {"ip": "203.0.113.8", "data": {"http": {"status": "connection-timeout", "protocol": "http"}}},
]  # fmt: skip
BANNER = {
    "ip_str": WAN, "ip": 3405803783, "port": 443, "transport": "tcp", "timestamp": "2026-09-21T12:00:00.123456",
    "data": "HTTP/1.1 200 OK\r\nServer: DWS\r\nSet-Cookie: id=0123456789abcdef0123\r\n\r\n", "hash": 1, "isp": "x",
    "http": {"status": 200, "title": "Vigor Login Page", "html": SIGN_IN, "server": "DWS", "favicon": {"hash": -7}},
    "ssl": {"chain": [], "versions": ["TLSv1.2"]}, "_shodan": {"module": "https"},
}  # fmt: skip
SSH_BANNER = {
    "ip_str": WAN, "port": 22, "transport": "tcp", "timestamp": "2026-09-21T12:00:00", "isp": "x",
    "data": "SSH-2.0-dropbear_2012.55\nKey type: ssh-ed25519\n", "ssh": {"type": "ssh-ed25519", "key": KEY_TEXT},
    "product": "Dropbear sshd", "version": "2012.55", "_shodan": {"module": "ssh"},
}  # fmt: skip
SHODAN_HOST = {"ip_str": WAN, "ports": [22, 443], "last_update": "2026-09-21T12:00:00", "data": [BANNER, SSH_BANNER]}
CENSYS_HOST = {"code": 200, "status": "OK", "result": {"ip": WAN, "last_updated_at": "2026-09-21T12:00:00.123456789Z",
    "services": [
        {"port": 443, "service_name": "HTTP", "extended_service_name": "HTTPS", "transport_protocol": "TCP",
         "observed_at": "2026-09-21T12:00:00.123456789Z", "banner": "HTTP/1.1 200 OK\r\nServer: DWS\r\n",
         "http": {"response": {"status_code": 200,
                               "headers": {"Server": ["DWS"], "_encoding": {"Server": "DISPLAY_UTF8"}},
                               "html_title": "Vigor Login Page", "body": SIGN_IN}},
         "tls": {"certificates": {"leaf_fp_sha_256": "ab" * 32, "leaf_data": {"subject_dn": "CN=Vigor, O=DrayTek"}}}},
        {"port": 22, "service_name": "SSH", "transport_protocol": "TCP", "observed_at": "2026-09-21T12:00:00Z",
         "ssh": {"endpoint_id": {"raw": "SSH-2.0-dropbear_2012.55"}, "server_host_key": {
             "fingerprint_sha256": hashlib.sha256(KEY).hexdigest()},
             "algorithm_selection": {"host_key_algorithm": "ssh-ed25519"}}},
    ]}}  # fmt: skip
ZMAP_CSV = f"saddr,sport,classification,success,timestamp_str\n{WAN},443,synack,1,2026-09-21T12:00:00.000+0000\n"
INTERNETDB = {"cpes": ["cpe:/a:x"], "hostnames": [], "ip": WAN, "ports": [22, 443], "tags": [], "vulns": []}

FILES = {
    "nmap XML": NMAP,
    "masscan XML": MASSCAN_XML,
    "masscan JSON": MASSCAN_JSON,
    "masscan list": MASSCAN_LIST,
    "zgrab2": "\n".join(map(json.dumps, ZGRAB2)) + "\n",
    "zmap JSON": json.dumps({"saddr": WAN, "sport": 443, "classification": "synack", "success": 1}) + "\n",
    "zmap CSV": ZMAP_CSV,
    "Shodan": json.dumps(SHODAN_HOST),
    "Shodan InternetDB": json.dumps(INTERNETDB),
    "Censys": json.dumps(CENSYS_HOST, indent=2),
}
OTHER_SHAPES = {
    "a download of Shodan": ("Shodan", gzip.compress("\n".join(map(json.dumps, [BANNER, SSH_BANNER])).encode())),
    "a search of Shodan": ("Shodan", json.dumps({"matches": [BANNER, SSH_BANNER], "total": 2}).encode()),
    "a search of Censys": ("Censys", json.dumps({"result": {"hits": [CENSYS_HOST["result"]], "total": 1}}).encode()),
    "a list of Censys' hosts": ("Censys", json.dumps([CENSYS_HOST["result"]]).encode()),
    "a file with a byte order mark": ("nmap XML", b"\xef\xbb\xbf" + NMAP.encode()),
}
INDEXES = {"Shodan", "Shodan InternetDB", "Censys"}


def read(folder: Path, text: str | bytes, vantage: Vantage | None = Vantage.INTERNET) -> Imported:
    file = folder / "file"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return importers.read(file, vantage)


def only(found: Imported) -> Face:
    (face,) = found.faces
    return face


def said(face: Face, port: int) -> dict[str, str]:
    return {n: v for o in face.observations if o.endpoint.port == port for n, v in o.fields.items()}


@pytest.mark.parametrize("name", FILES)
def test_each_format_is_told_by_its_content_and_its_open_ports_are_read(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, FILES[name])
    assert found.format.name == name
    assert found.gaps == []
    wanted = {443} if name.startswith("zmap") else {22, 443, 8080} if name == "nmap XML" else {22, 443}
    assert {endpoint.port for endpoint in only(found).open} == wanted


@pytest.mark.parametrize(("name", "raw"), OTHER_SHAPES.values(), ids=OTHER_SHAPES)
def test_the_other_shapes_of_a_format_are_read_alike(tmp_path: Path, name: str, raw: bytes) -> None:
    found = read(tmp_path, raw)
    assert (found.format.name, found.gaps) == (name, [])
    assert {443, 22} <= {endpoint.port for endpoint in only(found).open}


@pytest.mark.parametrize("name", ["nmap XML", "zgrab2", "Shodan", "Censys"])
def test_a_host_key_is_written_as_a_scan_writes_it_so_that_it_joins(tmp_path: Path, name: str) -> None:
    assert said(only(read(tmp_path, FILES[name])), 22)["ssh.hostkey"] == KEY_SHOWN


@pytest.mark.parametrize(
    "name", ["nmap XML", "masscan XML", "masscan JSON", "masscan list", "zgrab2", "Shodan", "Censys"]
)
def test_a_banner_stands_where_a_scan_puts_it(tmp_path: Path, name: str) -> None:
    face = only(read(tmp_path, FILES[name]))
    assert said(face, 22)["ssh.banner"] == "SSH-2.0-dropbear_2012.55"
    assert "ssh" in {o.probe for o in face.observations if o.endpoint.port == 22}


@pytest.mark.parametrize("name", ["nmap XML", "zgrab2", "Shodan", "Censys"])
def test_a_page_names_its_device(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text(FILES[name])
    (device,) = imported([tmp_path / "file"], Vantage.INTERNET).devices
    assert device.identity and device.identity.vendor == "DrayTek"
    assert {s.protocol for s in device.services if s.endpoint.port == 443} == {"https"}


@pytest.mark.parametrize("name", sorted(FILES))
def test_an_index_is_indexed_with_its_date_and_a_scan_from_outside_is_connected(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text(FILES[name])
    audit = imported([tmp_path / "file"], None if name in INDEXES else Vantage.INTERNET)
    exposures = [exposure for device in audit.devices for exposure in device.exposures]
    assert {e.evidence for e in exposures} == {Evidence.INDEXED if name in INDEXES else Evidence.CONNECTED}
    if name in ("Shodan", "Censys"):
        assert {e.detail for e in exposures} == {f"{name}, 2026-09-21"}
        assert audit.scope.vantage is Vantage.INDEX


@pytest.mark.parametrize("name", sorted(FILES.keys() - INDEXES))
def test_public_addresses_want_to_know_from_where_they_were_seen(tmp_path: Path, name: str) -> None:
    with pytest.raises(ForeignFileError, match="add --vantage internet"):
        read(tmp_path, FILES[name], None)


@pytest.mark.parametrize("name", sorted(FILES.keys() - INDEXES))
def test_private_addresses_were_seen_from_inside(tmp_path: Path, name: str) -> None:
    assert only(read(tmp_path, FILES[name].replace(WAN, "192.168.1.1"), None)).vantage is Vantage.LAN


def test_a_scan_on_the_link_brings_the_mac(tmp_path: Path) -> None:
    assert only(read(tmp_path, NMAP)).mac == "00:00:5e:00:53:07"


def test_a_protocol_that_nmap_only_guessed_by_the_number_is_not_its_word(tmp_path: Path) -> None:
    face = only(read(tmp_path, NMAP))
    assert {o.probe for o in face.observations if o.endpoint.port == 8080} == {""}


def test_a_cookie_loses_its_value(tmp_path: Path) -> None:
    assert "0123456789abcdef" not in str(only(read(tmp_path, FILES["Shodan"])).observations)


@pytest.mark.parametrize("name", ["nmap XML", "masscan XML", "masscan JSON", "zgrab2", "Shodan", "Censys"])
def test_of_a_file_that_breaks_off_what_is_whole_is_read_and_the_rest_is_named(tmp_path: Path, name: str) -> None:
    text = FILES[name] if name != "Shodan" else "\n".join(map(json.dumps, [BANNER, SSH_BANNER]))
    if name == "nmap XML":
        text = NMAP.replace("<runstats", NMAP[NMAP.index("<host ") : NMAP.index("<runstats")] + "<runstats")
    if name == "Censys":
        text = json.dumps(CENSYS_HOST["result"]) + "\n" + json.dumps(CENSYS_HOST["result"])
    found = read(tmp_path, text[: len(text) * 9 // 10])
    assert found.faces and found.faces[0].open
    (gap,) = found.gaps
    assert gap.matters and gap.subject == "file"
    assert re.search("damaged|breaks off", gap.reason)


def test_one_damaged_line_costs_only_itself(tmp_path: Path) -> None:
    lines = [json.dumps(BANNER), '{"ip_str": "203.0.113.9", "port": ', json.dumps(SSH_BANNER)]
    found = read(tmp_path, "\n".join(lines))
    assert {endpoint.port for endpoint in only(found).open} == {22, 443}
    assert [gap.reason.split(" is ")[0] for gap in found.gaps] == ["line 2"]


@pytest.mark.parametrize(
    "subset",
    [
        '[<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]',
        '[<!ENTITY x SYSTEM "file:///etc/passwd">]',
        "SYSTEM 'http://203.0.113.9/x'",
    ],
    ids=["a bomb of entities", "a file of this machine", "another host's"],
)
def test_a_document_type_of_its_own_is_not_read(tmp_path: Path, subset: str) -> None:
    found = read(
        tmp_path, NMAP.replace("<!DOCTYPE nmaprun>", f"<!DOCTYPE nmaprun {subset}>").replace("Vigor", "&b;Vigor")
    )
    assert found.faces == []
    assert [gap.matters for gap in found.gaps] == [True]


def test_a_bomb_of_gzip_is_unpacked_to_the_limit_and_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importers, "UNPACKED_LIMIT_BYTES", 1 << 20)
    packed = gzip.compress(json.dumps(BANNER).encode() + b"\n" + b" " * (64 << 20))
    found = read(tmp_path, packed)
    assert {endpoint.port for endpoint in only(found).open} == {443}
    assert "larger than 1 MiB" in found.gaps[0].reason


def test_a_gzip_file_that_ends_too_early_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(BANNER | {"port": port}) for port in range(1, 400))
    packed = gzip.compress(lines.encode())
    found = read(tmp_path, packed[: len(packed) * 2 // 3])
    assert only(found).open
    assert any("ends too early" in gap.reason for gap in found.gaps)


def test_a_newer_nmap_is_read_and_said(tmp_path: Path) -> None:
    found = read(tmp_path, NMAP.replace("1.05", "2.0"))
    assert only(found).open
    assert [(gap.matters, "newer nmap" in gap.reason) for gap in found.gaps] == [(False, True)]


@pytest.mark.parametrize(
    "text", ["", "hello", "[]", "{}", "<html></html>", '{"schema_version": 1}', "1.2.3.4\n", "\0" * 99]
)
def test_what_is_no_known_format_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ForeignFileError, match="not a format that can be imported"):
        read(tmp_path, text)


def test_a_scan_that_found_nothing_is_no_fault(tmp_path: Path) -> None:
    found = read(tmp_path, NMAP[: NMAP.index("<host ")] + "</nmaprun>")
    assert [(gap.matters, gap.reason) for gap in found.gaps] == [(False, "it names no open port")]


MARKS = st.sampled_from([*FILES.values(), SIGN_IN, '{"ip": 1, "data": {"http": {"status": "success", "result": 3}}}'])


@settings(max_examples=120)
@given(MARKS, st.integers(0, 3000), st.integers(0, 3000), st.binary(max_size=20))
def test_any_bytes_in_the_middle_never_raise_anything_but_a_line(
    tmp_path_factory: pytest.TempPathFactory, text: str, start: int, length: int, noise: bytes
) -> None:
    raw = text.encode()
    file = tmp_path_factory.mktemp("any") / "file"
    file.write_bytes(raw[:start] + noise + raw[start + length :])
    try:
        importers.read(file, Vantage.INTERNET)
    except ForeignFileError as fault:
        assert "\n" not in str(fault)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["ip", "ip_str", "data", "port", "ports", "services", "http", "ssl", "tls", "ssh", "result", "status",
         "response", "headers", "saddr", "sport", "chain", "timestamp", "matches", "transport"]), inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=200)
@given(JSON)
def test_no_json_of_any_shape_makes_a_reader_fail(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    text = json.dumps(value)
    for known in importers.formats():
        for item in known.read(text):
            assert isinstance(item, importers.Seen | importers.Damage)
