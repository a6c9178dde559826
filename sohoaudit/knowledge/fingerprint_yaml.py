"""Reads fingerprints and questions from YAML, and tells every fault of a run at once, each with its file and line."""

import re
from collections.abc import Iterable, Mapping, Set
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache

from ..model import Certainty
from . import names, patterns, text_yaml, versions
from .fingerprints import (
    ATTRIBUTES,
    MAKERS,
    Condition,
    Example,
    Fingerprint,
    Fingerprints,
    Maker,
    NamedQuestion,
    Origin,
    is_glob,
    plain_name,
    why_denied,
)
from .text_yaml import KnowledgeError, Listing, Text, Value

KINDS = (
    "router", "ap", "modem", "switch", "vpn-gateway", "gateway", "nas", "camera", "printer", "voip", "ups", "iot",
    "controller", "server",
)  # fmt: skip

TRANSFORMS = {
    "url-decode": False, "html-entities": False, "json-text": False, "spaces": False, "upper": False, "lower": False,
    "strip-prefix": True, "strip-suffix": True, "lookup": True, "translate": True,
}  # fmt: skip

FIELDS = (
    "http.server", "http.title", "http.www_authenticate", "http.set_cookie", "http.header.<name>", "http.body",
    "http.body@<path>", "http.favicon.mmh3", "http.favicon.md5", "http.last_modified", "tls.subject",
    "tls.issuer", "tls.not_before", "tls.sha256", "tls.jarm", "ssh.banner", "ssh.hostkey", "telnet.banner",
    "ftp.banner", "smtp.banner", "snmp.sysdescr", "snmp.sysobjectid", "snmp.sysname", "sip.server",
    "sip.user_agent", "rtsp.server", "dns.version_bind", "upnp.server", "upnp.manufacturer", "upnp.model_name",
    "upnp.model_number", "upnp.model_description", "upnp.friendly_name", "upnp.udn", "upnp.serial_number",
    "upnp.software_version", "upnp.hardware_version", "mdns.<service>.<key>", "mndp.<key>", "ubnt.<key>",
    "ntp.version", "dhcp.vendor_class", "tcp.banner", "snmp.<oid>", "hnap.<key>", "jnap.<key>", "onvif.<key>",
    "wsd.<key>", "sadp.<key>", "dhip.<key>", "nsdp.<key>", "findhost.<key>", "lldp.<key>", "cdp.<key>",
    "ipp.<key>", "natpmp.<key>", "winbox.version", "finger.banner", "pptp.vendor", "mac.prefix",
)  # fmt: skip

_FILE_KEYS = (
    "vendor", "kind", "versions", "fork", "traits", "also_known_as", "kin", "lines", "cpe", "tables", "fingerprints",
    "makers",
)  # fmt: skip
_FINGERPRINT_KEYS = (
    "name", "when", "not", "set", "certainty", "partial", "transform", "then_ask", "traits", "source", "examples",
    "counter_examples",
)  # fmt: skip
_QUESTION_KEYS = ("name", "method", "path", "headers", "body", "answer", "format", "why", "source")
_EXPECTED = (*ATTRIBUTES, "partial", "traits")
_FEW = 8


class FaultyKnowledge(KnowledgeError):
    """Several faults of one run: the message tells each on its own line, `faults` holds them."""

    def __init__(self, faults: Iterable[KnowledgeError]) -> None:
        """Takes at least one fault."""
        self.faults = tuple(faults)
        first = self.faults[0]
        super().__init__(first.where, first.line, first.what)
        self.args = ("\n".join(str(fault) for fault in self.faults),)


