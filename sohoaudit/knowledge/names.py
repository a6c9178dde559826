"""Reads makers' and models' names as people write them, and suggests the right one where nothing fits."""

import difflib
import fnmatch
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Protocol, TypeVar

from .fields import Entry, root_of
from .text_yaml import KnowledgeError

_LONGEST_NAME = 200
_DASHES = re.compile(r"[\u2010-\u2015\u2212]|(?<=[A-Za-z0-9])\u30fc(?=[A-Za-z0-9])")
_MARKS = str.maketrans(dict.fromkeys("™®©\u200b\ufeff"))
_QUOTES = " \"'`´“”„‘’«»「」『』,;"
_PLAIN_WORDS = (
    r"wireless(?:[ -](?:n|ac|ax|g))?|wi-?fi|wlan|(?:dual|tri)[ -]?band|gigabit|router|modem|(?:ac|axe?|be|n)\d{3,5}\+?"
    "|無線|lan|ルーター?"
)
_KINDS = (
    r"series|smart|managed|adsl2?\+?|vdsl2?|dsl|cable|4g\+?|5g|lte|vpn|gateway|access point|ap|switch|extender|repeater"
    "|firewall|nas|camera|nvr|dvr|nighthawk|親機|シリーズ"
)
_DESCRIBED = re.compile(
    rf"^(?:(?:{_PLAIN_WORDS})[\s_/-]*)+(?=[\s_])|[\s_]+(?:[\s_/-]*(?:{_PLAIN_WORDS}|{_KINDS}))+$", re.IGNORECASE
)
_REGIONS = "AU|BR|CA|CN|DE|EU|FR|IN|IT|JP|KR|LA|MS|NA|PR|RU|SG|TW|UK|UN|US|WW"


@dataclass(frozen=True, slots=True)
class Maker:
    """One maker: the name we print, other ways to write it, and the ordering schemes of its versions.

    `brands` mean the maker too, but belong to the names of its models (Archer AX21). `kin` are makers whose devices it
    sells under its own name; one that `makes_software` makes only parts that others build in. `prefixes` are what
    people leave out of a model's name, longest first, and `noise` is what a name carries for the country or the box.
    """

    name: str
    aliases: tuple[str, ...]
    brands: tuple[str, ...]
    kin: tuple[str, ...]
    makes_software: bool
    versions: str
    products: tuple[tuple[re.Pattern[str], str], ...]
    counts_revisions_by_letter: bool
    prefixes: tuple[str, ...]
    noise: re.Pattern[str] | None

    def scheme_of(self, model: str) -> str:
        """The scheme of one product, by its model's name."""
        return next((scheme for pattern, scheme in self.products if pattern.search(model)), self.versions)


@dataclass(frozen=True, slots=True)
class Fork:
    """Other people's firmware on a maker's hardware (OpenWrt), known by the text of its version."""

    name: str
    versions: str
    firmware: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Name:
    """A device's name taken apart: `TL-WR841N(EU) v11` is model TL-WR841N, hardware revision 11, region EU.

    `vendor` is as we print it where we know the maker, as given otherwise. `firmware` is the version of one that stands
    behind the model (R7000 V1.0.9.88).
    """

    vendor: str
    model: str
    hardware_revision: str | None = None
    region: str | None = None
    firmware: str | None = None


