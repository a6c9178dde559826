"""One table of field names: what Sysmon, Security 4688/4657, Elastic, XDR and Defender exports call the same thing."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from .event import FILE, IMAGE, OTHER, PROCESS, REGISTRY, Event, moment

# Windows names a record's fields by its number; what is not listed here keeps its own name.
_SYSMON = {
    1: PROCESS, 6: IMAGE, 7: IMAGE, 11: FILE, 12: REGISTRY, 13: REGISTRY, 14: REGISTRY, 15: FILE, 23: FILE, 26: FILE,
    27: FILE, 28: FILE, 29: FILE,
}  # fmt: skip
_SECURITY = {4688: PROCESS, 4657: REGISTRY}
_CLEARED = {1102: "security", 104: "system"}
_ESENT = frozenset({216, 325, 326, 327})
NEEDED_IDS = frozenset({*_SYSMON, *_SECURITY, *_CLEARED, *_ESENT})

# Sysmon's file events by number: which of them say that a file came to be, and which that it went or was stopped.
_FILE_EVENTS = {11: "Create", 15: "Create", 29: "Create", 27: "Block", 28: "Delete", 23: "Delete", 26: "Delete"}
_OPERATIONS = {"%%1904": "SetValue", "%%1905": "SetValue", "%%1906": "DeleteValue"}
_OPERATION_WORDS = {"new registry value created": "SetValue", "existing registry value modified": "SetValue",
                    "registry value deleted": "DeleteValue"}  # fmt: skip

# Names of other products (small letters; blanks, "_" and "-" taken out), and ours.
_NAMES = {
    "actionprocessimagename": "Image~", "actionprocessimagepath": "Image",
    "actionprocessimagecommandline": "CommandLine", "actionprocessimagesha256": "sha256",
    "actionprocessosppid": "ProcessId", "actionprocessospid": "ProcessId", "actionprocessinstanceid": "ProcessGuid",
    "actorprocessimagename": "ParentImage~", "actorprocessimagepath": "ParentImage",
    "actorprocesscommandline": "ParentCommandLine", "actorprocessinstanceid": "ParentProcessGuid",
    "osactorprocessimagename": "OsParentImage~", "osactorprocessimagepath": "OsParentImage",
    "actoreffectiveusername": "User", "actionprocessusername": "User~", "actorprimaryusername": "User~",
    "actionregistrykeyname": "RegistryKey", "actionregistryvaluename": "RegistryValue",
    "actionregistrydata": "Details", "actionfilepath": "TargetFilename", "actionfilename": "TargetFilename~",
    "actionfilesha256": "sha256~", "agenthostname": "@host", "eventtype": "@type", "eventsubtype": "@subtype",
    "process.executable": "Image", "process.name": "Image~", "process.commandline": "CommandLine",
    "process.parent.executable": "ParentImage", "process.parent.name": "ParentImage~",
    "process.parent.commandline": "ParentCommandLine", "process.hash.sha256": "sha256",
    "process.entityid": "ProcessGuid", "process.parent.entityid": "ParentProcessGuid", "process.pid": "ProcessId",
    "process.parent.pid": "ParentProcessId", "process.originalfilename": "OriginalFileName",
    "process.pe.originalfilename": "OriginalFileName", "process.args": "@args",
    "registry.path": "TargetObject", "registry.key": "RegistryKey", "registry.value": "RegistryValue",
    "registry.hive": "@hive", "registry.data.strings": "Details", "file.path": "TargetFilename",
    "file.hash.sha256": "sha256~", "dll.hash.sha256": "sha256~", "user.name": "User", "user.domain": "@domain",
    "host.name": "@host~", "host.hostname": "@host", "winlog.computername": "@host", "event.code": "@id",
    "winlog.eventid": "@id", "winlog.channel": "@channel", "winlog.providername": "@provider",
    "winlog.recordid": "@record", "event.action": "@action", "event.category": "@category", "event.type": "@kind",
    "@timestamp": "@time", "time": "@time~", "timestamp": "@time", "timecreated": "@time~", "utctime": "@time~",
    "eventtime": "@time~", "dateandtime": "@time~", "systemtime": "@time~", "generatedtime": "@time~",
    "timegenerated": "@time~", "eventcreatedutc": "@time~", "datetime": "@time~", "date": "@time~",
    "eventid": "@id", "id": "@id~", "eventcode": "@id", "channel": "@channel", "logname": "@channel",
    "log": "@channel~", "provider": "@provider~", "providername": "@provider", "source": "@provider~",
    "sourcename": "@provider", "computer": "@host", "computername": "@host", "hostname": "@host",
    "machinename": "@host", "host": "@host~", "eventrecordid": "@record", "recordnumber": "@record~",
    "recordid": "@record~", "recordindex": "@record~", "message": "@message", "description": "@description",
    "payload": "@payload", "hashes": "Hashes", "hash": "Hashes~", "hash.sha256": "sha256~", "sha256": "sha256~",
    "image": "Image", "commandline": "CommandLine", "parentimage": "ParentImage",
    "parentcommandline": "ParentCommandLine", "originalfilename": "OriginalFileName", "user": "User",
    "processcommandline": "CommandLine", "newprocessname": "NewProcessName", "newprocessid": "NewProcessId",
    "parentprocessname": "ParentProcessName", "creatorprocessname": "ParentProcessName",
    "creatorprocessid": "CreatorProcessId", "processname": "ProcessName", "processid": "ProcessId",
    "parentprocessid": "ParentProcessId", "processguid": "ProcessGuid", "parentprocessguid": "ParentProcessGuid",
    "subjectusername": "SubjectUserName", "subjectdomainname": "SubjectDomainName",
    "subjectlogonid": "SubjectLogonId", "logonid": "LogonId", "accountname": "SubjectUserName~",
    "targetobject": "TargetObject", "details": "Details", "objectname": "ObjectName",
    "objectvaluename": "ObjectValueName", "operationtype": "OperationType", "newvalue": "NewValue",
    "targetfilename": "TargetFilename", "currentdirectory": "CurrentDirectory", "imageloaded": "ImageLoaded",
    "actiontype": "@mde", "filename": "@filename", "folderpath": "@folder", "devicename": "@host",
    "initiatingprocessfilename": "@initiator", "initiatingprocessfolderpath": "@initiatorpath",
    "initiatingprocesscommandline": "@initiatorline", "registrykey": "RegistryKey",
    "registryvaluename": "RegistryValue", "registryvaluedata": "Details", "executableinfo": "@executable",
    "mapdescription": "@map",
}  # fmt: skip
_CONTAINERS = frozenset(
    {
        "Event",
        "EventData",
        "event_data",
        "_source",
        "result",
        "UserData",
        "user_data",
        "fields",
        "win",
        "eventdata",
        "system",
    }
)
_XDR = re.compile(r"(?i)^(?:os[_ ])?act(?:ion|or)[_ ](?:process|registry|file|effective)")
_ENDS = re.compile(r"\b(?:end|ended|terminat|exit)")
_LABEL = re.compile(r"^\s*([A-Za-z][A-Za-z0-9 ]{1,40}):[ \t]*(.*?)\s*$", re.MULTILINE)
_SHA256 = re.compile(r"(?:^|sha256=|[^0-9a-f])([0-9a-f]{64})(?![0-9a-f])")
_KEY_CACHE: dict[str, str] = {}


def from_evtx(event: Mapping[str, object]) -> Event:
    """An event from one EVTX record as the `evtx` package renders it (`{"System": …, "EventData": …}`).

    The record is not used afterwards: its data become the event's fields without a copy.
    """
    system = cast("dict[str, object]", event.get("System") or {})
    data = event.get("EventData")
    if type(data) is not dict:
        data = next((part for part in _parts(event.get("UserData")) if isinstance(part, dict)), {})
    number = system.get("EventID")
    return windows(
        number if type(number) is int else _number(number),
        str(system.get("Channel") or ""),
        str(_attribute(system.get("Provider"), "Name") or ""),
        data,
        host=str(system.get("Computer") or ""),
        time=str(_attribute(system.get("TimeCreated"), "SystemTime") or data.get("UtcTime") or ""),
        record_id=str(system.get("EventRecordID") or ""),
    )


def from_mapping(raw: Mapping[str, object]) -> Event:
    """An event from any other shape: nested or flat JSON, or a row of CSV; the shape is told by its names."""
    inner = raw.get("Event", raw)
    if isinstance(inner, dict) and isinstance(inner.get("System"), dict):
        return from_evtx(_pairs_to_names(inner))
    known: dict[str, object] = {}
    _flatten(raw, "", known)
    _from_texts(known)
    time = _time(known)
    host = str(known.pop("@host", None) or known.pop("@host~", None) or "")
    record_id = str(known.pop("@record", None) or known.pop("@record~", None) or "")
    file_hash = known.pop("sha256~", None)
    if any(_XDR.match(name) for name in raw):
        return _xdr(known, file_hash, host, time, record_id)
    if "@mde" in known:
        return _defender(known, file_hash, host, time, record_id)
    number = _number(known.pop("@id", None) or known.pop("@id~", None))
    channel = str(known.pop("@channel", None) or known.pop("@channel~", None) or "")
    provider = str(known.pop("@provider", None) or known.pop("@provider~", None) or "")
    _fill_weaker(known)
    if "@type" in known:
        known["EventType"] = known.pop("@type")
    number = number or _number_by_names(known)
    event = windows(number, channel, provider, known, host=host, time=time, record_id=record_id)
    if event.category is OTHER:
        _elastic(event, known)
    if event.category is PROCESS and not known.get("Image"):
        _put(known, "Image", _program_of(str(known.get("CommandLine") or "")))
    if event.category in (FILE, IMAGE):
        # `process.hash` is the acting program's there, not the file's.
        known["sha256"] = file_hash or _sha256_of(str(known.get("Hashes") or ""))
    else:
        _put(known, "sha256", file_hash)
    return event


def windows(
    number: int, channel: str, provider: str, data: dict[str, object], *, host: str, time: str, record_id: str
) -> Event:
    """An event from Windows' own fields, by channel and number; unknown ones keep their names under `other`."""
    place = _place(channel, provider)
    category = OTHER
    is_unsaid = not place.strip()
    if number in _SYSMON and ("sysmon" in place or is_unsaid or _has_sysmon_fields(data)):
        category = _SYSMON[number]
        _sysmon(number, data)
    elif number in _SECURITY and (
        "security" in place or is_unsaid or "NewProcessName" in data or "ObjectValueName" in data
    ):
        category = _SECURITY[number]
        (_process_4688 if number == 4688 else _registry_4657)(data)
    elif number in _CLEARED and ("eventlog" in place or _CLEARED[number] in place):
        category = "log_cleared"
    elif number in _ESENT and "esent" in place:
        category = "esent"
        data["Data"] = _plain(data.get("Data") or data.get("Message"))
    data["EventID"] = number
    return Event(category, data, host, time, channel, number, record_id=record_id, provider=provider)


