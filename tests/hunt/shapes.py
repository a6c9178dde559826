"""The same happening as every source writes it: Sysmon, Security, winlogbeat, flat JSON, CSV, XDR, Defender."""

import csv
import gzip
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .evtx_writer import Record, security, sysmon, write

TIME = "2026-11-02T09:30:00.000Z"


@dataclass(frozen=True)
class Process:
    """A program that started."""

    image: str
    command: str
    parent: str = ""
    sha256: str = ""
    parent_command: str = ""


@dataclass(frozen=True)
class Registry:
    """A change to the registry: CreateKey, SetValue, DeleteKey or DeleteValue."""

    kind: str
    key: str
    value: str = ""
    data: str = ""


@dataclass(frozen=True)
class Written:
    """A file that was written; `gone` says that it was deleted instead."""

    path: str
    sha256: str
    gone: bool = False


Happening = Process | Registry | Written


def as_sysmon(what: Happening) -> Record | None:
    if isinstance(what, Process):
        hashes = f"SHA1=00,MD5=11,SHA256={what.sha256.upper()},IMPHASH=22" if what.sha256 else "MD5=11"
        fields = {"Image": what.image, "CommandLine": what.command, "User": "OFFICE\\ana", "Hashes": hashes}
        if what.parent:
            fields |= {"ParentImage": what.parent, "ParentCommandLine": what.parent_command}
        return sysmon(1, **fields)
    if isinstance(what, Registry):
        target = f"HKLM\\System\\CurrentControlSet\\services\\{what.key}" + (f"\\{what.value}" if what.value else "")
        fields = {"EventType": what.kind, "Image": "C:\\Windows\\system32\\netsh.exe", "TargetObject": target}
        number = 13 if what.kind == "SetValue" else 12
        return sysmon(number, **fields, **({"Details": what.data} if number == 13 else {}))
    number = 23 if what.gone else 29
    return sysmon(number, Image="C:\\w.exe", TargetFilename=what.path, Hashes=f"SHA256={what.sha256.upper()}")


def as_security(what: Happening) -> Record | None:
    """4688 and 4657; creations of keys, deletions of keys, files and hashes are not told there."""
    if isinstance(what, Process) and not what.sha256:
        fields = {"SubjectUserName": "ana", "SubjectDomainName": "OFFICE", "SubjectLogonId": "0x3e7",
                  "NewProcessId": "0x125c", "NewProcessName": what.image, "ProcessId": "0x6a8",
                  "CommandLine": what.command, "TargetUserName": "-", "ParentProcessName": what.parent}  # fmt: skip
        return security(4688, **{name: value for name, value in fields.items() if value})
    if isinstance(what, Registry) and what.kind in ("SetValue", "DeleteValue"):
        operation = "%%1904" if what.kind == "SetValue" else "%%1906"
        return security(4657, ObjectName=f"\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\{what.key}",
                        ObjectValueName=what.value, OperationType=operation, NewValue=what.data or "-",
                        ProcessName="C:\\Windows\\System32\\netsh.exe")  # fmt: skip
    return None


def as_winlogbeat(what: Happening) -> dict[str, object] | None:
    record = as_sysmon(what)
    return record and {
        "@timestamp": TIME, "event": {"code": str(record.event_id), "provider": record.provider}, "message": "Process",
        "host": {"name": "ws1"}, "agent": {"type": "winlogbeat", "version": "8.1.0", "hostname": "ws1"},
        "winlog": {"channel": record.channel, "provider_name": record.provider, "event_id": str(record.event_id),
                   "computer_name": record.computer, "process": {"pid": 2640, "thread": {"id": 3476}},
                   "record_id": 4954, "event_data": record.data},
    }  # fmt: skip