def read(vendor: str, model: str, hardware_revision: str | None = None) -> Name:
    """Take a name apart; a hardware revision given on its own wins over one in the model's name."""
    known = maker(vendor)
    by_letter = known is not None and known.counts_revisions_by_letter
    model = _without_maker(spelled_plainly(model), known)
    model, region = _take(model, rf"\s*\(({_REGIONS})\)\s*", rf"^({_REGIONS})_", rf"[_-]({_REGIONS})$")
    model, firmware = _take(
        model,
        r"[\s_,;/(-]+(?:firmware|fw|f/w)(?:[\s.:]*v(?:er)?(?:sion)?)?[\s.:]*(\d[^)]*)\)?$",
        r"[\s_,;(]+(?:v(?:er)?(?:sion)?)?[\s.]*(\d+(?:\.\d+){2,}[^)]*)\)?$",
        *([r"[\s_]+v(?:er)?[\s.]*(\d+\.\d\d\w*)$"] if by_letter else []),
    )
    model, revision = _take(
        re.sub(r"\s+0{5,}\d{1,3}$", "", model),
        r"[\s_(-]+(?:h/?w|hardware)?[\s.:-]*(?:rev(?:ision)?|ver(?:sion)?|v)[\s.:]*(\d[\d.]*|[A-Z]\d?|R\d)\)?$",
        r"(?<=[A-Z\d])v(\d(?:\.\d)?)$",
        *([r"[\s_]+(?:H/?W[\s.:]*)?\(?([A-Z][1-9x]?)\)?$"] if by_letter else []),
    )
    return Name(
        known.name if known else spelled_plainly(vendor),
        model,
        revision_text(hardware_revision or revision),
        region,
        firmware,
    )


def spelled_plainly(text: str) -> str:
    """A name without full-width letters, odd dashes and blanks, trade marks and quotes."""
    text = unicodedata.normalize("NFKC", text[:_LONGEST_NAME].translate(_MARKS))
    return " ".join(_DASHES.sub("-", text).split()).strip(_QUOTES)


def maker(vendor: str) -> Maker | None:
    """The maker somebody means, or None where we know none of that name."""
    key = letters(spelled_plainly(vendor))
    found = _makers().get(key)
    if found is None and key:
        shorter = re.sub(
            r"(incorporated|inc|corporation|corp|coltd|ltd|gmbh|co|technology|technologies|systems|networks)$", "", key
        )
        found = _makers().get(shorter)
    return found


def makers() -> Iterable[Maker]:
    """Every maker once, by name."""
    return sorted(set(_makers().values()), key=lambda one: one.name.casefold())


def files_of(vendor: str) -> tuple[str, ...]:
    """The stems of the files that speak of a maker's devices: its own, and those of its kin."""
    known = maker(vendor)
    return tuple(letters(name) for name in ((known.name, *known.kin) if known else (vendor,)))


def validate() -> list[KnowledgeError]:
    """Every fault of `fingerprints/makers.yaml`, names that two makers claim among them."""
    from .versions import SCHEMES

    faults: list[KnowledgeError] = []
    claimed: dict[str, str] = {}
    table = _read(faults)[0]
    for one in table:
        for scheme in {one.versions, *(scheme for _, scheme in one.products)} - set(SCHEMES):
            what = (
                f"{scheme!r}, by which {one.name} is to be ordered, is no scheme: see sohoaudit/knowledge/versions.py"
            )
            faults.append(KnowledgeError("fingerprints/makers.yaml", 1, what))
        for name in set(one.kin) - {other.name for other in table}:
            faults.append(KnowledgeError("fingerprints/makers.yaml", 1, f"{one.name} has a kin {name!r} not listed"))
        for name in {letters(name) for name in (one.name, *one.aliases, *one.brands)}:
            if claimed.setdefault(name, one.name) != one.name:
                what = f"{one.name} and {claimed[name]} both claim {name!r}: keep it at one"
                faults.append(KnowledgeError("fingerprints/makers.yaml", 1, what))
    return faults


def fork_of(firmware: str) -> Fork | None:
    """The fork whose name or shape stands in the text of a firmware version."""
    return next((fork for fork in _data()[1] if fork.firmware.search(firmware[:_LONGEST_NAME])), None)


def letters(text: str) -> str:
    """A name reduced to what people agree on: small letters of any script and digits, and a plus."""
    return re.sub(r"[^\w+]|_", "", text.casefold())


def key(vendor: str, model: str) -> str:
    """A model's name reduced to what people agree on: `TL-WR841N`, `wr841n` and `TP-Link TL WR841N` are one.

    A `?` or `*` of a name in our data is kept.
    """
    known = maker(vendor)
    if known and known.noise:
        model = known.noise.sub("", model)
    whole = re.sub(r"[^a-z0-9+?*]", "", model.casefold())
    for prefix in known.prefixes if known else ():
        if whole.startswith(prefix) and len(whole) > len(prefix):
            return whole.removeprefix(prefix)
    return whole