@lru_cache(maxsize=1_000)
def _place(channel: str, provider: str) -> str:
    return f"{channel} {provider}".lower()


def is_known_name(name: str) -> bool:
    """Whether a column of this name says anything to the table."""
    return name.lower().replace("_", "").replace(" ", "").replace("-", "").removeprefix("winlog.eventdata.") in _NAMES


def _has_sysmon_fields(data: Mapping[str, object]) -> bool:
    """Whether the fields are Sysmon's, for collectors that file everything under a channel of their own."""
    if "TargetObject" in data or "TargetFilename" in data:
        return True
    return "Image" in data and ("CommandLine" in data or "ProcessGuid" in data)


def _sysmon(number: int, data: dict[str, object]) -> None:
    if "sha256" not in data and (hashes := data.get("Hashes") or data.get("Hash")):
        _put(data, "sha256", _sha256_of(str(hashes)))
    if number in _FILE_EVENTS:
        data["EventType"] = _FILE_EVENTS[number]
    elif number == 13:
        data["EventType"] = "SetValue"
    elif number == 12 and data.get("EventType") not in ("CreateKey", "DeleteKey", "DeleteValue"):
        data.pop("EventType", None)
    if number in (12, 13) and (target := data.get("TargetObject")):
        key, _, value = str(target).rpartition("\\")
        is_value = number == 13 or data.get("EventType") == "DeleteValue"
        # A PortProxy value is named "address/port"; no other value name of interest carries a backslash.
        data["RegistryKey"], data["RegistryValue"] = (key, value) if is_value else (target, "")