def as_ecs(what: Happening) -> dict[str, object] | None:
    """What Elastic's own agent writes: no Windows names at all."""
    base: dict[str, object] = {"@timestamp": TIME, "host": {"hostname": "ws1"}, "user": {"name": "ana"}}
    if isinstance(what, Process):
        process: dict[str, object] = {
            "executable": what.image,
            "name": what.image.rpartition("\\")[2],
            "command_line": what.command,
        }
        if what.parent:
            process["parent"] = {"executable": what.parent, "command_line": what.parent_command}
        if what.sha256:
            process["hash"] = {"sha256": what.sha256}
        return {**base, "event": {"category": ["process"], "type": ["start"], "action": "start"}, "process": process}
    if isinstance(what, Registry):
        kinds = {
            "SetValue": "modification",
            "CreateKey": "creation",
            "DeleteKey": "deletion",
            "DeleteValue": "deletion",
        }
        key = f"SYSTEM\\ControlSet001\\Services\\{what.key}"
        path = f"HKLM\\{key}" + (f"\\{what.value}" if what.value else "")
        registry = {"hive": "HKLM", "key": key, "path": path, "value": what.value, "data": {"strings": [what.data]}}
        kind = ["deletion"] if kinds[what.kind] == "deletion" else ["change"]
        return {
            **base,
            "event": {"category": ["registry"], "type": kind, "action": kinds[what.kind]},
            "registry": registry,
        }
    action = "deletion" if what.gone else "creation"
    return {**base, "event": {"category": ["file"], "type": [action], "action": action},
            "process": {"hash": {"sha256": "0" * 64}, "executable": "C:\\w.exe"},
            "file": {"path": what.path, "hash": {"sha256": what.sha256}}}  # fmt: skip


def as_flat(what: Happening) -> dict[str, object] | None:
    """NXLog's shape, as in OTRF's data sets: its own EventType hides Sysmon's, which is in the message only."""
    record = as_sysmon(what)
    if record is None:
        return None
    message = "Something happened:\r\n" + "\r\n".join(f"{name}: {value}" for name, value in record.data.items())
    return {"SourceName": record.provider, "Channel": record.channel, "EventID": record.event_id, "Hostname": "WS1",
            "@timestamp": TIME, "Message": message, "ProcessID": "2640", **record.data,
            "EventType": "INFO"}  # fmt: skip


def as_xdr(what: Happening) -> dict[str, object]:
    base: dict[str, object] = {
        "_time": 1_793_611_800_000,
        "agent_hostname": "WS1",
        "actor_effective_username": "OFFICE\\ana",
    }
    if isinstance(what, Process):
        return {**base, "event_type": "PROCESS", "event_sub_type": "PROCESS_START",
                "action_process_image_name": what.image.rpartition("\\")[2], "action_process_image_path": what.image,
                "action_process_image_command_line": what.command, "action_process_image_sha256": what.sha256 or None,
                "actor_process_image_name": what.parent.rpartition("\\")[2] or None,
                "actor_process_command_line": what.parent_command or None,
                "os_actor_process_image_name": what.parent.rpartition("\\")[2] or None}  # fmt: skip
    if isinstance(what, Registry):
        kinds = {
            "SetValue": "SET_VALUE",
            "CreateKey": "CREATE_KEY",
            "DeleteKey": "DELETE_KEY",
            "DeleteValue": "DELETE_VALUE",
        }
        return {**base, "event_type": "REGISTRY", "event_sub_type": f"REGISTRY_{kinds[what.kind]}",
                "action_registry_key_name": f"HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\{what.key}",
                "action_registry_value_name": what.value, "action_registry_data": what.data,
                "actor_process_image_name": "netsh.exe"}  # fmt: skip
    return {**base, "event_type": "FILE", "event_sub_type": "FILE_REMOVE" if what.gone else "FILE_WRITE",
            "action_file_path": what.path, "action_file_sha256": what.sha256,
            "actor_process_image_path": "C:\\w.exe"}  # fmt: skip


def as_defender(what: Happening) -> dict[str, object]:
    base: dict[str, object] = {"Timestamp": TIME, "DeviceName": "ws1", "AccountName": "ana"}
    if isinstance(what, Process):
        return {**base, "ActionType": "ProcessCreated", "FileName": what.image.rpartition("\\")[2],
                "FolderPath": what.image, "ProcessCommandLine": what.command, "SHA256": what.sha256,
                "InitiatingProcessFileName": what.parent.rpartition("\\")[2],
                "InitiatingProcessCommandLine": what.parent_command}  # fmt: skip
    if isinstance(what, Registry):
        kinds = {
            "SetValue": "RegistryValueSet",
            "CreateKey": "RegistryKeyCreated",
            "DeleteKey": "RegistryKeyDeleted",
            "DeleteValue": "RegistryValueDeleted",
        }
        return {**base, "ActionType": kinds[what.kind], "RegistryValueName": what.value, "RegistryValueData": what.data,
                "RegistryKey": f"HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\{what.key}",
                "InitiatingProcessFileName": "netsh.exe", "InitiatingProcessCommandLine": "netsh"}  # fmt: skip
    return {**base, "ActionType": "FileDeleted" if what.gone else "FileCreated", "FolderPath": what.path,
            "FileName": what.path.rpartition("\\")[2], "SHA256": what.sha256,
            "InitiatingProcessFileName": "w.exe"}  # fmt: skip


