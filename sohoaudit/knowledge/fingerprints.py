"""What is known of how devices reveal themselves: the fingerprints and the follow-up questions they may name.

The data lies in `fingerprints/devices/*.yaml` and `fingerprints/questions.yaml`. Reading YAML is slow, so what was read
and found sound is kept as JSON in the user's cache folder under the hash of the files; it may be absent or spoilt at
any time.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import unquote

from ..model import Certainty
from . import KnowledgeError, fetched, shipped

ATTRIBUTES = ("vendor", "model", "hardware_revision", "firmware", "kind", "cpe", "fork")
MAKERS = "fingerprints/makers.yaml"
# Questions over UDP that `then_ask` may name: probes that ask one thing of one host, and fill fields of their own name.
UDP_QUESTIONS = ("dhip", "findhost", "mndp", "nsdp", "sadp", "ubnt")
PATH_LIMIT_BYTES = 128

_FORMAT = "18"  # of the cached index; raise it when Fingerprint changes
_BETWEEN = "\x7f"  # the literals of one pattern in the index; no pattern holds it


@dataclass(frozen=True, slots=True)
class Condition:
    """A field and the patterns that must all be found in one such field.

    `field` may be a glob (`http.body*`) or several fields of which any will do (`http.title|http.www_authenticate`).
    """

    field: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """What a device gave, and what must come of it; `expect` is None for a text that must not match."""

    give: Mapping[str, str]
    expect: Mapping[str, str] | None
    line: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One way a device reveals itself.

    `settings` are fixed values or templates of named groups by attribute, `transforms` the steps a value goes through.
    `certainties` holds the certainty of each attribute that has its own, `certainty` that of the others. `fork` names
    other people's firmware. `examples` are empty where the fingerprint came from the index.
    """

    name: str
    vendor: str | None
    kind: str | None
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    certainty: Certainty = Certainty.LIKELY
    certainties: Mapping[str, Certainty] = field(default_factory=dict)
    is_partial: bool = False
    fork: str | None = None
    transforms: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    then_ask: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    source: str = ""
    where: str = ""
    line: int = 0
    is_users_own: bool = False
    examples: tuple[Example, ...] = ()

    @property
    def title(self) -> str:
        """Its name with the maker's in front, unique among all fingerprints."""
        return f"{self.vendor or 'any'}: {self.name}"

    def certainty_of(self, attribute: str) -> Certainty:
        """How sure its claim about one attribute is."""
        return self.certainties.get(attribute, self.certainty)


@dataclass(frozen=True, slots=True)
class Maker:
    """A maker of devices: how others write its name, whose hardware it sells, and what its lines are.

    `kin` are makers whose devices it sells under its own name, so their firmware claims hold for its devices too.
    `cpe` is the vendor's part of a CPE, None where none may be made. `versions` names the ordering scheme.
    """

    name: str
    aliases: tuple[str, ...] = ()
    kin: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    versions: str | None = None
    cpe: str | None = None


@dataclass(frozen=True, slots=True)
class NamedQuestion:
    """A follow-up question that needs more than a path.

    `answer` is `http.body@<path>`, or the prefix (`jnap.`) of the fields it fills, read as `format` (`json`, `xml` or
    `lines` of `Key=value`; empty for a body). `why` says why it is harmless.
    """

    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    answer: str
    format: str
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """All fingerprints that were read, the makers they speak of, and the tables their transforms look up.

    `spellings` leads from every plain spelling of a maker (`plain_name`) to its name, `needs` from a pattern to the
    literals of which every match holds at least one (`patterns.needed`; worked out when the YAML is read).
    """

    all: tuple[Fingerprint, ...]
    makers: Mapping[str, Maker]
    tables: Mapping[str, Mapping[str, str]]
    spellings: Mapping[str, str]
    needs: Mapping[str, Sequence[str]]
    version: str = ""

    @classmethod
    def of(
        cls,
        fingerprints: Iterable[Fingerprint],
        makers: Mapping[str, Maker],
        tables: Mapping[str, Mapping[str, str]],
        needs: Mapping[str, Sequence[str]] = MappingProxyType({}),
        version: str = "",
    ) -> "Fingerprints":
        """The collection, with the spellings of its makers worked out."""
        spellings = {plain_name(alias): maker.name for maker in makers.values() for alias in maker.aliases}
        spellings |= {plain_name(name): name for name in makers}
        return cls(tuple(fingerprints), makers, tables, spellings, needs, version)

    def maker(self, text: str) -> str | None:
        """The maker a device means when it writes `text` ("ASUSTeK Computer Inc."), or None where nobody is known."""
        return self.spellings.get(plain_name(text))

    def counts(self) -> dict[str, int]:
        """How much is known; the examples are only counted after `load_with_examples`."""
        told = {one.vendor for one in self.all if one.vendor}
        told |= {value for one in self.all for key, value in one.settings if key == "vendor" and value in self.makers}
        return {
            "makers": len(told),
            "further makers known by name": len(set(self.makers) - told),
            "product lines": sum(len(maker.lines) for maker in self.makers.values()),
            "fingerprints": len(self.all),
            "examples": sum(len(one.examples) for one in self.all),
        }