def _process_4688(data: dict[str, object]) -> None:
    """Security 4688: the new process under its Sigma names; `ProcessId` there is the creator's."""
    _put(data, "Image", data.get("NewProcessName"))
    _put(data, "CommandLine", data.get("ProcessCommandLine"))
    _put(data, "ParentImage", _told(data.get("ParentProcessName")))
    if "NewProcessId" in data:
        data["ParentProcessId"] = data.get("CreatorProcessId") or data.get("ProcessId")
        data["ProcessId"] = data["NewProcessId"]
    user = _told(data.get("TargetUserName")) or _told(data.get("SubjectUserName"))
    domain = _told(data.get("TargetDomainName")) if _told(data.get("TargetUserName")) else data.get("SubjectDomainName")
    if user:
        data["User"] = f"{domain}\\{user}" if domain else user
    _put(data, "LogonId", data.get("SubjectLogonId"))


def _registry_4657(data: dict[str, object]) -> None:
    """Security 4657: key and value apart; `OperationType` is %%1904 new, %%1905 modified, %%1906 deleted."""
    operation = str(data.get("OperationType") or "").strip()
    kind = _OPERATIONS.get(operation) or _OPERATION_WORDS.get(operation.lower().rstrip("."))
    if kind is None:
        kind = "SetValue" if _told(data.get("NewValue")) else ""
    data["EventType"] = kind
    key, value = str(data.get("ObjectName") or ""), str(data.get("ObjectValueName") or "")
    if not key:
        key, _, value = str(data.get("TargetObject") or "").rpartition("\\")
    data["RegistryKey"], data["RegistryValue"] = key, value
    data["TargetObject"] = f"{key}\\{value}" if value else key
    _put(data, "Details", data.get("NewValue"))
    _put(data, "Image", data.get("ProcessName"))
    if user := _told(data.get("SubjectUserName")):
        data["User"] = user