def as_wazuh(what: Happening) -> dict[str, object] | None:
    """Wazuh's shape: lower camel case, and backslashes escaped once more than needed."""
    record = as_sysmon(what)
    if record is None:
        return None
    data = {name[0].lower() + name[1:]: value.replace("\\", "\\\\") for name, value in record.data.items()}
    system = {"providerName": record.provider, "eventID": str(record.event_id), "channel": record.channel,
              "computer": "ws1", "systemTime": TIME}  # fmt: skip
    return {"timestamp": TIME, "agent": {"name": "ws1"}, "data": {"win": {"system": system, "eventdata": data}}}


def as_message(what: Happening) -> dict[str, object] | None:
    """`Get-WinEvent | Export-Csv`: everything that matters stands in the rendered message."""
    record = as_sysmon(what)
    if record is None:
        return None
    message = "Something:\r\n" + "\r\n".join(f"{name}: {value}" for name, value in record.data.items())
    return {"Message": message, "Id": record.event_id, "ProviderName": record.provider, "LogName": record.channel,
            "MachineName": "WS1", "TimeCreated": "11/2/2026 9:30:00 AM", "ProcessId": 2640}  # fmt: skip


def as_message_4688(what: Happening) -> dict[str, object] | None:
    """The same export of the Security log, whose message indents its labels."""
    record = as_security(what)
    if record is None or record.event_id != 4688:
        return None
    data = record.data
    message = (
        "A new process has been created.\r\n\r\nCreator Subject:\r\n\tSecurity ID:\t\tS-1-5-18\r\n"
        f"\tAccount Name:\t\tana\r\n\tLogon ID:\t\t0x3E7\r\n\r\nProcess Information:\r\n\tNew Process ID:\t\t0x125c\r\n"
        f"\tNew Process Name:\t{data['NewProcessName']}\r\n\tToken Elevation Type:\t%%1936\r\n"
        f"\tCreator Process ID:\t0x6a8\r\n\tCreator Process Name:\t{data.get('ParentProcessName', '')}\r\n"
        f"\tProcess Command Line:\t{data['CommandLine']}\r\n\r\nToken Elevation Type indicates the type of token."
    )
    return {"Message": message, "Id": 4688, "ProviderName": record.provider, "LogName": "Security",
            "MachineName": "WS1", "TimeCreated": "2026/11/02 9:30:00"}  # fmt: skip


def as_evtxecmd(what: Happening) -> dict[str, object] | None:
    """EvtxECmd's CSV, whose fields stand in a JSON column."""
    record = as_sysmon(what)
    if record is None:
        return None
    pairs = [{"@Name": name, "#text": value} for name, value in record.data.items()]
    return {"RecordNumber": 9, "EventRecordId": 9, "TimeCreated": "2026-11-02 09:30:00.1234567",
            "EventId": record.event_id, "Level": "Info", "Provider": record.provider, "Channel": record.channel,
            "ProcessId": 2640, "ThreadId": 3, "Computer": "WS1", "MapDescription": "x",
            "Payload": json.dumps({"EventData": {"Data": pairs}})}  # fmt: skip


def as_kibana(what: Happening) -> dict[str, object] | None:
    """A table saved from Kibana: dotted names, a dash for what is missing, times for people."""
    record = as_sysmon(what)
    if record is None:
        return None
    named = {f"winlog.event_data.{name}": value for name, value in record.data.items()}
    empty = {"winlog.event_data.ParentImage": "-"} if "ParentImage" not in record.data else {}
    return {"@timestamp": "Nov 2, 2026 @ 09:30:00.000", "host.name": "ws1", "winlog.event_id": record.event_id,
            "winlog.channel": "ForwardedEvents", **named, **empty}  # fmt: skip


