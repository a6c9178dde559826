"""Orders firmware versions inside one maker's scheme, and says "cannot be compared" wherever that is the truth."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from . import names

_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Version:
    """A version as its scheme reads it.

    `key` orders it; `line` names what must agree before two versions may be compared at all (branch, hardware code,
    fork; empty where the text does not tell). `tail` is a remainder that does not order ("Beta01"). `partial` says
    that only the beginning was told: it proves what its beginning proves, and nothing more.
    """

    scheme: str
    text: str
    key: tuple[int, ...]
    line: str = ""
    tail: str = ""
    partial: bool = False

    def __str__(self) -> str:
        """The text as it was given."""
        return self.text


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one maker writes versions.

    `grammar` is a regular expression that must match the whole text. `order` lists its groups, weightiest first, as
    `group`, `group:numbers` or `group?`; the last means that a version without it was told in part. Groups called
    `stage` (rc, beta, hotfix), `letter` and `date` are read as such, all others as numbers. `line` lists the groups
    that must agree, `same_line` those of its values that count as one, `tail` the groups that do not order.
    """

    grammar: str
    order: str = "main:8"
    line: str = ""
    tail: str = ""
    same_line: Mapping[str, str] = field(default_factory=dict)


def parse(scheme: str, text: str, partial: bool = False) -> Version | None:
    """Read a version; None where the text does not fit the scheme, which means unknown and never "older".

    Args:
        scheme: a name of `SCHEMES`.
        text: the version as the device or the advisory writes it.
        partial: the teller knows that this is only the beginning of the version.

    Raises:
        KeyError: there is no such scheme.
    """
    rule, grammar = SCHEMES[scheme], _compiled(scheme)
    text = text.strip()
    found = grammar.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if found is None:
        return None
    told = _told(found)
    parts = [_part(item, told) for item in rule.order.split()]
    if any(part.numbers is not None and len(part.numbers) > part.width for part in parts):
        return None
    key, ends_early = _key(parts, partial)
    line = _line(rule, told)
    tail = " ".join(told.get(group) or "" for group in rule.tail.split()).strip(" ._-").lower()
    return Version(scheme, text, key, line, tail, partial or ends_early)


def compare(a: Version, b: Version) -> int | None:
    """-1 where a is older than b, 0 where they are the same, 1 where it is newer, None where nobody can say."""
    if not _may_be_compared(a, b):
        return None
    for mine, other in zip(a.key, b.key, strict=False):
        if mine != other:
            return -1 if mine < other else 1
    is_same = len(a.key) == len(b.key) and a.tail == b.tail and a.partial == b.partial
    return 0 if is_same else None


def is_before(version: Version, bound: Version) -> bool | None:
    """Whether the version is older than a bound, where "before 5.36" means before the first of the 5.36."""
    order = compare(version, bound)
    if order is not None or not _may_be_compared(version, bound):
        return None if order is None else order < 0
    if len(bound.key) < len(version.key):
        return False
    rest = bound.key[len(version.key) :]
    return False if rest and not any(rest) else None


def is_through(version: Version, bound: Version) -> bool | None:
    """Whether the version is at most a bound, where "through 5.35" means through the last of the 5.35."""
    order = compare(version, bound)
    if order is not None or not _may_be_compared(version, bound):
        return None if order is None else order <= 0
    return True if len(bound.key) < len(version.key) else None


def scheme_for(vendor: str, model: str | None = None, firmware: str | None = None) -> str:
    """The scheme of a maker's product, or of the fork whose name stands in the firmware text; `dotted` by default."""
    fork = names.fork_of(firmware) if firmware else None
    if fork:
        return fork.versions
    maker = names.maker(vendor)
    return maker.scheme_of(model or "") if maker else "dotted"


@dataclass(frozen=True, slots=True)
class _Part:
    numbers: tuple[int, ...] | None
    width: int
    may_be_missing: bool


def _told(found: re.Match[str]) -> dict[str, str | None]:
    """What each group read; `patch_` and `patch__` are other ways of writing `patch`."""
    told: dict[str, str | None] = {}
    for name, text in found.groupdict().items():
        plain = name.rstrip("_")
        told[plain] = told.get(plain) if text is None else text
    return told