def _xdr(known: dict[str, object], file_hash: object, host: str, time: str, record_id: str) -> Event:
    """A Cortex XDR record: `action_` is the child, `actor_` its parent, `os_actor_` the parent the system names."""
    kind = str(known.pop("@type", "")).upper().removeprefix("ENUM.")
    subtype = str(known.pop("@subtype", "")).upper().removeprefix("ENUM.")
    _fill_weaker(known)
    category = {"PROCESS": PROCESS, "REGISTRY": REGISTRY, "FILE": FILE, "LOAD_IMAGE": IMAGE}.get(kind, OTHER)
    if not kind:
        category = REGISTRY if "RegistryKey" in known else PROCESS if "CommandLine" in known else OTHER
        if category is OTHER and "TargetFilename" in known:
            category = FILE
    if category is PROCESS and subtype not in ("", "PROCESS_START"):
        category = OTHER
    if category is REGISTRY:
        known["EventType"] = {"REGISTRY_CREATE_KEY": "CreateKey", "REGISTRY_SET_VALUE": "SetValue"}.get(subtype, "")
        key, value = str(known.get("RegistryKey") or ""), str(known.get("RegistryValue") or "")
        known["TargetObject"] = f"{key}\\{value}" if value else key
    elif category is FILE:
        written = subtype in ("", "FILE_WRITE", "FILE_CREATE_NEW", "FILE_RENAME")
        known["EventType"] = "Create" if written else "Delete" if subtype == "FILE_REMOVE" else "Read"
        known["sha256"] = file_hash
    elif category is OTHER and kind == "" and subtype.startswith("PROCESS_START"):
        category = PROCESS
    if category in (REGISTRY, FILE):
        # Here the acting process is the actor: Sigma's Image.
        known["Image"] = known.get("ParentImage")
    return Event(category, known, host, time, "xdr_data", 0, record_id=record_id)


