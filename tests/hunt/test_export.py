"""Queries for other products: the brief's own in XQL, and nothing wrong in the rest."""

import re

import pytest
import yaml

from sohoaudit.hunt.export import TARGETS, export
from sohoaudit.hunt.query import ExportError, lint
from sohoaudit.hunt.rules import load

RULES = load(["volt"])
ALL = load(["volt", "lotl", "chains"])
EVERY = frozenset([rule.hunt for rule in ALL.rules] + [chain.hunt for chain in ALL.chains])
PROCESS_START = {("event_type", "=", ("enum.process",)), ("event_sub_type", "=", ("enum.process_start",))}
FOLDED = "path win32_logicaldisk get caption,filesystem,freespace,size,volumename"

# What the brief of 2023-06-08 asks, query by query: field, operator and constants of every condition.
BRIEF = {
    "netsh-portproxy": {
        ("action_process_image_name", "in", ("cmd.exe", "netsh.exe")),
        ("action_process_image_command_line", "contains", ("netsh interface portproxy add v4tov4",)),
    },
    "portproxy-registry": {
        ("dataset", "=", ("xdr_data",)),
        ("event_type", "=", ("enum.registry",)),
        ("event_sub_type", "in", ("enum.registry_create_key", "enum.registry_set_value")),
        ("action_registry_key_name", "=",
         (r"hkey_local_machine\system\controlset001\services\portproxy\v4tov4\tcp",)),
    },
    "wmic-logicaldisk": {
        ("dataset", "=", ("xdr_data",)), *PROCESS_START,
        ("action_process_image_name", "=", ("wmic.exe",)), ("actor_process_image_name", "=", ("cmd.exe",)),
        ("action_process_image_command_line", "contains", (FOLDED,)),
    },
    "ntdsutil-ifm": {
        ("dataset", "=", ("xdr_data",)), ("action_process_image_name", "=", ("ntdsutil.exe",)),
        ("action_process_image_command_line", "contains", ("ac i ntds",)),
        ("action_process_image_command_line", "contains", ("activate instance ntds",)),
        ("action_process_image_command_line", "contains", ("create full",)),
    },
    "impacket-wmiexec": {
        ("dataset", "=", ("xdr_data",)), *PROCESS_START,
        ("os_actor_process_image_name", "=", ("wmiprvse.exe",)), ("action_process_image_name", "=", ("cmd.exe",)),
        ("action_process_image_command_line", "contains", (r"/q /c * \\\\127.0.0.1\\admin$\\__* 2>&1",)),
    },
    "ioc-executed": {("dataset", "=", ("xdr_data",)), *PROCESS_START},
    "ioc-written": {
        ("dataset", "=", ("xdr_data",)), ("event_type", "=", ("enum.file",)),
        ("event_sub_type", "=", ("enum.file_write",)),
    },
    "frp-executed": {("dataset", "=", ("xdr_data",)), *PROCESS_START},
}  # fmt: skip
BASE = "_time,agent_hostname,actor_effective_username,"
OUTPUT = {
    "netsh-portproxy": "actor_process_image_path,action_process_image_command_line",
    "portproxy-registry": "actor_process_image_name,actor_process_command_line,event_type,event_sub_type,"
    "action_registry_key_name,action_registry_data",
    "wmic-logicaldisk": "actor_process_image_name,actor_process_command_line,action_process_image_command_line",
    "ntdsutil-ifm": "actor_process_image_path,action_process_image_command_line",
    "impacket-wmiexec": "os_actor_process_image_name,action_process_image_command_line",
    "ioc-executed": "actor_process_image_path,action_process_image_path,action_process_image_command_line,"
    "action_process_image_sha256",
    "ioc-written": "actor_process_image_path,actor_process_command_line,action_file_path,action_file_sha256",
    "frp-executed": "actor_process_image_path,action_process_image_path,action_process_image_command_line,"
    "action_process_image_sha256",
}
HASHES = {
    "ioc-executed": ("action_process_image_sha256", 11),
    "ioc-written": ("action_file_sha256", 11),
    "frp-executed": ("action_process_image_sha256", 19),
}
CONDITION = re.compile(r'([\w_]+)\s+(=|contains|in)\s+("""[\s\S]*?"""|"[^"]*"|\([^()]*\)|[\w.]+)', re.IGNORECASE)


