"""Tests of recognising devices: keys before model and place, and never two boxes as one."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.history.recognise import Known, aligned, keys_of, recognise
from sohoaudit.model import Certainty, Device, Endpoint, Identity, Priority

from .offices import audit, camera, finding, named, router


def seen(device: Device, *known: Device) -> tuple[str, Certainty] | None:
    (found,) = recognise([Known.of(one) for one in known], [device])
    return (found.id, found.certainty) if found else None


def test_a_device_is_known_by_its_key_at_another_address_with_other_firmware() -> None:
    now = router("192.168.1.77", firmware="2.0", id="dev-other", mac=None, keys=("tls:aa",))
    assert seen(now, router(), camera()) == ("dev-router", Certainty.CERTAIN)


def test_a_new_certificate_after_an_update_leaves_the_mac_to_tell() -> None:
    assert seen(router(keys=("tls:bb", "mac:00:00:5e:00:53:01")), router()) == ("dev-router", Certainty.CERTAIN)


def test_one_key_on_two_macs_is_less_certain() -> None:
    now = router(mac="00:00:5e:00:53:99", keys=("tls:aa", "mac:00:00:5e:00:53:99"))
    assert seen(now, router()) == ("dev-router", Certainty.LIKELY)


def test_a_key_that_two_known_devices_carry_tells_nothing() -> None:
    twin = router("192.168.1.5", id="dev-twin", mac="00:00:5e:00:53:05", keys=("tls:aa", "mac:00:00:5e:00:53:05"))
    stranger = router("192.168.1.6", mac=None, keys=("tls:aa",), identity=named("R9"))
    assert seen(stranger, router(), twin) is None


def test_without_keys_the_only_one_of_its_model_is_known_at_a_new_address_and_marked_less_certain() -> None:
    assert seen(camera("192.168.1.31"), router(), camera()) == ("dev-camera", Certainty.LIKELY)


def test_two_of_one_model_without_keys_are_told_apart_by_their_place_alone() -> None:
    there = camera("192.168.1.21", id="dev-second")
    assert seen(camera("192.168.1.21", id="x"), camera(), there) == ("dev-second", Certainty.LIKELY)
    assert seen(camera("192.168.1.40", id="x"), camera(), there) is None


def test_a_replacement_of_the_same_model_with_another_mac_is_a_new_device() -> None:
    new_box = router(mac="00:00:5e:00:53:02", keys=("tls:cc", "mac:00:00:5e:00:53:02"))
    assert seen(new_box, router()) is None


def test_a_box_that_tells_nothing_is_taken_for_the_mute_one_at_the_same_address_with_a_hint() -> None:
    mute = Device("dev-mute", ("192.168.1.66",))
    assert seen(replace(mute, id="dev-x"), mute) == ("dev-mute", Certainty.HINT)
    assert seen(camera("192.168.1.66"), mute) is None


KEYS = st.sampled_from(["tls:a", "tls:b", "ssh:a", "mac:1", "mac:2", "upnp:u"])
DEVICES = st.lists(
    st.builds(
        lambda keys, last, model: Device(
            "x", (f"192.168.1.{last}",), keys=tuple(keys), identity=named(model) if model else None
        ),
        st.sets(KEYS, max_size=3),
        st.integers(1, 4),
        st.sampled_from(["", "M1", "M2"]),
    ),
    max_size=5,
)


def with_ids(devices: list[Device]) -> list[Device]:
    return [replace(device, id=f"dev-{number}") for number, device in enumerate(devices)]


@given(DEVICES, DEVICES)
def test_no_known_device_is_two_of_todays(then: list[Device], now: list[Device]) -> None:
    found = [one.id for one in recognise([Known.of(d) for d in with_ids(then)], with_ids(now)) if one]
    assert len(found) == len(set(found))


@given(DEVICES)
def test_who_is_alone_with_a_key_is_always_known_again(devices: list[Device]) -> None:
    then = with_ids(devices)
    found = recognise([Known.of(device) for device in then], then)
    for device, one in zip(then, found, strict=True):
        others = frozenset().union(*(keys_of(d) for d in then if d is not device))
        if keys_of(device) - others:
            assert one is not None
            assert one.id == device.id


def test_a_finding_keeps_its_id_where_the_devices_strongest_key_changed() -> None:
    door = Endpoint("192.168.1.1", 443)
    then = audit(router(findings=(finding("a", "exposure.https", endpoint=door),)))
    moved = replace(door, address="192.168.1.9")
    now = router("192.168.1.9", id="dev-b", findings=(finding("b", "exposure.https", endpoint=moved),))
    same = aligned(then, audit(replace(now, keys=("tls:zz", "mac:00:00:5e:00:53:01")))).devices[0]
    assert (same.id, [f.id for f in same.findings]) == ("dev-router", ["fin-a"])
    assert same.findings[0].priority is Priority.HIGH


def test_a_box_that_tells_only_its_maker_now_is_known_by_its_place_with_a_hint() -> None:
    told_less = camera(identity=Identity("Other", None, None, None, None, None, {}))
    assert seen(told_less, camera()) == ("dev-camera", Certainty.HINT)
    assert seen(replace(told_less, addresses=("192.168.1.99",)), camera()) is None
    assert seen(replace(told_less, keys=("tls:bb",)), replace(camera(), keys=("tls:aa",))) is None


def test_a_box_seen_from_afar_that_told_nothing_this_time_is_the_one_at_its_address() -> None:
    known = camera(keys=("tls:aa",))
    silent = camera(identity=None, keys=(), services=())
    assert seen(silent, known) == ("dev-camera", Certainty.HINT)


def test_on_the_link_a_box_that_told_nothing_is_a_stranger_where_the_known_one_has_a_mac() -> None:
    assert seen(camera(identity=None), camera(mac="00:00:5e:00:53:20")) is None