def _defender(known: dict[str, object], file_hash: object, host: str, time: str, record_id: str) -> Event:
    """A Microsoft Defender (DeviceProcessEvents, DeviceRegistryEvents, DeviceFileEvents) record."""
    action = str(known.pop("@mde"))
    _fill_weaker(known)
    known["sha256"] = file_hash
    parent = known.pop("@initiatorpath", None) or known.pop("@initiator", None)
    path = str(known.pop("@folder", None) or "") or str(known.get("@filename") or "")
    if action == "ProcessCreated":
        known.update(Image=path, ParentImage=parent, ParentCommandLine=known.pop("@initiatorline", None))
        return Event(PROCESS, known, host, time, "DeviceProcessEvents", record_id=record_id)
    if action.startswith("Registry"):
        kinds = {"RegistryValueSet": "SetValue", "RegistryKeyCreated": "CreateKey"}
        key, value = str(known.get("RegistryKey") or ""), str(known.get("RegistryValue") or "")
        known.update(EventType=kinds.get(action, ""), TargetObject=f"{key}\\{value}" if value else key, Image=parent)
        return Event(REGISTRY, known, host, time, "DeviceRegistryEvents", record_id=record_id)
    if action.startswith("File"):
        kind = {"FileCreated": "Create", "FileModified": "Create", "FileRenamed": "Create", "FileDeleted": "Delete"}
        known.update(EventType=kind.get(action, "Read"), TargetFilename=path, Image=parent)
        return Event(FILE, known, host, time, "DeviceFileEvents", record_id=record_id)
    return Event(OTHER, known, host, time, "Defender", record_id=record_id)


def _program_of(command: str) -> str:
    """The program a command line begins with, for tables that have no column for it."""
    command = command.lstrip()
    program = command[1:].partition('"')[0] if command.startswith('"') else command.partition(" ")[0]
    return program if program.lower().endswith((".exe", ".com")) else f"{program}.exe" if program else ""


def _elastic(event: Event, known: dict[str, object]) -> None:
    """ECS fields without Windows' own beside them: `event.category`, `event.type` and `event.action` tell the kind."""
    kinds = f"{known.get('@category', '')} {known.get('@kind', '')} {known.get('@action', '')}".lower()
    if "registry" in kinds and ("RegistryKey" in known or "TargetObject" in known):
        event.category = REGISTRY
        written = any(word in kinds for word in ("modification", "value set", "creation", "change", "set"))
        known["EventType"] = "" if "delet" in kinds or not written else "SetValue"
        if known["EventType"] and ("create" in kinds or "creation" in kinds):
            known["EventType"] = "CreateKey"
        known["TargetObject"] = path = _registry_path(known)
        value = str(known.get("RegistryValue") or "")
        known["RegistryKey"] = path.removesuffix(f"\\{value}") if value else path
    elif "process" in kinds and not _ENDS.search(kinds):
        event.category = PROCESS
    elif "file" in kinds and "TargetFilename" in known:
        event.category = FILE
        created = any(word in kinds for word in ("creat", "change", "write", "modif", "renam", "overwrite"))
        known["EventType"] = "Delete" if "delet" in kinds else "Create" if created else "Read"


def _registry_path(known: dict[str, object]) -> str:
    path = str(known.get("TargetObject") or "")
    if not path:
        key, value = str(known.get("RegistryKey") or ""), str(known.get("RegistryValue") or "")
        path = f"{key}\\{value}" if value else key
    hive = str(known.get("@hive") or "")
    return f"{hive}\\{path}" if hive and not path.upper().startswith(("HK", "\\REG")) else path


def _flatten(raw: Mapping[str, object], path: str, known: dict[str, object]) -> None:
    for key, value in raw.items():
        here = "" if key in _CONTAINERS else f"{path}.{key}" if path else key
        if isinstance(value, dict):
            if "#text" in value:
                value = value["#text"]
            elif "#attributes" in value:
                _flatten(cast("dict[str, object]", value["#attributes"]), "", known)
                continue
            else:
                _flatten(value, here, known)
                continue
        if isinstance(value, list):
            value = _joined(value, known)
        if value is None or value in ("", "-"):
            continue
        name = _KEY_CACHE.get(here) or _name_of(here)
        if name not in known:
            known[name] = value


def _joined(values: list[object], known: dict[str, object]) -> object:
    if values and all(isinstance(item, dict) and "@Name" in item for item in values):
        for item in cast("list[dict[str, object]]", values):
            _flatten({str(item["@Name"]): item.get("#text")}, "", known)
        return None
    return " ".join(str(item) for item in values)