@dataclass(frozen=True, slots=True)
class Target:
    """One model that a rule names: the pattern of its key, and the hardware revisions meant (none means all)."""

    pattern: str
    hardware_revisions: tuple[str, ...]

    @property
    def is_series(self) -> bool:
        """Whether it names more than one model."""
        return not is_exact(self.pattern)

    def means(self, model_key: str) -> bool:
        """Whether a model is meant, where `?` stands for any one character and `*` for any rest."""
        return fnmatch.fnmatchcase(model_key, self.pattern)


class Rule(Protocol):
    """Whatever speaks of some models."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The models."""


RuleT = TypeVar("RuleT", bound=Rule)


def targets(vendor: str, models: Sequence[str], hardware_revisions: Sequence[str]) -> tuple[Target, ...]:
    """What a rule names; a model may carry its own hardware revision (R6400v2) where the rule gives none."""
    read_names = [read(vendor, model) for model in models]
    return tuple(
        Target(key(vendor, name.model), tuple(hardware_revisions) or tuple(filter(None, [name.hardware_revision])))
        for name in read_names
    )


def find(rules: Iterable[RuleT], name: Name) -> list[tuple[RuleT, Target, bool | None]]:
    """The rules that mean a device, each with the target that does and whether the hardware revision fits.

    Where rules name the very model, those that only name its series are left out.
    """
    rules = list(rules)
    hits = _hits(rules, key(name.vendor, name.model), name.hardware_revision)
    if all(target.is_series for _, target, _ in hits) and (bare := _undescribed(name.model)):
        hits = _hits(rules, key(name.vendor, bare), name.hardware_revision) or hits
    hits = [hit for hit in hits if not hit[1].is_series] or hits
    best: dict[int, tuple[RuleT, Target, bool | None]] = {}
    for hit in sorted(hits, key=lambda hit: [True, None, False].index(hit[2])):
        best.setdefault(id(hit[0]), hit)
    return [hit for hit in hits if best[id(hit[0])] is hit]


def _hits(rules: Iterable[RuleT], wanted: str, revision: str | None) -> list[tuple[RuleT, Target, bool | None]]:
    return [
        (rule, target, is_revision(target.hardware_revisions, revision))
        for rule in rules
        for target in rule.targets
        if target.means(wanted)
    ]


@lru_cache(maxsize=1024)
def _undescribed(model: str) -> str:
    """A model's name without what only describes it (`RT-AC68U Wireless Router`); empty where that leaves no name."""
    bare = _DESCRIBED.sub("", model).strip(" _-/")
    return bare if bare != model and re.search(r"\d", bare) else ""


def is_exact(pattern: str) -> bool:
    """Whether a name in our data names one model and not a series."""
    return not any(sign in pattern for sign in "?*")


def revision_text(revision: str | None) -> str | None:
    """A hardware revision as we compare it: `V5.0` is 5, `rev. b1` is B1, `Ax` (any A) is A."""
    if not revision:
        return None
    bare = re.sub(r"^\s*(?:h/?w\s*)?(?:rev(?:ision)?|ver(?:sion)?|v)?[\s.]*", "", revision, flags=re.IGNORECASE)
    bare = re.sub(r"(?<=[A-Z])x$", "", bare.strip().upper().replace("X", "x"))
    bare = re.sub(r"(?:\.0)+$", "", bare)
    return bare or None


def revisions_text(named: Sequence[str]) -> str:
    """Hardware revisions for a sentence: `-12` is "up to 12", which says 8 and 9 too."""
    highest = max((int(one[1:]) for one in named if one.startswith("-") and one[1:].isdigit()), default=0)
    kept = dict.fromkeys(one for one in named if not (one.isdigit() and int(one) <= highest))
    return ", ".join(f"up to {one[1:]}" if one.startswith("-") else one.replace("-", " to ") for one in kept)


def is_revision(named: Sequence[str], revision: str | None) -> bool | None:
    """Whether a device's hardware revision is among those a rule names; None where nobody can say.

    A rule's `A` holds every A; `1-4` and `-12` are ranges. A rule that names none holds all.
    """
    if not named:
        return True
    own = revision_text(revision)
    if own is None:
        return None
    answers = [_is_one_revision(one, own) for one in named]
    return True if True in answers else None if None in answers else False


