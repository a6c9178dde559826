"""The query languages: how each names fields and events, and how it compares without minding case.

Field names: Splunk's Microsoft Sysmon add-on; Defender's advanced hunting tables; Sentinel's ASIM schemas; ECS 8.
"""

import re
from dataclasses import replace

from .event import FILE, PROCESS, REGISTRY
from .query import ExportError, Language, condition_in, joined, written
from .rules import Chain, Rule
from .tree import Leaf


def chain_text(chain: Chain, rules: list[Rule], target: str) -> str:
    """A correlation in a language that can say it: a burst in fixed buckets of time, or an ordered sequence.

    Raises:
        ExportError: this language cannot.
    """
    if chain.kind == "temporal_ordered":
        return _sequence(chain, rules, target)
    minutes = chain.seconds // 60
    templates = {
        "splunk": "{head} {condition}\n| bin _time span={minutes}m\n"
        "| stats dc(Image) as programs values(CommandLine) as commands by _time, Computer, User\n"
        "| where programs >= {count}",
        "kusto": "{head}\n| where {condition}\n"
        "| summarize programs = dcount(FileName), commands = make_set(ProcessCommandLine) "
        "by DeviceName, AccountName, bin(Timestamp, {minutes}m)\n| where programs >= {count}",
        "sentinel": "{head}\n| where {condition}\n"
        "| summarize programs = dcount(TargetProcessName), commands = make_set(TargetProcessCommandLine) "
        "by Dvc, ActorUsername, bin(TimeGenerated, {minutes}m)\n| where programs >= {count}",
        "esql": "{head}\n| WHERE {condition}\n| STATS programs = COUNT_DISTINCT(process.name) "
        "BY host.name, user.name, bucket = DATE_TRUNC({minutes} minutes, @timestamp)\n| WHERE programs >= {count}",
    }
    if target == "xql":
        from .xql import condition_of

        return (
            f"// {chain.title}. Kept by hand, in fixed buckets: a burst across the edge of two is not seen.\n"
            "config case_sensitive = false\n| dataset = xdr_data\n"
            "| filter event_type = ENUM.PROCESS and event_sub_type = ENUM.PROCESS_START\n"
            f"| filter {condition_of(rules[0])}\n| bin _time span = {minutes}m\n"
            "| comp count_distinct(action_process_image_name) as programs by _time, agent_hostname, "
            f"actor_effective_username\n| filter programs >= {chain.count}"
        )
    if target not in templates:
        raise ExportError("the language cannot count different programs within a time")
    language = LANGUAGES[target]
    note = language.comment.format(f"{chain.title}; fixed buckets: a burst across the edge of two is not seen")
    text = templates[target].format(
        head=language.heads[PROCESS], condition=_condition(rules[0], language), minutes=minutes, count=chain.count
    )
    return f"{note}\n{text}"


def _sequence(chain: Chain, rules: list[Rule], target: str) -> str:
    if target != "eql":
        raise ExportError("the language cannot ask for steps in their order")
    steps = "\n".join(f"  [{joined(rule, condition_in(rule, _EQL)[0], _EQL)}]" for rule in rules)
    return f"// {chain.title}\nsequence by host.name with maxspan={chain.seconds // 60}m\n{steps}"


def _condition(rule: Rule, language: Language) -> str:
    return written(condition_in(rule, language)[0], language.fields[rule.source], language, is_inner=True)