class _Reader:
    """One file that is being read: collects its faults so that reading can go on."""

    def __init__(self, where: str, questions: Set[str]) -> None:
        self.where = where
        self.questions = questions
        self.faults: list[KnowledgeError] = []

    def fault(self, line: int, what: str) -> None:
        self.faults.append(KnowledgeError(self.where, line, what))

    def known(self, value: Value, allowed: Iterable[str], kind: str = "a field") -> text_yaml.Mapping:
        """The value as a mapping whose keys are all among the allowed ones; others are faults and left out."""
        if not isinstance(value, text_yaml.Mapping):
            self.fault(_line(value), "here a mapping of `key: value` is expected")
            value = text_yaml.Mapping()
            value.line, value.key_lines = 1, {}
            return value
        allowed = tuple(allowed)
        for key in value:
            if key not in allowed:
                self.fault(value.key_lines[key], f"{key!r} is not {kind}{_near(key, allowed)}")
        return value

    def mapping(self, entry: text_yaml.Mapping, key: str) -> text_yaml.Mapping:
        """The mapping under a key, whatever its own keys; empty where there is none."""
        value = entry.get(key, _nothing())
        return self.known(value, value if isinstance(value, text_yaml.Mapping) else ())

    def text(self, mapping: text_yaml.Mapping, key: str, default: str = "") -> str:
        value = mapping.get(key)
        if value is None:
            return default
        if not isinstance(value, Text):
            self.fault(_line(value), f"{key!r} must be one text")
            return default
        return str(value)

    def choice(self, mapping: text_yaml.Mapping, key: str, allowed: Iterable[str], kind: str = "") -> str | None:
        value = self.text(mapping, key)
        allowed = tuple(allowed)
        if value and value not in allowed:
            self.fault(mapping.key_lines[key], f"{value!r} is not {kind or f'a {key}'}{_near(value, allowed)}")
            return None
        return value or None

    def listed(self, mapping: text_yaml.Mapping, key: str) -> Listing:
        """The list under a key, empty where there is none; anything else is a fault."""
        value = mapping.get(key)
        if value is None or isinstance(value, Listing):
            return value or Listing()
        self.fault(mapping.key_lines[key], f"{key!r} must be a list: begin each of its lines with -")
        return Listing()

    def texts(self, value: "Value | None") -> list[Text]:
        """A text or a list of texts as a list."""
        if value is None:
            return []
        items = value if isinstance(value, Listing) else [value]
        for item in items:
            if not isinstance(item, Text):
                self.fault(_line(item), "here a text or a list of texts is expected")
        return [item for item in items if isinstance(item, Text)]


def read(texts: Iterable[tuple[str, str | KnowledgeError, Origin]], questions: Set[str], version: str) -> Fingerprints:
    """Read files of fingerprints, given as name, text (or why there is none) and whose they are.

    What was fetched and what is the user's own replaces what has the same name.

    Raises:
        FaultyKnowledge: with every fault of every file.
    """
    found: dict[str, Fingerprint] = {}
    makers: dict[str, Maker] = {}
    tables: dict[str, Mapping[str, str]] = {}
    faults: list[KnowledgeError] = []
    for where, text, origin in texts:
        if where == MAKERS:
            makers |= {one.name: Maker(one.name, one.aliases) for one in names.makers() if not one.makes_software}
            continue
        if isinstance(text, KnowledgeError):
            faults.append(text)
            continue
        reader = _Reader(where, questions)
        try:
            _read_file(reader, text_yaml.load(text, where).root, origin, found, makers, tables)
        except KnowledgeError as fault:
            faults.append(fault)
        faults.extend(sorted(reader.faults, key=lambda fault: fault.line))
    for maker in names.makers():
        if maker.kin and not any(maker.name in makers[name].kin for name in maker.kin):
            _add_maker(makers, Maker(maker.name, kin=maker.kin))
    faults.extend(_loose_ends(makers))
    faults.extend(_unreadable(found.values()))
    if faults:
        raise FaultyKnowledge(faults)
    texts_of = {pattern for one in found.values() for condition in one.when for pattern in condition.patterns}
    needs = {pattern: patterns.needed(pattern) for pattern in sorted(texts_of)}
    return Fingerprints.of(found.values(), makers, tables, needs, version)


def read_questions(text: str, where: str) -> dict[str, NamedQuestion]:
    """Read the file of named questions.

    Raises:
        FaultyKnowledge: with every fault, a path on the deny list among them.
    """
    reader = _Reader(where, frozenset())
    root = reader.known(text_yaml.load(text, where).root, ("questions",))
    found: dict[str, NamedQuestion] = {}
    for value in reader.listed(root, "questions"):
        entry = reader.known(value, _QUESTION_KEYS)
        one = _question(reader, entry)
        if one.name in found:
            reader.fault(entry.line, f"the name {one.name!r} stands twice: names tell questions apart")
        found[one.name] = one
    if reader.faults:
        raise FaultyKnowledge(reader.faults)
    return found


