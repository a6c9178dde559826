"""Turns the condition of a Sigma rule, as pySigma parsed it, into one quick question to an event."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SpecialChars,
)

from .event import Event, fold_literal

Test = Callable[[Event], bool]


class RuleError(ValueError):
    """A rule that cannot be evaluated: the file, the rule and why."""


def test_of(tree: object) -> Test:
    """The question of a whole condition.

    Raises:
        RuleError: it uses what this matcher does not know, and the text says what.
    """
    if isinstance(tree, (ConditionAND, ConditionOR)):
        is_all = isinstance(tree, ConditionAND)
        rest, tests = _gathered(tree.args, is_all)
        # The questions to one field come first: they are cheap and decide most.
        tests += [test_of(argument) for argument in rest]
        return _all(tests) if is_all else _any(tests)
    if isinstance(tree, ConditionNOT):
        inner = test_of(tree.args[0])
        return lambda event: not inner(event)
    if isinstance(tree, ConditionFieldEqualsValueExpression):
        return _field_test(tree.field, tree.value)
    if isinstance(tree, ConditionValueExpression):
        return _keyword(tree.value)
    raise RuleError(f"{type(tree).__name__} is not evaluated here")


def _gathered(arguments: Sequence[object], is_all: bool) -> tuple[list[object], list[Test]]:
    """Several plain texts of one field and one kind (equal, part, end, …) as one question, and what is left."""
    rest: list[object] = []
    groups: dict[tuple[str, str], list[str]] = {}
    for argument in arguments:
        kind = _kind_of(argument)
        if kind is None:
            rest.append(argument)
        else:
            groups.setdefault(kind[:2], []).append(kind[2])
    return rest, [_group_test(name, kind, tuple(texts), is_all) for (name, kind), texts in groups.items()]


def _kind_of(leaf: object) -> tuple[str, str, str] | None:
    if not isinstance(leaf, ConditionFieldEqualsValueExpression) or type(leaf.value) is not SigmaString:
        return None
    parts = list(leaf.value.s)
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) != 1 or SpecialChars.WILDCARD_SINGLE in parts or not fold_literal(leaf.field, texts[0]):
        return None
    opens, closes = parts[0] is SpecialChars.WILDCARD_MULTI, parts[-1] is SpecialChars.WILDCARD_MULTI
    kind = {(True, True): "part", (True, False): "end", (False, True): "beginning", (False, False): "equal"}
    return leaf.field, kind[opens, closes], fold_literal(leaf.field, texts[0])


def _group_test(name: str, kind: str, texts: tuple[str, ...], is_all: bool) -> Test:
    if is_all and len(texts) > 1:
        if kind == "part":
            return lambda event: _has_all(event.folded(name), texts)
        return _all([_group_test(name, kind, (text,), False) for text in texts])
    if kind == "part":
        if len(texts) == 1:
            only = texts[0]
            return lambda event: only in (event.folded(name) or "")
        return lambda event: _has_any(event.folded(name), texts)
    if kind == "end":
        return lambda event: (event.folded(name) or "").endswith(texts)
    if kind == "beginning":
        return lambda event: (event.folded(name) or "").startswith(texts)
    wanted = frozenset(texts)
    return lambda event: event.folded(name) in wanted


def _has_any(text: str | None, parts: tuple[str, ...]) -> bool:
    if text:
        for part in parts:
            if part in text:
                return True
    return False


def _has_all(text: str | None, parts: tuple[str, ...]) -> bool:
    if not text:
        return False
    for part in parts:  # noqa: SIM110 - a generator costs more than the search
        if part not in text:
            return False
    return True


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        return both(tests[0], tests[1])
    first, rest = tests[0], _all(tests[1:])
    return lambda event: first(event) and rest(event)


def both(first: Test, second: Test) -> Test:
    """Both hold."""
    return lambda event: first(event) and second(event)


def _any(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    first, rest = tests[0], _any(tests[1:])
    return lambda event: first(event) or rest(event)


def _field_test(name: str, value: object) -> Test:
    if isinstance(value, SigmaExpansion):
        return _any([_field_test(name, each) for each in value.values])
    if isinstance(value, SigmaNull):
        return lambda event: not event.text(name)
    if isinstance(value, SigmaExists):
        return lambda event: bool(event.text(name)) is value.exists
    if isinstance(value, SigmaCasedString):
        return _cased(name, value)
    if isinstance(value, SigmaString):
        return _text_test(name, value)
    if isinstance(value, SigmaNumber):
        number = str(value.number)
        return lambda event: event.text(name) == number
    if isinstance(value, SigmaBool):
        return lambda event: event.text(name).lower() == str(value.boolean).lower()
    if isinstance(value, SigmaRegularExpression):
        pattern = _pattern(value)
        return lambda event: pattern.search(event.text(name)) is not None
    if isinstance(value, SigmaCIDRExpression):
        network = ipaddress.ip_network(value.cidr, strict=False)
        return lambda event: _within(event.text(name), network)
    if isinstance(value, SigmaCompareExpression):
        return _comparison(name, value)
    if isinstance(value, SigmaFieldReference):
        return lambda event: bool(event.folded(name)) and event.folded(name) == event.folded(value.field)
    raise RuleError(f"{type(value).__name__} of field {name} is not evaluated here")


def _text_test(name: str, value: SigmaString) -> Test:
    """Equality, beginning, end or part, in small letters; other wildcards go piece by piece, in linear time."""
    parts = list(value.s)
    if SpecialChars.WILDCARD_SINGLE in parts:
        pattern = _wildcards(name, parts)
        return lambda event: pattern.fullmatch(event.folded(name) or "") is not None
    pieces = [fold_literal(name, part) for part in parts if isinstance(part, str)]
    opens = bool(parts) and parts[0] is SpecialChars.WILDCARD_MULTI
    closes = bool(parts) and parts[-1] is SpecialChars.WILDCARD_MULTI
    if not pieces:
        # `*` asks for any value, an empty text for none.
        return (lambda event: bool(event.text(name))) if opens else (lambda event: not event.text(name))
    if any(not piece for piece in pieces):
        # Nothing is left of it after folding (a lone quote): compare it unfolded.
        raw = [part.lower() for part in parts if isinstance(part, str)]
        return lambda event: _in_order(event.text(name).lower(), raw, opens, closes)
    if len(pieces) == 1:
        kind = "part" if opens and closes else "end" if opens else "beginning" if closes else "equal"
        return _group_test(name, kind, (pieces[0],), False)
    return lambda event: _in_order(event.folded(name) or "", pieces, opens, closes)


def _in_order(text: str, pieces: list[str], opens: bool, closes: bool) -> bool:
    if not opens and not text.startswith(pieces[0]):
        return False
    end = len(text)
    if not closes:
        if not text.endswith(pieces[-1]):
            return False
        end -= len(pieces[-1])
    at = 0
    for piece in pieces if closes else pieces[:-1]:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _cased(name: str, value: SigmaString) -> Test:
    pieces = [part for part in value.s if isinstance(part, str)]
    if SpecialChars.WILDCARD_SINGLE in value.s:
        raise RuleError(f"a cased text with ? of field {name} is not evaluated here")
    opens = value.s[0] is SpecialChars.WILDCARD_MULTI
    closes = value.s[-1] is SpecialChars.WILDCARD_MULTI
    if len(pieces) == 1 and not opens and not closes:
        return lambda event: event.text(name) == pieces[0]
    return lambda event: _in_order(event.text(name), pieces, opens, closes)


def _keyword(value: object) -> Test:
    if not isinstance(value, SigmaString):
        value = SigmaString(str(value))
    needles = [part.lower() for part in value.s if isinstance(part, str)]

    def holds(event: Event) -> bool:
        return any(_in_order(str(text).lower(), needles, True, True) for text in event.fields.values() if text)

    return holds


def _wildcards(name: str, parts: Sequence[object]) -> "re.Pattern[str]":
    written = {SpecialChars.WILDCARD_MULTI: ".*", SpecialChars.WILDCARD_SINGLE: "."}
    text = "".join(
        re.escape(fold_literal(name, part)) if isinstance(part, str) else written[part]  # type: ignore[index]
        for part in parts
    )
    return _linear(f"(?s){text}")


def _pattern(value: SigmaRegularExpression) -> "re.Pattern[str]":
    marks = {
        SigmaRegularExpressionFlag.IGNORECASE: "i",
        SigmaRegularExpressionFlag.MULTILINE: "m",
        SigmaRegularExpressionFlag.DOTALL: "s",
    }
    flags = "".join(sorted(marks[flag] for flag in value.flags))
    text = str(value.regexp)
    return _linear(f"(?{flags}){text}" if flags else text)


def _linear(text: str) -> "re.Pattern[str]":
    """The pattern on RE2 where that is installed: a rule of a stranger must not be able to stall on a long line."""
    try:
        import re2
    except ImportError:
        return re.compile(text)
    try:
        compiled_pattern: re.Pattern[str] = re2.compile(text)
    except re2.error as fault:
        raise RuleError(f"the regular expression needs what a linear engine does not have: {fault}") from None
    return compiled_pattern


def _within(text: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(text.split("%")[0]) in network
    except ValueError:
        return False


def _comparison(name: str, value: SigmaCompareExpression) -> Test:
    wanted = float(value.number.number)
    holds: dict[CompareOperators, Callable[[float], bool]] = {
        CompareOperators.LT: lambda number: number < wanted,
        CompareOperators.LTE: lambda number: number <= wanted,
        CompareOperators.GT: lambda number: number > wanted,
        CompareOperators.GTE: lambda number: number >= wanted,
    }
    if value.op not in holds:
        raise RuleError(f"the comparison of field {name} is not evaluated here")
    compare = holds[value.op]

    def test(event: Event) -> bool:
        try:
            return compare(float(event.text(name)))
        except ValueError:
            return False

    return test


def images_of(tree: object) -> frozenset[str] | None:
    """Program names one of which any matching event has; None where the rule does not say."""
    return _needed(tree, _image_of)


def hashes_of(tree: object) -> frozenset[str] | None:
    """SHA-256 one of which any matching event has; None where the rule does not say."""
    return _needed(tree, _hash_of)


def _needed(tree: object, of: Callable[[str, object], str | None]) -> frozenset[str] | None:
    if isinstance(tree, ConditionFieldEqualsValueExpression):
        if isinstance(tree.value, SigmaExpansion):
            return None
        found = of(tree.field, tree.value)
        return frozenset({found}) if found else None
    if isinstance(tree, ConditionAND):
        known = [needed for argument in tree.args if (needed := _needed(argument, of)) is not None]
        return min(known, key=len, default=None)
    if isinstance(tree, ConditionOR):
        every = [_needed(argument, of) for argument in tree.args]
        return None if any(needed is None for needed in every) else frozenset().union(*(n for n in every if n))
    return None


def _image_of(name: str, value: object) -> str | None:
    if name not in ("Image", "OriginalFileName") or type(value) is not SigmaString:
        return None
    parts = list(value.s)
    if name == "OriginalFileName":
        return parts[0].lower() if len(parts) == 1 and isinstance(parts[0], str) else None
    last = parts[-1] if parts else None
    if not isinstance(last, str) or "\\" not in last:
        return None
    return last.lower().rpartition("\\")[2] or None


def _hash_of(name: str, value: object) -> str | None:
    plain = name == "sha256" and type(value) is SigmaString and not value.contains_special()
    return str(value).lower() if plain else None


def fields_of(trees: Iterable[object]) -> Iterator[str]:
    """Every field that the conditions name, as often as they do."""
    for tree in trees:
        if isinstance(tree, ConditionFieldEqualsValueExpression):
            yield tree.field
        elif isinstance(tree, (ConditionAND, ConditionOR, ConditionNOT)):
            yield from fields_of(tree.args)