def _any(parts: list[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else f"({f' {word} '.join(parts)})"


def _starred(kind: str, text: str, star: str = "*") -> str:
    before = star if kind in ("part", "end", "pattern") else ""
    after = star if kind in ("part", "beginning", "pattern") else ""
    return f"{before}{text}{after}"


def _plain(leaf: Leaf) -> Leaf:
    if leaf.kind == "pattern":
        raise ExportError("it has a wildcard inside a text")
    return leaf


# Splunk: `search` compares values without case, a backslash in quotes is written twice.
def _splunk_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _splunk(name: str, leaf: Leaf) -> str:
    kind = _plain(leaf).kind
    if name == "Hashes":
        return _any([f'Hashes="*SHA256={text}*"' for text in leaf.texts], "OR")
    values = [f'{name}="{_starred(kind, _splunk_text(text))}"' for text in leaf.texts]
    return _any(values, "OR")


_SYSMON = 'source="XmlWinEventLog:Microsoft-Windows-Sysmon/Operational"'
_SPLUNK = Language(
    comment="```{}```",
    ending="spl",
    fields={
        PROCESS: {"Image": "Image", "ParentImage": "ParentImage", "CommandLine": "CommandLine", "sha256": "Hashes",
                  "ParentCommandLine": "ParentCommandLine", "OriginalFileName": "OriginalFileName"},
        REGISTRY: {"TargetObject": "TargetObject", "EventType": "EventType", "Details": "Details", "Image": "Image"},
        FILE: {"sha256": "Hashes", "TargetFilename": "TargetFilename", "Image": "Image"},
    },
    heads={
        PROCESS: f"search {_SYSMON} EventCode=1",
        REGISTRY: f"search {_SYSMON} EventCode IN (12, 13)",
        FILE: f"search {_SYSMON} EventCode IN (15, 29)",
    },
    leaf=_splunk,
    values={"CreateKey": "CreateKey", "SetValue": "SetValue"},
    null=lambda name: f"NOT {name}=*",
    literal=_splunk_text,
    joiner=" ",
    words=("AND", "OR", "NOT"),
)  # fmt: skip


# KQL: contains, startswith, endswith and in~ do not mind case; @"…" takes backslashes as they are.
def _kql_text(text: str) -> str:
    return text.replace('"', '""')


def _kql(name: str, leaf: Leaf) -> str:
    kind = _plain(leaf).kind
    if kind == "equal":
        return f"{name} in~ ({', '.join(_kql_quoted(text) for text in leaf.texts)})"
    if kind == "end" and name in ("FileName", "InitiatingProcessFileName"):
        return f"{name} in~ ({', '.join(_kql_quoted(text.lstrip(chr(92))) for text in leaf.texts)})"
    operator = {"part": "contains", "end": "endswith", "beginning": "startswith"}[kind]
    return _any([f"{name} {operator} {_kql_quoted(text)}" for text in leaf.texts], "or")


def _kql_quoted(text: str) -> str:
    return f'@"{_kql_text(text)}"'


_KQL_KINDS = {"CreateKey": "RegistryKeyCreated", "SetValue": "RegistryValueSet"}
_KUSTO = Language(
    comment="// {}",
    ending="kql",
    fields={
        PROCESS: {"Image": "FolderPath", "ParentImage": "InitiatingProcessFolderPath",
                  "CommandLine": "ProcessCommandLine", "ParentCommandLine": "InitiatingProcessCommandLine",
                  "OriginalFileName": "ProcessVersionInfoOriginalFileName", "sha256": "SHA256"},
        REGISTRY: {"TargetObject": "RegistryKey", "EventType": "ActionType", "Details": "RegistryValueData"},
        FILE: {"sha256": "SHA256", "TargetFilename": "FolderPath"},
    },
    heads={
        PROCESS: 'DeviceProcessEvents\n| where ActionType == "ProcessCreated"',
        REGISTRY: "DeviceRegistryEvents",
        FILE: 'DeviceFileEvents\n| where ActionType in ("FileCreated", "FileModified", "FileRenamed")',
    },
    leaf=_kql,
    values=_KQL_KINDS,
    null=lambda name: f"isempty({name})",
    literal=_kql_text,
    marks=("in~", "contains", "endswith", "startswith"),
)  # fmt: skip
_SENTINEL = replace(
    _KUSTO,
    fields={
        PROCESS: {"Image": "TargetProcessName", "ParentImage": "ActingProcessName",
                  "CommandLine": "TargetProcessCommandLine", "ParentCommandLine": "ActingProcessCommandLine",
                  "sha256": "TargetProcessSHA256"},
        REGISTRY: {"TargetObject": "RegistryKey", "EventType": "EventType", "Details": "RegistryValueData"},
        FILE: {"sha256": "TargetFileSHA256", "TargetFilename": "TargetFilePath"},
    },
    heads={
        PROCESS: "_Im_ProcessCreate",
        REGISTRY: "_Im_RegistryEvent",
        FILE: '_Im_FileEvent\n| where EventType in ("FileCreated", "FileModified", "FileRenamed")',
    },
)  # fmt: skip


_ECS = {
    PROCESS: {"Image": "process.executable", "ParentImage": "process.parent.executable",
              "CommandLine": "process.command_line", "ParentCommandLine": "process.parent.command_line",
              "OriginalFileName": "process.pe.original_file_name", "sha256": "process.hash.sha256"},
    REGISTRY: {"TargetObject": "registry.path", "EventType": "event.type", "Details": "registry.data.strings"},
    FILE: {"sha256": "file.hash.sha256", "TargetFilename": "file.path"},
}  # fmt: skip
_ECS_KINDS = {"CreateKey": "creation", "SetValue": "change"}


# EQL: like~ and in~ do not mind case; a backslash in quotes is written twice.
def _eql(name: str, leaf: Leaf) -> str:
    kind = _plain(leaf).kind
    values = ", ".join(f'"{_starred(kind, _splunk_text(text))}"' for text in leaf.texts)
    return f"{name} {'in~' if kind == 'equal' else 'like~'} ({values})"


_EQL = Language(
    comment="// {}",
    ending="eql",
    fields=_ECS,
    heads={
        PROCESS: 'process where event.type == "start" and',
        REGISTRY: "registry where",
        FILE: 'file where event.type != "deletion" and',
    },
    leaf=_eql,
    values=_ECS_KINDS,
    null=lambda name: f"{name} == null",
    literal=_splunk_text,
    marks=("like~", "in~"),
    joiner=" ",
)


# ES|QL: LIKE minds case, so both sides are made small; its pattern takes a backslash twice, in raw quotes.
def _esql_text(text: str) -> str:
    return text.lower().replace("\\", "\\\\")


def _esql(name: str, leaf: Leaf) -> str:
    kind = _plain(leaf).kind
    if kind == "equal":
        values = ", ".join(f'"""{text.lower()}"""' for text in leaf.texts)
        return f"TO_LOWER({name}) IN ({values})"
    parts = [f'TO_LOWER({name}) LIKE """{_starred(kind, _esql_text(text))}"""' for text in leaf.texts]
    return _any(parts, "OR")


_ESQL = Language(
    comment="// {}",
    ending="esql",
    fields=_ECS,
    heads={
        PROCESS: 'FROM logs-* METADATA _id, _index\n| WHERE event.category == "process" AND event.type == "start"',
        REGISTRY: 'FROM logs-* METADATA _id, _index\n| WHERE event.category == "registry"',
        FILE: 'FROM logs-* METADATA _id, _index\n| WHERE event.category == "file" AND event.type != "deletion"',
    },
    leaf=_esql,
    values=_ECS_KINDS,
    null=lambda name: f"{name} IS NULL",
    literal=_esql_text,
    marks=("TO_LOWER",),
    joiner="\n| WHERE ",
    words=("AND", "OR", "NOT"),
)

# Lucene minds case on keyword fields and its regular expressions have no flag: every letter is written both ways.
_LUCENE_RESERVED = re.compile(r'([.?+*|{}\[\]()"\\#@&<>~/^$-])')


def _lucene_text(text: str) -> str:
    return "".join(
        f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else _LUCENE_RESERVED.sub(r"\\\1", letter)
        for letter in text
    )


def _lucene(name: str, leaf: Leaf) -> str:
    kind = _plain(leaf).kind
    parts = [f"{name}:/{_starred(kind, _lucene_text(text), '.*')}/" for text in leaf.texts]
    return _any(parts, "OR")


_LUCENE = Language(
    comment="",
    ending="lucene",
    fields=_ECS,
    heads={
        PROCESS: "event.category:process AND event.type:start",
        REGISTRY: "event.category:registry",
        FILE: "event.category:file AND NOT event.type:deletion",
    },
    leaf=_lucene,
    values=_ECS_KINDS,
    null=lambda name: f"(NOT _exists_:{name})",
    literal=_lucene_text,
    marks=("[",),
    joiner=" AND ",
    words=("AND", "OR", "NOT"),
)

LANGUAGES = {
    "splunk": _SPLUNK, "kusto": _KUSTO, "sentinel": _SENTINEL, "eql": _EQL, "esql": _ESQL, "lucene": _LUCENE,
    "opensearch": _LUCENE,
}  # fmt: skip
