"""Matches many patterns at once in linear time: google-re2 where it can be imported, else Python's `re` behind a lint.

Patterns use the common ground of both: ASCII classes, `^` and `$` at every line (several values of a field stand one
per line), `\\z` for the very end, `(?i)` in front for either case. No lookaround and no backreference, which a linear
engine cannot do, and no counted gap above 100, which costs it dearly.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Protocol

LONGEST_COUNT = 100
SHORTEST_LITERAL = 2
_LINE_LIMIT = 200  # in characters or bytes; what is longer counts as a page
_LARGE_PAGE_CHARS, _MANY_PAGES_CHARS = 16_384, 700_000
_OFTEN_IN_VAIN = 16

Groups = Mapping[str, str]


class Pattern(Protocol):
    """One compiled pattern."""

    def find(self, text: Any) -> Groups | None:
        """The named groups that took part at the first place where the pattern is found, the whole of it under ""."""


class LiteralSet(Protocol):
    """Many short texts that are looked for in one go."""

    def matching(self, text: str) -> Collection[int]:
        """The numbers of the literals found in a lower-cased text, in no order."""


class Engine(Protocol):
    """A way to run patterns; every engine gives the same answer."""

    def prepare(self, text: str) -> Any:
        """The text in the form that `find` takes."""

    def compile(self, pattern: str) -> Pattern:
        """The pattern, ready to search; ValueError says what the engine cannot do."""

    def literals(self, texts: Sequence[str]) -> LiteralSet:
        """A set of lower-case texts, to be looked for in lower-cased text."""


class LinearEngine:
    """google-re2 and pyahocorasick: linear in the text, whatever the pattern."""

    def __init__(self) -> None:
        """Raises ImportError where google-re2 or pyahocorasick has no wheel for this machine."""
        import ahocorasick
        import re2

        self._re2, self._automaton = re2, ahocorasick.Automaton
        self._options = re2.Options()
        self._options.log_errors = False
        self._options.max_mem = 64 << 20

    def prepare(self, text: str) -> bytes:
        """UTF-8, which the library searches without another copy."""
        return text.encode("utf-8", "replace")

    def compile(self, pattern: str) -> Pattern:
        """The pattern, to be kept by the caller.

        Made and asked through the library's own binding: its Python wrapper keeps a cache that is too small and makes
        match objects that cost more than the search.
        """
        return _LinearPattern(pattern, self._made, self._re2._Anchor)

    def _made(self, pattern: str) -> Any:
        compiled = self._re2._re2.RE2(pattern.encode(), self._options)
        if not compiled.ok():
            fault = compiled.error()
            raise ValueError(fault.decode() if isinstance(fault, bytes) else str(fault))
        return compiled

    def literals(self, texts: Sequence[str]) -> LiteralSet:
        """One automaton for all of them."""
        return _LinearSet(texts, self._automaton(), self._search_set)

    def _search_set(self, texts: Sequence[str]) -> Any:
        found = self._re2.Set.SearchSet(self._options)
        for text in texts:
            found.Add(self._re2.escape(text))
        found.Compile()
        return found


class _LinearPattern:
    """One pattern in two forms that give the same answer.

    With `.*?` in front it is asked for at the start of a line, where the library steps through the pattern and prepares
    nothing: a first answer costs 2 µs instead of 30. On a page, and once it was in vain often, it is asked for
    anywhere, with the automaton that the library then builds while it reads.
    """

    __slots__ = ("_anywhere", "_at_start", "_groups", "_in_line", "_in_page", "_in_vain", "_made", "_pattern")

    def __init__(self, pattern: str, made: Callable[[str], Any], anchor: Any) -> None:
        self._pattern, self._made = f"((?m){pattern})", made
        self._at_start, self._anywhere = anchor.ANCHOR_START, anchor.UNANCHORED
        in_line = made(f"(?s:.*?){self._pattern}")
        numbers = {name.decode(): number for name, number in in_line.NamedCapturingGroups()}
        self._groups = tuple(sorted(numbers.items(), key=itemgetter(1)))  # in their order, as the other engine has them
        self._in_line, self._in_vain = in_line.Match, 0
        self._in_page: Any = None

    def find(self, text: bytes) -> Groups | None:
        length = len(text)
        if length <= _LINE_LIMIT and self._in_vain < _OFTEN_IN_VAIN:
            places = self._in_line(self._at_start, text, 0, length)
        else:
            if self._in_page is None:
                self._in_page = self._made(self._pattern).Match
            places = self._in_page(self._anywhere, text, 0, length)
        start, end = places[1]
        if start < 0:
            self._in_vain += 1
            return None
        groups = {"": text[start:end].decode("utf-8", "replace")}
        for name, number in self._groups:
            start, end = places[number]
            if start < end:
                groups[name] = text[start:end].decode("utf-8", "replace")
        return groups


class _LinearSet:
    """The automaton of Aho and Corasick, and the library's own set for a large page and after many pages.

    The first is made in 4 ms and reads everything at one pace. The other takes 25 ms, and learns from what it reads:
    slower on what is new, ten times faster on what is like the last page.
    """

    __slots__ = ("_in_line", "_in_page", "_made", "_read", "_texts")

    def __init__(self, texts: Sequence[str], in_line: Any, made: Callable[[Sequence[str]], Any]) -> None:
        for number, text in enumerate(texts):
            in_line.add_word(text, number)
        in_line.make_automaton()
        self._in_line, self._texts, self._made, self._read = in_line.iter, texts, made, 0
        self._in_page: Any = None

    def matching(self, text: str) -> Collection[int]:
        if not self._texts:
            return ()
        if len(text) > _LINE_LIMIT:
            self._read += len(text)
            if self._read > _MANY_PAGES_CHARS or len(text) > _LARGE_PAGE_CHARS:
                if self._in_page is None:
                    self._in_page = self._made(self._texts).Match
                return self._in_page(text.encode("utf-8", "replace")) or ()
        return {number for _, number in self._in_line(text)}


class PlainEngine:
    """Python's `re`, for machines without google-re2: the lint and the callers' caps on texts keep it bounded."""

    def prepare(self, text: str) -> str:
        """The text as it is."""
        return text

    def compile(self, pattern: str) -> Pattern:
        """The pattern with ASCII classes, as the linear engine has them."""
        try:
            return _PlainPattern(re.compile("(?m)" + pattern.replace(r"\z", r"\Z"), re.ASCII))
        except re.error as fault:
            raise ValueError(str(fault)) from None

    def literals(self, texts: Sequence[str]) -> LiteralSet:
        """Looked for one by one."""
        return _PlainSet(texts)


class _PlainPattern:
    __slots__ = ("_compiled",)

    def __init__(self, compiled: re.Pattern[str]) -> None:
        self._compiled = compiled

    def find(self, text: str) -> Groups | None:
        match = self._compiled.search(text)
        return {"": match[0], **{name: value for name, value in match.groupdict().items() if value}} if match else None


class _PlainSet:
    __slots__ = ("_texts",)

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = tuple(enumerate(texts))

    def matching(self, text: str) -> Collection[int]:
        return [number for number, literal in self._texts if literal in text]


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


def needed(pattern: str) -> tuple[str, ...]:
    """Lower-case texts of which every match holds at least one; empty where nothing can be said."""
    return tuple(sorted(_needed(_parsed(pattern)) or ()))


_MOST_ALTERNATIVES = 64
_MOST_OF_TWO_LETTERS = 256
_FEW_ALTERNATIVES = 6
_TELLING_LENGTH = 4
_COMMONPLACE = re.compile(
    r"^\W*(?:realm|basic realm=?|version|upnp/1|upnp|model|cn ?=|server|login|router|linux|220[ -]|ftp|ftp server"
    r"|software|(?:comware )?platform software|controller|port|switch|product|name|<?title>?|http/1|mib)\W*$"
)
_LETTER = re.compile(r"[^\W\d_]")
_LARGEST_CLASS = 12
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


def _needed(nodes: Any) -> frozenset[str] | None:
    """The best set of alternatives for a sequence: the one whose shortest member is longest."""
    found: list[frozenset[str]] = []
    run = frozenset({""})
    for operation, argument in nodes:
        kind = str(operation)
        exact = _exact(kind, argument)
        if exact and _is_worth_more(run, exact):
            run = frozenset(before + after for before in run for after in exact)
            continue
        run, is_whole = _with_repeats(run, kind, argument)
        if is_whole:
            continue
        found.append(run)
        run = exact or frozenset({""})
        inner: frozenset[str] | None = None
        if kind == "SUBPATTERN":
            inner = _needed(argument[3])
        elif kind in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] >= 1:
            inner = _needed(argument[2])
        elif kind == "BRANCH":
            branches = [_needed(branch) for branch in argument[1]]
            inner = frozenset().union(*(one for one in branches if one)) if all(branches) else None
        found.append(inner or frozenset({""}))
    found.append(run)
    best = max(found, key=_worth)
    return best if min(map(len, best)) >= SHORTEST_LITERAL else None


def _is_worth_more(run: frozenset[str], exact: frozenset[str]) -> bool:
    """Whether a run may grow by these: not beyond what is kept, nor by digits where it is telling already."""
    shortest = min(map(len, run))
    is_short = shortest <= SHORTEST_LITERAL and any(map(str.isalpha, "".join(run)))
    is_telling = len(exact) >= _FEW_ALTERNATIVES and shortest >= _TELLING_LENGTH
    return len(run) * len(exact) <= (_MOST_OF_TWO_LETTERS if is_short else _MOST_ALTERNATIVES) and not is_telling


def _with_repeats(run: frozenset[str], kind: str, argument: Any) -> tuple[frozenset[str], bool]:
    """A run with the first rounds of a repeat behind it (`CH` and `\\d{4}`), and whether that is all of the repeat."""
    least, most, body = argument if kind in ("MAX_REPEAT", "MIN_REPEAT") else (0, 1, ())
    exact = _exact_sequence(body) if least else None
    rounds = 0
    while exact and rounds < least and _is_worth_more(run, exact):
        run = frozenset(before + after for before in run for after in exact)
        rounds += 1
    return run, bool(exact) and rounds == least == most


def _exact(kind: str, argument: Any) -> frozenset[str] | None:
    """All lower-case texts that a part of a pattern can be, where they are few and known."""
    if kind == "AT":
        return frozenset({""})
    if kind == "LITERAL":
        letter = chr(argument)
        return frozenset({letter.lower()}) if argument < 0x80 or letter.lower() == letter.upper() else None
    if kind == "SUBPATTERN":
        return _exact_sequence(argument[3])
    if kind == "IN":
        return _exact_class(argument)
    if kind in ("MAX_REPEAT", "MIN_REPEAT") and int(argument[1]) == 1:
        once = _exact_sequence(argument[2])
        return once | {""} if once and argument[0] == 0 else once
    if kind == "BRANCH":
        branches = [_exact_sequence(branch) for branch in argument[1]]
        return frozenset().union(*(one for one in branches if one)) if all(branches) else None
    return None


def _exact_sequence(nodes: Any) -> frozenset[str] | None:
    texts = frozenset({""})
    for operation, argument in nodes:
        exact = _exact(str(operation), argument)
        if not exact or len(texts) * len(exact) > _MOST_ALTERNATIVES:
            return None
        texts = frozenset(before + after for before in texts for after in exact)
    return texts


def _exact_class(members: Any) -> frozenset[str] | None:
    letters: set[str] = set()
    for operation, argument in members:
        if str(operation) == "LITERAL" and argument < 0x80:
            letters.add(chr(argument).lower())
        elif str(operation) == "RANGE" and argument[1] < 0x80 and argument[1] - argument[0] < _LARGEST_CLASS:
            letters.update(chr(code).lower() for code in range(argument[0], argument[1] + 1))
        elif str(operation) == "CATEGORY" and str(argument) == "CATEGORY_DIGIT":
            letters.update("0123456789")
        else:
            return None
    return frozenset(letters) if 0 < len(letters) <= _LARGEST_CLASS else None


def _worth(literals: frozenset[str]) -> tuple[float, int]:
    """How well literals tell texts apart: by their shortest; digits, and words of every answer, count little."""
    return min(map(_worth_of_one, literals)), -len(literals)


def _worth_of_one(literal: str) -> float:
    if _COMMONPLACE.search(literal):
        return SHORTEST_LITERAL
    return len(literal) if len(literal) < SHORTEST_LITERAL or _LETTER.search(literal) else SHORTEST_LITERAL - 0.5


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