def load(extra: Sequence[Path] = ()) -> Fingerprints:
    """Every fingerprint we ship and those in the user's folders, whose own win over ours of the same name.

    Raises:
        KnowledgeError: a file cannot be used; where several faults were found all are told, one a line, and `faults`
            holds each.
    """
    texts = _texts(extra)
    digest = _digest(texts)
    kept = _kept(digest)
    if kept is None:
        fingerprints = _read(texts, digest)
        _keep(digest, fingerprints)
        return fingerprints
    return kept


def load_with_examples(extra: Sequence[Path] = ()) -> Fingerprints:
    """As `load`, with the examples, always from the YAML itself."""
    texts = _texts(extra)
    return _read(texts, _digest(texts))


def faults_of(extra: Sequence[Path] = ()) -> tuple[Fingerprints | None, list[KnowledgeError]]:
    """The fingerprints with their examples, and every fault of theirs and of the questions; None where there is one."""
    faults: list[KnowledgeError] = []
    try:
        questions()
    except KnowledgeError as fault:
        faults.extend(getattr(fault, "faults", (fault,)))
        return None, faults
    try:
        return load_with_examples(extra), faults
    except KnowledgeError as fault:
        faults.extend(getattr(fault, "faults", (fault,)))
        return None, faults


def question(name: str) -> NamedQuestion:
    """The question of that name in `fingerprints/questions.yaml`, the only source of bodies that are posted.

    Raises:
        KeyError: there is none of that name.
    """
    return questions()[name]


@lru_cache(maxsize=1)
def questions() -> Mapping[str, NamedQuestion]:
    """Every named question by its name, none of which the deny list holds."""
    from .fingerprint_yaml import read_questions

    entry = shipped("fingerprints") / "questions.yaml"
    return read_questions(entry.read_text(encoding="utf-8"), "fingerprints/questions.yaml")


def why_denied(path: str) -> str | None:
    """Why a path may never be asked, or None where it may.

    These are known to run commands, hand out credentials, open a session, change or stop a device (scripts of
    Greenbone and nmap, texts of CVEs). No data can lift this list. Checked as written and as decoded.
    """
    if not path.startswith("/") or not path.isascii() or re.search(r"[\s\x00-\x1f\x7f#\\]", path):
        return "a path begins with / and holds printable ASCII without blanks"
    if len(path) > PATH_LIMIT_BYTES:
        return f"a path above {PATH_LIMIT_BYTES} bytes crashes small web servers"
    spelled = path
    for _ in range(3):
        for pattern, why in _DENIED:
            if pattern.search(spelled):
                return why
        spelled = unquote(spelled)
    return None


def is_glob(field: str) -> bool:
    """Whether the field of a condition means more than one field."""
    return "*" in field or "|" in field


@lru_cache(maxsize=65_536)
def covers(field: str, name: str) -> bool:
    """Whether the field of a condition means the field of that name."""
    return any(part == name or ("*" in part and fnmatchcase(name, part)) for part in field.split("|"))


