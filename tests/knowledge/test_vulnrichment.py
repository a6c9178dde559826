"""What CISA says of known exploited holes, as it was shipped."""

import re
from datetime import date

import pytest

from sohoaudit.knowledge import advisories, vulnrichment
from sohoaudit.knowledge.text_yaml import KnowledgeError


def test_every_rating_is_of_a_hole_we_know_to_be_exploited() -> None:
    rated = vulnrichment.ratings()
    known = {advisory.id for advisory in advisories.every() if advisory.known_exploited}
    assert len(rated) > 40
    assert set(rated) <= known
    assert all(re.fullmatch(r"CVE-\d{4}-\d{4,7}", cve) for cve in rated)
    assert all(date(2023, 1, 1) < rating.rated < date(2026, 11, 24) for rating in rated.values())


def test_a_rating_is_read() -> None:
    row = 'ratings:\n  CVE-2020-1: { automatable: "no", impact: total, rated: 2025-01-02 }\n'
    assert vulnrichment.read(row) == {"CVE-2020-1": vulnrichment.Rating(False, True, date(2025, 1, 2))}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ratings: []\n", "vulnrichment.yaml:1: a mapping under 'ratings'"),
        ("ratings:\n  CVE-1: yes\n", "vulnrichment.yaml:2: CVE-1 needs"),
        ('ratings:\n  CVE-1: { automatable: "no", rated: 2025-01-02 }\n', "vulnrichment.yaml:2: CVE-1 needs"),
        ("ratings:\n  CVE-1: { automatable: maybe, impact: total, rated: 2025-01-02 }\n", "'maybe' is not automatable"),
    ],
)
def test_a_broken_row_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(KnowledgeError) as fault:
        vulnrichment.read(text)
    assert said in str(fault.value)
