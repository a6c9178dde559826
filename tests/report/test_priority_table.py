"""The table that the report prints is the table that decides."""

from sohoaudit.assess.priority import TABLE
from sohoaudit.report.content.reasons import PRIORITY_TABLE


def test_the_printed_table_is_the_one_that_decides() -> None:
    assert [(fact, list(row)) for fact, row in PRIORITY_TABLE] == [
        (str(fact), [row[reach] for reach in ("internet", "perhaps", "inside")]) for fact, row in TABLE.items()
    ]