def _question(reader: _Reader, entry: text_yaml.Mapping) -> NamedQuestion:
    for key in ("name", "method", "path", "answer", "why", "source"):
        if not reader.text(entry, key):
            reader.fault(entry.line, f"a question needs {key!r}")
    path, answer, form = (reader.text(entry, key) for key in ("path", "answer", "format"))
    if path and (why := why_denied(path)):
        reader.fault(entry.key_lines["path"], f"{path!r} may never be asked: {why}")
    reader.choice(entry, "method", ("GET", "POST"))
    reader.choice(entry, "format", ("json", "xml", "lines"))
    if answer != "body" and not answer.startswith("http.body@") and not (answer.endswith(".") and form):
        reader.fault(entry.line, "`answer` is http.body@<path>, or a prefix such as `jnap.` together with a format")
    headers = {key: str(value) for key, value in reader.mapping(entry, "headers").items()}
    return NamedQuestion(
        name=reader.text(entry, "name"), method=reader.text(entry, "method"), path=path, headers=headers,
        body=reader.text(entry, "body"), answer=f"http.body@{path}" if answer == "body" else answer, format=form,
        why=reader.text(entry, "why"), source=reader.text(entry, "source"),
    )  # fmt: skip


def _read_file(
    reader: _Reader,
    root: Value,
    origin: Origin,
    found: dict[str, Fingerprint],
    makers: dict[str, Maker],
    tables: dict[str, Mapping[str, str]],
) -> None:
    file = reader.known(root, _FILE_KEYS, "a key of a file of fingerprints")
    vendor = reader.text(file, "vendor") or None
    kind = reader.choice(file, "kind", KINDS)
    scheme = reader.choice(file, "versions", versions.SCHEMES, "a scheme that orders versions")
    known = names.maker(vendor) if vendor else None
    if scheme and known and known.versions != scheme:
        reader.fault(file.key_lines["versions"], f"{MAKERS} orders {vendor} by {known.versions!r}, not {scheme!r}")
    own_tables = _tables(reader, file)
    tables.update(own_tables)
    if vendor:
        _add_maker(makers, _maker(reader, file, vendor))
    for name, aliases in reader.mapping(file, "makers").items():
        _add_maker(makers, Maker(name, tuple(map(str, reader.texts(aliases)))))
    own_names: set[str] = set()
    for value in reader.listed(file, "fingerprints"):
        entry = reader.known(value, _FINGERPRINT_KEYS)
        is_mapping = isinstance(value, text_yaml.Mapping)
        one = _fingerprint(reader, entry, file, vendor, kind, origin == "own") if is_mapping else None
        if one is None:
            continue
        if one.title in own_names or (one.title in found and origin == "shipped"):
            reader.fault(one.line, f"the name {one.name!r} stands twice: names tell fingerprints apart")
        own_names.add(one.title)
        found[one.title] = one


def _maker(reader: _Reader, file: text_yaml.Mapping, vendor: str) -> Maker:
    aliases, kin, lines = (tuple(map(str, reader.texts(file.get(key)))) for key in ("also_known_as", "kin", "lines"))
    return Maker(vendor, aliases, kin, lines, reader.text(file, "versions") or None, reader.text(file, "cpe") or None)


def _add_maker(makers: dict[str, Maker], new: Maker) -> None:
    """Put a maker in, together with what another file said of it."""
    old = makers.get(new.name, new)
    makers[new.name] = Maker(
        new.name,
        tuple(dict.fromkeys(old.aliases + new.aliases)),
        tuple(dict.fromkeys(old.kin + new.kin)),
        tuple(dict.fromkeys(old.lines + new.lines)),
        new.versions or old.versions,
        new.cpe or old.cpe,
    )


def _tables(reader: _Reader, file: text_yaml.Mapping) -> dict[str, Mapping[str, str]]:
    """The lookup tables of a file, keys in lower case, names made the file's own."""
    tables: dict[str, Mapping[str, str]] = {}
    named = reader.mapping(file, "tables")
    for name in named:
        rows = reader.mapping(named, name)
        tables[f"{reader.where}#{name}"] = {key.lower(): reader.text(rows, key) for key in rows}
    return tables


def _fingerprint(
    reader: _Reader,
    entry: text_yaml.Mapping,
    file: text_yaml.Mapping,
    vendor: str | None,
    kind: str | None,
    is_users_own: bool,
) -> Fingerprint | None:
    name = reader.text(entry, "name")
    for key in ("name", "when", "source", "examples"):
        if key not in entry or (key != "name" and not entry[key]):
            reader.fault(entry.key_lines.get(key, entry.line), f"a fingerprint needs {key!r}")
    before = len(reader.faults)
    when, groups = _conditions(reader, entry, "when")
    unless, _ = _conditions(reader, entry, "not")
    settings, used = _settings(reader, entry)
    _check_groups(reader, entry, groups, used)
    certainty, certainties = _certainty(reader, entry)
    transforms = _transforms(reader, entry, file)
    then_ask = _then_ask(reader, entry)
    examples = _examples(reader, entry)
    is_partial = reader.choice(entry, "partial", ("true", "false"), "a value of `partial`") == "true"
    if not when or (len(reader.faults) > before and not name):
        return None
    return Fingerprint(
        name=name, vendor=vendor, kind=kind, when=when, unless=unless, settings=settings, certainty=certainty,
        certainties=certainties, is_partial=is_partial,
        fork=reader.text(file, "fork") or None, transforms=transforms, then_ask=then_ask,
        traits=tuple(map(str, reader.texts(file.get("traits")) + reader.texts(entry.get("traits")))),
        source=reader.text(entry, "source"), where=reader.where, line=entry.line, is_users_own=is_users_own,
        examples=examples,
    )  # fmt: skip