def _line(rule: Scheme, told: Mapping[str, str | None]) -> str:
    """What must agree; empty where the text tells none of it, which agrees with all."""
    parts = [told[group] for group in rule.line.split()]
    if all(part is None for part in parts):
        return ""
    line = " ".join(part or "" for part in parts).strip().lower()
    return rule.same_line.get(line, line)


def _may_be_compared(a: Version, b: Version) -> bool:
    return a.scheme == b.scheme and not (a.line and b.line and a.line != b.line)


def _part(item: str, told: Mapping[str, str | None]) -> _Part:
    name, _, width = item.rstrip("?").partition(":")
    text = told.get(name)
    size = 2 if name == "stage" else int(width or 1)
    return _Part(_numbers(name, text) if text else None, size, item.endswith("?"))


def _numbers(name: str, text: str) -> tuple[int, ...]:
    if name == "stage":
        word = re.sub(r"[^a-z]", "", text.lower())
        return _STAGES.get(word, 1), int("".join(re.findall(r"\d+", text)[:1]) or 0)
    if name == "letter":
        weight = 0
        for character in text.lower():
            weight = weight * 27 + ord(character) - 96
        return (weight,)
    if name == "date":
        digits = re.sub(r"\D", "", text)
        return (int(digits if len(digits) == 8 else f"20{digits}"),)
    return tuple(int(digits) for digits in re.findall(r"\d+", text))


def _key(parts: list[_Part], partial: bool) -> tuple[tuple[int, ...], bool]:
    last = max((i for i, part in enumerate(parts) if part.numbers is not None), default=-1)
    key: list[int] = []
    for i, part in enumerate(parts):
        if i > last and (partial or part.may_be_missing):
            return tuple(key), True
        numbers = part.numbers or ()
        is_cut = partial and i == last
        key += [*numbers, *([0] * (0 if is_cut else part.width - len(numbers)))]
    return tuple(key), partial


@cache
def _compiled(scheme: str) -> re.Pattern[str]:
    return re.compile(SCHEMES[scheme].grammar, re.IGNORECASE)


_STAGES = {
    "dev": -5,
    "alpha": -4,
    "beta": -3,
    "b": -3,
    "pre": -3,
    "rc": -2,
    "r": 0,
    "c": 0,
    "ga": 0,
    "release": 0,
    "": 0,
}

# A dotted number, with room for a `v` and a blank before it.
_N = r"v?\s?(?P<main>\d+(?:\.\d+)*)"
_DATE = r"(?:20\d{6}|\d{6}|20\d\d-\d\d-\d\d)"
_WORD = r"(?:[a-z][a-z ]*[ :_/-]+)?"