def conditions(query: str) -> set[tuple[str, str, tuple[str, ...]]]:
    found = set()
    for name, operator, constant in CONDITION.findall(query):
        if constant.startswith('"""'):
            values = [constant[3:-3]]
        elif constant.startswith("("):
            values = [value.strip().strip('"') for value in constant[1:-1].split(",")]
        else:
            values = [constant.strip('"')]
        found.add((name, operator, tuple(sorted(value.lower() for value in values))))
    return found


@pytest.mark.parametrize("hunt", BRIEF)
def test_the_xql_asks_what_the_brief_asks(hunt: str) -> None:
    written, refused = export(RULES, "xql", frozenset({hunt}))
    assert refused == [] and len(written) == 1
    text = written[0].text
    assert "config case_sensitive = false" in text
    body = "\n".join(line for line in text.splitlines() if line.startswith(("| filter", "| dataset")))
    found = conditions(body)
    if hunt in HASHES:
        name, count = HASHES[hunt]
        lists = [entry for entry in found if entry[0] == name]
        assert [(entry[1], len(entry[2])) for entry in lists] == [("in", count)]
        found -= set(lists)
    assert found == BRIEF[hunt]
    assert text.splitlines()[-1].replace(" ", "") == f"|fields{BASE}{OUTPUT[hunt]}"


def test_the_lists_are_the_briefs() -> None:
    by_hunt = {rule.hunt: rule.hashes for rule in RULES.rules if rule.hashes and rule.grade == "exact"}
    assert by_hunt["ioc-executed"] == by_hunt["ioc-written"]
    assert len(by_hunt["ioc-executed"] | by_hunt["frp-executed"]) == 29
    shared = by_hunt["ioc-executed"] & by_hunt["frp-executed"]
    assert {value[:8] for value in shared} == {"472ccfb8"}


@pytest.mark.parametrize("target", TARGETS)
def test_the_eight_are_written_for_every_product(target: str) -> None:
    written, refused = export(RULES, target, EVERY)
    assert refused == []
    assert {query.hunt for query in written} == set(BRIEF)


@pytest.mark.parametrize("target", TARGETS)
def test_every_query_names_every_hash_of_its_hunt_once(target: str) -> None:
    written, _ = export(RULES, target, frozenset({"frp-executed"}))
    plain = re.sub(r"\[(.)(.)\]", r"\2", written[0].text)
    wanted = next(rule.hashes for rule in RULES.rules if rule.hunt == "frp-executed")
    assert sorted(re.findall(r"[0-9a-f]{64}", plain)) == sorted(wanted or ())


@pytest.mark.parametrize("target", [target for target in TARGETS if target not in ("sigma",)])
def test_what_a_product_has_no_place_for_is_refused_with_the_reason(target: str) -> None:
    _, refused = export(ALL, target, EVERY)
    reasons = dict(refused)
    assert "have no place there" in reasons["log-cleared (behaviour)"]
    assert not any("would be wrong" in reason for reason in reasons.values())


def test_sigma_comes_out_as_it_is_read() -> None:
    written, _ = export(RULES, "sigma", EVERY)
    assert len(written) == len(RULES.rules)
    assert all("detection" in yaml.safe_load(query.text) for query in written)


@pytest.mark.parametrize(
    ("text", "literals", "fault"),
    [
        ('(a contains "x" and contains)', ["x"], "a bare contains"),
        ('(a contains "x"', ["x"], "brackets do not balance"),
        ('a contains "x', ["x"], "a quote is not closed"),
        ('a contains "x"', ["x", "y"], "the text 'y' is missing"),
        ('a == "x"', ["x"], "upper and lower case would not be the same"),
        ('a contains "x" and', ["x"], "a bare and"),
    ],
    ids=["wmiexec as one converter writes it", "bracket", "quote", "lost literal", "case", "dangling and"],
)
def test_a_planted_fault_is_caught(text: str, literals: list[str], fault: str) -> None:
    assert lint(text, literals, ("contains",)) == fault


def test_a_backslash_at_the_end_does_not_open_a_quote() -> None:
    assert lint(r'a contains @"C:\x\"', [r"C:\x" + "\\"], ("contains",)) == ""


def test_an_unknown_product_is_refused() -> None:
    with pytest.raises(ExportError, match="choose one of"):
        export(RULES, "qradar", EVERY)