def as_bare(what: Happening) -> dict[str, object] | None:
    """A hand-made table: Sigma's own names under Security's numbers, and no channel."""
    record = as_sysmon(what)
    if record is None or not isinstance(what, Process):
        return None
    return {"EventID": 1 if what.sha256 else 4688, "Computer": "ws1", "TimeCreated": TIME, **record.data}


Writer = Callable[[Path, Happening], Path | None]


def _evtx(render: Callable[[Happening], Record | None]) -> Writer:
    def save(folder: Path, what: Happening) -> Path | None:
        record = render(what)
        return write(folder / "log.evtx", [record]) if record else None

    return save


def _lines(render: Callable[[Happening], dict[str, object] | None]) -> Writer:
    def save(folder: Path, what: Happening) -> Path | None:
        raw = render(what)
        if raw is None:
            return None
        path = folder / "log.jsonl"
        path.write_text(json.dumps(raw) + "\n", encoding="utf-8")
        return path

    return save


def _table(
    render: Callable[[Happening], dict[str, object] | None], separator: str = ",", encoding: str = "utf-8"
) -> Writer:
    def save(folder: Path, what: Happening) -> Path | None:
        raw = render(what)
        if raw is None:
            return None
        path = folder / "log.csv"
        with path.open("w", encoding=encoding, newline="") as stream:
            rows = csv.DictWriter(stream, list(raw), delimiter=separator)
            rows.writeheader()
            rows.writerow(raw)
        return path

    return save


def _reply(folder: Path, what: Happening) -> Path:
    path = folder / "log.json"
    path.write_text(json.dumps({"reply": {"status": "SUCCESS", "results": {"data": [as_xdr(what)]}}}), encoding="utf-8")
    return path


def _pretty(folder: Path, what: Happening) -> Path | None:
    record = as_sysmon(what)
    if record is None:
        return None
    system = {"Provider": {"#attributes": {"Name": record.provider}}, "EventID": record.event_id,
              "Channel": record.channel, "Computer": "WS1", "EventRecordID": 7,
              "TimeCreated": {"#attributes": {"SystemTime": TIME}}}  # fmt: skip
    path = folder / "log.json"
    path.write_text(json.dumps({"Event": {"System": system, "EventData": record.data}}, indent=2), encoding="utf-8")
    return path


def _gzip(folder: Path, what: Happening) -> Path | None:
    path = folder / "log.bin"
    inner = _lines(as_flat)(folder, what)
    if inner is None:
        return None
    path.write_bytes(gzip.compress(inner.read_bytes()))
    inner.unlink()
    return path


def _zip(folder: Path, what: Happening) -> Path | None:
    inner = _evtx(as_sysmon)(folder, what)
    if inner is None:
        return None
    path = folder / "log.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, "logs/Sysmon.evtx")
    inner.unlink()
    return path


SOURCES: dict[str, Writer] = {
    "Sysmon EVTX": _evtx(as_sysmon),
    "Security EVTX": _evtx(as_security),
    "winlogbeat": _lines(as_winlogbeat),
    "Elastic agent": _lines(as_ecs),
    "flat JSON lines": _lines(as_flat),
    "JSON array": lambda folder, what: _array(folder, what),
    "pretty-printed record": _pretty,
    "Wazuh": _lines(as_wazuh),
    "XDR lines": _lines(as_xdr),
    "XDR reply": _reply,
    "Defender": _lines(as_defender),
    "flat CSV": _table(as_flat),
    "XDR TSV": _table(as_xdr, "\t", "utf-16"),
    "Defender CSV": _table(as_defender, ";", "utf-8-sig"),
    "Get-WinEvent CSV": _table(as_message),
    "Get-WinEvent CSV, Security": _table(as_message_4688),
    "EvtxECmd CSV": _table(as_evtxecmd),
    "Kibana CSV": _table(as_kibana),
    "bare CSV": _table(as_bare),
    "gzip": _gzip,
    "zip": _zip,
}


def _array(folder: Path, what: Happening) -> Path | None:
    raw = as_winlogbeat(what)
    if raw is None:
        return None
    path = folder / "log.json"
    path.write_text(json.dumps([raw], indent=1), encoding="utf-8")
    return path