SCHEMES: Mapping[str, Scheme] = {
    # What most makers do: 1.2.3, sometimes with a build or a stage.
    "dotted": Scheme(
        _WORD + _N + r"(?:[-_ ]?(?P<stage>(?:alpha|beta|rc|hotfix|patch|update|release|p)[ .-]?\d*))?(?:[-_]\(?"
        r"(?P<build>\d+(?:\.\d+)*)\)?)?",
        "main:8 stage build:3",
    ),
    # Digits with any marks between them: 10.1.2r60p92, 2.1.0.0R3, 1.00-06.
    "numbers": Scheme(r"[a-z]{0,3}\s?(?P<main>\d+(?:[.rpbhdu_-]+\d+)*)", "main:8"),
    # Letters before the number are a product or a branch that must agree, what follows does not order: WC.16.10.0012,
    # 6.90A.342.003, TC7.3.0.
    "lined": Scheme(
        r"(?P<line>[a-z][a-z._-]*?)?[._ -]?(?P<main>\d+(?:[._]\d+)*)(?P<tail>(?!\d).*)?",
        "main:8",
        line="line",
        tail="tail",
    ),
    # 1.0.1f
    "lettered": Scheme(_WORD + _N + r"(?P<letter>[a-z]{0,2})", "main:5 letter"),
    "openssh": Scheme(r"(?:openssh[_ ])?(?P<main>\d+(?:\.\d+)+)(?:p(?P<patch>\d+))?", "main:3 patch?"),
    "bash": Scheme(_WORD + r"(?P<main>\d+\.\d+)(?:(?: patch |\.)(?P<patch>\d+))?", "main:2 patch"),
    # Only the day of the build orders: TP-Link's bare build numbers, Hikvision's and D-Link's dated builds.
    "build-date": Scheme(
        rf"(?:.*?(?:build|_|date)[ _:]*)?(?P<date>{_DATE})(?:[ _-]*rel[ ._]*(?P<release>\d+).*)?(?:\D.*)?", "date"
    ),
    "asa": Scheme(r"(?P<main>\d+\.\d+(?:[.(]\d+\)?\.?\d*)?)", "main:4"),
    "asuswrt": Scheme(
        r"(?:(?P<base>[39]\.0\.0\.[46])(?:[._](?P<branch>\d{3})(?:[._](?P<extension>[1-9]\d*))?)?|"
        r"(?P<branch_>\d{3})_(?P<extension_>[1-9]\d*)|(?P<dsl>1\.\d\.\d\.\d)_(?P<extension__>\d+))"
        r"(?:_0)?(?:-g?[\w-]+)?",
        "extension?",
        line="base branch dsl",
    ),
    "arris": Scheme(
        r"(?P<main>\d+\.\d+\.\d+)(?:h(?P<hub>\d+)d(?P<drop>\d+)|(?P<tail>[a-z]+\d*))?",
        "main:3 hub drop",
        tail="tail",
    ),
    "asustor": Scheme(_WORD + r"(?P<main>\d+\.\d+\.\d+)(?:\.(?P<tail>r\w+))?", "main:3", tail="tail"),
    "aleos": Scheme(_WORD + r"(?P<main>\d+\.\d+(?:\.\d+)?)(?:\.(?P<build>\d+))?", "main:3 build?"),
    "axis": Scheme(r"(?P<line>\d+\.\d+)(?:\.(?P<main>\d+(?:\.\d+)*))?", "main:3", line="line"),
    "brother": Scheme(r"(?:(?P<letter>[a-z]{1,2})|(?P<main>\d+\.\d+))(?:\(.*\))?", "main:2 letter"),
    "buffalo": Scheme(r"(?:ver\.?\s?)?v?(?P<main>\d+\.\d+(?:\.\d+)*)(?:[- ](?P<minor>\d+\.\d+))?", "main:4 minor:2"),
    "cambium": Scheme(r"v?(?P<main>\d+(?:\.\d+)+)(?:-r(?P<revision>\d+))?", "main:4 revision"),
    "cisco-phone": Scheme(
        r"(?:(?:sip|sccp)\w*?\.)?(?P<main>\d+(?:[.(-]\d+\)?)*)(?P<letter>[a-z]?)(?:[(-]?M?"
        r"(?P<stage>SR\d+)\)?(?:-(?P<last>\d+))?)?s?",
        "main:5 letter stage last",
    ),
    # The date of the build comes before the number, whose second group is the platform.
    "dahua": Scheme(
        rf"(?:v?(?P<main>\d+\.\d+(?:\.\w+)*?)(?:\.R)?[ ._,(]*)?(?:build)?(?: date)?[ :]*(?P<date>{_DATE})\)?|"
        r"\d\.\d{3}\.\d{7}\.\d+(?:\.r)?",
        "date?",
    ),
    "ddwrt": Scheme(r"(?:.*?\b)?r(?P<build>\d{3,6})m?(?:\D.*)?", "build"),
    "digi": Scheme(
        r"(?P<line>ver|82\d{6}_)?(?:(?P<main>\d+(?:\.\d+)*)|(?P<letter>[a-z]))",
        "main:4 letter",
        line="line",
    ),
    "dlink": Scheme(
        r"(?:[a-z]{2}_)?v?(?P<main>\d+\.\d{2,}(?:\.\d+)*|\d+(?:\.\d+){2,})(?:\.?[a-z]{2})?(?:[._ ]?b(?P<build>\d+))?"
        r"(?P<beta>[ ._-]*beta[ ._-]*\d*)?(?:[ ._-]*(?P<stage>hot ?fix[ ._-]*(?:b?\d+)?))?(?:[ _]?\(?[a-z]{2}\)?)?",
        "main:5 build? stage",
        tail="beta",
    ),
    # Modem variants (_STD, _BT, _MDM3) share the number.
    "draytek": Scheme(
        r"(?:[\d.]+(?:_\w+)?/)?v?(?P<main>(?P<line>\d+)\.\d+(?:\.\d+)*)(?:[_-]?(?P<stage>"
        r"(?:rc|beta|alpha)\w?\d*))?(?:_(?:std|bt|mdm\w*|m\w*))?(?:-b\d+)?",
        "main:4 stage",
        line="line",
    ),
    # A hotfix comes after the plain version, whatever semantic versioning says; 1.x was a branch beside 2.x.
    "edgeos": Scheme(
        r"(?:[\w-]+\.)*?v?(?P<main>(?P<line>\d+)\.\d+\.\d+)(?:[-.](?P<stage>"
        r"(?:rc|hotfix|beta|alpha)\.?[\dx]*))?(?:\.\d+\.\d{6}\.\d{4})?",
        "main:3 stage",
        line="line",
    ),
    "fireware": Scheme(
        r"v?(?P<main>\d+\.\d+(?:\.\d+)?)(?:[ _.]?u(?:pdate ?)?(?P<update>\d+))?(?:[.-]?b\d+)?",
        "main:3 update",
    ),
    "fortios": Scheme(_WORD + r"v?(?P<main>\d+\.\d+(?:\.\d+)?)(?:[, -]+build\s?\d+.*)?", "main:3"),
    "foscam": Scheme(r"(?:\d+(?:\.\d+){3}[ _/])?(?P<main>\d+(?:\.\d+){3})", "main:4"),
    # The number before it is the model; what follows a dash is the count of a laboratory build.
    "fritz": Scheme(
        r"(?:fritz!os:?\s?)?(?:\d{2,3}\.)?0?(?P<main>\d{1,2}\.\d{2})(?:-(?P<build>\d+))?(?:\s.*)?",
        "main:2 build?",
    ),
    "glinet": Scheme(r"v?(?P<main>\d+\.\d+(?:\.\d+)?)(?:[ -]*release ?(?P<release>\d+))?", "main:3 release"),
    "hikvision": Scheme(rf"v?(?P<main>\d+\.\d+\.\d+)(?:(?:[ ,_]*build\s?|_)(?P<date>{_DATE}))?", "main:3 date?"),
    "hp-ink": Scheme(
        r"(?P<line>)[a-z0-9]{3,8}?(?P<week>[12]\d[0-5]\d)[a-z]{1,2}(?:\.\d+)?|[a-z0-9]+\."
        r"(?P<week_>\d{4})d\.\d+",
        "week",
    ),
    "huawei": Scheme(
        r"v(?P<v>\d+)r(?P<r>\d+)(?:c(?P<c>\d+))?(?:(?P<line>spc|b)(?P<build>\d+))?(?P<tail>.*)",
        "v r c? build?",
        line="line",
        tail="tail",
    ),
    # 15.1(4)M12a: the letters are the train, and trains do not compare; without letters it is the main line.
    "ios": Scheme(
        r"(?P<main>\d+\.\d+)(?:\((?P<level>\d+)(?P<letter>[a-z]?)\)(?P<line>[a-z]*)(?P<rebuild>\d*)(?P<tail>[a-z]?))?",
        "main:2 level? letter rebuild",
        line="line",
        tail="tail",
        same_line={"": "main line"},
    ),
    "ios-xe": Scheme(r"0?(?P<main>\d+\.\d+(?:\.0?\d+)?)(?P<letter>[a-z]{0,2})", "main:3 letter"),
    "junos": Scheme(
        r"(?P<main>\d+\.\d+)(?:(?P<line>r|x\d+-d)(?P<release>\d+)(?:-s(?P<service>\d+))?"
        r"(?:\.\d+)?)?",
        "main:2 release? service",
        line="line",
    ),
    # Channels: A is for developers, B a preview, C released.
    "keenetic": Scheme(r"(?P<main>\d+\.\d+)\.(?P<letter>[abc])\.(?P<rest>\d+\.\d+-\d+)", "main:2 letter rest:3"),
    "lancom": Scheme(r"(?P<main>\d+\.\d+\.\d{4})(?:\s?(?P<stage>(?:ru|su)\d+))?(?:\s?/.*)?", "main:3 stage"),
    "linksys": Scheme(
        r"(?:ver\.?\s?)?v?(?P<main>\d+\.\d+\.\d+)(?:(?:\.| build )(?P<build>\d+))?(?:,.*)?",
        "main:3 build?",
    ),
    "merlin": Scheme(
        r"(?:(?P<base>300[46])\.)?(?P<branch>\d{3})\.(?P<main>\d+)(?:_(?P<minor>\d+))?(?:[_-]"
        r"(?P<stage>(?:alpha|beta|rc)\d*))?(?:-g?\w+)?",
        "main minor stage",
        line="base branch",
    ),
    "mitel": Scheme(
        r"(?:release )?r?(?P<main>\d+(?:\.\d+)*)(?:[ .]SP(?P<service>\d+))?(?:[ .]FP"
        r"(?P<feature>\d+))?(?:[ .]HF(?P<hotfix>\d+))?(?: \(.*\))?",
        "main:4 service feature hotfix",
    ),
    # What follows `_` is the package of the user interface, which advisories often leave out.
    "netgear": Scheme(
        r"v?(?P<main>\d+(?:\.\d+){2,4})(?:_(?P<interface>\d+\.\d+\.\d+))?(?:\s?[a-z]{1,3})?",
        "main:5 interface:3?",
    ),
    "netis": Scheme(r"(?:netis\([^)]*\)-?)?v?(?P<main>\d+\.\d+\.\d+)", "main:3"),
    "openwrt": Scheme(
        r"(?:(?:openwrt|lede|kamikaze|backfire|attitude adjustment|barrier breaker|chaos calmer)[ ,_-]*)*"
        r"(?:(?P<main>\d{1,2}\.\d{2}(?:\.\d+)?)(?P<line>)(?:-(?P<stage>rc\d+))?|(?P<line_>snapshot))"
        r"(?:[ ,(-]*r(?P<build>\d+)\b.*)?",
        "main:3 stage build?",
        line="line",
        same_line={"": "release"},
    ),
    "opnsense": Scheme(_WORD + r"(?P<main>\d\d\.\d{1,2}(?:\.\d+)?)(?:_(?P<patch>\d+))?(?:-.*)?", "main:3 patch"),
    "panos": Scheme(_WORD + r"(?P<main>\d+\.\d+(?:\.\d+)?)(?:-h(?P<hotfix>\d+))?", "main:3 hotfix"),
    "peplink": Scheme(r"v?(?P<main>\d+\.\d+\.\d+)(?:\s?build\s?(?P<build>\d+))?(?:s\d+)?", "main:3 build?"),
    # Community and Plus editions are two products: 2.7.2 and 23.09.1.
    "pfsense": Scheme(
        r"(?:pfsense )?(?P<main>(?P<community>\d)\.\d+(?:\.\d+)?|(?P<plus>2\d)\.\d\d(?:\.\d+)?)"
        r"(?:-release)?(?:-p(?P<patch>\d+))?(?:\s.*)?",
        "main:3 patch",
        line="community plus",
        same_line=dict.fromkeys(("21", "22", "23", "24", "25", "26", "27", "28", "29"), "plus"),
    ),
    # QTS, QuTS hero (h) and QuTScloud (c) are three systems.
    "qnap": Scheme(
        r"(?:qts|quts hero|qutscloud)?\s?(?P<line>[hc]?)(?P<main>\d+\.\d+\.\d+)(?:\."
        r"(?P<number>\d{3,4}))?(?:[ _.(]*(?:build\s?)?(?P<date>20\d{6})\)?)?",
        "main:3 number? date?",
        line="line",
        same_line={"": "qts"},
    ),
    "readynas": Scheme(_WORD + r"v?(?P<main>(?P<line>4\.1|4\.2|5|6)\.\d+(?:\.\d+)?)", "main:3", line="line"),
    "reolink": Scheme(r"(?:\w*_\w*\.)?v?(?P<main>\d+(?:\.\d+){2,3})(?:_(?P<stamp>\d{6,10}))?", "main:4 stamp?"),
    "rompager": Scheme(_WORD + r"(?P<main>\d+\.\d+)(?: .*)?", "main:2"),
    "routeros": Scheme(
        r"(?:routeros )?v?(?P<main>\d+\.\d+(?:\.\d+)?)(?P<stage>(?:alpha|beta|rc)\d+)?(?:\s?\(?"
        r"(?:long-term|stable|testing|development|bugfix|current)\)?)?",
        "main:3 stage",
    ),
    "ruijie": Scheme(
        r"(?:(?P<line>[a-z]+)[_ ])?(?:(?P<main>\d+\.\d+(?:\(\d+\)|\.\d+)?))?(?:B(?P<base>\d+)P"
        r"(?P<patch>\d+))?(?:,.*)?",
        "main:3 base patch",
        line="line",
    ),
    "screenos": Scheme(
        r"(?P<main>\d+\.\d+\.\d+)r(?P<release>\d+)(?P<letter>[a-z]?)(?:\.\d+)?",
        "main:3 release letter",
    ),
    "sfos": Scheme(
        r"(?:sfos )?(?P<main>\d+\.\d+)(?:\.(?P<level>\d+))?(?: GA)?(?:[ -]*MR-?(?P<release>\d+))?"
        r"(?:-build\d+)?",
        "main:2 release level",
    ),
    # Generations 5, 6 and 7 are hardware and cannot be upgraded into each other; 8 runs on the hardware of 7.
    "sonicos": Scheme(
        r"(?:sonicos\w*(?: enhanced)? )?v?(?P<main>(?P<line>\d)\.\d+\.\d+(?:\.\d+)?)(?:-"
        r"(?P<build>\d+)[no]?(?:-R\d+)?(?:--HF(?P<hotfix>\d+))?)?",
        "main:4 build? hotfix",
        line="line",
        same_line={"8": "7"},
    ),
    "sonicwall-sma": Scheme(r"(?P<main>\d+\.\d+\.\d+(?:\.\d+)?)(?:[.-](?P<build>\d+)(?:sv)?)?", "main:4 build?"),
    "speedport": Scheme(r"(?:(?P<line>\d{6})\.)?(?P<main>\d+\.\d+(?:\.\d+)*)", "main:5", line="line"),
    # DSM's build decides, since SSDP hides the third number.
    "synology": Scheme(
        _WORD + r"(?P<main>\d+\.\d+)(?:\.\d+)?(?:-(?P<build>\d+)(?:(?: update |-)(?P<update>\d+))?)?",
        "main:2 build? update",
    ),
    "technicolor": Scheme(r"(?P<line>[a-z]+)?(?P<main>\d+\.\d+(?:\.\d+){0,2})(?:-.*)?", "main:4", line="line"),
    "teltonika": Scheme(r"(?P<line>\w+?_[rt])_(?P<main>\d+(?:\.\d+)+)", "main:5", line="line"),
    # The first two groups are the platform.
    "tenda": Scheme(
        r"(?:[\w.-]+_)?v?(?P<main>(?P<line>\d\d\.\d\d)\.\d\d\.\d+)(?:\((?P<build>\d+)\))?(?:_\w+)?",
        "main:4 build?",
        line="line",
    ),
    "terramaster": Scheme(
        r"(?:tos\w*_)?(?:s[\d.]+_)?(?P<main>(?P<line>\d)\.\d+\.\d+)(?:-(?P<build>\d+))?",
        "main:3 build",
        line="line",
    ),
    "tomato": Scheme(
        r"(?:(?:fresh)?tomato )?(?:(?P<year>20\d\d\.\d+)(?P<line_>)|(?P<line>1\.\d+)\.(?P<main>\d+(?:[ .-]+"
        r"(?:\w+-)?\d+)?))(?:\s.*)?",
        "year:2 main:3",
        line="line",
        same_line={"": "fresh"},
    ),
    "totolink": Scheme(
        r"v?(?P<main>\d+\.\d+\.\d+)(?P<line>cu|u|c)\.(?P<build>\d+)(?:_b?(?P<date>\d{8}))?",
        "main:3 build date?",
        line="line",
    ),
    # 1.1.4 Build 20230219 Rel.69802, with the country's letters behind it.
    "tplink": Scheme(
        rf"(?P<main>\d+\.\d+\.\d+)(?:\.\d+)?(?:[ _]+\d+\.\d+[ _]+v[\d.]+)?(?:[ _-]+build[ _]?"
        rf"(?P<date>{_DATE})(?:[ _-]*rel[ ._]*(?P<release>\d+))?.*)?",
        "main:3 date? release?",
    ),
    "trendnet": Scheme(r"v?(?P<main>\d+\.\d{2,}(?:\.\d+)*|\d+(?:\.\d+){3})(?:b(?P<build>\d+))?", "main:4 build"),
    # The letters in front are the board: XM, XW, XC, WA, 2XC.
    "ubnt": Scheme(
        r"(?:(?P<line>[a-z0-9]{2,8})\.)?v?(?P<main>\d+\.\d+\.\d+)(?:[.-](?P<stage>"
        r"(?:beta|rc)\d*))?(?:\.(?P<build>\d+)(?:\.\d{6}\.\d{4})?)?",
        "main:3 stage build?",
        line="line",
    ),
    "unifi": Scheme(_WORD + r"v?(?P<main>\d+\.\d+\.\d+)(?:\.(?P<build>\d+))?(?:-.*)?", "main:3 build?"),
    "utm": Scheme(r"(?P<main>\d+\.\d{3})(?:[ -]+(?:MR)?(?P<patch>\d+))?", "main:2 patch?"),
    "vivotek": Scheme(r"(?:.*-)?VVTK-(?P<main>\d{4})(?P<letter>[a-z]?)", "main letter"),
    "wavlink": Scheme(r"(?P<line>m\w+)\.v\d+\.(?P<date>\d{6})", "date", line="line"),
    # My Cloud: 2.1x, 2.3x and 2.4x are lines of different models, 5 is another system.
    "wd": Scheme(
        r"(?P<main>(?P<line>[1-4]\.\d)\d?|(?P<main_>(?P<line_>5)\.\d+))(?:[.-](?P<build>\d+))?"
        r"(?:\.\d+)*",
        "main:2 build?",
        line="line",
    ),
    "xiongmai": Scheme(r"v(?P<main>\d+\.\d+\.r\d+)\.(?P<line>\w+)(?:\..*)?", "main:3", line="line"),
    # The first group is the hardware family.
    "yealink": Scheme(r"(?P<line>\d+)\.(?P<main>\d+\.\d+\.\d+)", "main:3", line="line"),
    "zte": Scheme(
        r"v?(?P<main>\d+\.\d+\.\d+)(?:p(?P<patch>\d+))?(?:t(?P<test>\d+))?(?:n(?P<number>\d+))?"
        r"(?P<tail>[_ ].*)?",
        "main:3 patch test number",
        tail="tail",
    ),
    # The code in brackets is the model; a page that tells only 5.36 hides the patch.
    "zyxel": Scheme(
        r"(?:zld |nxc )?v?(?P<main>\d+\.\d{2})(?:\((?P<line>[a-z0-9]+)\.(?P<patch>\d+)\)"
        r"(?P<stage>[bc]\d*)?(?:_\w+)?|,? patch (?P<patch_>\d+))?",
        "main:2 patch? stage?",
        line="line",
    ),
}
