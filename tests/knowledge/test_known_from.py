"""An audit says from when its knowledge is."""

from datetime import date

from sohoaudit import __version__, knowledge
from sohoaudit.knowledge import advisories


def test_the_version_and_the_newest_entry_of_the_list_of_known_exploited_holes_are_told():
    exploited = [each.known_exploited for each in advisories.every() if each.known_exploited]
    newest = max(each.added for each in exploited if each.added)
    known = knowledge.known_from()
    assert (known["sohoaudit"], known["kev"]) == (__version__, f"{newest.isoformat()}, shipped")
    assert date(2026, 1, 1) < newest