def plain_name(text: str) -> str:
    """A maker's name without case, punctuation and legal form, so that its spellings meet."""
    words = re.findall(r"[^\W_]+", text.lower())
    while len(words) > 1 and words[-1] in _LEGAL_FORMS:
        words.pop()
    return "".join(words)


_LEGAL_FORMS = frozenset(
    (
        "inc", "incorporated", "corp", "corporation", "co", "company", "ltd", "limited", "llc", "gmbh", "ag",
        "kg", "sa", "srl", "spa", "bv", "ab", "oy", "plc", "technologies", "technology", "tech", "systems",
        "electronics", "electric", "networks", "network", "communications", "communication", "computer",
        "computers", "international", "intl", "industries", "group", "digital", "the", "usa", "kk", "pte",
        "pty", "of", "china", "taiwan",
    )
)  # fmt: skip

_DENIED = tuple(
    (re.compile(pattern, re.IGNORECASE), why)
    for pattern, why in (
        (r"\?.*currentsetting\.htm|currentsetting\.htm.*\?", "in a query these words are an old way past the sign-in"),
        (r"/setup\.cgi|/(?:tm|hnd)Unblock\.cgi|EXCU_SHELL|formSysCmd|/cgi-bin/;|/shell\b", "it runs commands"),
        (r"mainfunction\.cgi(?!\?action=get_ui_model$)|goform_set_cmd", "it runs commands"),
        (r"login_mgr\.cgi|SynoToken|session_login\.php|/login\.cgi\?", "it opens a session"),
        (r"[?&](?:pass|passwd|password|pwd|psw)=", "it tries a password"),
        (r"webNasIPS|Listadeparametros|/wanfun\.js|rom-0|getcfg\.php|/backup|\.cfg$", "it hands out credentials"),
        (r"config\.(?:bin|xml\?)|/etc/|/system\.ini", "it hands out credentials"),
        (r"\?images/|\.\./|/\.\.|%00|[`|<>]|\$\(", "it is the shape of a way past the sign-in"),
        (r"reboot|restart|factory|restore|upgrade|flash|shutdown|poweroff|/reset", "it changes or stops the device"),
        (r"logout|logoff|delete|erase", "it changes something"),
    )
)


Origin = Literal["shipped", "fetched", "own"]
_File = tuple[str, "str | KnowledgeError", Origin]  # its name, its text or why it has none, and whose it is


def _texts(extra: Sequence[Path]) -> list[_File]:
    """Every file of fingerprints."""
    ours = shipped("fingerprints")
    texts: list[_File] = [(MAKERS, (ours / "makers.yaml").read_text(encoding="utf-8"), "shipped")]
    texts += _documents(ours / "devices", "fingerprints/devices", "shipped")
    for pack in fetched.packs():
        texts += _documents(pack, str(pack), "fetched")
    for folder in extra:
        try:
            own = _documents(folder, str(folder), "own") if folder.is_dir() else [_file(folder, str(folder), "own")]
        except OSError as fault:
            own = [(str(folder), _unreadable(str(folder), fault), "own")]
        if not own:
            own = [(str(folder), KnowledgeError(str(folder), 1, "the folder holds no .yaml file: add one"), "own")]
        texts += own
    return texts


def _documents(folder: Any, shown_as: str, origin: Origin) -> list[_File]:
    """As `text_yaml.documents`, without importing YAML, which a warm start does not need."""
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return [
        _file(entry, f"{shown_as}/{entry.name}", origin)
        for entry in entries
        if entry.name.endswith((".yaml", ".yml")) and entry.name != "questions.yaml"
    ]


def _file(entry: Any, shown_as: str, origin: Origin) -> _File:
    try:
        return shown_as, entry.read_text(encoding="utf-8"), origin
    except (OSError, UnicodeDecodeError) as fault:
        return shown_as, _unreadable(shown_as, fault), origin


def _unreadable(shown_as: str, fault: OSError | UnicodeDecodeError) -> KnowledgeError:
    if isinstance(fault, UnicodeDecodeError):
        line = fault.object.count(b"\n", 0, fault.start) + 1
        return KnowledgeError(shown_as, line, "it is not UTF-8 text: save it as UTF-8")
    what = (fault.strerror or "unknown reason").lower()
    return KnowledgeError(shown_as, 1, f"cannot be read: {what}: name a folder of .yaml files, or one of them")


