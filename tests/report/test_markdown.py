"""Each remedy is one ticket, and device text stays text when a tracker renders it."""

import io

import pytest
from markdown_it import MarkdownIt

from sohoaudit import report
from tests.report.assessed import offices
from tests.report.offices import FORWARDED, HOSTILE, hostile

TRACKER = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def written(office: object) -> str:
    stream = io.BytesIO()
    report.write(office, "markdown", "en", stream)  # type: ignore[arg-type]
    return stream.getvalue().decode("utf-8")


def test_each_remedy_is_one_ticket_in_the_order_to_act() -> None:
    heads = [line for line in written(FORWARDED).splitlines() if line.startswith("## ")]
    assert heads == [
        "## Urgent: Anyone on the internet can reach this router's sign-in page",
        "## Urgent: No update will come for this router, and the internet can reach it",
        "## Urgent: Criminals use a hole in this camera, and the router lets them in",
        "## Medium: A device opened a port on the router by itself",
        "## Low: The sign-in page speaks only old encryption",
        "## What could not be looked at",
    ]


@pytest.mark.parametrize(
    "text", [*HOSTILE, "````\n<b>x</b>\n````", "<https://evil.example>"], ids=range(len(HOSTILE) + 2)
)
def test_device_text_makes_no_markup(text: str) -> None:
    tokens = TRACKER.parse(written(hostile(text)))
    kinds = {inner.type for token in tokens for inner in (token.children or ())} | {token.type for token in tokens}
    assert kinds <= {
        "heading_open", "heading_close", "inline", "text", "paragraph_open", "paragraph_close", "bullet_list_open",
        "bullet_list_close", "list_item_open", "list_item_close", "code_inline", "strong_open", "strong_close", "fence",
        "softbreak", "text_special",
    }  # fmt: skip
    assert sum(token.type == "heading_open" for token in tokens) == 4


def test_a_ticket_says_why_how_long_and_who() -> None:
    lines = written(offices("en")["exposed"]).splitlines()
    assert "Today, because new holes in it stay open for good and the internet can reach it." in lines
    assert "about 15 minutes now, then about 2 hours, needs a new device" in lines