def suggest(wanted: str, known: Iterable[str], count: int = 5) -> list[str]:
    """The known names most like a wanted one, likeliest first."""
    by_key = {letters(name): name for name in known if is_exact(name)}
    close = difflib.get_close_matches(letters(wanted), by_key, n=count, cutoff=0.7)
    return [by_key[key] for key in close]


def _is_one_revision(named: str, own: str) -> bool | None:
    first, dash, last = named.partition("-")
    if dash:
        number = re.match(r"\d+(?:\.\d+)?", own)
        low, high = revision_text(first), revision_text(last)
        return bool(number) and float(low or 0) <= float(number.group()) < float(high or 999) + 1 if number else False
    rule = revision_text(named) or ""
    if own == rule:
        return True
    if rule.isalpha() and len(rule) == 1:
        return own.startswith(rule)
    if rule.startswith(own) or (rule.isdigit() and own.startswith(f"{rule}.")):
        return None
    return False


def _take(text: str, *patterns: str) -> tuple[str, str | None]:
    for pattern in patterns:
        found = re.search(pattern, text, re.IGNORECASE)
        if found and found.start() + len(text) - found.end() > 0:
            return " ".join(f"{text[: found.start()]} {text[found.end() :]}".split()), found.group(1).strip()
    return text, None


def _without_maker(model: str, known: Maker | None) -> str:
    for name in sorted((known.name, *known.aliases) if known else (), key=len, reverse=True):
        rest = model[len(name) :]
        if model.casefold().startswith(name.casefold()) and rest[:1] in (" ", "_") and rest.strip(" _-"):
            return rest.strip(" _-")
    return model


@cache
def _makers() -> dict[str, Maker]:
    by_key: dict[str, Maker] = {}
    for one in _data()[0]:
        for name in (one.name, *one.aliases, *one.brands):
            by_key.setdefault(letters(name), one)
    return by_key


@cache
def _data() -> tuple[tuple[Maker, ...], tuple[Fork, ...]]:
    faults: list[KnowledgeError] = []
    data = _read(faults)
    if faults:
        raise faults[0]
    return data


def _read(faults: list[KnowledgeError]) -> tuple[tuple[Maker, ...], tuple[Fork, ...]]:
    root = root_of("", "makers.yaml", faults)
    if root is None:
        return (), ()
    data = (
        tuple(_maker(entry) for entry in root.entries("makers")),
        tuple(_fork(entry) for entry in root.entries("forks")),
    )
    root.done()
    return data


def _maker(entry: Entry) -> Maker:
    products = tuple(
        (_pattern(product, "model"), product.text("versions", is_required=True) or "dotted")
        for product in entry.entries("products")
    )
    brands = entry.texts("brands")
    prefixes = {letters(prefix) for prefix in entry.texts("prefixes")}
    one = Maker(
        name=entry.text("name", is_required=True) or "",
        aliases=entry.texts("aliases"),
        brands=brands,
        kin=entry.texts("kin"),
        makes_software=entry.one_of("software", ("yes",)) == "yes",
        versions=entry.text("versions") or "dotted",
        products=products,
        counts_revisions_by_letter=entry.one_of("revisions", ("letters", "numbers"), "numbers") == "letters",
        prefixes=tuple(sorted(prefixes, key=len, reverse=True)),
        noise=_pattern(entry, "noise") if entry.text("noise") else None,
    )
    entry.done()
    return one


def _fork(entry: Entry) -> Fork:
    fork = Fork(
        entry.text("name", is_required=True) or "",
        entry.text("versions", is_required=True) or "dotted",
        _pattern(entry, "firmware"),
    )
    entry.done()
    return fork


def _pattern(entry: Entry, key: str) -> re.Pattern[str]:
    try:
        return re.compile(entry.text(key, is_required=True) or "(?!)", re.IGNORECASE)
    except re.error as fault:
        entry.fault(key, f"the pattern does not compile: {fault}")
        return re.compile("(?!)")
