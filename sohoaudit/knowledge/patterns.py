"""Matches many patterns at once in linear time: google-re2 where it can be imported, else Python's `re` behind a lint.

Patterns use the common ground of both: ASCII classes, `^` and `$` at every line (several values of a field stand one
per line), `\\z` for the very end, `(?i)` in front for either case. No lookaround and no backreference, which a linear
engine cannot do, and no counted gap above 100, which costs it dearly.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Protocol

LONGEST_COUNT = 100


class Pattern(Protocol):
    """One compiled pattern."""

    @property
    def groupindex(self) -> Any:
        """The named groups and their numbers."""

    def search(self, text: str, /) -> Any:
        """The first place where the pattern is found, which has `group`, or None."""


class PatternSet(Protocol):
    """Many patterns that are looked for in one go."""

    def matching(self, text: str) -> Sequence[int]:
        """The numbers of the patterns found in the text, in no order."""


class Engine(Protocol):
    """A way to run patterns; every engine gives the same answer."""

    def compile(self, pattern: str) -> Pattern:
        """The pattern, ready to search; ValueError says what the engine cannot do."""

    def together(self, patterns: Sequence[str]) -> PatternSet:
        """A set of patterns behind one prefilter of the literals they need."""


class LinearEngine:
    """google-re2: linear in the text, whatever the pattern."""

    def __init__(self) -> None:
        """Raises ImportError where google-re2 has no wheel for this machine."""
        import re2

        self._re2 = re2
        self._options = re2.Options()
        self._options.log_errors = False

    def compile(self, pattern: str) -> Pattern:
        """The pattern, kept by the caller (the module's own cache holds 128 and would thrash)."""
        try:
            return self._re2._Regexp("(?m)" + pattern, self._options)  # type: ignore[no-any-return]
        except self._re2.error as fault:
            text = fault.args[0] if fault.args else fault
            raise ValueError(text.decode() if isinstance(text, bytes) else str(text)) from None

    def together(self, patterns: Sequence[str]) -> PatternSet:
        """The library's own filter: literals first, then only the patterns whose literals are there."""
        return _Filtered(self._re2, patterns)


class _Filtered:
    def __init__(self, re2: Any, patterns: Sequence[str]) -> None:
        options = re2.Options()
        options.log_errors = False
        self._filter = re2.Filter()
        for pattern in patterns:
            self._filter.Add("(?m)" + pattern, options)
        if patterns:
            self._filter.Compile()
        self._is_empty = not patterns

    def matching(self, text: str) -> Sequence[int]:
        return () if self._is_empty else self._filter.Match(text) or ()


class PlainEngine:
    """Python's `re`, for machines without google-re2: the lint and a cap on the text keep it bounded."""

    text_limit_chars = 65_536

    def compile(self, pattern: str) -> Pattern:
        """The pattern with ASCII classes, as the linear engine has them."""
        try:
            return re.compile("(?m)" + pattern.replace(r"\z", r"\Z"), re.ASCII)
        except re.error as fault:
            raise ValueError(str(fault)) from None

    def together(self, patterns: Sequence[str]) -> PatternSet:
        """A literal that each pattern needs is looked for first; patterns are compiled when it was found once."""
        return _Prefiltered(self, patterns)


class _Prefiltered:
    def __init__(self, engine: PlainEngine, patterns: Sequence[str]) -> None:
        self._limit = engine.text_limit_chars
        self._entries = [(needed_literal(pattern), pattern) for pattern in patterns]
        self._compiled = lru_cache(maxsize=None)(engine.compile)

    def matching(self, text: str) -> Sequence[int]:
        text = text[: self._limit]
        lowered = text.lower()
        return [
            number
            for number, (literal, pattern) in enumerate(self._entries)
            if literal in lowered and self._compiled(pattern).search(text)
        ]


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The best engine this machine has."""
    try:
        return LinearEngine()
    except ImportError:
        return PlainEngine()


def lint(pattern: str) -> Iterator[str]:
    """What is wrong with a pattern, each fault with its remedy; nothing where both engines take it."""
    for token, what in _REFUSED:
        if token.search(pattern):
            yield what
            return
    for counts in _COUNTED.findall(pattern):
        if any(int(count) > LONGEST_COUNT for count in counts if count):
            yield f"a counted gap above {LONGEST_COUNT} costs the engine dearly: write [^<]* or [\\s\\S]*? instead"
            return
    for name, candidate in (("re", PlainEngine()), ("re2", engine())):
        try:
            candidate.compile(pattern)
        except ValueError as fault:
            yield f"the pattern does not compile in {name}: {fault}"
            return
    if _repeats_within_repeats(_parsed(pattern)):
        yield "a repeat of a repeat such as (a+)+ takes forever without a linear engine: write it with one repeat"


def needed_literal(pattern: str) -> str:
    """The longest lower-case ASCII text that every match contains; empty where there is none."""
    return max(_literals(_parsed(pattern)), key=len, default="")


_COUNTED = re.compile(r"(?<!\\)\{(\d+)(?:,(\d*))?\}")
_REFUSED = (
    (re.compile(r"\(\?<?[=!]"), "a linear engine has no lookaround: use `not`, or match more and name a group"),
    (re.compile(r"\(\?P=|(?<!\\)(?:\\\\)*\\[1-9]"), "a linear engine has no backreferences: write it out"),
    (re.compile(r"\(\?>|[*+?}]\+"), "a linear engine has no possessive repeats or atomic groups: drop the +"),
    (re.compile(r"\\Z"), r"\Z means two things in two engines: write \z for the very end"),
)  # fmt: skip


def _parsed(pattern: str) -> Any:
    from re import _parser  # type: ignore[attr-defined]

    return _parser.parse("(?m)" + pattern.replace(r"\z", r"\Z"), re.ASCII)


def _literals(nodes: Any) -> Iterator[str]:
    """Runs of literal characters that a match cannot do without."""
    run = ""
    for operation, argument in nodes:
        kind = str(operation)
        if kind == "LITERAL" and argument < 0x80:
            run += chr(argument).lower()
            continue
        yield run
        run = ""
        if kind == "SUBPATTERN":
            yield from _literals(argument[3])
        elif kind in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] >= 1:
            yield from _literals(argument[2])
    yield run


def _repeats_within_repeats(nodes: Any, inside: bool = False) -> bool:
    """Whether an unbounded repeat holds nothing but another one, the shape that takes exponential time."""
    for operation, argument in nodes:
        kind = str(operation)
        if kind == "SUBPATTERN":
            if _repeats_within_repeats(argument[3], inside and len(nodes) == 1):
                return True
        elif kind in ("MAX_REPEAT", "MIN_REPEAT"):
            is_endless = int(argument[1]) > LONGEST_COUNT
            if (is_endless and inside and len(nodes) == 1) or _repeats_within_repeats(argument[2], is_endless):
                return True
        elif kind == "BRANCH" and any(_repeats_within_repeats(branch, inside) for branch in argument[1]):
            return True
    return False
