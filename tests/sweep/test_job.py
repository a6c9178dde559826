"""Tests of what the helper sends for one question: every silent port of every host once a round, and nothing else."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.sweep import frames
from sohoaudit.sweep.job import CHUNK, CLOSED, OPEN, REFUSED, SILENT, Job

MAC = b"\2\0\x5e\0\x53\2"
COOKIE = frames.Cookie(b"s" * 16)
TEMPLATE = frames.tcp_template(b"\2\0\x5e\0\x53\1", b"\xc0\0\2\7", frames.SYN)
addresses = st.lists(st.integers(1, 0xFFFFFFFE), min_size=1, max_size=40, unique=True)
ports = st.lists(st.integers(1, 0xFFFF), min_size=1, max_size=40, unique=True)


def asked(job: Job) -> list[tuple[int, int]]:
    """Address and port of each frame of one round, in the order in which they leave."""
    rows = job.rows()
    found = []
    for slots, first in job.chunks(rows, [MAC] * len(rows), TEMPLATE, COOKIE):
        assert len(slots) <= CHUNK * frames.STRIDE
        pairs = [
            (*struct.unpack_from("!I", slots, at + 30), *struct.unpack_from("!H", slots, at + 36))
            for at in range(0, len(slots), frames.STRIDE)
        ]
        assert (job.addresses[first // len(job.ports)], job.ports[first % len(job.ports)]) == pairs[0]
        found += pairs
    return found


@given(addresses, ports, st.data())
def test_each_silent_port_of_each_host_is_asked_once(hosts: list[int], to: list[int], data: st.DataObject) -> None:
    job = Job(1, hosts, to, 0, 0)
    states = st.lists(
        st.sampled_from([SILENT, SILENT, CLOSED, OPEN]), min_size=len(job.states), max_size=len(job.states)
    )
    job.states[:] = bytes(data.draw(states))
    wanted = [(host, port) for row, host in enumerate(hosts) for port in to
              if job.states[row * len(to) + to.index(port)] == SILENT]  # fmt: skip
    assert sorted(asked(job)) == sorted(wanted)


@given(addresses, ports)
def test_what_is_refused_is_never_asked_and_not_waited_for(hosts: list[int], to: list[int]) -> None:
    job = Job(1, hosts, to, 0, 0)
    job.refuse(0)
    job.refuse_port(to[-1])
    job.refuse_port(to[-1])
    assert {(address, port) for address, port in asked(job)} == {(h, p) for h in hosts[1:] for p in to[:-1]}
    assert job.unknown == (len(hosts) - 1) * (len(to) - 1)
    assert set(job.states) <= {SILENT, REFUSED}


def test_many_hosts_are_asked_port_by_port_so_that_no_host_gets_all_at_once() -> None:
    job = Job(1, range(1, 101), [22, 80], 0, 0)
    order = asked(job)
    assert [port for _, port in order] == [22] * 100 + [80] * 100


def test_more_ports_than_a_chunk_holds_are_asked_in_several() -> None:
    assert len(asked(Job(1, [7], range(1, 65_536), 0, 0))) == 65_535
