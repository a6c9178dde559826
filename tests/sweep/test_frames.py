"""Tests of raw bytes: what is written out or patched is what scapy builds, and only our own answers are believed."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6ND_NA, IPv6
from scapy.layers.l2 import ARP, Ether

from sohoaudit.sweep import frames

OWN_MAC, HOST_MAC, OWN = "02:00:5e:00:53:01", "02:00:5e:00:53:02", "192.0.2.7"
number = st.integers(0, 0xFFFFFFFF)
port = st.integers(0, 0xFFFF)


def packed(text: str) -> bytes:
    return socket.inet_aton(text) if "." in text else bytes.fromhex(text.replace(":", ""))


def template(flags: int = frames.SYN) -> frames.Template:
    return frames.tcp_template(packed(OWN_MAC), packed(OWN), flags)


def sums_hold(frame: bytes) -> bool:
    """Whether scapy, which counts them anew, finds the same checksums; 0 and 0xffff are one number there."""
    whole = Ether(frame)
    sums = whole[IP].chksum, whole[TCP].chksum
    del whole[IP].chksum, whole[TCP].chksum
    again = Ether(bytes(whole))
    return [each % 0xFFFF for each in sums] == [again[IP].chksum % 0xFFFF, again[TCP].chksum % 0xFFFF]


@pytest.mark.parametrize(("flags", "letter", "window"), [(frames.SYN, "S", 64_240), (frames.RST, "R", 0)])
def test_a_template_is_what_scapy_builds(flags: int, letter: str, window: int) -> None:
    ip = IP(src=OWN, dst="0.0.0.0", id=0, flags="DF", ttl=64)
    options = [("MSS", 1_460)] if letter == "S" else []
    tcp = TCP(sport=0, dport=0, seq=0, flags=letter, window=window, options=options)
    assert template(flags).frame == bytes(Ether(src=OWN_MAC, dst="00:00:00:00:00:00", type=0x0800) / ip / tcp)


def test_the_question_for_a_mac_is_what_scapy_builds() -> None:
    arp = ARP(op=1, hwsrc=OWN_MAC, psrc=OWN, hwdst="00:00:00:00:00:00", pdst="192.0.2.9")
    whole = Ether(src=OWN_MAC, dst="ff:ff:ff:ff:ff:ff", type=0x0806) / arp
    assert frames.who_has(packed(OWN_MAC), packed(OWN), packed("192.0.2.9")) == bytes(whole)


@given(address=number, source_port=port, to=port, sequence=number, flags=st.sampled_from([frames.SYN, frames.RST]))
def test_a_patched_frame_is_what_scapy_would_have_built(
    address: int, source_port: int, to: int, sequence: int, flags: int
) -> None:
    patched = bytearray(template(flags).frame)
    template(flags).patch(
        patched, 0, mac=packed(HOST_MAC), address=address, source_port=source_port, port=to, sequence=sequence
    )
    whole = Ether(bytes(patched))
    assert (whole.dst, whole[IP].dst) == (HOST_MAC, socket.inet_ntoa(struct.pack("!I", address)))
    assert (whole[TCP].sport, whole[TCP].dport, whole[TCP].seq) == (source_port, to, sequence)
    assert sums_hold(bytes(patched))


@given(st.binary(min_size=16, max_size=16), st.lists(st.tuples(number, port), min_size=1, max_size=20))
def test_many_questions_set_at_once_carry_their_ports_and_cookies_and_right_checksums(
    secret: bytes, asked: list[tuple[int, int]]
) -> None:
    cookie, made = frames.Cookie(secret), template()
    slots, lows = made.slots(len(asked)), []
    for slot, (address, _) in enumerate(asked):
        source_port, high, low = cookie.of(address)
        made.patch(slots, slot * frames.STRIDE, mac=packed(HOST_MAC), address=address, source_port=source_port, port=0,
                   sequence=frames.sequence_of(high, low, 0))  # fmt: skip
        lows.append(low)
    frames.set_ports(slots, [to for _, to in asked], lows)
    for slot, (address, to) in enumerate(asked):
        frame = bytes(slots[slot * frames.STRIDE : slot * frames.STRIDE + len(made.frame)])
        source_port, high, low = cookie.of(address)
        tcp = Ether(frame)[TCP]
        assert (tcp.sport, tcp.dport, tcp.seq) == (source_port, to, frames.sequence_of(high, low, to))
        assert sums_hold(frame)


@given(st.binary(min_size=16, max_size=16), number, port)
def test_a_cookie_is_the_same_each_time_and_its_port_is_one_we_listen_on(secret: bytes, address: int, to: int) -> None:
    source_port, high, low = frames.Cookie(secret).of(address)
    assert (source_port, high, low) == frames.Cookie(secret).of(address)
    assert 0 <= frames.sequence_of(high, low, to) <= 0xFFFFFFFF
    assert frames.FIRST_SOURCE_PORT <= source_port < frames.FIRST_SOURCE_PORT + frames.SOURCE_PORTS <= 0xFFFF


def test_cookies_of_neighbouring_hosts_and_of_other_secrets_share_nothing() -> None:
    one, other = frames.Cookie(b"1" * 16), frames.Cookie(b"2" * 16)
    made = {cookie.of(0xC0000200 + host) for cookie in (one, other) for host in range(5_000)}
    assert len(made) == 10_000


def test_the_questions_of_one_host_differ_in_their_sequence() -> None:
    _, high, low = frames.Cookie(b"1" * 16).of(0xC0000207)
    assert len({frames.sequence_of(high, low, to) for to in range(1, 65_535)}) == 65_534


@given(st.binary(min_size=42, max_size=200))
def test_any_bytes_are_read_without_a_fault(frame: bytes) -> None:
    frames.read_answer(frame)
    frames.read_neighbour(frame)
    frames.quoted(frame)


@given(address=number, to=port, source_port=port, sequence=number, options=st.sampled_from([b"", b"\1\1\1\0"]))
def test_an_unreachable_tells_which_question_it_is_about(
    address: int, to: int, source_port: int, sequence: int, options: bytes
) -> None:
    host = socket.inet_ntoa(struct.pack("!I", address))
    question = IP(src=OWN, dst=host, options=options) / TCP(sport=source_port, dport=to, seq=sequence)
    frame = bytes(
        Ether(src=HOST_MAC, dst=OWN_MAC)
        / IP(src="192.0.2.1", dst=OWN, options=options)
        / ICMP(type=3, code=13)
        / question
    )
    assert frames.quoted(frame) == (address, to, source_port, sequence)


def test_an_echo_that_quotes_nothing_is_no_unreachable() -> None:
    frame = bytes(Ether(src=HOST_MAC, dst=OWN_MAC) / IP(src="192.0.2.1", dst=OWN) / ICMP(type=0) / bytes(60))
    assert frames.quoted(frame) is None


@given(address=number, to=port, source_port=port, sequence=st.integers(0, 0xFFFFFFFF), options=st.booleans())
def test_an_answer_is_read_as_scapy_reads_it(
    address: int, to: int, source_port: int, sequence: int, options: bool
) -> None:
    ip = IP(src=socket.inet_ntoa(struct.pack("!I", address)), dst=OWN, options=b"\1\1\1\0" if options else b"")
    frame = bytes(Ether(src=HOST_MAC, dst=OWN_MAC) / ip / TCP(sport=to, dport=source_port, ack=sequence, flags="SA"))
    assert frames.read_answer(frame) == (address, to, source_port, sequence, frames.SYN_ACK)
    if not options:
        told = frames.ANSWER.unpack(frame[: frames.SNAP_BYTES].ljust(frames.SNAP_BYTES, b"\0"))
        assert told == (frames.PLAIN, socket.IPPROTO_TCP, address, to, source_port, sequence, frames.SYN_ACK)


def test_who_answers_on_the_link_is_read_from_arp_and_from_nd() -> None:
    arp = Ether(src=HOST_MAC, dst=OWN_MAC) / ARP(op=2, hwsrc=HOST_MAC, psrc="192.0.2.9", hwdst=OWN_MAC, pdst=OWN)
    assert frames.read_neighbour(bytes(arp)) == ("192.0.2.9", HOST_MAC)
    nd = Ether(src=HOST_MAC, dst=OWN_MAC) / IPv6(src="fe80::9", dst="fe80::7", hlim=255) / ICMPv6ND_NA(tgt="fe80::9")
    assert frames.read_neighbour(bytes(nd)) == ("fe80::9", HOST_MAC)
    forged = Ether(src=HOST_MAC, dst=OWN_MAC) / IPv6(src="fe80::9", dst="fe80::7", hlim=64) / ICMPv6ND_NA(tgt="fe80::9")
    assert frames.read_neighbour(bytes(forged)) is None