def _digest(texts: Iterable[_File]) -> str:
    digest = hashlib.sha256(_FORMAT.encode())
    for name, text, origin in texts:
        digest.update(f"\0{name}\0{origin}\0{text}".encode())
    return digest.hexdigest()


def _read(texts: Iterable[_File], digest: str) -> Fingerprints:
    from .fingerprint_yaml import read

    return read(texts, {*questions(), *UDP_QUESTIONS}, version=digest[:12])


def _cache_file(digest: str) -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("sohoaudit") / "fingerprints" / f"{digest[:32]}.json"


def _kept(digest: str) -> Fingerprints | None:
    import gc

    is_collecting = gc.isenabled()
    gc.disable()  # Ten thousand small objects that all stay: looking for rubbish among them takes a third of the time.
    try:
        index = json.loads(_cache_file(digest).read_text(encoding="utf-8"))
        return _from_index(index, digest[:12])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        return None
    finally:
        if is_collecting:
            gc.enable()


def _keep(digest: str, fingerprints: Fingerprints) -> None:
    """Write the index beside its final place and move it there, so that nobody ever reads half of it."""
    try:
        path = _cache_file(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        stale = sorted(path.parent.glob("*.json"), key=lambda entry: entry.stat().st_mtime)[:-7]
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".part", delete=False) as part:
            json.dump(_to_index(fingerprints), part, ensure_ascii=False, separators=(",", ":"))
        Path(part.name).replace(path)
        for entry in stale:
            entry.unlink(missing_ok=True)
    except OSError:
        return


def _to_index(fingerprints: Fingerprints) -> dict[str, Any]:
    return {
        "makers": [
            [maker.name, maker.aliases, maker.kin, maker.lines, maker.versions, maker.cpe]
            for maker in fingerprints.makers.values()
        ],
        "tables": fingerprints.tables,
        "spellings": fingerprints.spellings,
        "needs": {pattern: _BETWEEN.join(needed) for pattern, needed in fingerprints.needs.items()},
        "all": [
            [
                one.name, one.vendor, one.kind, [[c.field, c.patterns] for c in one.when],
                [[c.field, c.patterns] for c in one.unless], one.settings, one.certainty, one.certainties,
                one.is_partial, one.fork, one.transforms, one.then_ask, one.traits, one.source, one.where, one.line,
                one.is_users_own,
            ]
            for one in fingerprints.all
        ],
    }  # fmt: skip


def _from_index(index: dict[str, Any], version: str) -> Fingerprints:
    makers = {
        row[0]: Maker(row[0], tuple(row[1]), tuple(row[2]), tuple(row[3]), row[4], row[5]) for row in index["makers"]
    }
    everyone = tuple([_fingerprint(row) for row in index["all"]])
    needs = {pattern: text.split(_BETWEEN) if text else [] for pattern, text in index["needs"].items()}
    return Fingerprints(everyone, makers, index["tables"], index["spellings"], needs, version)


def _fingerprint(row: list[Any]) -> Fingerprint:
    (
        name,
        vendor,
        kind,
        when,
        unless,
        settings,
        certainty,
        certainties,
        is_partial,
        fork,
        transforms,
        ask,
        traits,
        *place,
    ) = row
    source, where, line, is_users_own = place
    return Fingerprint(
        name, vendor, kind,
        tuple([Condition(key, tuple(patterns)) for key, patterns in when]),
        tuple([Condition(key, tuple(patterns)) for key, patterns in unless]),
        tuple([(key, value) for key, value in settings]), _CERTAINTIES[certainty],
        {key: _CERTAINTIES[value] for key, value in certainties.items()}, is_partial, fork,
        {key: tuple([(step, word) for step, word in steps]) for key, steps in transforms.items()},
        tuple(ask), tuple(traits), source, where, line, is_users_own,
    )  # fmt: skip


_CERTAINTIES = {certainty.value: certainty for certainty in Certainty}
