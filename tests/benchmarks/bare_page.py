"""Bare jinja2 writing a page that is there already, byte for byte: the yardstick for the time that ours takes.

The tags stand in the template; every text between two tags, and every attribute that holds a number, is a value that is
looked up and autoescaped. Nothing is worked out: no grouping, no numbering, no cutting, no cleaning of device text.
"""

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape

import jinja2

_CUTS = re.compile(r'(?=<tr|<details class="card")')
_VALUES = re.compile(r'(?<=>)([^<>]*[^<>\s][^<>]*)(?=<)|(?<==")([^"]*\d[^"]*)(?=")')


class Yardstick:
    """A template of one branch for each shape of row and card on the page, commonest first, and their values."""

    def __init__(self, page: str) -> None:
        """Takes the page apart; a style sheet stays in one piece."""
        head, end, body = page.partition("</style>")
        self._parts = [(head + end, []), *(_apart(part) for part in _CUTS.split(body))]
        shapes = [shape for shape, _ in Counter(shape for shape, _ in self._parts).most_common()]
        numbers = {shape: number for number, shape in enumerate(shapes)}
        self._rows = [(numbers[shape], values) for shape, values in self._parts]
        branches = "".join(
            f"{{% {'elif' if number else 'if'} shape == {number} %}}{_written(shape)}"
            for number, shape in enumerate(shapes)
        )
        source = f"{{% for shape, values in rows %}}{branches}{{% endif %}}{{% endfor %}}"
        self._template = jinja2.Environment(autoescape=True, keep_trailing_newline=True).from_string(source)

    def generate(self) -> Iterator[str]:
        """The page again, in pieces."""
        return self._template.generate(rows=self._rows)


def _apart(part: str) -> tuple[str, list[str]]:
    values: list[str] = []

    def taken(found: re.Match[str]) -> str:
        values.append(unescape(found[0]))
        return "\0"

    return _VALUES.sub(taken, part), values


def _written(shape: str) -> str:
    first, *others = shape.split("\0")
    written = (f"{{{{ values[{number}] }}}}{_raw(text)}" for number, text in enumerate(others))
    return _raw(first) + "".join(written)


def _raw(text: str) -> str:
    return f"{{% raw %}}{text}{{% endraw %}}" if text else ""
