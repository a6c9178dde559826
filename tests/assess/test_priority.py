"""The priority table, cell by cell, and what must hold of it for all inputs."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.assess.priority import TABLE, Fact, Reach, priority, reach_of
from sohoaudit.model import Endpoint, Evidence, Exposure, Priority, Vantage

CELLS = """
    compromised      urgent  urgent  urgent
    open             urgent  urgent  high
    known-exploited  urgent  urgent  high
    unsupported      urgent  high    medium
    management       high    high    low
    vulnerable       high    medium  medium
    unmaintained     high    medium  medium
    outdated         medium  medium  low
    unknown          medium  medium  low
    fine             low     low     -
"""
ROWS = [line.split() for line in CELLS.strip().splitlines()]
TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("fact", "reach", "expected"),
    [
        pytest.param(fact, reach, word, id=f"{fact}, {reach}")
        for fact, *words in ROWS
        for reach, word in zip(Reach, words, strict=True)
    ],
)
def test_a_cell_says_what_ux_agreed(fact, reach, expected):
    found = priority(Reach(reach), Fact(fact))
    assert (found or "-") == expected


def test_every_fact_has_a_row_and_every_row_a_fact():
    assert set(TABLE) == {Fact(fact) for fact, *_ in ROWS} == set(Fact)


@pytest.mark.parametrize("fact", Fact)
def test_moving_further_inside_never_raises(fact):
    ranks = [found.rank if (found := priority(reach, fact)) else 9 for reach in Reach]
    assert ranks == sorted(ranks)


@given(st.lists(st.tuples(st.sampled_from(Reach), st.sampled_from(Fact)), min_size=1), st.data())
def test_adding_a_fact_never_lowers_the_worst(pairs, data):
    def worst(some):
        return min((found.rank for reach, fact in some if (found := priority(reach, fact))), default=9)

    more = data.draw(st.tuples(st.sampled_from(Reach), st.sampled_from(Fact)))
    assert worst([*pairs, more]) <= worst(pairs)


@pytest.mark.parametrize(
    ("evidence", "detail", "expected"),
    [
        (Evidence.CONNECTED, "", Reach.INTERNET),
        (Evidence.MAPPED, "", Reach.INTERNET),
        (Evidence.INDEXED, "2026-11-01", Reach.INTERNET),
        (Evidence.INDEXED, "Shodan, 2026-09-01T10:00:00", Reach.PERHAPS),
        (Evidence.INDEXED, "", Reach.PERHAPS),
        (Evidence.INDEXED, "2026-99-99", Reach.PERHAPS),
        (Evidence.HAIRPIN, "", Reach.PERHAPS),
        (Evidence.GLOBAL_ADDRESS, "", Reach.PERHAPS),
        (Evidence.LAN_ONLY, "", Reach.INSIDE),
    ],
)
def test_evidence_tells_the_reach(evidence, detail, expected):
    exposure = Exposure(Endpoint("203.0.113.7", 443), "https", Vantage.INDEX, evidence, detail=detail)
    assert reach_of([exposure], TODAY) is expected


def test_the_widest_reach_counts_and_nothing_exposed_is_inside():
    endpoint = Endpoint("203.0.113.7", 443)
    both = [Exposure(endpoint, "https", Vantage.LAN, e) for e in (Evidence.LAN_ONLY, Evidence.MAPPED)]
    assert reach_of(both, TODAY) is Reach.INTERNET
    assert reach_of([], TODAY) is Reach.INSIDE


def test_priorities_are_ordered_from_today_to_know_it():
    assert [p.rank for p in (Priority.URGENT, Priority.HIGH, Priority.MEDIUM, Priority.LOW)] == [0, 1, 2, 3]
