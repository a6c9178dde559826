"""One logged event under Sigma's field names, and how a text is folded before it is compared."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

PROCESS, REGISTRY, FILE, IMAGE, OTHER = "process_creation", "registry_event", "file_event", "image_load", "other"


@dataclass(slots=True)
class Event:
    """What one record says: its kind (a Sigma log source category), host, time and fields.

    `fields` carry Sigma's names (`Image`, `CommandLine`, `ParentImage`, `TargetObject`, `sha256`, …) and raw values;
    `time` is the text of the log made ISO 8601 in UTC where it could be read; `record` counts from 1 in its file.
    """

    category: str
    fields: dict[str, object]
    host: str = ""
    time: str = ""
    channel: str = ""
    event_id: int = 0
    record: int = 0
    record_id: str = ""
    provider: str = ""
    _folded: dict[str, str | None] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        """The raw value of a field as text; empty where the log has none (`-` is Windows' way of saying none)."""
        value = self.fields.get(name)
        if value is None and name in _SYSTEM:
            value = getattr(self, _SYSTEM[name])
        if value is None or value == "-":
            return ""
        return value if isinstance(value, str) else str(value)

    def folded(self, name: str) -> str | None:
        """The value as it is compared, or None where the record does not have it."""
        known = self._folded
        if name in known:
            return known[name]
        raw = self.text(name)
        known[name] = folded = fold(name, raw) if raw else None
        return folded

    @property
    def image(self) -> str:
        """The program's file name, in lower case; empty where it is not told."""
        raw = self.fields.get("Image")
        if type(raw) is str and raw[-1:].isalnum() and (at := raw.rfind("\\")) >= 0:
            return raw[at + 1 :].lower()
        path = self.folded("Image")
        return path.rpartition("\\")[2] if path else ""

    @property
    def moment(self) -> datetime | None:
        """The time as a datetime in UTC, or None where it could not be read."""
        return moment(self.time)


def fold(name: str, text: str) -> str:
    """A field's value with everything taken out that differs without meaning anything.

    Letters become small. In command lines quotes of any kind (also mis-encoded ones) and cmd's carets go, white space
    and runs of backslashes shrink to one: cmd.exe writes two spaces after a program's name, exporters escape twice.
    Registry paths get one spelling of hive and control set, program names a backslash in front.
    """
    if name in _COMMANDS:
        return _command(text)
    if name in _REGISTRY_KEYS:
        return _registry(text).rstrip("\\")
    lowered = text.replace("\u00a5", "\\").lower()
    if name in _PROGRAMS:
        lowered = lowered.strip('" ')
        return lowered if "\\" in lowered else f"\\{lowered.rpartition('/')[2]}"
    return lowered


def fold_literal(name: str, text: str) -> str:
    """A rule's text folded like the field it is compared with; its edges stay, since it may be a part."""
    if name in _COMMANDS:
        return _squeezed(text)
    if name in _REGISTRY_KEYS:
        return _registry(text)
    return text.lower()


def moment(text: str) -> datetime | None:
    """A log's time as a datetime in UTC; a time without a zone counts as UTC, milliseconds since 1970 are known."""
    text = text.strip()
    if text.isdigit() and 9 < len(text) < 17:
        number = int(text)
        return datetime.fromtimestamp(number / 10 ** max(0, 3 * ((len(text) - 10 + 2) // 3)), UTC)
    read: datetime | None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = _written(text)
    if read is None:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


# Sigma's names for what Windows keeps beside an event's data.
_SYSTEM = {"Provider_Name": "provider", "Channel": "channel", "Computer": "host"}
_COMMANDS = frozenset({"CommandLine", "ParentCommandLine", "ScriptBlockText"})
_REGISTRY_KEYS = frozenset({"TargetObject", "RegistryKey"})
_PROGRAMS = frozenset({"Image", "ParentImage", "OsParentImage"})

# What remains of curly quotes after one wrong decoding (UTF-8 read as Windows-1252 or as Latin-1), then the quotes
# themselves, the replacement character, and NUL.
_MOJIBAKE = re.compile("\u00e2\u20ac[\u0153\u009d\u02dc\u2122\ufffd]?|\u00e2\u0080[\u0098-\u009f]")
_QUOTES = "\"'^`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02\uff07\ufffd\u0091\u0092\u0093\u0094"
_INVISIBLE = "\u200b\u200e\u200f\ufeff\x00"
_MARKS = str.maketrans({**dict.fromkeys(_QUOTES + _INVISIBLE), "\u00a5": "\\", "\uff3c": "\\"})
_BACKSLASHES = re.compile(r"\\{2,}")
_SPACES = re.compile(r"\s+")
_HIVE = re.compile(r"^(?:\\?registry\\machine|hkey_local_machine|hklm:?|machine)\\")
_CONTROL_SET = re.compile(r"\\system\\(?:controlset\d{3}|currentcontrolset)(?=\\|$)")
_DATE_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_DOTNET_DATE = re.compile(r"^/Date\((\d{11,14})\)/$")
_DATE_FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%b %d %Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%m/%d/%Y %I:%M %p",
    "%m/%d/%y %I:%M:%S %p",
)  # fmt: skip


def _command(text: str) -> str:
    return " ".join(_unmarked(text).split())


def _squeezed(text: str) -> str:
    return _SPACES.sub(" ", _unmarked(text))


def _unmarked(text: str) -> str:
    text = text.lower()
    if text.isascii():
        text = text.replace('"', "").replace("^", "").replace("'", "").replace("`", "").replace("\x00", "")
    else:
        text = _MOJIBAKE.sub("", text).translate(_MARKS)
    if "\\\\" in text:
        text = _BACKSLASHES.sub(r"\\", text)
    return text


def _registry(text: str) -> str:
    path = text.lower().replace("/registry/", "\\registry\\")
    if "\\\\" in path:
        path = _BACKSLASHES.sub(r"\\", path)
    path = _HIVE.sub(r"hklm\\", path)
    if "controlset" in path:
        path = _CONTROL_SET.sub(r"\\system\\currentcontrolset", path)
    return path


def _written(text: str) -> datetime | None:
    if milliseconds := _DOTNET_DATE.search(text):
        return datetime.fromtimestamp(int(milliseconds.group(1)) / 1_000, UTC)
    plain = _DATE_ORDINAL.sub("", text).replace(" UTC", "").replace(",", "").replace(" @ ", " ").partition(".")[0]
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(plain, form)
        except ValueError:
            continue
    return None