def _conditions(reader: _Reader, entry: text_yaml.Mapping, key: str) -> tuple[tuple[Condition, ...], dict[str, int]]:
    """The conditions under `when` or `not`, and the named groups of their patterns with their lines."""
    conditions: list[Condition] = []
    groups: dict[str, int] = {}
    for name, listed in reader.mapping(entry, key).items():
        if not is_field(name):
            reader.fault(_line(listed), no_field(name))
        given = reader.texts(listed)
        for pattern in given:
            found = _check_pattern(pattern)
            if isinstance(found, str):
                reader.fault(pattern.line, found)
            else:
                groups.update(dict.fromkeys(found, pattern.line))
        conditions.append(Condition(name, tuple(map(str, given))))
    return tuple(conditions), groups


@lru_cache(maxsize=20_000)
def _checked(pattern: str) -> str | tuple[str, ...]:
    for fault in patterns.lint(pattern):
        return fault
    return tuple(re.compile(pattern.replace(r"\z", r"\Z")).groupindex)


def _check_pattern(pattern: str) -> str | tuple[str, ...]:
    """What is wrong with a pattern, or the names of its groups."""
    return _checked(str(pattern))


def _settings(reader: _Reader, entry: text_yaml.Mapping) -> tuple[tuple[tuple[str, str], ...], set[str]]:
    """Fixed values by attribute, and the groups that their templates use."""
    fixed = reader.known(entry.get("set", _nothing()), ATTRIBUTES)
    settings = tuple((key, reader.text(fixed, key)) for key in fixed if key in ATTRIBUTES)
    for key, value in settings:
        if key == "kind" and value not in KINDS and "{" not in value:
            reader.fault(fixed.key_lines[key], f"{value!r} is not a kind{_near(value, KINDS)}")
    return settings, {name for _, value in settings for name in re.findall(r"\{(\w+)\}", value)}


def _check_groups(reader: _Reader, entry: text_yaml.Mapping, groups: Mapping[str, int], used: Set[str]) -> None:
    for name, line in groups.items():
        if name not in ATTRIBUTES and name not in used:
            reader.fault(line, f"{name!r} is not a field{_near(name, ATTRIBUTES)}")
    for name in sorted(used - set(groups)):
        reader.fault(_line(entry["set"]), f"no pattern names a group {name!r}{_near(name, groups)}")


def _certainty(reader: _Reader, entry: text_yaml.Mapping) -> tuple[Certainty, dict[str, Certainty]]:
    words = [certainty.value for certainty in Certainty]
    value = entry.get("certainty")
    if isinstance(value, text_yaml.Mapping):
        reader.known(value, ATTRIBUTES)
        chosen = {key: reader.choice(value, key, words) for key in value if key in ATTRIBUTES}
        return Certainty.LIKELY, {key: Certainty(word) for key, word in chosen.items() if word}
    word = reader.choice(entry, "certainty", words)
    return Certainty(word) if word else Certainty.LIKELY, {}


def _transforms(
    reader: _Reader, entry: text_yaml.Mapping, file: text_yaml.Mapping
) -> dict[str, tuple[tuple[str, str], ...]]:
    transforms = {}
    for attribute, value in reader.known(entry.get("transform", _nothing()), ATTRIBUTES).items():
        steps = []
        for text in reader.texts(value):
            step, _, word = text.partition(" ")
            if step not in TRANSFORMS or TRANSFORMS[step] != bool(word):
                needs = " with a word behind it" if TRANSFORMS.get(step) else ""
                reader.fault(text.line, f"{str(text)!r} is not a transform{needs}{_near(step, TRANSFORMS)}")
            elif step in ("lookup", "translate"):
                tables = tuple(reader.mapping(file, "tables"))
                if word not in tables:
                    reader.fault(text.line, f"the file has no table {word!r}{_near(word, tables)}")
                word = f"{reader.where}#{word}"
            steps.append((step, word))
        transforms[attribute] = tuple(steps)
    return transforms