def _name_of(path: str) -> str:
    plain = path.removeprefix("winlog.event_data.").removeprefix("EventData.").removeprefix("event_data.")
    squeezed = plain.lower().replace("_", "").replace(" ", "").replace("-", "")
    # `ProcessID` is the process that wrote the record, `ProcessId` the one it is about.
    name = "ExecutionProcessID" if plain == "ProcessID" else _NAMES.get(squeezed, plain)
    if len(_KEY_CACHE) < 10_000:
        _KEY_CACHE[path] = name
    return name


def _from_texts(known: dict[str, object]) -> None:
    """Fill in what only stands in a rendered message (Get-WinEvent, Event Viewer) or a JSON column (EvtxECmd)."""
    payload = known.pop("@payload", None)
    if isinstance(payload, str) and payload.startswith("{"):
        import orjson

        try:
            inner = orjson.loads(payload)
            # Beside a payload, `ProcessId` is the process that wrote the record.
            known.pop("ProcessId", None)
            _flatten(cast("dict[str, object]", inner), "", known)
        except orjson.JSONDecodeError:
            known["Payload"] = payload
    if isinstance(executable := known.pop("@executable", None), str):
        known.setdefault("CommandLine", executable)
    description = known.pop("@description", None)
    message = known.pop("@message", None) or description
    if isinstance(message, str) and "\n" in message:
        for label, value in _LABEL.findall(message):
            if label == "EventType":
                known["@type"] = value
            elif value and value != "-":
                _flatten({label: value}, "", known)
    elif description:
        known["Description"] = description


def _fill_weaker(known: dict[str, object]) -> None:
    """`Image~` is what stands in for `Image` where that is missing."""
    for name in [name for name in known if name.endswith("~")]:
        value = known.pop(name)
        _put(known, name[:-1], value)


def _number_by_names(known: Mapping[str, object]) -> int:
    """The Windows number a record without one must have had, by the fields it carries; 0 where it is not plain."""
    if "NewProcessName" in known:
        return 4688
    if "ObjectValueName" in known:
        return 4657
    if "@category" in known or "@action" in known:
        return 0
    if "TargetObject" in known:
        return 13 if known.get("EventType") == "SetValue" else 12
    return 1 if "CommandLine" in known else 0


def _time(known: dict[str, object]) -> str:
    text = str(known.pop("@time", None) or known.get("@time~") or "")
    known.pop("@time~", None)
    read = moment(text) if text else None
    return read.isoformat().replace("+00:00", "Z") if read else text


def _pairs_to_names(event: dict[str, object]) -> dict[str, object]:
    """`{"Data": [{"@Name": …, "#text": …}]}` (XML turned JSON) as plain names; anything else unchanged."""
    data = event.get("EventData")
    pairs = data.get("Data") if isinstance(data, dict) else None
    if not isinstance(pairs, list):
        return event
    names: dict[str, object] = {}
    for pair in pairs:
        if isinstance(pair, dict):
            attributes = pair.get("#attributes")
            label = pair.get("@Name") or (attributes.get("Name") if isinstance(attributes, dict) else None)
            if label:
                names[str(label)] = pair.get("#text")
    return {**event, "EventData": names} if names else event


def _plain(value: object) -> str:
    """Unnamed data of an old-style event as lines."""
    if isinstance(value, dict):
        value = value.get("#text")
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _sha256_of(hashes: str) -> str | None:
    at = hashes.find("SHA256=") + 7
    if at > 6 and len(value := hashes[at : at + 64]) == 64 and value.isalnum():
        return value.lower()
    found = _SHA256.search(hashes.lower())
    return found.group(1) if found else None


def _put(data: dict[str, object], name: str, value: object) -> None:
    if value and not data.get(name):
        data[name] = value


def _told(value: object) -> object:
    return None if value in (None, "", "-") else value


def _parts(value: object) -> list[object]:
    return list(value.values()) if isinstance(value, dict) else []


def _attribute(value: object, name: str) -> object:
    if isinstance(value, dict):
        attributes = value.get("#attributes")
        found = attributes if isinstance(attributes, dict) else value
        return found.get(name) or found.get(f"@{name}")
    return value


def _number(value: object) -> int:
    if isinstance(value, dict):
        value = value.get("#text")
    try:
        return int(str(value))
    except ValueError:
        return 0
