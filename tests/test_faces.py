"""Tests of joining: what belongs to one box becomes one device, and what only looks alike does not."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.faces import Face, devices
from sohoaudit.joining import KEYS
from sohoaudit.knowledge import shared_keys
from sohoaudit.model import Device, Endpoint, Evidence, Identity, Observation, Transport, Vantage

ROUTER_WAN, ROUTER, CAMERA = "203.0.113.7", "192.168.1.1", "192.168.1.20"


def nobody(observations: Iterable[Observation]) -> Identity | None:
    return None


def face(address: str, *said: tuple[int, str, dict[str, str]], vantage: Vantage = Vantage.LAN, mac: str = "") -> Face:
    endpoints = [Endpoint(address, port) for port, _, _ in said]
    observations = [
        Observation.of(endpoint, fields, probe).seen_from(vantage)
        for endpoint, (_, probe, fields) in zip(endpoints, said, strict=True)
    ]
    return Face(address, vantage, endpoints, observations, mac or None)


def by_address(faces: list[Face]) -> dict[str, Device]:
    return {address: device for device in devices(faces, nobody) for address in device.addresses}


def test_the_inside_and_the_outside_of_one_router_are_joined_by_its_host_key() -> None:
    key = {"ssh.hostkey": "ssh-rsa SHA256:abc"}
    found = devices(
        [face(ROUTER, (22, "ssh", key)), face(ROUTER_WAN, (22, "ssh", key), vantage=Vantage.INTERNET)], nobody
    )
    assert [device.addresses for device in found] == [(ROUTER, ROUTER_WAN)]
    assert {(e.endpoint.address, e.evidence) for e in found[0].exposures} == {(ROUTER_WAN, Evidence.CONNECTED)}


def test_a_certificate_that_two_boxes_of_the_office_share_joins_nothing() -> None:
    key = {"tls.key_sha256": "00ff"}
    found = devices(
        [
            face("192.168.1.2", (443, "https", key), mac="00:00:5e:00:53:02"),
            face("192.168.1.3", (443, "https", key), mac="00:00:5e:00:53:03"),
            face(ROUTER_WAN, (443, "https", key), vantage=Vantage.INTERNET),
        ],
        nobody,
    )
    assert len(found) == 3
    assert len({device.id for device in found}) == 3


def test_an_outside_address_that_the_router_names_is_its_own() -> None:
    inside = face(ROUTER, (1900, "upnp", {"upnp.external_address": ROUTER_WAN}))
    outside = face(ROUTER_WAN, (443, "https", {}), vantage=Vantage.INTERNET)
    assert by_address([inside, outside])[ROUTER_WAN].addresses == (ROUTER, ROUTER_WAN)


def test_an_outside_address_behind_carrier_grade_nat_joins_nothing() -> None:
    inside = face(ROUTER, (1900, "upnp", {"upnp.external_address": "100.64.3.4"}))
    other = face("192.168.1.9", (1900, "upnp", {"upnp.external_address": "100.64.3.4"}))
    assert len(devices([inside, other], nobody)) == 2


def test_one_mac_joins_the_two_families_and_not_two_addresses_of_one() -> None:
    mac = "00:00:5e:00:53:09"
    found = by_address([face("192.168.1.9", mac=mac), face("fd00::9", mac=mac), face("192.168.1.10", mac="")])
    assert found["fd00::9"].addresses == ("192.168.1.9", "fd00::9")
    proxied = devices([face("192.168.1.9", mac=mac), face("192.168.1.10", mac=mac)], nobody)
    assert len(proxied) == 2


MAPPED = {
    "upnp.external_address": ROUTER_WAN,
    "upnp.mapping": f'TCP 8081 {CAMERA}:80 enabled lease=0 "cam"\nTCP 8082 {CAMERA}:81 disabled lease=0 "off"',
}


def test_a_port_mapping_is_an_exposure_of_the_inner_device() -> None:
    found = by_address([face(ROUTER, (5000, "upnp", MAPPED)), face(CAMERA, (80, "http", {}))])
    (exposure,) = found[CAMERA].exposures
    assert (exposure.evidence, exposure.internal, exposure.management) == (Evidence.MAPPED, f"{CAMERA}:80", True)
    assert exposure.endpoint == Endpoint(ROUTER_WAN, 8081, Transport.TCP)
    assert not found[ROUTER].exposures


@pytest.mark.parametrize(
    ("rest", "detail"),
    [
        ('enabled lease=0 "cam"', 'the router lists it as "cam", without end'),
        (
            'enabled lease=3600 from=198.51.100.9 "a "b" c"',
            'the router lists it as "a "b" c", for up to 1 h, open to 198.51.100.9 alone',
        ),
        ('enabled lease= ""', ""),
        ("enabled", ""),
    ],
)
def test_a_mapping_keeps_its_words_its_lease_and_to_whom_it_is_open(rest: str, detail: str) -> None:
    told = {"upnp.external_address": ROUTER_WAN, "upnp.mapping": f"TCP 8081 {CAMERA}:80 {rest}"}
    found = by_address([face(ROUTER, (5000, "upnp", told))])[CAMERA]
    assert [exposure.detail for exposure in found.exposures] == [detail]


def test_a_mapping_to_a_device_that_said_nothing_still_makes_it_a_device() -> None:
    assert by_address([face(ROUTER, (5000, "upnp", MAPPED))])[CAMERA].exposures


def test_what_answers_outside_behind_a_mapping_belongs_to_the_inner_device() -> None:
    outside = face(
        ROUTER_WAN,
        (443, "https", {"http.title": "router"}),
        (8081, "http", {"http.title": "camera"}),
        vantage=Vantage.INTERNET,
    )
    found = by_address([face(ROUTER, (5000, "upnp", MAPPED)), face(CAMERA, (80, "http", {})), outside])
    assert found[CAMERA].addresses == (CAMERA,)
    assert {exposure.evidence for exposure in found[CAMERA].exposures} == {Evidence.MAPPED, Evidence.CONNECTED}
    titles = {o.fields.get("http.title") for o in found[ROUTER_WAN].observations} - {None}
    assert titles == {"router"}


def test_a_service_is_named_by_what_it_spoke_and_its_product_by_its_banner() -> None:
    box = face(
        "192.168.1.5", (8022, "ssh", {"ssh.banner": "SSH-2.0-dropbear_2019.78"}), (80, "http", {"http.server": "x"})
    )
    services = {s.endpoint.port: s for s in devices([box], nobody)[0].services}
    ssh = services[8022]
    assert (ssh.protocol, ssh.product, ssh.version, ssh.management) == ("ssh", "dropbear", "2019.78", True)
    assert services[80].product == "x"


def test_a_udp_port_that_answered_is_a_service() -> None:
    snmp = Observation.of(Endpoint(ROUTER, 161, Transport.UDP), {"snmp.sysname": "gw"}, "snmp")
    device = devices([Face(ROUTER, Vantage.LAN, [], [snmp])], nobody)[0]
    assert [str(service.endpoint) for service in device.services] == [f"{ROUTER}:161/udp"]
    assert device.hostname == "gw"


def test_a_devices_id_follows_its_key_and_not_its_address() -> None:
    key = {"tls.key_sha256": "77"}
    today, tomorrow = (devices([face(a, (443, "https", key))], nobody)[0] for a in ("192.168.1.30", "192.168.1.31"))
    assert today.id == tomorrow.id


def test_a_forwarded_port_belongs_to_the_box_that_shows_the_same_key_and_the_rest_to_the_router() -> None:
    nas, door = {"tls.key_sha256": "aa"}, {"ssh.hostkey": "ssh-rsa SHA256:r"}
    outside = face(ROUTER_WAN, (5001, "https", nas), (22, "ssh", door), (8443, "https", {}), vantage=Vantage.INTERNET)
    inside = [face(ROUTER, (22, "ssh", door)), face("192.168.1.9", (5001, "https", nas))]
    found = {device.addresses[0]: device for device in devices([*inside, outside], nobody, [ROUTER])}
    assert found[ROUTER].addresses == (ROUTER, ROUTER_WAN)
    assert found["192.168.1.9"].addresses == ("192.168.1.9",)
    (forwarded,) = found["192.168.1.9"].exposures
    assert (forwarded.endpoint, forwarded.internal) == (Endpoint(ROUTER_WAN, 5001), "192.168.1.9:5001")
    assert {e.endpoint.port for e in found[ROUTER].exposures} == {22, 8443}


def test_a_forwarded_port_does_not_make_its_device_the_owner_of_the_outside_address() -> None:
    nas = {"tls.key_sha256": "aa"}
    outside = face(ROUTER_WAN, (5001, "https", nas), (443, "https", {}), vantage=Vantage.INTERNET)
    found = devices([face(ROUTER, (80, "http", {})), face("192.168.1.9", (5001, "https", nas)), outside], nobody)
    assert [device.addresses for device in found] == [(ROUTER,), ("192.168.1.9",), (ROUTER_WAN,)]


def test_a_key_whose_private_half_is_published_joins_nothing() -> None:
    published = next(iter(shared_keys.owners()))
    key = {"tls.key_sha256": published}
    assert (
        len(
            devices(
                [face(ROUTER, (443, "https", key)), face(ROUTER_WAN, (443, "https", key), vantage=Vantage.INTERNET)],
                nobody,
            )
        )
        == 2
    )


def test_a_key_that_two_public_addresses_show_joins_nothing() -> None:
    key = {"tls.key_sha256": "0a"}
    outside = [face(f"203.0.113.{n}", (443, "https", key), vantage=Vantage.INDEX) for n in (7, 8)]
    assert len(devices([face(ROUTER, (443, "https", key)), *outside], nobody)) == 3


@pytest.mark.parametrize("field", KEYS.values())
def test_each_key_joins_and_says_so(field: str) -> None:
    said = {field: "one of a kind"}
    (box,) = devices([face(ROUTER, (1, "x", said)), face(ROUTER_WAN, (1, "x", said), vantage=Vantage.INTERNET)], nobody)
    (join,) = box.joins
    assert join.addresses == (ROUTER, ROUTER_WAN)
    assert join.key.endswith(":one of a kind")


def test_an_address_made_of_the_mac_and_a_privacy_address_are_no_new_devices() -> None:
    mac = "00:00:5e:00:53:09"
    faces = [
        face("192.168.1.9", mac=mac),
        face("2001:db8:1::200:5eff:fe00:5309"),
        face("2001:db8:1::a1b2:c3d4", mac=mac),
    ]
    (box,) = devices(faces, nobody)
    assert {join.key for join in box.joins} == {f"mac:{mac}"}


def test_two_macs_at_one_address_are_two_boxes() -> None:
    faces = [face("192.168.1.9", mac="00:00:5e:00:53:09"), face("192.168.1.9", mac="00:00:5e:00:53:0a")]
    assert len(devices(faces, nobody)) == 2


def test_what_a_gateway_without_a_public_address_forwards_is_not_on_the_internet() -> None:
    behind = {**MAPPED, "upnp.external_address": "100.64.3.4"}
    found = by_address([face(ROUTER, (5000, "upnp", behind)), face(CAMERA, (80, "http", {}))])
    assert not [e for device in found.values() for e in device.exposures if e.evidence is Evidence.MAPPED]


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["a", "b", "c"]), st.sampled_from(Vantage)), max_size=8))
def test_whatever_is_shared_every_endpoint_stays_and_no_inside_address_is_in_two_devices(looks: list) -> None:
    faces = []
    for number, key, vantage in looks:
        address = f"192.168.1.{number}" if vantage is Vantage.LAN else f"203.0.113.{number}"
        faces.append(face(address, (443, "https", {"tls.key_sha256": key}), vantage=vantage))
    found = devices(faces, nobody)
    assert {e for f in faces for e in f.open} <= {s.endpoint for device in found for s in device.services}
    inside = [address for device in found for address in device.addresses if address.startswith("192.")]
    assert len(inside) == len(set(inside))


def hairpin(*said: tuple[int, str, dict[str, str]]) -> Face:
    seen = face(ROUTER_WAN, *said)
    seen.is_hairpin = True
    return seen


def test_what_answers_on_the_outside_address_inside_is_hairpin_and_doubted_where_the_router_answers_anyway() -> None:
    names = {"upnp.external_address": ROUTER_WAN}
    inside = face(ROUTER, (1900, "upnp", names), (443, "https", {}))
    found = by_address([inside, hairpin((443, "https", {}), (8443, "https", {}))])[ROUTER]
    assert {(e.endpoint.port, e.evidence, e.doubt) for e in found.exposures} == {
        (443, Evidence.HAIRPIN, "own-side"),
        (8443, Evidence.HAIRPIN, ""),
    }


@pytest.mark.parametrize(("word", "doubt"), [("on", "firewall"), ("off", ""), ("", "")])
def test_a_global_address_is_doubted_where_the_router_says_that_its_firewall_is_on(word: str, doubt: str) -> None:
    router = face(ROUTER, (1900, "upnp", {"upnp.ipv6_firewall": word}))
    found = by_address([router, face("2001:db8:1::20", (443, "https", {}))])["2001:db8:1::20"]
    assert [(e.evidence, e.doubt) for e in found.exposures] == [(Evidence.GLOBAL_ADDRESS, doubt)]


@pytest.mark.parametrize(
    ("gateways", "doubt"), [((ROUTER,), "own-side"), (("192.168.1.9",), "")], ids=["router", "box"]
)
def test_a_router_answers_itself_on_its_global_address_and_another_box_does_not(
    gateways: tuple[str, ...], doubt: str
) -> None:
    key = {"tls.key_sha256": "ab"}
    both = [face(ROUTER, (443, "https", key)), face("2001:db8:1::1", (443, "https", key), (8443, "https", {}))]
    (found,) = devices(both, nobody, gateways)
    assert {(e.endpoint.port, e.doubt) for e in found.exposures} == {(443, doubt), (8443, "")}


def test_what_was_reached_from_outside_is_doubted_by_nothing() -> None:
    router, six = face(ROUTER, (1900, "upnp", {"upnp.ipv6_firewall": "on"})), "2001:db8:1::20"
    seen = [face(six, (443, "https", {})), face(six, (443, "https", {}), vantage=Vantage.INTERNET)]
    assert {e.doubt for e in by_address([router, *seen])[six].exposures} == {""}
