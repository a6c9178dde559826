"""Tests of raw bytes: what is patched equals what scapy builds whole, and only our own answers are believed."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6ND_NA, IPv6
from scapy.layers.l2 import ARP, Ether

from sohoaudit.sweep import frames

OWN_MAC, HOST_MAC, OWN = "02:00:5e:00:53:01", "02:00:5e:00:53:02", "192.0.2.7"
number = st.integers(0, 0xFFFFFFFF)
port = st.integers(0, 0xFFFF)


@given(address=number, source_port=port, to=port, sequence=number, flags=st.sampled_from("SR"))
def test_a_patched_frame_is_what_scapy_would_have_built(
    address: int, source_port: int, to: int, sequence: int, flags: str
) -> None:
    template = frames.tcp_template(OWN_MAC, OWN, flags)
    patched = bytearray(template.frame)
    template.patch(
        patched, 0,
        mac=bytes.fromhex(HOST_MAC.replace(":", "")), address=address, source_port=source_port, port=to,
        sequence=sequence,
    )  # fmt: skip
    whole = Ether(bytes(patched))
    assert (whole.dst, whole[IP].dst) == (HOST_MAC, socket.inet_ntoa(struct.pack("!I", address)))
    assert (whole[TCP].sport, whole[TCP].dport, whole[TCP].seq) == (source_port, to, sequence)
    sums = whole[IP].chksum, whole[TCP].chksum
    del whole[IP].chksum, whole[TCP].chksum
    again = Ether(bytes(whole))
    # 0 and 0xffff are one number in ones' complement.
    assert [each % 0xFFFF for each in sums] == [again[IP].chksum % 0xFFFF, again[TCP].chksum % 0xFFFF]


@given(st.binary(min_size=16, max_size=16), number, port)
def test_a_cookie_is_the_same_each_time_and_its_port_is_one_we_listen_on(secret: bytes, address: int, to: int) -> None:
    sequence, source_port = frames.Cookie(secret).of(address, to)
    assert (sequence, source_port) == frames.Cookie(secret).of(address, to)
    assert 0 <= sequence <= 0xFFFFFFFF
    assert frames.FIRST_SOURCE_PORT <= source_port < frames.FIRST_SOURCE_PORT + frames.SOURCE_PORTS <= 0xFFFF


def test_cookies_of_neighbouring_ports_and_of_other_secrets_share_nothing() -> None:
    one, other = frames.Cookie(b"1" * 16), frames.Cookie(b"2" * 16)
    made = {cookie.of(0xC0000207, port) for cookie in (one, other) for port in range(1, 5_000)}
    assert len(made) == 2 * 4_999


@given(st.binary(min_size=42, max_size=200))
def test_any_bytes_are_read_without_a_fault(frame: bytes) -> None:
    frames.read_tcp(frame)
    frames.read_neighbour(frame)
    frames.quoted(frame)


def test_an_unreachable_tells_which_question_it_is_about() -> None:
    question = IP(src=OWN, dst="192.0.2.9") / TCP(sport=61_234, dport=80, seq=77)
    frame = bytes(Ether() / IP(src="192.0.2.1", dst=OWN) / ICMP(type=3, code=13) / question)
    assert frames.quoted(frame) == (int.from_bytes(socket.inet_aton("192.0.2.9")), 80, 61_234, 77)


def test_who_answers_on_the_link_is_read_from_arp_and_from_nd() -> None:
    arp = Ether(src=HOST_MAC, dst=OWN_MAC) / ARP(op=2, hwsrc=HOST_MAC, psrc="192.0.2.9", hwdst=OWN_MAC, pdst=OWN)
    assert frames.read_neighbour(bytes(arp)) == ("192.0.2.9", HOST_MAC)
    nd = Ether(src=HOST_MAC) / IPv6(src="fe80::9", dst="fe80::7", hlim=255) / ICMPv6ND_NA(tgt="fe80::9")
    assert frames.read_neighbour(bytes(nd)) == ("fe80::9", HOST_MAC)
    forged = Ether(src=HOST_MAC) / IPv6(src="fe80::9", dst="fe80::7", hlim=64) / ICMPv6ND_NA(tgt="fe80::9")
    assert frames.read_neighbour(bytes(forged)) is None