def _then_ask(reader: _Reader, entry: text_yaml.Mapping) -> tuple[str, ...]:
    asked = reader.texts(entry.get("then_ask"))
    for text in asked:
        if text.startswith("/"):
            if why := why_denied(text):
                reader.fault(text.line, f"{str(text)!r} may never be asked: {why}")
        elif text.startswith("snmp:"):
            if not re.fullmatch(r"snmp:\d+(\.\d+)+", text):
                reader.fault(text.line, f"{str(text)!r} is not an OID: write snmp: and numbers with dots")
        elif text not in reader.questions:
            reader.fault(
                text.line,
                f"{str(text)!r} is not a question of questions.yaml or over UDP{_near(text, reader.questions)}",
            )
    return tuple(map(str, asked))


def _examples(reader: _Reader, entry: text_yaml.Mapping) -> tuple[Example, ...]:
    examples: list[Example] = []
    for key, allowed in (("examples", ("give", "expect")), ("counter_examples", ("give",))):
        for value in reader.listed(entry, key):
            example = reader.known(value, allowed)
            given = reader.mapping(example, "give")
            for name in given:
                if not is_field(name) or is_glob(name):
                    reader.fault(given.key_lines[name], no_field(name))
            expected = reader.known(example.get("expect", _nothing()), _EXPECTED)
            give = {name: "\n".join(reader.texts(texts)) for name, texts in given.items()}
            expect = {name: reader.text(expected, name) for name in expected}
            examples.append(Example(give, expect if key == "examples" else None, example.line))
    return tuple(examples)


def _unreadable(found: Iterable[Fingerprint]) -> Iterable[KnowledgeError]:
    """Versions in examples that the scheme of the maker's product cannot read: nothing could be said of them."""
    for one in found:
        for example in one.examples:
            told = example.expect or {}
            maker = one.fork or told.get("vendor") or one.vendor
            known, version, model = names.maker(maker or ""), told.get("firmware"), told.get("model")
            if not version or known is None or (known.products and not model):
                continue
            scheme = versions.scheme_for(known.name, model, version)
            if versions.parse(scheme, version, told.get("partial") == "true") is None:
                what = f"the scheme {scheme!r} of {known.name} in {MAKERS} cannot read the version {version!r}"
                yield KnowledgeError(one.where, example.line, f"{what}: correct one of them")


def _loose_ends(makers: Mapping[str, Maker]) -> Iterable[KnowledgeError]:
    """Names that lead nowhere once every file was read."""
    spellings: dict[str, str] = {}
    for maker in makers.values():
        for kin in maker.kin:
            if kin not in makers:
                yield KnowledgeError(
                    "fingerprints/devices", 1, f"{maker.name} has a kin {kin!r} that no file speaks of"
                )
        for spelling in {plain_name(name) for name in (maker.name, *maker.aliases)}:
            other = spellings.setdefault(spelling, maker.name)
            if other != maker.name:
                yield KnowledgeError(
                    "fingerprints/devices",
                    1,
                    f"{spelling!r} is both {other} and {maker.name}: give it to one",
                )


@lru_cache(maxsize=4096)
def is_field(name: str) -> bool:
    """Whether an observation can have a field of that name; a glob counts where it covers fields that exist."""
    return all(
        any(_shape(field).fullmatch(part) or _may_cover(part, field) for field in FIELDS) for part in name.split("|")
    )


def no_field(name: str) -> str:
    """What to say of a name that is no field."""
    known = [field for field in FIELDS if "<" not in field]
    return f"{name!r} is not a field of an observation{_near(name, known)}"


def _may_cover(glob: str, field: str) -> bool:
    return "*" in glob and fnmatchcase(re.sub(r"<\w+>", "x", field), glob)


@lru_cache(maxsize=256)
def _shape(field: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in re.split(r"<\w+>", field)]
    return re.compile(".+".join(parts))


def _near(word: str, allowed: Iterable[str]) -> str:
    """What was meant, or what would be allowed where that is little to say."""
    allowed = list(allowed)
    close = get_close_matches(word, allowed, n=1, cutoff=0.6)
    few = f": use {', '.join(allowed[:-1])} or {allowed[-1]}" if 1 < len(allowed) <= _FEW else ""
    return f" (did you mean {close[0]!r}?)" if close else few


def _line(value: object) -> int:
    return int(getattr(value, "line", 1))


def _nothing() -> text_yaml.Mapping:
    mapping = text_yaml.Mapping()
    mapping.line, mapping.key_lines = 1, {}
    return mapping
